//! Checks 6 to 15.

use super::super::Why;
use super::cards::Cards;
use super::told::Told;
use super::{Change, deal, refused, told};
use crate::ceremony::transcript::{Fault, Record};
use crate::ceremony::verify::{Refusal, verify};
use crate::custody::hash;
use cardwright_proto::custody::Point;
use cardwright_proto::custody::certificate::{CertificateBody, CertifiedKey, Roles, possession};
use cardwright_proto::custody::manifest::{Manifest, ManifestError, Operation, Place};
use cardwright_proto::custody::message::{Fields, Held, Outcome, Statement};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::signature::{Signature, SignatureForm};
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::gp::key::Kcv;

/// The transcript with another record at a place.
fn with(told: &Told, at: usize, record: Record) -> Told {
    let mut told = told.clone();
    told.records[at] = record;
    told
}

/// The signature in a record, where there is one.
fn signature(record: &mut Record) -> Option<&mut Signature> {
    Some(match record {
        Record::Approval { approval, .. } => &mut approval.signature,
        Record::Commitment { committed, .. } => &mut committed.signature,
        Record::Offer { offer, .. } => &mut offer.signature,
        Record::Statement { signature, .. } | Record::Forget { signature, .. } | Record::Export { signature, .. } => {
            signature
        }
        Record::Receipt { receipt, .. } => &mut receipt.signature,
        Record::Release { released, .. } => &mut released.signature,
        Record::Verdict(verdict) => &mut verdict.signature,
        _ => return None,
    })
}

/// Who signs a record.
fn signer(record: &Record) -> Place {
    match record {
        Record::Approval { place, .. } | Record::Offer { place, .. } => *place,
        Record::Commitment { x, .. } | Record::Receipt { x, .. } | Record::Release { x, .. } => Place::Custodian(*x),
        Record::Statement { .. } | Record::Forget { .. } => Place::Dealer,
        _ => Place::Combiner,
    }
}

#[test]
fn check_6_each_signature_is_good() {
    let mut tried = 0;
    for operation in [Operation::Deal, Operation::Drill, Operation::Release, Operation::Destroy] {
        let (cards, told) = told(operation);
        for at in told.at("manifest") + 1..told.records.len() - 1 {
            let mut changed = told.clone();
            let kind = changed.records[at].kind();
            let place = signer(&changed.records[at]);
            let Some(signature) = signature(&mut changed.records[at]) else { continue };
            let mut s = *signature.s();
            s[31] ^= 1;
            *signature = Signature::new(*signature.r(), s);
            refused(&cards, &changed, at, 6, Why::Signature { kind, place });
            tried += 1;
        }
    }
    assert_eq!(tried, 22 + 11 + 8 + 6);
}

#[test]
fn check_6_a_signature_has_its_form() {
    let (cards, told) = deal();
    let text = String::from_utf8(told.bytes()).unwrap();
    let at = told.at("approval");
    let line = text.lines().nth(at).unwrap();
    let changed = text.replace(line, &line.replace("\"signature\":\"30", "\"signature\":\"31"));
    let refusal = Refusal { line: at + 1, check: 6, why: Why::Malformed(Fault::Signature(SignatureForm)) };
    assert_eq!(verify(changed.as_bytes(), &cards.given()), Err(refusal));
}

#[test]
fn check_6_a_signature_is_of_its_place_and_manifest() {
    let (cards, told) = deal();
    let at = told.at("approval");
    // Another card's.
    let place = Place::Custodian(2);
    let Record::Approval { approval, .. } = told.records[at].clone() else { panic!() };
    let kind = "approval";
    refused(&cards, &with(&told, at, Record::Approval { place, approval }), at, 6, Why::Signature { kind, place });
    // That card's, under another manifest.
    let mut other = super::cards();
    other.tell(Operation::Deal);
    other.tell(Operation::Drill);
    let place = Place::Custodian(1);
    let counter = 1;
    let approval = Approval { counter, signature: other.sign(place, Fields::Approval { counter }) };
    refused(&cards, &with(&told, at, Record::Approval { place, approval }), at, 6, Why::Signature { kind, place });
}

