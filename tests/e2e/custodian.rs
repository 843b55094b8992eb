//! `cardwright custodian` against a simulated card that lives in a file, one process after another. `hostile`: what is
//! forged on the line. `interrupted`: what is lost on it.

mod hostile;
mod interrupted;

use cardwright_link::VirtualCard;
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::gate::Gate;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

const PIN: &str = "8642975310";
const VALUE: &str = "C3A5F17E0B9D42688E1F5A3C7D90B264";
const SALT: &str = "9B62D80F47E13CA5F0D47A1B2E8C6395";
/// Too long to turn up by chance in hex.
const WRONG: &str = "271828182845";
const VERIFY: u8 = 0x20;

/// A desk with a PIN, a wrong one, and a share in files.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.key_file("pin", PIN);
    desk.key_file("wrong", WRONG);
    desk.key_file("share.toml", &share(3));
    desk
}

/// A share file of one of `n` shares, with commitments.
fn share(n: usize) -> String {
    let commitments = vec![format!("\"{}\"", "AB".repeat(32)); n].join(", ");
    let (set, ceremony) = ("5E".repeat(16), "CE".repeat(16));
    format!(
        "version = 1\nscheme = \"shamir\"\nset = \"{set}\"\nceremony = \"{ceremony}\"\ngeneration = 7\nx = 2\nm = 2\n\
         n = {n}\nkey_type = \"AES\"\nkey_length = 16\nusage = 5\nkcv = \"504A77\"\nvalue = \"{VALUE}\"\n\
         salt = \"{SALT}\"\ncommitments = [{commitments}]\n"
    )
}

/// `cardwright custodian ARGS` on the card in the file `card`.
fn custodian(desk: &Desk, args: &[&str]) -> Outcome {
    let session: &[&str] = if args[0] == "info" { &[] } else { &["--key", "gp-test"] };
    desk.run(&[&["--reader", "sim:state=card", "custodian"], args, session].concat())
}

fn info(desk: &Desk) -> Value {
    custodian(desk, &["info", "--json"]).expect(0).json()
}

fn with_pin() -> Desk {
    let desk = desk();
    custodian(&desk, &["pin", "set", "--new", "file:pin"]).expect(0);
    desk
}

fn with_share(mode: &str) -> Desk {
    let desk = with_pin();
    custodian(&desk, &["store", "--share", "share.toml", "--mode", mode, "--pin", "file:pin"]).expect(0);
    desk
}

#[test]
fn the_life_of_a_share() {
    let desk = desk();
    let new = info(&desk);
    assert_eq!((&new["pin"], &new["tries_left"], &new["share"]), (&false.into(), &3.into(), &Value::Null));
    let set = custodian(&desk, &["pin", "set", "--new", "file:pin", "--json"]).expect(0).json();
    assert_eq!((&set["result"], &set["identity"]), (&"pin-set".into(), &new["identity"]));
    for n in [2, 3, 10] {
        desk.key_file("share.toml", &share(n));
        let store = ["store", "--share", "share.toml", "--mode", "host", "--pin", "file:pin", "--json"];
        let stored = custodian(&desk, &store).expect(0);
        assert!(stored.stderr.contains("WARN host mode: the share passes through this computer"), "{stored:#?}");
        let stored = stored.json();
        assert_eq!((&stored["share"]["mode"], &stored["kept_in"]), (&"host".into(), &"share.toml".into()));
        assert_eq!(stored["custody"], "host mode: the share passes through this computer");
        assert_eq!(info(&desk)["share"]["n"], n);
        let read = custodian(&desk, &["read", "--out", "back.toml", "--pin", "file:pin", "--json"]).expect(0);
        assert!(read.stderr.contains("host mode: the share passes through this computer"), "{read:#?}");
        let read = read.json();
        assert_eq!((&read["result"], &read["kept_in"]), (&"read".into(), &"back.toml".into()));
        assert_eq!(read["custody"], "host mode: the share passes through this computer");
        assert_eq!(read["share"]["n"], n);
        let back = desk.path().join("back.toml");
        let file = |path| std::fs::read_to_string(path).expect("text").trim().to_owned();
        assert_eq!(file(&back), file(&desk.path().join("share.toml")));
        assert_eq!(std::fs::metadata(&back).expect("a file").permissions().mode() & 0o7777, 0o600);
        std::fs::remove_file(&back).expect("removed");
        let wiped = custodian(&desk, &["wipe", "--yes", "--pin", "file:pin", "--json"]).expect(0).json();
        assert_eq!((&wiped["result"], &wiped["share"]), (&"share-wiped".into(), &Value::Null));
    }
    let changed = ["pin", "change", "--pin", "file:pin", "--new", "file:wrong", "--json"];
    assert_eq!(custodian(&desk, &changed).expect(0).json()["result"], "pin-changed");
    let wiped = custodian(&desk, &["wipe", "--all", "--yes", "--json"]).expect(0).json();
    assert_eq!((&wiped["result"], &wiped["pin"]), (&"all-wiped".into(), &false.into()));
    assert_eq!(info(&desk), new, "as new, with the same identity");
}

