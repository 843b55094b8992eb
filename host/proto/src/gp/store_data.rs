//! STORE DATA in the DGI format: CS 11.11. A data grouping is an identifier of 2 bytes (DGI), a length, a value.

use super::{Command, GpError, accepted};
use crate::apdu::{self, Header, Response};
use alloc::vec::Vec;
use core::fmt;

/// P1: this is the last block.
const LAST: u8 = 0x80;
/// P1: the data is data groupings, and not encrypted beyond the session.
const DGI_FORMAT: u8 = 0x08;
/// The first byte of a length that takes two more.
const LONG: u8 = 0xFF;

/// Why data cannot be stored so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DgiError {
    /// A value is longer than a length can say.
    #[error("a data grouping has at most {} bytes, DGI {tag:04X} has {len}", Dgi::MAX)]
    TooLong {
        /// Which.
        tag: u16,
        /// Of its value, in bytes.
        len: usize,
    },
    /// The bytes are not data groupings.
    #[error("no whole data grouping at byte {0}")]
    Malformed(usize),
    /// There are only 256 block numbers.
    #[error("{0} blocks of data, a card takes 256")]
    TooManyBlocks(usize),
    /// No room for data in a block.
    #[error("a block of data has at least one byte")]
    NoRoom,
}

/// A data grouping. Its value may be secret: it shows no more of it than the length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Dgi<'a> {
    /// Its identifier.
    pub tag: u16,
    /// At most [`Self::MAX`] bytes.
    pub value: &'a [u8],
}

impl fmt::Debug for Dgi<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dgi").field("tag", &self.tag).field("len", &self.value.len()).finish()
    }
}

impl Dgi<'_> {
    /// The longest value: its length is coded as FF FF FE.
    pub const MAX: usize = 0xFFFE;

    /// Appends identifier, length (1 byte up to FE, else FF and 2 bytes), value.
    ///
    /// # Errors
    /// [`DgiError::TooLong`]; nothing is appended then.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), DgiError> {
        let len = u16::try_from(self.value.len()).ok().filter(|len| usize::from(*len) <= Self::MAX);
        let len = len.ok_or(DgiError::TooLong { tag: self.tag, len: self.value.len() })?;
        out.extend_from_slice(&self.tag.to_be_bytes());
        match len.to_be_bytes() {
            [0, short] if short != LONG => out.push(short),
            [high, low] => out.extend_from_slice(&[LONG, high, low]),
        }
        out.extend_from_slice(self.value);
        Ok(())
    }
}

/// The data groupings of coded data, in order. Ends after the first error.
#[derive(Clone)]
pub struct Dgis<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl fmt::Debug for Dgis<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dgis").field("len", &self.bytes.len()).field("at", &self.at).finish()
    }
}

impl<'a> Dgis<'a> {
    /// Reads from the first byte on.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn read(&mut self) -> Option<Dgi<'a>> {
        let (&[high, low, first], rest) = self.bytes.get(self.at..)?.split_first_chunk::<3>()?;
        let (len, rest) = match first {
            LONG => rest.split_first_chunk::<2>().map(|(len, rest)| (u16::from_be_bytes(*len), rest))?,
            short => (u16::from(short), rest),
        };
        let value = rest.get(..usize::from(len)).filter(|value| value.len() <= Dgi::MAX)?;
        self.at = self.bytes.len() - rest.len() + value.len();
        Some(Dgi { tag: u16::from_be_bytes([high, low]), value })
    }
}

impl<'a> Iterator for Dgis<'a> {
    type Item = Result<Dgi<'a>, DgiError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let read = self.read().ok_or(DgiError::Malformed(self.at));
        if read.is_err() {
            self.at = self.bytes.len();
        }
        Some(read)
    }
}

/// One block: `80 E2 P1 number Lc data`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoreData<'a> {
    /// Whether the data ends with it.
    pub last: bool,
    /// Its number, from 0.
    pub number: u8,
    /// Data groupings, or a part of one.
    pub data: &'a [u8],
}

impl fmt::Debug for StoreData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { last, number, data } = self;
        let mut shown = f.debug_struct("StoreData");
        shown.field("number", number).field("last", last).field("len", &data.len()).finish()
    }
}

/// Cuts coded data groupings into blocks of at most `max` bytes (the session's
/// [`short_capacity`](crate::scp::SecurityLevel::short_capacity)). A data grouping that fits one block is never cut, because
/// not every card puts parts together; one that does not has its blocks to itself.
///
/// # Errors
/// [`DgiError::Malformed`] where the data is not data groupings; [`DgiError::TooManyBlocks`] above 256;
/// [`DgiError::NoRoom`] where `max` is 0.
pub fn blocks(all: &[u8], max: usize) -> Result<impl ExactSizeIterator<Item = StoreData<'_>>, DgiError> {
    if max == 0 {
        return Err(DgiError::NoRoom);
    }
    let mut pieces = Vec::new();
    let (mut begin, mut end) = (0, 0);
    let mut dgis = Dgis::new(all);
    while let Some(dgi) = dgis.next() {
        dgi?;
        if dgis.at - begin > max && end > begin {
            pieces.push(&all[begin..end]);
            begin = end;
        }
        end = dgis.at;
        if end - begin > max {
            pieces.extend(all[begin..end].chunks(max));
            begin = end;
        }
    }
    if end > begin {
        pieces.push(&all[begin..end]);
    }
    let count = pieces.len();
    if count > 256 {
        return Err(DgiError::TooManyBlocks(count));
    }
    // The numbers end with 255, the pieces with them.
    let numbered = pieces.into_iter().enumerate();
    Ok(numbered.map(move |(number, data)| {
        let [.., low] = number.to_be_bytes();
        StoreData { last: number + 1 == count, number: low, data }
    }))
}

impl<'a> StoreData<'a> {
    /// Card side: reads a block; `None` where P1 asks for another format than data groupings in clear.
    #[must_use]
    pub fn from_command(command: &apdu::Command<'a>) -> Option<Self> {
        let Header { p1, p2, .. } = command.header;
        (p1 & !LAST == DGI_FORMAT).then_some(Self { last: p1 & LAST != 0, number: p2, data: command.data })
    }
}

impl Command for StoreData<'_> {
    type Response = ();
    const NAME: &'static str = "STORE DATA";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(self.data);
        let p1 = DGI_FORMAT | if self.last { LAST } else { 0 };
        apdu::Command::new(Header::new(0x80, 0xE2, p1, self.number), data, None)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        accepted(Self::NAME, response).map(|_| ())
    }
}
