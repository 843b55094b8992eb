//! Checks 3 to 5.

use super::super::{Given, Why};
use super::cards::Cards;
use super::told::Told;
use super::{Change, cards, deal, refused, refused_with};
use crate::ceremony::plan::{Plan, PlanError, Revoked};
use crate::ceremony::transcript::{Fault, Record};
use crate::ceremony::verify::{Refusal, verify};
use crate::ceremony::words::{Fingerprint, words};
use cardwright_proto::custody::certificate::{
    Certificate, CertificateBody, CertificateError, CertifiedKey, Roles, possession,
};
use cardwright_proto::custody::manifest::{Manifest, ManifestError, Operation, Place};
use cardwright_proto::custody::share::Scheme;

/// A deal in which something before the manifest is another.
fn before(change: impl FnOnce(&mut Cards, &mut Vec<Record>)) -> (Cards, Told) {
    let mut cards = cards();
    let told = cards.retell(Operation::Deal, change, |_, _| {});
    (cards, told)
}

/// A deal with another manifest.
fn with_manifest(change: impl FnOnce(&mut Manifest)) -> (Cards, Told) {
    let mut cards = cards();
    let told = cards.retell(Operation::Deal, |_, _| {}, |_, manifest| change(manifest));
    (cards, told)
}

/// Certified by the CA, whatever it is.
fn certified(cards: &Cards, body: CertificateBody) -> Certificate {
    Certificate { body, signature: cards.ca.key.sign(&body.encode()) }
}

#[test]
fn check_3_there_is_one_ca() {
    let (cards, told) = before(|cards, records| records.insert(2, Record::Ca { key: cards.ca.key.point() }));
    refused(&cards, &told, 2, 3, Why::Second("ca"));
    let (cards, told) = before(|_, records| drop(records.remove(1)));
    refused(&cards, &told, 1, 3, Why::Before { kind: "enrol", wanted: "ca", place: None });
}

#[test]
fn check_3_the_ca_is_on_the_curve() {
    let (cards, told) = before(|_, records| records[1] = Record::Ca { key: [4; 65] });
    refused_with(&Given::default(), &told, 1, 3, Why::Point("ca"));
    refused(&cards, &told, 1, 3, Why::Point("ca"));
}

#[test]
fn check_3_a_foreign_ca() {
    let (_, told) = deal();
    let other = Cards::new(Scheme::Shamir, 2, 2);
    refused(&other, &told, 1, 3, Why::OtherCa);
    let given = Given { ca: Some(Fingerprint::Words(words(&[1; 32]))), ..Given::default() };
    refused_with(&given, &told, 1, 3, Why::OtherCa);
}

#[test]
fn check_4_the_ca_signed_each_certificate() {
    let (cards, told) = before(|_, records| {
        let [Record::Enrol { certificate: ca, .. }, Record::Enrol { certificate, .. }] = &mut records[2..4] else {
            panic!()
        };
        certificate.signature = ca.signature;
    });
    refused(&cards, &told, 3, 4, Why::CaSignature);
    // A dealer that certified itself.
    let (cards, told) = before(|cards, records| {
        let body = cards.dealer.certificate.body;
        let Record::Enrol { certificate, .. } = &mut records[3] else { panic!() };
        certificate.signature = cards.dealer.key.sign(&body.encode());
    });
    refused(&cards, &told, 3, 4, Why::CaSignature);
}

#[test]
fn check_4_a_body_is_well_formed() {
    let (cards, told) = deal();
    let text = String::from_utf8(told.bytes()).unwrap();
    // Roles 02 of the dealer become 03, which nobody has.
    let changed = text.replacen("dddddddddddddddd0201", "dddddddddddddddd0301", 1);
    let why = Why::Malformed(Fault::Body(CertificateError::Roles(3)));
    assert_eq!(verify(changed.as_bytes(), &cards.given()), Err(Refusal { line: 4, check: 4, why }));
}