#[test]
fn a_blind_share_is_never_read() {
    let desk = with_share("blind");
    for _ in 0..2 {
        let refused = custodian(&desk, &["read", "--out", "back.toml", "--pin", "file:pin"]).expect(4);
        assert!(refused.stderr.contains("stored in blind mode: the card never gives it out"), "{refused:#?}");
        assert!(!desk.path().join("back.toml").exists());
    }
    assert_eq!(info(&desk)["share"]["mode"], "blind");
}

/// Both reports say who has seen the share, and that the file is still there.
#[test]
fn texts_say_where_a_share_has_been() {
    for (mode, says) in [
        ("host", ["still in share.toml", "custody host mode: the share passes through this computer"]),
        ("blind", ["share.toml still has it: destroy that file", "passes through this computer now, and never again"]),
    ] {
        let desk = with_pin();
        let store = ["store", "--share", "share.toml", "--mode", mode, "--pin", "file:pin"];
        let stored = custodian(&desk, &store).expect(0).stdout;
        assert!(says.iter().all(|says| stored.contains(says)), "{stored}");
        if mode == "host" {
            let read = custodian(&desk, &["read", "--out", "back.toml", "--pin", "file:pin"]).expect(0).stdout;
            assert!(read.contains(says[1]) && read.contains("the share is in back.toml, and on the card"), "{read}");
        }
    }
}

#[test]
fn wrong_pins_count_and_the_last_one_blocks() {
    let desk = with_share("host");
    let read = |pin: &str| custodian(&desk, &["read", "--out", "back.toml", "--pin", pin, "--json"]);
    for (code, says, next) in [
        (4, "VERIFY: the PIN is wrong, 2 tries are left", "the right PIN gives all tries back"),
        (4, "VERIFY: the PIN is wrong, 1 try is left", "another wrong PIN loses the share for good"),
        (6, "VERIFY: the PIN is wrong, and is blocked now: that share is lost", "no host can unblock it"),
        (6, "the PIN is blocked: that share is lost", "no host can unblock it"),
    ] {
        let refused = read("file:wrong").expect(code).json();
        assert_eq!(refused["error"]["message"], says);
        assert!(refused["error"]["next"].as_str().expect("advice").starts_with(next), "{refused}");
    }
    let refused = read("file:pin").expect(6);
    assert!(refused.stderr.contains("that share is lost\n  next: no host can unblock it"), "{refused:#?}");
    assert!(!desk.path().join("back.toml").exists(), "the file that was made first is gone");
    assert_eq!(info(&desk)["tries_left"], 0);
    let text = custodian(&desk, &["info"]).expect(0).stdout;
    assert!(text.contains("PIN     blocked: that share is lost"), "{text}");
    custodian(&desk, &["wipe", "--yes", "--pin", "file:pin"]).expect(6);
    custodian(&desk, &["wipe", "--all", "--yes"]).expect(0);
    custodian(&desk, &["pin", "set", "--new", "file:pin"]).expect(0);
}

#[test]
fn a_right_pin_gives_the_tries_back() {
    let desk = with_pin();
    let change = |pin: &str, new: &str| custodian(&desk, &["pin", "change", "--pin", pin, "--new", new]);
    for _ in 0..3 {
        for _ in 0..2 {
            change("file:wrong", "file:pin").expect(4);
        }
        assert_eq!(info(&desk)["tries_left"], 1);
        change("file:pin", "file:pin").expect(0);
        assert_eq!(info(&desk)["tries_left"], 3);
    }
}

