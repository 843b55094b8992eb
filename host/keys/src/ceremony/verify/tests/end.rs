//! Check 16.

use super::super::Why;
use super::cards::Cards;
use super::told::Told;
use super::{deal, refused, told};
use crate::ceremony::transcript::{End, Record};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome};
use cardwright_proto::custody::subset::Mask;

/// The transcript is refused at its end without the records that are named.
#[track_caller]
fn without(cards: &Cards, told: &Told, named: impl Fn(&Record) -> bool, why: Why) {
    let mut told = told.clone();
    let before = told.records.len();
    told.records.retain(|record| !named(record));
    assert!(told.records.len() < before);
    refused(cards, &told, told.records.len() - 1, 16, why);
}

fn missing(kind: &'static str, place: Option<Place>) -> Why {
    Why::Missing { kind, place }
}

#[test]
fn check_16_without_a_manifest_nothing_is_done() {
    let (cards, mut told) = deal();
    told.records.truncate(told.at("manifest"));
    told.records.push(Record::End { outcome: End::Done });
    refused(&cards, &told, told.records.len() - 1, 16, missing("manifest", None));
}

#[test]
fn check_16_a_deal_has_everything() {
    let (cards, told) = deal();
    let custodian = Place::Custodian;
    for at in [Place::Combiner, Place::Dealer] {
        let named = |record: &Record| matches!(record, Record::Approval { place, .. } if *place == at);
        without(&cards, &told, named, missing("approval", Some(at)));
    }
    let named = |record: &Record| matches!(record, Record::Offer { place, .. } if *place == Place::Combiner);
    without(&cards, &told, named, missing("offer", Some(Place::Combiner)));
    for x in 1..=3 {
        let at = custodian(x);
        let offer = |record: &Record| matches!(record, Record::Offer { place, .. } if *place == at);
        without(&cards, &told, offer, missing("offer", Some(at)));
        let receipt = |record: &Record| matches!(record, Record::Receipt { x: of, .. } if *of == x);
        without(&cards, &told, receipt, missing("receipt", Some(at)));
    }
    let named = |record: &Record| matches!(record, Record::Verdict(_));
    without(&cards, &told, named, missing("verdict", None));
    let named = |record: &Record| matches!(record, Record::Forget { .. });
    without(&cards, &told, named, missing("forget", None));
    // All that is made of the statement, and the statement.
    let from = told.at("statement");
    let mut unstated = told.clone();
    unstated.records.truncate(from);
    unstated.records.push(Record::End { outcome: End::Done });
    let end = unstated.records.len() - 1;
    refused(&cards, &unstated, end, 16, missing("approval", Some(Place::Combiner)));
    // From contributions on, the checks before this one want what is before.
    let mut early = told.clone();
    early.records.drain(told.at("contribution")..told.records.len() - 1);
    let combiner: Vec<_> =
        told.records[from..].iter().filter(|record| matches!(record.kind(), "approval" | "offer")).cloned().collect();
    let at = early.records.len() - 1;
    early.records.splice(at..at, combiner);
    refused(&cards, &early, at + 2, 16, missing("contribution", Some(custodian(1))));
    for (kind, next) in [("contribution", "box"), ("box", "receipt")] {
        let group: Vec<_> = told.records.iter().filter(|record| record.kind() == kind).cloned().collect();
        let at = early.records.len() - 1;
        early.records.splice(at..at, group);
        refused(&cards, &early, at + 3, 16, missing(next, Some(custodian(1))));
    }
}

#[test]
fn check_16_commitments_are_wanted_in_a_deal() {
    let (cards, mut told) = deal();
    // Nothing that has to be behind the commitments.
    told.records.retain(|record| {
        !matches!(record.kind(), "contribution" | "box" | "statement" | "receipt" | "release" | "verdict" | "forget")
    });
    let named = |record: &Record| matches!(record, Record::Commitment { x: 2, .. });
    let mut first = told.clone();
    first.records.retain(|record| !named(record));
    refused(&cards, &first, first.records.len() - 1, 16, missing("contribution", Some(Place::Custodian(1))));
    let named = |record: &Record| matches!(record, Record::Commitment { x: 1, .. });
    without(&cards, &told, named, missing("commitment", Some(Place::Custodian(1))));
    let named = |record: &Record| matches!(record, Record::Approval { place: Place::Custodian(2), .. });
    without(&cards, &told, named, missing("approval", Some(Place::Custodian(2))));
}

