//! Lines to cards.

use super::text::{LINE_MAX, Lines, TextLine, cells};
use super::{COLUMNS, Line};
use crate::cards::{CardEntry, KeySetEntry, card_id};
use cardwright_keys::approval::{one_line, seconds};
use cardwright_keys::journal::SetId;
use cardwright_keys::keyref::parse_byte;
use std::io::{self, BufRead};

/// So many cards are handed out at once: few enough to be held, enough for pages of an index to be written once for
/// several of them.
pub const BATCH: usize = 50_000;

/// A line that is none of a card.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Longer than any card's.
    #[error("line {line} is longer than {LINE_MAX} bytes")]
    TooLong {
        /// From 1.
        line: u64,
    },
    /// No UTF-8.
    #[error("line {line} is no UTF-8 text")]
    Encoding {
        /// From 1.
        line: u64,
    },
    /// A quotation mark that is not closed, or stands inside a cell.
    #[error("line {line} is no CSV: a quotation mark does not fit")]
    Quotes {
        /// From 1.
        line: u64,
    },
    /// In the first line of CSV stands a name that is no column's, or the same one twice.
    #[error("line 1 does not name columns: number {number} is none of {}, or stands twice", COLUMNS.join(", "))]
    Column {
        /// From 1.
        number: usize,
    },
    /// More or fewer cells than columns.
    #[error("line {line} has {found} cells, and there are {wanted} columns")]
    Cells {
        /// From 1.
        line: u64,
        /// Cells in it.
        found: usize,
        /// Columns that the first line names.
        wanted: usize,
    },
    /// No JSON, or a member that is unknown or no text.
    #[error("line {line} is no JSON object of texts with the members {}: see byte {byte}", COLUMNS.join(", "))]
    Json {
        /// From 1.
        line: u64,
        /// In the line, from 1.
        byte: usize,
    },
    /// A member that is not what it has to be.
    #[error("line {line}: {what}")]
    Unfit {
        /// From 1.
        line: u64,
        /// What it has to be.
        what: &'static str,
    },
    /// The text could not be read.
    #[error("line {line} cannot be read: {error}")]
    Io {
        /// From 1.
        line: u64,
        /// The system's answer.
        error: io::Error,
    },
}

/// Reads CSV, whose first line names the columns in any order, and hands out [`BATCH`] cards at a time. Key sets of a
/// card on lines behind each other come together. How many lines were cards.
///
/// `now` is seconds since 1970-01-01 UTC.
///
/// # Errors
/// [`LineError`], and whatever `take` answers; nothing is handed out of a batch with a bad line in it.
pub fn read_csv<E: From<LineError>>(
    input: impl BufRead,
    now: u64,
    take: impl FnMut(Vec<CardEntry>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut columns: Option<Vec<usize>> = None;
    let parse = |text: &str, line| match &columns {
        Some(columns) => csv_line(columns, text, line).map(Some),
        None => {
            columns = Some(csv_columns(text)?);
            Ok(None)
        }
    };
    read(input, now, parse, take)
}

/// Reads JSON Lines as [`read_csv`] reads CSV.
///
/// # Errors
/// As [`read_csv`].
pub fn read_jsonl<E: From<LineError>>(
    input: impl BufRead,
    now: u64,
    take: impl FnMut(Vec<CardEntry>) -> Result<(), E>,
) -> Result<u64, E> {
    let parse = |text: &str, line| match text.starts_with('{') {
        // What the reader says of an error repeats the text.
        true => serde_json::from_str(text).map(Some).map_err(|error| LineError::Json { line, byte: error.column() }),
        // It takes lists for objects, too.
        false => Err(LineError::Json { line, byte: 1 }),
    };
    read(input, now, parse, take)
}

fn read<E: From<LineError>>(
    input: impl BufRead,
    now: u64,
    mut parse: impl FnMut(&str, u64) -> Result<Option<Line>, LineError>,
    mut take: impl FnMut(Vec<CardEntry>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut lines = Lines::new(input);
    let mut cards: Vec<CardEntry> = Vec::new();
    let mut count = 0;
    while let Some(TextLine { number: line, text, .. }) = lines.advance()? {
        let text = text.strip_suffix('\r').unwrap_or(text);
        // Spreadsheets put it before their first line.
        let text = if line == 1 { text.strip_prefix('\u{FEFF}').unwrap_or(text) } else { text };
        let Some(mut found) = (if text.is_empty() { None } else { parse(text, line)? }) else { continue };
        let entry = card(&mut found, now).map_err(|what| LineError::Unfit { line, what })?;
        count += 1;
        if let Some(last) = cards.last_mut().filter(|last| last.card == entry.card) {
            join(last, entry).map_err(|what| LineError::Unfit { line, what })?;
            continue;
        }
        if cards.len() == BATCH {
            take(std::mem::take(&mut cards))?;
        }
        cards.push(entry);
    }
    if !cards.is_empty() {
        take(cards)?;
    }
    Ok(count)
}

/// One more line of the same card.
fn join(card: &mut CardEntry, more: CardEntry) -> Result<(), &'static str> {
    if card.profile != more.profile {
        return Err("the line before gives the card another profile");
    }
    let known = |set: &KeySetEntry| card.sets.iter().any(|known| known.set.kvn == set.set.kvn);
    if more.sets.is_empty() || more.sets.iter().any(known) {
        return Err("the key set stands twice");
    }
    card.sets.extend(more.sets);
    Ok(())
}

fn card(line: &mut Line, now: u64) -> Result<CardEntry, &'static str> {
    if line.cells().into_iter().flatten().any(|cell| !one_line(cell)) {
        return Err("there are control characters or direction marks in it");
    }
    let card = line.card.take().and_then(|card| card_id(&card.to_ascii_uppercase()));
    let card = card.ok_or("`card` is 20 hex digits, and maybe `-` and 24 more")?;
    let profile = line.profile.take();
    profile.as_deref().map_or(Ok(()), crate::cards::profile)?;
    Ok(CardEntry { card, profile, sets: key_set(line, now)?.into_iter().collect() })
}

