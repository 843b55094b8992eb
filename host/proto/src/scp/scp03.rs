//! SCP03, the host's side (AmdD 5 to 7): a type for each state.
//!
//! ```text
//! Scp03::start -> AwaitInitUpdate -> NeedKeys -> AwaitExtAuth -> Open <-> AwaitResponse
//! ```
//!
//! Every step consumes its state and returns the next one; an error drops it, and with it the session keys. So
//! nothing can be sent twice, out of order, or after a failed check.

use super::kdf::{Constant, Context, cryptogram};
use super::messaging::Channel;
use super::{CipherFailed, Mode, ScpError, SecurityLevel, SessionCipher, Token};
use crate::apdu::class::Class;
use crate::apdu::{ApduError, Command, Header, Response};
use crate::block::wiped;
use crate::gp::external_authenticate::ExternalAuthenticate;
use crate::gp::initialize_update::{InitializeUpdate, Initialized};
use alloc::boxed::Box;
use alloc::vec::Vec;
use subtle::ConstantTimeEq;

/// Where a session starts.
#[derive(Debug)]
pub struct Scp03;

impl Scp03 {
    /// A session with the key set `kvn` (0: the card's default one). The host challenge is fresh random data; its
    /// length, 8 or 16 bytes, is the mode that the card is asked to work in.
    #[must_use]
    pub const fn start(challenge: Token, kvn: u8) -> AwaitInitUpdate {
        AwaitInitUpdate { command: InitializeUpdate { kvn, challenge }, channel: 0 }
    }
}

/// INITIALIZE UPDATE is to be sent, or has been.
#[derive(Debug)]
pub struct AwaitInitUpdate {
    command: InitializeUpdate,
    channel: u8,
}

impl AwaitInitUpdate {
    /// Opens the session on a logical channel; a card binds it to that channel.
    ///
    /// # Errors
    /// [`ApduError::Channel`] above 19.
    pub const fn on_channel(self, channel: u8) -> Result<Self, ApduError> {
        if channel > 19 {
            return Err(ApduError::Channel(channel));
        }
        Ok(Self { channel, ..self })
    }

    /// INITIALIZE UPDATE.
    #[must_use]
    pub fn command(&self) -> Command<'_> {
        on_channel(self.command.command(), self.channel)
    }

    /// Takes the card's answer.
    ///
    /// # Errors
    /// [`ScpError::InitializeRefused`], [`ScpError::InitializeLength`], [`ScpError::InitializeMismatch`],
    /// [`ScpError::Protocol`], [`ScpError::Options`], [`ScpError::Mode`], [`ScpError::Kvn`],
    /// [`ScpError::EchoedChallenge`].
    pub fn receive(self, response: Response<'_>) -> Result<NeedKeys, ScpError> {
        let card = self.command.parse(response)?;
        Ok(NeedKeys { challenge: self.command.challenge, card, channel: self.channel })
    }
}

/// What a card's answer says about a candidate's keys, found out without sending anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The card cryptogram fits: the card has this Key-MAC.
    pub key_mac: bool,
    /// The pseudo-random challenge fits: the card has this Key-ENC. `None` where the card's challenge is random.
    pub key_enc: Option<bool>,
}

impl Match {
    /// Nothing speaks against these keys, and the cryptogram speaks for them.
    #[must_use]
    pub fn accepted(self) -> bool {
        self.key_mac && self.key_enc != Some(false)
    }
}

/// The host's own view of the card's challenge, to be compared.
#[derive(Clone, Copy, Debug)]
pub enum ChallengeCheck {
    /// The card's options announce a random challenge: nothing to compare.
    Random,
    /// The options announce a pseudo-random one.
    PseudoRandom {
        /// What the counter gives under the host's Key-ENC ([`super::kdf::card_challenge`]).
        expected: Token,
        /// The last counter recorded for this card, KVN and key set; `None` at first sight.
        last_counter: Option<u32>,
    },
}

/// The card has answered; the session keys are to be derived, wherever the static keys live.
#[derive(Debug)]
pub struct NeedKeys {
    challenge: Token,
    card: Initialized,
    channel: u8,
}

impl NeedKeys {
    /// The card's answer.
    #[must_use]
    pub const fn card(&self) -> &Initialized {
        &self.card
    }

    /// What session keys and cryptograms are derived over.
    #[must_use]
    pub fn context(&self) -> Context {
        Context::session(&self.challenge, &self.card.challenge)
    }

    /// Tries a candidate offline. `expected` is the challenge under its Key-ENC, where the card's is pseudo-random.
    ///
    /// # Errors
    /// [`CipherFailed`] where the session keys' keeper fails.
    pub fn try_keys<C: SessionCipher>(&self, cipher: &mut C, expected: Option<&Token>) -> Result<Match, CipherFailed> {
        let cryptogram = wiped(|| self.cryptogram(cipher, Constant::CardCryptogram))?;
        let key_enc =
            expected.filter(|_| self.card.options.pseudo_random()).map(|token| same(token, &self.card.challenge));
        Ok(Match { key_mac: same(&cryptogram, &self.card.cryptogram), key_enc })
    }

    /// Checks the card's cryptogram, challenge and counter, and prepares EXTERNAL AUTHENTICATE.
    ///
    /// # Errors
    /// [`ScpError::LevelNotSupported`], [`ScpError::CardCryptogram`], [`ScpError::CardChallenge`] (also where the
    /// kind of check is not the kind of challenge that the card announces), [`ScpError::Counter`],
    /// [`ScpError::Cipher`].
    pub fn authenticate<C: SessionCipher>(
        self,
        cipher: C,
        check: ChallengeCheck,
        level: SecurityLevel,
    ) -> Result<AwaitExtAuth<C>, ScpError> {
        wiped(|| self.check_and_prepare(cipher, check, level))
    }

