//! A card, or somebody between host and card, who answers what no honest card answers: the host says so and stops. It
//! never panics, and never sends EXTERNAL AUTHENTICATE after a check that failed.

use cardwright::books::{Books, Forgetful, Memory};
use cardwright::card::Card;
use cardwright::error::Error;
use cardwright::rotate::{KeptKey, Report, Request, Rotation};
use cardwright::session::Choices;
use cardwright::world::Os;
use cardwright_hsm::SoftVault;
use cardwright_keys::journal::Journal;
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::KeyRef;
use cardwright_link::VirtualCard;
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_tests::altered::{Altered, InProcess};
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::gate::Gate;

const NEW: &str = "11223344556677889900AABBCCDDEEFF";
const PUT: &[&str] = &["card", "keys", "put", "--key", "gp-test", "--new", "file:new.hex", "--kvn", "0x30"];

const INITIALIZE_UPDATE: u8 = 0x50;
const EXTERNAL_AUTHENTICATE: u8 = 0x82;
const PUT_KEY: u8 = 0xD8;
const GET_STATUS: u8 = 0xF2;

/// The commands of `card keys put`, in order.
const COMMANDS: [u8; 8] = [
    0xA4,
    0xCA,
    INITIALIZE_UPDATE,
    EXTERNAL_AUTHENTICATE,
    PUT_KEY,
    INITIALIZE_UPDATE,
    EXTERNAL_AUTHENTICATE,
    GET_STATUS,
];

/// Where the parts of an answer to INITIALIZE UPDATE stand (S8).
const KVN: usize = 10;
const PROTOCOL: usize = 11;
const I: usize = 12;
const CHALLENGE: std::ops::Range<usize> = 13..21;
const CRYPTOGRAM: std::ops::Range<usize> = 21..29;
const COUNTER: std::ops::Range<usize> = 29..32;

type Hostile = Gate<Altered<VirtualCard>>;

/// A card with `alter` between it and the host.
fn hostile(profile: &str, alter: impl FnMut(&[u8], &mut Vec<u8>) + Send + 'static) -> Hostile {
    Gate::new(Altered::new(VirtualCard::from_profile(profile).expect("a card"), alter))
}

/// Changes the data of successful answers to one instruction.
fn on(ins: u8, mut change: impl FnMut(&mut Vec<u8>) + Send) -> impl FnMut(&[u8], &mut Vec<u8>) + Send {
    move |command, response| {
        if command[1] == ins && response.ends_with(&[0x90, 0x00]) {
            response.truncate(response.len() - 2);
            change(response);
            response.extend_from_slice(&[0x90, 0x00]);
        }
    }
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.key_file("new.hex", NEW);
    desk
}

/// Runs a key change that has to fail in good order.
#[track_caller]
fn fails(desk: &Desk, card: &mut Hostile, code: i32, what: &str) -> Outcome {
    let outcome = desk.run_with(card, PUT);
    assert_eq!(outcome.code(), code, "{what}: {outcome:#?}");
    assert!(outcome.stderr.contains("\nerror: "), "{what}: {outcome:#?}");
    assert!(!outcome.stderr.contains("panicked"), "{what}: {outcome:#?}");
    assert_eq!(outcome.stdout, "", "{what}");
    outcome
}

/// INITIALIZE UPDATE is answered wrongly: nothing may follow it.
#[track_caller]
fn refused_before_authentication(
    profile: &str,
    code: i32,
    what: &str,
    change: impl FnMut(&mut Vec<u8>) + Send + 'static,
) -> Outcome {
    let desk = desk();
    let mut card = hostile(profile, on(INITIALIZE_UPDATE, change));
    let outcome = fails(&desk, &mut card, code, what);
    assert_eq!(card.count(EXTERNAL_AUTHENTICATE), 0, "{what}: sent after a failed check");
    assert_eq!(card.seen.last().map(|command| command[1]), Some(INITIALIZE_UPDATE), "{what}");
    outcome
}

/// What a run against answers of this length to one command has to end with, over vpcd.
fn code_for(ins: u8, len: usize) -> i32 {
    match (ins, len) {
        // No status word: nobody knows.
        (_, 0 | 1) => 3,
        // What a card says about itself may be missing or beyond reading; nothing rests on it.
        (0xA4 | 0xCA, _) => 0,
        // EXTERNAL AUTHENTICATE without data is accepted, by a card that has accepted it.
        (EXTERNAL_AUTHENTICATE, 2) => 0,
        _ => 7,
    }
}

