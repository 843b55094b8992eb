//! CHANGE PIN: the first PIN, or another one in place of the present one.

use super::{Pin, compared};
use crate::apdu::{self, Header, Response};
use crate::gp::{Command, GpError};
use alloc::vec::Vec;

/// Sets the first PIN, `80 24 01 00 Lc PIN`, or changes it, `80 24 00 00 Lc length-of-old old new`.
#[derive(Clone, Copy, Debug)]
pub struct ChangePin<'p> {
    /// The present PIN; `None` on a card that has none.
    pub old: Option<&'p Pin>,
    /// The PIN from now on.
    pub new: &'p Pin,
}

/// Card side: the two PINs in the data of a change, still unchecked; `None` where the length byte does not fit.
#[must_use]
pub fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, pins) = data.split_first()?;
    pins.split_at_checked(usize::from(len))
}

impl Command for ChangePin<'_> {
    type Response = ();
    const NAME: &'static str = "CHANGE PIN";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        if let Some(old) = self.old {
            // At most 12 digits.
            let [.., len] = old.expose().len().to_be_bytes();
            data.push(len);
            data.extend_from_slice(old.expose());
        }
        data.extend_from_slice(self.new.expose());
        apdu::Command::new(Header::new(0x80, 0x24, u8::from(self.old.is_none()), 0), data, None)
    }

    /// [`GpError::Pin`] where the present PIN is wrong or blocked.
    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        compared(Self::NAME, response).map(|_| ())
    }
}