#[test]
fn check_6_places_are_those_of_the_manifest() {
    let (cards, told) = deal();
    let Record::Approval { approval, .. } = told.records[told.at("approval")].clone() else { panic!() };
    let at = told.at("approval");
    let place = |place| with(&told, at, Record::Approval { place, approval });
    refused(&cards, &place(Place::Custodian(4)), at, 6, Why::X(4));
    refused(&cards, &place(Place::Hsm), at, 6, Why::NoPlace(Place::Hsm));
    for kind in ["contribution", "box"] {
        let at = told.at(kind);
        let mut changed = told.clone();
        let (Record::Contribution { x, .. } | Record::Box { x, .. }) = &mut changed.records[at] else { panic!() };
        *x = 4;
        refused(&cards, &changed, at, 6, Why::X(4));
    }
    let (cards, told) = super::told(Operation::Release);
    let at = told.at("refused");
    let Record::Refused { word, .. } = told.records[at] else { panic!() };
    refused(&cards, &with(&told, at, Record::Refused { x: 4, word }), at, 6, Why::X(4));
    // In a release the dealer has no place, and the HSM signs nothing, though it could.
    let at = told.at("approval");
    for place in [Place::Dealer, Place::Hsm] {
        let counter = 1;
        let approval = Approval { counter, signature: cards.sign(place, Fields::Approval { counter }) };
        refused(&cards, &with(&told, at, Record::Approval { place, approval }), at, 6, Why::NoPlace(place));
    }
}

#[test]
fn check_7_a_counter_is_one_that_a_card_can_have() {
    let (cards, told) = deal();
    let (at, place) = (told.at("approval"), Place::Custodian(1));
    for counter in [0, 4, u32::MAX] {
        let approval = Approval { counter, signature: cards.sign(place, Fields::Approval { counter }) };
        let told = with(&told, at, Record::Approval { place, approval });
        refused(&cards, &told, at, 7, Why::Counter { counter, sequence: 3 });
    }
    let counter = 3;
    let approval = Approval { counter, signature: cards.sign(place, Fields::Approval { counter }) };
    assert!(with(&told, at, Record::Approval { place, approval }).verify(&cards).is_ok());
}

#[test]
fn check_8_an_offer_is_another_point_each_time() {
    let (mut cards, told) = deal();
    let at = told.at("offer");
    let (first, second) = (Place::Custodian(1), Place::Custodian(2));
    let off_curve: Point = [4; 65];
    refused(&cards, &with(&told, at, cards.offer_of(first, off_curve)), at, 8, Why::Point("offer"));
    // A second point for one place.
    let (_, offer) = cards.offered(first);
    let mut again = told.clone();
    again.records.insert(at + 1, offer);
    refused(&cards, &again, at + 1, 8, Why::Differs("offer"));
    // The point of another place, of a certificate, and of a box.
    let Record::Offer { offer: Offer { point, .. }, .. } = told.records[at] else { panic!() };
    let next = at + 3;
    refused(&cards, &with(&told, next, cards.offer_of(second, point)), next, 8, Why::KeyTwice("offer"));
    let certified = cards.combiner.key.point();
    refused(&cards, &with(&told, at, cards.offer_of(first, certified)), at, 8, Why::KeyTwice("offer"));
    let Record::Box { dealt, .. } = &told.records[told.at("box")] else { panic!() };
    let last = told.last("offer");
    let of_box = cards.offer_of(Place::Combiner, *dealt.sealed.point());
    refused(&cards, &with(&told, last, of_box), last, 8, Why::KeyTwice("offer"));
}

/// The box with another E.
fn sealed_at(kind: BoxKind, sealed: &SealedBox, point: &Point) -> SealedBox {
    let mut bytes = sealed.to_bytes();
    bytes[..65].copy_from_slice(point);
    SealedBox::parse(kind, &bytes).unwrap()
}

