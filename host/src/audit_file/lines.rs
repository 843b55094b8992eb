//! Checked lines in an append-only file.

use super::AuditFileError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
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
pub(crate) struct Extent {
    /// Whole lines.
    lines: u64,
    /// Their bytes.
    whole: u64,
}

/// Reads lines on from an extent, up to the end or up to a torn last one. Moves the extent behind them, and gives the
/// bytes of the torn one.
pub(crate) fn scan<T: DeserializeOwned>(
    mut from: impl BufRead,
    extent: &mut Extent,
    mut take: impl FnMut(T),
) -> Result<u64, LineError> {
    let mut bytes = Vec::new();
    loop {
        let line = extent.lines + 1;
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
            None if !bytes.ends_with(b"\n") && from.fill_buf().map_err(failed)?.is_empty() => return Ok(len),
            None => return Err(LineError::Damaged { line }),
        }
        extent.lines = line;
        extent.whole += len;
    }
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

/// The line that this is written as.
fn line(value: &impl Serialize) -> Result<Vec<u8>, AuditFileError> {
    let json = serde_json::to_vec(value).map_err(AuditFileError::Json)?;
    let line = [prefix(&json).as_bytes(), &json, b"\n"].concat();
    if line.len() > LINE_MAX { Err(AuditFileError::TooLong(line.len())) } else { Ok(line) }
}

/// What changes a file. Tests have one that fails.
pub(super) trait Storage: fmt::Debug + Send {
    /// The file itself, to be read and locked.
    fn file(&self) -> &File;
    /// Cuts it off behind `len` bytes, durably.
    fn cut(&mut self, len: u64) -> io::Result<()>;
    /// Appends.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Storage for File {
    fn file(&self) -> &File {
        self
    }

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

/// A file from some byte on, wherever the descriptor stands: it is moved by nobody, and moves nobody.
struct From<'a> {
    file: &'a File,
    at: u64,
}

impl Read for From<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(bytes, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// Reads the lines behind an extent; see [`scan`].
fn read_on<T: DeserializeOwned>(file: &File, extent: &mut Extent, take: impl FnMut(T)) -> Result<u64, LineError> {
    scan(BufReader::new(From { file, at: extent.whole }), extent, take)
}

/// A file so long is looked at from its last lines on when it is opened: whoever asks for all lines reads all of it.
const LONG: u64 = 16 * LINE_MAX as u64;

/// Where a line begins from which on to read: the first, or in a long file one of the last.
fn near_the_end(file: &File) -> io::Result<u64> {
    let len = file.metadata()?.len();
    if len < LONG {
        return Ok(0);
    }
    let mut tail = vec![0; 2 * LINE_MAX];
    let at = len - tail.len() as u64;
    file.read_exact_at(&mut tail, at)?;
    // Without one the lines are longer than any that is written: then it is read from the beginning, and refused.
    Ok(tail.iter().position(|byte| *byte == b'\n').map_or(0, |feed| at + feed as u64 + 1))
}

fn io_error(attempt: &'static str) -> impl Fn(io::Error) -> AuditFileError {
    move |error| AuditFileError::Io { attempt, error }
}

/// A file of lines, open for appending.
#[derive(Debug)]
pub(super) struct Lines {
    storage: Box<dyn Storage>,
    /// How far it has been read, or written here.
    extent: Extent,
    torn: u64,
    failed: bool,
}

impl Lines {
    /// Opens, and reads once.
    pub(super) fn open<T: DeserializeOwned>(path: &Path) -> Result<Self, AuditFileError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path).map_err(io_error("opened"))?;
        if !file.metadata().map_err(io_error("opened"))?.is_file() {
            return Err(AuditFileError::NotAFile);
        }
        let mut lines = Self::over(Box::new(file));
        let mut extent = Extent::default();
        lines.torn = lines.hold(File::lock_shared, |file| {
            extent.whole = near_the_end(file).map_err(io_error("read"))?;
            match read_on(file, &mut extent, |_: T| ()) {
                // From the beginning, for the number of the line.
                Err(_) if extent.whole > 0 => {
                    extent = Extent::default();
                    Ok(read_on(file, &mut extent, |_: T| ())?)
                }
                other => Ok(other?),
            }
        })?;
        lines.extent = extent;
        // A process may have been killed between writing and fsync, or before the name was durable; whoever acts on
        // what was read relies on both.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let durable = lines.storage.file().sync_all().and_then(|()| File::open(directory)?.sync_all());
        durable.map_err(io_error("made durable"))?;
        Ok(lines)
    }

    pub(super) fn over(storage: Box<dyn Storage>) -> Self {
        Self { storage, extent: Extent::default(), torn: 0, failed: false }
    }

    pub(super) fn torn(&self) -> u64 {
        self.torn
    }

    /// Works on the file while it is locked; waits for the lock.
    fn hold<R>(
        &self,
        lock: impl FnOnce(&File) -> io::Result<()>,
        work: impl FnOnce(&File) -> Result<R, AuditFileError>,
    ) -> Result<R, AuditFileError> {
        let file = self.storage.file();
        lock(file).map_err(io_error("locked"))?;
        let done = work(file);
        file.unlock().map_err(io_error("unlocked"))?;
        done
    }

    /// Reads all lines there are by now.
    pub(super) fn read<T: DeserializeOwned>(&self, take: impl FnMut(T)) -> Result<(), AuditFileError> {
        self.hold(File::lock_shared, |file| {
            let mut found = Extent::default();
            let torn = read_on(file, &mut found, take)?;
            let (before, now) = (self.extent.whole, found.whole + torn);
            if found.whole < before { Err(AuditFileError::Cut { before, now }) } else { Ok(()) }
        })
    }

    /// Appends one line; it is durable on return.
    ///
    /// After a failed write or fsync nothing is written any more: the system may have dropped what it could not
    /// write, and a second fsync would then succeed without it.
    pub(super) fn append<T: Serialize + DeserializeOwned>(&mut self, value: &T) -> Result<(), AuditFileError> {
        self.append_all(std::slice::from_ref(value))
    }

    /// The same with several lines, at the cost of one fsync.
    pub(super) fn append_all<T: Serialize + DeserializeOwned>(&mut self, values: &[T]) -> Result<(), AuditFileError> {
        if self.failed {
            return Err(AuditFileError::Failed);
        }
        let lines = values.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        self.storage.file().lock().map_err(io_error("locked"))?;
        let done = self.append_held::<T>(&lines.concat(), lines.len());
        self.storage.file().unlock().map_err(io_error("unlocked"))?;
        done
    }

    /// The same, of whole lines, while the file is locked: behind what others have appended meanwhile.
    fn append_held<T: DeserializeOwned>(&mut self, lines: &[u8], count: usize) -> Result<(), AuditFileError> {
        let file = self.storage.file();
        let (before, now) = (self.extent.whole, file.metadata().map_err(io_error("read"))?.len());
        if now < before {
            return Err(AuditFileError::Cut { before, now });
        }
        let torn = read_on(file, &mut self.extent, |_: T| ())?;
        self.failed = true;
        if torn > 0 {
            self.storage.cut(self.extent.whole).map_err(io_error("cut off behind its last whole line"))?;
        }
        self.storage.write(lines).map_err(io_error("written"))?;
        self.storage.sync().map_err(io_error("made durable"))?;
        self.failed = false;
        self.extent.lines += count as u64;
        self.extent.whole += lines.len() as u64;
        Ok(())
    }
}
