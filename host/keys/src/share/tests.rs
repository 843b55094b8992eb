mod field;
mod object;
mod slip39;
mod uniform;

use super::{JoinError, Quorum, Share, interpolate, join, split};
use crate::key::SecretKey;
use cardwright_proto::block::KeyLength;
use cardwright_proto::custody::share::{Scheme, ShareError};
use sha2::{Digest, Sha256};
use std::convert::Infallible;

/// Bytes that look random and are the same in every run: SHA-256 over a counter.
struct Seeded(u64);

impl Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&Sha256::digest(self.0.to_be_bytes())[..chunk.len()]);
        }
        Ok(())
    }

    fn secret(&mut self, len: usize) -> SecretKey {
        let mut bytes = [0; 32];
        let Ok(()) = self.fill(&mut bytes);
        SecretKey::new(&bytes[..len]).unwrap()
    }

    fn split(&mut self, secret: &SecretKey, quorum: Quorum) -> Vec<Share> {
        let Ok(shares) = split(secret, quorum, |bytes| self.fill(bytes));
        shares
    }
}

fn shamir(m: u8, n: u8) -> Quorum {
    Quorum::new(Scheme::Shamir, m, n).unwrap()
}

fn xor(n: u8) -> Quorum {
    Quorum::new(Scheme::Xor, n, n).unwrap()
}

/// A second copy, as tests need them.
fn copies<'a>(shares: impl IntoIterator<Item = &'a Share>) -> Vec<Share> {
    shares.into_iter().map(|share| Share::new(share.x(), share.y())).collect()
}

/// The subset that a mask stands for.
fn subset(shares: &[Share], mask: u32) -> Vec<Share> {
    copies((0..).zip(shares).filter(|(at, _)| mask >> at & 1 == 1).map(|(_, share)| share))
}

#[test]
fn bounds_are_those_of_the_share_object() {
    for (scheme, m, n) in [(Scheme::Shamir, 2, 2), (Scheme::Shamir, 2, 16), (Scheme::Shamir, 16, 16)] {
        assert!(Quorum::new(scheme, m, n).is_ok());
    }
    for (scheme, m, n) in [
        (Scheme::Shamir, 1, 2),
        (Scheme::Shamir, 0, 0),
        (Scheme::Shamir, 3, 2),
        (Scheme::Shamir, 2, 17),
        (Scheme::Xor, 2, 3),
        (Scheme::Xor, 17, 17),
    ] {
        assert!(matches!(Quorum::new(scheme, m, n), Err(ShareError::Value(_))), "{scheme:?} {m} {n}");
    }
}

#[test]
fn every_subset_joins_that_is_large_enough_and_no_other() {
    let mut seeded = Seeded(0);
    let (mut joined, mut refused) = (0, 0);
    for n in 2..=7 {
        for quorum in (2..=n).map(|m| shamir(m, n)).chain([xor(n)]) {
            for len in [16, 24, 32] {
                let secret = seeded.secret(len);
                let shares = seeded.split(&secret, quorum);
                assert!(shares.iter().map(Share::x).eq(1..=n));
                for mask in 1..1_u32 << n {
                    let mut some = subset(&shares, mask);
                    for _ in 0..2 {
                        if some.len() >= usize::from(quorum.m) {
                            assert_eq!(join(quorum, &some).unwrap(), secret, "{quorum:?} {mask:b}");
                            joined += 1;
                        } else {
                            let expected = JoinError::TooFew { given: some.len(), m: quorum.m };
                            assert_eq!(join(quorum, &some).unwrap_err(), expected);
                            refused += 1;
                        }
                        some.reverse();
                    }
                }
            }
        }
    }
    assert_eq!((joined, refused), (3168, 5886));
}

#[test]
fn the_largest_quorums_join() {
    let mut seeded = Seeded(1);
    for quorum in [shamir(2, 16), shamir(9, 16), shamir(16, 16), xor(16)] {
        let secret = seeded.secret(32);
        let mut shares = seeded.split(&secret, quorum);
        shares.reverse();
        assert_eq!(join(quorum, &shares).unwrap(), secret);
        assert_eq!(join(quorum, &shares[..quorum.m.into()]).unwrap(), secret);
    }
}