#[test]
fn check_9_a_box_has_a_point_of_its_own() {
    let (cards, told) = deal();
    let at = told.at("contribution");
    let Record::Contribution { x, sealed } = told.records[at] else { panic!() };
    let Record::Offer { offer: Offer { point: offered, .. }, .. } = told.records[told.at("offer")] else { panic!() };
    for (point, why) in [([4; 65], Why::Point("contribution")), (offered, Why::KeyTwice("contribution"))] {
        let sealed = sealed_at(BoxKind::Contribution, &sealed, &point);
        refused(&cards, &with(&told, at, Record::Contribution { x, sealed }), at, 9, why);
    }
    let first = *sealed.point();
    let at = told.at("box");
    let Record::Box { x, ref dealt } = told.records[at] else { panic!() };
    for (point, why) in [([4; 65], Why::Point("box")), (first, Why::KeyTwice("box"))] {
        let mut dealt = dealt.clone();
        dealt.sealed = sealed_at(BoxKind::Share, &dealt.sealed, &point);
        refused(&cards, &with(&told, at, Record::Box { x, dealt }), at, 9, why);
    }
    let at = told.at("release");
    let Record::Release { x, released } = &told.records[at] else { panic!() };
    for (point, why) in [([4; 65], Why::Point("release")), (first, Why::KeyTwice("release"))] {
        let mut released = released.clone();
        released.sealed = sealed_at(BoxKind::Release, &released.sealed, &point);
        let (statement, sealed) = (cards.statement_hash(), hash::sealed(&released.sealed));
        released.signature = cards.sign(Place::Custodian(*x), Fields::Release { x: *x, statement, sealed });
        refused(&cards, &with(&told, at, Record::Release { x: *x, released }), at, 9, why);
    }
}

#[test]
fn check_9_a_box_has_its_length() {
    let (cards, told) = deal();
    let text = String::from_utf8(told.bytes()).unwrap();
    for kind in ["contribution", "box", "release"] {
        let at = told.at(kind);
        let line = text.lines().nth(at).unwrap();
        let changed = text.replace(line, &line.replace("\"box\":\"04", "\"box\":\""));
        let refusal = verify(changed.as_bytes(), &cards.given()).unwrap_err();
        assert!(matches!(refusal, Refusal { line, check: 9, why: Why::Malformed(Fault::Box(_)) } if line == at + 1));
    }
}

#[test]
fn check_9_contributions_are_revealed_when_all_are_committed_to() {
    let (cards, told) = deal();
    for (kind, place) in [
        ("offer", Place::Dealer),
        ("approval", Place::Custodian(1)),
        ("approval", Place::Custodian(3)),
        ("commitment", Place::Custodian(2)),
    ] {
        let mut told = told.clone();
        let found = |record: &Record| record.kind() == kind && signer(record) == place;
        let at = told.records.iter().position(found).unwrap();
        told.records.remove(at);
        let why = Why::Before { kind: "contribution", wanted: kind, place: Some(place) };
        refused(&cards, &told, told.at("contribution"), 9, why);
    }
}

#[test]
fn check_9_boxes_are_between_contributions_and_statement() {
    let (mut cards, told) = deal();
    let mut without = told.clone();
    without.records.remove(told.last("contribution"));
    let why = Why::Before { kind: "box", wanted: "contribution", place: Some(Place::Custodian(3)) };
    refused(&cards, &without, without.at("box"), 9, why);
    // A second box for one x, before the statement: the last counts. Behind it: no dealer makes one any more.
    let manifest = cards.manifest.clone().unwrap();
    let offer = cards.seed.pair();
    let dealt = cards.boxed(1, offer.public(), &manifest);
    let first = told.at("box");
    let mut again = told.clone();
    again.records.insert(first, Record::Box { x: 1, dealt: dealt.clone() });
    assert!(again.verify(&cards).is_ok());
    let mut last = told.clone();
    last.records.insert(first + 1, Record::Box { x: 1, dealt: dealt.clone() });
    refused(&cards, &last, last.at("statement"), 10, Why::Statement("hash of the boxes"));
    let at = told.at("statement") + 1;
    let mut late = told.clone();
    late.records.insert(at, Record::Box { x: 1, dealt });
    refused(&cards, &late, at, 9, Why::Behind { kind: "box", barrier: "statement" });
}

