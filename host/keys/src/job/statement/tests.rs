//! The canonical text, and every attack on the check of signatures.

use super::{Doubt, NotAStatement, Statement, What, judge, message};
use crate::approval::{Operator, Operators, PublicKey, Reject, reason};
use crate::job::{Balance, Fate};
use crate::journal::CardId;
use crate::keyref::Name;
use crate::lifecycle::Role;
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::{Just, Strategy, any, proptest};
use proptest::{prop_assert, prop_assert_eq, prop_oneof, sample};

/// 2026-11-22 12:00:00 UTC.
const NOON: u64 = 1_795_348_800;

const TEXT: &str = "cardwright statement 1\n\
    job: acme-2026-11\n\
    issuer: acme\n\
    what: fate\n\
    card: 00112233445566778899-00112233445566778899AABB\n\
    fate: destroyed\n\
    rejected at: 2026-11-22T11:59:59Z\n\
    reason: cut in two\n\
    stated by: anna\n\
    stated at: 2026-11-22T12:00:00Z\n";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn statement() -> Statement {
    let card = CardId("00112233445566778899-00112233445566778899AABB".to_owned());
    Statement {
        job: name("acme-2026-11"),
        issuer: name("acme"),
        what: What::Fate { card, fate: Fate::Destroyed, rejected: NOON - 1 },
        reason: "cut in two".to_owned(),
        by: name("anna"),
        at: NOON,
    }
}

fn signing(operator: &str) -> SigningKey {
    let mut seed = [0x5A; 32];
    seed[..operator.len()].copy_from_slice(operator.as_bytes());
    SigningKey::from_bytes(&seed)
}

/// Anna has two names; Ben and Cem one each.
fn operators() -> Operators {
    let mut operators = Operators::default();
    for (who, person) in [("anna", "anna"), ("anna2", "anna"), ("ben", "ben"), ("cem", "cem")] {
        let key = PublicKey::new(signing(who).verifying_key().as_bytes()).unwrap();
        let operator = Operator { person: name(person), roles: vec![Role::CardManager], key, retired: None };
        operators.add(name(who), operator).unwrap();
    }
    operators
}

fn signed(text: &str, who: &str, at: u64) -> (Name, u64, [u8; 64]) {
    (name(who), at, signing(who).sign(&message(text, &name(who), at)).to_bytes())
}

/// Written down, for what was signed once has to be readable for ever.
#[test]
fn these_are_the_words() {
    assert_eq!(statement().text(), TEXT);
    assert_eq!(Statement::parse(TEXT), Ok(statement()));
    let cancel = Statement { what: What::Cancel { record: 17, since: NOON - 1 }, ..statement() };
    let (before, after) = (TEXT.split_once("what").unwrap().0, TEXT.split_once("reason").unwrap().1);
    assert_eq!(
        cancel.text(),
        format!("{before}what: cancel\nrecord: 17\nas it is since: 2026-11-22T11:59:59Z\nreason{after}")
    );
    let what = What::Variance { variance: -2, balance: Balance::default().to_string() };
    let variance = Statement { what, ..statement() };
    let line = "issued 0 (0 spares), accepted 0, destroyed 0, quarantined 0, samples 0, returned 0, handed over 0, \
                rejected without a fate 0, open 0";
    assert_eq!(variance.text(), format!("{before}what: variance\nvariance: -2\nbalance: {line}\nreason{after}"));
    for statement in [cancel, variance] {
        assert_eq!(Statement::parse(&statement.text()), Ok(statement));
    }
    let bytes = [b"cardwright: I state\0", TEXT.as_bytes(), b"signed by: ben\nsigned at: 2026-11-22T12:00:00Z\n"];
    assert_eq!(message(TEXT, &name("ben"), NOON), bytes.concat());
}

