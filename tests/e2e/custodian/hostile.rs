//! Somebody on the line. Error status words have no MAC, and what comes before the session has none either: neither
//! makes the program state a fact, or advise to destroy a share.

use super::{Desk, Outcome, VALUE, desk};
use cardwright_link::{SmartCard, Torn, VirtualCard};
use cardwright_tests::altered::Altered;
use cardwright_tests::gate::Gate;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const SET: &[&str] = &["pin", "set", "--new", "file:pin"];
const CHANGE: &[&str] = &["pin", "change", "--pin", "file:pin", "--new", "file:wrong"];
const STORE: &[&str] = &["store", "--share", "share.toml", "--mode", "host", "--pin", "file:pin"];
const READ: &[&str] = &["read", "--out", "back.toml", "--pin", "file:pin"];
const WIPE: &[&str] = &["wipe", "--yes", "--pin", "file:pin"];
const WIPE_ALL: &[&str] = &["wipe", "--yes", "--all"];

const SELECT_INS: u8 = 0xA4;
const VERIFY: u8 = 0x20;
const CHANGE_PIN: u8 = 0x24;
const STORE_SHARE: u8 = 0x30;
const READ_SHARE: u8 = 0x32;
const WIPE_SHARE: u8 = 0x34;

fn run<C: SmartCard + Send>(desk: &Desk, card: &mut C, args: &[&str]) -> Outcome {
    let key: &[&str] = if args[0] == "info" { &[] } else { &["--key", "gp-test"] };
    desk.run_with(card, &[&["custodian"], args, key].concat())
}

fn card(desk: &Desk, before: &[&[&str]]) -> Gate<VirtualCard> {
    let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
    for args in before {
        run(desk, &mut card, args).expect(0);
    }
    card.forget();
    card
}

/// Answers with this status word in the card's place, to each command of this INS that has come so often.
fn forge(ins: u8, nth: u32, sw: [u8; 2]) -> impl FnMut(&[u8], &mut Vec<u8>) + Send {
    let seen = AtomicU32::new(0);
    move |command, response| {
        if command.get(1) == Some(&ins) && seen.fetch_add(1, Ordering::Relaxed) == nth {
            *response = sw.to_vec();
        }
    }
}

/// The card's state does not explain them.
#[test]
fn a_forged_refusal_states_no_fact() {
    for (args, ins, nth, sw) in [
        (READ, VERIFY, 0, [0x69, 0x83]),
        (WIPE, VERIFY, 0, [0x69, 0x83]),
        (READ, VERIFY, 0, [0x69, 0x85]),
        (READ, READ_SHARE, 0, [0x69, 0x85]),
        (READ, READ_SHARE, 1, [0x69, 0x85]),
        (READ, READ_SHARE, 0, [0x6A, 0x88]),
        (CHANGE, CHANGE_PIN, 0, [0x69, 0x83]),
        (CHANGE, CHANGE_PIN, 0, [0x69, 0x85]),
    ] {
        let desk = desk();
        let mut card = Altered::new(card(&desk, &[SET, STORE]), forge(ins, nth, sw));
        let outcome = run(&desk, &mut card, args).expect(4);
        assert!(outcome.stderr.contains("the refusal is not authenticated"), "{args:?} {sw:02X?}: {outcome:#?}");
        for fact in ["wipe", "lost", "blind", "there is no", "destroys"] {
            assert!(!outcome.stderr.contains(fact), "{args:?} {sw:02X?}: {fact}: {outcome:#?}");
        }
        assert!(!desk.path().join("back.toml").exists());
    }
    for (ins, nth, sw) in [(VERIFY, 0, [0x69, 0x83]), (STORE_SHARE, 0, [0x69, 0x85])] {
        let desk = desk();
        let mut card = Altered::new(card(&desk, &[SET]), forge(ins, nth, sw));
        let outcome = run(&desk, &mut card, STORE).expect(4);
        assert!(outcome.stderr.contains("the refusal is not authenticated"), "{outcome:#?}");
        assert!(!outcome.stderr.contains("wipe"), "{outcome:#?}");
    }
}

/// 63CX has a MAC, so nobody but the card says it.
#[test]
fn a_forged_wrong_pin_is_noticed() {
    for sw in [[0x63, 0xC0], [0x63, 0xC2]] {
        let desk = desk();
        let mut card = Altered::new(card(&desk, &[SET, STORE]), forge(VERIFY, 0, sw));
        let outcome = run(&desk, &mut card, READ).expect(7);
        assert!(!outcome.stderr.contains("wipe") && !outcome.stderr.contains("PIN is wrong"), "{outcome:#?}");
    }
}

/// What the card has done all the same is done: its own word under the session's protection counts.
#[test]
fn a_forged_refusal_undoes_nothing() {
    for (before, args, ins, nth, sw) in [
        (&[][..], SET, CHANGE_PIN, 0, [0x69, 0x85]),
        (&[SET], STORE, STORE_SHARE, 1, [0x69, 0x85]),
        (&[SET, STORE], WIPE, WIPE_SHARE, 0, [0x6A, 0x88]),
        (&[SET, STORE], WIPE_ALL, WIPE_SHARE, 0, [0x6A, 0x88]),
    ] {
        let desk = desk();
        let mut card = Altered::new(card(&desk, before), forge(ins, nth, sw));
        run(&desk, &mut card, args).expect(0);
    }
}