#[test]
fn what_a_card_refuses_comes_with_advice() {
    let desk = desk();
    let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
    let run = |card: &mut Gate<VirtualCard>, args: &[&str]| {
        card.forget();
        desk.run_with(card, &[&["custodian"], args, &["--key", "gp-test"]].concat())
    };
    // Nobody's PIN is shown for nothing.
    let refused = |card: &mut Gate<VirtualCard>, args: &[&str], advice: &str| {
        let outcome = run(card, args).expect(4);
        assert!(outcome.stderr.contains(advice), "{outcome:#?}");
        assert_eq!(card.seen.last().expect("commands")[..2], [0x84, 0x36], "GET STATE in the session is the last");
    };
    let card = &mut card;
    let store = ["store", "--share", "share.toml", "--mode", "blind", "--pin", "file:pin"];
    let read = ["read", "--out", "back.toml", "--pin", "file:pin"];
    refused(card, &store, "`cardwright custodian pin set` gives it one");
    refused(card, &["pin", "change", "--pin", "file:pin", "--new", "file:pin"], "`cardwright custodian pin set`");
    run(card, &["pin", "set", "--new", "file:pin"]).expect(0);
    refused(card, &["pin", "set", "--new", "file:pin"], "`cardwright custodian pin change` puts another");
    refused(card, &read, "there is no share on the card");
    refused(card, &["wipe", "--yes", "--pin", "file:pin"], "there is no share on the card");
    refused(card, &["wipe", "--pin", "file:pin"], "there is no share on the card");
    run(card, &store).expect(0);
    refused(card, &store, "a card keeps one share");
    refused(card, &read, "the card never gives it out");
    let other = ["--reader", "sim:", "custodian", "read", "--out", "x", "--pin", "file:pin", "--key", "kdf3+gp-test"];
    let outcome = desk.run(&other).expect(5);
    assert!(outcome.stderr.contains("has other keys in its set 0xFF than kdf3+gp-test"), "{outcome:#?}");
}

/// What is wrong on this side costs neither a try nor a session.
#[test]
fn nothing_is_sent_before_all_is_read() {
    let desk = desk();
    desk.key_file("short", "123");
    desk.key_file("letters", "12E4");
    desk.key_file("broken.toml", &share(3).replace("x = 2", "x = 4"));
    desk.key_file("typo.toml", &share(3).replace("value = \"C3", "value = \"G3"));
    desk.key_file("there", "");
    let open = desk.key_file("open", PIN);
    std::fs::set_permissions(desk.path().join("open"), PermissionsExt::from_mode(0o644)).expect("set");
    let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
    let store = |share, pin| vec!["store", "--share", share, "--mode", "host", "--pin", pin];
    for (code, args, says) in [
        (2, store("share.toml", "file:short"), "file:short: a PIN has 4 to 12 digits"),
        (2, store("share.toml", "file:letters"), "file:letters: a PIN has nothing but digits in it"),
        (2, store("share.toml", PIN), "no source of a PIN"),
        (2, store("share.toml", "gp-test"), "no source of a PIN"),
        (8, store("share.toml", &open), "chmod 600"),
        (8, store("missing.toml", "file:pin"), "cannot be read"),
        (2, store("broken.toml", "file:pin"), "`broken.toml`: a share's index (x) is 1 to n"),
        (2, store("typo.toml", "file:pin"), "`typo.toml` is no share file: line 13: bytes are given in hex"),
        (2, store("pin", "file:pin"), "`pin` is no share file"),
        (2, vec!["read", "--out", "there", "--pin", "file:pin"], "`there` exists already: a file is never overwritten"),
        (8, vec!["read", "--out", "nowhere/x", "--pin", "file:pin"], "`nowhere/x` cannot be created"),
        (8, store("share.toml", "prompt"), "prompt cannot be read"),
    ] {
        let args = [&["custodian"], &args[..], &["--key", "gp-test"]].concat();
        let plain = desk.command(&args);
        // A session of its own has no terminal, wherever the tests run.
        let before = ["--wait".to_owned(), plain.get_program().to_str().expect("UTF-8").to_owned()];
        let outcome = desk.run_wrapped("setsid", &before[..1], &mut card, &args).expect(code);
        assert!(outcome.stderr.contains(says), "{outcome:#?}");
        assert!(!outcome.stderr.contains(PIN) && !outcome.stderr.contains(&VALUE[2..]), "{outcome:#?}");
        assert!(card.seen.is_empty(), "{args:?}");
        assert!(!outcome.stderr.contains("passes through this computer"), "nothing does: {outcome:#?}");
        for word in ["key file", "the key", "no key,"] {
            assert!(!outcome.stderr.contains(word), "{word}: {outcome:#?}");
        }
    }
    assert_eq!(std::fs::read(desk.path().join("there")).expect("still there"), b"\n");
}

