//! STORE SHARE: a share object in one block or several.

use super::Mode;
use super::blocks::Block;
pub use super::blocks::LAST;
use crate::apdu::{self, Header, Response};
use crate::gp::{Command, GpError, accepted};
use alloc::vec::Vec;
use core::fmt;

/// One block: `80 30 mode number Lc block`, the mode's bit 80 set in the last one.
#[derive(Clone, Copy)]
pub struct StoreShare<'a> {
    /// The share's mode, the same in each block.
    pub mode: Mode,
    /// The block's number, from 0.
    pub number: u8,
    /// Whether the object ends with it.
    pub last: bool,
    /// 1 to 255 bytes of the object.
    pub block: &'a [u8],
}

impl fmt::Debug for StoreShare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, number, last, block } = self;
        let mut shown = f.debug_struct("StoreShare");
        shown.field("mode", mode).field("number", number).field("last", last).field("len", &block.len()).finish()
    }
}

/// Cuts a coded share object into blocks of at most `max` bytes, as [`super::blocks::blocks`] does.
pub fn blocks(object: &[u8], mode: Mode, max: u8) -> impl Iterator<Item = StoreShare<'_>> {
    super::blocks::blocks(object, max).map(move |block| {
        let Block { number, last, bytes: block } = block;
        StoreShare { mode, number, last, block }
    })
}

impl Command for StoreShare<'_> {
    type Response = ();
    const NAME: &'static str = "STORE SHARE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(self.block);
        let p1 = self.mode.byte() | if self.last { LAST } else { 0 };
        apdu::Command::new(Header::new(0x80, 0x30, p1, self.number), data, None)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        accepted(Self::NAME, response).map(|_| ())
    }
}
