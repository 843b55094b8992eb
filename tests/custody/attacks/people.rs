//! Certificates, manifests, PINs.

use super::{Rogue, dealt, prepared};
use crate::target::{Line, card, cards};
use cardwright_keys::custody::signing::{KeyPair, verify, verify_certificate};
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles};
use cardwright_proto::custody::deal::{Admit, Admitted, Forget};
use cardwright_proto::custody::enrol::{GenerateIdentity, GetIdentity, PutCaKey, PutCertificate, SignCertificate};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Fields, Message, Outcome};
use cardwright_proto::custody::take_part::{ApproveManifest, PutParty};
use cardwright_tests::custody::{Card, Deal};

const FIRST: Place = Place::Custodian(1);

/// A new card with an identity key.
fn newcomer() -> Option<Card<Line>> {
    let mut card = Card::new(card(0x99)?);
    card.first_pin();
    card.verify();
    card.ok(&GenerateIdentity);
    Some(card)
}

fn body(card: &mut Card<Line>, roles: Roles) -> CertificateBody {
    let point = card.ok(&GetIdentity).point;
    CertificateBody { identity: card.state().card.identity, roles, applet: [0; 32], key: CertifiedKey::P256(point) }
}

#[test]
fn foreign_ca() {
    let foreign = KeyPair::new(&[9; 32]).unwrap();
    let Some(mut ceremony) = cards(2) else { return };
    let Some(mut card) = newcomer() else { return };
    card.verify();
    card.ok(&PutCaKey { point: &ceremony.ca.point() });
    let body = body(&mut card, Roles::CUSTODIAN);
    let certificate = Certificate { body, signature: foreign.sign(&body.encode()) };
    assert_eq!(card.call(&PutCertificate { certificate: &certificate }), Err(0x6602));

    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.approve(Place::Dealer).unwrap();
    let body = ceremony.certificate(FIRST).body;
    let certificate = Certificate { body, signature: foreign.sign(&body.encode()) };
    assert_eq!(ceremony.dealer.call(&PutParty { place: FIRST, certificate: &certificate }), Err(0x6602));
}

#[test]
fn ca_key_written_twice() {
    let Some(mut ceremony) = cards(2) else { return };
    let point = ceremony.ca.point();
    ceremony.dealer.verify();
    assert_eq!(ceremony.dealer.call(&PutCaKey { point: &point }), Err(0x6985));
}

#[test]
fn one_key_certified_twice() {
    let Some(mut ceremony) = cards(2) else { return };
    let Some(mut card) = newcomer() else { return };
    let (body, proof) = (body(&mut card, Roles::CUSTODIAN), card.ok(&GetIdentity).possession);
    let mut sign = |body: &CertificateBody| {
        ceremony.ca.verify();
        ceremony.ca.call(&SignCertificate { body, possession: Some(&proof) })
    };
    let first = sign(&body).unwrap();
    let again = sign(&body).expect("the last one is signed again");
    assert_eq!(sign(&CertificateBody { roles: Roles::DEALER, ..body }), Err(0x660B));
    for signature in [first, again] {
        verify_certificate(&ceremony.ca.point(), &Certificate { body, signature }).unwrap();
    }
    let others = |seed| {
        let key = KeyPair::new(&[seed; 32]).unwrap();
        CertificateBody { roles: Roles::HSM, key: CertifiedKey::P256(key.point()), ..body }
    };
    for seed in 1..=31 {
        ceremony.ca.verify();
        ceremony.ca.ok(&SignCertificate { body: &others(seed), possession: None });
    }
    let again = CertificateBody { roles: Roles::DEALER, ..body };
    let mut sign = |body: &CertificateBody| {
        ceremony.ca.verify();
        ceremony.ca.call(&SignCertificate { body, possession: Some(&proof) })
    };
    assert_eq!(sign(&again), Err(0x660B), "it is the oldest of 32");
    ceremony.ca.verify();
    ceremony.ca.ok(&SignCertificate { body: &others(32), possession: None });
    ceremony.ca.verify();
    assert!(ceremony.ca.call(&SignCertificate { body: &again, possession: Some(&proof) }).is_ok(), "forgotten");
}

#[test]
fn key_of_another_card_enrolled() {
    let Some(mut ceremony) = cards(2) else { return };
    let Some(mut card) = newcomer() else { return };
    let body = body(&mut card, Roles::CUSTODIAN);
    let other = ceremony.dealer.ok(&GetIdentity).possession;
    ceremony.ca.verify();
    assert_eq!(ceremony.ca.call(&SignCertificate { body: &body, possession: Some(&other) }), Err(0x6601));
}

