use super::cards::{Cards, To};
use super::told::Told;
use super::{cards, deal, told};
use crate::ceremony::plan::{CeremonyMode, Plan};
use crate::ceremony::transcript::{End, Record};
use crate::ceremony::verify::{Completion, Given, verify};
use crate::ceremony::words::{Fingerprint, words};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::Held;
use cardwright_proto::custody::share::Scheme;
use cardwright_proto::gp::key::Kcv;

#[test]
fn all_operations_of_all_schemes_pass() {
    let mut passed = 0;
    for (scheme, m, n) in [(Scheme::Shamir, 2, 2), (Scheme::Shamir, 3, 5), (Scheme::Shamir, 5, 10), (Scheme::Xor, 3, 3)]
    {
        let mut cards = Cards::new(scheme, m, n);
        for (operation, to) in [
            (Operation::Deal, To::P256),
            (Operation::Drill, To::P256),
            (Operation::Release, To::P256),
            (Operation::Release, To::Rsa),
            (Operation::Destroy, To::P256),
        ] {
            cards.to = to;
            let told = cards.tell(operation);
            let verdict = told.verify(&cards).unwrap();
            assert_eq!((verdict.operation, verdict.outcome), (operation, Completion::Done));
            assert_eq!((verdict.scheme, verdict.m, verdict.n), (scheme, m, n));
            assert_eq!(verdict.head, told.chained().1);
            passed += 1;
        }
    }
    assert_eq!(passed, 20);
}

