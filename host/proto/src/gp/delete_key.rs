//! DELETE for keys: CS 11.2.

use super::key::Kvn;
use super::{Command, GpError, accepted};
use crate::apdu::{self, Header, Ne, Response};
use alloc::vec::Vec;

/// Deletes a whole key set: `80 E4 00 00 03 D2 01 KVN 00`.
#[derive(Clone, Copy, Debug)]
pub struct DeleteKey {
    /// The set to go.
    pub kvn: Kvn,
}

impl Command for DeleteKey {
    type Response = ();
    const NAME: &'static str = "DELETE KEY";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(&[0xD2, 1, self.kvn.byte()]);
        apdu::Command::new(Header::new(0x80, 0xE4, 0, 0), data, Some(Ne::SHORT_MAX))
    }

    /// The data is a delete receipt of length 0 or absent; neither says more than the status word.
    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        accepted(Self::NAME, response).map(|_| ())
    }
}