#[test]
fn check_16_a_deal_is_drilled_in_all_subsets_before_the_dealer_forgets() {
    let (cards, mut told) = deal();
    let at = told.at("verdict");
    let one = Mask(0b011);
    told.records[at] = cards.verdict(one);
    refused(&cards, &told, told.records.len() - 1, 16, Why::NotDrilled);

    for kind in ["verdict", "receipt", "approval", "offer"] {
        let (cards, mut told) = deal();
        let late = told.records.remove(told.last(kind));
        let behind = told.at("forget") + 1;
        told.records.insert(behind, late);
        refused(&cards, &told, told.records.len() - 1, 16, Why::ForgotEarly);
    }
    let (cards, mut told) = deal();
    let at = told.at("forget");
    told.records[at] = cards.forget(Outcome::Abandoned, cards.statement_hash());
    refused(&cards, &told, told.records.len() - 1, 16, missing("forget", None));
}

#[test]
fn check_16_a_deal_without_a_share_somewhere() {
    let (cards, mut told) = deal();
    let at = told.last("receipt");
    told.records[at] = cards.receipt(3, Held::No, [0; 32]);
    refused(&cards, &told, told.records.len() - 1, 16, missing("receipt", Some(Place::Custodian(3))));
    let statement = cards.statement_hash();
    told.records[at] = cards.receipt(3, Held::Destroyed, statement);
    refused(&cards, &told, told.records.len() - 1, 16, missing("receipt", Some(Place::Custodian(3))));
}

#[test]
fn check_16_a_drill_has_its_subsets() {
    let (cards, told) = told(Operation::Drill);
    let named = |record: &Record| matches!(record, Record::Approval { place: Place::Combiner, .. });
    without(&cards, &told, named, missing("approval", Some(Place::Combiner)));
    without(&cards, &told, |record| matches!(record, Record::Verdict(_)), missing("verdict", None));
    let mut unstated = told.clone();
    unstated.records.retain(|record| !matches!(record.kind(), "statement" | "release" | "receipt" | "verdict"));
    refused(&cards, &unstated, unstated.records.len() - 1, 16, missing("statement", None));
    let named = |record: &Record| matches!(record, Record::Release { x: 2 | 3, .. });
    without(&cards, &told, named, Why::TooFew { found: 1, m: 2 });
    // Of two custodians one subset is enough, and it has to be theirs.
    let two = |mask| {
        let mut told = told.clone();
        told.records.retain(|record| !matches!(record, Record::Release { x: 2, .. }));
        let at = told.at("verdict");
        told.records[at] = cards.verdict(Mask(mask));
        told
    };
    assert_eq!(two(0b101).verify(&cards).unwrap().drilled, Some((1, 3)));
    refused(&cards, &two(0b011), two(0b011).records.len() - 1, 16, Why::NotDrilled);
    let mut three = told.clone();
    let at = told.at("verdict");
    three.records[at] = cards.verdict(Mask(0b101));
    refused(&cards, &three, three.records.len() - 1, 16, Why::NotDrilled);
}

#[test]
fn check_16_a_release_has_m_custodians_and_a_result() {
    let (cards, told) = told(Operation::Release);
    let named = |record: &Record| matches!(record, Record::Approval { place: Place::Combiner, .. });
    without(&cards, &told, named, missing("approval", Some(Place::Combiner)));
    let named = |record: &Record| matches!(record, Record::Release { x: 3, .. });
    without(&cards, &told, named, Why::TooFew { found: 1, m: 2 });
    let named = |record: &Record| matches!(record, Record::Approval { place: Place::Custodian(2), .. });
    without(&cards, &told, named, Why::TooFew { found: 1, m: 2 });
    without(&cards, &told, |record| matches!(record, Record::Export { .. }), missing("export", None));
    // A vault that has it not yet, or does not say so.
    let mut told = told;
    told.records.retain(|record| !matches!(record, Record::Imported { .. }));
    assert!(!told.verify(&cards).unwrap().imported);
}

#[test]
fn check_16_a_destruction_is_of_all() {
    let (cards, told) = told(Operation::Destroy);
    for x in 1..=3 {
        let at = Place::Custodian(x);
        let named = |record: &Record| matches!(record, Record::Approval { place, .. } if *place == at);
        without(&cards, &told, named, missing("approval", Some(at)));
        let named = |record: &Record| matches!(record, Record::Receipt { x: of, .. } if *of == x);
        without(&cards, &told, named, missing("receipt", Some(at)));
    }
}