#[test]
fn no_other_form_is_read() {
    let refused = |from: &str, to: &str| {
        assert!(TEXT.contains(from), "{from}");
        let text = TEXT.replacen(from, to, 1);
        assert_eq!(Statement::parse(&text), Err(NotAStatement), "{text}");
    };
    refused("statement 1", "statement 2");
    refused("statement 1\n", "statement 1\r\n");
    refused("job: acme", "job:  acme");
    refused("job: acme", "job: \u{430}cme");
    refused("AABB", "aabb");
    refused("-00112233445566778899AABB", "-");
    refused("0011", "011");
    refused("destroyed", "Destroyed");
    refused("what: fate", "what: cancel");
    refused("fate: destroyed", "record: 1");
    refused("reason: cut", "reason: \u{202E}cut");
    refused("reason: cut", "reason:  cut");
    refused("T12:00:00Z", "T12:00:00.0Z");
    refused("T12:00:00Z", "T13:00:00+01:00");
    refused("2026-11-22T", "1926-11-22T");
    refused("issuer: acme\n", "");
    refused("issuer: acme\n", "issuer: acme\nissuer: acme\n");
    refused("job: acme-2026-11\nissuer: acme\n", "issuer: acme\njob: acme-2026-11\n");
    refused("Z\n", "Z");
    refused("Z\n", "Z\n\n");
    refused("fate: destroyed\n", "fate: destroyed\nrecord: 1\n");
    for what in [
        "cancel\nrecord: 0\nas it is since: 2026-11-22T12:00:00Z",
        "cancel\nrecord: 01\nas it is since: 2026-11-22T12:00:00Z",
        "cancel\nrecord: 1",
        "cancel\nrecord: 1\nas it is since: 2026-11-22",
        "variance\nvariance: -0\nbalance: x",
    ] {
        let (before, after) = (TEXT.split_once("fate").unwrap().0, TEXT.split_once("\nreason").unwrap().1);
        let text = format!("{before}{what}\nreason{after}");
        assert_eq!(Statement::parse(&text), Err(NotAStatement), "{text}");
    }
}

/// Line ends in a field would let one statement read as another.
#[test]
fn a_field_cannot_add_a_line() {
    let forged = Statement { reason: "why\nstated by: ben".to_owned(), ..statement() };
    assert_eq!(Statement::parse(&forged.text()), Err(NotAStatement));
    let what = What::Variance { variance: 0, balance: "none\nreason: x".to_owned() };
    assert_eq!(Statement::parse(&Statement { what, ..statement() }.text()), Err(NotAStatement));
    let what = What::Fate {
        card: CardId("00112233445566778899\nfate: sample".to_owned()),
        fate: Fate::Destroyed,
        rejected: 0,
    };
    assert_eq!(Statement::parse(&Statement { what, ..statement() }.text()), Err(NotAStatement));
}

#[test]
fn two_persons_have_to_sign() {
    let judged = |signatures: &[_]| judge(TEXT, signatures, &operators());
    let (anna, anna2, ben) = (signed(TEXT, "anna", NOON), signed(TEXT, "anna2", NOON), signed(TEXT, "ben", NOON + 60));
    assert_eq!(judged(&[anna.clone(), ben.clone()]), Ok(vec![name("anna"), name("ben")]));
    assert_eq!(judged(&[anna.clone(), anna2.clone(), ben.clone()]), Ok(vec![name("anna"), name("ben")]));
    let missing = |signed: &[&str], rejected: &[(&str, Reject)]| {
        let rejected = rejected.iter().map(|(who, why)| (name(who), *why)).collect();
        Err(Doubt::Missing { signed: signed.iter().map(|who| name(who)).collect(), rejected })
    };
    assert_eq!(judged(&[]), missing(&[], &[]));
    assert_eq!(judged(std::slice::from_ref(&anna)), missing(&["anna"], &[]));
    assert_eq!(judged(&[anna.clone(), anna.clone()]), missing(&["anna"], &[("anna", Reject::Again)]));
    assert_eq!(judged(&[anna2, anna.clone()]), missing(&["anna2"], &[("anna", Reject::Again)]));
    let nobody = (name("zoe"), NOON, anna.2);
    assert_eq!(judged(&[anna.clone(), nobody]), missing(&["anna"], &[("zoe", Reject::Unknown)]));
    // Another's signature, another time, another text, one bit.
    let mut flipped = ben.clone();
    flipped.2[40] ^= 1;
    let other = Statement { job: name("acme-2026-12"), ..statement() }.text();
    for bad in [(name("ben"), NOON, anna.2), (name("ben"), NOON, ben.2), signed(&other, "ben", NOON + 60), flipped] {
        assert_eq!(judged(&[anna.clone(), bad]), missing(&["anna"], &[("ben", Reject::Signature)]));
    }
    let message = judged(&[anna.clone(), anna.clone()]).unwrap_err().to_string();
    assert_eq!(message, "a statement needs the signatures of 2 persons, 1 count; anna: a person counts once");
    assert_eq!(judge("job: x\n", &[anna, ben], &operators()), Err(Doubt::Damaged));
}