fn key_set(line: &mut Line, now: u64) -> Result<Option<KeySetEntry>, &'static str> {
    let Line { kvn, kcv_enc, kcv_mac, kcv_dek, kcv_algorithm, kept_in, at, .. } = std::mem::take(line);
    let (kvn, enc, mac, dek, kept_in) = match (kvn, kcv_enc, kcv_mac, kcv_dek, kept_in) {
        (Some(kvn), Some(enc), Some(mac), Some(dek), Some(kept_in)) => (kvn, enc, mac, dek, kept_in),
        (None, None, None, None, None) if kcv_algorithm.is_none() && at.is_none() => return Ok(None),
        _ => return Err("a key set has all of `kvn`, `kcv_enc`, `kcv_mac`, `kcv_dek` and `kept_in`"),
    };
    if [&enc, &mac, &dek].iter().any(|kcv| kcv.len() != 6) {
        return Err("a check value is 6 hex digits");
    }
    let kvn = parse_byte(&kvn).ok_or("`kvn` is a number, as in 0x30")?;
    let set = SetId { kvn, kcvs: [enc, mac, dek].concat().to_ascii_uppercase() };
    crate::cards::set_bytes(&set)?;
    let algorithm = kcv_algorithm.unwrap_or_else(|| "AES".to_owned());
    crate::cards::kcv_algorithm(&algorithm)?;
    let at = at.map_or(Ok(now), |at| seconds(&at)).map_err(|_| "`at` is a moment, as in 2026-11-22T00:00:00Z")?;
    KeySetEntry::new(set, algorithm, kept_in, at).map(Some)
}

/// Which of [`COLUMNS`] each cell is.
fn csv_columns(text: &str) -> Result<Vec<usize>, LineError> {
    let names = cells(text).ok_or(LineError::Quotes { line: 1 })?;
    let mut columns = Vec::new();
    for (number, name) in (1..).zip(names) {
        let found = COLUMNS.iter().position(|column| *column == name).filter(|column| !columns.contains(column));
        columns.push(found.ok_or(LineError::Column { number })?);
    }
    Ok(columns)
}

/// An empty cell is one that is left out.
fn csv_line(columns: &[usize], text: &str, line: u64) -> Result<Line, LineError> {
    let cells = cells(text).ok_or(LineError::Quotes { line })?;
    if cells.len() != columns.len() {
        return Err(LineError::Cells { line, found: cells.len(), wanted: columns.len() });
    }
    let mut parsed = Line::default();
    let places = parsed.cells();
    for (column, cell) in columns.iter().zip(cells) {
        *places[*column] = Some(cell).filter(|cell| !cell.is_empty());
    }
    Ok(parsed)
}
