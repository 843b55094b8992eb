//! Offers, contributions, boxes, statements, drills, releases.

use super::{Cards, Rogue, dealt, prepared, stated};
use crate::target::cards;
use cardwright_keys::custody::hash;
use cardwright_keys::custody::sealing::Route;
use cardwright_keys::custody::secret::Contribution;
use cardwright_keys::custody::signing::{KeyPair, PublicKey};
use cardwright_keys::key::{Algorithm, SecretKey};
use cardwright_keys::share::{Binding, Quorum, Share, split};
use cardwright_proto::custody::certificate::{CertifiedKey, Roles};
use cardwright_proto::custody::combine::{Drill, GetVerdict};
use cardwright_proto::custody::deal::{Admit, Admitted, Confirm};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Fields, Held, Statement};
use cardwright_proto::custody::receive::{GetReceipt, ReleaseShare, RevealContribution, StoreBox, listed_box};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Mask;
use cardwright_proto::custody::take_part::{Offer, PutParty, TakeStatement, signed_statement};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;
use cardwright_tests::custody::{Deal, rsa};

const FIRST: Place = Place::Custodian(1);

/// The point of an offer with the signature of another one.
fn swapped(offer: Offer) -> Offer {
    Offer { point: KeyPair::new(&[5; 32]).unwrap().point(), ..offer }
}

fn fixed(bytes: &mut [u8]) -> Result<(), ()> {
    bytes.fill(0x42);
    Ok(())
}

#[test]
fn swapped_offer() {
    let Some(mut ceremony) = prepared() else { return };
    let offer = Admitted::Offer(swapped(ceremony.seen.offers[&FIRST]));
    assert_eq!(ceremony.dealer.call(&Admit { x: 1, what: offer }), Err(0x6601));
    ceremony.put_party(FIRST, Place::Dealer).unwrap();
    let offer = swapped(ceremony.seen.offers[&Place::Dealer]);
    assert_eq!(ceremony.card(FIRST).call(&RevealContribution { offer: &offer }), Err(0x6601));

    let Some(mut ceremony) = dealt() else { return };
    ceremony.plan(Operation::Drill, None);
    ceremony.seat_combiner();
    ceremony.approve(FIRST).unwrap();
    let offer = swapped(ceremony.seen.offers[&Place::Combiner]);
    ceremony.put_party(FIRST, Place::Combiner).unwrap();
    ceremony.card(FIRST).verify();
    assert_eq!(ceremony.card(FIRST).call(&ReleaseShare { offer: &offer }), Err(0x6601));
}

#[test]
fn contribution_changed_after_the_commitment() {
    let Some(mut ceremony) = prepared() else { return };
    ceremony.contribute();
    let to = PublicKey::new(&ceremony.seen.offers[&Place::Dealer].point).unwrap();
    let (manifest, recipient) = (ceremony.hash(), ceremony.dealer.certificate_hash());
    let sender = ceremony.card(FIRST).certificate_hash();
    let changed = Contribution::new(&[1; 32]);
    let route = Route { manifest, x: 1, sender, recipient };
    ceremony.seen.contributions.insert(1, route.contribute(&changed, &to, fixed).unwrap());
    ceremony.dealer.insert();
    assert_eq!(ceremony.take_contribution(1), Err(0x6608));
    let elsewhere = Route { x: 2, ..route };
    ceremony.seen.contributions.insert(1, elsewhere.contribute(&changed, &to, fixed).unwrap());
    assert_eq!(ceremony.take_contribution(1), Err(0x6607));
    assert_eq!(ceremony.take_contribution(2), Err(0x6A86), "in ascending order");
}

#[test]
fn replayed_box() {
    let Some(mut ceremony) = stated() else { return };
    ceremony.card(FIRST).insert();
    ceremony.take_statement(FIRST).unwrap();
    ceremony.store_box(1).unwrap();
    assert_eq!(ceremony.store_box(1), Err(0x6985));
    // The host keeps the box for the next deal, once the card has room again.
    let old = ceremony.listed_box(1);
    ceremony.card(FIRST).verify();
    assert_eq!(ceremony.card(FIRST).sw([0x80, 0x34, 0, 0], &[]), 0x9000);
    ceremony.dealer.verify();
    assert!(ceremony.dealer.sw([0x80, 0x5E, 1, 0], &[]) == 0x9000);
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    ceremony.contribute();
    ceremony.state();
    ceremony.card(FIRST).insert();
    ceremony.take_statement(FIRST).unwrap();
    assert_eq!(ceremony.card(FIRST).in_blocks(&old, |block| StoreBox { block }), Err(0x6606));
    ceremony.store_box(1).unwrap();
}

