//! A host for the tests: bytes to the card, sessions over it.

use cardwright_link::virtual_card::{SmartCard, Torn, VirtualCard};
use cardwright_proto::apdu::exchange::{Exchange, Step};
use cardwright_proto::apdu::{Command, Form, Header, Ne, Response};
use cardwright_proto::block::{AesKey, CmacKey};
use cardwright_proto::gp;
use cardwright_proto::gp::delete_key::DeleteKey;
use cardwright_proto::gp::key::{Kcv, KeySet, Kvn};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock, PutKey};
use cardwright_proto::scp::scp03::{ChallengeCheck, NeedKeys, Open, Scp03};
use cardwright_proto::scp::{Mode, ScpError, SecurityLevel, SoftCipher, Token, kdf};
use cardwright_proto::status::StatusWord;

pub(crate) const ISD: &[u8] = &[0xA0, 0, 0, 1, 0x51, 0, 0, 0];
pub(crate) const ECHO: &[u8] = b"\xF0CWECHO";
pub(crate) const CUSTODIAN: &[u8] = b"\xF0CWCUST";

/// Why something did not happen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Torn,
    Refused(StatusWord),
    Scp(ScpError),
}

impl Failure {
    pub(crate) fn sw(self) -> u16 {
        match self {
            Self::Refused(sw)
            | Self::Scp(ScpError::InitializeRefused(sw) | ScpError::AuthenticateRefused(sw) | ScpError::Ended(sw)) => {
                sw.0
            }
            other => panic!("{other:?} is no refusal"),
        }
    }
}

impl From<Torn> for Failure {
    fn from(Torn: Torn) -> Self {
        Self::Torn
    }
}

impl From<ScpError> for Failure {
    fn from(error: ScpError) -> Self {
        Self::Scp(error)
    }
}

/// Static keys.
#[derive(Clone, Debug)]
pub(crate) struct Keys(pub(crate) KeySet<Vec<u8>>);

impl Keys {
    /// 404142...
    pub(crate) fn test(len: u8) -> Self {
        let key: Vec<u8> = (0x40..0x40 + len).collect();
        Self(KeySet { enc: key.clone(), mac: key.clone(), dek: key })
    }

    /// Three different ones.
    pub(crate) fn made(tag: u8, len: usize) -> Self {
        Self(KeySet { enc: vec![tag; len], mac: vec![tag ^ 0x55; len], dek: vec![tag ^ 0xAA; len] })
    }

    pub(crate) fn kcvs(&self) -> KeySet<Kcv> {
        self.0.as_ref().map(|key| kcv(key))
    }

    pub(crate) fn cipher(&self, need: &NeedKeys) -> SoftCipher {
        SoftCipher::derive(&self.0.enc, &self.0.mac, &need.context()).unwrap()
    }

    /// Whether the card that answered has these keys, all three checks taken together.
    pub(crate) fn fit(&self, need: &NeedKeys, aid: &[u8]) -> bool {
        let expected = self.challenge(need, aid);
        need.try_keys(&mut self.cipher(need), expected.as_ref()).unwrap().accepted()
    }

    pub(crate) fn challenge(&self, need: &NeedKeys, aid: &[u8]) -> Option<Token> {
        let mut enc = CmacKey::new(&self.0.enc).unwrap();
        need.card().counter.map(|counter| kdf::card_challenge(&mut enc, counter, aid, need.card().mode()))
    }

    pub(crate) fn check(&self, need: &NeedKeys, aid: &[u8]) -> ChallengeCheck {
        self.challenge(need, aid)
            .map_or(ChallengeCheck::Random, |expected| ChallengeCheck::PseudoRandom { expected, last_counter: None })
    }
}

pub(crate) fn kcv(key: &[u8]) -> Kcv {
    let mut block = [1; 16];
    AesKey::new(key).unwrap().encrypt_block(&mut block);
    Kcv([block[0], block[1], block[2]])
}