#[test]
fn wiping_wants_to_be_confirmed() {
    let desk = with_share("host");
    for args in [&["wipe", "--pin", "file:pin"][..], &["wipe", "--all"]] {
        let outcome = custodian(&desk, args).expect(2);
        assert!(outcome.stderr.contains(info(&desk)["identity"].as_str().expect("hex")), "{outcome:#?}");
        assert!(outcome.stderr.contains("the share on the card is destroyed for good"), "{outcome:#?}");
        assert!(outcome.stderr.contains("share   2 of 3, 2 make the key"), "{outcome:#?}");
        assert!(outcome.stderr.contains("pass --yes"), "{outcome:#?}");
    }
    assert_eq!(info(&desk)["share"]["mode"], "host");
}

/// The list is that of the commands which are sent, but for what READ SHARE alone knows: how many blocks there are.
#[test]
fn a_dry_run_sends_nothing_and_lists_what_would_be_sent() {
    let desk = desk();
    let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
    for args in [
        &["pin", "set", "--new", "file:pin"][..],
        &["pin", "change", "--pin", "file:pin", "--new", "file:pin"],
        &["store", "--share", "share.toml", "--mode", "host", "--pin", "file:pin"],
        &["read", "--out", "back.toml", "--pin", "file:pin"],
        &["wipe", "--yes", "--pin", "file:pin"],
        &["wipe", "--yes", "--all"],
    ] {
        card.forget();
        let args = [&["custodian"], args, &["--key", "gp-test"]].concat();
        let outcome = desk.run_with(&mut card, &[&args[..], &["--dry-run"]].concat()).expect(0);
        assert!(outcome.stdout.contains("nothing was sent"), "{outcome:#?}");
        let made = desk.path().join("back.toml").exists();
        assert!(card.seen.is_empty() && (args[1] != "read" || !made));
        let lines: Vec<_> = outcome.stdout.lines().filter(|line| line.as_bytes()[2] == b' ').collect();
        let mut planned: Vec<_> = lines.iter().map(|line| line[3..11].to_owned()).collect();
        desk.run_with(&mut card, &args).expect(0);
        let header = |command: &Vec<u8>| command[1..4].iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
        let sent: Vec<_> = card.seen.iter().map(|command| header(command).join(" ")).collect();
        if args[1] == "read" {
            assert_eq!(lines.last(), Some(&"80 32 00 01 .. [as many as the share takes]"));
            planned.truncate(sent.len());
        }
        assert_eq!(planned, sent, "{args:?}");
        assert!(!outcome.stdout.contains(PIN) && !outcome.stdout.contains(VALUE), "{outcome:#?}");
    }
}

/// Every effect is in the audit log before it and after it.
#[test]
fn the_audit_log_tells_it_all() {
    let desk = with_share("host");
    custodian(&desk, &["read", "--out", "back.toml", "--pin", "file:pin"]).expect(0);
    custodian(&desk, &["read", "--out", "again.toml", "--pin", "file:wrong"]).expect(4);
    custodian(&desk, &["pin", "change", "--pin", "file:pin", "--new", "file:wrong"]).expect(0);
    custodian(&desk, &["wipe", "--yes", "--pin", "file:wrong"]).expect(0);
    custodian(&desk, &["wipe", "--all", "--yes"]).expect(0);
    let identity = info(&desk)["identity"].as_str().expect("hex").to_owned();
    let log = std::fs::read_to_string(desk.path().join("state/audit.log")).expect("an audit log");
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line.split_once(' ').expect("a checksum").1).expect("JSON"))
        .collect();
    let told: Vec<_> = events.iter().map(|event| event["what"].as_str().expect("text")).collect();
    assert_eq!(
        told,
        [
            "pin.set.intended",
            "pin.set",
            "share.store.intended",
            "share.store",
            "share.read.intended",
            "share.read",
            "share.read.intended",
            "share.read.failed",
            "pin.change.intended",
            "pin.change",
            "share.wipe.intended",
            "share.wipe",
            "card.wipe.intended",
            "card.wipe",
        ]
    );
    for event in &events {
        let detail = event["detail"].as_str().expect("text");
        let of_a_share = event["what"].as_str().expect("text").starts_with("share.");
        assert!(detail.contains(&identity) && !event["subject"].as_str().expect("text").is_empty(), "{event}");
        assert_eq!(detail.contains(&format!("set {}, x 2", "5E".repeat(16))), of_a_share || told_of(event), "{event}");
    }
    assert!(events[7]["detail"].as_str().expect("text").ends_with(": VERIFY: the PIN is wrong, 2 tries are left"));
}

