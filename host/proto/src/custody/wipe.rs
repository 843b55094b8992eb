//! WIPE without a manifest: the share destroyed, or everything but the card's 8 bytes of identity. Under a manifest, with a
//! receipt: [`Destroy`](super::receive::Destroy).

use crate::apdu::{self, Header, Response};
use crate::gp::{Command, GpError, accepted};
use alloc::vec::Vec;

/// What is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The share; wants the PIN.
    Share,
    /// Share, PIN, identity key and all the rest: the way out of a blocked PIN.
    All,
}

/// Destroys for good: `80 34 extent 00`.
#[derive(Clone, Copy, Debug)]
pub struct Wipe {
    /// What.
    pub extent: Extent,
}

impl Command for Wipe {
    type Response = ();
    const NAME: &'static str = "WIPE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        apdu::Command::new(Header::new(0x80, 0x34, u8::from(self.extent == Extent::All), 0), data, None)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        accepted(Self::NAME, response).map(|_| ())
    }
}
