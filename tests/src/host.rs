//! A host for tests that want more than the program lets them: any bytes, any order, wrong keys, and the checks of the
//! protocol crate on what comes back.

use cardwright_link::{LinkError, Transport};
use cardwright_proto::apdu::{Command, Header, Ne, Response};
use cardwright_proto::block::{AesKey, CmacKey};
use cardwright_proto::gp;
use cardwright_proto::gp::key::{Kcv, KeySet, Kvn};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock, PutKey};
use cardwright_proto::scp::scp03::{ChallengeCheck, NeedKeys, Open, Scp03};
use cardwright_proto::scp::{Mode, ScpError, SecurityLevel, SoftCipher, Token, kdf};
use cardwright_proto::status::StatusWord;

/// The issuer security domain.
pub const ISD: &[u8] = &[0xA0, 0, 0, 1, 0x51, 0, 0, 0];
/// The echo applet.
pub const ECHO: &[u8] = b"\xF0CWECHO";
/// The custodian applet.
pub const CUSTODIAN: &[u8] = b"\xF0CWCUST";

/// Why there is no answer to work with.
#[derive(Debug)]
pub enum Failure {
    /// The card lost power, or the line broke.
    Lost,
    /// A status word that is no success.
    Refused(u16),
    /// What came back does not pass the protocol's checks.
    Scp(ScpError),
}

impl Failure {
    /// The status word of a refusal, also one that ended the session.
    #[must_use]
    #[track_caller]
    pub fn sw(&self) -> u16 {
        match self {
            Self::Refused(sw) => *sw,
            Self::Scp(ScpError::InitializeRefused(sw) | ScpError::AuthenticateRefused(sw) | ScpError::Ended(sw)) => {
                sw.0
            }
            other => panic!("{other:?} is no refusal"),
        }
    }
}

impl From<ScpError> for Failure {
    fn from(error: ScpError) -> Self {
        Self::Scp(error)
    }
}

/// Static keys of a set.
#[derive(Clone, Debug)]
pub struct Keys(pub KeySet<Vec<u8>>);

impl Keys {
    /// The public test keys 404142.., of 16, 24 or 32 bytes.
    #[must_use]
    pub fn test(len: u8) -> Self {
        let key: Vec<u8> = (0x40..0x40 + len).collect();
        Self(KeySet { enc: key.clone(), mac: key.clone(), dek: key })
    }

    /// Three different ones.
    #[must_use]
    pub fn made(tag: u8, len: usize) -> Self {
        Self(KeySet { enc: vec![tag; len], mac: vec![tag ^ 0x55; len], dek: vec![tag ^ 0xAA; len] })
    }

    /// PUT KEY of this set under a card's Key-DEK.
    #[must_use]
    pub fn put(&self, dek: &[u8], replace: Option<u8>, kvn: u8) -> PutKey {
        PutKey {
            replace: replace.map(|kvn| Kvn::target(kvn).expect("a KVN")),
            kvn: Kvn::target(kvn).expect("a KVN"),
            blocks: self.0.as_ref().map(|key| block(dek, key)),
        }
    }

    fn check(&self, need: &NeedKeys, aid: &[u8]) -> ChallengeCheck {
        let mut enc = CmacKey::new(&self.0.enc).expect("a key");
        need.card().counter.map_or(ChallengeCheck::Random, |counter| ChallengeCheck::PseudoRandom {
            expected: kdf::card_challenge(&mut enc, counter, aid, need.card().mode()),
            last_counter: None,
        })
    }
}

fn block(dek: &[u8], key: &[u8]) -> KeyBlock {
    let mut check = [1; 16];
    AesKey::new(key).expect("a key").encrypt_block(&mut check);
    let mut ciphertext = key.to_vec();
    ciphertext.resize(key.len().next_multiple_of(16), 0);
    AesKey::new(dek).expect("a key").cbc_encrypt(&[0; 16], &mut ciphertext);
    let len = u8::try_from(key.len()).expect("16 to 32");
    KeyBlock::new(BlockForm::WithLength, len, &ciphertext, Kcv([check[0], check[1], check[2]]))
}

/// A host on a card's basic channel.
#[derive(Debug)]
pub struct Host<T> {
    /// The line to the card.
    pub link: T,
    /// What is selected, as far as this host did it.
    pub aid: Vec<u8>,
    session: Option<Open<SoftCipher>>,
    challenges: u64,
}

impl<T: Transport> Host<T> {
    /// Begins with the security domain selected and no session.
    pub fn new(link: T) -> Self {
        Self { link, aid: ISD.to_vec(), session: None, challenges: 0 }
    }

