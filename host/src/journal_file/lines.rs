//! Checked lines in an append-only file.

use super::JournalFileError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The longest line, its line feed included: what is longer was not written here, and is not held in memory.
pub(super) const LINE_MAX: usize = 64 * 1024;

/// Digits of the CRC and the space behind it.
const PREFIX: usize = 9;

/// A line that cannot be read, and is not the torn end of an append.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The CRC does not fit the line.
    #[error("line {line} is damaged, and others follow it: restore the file from a copy, or find out what changed it")]
    Damaged {
        /// From 1.
        line: u64,
    },
    /// Longer than any line that is written.
    #[error("line {line} is longer than {LINE_MAX} bytes: this is no such file, or it is damaged")]
    TooLong {
        /// From 1.
        line: u64,
    },
    /// Whole, but not what is expected there.
    #[error("line {line} is whole, but not understood; a later version may have written it: {error}")]
    Unknown {
        /// From 1.
        line: u64,
        /// What the reader makes of it.
        error: serde_json::Error,
    },
    /// The file could not be read.
    #[error("line {line} cannot be read: {error}")]
    Io {
        /// From 1.
        line: u64,
        /// The system's answer.
        error: io::Error,
    },
}

/// How far a file is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes of whole lines.
    pub(super) whole: u64,
    /// Bytes behind them.
    pub(super) torn: u64,
}

/// Reads lines up to the end, or up to a torn last one.
pub(super) fn scan<T: DeserializeOwned>(mut from: impl BufRead, mut take: impl FnMut(T)) -> Result<Extent, LineError> {
    let mut extent = Extent::default();
    let mut bytes = Vec::new();
    for line in 1.. {
        let failed = |error| LineError::Io { line, error };
        bytes.clear();
        // One byte over the limit shows that it was passed.
        let limit = LINE_MAX as u64 + 1;
        let len = from.by_ref().take(limit).read_until(b'\n', &mut bytes).map_err(failed)? as u64;
        if len == limit {
            return Err(LineError::TooLong { line });
        }
        match checked(&bytes) {
            Some(json) => take(serde_json::from_slice(json).map_err(|error| LineError::Unknown { line, error })?),
            // Cut off: it was never whole. With its end, it was, and has been changed.
            None if !bytes.ends_with(b"\n") && from.fill_buf().map_err(failed)?.is_empty() => {
                extent.torn = len;
                break;
            }
            None => return Err(LineError::Damaged { line }),
        }
        extent.whole += len;
    }
    Ok(extent)
}

/// The JSON of a whole line.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (crc, json) = line.strip_suffix(b"\n")?.split_at_checked(PREFIX)?;
    (crc == prefix(json).as_bytes()).then_some(json)
}

/// What stands before the JSON.
fn prefix(json: &[u8]) -> String {
    format!("{:08x} ", crc32fast::hash(json))
}

/// What a file has to be able to do. Tests have one that fails.
pub(super) trait Storage: fmt::Debug + Send {
    /// Cuts it off behind `len` bytes, durably.
    fn cut(&mut self, len: u64) -> io::Result<()>;
    /// Appends.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Storage for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)?;
        self.sync_all()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A file of lines, open for appending.
#[derive(Debug)]
pub(super) struct Lines {
    storage: Box<dyn Storage>,
    /// As found at opening; nothing is torn after the first append.
    extent: Extent,
    failed: bool,
}

impl Lines {
    /// Opens, locks, reads.
    pub(super) fn open<T: DeserializeOwned>(path: &Path, take: impl FnMut(T)) -> Result<Self, JournalFileError> {
        let io = |attempt| move |error| JournalFileError::Io { attempt, error };
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path).map_err(io("opened"))?;
        if !file.metadata().map_err(io("opened"))?.is_file() {
            return Err(JournalFileError::NotAFile);
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalFileError::Locked),
            Err(TryLockError::Error(error)) => return Err(JournalFileError::Io { attempt: "locked", error }),
        }
        let extent = scan(BufReader::new(&file), take)?;
        // A process may have been killed between writing and fsync, or before the name was durable; whoever acts on
        // what was read relies on both.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let durable = file.sync_all().and_then(|()| File::open(directory)?.sync_all());
        durable.map_err(io("made durable"))?;
        Ok(Self::over(Box::new(file), extent))
    }

    pub(super) fn over(storage: Box<dyn Storage>, extent: Extent) -> Self {
        Self { storage, extent, failed: false }
    }

    pub(super) fn torn(&self) -> u64 {
        self.extent.torn
    }

    /// Appends one line; it is durable on return.
    ///
    /// After a failed write or fsync nothing is written any more: the system may have dropped what it could not
    /// write, and a second fsync would then succeed without it.
    pub(super) fn append<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JournalFileError> {
        if self.failed {
            return Err(JournalFileError::Failed);
        }
        let json = serde_json::to_vec(value).map_err(JournalFileError::Json)?;
        let line = [prefix(&json).as_bytes(), &json, b"\n"].concat();
        if line.len() > LINE_MAX {
            return Err(JournalFileError::TooLong(line.len()));
        }
        self.failed = true;
        let io = |attempt| move |error| JournalFileError::Io { attempt, error };
        if self.extent.torn > 0 {
            self.storage.cut(self.extent.whole).map_err(io("cut off behind its last whole line"))?;
            self.extent.torn = 0;
        }
        self.storage.write(&line).map_err(io("written"))?;
        self.storage.sync().map_err(io("made durable"))?;
        self.failed = false;
        Ok(())
    }
}
