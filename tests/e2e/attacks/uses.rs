//! Keys whose state does not allow it, in every command that takes a key: refused before anything is sent to the card.

use super::{KEY, VAULT, alone, audit, refused};
use crate::approvals::{PASSPHRASE, json, put, run, said};
use cardwright_link::VirtualCard;
use cardwright_tests::cli::Desk;
use cardwright_tests::gate::Gate;
use std::collections::BTreeSet;
use std::fmt::Write;

const MASTER: &str = "kdf3+vault:office/kmc";
const APDU: &str = "80F28002024F00";

/// What opens a session with a card that has the key's keys.
fn sessions(key: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["apdu", "--secure", key, APDU],
        vec!["card", "keys", "put", "--key", key, "--new", "file:new.hex", "--kvn", "0x31"],
        vec!["card", "keys", "check", "--key", key],
        vec!["card", "keys", "check", "--key", "gp-test", key],
        vec!["custodian", "pin", "set", "--key", key, "--new", "file:pin"],
    ]
}

/// What gives a card the key's keys.
fn loads(key: &str) -> Vec<Vec<&str>> {
    vec![vec!["card", "keys", "put", "--key", "gp-test", "--new", key, "--kvn", "0x31"]]
}

fn derives(key: &str) -> Vec<&str> {
    vec!["key", "derive", key, "--input", "00010203040506070809"]
}

/// Refused, and the card has seen nothing at all.
#[track_caller]
fn kept_from_the_card(desk: &Desk, args: &[&str], words: &str) {
    let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
    let args = [&["--config", "cardwright.toml"], args].concat();
    let outcome = desk.run_with(&mut card, &args).expect(8);
    assert!(outcome.stderr.contains(words), "{words}: {outcome:#?}");
    assert_eq!(card.seen, Vec::<Vec<u8>>::new(), "{args:?}");
}

fn desk() -> Desk {
    let desk = alone();
    desk.key_file("new.hex", "11223344556677889900AABBCCDDEEFF");
    desk.key_file("pin", "123456");
    desk
}

#[test]
fn nothing_is_sent_with_a_key_that_is_held_back() {
    let desk = desk();
    let all = |state: &str| {
        let words = format!("`vault:office/kmc:1` is {state}: it cannot be used to");
        for key in [MASTER.to_owned(), format!("{MASTER}:1"), format!("{MASTER}:1@0x30")] {
            for args in sessions(&key) {
                kept_from_the_card(&desk, &args, &words);
            }
        }
        for key in [MASTER.to_owned(), format!("{MASTER}:1")] {
            for args in loads(&key) {
                kept_from_the_card(&desk, &args, &words);
            }
            refused(&desk, &["demo", "--cards", "1", "--new", &key], 8, &words);
            refused(&desk, &derives(&key), 8, &words);
        }
    };
    run(&desk, &["key", "suspend", KEY]).expect(0);
    all("suspended");
    run(&desk, &["key", "compromise", KEY]).expect(0);
    all("compromised");
    run(&desk, &["key", "destroy", KEY, "--yes"]).expect(0);
    all("destroyed");
    run(&desk, &["key", "generate", KEY, "--type", "aes128", "--pre-operational"]).expect(0);
    kept_from_the_card(&desk, &loads(&format!("{MASTER}:2"))[0], "`vault:office/kmc:2` is pre-operational");
}

#[test]
fn a_deactivated_key_reads_and_makes_nothing_new() {
    let desk = desk();
    let sim = |args: &[&str]| run(&desk, &[["--reader", "sim:state=card"].as_slice(), args].concat());
    sim(&["card", "keys", "put", "--key", "gp-test", "--new", MASTER, "--kvn", "0x30"]).expect(0);
    run(&desk, &["key", "deactivate", KEY]).expect(0);
    for key in [MASTER.to_owned(), format!("{MASTER}:1")] {
        let words = "`vault:office/kmc:1` is deactivated: it cannot be used to make something new";
        // A card that got them before can be found to have them; it is not given them.
        let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
        let put =
            ["--config", "cardwright.toml", "card", "keys", "put", "--key", "gp-test", "--kvn", "0x31", "--new", &key];
        let outcome = desk.run_with(&mut card, &put).expect(8);
        assert!(outcome.stderr.contains(words) && card.count(0xD8) == 0, "{outcome:#?}");
        refused(&desk, &["demo", "--cards", "1", "--new", &key], 8, words);
        run(&desk, &derives(&key)).expect(0);
        sim(&["apdu", "--secure", &key, APDU]).expect(0);
        sim(&["card", "keys", "check", "--key", &key]).expect(0);
    }
}

/// A key that is held back while another version of it is in use: what is named is refused, what is not is left out.
#[test]
fn one_version_is_held_back() {
    let desk = desk();
    run(&desk, &["key", "rotate", KEY]).expect(0);
    run(&desk, &["key", "compromise", "vault:office/kmc:1"]).expect(0);
    kept_from_the_card(&desk, &["apdu", "--secure", "kdf3+vault:office/kmc:1", APDU], "kmc:1` is compromised");
    run(&desk, &derives(MASTER)).expect(0);
    run(&desk, &["demo", "--cards", "1", "--new", MASTER]).expect(0);
}

