//! A file's lines, one after another, hashed on the way.

use super::{InputError, Pinned};
use cardwright_keys::approval::one_line;
use cardwright_registry::lines::{LineError, Lines, TextLine, cells};
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How the lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// CSV with a header.
    Csv,
    /// JSON Lines.
    Jsonl,
}

impl Format {
    pub(super) fn of(path: &Path) -> Self {
        if path.extension().is_some_and(|extension| extension == "jsonl") { Self::Jsonl } else { Self::Csv }
    }
}

/// Opens a regular file. What can be read only once is none.
pub(super) fn open(path: &Path) -> Result<File, InputError> {
    // A named pipe would block the opening until somebody writes.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(InputError::NotAFile) }
}

/// Hashes what is read through it.
#[derive(Debug)]
struct Hashing {
    file: File,
    hash: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let len = self.file.read(bytes)?;
        self.hash.update(&bytes[..len]);
        Ok(len)
    }
}

/// The lines of a file from its beginning.
#[derive(Debug)]
pub(super) struct FileLines(Lines<BufReader<Hashing>>);

impl FileLines {
    pub(super) fn new(file: &File) -> Result<Self, InputError> {
        let mut file = file.try_clone()?;
        file.rewind()?;
        Ok(Self(Lines::new(BufReader::new(Hashing { file, hash: Sha256::new() }))))
    }

    /// The next line: text that nothing is hidden in, and that ends.
    pub(super) fn advance(&mut self) -> Result<Option<TextLine<'_>>, InputError> {
        let Some(line) = self.0.advance()? else { return Ok(None) };
        check(line).map_err(|what| InputError::unfit(line.number, what))?;
        Ok(Some(line))
    }

    /// The hash, where all lines were read.
    pub(super) fn pin(self, cards: u64) -> Pinned {
        Pinned { sha256: self.0.into_inner().into_inner().hash.finalize().into(), cards }
    }
}

fn check(TextLine { number, text, ended }: TextLine<'_>) -> Result<(), &'static str> {
    if number == 1 && text.starts_with('\u{FEFF}') {
        return Err("it begins with a byte order mark: save it as UTF-8 without one");
    }
    if text.ends_with('\r') {
        return Err("it ends with a carriage return: save the file with line feeds alone");
    }
    if !one_line(text) {
        return Err("there are control characters or direction marks in it");
    }
    match (text, ended) {
        ("", _) => Err("it is empty"),
        (_, false) => Err("it does not end with a line feed: the file may have been cut"),
        _ => Ok(()),
    }
}

/// The cells of a line of CSV.
pub(super) fn csv(line: u64, text: &str) -> Result<Vec<String>, InputError> {
    Ok(cells(text).ok_or(LineError::Quotes { line })?)
}

/// As many cells as columns.
pub(super) fn csv_row(line: u64, text: &str, columns: usize) -> Result<Vec<String>, InputError> {
    let cells = csv(line, text)?;
    if cells.len() == columns {
        Ok(cells)
    } else {
        Err(LineError::Cells { line, found: cells.len(), wanted: columns }.into())
    }
}

/// Text that a spreadsheet takes for a formula, or a terminal acts on, is none of a card's.
pub(super) fn harmless(line: u64, text: &str) -> Result<(), InputError> {
    if text.starts_with(['=', '+', '-', '@']) {
        return Err(InputError::unfit(line, "a cell begins as a formula does, with =, +, - or @"));
    }
    // Escapes of JSON bring in what did not stand in the line.
    if one_line(text) {
        Ok(())
    } else {
        Err(InputError::unfit(line, "there are control characters or direction marks in it"))
    }
}
