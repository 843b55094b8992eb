//! The list of cards in a delivery.
//!
//! A line is a card: `card`, its KDD in hex and maybe `-` and the chip's CPLC bytes; `batch` and `note`, which are for
//! people, may be left out.

use super::seen::{Key, identity, once, tell_chips};
use super::text::{FileLines, Format, csv, csv_row, harmless, open};
use super::{InputError, Pinned};
use cardwright_keys::job::CARDS_MAX;
use cardwright_keys::journal::CardId;
use serde::Deserialize;
use std::fs::File;
use std::path::Path;

const COLUMNS: [&str; 3] = ["card", "batch", "note"];
const WANTED: &str = "card, batch, note";

/// A line of JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    card: String,
    batch: Option<String>,
    note: Option<String>,
}

/// A list that was checked whole.
#[derive(Debug)]
pub struct CardList {
    file: File,
    format: Format,
    pinned: Pinned,
    names_chips: bool,
}

impl CardList {
    /// Reads the whole file once, and keeps none of it.
    ///
    /// # Errors
    /// [`InputError`], for the first line that is none of a card; then for a card that stands there twice.
    pub fn check(path: &Path) -> Result<Self, InputError> {
        let (file, format) = (open(path)?, Format::of(path));
        let mut keys: Vec<(Key, u32)> = Vec::new();
        let mut lines = CardLines::new(&file, format)?;
        while let Some((_, key, line)) = lines.advance()? {
            let number = u32::try_from(line).ok().filter(|_| (keys.len() as u64) < CARDS_MAX);
            keys.push((key, number.ok_or(InputError::Many { line })?));
        }
        if keys.is_empty() {
            return Err(InputError::Empty);
        }
        keys.sort_unstable();
        once(keys.iter().copied())?;
        let names_chips = tell_chips(keys.iter().map(|(key, _)| key));
        Ok(Self { file, format, pinned: lines.lines.pin(keys.len() as u64), names_chips })
    }

    /// Whether a card's KDD alone tells which chip it is: each is named with it, and no two begin the same.
    #[must_use]
    pub const fn names_chips(&self) -> bool {
        self.names_chips
    }

    /// What was checked.
    #[must_use]
    pub const fn pinned(&self) -> Pinned {
        self.pinned
    }

    /// Reads it again, from its beginning: one card after another.
    ///
    /// # Errors
    /// [`InputError::Io`]
    pub fn cards(&self) -> Result<ListedCards, InputError> {
        let lines = CardLines::new(&self.file, self.format)?;
        Ok(ListedCards { lines: Some(lines), wanted: self.pinned, cards: 0 })
    }
}

/// The cards of a list with their lines, from 1. The last item is [`InputError::Changed`] where they are not those that
/// were checked: nothing that was made of them before may then stay.
#[derive(Debug)]
pub struct ListedCards {
    lines: Option<CardLines>,
    wanted: Pinned,
    cards: u64,
}

impl ListedCards {
    fn end(&mut self) -> Option<Result<(CardId, u64), InputError>> {
        let pinned = self.lines.take()?.lines.pin(self.cards);
        (pinned != self.wanted).then_some(Err(InputError::Changed))
    }
}

impl Iterator for ListedCards {
    type Item = Result<(CardId, u64), InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.lines.as_mut()?.advance() {
            Ok(Some((card, _, line))) => {
                self.cards += 1;
                Some(Ok((card, line)))
            }
            Ok(None) => self.end(),
            Err(error) => {
                self.lines = None;
                // Every line was good before.
                Some(Err(if matches!(error, InputError::Io(_)) { error } else { InputError::Changed }))
            }
        }
    }
}

/// Checks a list, and then hands out its cards with their lines, from 1.
///
/// # Errors
/// [`InputError`], and whatever `take` answers. [`InputError::Changed`] comes after cards were handed out: `take` must be
/// able to forget them.
pub fn read_cards(
    path: &Path,
    take: &mut dyn FnMut(CardId, u64) -> Result<(), InputError>,
) -> Result<Pinned, InputError> {
    let list = CardList::check(path)?;
    for card in list.cards()? {
        let (card, line) = card?;
        take(card, line)?;
    }
    Ok(list.pinned())
}

/// Reads cards, and checks each line by itself.
#[derive(Debug)]
struct CardLines {
    lines: FileLines,
    format: Format,
    /// Which of the columns each cell is; of CSV, once its first line was read.
    columns: Vec<usize>,
}

impl CardLines {
    fn new(file: &File, format: Format) -> Result<Self, InputError> {
        Ok(Self { lines: FileLines::new(file)?, format, columns: Vec::new() })
    }

    fn advance(&mut self) -> Result<Option<(CardId, Key, u64)>, InputError> {
        if self.format == Format::Csv && self.columns.is_empty() {
            let Some(header) = self.lines.advance()? else { return Ok(None) };
            self.columns = columns(header.text)?;
        }
        let Some(line) = self.lines.advance()? else { return Ok(None) };
        let (number, text) = (line.number, line.text);
        let cells = match self.format {
            Format::Csv => {
                let mut named = [const { None }; 3];
                for (column, cell) in self.columns.iter().zip(csv_row(number, text, self.columns.len())?) {
                    named[*column] = Some(cell);
                }
                named
            }
            Format::Jsonl => json(number, text)?,
        };
        cells.iter().flatten().try_for_each(|cell| harmless(number, cell))?;
        let [card, ..] = cells;
        let (card, key) = identity(number, &card.unwrap_or_default())?;
        Ok(Some((card, key, number)))
    }
}

fn columns(text: &str) -> Result<Vec<usize>, InputError> {
    let mut columns = Vec::new();
    for (number, name) in (1..).zip(csv(1, text)?) {
        let found = COLUMNS.iter().position(|column| *column == name).filter(|column| !columns.contains(column));
        columns.push(found.ok_or(InputError::Column { number, wanted: WANTED })?);
    }
    if columns.contains(&0) { Ok(columns) } else { Err(InputError::NoCardColumn) }
}

fn json(line: u64, text: &str) -> Result<[Option<String>; 3], InputError> {
    let wrong = |byte| InputError::Json { line, byte, wanted: WANTED };
    if !text.starts_with('{') {
        // The reader takes lists for objects, too.
        return Err(wrong(1));
    }
    let Written { card, batch, note } = serde_json::from_str(text).map_err(|error| wrong(error.column()))?;
    Ok([Some(card), batch, note])
}