#[test]
fn a_deal_is_named_with_all_that_it_has() {
    let (cards, told) = deal();
    let verdict = told.verify(&cards).unwrap();
    assert_eq!((verdict.mode, verdict.test_ca, verdict.vouched), (CeremonyMode::Blind, false, true));
    assert_eq!(verdict.ca, Some(cards.ca.key.point()));
    assert_eq!(verdict.manifest, cards.manifest);
    assert_eq!(verdict.statement, Some(cards.statement_hash()));
    let places = [1, 2, 3].map(Place::Custodian).into_iter().chain([Place::Combiner, Place::Dealer]);
    assert!(verdict.approvals.iter().copied().eq(places.map(|place| (place, 1))));
    assert_eq!((verdict.drilled, verdict.held(Held::Yes)), (Some((3, 3)), 3));
    assert_eq!((verdict.exported, verdict.imported), (None, false));
    let said = verdict.to_string();
    let plan = words(&Plan::parse(&cards.plan).unwrap().hash()).to_string();
    for part in [
        "Blind mode: shares went from card to card, and cards signed what is said here.\n",
        "Master key, first issue: deal of Issuer master key, done.\n",
        "which is the one that was given.\n",
        "2 of 3 shares make the key (Shamir); check value ",
        "generation 1, AES 256 bits, usage 12.\nSequence 3.\n",
        &format!("Plan: {plan}.\n"),
        "Approved by custodian 1 (counter 1), custodian 2 (counter 1), custodian 3 (counter 1), combiner (counter 1), dealer \
         (counter 1).\n",
        "Drilled: 3 of 3 subsets gave the key.\n",
        "Held by 3 of 3 cards.\n",
        "Note, signed by nobody: the room is \"closed\"\n",
        "\nNo head was given: what is behind the last signature is the host's word.\n",
        &format!("Head: {}.", words(&verdict.head)),
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    assert!(!said.contains("TEST CA"));
}

#[test]
fn a_ca_that_nobody_vouched_for_is_named() {
    let (_, told) = deal();
    let verdict = verify(&told.bytes(), &Given::default()).unwrap();
    assert!(!verdict.vouched && verdict.to_string().contains("A CA THAT NOBODY VOUCHED FOR."));
}

#[test]
fn a_test_ca_is_named() {
    let mut cards = cards();
    let text = String::from_utf8(cards.plan.clone()).unwrap();
    let ca = "[[card]]\nlabel = \"CA\"\nrole = \"ca\"\nholder = \"Administrator 1\"\n";
    cards.plan = text.replace(ca, "").into_bytes();
    let plan = cards.plan.clone();
    let told = cards.retell(
        Operation::Deal,
        |_, records| records[0] = Record::Start { test_ca: true, operation: Operation::Deal, plan },
        |_, _| {},
    );
    let verdict = told.verify(&cards).unwrap();
    assert!(verdict.test_ca && verdict.to_string().contains("\nTEST CA: "));
}

#[test]
fn given_words_and_heads_are_compared() {
    let (cards, told) = deal();
    let (bytes, head) = told.chained();
    let plan = Plan::parse(&cards.plan).unwrap().hash();
    let ca = words(&crate::custody::hash::sha256(&[&cards.ca.key.point()]));
    let given = Given {
        ca: Some(Fingerprint::Words(ca)),
        plan: Some(Fingerprint::Words(words(&plan))),
        prev: Some([0; 32]),
        head: Some(Fingerprint::Words(words(&head))),
        revoked: &[[0x77; 32]],
    };
    let verdict = verify(&bytes, &given).unwrap();
    assert!(verdict.vouched && verdict.head_known);
    assert!(!verdict.to_string().contains("No head was given"));
}

#[test]
fn every_start_of_a_transcript_is_not_finished() {
    let (cards, told) = deal();
    let lines = told.records.len();
    for length in 1..lines {
        let records = told.records[..length].to_vec();
        let verdict = Told { records, ..told.clone() }.verify(&cards).unwrap();
        assert_eq!(verdict.outcome, Completion::NotFinished, "{length} lines");
        assert!(verdict.to_string().contains("NOT FINISHED."));
    }
    assert_eq!(lines, 40);
}

#[test]
fn every_start_of_a_transcript_can_be_abandoned() {
    let (cards, told) = deal();
    for length in 1..told.records.len() {
        let mut records = told.records[..length].to_vec();
        records.push(Record::End { outcome: End::Abandoned });
        let verdict = Told { records, ..told.clone() }.verify(&cards).unwrap();
        assert_eq!(verdict.outcome, Completion::Abandoned, "{length} lines");
        assert!(verdict.to_string().contains("ABANDONED."));
    }
}

#[test]
fn a_release_names_its_hsm() {
    let (cards, told) = told(Operation::Release);
    let verdict = told.verify(&cards).unwrap();
    assert_eq!((verdict.exported, verdict.imported), (Some(cards.hsm_hash()), true));
    assert!(verdict.to_string().contains(&format!("certificate {}; the host says", words(&cards.hsm_hash()))));
}

#[test]
fn a_destruction_names_who_had_no_share() {
    let (cards, told) = told(Operation::Destroy);
    let verdict = told.verify(&cards).unwrap();
    assert_eq!((verdict.held(Held::Destroyed), verdict.held(Held::No)), (2, 1));
    assert!(verdict.to_string().contains("Destroyed by 2 of 3 cards, 1 had no such set.\n"));
}

/// A plan for host mode, and what the host says of 2 of 3 shares.
pub(super) fn hosted(operation: Operation) -> Told {
    let cards = cards();
    let mut text = String::from_utf8(cards.plan).unwrap().replace("mode = \"blind\"", "mode = \"host\"");
    for card in [
        "ca\"\nholder = \"Administrator 1\"\n",
        "dealer\"\nholder = \"Administrator 2\"\n",
        "combiner\"\nholder = \"Administrator 2\"\n",
    ] {
        let (before, behind) = text.split_once(&format!("\nrole = \"{card}")).unwrap();
        let (before, _) = before.rsplit_once("[[card]]").unwrap();
        text = format!("{before}{behind}");
    }
    let shared =
        |x| Record::Shared { x, m: 2, count: 3, kcv: Kcv([1, 2, 3]), share: [x; 32], place: format!("card C{x}") };
    let mut records = vec![Record::Start { test_ca: false, operation, plan: text.into_bytes() }];
    records.extend([1, 2, 3].map(shared));
    if operation == Operation::Release {
        records.push(Record::Imported { kcv: Kcv([1, 2, 3]) });
    }
    records.extend([Record::Note { text: "by hand".to_owned() }, Record::End { outcome: End::Done }]);
    Told { prev: [0; 32], mode: CeremonyMode::Host, records }
}

#[test]
fn host_mode_is_said_first() {
    for operation in [Operation::Deal, Operation::Release] {
        let told = hosted(operation);
        let verdict = verify(&told.bytes(), &Given::default()).unwrap();
        assert_eq!((verdict.mode, verdict.kcv, verdict.ca), (CeremonyMode::Host, Some(Kcv([1, 2, 3])), None));
        assert_eq!(verdict.imported, operation == Operation::Release);
        let first = "Host mode: shares passed through this computer, and nobody signed anything.\n";
        let said = verdict.to_string();
        assert!(said.starts_with(first));
        assert!(said.contains("\nNo head was given: all of this may have been written anew.\nHead: "), "{said}");
    }
}

#[test]
fn what_was_asked_for_again_may_stand_twice() {
    for operation in [Operation::Deal, Operation::Drill, Operation::Release, Operation::Destroy] {
        let (cards, mut told) = told(operation);
        let mut again = 0;
        for at in (told.at("manifest") + 1..told.records.len() - 1).rev() {
            // Boxes come with another point each time.
            if !matches!(told.records[at].kind(), "contribution" | "box" | "release") {
                told.records.insert(at, told.records[at].clone());
                again += 1;
            }
        }
        assert!(again > 4);
        assert_eq!(told.verify(&cards).map(|verdict| verdict.outcome), Ok(Completion::Done));
    }
}
