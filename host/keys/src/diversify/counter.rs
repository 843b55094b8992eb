//! `sp800-108`: SP 800-108 in counter mode, with any pseudo-random function and any layout.
//!
//! Block n of the output is PRF(key, before, n, after), n from 1; the output is cut to the length that is wanted. What
//! stands before and after the counter is the layout's, in the words of [`Fields`]; usual is label, 00, context, length.

use super::fields::{Around, FieldError, Fields, Filling};
use super::inputs::Inputs;
use super::method::RunError;
use crate::cipher::BlockKey;
use crate::key::Algorithm;
use cardwright_proto::block::KeyLength;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroize;

/// A pseudo-random function that the standard takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prf {
    /// HMAC-SHA-1, for what exists already.
    HmacSha1,
    /// HMAC-SHA-224
    HmacSha224,
    /// HMAC-SHA-256
    HmacSha256,
    /// HMAC-SHA-384
    HmacSha384,
    /// HMAC-SHA-512
    HmacSha512,
    /// CMAC over a block cipher.
    Cmac(Algorithm),
}

impl Prf {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
        Self::HmacSha224,
        Self::HmacSha1,
        Self::Cmac(Algorithm::Aes),
        Self::Cmac(Algorithm::TripleDes),
        Self::Cmac(Algorithm::Aria),
        Self::Cmac(Algorithm::Seed),
    ];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
            Self::Cmac(Algorithm::Aes) => "aes-cmac",
            Self::Cmac(Algorithm::TripleDes) => "3des-cmac",
            Self::Cmac(Algorithm::Aria) => "aria-cmac",
            Self::Cmac(Algorithm::Seed) => "seed-cmac",
        }
    }
}

/// What stands before and after the counter, and the counter's width in bytes, 1 to 4.
#[derive(Clone, Copy)]
pub(super) struct Fixed<'f> {
    pub(super) before: &'f [u8],
    pub(super) width: usize,
    pub(super) after: &'f [u8],
}

impl Fixed<'_> {
    /// Has `mac` fill each block of `out` from its input; the last may want fewer bytes than there are.
    fn each(self, block_len: usize, out: &mut [u8], mut mac: impl FnMut(&[&[u8]], &mut [u8])) {
        for (n, block) in (1_u32..).zip(out.chunks_mut(block_len)) {
            mac(&[self.before, &n.to_be_bytes()[4 - self.width..], self.after], block);
        }
    }

    fn hmac<M: Mac + KeyInit + Clone>(self, key: &[u8], out: &mut [u8]) -> Result<(), KeyLength> {
        let key = <M as KeyInit>::new_from_slice(key).map_err(|_| KeyLength(key.len()))?;
        self.each(M::output_size(), out, |parts, block| {
            let mut mac = key.clone();
            parts.iter().for_each(|part| mac.update(part));
            let mut bytes = mac.finalize().into_bytes();
            block.copy_from_slice(&bytes[..block.len()]);
            bytes.as_mut_slice().zeroize();
        });
        Ok(())
    }
}

/// Fills `out`, which has no more blocks than the counter can count.
pub(super) fn fill(prf: Prf, key: &[u8], fixed: Fixed<'_>, out: &mut [u8]) -> Result<(), KeyLength> {
    match prf {
        Prf::HmacSha1 => fixed.hmac::<Hmac<Sha1>>(key, out),
        Prf::HmacSha224 => fixed.hmac::<Hmac<Sha224>>(key, out),
        Prf::HmacSha256 => fixed.hmac::<Hmac<Sha256>>(key, out),
        Prf::HmacSha384 => fixed.hmac::<Hmac<Sha384>>(key, out),
        Prf::HmacSha512 => fixed.hmac::<Hmac<Sha512>>(key, out),
        Prf::Cmac(algorithm) => {
            let key = BlockKey::new(algorithm, key)?;
            fixed.each(key.block_len(), out, |parts, block| block.copy_from_slice(&key.cmac(parts)[..block.len()]));
            Ok(())
        }
    }
}

/// A PRF and where its input stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    prf: Prf,
    around: Around,
}

impl Layout {
    /// The most bytes that are derived at once; a counter of one byte counts further with any PRF.
    pub const MOST: usize = 1024;

    /// Reads a layout, e.g. `i32 'label' 00 input l32`.
    ///
    /// # Errors
    /// [`FieldError`]
    pub fn new(prf: Prf, text: &str) -> Result<Self, FieldError> {
        Ok(Self { prf, around: Fields::around_counter(text)? })
    }

    /// The PRF.
    #[must_use]
    pub const fn prf(&self) -> Prf {
        self.prf
    }

    /// Whether the key's number occurs in it.
    #[must_use]
    pub fn numbered(&self) -> bool {
        self.around.0.numbered() || self.around.2.numbered()
    }

    /// Fills `out` for key number `k`.
    ///
    /// # Errors
    /// [`RunError::Input`], [`RunError::KeyLength`], [`RunError::Output`] above [`Self::MOST`] bytes.
    pub fn derive(&self, key: &[u8], k: u8, inputs: &Inputs, out: &mut [u8]) -> Result<(), RunError> {
        let too_long = RunError::Output { gives: Self::MOST, wanted: out.len() };
        let bits = u32::try_from(out.len() * 8).ok().filter(|_| out.len() <= Self::MOST).ok_or(too_long)?;
        let filling = Filling { k, bits, inputs };
        let (before, width, after) = &self.around;
        let (before, after) = (before.fill(&filling)?, after.fill(&filling)?);
        Ok(fill(self.prf, key, Fixed { before: &before, width: *width, after: &after }, out)?)
    }
}

#[cfg(test)]
mod tests;
