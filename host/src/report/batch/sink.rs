//! A file of the report while it is written.

use super::{Open, ReportError};
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, IntoInnerError, Write};

/// A file of a report, written to its end.
#[derive(Debug)]
pub struct Made<W> {
    /// What it is called.
    pub name: &'static str,
    /// SHA-256 of all of it.
    pub sha256: [u8; 32],
    /// Where it was written to: not durable yet.
    pub to: W,
}

/// Hashes what it writes.
pub(super) struct Sink<W: Write> {
    name: &'static str,
    hash: Sha256,
    to: BufWriter<W>,
}

impl<W: Write> Sink<W> {
    pub(super) fn open(name: &'static str, open: Open<'_, W>) -> Result<Self, ReportError> {
        let to = open(name).map_err(|error| ReportError::Io { file: name, error })?;
        Ok(Self { name, hash: Sha256::new(), to: BufWriter::with_capacity(1 << 16, to) })
    }

    /// What a failure to write means.
    pub(super) const fn failed(&self, error: io::Error) -> ReportError {
        ReportError::Io { file: self.name, error }
    }

    /// Writes all of a text.
    pub(super) fn put(&mut self, text: &str) -> Result<(), ReportError> {
        self.write_all(text.as_bytes()).map_err(|error| self.failed(error))
    }

    /// Hands the file back, with all that was written in it.
    pub(super) fn end(self) -> Result<Made<W>, ReportError> {
        let Self { name, hash, to } = self;
        let to = to.into_inner().map_err(IntoInnerError::into_error);
        let to = to.map_err(|error| ReportError::Io { file: name, error })?;
        Ok(Made { name, sha256: hash.finalize().into(), to })
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
