//! Secret keys in memory, the text that they are written as, and their check values.

use cardwright_proto::block::{AesKey, KeyLength};
use cardwright_proto::gp::key::{Kcv, KeySet};
use des::cipher::{BlockCipherEncrypt, KeyInit};
use des::{TdesEde2, TdesEde3};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The public test key of GlobalPlatform: 40 41 42 .. 4F. Cards are delivered with it, everybody knows it.
const GP_TEST: [u8; 16] = *b"@ABCDEFGHIJKLMNO";

/// A key of 16, 24 or 32 bytes: AES, or 3DES with two or three single keys.
///
/// The bytes stay at one place on the heap, so that moving the value leaves no copy behind; they are wiped on drop.
/// Comparison takes the same time whatever differs.
pub struct SecretKey(Zeroizing<Box<[u8]>>);

impl SecretKey {
    /// Copies a key; the caller wipes its own bytes.
    ///
    /// # Errors
    /// [`KeyLength`] unless there are 16, 24 or 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyLength> {
        match bytes.len() {
            16 | 24 | 32 => Ok(Self(Zeroizing::new(bytes.into()))),
            other => Err(KeyLength(other)),
        }
    }

    /// The bytes. Every use of this is a place where a key can leak.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Bytes in the key: 16, 24 or 32.
    #[must_use]
    pub fn key_len(&self) -> usize {
        self.0.len()
    }

    /// A second copy, where one has to be: named, because it is one more place to wipe.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(Zeroizing::new(self.expose().into()))
    }

    /// The check value that this key has under an algorithm.
    ///
    /// # Errors
    /// [`KeyLength`] where 3DES is asked of a 32-byte key.
    pub fn kcv(&self, algorithm: Algorithm) -> Result<Kcv, KeyLength> {
        let [a, b, c] = match algorithm {
            Algorithm::Aes => {
                let mut block = [0x01; 16];
                AesKey::new(self.expose())?.encrypt_block(&mut block);
                [block[0], block[1], block[2]]
            }
            Algorithm::TripleDes => {
                let mut block = [0x00; 8];
                TripleDes::new(self.expose())?.encrypt_block(&mut block);
                [block[0], block[1], block[2]]
            }
        };
        Ok(Kcv([a, b, c]))
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({} bytes)", self.key_len())
    }
}

/// What a key is for, as far as its check value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// First 3 bytes of AES-ECB over 16 x 01 (CS B.5).
    Aes,
    /// First 3 bytes of 3DES-ECB over 8 x 00 (CS B.5).
    TripleDes,
}

impl Algorithm {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes => "AES",
            Self::TripleDes => "3DES",
        }
    }
}

/// A 3DES key, expanded; 8-byte blocks. Wiped on drop.
pub(crate) enum TripleDes {
    Two(TdesEde2),
    Three(TdesEde3),
}

impl TripleDes {
    /// From 16 bytes (K1, K2, K1 again) or 24.
    pub(crate) fn new(key: &[u8]) -> Result<Self, KeyLength> {
        let wrong = |_| KeyLength(key.len());
        match key.len() {
            16 => Ok(Self::Two(TdesEde2::new_from_slice(key).map_err(wrong)?)),
            24 => Ok(Self::Three(TdesEde3::new_from_slice(key).map_err(wrong)?)),
            other => Err(KeyLength(other)),
        }
    }

    pub(crate) fn encrypt_block(&self, block: &mut [u8; 8]) {
        match self {
            Self::Two(key) => key.encrypt_block(block.into()),
            Self::Three(key) => key.encrypt_block(block.into()),
        }
    }
}

/// What a key reference leads to: one key, or one for each purpose. All of a set have the same length.
#[derive(Debug)]
pub enum KeyMaterial {
    /// One key: a master, or the same static key three times.
    One(SecretKey),
    /// ENC, MAC, DEK: static keys, or a master for each.
    Set(KeySet<SecretKey>),
}