#[test]
fn check_4_each_card_showed_that_it_has_its_key() {
    let (cards, told) = before(|cards, records| {
        let Record::Enrol { possession: shown, .. } = &mut records[3] else { panic!() };
        let CertificateBody { identity, .. } = cards.dealer.certificate.body;
        *shown = Some(cards.combiner.key.sign(&possession(&identity, &cards.dealer.key.point())));
    });
    refused(&cards, &told, 3, 4, Why::Possession);
    let (cards, told) = before(|_, records| {
        let Record::Enrol { possession, .. } = &mut records[3] else { panic!() };
        *possession = None;
    });
    refused(&cards, &told, 3, 4, Why::Possession);
    let (cards, told) = before(|cards, records| {
        let Record::Enrol { certificate, .. } = cards.hsm.enrol() else { panic!() };
        records.push(Record::Enrol { certificate, possession: Some(certificate.signature) });
    });
    refused(&cards, &told, told.at("manifest") - 1, 4, Why::HsmPossession);
}

#[test]
fn check_4_a_point_is_on_the_curve() {
    let (cards, told) = before(|cards, records| {
        let body = CertificateBody { key: CertifiedKey::P256([4; 65]), ..cards.hsm.certificate.body };
        records.push(Record::Enrol { certificate: certified(cards, body), possession: None });
    });
    refused(&cards, &told, told.at("manifest") - 1, 4, Why::Point("enrol"));
}

#[test]
fn check_4_no_key_and_no_identity_is_certified_twice() {
    let (cards, told) = before(|_, records| records.insert(4, records[3].clone()));
    refused(&cards, &told, 4, 4, Why::KeyTwice("enrol"));
    // The dealer's key as a combiner, too.
    let (cards, told) = before(|cards, records| {
        let body = CertificateBody { identity: [0x99; 8], roles: Roles::COMBINER, ..cards.dealer.certificate.body };
        let shown = cards.dealer.key.sign(&possession(&body.identity, &cards.dealer.key.point()));
        records.insert(4, Record::Enrol { certificate: certified(cards, body), possession: Some(shown) });
    });
    refused(&cards, &told, 4, 4, Why::KeyTwice("enrol"));
    let (cards, told) = before(|cards, records| {
        let key = cards.seed.pair();
        let CertificateBody { identity, .. } = cards.dealer.certificate.body;
        let body = CertificateBody { key: CertifiedKey::P256(key.point()), ..cards.dealer.certificate.body };
        let shown = key.sign(&possession(&identity, &key.point()));
        records.insert(4, Record::Enrol { certificate: certified(cards, body), possession: Some(shown) });
    });
    refused(&cards, &told, 4, 4, Why::IdentityTwice);
}

#[test]
fn check_4_a_cas_role_is_the_cas_own() {
    for (own, roles) in [(true, Roles::DEALER), (false, Roles::CA)] {
        let (cards, told) = before(|cards, records| {
            let member = if own { &cards.ca } else { &cards.dealer };
            let body = CertificateBody { roles, ..member.certificate.body };
            let shown = member.key.sign(&possession(&body.identity, &member.key.point()));
            let at = if own { 2 } else { 3 };
            records[at] = Record::Enrol { certificate: certified(cards, body), possession: Some(shown) };
        });
        refused(&cards, &told, if own { 2 } else { 3 }, 4, Why::CaRole(roles));
    }
}

/// A start with another plan's file, everything else the same.
fn planned(change: impl FnOnce(String) -> String) -> (Cards, Told) {
    let mut cards = cards();
    let text = String::from_utf8(cards.plan.clone()).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed);
    let told = cards.retell(
        Operation::Deal,
        |_, records| {
            let Record::Start { plan, .. } = &mut records[0] else { panic!() };
            *plan = changed.clone().into_bytes();
        },
        |_, manifest| manifest.plan = crate::custody::hash::sha256(&[changed.as_bytes()]),
    );
    (cards, told)
}

#[test]
fn check_5_the_plan_is_one() {
    let (cards, told) = planned(|_| "format = 3".to_owned());
    let refusal = told.verify(&cards).unwrap_err();
    assert!(matches!(refusal, Refusal { line: 1, check: 5, why: Why::Plan(PlanError::Syntax { .. }) }), "{refusal}");
    let (cards, told) = planned(|text| text.replace("steps = [\"deal\", ", "steps = ["));
    refused(&cards, &told, 0, 5, Why::Plan(PlanError::FirstStep(Operation::Drill)));
}

