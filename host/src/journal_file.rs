//! The intent journal as a file, as it was kept before the registry: it is read once more, to be taken over.
//!
//! A line ([`crate::audit_file`] says what one is) holds the JSON array of the records that were appended together.

use crate::audit_file::{LineError, lines};
use cardwright_keys::journal::Record;

/// What a journal's bytes hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedJournal {
    /// The records that were acknowledged, in order, as they were appended together.
    pub appends: Vec<Vec<Record>>,
    /// Bytes of a torn last line behind them.
    pub torn: u64,
}

/// Reads a journal from memory.
///
/// # Errors
/// [`LineError`] for a bad line that is not the last one.
pub fn parse_journal(bytes: &[u8]) -> Result<ParsedJournal, LineError> {
    let mut appends = Vec::new();
    let extent = lines::scan(bytes, &mut lines::Extent::default(), |records| appends.push(records))?;
    Ok(ParsedJournal { appends, torn: extent })
}

#[cfg(test)]
mod tests;
