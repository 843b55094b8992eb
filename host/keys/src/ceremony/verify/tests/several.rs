use super::super::{AmongAll, Given, Refusal, Verdict, Why, verify_all};
use super::cards::Cards;
use super::told::Told;
use super::whole::hosted;
use super::{cards, deal};
use crate::ceremony::transcript::{End, Record};
use crate::ceremony::words::Fingerprint;
use crate::custody::hash;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};

/// All operations, one behind the other.
fn course(cards: &mut Cards) -> Vec<Told> {
    let operations = [Operation::Deal, Operation::Drill, Operation::Release, Operation::Release, Operation::Destroy];
    operations.map(|operation| cards.tell(operation)).to_vec()
}

fn verdicts(told: &[Told], given: &Given<'_>) -> Result<Vec<Verdict>, AmongAll> {
    let bytes: Vec<_> = told.iter().map(Told::bytes).collect();
    let bytes: Vec<_> = bytes.iter().map(Vec::as_slice).collect();
    verify_all(&bytes, given)
}

fn all(told: &[Told], given: &Given<'_>) -> Result<usize, AmongAll> {
    verdicts(told, given).map(|verdicts| verdicts.len())
}

/// A deal that is given up before its first record of a kind; the next transcript hangs on it.
fn given_up(cards: &mut Cards, before: &str) -> Told {
    let mut told = cards.tell(Operation::Deal);
    cards.uncount(&told.records.split_off(told.at(before)));
    told.records.push(Record::End { outcome: End::Abandoned });
    cards.head = told.chained().1;
    told
}

/// Something with another manifest; cards sign under that.
fn other(cards: &mut Cards, operation: Operation, change: fn(&mut Manifest)) -> Told {
    cards.retell(operation, |_, _| {}, |_, manifest| change(manifest))
}

#[track_caller]
fn refused(told: &[Told], given: &Given<'_>, transcript: usize, line: usize, check: u8, why: Why) {
    assert_eq!(all(told, given), Err(AmongAll { transcript, refusal: Refusal { line, check, why } }));
}

#[test]
fn a_course_passes_together() {
    let mut cards = cards();
    let told = course(&mut cards);
    let head = told.last().unwrap().chained().1;
    let given = Given { prev: Some([0; 32]), head: Some(Fingerprint::Hash(head)), ..cards.given() };
    assert_eq!(all(&told, &given), Ok(5));
    assert_eq!(all(&[], &given), Ok(0));
    assert_eq!(all(&told[1..], &Given { prev: Some(told[0].chained().1), ..given }), Ok(4));
}

#[test]
fn transcripts_are_chained() {
    let mut cards = cards();
    let mut told = course(&mut cards);
    refused(&told[1..], &Given { prev: Some([0; 32]), ..cards.given() }, 1, 1, 2, Why::Prev);
    let head = Given { head: Some(Fingerprint::Hash([1; 32])), ..cards.given() };
    let last = told[4].records.len();
    refused(&told, &head, 5, last, 1, Why::Head);
    told.remove(2);
    refused(&told, &cards.given(), 3, 1, 2, Why::Prev);
}

#[test]
fn check_7_a_card_that_signed_something_else() {
    let mut cards = cards();
    let deal = cards.tell(Operation::Deal);
    let head = cards.head;
    // A release that nobody shows: the next transcript hangs on the one before it.
    cards.tell(Operation::Release);
    cards.head = head;
    let drill = cards.tell(Operation::Drill);
    let line = drill.at("approval") + 4;
    let place = Place::Custodian(2);
    assert!(matches!(drill.records[drill.at("approval") + 3].kind(), "approval"));
    // Custodian 1 took no part in it; places come in order.
    let why = Why::CounterGap { place, counter: 3, before: 1 };
    let line = line + 2;
    refused(&[deal, drill], &cards.given(), 2, line, 7, why);
}

#[test]
fn check_7_the_sequence_rises() {
    let mut cards = cards();
    let deal = cards.tell(Operation::Deal);
    cards.sequence -= 3;
    let drill = cards.tell(Operation::Drill);
    let why = Why::Sequence { place: Place::Custodian(1), sequence: 3, before: 3 };
    let line = drill
        .records
        .iter()
        .position(|record| matches!(record, Record::Approval { place: Place::Custodian(1), .. }))
        .unwrap()
        + 1;
    refused(&[deal, drill], &cards.given(), 2, line, 7, why);
}