/// The statement with something else in it, signed by the dealer all the same.
fn restated(cards: &Cards, change: impl FnOnce(&mut Manifest, &mut Statement)) -> Record {
    let (mut manifest, mut statement, _) = cards.deal.clone().unwrap();
    change(&mut manifest, &mut statement);
    let signature = cards.dealer.key.sign(&statement.to_bytes());
    Record::Statement { manifest, statement, signature }
}

#[test]
fn check_10_the_statement_is_of_this_deal() {
    let (cards, told) = deal();
    let at = told.at("statement");
    let changes: [Change<Statement>; 5] = [
        (|statement| statement.manifest[0] ^= 1, "manifest"),
        (|statement| statement.dealer[0] ^= 1, "dealer"),
        (|statement| statement.shares.truncate(2), "number of shares"),
        (|statement| statement.shares[1][0] ^= 1, "list of commitments"),
        (|statement| statement.boxes[0] ^= 1, "hash of the boxes"),
    ];
    for (change, what) in changes {
        let record = restated(&cards, |_, statement| change(statement));
        refused(&cards, &with(&told, at, record), at, 10, Why::Statement(what));
    }
    // Another manifest, well-formed and hashed: that of another ceremony.
    let record = restated(&cards, |manifest, statement| {
        manifest.ceremony[0] ^= 1;
        statement.manifest = hash::manifest(manifest);
    });
    refused(&cards, &with(&told, at, record), at, 10, Why::OtherDeal("content"));
    let record = restated(&cards, |manifest, _| manifest.generation = 2);
    let why = Why::Malformed(Fault::DealManifest(ManifestError::Value("a deal makes generation 1")));
    refused(&cards, &with(&told, at, record), at, 10, why);
}

#[test]
fn check_10_a_second_statement_says_the_same() {
    let (cards, told) = deal();
    let at = told.at("statement") + 1;
    let mut twice = told.clone();
    twice.records.insert(at, restated(&cards, |_, statement| statement.kcv = Kcv([9; 3])));
    refused(&cards, &twice, at, 1, Why::Differs("statement"));
}

#[test]
fn check_10_the_deal_is_the_sets() {
    let changes: [Change<Manifest>; 8] = [
        (|deal| (deal.operation, deal.partner) = (Operation::Drill, None), "operation"),
        (|deal| deal.set[0] ^= 1, "set id"),
        (|deal| deal.scheme = cardwright_proto::custody::share::Scheme::Xor, "scheme"),
        (|deal| deal.m = 3, "m"),
        (|deal| deal.key_type = cardwright_proto::custody::share::KeyType::TripleDes, "key type"),
        (|deal| deal.key_length = 16, "key length"),
        (|deal| deal.usage = 0, "key usage"),
        (|deal| deal.custodians.swap(0, 1), "list of custodians"),
    ];
    for operation in [Operation::Drill, Operation::Release] {
        let (cards, told) = told(operation);
        let at = told.at("statement");
        for (change, what) in changes {
            let record = restated(&cards, |deal, statement| {
                change(deal);
                match what {
                    "scheme" => deal.m = 3,
                    "key type" => deal.key_length = 24,
                    _ => {}
                }
                statement.manifest = hash::manifest(deal);
            });
            refused(&cards, &with(&told, at, record), at, 10, Why::OtherDeal(what));
        }
    }
    // A drill of another generation than the deal's.
    let mut cards = super::cards();
    cards.tell(Operation::Deal);
    let told = cards.retell(Operation::Drill, |_, _| {}, |_, manifest| manifest.generation = 2);
    refused(&cards, &told, told.at("statement"), 10, Why::OtherDeal("generation"));
}