#[test]
fn box_of_another_index_and_a_flipped_bit() {
    let Some(mut ceremony) = stated() else { return };
    ceremony.card(FIRST).insert();
    ceremony.take_statement(FIRST).unwrap();
    let mut bytes = ceremony.listed_box(1);
    let other = ceremony.seen.dealt[&2].sealed.to_bytes();
    let at = bytes.len() - other.len();
    bytes[at..].copy_from_slice(&other);
    assert_eq!(ceremony.card(FIRST).in_blocks(&bytes, |block| StoreBox { block }), Err(0x6606));
    for at in [0, 40, at, at + 70, at + 128] {
        let mut bytes = ceremony.listed_box(1);
        bytes[at] ^= 0x10;
        assert_eq!(ceremony.card(FIRST).in_blocks(&bytes, |block| StoreBox { block }), Err(0x6606), "{at}");
    }
    ceremony.store_box(1).unwrap();
}

/// A dealer that signs what it likes, and a custodian that waits for its box.
fn rogue_deal() -> Option<(Cards, Rogue)> {
    let mut ceremony = cards(3)?;
    let rogue = Rogue::certified(&mut ceremony, 0x31, Roles::DEALER);
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.manifest.partner = Some(rogue.hash());
    ceremony.approve(FIRST).unwrap();
    ceremony.offer(FIRST).unwrap();
    ceremony.card(FIRST).ok(&PutParty { place: Place::Dealer, certificate: &rogue.certificate });
    Some((ceremony, rogue))
}

/// The word for a box of x = 1 under a statement that fits it, commitments apart.
fn stored(ceremony: &mut Cards, rogue: &Rogue, sealed: SealedBox, commitment: Hash) -> Result<(), u16> {
    let list = vec![hash::sealed(&sealed); 3];
    let statement = Statement {
        manifest: ceremony.hash(),
        dealer: rogue.hash(),
        kcv: Kcv([1, 2, 3]),
        shares: vec![commitment; 3],
        boxes: hash::boxes(&list),
    };
    let signed = signed_statement(&statement, &rogue.key.sign(&statement.to_bytes()));
    ceremony.card(FIRST).in_blocks(&signed, |block| TakeStatement { block })?;
    let bytes = listed_box(&list, &sealed);
    ceremony.card(FIRST).in_blocks(&bytes, |block| StoreBox { block }).map(|_| ())
}

#[test]
fn box_of_another_ceremony_or_index_in_the_statement_and_wrong_commitment() {
    let Some((mut ceremony, rogue)) = rogue_deal() else { return };
    let to = PublicKey::new(&ceremony.seen.offers[&FIRST].point).unwrap();
    let (manifest, recipient) = (ceremony.hash(), ceremony.card(FIRST).certificate_hash());
    let route = Route { manifest, x: 1, sender: rogue.hash(), recipient };
    let (share, salt) = (Share::new(1, &[7; 32]), [9; 16]);
    let binding = Binding { set: ceremony.manifest.set, generation: 1 };
    let right = binding.commit(&share, &salt);
    let seal = |route: Route| route.deal(&share, &salt, &to, fixed).unwrap();
    for (route, what) in [
        (Route { x: 2, ..route }, "index"),
        (Route { manifest: [8; 32], ..route }, "ceremony"),
        (Route { recipient: [8; 32], ..route }, "card"),
    ] {
        assert_eq!(stored(&mut ceremony, &rogue, seal(route), right), Err(0x6607), "{what}");
    }
    assert_eq!(stored(&mut ceremony, &rogue, seal(route), [0; 32]), Err(0x6608));
    let other = Share::new(1, &[6; 32]);
    let changed = route.deal(&other, &salt, &to, fixed).unwrap();
    assert_eq!(stored(&mut ceremony, &rogue, changed, right), Err(0x6608));
    let mut off = seal(route).to_bytes();
    off[64] ^= 1;
    let off = SealedBox::parse(BoxKind::Share, &off).unwrap();
    assert_eq!(stored(&mut ceremony, &rogue, off, right), Err(0x6A80), "no point");
    stored(&mut ceremony, &rogue, seal(route), right).unwrap();
}

