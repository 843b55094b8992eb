//! Our host and our card with the same keys, opened for any set-up.

use cardwright_proto::apdu::{Command, Response};
use cardwright_proto::block::CmacKey;
use cardwright_proto::scp::card::{AwaitAuthentication, CardHello, CardSession};
use cardwright_proto::scp::kdf::{self, Context};
use cardwright_proto::scp::scp03::{AwaitExtAuth, ChallengeCheck, NeedKeys, Open, Scp03};
use cardwright_proto::scp::{Mode, Options, ScpError, SecurityLevel, SoftCipher, Token};
use cardwright_proto::status::StatusWord;

pub(crate) const KVN: u8 = 0x30;
pub(crate) const AID: [u8; 8] = [0xA0, 0, 0, 1, 0x51, 0, 0, 0];

/// Repeatable bytes, other ones for every seed.
pub(crate) fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// The kind of session and everything that is random in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) key_len: usize,
    pub(crate) mode: Mode,
    pub(crate) level: SecurityLevel,
    pub(crate) pseudo_random: bool,
    pub(crate) counter: u32,
    pub(crate) seed: u64,
}

impl Setup {
    pub(crate) fn new(mode: Mode, level: u8) -> Self {
        let level = SecurityLevel::new(level).unwrap();
        Self { key_len: 16, mode, level, pseudo_random: false, counter: 7, seed: 1 }
    }

    pub(crate) fn options(&self) -> Options {
        let mode = if self.mode == Mode::S16 { 0x01 } else { 0 };
        Options::new(0x60 | mode | if self.pseudo_random { 0x10 } else { 0 }).unwrap()
    }

    pub(crate) fn key_enc(&self) -> Vec<u8> {
        bytes(self.seed ^ 0xE0, self.key_len)
    }

    pub(crate) fn key_mac(&self) -> Vec<u8> {
        bytes(self.seed ^ 0xA0, self.key_len)
    }

    fn token(&self, seed: u64) -> Token {
        Token::new(&bytes(self.seed ^ seed, self.mode.width())).unwrap()
    }

    pub(crate) fn host_challenge(&self) -> Token {
        self.token(0x50)
    }

    pub(crate) fn card_challenge(&self) -> Token {
        if self.pseudo_random {
            let mut key = CmacKey::new(&self.key_enc()).unwrap();
            kdf::card_challenge(&mut key, self.counter, &AID, self.mode)
        } else {
            self.token(0xC0)
        }
    }

    pub(crate) fn cipher(&self) -> SoftCipher {
        self.cipher_over(&Context::session(&self.host_challenge(), &self.card_challenge()))
    }

    pub(crate) fn cipher_over(&self, context: &Context) -> SoftCipher {
        SoftCipher::derive(&self.key_enc(), &self.key_mac(), context).unwrap()
    }

    /// What a host knows about the card's challenge; `last` is the counter seen before.
    pub(crate) fn check(&self, last: Option<u32>) -> ChallengeCheck {
        if self.pseudo_random {
            ChallengeCheck::PseudoRandom { expected: self.card_challenge(), last_counter: last }
        } else {
            ChallengeCheck::Random
        }
    }

    /// The answer to INITIALIZE UPDATE, without status word, and the card behind it.
    pub(crate) fn hello(&self) -> (Vec<u8>, AwaitAuthentication<SoftCipher>) {
        let hello = CardHello {
            kdd: *b"0123456789",
            kvn: KVN,
            options: self.options(),
            challenge: self.card_challenge(),
            counter: self.pseudo_random.then_some(self.counter),
        };
        let mut answer = Vec::new();
        let card = hello.answer(&self.host_challenge(), self.cipher(), &mut answer).unwrap();
        (answer, card)
    }

    /// The host, having taken `answer` for INITIALIZE UPDATE.
    pub(crate) fn initialized(&self, answer: &[u8]) -> Result<NeedKeys, ScpError> {
        Scp03::start(self.host_challenge(), KVN).receive(Response { data: answer, sw: StatusWord::OK })
    }

    /// Both ends just before EXTERNAL AUTHENTICATE is sent.
    pub(crate) fn authenticating(&self) -> (AwaitExtAuth<SoftCipher>, AwaitAuthentication<SoftCipher>) {
        let (answer, card) = self.hello();
        let need_keys = self.initialized(&answer).unwrap();
        let cipher = self.cipher_over(&need_keys.context());
        (need_keys.authenticate(cipher, self.check(None), self.level).unwrap(), card)
    }

    /// Both ends of an open session.
    pub(crate) fn open(&self) -> (Open<SoftCipher>, CardSession<SoftCipher>) {
        let (host, card) = self.authenticating();
        let sent = host.command().encode().unwrap();
        let card = card.receive(&Command::parse(&sent).unwrap()).unwrap();
        (host.receive(Response { data: &[], sw: StatusWord::OK }).unwrap(), card)
    }
}