#[test]
fn check_10_the_dealer_is_enrolled_as_one() {
    let mut cards = super::cards();
    cards.tell(Operation::Deal);
    let told = cards.retell(Operation::Drill, |_, records| drop(records.remove(3)), |_, _| {});
    refused(&cards, &told, told.at("statement"), 10, Why::NoDealer);
    // Enrolled, but as something else: the manifest of the deal names it all the same.
    let mut cards = super::cards();
    cards.tell(Operation::Deal);
    let key = cards.seed.pair();
    let body = CertificateBody {
        identity: [0x77; 8],
        roles: Roles::COMBINER,
        applet: [0xA9; 32],
        key: CertifiedKey::P256(key.point()),
    };
    let certificate =
        cardwright_proto::custody::certificate::Certificate { body, signature: cards.ca.key.sign(&body.encode()) };
    let shown = Some(key.sign(&possession(&body.identity, &key.point())));
    let enrol = Record::Enrol { certificate, possession: shown };
    let told = cards.retell(Operation::Drill, |_, records| records.push(enrol), |_, _| {});
    let at = told.at("statement");
    let (mut manifest, mut statement, _) = cards.deal.clone().unwrap();
    manifest.partner = Some(hash::certificate(&body));
    (statement.dealer, statement.manifest) = (hash::certificate(&body), hash::manifest(&manifest));
    let signature = key.sign(&statement.to_bytes());
    refused(&cards, &with(&told, at, Record::Statement { manifest, statement, signature }), at, 10, Why::NoDealer);
}

#[test]
fn check_11_a_receipt_is_of_this_share() {
    let (cards, told) = deal();
    let (at, statement) = (told.at("receipt"), cards.statement_hash());
    for (share, status, hash, what) in [
        (2, Held::Yes, statement, "x"),
        (0, Held::Yes, statement, "x"),
        (1, Held::Yes, [1; 32], "statement hash"),
        (1, Held::No, [0; 32], "x"),
        (0, Held::No, statement, "statement hash"),
        (2, Held::Destroyed, statement, "x"),
        (1, Held::Destroyed, [0; 32], "statement hash"),
    ] {
        let told = with(&told, at, cards.receipt_of(1, share, status, hash));
        refused(&cards, &told, at, 11, Why::Receipt(what));
    }
    // Before there is a statement, no card has a share of it.
    let mut early = told.clone();
    let at = told.at("statement");
    early.records.insert(at, cards.receipt(1, Held::Yes, statement));
    refused(&cards, &early, at, 11, Why::Before { kind: "receipt", wanted: "statement", place: None });
    early.records[at] = cards.receipt(1, Held::Destroyed, statement);
    refused(&cards, &early, at, 11, Why::Before { kind: "receipt", wanted: "statement", place: None });
}

#[test]
fn check_11_after_a_destruction_no_share_is_held() {
    let (cards, told) = told(Operation::Destroy);
    let at = told.at("receipt");
    let statement = cards.statement_hash();
    let held = with(&told, at, cards.receipt(1, Held::Yes, statement));
    refused(&cards, &held, at, 11, Why::Receipt("status"));
    let other = with(&told, at, cards.receipt(1, Held::Destroyed, [7; 32]));
    let second = at + 2;
    refused(&cards, &other, second, 11, Why::Receipt("statement hash"));
    let swapped = with(&told, at, cards.receipt_of(1, 2, Held::Destroyed, statement));
    refused(&cards, &swapped, at, 11, Why::Receipt("x"));
}

