//! Whole ceremonies, and what they come to.

use crate::target::{Line, cards, is_java};
use cardwright_keys::custody::hash;
use cardwright_keys::custody::sealing::Route;
use cardwright_keys::custody::signing::{KeyPair, verify};
use cardwright_keys::key::{Algorithm, SecretKey};
use cardwright_proto::custody::certificate::CertifiedKey;
use cardwright_proto::custody::combine::ReadExport;
use cardwright_proto::custody::get_ceremony::{At, Contributed, Offered, Phase};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Export, Fields, Held, Message, Outcome, Receipt};
use cardwright_proto::custody::receive::GetReceipt;
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Subsets;
use cardwright_proto::custody::{Mode, Point};
use cardwright_tests::custody::{Card, Ceremony, Deal, rsa};
use std::collections::BTreeSet;
use std::time::Instant;

/// The key of an HSM that is software.
fn pair() -> KeyPair {
    KeyPair::new(&[0x7A; 32]).unwrap()
}

/// The secret, by way of an HSM with a P-256 key and the shares of `of`.
fn released(ceremony: &mut Ceremony<Line>, of: &[u8]) -> SecretKey {
    if ceremony.hsm.is_none() {
        ceremony.certify_hsm(CertifiedKey::P256(pair().point()));
    }
    let result = ceremony.release(of, &pair().point());
    let hsm = hash::certificate(&ceremony.hsm.unwrap().body);
    let (manifest, sender) = (ceremony.hash(), ceremony.combiner.certificate_hash());
    let sealed = SealedBox::parse(BoxKind::Export, &result).unwrap();
    let route = Route { manifest, x: 0, sender, recipient: hsm };
    let secret = route.open_secret(&sealed, &pair(), ceremony.manifest.key_length).unwrap();
    let algorithm = if ceremony.manifest.key_type == KeyType::Aes { Algorithm::Aes } else { Algorithm::TripleDes };
    assert_eq!(secret.kcv(algorithm).unwrap(), ceremony.statement.as_ref().unwrap().0.kcv);
    secret
}

/// Whether somebody signed this under the manifest.
#[track_caller]
fn signed(ceremony: &mut Ceremony<Line>, place: Place, fields: Fields, signature: &Signature) {
    let message = Message { manifest: ceremony.hash(), signer: ceremony.card(place).certificate_hash(), fields };
    let key: Point = ceremony.card(place).point();
    verify(&key, &message.to_bytes(), &signature.to_der()).unwrap();
}

fn report(what: &str, card: &Card<Line>) {
    let sent = || card.sent.iter().flatten();
    println!("{what}: {} APDUs, {} bytes of data", sent().count(), sent().map(|sent| sent.bytes).sum::<usize>());
}