#[test]
fn known_values() {
    // By hand: s = 53, k(1) = CA, k(2) = 01. As FIPS 197 has them, CA * 53 = 01 and 57 * 13 = FE.
    let fill = |bytes: &mut [u8]| {
        bytes[..16].fill(0xCA);
        bytes[16..].fill(0x01);
        Ok::<_, Infallible>(())
    };
    let secret = SecretKey::new(&[0x53; 16]).unwrap();
    let Ok(shares) = split(&secret, shamir(3, 3), fill);
    // 53 + CA + 01; 53 + 02 CA + 04, 02 CA being 8F; 53 + 03 CA + 05, 03 CA being 45.
    let values: Vec<_> = shares.iter().map(Share::y).collect();
    assert_eq!(values, [[0x98; 16], [0xD8; 16], [0x13; 16]]);

    let Ok(shares) = split(&secret, xor(3), fill);
    let values: Vec<_> = shares.iter().map(Share::y).collect();
    assert_eq!(values, [[0xCA; 16], [0x01; 16], [0x98; 16]]);
}

#[test]
fn bad_shares_are_named() {
    let mut seeded = Seeded(2);
    let secret = seeded.secret(16);
    let quorum = shamir(3, 5);
    let shares = seeded.split(&secret, quorum);
    let with = |bad: Share| {
        let mut some = copies(&shares[..3]);
        some[1] = bad;
        join(quorum, &some).unwrap_err()
    };
    let value = shares[1].y();
    assert_eq!(with(Share::new(0, value)), JoinError::Zero);
    assert_eq!(with(Share::new(6, value)), JoinError::Outside { x: 6, n: 5 });
    assert_eq!(with(Share::new(255, value)), JoinError::Outside { x: 255, n: 5 });
    assert_eq!(with(Share::new(3, value)), JoinError::Doubled { x: 3 });
    assert_eq!(with(Share::new(1, shares[0].y())), JoinError::Doubled { x: 1 }, "the same one twice");
    assert_eq!(with(Share::new(2, &value[..15])), JoinError::Length { x: 2, bytes: 15, first: 16 });
    assert_eq!(join(quorum, &[]).unwrap_err(), JoinError::TooFew { given: 0, m: 3 });
    let short: Vec<_> = shares.iter().map(|share| Share::new(share.x(), &share.y()[..15])).collect();
    assert_eq!(join(quorum, &short).unwrap_err(), JoinError::KeyLength(KeyLength(15)));
    let empty: Vec<_> = shares.iter().map(|share| Share::new(share.x(), &[])).collect();
    assert_eq!(join(quorum, &empty).unwrap_err(), JoinError::KeyLength(KeyLength(0)));
}

#[test]
fn one_bit_in_a_share_too_many_shows() {
    let mut seeded = Seeded(3);
    let secret = seeded.secret(24);
    let quorum = shamir(3, 5);
    let shares = seeded.split(&secret, quorum);
    for (at, bit) in (0..5).flat_map(|at| (0..24 * 8).map(move |bit| (at, bit))) {
        let mut some = copies(&shares);
        some[at].y[bit / 8] ^= 1 << (bit % 8);
        let x = if at == 4 { 5 } else { 4 };
        assert_eq!(join(quorum, &some).unwrap_err(), JoinError::Unfit { x, m: 3 });
    }
}

#[test]
fn a_polynomial_is_had_at_every_x() {
    let mut seeded = Seeded(4);
    let secret = seeded.secret(16);
    let shares = seeded.split(&secret, shamir(4, 5));
    for at in 0..=255 {
        let value = interpolate(&shares[..4], at).unwrap();
        match shares.iter().find(|share| share.x() == at) {
            Some(share) => assert_eq!(*value, share.y()),
            None if at == 0 => assert_eq!(*value, secret.expose()),
            None => {
                let mut others = copies(&shares[1..4]);
                others.push(Share::new(at, &value));
                assert_eq!(*interpolate(&others, 1).unwrap(), shares[0].y(), "{at}");
            }
        }
    }
    assert_eq!(interpolate(&[], 7).unwrap_err(), JoinError::TooFew { given: 0, m: 1 });
    let twice = [Share::new(0, &[1]), Share::new(0, &[1])];
    assert_eq!(interpolate(&twice, 7).unwrap_err(), JoinError::Doubled { x: 0 });
    let uneven = [Share::new(0, &[1]), Share::new(9, &[])];
    assert_eq!(interpolate(&uneven, 7).unwrap_err(), JoinError::Length { x: 9, bytes: 0, first: 1 });
}

#[test]
fn without_randomness_there_are_no_shares() {
    let secret = SecretKey::new(&[7; 32]).unwrap();
    for quorum in [shamir(2, 3), xor(3)] {
        assert_eq!(split(&secret, quorum, |_| Err("dry")).unwrap_err(), "dry");
    }
}

#[test]
fn nothing_shows_a_share() {
    assert_eq!(format!("{:?}", [Share::new(3, &[0x5A; 16])]), "[Share(3, 16 bytes)]");
}