#[test]
fn check_5_the_plan_is_the_one_that_was_given() {
    let (cards, told) = deal();
    let given = |plan| Given { plan: Some(plan), ..cards.given() };
    let hash = Plan::parse(&cards.plan).unwrap().hash();
    assert!(verify(&told.bytes(), &given(Fingerprint::Hash(hash))).is_ok());
    refused_with(&given(Fingerprint::Words(words(&[3; 32]))), &told, 0, 5, Why::OtherPlan);
}

#[test]
fn check_5_the_operation_is_a_step_of_the_plan() {
    let mut cards = cards();
    let text = String::from_utf8(cards.plan.clone()).unwrap();
    cards.plan = text.replace("\"release\", \"destroy\"]", "\"destroy\"]").into_bytes();
    assert!(cards.tell(Operation::Deal).verify(&cards).is_ok());
    let told = cards.tell(Operation::Release);
    refused(&cards, &told, 0, 5, Why::NoStep(Operation::Release));
}

#[test]
fn check_5_mode_and_ca_are_the_plans() {
    let (cards, mut told) = deal();
    told.mode = crate::ceremony::plan::CeremonyMode::Host;
    refused(&cards, &told, 0, 5, Why::NotPlanned("the mode"));
    let (cards, told) = before(|_, records| {
        let Record::Start { test_ca, .. } = &mut records[0] else { panic!() };
        *test_ca = true;
    });
    refused(&cards, &told, 0, 5, Why::NotPlanned("the CA"));
    let ca = "[[card]]\nlabel = \"CA\"\nrole = \"ca\"\nholder = \"Administrator 1\"\n";
    let (cards, told) = planned(|text| text.replace(ca, ""));
    refused(&cards, &told, 0, 5, Why::NotPlanned("the CA"));
}

#[test]
fn check_5_there_is_one_manifest() {
    let (cards, mut told) = deal();
    let at = told.at("manifest");
    told.records.insert(at + 1, told.records[at].clone());
    refused(&cards, &told, at + 1, 5, Why::Second("manifest"));
}

#[test]
fn check_5_the_manifest_is_well_formed() {
    let (cards, told) = with_manifest(|manifest| manifest.generation = 2);
    let why = Why::Malformed(Fault::Manifest(ManifestError::Value("a deal makes generation 1")));
    refused(&cards, &told, told.at("manifest"), 5, why);
}

#[test]
fn check_5_the_manifest_is_of_this_start_and_this_chain() {
    let (cards, told) = with_manifest(|manifest| {
        (manifest.operation, manifest.partner) = (Operation::Drill, None);
    });
    refused(&cards, &told, told.at("manifest"), 5, Why::Manifest("operation"));
    let (cards, told) = with_manifest(|manifest| manifest.plan = [1; 32]);
    refused(&cards, &told, told.at("manifest"), 5, Why::Manifest("plan"));
    let (cards, told) = with_manifest(|manifest| manifest.head = [1; 32]);
    refused(&cards, &told, told.at("manifest"), 5, Why::Manifest("head"));
    // Something before the manifest changed afterwards, and all chained anew.
    let (cards, mut told) = deal();
    told.records.remove(told.at("note"));
    refused(&cards, &told, told.at("manifest"), 5, Why::Manifest("head"));
}

#[test]
fn check_5_the_manifest_is_as_planned() {
    let changes: [Change<Manifest>; 6] = [
        (|manifest| manifest.m = 3, "m"),
        (|manifest| (manifest.scheme, manifest.m) = (Scheme::Xor, 3), "the scheme"),
        (|manifest| manifest.custodians.truncate(2), "n"),
        (|manifest| manifest.key_length = 16, "the key length"),
        (|manifest| manifest.usage = 13, "the key usage"),
        (
            |manifest| {
                manifest.key_type = cardwright_proto::custody::share::KeyType::TripleDes;
                manifest.key_length = 24;
            },
            "the key type",
        ),
    ];
    for (change, what) in changes {
        let mut cards = cards();
        let mut told = cards.tell(Operation::Deal);
        let at = told.at("manifest");
        let Record::Manifest(manifest) = &mut told.records[at] else { panic!() };
        change(manifest);
        refused(&cards, &told, at, 5, Why::NotPlanned(what));
    }
}

