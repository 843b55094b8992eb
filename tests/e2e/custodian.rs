//! `cardwright custodian` against a simulated card that lives in a file, one process after another.

use cardwright_link::VirtualCard;
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::gate::Gate;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

const PIN: &str = "8642975310";
const VALUE: &str = "C3A5F17E0B9D42688E1F5A3C7D90B264";
const SALT: &str = "9B62D80F47E13CA5F0D47A1B2E8C6395";
const VERIFY: u8 = 0x20;

/// A desk with a PIN, two wrong ones, and a share in files.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.key_file("pin", PIN);
    desk.key_file("wrong", "1111");
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
        assert_eq!(stored.json()["share"]["mode"], "host");
        assert_eq!(info(&desk)["share"]["n"], n);
        let read = custodian(&desk, &["read", "--out", "back.toml", "--pin", "file:pin", "--json"]).expect(0);
        assert!(read.stderr.contains("host mode: the share passes through this computer"), "{read:#?}");
        assert_eq!(read.json()["result"], "read");
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
        assert!(refused.stderr.contains("READ SHARE refused: 6985"), "{refused:#?}");
        assert!(refused.stderr.contains("the card never gives it out"), "{refused:#?}");
        assert!(!desk.path().join("back.toml").exists());
    }
    assert_eq!(info(&desk)["share"]["mode"], "blind");
}

#[test]
fn wrong_pins_count_and_the_last_one_blocks() {
    let desk = with_share("host");
    let read = |pin: &str| custodian(&desk, &["read", "--out", "back.toml", "--pin", pin, "--json"]);
    for (code, says) in [
        (4, "VERIFY: the PIN is wrong, 2 tries are left"),
        (4, "VERIFY: the PIN is wrong, 1 try is left"),
        (6, "VERIFY: the PIN is blocked: that share is lost"),
        (6, "VERIFY: the PIN is blocked: that share is lost"),
    ] {
        let refused = read("file:wrong").expect(code);
        assert_eq!(refused.json()["error"]["message"], says);
    }
    let refused = read("file:pin").expect(6);
    assert!(refused.stderr.contains("that share is lost\n  next: no host can unblock it"), "{refused:#?}");
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
    let refused = |args: &[&str], advice: &str| {
        let outcome = custodian(&desk, args).expect(4);
        assert!(outcome.stderr.contains(advice), "{outcome:#?}");
    };
    let store = ["store", "--share", "share.toml", "--mode", "blind", "--pin", "file:pin"];
    let read = ["read", "--out", "back.toml", "--pin", "file:pin"];
    refused(&store, "cardwright custodian pin set");
    refused(&["pin", "change", "--pin", "file:pin", "--new", "file:pin"], "`pin set` gives the first one");
    custodian(&desk, &["pin", "set", "--new", "file:pin"]).expect(0);
    refused(&["pin", "set", "--new", "file:pin"], "`pin change` another");
    refused(&read, "there is no share on the card");
    refused(&["wipe", "--yes", "--pin", "file:pin"], "there is no share on the card");
    custodian(&desk, &store).expect(0);
    refused(&store, "a card keeps one share");
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
        (2, store("typo.toml", "file:pin"), "`typo.toml` is no share file: bytes are given in hex"),
        (2, store("pin", "file:pin"), "`pin` is no share file"),
        (8, vec!["read", "--out", "there", "--pin", "file:pin"], "never overwritten"),
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
    }
}

#[test]
fn wiping_wants_to_be_confirmed() {
    let desk = with_share("host");
    for args in [&["wipe", "--pin", "file:pin"][..], &["wipe", "--all"]] {
        let outcome = custodian(&desk, args).expect(2);
        assert!(outcome.stderr.contains("the share on the card is destroyed for good"), "{outcome:#?}");
        assert!(outcome.stderr.contains("share   2 of 3, 2 make the key"), "{outcome:#?}");
        assert!(outcome.stderr.contains("pass --yes"), "{outcome:#?}");
    }
    assert_eq!(info(&desk)["share"]["mode"], "host");
}

#[test]
fn a_dry_run_sends_nothing() {
    let desk = desk();
    let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
    for (args, says) in [
        (&["pin", "set", "--new", "file:pin"][..], "80 24 01 00 [new PIN, blanked]"),
        (&["pin", "change", "--pin", "file:pin", "--new", "file:pin"], "80 24 00 00 [both PINs, blanked]"),
        (&["store", "--share", "share.toml", "--mode", "blind", "--pin", "file:pin"], "80 30 02 00"),
        (&["wipe", "--pin", "file:pin"], "80 34 00 00"),
        (&["wipe", "--all"], "80 34 01 00"),
    ] {
        let args = [&["custodian"], args, &["--dry-run", "--key", "gp-test"]].concat();
        let outcome = desk.run_with(&mut card, &args).expect(0);
        assert!(outcome.stdout.contains(says) && outcome.stdout.contains("nothing was sent"), "{outcome:#?}");
        assert!(card.seen.is_empty());
    }
}

/// At the highest verbosity, in every file that is kept, and on the wire.
#[test]
fn no_pin_and_no_share_in_the_trace_or_on_the_wire() {
    let desk = desk();
    let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
    let secrets: Vec<Vec<u8>> = [PIN.as_bytes().to_vec(), "1111".into(), VALUE.into(), VALUE.to_lowercase().into()]
        .into_iter()
        .chain([VALUE, SALT].map(|hex| hex::decode(hex).expect("hex")))
        .chain([SALT.into(), hex::encode(PIN).into(), hex::encode_upper("1111").into()])
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
        assert!(!outcome.stderr.contains(&format!("[{} bytes, blanked]", PIN.len())), "nor a PIN's length");
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
