//! The little language in which templates, layouts and salts are written.
//!
//! Words with white space between, each of which stands for bytes: hex digits for themselves, `'text'` for its ASCII,
//! the name of an input ([`Name`]) for its value, `NAME[a..b]` for its bytes from a up to, not with, b, `NAME[a]` for one
//! of them, and `k` for the key's number, 1 ENC, 2 MAC, 3 DEK. In a layout also `i8`, `i16`, `i24`, `i32` for the counter
//! and `l16`, `l32` for the length of the output in bits, all big-endian.

use super::inputs::{InputError, Inputs, Name};
use std::str::FromStr;

/// Words, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Vec<Field>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Bytes(Vec<u8>),
    Input {
        name: Name,
        from: usize,
        to: Option<usize>,
    },
    KeyNumber,
    /// The length of the output in bits, in so many bytes.
    Length(usize),
}

/// Text that is no fields. `word` counts from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// No words.
    #[error("there are no words: hex, 'text', names of inputs and k are")]
    Empty,
    /// Neither hex digits in pairs nor anything with a meaning.
    #[error("word {word} is neither hex digits in pairs, nor 'text', nor the name of an input, nor k")]
    Unknown {
        /// Which.
        word: usize,
    },
    /// What stands in brackets is no range of that input.
    #[error("word {word}: `{name}[..]` wants [a] or [a..b] within its bytes, a below b")]
    Range {
        /// Which.
        word: usize,
        /// Whose.
        name: Name,
    },
    /// A counter, or the output's length, where there is none.
    #[error("word {word}: a counter or a length has no meaning here, only in a layout of sp800-108")]
    OnlyInLayout {
        /// Which.
        word: usize,
    },
    /// A layout has another number of counters than one.
    #[error("a layout has one counter, i8, i16, i24 or i32; this one has {0}")]
    Counters(usize),
}

/// What the words are filled with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filling<'i> {
    /// The key's number.
    pub(super) k: u8,
    /// Bits of output.
    pub(super) bits: u32,
    pub(super) inputs: &'i Inputs,
}

/// A layout's words before the counter, the counter's width in bytes, and the words behind it.
pub(super) type Around = (Fields, usize, Fields);

impl Fields {
    /// Whether the key's number occurs, so that ENC, MAC and DEK differ.
    pub(super) fn numbered(&self) -> bool {
        self.0.contains(&Field::KeyNumber)
    }

    /// Bytes in all, where that is certain before there are inputs.
    pub(super) fn known_len(&self) -> Option<usize> {
        self.0.iter().map(Field::known_len).sum()
    }

    /// The bytes.
    pub(super) fn fill(&self, filling: &Filling<'_>) -> Result<Vec<u8>, InputError> {
        self.0.iter().map(|field| field.fill(filling)).collect::<Result<Vec<_>, _>>().map(|parts| parts.concat())
    }

    /// A layout.
    pub(super) fn around_counter(text: &str) -> Result<Around, FieldError> {
        let words = Words(text).collect::<Vec<_>>();
        let counters = words.iter().filter_map(|word| counter(word)).count();
        let at = words.iter().position(|word| counter(word).is_some()).filter(|_| counters == 1);
        let at = at.ok_or(FieldError::Counters(counters))?;
        let read = |from: usize, to: usize| (from..to).map(|n| Field::read(n + 1, words[n])).collect::<Result<_, _>>();
        let width = counter(words[at]).unwrap_or_default();
        Ok((Self(read(0, at)?), width, Self(read(at + 1, words.len())?)))
    }
}

impl FromStr for Fields {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let read = |(word, text): (usize, &str)| match Field::read(word, text) {
            Ok(Field::Length(_)) => Err(FieldError::OnlyInLayout { word }),
            Err(_) if counter(text).is_some() => Err(FieldError::OnlyInLayout { word }),
            other => other,
        };
        let fields = (1..).zip(Words(text)).map(read).collect::<Result<Vec<_>, _>>()?;
        if fields.is_empty() { Err(FieldError::Empty) } else { Ok(Self(fields)) }
    }
}

/// Splits at white space, but not within quotes.
struct Words<'t>(&'t str);

impl<'t> Iterator for Words<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let text = self.0.trim_start();
        let mut quoted = false;
        let end = text.find(|c: char| {
            quoted ^= c == '\'';
            c.is_whitespace() && !quoted
        });
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}

/// The width of a counter in bytes.
fn counter(word: &str) -> Option<usize> {
    match word {
        "i8" => Some(1),
        "i16" => Some(2),
        "i24" => Some(3),
        "i32" => Some(4),
        _ => None,
    }
}

impl Field {
    fn read(word: usize, text: &str) -> Result<Self, FieldError> {
        let unknown = FieldError::Unknown { word };
        if let Some(quoted) = text.strip_prefix('\'') {
            let inner = quoted.strip_suffix('\'').filter(|inner| inner.is_ascii() && !inner.contains('\''));
            return inner.filter(|inner| !inner.is_empty()).map(|inner| Self::Bytes(inner.into())).ok_or(unknown);
        }
        match text {
            "k" => return Ok(Self::KeyNumber),
            "l16" => return Ok(Self::Length(2)),
            "l32" => return Ok(Self::Length(4)),
            _ => {}
        }
        let (name, range) = text.split_once('[').map_or((text, None), |(name, range)| (name, Some(range)));
        let Some(name) = Name::ALL.into_iter().find(|known| known.text() == name) else {
            return hex::decode(text).map(Self::Bytes).map_err(|_| unknown);
        };
        let Some(range) = range else { return Ok(Self::Input { name, from: 0, to: None }) };
        let wrong = FieldError::Range { word, name };
        let range = range.strip_suffix(']').ok_or(wrong)?;
        let number = |text: &str| text.parse::<u8>().ok().filter(|_| !text.starts_with('+')).map(usize::from);
        let (from, to) = match range.split_once("..") {
            Some((from, to)) => (number(from).ok_or(wrong)?, number(to).ok_or(wrong)?),
            None => number(range).map(|at| (at, at + 1)).ok_or(wrong)?,
        };
        if from >= to || to > name.len().unwrap_or(255) {
            return Err(wrong);
        }
        Ok(Self::Input { name, from, to: Some(to) })
    }

    fn known_len(&self) -> Option<usize> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len()),
            Self::KeyNumber => Some(1),
            Self::Length(len) => Some(*len),
            Self::Input { from, to: Some(to), .. } => Some(to - from),
            Self::Input { name, .. } => name.len(),
        }
    }

    fn fill(&self, filling: &Filling<'_>) -> Result<Vec<u8>, InputError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::KeyNumber => Ok(vec![filling.k]),
            Self::Length(len) => Ok(filling.bits.to_be_bytes()[4 - len..].to_vec()),
            Self::Input { name, from, to } => {
                let value = filling.inputs.bytes(*name)?;
                let to = to.unwrap_or(value.len());
                value.get(*from..to).map(<[u8]>::to_vec).ok_or(InputError::Short { name: *name, wants: to })
            }
        }
    }
}

#[cfg(test)]
mod tests;