/// An approval of a request is no signature under a statement, whatever the words.
#[test]
fn a_signature_is_for_statements_alone() {
    let other = crate::approval::Approval::message(TEXT, &name("ben"), NOON);
    let ben = (name("ben"), NOON, signing("ben").sign(&other).to_bytes());
    assert!(judge(TEXT, &[signed(TEXT, "anna", NOON), ben], &operators()).is_err());
}

/// What counts is the time that is signed, and it is not before the words.
#[test]
fn who_retired_afterwards_had_not_retired_then() {
    let retired = |at, signed_at| {
        let mut operators = operators();
        operators.retire(&name("ben"), at).unwrap();
        match judge(TEXT, &[signed(TEXT, "anna", NOON), signed(TEXT, "ben", signed_at)], &operators) {
            Ok(_) => None,
            Err(Doubt::Missing { rejected, .. }) => Some(rejected[0].1),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(retired(NOON + 1, NOON), None);
    assert_eq!(retired(NOON, NOON), Some(Reject::Retired));
    assert_eq!(retired(NOON - 200, NOON), Some(Reject::Retired));
    assert_eq!(retired(NOON - 400, NOON - 401), Some(Reject::Late), "a time before the retirement, and the words");
    assert_eq!(retired(NOON + 1, NOON - 300), None, "clocks differ");
}

fn plain() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9 :.,=-]{0,40}", "\\PC{0,60}"]
        .prop_map(|text: String| text.trim().to_owned())
        .prop_filter("a reason", |text| reason(text).is_ok())
}

/// Up to the year 9999.
fn moment() -> std::ops::Range<u64> {
    0..253_402_207_200
}

fn what() -> impl Strategy<Value = What> {
    let chip = prop_oneof![Just(None), any::<[u8; 12]>().prop_map(Some)];
    let card = (any::<[u8; 10]>(), chip).prop_map(|(kdd, chip)| CardId::new(&kdd, chip.as_ref()));
    prop_oneof![
        (card, sample::select(&Fate::ALL[..]), moment()).prop_map(|(card, fate, rejected)| What::Fate {
            card,
            fate,
            rejected
        }),
        (1..=u64::MAX, moment()).prop_map(|(record, since)| What::Cancel { record, since }),
        (any::<i64>(), plain()).prop_map(|(variance, balance)| What::Variance { variance, balance }),
    ]
}

fn statements() -> impl Strategy<Value = Statement> {
    let who = || "[A-Za-z0-9][A-Za-z0-9._-]{0,20}".prop_map(|text: String| name(&text));
    (who(), who(), what(), plain(), who(), moment()).prop_map(|(job, issuer, what, reason, by, at)| Statement {
        job,
        issuer,
        what,
        reason,
        by,
        at,
    })
}

proptest! {
    #[test]
    fn a_statement_reads_as_it_was_written(statement in statements()) {
        prop_assert_eq!(Statement::parse(&statement.text()), Ok(statement));
    }

    /// It is no statement any more, or another one; what was signed before signs neither.
    #[test]
    fn one_byte_is_another_statement(statement in statements(), at in any::<sample::Index>(), flip in 1_u8..) {
        let text = statement.text();
        let both = [signed(&text, "anna", statement.at), signed(&text, "ben", statement.at)];
        prop_assert!(judge(&text, &both, &operators()).is_ok());
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(Statement::parse(&changed) != Ok(statement));
            prop_assert!(judge(&changed, &both, &operators()).is_err());
        }
    }

    #[test]
    fn whatever_is_read_would_be_written_so(text in "\\PC{0,80}", cut in any::<sample::Index>()) {
        let (before, after) = TEXT.split_at(cut.index(TEXT.len()));
        let text = format!("{before}{text}{after}");
        if let Ok(statement) = Statement::parse(&text) {
            prop_assert_eq!(statement.text(), text);
        }
    }
}
