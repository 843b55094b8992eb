//! The audit log as a file: lines that are only ever appended, each durable before anybody acts on it.
//!
//! A line is one event: eight hex digits of CRC-32, a space, JSON, a line feed. A process or a machine that dies in the
//! middle of an append leaves a torn last line; it was never acknowledged, so readers leave it out, and the next append
//! cuts it off. A bad line anywhere else is damage, and nothing is read over it or written behind it.
//!
//! Several processes may write to one log. Each holds it (flock) only while it reads, or appends one line.

pub(crate) mod lines;

pub use lines::LineError;

use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::JournalError;
use lines::Lines;
use std::path::{Path, PathBuf};

/// Why an audit log cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditFileError {
    /// A directory, a device, a pipe.
    #[error("it is no regular file")]
    NotAFile,
    /// It holds a line that nobody wrote so.
    #[error(transparent)]
    Line(#[from] LineError),
    /// Lines that were there are not there any more.
    #[error(
        "it had {before} bytes before and has {now} now: somebody has cut it; restore it from a copy, or find out why"
    )]
    Cut {
        /// Bytes of whole lines, as they were read.
        before: u64,
        /// Bytes that the file has.
        now: u64,
    },
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
    /// An event is longer than a line may be.
    #[error("{0} bytes are more than one line may hold")]
    TooLong(usize),
    /// An event cannot be written as JSON.
    #[error("an event cannot be written: {0}")]
    Json(serde_json::Error),
}

/// An [`AuditSink`] in a file.
#[derive(Debug)]
pub struct FileAudit {
    path: PathBuf,
    lines: Lines,
}

impl FileAudit {
    /// Opens the file, or makes it with mode 0600 in a directory that exists, and checks what it holds. That is durable
    /// then.
    ///
    /// # Errors
    /// [`JournalError`], with an [`AuditFileError`] in it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let lines = Lines::open::<Event>(path).map_err(|error| at(path, error))?;
        Ok(Self { path: path.to_owned(), lines })
    }

    /// Bytes of a torn last line that were found at opening and left out: worth telling.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.lines.torn()
    }

    /// Hands out all events that there are by now, in order, whoever wrote them.
    ///
    /// # Errors
    /// [`JournalError`], with an [`AuditFileError`] in it.
    pub fn events(&self, take: &mut dyn FnMut(&Event)) -> Result<(), JournalError> {
        self.lines.read(|event: Event| take(&event)).map_err(|error| at(&self.path, error))
    }
}

impl AuditSink for FileAudit {
    fn record(&mut self, event: &Event) -> Result<(), JournalError> {
        self.lines.append(event).map_err(|error| at(&self.path, error))
    }

    fn record_all(&mut self, events: &[Event]) -> Result<(), JournalError> {
        self.lines.append_all(events).map_err(|error| at(&self.path, error))
    }
}

fn at(path: &Path, error: AuditFileError) -> JournalError {
    JournalError { what: format!("`{}`", path.display()), error: error.into() }
}

#[cfg(test)]
mod tests;