#[test]
fn check_5_who_is_named_is_enrolled_with_its_role() {
    let mut cards = cards();
    let combiner = cards.combiner.hash();
    let (dealer, custodian) = (cards.dealer.hash(), cards.custodians[0].hash());
    let of = |change: fn(&mut Manifest, [u8; 32]), hash: [u8; 32], cards: &mut Cards| {
        cards.retell(Operation::Deal, |_, _| {}, |_, manifest| change(manifest, hash))
    };
    let told = of(|manifest, _| manifest.custodians[1] = [1; 32], [0; 32], &mut cards);
    refused(&cards, &told, told.at("manifest"), 5, Why::NotEnrolled(Place::Custodian(2)));
    let told = of(
        |manifest, hash| (manifest.partner, manifest.combiner) = (manifest.combiner, Some(hash)),
        dealer,
        &mut cards,
    );
    refused(&cards, &told, told.at("manifest"), 5, Why::Role { place: Place::Combiner, roles: Roles::DEALER });
    let told = of(
        |manifest, hash| (manifest.custodians[0], manifest.partner) = (manifest.partner.unwrap(), Some(hash)),
        custodian,
        &mut cards,
    );
    refused(&cards, &told, told.at("manifest"), 5, Why::Role { place: Place::Custodian(1), roles: Roles::DEALER });
    assert_ne!(combiner, dealer);
    let mut cards = super::cards();
    cards.tell(Operation::Deal);
    let told = cards.retell(Operation::Release, |_, records| drop(records.remove(9)), |_, _| {});
    refused(&cards, &told, told.at("manifest"), 5, Why::NotEnrolled(Place::Hsm));
}

#[test]
fn check_5_a_revoked_card() {
    let (cards, told) = before(|cards, records| {
        let certificate = cards.custodians[2].hash();
        records.push(Record::Revoked(Revoked { certificate, reason: "stolen".to_owned() }));
    });
    refused(&cards, &told, told.at("manifest"), 5, Why::Revoked(Place::Custodian(3)));
    let (cards, told) = deal();
    let revoked = [[1; 32], cards.combiner.hash()];
    let given = Given { revoked: &revoked, ..cards.given() };
    refused_with(&given, &told, told.at("manifest"), 5, Why::Revoked(Place::Combiner));
    let mut cards = super::cards();
    let dealer = hex::encode(cards.dealer.hash());
    cards.plan.extend(format!("[[revoked]]\ncertificate = \"{dealer}\"\nreason = \"lost\"\n").bytes());
    let told = cards.tell(Operation::Deal);
    refused(&cards, &told, told.at("manifest"), 5, Why::Revoked(Place::Dealer));
}

#[test]
fn check_5_a_card_is_the_planned_one() {
    let mut cards = cards();
    let text = String::from_utf8(cards.plan.clone()).unwrap();
    let with =
        |identity: &str| text.replace("label = \"C2\"\n", &format!("label = \"C2\"\nidentity = \"{identity}\"\n"));
    cards.plan = with("0202020202020202").into_bytes();
    assert!(cards.tell(Operation::Deal).verify(&cards).is_ok());
    cards.plan = with("0202020202020203").into_bytes();
    let told = cards.tell(Operation::Deal);
    let (place, what) = (Place::Custodian(2), "identity");
    refused(&cards, &told, told.at("manifest"), 5, Why::OtherCard { place, what });
    cards.plan = text.replace(&"a9".repeat(32), &"a8".repeat(32)).into_bytes();
    let told = cards.tell(Operation::Deal);
    let (place, what) = (Place::Custodian(1), "applet hash");
    refused(&cards, &told, told.at("manifest"), 5, Why::OtherCard { place, what });
}

#[test]
fn check_5_the_cas_card_is_the_planned_one() {
    let (cards, told) = before(|_, records| drop(records.remove(2)));
    refused(&cards, &told, told.at("manifest"), 5, Why::NoCaCard);
    let mut cards = super::cards();
    let text = String::from_utf8(cards.plan.clone()).unwrap();
    let with =
        |identity: &str| text.replace("label = \"CA\"\n", &format!("label = \"CA\"\nidentity = \"{identity}\"\n"));
    cards.plan = with("CACACACACACACACA").into_bytes();
    assert!(cards.tell(Operation::Deal).verify(&cards).is_ok());
    cards.plan = with("CACACACACACACACB").into_bytes();
    let told = cards.tell(Operation::Deal);
    refused(&cards, &told, told.at("manifest"), 5, Why::OtherCaCard);
}
