//! What one command cannot carry, cut into blocks ("in blocks" in `docs/protocol/custody.md`).

use core::fmt;

/// The bit of P1 that marks the last block.
pub const LAST: u8 = 0x80;

/// One block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its number, from 0.
    pub number: u8,
    /// Whether the data ends with it.
    pub last: bool,
    /// 1 to 255 bytes.
    pub bytes: &'a [u8],
}

impl Block<'_> {
    /// 80 for the last one, else 00.
    #[must_use]
    pub const fn p1(&self) -> u8 {
        if self.last { LAST } else { 0 }
    }
}

impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, last, bytes } = self;
        let mut shown = f.debug_struct("Block");
        shown.field("number", number).field("last", last).field("len", &bytes.len()).finish()
    }
}

/// Cuts data of at most 512 bytes into blocks of at most `max`.
///
/// With 0 and 1 for `max` the blocks have two bytes: of one byte each, 512 would be more than there are numbers.
pub fn blocks(data: &[u8], max: u8) -> impl Iterator<Item = Block<'_>> {
    let size = usize::from(max.max(2));
    let count = data.len().div_ceil(size);
    (0..=u8::MAX).zip(data.chunks(size)).map(move |(number, bytes)| {
        let last = usize::from(number) + 1 == count;
        Block { number, last, bytes }
    })
}