#[test]
fn an_exception_is_logged_and_lasts_one_command() {
    let desk = desk();
    let sim = |args: &[&str]| run(&desk, &[["--reader", "sim:state=card"].as_slice(), args].concat());
    sim(&["card", "keys", "put", "--key", "gp-test", "--new", MASTER, "--kvn", "0x30"]).expect(0);
    run(&desk, &["key", "compromise", KEY]).expect(0);
    let secure = ["apdu", "--secure", MASTER, APDU];
    sim(&secure).expect(8);
    sim(&[["--despite-compromise", "flagged cards"].as_slice(), &secure].concat()).expect(0);
    let log = audit(&desk);
    for (what, times) in [("\"key.use-compromised.intended\"", 1), ("\"key.use-compromised\"", 1), ("flagged cards", 1)]
    {
        assert_eq!(log.matches(what).count(), times, "{what}: {log}");
    }
    sim(&secure).expect(8);
    // It lets nothing new be made, and it lets nothing else through.
    let load = ["card", "keys", "put", "--key", "gp-test", "--new", MASTER, "--kvn", "0x31"];
    kept_from_the_card(&desk, &[["--despite-compromise", "why not"].as_slice(), &load].concat(), "is compromised");
    run(&desk, &["key", "generate", "vault:office/held", "--type", "aes128"]).expect(0);
    run(&desk, &["key", "suspend", "vault:office/held"]).expect(0);
    let held = ["--despite-compromise", "why not", "apdu", "--secure", "kdf3+vault:office/held", APDU];
    kept_from_the_card(&desk, &held, "vault:office/held:1` is suspended");
    // A card with the keys of a version that is compromised is told from one whose keys nobody knows.
    run(&desk, &["key", "rotate", KEY]).expect(0);
    let outcome = sim(&secure).expect(8);
    assert!(outcome.stderr.contains("`vault:office/kmc:1` is compromised"), "{outcome:#?}");
}

/// The job file has each card once, with what it is to get; it is never written over.
#[test]
fn a_job_file_is_whole() {
    let desk = desk();
    const CARDS: u32 = 2500;
    let mut csv = String::from("card,kvn,kcv_enc,kcv_mac,kcv_dek,kept_in\n");
    for card in 0..CARDS {
        // Every fifth has its keys from elsewhere.
        let kept_in = if card % 5 == 0 { "file:/elsewhere" } else { "kdf3+vault:office/kmc:1" };
        let _ = writeln!(csv, "{card:020X},0x30,{card:06X},112233,445566,{kept_in}");
    }
    put(&desk, "cards.csv", &csv);
    run(&desk, &["registry", "import", "cards.csv"]).expect(0);
    put(&desk, "taken.jsonl", "mine\n");
    let rotated = json(&desk, &["key", "rotate", KEY, "--job", "rotate.jsonl"]);
    let wanted = CARDS / 5 * 4;
    assert_eq!((&rotated["cards"], &rotated["job"]), (&wanted.into(), &"rotate.jsonl".into()));
    let compromise = ["key", "compromise", "vault:office/kmc:1", "--job"];
    said(&desk, &[compromise.as_slice(), &["taken.jsonl"]].concat(), 9, "taken.jsonl");
    assert_eq!(std::fs::read_to_string(desk.path().join("taken.jsonl")).expect("a file"), "mine\n");
    let compromised = json(&desk, &[compromise.as_slice(), &["flagged.jsonl"]].concat());
    assert_eq!(compromised["cards"], wanted);
    for file in ["rotate.jsonl", "flagged.jsonl"] {
        let text = std::fs::read_to_string(desk.path().join(file)).expect("a file");
        let mut cards = BTreeSet::new();
        for line in text.lines() {
            let job: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(
                (&job["from"], &job["to"]),
                (&"vault:office/kmc:1".into(), &"vault:office/kmc:2".into()),
                "{line}"
            );
            assert!(cards.insert(job["card"].as_str().expect("a card").to_owned()), "{line}");
        }
        let expected = (0..CARDS).filter(|card| card % 5 != 0).map(|card| format!("{card:020X}"));
        assert_eq!(cards, expected.collect(), "{file}");
    }
    let found = json(&desk, &["cards", "find", "--state", "compromised", "--limit", "10000"]);
    assert_eq!(found["cards"].as_array().map(Vec::len), Some(wanted as usize));
}

/// A vault of another name has other keys, whatever they are called there.
#[test]
fn a_state_is_that_of_one_vaults_key() {
    let desk = desk();
    let other = VAULT.replace("office", "branch");
    put(&desk, "cardwright.toml", &format!("{VAULT}{other}"));
    desk.key_file("pass", PASSPHRASE);
    run(&desk, &["vault", "create", "branch", "--memory", "19", "--passes", "2"]).expect(0);
    run(&desk, &["key", "generate", "vault:branch/kmc", "--type", "aes128"]).expect(0);
    run(&desk, &["key", "suspend", "vault:branch/kmc"]).expect(0);
    run(&desk, &derives(MASTER)).expect(0);
    refused(&desk, &derives("kdf3+vault:branch/kmc"), 8, "vault:branch/kmc:1` is suspended");
}
