//! How a dealt secret comes of its dealer's randomness and the contributions of all custodians.
//!
//! a(0) = SHA-256(T(09) | M | 32 random bytes); a(x) = SHA-256(T(17) | a(x - 1) | r(x)); the secret is the start of a(n).

use super::hash::sha256;
use crate::key::SecretKey;
use cardwright_proto::block::KeyLength;
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::tag::Kind;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// r: what a custodian adds to a secret. Wiped when dropped, and never shown.
#[derive(Clone)]
pub struct Contribution(Box<Zeroizing<[u8; 32]>>);

/// At one place on the heap, so that moving the value leaves no copy behind.
fn kept(bytes: [u8; 32]) -> Box<Zeroizing<[u8; 32]>> {
    Box::new(Zeroizing::new(bytes))
}

impl Contribution {
    /// r = SHA-256(T(08) | 32 random bytes | dice). Dice are 0 to 32 bytes from outside.
    #[must_use]
    pub fn mix(random: &[u8; 32], dice: &[u8]) -> Self {
        Self(kept(sha256(&[&Kind::Contribution.tag(), random, dice])))
    }

    /// One that was kept, or came in a box.
    #[must_use]
    pub fn new(r: &[u8; 32]) -> Self {
        Self(kept(*r))
    }

    /// r. Every use of this is a place where it can leak.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The commitment to it, SHA-256(T(05) | M | x | r).
    #[must_use]
    pub fn commit(&self, manifest: &Hash, x: u8) -> Hash {
        sha256(&[&Kind::Commitment.tag(), manifest, &[x], self.expose()])
    }

    /// Whether it is the one that was committed to.
    #[must_use]
    pub fn fits(&self, manifest: &Hash, x: u8, commitment: &Hash) -> bool {
        self.commit(manifest, x).ct_eq(commitment).into()
    }
}

impl PartialEq for Contribution {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for Contribution {}

impl fmt::Debug for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contribution(..)")
    }
}

/// a(x): a secret on its way. Wiped when dropped, and never shown.
pub struct Chain(Box<Zeroizing<[u8; 32]>>);

impl Chain {
    /// a(0), of the manifest's hash and the dealer's 32 random bytes.
    #[must_use]
    pub fn start(manifest: &Hash, random: &[u8; 32]) -> Self {
        Self(kept(sha256(&[&Kind::Start.tag(), manifest, random])))
    }

    /// One that was kept.
    #[must_use]
    pub fn new(a: &[u8; 32]) -> Self {
        Self(kept(*a))
    }

    /// a(x). Every use of this is a place where it can leak.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The next one, of the next contribution.
    #[must_use]
    pub fn then(&self, contribution: &Contribution) -> Self {
        Self(kept(sha256(&[&Kind::Step.tag(), self.expose(), contribution.expose()])))
    }

    /// The secret, once all contributions are in it. Parity bits of 3DES keys are left as they come.
    ///
    /// # Errors
    /// [`KeyLength`] unless the key has 16, 24 or 32 bytes.
    pub fn secret(&self, key_length: u8) -> Result<SecretKey, KeyLength> {
        let len = usize::from(key_length);
        SecretKey::new(self.expose().get(..len).ok_or(KeyLength(len))?)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain(..)")
    }
}

#[cfg(test)]
mod tests;