/// Key text that cannot be read. None of these repeats the text: it is secret even where it is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// Nothing there.
    #[error("there is no key: hex digits of one key, or of ENC,MAC,DEK, were expected")]
    Empty,
    /// Neither one key nor three.
    #[error("there are {0} keys: one is expected, or ENC,MAC,DEK")]
    Count(usize),
    /// A character that is no hex digit.
    #[error(
        "key {key}, character {position} is no hex digit (a key is hex digits only, ENC,MAC,DEK with commas between)"
    )]
    NotHex {
        /// Which key, from 1.
        key: usize,
        /// Which of its characters, from 1.
        position: usize,
    },
    /// Another number of digits than a key has.
    #[error("key {key} has {digits} hex digits: 32, 48 or 64 are a key")]
    Digits {
        /// Which key, from 1.
        key: usize,
        /// How many digits it has.
        digits: usize,
    },
    /// ENC, MAC and DEK are not of one length.
    #[error("ENC, MAC and DEK have {0}, {1} and {2} bytes: all three have to be of one length")]
    Unequal(usize, usize, usize),
}

impl KeyMaterial {
    /// Reads hex digits of one key, or of ENC,MAC,DEK with commas between; white space at the end is ignored.
    ///
    /// # Errors
    /// [`KeyTextError`]
    pub fn parse(text: &[u8]) -> Result<Self, KeyTextError> {
        let text = text.trim_ascii_end();
        if text.is_empty() {
            return Err(KeyTextError::Empty);
        }
        let count = text.split(|byte| *byte == b',').count();
        let mut keys = (1..).zip(text.split(|byte| *byte == b',')).map(|(number, digits)| parse_key(number, digits));
        match (count, keys.next(), keys.next(), keys.next()) {
            (1, Some(key), ..) => Ok(Self::One(key?)),
            (3, Some(enc), Some(mac), Some(dek)) => {
                let set = KeySet { enc: enc?, mac: mac?, dek: dek? };
                let KeySet { enc, mac, dek } = set.as_ref().map(SecretKey::key_len);
                if enc == mac && mac == dek { Ok(Self::Set(set)) } else { Err(KeyTextError::Unequal(enc, mac, dek)) }
            }
            _ => Err(KeyTextError::Count(count)),
        }
    }

    /// The text that [`Self::parse`] reads, with a newline at its end.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        // Three keys of 64 digits, two commas, a newline: the text must not grow, for growing leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(195));
        let keys: &[&SecretKey] = match self {
            Self::One(key) => &[key],
            Self::Set(KeySet { enc, mac, dek }) => &[enc, mac, dek],
        };
        for (place, key) in keys.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            for byte in key.expose() {
                text.extend([byte >> 4, byte & 0x0F].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
            }
        }
        text.push('\n');
        text
    }

    /// `gp-test`: the public test key.
    #[must_use]
    pub fn gp_test() -> Self {
        Self::One(SecretKey(Zeroizing::new(GP_TEST.into())))
    }

    /// Bytes in each key: 16, 24 or 32.
    #[must_use]
    pub fn key_len(&self) -> usize {
        match self {
            Self::One(key) => key.key_len(),
            Self::Set(set) => set.enc.key_len(),
        }
    }
}

fn parse_key(key: usize, digits: &[u8]) -> Result<SecretKey, KeyTextError> {
    if let Some(place) = digits.iter().position(|digit| !digit.is_ascii_hexdigit()) {
        return Err(KeyTextError::NotHex { key, position: place + 1 });
    }
    let wrong = KeyTextError::Digits { key, digits: digits.len() };
    let mut bytes = Zeroizing::new([0; 32]);
    let bytes = bytes.get_mut(..digits.len() / 2).ok_or(wrong)?;
    hex::decode_to_slice(digits, bytes).map_err(|_| wrong)?;
    SecretKey::new(bytes).map_err(|_| wrong)
}

#[cfg(test)]
mod tests;