/// A dealer whose shares and commitments are sound, and whose statement has the check value of another key.
#[test]
fn another_check_value() {
    let Some(mut ceremony) = cards(3) else { return };
    let rogue = Rogue::certified(&mut ceremony, 0x31, Roles::DEALER);
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.manifest.partner = Some(rogue.hash());
    let secret = SecretKey::new(&[0x5A; 32]).unwrap();
    let shares = split(&secret, Quorum::new(Scheme::Shamir, 2, 3).unwrap(), fixed).unwrap();
    let (binding, salt) = (Binding { set: ceremony.manifest.set, generation: 1 }, [9; 16]);
    let mut boxes = Vec::new();
    for (x, share) in (1..).zip(&shares) {
        let place = Place::Custodian(x);
        ceremony.approve(place).unwrap();
        ceremony.offer(place).unwrap();
        ceremony.card(place).ok(&PutParty { place: Place::Dealer, certificate: &rogue.certificate });
        let to = PublicKey::new(&ceremony.seen.offers[&place].point).unwrap();
        let (manifest, recipient) = (ceremony.hash(), ceremony.card(place).certificate_hash());
        let route = Route { manifest, x, sender: rogue.hash(), recipient };
        boxes.push(route.deal(share, &salt, &to, fixed).unwrap());
    }
    let list: Vec<_> = boxes.iter().map(hash::sealed).collect();
    let statement = Statement {
        manifest: ceremony.hash(),
        dealer: rogue.hash(),
        kcv: SecretKey::new(&[0x5B; 32]).unwrap().kcv(Algorithm::Aes).unwrap(),
        shares: shares.iter().map(|share| binding.commit(share, &salt)).collect(),
        boxes: hash::boxes(&list),
    };
    let signature = rogue.key.sign(&statement.to_bytes());
    ceremony.statement = Some((statement, signature));
    ceremony.seat_combiner();
    for (x, sealed) in (1..).zip(&boxes) {
        let place = Place::Custodian(x);
        ceremony.card(place).insert();
        ceremony.take_statement(place).unwrap();
        let bytes = listed_box(&list, sealed);
        ceremony.card(place).in_blocks(&bytes, |block| StoreBox { block }).unwrap();
        ceremony.release_share(x).unwrap();
    }
    taken_of(&mut ceremony, &rogue);
    for subset in [0b011, 0b101, 0b110] {
        assert_eq!(ceremony.combiner.call(&Drill { subset: Mask(subset) }), Err(0x6609), "{subset:b}");
    }
    let verdict = ceremony.combiner.ok(&GetVerdict);
    assert_eq!(verdict.bitmap.count(), 0);

    let pair = KeyPair::new(&[0x7A; 32]).unwrap();
    ceremony.certify_hsm(CertifiedKey::P256(pair.point()));
    ceremony.plan(Operation::Release, None);
    ceremony.seat_combiner();
    for x in 1..=3 {
        ceremony.card(Place::Custodian(x)).insert();
        ceremony.approve(Place::Custodian(x)).unwrap();
        ceremony.release_share(x).unwrap();
    }
    taken_of(&mut ceremony, &rogue);
    ceremony.put_party(Place::Combiner, Place::Hsm).unwrap();
    assert_eq!(ceremony.export(&pair.point()), Err(0x6609));
}

/// The combiner takes all three shares that a dealer of its own will has dealt.
fn taken_of(ceremony: &mut Cards, rogue: &Rogue) {
    ceremony.combiner.insert();
    ceremony.combiner.ok(&PutParty { place: Place::Dealer, certificate: &rogue.certificate });
    ceremony.take_statement(Place::Combiner).unwrap();
    for x in 1..=3 {
        ceremony.put_party(Place::Combiner, Place::Custodian(x)).unwrap();
        ceremony.take_share(x).unwrap();
    }
}