#[test]
fn three_of_five_from_the_deal_to_the_destruction() {
    let Some(mut ceremony) = cards(5) else { return };
    let begun = Instant::now();
    let verdict = ceremony.deal(Deal::aes256(3));
    println!("3-of-5 dealt, drilled and forgotten: {:?}", begun.elapsed());
    report("dealer", &ceremony.dealer);
    report("combiner", &ceremony.combiner);
    report("custodian 1", &ceremony.custodians[0]);
    assert_eq!(verdict.bitmap, Subsets::new(3, 5).unwrap().full());
    assert_eq!(verdict.bitmap.count(), 10);
    let statement = hash::statement(&ceremony.statement.as_ref().unwrap().0);
    signed(&mut ceremony, Place::Combiner, Fields::Verdict { statement, bitmap: verdict.bitmap }, &verdict.signature);
    let (set, generation) = (ceremony.manifest.set, 1);
    for x in 1..=5 {
        let place = Place::Custodian(x);
        let receipt = ceremony.seen.receipts[&x];
        assert_eq!((receipt.x, receipt.status, receipt.statement), (x, Held::Yes, statement));
        let said = Receipt { set, generation, x, status: Held::Yes, statement };
        signed(&mut ceremony, place, Fields::Receipt(said), &receipt.signature);
        let approval = ceremony.seen.approvals[&place];
        signed(&mut ceremony, place, Fields::Approval { counter: approval.counter }, &approval.signature);
        let (mode, share) = ceremony.card(place).state().share.unwrap();
        assert_eq!((mode, share.x, share.statement), (Mode::Blind, x, Some(statement)));
        assert_eq!(ceremony.card(place).sw([0x80, 0x32, 0, 0], &[]), 0x6985, "nobody reads it");
    }

    let secret = released(&mut ceremony, &[5, 1, 3]);
    let signature = ceremony.combiner.ok(&ReadExport);
    let (kcv, hsm) = (ceremony.statement.as_ref().unwrap().0.kcv, hash::certificate(&ceremony.hsm.unwrap().body));
    let result = hash::sha256(&[&ceremony.read_result()]);
    signed(&mut ceremony, Place::Combiner, Fields::Export(Export { statement, kcv, hsm, result }), &signature);

    let modulus = rsa::modulus(256);
    ceremony.certify_hsm(rsa::certified(&modulus));
    let result = ceremony.release(&[2, 4, 5], &modulus);
    assert_eq!(rsa::decrypt(&result), secret.expose(), "another HSM, other shares, the same key");
    assert_eq!(ceremony.drill().bitmap.count(), 10);

    let receipts = ceremony.destroy();
    for (x, receipt) in (1..).zip(&receipts) {
        assert_eq!((receipt.x, receipt.status, receipt.statement), (x, Held::Destroyed, statement));
        let said = Receipt { set, generation, x, status: Held::Destroyed, statement };
        signed(&mut ceremony, Place::Custodian(x), Fields::Receipt(said), &receipt.signature);
        assert_eq!(ceremony.card(Place::Custodian(x)).state().share, None);
        let again = ceremony.card(Place::Custodian(x)).ok(&GetReceipt);
        assert_eq!((again.x, again.status, again.statement), (x, Held::Destroyed, statement));
        signed(&mut ceremony, Place::Custodian(x), Fields::Receipt(said), &again.signature);
    }
}

#[test]
fn all_lengths_of_rsa() {
    let Some(mut ceremony) = cards(2) else { return };
    ceremony.deal(Deal::aes256(2));
    let results = [256, 384, 512].map(|len| {
        let modulus = rsa::modulus(len);
        ceremony.certify_hsm(rsa::certified(&modulus));
        let result = ceremony.release(&[1, 2], &modulus);
        assert_eq!(result.len(), len);
        rsa::decrypt(&result)
    });
    assert!(results.iter().all(|secret| *secret == results[0] && secret.len() == 32));
}

#[test]
fn xor_of_three() {
    let Some(mut ceremony) = cards(3) else { return };
    let deal = Deal { scheme: Scheme::Xor, m: 3, key_type: KeyType::TripleDes, key_length: 24 };
    assert_eq!(ceremony.deal(deal).bitmap.count(), 1);
    assert_eq!(released(&mut ceremony, &[1, 2, 3]).key_len(), 24);
}

/// As many custodians as there can be, a statement and a manifest of full length.
#[test]
fn five_of_ten() {
    let Some(mut ceremony) = cards(10) else { return };
    let deal = Deal { scheme: Scheme::Shamir, m: 5, key_type: KeyType::TripleDes, key_length: 16 };
    assert_eq!(ceremony.deal(deal).bitmap.count(), 252);
    let secret = released(&mut ceremony, &[10, 9, 8, 7, 6]);
    assert!(released(&mut ceremony, &[1, 2, 3, 4, 10]) == secret);
}

/// Every m-subset gives the key: the drill of each says so, and some of them are released.
#[test]
fn all_subsets_for_n_up_to_seven() {
    let mut subsets = 0;
    for n in 2..=7 {
        for m in 2..=n {
            let Some(mut ceremony) = cards(n) else { return };
            let verdict = ceremony.deal(Deal { key_length: 16, ..Deal::aes256(m) });
            assert_eq!(verdict.bitmap, Subsets::new(m, n).unwrap().full(), "{m} of {n}");
            subsets += verdict.bitmap.count();
            let (first, last): (Vec<_>, Vec<_>) = ((1..=m).collect(), (n - m + 1..=n).collect());
            let secret = released(&mut ceremony, &first);
            assert!(released(&mut ceremony, &last) == secret, "{m} of {n}");
        }
    }
    println!("{subsets} subsets gave their keys");
}

