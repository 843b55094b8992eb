//! What fewer than m shares say of the secret: nothing.

use super::{Seeded, copies, shamir, subset, xor};
use crate::key::SecretKey;
use crate::share::field::{invert, mul};
use crate::share::{Quorum, Share, interpolate, split};
use std::convert::Infallible;

/// All (m - 1) bytes of randomness, 16 to a split, each with every secret byte given: how often m - 1 shares have each value.
fn each_value_once(quorum: Quorum, secret: u8) {
    let strings = u32::from(quorum.m) - 1;
    let mut seen: Vec<Vec<u32>> = vec![vec![0; 1 << (8 * strings)]; 1 << quorum.n];
    let secret = SecretKey::new(&[secret; 16]).unwrap();
    for draw in (0_u32..1 << (8 * strings)).step_by(16) {
        let fill = |bytes: &mut [u8]| {
            for (string, bytes) in bytes.chunks_mut(16).enumerate() {
                (draw..).zip(bytes).for_each(|(draw, byte)| *byte = draw.to_le_bytes()[string]);
            }
            Ok::<_, Infallible>(())
        };
        let Ok(shares) = split(&secret, quorum, fill);
        for mask in (0..1_usize << quorum.n).filter(|mask| mask.count_ones() == strings) {
            let some = shares.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
            let mut values = [0_usize; 16];
            some.for_each(|(_, share)| {
                values.iter_mut().zip(share.y()).for_each(|(value, y)| *value = *value << 8 | usize::from(*y));
            });
            values.iter().for_each(|value| seen[mask][*value] += 1);
        }
    }
    for (mask, seen) in seen.iter().enumerate().filter(|(mask, _)| mask.count_ones() == strings) {
        assert!(seen.iter().all(|times| *times == 1), "{quorum:?}, shares {mask:b}");
    }
}

#[test]
fn one_share_of_two_has_every_value_once() {
    for n in 2..=7 {
        (0..=255).for_each(|secret| each_value_once(shamir(2, n), secret));
    }
    (0..=255).for_each(|secret| each_value_once(xor(2), secret));
}

#[test]
fn two_shares_of_three_have_every_pair_of_values_once() {
    for secret in [0x00, 0x01, 0x53, 0xFF] {
        each_value_once(shamir(3, 7), secret);
        each_value_once(xor(3), secret);
    }
}

/// With m - 1 shares given, each secret byte there is goes with one value of the share that is not, and no two with the same.
#[test]
fn every_secret_fits_any_m_minus_1_shares() {
    let mut seeded = Seeded(10);
    let mut subsets = 0;
    for (n, m) in (2..=7_u8).flat_map(|n| (2..=n).map(move |m| (n, m))) {
        let secret = seeded.secret(16);
        let shares = seeded.split(&secret, shamir(m, n));
        for mask in (0..1_u32 << n).filter(|mask| mask.count_ones() + 1 == u32::from(m)) {
            let missing = (1..=n).find(|x| mask >> (x - 1) & 1 == 0).unwrap();
            let mut seen = [[false; 256]; 16];
            for candidate in 0..=255 {
                let mut some = subset(&shares, mask);
                some.push(Share::new(0, &[candidate; 16]));
                let value = interpolate(&some, missing).unwrap();
                seen.iter_mut().zip(value.iter()).for_each(|(seen, y)| seen[usize::from(*y)] = true);
            }
            assert!(seen.as_flattened().iter().all(|seen| *seen), "{m} of {n}, shares {mask:b}");
            subsets += 1;
        }
    }
    assert_eq!(subsets, 240);
}

/// k(1) to k(m - 1) of each byte, found again: the highest by what Lagrange's weights leave of x^(m-1), then the next without it.
fn coefficients(points: &[Share]) -> Vec<Vec<u8>> {
    let mut points = copies(points);
    let mut found = Vec::new();
    while points.len() > 1 {
        let mut top = vec![0; points[0].y().len()];
        for own in &points {
            let others = points.iter().filter(|other| other.x() != own.x());
            let below = others.fold(1, |below, other| mul(below, own.x() ^ other.x()));
            top.iter_mut().zip(own.y()).for_each(|(top, y)| *top ^= mul(*y, invert(below)));
        }
        points.pop();
        let degree = points.len();
        for point in &mut points {
            let power = (0..degree).fold(1, |power, _| mul(power, point.x));
            point.y.iter_mut().zip(&top).for_each(|(y, top)| *y ^= mul(*top, power));
        }
        found.insert(0, top);
    }
    found
}

/// Chi-square over 65,536 draws, 255 degrees of freedom: 378 is passed by chance once in a million times.
#[test]
fn coefficients_are_uniform() {
    let mut seeded = Seeded(20);
    for m in 2..=5_u8 {
        let mut counts = vec![[0_u32; 256]; usize::from(m) - 1];
        for _ in 0..65_536 / 32 {
            let secret = seeded.secret(32);
            let shares = seeded.split(&secret, shamir(m, m));
            let mut points = copies(&shares[..usize::from(m) - 1]);
            points.push(Share::new(0, secret.expose()));
            for (counts, row) in counts.iter_mut().zip(coefficients(&points)) {
                row.iter().for_each(|value| counts[usize::from(*value)] += 1);
            }
        }
        for (power, counts) in (1..).zip(&counts) {
            assert_eq!(counts.iter().sum::<u32>(), 65_536);
            // Sum of (count - 256)^2 / 256.
            let square: u64 = counts.iter().map(|count| u64::from(count.abs_diff(256)).pow(2)).sum();
            println!("{m} of {m}, k({power}): chi-square {}, zero {} times", square / 256, counts[0]);
            assert!(square < 378 * 256, "{m} of {m}, k({power}): {}", square / 256);
        }
    }
}