#[test]
fn zeros_behind_a_short_value() {
    let Some((mut ceremony, rogue)) = rogue_deal() else { return };
    ceremony.manifest.key_length = 16;
    ceremony.manifest.sequence += 1;
    ceremony.approve(FIRST).unwrap();
    ceremony.offer(FIRST).unwrap();
    ceremony.card(FIRST).ok(&PutParty { place: Place::Dealer, certificate: &rogue.certificate });
    let to = PublicKey::new(&ceremony.seen.offers[&FIRST].point).unwrap();
    let (manifest, recipient) = (ceremony.hash(), ceremony.card(FIRST).certificate_hash());
    let route = Route { manifest, x: 1, sender: rogue.hash(), recipient };
    let binding = Binding { set: ceremony.manifest.set, generation: 1 };
    let right = binding.commit(&Share::new(1, &[7; 16]), &[9; 16]);
    let full = [[7; 16].as_slice(), &[0; 15], &[1]].concat();
    let sealed = route.deal(&Share::new(1, &full), &[9; 16], &to, fixed).unwrap();
    assert_eq!(stored(&mut ceremony, &rogue, sealed, right), Err(0x6608));
    let sealed = route.deal(&Share::new(1, &[7; 16]), &[9; 16], &to, fixed).unwrap();
    stored(&mut ceremony, &rogue, sealed, right).unwrap();
}

#[test]
fn statement_of_another_deal() {
    let Some(mut ceremony) = dealt() else { return };
    let first = ceremony.signed_statement();
    // A second set, on the same cards, once the first is destroyed; the dealer's old statement is still good.
    ceremony.destroy();
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    ceremony.contribute();
    ceremony.state();
    ceremony.card(FIRST).insert();
    assert_eq!(ceremony.card(FIRST).in_blocks(&first, |block| TakeStatement { block }), Err(0x6604));
    let verdict = ceremony.store_and_drill();
    ceremony.forget(&verdict);
    ceremony.gather(Operation::Drill, &[1]);
    ceremony.combiner.in_blocks(&first, |block| TakeStatement { block }).unwrap();
    assert_eq!(ceremony.take_share(1), Err(0x6601), "the release names the other one");
}

/// Under a manifest over this set, but for what `change` does to it: how custodian 1 answers to RELEASE SHARE.
fn released_under(ceremony: &mut Cards, change: impl Fn(&mut Cards)) -> Result<(), u16> {
    ceremony.plan(Operation::Drill, None);
    let kept = ceremony.manifest.clone();
    change(ceremony);
    ceremony.seat_combiner();
    ceremony.approve(FIRST).unwrap();
    let answer = ceremony.release_share(1);
    let sequence = ceremony.manifest.sequence;
    ceremony.manifest = kept;
    ceremony.manifest.sequence = sequence;
    answer
}

#[test]
fn mixed_set_generation_and_other_shares() {
    let Some(mut ceremony) = dealt() else { return };
    assert_eq!(released_under(&mut ceremony, |it| it.manifest.set[0] ^= 1), Err(0x6A88));
    assert_eq!(released_under(&mut ceremony, |it| it.manifest.generation = 2), Err(0x660C));
    assert_eq!(released_under(&mut ceremony, |it| it.manifest.m = 3), Err(0x660D));
    assert_eq!(released_under(&mut ceremony, |it| it.manifest.custodians.truncate(2)), Err(0x660D));
    assert_eq!(released_under(&mut ceremony, |it| it.manifest.key_length = 16), Err(0x660D));
    assert_eq!(released_under(&mut ceremony, |it| it.manifest.usage ^= 1), Err(0x660D));
    let other_type = |it: &mut Cards| {
        (it.manifest.key_type, it.manifest.key_length) = (KeyType::TripleDes, 24);
    };
    assert_eq!(released_under(&mut ceremony, other_type), Err(0x660D));
    // The card at another place of the list has another x.
    ceremony.plan(Operation::Drill, None);
    ceremony.manifest.custodians.swap(0, 1);
    ceremony.seat_combiner();
    ceremony.approve(FIRST).unwrap();
    assert_eq!(ceremony.release_share(1), Err(0x660D));
    ceremony.manifest.custodians.swap(0, 1);
    assert_eq!(released_under(&mut ceremony, |_| ()), Ok(()));
}