/// `len` bytes, 9000 at the end where there is room.
fn of_length(len: usize) -> Vec<u8> {
    let mut answer = vec![0xA5; len.saturating_sub(2)];
    answer.extend_from_slice(&[0x90, 0x00]);
    answer.truncate(len);
    answer
}

#[test]
fn answers_of_any_length_to_any_command() {
    for (n, ins) in COMMANDS.into_iter().enumerate() {
        for len in [0, 1, 2, 258, 65_535] {
            let what = format!("{len} bytes to command {n} ({ins:02X})");
            let mut count = 0;
            let mut card = hostile("", move |_, response| {
                if count == n {
                    *response = of_length(len);
                }
                count += 1;
            });
            let desk = desk();
            match code_for(ins, len) {
                0 => drop(desk.run_with(&mut card, PUT).expect(0)),
                code => {
                    fails(&desk, &mut card, code, &what);
                    assert_eq!(card.seen.len(), n + 1, "{what}: something was sent after it");
                }
            }
        }
    }
}

/// The same key change through the library, over a link that carries any length.
fn in_process(alter: impl FnMut(&[u8], &mut Vec<u8>) + Send + 'static) -> (Result<Report, Error>, usize) {
    let read = |text: &str| text.parse::<KeyRef>().expect("a reference");
    let (current, new) = (read("gp-test"), read("file:new.hex"));
    let mut vault = SoftVault::new();
    vault.load(&current, KeyMaterial::gp_test());
    vault.load(&new, KeyMaterial::parse(NEW.as_bytes()).expect("a key"));
    let (mut journal, mut audit) = (Memory::default(), Forgetful);
    let mut books = Books::new(&mut journal, &mut audit, &Os);
    let mut card = Card::new(InProcess(hostile("", alter)));
    let choices = Choices { aid: Vec::new(), mode: None, level: None, accept_risk: false };
    let request = Request {
        current,
        new: KeptKey::after(new, |_| Ok::<_, ()>(())).expect("kept"),
        target: Kvn::target(0x30).expect("a KVN"),
        replace: false,
        abandon_pending: false,
        form: BlockForm::WithLength,
    };
    let mut rotation =
        Rotation { card: &mut card, vault: &vault, books: &mut books, entropy: &mut Os, choices: &choices };
    let done = rotation.run(&request);
    (done, card.link().0.seen.len())
}

#[test]
fn more_than_an_answer_can_hold() {
    for (n, ins) in COMMANDS.into_iter().enumerate() {
        for len in [65_538, 65_539] {
            let mut count = 0;
            let (done, sent) = in_process(move |_, response| {
                if count == n {
                    *response = of_length(len);
                }
                count += 1;
            });
            // 65,538 bytes are the longest answer that there is: SELECT and GET DATA may bring it.
            if len == 65_538 && matches!(ins, 0xA4 | 0xCA) {
                done.expect("nothing rests on it");
                continue;
            }
            let error = done.expect_err("refused");
            assert!(matches!(error, Error::Apdu { .. } | Error::Gp(_) | Error::Scp { .. }), "command {n}: {error}");
            assert_eq!(sent, n + 1, "command {n}: something was sent after it");
        }
    }
}

#[test]
fn initialize_update_of_every_length_around_the_right_ones() {
    for (profile, right) in [("i=60", 29), ("i=70", 32), ("i=61", 45), ("i=71", 48)] {
        for len in (27..=33).chain(44..=49).filter(|len| *len != right) {
            let what = format!("{profile}: {len} bytes");
            let outcome = refused_before_authentication(profile, 7, &what, move |data| data.resize(len, 0xA5));
            assert!(outcome.stderr.contains(&format!("{len} bytes")), "{what}: {outcome:#?}");
        }
    }
}

