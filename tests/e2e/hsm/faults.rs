//! A module that fails at any call of a key change: the error is clear, the journal knows the card, the same command
//! again finishes, and nothing is left in the token.

use super::{configure, desk_behind, desk_with, known_master, run};
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::hsm::{Kind, Token};

/// The key change that everything happens in.
fn put(desk: &Desk) -> Outcome {
    let put = ["card", "keys", "put", "--key", "gp-test", "--new", "kdf3+vault:hsm/known", "--kvn", "0x30"];
    run(desk, &[["--json", "--reader", "sim:state=card"].as_slice(), &put].concat())
}

/// How many calls a whole change makes.
fn calls(token: &Token) -> u64 {
    let tap = token.tap();
    assert_eq!(put(&desk_behind(token, &tap)).expect(0).json()["result"], "loaded");
    tap.count()
}

/// One fault, at every call in turn. Whatever it was, the same command ends well when the module does its work again.
fn at_every_call(kind: Kind, fault: &str) {
    let Some(token) = Token::new(&format!("{fault} at every call, {kind:?}"), kind) else { return };
    known_master(&token, 16);
    let calls = calls(&token);
    assert!(calls > 20, "{calls} calls");
    let mut failed = 0;
    for number in 1..=calls {
        let tap = token.tap().failing(&format!("{number}:{fault}"));
        let desk = desk_behind(&token, &tap);
        let outcome = put(&desk);
        let place = format!("{kind:?}, {number}:{fault}: {outcome:#?}");
        assert!(!outcome.stderr.contains("panicked"), "{place}");
        match (outcome.code(), fault.starts_with("kill")) {
            (0, _) => {}
            (-1, true) => failed += 1,
            (3..=10, false) => {
                failed += 1;
                let message = outcome.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
                assert!(message.len() > 20, "{place}");
            }
            _ => panic!("{place}"),
        }
        assert_eq!(token.objects().len(), 1, "left in the token: {:#?}, {place}", token.objects());
        configure(&desk, &token.uri(), "");
        let again = put(&desk).expect(0).json()["result"].clone();
        assert!(["loaded", "finished", "already-there"].map(Into::into).contains(&again), "{again}, {place}");
    }
    println!("{kind:?}: {fault} at each of {calls} calls, {failed} runs failed, the next one ended them all");
    // Most lengths are known before the token says them, and one too many is cut.
    let least = if fault == "long" { 1 } else { 10 };
    assert!(failed >= least, "only {failed} of {calls} calls mattered");
}

/// A run with one fault in it, behind the tap; what is wrong with it, or nothing.
fn faulty(token: &Token, args: &[&str], fault: &str) -> (Desk, Outcome) {
    let tap = token.tap().failing(fault);
    let desk = desk_with(tap.env(), &tap.uri(), "");
    let outcome = run(&desk, args);
    assert!(!outcome.stderr.contains("panicked"), "{fault}: {outcome:#?}");
    configure(&desk, &token.uri(), "");
    (desk, outcome)
}

/// Of a set of three keys a killed program may leave one or two; `key destroy` clears them away, and nothing else is left.
#[test]
fn half_a_set_can_be_destroyed() {
    let generate = ["key", "generate", "vault:hsm/card", "--purpose", "card", "--type", "aes128"];
    let destroy = ["key", "destroy", "vault:hsm/card", "--yes"];
    let Some(token) = Token::new("faults in key generate and key destroy", Kind::Kryoptic) else { return };
    let tap = token.tap();
    let desk = desk_with(tap.env(), &tap.uri(), "");
    run(&desk, &generate).expect(0);
    let making = tap.count();
    configure(&desk, &token.uri(), "");
    run(&desk, &destroy).expect(0);
    for fault in ["error", "kill-after"] {
        for number in 1..=making {
            let (desk, outcome) = faulty(&token, &generate, &format!("{number}:{fault}"));
            let left = token.objects().len();
            assert!(left <= 3, "{number}:{fault}: {outcome:#?}");
            let cleared = run(&desk, &destroy);
            assert!(
                cleared.code() == 0 || (cleared.code() == 8 && left == 0),
                "{number}:{fault}: {left}, {cleared:#?}"
            );
            assert_eq!(token.objects(), [], "{number}:{fault}: {cleared:#?}");
        }
        let mut number = 1;
        loop {
            let tap_calls = calls_of_destroy(&token, (&generate, &destroy), number, fault);
            number += 1;
            if number > tap_calls {
                break;
            }
        }
    }
}

/// Makes a set, destroys it with a fault, then without; gives how many calls the first destruction had.
fn calls_of_destroy(token: &Token, (generate, destroy): (&[&str], &[&str]), number: u64, fault: &str) -> u64 {
    let tap = token.tap().failing(&format!("{number}:{fault}"));
    let desk = desk_with(tap.env(), &token.uri(), "");
    run(&desk, generate).expect(0);
    configure(&desk, &tap.uri(), "");
    run(&desk, destroy);
    configure(&desk, &token.uri(), "");
    run(&desk, destroy);
    assert_eq!(token.objects(), [], "{number}:{fault}");
    tap.count()
}

/// Killed wherever it stands, the probe leaves nothing behind.
#[test]
fn a_killed_probe_leaves_nothing() {
    for kind in Kind::ALL {
        let Some(token) = Token::new(&format!("a killed probe, {kind:?}"), kind) else { continue };
        let tap = token.tap();
        let probe = |uri: &str, env| Desk::new().with_env(env).run(&["hsm", "probe", uri]);
        probe(&tap.uri(), tap.env());
        let calls = tap.count();
        assert!(calls > 100, "{calls} calls");
        for number in (1..=calls).step_by(7) {
            let tap = token.tap().failing(&format!("{number}:kill-after"));
            assert_eq!(probe(&tap.uri(), tap.env()).code(), -1, "{kind:?}, call {number}");
            assert_eq!(token.objects(), [], "{kind:?}, call {number}");
        }
        println!("{kind:?}: killed at every seventh of {calls} calls, nothing was left");
    }
}

macro_rules! faults {
    ($($name:ident: $kind:ident $fault:literal;)*) => {
        $(#[test]
        fn $name() {
            at_every_call(Kind::$kind, $fault);
        })*
    };
}

faults! {
    kryoptic_fails: Kryoptic "error";
    kryoptic_loses_the_session: Kryoptic "session";
    kryoptic_is_removed: Kryoptic "removed";
    kryoptic_says_less: Kryoptic "short";
    kryoptic_says_more: Kryoptic "long";
    kryoptic_says_nothing: Kryoptic "empty";
    killed_before_a_call: Kryoptic "kill-before";
    killed_after_a_call: Kryoptic "kill-after";
    softhsm_fails: SoftHsm "error";
    softhsm_is_removed: SoftHsm "removed";
}
