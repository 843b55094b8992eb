//! BER-TLV data objects (ISO/IEC 7816-4 5.2.2), tags and coding from `iso7816-tlv`.
//!
//! Reading is ours: [`Items`] walks one level without allocating or recursing, so that a hostile card can cost
//! neither stack nor time, and it takes lengths coded longer than need be, as cards send them.

use alloc::vec::Vec;
pub use iso7816_tlv::ber::Tag;

/// Why bytes are not a sequence of data objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlvError {
    /// The tag is cut off, or longer than three bytes.
    #[error("no valid tag at byte {0}")]
    Tag(usize),
    /// The length is cut off, indefinite, or longer than four bytes.
    #[error("no valid length at byte {0}")]
    Length(usize),
    /// The value reaches beyond the end.
    #[error("the value at byte {0} is cut off")]
    Truncated(usize),
    /// A data object that has to be there is not.
    #[error("data object {0:X} is missing")]
    Missing(u32),
}

/// One data object, its value borrowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'a> {
    /// The tag, one to three bytes.
    pub tag: Tag,
    /// The value, as many bytes as the length says.
    pub value: &'a [u8],
}

impl Item<'_> {
    /// Whether the tag is this one, written as in the standards: `0x66`, `0x9F7F`.
    #[must_use]
    pub fn is(&self, tag: u32) -> bool {
        Into::<u64>::into(self.tag.clone()) == u64::from(tag)
    }
}

/// The data objects of one level, in order. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Items<'a> {
    /// Reads from the first byte on.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn read(&mut self) -> Result<Item<'a>, TlvError> {
        let rest = &self.bytes[self.at..];
        let tag_len = match rest {
            [first, ..] if first & 0x1F != 0x1F => 1,
            [_, second, ..] if second & 0x80 == 0 => 2,
            [_, _, third, ..] if third & 0x80 == 0 => 3,
            _ => return Err(TlvError::Tag(self.at)),
        };
        let number = rest[..tag_len].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let tag = Tag::try_from(number).map_err(|_| TlvError::Tag(self.at))?;
        let length_at = self.at + tag_len;
        let wrong_length = TlvError::Length(length_at);
        let (&first, after) = rest[tag_len..].split_first().ok_or(wrong_length)?;
        let (len, after) = match first {
            0..=0x7F => (usize::from(first), after),
            0x81..=0x84 => {
                let (len, after) = after.split_at_checked(usize::from(first & 0x7F)).ok_or(wrong_length)?;
                (len.iter().fold(0, |n, b| n << 8 | usize::from(*b)), after)
            }
            _ => return Err(wrong_length),
        };
        let value_at = self.bytes.len() - after.len();
        let value = after.get(..len).ok_or(TlvError::Truncated(value_at))?;
        self.at = value_at + len;
        Ok(Item { tag, value })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.at = self.bytes.len();
        }
        Some(read)
    }
}

/// The first data object with this tag on this level.
///
/// # Errors
/// [`TlvError::Missing`], or what is wrong with the bytes before it.
pub fn find(bytes: &[u8], tag: u32) -> Result<&[u8], TlvError> {
    for item in Items::new(bytes) {
        let item = item?;
        if item.is(tag) {
            return Ok(item.value);
        }
    }
    Err(TlvError::Missing(tag))
}

/// Appends a data object, its length in the shortest form. The value of a constructed tag is data objects already
/// coded.
///
/// # Errors
/// [`TlvError::Tag`] where the tag is none; [`TlvError::Length`] for a value of 4 GiB and more.
pub fn push(out: &mut Vec<u8>, tag: u32, value: &[u8]) -> Result<(), TlvError> {
    let tag = Tag::try_from(tag).map_err(|_| TlvError::Tag(0))?;
    let len = u32::try_from(value.len()).map_err(|_| TlvError::Length(0))?.to_be_bytes();
    let skip = len.iter().take_while(|b| **b == 0).count();
    out.extend_from_slice(tag.to_bytes());
    match len[skip..] {
        [] => out.push(0),
        [short @ 0..=0x7F] => out.push(short),
        ref long => {
            out.push(0x84 - u8::try_from(skip).unwrap_or(0));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(value);
    Ok(())
}
