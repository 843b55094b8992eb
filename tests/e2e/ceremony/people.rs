//! One reader, people in front of it, and what they get wrong.

use cardwright_keys::custody::hash::sha256;
use cardwright_keys::custody::signing::KeyPair;
use cardwright_tests::ceremony::{DIR, PIN, Room, public_key_info};
use cardwright_tests::cli::{Outcome, finish};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::process::{Child, Stdio};

/// A reader whose card is changed: a link to the file of the card that is in it.
const READER: &str = "sim:state=reader.card";

fn put_in(room: &Room, label: &str) {
    let reader = room.desk.path().join("reader.card");
    let _ = std::fs::remove_file(&reader);
    symlink(room.card(label), reader).expect("a link");
}

/// Makes every card, as it is delivered.
fn deliver(room: &Room) {
    for label in &room.labels {
        room.desk.run(&["--reader", &room.reader(label), "custodian", "info"]).expect(0);
    }
}

/// A run of `cardwright ceremony` that asks, and answers to what it asks.
fn attended(room: &Room, args: &[&str], mut answer: impl FnMut(&str) -> Option<String>) -> Outcome {
    let pins: Vec<_> = room.labels.iter().flat_map(|label| ["--pin".to_owned(), format!("{label}=file:pin")]).collect();
    let mut all = vec!["--reader", READER, "ceremony"];
    all.extend(args);
    all.extend(["--key", "gp-test"]);
    all.extend(pins.iter().map(String::as_str));
    let mut child: Child = room.desk.command(&all).stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped")).bytes();
    let mut said = String::new();
    let mut asked = 0;
    for byte in stderr.by_ref() {
        said.push(char::from(byte.expect("read")));
        if said.ends_with("press Enter: ") || said.ends_with("name: ") || said.ends_with("to go on: ") {
            let question = said[asked..].lines().last().expect("a line").to_owned();
            asked = said.len();
            match answer(&question) {
                Some(line) => writeln!(stdin, "{line}").expect("written"),
                // Nobody answers any more.
                None => break,
            }
        }
    }
    drop(stdin);
    for byte in stderr {
        said.push(char::from(byte.expect("read")));
    }
    Outcome { stderr: said, ..finish(child) }
}

/// The label in "put in card C2 (Custodian 2), then press Enter: ".
fn label(question: &str) -> Option<&str> {
    question.trim().strip_prefix("put in card ")?.split(' ').next()
}

/// Who types their name, in turn.
fn names() -> impl FnMut() -> String {
    let mut names = ["Witness 1", "Custodian 1"].into_iter().cycle();
    move || names.next().expect("a cycle").to_owned()
}

#[test]
fn one_reader_does() {
    let room = Room::new(2, 3);
    deliver(&room);
    let mut name = names();
    let mut visits = 0;
    let dealt = attended(&room, &["run", DIR, "--plan", "plan.toml"], |question| match label(question) {
        Some(label) => {
            visits += 1;
            put_in(&room, label);
            Some(String::new())
        }
        None => Some(name()),
    });
    let dealt = dealt.expect(0);
    assert_eq!(visits, 21);
    assert!(dealt.stderr.contains("visit 4 of 21: card C1 (Custodian 1), to be enrolled"), "{dealt:#?}");
    assert!(dealt.stdout.contains("of the plan compared by Witness 1 and Custodian 1"), "{dealt:#?}");
    assert!(!dealt.stderr.contains(PIN));
}

/// A wrong card is named, and asked for again.
#[test]
fn a_wrong_card_is_named() {
    let room = Room::new(2, 2);
    deliver(&room);
    let mut name = names();
    let mut wrong = 0;
    let mut last = String::new();
    let dealt = attended(&room, &["run", DIR, "--plan", "plan.toml"], |question| match label(question) {
        // From the second visit on, the card of the one before is left in the reader at first.
        Some(label) if !last.is_empty() && last != label => {
            wrong += 1;
            last = label.to_owned();
            Some(String::new())
        }
        Some(label) => {
            put_in(&room, label);
            last = label.to_owned();
            Some(String::new())
        }
        None => Some(name()),
    });
    let dealt = dealt.expect(0);
    assert!(wrong > 15, "{wrong}");
    for named in ["  this is card CA\n", "  this is card D\n", "  this is card R\n", "  this is card C1\n"] {
        assert!(dealt.stderr.contains(named), "{named}: {dealt:#?}");
    }
    room.verify(&["01-deal.jsonl"], &[]).expect(0);
    let unattended = ["--reader", READER, "ceremony", "drill", DIR, "--key", "gp-test", "--unattended"];
    put_in(&room, "C1");
    let refused = room.desk.run(&unattended).expect(10);
    assert!(refused.stderr.contains("card R was asked for: this is card C1"), "{refused:#?}");
}

/// Nobody confirms a fingerprint alone, or without being in the plan; nobody at all is no answer.
#[test]
fn two_people_confirm() {
    let room = Room::new(2, 2);
    let run = ["run", DIR, "--plan", "plan.toml"];
    for (said, code, says) in [
        (&["Witness 1", "Witness 1"][..], 2, "one person confirmed the fingerprint twice"),
        (&["Witness 1", "Mallory"], 2, "was not confirmed by two people of the plan"),
        (&["Witness 1", "Administrator 2"], 2, "an administrator leads: two others"),
        (&["Witness 1"], 2, "nobody answers: two people are to compare a fingerprint"),
    ] {
        let mut names = said.iter();
        let refused = attended(&room, &run, |_| names.next().map(|name| (*name).to_owned())).expect(code);
        assert!(refused.stderr.contains(says), "{refused:#?}");
        assert!(!room.dir().join("01-deal.jsonl").exists(), "nothing is begun");
    }
}

