//! What the lists say where one might read them in two ways.

use crate::target::{card, cards};
use cardwright_keys::custody::signing::KeyPair;
use cardwright_proto::custody::certificate::CertifiedKey;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome};
use cardwright_proto::custody::receive::GetReceipt;
use cardwright_proto::custody::subset::Mask;
use cardwright_proto::custody::take_part::{ApproveManifest, PutParty};
use cardwright_proto::custody::{combine::Drill, deal::Forget};
use cardwright_tests::custody::{Card, Deal, rsa};
use cardwright_tests::share::object;

const FIRST: Place = Place::Custodian(1);

/// A body that no constructor makes: roles 01 or 0C, algorithm 02.
fn rsa_body(identity: [u8; 8], roles: u8) -> Vec<u8> {
    [&[0x43, 0x57, 0x02, 0x01][..], &identity, &[roles, 2], &[0xA9; 32], &[0x77; 32]].concat()
}

#[test]
fn rsa_is_for_hsms_alone() {
    let Some(mut ceremony) = cards(2) else { return };
    let identity = ceremony.ca.state().card.identity;
    for roles in [0x01, 0x04, 0x0C] {
        ceremony.ca.verify();
        let body = rsa_body(identity, roles);
        assert_eq!(ceremony.ca.sw([0x80, 0x3E, 0, 0], &body), 0x6A80, "{roles:02X}");
    }
    let Some(mut new) = card(0x66).map(Card::new) else { return };
    new.first_pin();
    new.verify();
    assert_eq!(new.sw([0x80, 0x38, 0, 0], &[]), 0x9000);
    new.verify();
    assert_eq!(new.sw([0x80, 0x3C, 0, 0], &ceremony.ca.point()), 0x9000);
    // 119 bytes and more, so that the length is right.
    let certificate = [rsa_body(new.state().card.identity, 0x01), vec![0; 60]].concat();
    assert_eq!(new.sw([0x80, 0x40, 0, 0], &certificate), 0x6A80);
}

#[test]
fn a_manifest_again_and_its_sequence() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.manifest.sequence = 0;
    assert_eq!(ceremony.approve(FIRST), Err(0x660A), "0 is not higher than 0");
    ceremony.manifest.sequence = 7;
    ceremony.approve(FIRST).unwrap();
    ceremony.approve(FIRST).unwrap();
    let bytes = ceremony.manifest.encode();
    let again = ceremony.card(FIRST).in_blocks(&bytes, |block| ApproveManifest { block });
    assert_eq!(again, Err(0x6982), "the one in hand used up the PIN");
    ceremony.manifest.usage ^= 1;
    assert_eq!(ceremony.approve(FIRST), Err(0x660A), "another one with its sequence");
}

#[test]
fn abandoned_twice() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    let abandon = Forget { outcome: Outcome::Abandoned };
    ceremony.dealer.verify();
    ceremony.dealer.ok(&abandon);
    assert_eq!(ceremony.dealer.call(&abandon), Err(0x6982), "a PIN each time");
    ceremony.dealer.verify();
    ceremony.dealer.ok(&abandon);
}

#[test]
fn contribution_of_nobody() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    ceremony.contribute();
    ceremony.dealer.insert();
    for x in [2, 3, 10] {
        assert_eq!(ceremony.dealer.sw([0x80, 0x52, x, 0], &[]), 0x6A86, "{x}");
    }
}

/// In drill and release any dealer of the CA's will do, once: that it is the set's shows with the statement.
#[test]
fn another_dealer_and_another_statement() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.deal(Deal::aes256(2));
    let first = ceremony.signed_statement();
    ceremony.destroy();
    ceremony.deal(Deal::aes256(2));
    let (dealer, combiner) = (ceremony.certificate(Place::Dealer), ceremony.certificate(Place::Combiner));
    ceremony.plan(Operation::Drill, None);
    ceremony.seat_combiner();
    let put = |certificate| PutParty { place: Place::Dealer, certificate };
    assert_eq!(ceremony.combiner.call(&put(&combiner)), Err(0x6603));
    ceremony.combiner.ok(&put(&dealer));
    ceremony.combiner.ok(&put(&dealer));
    ceremony.gather(Operation::Drill, &[1]);
    // A good statement of the same dealer's, of another set: taken, and the shares with it.
    let bytes = first.clone();
    let take = |block| cardwright_proto::custody::take_part::TakeStatement { block };
    ceremony.combiner.in_blocks(&bytes, take).unwrap();
    assert_eq!(ceremony.take_share(1), Err(0x6601), "the release has the other statement's hash");
    assert_eq!(ceremony.combiner.call(&Drill { subset: Mask(3) }), Err(0x6A88));
}

/// A share that a host stored counts as held, without a statement.
#[test]
fn receipts_of_a_share_that_was_not_dealt() {
    let Some(mut ceremony) = cards(2) else { return };
    let share = object(0x0100_0001, false);
    let card = ceremony.card(FIRST);
    card.verify();
    assert_eq!(card.sw([0x80, 0x30, 0x82, 0], &share), 0x9000);
    let info = card.state().share.unwrap().1;
    assert_eq!(info.x, 2, "not the card's place");
    ceremony.plan(Operation::Destroy, None);
    (ceremony.manifest.set, ceremony.manifest.generation) = (info.set, info.generation);
    ceremony.approve(FIRST).unwrap();
    let receipt = ceremony.card(FIRST).ok(&GetReceipt);
    assert_eq!((receipt.x, receipt.status, receipt.statement), (2, Held::Yes, [0; 32]), "x is the share's");
    ceremony.card(FIRST).verify();
    let receipt = ceremony.card(FIRST).ok(&cardwright_proto::custody::receive::Destroy);
    assert_eq!((receipt.x, receipt.status, receipt.statement), (2, Held::Destroyed, [0; 32]), "and the note's");
}

/// The combiner offers in every operation that has one, custodians in a deal only.
#[test]
fn who_offers() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.deal(Deal::aes256(2));
    ceremony.certify_hsm(CertifiedKey::P256(KeyPair::new(&[0x7A; 32]).unwrap().point()));
    for operation in [Operation::Drill, Operation::Release] {
        ceremony.plan(operation, None);
        ceremony.approve(FIRST).unwrap();
        assert_eq!(ceremony.offer(FIRST), Err(0x6985), "{operation}");
        ceremony.seat_combiner();
    }
}

/// A certified modulus with small factors: a platform may refuse it, with one word, and nothing comes out.
#[test]
fn a_modulus_that_may_be_refused() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.deal(Deal::aes256(2));
    let modulus = vec![0xFF; 256];
    ceremony.certify_hsm(rsa::certified(&modulus));
    ceremony.gather(Operation::Release, &[1, 2]);
    match ceremony.export(&modulus) {
        Ok(()) => assert_eq!(ceremony.read_result().len(), 256),
        Err(sw) => {
            assert_eq!(sw, 0x6A81);
            assert_eq!(ceremony.combiner.sw([0x80, 0xAC, 0, 0], &[]), 0x6985, "no result");
            assert_eq!(ceremony.take_share(1), Err(0x6985), "the shares are there still");
        }
    }
}