/// A change of the PIN names the share that it guards.
fn told_of(event: &Value) -> bool {
    event["what"].as_str().is_some_and(|what| what.starts_with("pin.change"))
}

/// At the highest verbosity, in every file that is kept, and on the wire.
#[test]
fn no_pin_and_no_share_in_the_trace_or_on_the_wire() {
    let desk = desk();
    let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
    let secrets: Vec<Vec<u8>> = [PIN.as_bytes().to_vec(), WRONG.into(), VALUE.into(), VALUE.to_lowercase().into()]
        .into_iter()
        .chain([VALUE, SALT].map(|hex| hex::decode(hex).expect("hex")))
        .chain([SALT.into(), hex::encode(PIN).into(), hex::encode_upper(WRONG).into()])
        .collect();
    let holds = |bytes: &[u8]| secrets.iter().any(|secret| bytes.windows(secret.len()).any(|window| window == secret));
    assert!(holds(PIN.as_bytes()));
    for (code, args) in [
        (0, &["pin", "set", "--new", "file:pin"][..]),
        (0, &["store", "--share", "share.toml", "--mode", "host", "--pin", "file:pin"]),
        (0, &["read", "--out", "back.toml", "--pin", "file:pin"]),
        (4, &["read", "--out", "other.toml", "--pin", "file:wrong"]),
        (0, &["pin", "change", "--pin", "file:pin", "--new", "file:wrong"]),
        (0, &["wipe", "--yes", "--pin", "file:wrong"]),
    ] {
        let args = [&["custodian", "-vvv"], args, &["--key", "gp-test"]].concat();
        let outcome = desk.run_with(&mut card, &args).expect(code);
        assert!(!holds(outcome.stdout.as_bytes()) && !holds(outcome.stderr.as_bytes()), "{outcome:#?}");
        assert!(outcome.stderr.contains("blanked]"), "the trace is there: {outcome:#?}");
    }
    assert!(card.count(VERIFY) > 0);
    assert!(!card.seen.iter().any(|command| holds(command)), "in plain on the wire");
    let mut files = 0;
    for entry in std::fs::read_dir(desk.path().join("state")).expect("a directory") {
        assert!(!holds(&std::fs::read(entry.expect("an entry").path()).expect("read")));
        files += 1;
    }
    assert_eq!(files, 2, "journal and audit log");
}

/// What is traced of two PINs is the same, but for what is random.
#[test]
fn a_trace_does_not_tell_how_long_a_pin_is() {
    let trace = |old: &str, new: &str| {
        let desk = Desk::new();
        desk.key_file("old", old);
        desk.key_file("new", new);
        desk.key_file("share.toml", &share(3));
        let mut card = Gate::new(VirtualCard::from_profile("serial=1,kdd=00112233445566778899").expect("a card"));
        let mut traced = String::new();
        for args in [
            &["pin", "set", "--new", "file:old"][..],
            &["pin", "change", "--pin", "file:old", "--new", "file:new"],
            &["store", "--share", "share.toml", "--mode", "host", "--pin", "file:new"],
        ] {
            let args = [&["custodian", "-vvv"], args, &["--key", "gp-test"]].concat();
            traced += &desk.run_with(&mut card, &args).expect(0).stderr;
        }
        // Ports, challenges and cryptograms.
        let mask =
            |word: &str| if word.len() >= 16 && hex::decode(word).is_ok() { "(hex)".into() } else { word.to_owned() };
        let lines = traced.lines().filter(|line| !line.contains("127.0.0.1") && !line.contains("reader vpcd:"));
        lines.map(|line| line.split(' ').map(mask).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let short = trace("1234", "5678");
    assert!(short.iter().any(|line| line.contains("80 24 00 00 [blanked]")), "{short:#?}");
    assert_eq!(short, trace("123456789012", "5678"));
    assert_eq!(short, trace("1234", "567856785678"));
}
