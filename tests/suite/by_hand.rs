//! What the suite does before it touches a real card, and that it leaves it as it was: tried on a virtual one, which the
//! suite takes for real.

use crate::real::COUNTS;
use crate::target::{Target, not_here};
use cardwright_tests::cli::{Desk, Outcome, finish, program};
use cardwright_tests::java::{self, APPLETS};
use cardwright_tests::rig::Rig;
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

const READER: &str = "Virtual PCD 00 00";
const KEY: &str = "gp-test@0x30";
const SOME: &[&str] = &["a_card_says_what_it_is"];

/// A card, and what the suite runs with.
struct Bench {
    rig: Rig,
    desk: Desk,
}

impl Bench {
    #[track_caller]
    fn start(what: &str, words: &str, applets: &[&str]) -> Option<Self> {
        if Target::of_environment() != Target::Sim {
            not_here(what, "with CARD=sim only, which is the same on every machine");
            return None;
        }
        Some(Self { rig: java::rig(what, words, applets)?, desk: Desk::new() })
    }

    /// This program again, with the card as a real one.
    fn suite(&self, key: Option<&str>, confirm: Option<&str>, says: &str, tests: &[&str]) -> Outcome {
        let mut command = self.rig.command(self.desk.path(), std::env::current_exe().expect("a path"));
        command.args(tests).env("CARD", format!("pcsc:{READER}")).env("XDG_STATE_HOME", self.desk.path());
        for (name, value) in [("CARD_KEY", key), ("CARD_CONFIRM", confirm)] {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = command.stdin(Stdio::piped()).spawn().expect("a shell");
        // It may end without asking.
        let _ = child.stdin.take().expect("a pipe").write_all(says.as_bytes());
        finish(child)
    }

    fn ask(&self, args: &[&str]) -> Value {
        let mut command = self.rig.command(self.desk.path(), program());
        command.args(["--json", "--reader", &format!("pcsc:{READER}")]).args(args);
        finish(command.spawn().expect("a shell")).expect(0).json()
    }

    /// Key sets, PIN, tries and share.
    fn state(&self) -> [Value; 2] {
        [self.ask(&["info"]), self.ask(&["custodian", "info"])]
    }

    /// The sequence counter of the card's set 0x30, after it went on by one.
    fn counter(&self) -> u32 {
        let answer = self.ask(&["apdu", "8050300008010203040506070800"]);
        let data = answer["responses"][0]["data"].as_str().expect("hex").to_owned();
        u32::from_str_radix(&data[data.len() - 6..], 16).expect("a counter")
    }
}

#[test]
fn a_real_card_wants_its_keys_named_and_a_yes() {
    let Some(bench) = Bench::start("a real card, asked for", "kvn=0x30", &APPLETS) else { return };
    let before = bench.counter();
    for (key, confirm, says, why) in [
        (None, Some("yes"), "yes\n", "CARD_KEY is not set"),
        (Some("gp-test"), Some("yes"), "yes\n", "wants the number of the key set"),
        (Some("file:keys.hex@0x30"), Some("yes"), "yes\n", "a path from the root"),
        (Some("prompt@0x30"), Some("yes"), "yes\n", "a path from the root"),
        (Some(KEY), None, "", "nobody said yes"),
        (Some(KEY), None, "no\n", "nobody said yes"),
        (Some(KEY), Some("y"), "y\n", "nobody said yes"),
    ] {
        let refused = bench.suite(key, confirm, says, &[]).expect(101);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains(why) && said.contains("Nothing on the card was changed"), "{refused:#?}");
        // Before a yes comes the list, but there is none where it cannot be made.
        assert_eq!(said.contains("this is going to change"), key == Some(KEY), "{refused:#?}");
    }
    assert_eq!(bench.counter(), before + 1, "no session was begun");
    for (confirm, says) in [(None, "yes\n"), (Some("yes"), "")] {
        let done = bench.suite(Some(KEY), confirm, says, SOME).expect(0);
        assert!(done.stderr.contains("this is going to change"), "{done:#?}");
        assert_eq!(done.stderr.contains("Type yes to go on"), confirm.is_none(), "{done:#?}");
    }
}

#[test]
fn a_real_card_is_left_as_it_was_found() {
    let Some(bench) = Bench::start("a real card, left", "kvn=0x30", &APPLETS) else { return };
    let (before, counter) = (bench.state(), bench.counter());
    let done = bench.suite(Some(KEY), Some("yes"), "", &[]).expect(0);
    for line in [
        &format!("goes on by {COUNTS} at most"),
        "- key set 0x31: added, replaced and deleted",
        "- custodian applet: gets the PIN 48291655, then 5550123",
        "it has the key sets, the PIN and the share that it has now",
    ] {
        assert!(done.stderr.contains(line), "{line}: {done:#?}");
    }
    assert_eq!(done.stderr.matches("this is going to change").count(), 1, "said once");
    assert_eq!(bench.state(), before);
    let moved = bench.counter() - counter;
    println!("the counter went on by {moved}");
    // What was listed was done, and no more.
    assert!((20..=COUNTS).contains(&moved), "{moved}");
}

#[test]
fn what_a_real_card_does_not_offer_is_left_out() {
    let Some(bench) = Bench::start("a real card with less", "i=00", &[]) else { return };
    let before = bench.ask(&["info"]);
    let done = bench.suite(Some("gp-test@0xFF"), Some("yes"), "", &[]).expect(0);
    assert!(done.stderr.contains("- key sets: none (the card has its initial keys, 0xFF"), "{done:#?}");
    assert!(done.stderr.contains("- custodian applet: nothing (the card has no custodian applet)"), "{done:#?}");
    assert!(done.stderr.contains("SKIPPED a key set and back: the card has its initial keys"), "{done:#?}");
    assert!(done.stderr.contains("SKIPPED a blind share: the card has no custodian applet"), "{done:#?}");
    assert_eq!(bench.ask(&["info"]), before);
}

#[test]
fn a_custodians_pin_is_not_the_suites_to_wipe() {
    let Some(bench) = Bench::start("a real card with a PIN", "kvn=0x30", &APPLETS) else { return };
    let pin = bench.desk.key_file("pin", "4829");
    bench.ask(&["--state-dir", "cardwright", "custodian", "pin", "set", "--new", &pin, "--key", KEY]);
    let before = bench.state();
    let done = bench.suite(Some(KEY), Some("yes"), "", &["custodian::"]).expect(0);
    assert!(done.stderr.contains("- custodian applet: nothing (it has a PIN or a share"), "{done:#?}");
    assert_eq!(bench.state(), before);
}
