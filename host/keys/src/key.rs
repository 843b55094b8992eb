//! Secret keys in memory, the text that they are written as, their check values, and what each may be used for.

mod purpose;

pub use purpose::{DekKey, EncKey, MacKey, StaticKeys, WrapError};

use crate::cipher::BlockKey;
use cardwright_proto::block::KeyLength;
use cardwright_proto::gp::key::{Kcv, KeySet};
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
    /// [`KeyLength`] where 3DES is asked of a 32-byte key, or SEED of one that has not 16 bytes.
    pub fn kcv(&self, algorithm: Algorithm) -> Result<Kcv, KeyLength> {
        let cipher = BlockKey::new(algorithm, self.expose())?;
        let mut block = match algorithm {
            Algorithm::TripleDes => [0x00; 16],
            Algorithm::Aes | Algorithm::Aria | Algorithm::Seed => [0x01; 16],
        };
        cipher.ecb(&mut block);
        let [a, b, c, ..] = block;
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
    /// First 3 bytes of ARIA-ECB over 16 x 01. No standard says so: it is done as for AES.
    Aria,
    /// First 3 bytes of SEED-ECB over 16 x 01. No standard says so: it is done as for AES.
    Seed,
}

impl Algorithm {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes => "AES",
            Self::TripleDes => "3DES",
            Self::Aria => "ARIA",
            Self::Seed => "SEED",
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
    /// Good text takes the same time whatever its digits. Only text that is refused is looked at character by character.
    ///
    /// # Errors
    /// [`KeyTextError`]
    pub fn parse(text: &[u8]) -> Result<Self, KeyTextError> {
        let text = text.trim_ascii_end();
        Self::decode(text).ok_or_else(|| refusal(text))
    }

    /// The length alone says where keys and commas stand: no digit need be told from a comma.
    fn decode(text: &[u8]) -> Option<Self> {
        match text.len() {
            32 | 48 | 64 => Some(Self::One(decode_key(text)?)),
            98 | 146 | 194 => {
                let digits = (text.len() - 2) / 3;
                let (enc, rest) = text.split_at(digits);
                let (mac, dek) = rest.strip_prefix(b",")?.split_at_checked(digits)?;
                let dek = dek.strip_prefix(b",")?;
                Some(Self::Set(KeySet { enc, mac, dek }.try_map(|key| decode_key(key).ok_or(())).ok()?))
            }
            _ => None,
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
            text.push_str(&Zeroizing::new(base16ct::upper::encode_string(key.expose())));
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

/// 32, 48 or 64 digits. `None` where one is none, whichever it is.
fn decode_key(digits: &[u8]) -> Option<SecretKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    SecretKey::new(base16ct::mixed::decode(digits, &mut *bytes).ok()?).ok()
}

/// What is wrong with text that holds no key.
fn refusal(text: &[u8]) -> KeyTextError {
    let not_hex = |digits: &[u8]| digits.iter().position(|digit| !digit.is_ascii_hexdigit());
    let wrong = |key, digits: &[u8]| match not_hex(digits) {
        Some(place) => KeyTextError::NotHex { key, position: place + 1 },
        None => KeyTextError::Digits { key, digits: digits.len() },
    };
    let good = |digits: &[u8]| matches!(digits.len(), 32 | 48 | 64) && not_hex(digits).is_none();
    match *text.split(|byte| *byte == b',').collect::<Vec<_>>() {
        [[]] => KeyTextError::Empty,
        [key] => wrong(1, key),
        [enc, mac, dek] => match (1..).zip([enc, mac, dek]).find(|(_, digits)| !good(digits)) {
            Some((key, digits)) => wrong(key, digits),
            None => KeyTextError::Unequal(enc.len() / 2, mac.len() / 2, dek.len() / 2),
        },
        ref keys => KeyTextError::Count(keys.len()),
    }
}

#[cfg(test)]
mod tests;
