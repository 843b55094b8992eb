//! An HSM's key, and the secret encrypted to it.

use super::hash::sha256;
use super::signing::PublicKey;
use crate::key::SecretKey;
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::certificate::{CertifiedKey, KeyAlgorithm};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use sha1::{Digest, Sha1};
use zeroize::{Zeroize, Zeroizing};

/// Why bytes are no key of an HSM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportKeyError {
    /// 6700: another length than a key of the algorithm has.
    #[error("the key has {given} bytes, and not {expected}")]
    Length {
        /// Bytes that there are.
        given: usize,
        /// Bytes that there have to be.
        expected: usize,
    },
    /// 6A80: not on the curve.
    #[error("it is no point of P-256")]
    Point,
    /// 6A80: its first or its last bit is not set.
    #[error("it is no modulus of that length")]
    Modulus,
}

/// The key that an HSM imports with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportKey {
    /// For a box of kind 0E: [`Route::export`](super::sealing::Route::export).
    P256(PublicKey),
    /// For OAEP.
    Rsa(Modulus),
}

/// An RSA modulus of 2048, 3072 or 4096 bits, odd. The public exponent is 65537.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modulus {
    n: Odd<BoxedUint>,
    certified: CertifiedKey,
}

impl ImportKey {
    /// A point of 65 bytes, or a modulus of 256, 384 or 512.
    ///
    /// # Errors
    /// [`ImportKeyError`], the length first.
    pub fn new(algorithm: KeyAlgorithm, bytes: &[u8]) -> Result<Self, ImportKeyError> {
        if bytes.len() != algorithm.key_len() {
            return Err(ImportKeyError::Length { given: bytes.len(), expected: algorithm.key_len() });
        }
        let certified: fn(Hash) -> CertifiedKey = match algorithm {
            KeyAlgorithm::P256 => {
                let point = bytes.try_into().map_err(|_| ImportKeyError::Point)?;
                return PublicKey::new(point).map(Self::P256).map_err(|_| ImportKeyError::Point);
            }
            KeyAlgorithm::Rsa2048 => CertifiedKey::Rsa2048,
            KeyAlgorithm::Rsa3072 => CertifiedKey::Rsa3072,
            KeyAlgorithm::Rsa4096 => CertifiedKey::Rsa4096,
        };
        let n = Odd::new(BoxedUint::from_be_slice_vartime(bytes)).into_option().ok_or(ImportKeyError::Modulus)?;
        if bytes.first().is_none_or(|first| *first < 0x80) {
            return Err(ImportKeyError::Modulus);
        }
        Ok(Self::Rsa(Modulus { n, certified: certified(sha256(&[bytes])) }))
    }

    /// What its certificate has.
    #[must_use]
    pub fn certified(&self) -> CertifiedKey {
        match self {
            Self::P256(key) => CertifiedKey::P256(key.point()),
            Self::Rsa(modulus) => modulus.certified,
        }
    }
}

impl Modulus {
    /// OAEP of a secret with SHA-1, MGF1 with SHA-1 and an empty label (RFC 8017 7.1.1): as many bytes as the modulus has.
    ///
    /// # Errors
    /// Those of `fill`, which fills the seed of 20 bytes.
    pub fn oaep<E>(&self, secret: &SecretKey, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Vec<u8>, E> {
        // 00 | seed | hash of the label, zeros, 01, the secret. All moduli are longer than what that takes at least.
        let mut message = Zeroizing::new(vec![0; self.certified.algorithm().key_len()]);
        let (seed, block) = message[1..].split_at_mut(SHA1);
        fill(seed)?;
        let start = block.len() - secret.key_len();
        block[..SHA1].copy_from_slice(&Sha1::digest(b""));
        block[start - 1] = 1;
        block[start..].copy_from_slice(secret.expose());
        mask(block, seed);
        mask(seed, block);
        Ok(self.encrypt(&message))
    }

    /// message ^ 65537 mod n, in the same time whatever the message is.
    fn encrypt(&self, message: &[u8]) -> Vec<u8> {
        let params = BoxedMontyParams::new(self.n.clone());
        let message = BoxedUint::from_be_slice_truncated(message, self.n.bits_precision());
        let message = Zeroizing::new(BoxedMontyForm::new(message, &params));
        let mut power = message.clone();
        // 65537 is 2^16 + 1.
        // Numbers of this kind are not wiped when they are dropped: each goes by hand.
        (0..16).for_each(|_| {
            let square = power.square();
            std::mem::replace(&mut *power, square).zeroize();
        });
        power.mul(&message).retrieve().to_be_bytes().into_vec()
    }
}

/// Bytes of a SHA-1 hash.
const SHA1: usize = 20;

/// Xors bytes with MGF1 of a seed (RFC 8017 B.2.1).
fn mask(bytes: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(bytes.chunks_mut(SHA1)) {
        let hash = Zeroizing::new(<[u8; SHA1]>::from(
            Sha1::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize(),
        ));
        chunk.iter_mut().zip(hash.iter()).for_each(|(byte, mask)| *byte ^= mask);
    }
}

#[cfg(test)]
mod tests;