/// What two people confirmed is one key: another one in its place is shown to them, before the CA's card gets to it.
#[test]
fn another_hsm_is_compared_anew() {
    let room = Room::new(2, 2);
    room.run("run", &[]).expect(0);
    room.hsm_key("a.der");
    let point = KeyPair::new(&[7; 32]).expect("a key").point();
    std::fs::write(room.desk.path().join("b.der"), public_key_info(&point)).expect("written");
    // How many names were asked for, until the CA's card was.
    let compare = |key: &str| {
        let (mut name, mut asked) = (names(), 0);
        let stopped = attended(&room, &["release", DIR, "--hsm-key", key], |question| match label(question) {
            Some(_) => None,
            None => {
                asked += 1;
                Some(name())
            }
        });
        assert!(stopped.stderr.contains("put in card CA"), "{stopped:#?}");
        asked
    };
    assert_eq!(compare("a.der"), 4, "the plan, and the first key");
    assert_eq!(compare("a.der"), 0, "both are on record");
    assert_eq!(compare("b.der"), 2, "another key is not");
    let notes = room.transcript("02-release.jsonl");
    let fingerprint = hex::encode_upper(sha256(&[&point]));
    assert!(notes.contains(&format!("fingerprint {fingerprint} of the HSM's key compared by Witness 1")), "{notes}");
}

#[test]
fn a_wrong_pin_stops_it_and_the_right_one_goes_on() {
    let room = Room::with_test_ca(2, 2);
    room.run("run", &[]).expect(0);
    room.desk.key_file("wrong", "271828182845");
    let mut args = room.args("drill", &[]);
    let at = args.iter().position(|arg| arg == "C2=file:pin").expect("a PIN");
    args[at] = "C2=file:wrong".to_owned();
    let wrong: Vec<_> = args.iter().map(String::as_str).collect();
    for (code, says) in [(10, "the PIN is wrong, 2 tries are left"), (10, "the PIN is wrong, 1 try is left")] {
        let refused = room.desk.run(&wrong).expect(code);
        assert!(
            refused.stderr.contains("card C2 (Custodian 2): VERIFY") && refused.stderr.contains(says),
            "{refused:#?}"
        );
        assert!(!refused.stderr.contains("271828"), "{refused:#?}");
    }
    room.run("drill", &[]).expect(0);
    let typed = room.run("drill", &["--pin", "271828182845"]).expect(2);
    assert!(typed.stderr.contains("no source of a PIN") && !typed.stderr.contains("271828"), "{typed:#?}");
    let unknown = room.run("drill", &["--pin", "C9=file:pin"]).expect(2);
    assert!(unknown.stderr.contains("the plan has no card `C9`"), "{unknown:#?}");
    for _ in 0..2 {
        room.desk.run(&wrong).expect(10);
    }
    let blocked = room.desk.run(&wrong).expect(6);
    assert!(blocked.stderr.contains("that share is lost"), "{blocked:#?}");
    let blocked = room.run("drill", &[]).expect(6);
    assert!(blocked.stderr.contains("the PIN is blocked: that share is lost"), "{blocked:#?}");
}

/// One process works with a ceremony; another one may look.
#[test]
fn a_second_process_is_locked_out() {
    let room = Room::new(2, 2);
    deliver(&room);
    let mut name = names();
    let mut looked = 0;
    let stopped = attended(&room, &["run", DIR, "--plan", "plan.toml"], |question| match label(question) {
        Some("D") if looked == 1 => None,
        Some(label) => {
            if looked == 0 {
                let locked = room.run("run", &[]).expect(9);
                assert!(locked.stderr.contains("another process works with the ceremony in room"), "{locked:#?}");
                room.desk.run(&["ceremony", "status", DIR]).expect(0);
                looked = 1;
            }
            put_in(&room, label);
            Some(String::new())
        }
        None => Some(name()),
    });
    let stopped = stopped.expect(10);
    assert!(stopped.stderr.contains("nobody answers: a card is to be put in"), "{stopped:#?}");
    assert!(stopped.stderr.contains("next: "), "{stopped:#?}");
    room.run("run", &[]).expect(0);
}

/// Cards that are no new ones: with a share, of another CA.
#[test]
fn cards_of_other_ceremonies() {
    let room = Room::with_test_ca(2, 2);
    room.run("run", &[]).expect(0);
    // Another ceremony at the same desk, with the same cards, and another CA.
    let elsewhere = |label: &str| room.args("run", &[]).iter().map(|arg| arg.replace(DIR, label)).collect::<Vec<_>>();
    let mut args = elsewhere("other");
    args.extend(["--plan", "plan.toml"].map(str::to_owned));
    let refused = room.desk.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).expect(7);
    assert!(refused.stderr.contains("card D (Administrator 2): it has a certificate of another CA"), "{refused:#?}");
}