#[test]
fn initialize_update_with_another_protocol_or_key_set() {
    for protocol in [0x00, 0x01, 0x02, 0x11, 0xFF] {
        let what = format!("SCP{protocol:02X}");
        let outcome = refused_before_authentication("", 7, &what, move |data| data[PROTOCOL] = protocol);
        assert!(outcome.stderr.contains("not SCP03"), "{outcome:#?}");
    }
    for kvn in [0x00, 0x80, 0xFE] {
        refused_before_authentication("", 7, &format!("KVN {kvn:02X}"), move |data| data[KVN] = kvn);
    }
    // A certain set was asked for, and another one answers.
    let desk = desk();
    let mut card = hostile("", on(INITIALIZE_UPDATE, |data| data[KVN] = 0x31));
    let asked = ["card", "keys", "put", "--key", "gp-test@0xFF", "--new", "file:new.hex", "--kvn", "0x30"];
    let outcome = desk.run_with(&mut card, &asked).expect(7);
    assert!(outcome.stderr.contains("asked for 0xff"), "{outcome:#?}");
    assert_eq!(card.count(EXTERNAL_AUTHENTICATE), 0);
}

#[test]
fn initialize_update_with_other_options() {
    // Every "i" that does not fit an answer of 32 bytes in S8.
    let fits = |i: u8| matches!(i, 0x10 | 0x30 | 0x70);
    for i in (0..=0xFF).step_by(7).chain([0x00, 0x01, 0x50, 0x60, 0x71, 0x74]).filter(|i| !fits(*i)) {
        refused_before_authentication("", 7, &format!("i={i:02X}"), move |data| data[I] = i);
    }
}

/// Nothing protects "i". A card made to look weaker than it is gets a weaker session, and the report says which.
#[test]
fn options_talked_down_show_in_the_report() {
    for (i, level) in [(0x30, "13"), (0x10, "03")] {
        let mut card = hostile("", on(INITIALIZE_UPDATE, move |data| data[I] = i));
        let report = desk().run_with(&mut card, &[PUT, &["--json"]].concat()).expect(0).json();
        assert_eq!(report["level"], level);
    }
}

#[test]
fn initialize_update_with_our_own_challenge() {
    let desk = desk();
    let mut card = hostile("", |command, response| {
        if command[1] == INITIALIZE_UPDATE && response.ends_with(&[0x90, 0x00]) {
            response[CHALLENGE].copy_from_slice(&command[5..13]);
        }
    });
    let outcome = fails(&desk, &mut card, 7, "our challenge");
    assert!(outcome.stderr.contains("reflection"), "{outcome:#?}");
    assert_eq!(card.count(EXTERNAL_AUTHENTICATE), 0);
}

#[test]
fn initialize_update_with_a_byte_flipped() {
    for profile in ["i=70", "i=60"] {
        for at in CHALLENGE.chain(CRYPTOGRAM) {
            let outcome = refused_before_authentication(profile, 5, &format!("byte {at}"), move |data| data[at] ^= 1);
            assert!(outcome.stderr.contains("has other keys"), "{outcome:#?}");
        }
    }
    // The cryptogram does not cover the counter. The challenge is not the one that this counter gives under Key-ENC.
    for at in COUNTER {
        let outcome = refused_before_authentication("", 5, &format!("counter byte {at}"), move |data| data[at] ^= 1);
        assert!(outcome.stderr.contains("has other keys"), "{outcome:#?}");
    }
}

#[test]
fn an_earlier_answer_to_initialize_update() {
    let desk = desk();
    let mut first = None;
    // The second answer, to the session under the new keys, is the first one again.
    let mut card =
        hostile("", on(INITIALIZE_UPDATE, move |data| *data = first.get_or_insert_with(|| data.clone()).clone()));
    let outcome = fails(&desk, &mut card, 7, "repeated");
    assert!(outcome.stderr.contains("key version 0xff, asked for 0x30"), "{outcome:#?}");
    assert_eq!(card.count(EXTERNAL_AUTHENTICATE), 1, "the first session's only");
}

#[test]
fn external_authenticate_with_data() {
    let desk = desk();
    let mut card = hostile("", on(EXTERNAL_AUTHENTICATE, |data| data.extend_from_slice(&[1, 2, 3, 4])));
    let outcome = fails(&desk, &mut card, 7, "data");
    assert!(outcome.stderr.contains("carries 4 bytes"), "{outcome:#?}");
    assert_eq!(card.count(PUT_KEY), 0);
}

/// A way to spoil an answer: its data, 8 bytes of R-MAC at the end.
type Spoil = Box<dyn Fn(&mut Vec<u8>) + Send>;

