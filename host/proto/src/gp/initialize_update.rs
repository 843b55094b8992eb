//! INITIALIZE UPDATE: AmdD 7.1.1, CS table E-8.

use super::{Command, GpError};
use crate::apdu::{self, Header, Ne, Response};
use crate::scp::{Mode, Options, ScpError, Token};
use alloc::vec::Vec;

/// Opens a session: `80 50 KVN 00 Lc challenge 00`.
#[derive(Clone, Copy, Debug)]
pub struct InitializeUpdate {
    /// The key set, or 0 for the card's default one.
    pub kvn: u8,
    /// Fresh random data; 8 bytes ask for S8, 16 for S16.
    pub challenge: Token,
}

/// What a card answers, and what it costs: a pseudo-random counter moves with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initialized {
    /// Key diversification data.
    pub kdd: [u8; 10],
    /// Key version number of the set in use: 01 to 7F, or FF for initial keys.
    pub kvn: u8,
    /// The "i" parameter.
    pub options: Options,
    /// The card's challenge.
    pub challenge: Token,
    /// The card's cryptogram.
    pub cryptogram: Token,
    /// Sequence counter, 3 bytes on the wire; only where the challenge is pseudo-random.
    pub counter: Option<u32>,
}

/// KDD 10, KVN 1, SCP id 1, i 1.
const FIXED: usize = 13;

impl InitializeUpdate {
    /// The command APDU.
    #[must_use]
    pub fn command(&self) -> apdu::Command<'_> {
        apdu::Command::new(Header::new(0x80, 0x50, self.kvn, 0), self.challenge.bytes(), Some(Ne::SHORT_MAX))
    }

    /// Reads the response; "i" and the length together choose the layout, and have to agree.
    ///
    /// # Errors
    /// As [`crate::scp::scp03::AwaitInitUpdate::receive`].
    pub fn parse(&self, response: Response<'_>) -> Result<Initialized, ScpError> {
        if !response.sw.is_ok() {
            return Err(ScpError::InitializeRefused(response.sw));
        }
        let data = response.data;
        let len = data.len();
        let (Some(&[kvn, protocol, i]), Some(&kdd)) = (data.get(10..FIXED), data.first_chunk::<10>()) else {
            return Err(ScpError::InitializeLength(len));
        };
        if protocol != 3 {
            return Err(ScpError::Protocol(protocol));
        }
        if !matches!(len, 29 | 32 | 45 | 48) {
            return Err(ScpError::InitializeLength(len));
        }
        let options = Options::new(i)?;
        let token = options.mode().width();
        if len != FIXED + 2 * token + if options.pseudo_random() { 3 } else { 0 } {
            return Err(ScpError::InitializeMismatch { len, i });
        }
        if options.mode() != self.challenge.mode() {
            return Err(ScpError::Mode);
        }
        if (self.kvn != 0 && self.kvn != kvn) || matches!(kvn, 0 | 0x80..=0xFE) {
            return Err(ScpError::Kvn { asked: self.kvn, got: kvn });
        }
        let (tokens, counter) = data[FIXED..].split_at(2 * token);
        let (challenge, cryptogram) = tokens.split_at(token);
        let (Some(challenge), Some(cryptogram)) = (Token::new(challenge), Token::new(cryptogram)) else {
            return Err(ScpError::InitializeLength(len));
        };
        if challenge == self.challenge {
            return Err(ScpError::EchoedChallenge);
        }
        let counter = options.pseudo_random().then(|| counter.iter().fold(0, |n, b| n << 8 | u32::from(*b)));
        Ok(Initialized { kdd, kvn, options, challenge, cryptogram, counter })
    }

    /// Card side: reads a challenge of 8 or 16 bytes; `None` for any other length.
    #[must_use]
    pub fn from_command(command: &apdu::Command<'_>) -> Option<Self> {
        Some(Self { kvn: command.header.p1, challenge: Token::new(command.data)? })
    }
}

impl Initialized {
    /// Card side: appends the response data.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.kdd);
        out.extend_from_slice(&[self.kvn, 3, self.options.byte()]);
        out.extend_from_slice(self.challenge.bytes());
        out.extend_from_slice(self.cryptogram.bytes());
        if let Some(counter) = self.counter {
            out.extend_from_slice(&counter.to_be_bytes()[1..]);
        }
    }

    /// S8 or S16.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.options.mode()
    }
}

impl Command for InitializeUpdate {
    type Response = Initialized;
    const NAME: &'static str = "INITIALIZE UPDATE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(self.challenge.bytes());
        apdu::Command { data, ..self.command() }
    }

    fn response(&self, response: Response<'_>) -> Result<Initialized, GpError> {
        Ok(self.parse(response)?)
    }
}