/// Shares of two sets do not meet: the release names set and generation by its manifest.
#[test]
fn mixed_shares_at_the_combiner() {
    let Some(mut ceremony) = dealt() else { return };
    ceremony.gather(Operation::Drill, &[1, 2]);
    let old = ceremony.seen.released[&1].clone();
    ceremony.gather(Operation::Drill, &[2]);
    ceremony.seen.released.insert(1, old);
    assert_eq!(ceremony.take_share(1), Err(0x6601));
}

#[test]
fn x_zero() {
    let Some(mut ceremony) = dealt() else { return };
    ceremony.gather(Operation::Drill, &[1]);
    let released = ceremony.seen.released[&1].to_bytes();
    for (x, sw) in [(0, 0x6A86), (0x0B, 0x6A86), (4, 0x6985)] {
        assert_eq!(ceremony.combiner.sw([0x80, 0xA2, x, 0], &released), sw, "{x}");
    }
}

#[test]
fn x_doubled() {
    let Some(mut ceremony) = dealt() else { return };
    ceremony.gather(Operation::Drill, &[1]);
    assert_eq!(ceremony.take_share(1), Err(0x6985));
    let released = ceremony.seen.released[&1].to_bytes();
    assert_eq!(ceremony.combiner.sw([0x80, 0xA2, 2, 0], &released), 0x6601, "as another one's");
}

#[test]
fn fewer_than_m_shares() {
    let Some(mut ceremony) = dealt() else { return };
    ceremony.gather(Operation::Drill, &[1, 3]);
    for mask in [0b001, 0b111, 0b1001, 0, 0x0401] {
        assert_eq!(ceremony.combiner.call(&Drill { subset: Mask(mask) }), Err(0x6A86), "{mask:b}");
    }
    assert_eq!(ceremony.combiner.call(&Drill { subset: Mask(0b011) }), Err(0x6A88));
    ceremony.combiner.ok(&Drill { subset: Mask(0b101) });
    let pair = KeyPair::new(&[0x7A; 32]).unwrap();
    ceremony.certify_hsm(CertifiedKey::P256(pair.point()));
    ceremony.gather(Operation::Release, &[1]);
    assert_eq!(ceremony.export(&pair.point()), Err(0x6A88));
}

#[test]
fn a_blind_share_read() {
    let Some(mut ceremony) = dealt() else { return };
    for x in 1..=3 {
        let card = ceremony.card(Place::Custodian(x));
        card.verify();
        assert_eq!(card.sw([0x80, 0x32, 0, 0], &[]), 0x6985);
    }
}

#[test]
fn a_flipped_bit_on_the_way_to_the_combiner() {
    let Some(mut ceremony) = dealt() else { return };
    ceremony.gather(Operation::Drill, &[1]);
    let mut data = ceremony.seen.released[&1].to_bytes();
    data[80] ^= 4;
    ceremony.combiner.insert();
    assert_eq!(ceremony.combiner.sw([0x80, 0xA2, 1, 0], &data), 0x6601);
    ceremony.take_share(1).unwrap();
}