/// A card that somebody else uses up while a session is open.
struct UsedUp(VirtualCard);

impl SmartCard for UsedUp {
    fn power_on(&mut self) {
        self.0.power_on();
    }

    fn power_off(&mut self) {
        self.0.power_off();
    }

    fn atr(&self) -> &[u8] {
        SmartCard::atr(&self.0)
    }

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        if command.get(1) == Some(&VERIFY) {
            for _ in 0..3 {
                self.0.process(b"\x00\x20\x00\x00\x041111", response)?;
            }
        }
        self.0.process(command, response)
    }
}

/// Then the refusal is true, and the card says so itself.
#[test]
fn a_pin_that_is_blocked_is_proved_to_be() {
    let desk = desk();
    let mut card = UsedUp(card(&desk, &[SET, STORE]).card);
    let outcome = run(&desk, &mut card, READ).expect(6);
    assert!(outcome.stderr.contains("error: the PIN is blocked: that share is lost"), "{outcome:#?}");
}

/// A person who is asked sees the card that is wiped, not what somebody says of another one.
#[test]
fn the_state_at_the_prompt_is_authenticated() {
    let desk = desk();
    let mut gate = card(&desk, &[SET, STORE]);
    let outcome = run(&desk, &mut gate, &["wipe", "--all"]).expect(2);
    assert!(outcome.stderr.contains("share   2 of 3, 2 make the key"), "{outcome:#?}");
    let states: Vec<_> = gate.seen.iter().filter(|command| command[1] == 0x36).map(|command| command[0]).collect();
    assert_eq!(states, [0x84], "in the session, and once");
    assert_eq!(gate.count(WIPE_SHARE), 0);
}

/// Changes a part of the answer to SELECT.
fn in_fci(from: &'static [u8], to: &'static [u8]) -> impl FnMut(&[u8], &mut Vec<u8>) + Send {
    move |command, response| {
        if command.get(1) == Some(&SELECT_INS)
            && let Some(at) = response.windows(from.len()).position(|window| window == from)
        {
            response[at..at + from.len()].copy_from_slice(to);
        }
    }
}

const ALL: [&[&str]; 7] = [&["info"], SET, CHANGE, STORE, READ, WIPE, WIPE_ALL];

#[test]
fn another_version_of_the_applet() {
    for args in ALL {
        let desk = desk();
        let behind = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&behind);
        let mut version = in_fci(&[0x80, 2, 2, 0], &[0x80, 2, 3, 1]);
        let mut card = Altered::new(card(&desk, &[]), move |command, response| {
            counted.fetch_add(u32::from(command.get(1) != Some(&SELECT_INS)), Ordering::Relaxed);
            version(command, response);
        });
        let outcome = run(&desk, &mut card, args).expect(2);
        let says = "the card's custodian applet has version 3.1, and this program works with version 2";
        assert!(outcome.stderr.contains(says), "{outcome:#?}");
        assert_eq!(behind.load(Ordering::Relaxed), 0, "{args:?}: nothing behind SELECT");
    }
}

#[test]
fn another_card_than_select_told_of() {
    for args in ALL {
        let desk = desk();
        let plain = VirtualCard::from_profile("custodian=0102030405060708").expect("a card");
        let identity = in_fci(&[1, 2, 3, 4, 5, 6, 7, 8], &[1, 2, 3, 4, 5, 6, 7, 9]);
        let outcome = run(&desk, &mut Altered::new(plain, identity), args).expect(7);
        assert!(outcome.stderr.contains("another version or identity than SELECT told"), "{outcome:#?}");
    }
}

#[test]
fn no_applet() {
    for args in ALL {
        let desk = desk();
        let mut card = Altered::new(card(&desk, &[]), forge(SELECT_INS, 0, [0x6A, 0x82]));
        let outcome = run(&desk, &mut card, args).expect(4);
        assert!(outcome.stderr.contains("error: there is no custodian applet on this card\n  next: "), "{outcome:#?}");
    }
}

/// The share's value where something else belongs, on the way out as well as in JSON.
#[test]
fn a_share_file_is_not_repeated() {
    let desk = desk();
    let good = super::share(3);
    for line in good.lines().filter(|line| !line.starts_with("value")) {
        let name = line.split(" = ").next().expect("a name");
        for value in [format!("\"{VALUE}\""), VALUE.to_owned(), format!("0x{}", &VALUE[..15]), format!("[\"{VALUE}\"]")]
        {
            desk.key_file("slip.toml", &good.replace(line, &format!("{name} = {value}")));
            let store = ["store", "--share", "slip.toml", "--mode", "host", "--pin", "file:pin", "--dry-run"];
            for json in [&[][..], &["--json"]] {
                let args = [&["custodian"], &store[..], &["--key", "gp-test"], json].concat();
                let outcome = desk.run(&args);
                assert!(matches!(outcome.code(), 0 | 2), "{outcome:#?}");
                let (stdout, stderr) = (outcome.stdout.to_uppercase(), outcome.stderr.to_uppercase());
                assert!(
                    !stdout.contains(&VALUE[..6]) && !stderr.contains(&VALUE[..6]),
                    "{name} = {value}: {outcome:#?}"
                );
                // As a number it may come back in decimal.
                let number = u64::from_str_radix(&VALUE[..15], 16).expect("hex").to_string();
                assert!(!stdout.contains(&number) && !stderr.contains(&number), "{name} = {value}: {outcome:#?}");
            }
        }
    }
}