    fn check_and_prepare<C: SessionCipher>(
        self,
        mut cipher: C,
        check: ChallengeCheck,
        level: SecurityLevel,
    ) -> Result<AwaitExtAuth<C>, ScpError> {
        let options = self.card.options;
        if !options.allows(level) {
            return Err(ScpError::LevelNotSupported { level: level.byte(), i: options.byte() });
        }
        if !same(&self.cryptogram(&mut cipher, Constant::CardCryptogram)?, &self.card.cryptogram) {
            return Err(ScpError::CardCryptogram);
        }
        match (check, self.card.counter) {
            (ChallengeCheck::Random, None) => {}
            (ChallengeCheck::PseudoRandom { expected, last_counter }, Some(got)) => {
                if !same(&expected, &self.card.challenge) {
                    return Err(ScpError::CardChallenge);
                }
                if let Some(last) = last_counter.filter(|last| got <= *last) {
                    return Err(ScpError::Counter { last, got });
                }
            }
            _ => return Err(ScpError::CardChallenge),
        }
        let cryptogram = self.cryptogram(&mut cipher, Constant::HostCryptogram)?;
        let mut channel = Box::new(Channel::new(cipher, options.mode(), level));
        let mut command = ExternalAuthenticate::new(level, &cryptogram);
        let mac = channel.command_mac(command.header().bytes(), &[command.lc()], command.cryptogram())?;
        command.set_mac(&Token::cut(mac, options.mode()));
        Ok(AwaitExtAuth { command, on: self.channel, channel })
    }

    fn cryptogram<C: SessionCipher>(&self, cipher: &mut C, which: Constant) -> Result<Token, CipherFailed> {
        cryptogram(cipher, which, &self.context(), self.card.mode())
    }
}

/// Puts a logical channel into the class byte. The C-MAC does not cover it.
fn on_channel(command: Command<'_>, channel: u8) -> Command<'_> {
    let secured = command.header.cla & 0x04 != 0;
    let cla = Class { proprietary: true, channel, secured, chained: false }.byte();
    Command { header: Header { cla, ..command.header }, ..command }
}

/// Compares in constant time.
fn same(a: &Token, b: &Token) -> bool {
    a.bytes().ct_eq(b.bytes()).into()
}

/// EXTERNAL AUTHENTICATE is to be sent, or has been. All checks of the card have passed.
#[derive(Debug)]
pub struct AwaitExtAuth<C> {
    command: ExternalAuthenticate,
    /// The logical channel.
    on: u8,
    channel: Box<Channel<C>>,
}

impl<C: SessionCipher> AwaitExtAuth<C> {
    /// EXTERNAL AUTHENTICATE, MACed, never encrypted.
    #[must_use]
    pub fn command(&self) -> Command<'_> {
        on_channel(self.command.command(), self.on)
    }

    /// Takes the card's answer, which no MAC protects.
    ///
    /// # Errors
    /// [`ScpError::AuthenticateRefused`], [`ScpError::AuthenticateData`].
    pub fn receive(self, response: Response<'_>) -> Result<Open<C>, ScpError> {
        if !response.sw.is_ok() {
            return Err(ScpError::AuthenticateRefused(response.sw));
        }
        if !response.data.is_empty() {
            return Err(ScpError::AuthenticateData(response.data.len()));
        }
        Ok(Open { channel: self.channel })
    }
}

/// An open session, ready for the next command.
#[derive(Debug)]
pub struct Open<C> {
    channel: Box<Channel<C>>,
}

impl<C: SessionCipher> Open<C> {
    /// What the session protects.
    #[must_use]
    pub const fn level(&self) -> SecurityLevel {
        self.channel.level
    }

    /// S8 or S16.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.channel.mode
    }

    /// Protects a command; `out` is cleared and holds what is to be sent. Where `out` has the room, nothing is
    /// allocated.
    ///
    /// A command too long for its form is an error: pass it in [`crate::apdu::Form::Extended`] and split the result
    /// with [`crate::apdu::chain::split`] where the card knows no extended length.
    ///
    /// # Errors
    /// [`ScpError::Apdu`], [`ScpError::Exhausted`], [`ScpError::Cipher`].
    pub fn wrap(mut self, command: &Command<'_>, out: &mut Vec<u8>) -> Result<AwaitResponse<C>, ScpError> {
        self.channel.wrap_command(command, out)?;
        Ok(AwaitResponse { channel: self.channel })
    }
}

/// A wrapped command is to be sent, or has been; its answer comes next.
#[derive(Debug)]
pub struct AwaitResponse<C> {
    channel: Box<Channel<C>>,
}

impl<C: SessionCipher> AwaitResponse<C> {
    /// Checks and decrypts a response in place: `raw` is all of it, reassembled, with the status word.
    ///
    /// An error status word (64xx and up) is no error here; it comes without data and is not authenticated.
    ///
    /// # Errors
    /// [`ScpError::Apdu`], [`ScpError::Ended`], [`ScpError::ResponseMacMissing`], [`ScpError::ResponseMac`],
    /// [`ScpError::UnauthenticatedData`], [`ScpError::Padding`], [`ScpError::Cipher`].
    pub fn unwrap(mut self, raw: &mut [u8]) -> Result<(Open<C>, Response<'_>), ScpError> {
        let response = self.channel.unwrap_response(raw)?;
        Ok((Open { channel: self.channel }, response))
    }
}
