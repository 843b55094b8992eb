//! The card's one secure channel session, from INITIALIZE UPDATE to its end (AmdD 6, CS 10.2).
//!
//! It belongs to the logical channel that opened it, and to the application selected there. While it is open, another
//! channel cannot start one (6985).

use super::challenge::Generator;
use super::personal::Blocks;
use super::store::{SetInfo, Slot, Store};
use super::{Stop, Torn};
use cardwright_proto::apdu::Command;
use cardwright_proto::apdu::class::Class;
use cardwright_proto::block::{AesKey, CmacKey};
use cardwright_proto::gp::initialize_update::InitializeUpdate;
use cardwright_proto::scp::card::{AwaitAuthentication, CardHello, CardSession};
use cardwright_proto::scp::kdf::{self, Context};
use cardwright_proto::scp::{SecurityLevel, SoftCipher, Token};
use cardwright_proto::status::StatusWord;
use std::mem;

/// Where the session stands.
#[derive(Default)]
pub(super) enum Secure {
    /// There is none.
    #[default]
    Closed,
    /// INITIALIZE UPDATE has been answered.
    Awaiting(Awaiting),
    /// The host is authenticated.
    Open(Box<OpenSession>),
}

/// Between INITIALIZE UPDATE and EXTERNAL AUTHENTICATE.
pub(super) struct Awaiting {
    channel: u8,
    slot: Slot,
    kvn: u8,
    state: AwaitAuthentication<SoftCipher>,
}

/// An open session. Its keys stay what they were, whatever becomes of the set in memory.
pub(super) struct OpenSession {
    channel: u8,
    pub(super) kvn: u8,
    pub(super) key_len: u8,
    /// The static Key-DEK: SCP03 derives none for the session.
    pub(super) dek: AesKey,
    pub(super) messages: CardSession<SoftCipher>,
    /// What STORE DATA has brought so far.
    pub(super) blocks: Blocks,
}

/// A key of impossible length, or a cipher that fails: memory that no card leaves behind.
fn broken<E>(_: E) -> StatusWord {
    StatusWord(0x6400)
}

impl Secure {
    /// The open session of this channel.
    pub(super) fn open_on(&mut self, channel: u8) -> Option<&mut OpenSession> {
        match self {
            Self::Open(session) if session.channel == channel => Some(session),
            _ => None,
        }
    }

    /// The level of the open session of this channel.
    pub(super) fn level_on(&self, channel: u8) -> Option<SecurityLevel> {
        match self {
            Self::Open(session) if session.channel == channel => Some(session.messages.level()),
            _ => None,
        }
    }

    /// Ends what belongs to this channel.
    pub(super) fn end_on(&mut self, channel: u8) {
        match self {
            Self::Awaiting(awaiting) if awaiting.channel == channel => *self = Self::Closed,
            Self::Open(session) if session.channel == channel => *self = Self::Closed,
            _ => {}
        }
    }

    /// INITIALIZE UPDATE (AmdD 7.1.1). `aid` names the application that asks.
    ///
    /// 6A86 P2, 6700 a challenge of the other mode's length, 6A88 no such set, 6983 no tries left, 6982 the sequence
    /// counter is at its end, 6985 a session is open on another channel.
    pub(super) fn initialize(
        &mut self,
        (store, challenges): (&mut Store, &mut dyn Generator),
        (channel, aid): (u8, &[u8]),
        command: &Command<'_>,
        out: &mut Vec<u8>,
    ) -> Result<StatusWord, Stop> {
        self.end_on(channel);
        if matches!(self, Self::Open(_)) {
            return Err(StatusWord::CONDITIONS.into());
        }
        if command.header.p2 != 0 {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        let (options, kdd) = (store.identity().options, store.identity().kdd);
        let request = InitializeUpdate::from_command(command)
            .filter(|request| request.challenge.mode() == options.mode())
            .ok_or(StatusWord::WRONG_LENGTH)?;
        let set = if request.kvn == 0 { store.default_set() } else { store.find(request.kvn) };
        let set = set.ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        if set.tries == 0 {
            return Err(StatusWord::BLOCKED.into());
        }
        let (challenge, counter) = if options.pseudo_random() {
            let counter = store.advance_counter(set.slot)?;
            let mut key_enc = CmacKey::new(store.keys(&set).enc).map_err(broken)?;
            (kdf::card_challenge(&mut key_enc, counter, aid, options.mode()), Some(counter))
        } else {
            (Token::cut(challenges.next()?, options.mode()), None)
        };
        let keys = store.keys(&set);
        let context = Context::session(&request.challenge, &challenge);
        let cipher = SoftCipher::derive(keys.enc, keys.mac, &context).map_err(broken)?;
        let hello = CardHello { kdd, kvn: set.kvn, options, challenge, counter };
        let state = hello.answer(&request.challenge, cipher, out).map_err(broken)?;
        *self = Self::Awaiting(Awaiting { channel, slot: set.slot, kvn: set.kvn, state });
        Ok(StatusWord::OK)
    }

    /// EXTERNAL AUTHENTICATE (AmdD 7.1.2). The try is gone, durably, before anything is compared.
    ///
    /// 6985 without an INITIALIZE UPDATE on this channel, 6982 without secure messaging, 6A86 a level that the card
    /// does not offer, 6700 a wrong length: these cost no try. 6983 no tries left, 6300 wrong cryptogram or MAC. The
    /// challenge is used up in any case.
    pub(super) fn authenticate(
        &mut self,
        store: &mut Store,
        class: Class,
        command: &Command<'_>,
    ) -> Result<StatusWord, Stop> {
        let awaiting = match mem::take(self) {
            Self::Awaiting(awaiting) if awaiting.channel == class.channel => awaiting,
            other => {
                *self = other;
                return Err(StatusWord::CONDITIONS.into());
            }
        };
        let Awaiting { channel, slot, kvn, state } = awaiting;
        let options = store.identity().options;
        if !class.secured {
            return Err(StatusWord::SECURITY_STATUS.into());
        }
        let offered = SecurityLevel::new(command.header.p1).is_ok_and(|level| options.allows(level));
        if !offered || command.header.p2 != 0 {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        if command.data.len() != 2 * options.mode().width() {
            return Err(StatusWord::WRONG_LENGTH.into());
        }
        store.take_try(slot)?;
        let messages = state.receive(command).map_err(|_| StatusWord::AUTHENTICATION_FAILED)?;
        store.restore_tries(slot)?;
        let set = store.find(kvn).ok_or(Torn)?;
        *self = Self::Open(Box::new(OpenSession::new(channel, &set, store, messages)?));
        Ok(StatusWord::OK)
    }
}

impl OpenSession {
    fn new(channel: u8, set: &SetInfo, store: &Store, messages: CardSession<SoftCipher>) -> Result<Self, Stop> {
        let dek = AesKey::new(store.keys(set).dek).map_err(broken)?;
        Ok(Self { channel, kvn: set.kvn, key_len: set.key_len, dek, messages, blocks: Blocks::default() })
    }
}
