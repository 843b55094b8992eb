//! READ SHARE: a share that was stored in host mode, block by block.

use super::share::{MAX_LEN, ShareObject, coded_len};
use crate::apdu::{self, Header, Ne, Response};
use crate::gp::{Command, GpError, accepted};
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// Bytes of every block but the last one.
pub const BLOCK: usize = 192;

/// One block: `80 32 00 number 00`.
#[derive(Clone, Copy, Debug)]
pub struct ReadShare {
    /// The block's number, from 0.
    pub number: u8,
}

impl Command for ReadShare {
    /// 1 to 192 bytes.
    type Response = Zeroizing<Vec<u8>>;
    const NAME: &'static str = "READ SHARE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        apdu::Command::new(Header::new(0x80, 0x32, 0, self.number), data, Some(Ne::SHORT_MAX))
    }

    fn response(&self, response: Response<'_>) -> Result<Self::Response, GpError> {
        let block = accepted(Self::NAME, response)?;
        if block.is_empty() || block.len() > BLOCK {
            return Err(malformed("a block of the share has 1 to 192 bytes"));
        }
        Ok(Zeroizing::new(block.to_vec()))
    }
}

const fn malformed(what: &'static str) -> GpError {
    GpError::Malformed { command: ReadShare::NAME, what }
}

/// Puts the blocks of a share object together.
#[derive(Debug)]
pub struct Blocks {
    object: Object,
    next: u8,
}

/// Not shown: it holds the share's value.
struct Object(Zeroizing<Vec<u8>>);

impl core::fmt::Debug for Object {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl Default for Blocks {
    /// All the room at once: a buffer that grows leaves copies.
    fn default() -> Self {
        Self { object: Object(Zeroizing::new(Vec::with_capacity(MAX_LEN + BLOCK))), next: 0 }
    }
}

impl Blocks {
    /// The command for the block that is wanted next.
    #[must_use]
    pub const fn next(&self) -> ReadShare {
        ReadShare { number: self.next }
    }

    /// Takes that block; the share comes back behind its last one. The object's own length says which that is.
    ///
    /// # Errors
    /// [`GpError::Malformed`] for an object that is not well-formed or longer than 512 bytes, or a short block in the
    /// middle of it.
    pub fn receive(&mut self, block: &[u8]) -> Result<Option<ShareObject>, GpError> {
        let object = &mut self.object.0;
        object.extend_from_slice(block);
        self.next = self.next.saturating_add(1);
        let len = coded_len(object).filter(|len| *len <= MAX_LEN).ok_or(malformed("the share is no share object"))?;
        if object.len() < len && block.len() < BLOCK {
            return Err(malformed("a block in the middle of the share is short"));
        }
        if object.len() < len {
            return Ok(None);
        }
        ShareObject::parse(object).map(Some).map_err(|_| malformed("the share is no share object"))
    }
}
