//! Wrapping and unwrapping (AmdD 6.2.4 to 6.2.7), the same arithmetic for both ends of a channel.

use super::{Mode, ScpError, SecurityLevel, SessionCipher};
use crate::apdu::class::Class;
use crate::apdu::{ApduError, Command, LcField, Response};
use crate::block::{BLOCK, Block, wiped};
use crate::status::StatusWord;
use alloc::vec::Vec;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// As many commands as one session may carry: what 8-byte MACs are good for.
const MAX_COMMANDS: u32 = 1 << 20;

/// An open session: its keys, the MAC chaining value, the encryption counter.
#[derive(Debug)]
pub(super) struct Channel<C> {
    pub(super) cipher: C,
    pub(super) mode: Mode,
    pub(super) level: SecurityLevel,
    chain: Block,
    counter: u32,
}

impl<C: SessionCipher> Channel<C> {
    /// Before EXTERNAL AUTHENTICATE: chaining value zero, no command counted.
    pub(super) const fn new(cipher: C, mode: Mode, level: SecurityLevel) -> Self {
        Self { cipher, mode, level, chain: [0; BLOCK], counter: 0 }
    }

    /// The C-MAC; all of it becomes the next chaining value.
    pub(super) fn command_mac(&mut self, header: [u8; 4], lc: &[u8], data: &[u8]) -> Result<Block, ScpError> {
        self.chain = self.cipher.mac(&[&self.chain, &header, lc, data])?;
        Ok(self.chain)
    }

    /// Host: writes the protected command to `out`, which is cleared first.
    pub(super) fn wrap_command(&mut self, command: &Command<'_>, out: &mut Vec<u8>) -> Result<(), ScpError> {
        wiped(|| self.protect_command(command, out))
    }

    fn protect_command(&mut self, command: &Command<'_>, out: &mut Vec<u8>) -> Result<(), ScpError> {
        out.clear();
        let class = Class::parse(command.header.cla)?;
        if class.secured {
            return Err(ApduError::AlreadySecured(command.header.cla).into());
        }
        self.count()?;
        if !self.level.c_mac() {
            return Ok(command.encode_into(out)?);
        }
        if class.chained {
            // The MAC covers the unsplit command: chaining is for `apdu::chain`, after wrapping.
            return Err(ApduError::Class(command.header.cla).into());
        }
        let encrypts = self.level.c_enc() && !command.data.is_empty();
        let body_len = if encrypts { command.data.len() / BLOCK * BLOCK + BLOCK } else { command.data.len() };
        let lc_len = body_len + self.mode.width();
        if lc_len > command.capacity() {
            let max = command.capacity().saturating_sub(self.mode.width());
            let max = if encrypts { (max / BLOCK * BLOCK).saturating_sub(1) } else { max };
            return Err(ApduError::TooLong { len: command.data.len(), max }.into());
        }
        command.fits(lc_len)?;
        let lc = LcField::new(command.form, lc_len);
        out.extend_from_slice(&command.header.bytes());
        out.extend_from_slice(lc.bytes());
        let body_at = out.len();
        out.extend_from_slice(command.data);
        if encrypts {
            out.push(0x80);
            out.resize(body_at + body_len, 0);
            self.cipher.encrypt(counter_block(self.counter, 0), &mut out[body_at..])?;
        }
        let mut header = command.header.bytes();
        header[0] = class.mac_byte();
        let mac = self.command_mac(header, lc.bytes(), &out[body_at..])?;
        out[0] = Class { secured: true, ..class }.byte();
        out.extend_from_slice(&mac[..self.mode.width()]);
        command.encode_le(false, out);
        Ok(())
    }

