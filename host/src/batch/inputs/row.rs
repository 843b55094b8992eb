//! A line of personalisation data.

use super::seen::{Key, identity};
use super::text::{csv, csv_row};
use super::{InputError, Owner};
use cardwright_hsm::sealed_field::{self, FieldPlace, NONCE_LEN, TAG_LEN};
use cardwright_keys::journal::CardId;
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::Name;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::fmt;
use zeroize::Zeroizing;

/// The most bytes of a value.
pub const VALUE_MAX: usize = 4096;

const WANTED_COLUMNS: &str = "card, `dgi XXXX`, `sealed XXXX` (4 hex digits)";
const WANTED_MEMBERS: &str = "card, dgi, sealed";

/// What is written to a card, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardData {
    /// The card, as the file names it; `None` in a file that names none.
    pub card: Option<CardId>,
    /// The row, from 1.
    pub row: u64,
    /// One at least, each of another tag.
    pub blocks: Vec<Dgi>,
}

/// A data grouping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dgi {
    /// Its identifier.
    pub tag: u16,
    /// What it says.
    pub value: Value,
}

/// The value of a data grouping, at most [`VALUE_MAX`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// As it is.
    Clear(Vec<u8>),
    /// Under the job's key (`cardwright_hsm::sealed_field`).
    Sealed {
        /// The nonce.
        nonce: [u8; NONCE_LEN],
        /// Ciphertext and tag.
        sealed: Vec<u8>,
    },
}

/// A holder's data, clear or not, are none to print.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear(value) => write!(f, "Clear({} bytes)", value.len()),
            Self::Sealed { sealed, .. } => write!(f, "Sealed({} bytes)", sealed.len()),
        }
    }
}

impl CardData {
    /// All values with their tags, sealed ones opened.
    ///
    /// # Errors
    /// [`InputError::NoKey`], [`InputError::Field`].
    pub fn open(&self, job: &Name, key: Option<&KeyMaterial>) -> Result<Vec<OpenDgi>, InputError> {
        let owner = self.card.as_ref().map_or(Owner::Row(self.row), Owner::Card);
        let open = |Dgi { tag, value }: &Dgi| {
            let value = match value {
                Value::Clear(value) => Zeroizing::new(value.clone()),
                Value::Sealed { nonce, sealed } => {
                    let key = key.ok_or(InputError::NoKey)?;
                    sealed_field::open(key, &FieldPlace { job, owner, dgi: *tag }, nonce, sealed)?
                }
            };
            Ok(OpenDgi { tag: *tag, value })
        };
        self.blocks.iter().map(open).collect()
    }
}

/// A data grouping as it goes to the card.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenDgi {
    /// Its identifier.
    pub tag: u16,
    /// What it says.
    pub value: Zeroizing<Vec<u8>>,
}

/// Without the value.
impl fmt::Debug for OpenDgi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenDgi({:04X}, {} bytes)", self.tag, self.value.len())
    }
}

/// How the rows of a file are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With these columns.
    Csv(Vec<Column>),
    /// By the members' names.
    Jsonl,
}

/// A column of CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    /// The card.
    Card,
    /// A data grouping.
    Block(Tag),
}

/// A data grouping that may be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag {
    tag: u16,
    sealed: bool,
}

impl Tag {
    /// From 4 hex digits.
    fn parse(text: &str, sealed: bool) -> Option<Self> {
        let mut bytes = [0; 2];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self { tag: u16::from_be_bytes(bytes), sealed })
    }
}

/// The columns that a header names. A tag stands there once, clear or sealed.
pub(super) fn columns(text: &str) -> Result<Vec<Column>, InputError> {
    let mut columns = Vec::new();
    let mut tags = BTreeSet::new();
    for (number, name) in (1..).zip(csv(1, text)?) {
        let column = match name.split_once(' ') {
            None if name == "card" && !columns.contains(&Column::Card) => Some(Column::Card),
            Some(("dgi", digits)) => Tag::parse(digits, false).map(Column::Block),
            Some(("sealed", digits)) => Tag::parse(digits, true).map(Column::Block),
            _ => None,
        };
        let new = |column: &Column| match column {
            Column::Card => true,
            Column::Block(tag) => tags.insert(tag.tag),
        };
        columns.push(column.filter(new).ok_or(InputError::Column { number, wanted: WANTED_COLUMNS })?);
    }
    Ok(columns)
}