/// A custodian that seals what it likes to the combiner, and signs it.
#[test]
fn a_rogue_custodian_at_the_combiner() {
    let Some(mut ceremony) = dealt() else { return };
    let rogue = Rogue::certified(&mut ceremony, 0x32, Roles::CUSTODIAN);
    ceremony.plan(Operation::Drill, None);
    ceremony.manifest.custodians[0] = rogue.hash();
    ceremony.seat_combiner();
    ceremony.combiner.ok(&PutParty { place: FIRST, certificate: &rogue.certificate });
    ceremony.put_party(Place::Combiner, Place::Dealer).unwrap();
    ceremony.take_statement(Place::Combiner).unwrap();
    let statement = hash::statement(&ceremony.statement.as_ref().unwrap().0);
    let to = PublicKey::new(&ceremony.seen.offers[&Place::Combiner].point).unwrap();
    let (manifest, recipient) = (ceremony.hash(), ceremony.combiner.certificate_hash());
    let route = Route { manifest, x: 1, sender: rogue.hash(), recipient };
    let mut take = |route: Route, flip: usize| {
        let share = Share::new(1, &[7; 32]);
        let mut bytes = route.release(&share, &[9; 16], &to, fixed).unwrap().to_bytes();
        bytes[flip] ^= u8::from(flip > 0);
        let sealed = SealedBox::parse(BoxKind::Release, &bytes).unwrap();
        let fields = Fields::Release { x: 1, statement, sealed: hash::sealed(&sealed) };
        let signature: Signature = rogue.signs(&ceremony.manifest, fields);
        ceremony.combiner.sw([0x80, 0xA2, 1, 0], &[bytes, signature.to_der()].concat())
    };
    assert_eq!(take(route, 0), 0x6608);
    assert_eq!(take(route, 80), 0x6607);
    assert_eq!(take(Route { x: 2, ..route }, 0), 0x6607);
    assert_eq!(take(route, 64), 0x6A80);
}

#[test]
fn import_key_without_a_certificate() {
    let Some(mut ceremony) = dealt() else { return };
    let pair = KeyPair::new(&[0x7A; 32]).unwrap();
    ceremony.certify_hsm(CertifiedKey::P256(pair.point()));
    ceremony.plan(Operation::Release, None);
    ceremony.seat_combiner();
    ceremony.approve(FIRST).unwrap();
    ceremony.put_party(FIRST, Place::Combiner).unwrap();
    ceremony.card(FIRST).verify();
    let offer = ceremony.seen.offers[&Place::Combiner];
    assert_eq!(ceremony.card(FIRST).call(&ReleaseShare { offer: &offer }), Err(0x6985));
    let mut forged = ceremony.hsm.unwrap();
    forged.signature = KeyPair::new(&[9; 32]).unwrap().sign(&forged.body.encode());
    let party = PutParty { place: Place::Hsm, certificate: &forged };
    assert_eq!(ceremony.card(FIRST).call(&party), Err(0x6602));
    let card = ceremony.certificate(FIRST);
    let party = PutParty { place: Place::Hsm, certificate: &card };
    assert_eq!(ceremony.card(FIRST).call(&party), Err(0x6603));
    ceremony.put_party(Place::Combiner, Place::Dealer).unwrap();
    ceremony.take_statement(Place::Combiner).unwrap();
    assert_eq!(ceremony.export(&pair.point()), Err(0x6985));
}

#[test]
fn other_hsm_key() {
    let Some(mut ceremony) = dealt() else { return };
    let (one, other) = (KeyPair::new(&[0x7A; 32]).unwrap(), KeyPair::new(&[0x7B; 32]).unwrap());
    ceremony.certify_hsm(CertifiedKey::P256(other.point()));
    let uninvited = ceremony.hsm.unwrap();
    ceremony.certify_hsm(CertifiedKey::P256(one.point()));
    ceremony.gather(Operation::Release, &[1, 2]);
    let party = PutParty { place: Place::Hsm, certificate: &uninvited };
    assert_eq!(ceremony.combiner.call(&party), Err(0x6605));
    assert_eq!(ceremony.export(&other.point()), Err(0x6605));
    let mut off: Point = one.point();
    off[64] ^= 1;
    assert_eq!(ceremony.export(&off), Err(0x6A80));
    assert_eq!(ceremony.export(&rsa::modulus(256)), Err(0x6700));
    ceremony.combiner.insert();
    ceremony.take_share(1).unwrap();
    assert_eq!(ceremony.export(&one.point()), Err(0x6A88), "too few");
    ceremony.take_share(2).unwrap();
    ceremony.export(&one.point()).unwrap();
    assert_eq!(ceremony.export(&one.point()), Err(0x6985), "once");

    let modulus = rsa::modulus(256);
    ceremony.certify_hsm(rsa::certified(&modulus));
    ceremony.gather(Operation::Release, &[1, 2]);
    let mut other = modulus.clone();
    other[100] ^= 1;
    assert_eq!(ceremony.export(&other), Err(0x6605));
    other[255] &= 0xFE;
    assert_eq!(ceremony.export(&other), Err(0x6A80));
    ceremony.export(&modulus).unwrap();
}

