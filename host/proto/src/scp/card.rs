//! SCP03, the card's side (AmdD 6): what a simulated card runs, and what tests play against the host's side.
//!
//! ```text
//! CardScp03::initialize -> AwaitAuthentication -> CardSession
//! ```
//!
//! Counters, tries and key sets are the card's own business; it hands in what it decided.

use super::kdf::{Constant, Context, cryptogram};
use super::messaging::Channel;
use super::{Options, ScpError, SecurityLevel, SessionCipher, Token};
use crate::apdu::Command;
use crate::apdu::class::Class;
use crate::block::wiped;
use crate::gp::external_authenticate::ExternalAuthenticate;
use crate::gp::initialize_update::Initialized;
use crate::status::StatusWord;
use alloc::boxed::Box;
use alloc::vec::Vec;
use subtle::ConstantTimeEq;

/// INITIALIZE UPDATE has been answered; EXTERNAL AUTHENTICATE is expected.
#[derive(Debug)]
pub struct AwaitAuthentication<C> {
    channel: Box<Channel<C>>,
    options: Options,
    host_cryptogram: Token,
}

/// What a card knows of itself when INITIALIZE UPDATE arrives.
#[derive(Clone, Copy, Debug)]
pub struct CardHello {
    /// Key diversification data, sent as is.
    pub kdd: [u8; 10],
    /// The key set that the session uses.
    pub kvn: u8,
    /// The "i" parameter.
    pub options: Options,
    /// The card's challenge, of the mode's length.
    pub challenge: Token,
    /// The sequence counter behind a pseudo-random challenge.
    pub counter: Option<u32>,
}

impl CardHello {
    /// Answers INITIALIZE UPDATE: appends the response data to `out`.
    ///
    /// `cipher` holds the session keys over [`Context::session`] of both challenges.
    ///
    /// # Errors
    /// [`ScpError::Cipher`]
    pub fn answer<C: SessionCipher>(
        self,
        host: &Token,
        mut cipher: C,
        out: &mut Vec<u8>,
    ) -> Result<AwaitAuthentication<C>, ScpError> {
        let Self { kdd, kvn, options, challenge, counter } = self;
        let mode = options.mode();
        let context = Context::session(host, &challenge);
        let mut make = |which| wiped(|| cryptogram(&mut cipher, which, &context, mode));
        let (card_cryptogram, host_cryptogram) = (make(Constant::CardCryptogram)?, make(Constant::HostCryptogram)?);
        Initialized { kdd, kvn, options, challenge, cryptogram: card_cryptogram, counter }.encode_into(out);
        let channel = Box::new(Channel::new(cipher, mode, SecurityLevel::NONE));
        Ok(AwaitAuthentication { channel, options, host_cryptogram })
    }
}

impl<C: SessionCipher> AwaitAuthentication<C> {
    /// Takes EXTERNAL AUTHENTICATE.
    ///
    /// # Errors
    /// [`ScpError::NotSecured`], [`ScpError::Level`], [`ScpError::LevelNotSupported`], and
    /// [`ScpError::CommandMac`] where its length, the host cryptogram or the MAC is wrong.
    pub fn receive(mut self, command: &Command<'_>) -> Result<CardSession<C>, ScpError> {
        let class = Class::parse(command.header.cla)?;
        if !class.secured {
            return Err(ScpError::NotSecured);
        }
        let level = SecurityLevel::new(command.header.p1)?;
        if !self.options.allows(level) {
            return Err(ScpError::LevelNotSupported { level: level.byte(), i: self.options.byte() });
        }
        let len = self.options.mode().width();
        let (cryptogram, mac) = command.data.split_at_checked(len).ok_or(ScpError::CommandMac)?;
        let expected = ExternalAuthenticate::new(level, &self.host_cryptogram);
        let header = [class.mac_byte(), command.header.ins, command.header.p1, command.header.p2];
        let expected_mac = wiped(|| self.channel.command_mac(header, &[expected.lc()], cryptogram))?;
        let good = self.host_cryptogram.bytes().ct_eq(cryptogram) & expected_mac[..len].ct_eq(mac);
        if !bool::from(good) {
            return Err(ScpError::CommandMac);
        }
        self.channel.level = level;
        Ok(CardSession { channel: self.channel })
    }
}

/// An open session on the card. The caller drops it after any error, as a card ends its session.
#[derive(Debug)]
pub struct CardSession<C> {
    channel: Box<Channel<C>>,
}

impl<C: SessionCipher> CardSession<C> {
    /// What the session protects.
    #[must_use]
    pub const fn level(&self) -> SecurityLevel {
        self.channel.level
    }

    /// Checks and decrypts a command in place; the class byte comes back without the secure messaging bit.
    ///
    /// A block of nothing but padding is taken for empty data: a widely used host sends that.
    ///
    /// # Errors
    /// [`ScpError::Apdu`], [`ScpError::NotSecured`], [`ScpError::CommandMac`], [`ScpError::Padding`].
    pub fn unwrap<'r>(&mut self, raw: &'r mut [u8]) -> Result<Command<'r>, ScpError> {
        self.channel.unwrap_command(raw)
    }

    /// Protects a response in place: plain data in, data with MAC and status word out.
    ///
    /// # Errors
    /// [`ScpError::Cipher`]
    pub fn wrap(&mut self, response: &mut Vec<u8>, sw: StatusWord) -> Result<(), ScpError> {
        self.channel.wrap_response(response, sw)
    }
}