/// A row with the key of its card, where it names one.
pub(super) fn parse(form: &Form, line: u64, text: &str) -> Result<(CardData, Option<Key>), InputError> {
    // No line is empty, and of CSV the first one is no row.
    let (written, row) = match form {
        Form::Csv(columns) => (cells(columns, line, text)?, line.saturating_sub(1)),
        Form::Jsonl => (members(line, text)?, line),
    };
    let named = written.card.map(|card| identity(line, &card)).transpose()?;
    let (card, key) = named.unzip();
    let unfit = |what| InputError::unfit(line, what);
    let mut blocks = Vec::new();
    let mut tags = BTreeSet::new();
    for (tag, digits) in written.blocks {
        if !tags.insert(tag.tag) {
            return Err(unfit("a DGI stands there twice"));
        }
        blocks.push(block(tag, &digits).map_err(unfit)?);
    }
    if blocks.is_empty() {
        return Err(unfit("there are no data in it"));
    }
    Ok((CardData { card, row, blocks }, key))
}

fn block(Tag { tag, sealed }: Tag, digits: &str) -> Result<Dgi, &'static str> {
    // Before anything is made of it.
    if digits.len() > 2 * (VALUE_MAX + NONCE_LEN + TAG_LEN) {
        return Err("a value has 4096 bytes at most");
    }
    let bytes = hex::decode(digits).map_err(|_| "a value is bytes in hex")?;
    let value = if sealed {
        let (nonce, sealed) = bytes.split_first_chunk().ok_or("a sealed value has 28 bytes at least")?;
        if sealed.len() < TAG_LEN {
            return Err("a sealed value has 28 bytes at least");
        }
        Value::Sealed { nonce: *nonce, sealed: sealed.to_vec() }
    } else if bytes.len() <= VALUE_MAX {
        Value::Clear(bytes)
    } else {
        return Err("a value has 4096 bytes at most");
    };
    Ok(Dgi { tag, value })
}

/// A row, nothing of it checked but the form of its tags.
#[derive(Default)]
struct Written {
    card: Option<String>,
    blocks: Vec<(Tag, String)>,
}

/// An empty cell is a DGI that the card does not have.
fn cells(columns: &[Column], line: u64, text: &str) -> Result<Written, InputError> {
    let mut written = Written::default();
    for (column, cell) in columns.iter().zip(csv_row(line, text, columns.len())?) {
        match column {
            Column::Card => written.card = Some(cell),
            Column::Block(_) if cell.is_empty() => {}
            Column::Block(tag) => written.blocks.push((*tag, cell)),
        }
    }
    Ok(written)
}

fn members(line: u64, text: &str) -> Result<Written, InputError> {
    let wrong = |byte| InputError::Json { line, byte, wanted: WANTED_MEMBERS };
    // What is no object at all has column 0.
    serde_json::from_str(text).map_err(|error| wrong(error.column().max(1)))
}

/// A member of a row, as JSON has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Member {
    Card,
    Dgi,
    Sealed,
}

/// By hand, for the order of data groupings, and because a map takes the last of two members with one name.
impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Written, A::Error> {
                let (mut written, mut seen) = (Written::default(), BTreeSet::new());
                while let Some(member) = map.next_key()? {
                    if !seen.insert(member) {
                        return Err(A::Error::custom("a member stands there twice"));
                    }
                    match member {
                        Member::Card => written.card = Some(map.next_value()?),
                        Member::Dgi => written.blocks.extend(map.next_value::<Blocks>()?.of(false)?),
                        Member::Sealed => written.blocks.extend(map.next_value::<Blocks>()?.of(true)?),
                    }
                }
                Ok(written)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Digits of tags and of values, in order.
struct Blocks(Vec<(String, String)>);

impl Blocks {
    fn of<E: serde::de::Error>(self, sealed: bool) -> Result<Vec<(Tag, String)>, E> {
        let tag = |(tag, value): (String, String)| Some((Tag::parse(&tag, sealed)?, value));
        let tags: Option<_> = self.0.into_iter().map(tag).collect();
        tags.ok_or_else(|| E::custom("a DGI is 4 hex digits"))
    }
}

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Blocks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("data groupings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Blocks, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Blocks(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
