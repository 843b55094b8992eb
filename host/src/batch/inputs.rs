//! The files of a job: which cards are in a delivery, and what is written to each.
//!
//! Both are CSV (RFC 4180), whose first line names the columns, or JSON Lines where the file's name ends with `.jsonl`.
//! They come from somebody else, so a file is checked whole before the first card of it is handed out, no line longer
//! than 64 KiB is ever held, and what is refused is told by its line and never repeated. Every line ends with a line feed
//! alone, the last one too: a file that was cut in the middle of a line is not taken for a whole one.
//!
//! What was checked is pinned: a file that is another one when it is read again is refused.

mod cards;
mod data;
mod row;
mod sealing;
mod seen;
mod text;

pub use cards::{CardList, ListedCards, read_cards};
pub use cardwright_hsm::sealed_field::{FieldError, Owner};
pub use data::{DataIndex, Field};
pub use row::{CardData, Dgi, OpenDgi, VALUE_MAX, Value};

pub use sealing::seal;

use cardwright_keys::job::CARDS_MAX;
use cardwright_registry::lines::LineError;
use std::error::Error;
use std::io;

/// A file as it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Of all its bytes.
    pub sha256: [u8; 32],
    /// Cards in it.
    pub cards: u64,
}

/// Why a file of a job is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It cannot be opened or read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A directory, a device, a pipe: it is read twice.
    #[error("it is no regular file")]
    NotAFile,
    /// A line that is none of such a file.
    #[error(transparent)]
    Line(#[from] LineError),
    /// In the first line of CSV stands a name that is no column's, or the same one twice.
    #[error("line 1 does not name columns: number {number} is none of {wanted}, or stands twice")]
    Column {
        /// From 1.
        number: usize,
        /// Those that there are.
        wanted: &'static str,
    },
    /// CSV without the column `card`, in a list of cards.
    #[error("line 1 does not name the column `card`")]
    NoCardColumn,
    /// No JSON, or other members.
    #[error("line {line} is no JSON object with the members {wanted}: see byte {byte}")]
    Json {
        /// From 1.
        line: u64,
        /// In the line, from 1.
        byte: usize,
        /// Those that there are.
        wanted: &'static str,
    },
    /// One card on two lines. A KDD alone stands for whatever chip has it.
    #[error("line {line} is about the card of line {first}, or the one names its chip and the other does not")]
    Twice {
        /// From 1.
        line: u32,
        /// The line before, from 1.
        first: u32,
    },
    /// No line about a card.
    #[error("there is no card in it")]
    Empty,
    /// More cards than a job has.
    #[error("line {line}: a job has {CARDS_MAX} cards at most")]
    Many {
        /// From 1.
        line: u64,
    },
    /// Somebody has written to it.
    #[error("it was changed since it was checked")]
    Changed,
    /// A sealed field, and no key for it.
    #[error("there are sealed fields in it, and the job names no key for them")]
    NoKey,
    /// A data grouping that is to be sealed, and stands in no row: another one may be in clear that should not.
    #[error("no row has the data grouping {0:04X}")]
    NoField(u16),
    /// A sealed field does not open.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// Whoever takes the cards does not go on.
    #[error(transparent)]
    Taker(Box<dyn Error + Send + Sync>),
}

impl InputError {
    fn unfit(line: u64, what: &'static str) -> Self {
        LineError::Unfit { line, what }.into()
    }
}

#[cfg(test)]
mod tests;
