//! The two files that everything is checked against.

use super::{name, operator, operators, public};
use crate::approval::{OperatorError, Operators, Policy, PolicyError, Rule, day, span};
use crate::lifecycle::{Act, Role};
use serde_json::{Value, json};

fn read(rules: Value) -> Result<Policy, String> {
    serde_json::from_value(json!({ "rule": rules })).map_err(|error| error.to_string())
}

fn rule(operation: &str, approvals: usize) -> Value {
    json!({ "operation": operation, "approvals": approvals, "of": ["custodian"] })
}

#[track_caller]
fn refused(rules: Value, error: &PolicyError) {
    assert_eq!(read(rules).unwrap_err(), error.to_string());
}

#[test]
fn a_policy_says_what_it_says() {
    let policy = read(json!([
        { "operation": "destroy", "approvals": 2, "of": ["custodian", "key-manager"], "within": "30m" },
        rule("suspend", 0),
    ]))
    .unwrap();
    let of = vec![Role::Custodian, Role::KeyManager];
    assert_eq!(policy.rule(Act::Destroy), Rule { approvals: 2, of, within: 1800 });
    assert_eq!(policy.rule(Act::Suspend), Rule { approvals: 0, of: vec![Role::Custodian], within: 86_400 });
    // What no rule is about needs what it needs at the least.
    for act in Act::ALL.into_iter().filter(|act| !matches!(act, Act::Destroy | Act::Suspend)) {
        let least = Rule { approvals: act.least_approvals(), of: Role::ALL.to_vec(), within: 86_400 };
        assert_eq!(policy.rule(act), least);
    }
}

#[test]
fn no_policy_asks_for_less_than_the_least() {
    for act in Act::ALL.into_iter().filter(|act| *act != Act::Supersede) {
        let least = act.least_approvals();
        for approvals in 0..3 {
            let read = read(json!([rule(act.name(), approvals)]));
            assert_eq!(read.is_ok(), approvals >= least, "{act} {approvals}");
        }
    }
    refused(json!([rule("destroy", 0)]), &PolicyError::TooFew { act: Act::Destroy, approvals: 0, least: 1 });
}

#[test]
fn words_that_stand_for_nothing_are_refused() {
    refused(json!([rule("burn", 1)]), &PolicyError::Word("`burn` is no operation".to_owned()));
    // It comes with the activation of the next version.
    assert!(read(json!([rule("supersede", 1)])).is_err());
    for rules in [
        json!([{ "operation": "destroy", "approvals": 1, "of": ["Custodian"] }]),
        json!([{ "operation": "destroy", "approvals": 1, "of": ["custodian", ""] }]),
        json!([{ "operation": "Destroy", "approvals": 1, "of": ["custodian"] }]),
        json!([{ "operation": "destroy", "approvals": 1, "of": ["custodian"], "with": "1h" }]),
        json!([{ "operation": "destroy", "approvals": -1, "of": ["custodian"] }]),
        json!([{ "operation": "destroy", "approvals": 1 }]),
        json!([{ "approvals": 1, "of": ["custodian"] }]),
    ] {
        assert!(read(rules.clone()).is_err(), "{rules}");
    }
    let more = json!({ "rules": [] });
    assert!(serde_json::from_value::<Policy>(more).is_err());
}

#[test]
fn an_operation_has_one_rule() {
    refused(json!([rule("destroy", 1), rule("adopt", 1), rule("destroy", 2)]), &PolicyError::Twice(Act::Destroy));
}

#[test]
fn dates_and_times_are_written_in_one_way() {
    assert_eq!((day("1970-01-02"), day("2024-02-29")), (Some(86_400), Some(1_709_164_800)));
    let bad = [
        "",
        "2026-11-31",
        "2025-02-29",
        "20261122",
        "2026-1-22",
        "22.11.2026",
        "1969-12-31",
        "2026-11-22Z",
        " 026-11-22",
    ];
    for bad in bad {
        assert_eq!(day(bad), None, "{bad}");
    }
    assert_eq!((span("30m"), span("24h"), span("7d")), (Some(1800), Some(86_400), Some(604_800)));
    for bad in ["", "m", "0h", "-1h", "+1h", "1.5h", "1 h", "1w", "24H", "24", "1h30m", "18446744073709551615d"] {
        assert_eq!(span(bad), None, "{bad}");
        let with = json!([{ "operation": "destroy", "approvals": 1, "of": ["custodian"], "within": bad }]);
        refused(with, &PolicyError::Time(bad.to_owned()));
    }
}

