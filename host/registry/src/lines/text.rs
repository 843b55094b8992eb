//! Lines and cells of text that comes from anybody.

use super::LineError;
use std::io::{BufRead, Read};

/// The longest line, its end included: what is longer is refused before it is held.
pub const LINE_MAX: usize = 64 * 1024;

/// A line as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLine<'a> {
    /// From 1.
    pub number: u64,
    /// Without the line feed.
    pub text: &'a str,
    /// Whether there is a line feed: only the last line may have none.
    pub ended: bool,
}

/// Reads one line after another, and holds none that is longer than [`LINE_MAX`].
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    bytes: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// From the beginning of a text.
    pub const fn new(input: R) -> Self {
        Self { input, bytes: Vec::new(), number: 0 }
    }

    /// The next line; `None` at the end of the text.
    ///
    /// # Errors
    /// [`LineError`]
    pub fn advance(&mut self) -> Result<Option<TextLine<'_>>, LineError> {
        self.number += 1;
        let number = self.number;
        self.bytes.clear();
        // One byte over the limit shows that it was passed.
        let limit = LINE_MAX as u64 + 1;
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut self.bytes);
        let len = read.map_err(|error| LineError::Io { line: number, error })?;
        if len == 0 {
            return Ok(None);
        }
        if len as u64 == limit {
            return Err(LineError::TooLong { line: number });
        }
        let text = std::str::from_utf8(&self.bytes).map_err(|_| LineError::Encoding { line: number })?;
        let (text, ended) = text.strip_suffix('\n').map_or((text, false), |text| (text, true));
        Ok(Some(TextLine { number, text, ended }))
    }

    /// Where the text comes from.
    pub fn into_inner(self) -> R {
        self.input
    }
}

/// The cells of a line (RFC 4180, 2): a quotation mark opens and closes a cell, and stands for itself where it is
/// doubled. `None` where one does not fit.
#[must_use]
pub fn cells(text: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = text;
    loop {
        let (cell, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let (cell, behind) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                (Some(cell).filter(|cell| !cell.contains('"'))?.to_owned(), behind)
            }
        };
        cells.push(cell);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None => return behind.is_empty().then_some(cells),
        }
    }
}

/// Up to the mark that closes it, and what stands behind that.
fn quoted_cell(mut rest: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    loop {
        let (more, behind) = rest.split_once('"')?;
        cell += more;
        match behind.strip_prefix('"') {
            Some(next) => {
                cell.push('"');
                rest = next;
            }
            None => return Some((cell, behind)),
        }
    }
}
