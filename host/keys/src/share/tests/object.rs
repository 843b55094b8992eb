use super::{Seeded, shamir, xor};
use crate::key::{Algorithm, SecretKey};
use crate::share::{Binding, JoinError, Quorum, Share, join_objects};
use cardwright_proto::custody::share::{Commitments, KeyType, ShareInfo, ShareObject};
use cardwright_proto::gp::key::Kcv;
use zeroize::Zeroizing;

const SET: [u8; 16] = [0x5E; 16];

/// A deal, and what its objects are made of.
struct Deal {
    secret: SecretKey,
    objects: Vec<ShareObject>,
}

fn object(info: ShareInfo, value: &[u8], commitments: Option<Commitments>) -> ShareObject {
    ShareObject::new(info, Zeroizing::new(value.to_vec()), commitments).unwrap()
}

fn info(secret: &SecretKey, quorum: Quorum) -> ShareInfo {
    let key_length = secret.key_len().try_into().unwrap();
    ShareInfo {
        scheme: quorum.scheme,
        set: SET,
        ceremony: [0xCE; 16],
        generation: 3,
        x: 1,
        m: quorum.m,
        n: quorum.n,
        key_type: KeyType::Aes,
        key_length,
        usage: 1,
        kcv: secret.kcv(Algorithm::Aes).unwrap(),
        statement: None,
    }
}

/// With commitments, and each share with a salt of its own.
fn deal(seed: u64, quorum: Quorum) -> Deal {
    let mut seeded = Seeded(seed);
    let secret = seeded.secret(24);
    let shares = seeded.split(&secret, quorum);
    let info = info(&secret, quorum);
    let binding = Binding { set: info.set, generation: info.generation };
    let hashes: Vec<_> = shares.iter().map(|share| binding.commit(share, &[share.x(); 16])).collect();
    let objects = shares.iter().map(|share| {
        let commitments = Commitments { salt: Zeroizing::new([share.x(); 16]), hashes: hashes.clone() };
        object(ShareInfo { x: share.x(), ..info }, share.y(), Some(commitments))
    });
    Deal { objects: objects.collect(), secret }
}

/// The same object, but for what is changed.
fn changed(
    share: &ShareObject,
    change: impl FnOnce(&mut ShareInfo, &mut [u8], &mut Option<Commitments>),
) -> ShareObject {
    let (mut info, mut value, mut commitments) = (*share.info(), share.value().to_vec(), share.commitments().cloned());
    change(&mut info, &mut value, &mut commitments);
    object(info, &value, commitments)
}

/// What comes of three of five, the second one changed.
fn refusal(change: impl FnOnce(&mut ShareInfo, &mut [u8], &mut Option<Commitments>)) -> JoinError {
    let mut objects = deal(30, shamir(3, 5)).objects;
    objects.truncate(3);
    objects[1] = changed(&objects[1], change);
    join_objects(&objects).unwrap_err()
}

fn bare(deal: &Deal) -> Vec<ShareObject> {
    deal.objects.iter().map(|share| changed(share, |_, _, commitments| *commitments = None)).collect()
}

#[test]
fn objects_join() {
    for quorum in [shamir(3, 5), shamir(2, 10), xor(4)] {
        let deal = deal(31, quorum);
        assert_eq!(join_objects(&deal.objects[..quorum.m.into()]).unwrap(), deal.secret);
        assert_eq!(join_objects(&deal.objects).unwrap(), deal.secret);
        assert_eq!(join_objects(&bare(&deal)).unwrap(), deal.secret);
    }
}

#[test]
fn triple_des_has_its_own_check_value() {
    let deal = deal(32, shamir(2, 3));
    let kcv = deal.secret.kcv(Algorithm::TripleDes).unwrap();
    let objects: Vec<_> = bare(&deal)
        .iter()
        .map(|share| changed(share, |info, _, _| (info.key_type, info.kcv) = (KeyType::TripleDes, kcv)))
        .collect();
    assert_eq!(join_objects(&objects).unwrap(), deal.secret);
}