#[test]
fn wrong_role() {
    let Some(mut ceremony) = cards(2) else { return };
    let Some(mut card) = newcomer() else { return };
    let (body, proof) = (body(&mut card, Roles::CA), card.ok(&GetIdentity).possession);
    ceremony.ca.verify();
    assert_eq!(ceremony.ca.call(&SignCertificate { body: &body, possession: Some(&proof) }), Err(0x6603));

    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    let (custodian, combiner) = (ceremony.manifest.custodians[0], ceremony.manifest.combiner.unwrap());
    (ceremony.manifest.custodians[0], ceremony.manifest.combiner) = (combiner, Some(custodian));
    assert_eq!(ceremony.approve(Place::Combiner), Err(0x6603));
    assert_eq!(ceremony.approve(FIRST), Err(0x6603));
    ceremony.approve(Place::Dealer).unwrap();
    let certificate = ceremony.certificate(Place::Combiner);
    assert_eq!(ceremony.dealer.call(&PutParty { place: FIRST, certificate: &certificate }), Err(0x6603));
}

#[test]
fn revoked_card() {
    let Some(mut ceremony) = cards(3) else { return };
    let revoked = ceremony.certificate(Place::Custodian(3));
    ceremony.manifest.custodians.pop();
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    assert_eq!(ceremony.approve(Place::Custodian(3)), Err(0x6605));
    ceremony.approve(Place::Dealer).unwrap();
    let party = PutParty { place: Place::Custodian(2), certificate: &revoked };
    assert_eq!(ceremony.dealer.call(&party), Err(0x6605));
}

#[test]
fn approval_of_another_manifest_or_missing() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.approve(FIRST).unwrap();
    let old = ceremony.seen.approvals[&FIRST];
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    assert_eq!(ceremony.dealer.call(&Admit { x: 1, what: Admitted::Approval(old) }), Err(0x6601));
    ceremony.admit(2).unwrap();
    ceremony.reveal(1).unwrap();
    assert_eq!(ceremony.take_contribution(1), Err(0x6985));
}

#[test]
fn manifest_changed_after_approval() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.manifest.usage ^= 1;
    ceremony.approve(FIRST).unwrap();
    let changed = ceremony.seen.approvals[&FIRST];
    ceremony.manifest.usage ^= 1;
    ceremony.manifest.sequence += 1;
    ceremony.prepare();
    assert_eq!(ceremony.dealer.call(&Admit { x: 1, what: Admitted::Approval(changed) }), Err(0x6601));
}

#[test]
fn old_manifest() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.approve(FIRST).unwrap();
    let first = ceremony.seen.approvals[&FIRST];
    ceremony.approve(FIRST).unwrap();
    let again = ceremony.seen.approvals[&FIRST];
    assert_eq!(again.counter, first.counter, "the one in hand is signed again, and not counted");
    let fields = Fields::Approval { counter: first.counter };
    let message = Message { manifest: ceremony.hash(), signer: ceremony.card(FIRST).certificate_hash(), fields };
    for approval in [first, again] {
        verify(&ceremony.card(FIRST).point(), &message.to_bytes(), &approval.signature.to_der()).unwrap();
    }
    let old = ceremony.manifest.clone();
    ceremony.plan(Operation::Destroy, None);
    ceremony.approve(FIRST).unwrap();
    assert_eq!(ceremony.seen.approvals[&FIRST].counter, 2);
    let equal = ceremony.manifest.sequence;
    ceremony.plan(Operation::Drill, None);
    ceremony.manifest.sequence = equal;
    assert_eq!(ceremony.approve(FIRST), Err(0x660A));
    ceremony.manifest = old;
    assert_eq!(ceremony.approve(FIRST), Err(0x660A));
}

/// Whoever gets one PIN cannot use up the sequences that are left.
#[test]
fn sequence_too_far_above() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    let mut next = |sequence| {
        ceremony.manifest.sequence = sequence;
        ceremony.approve(FIRST)
    };
    assert_eq!(next(u32::MAX), Err(0x660A));
    assert_eq!(next(65_537), Err(0x660A));
    next(65_536).unwrap();
    assert_eq!(next(131_073), Err(0x660A));
    next(131_072).unwrap();
    next(131_073).unwrap();
}

#[test]
fn pin_used_twice() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.approve(FIRST).unwrap();
    let bytes = ceremony.manifest.encode();
    let again = ceremony.card(FIRST).in_blocks(&bytes, |block| ApproveManifest { block });
    assert_eq!(again, Err(0x6982));
}

