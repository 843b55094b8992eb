//! A secret split into shares, and joined again: m of n with Shamir's scheme, all of n with XOR.
//!
//! Shamir goes byte by byte over GF(2^8) ([`field`]), the secret at x = 0: y(x) = s + k(1) x + ... + k(m-1) x^(m-1). What is
//! public here is the scheme, m, n, the x and the lengths. Whatever the values are, the steps are the same.
//!
//! - [`split`]: a secret into n shares; [`join`]: back from m of them.
//! - [`Binding`]: commitments to shares.
//! - [`join_objects`]: the same from share objects, with all that these say of themselves.
//! - [`interpolate`]: what other uses of the polynomial build on, such as shares for another m and n.

mod commitment;
pub mod field;
mod object;

pub use commitment::Binding;
pub use object::join_objects;

use crate::key::SecretKey;
use cardwright_proto::block::KeyLength;
use cardwright_proto::custody::share::{Scheme, ShareError};
use cardwright_proto::gp::key::Kcv;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How many shares there are, and how many make the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    scheme: Scheme,
    m: u8,
    n: u8,
}

/// One point of the polynomial, or one part of the sum. Its value is wiped when dropped, and never shown.
pub struct Share {
    x: u8,
    y: Zeroizing<Vec<u8>>,
}

/// Why shares make no secret. No value is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Not as many as make the secret.
    #[error("there are {given} shares, {m} are needed")]
    TooFew {
        /// How many there are.
        given: usize,
        /// How many are needed.
        m: u8,
    },
    /// The secret's own place.
    #[error("a share has x = 0, where the secret is")]
    Zero,
    /// No share of this set has such an x.
    #[error("a share has x = {x}, but there are only {n}")]
    Outside {
        /// The share.
        x: u8,
        /// How many shares there are.
        n: u8,
    },
    /// Two of one x: twice the same, or two sets mixed.
    #[error("there are two shares with x = {x}")]
    Doubled {
        /// The x of both.
        x: u8,
    },
    /// The share is longer or shorter than the first one.
    #[error("share {x} has {bytes} bytes, and the first one {first}")]
    Length {
        /// The share.
        x: u8,
        /// Its bytes.
        bytes: usize,
        /// The first one's.
        first: usize,
    },
    /// The shares are not as long as a key.
    #[error("what the shares make is no key: {0}")]
    KeyLength(#[from] KeyLength),
    /// More than m shares, and not on one polynomial: this one or one of the first m is bad.
    #[error("share {x} does not fit the first {m}: it is bad, or one of them")]
    Unfit {
        /// The share.
        x: u8,
        /// How many were joined.
        m: u8,
    },
    /// Shares of two deals.
    #[error("share {x} has another {what} than share {first}")]
    Mixed {
        /// The share.
        x: u8,
        /// The share that it was compared with.
        first: u8,
        /// What differs.
        what: &'static str,
    },
    /// The share is not the one that was committed to.
    #[error("share {x} does not fit its commitment")]
    Commitment {
        /// The share.
        x: u8,
    },
    /// The shares make another secret than the one that was split.
    #[error("the shares make a key with check value {joined}, and they are of one with {expected}")]
    Kcv {
        /// Of the key that they make.
        joined: Kcv,
        /// Of the key that was split.
        expected: Kcv,
    },
}

impl Quorum {
    /// `m` of `n`.
    ///
    /// # Errors
    /// [`ShareError::Value`] unless `n` is 2 to 16 and `m` 2 to `n`, and `n` with XOR.
    pub fn new(scheme: Scheme, m: u8, n: u8) -> Result<Self, ShareError> {
        scheme.check(m, n).map(|()| Self { scheme, m, n })
    }
}

impl Share {
    /// Copies a value; the caller wipes its own.
    #[must_use]
    pub fn new(x: u8, y: &[u8]) -> Self {
        Self { x, y: Zeroizing::new(y.to_vec()) }
    }

    /// The index.
    #[must_use]
    pub const fn x(&self) -> u8 {
        self.x
    }

    /// The value. Secret.
    #[must_use]
    pub fn y(&self) -> &[u8] {
        &self.y
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, {} bytes)", self.x, self.y.len())
    }
}

