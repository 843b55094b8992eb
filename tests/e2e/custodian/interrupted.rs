//! Answers that are lost: what is done is reported as done, and what nobody knows comes with what to do.

use super::{PIN, WRONG, desk};
use cardwright_link::{SmartCard, VirtualCard};
use cardwright_proto::custody::get_state::{GetState, State};
use cardwright_proto::custody::{PERSONALIZED, SELECTABLE};
use cardwright_proto::gp::Command;
use cardwright_proto::status::StatusWord;
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::gate::Gate;

/// A command line, what it reports, and whether the card's state shows that it is done.
struct Case {
    before: &'static [&'static [&'static str]],
    args: &'static [&'static str],
    result: &'static str,
    ins: u8,
    advice: &'static str,
    done: fn(&State) -> bool,
}

const SET: &[&str] = &["pin", "set", "--new", "file:pin"];
const STORE: &[&str] = &["store", "--share", "share.toml", "--mode", "host", "--pin", "file:pin"];
const READ: &[&str] = &["read", "--out", "back.toml", "--pin", "file:pin"];

const CASES: [Case; 5] = [
    Case {
        before: &[],
        args: SET,
        result: "pin-set",
        ins: 0x24,
        advice: "the card has the old or the new PIN, or its first one where it had none",
        done: |state| state.card.life_cycle == PERSONALIZED,
    },
    Case {
        before: &[SET],
        args: &["pin", "change", "--pin", "file:pin", "--new", "file:wrong"],
        result: "pin-changed",
        ins: 0x24,
        advice: "a wrong one costs one try, the right one gives all back",
        done: |state| state.tries == 3,
    },
    Case {
        before: &[SET],
        args: STORE,
        result: "stored",
        ins: 0x30,
        advice: "`cardwright custodian info` tells whether the share is on the card",
        done: |state| state.share.is_some(),
    },
    Case {
        before: &[SET, STORE],
        args: &["wipe", "--yes", "--pin", "file:pin"],
        result: "share-wiped",
        ins: 0x34,
        advice: "`cardwright custodian info` tells whether the share is gone",
        done: |state| state.share.is_none(),
    },
    Case {
        before: &[SET, STORE],
        args: &["wipe", "--yes", "--all"],
        result: "all-wiped",
        ins: 0x34,
        advice: "`cardwright custodian info` tells whether the share is gone",
        done: |state| state.share.is_none() && state.card.life_cycle == SELECTABLE,
    },
];

fn run(desk: &Desk, card: &mut Gate<VirtualCard>, args: &[&str]) -> Outcome {
    desk.run_with(card, &[&["custodian"], args, &["--key", "gp-test", "--json"]].concat())
}

/// What the card says of itself, without the program.
fn state(card: &mut Gate<VirtualCard>) -> State {
    card.power_on();
    let mut answer = Vec::new();
    card.card.process(&[&[0, 0xA4, 4, 0, 7], &b"\xF0CWCUST"[..]].concat(), &mut answer).expect("power");
    card.card.process(&[0x80, 0x36, 0, 0, 0], &mut answer).expect("power");
    let (data, sw) = answer.split_last_chunk::<2>().expect("a status word");
    let sw = StatusWord(u16::from_be_bytes(*sw));
    GetState.response(cardwright_proto::apdu::Response { data, sw }).expect("a state")
}

impl Case {
    fn set_up(&self) -> (Desk, Gate<VirtualCard>) {
        let (desk, mut card) = (desk(), Gate::new(VirtualCard::from_profile("").expect("a card")));
        for args in self.before {
            run(&desk, &mut card, args).expect(0);
        }
        card.forget();
        (desk, card)
    }

    /// The numbers of the commands that it sends, its last one with this INS first.
    fn places(&self) -> (usize, usize) {
        let (desk, mut card) = self.set_up();
        run(&desk, &mut card, self.args).expect(0);
        let effect = card.seen.iter().rposition(|command| command[1] == self.ins).expect("sent");
        assert_eq!(card.seen.len(), effect + 2, "GET STATE, once, is what follows");
        (effect, effect + 1)
    }
}

/// GET STATE behind the effect: what was done is reported as done.
#[test]
fn the_last_answer_is_lost() {
    for case in &CASES {
        let (_, last) = case.places();
        let (desk, mut card) = case.set_up();
        card.lose_at(last);
        let outcome = run(&desk, &mut card, case.args).expect(10);
        let said = outcome.json();
        assert_eq!((&said["result"], &said["error"]["code"]), (&case.result.into(), &10.into()), "{outcome:#?}");
        assert!(
            outcome.stderr.contains("error: done; the card's state afterwards is unknown: GET STATE: "),
            "{outcome:#?}"
        );
        assert!(!outcome.stderr.contains("run the same command again"), "{outcome:#?}");
        assert_eq!(said["kept_in"].is_string(), case.result == "stored");
        assert!((case.done)(&state(&mut card)), "{}", case.result);
        let log = std::fs::read_to_string(desk.path().join("state/audit.log")).expect("an audit log");
        assert!(!log.lines().last().expect("events").contains(".intended"), "{log}");
    }
}

/// The effect's own answer: nobody knows, and the advice is the command's.
#[test]
fn the_answer_to_the_effect_is_lost() {
    for case in &CASES {
        let (effect, _) = case.places();
        let (desk, mut card) = case.set_up();
        card.lose_at(effect);
        let outcome = run(&desk, &mut card, case.args).expect(3);
        assert!(outcome.stderr.contains("nobody knows"), "{outcome:#?}");
        assert!(outcome.stderr.contains(case.advice), "{outcome:#?}");
        assert!((case.done)(&state(&mut card)), "{}", case.result);
        let log = std::fs::read_to_string(desk.path().join("state/audit.log")).expect("an audit log");
        assert!(log.lines().last().expect("events").contains(".failed"), "{log}");
    }
}

/// As the advice on CHANGE PIN says: the wrong one costs one try, the right one gives all back.
#[test]
fn after_a_lost_change_the_right_pin_gives_all_back() {
    let case = &CASES[1];
    let (effect, _) = case.places();
    let (desk, mut card) = case.set_up();
    card.lose_at(effect);
    run(&desk, &mut card, case.args).expect(3);
    run(&desk, &mut card, case.args).expect(4);
    assert_eq!(state(&mut card).tries, 2);
    run(&desk, &mut card, &["pin", "change", "--pin", "file:wrong", "--new", "file:pin"]).expect(0);
    assert_eq!(state(&mut card).tries, 3);
    assert_ne!(PIN, WRONG);
}

/// Nothing of a share that did not come whole, and no file in its way the next time.
#[test]
fn an_answer_to_reading_is_lost() {
    let (desk, mut card) = CASES[3].set_up();
    run(&desk, &mut card, READ).expect(0);
    std::fs::remove_file(desk.path().join("back.toml")).expect("read");
    let commands = card.seen.len();
    // SELECT, GET DATA, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, GET STATE, VERIFY, READ SHARE twice.
    assert_eq!(commands, 8);
    for (lost, advice) in [
        (4, "nothing was changed: run the same command again"),
        (5, "the PIN may have cost a try, which the right one gives back"),
        (6, "the card still has the share, and the file was not made"),
        (7, "the card still has the share, and the file was not made"),
    ] {
        card.forget();
        card.lose_at(lost);
        let outcome = run(&desk, &mut card, READ).expect(3);
        assert!(outcome.stderr.contains(advice), "{outcome:#?}");
        assert!(!desk.path().join("back.toml").exists(), "command {lost}");
    }
    card.forget();
    run(&desk, &mut card, READ).expect(0);
}
