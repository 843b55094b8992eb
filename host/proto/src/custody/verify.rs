//! VERIFY (ISO/IEC 7816-4 11.5.6).

use super::{Pin, compared};
use crate::apdu::{self, Header, Response};
use crate::gp::{Command, GpError};
use alloc::vec::Vec;

/// Shows the card its PIN, good for one operation: `00 20 00 00 Lc PIN`.
#[derive(Clone, Copy, Debug)]
pub struct Verify<'p> {
    /// The PIN to compare.
    pub pin: &'p Pin,
}

impl Command for Verify<'_> {
    type Response = ();
    const NAME: &'static str = "VERIFY";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(self.pin.expose());
        apdu::Command::new(Header::new(0x00, 0x20, 0, 0), data, None)
    }

    /// [`GpError::Pin`] where the PIN is wrong or blocked.
    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        compared(Self::NAME, response).map(|_| ())
    }
}