    /// Resets the card.
    ///
    /// # Errors
    /// [`Failure::Lost`]
    pub fn reset(&mut self) -> Result<(), Failure> {
        self.aid = ISD.to_vec();
        self.session = None;
        self.link.reset().map_err(|_| Failure::Lost)
    }

    /// Any bytes; data and status word.
    ///
    /// # Errors
    /// [`Failure::Lost`]
    pub fn raw(&mut self, command: &[u8]) -> Result<(Vec<u8>, u16), Failure> {
        let mut answer = Vec::new();
        match self.link.transmit(command, &mut answer) {
            Ok(()) => {}
            Err(LinkError::Lost(_) | LinkError::Down(_) | LinkError::NoCard(_)) => return Err(Failure::Lost),
            Err(other) => panic!("{other}"),
        }
        let response = Response::parse(&answer).expect("two bytes or more");
        Ok((response.data.to_vec(), response.sw.0))
    }

    /// Bytes in hex; data and status word.
    #[track_caller]
    pub fn hex(&mut self, command: &str) -> (Vec<u8>, u16) {
        self.raw(&hex::decode(command.replace(' ', "")).expect("hex")).expect("an answer")
    }

    /// Selects; the session is over.
    ///
    /// # Errors
    /// [`Failure::Lost`], [`Failure::Refused`]
    pub fn select(&mut self, aid: &[u8]) -> Result<Vec<u8>, Failure> {
        self.session = None;
        let select = Command::new(Header::new(0, 0xA4, 4, 0), aid, Some(Ne::SHORT_MAX));
        let (fci, sw) = self.raw(&select.encode().expect("short"))?;
        if sw != 0x9000 {
            return Err(Failure::Refused(sw));
        }
        self.aid = aid.to_vec();
        Ok(fci)
    }

    /// INITIALIZE UPDATE, with a challenge that is another one each time.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn initialize(&mut self, kvn: u8, mode: Mode) -> Result<NeedKeys, Failure> {
        self.session = None;
        self.challenges += 1;
        let mut challenge = [0x5A; 16];
        challenge[..8].copy_from_slice(&self.challenges.to_be_bytes());
        let start = Scp03::start(Token::cut(challenge, mode), kvn);
        let (mut data, sw) = self.raw(&start.command().encode().expect("short"))?;
        data.extend_from_slice(&sw.to_be_bytes());
        Ok(start.receive(Response::parse(&data).expect("parsed before"))?)
    }

    /// Opens a session; all of the host's checks are made.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn open(&mut self, keys: &Keys, kvn: u8, mode: Mode, level: u8) -> Result<(), Failure> {
        let need = self.initialize(kvn, mode)?;
        self.authenticate(need, keys, level)
    }

    /// EXTERNAL AUTHENTICATE.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn authenticate(&mut self, need: NeedKeys, keys: &Keys, level: u8) -> Result<(), Failure> {
        let check = keys.check(&need, &self.aid);
        let cipher = SoftCipher::derive(&keys.0.enc, &keys.0.mac, &need.context()).expect("keys");
        let level = SecurityLevel::new(level).expect("a level");
        let auth = need.authenticate(cipher, check, level)?;
        let (mut data, sw) = self.raw(&auth.command().encode().expect("short"))?;
        data.extend_from_slice(&sw.to_be_bytes());
        self.session = Some(auth.receive(Response::parse(&data).expect("parsed before"))?);
        Ok(())
    }

    /// The level of the open session.
    #[must_use]
    pub fn level(&self) -> Option<u8> {
        self.session.as_ref().map(|session| session.level().byte())
    }

    /// Forgets the session, and says nothing to the card.
    pub fn forget(&mut self) {
        self.session = None;
    }

    /// A command in the session; the session is over after a failed check.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn send(&mut self, command: &Command<'_>) -> Result<(Vec<u8>, u16), Failure> {
        let mut wrapped = Vec::new();
        let waiting = self.session.take().expect("a session").wrap(command, &mut wrapped)?;
        let (mut data, sw) = self.raw(&wrapped)?;
        data.extend_from_slice(&sw.to_be_bytes());
        let (open, response) = waiting.unwrap(&mut data)?;
        self.session = Some(open);
        Ok((response.data.to_vec(), response.sw.0))
    }

    /// A command of the protocol crate, in the session if there is one.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn call<C: gp::Command>(&mut self, command: &C) -> Result<C::Response, Failure> {
        let mut data = Vec::new();
        let plain = command.apdu(&mut data);
        let (data, sw) = match self.session {
            Some(_) => self.send(&plain)?,
            None => self.raw(&plain.encode().expect("short"))?,
        };
        command.response(Response { data: &data, sw: StatusWord(sw) }).map_err(|error| match error {
            gp::GpError::Refused { sw, .. } => Failure::Refused(sw.0),
            other => panic!("{other}"),
        })
    }
}
