//! The file of personalisation data: where each card's row is.
//!
//! A row is `card`, then data groupings: in JSON Lines the members `dgi` and `sealed`, objects of hex by tag; in CSV a
//! column `dgi 0101` or `sealed 8201` for each. A file names a card in every row, or in none: then rows go by their number.

use super::row::{self, CardData, Form, Value};
use super::seen::{Key, once};
use super::text::{FileLines, Format, open};
use super::{InputError, Pinned};
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::CARDS_MAX;
use cardwright_keys::journal::CardId;
use cardwright_registry::lines::TextLine;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of a line, its end included.
const fn length(line: &TextLine<'_>) -> u64 {
    line.text.len() as u64 + 1
}

/// Where a row is, and what it was when it was checked.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// As its line has them.
    digest: [u8; 32],
    offset: u64,
    line: u32,
    /// [`length`]
    len: u32,
}

/// All rows of a file, each checked, none of them held: so many bytes for a card, 72, however much is written to it.
#[derive(Debug)]
pub struct DataIndex {
    file: File,
    form: Form,
    rows: Rows,
    pinned: Pinned,
    fields: BTreeMap<u16, Field>,
}

/// In how many rows of a file a data grouping stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Its value for anybody to read.
    pub clear: u64,
    /// Its value sealed.
    pub sealed: u64,
}

#[derive(Debug)]
enum Rows {
    /// In the order of the cards.
    Cards(Vec<(Key, Row)>),
    /// In the order of the file.
    Numbers(Vec<Row>),
}

/// Rows as they come.
struct Gathered<'a> {
    form: &'a Form,
    offset: u64,
    cards: Vec<(Key, Row)>,
    numbers: Vec<Row>,
    fields: BTreeMap<u16, Field>,
}

impl Gathered<'_> {
    fn take(&mut self, line: TextLine<'_>) -> Result<(), InputError> {
        let TextLine { number, text, .. } = line;
        let (data, key) = row::parse(self.form, number, text)?;
        let full = self.cards.len().max(self.numbers.len()) as u64 == CARDS_MAX;
        let (at, len) = (u32::try_from(number), u32::try_from(length(&line)));
        let (Ok(at), Ok(len), false) = (at, len, full) else { return Err(InputError::Many { line: number }) };
        let row = Row { digest: sha256(&[text.as_bytes(), b"\n"]), offset: self.offset, line: at, len };
        match key {
            Some(key) if self.numbers.is_empty() => self.cards.push((key, row)),
            None if self.cards.is_empty() => self.numbers.push(row),
            _ => return Err(InputError::unfit(number, "a file names a card in every row, or in none")),
        }
        self.offset += length(&line);
        for block in &data.blocks {
            let field = self.fields.entry(block.tag).or_default();
            match block.value {
                Value::Clear(_) => field.clear += 1,
                Value::Sealed { .. } => field.sealed += 1,
            }
        }
        Ok(())
    }

    fn checked(mut self) -> Result<Rows, InputError> {
        if !self.numbers.is_empty() {
            return Ok(Rows::Numbers(self.numbers));
        }
        if self.cards.is_empty() {
            return Err(InputError::Empty);
        }
        self.cards.sort_unstable_by_key(|(key, row)| (*key, row.line));
        once(self.cards.iter().map(|(key, row)| (*key, row.line)))?;
        Ok(Rows::Cards(self.cards))
    }
}

impl DataIndex {
    /// Reads the whole file once, and checks every row of it.
    ///
    /// # Errors
    /// [`InputError`], for the first row that is wrong; then for a card that stands there twice.
    pub fn check(path: &Path) -> Result<Self, InputError> {
        let file = open(path)?;
        let mut lines = FileLines::new(&file)?;
        let mut offset = 0;
        let form = match Format::of(path) {
            Format::Csv => {
                let header = lines.advance()?.ok_or(InputError::Empty)?;
                offset = length(&header);
                Form::Csv(row::columns(header.text)?)
            }
            Format::Jsonl => Form::Jsonl,
        };
        let mut rows =
            Gathered { form: &form, offset, cards: Vec::new(), numbers: Vec::new(), fields: BTreeMap::new() };
        while let Some(line) = lines.advance()? {
            rows.take(line)?;
        }
        let fields = std::mem::take(&mut rows.fields);
        let rows = rows.checked()?;
        let count = match &rows {
            Rows::Cards(rows) => rows.len(),
            Rows::Numbers(rows) => rows.len(),
        };
        Ok(Self { file, form, rows, pinned: lines.pin(count as u64), fields })
    }

    /// What was checked.
    #[must_use]
    pub const fn pinned(&self) -> Pinned {
        self.pinned
    }

    /// Whether a value in it is sealed, so that the job's key is wanted.
    #[must_use]
    pub fn sealed(&self) -> bool {
        self.fields.values().any(|field| field.sealed > 0)
    }

    /// The data groupings that stand in it, by tag.
    #[must_use]
    pub const fn fields(&self) -> &BTreeMap<u16, Field> {
        &self.fields
    }

    /// Whether its rows name cards; else they go by their number.
    #[must_use]
    pub const fn names_cards(&self) -> bool {
        matches!(self.rows, Rows::Cards(_))
    }

    /// Whether there is a row for this card, as [`Self::read`] finds it.
    #[must_use]
    pub fn has(&self, card: &CardId) -> bool {
        self.find(card).is_some()
    }

    /// Reads the row of a card: the one that names its chip, else the one that names its KDD alone. `None` where there is
    /// none.
    ///
    /// # Errors
    /// [`InputError::Changed`], [`InputError::Io`].
    pub fn read(&self, card: &CardId) -> Result<Option<CardData>, InputError> {
        self.find(card).map(|row| self.row(row)).transpose()
    }

    /// Reads a row by its number, from 1, of a file that names no cards. `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_row(&self, number: u64) -> Result<Option<CardData>, InputError> {
        let Rows::Numbers(rows) = &self.rows else { return Ok(None) };
        let row = number.checked_sub(1).and_then(|at| rows.get(usize::try_from(at).ok()?));
        row.map(|row| self.row(row)).transpose()
    }

    /// All rows, one after the other, in the order of the file where they go by their number, else by card.
    pub fn rows(&self) -> impl Iterator<Item = Result<CardData, InputError>> {
        let (cards, numbers) = match &self.rows {
            Rows::Cards(rows) => (&rows[..], &[][..]),
            Rows::Numbers(rows) => (&[][..], &rows[..]),
        };
        cards.iter().map(|(_, row)| row).chain(numbers).map(|row| self.row(row))
    }

    fn find(&self, card: &CardId) -> Option<&Row> {
        let Rows::Cards(rows) = &self.rows else { return None };
        let key = Key::of(card)?;
        let at = |key: Key| rows.binary_search_by_key(&key, |(key, _)| *key).ok();
        at(key).or_else(|| at(key.without_chip()?)).map(|at| &rows[at].1)
    }

    /// The bytes of one line, which have to be those that were checked.
    fn row(&self, row: &Row) -> Result<CardData, InputError> {
        let mut bytes = vec![0; usize::try_from(row.len).map_err(|_| InputError::Changed)?];
        self.file.read_exact_at(&mut bytes, row.offset).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => InputError::Changed,
            _ => InputError::Io(error),
        })?;
        let text = std::str::from_utf8(&bytes).ok().filter(|_| sha256(&[&bytes]) == row.digest);
        let text = text.and_then(|text| text.strip_suffix('\n')).ok_or(InputError::Changed)?;
        row::parse(&self.form, row.line.into(), text).map(|(data, _)| data)
    }
}