pub(crate) fn block(dek: &[u8], key: &[u8], form: BlockForm) -> KeyBlock {
    let mut ciphertext = key.to_vec();
    ciphertext.resize(key.len().next_multiple_of(16), 0);
    AesKey::new(dek).unwrap().cbc_encrypt(&[0; 16], &mut ciphertext);
    KeyBlock::new(form, u8::try_from(key.len()).unwrap(), &ciphertext, kcv(key))
}

pub(crate) fn put_key(dek: &[u8], replace: Option<u8>, kvn: u8, new: &Keys) -> PutKey {
    PutKey {
        replace: replace.map(|kvn| Kvn::target(kvn).unwrap()),
        kvn: Kvn::target(kvn).unwrap(),
        blocks: new.0.as_ref().map(|key| block(dek, key, BlockForm::WithLength)),
    }
}

/// A card and what is selected on channel 0.
pub(crate) struct Host {
    pub(crate) card: VirtualCard,
    pub(crate) aid: &'static [u8],
    pub(crate) channel: u8,
}

impl Host {
    pub(crate) fn new(profile: &str) -> Self {
        Self { card: VirtualCard::from_profile(profile).unwrap(), aid: ISD, channel: 0 }
    }

    pub(crate) fn raw(&mut self, command: &[u8]) -> Result<Vec<u8>, Torn> {
        let mut response = vec![0xAA; 7];
        self.card.process(command, &mut response)?;
        assert!(response.len() >= 2, "{command:02X?}: {response:02X?}");
        Ok(response)
    }

    /// Sends bytes given in hex and returns data and status word.
    pub(crate) fn hex(&mut self, command: &str) -> (Vec<u8>, u16) {
        let raw = self.raw(&hex::decode(command.replace(' ', "")).unwrap()).unwrap();
        let Response { data, sw } = Response::parse(&raw).unwrap();
        (data.to_vec(), sw.0)
    }

    pub(crate) fn sw(&mut self, command: &str) -> u16 {
        self.hex(command).1
    }

    /// Sends, fetches the rest, and returns all of it with the status word.
    pub(crate) fn send(&mut self, encoded: &[u8]) -> Result<Vec<u8>, Torn> {
        let mut exchange = Exchange::new(&Command::parse(encoded).unwrap());
        let mut all = Vec::new();
        let mut next = encoded.to_vec();
        loop {
            let raw = self.raw(&next)?;
            next = match exchange.receive(&raw, &mut all).unwrap() {
                Step::Done(sw) => {
                    all.extend_from_slice(&sw.0.to_be_bytes());
                    return Ok(all);
                }
                Step::Fetch(header, ne) => Command::new(header, &[], Some(ne)).encode().unwrap(),
                Step::Again(_) => panic!("the card corrects Le"),
            };
        }
    }

    pub(crate) fn select(&mut self, aid: &'static [u8]) {
        let select = Command::new(Header::new(self.channel, 0xA4, 4, 0), aid, Some(Ne::SHORT_MAX));
        assert_eq!(self.raw(&select.encode().unwrap()).unwrap().last_chunk(), Some(&[0x90, 0]));
        self.aid = aid;
    }

    pub(crate) fn initialize(&mut self, kvn: u8, mode: Mode) -> Result<NeedKeys, Failure> {
        let start = Scp03::start(Token::cut([0x5A; 16], mode), kvn);
        let raw = self.send(&self.on_channel(start.command()))?;
        Ok(start.receive(Response::parse(&raw).unwrap())?)
    }

    /// Opens a session; the host's checks of the card are part of it.
    pub(crate) fn open(&mut self, keys: &Keys, kvn: u8, mode: Mode, level: SecurityLevel) -> Result<Session, Failure> {
        let need = self.initialize(kvn, mode)?;
        let check = keys.check(&need, self.aid);
        let cipher = keys.cipher(&need);
        let auth = need.authenticate(cipher, check, level)?;
        let raw = self.send(&self.on_channel(auth.command()))?;
        Ok(Session(Some(auth.receive(Response::parse(&raw).unwrap())?)))
    }