/// Splits a secret into shares with x = 1 to n.
///
/// `fill` fills a buffer with bytes that nobody can foresee, and is called once. Shamir takes (m - 1) strings as long as the
/// secret, k(1) first; XOR takes n - 1, which are the first shares.
///
/// # Errors
/// Those of `fill`: there are no shares then.
pub fn split<E>(
    secret: &SecretKey,
    quorum: Quorum,
    fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<Vec<Share>, E> {
    let strings = usize::from(quorum.m) - 1; // n - 1 with XOR, where m is n
    let mut random = Zeroizing::new(vec![0; strings * secret.key_len()]);
    fill(&mut random)?;
    Ok((1..=quorum.n).map(|x| Share { x, y: value(secret, quorum, &random, x) }).collect())
}

/// The value of the share at x.
fn value(secret: &SecretKey, quorum: Quorum, random: &[u8], x: u8) -> Zeroizing<Vec<u8>> {
    let len = secret.key_len();
    let mut y = Zeroizing::new(vec![0; len]);
    let mut strings = random.chunks_exact(len);
    match quorum.scheme {
        // The coefficients are taken as they come, 0 included, the top one too. Were 0 left out there, m - 1 shares would
        // rule out the one secret that gives 0: a value less for each byte, and another one with each split.
        Scheme::Shamir => strings.rev().chain([secret.expose()]).for_each(|string| {
            y.iter_mut().zip(string).for_each(|(y, term)| *y = field::mul(*y, x) ^ term);
        }),
        Scheme::Xor if x < quorum.n => strings.nth(usize::from(x) - 1).into_iter().for_each(|part| xor(&mut y, part)),
        Scheme::Xor => strings.chain([secret.expose()]).for_each(|part| xor(&mut y, part)),
    }
    y
}

/// Joins m shares or more. Those beyond the first m are checked against these.
///
/// # Errors
/// [`JoinError`]
pub fn join(quorum: Quorum, shares: &[Share]) -> Result<SecretKey, JoinError> {
    let Quorum { scheme, m, n } = quorum;
    for &Share { x, .. } in shares {
        match x {
            0 => return Err(JoinError::Zero),
            x if x > n => return Err(JoinError::Outside { x, n }),
            _ => {}
        }
    }
    compatible(shares)?;
    let (first, more) = shares.split_at_checked(m.into()).ok_or(JoinError::TooFew { given: shares.len(), m })?;
    for share in more {
        let fits = sum(first, share.x).ct_eq(&share.y);
        if !bool::from(fits) {
            return Err(JoinError::Unfit { x: share.x, m });
        }
    }
    let secret = match scheme {
        Scheme::Shamir => sum(first, 0),
        Scheme::Xor => {
            let mut secret = Zeroizing::new(vec![0; first.first().map_or(0, |share| share.y.len())]);
            first.iter().for_each(|share| xor(&mut secret, &share.y));
            secret
        }
    };
    Ok(SecretKey::new(&secret)?)
}

/// The value at `at` of the polynomial of least degree that goes through all shares, of whatever x and length.
///
/// # Errors
/// [`JoinError::Doubled`], [`JoinError::Length`]; [`JoinError::TooFew`] without any share.
pub fn interpolate(shares: &[Share], at: u8) -> Result<Zeroizing<Vec<u8>>, JoinError> {
    compatible(shares)?;
    if shares.is_empty() { Err(JoinError::TooFew { given: 0, m: 1 }) } else { Ok(sum(shares, at)) }
}

/// No x twice, and all values of one length.
fn compatible(shares: &[Share]) -> Result<(), JoinError> {
    for (at, Share { x, y }) in shares.iter().enumerate() {
        let first = shares[0].y.len();
        if shares[..at].iter().any(|other| other.x == *x) {
            return Err(JoinError::Doubled { x: *x });
        }
        if y.len() != first {
            return Err(JoinError::Length { x: *x, bytes: y.len(), first });
        }
    }
    Ok(())
}

/// Lagrange: every share times its weight. The shares are [`compatible`].
fn sum(shares: &[Share], at: u8) -> Zeroizing<Vec<u8>> {
    let mut value = Zeroizing::new(vec![0; shares.first().map_or(0, |share| share.y.len())]);
    for share in shares {
        let weight = weight(shares, share.x, at);
        value.iter_mut().zip(share.y.iter()).for_each(|(value, y)| *value ^= field::mul(*y, weight));
    }
    value
}

/// What the share at `own` counts for at `at`: the product of (at - x) / (own - x) over the others' x.
fn weight(shares: &[Share], own: u8, at: u8) -> u8 {
    let others = shares.iter().map(Share::x).filter(|x| *x != own);
    let (above, below) =
        others.fold((1, 1), |(above, below), x| (field::mul(above, at ^ x), field::mul(below, own ^ x)));
    field::mul(above, field::invert(below))
}

fn xor(sum: &mut [u8], part: &[u8]) {
    sum.iter_mut().zip(part).for_each(|(sum, part)| *sum ^= part);
}

#[cfg(test)]
mod tests;