/// What GET STATE tells along the way.
#[test]
fn states_of_a_ceremony() {
    let Some(mut ceremony) = cards(2) else { return };
    let enrolled = ceremony.custodians[0].ceremony();
    assert!(enrolled.identity_key && enrolled.ca_key && !enrolled.is_ca && enrolled.part.is_none());
    assert_eq!(enrolled.certificate, Some(ceremony.custodians[0].certificate_hash()));
    let ca = ceremony.ca.ceremony();
    assert_eq!((ca.is_ca, ca.signed), (true, 5));
    let deal = |ceremony: &mut Ceremony<Line>| match ceremony.dealer.ceremony().part.unwrap().place {
        At::Dealer(deal) => deal,
        other => panic!("{other:?}"),
    };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    let state = ceremony.dealer.ceremony();
    let part = state.part.unwrap();
    assert_eq!((state.sequence, state.counter, part.parties.0), (1, 1, 0x0403));
    assert_eq!((deal(&mut ceremony).phase, deal(&mut ceremony).next), (Phase::Begun, 1));
    ceremony.contribute();
    let masks = deal(&mut ceremony);
    assert_eq!((masks.approvals.0, masks.commitments.0, masks.offers.0, masks.boxes.0), (3, 3, 3, 0));
    let part = ceremony.custodians[1].ceremony().part.unwrap();
    assert_eq!((part.contribution, part.place, part.parties.0), (Contributed::Made, At::Custodian(2), 0x0800));
    assert_eq!(part.offer, Offered::There(ceremony.seen.offers[&Place::Custodian(2)].point));
    ceremony.state();
    let stated = deal(&mut ceremony);
    assert_eq!((stated.phase, stated.next, stated.boxes.0), (Phase::Stated, 3, 3));
    assert_eq!(ceremony.dealer.ceremony().part.unwrap().offer, Offered::Used);
    let verdict = ceremony.store_and_drill();
    let part = ceremony.combiner.ceremony().part.unwrap();
    let At::Combiner { drilled, taken, result } = part.place else { panic!("{part:?}") };
    assert_eq!((drilled, taken.0, result, part.offer), (1, 3, None, Offered::Used));
    let part = ceremony.custodians[1].ceremony().part.unwrap();
    assert_eq!((part.contribution, part.offer), (Contributed::Gone, Offered::Used));
    let signature = ceremony.forget(&verdict);
    let statement = hash::statement(&ceremony.statement.as_ref().unwrap().0);
    let outcome = Outcome::Confirmed;
    signed(&mut ceremony, Place::Dealer, Fields::Forget { statement, outcome }, &signature);
    let end = deal(&mut ceremony);
    assert_eq!((end.phase, end.receipts.0, end.drill, end.next), (Phase::Forgotten, 3, true, 3));
    assert_eq!(ceremony.dealer.ceremony().part.unwrap().statement, Some(statement));
}

/// No two cards have the same keys; simulated ones with a seed repeat themselves.
#[test]
fn what_is_random_differs_between_cards() {
    let run = || {
        let mut ceremony = cards(3)?;
        ceremony.deal(Deal::aes256(2));
        let points: Vec<Point> = [Place::Dealer, Place::Combiner]
            .into_iter()
            .chain((1..=3).map(Place::Custodian))
            .flat_map(|place| [ceremony.card(place).point(), ceremony.seen.offers[&place].point])
            .collect();
        let hashes: Vec<_> = ceremony.seen.commitments.values().map(|committed| committed.commitment).collect();
        let shares = ceremony.statement.unwrap().0.shares;
        Some((points, hashes, shares))
    };
    let Some((points, hashes, shares)) = run() else { return };
    assert_eq!(points.iter().collect::<BTreeSet<_>>().len(), 10);
    assert_eq!(hashes.iter().chain(&shares).collect::<BTreeSet<_>>().len(), 6);
    let again = run();
    assert_eq!(again == Some((points, hashes, shares)), !is_java());
}
