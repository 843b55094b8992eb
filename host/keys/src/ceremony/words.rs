//! A hash as words, so that people can compare it aloud, or copy it by hand.
//!
//! 13 words of a list of 1,024 are its first 130 bits: so many that nobody can make two things with the same words. The
//! list is SLIP-39's (© 2019 SatoshiLabs, MIT): four to eight letters each, told apart by their first four.

use crate::custody::hash::sha256;
use cardwright_proto::custody::{Hash, Point};
use std::fmt;
use std::str::FromStr;

/// How many words there are of a hash.
pub const COUNT: usize = 13;

/// Bits of a word.
const BITS: usize = 10;

/// The list: a word a line, in alphabetical order.
pub(crate) const LIST: &str = include_str!("words.txt");

/// The first 130 bits of a hash, as 13 numbers of 10 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Words([u16; COUNT]);

/// Text that is not 13 words of the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Too few, or too many.
    #[error("there are {0} words, and not {COUNT}")]
    Count(usize),
    /// One that the list does not have.
    #[error("word {at}, `{word}`, is not in the list")]
    Unknown {
        /// Which one, from 1.
        at: usize,
        /// The word.
        word: String,
    },
}

/// The words of a hash.
#[must_use]
pub fn words(hash: &Hash) -> Words {
    Words(std::array::from_fn(|at| (at * BITS..(at + 1) * BITS).fold(0, |word, bit| word << 1 | bit_of(hash, bit))))
}

/// A bit of a hash, the highest of the first byte first.
fn bit_of(hash: &Hash, at: usize) -> u16 {
    u16::from(hash[at / 8] >> (7 - at % 8) & 1)
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<_> = LIST.lines().collect();
        let said: Vec<_> = self.0.iter().filter_map(|word| list.get(usize::from(*word)).copied()).collect();
        f.write_str(&said.join(" "))
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({self})")
    }
}

impl FromStr for Words {
    type Err = WordsError;

    /// 13 words with white space between them, in letters of either case.
    fn from_str(text: &str) -> Result<Self, WordsError> {
        let said: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
        let found = said.iter().enumerate().map(|(at, word)| {
            let number = (0..).zip(LIST.lines()).find(|(_, listed)| listed == word).map(|(number, _)| number);
            number.ok_or_else(|| WordsError::Unknown { at: at + 1, word: word.clone() })
        });
        let found = found.collect::<Result<Vec<u16>, _>>()?;
        found.try_into().map(Self).map_err(|found: Vec<u16>| WordsError::Count(found.len()))
    }
}

impl PartialEq<Hash> for Words {
    fn eq(&self, hash: &Hash) -> bool {
        *self == words(hash)
    }
}

/// What somebody was told of a hash: all of it, or its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fingerprint {
    /// 32 bytes.
    Hash(Hash),
    /// 13 words.
    Words(Words),
}

impl Fingerprint {
    /// That of a key: SHA-256 of its point.
    #[must_use]
    pub fn of(key: &Point) -> Self {
        Self::Hash(sha256(&[key]))
    }

    /// Whether it is this hash's.
    #[must_use]
    pub fn fits(&self, hash: &Hash) -> bool {
        match self {
            Self::Hash(own) => own == hash,
            Self::Words(words) => words == hash,
        }
    }
}

impl FromStr for Fingerprint {
    type Err = WordsError;

    /// 64 hexadecimal digits, or 13 words.
    fn from_str(text: &str) -> Result<Self, WordsError> {
        let mut hash = [0; 32];
        match hex::decode_to_slice(text.trim(), &mut hash) {
            Ok(()) => Ok(Self::Hash(hash)),
            Err(_) => text.parse().map(Self::Words),
        }
    }
}

impl From<Hash> for Fingerprint {
    fn from(hash: Hash) -> Self {
        Self::Hash(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => words(hash).fmt(f),
            Self::Words(words) => words.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
