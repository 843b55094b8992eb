//! The log: a line for each call, such as
//!
//! ```text
//! 17 C_DeriveKey @2 mechanism=1105(00000000000000000000000000000000 0101010101010101) 5 {102=01 103=00} -> 0 9
//! ```
//!
//! that is number, name, session, what went in, `->`, CKR_ value, what came out. All numbers but the first one are
//! hexadecimal. Byte strings are hexadecimal without gaps, so that whoever looks for a key finds it. `FAULT` stands at
//! the end where the call did not go as the module behind would have it, `UNKNOWN` in place of a mechanism's parameter
//! whose shape is not known here, so that it may say more than the log does.

use crate::fault::Fault;
use crate::item::Item;
use cryptoki_sys::{CK_RV, CK_SESSION_HANDLE};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

/// A line in the making.
pub(crate) struct Line<'a> {
    log: &'a File,
    text: String,
    results: String,
}

impl<'a> Line<'a> {
    /// A line with what goes in.
    pub(crate) fn new(
        log: &'a File,
        number: u64,
        name: &str,
        session: Option<CK_SESSION_HANDLE>,
        given: &[Item],
    ) -> Self {
        let mut text = format!("{number} {name}");
        if let Some(session) = session {
            text += &format!(" @{session:x}");
        }
        given.iter().for_each(|item| item.write(&mut text));
        Self { log, text, results: String::new() }
    }

    /// The line with what came out of a call that was made.
    pub(crate) fn results(mut self, rv: CK_RV, got: &[Item]) -> Self {
        got.iter().filter(|item| item.is_set(rv)).for_each(|item| item.write(&mut self.results));
        self
    }

    /// Ends the line, and adds it to the log with one write, so that lines of other threads do not mix with it.
    pub(crate) fn write(mut self, rv: CK_RV, fault: Option<Fault>) {
        let _ = write!(self.text, " -> {rv:x}{}{}", self.results, if fault.is_some() { " FAULT" } else { "" });
        self.text.push('\n');
        let mut log = self.log;
        log.write_all(self.text.as_bytes()).expect("TAP_LOG can be written");
    }
}

/// Adds a byte string.
pub(crate) fn hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.reserve(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}