#[test]
fn a_counter_that_did_not_rise() {
    let (cards, told) = deal();
    let mut again = told.clone();
    again.prev = told.chained().1;
    // The manifest names its head: the same transcript cannot come again.
    let line = told.at("manifest") + 1;
    refused(&[told, again], &cards.given(), 2, line, 5, Why::Manifest("head"));
}

#[test]
fn check_10_a_set_is_the_one_that_was_dealt() {
    for (change, what) in [
        ((|manifest| manifest.set = [1; 16]) as fn(&mut Manifest), "set id"),
        (|manifest| manifest.generation = 2, "generation"),
    ] {
        let mut cards = cards();
        let deal = cards.tell(Operation::Deal);
        let destroy = other(&mut cards, Operation::Destroy, change);
        assert!(destroy.verify(&cards).is_ok(), "by itself");
        let line = destroy.at("manifest") + 1;
        refused(&[deal, destroy], &cards.given(), 2, line, 10, Why::OtherThanDealt(what));
    }
}

#[test]
fn check_10_without_a_deal_there_is_one_set_too() {
    let mut cards = cards();
    cards.tell(Operation::Deal);
    let (drill, destroy) = (cards.tell(Operation::Drill), cards.tell(Operation::Destroy));
    assert_eq!(all(&[drill.clone(), destroy], &cards.given()), Ok(2));
    cards.head = drill.chained().1;
    let destroy = other(&mut cards, Operation::Destroy, |manifest| manifest.set = [1; 16]);
    let line = destroy.at("manifest") + 1;
    refused(&[drill, destroy], &cards.given(), 2, line, 10, Why::OtherThanDealt("set id"));
}

#[test]
fn check_10_the_ca_is_the_deals() {
    let mut cards = cards();
    let deal = cards.tell(Operation::Deal);
    cards.change_ca();
    let destroy = cards.tell(Operation::Destroy);
    let line = destroy.at("ca") + 1;
    assert!(destroy.verify(&cards).is_ok(), "by itself");
    refused(&[deal.clone(), destroy], &Given::default(), 2, line, 10, Why::OtherThanDealt("CA"));
    // A new deal may have another.
    let mut cards = super::cards();
    let deal = cards.tell(Operation::Deal);
    cards.change_ca();
    let again = cards.tell(Operation::Deal);
    let drill = cards.tell(Operation::Drill);
    assert_eq!(all(&[deal, again, drill], &Given::default()), Ok(3));
}

#[test]
fn check_10_the_statement_is_the_deals() {
    let mut cards = cards();
    let deal = cards.tell(Operation::Deal);
    cards.state_again(|_, statement| statement.kcv.0[0] ^= 1);
    let drill = cards.tell(Operation::Drill);
    assert!(drill.verify(&cards).is_ok(), "by itself");
    let line = drill.at("statement") + 1;
    refused(&[deal, drill], &cards.given(), 2, line, 10, Why::OtherThanDealt("statement"));
}

/// The deal was given up before it had a statement: its manifest is known.
#[test]
fn check_10_the_statement_is_of_the_deals_manifest() {
    let mut cards = cards();
    let deal = given_up(&mut cards, "statement");
    let drill = cards.tell(Operation::Drill);
    assert_eq!(all(&[deal.clone(), drill], &cards.given()), Ok(2));
    cards.head = deal.chained().1;
    cards.state_again(|manifest, statement| {
        manifest.ceremony = [1; 16];
        statement.manifest = hash::manifest(manifest);
    });
    let drill = cards.tell(Operation::Drill);
    assert!(drill.verify(&cards).is_ok(), "by itself");
    let line = drill.at("statement") + 1;
    refused(&[deal, drill], &cards.given(), 2, line, 10, Why::OtherThanDealt("deal's manifest"));
}