fn spoiled() -> Vec<(String, Spoil)> {
    let mut ways: Vec<(String, Spoil)> = (0..8)
        .map(|n| -> (String, Spoil) {
            (
                format!("R-MAC byte {n} flipped"),
                Box::new(move |data| {
                    let at = data.len() - 8 + n;
                    data[at] ^= 0x80;
                }),
            )
        })
        .collect();
    ways.push(("R-MAC stripped".into(), Box::new(|data| data.truncate(data.len() - 8))));
    ways.push(("R-MAC cut".into(), Box::new(|data| data.truncate(data.len() - 1))));
    ways.push(("R-MAC in front".into(), Box::new(|data| data.rotate_right(8))));
    ways.push(("R-MAC twice".into(), Box::new(|data| data.extend_from_within(data.len() - 8..))));
    ways.push(("a bare 9000".into(), Box::new(Vec::clear)));
    ways.push(("data flipped".into(), Box::new(|data| data[0] ^= 1)));
    ways.push(("a block less".into(), Box::new(|data| drop(data.drain(..16)))));
    ways
}

#[test]
fn answers_whose_mac_is_wrong() {
    for ins in [PUT_KEY, GET_STATUS] {
        for (what, spoil) in spoiled() {
            let what = format!("{ins:02X}: {what}");
            let desk = desk();
            let mut card = hostile("", on(ins, spoil));
            fails(&desk, &mut card, 7, &what);
            assert_eq!(card.seen.last().map(|command| command[1]), Some(ins), "{what}: something was sent after it");
            // The keys are on the card. The same command finds that out, and finishes.
            card.card.alter_by(|_, _| {});
            card.forget();
            let outcome = desk.run_with(&mut card, PUT).expect(0);
            assert!(outcome.stdout.contains("an interrupted change is finished"), "{what}: {outcome:#?}");
            assert_eq!(card.count(PUT_KEY), 0, "{what}");
        }
    }
}

#[test]
fn answers_that_promise_more_forever() {
    for ins in [0xA4, 0xCA, INITIALIZE_UPDATE, EXTERNAL_AUTHENTICATE, PUT_KEY, GET_STATUS] {
        for promise in [&[0xA5, 0x61, 0x01][..], &[0x61, 0x00], &[0x6C, 0x01], &[0xA5, 0x6C, 0x00]] {
            let what = format!("{ins:02X}: {promise:02X?}");
            let desk = desk();
            let mut begun = false;
            let mut card = hostile("", move |command, response| {
                begun |= command[1] == ins;
                if begun {
                    response.clear();
                    response.extend_from_slice(promise);
                }
            });
            let outcome = desk.run_with(&mut card, PUT);
            // A verification that is refused leaves what the card has proved by then, and the report says what that is.
            let verified = outcome.code() == 0 && ins == GET_STATUS;
            assert!(verified || matches!(outcome.code(), 4 | 6 | 7), "{what}: {outcome:#?}");
            assert!(
                !verified || outcome.stdout.contains("proved by the pseudo-random challenge"),
                "{what}: {outcome:#?}"
            );
            assert!(!outcome.stderr.contains("panicked"), "{what}: {outcome:#?}");
            assert!(card.seen.len() < 1100, "{what}: {} commands", card.seen.len());
        }
    }
}

/// Without R-MAC anybody can change the check values in the answer to PUT KEY.
#[test]
fn put_key_answered_with_other_check_values() {
    for at in 0..10 {
        let desk = desk();
        let mut card = hostile("i=10", on(PUT_KEY, move |data| data[at] ^= 1));
        let outcome = fails(&desk, &mut card, 7, "other check values");
        assert!(outcome.stderr.contains("answered PUT KEY with set"), "{outcome:#?}");
        assert_eq!(card.seen.last().map(|command| command[1]), Some(PUT_KEY));
        let registry = SqliteRegistry::open(&desk.path().join("state/registry.db")).expect("a registry");
        let open = registry.open_changes().expect("read");
        assert!(matches!(&open[..], [change] if change.sent && change.mismatch), "{open:?}");
        drop(registry);
        card.card.alter_by(|_, _| {});
        card.forget();
        let outcome = desk.run_with(&mut card, PUT).expect(0);
        assert!(outcome.stdout.contains("an interrupted change is finished"), "{outcome:#?}");
        assert_eq!((card.count(PUT_KEY), card.count(INITIALIZE_UPDATE)), (0, 1));
    }
}