#[test]
fn check_12_a_release_is_of_the_statement() {
    let (cards, told) = deal();
    let at = told.at("statement");
    let mut early = told.clone();
    early.records.insert(at, told.records[told.at("release")].clone());
    refused(&cards, &early, at, 12, Why::Before { kind: "release", wanted: "statement", place: None });
    // Of another statement, or another box: that is another message.
    let at = told.at("release");
    let Record::Release { x, released } = &told.records[at] else { panic!() };
    let (statement, sealed) = (cards.statement_hash(), hash::sealed(&released.sealed));
    for fields in [
        Fields::Release { x: *x, statement: [1; 32], sealed },
        Fields::Release { x: *x, statement, sealed: [1; 32] },
        Fields::Release { x: 2, statement, sealed },
    ] {
        let place = Place::Custodian(*x);
        let mut released = released.clone();
        released.signature = cards.sign(place, fields);
        let told = with(&told, at, Record::Release { x: *x, released });
        refused(&cards, &told, at, 6, Why::Signature { kind: "release", place });
    }
}

#[test]
fn check_13_a_verdict_has_no_other_subsets() {
    let (cards, told) = deal();
    let at = told.at("verdict");
    for bit in 3..256 {
        let mut bitmap = [0; 32];
        bitmap[0] = 0xE0;
        bitmap[bit / 8] |= 0x80 >> (bit % 8);
        refused(&cards, &with(&told, at, cards.verdict_of(bitmap)), at, 13, Why::Subsets);
    }
    let mut early = told.clone();
    let at = told.at("statement");
    early.records.insert(at, told.records[told.at("verdict")].clone());
    refused(&cards, &early, at, 13, Why::Before { kind: "verdict", wanted: "statement", place: None });
}

#[test]
fn check_14_an_export_is_for_the_hsm_of_the_manifest() {
    let (mut cards, told) = told(Operation::Release);
    let at = told.at("export");
    for given in [0, 112, 114, 256] {
        let record = cards.export_of(vec![4; given]);
        refused(&cards, &with(&told, at, record), at, 14, Why::ResultLength { given, expected: 113 });
    }
    // Another HSM, or another key.
    let place = Place::Combiner;
    cards.to = super::cards::To::Rsa;
    let record = cards.export_of(vec![4; 113]);
    refused(&cards, &with(&told, at, record), at, 6, Why::Signature { kind: "export", place });
    cards.to = super::cards::To::P256;
    cards.deal.as_mut().unwrap().1.kcv = Kcv([9; 3]);
    let record = cards.export_of(vec![4; 113]);
    refused(&cards, &with(&told, at, record), at, 6, Why::Signature { kind: "export", place });
    let mut early = told.clone();
    let statement = told.at("statement");
    for kind in ["export", "imported"] {
        early.records.insert(statement, told.records[told.at(kind)].clone());
        refused(&cards, &early, statement, 14, Why::Before { kind, wanted: "statement", place: None });
    }
}

#[test]
fn check_14_what_was_imported_is_the_key() {
    let (cards, told) = told(Operation::Release);
    let at = told.at("imported");
    refused(&cards, &with(&told, at, Record::Imported { kcv: Kcv([9; 3]) }), at, 14, Why::Kcv("imported"));
}

#[test]
fn check_15_the_dealer_forgets_this_statement() {
    let (cards, told) = deal();
    let at = told.at("forget");
    for hash in [[0; 32], [1; 32]] {
        for outcome in [Outcome::Confirmed, Outcome::Abandoned] {
            refused(&cards, &with(&told, at, cards.forget(outcome, hash)), at, 15, Why::Forgotten);
        }
    }
    // Before there is a statement, it forgets as abandoned, with zeros, and not otherwise.
    let at = told.at("box");
    let mut early = told.clone();
    early.records.truncate(at);
    early.records.push(cards.forget(Outcome::Abandoned, [0; 32]));
    assert!(early.verify(&cards).is_ok());
    for (outcome, hash) in
        [(Outcome::Confirmed, [0; 32]), (Outcome::Abandoned, [1; 32]), (Outcome::Confirmed, cards.statement_hash())]
    {
        early.records[at] = cards.forget(outcome, hash);
        refused(&cards, &early, at, 15, Why::Forgotten);
    }
}