    /// Host: checks and decrypts a response in place.
    pub(super) fn unwrap_response<'r>(&mut self, raw: &'r mut [u8]) -> Result<Response<'r>, ScpError> {
        wiped(|| self.check_response(raw))
    }

    fn check_response<'r>(&mut self, raw: &'r mut [u8]) -> Result<Response<'r>, ScpError> {
        let Response { data, sw } = Response::parse(raw)?;
        let len = data.len();
        if self.level.c_mac() && sw.ends_session() {
            return Err(ScpError::Ended(sw));
        }
        if !self.level.r_mac() {
            return Ok(Response { data: &raw[..len], sw });
        }
        if !sw.carries_rmac() {
            return if len == 0 { Ok(Response { data: &[], sw }) } else { Err(ScpError::UnauthenticatedData(sw)) };
        }
        let body = len.checked_sub(self.mode.width()).ok_or(ScpError::ResponseMacMissing(sw))?;
        let (data, mac) = data.split_at(body);
        let expected = self.response_mac(data, sw)?;
        if !bool::from(expected[..self.mode.width()].ct_eq(mac)) {
            return Err(ScpError::ResponseMac);
        }
        let data = &mut raw[..body];
        let plain = if self.level.r_enc() && body > 0 { self.decrypt(0x80, data)? } else { body };
        Ok(Response { data: &raw[..plain], sw })
    }

    /// Card: checks and decrypts a command in place; the class byte comes back without secure messaging.
    pub(super) fn unwrap_command<'r>(&mut self, raw: &'r mut [u8]) -> Result<Command<'r>, ScpError> {
        wiped(|| self.check_command(raw))
    }

    fn check_command<'r>(&mut self, raw: &'r mut [u8]) -> Result<Command<'r>, ScpError> {
        let Command { mut header, data, ne, form } = Command::parse(raw)?;
        let class = Class::parse(header.cla)?;
        self.count()?;
        if !self.level.c_mac() {
            return Ok(Command::parse(raw)?);
        }
        if !class.secured {
            return Err(ScpError::NotSecured);
        }
        let lc = LcField::new(form, data.len());
        let body = data.len().checked_sub(self.mode.width()).ok_or(ScpError::CommandMac)?;
        let at = 4 + lc.bytes().len();
        header.cla = class.mac_byte();
        let (data, mac) = data.split_at(body);
        let expected = self.command_mac(header.bytes(), lc.bytes(), data)?;
        if !bool::from(expected[..self.mode.width()].ct_eq(mac)) {
            return Err(ScpError::CommandMac);
        }
        let data = &mut raw[at..at + body];
        let plain = if self.level.c_enc() && body > 0 { self.decrypt(0, data)? } else { body };
        header.cla = Class { secured: false, ..class }.byte();
        Ok(Command { header, data: &raw[at..][..plain], ne, form })
    }

    /// Card: protects a response in place. `response` holds the plain data, and afterwards data, MAC, status word.
    pub(super) fn wrap_response(&mut self, response: &mut Vec<u8>, sw: StatusWord) -> Result<(), ScpError> {
        wiped(|| self.protect_response(response, sw))
    }

    fn protect_response(&mut self, response: &mut Vec<u8>, sw: StatusWord) -> Result<(), ScpError> {
        if self.level.r_mac() && sw.carries_rmac() {
            if self.level.r_enc() && !response.is_empty() {
                response.push(0x80);
                response.resize(response.len().next_multiple_of(BLOCK), 0);
                self.cipher.encrypt(counter_block(self.counter, 0x80), response)?;
            }
            let mac = self.response_mac(response, sw)?;
            response.extend_from_slice(&mac[..self.mode.width()]);
        } else if self.level.r_mac() {
            response.clear();
        }
        response.extend_from_slice(&sw.0.to_be_bytes());
        Ok(())
    }

    /// The R-MAC hangs on the chaining value of its command, and never moves it.
    fn response_mac(&mut self, data: &[u8], sw: StatusWord) -> Result<Block, ScpError> {
        Ok(self.cipher.rmac(&[&self.chain, data, &sw.0.to_be_bytes()])?)
    }

    /// Decrypts in place and returns the length without padding.
    fn decrypt(&mut self, direction: u8, data: &mut [u8]) -> Result<usize, ScpError> {
        if !data.len().is_multiple_of(BLOCK) {
            return Err(ScpError::Padding);
        }
        self.cipher.decrypt(counter_block(self.counter, direction), data)?;
        Ok(data.len() - padding(data).ok_or(ScpError::Padding)?)
    }

    /// The encryption counter goes up for every command, also for one without data (AmdD 6.2.6).
    fn count(&mut self) -> Result<(), ScpError> {
        if self.counter >= MAX_COMMANDS {
            return Err(ScpError::Exhausted);
        }
        self.counter += 1;
        Ok(())
    }
}

/// How long the padding is: 80 in the last block, and zeros behind it. All of that block is looked at, whatever is in it.
fn padding(data: &[u8]) -> Option<usize> {
    let last: &Block = data.last_chunk()?;
    let (mut only_zeros, mut found, mut len) = (Choice::from(1), Choice::from(0), 0);
    for (byte, place) in last.iter().rev().zip(1_u8..) {
        let marker = only_zeros & byte.ct_eq(&0x80);
        len.conditional_assign(&place, marker);
        found |= marker;
        only_zeros &= byte.ct_eq(&0);
    }
    bool::from(found).then_some(len.into())
}

/// The block whose encryption is the IV: the counter, its first byte 80 for a response (AmdD 6.2.7).
fn counter_block(counter: u32, direction: u8) -> Block {
    let mut block = [0; BLOCK];
    block[12..].copy_from_slice(&counter.to_be_bytes());
    block[0] = direction;
    block
}
