//! The journal and the audit log as files: lines that are only ever appended, each durable before anybody acts on it.
//!
//! A line is one append: eight hex digits of CRC-32, a space, JSON, a line feed. In a journal the JSON is an array of
//! the records that were appended together, in an audit log one event. A process or a machine that dies in the middle
//! of an append leaves a torn last line; it was never acknowledged, so it is left out at the next opening and cut off
//! before the next append. A bad line anywhere else is damage, and nothing is read over it.

mod lines;

pub use lines::LineError;

use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::{Journal, JournalError, Ledger, Record};
use lines::Lines;
use std::path::{Path, PathBuf};

/// Why a journal or an audit log cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalFileError {
    /// Another process has it open.
    #[error("it is in use by another process; wait until that one has ended")]
    Locked,
    /// A directory, a device, a pipe.
    #[error("it is no regular file")]
    NotAFile,
    /// It holds a line that nobody wrote so.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The system refused.
    #[error("it could not be {attempt}: {error}")]
    Io {
        /// What was attempted, as in "could not be ...".
        attempt: &'static str,
        /// The system's answer.
        error: std::io::Error,
    },
    /// An append failed before. What the file holds since then is known only after it is opened again.
    #[error("an earlier append failed, so nothing more is written; end this run and start again")]
    Failed,
    /// More was to be appended at once than a line may hold.
    #[error("{0} bytes are more than one line may hold")]
    TooLong(usize),
    /// A record cannot be written as JSON.
    #[error("a record cannot be written: {0}")]
    Json(serde_json::Error),
}

impl JournalFileError {
    fn at(self, path: &Path) -> JournalError {
        JournalError { what: format!("`{}`", path.display()), error: self.into() }
    }
}

/// What a journal's bytes hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedJournal {
    /// All records that were acknowledged, in order.
    pub records: Vec<Record>,
    /// Bytes of a torn last line behind them.
    pub torn: u64,
}

/// Reads a journal from memory. [`FileJournal::open`] reads its file in the same way.
///
/// # Errors
/// [`LineError`] for a bad line that is not the last one.
pub fn parse_journal(bytes: &[u8]) -> Result<ParsedJournal, LineError> {
    let mut records = Vec::new();
    let extent = lines::scan(bytes, |more: Vec<Record>| records.extend(more))?;
    Ok(ParsedJournal { records, torn: extent.torn })
}

/// A [`Journal`] in a file, locked against other processes while it is open.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    lines: Lines,
    ledger: Ledger,
}

impl FileJournal {
    /// Opens the file, or makes it with mode 0600 in a directory that exists, and reads it. What was read is durable.
    ///
    /// # Errors
    /// [`JournalError`], with a [`JournalFileError`] in it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let mut ledger = Ledger::default();
        let take = |records: Vec<Record>| records.iter().for_each(|record| ledger.apply(record));
        let lines = Lines::open(path, take).map_err(|error| error.at(path))?;
        Ok(Self { path: path.to_owned(), lines, ledger })
    }

    /// Bytes of a torn last line that were found at the end and left out: worth telling. 0 after the next append.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.lines.torn()
    }
}

impl Journal for FileJournal {
    fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        self.lines.append(records).map_err(|error| error.at(&self.path))?;
        records.iter().for_each(|record| self.ledger.apply(record));
        Ok(())
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// An [`AuditSink`] in a file, locked against other processes while it is open.
#[derive(Debug)]
pub struct FileAudit {
    path: PathBuf,
    lines: Lines,
}

impl FileAudit {
    /// Opens the file, or makes it, as [`FileJournal::open`] does. What it holds is checked and passed over.
    ///
    /// # Errors
    /// [`JournalError`], with a [`JournalFileError`] in it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let lines = Lines::open(path, |_: Event| ()).map_err(|error| error.at(path))?;
        Ok(Self { path: path.to_owned(), lines })
    }

    /// As [`FileJournal::torn`].
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.lines.torn()
    }
}

impl AuditSink for FileAudit {
    fn record(&mut self, event: &Event) -> Result<(), JournalError> {
        self.lines.append(event).map_err(|error| error.at(&self.path))
    }
}

#[cfg(test)]
mod tests;
