//! Both ends of a secure channel, under real keys and under keys whose MAC anybody can guess.

use cardwright_proto::apdu::{Command, Header, Response};
use cardwright_proto::block::Block;
use cardwright_proto::scp::card::{CardHello, CardSession};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::scp03::{ChallengeCheck, Open, Scp03};
use cardwright_proto::scp::{CipherFailed, Mode, Options, SecurityLevel, SessionCipher, SoftCipher, Token};
use cardwright_proto::status::StatusWord;

/// Every MAC is zero and encryption does nothing, so that a fuzzer gets past the MAC to what comes behind it.
#[derive(Clone, Copy)]
struct Guessable;

impl SessionCipher for Guessable {
    fn mac(&mut self, _: &[&[u8]]) -> Result<Block, CipherFailed> {
        Ok([0; 16])
    }

    fn rmac(&mut self, _: &[&[u8]]) -> Result<Block, CipherFailed> {
        Ok([0; 16])
    }

    fn encrypt(&mut self, _: Block, _: &mut [u8]) -> Result<(), CipherFailed> {
        Ok(())
    }

    fn decrypt(&mut self, _: Block, _: &mut [u8]) -> Result<(), CipherFailed> {
        Ok(())
    }
}

fn session_keys(host: &Token, card: &Token) -> SoftCipher {
    SoftCipher::derive(&[1; 16], &[2; 16], &Context::session(host, card)).expect("16 bytes")
}

/// An open session. `cipher` gives both ends the same keys.
fn open<C: SessionCipher>(
    level: SecurityLevel,
    mode: Mode,
    cipher: impl Fn(&Token, &Token) -> C,
) -> (Open<C>, CardSession<C>) {
    let token = |byte| Token::cut([byte; 16], mode);
    let (ours, theirs) = (token(3), token(4));
    let options = Options::new(if mode == Mode::S8 { 0x60 } else { 0x61 }).expect("defined options");
    let hello = CardHello { kdd: [0; 10], kvn: 1, options, challenge: theirs, counter: None };
    let mut answer = Vec::new();
    let card = hello.answer(&ours, cipher(&ours, &theirs), &mut answer).expect("keys at work");
    let host = Scp03::start(ours, 1).receive(Response { data: &answer, sw: StatusWord::OK }).expect("our own answer");
    let host = host.authenticate(cipher(&ours, &theirs), ChallengeCheck::Random, level).expect("our own card");
    let card = card.receive(&host.command()).expect("our own host");
    (host.receive(Response { data: &[], sw: StatusWord::OK }).expect("success"), card)
}

/// First byte: security level in the low bits, then S16, then the guessable keys. The rest is for the other end.
fn choose(data: &[u8]) -> Option<(SecurityLevel, Mode, bool, Vec<u8>)> {
    let (choice, raw) = data.split_first()?;
    let level = SecurityLevel::ALL[usize::from(choice & 7) % SecurityLevel::ALL.len()];
    Some((level, if choice & 8 == 0 { Mode::S8 } else { Mode::S16 }, choice & 16 != 0, raw.to_vec()))
}

/// A card's answer to a wrapped command. Under real keys only what needs no MAC is ever accepted.
pub fn unwrap_host(data: &[u8]) {
    let Some((level, mode, guessable, mut raw)) = choose(data) else { return };
    if guessable {
        let len = raw.len();
        if let Some(got) = answer(open(level, mode, |_, _| Guessable).0, &mut raw) {
            assert!(got.len() + 2 <= len);
        }
    } else if let Some(got) = answer(open(level, mode, session_keys).0, &mut raw.clone()) {
        let sw = StatusWord(u16::from_be_bytes([raw[raw.len() - 2], raw[raw.len() - 1]]));
        assert!(!level.r_mac() || (got.is_empty() && !sw.carries_rmac()), "a forged answer was taken");
    }
}

fn answer<C: SessionCipher>(host: Open<C>, raw: &mut [u8]) -> Option<Vec<u8>> {
    let sent = host.wrap(&Command::new(Header::new(0x80, 0xCA, 0, 0), b"data", None), &mut Vec::new());
    let (open, response) = sent.expect("a short command").unwrap(raw).ok()?;
    let data = response.data.to_vec();
    open.wrap(&Command::new(Header::new(0x80, 0xCA, 0, 0), &[], None), &mut Vec::new()).expect("the session goes on");
    Some(data)
}

/// A command for a card. Under real keys none is taken where there has to be a MAC.
pub fn unwrap_card(data: &[u8]) {
    let Some((level, mode, guessable, mut raw)) = choose(data) else { return };
    if guessable {
        let len = raw.len();
        if let Ok(command) = open(level, mode, |_, _| Guessable).1.unwrap(&mut raw) {
            assert!(command.data.len() <= len);
        }
    } else {
        let taken = open(level, mode, session_keys).1.unwrap(&mut raw).is_ok();
        assert!(!taken || !level.c_mac(), "a forged command was taken");
    }
}
