//! Activation on a day.

use super::{KEY, office, states};
use crate::approvals::{json, run};
use cardwright_tests::cli::Desk;
use rusqlite::Connection;

const DERIVE: &[&str] = &["key", "derive", "kdf3+vault:office/kmc", "--input", "00010203040506070809"];

/// Lets time go by: the moment that was chosen is past.
fn its_day_comes(desk: &Desk) {
    let db = Connection::open(desk.path().join("state/registry.db")).expect("a database");
    assert_eq!(db.execute("UPDATE dues SET at = 1700000000", []).expect("SQL"), 1);
}

#[test]
fn a_day_that_is_past_is_now() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--pre-operational"]).expect(0);
    let done = json(&desk, &["key", "activate", KEY, "--on", "2026-01-31"]);
    assert_eq!((&done["result"], &done["active_from"]), (&"active".into(), &serde_json::Value::Null));
    assert_eq!(states(&desk), ["active"]);
}

#[test]
fn a_later_day_is_waited_for() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    let rotated = json(&desk, &["key", "rotate", KEY, "--on", "2099-01-31"]);
    let expected = (&"scheduled".into(), &"2099-01-31T00:00:00Z".into(), &2.into());
    assert_eq!((&rotated["result"], &rotated["active_from"], &rotated["version"]), expected);
    assert_eq!(states(&desk), ["active", "pre-operational"]);
    let due = json(&desk, &["key", "due", "--within", "36500d"]);
    let activation = due["due"].as_array().expect("a list").iter().find(|one| one["what"] == "activation");
    assert_eq!(activation.expect("it is due")["key"], "vault:office/kmc:2");
    // Nothing is made with it before its day, and a command later everything is.
    run(&desk, &["demo", "--cards", "1", "--new", "kdf3+vault:office/kmc:2"]).expect(8);
    its_day_comes(&desk);
    let first = run(&desk, DERIVE).expect(0);
    assert!(first.stderr.contains("vault:office/kmc:2 is active now: its date has come"), "{first:#?}");
    assert_eq!(states(&desk), ["deactivated", "active"]);
    run(&desk, &["demo", "--cards", "1", "--new", "kdf3+vault:office/kmc:2"]).expect(0);
    let again = run(&desk, DERIVE).expect(0);
    assert!(!again.stderr.contains("its date has come"), "{again:#?}");
}

/// The day is changed by saying it again, and given up by whatever leads elsewhere.
#[test]
fn a_day_is_changed_or_given_up() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--pre-operational"]).expect(0);
    run(&desk, &["key", "activate", KEY, "--on", "2099-01-31"]).expect(0);
    let later = json(&desk, &["key", "activate", KEY, "--on", "2100-01-31"]);
    assert_eq!(later["active_from"], "2100-01-31T00:00:00Z");
    let due = || run(&desk, &["key", "due", "--within", "36500d"]).expect(0).stdout;
    assert_eq!(due(), "vault:office/kmc:1 (pre-operational): is activated at 2100-01-31T00:00:00Z\n");
    // Confirmed, it has another history than the one that the day was set for.
    let confirmed = run(&desk, &["key", "confirm", KEY]).expect(0);
    assert!(
        confirmed.stderr.contains("was to be active from 2100-01-31T00:00:00Z: that date is off"),
        "{confirmed:#?}"
    );
    assert_eq!(due(), "nothing is due\n");
    run(&desk, &["key", "activate", KEY, "--on", "2099-01-31"]).expect(0);
    run(&desk, &["key", "compromise", KEY]).expect(0);
    assert_eq!(due(), "nothing is due\n");
    let listed = run(&desk, &["key", "list"]).expect(0);
    assert!(!listed.stderr.contains("active now"), "{listed:#?}");
    assert_eq!(states(&desk), ["compromised"]);
}

#[test]
fn a_version_that_waits_is_the_one_that_rotation_goes_on_with() {
    let desk = office();
    run(&desk, &["key", "generate", KEY]).expect(0);
    run(&desk, &["key", "rotate", KEY, "--on", "2099-01-31"]).expect(0);
    run(&desk, &["key", "rotate", KEY]).expect(0);
    assert_eq!(states(&desk), ["deactivated", "active"]);
    run(&desk, &["key", "rotate", KEY, "--on", "31.01.2099"]).expect(2);
    run(&desk, &["key", "rotate", KEY, "--on", "2099-02-30"]).expect(2);
    assert_eq!(states(&desk), ["deactivated", "active"]);
}