#[test]
fn pin_exhausted() {
    let Some(mut ceremony) = cards(2) else { return };
    let card = ceremony.card(FIRST);
    for sw in [0x63C2, 0x63C1, 0x63C0, 0x6983] {
        assert_eq!(card.sw([0, 0x20, 0, 0], b"1111"), sw);
    }
    assert_eq!(card.sw([0, 0x20, 0, 0], b"8642"), 0x6983);
}

#[test]
fn pin_reset_by_who_holds_the_domains_keys() {
    let Some(mut ceremony) = dealt() else { return };
    let certificate = ceremony.certificate(FIRST);
    let card = ceremony.card(FIRST);
    let identity = card.state().card.identity;
    assert_eq!(card.sw([0x80, 0x34, 1, 0], &[]), 0x9000);
    let state = card.ceremony();
    assert_eq!((state.identity_key, state.sequence, state.counter), (false, 0, 0));
    assert_eq!((state.certificate, state.part), (None, None));
    assert_eq!(card.state().card.identity, identity);
    card.first_pin();
    assert_eq!(card.call(&PutCertificate { certificate: &certificate }), Err(0x6985));
    ceremony.plan(Operation::Drill, None);
    assert_eq!(ceremony.approve(FIRST), Err(0x6985));
}

/// As after a WIPE of everything, but for the identity.
#[test]
fn applet_reinstalled() {
    let Some(mut ceremony) = cards(2) else { return };
    let certificate = ceremony.certificate(FIRST);
    let Some(mut card) = newcomer() else { return };
    assert_eq!(card.call(&PutCertificate { certificate: &certificate }), Err(0x6985));
    card.verify();
    card.ok(&PutCaKey { point: &ceremony.ca.point() });
    assert_eq!(card.call(&PutCertificate { certificate: &certificate }), Err(0x6605));
}

#[test]
fn point_not_on_the_curve() {
    let Some(mut card) = newcomer() else { return };
    let mut off = card.ok(&GetIdentity).point;
    off[64] ^= 1;
    card.verify();
    assert_eq!(card.call(&PutCaKey { point: &off }), Err(0x6A80));
    let Some(mut ceremony) = cards(2) else { return };
    let body = CertificateBody { roles: Roles::HSM, key: CertifiedKey::P256(off), ..body(&mut card, Roles::HSM) };
    ceremony.ca.verify();
    assert_eq!(ceremony.ca.call(&SignCertificate { body: &body, possession: None }), Err(0x6A80));
    // A dealer that signs an offer of such a point.
    let rogue = Rogue::certified(&mut ceremony, 0x31, Roles::DEALER);
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.manifest.partner = Some(rogue.hash());
    ceremony.approve(FIRST).unwrap();
    assert_eq!(ceremony.card(FIRST).sw([0x80, 0x44, 0, 0], &[]), 0x9000);
    ceremony.card(FIRST).ok(&PutParty { place: Place::Dealer, certificate: &rogue.certificate });
    let signature = rogue.signs(&ceremony.manifest, Fields::Offer { point: off });
    let data = [&off[..], &signature.to_der()].concat();
    assert_eq!(ceremony.card(FIRST).sw([0x80, 0x48, 0, 0], &data), 0x6A80);
}

#[test]
fn dealer_made_to_forget_early() {
    let Some(mut ceremony) = prepared() else { return };
    let early = Forget { outcome: Outcome::Confirmed };
    assert_eq!(ceremony.dealer.call(&early), Err(0x6985));
    let kept = (ceremony.manifest.clone(), std::mem::take(&mut ceremony.seen));
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    assert_eq!(ceremony.approve(Place::Dealer), Err(0x6985));
    (ceremony.manifest, ceremony.seen) = kept;
    ceremony.contribute();
    ceremony.state();
    assert_eq!(ceremony.dealer.call(&early), Err(0x6985));
    assert_eq!(ceremony.dealer.call(&Forget { outcome: Outcome::Abandoned }), Err(0x6982), "without a PIN");
    let verdict = ceremony.store_and_drill();
    assert_eq!(ceremony.dealer.call(&early), Err(0x6985), "nothing is confirmed yet");
    ceremony.forget(&verdict);
    ceremony.dealer.ok(&early);
    ceremony.dealer.verify();
    assert_eq!(ceremony.dealer.call(&Forget { outcome: Outcome::Abandoned }), Err(0x6985));
}