#[test]
fn export_in_a_drill_or_of_a_drills_boxes() {
    let Some(mut ceremony) = dealt() else { return };
    let pair = KeyPair::new(&[0x7A; 32]).unwrap();
    ceremony.certify_hsm(CertifiedKey::P256(pair.point()));
    ceremony.gather(Operation::Drill, &[1, 2]);
    assert_eq!(ceremony.export(&pair.point()), Err(0x6985));
    let drills = ceremony.seen.released.clone();
    ceremony.gather(Operation::Release, &[]);
    ceremony.seen.released = drills;
    assert_eq!(ceremony.take_share(1), Err(0x6601));
}

#[test]
fn truncated_data() {
    let Some(mut ceremony) = prepared() else { return };
    ceremony.contribute();
    ceremony.dealer.insert();
    let sealed = ceremony.seen.contributions[&1].to_bytes();
    assert_eq!(ceremony.dealer.sw([0x80, 0x52, 1, 0], &sealed[..112]), 0x6700);
    ceremony.state();
    ceremony.card(FIRST).insert();
    let statement = ceremony.signed_statement();
    let cut = &statement[..Statement::len_of(3) + 7];
    assert_eq!(ceremony.card(FIRST).in_blocks(cut, |block| TakeStatement { block }), Err(0x6700));
    let short = &statement[..statement.len() - 1];
    assert_eq!(ceremony.card(FIRST).in_blocks(short, |block| TakeStatement { block }), Err(0x6601));
    ceremony.take_statement(FIRST).unwrap();
    let bytes = ceremony.listed_box(1);
    for len in [10, bytes.len() - 1] {
        let cut = &bytes[..len];
        assert_eq!(ceremony.card(FIRST).in_blocks(cut, |block| StoreBox { block }), Err(0x6700));
    }
}

#[test]
fn drill_verdict_of_fewer_subsets() {
    let Some(mut ceremony) = stated() else { return };
    ceremony.seat_combiner();
    for x in 1..=3 {
        ceremony.card(Place::Custodian(x)).insert();
        ceremony.take_statement(Place::Custodian(x)).unwrap();
        ceremony.store_box(x).unwrap();
        ceremony.release_share(x).unwrap();
    }
    ceremony.inform_combiner();
    (1..=3).for_each(|x| ceremony.take_share(x).unwrap());
    ceremony.combiner.ok(&Drill { subset: Mask(0b011) });
    ceremony.combiner.ok(&Drill { subset: Mask(0b110) });
    let verdict = ceremony.combiner.ok(&GetVerdict);
    ceremony.dealer.insert();
    let mut confirm = |bitmap| ceremony.dealer.call(&Confirm::Drill { bitmap: &bitmap, signature: &verdict.signature });
    assert_eq!(confirm(verdict.bitmap), Err(0x660E));
    let mut full = verdict.bitmap;
    full.insert(1);
    assert_eq!(confirm(full), Err(0x6601));
    let whole = ceremony.drill_all();
    ceremony.forget(&whole);
}

#[test]
fn share_used_after_destruction() {
    let Some(mut ceremony) = dealt() else { return };
    ceremony.destroy();
    let statement = hash::statement(&ceremony.statement.as_ref().unwrap().0);
    ceremony.plan(Operation::Drill, None);
    ceremony.seat_combiner();
    ceremony.card(FIRST).insert();
    ceremony.approve(FIRST).unwrap();
    assert_eq!(ceremony.release_share(1), Err(0x6A88));
    let receipt = ceremony.card(FIRST).ok(&GetReceipt);
    assert_eq!((receipt.status, receipt.x, receipt.statement), (Held::Destroyed, 1, statement));
    ceremony.plan(Operation::Drill, None);
    ceremony.manifest.set[0] ^= 1;
    ceremony.approve(FIRST).unwrap();
    assert_eq!(ceremony.card(FIRST).ok(&GetReceipt).status, Held::No);
}