#[test]
fn deals_are_not_mixed() {
    let mixed = |what| JoinError::Mixed { x: 2, first: 1, what };
    assert_eq!(refusal(|info, _, _| info.set[15] ^= 1), mixed("set"));
    assert_eq!(refusal(|info, _, _| info.generation = 4), mixed("generation"));
    assert_eq!(refusal(|info, _, _| info.ceremony[0] ^= 1), mixed("ceremony"));
    assert_eq!(refusal(|info, _, _| info.m = 2), mixed("m"));
    assert_eq!(refusal(|info, _, _| info.key_type = KeyType::TripleDes), mixed("key type"));
    assert_eq!(refusal(|info, _, _| info.usage = 2), mixed("key usage"));
    assert_eq!(refusal(|info, _, _| info.kcv = Kcv([1, 2, 3])), mixed("check value"));
    assert_eq!(refusal(|info, _, _| info.statement = Some([1; 32])), mixed("deal statement"));
    assert_eq!(refusal(|_, _, commitments| *commitments = None), mixed("list of commitments"));
    let flip = |_: &mut ShareInfo, _: &mut [u8], commitments: &mut Option<Commitments>| {
        commitments.as_mut().unwrap().hashes[4][31] ^= 1;
    };
    assert_eq!(refusal(flip), mixed("list of commitments"));
    let two =
        |one, other| join_objects(&[bare(&deal(33, one)).remove(0), bare(&deal(33, other)).remove(1)]).unwrap_err();
    assert_eq!(two(shamir(3, 3), xor(3)), mixed("scheme"));
    assert_eq!(two(shamir(2, 3), shamir(2, 4)), mixed("n"));
}

#[test]
fn lengths_are_not_mixed() {
    let deal = deal(34, shamir(2, 3));
    let short = ShareInfo { x: 2, key_length: 16, ..*deal.objects[1].info() };
    let objects = [bare(&deal).remove(0), object(short, &deal.objects[1].value()[..16], None)];
    assert_eq!(join_objects(&objects).unwrap_err(), JoinError::Mixed { x: 2, first: 1, what: "key length" });
}

#[test]
fn a_bad_share_is_named_by_its_commitment() {
    for bit in 0..24 * 8 {
        assert_eq!(refusal(|_, value, _| value[bit / 8] ^= 1 << (bit % 8)), JoinError::Commitment { x: 2 });
    }
    assert_eq!(refusal(|_, _, commitments| commitments.as_mut().unwrap().salt[0] ^= 1), JoinError::Commitment { x: 2 });
    assert_eq!(refusal(|info, _, _| info.x = 4), JoinError::Commitment { x: 4 });
}

#[test]
fn a_bad_share_without_commitments_shows_in_the_check_value() {
    let deal = deal(35, shamir(3, 5));
    let mut objects = bare(&deal);
    objects[1] = changed(&objects[1], |_, value, _| value[7] ^= 0x10);
    assert_eq!(join_objects(&objects).unwrap_err(), JoinError::Unfit { x: 4, m: 3 });
    let error = join_objects(&objects[..3]).unwrap_err();
    let expected = deal.secret.kcv(Algorithm::Aes).unwrap();
    assert!(matches!(error, JoinError::Kcv { joined, expected: e } if joined != e && e == expected), "{error}");
}

#[test]
fn too_few_and_doubled() {
    let deal = deal(36, shamir(3, 5));
    assert_eq!(join_objects(&[]).unwrap_err(), JoinError::TooFew { given: 0, m: 2 });
    assert_eq!(join_objects(&deal.objects[..2]).unwrap_err(), JoinError::TooFew { given: 2, m: 3 });
    let doubled = [0, 1, 0].map(|at| deal.objects[at].clone());
    assert_eq!(join_objects(&doubled).unwrap_err(), JoinError::Doubled { x: 1 });
}

#[test]
fn a_commitment_binds_set_generation_x_salt_and_value() {
    let binding = Binding { set: SET, generation: 0x0102_0304 };
    let (share, salt) = (Share::new(7, &[0x99; 16]), [0xA5; 16]);
    let commitment = binding.commit(&share, &salt);
    // Computed with sha256sum over 4357020A, 16 x 5E, 01020304, 07, 16 x A5, 16 x 99.
    assert_eq!(hex::encode(commitment), "0aa97be3cd4c5350a9298440e6b6ad2990fad8246b9fb8c9aa9839af131e2c07");
    assert_eq!(binding.check(&share, &salt, &commitment), Ok(()));
    let refused = |binding: Binding, share: Share, salt, commitment| {
        let x = share.x();
        assert_eq!(binding.check(&share, &salt, &commitment), Err(JoinError::Commitment { x }));
    };
    let mut other = SET;
    other[0] ^= 0x80;
    refused(Binding { set: other, ..binding }, Share::new(7, &[0x99; 16]), salt, commitment);
    refused(Binding { generation: 0x0102_0305, ..binding }, Share::new(7, &[0x99; 16]), salt, commitment);
    refused(binding, Share::new(8, &[0x99; 16]), salt, commitment);
    refused(binding, Share::new(7, &[0x98; 16]), salt, commitment);
    refused(binding, Share::new(7, &[0x99; 16]), [0xA4; 16], commitment);
    let mut wrong = commitment;
    wrong[31] ^= 1;
    refused(binding, Share::new(7, &[0x99; 16]), salt, wrong);
}
