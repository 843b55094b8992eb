//! Two processes that use one approval at once: one of them does.

use super::{KEY, approved, audit, edit, held, rows, state};
use crate::approvals::run;
use cardwright_tests::cli::{Desk, Outcome, finish};

/// Starts both before either has ended.
fn both(desk: &Desk, args: &[&str]) -> [Outcome; 2] {
    let args = [&["--config", "cardwright.toml"], args].concat();
    let start = || desk.command(&args).spawn().expect("the program starts");
    let started = [start(), start()];
    started.map(finish)
}

/// One of them has done it. The other was too late: told so by the registry, or by what it found.
#[track_caller]
fn one_of(outcomes: &[Outcome; 2]) {
    let done = outcomes.iter().filter(|outcome| outcome.code() == 0).count();
    assert_eq!(done, 1, "{outcomes:#?}");
    let late = outcomes.iter().find(|outcome| outcome.code() != 0).expect("one");
    assert!([2, 8, 9, 11].contains(&late.code()), "{late:#?}");
    assert!(!late.stderr.contains("panicked"), "{late:#?}");
}

#[test]
fn one_approval_is_one_step() {
    let desk = held();
    for round in 0..4_i64 {
        let request = approved(&desk, &["key", "reactivate", KEY], &["ben"]);
        one_of(&both(&desk, &["key", "reactivate", KEY]));
        assert_eq!(state(&desk, KEY), "active");
        assert_eq!(rows(&desk, "SELECT count(*) FROM steps"), [[(4 + 2 * round).into()]]);
        assert_eq!(audit(&desk).matches(&format!("request {request} served")).count(), 1);
        run(&desk, &["key", "suspend", KEY]).expect(0);
    }
}

#[test]
fn one_approval_is_one_exception() {
    let desk = held();
    run(&desk, &["key", "compromise", KEY]).expect(0);
    let derive = ["key", "derive", "kdf3+vault:office/kmc", "--input", "00010203040506070809"];
    let excepted = [["--despite-compromise", "reading an old card"].as_slice(), &derive].concat();
    for _ in 0..3 {
        let request = approved(&desk, &excepted, &["ben"]);
        one_of(&both(&desk, &excepted));
        assert_eq!(audit(&desk).matches(&format!("request {request} served")).count(), 1);
        // Whoever was late may have asked for another one.
        edit(&desk, "DELETE FROM requests WHERE spent = 0", []);
    }
}

/// The vault's key goes once, and both know in the end that it is gone.
#[test]
fn one_approval_is_one_destruction() {
    let desk = held();
    approved(&desk, &["key", "destroy", KEY, "--yes"], &["ben", "cem"]);
    one_of(&both(&desk, &["key", "destroy", KEY, "--yes"]));
    assert_eq!(state(&desk, KEY), "destroyed");
    assert_eq!(rows(&desk, "SELECT count(*) FROM steps WHERE act = 'destroy'"), [[1.into()]]);
    run(&desk, &["registry", "check"]).expect(0);
}

/// Two keys of one name are never made.
#[test]
fn two_that_generate_make_one() {
    let desk = held();
    for round in 0..4 {
        let key = format!("vault:office/new{round}");
        one_of(&both(&desk, &["key", "generate", &key, "--type", "aes128"]));
        assert_eq!(state(&desk, &key), "pre-operational");
    }
    run(&desk, &["registry", "check"]).expect(0);
}