    /// Fails one authentication and returns what the card says to it.
    pub(crate) fn fail(&mut self, kvn: u8, mode: Mode) -> u16 {
        if let Err(refused) = self.initialize(kvn, mode) {
            return refused.sw();
        }
        let len = 2 * u8::try_from(mode.width()).unwrap();
        let mut wrong = vec![0x84, 0x82, 0x01, 0x00, len];
        wrong.resize(5 + usize::from(len), 0xEE);
        let raw = self.raw(&wrong).unwrap();
        u16::from_be_bytes([raw[0], raw[1]])
    }

    pub(crate) fn tries(&mut self, kvn: u8, mode: Mode) -> u32 {
        for tries in 0..=256 {
            match self.fail(kvn, mode) {
                0x6300 => {}
                0x6983 => return tries,
                other => panic!("{other:04X}"),
            }
        }
        panic!("tries without end");
    }

    pub(crate) fn counter(&mut self, kvn: u8) -> u32 {
        self.initialize(kvn, Mode::S8).unwrap().card().counter.unwrap()
    }

    fn on_channel(&self, command: Command<'_>) -> Vec<u8> {
        let mut encoded = command.encode().unwrap();
        encoded[0] |= self.channel;
        encoded
    }
}

/// An open session; gone after the first failure.
pub(crate) struct Session(pub(crate) Option<Open<SoftCipher>>);

impl Session {
    pub(crate) fn send(&mut self, host: &mut Host, command: &Command<'_>) -> Result<(Vec<u8>, u16), Failure> {
        let mut wrapped = Vec::new();
        let mut command = *command;
        command.header.cla |= host.channel;
        let awaiting = self.0.take().unwrap().wrap(&command, &mut wrapped)?;
        let mut raw = host.send(&wrapped)?;
        let (open, response) = awaiting.unwrap(&mut raw)?;
        self.0 = Some(open);
        Ok((response.data.to_vec(), response.sw.0))
    }

    pub(crate) fn command<C: gp::Command>(&mut self, host: &mut Host, command: &C) -> Result<C::Response, Failure> {
        let mut data = Vec::new();
        let (data, sw) = self.send(host, &command.apdu(&mut data))?;
        let sw = StatusWord(sw);
        command.response(Response { data: &data, sw }).map_err(|error| match error {
            gp::GpError::Refused { sw, .. } => Failure::Refused(sw),
            gp::GpError::Pin { .. } => Failure::Refused(sw),
            other => panic!("{other}"),
        })
    }

    pub(crate) fn echo(&mut self, host: &mut Host, p1p2: u16, data: &[u8]) -> Result<(Vec<u8>, u16), Failure> {
        let [p1, p2] = p1p2.to_be_bytes();
        self.send(host, &Command::new(Header::new(0x80, 0xEC, p1, p2), data, Some(Ne::SHORT_MAX)))
    }

    pub(crate) fn pattern(&mut self, host: &mut Host, count: u16, form: Form) -> Result<(Vec<u8>, u16), Failure> {
        let [p1, p2] = count.to_be_bytes();
        let ne = if form == Form::Short { Ne::SHORT_MAX } else { Ne::EXTENDED_MAX };
        self.send(host, &Command::new(Header::new(0x80, 0xEE, p1, p2), &[], Some(ne)))
    }

    pub(crate) fn delete(&mut self, host: &mut Host, kvn: u8) -> Result<(), Failure> {
        self.command(host, &DeleteKey { kvn: Kvn::target(kvn).unwrap() })
    }
}

/// `81 00`, `33`: a level by its byte.
pub(crate) fn level(byte: u8) -> SecurityLevel {
    SecurityLevel::new(byte).unwrap()
}

pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}