/// The one who asks cannot approve: of two custodians who may both ask, one is left.
#[test]
fn a_policy_fits_its_people() {
    let fits = |rules: Value, operators: &Operators| read(rules).unwrap().fits(operators);
    let too_many = |act, approvals, persons| Err(PolicyError::TooMany { act, approvals, persons });
    assert_eq!(fits(json!([rule("destroy", 3)]), &operators()), Ok(()));
    // Four persons have the role, anna among them, and who asks is one of them.
    assert_eq!(fits(json!([rule("destroy", 4)]), &operators()), too_many(Act::Destroy, 4, 3));
    let mut fewer = operators();
    fewer.retire(&name("ben"), 0).unwrap();
    assert_eq!(fits(json!([rule("destroy", 3)]), &fewer), Ok(()), "the second name is left");
    fewer.retire(&name("ben2"), 0).unwrap();
    assert_eq!(fits(json!([rule("destroy", 3)]), &fewer), too_many(Act::Destroy, 3, 2));
    // Eve may not ask for it, and so all that may approve are left beside whoever asks.
    let of = json!([{ "operation": "destroy", "approvals": 2, "of": ["card-manager"] }]);
    assert_eq!(fits(of, &operators()), too_many(Act::Destroy, 2, 1));
    let nobody = json!([{ "operation": "destroy", "approvals": 1, "of": [] }]);
    assert_eq!(fits(nobody, &operators()), too_many(Act::Destroy, 1, 0));
}

#[test]
fn one_person_keeps_no_policy() {
    let mut alone = Operators::default();
    alone.add(name("anna"), operator("anna", "anna", &Role::ALL)).unwrap();
    alone.add(name("anna2"), operator("anna2", "anna", &Role::ALL)).unwrap();
    let refused = read(json!([])).unwrap().fits(&alone);
    assert_eq!(refused, Err(PolicyError::TooMany { act: Act::Import, approvals: 1, persons: 0 }));
    assert!(read(json!([])).unwrap().fits(&Operators::default()).is_err());
    alone.add(name("ben"), operator("ben", "ben", &[Role::Custodian])).unwrap();
    assert_eq!(read(json!([])).unwrap().fits(&alone), Ok(()));
}

fn people(entries: Value) -> Result<Operators, String> {
    serde_json::from_value(entries).map_err(|error| error.to_string())
}

fn entry(who: &str) -> Value {
    json!({ "person": who, "roles": ["custodian"], "key": public(who).to_string() })
}

#[test]
fn operators_are_written_as_they_are_read() {
    let mut all = operators();
    all.retire(&name("cem"), 1_795_305_600).unwrap();
    let written = serde_json::to_value(&all).unwrap();
    assert_eq!(written["cem"]["retired"], 1_795_305_600);
    assert_eq!(written["ben"], entry("ben"));
    assert_eq!(people(written), Ok(all));
}

#[test]
fn a_key_belongs_to_one_name() {
    let mut two = json!({ "anna": entry("anna"), "ben": entry("ben") });
    assert_eq!(people(two.clone()).unwrap().iter().count(), 2);
    // Also where it is written differently, and where its first owner is retired.
    two["ben"]["key"] = format!("ed25519:{}", public("anna").to_string()["ed25519:".len()..].to_uppercase()).into();
    two["anna"]["retired"] = 1.into();
    let error = OperatorError::SameKey("anna".to_owned(), "ben".to_owned());
    assert_eq!(people(two), Err(error.to_string()));
    let mut known = operators();
    let again = known.add(name("anna3"), operator("anna", "anna", &[Role::Custodian]));
    assert_eq!(again, Err(OperatorError::SameKey("anna".to_owned(), "anna3".to_owned())));
}

#[test]
fn a_name_is_given_once() {
    let mut known = operators();
    known.retire(&name("eve"), 7).unwrap();
    let again = known.add(name("eve"), operator("zoe", "zoe", &[Role::Custodian]));
    assert_eq!(again, Err(OperatorError::Exists("eve".to_owned())));
    assert_eq!(known.retire(&name("eve"), 8), Err(OperatorError::Retired("eve".to_owned())));
    assert_eq!(known.get(&name("eve")).unwrap().retired, Some(7));
    assert_eq!(known.retire(&name("zoe"), 8), Err(OperatorError::Unknown("zoe".to_owned())));
}

#[test]
fn fields_that_are_wrong_are_named() {
    for (field, value) in [
        ("roles", json!(["custodian", "boss"])),
        ("roles", json!(["Custodian"])),
        ("roles", json!([])),
        ("person", json!("")),
        ("person", json!("a b")),
        ("person", json!("\u{202e}anna")),
        ("key", json!("ed25519:00")),
        ("key", json!(format!("ed25519:{}", "00".repeat(32)))),
        ("retired", json!(-1)),
        ("retired", json!("2026-11-22")),
        ("role", json!(["custodian"])),
    ] {
        let mut one = json!({ "anna": entry("anna") });
        one["anna"][field] = value.clone();
        let error = people(one).unwrap_err();
        let known = ["roles", "person", "key"].contains(&field);
        assert!(!known || error.starts_with("operator anna: "), "{field} {value}: {error}");
    }
    for who in ["", "a b", "a\u{1b}", "-a", "\u{202e}a", &"x".repeat(65)] {
        assert!(people(json!({ who: entry("anna") })).is_err(), "{who:?}");
    }
    for missing in ["person", "roles", "key"] {
        let mut one = json!({ "anna": entry("anna") });
        one["anna"].as_object_mut().unwrap().remove(missing);
        assert!(people(one).is_err(), "{missing}");
    }
}