#[test]
fn check_10_what_is_destroyed_was_dealt() {
    // Also where the statement is first shown behind the deal.
    for whole in [true, false] {
        let mut cards = cards();
        let mut told = if whole {
            vec![cards.tell(Operation::Deal)]
        } else {
            vec![given_up(&mut cards, "statement"), cards.tell(Operation::Drill)]
        };
        cards.state_again(|_, statement| statement.kcv.0[0] ^= 1);
        let destroy = cards.tell(Operation::Destroy);
        assert!(destroy.verify(&cards).is_ok(), "by itself");
        let line = destroy.at("receipt") + 1;
        told.push(destroy);
        refused(&told, &cards.given(), told.len(), line, 10, Why::OtherThanDealt("statement hash"));
    }
}

#[test]
fn a_deal_that_was_given_up_is_destroyed_and_another_follows() {
    for before in ["receipt", "commitment"] {
        let mut cards = cards();
        let mut told = vec![given_up(&mut cards, before)];
        told.extend([Operation::Destroy, Operation::Deal, Operation::Drill].map(|operation| cards.tell(operation)));
        assert_eq!(all(&told, &cards.given()), Ok(4));
    }
}

/// Nothing was dealt in it: what was dealt before it stays.
#[test]
fn a_deal_that_was_given_up_before_its_manifest() {
    let mut cards = cards();
    let deal = cards.tell(Operation::Deal);
    let dealt = cards.deal.clone();
    let nothing = given_up(&mut cards, "manifest");
    cards.deal = dealt;
    let head = cards.head;
    let drill = cards.tell(Operation::Drill);
    assert_eq!(all(&[deal.clone(), nothing.clone(), drill], &cards.given()), Ok(3));
    cards.head = head;
    let destroy = other(&mut cards, Operation::Destroy, |manifest| manifest.set = [1; 16]);
    let line = destroy.at("manifest") + 1;
    refused(&[deal, nothing, destroy], &cards.given(), 3, line, 10, Why::OtherThanDealt("set id"));
}

#[test]
fn a_combiner_may_be_replaced() {
    let mut cards = cards();
    let deal = cards.tell(Operation::Deal);
    cards.replace_combiner();
    let told = [deal, cards.tell(Operation::Drill), cards.tell(Operation::Release), cards.tell(Operation::Destroy)];
    assert_eq!(all(&told, &cards.given()), Ok(4));
}

/// Host mode: each hangs on the one before.
fn hosted_all(mut told: Vec<Told>) -> Vec<Told> {
    for at in 1..told.len() {
        told[at].prev = told[at - 1].chained().1;
    }
    told
}

/// With another second share.
fn other_share(mut told: Told) -> Told {
    let Record::Shared { share, .. } = &mut told.records[2] else { panic!() };
    *share = [0x99; 32];
    told
}

#[test]
fn host_mode_reads_the_shares_that_were_dealt() {
    let (deal, release) = (hosted(Operation::Deal), hosted(Operation::Release));
    let given = Given::default();
    let foreign = Why::OtherThanDealt("commitment to the share");
    assert_eq!(all(&hosted_all(vec![deal.clone(), release.clone(), release.clone()]), &given), Ok(3));
    let told = hosted_all(vec![deal.clone(), release.clone(), other_share(release.clone())]);
    refused(&told, &given, 3, 3, 10, foreign.clone());
    assert_eq!(all(&told[1..], &given), Ok(2), "without the deal");
    // The last deal that came to its end counts.
    let mut given_up = other_share(deal.clone());
    *given_up.records.last_mut().unwrap() = Record::End { outcome: End::Abandoned };
    assert_eq!(all(&hosted_all(vec![deal.clone(), given_up, release.clone()]), &given), Ok(3));
    let told = hosted_all(vec![deal.clone(), other_share(deal), release]);
    refused(&told, &given, 3, 3, 10, foreign);
}

#[test]
fn a_head_is_known_where_the_next_one_hangs_on_it() {
    let mut cards = cards();
    let told = course(&mut cards);
    let known = |given: &Given<'_>| {
        let verdicts = verdicts(&told, given).unwrap();
        verdicts.iter().map(|verdict| verdict.head_known).collect::<Vec<_>>()
    };
    assert_eq!(known(&cards.given()), [true, true, true, true, false]);
    let head = Some(Fingerprint::Hash(told[4].chained().1));
    assert_eq!(known(&Given { head, ..cards.given() }), [true; 5]);
}
