//! EXTERNAL AUTHENTICATE: AmdD 7.1.2, CS table E-11.

use super::{Command, GpError, accepted};
use crate::apdu::{self, Header, Response};
use crate::scp::{SecurityLevel, Token};
use alloc::vec::Vec;

/// Authenticates the host: `84 82 level 00 Lc host-cryptogram MAC`. MACed, never encrypted.
#[derive(Clone, Copy, Debug)]
pub struct ExternalAuthenticate {
    level: SecurityLevel,
    data: [u8; 32],
    token: usize,
}

impl ExternalAuthenticate {
    /// With the MAC still to be set: it covers this command's header, Lc and cryptogram.
    #[must_use]
    pub fn new(level: SecurityLevel, cryptogram: &Token) -> Self {
        let token = cryptogram.bytes().len();
        let mut data = [0; 32];
        data[..token].copy_from_slice(cryptogram.bytes());
        Self { level, data, token }
    }

    /// Puts the MAC behind the cryptogram.
    pub fn set_mac(&mut self, mac: &Token) {
        self.data[self.token..][..mac.bytes().len()].copy_from_slice(mac.bytes());
    }

    /// CLA with secure messaging, INS, level, 00.
    #[must_use]
    pub const fn header(&self) -> Header {
        Header::new(0x84, 0x82, self.level.byte(), 0)
    }

    /// Lc, which counts the MAC.
    #[must_use]
    pub const fn lc(&self) -> u8 {
        // 8 + 8 or 16 + 16
        if self.token == 8 { 16 } else { 32 }
    }

    /// The host cryptogram.
    #[must_use]
    pub fn cryptogram(&self) -> &[u8] {
        &self.data[..self.token]
    }

    /// The command APDU.
    #[must_use]
    pub fn command(&self) -> apdu::Command<'_> {
        apdu::Command::new(self.header(), &self.data[..2 * self.token], None)
    }
}

impl Command for ExternalAuthenticate {
    type Response = ();
    const NAME: &'static str = "EXTERNAL AUTHENTICATE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(&self.data[..2 * self.token]);
        apdu::Command { data, ..self.command() }
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        accepted(Self::NAME, response).map(|_| ())
    }
}
