//! The only loop: channel state machine <-> link <-> vault.
//!
//! [`initialize`] asks the card for a session; [`Initialized::try_key`] tests keys offline; [`Initialized::open`] sends
//! EXTERNAL AUTHENTICATE with keys that have passed; [`Session::send`] carries commands. [`open`] does it all with one
//! key reference.

use crate::books::Books;
use crate::card::{Card, Long, command_data, plain};
use crate::error::Error;
use crate::identify::{Greeting, greet};
use crate::world::Entropy;
use cardwright_keys::journal::{CardId, Record, SetId};
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::lifecycle::Use;
use cardwright_keys::vault::{ChallengeInput, Vault, VaultError};
use cardwright_link::Transport;
use cardwright_proto::apdu::{Command, Response};
use cardwright_proto::gp::initialize_update::InitializeUpdate;
use cardwright_proto::gp::key::{Kcv, KeySet, Kvn};
use cardwright_proto::gp::{self};
use cardwright_proto::scp::scp03::{ChallengeCheck, Match, NeedKeys, Open, Scp03};
use cardwright_proto::scp::{Mode, ScpError, SecurityLevel, SessionCipher, Token};
use cardwright_proto::status::StatusWord;
use tracing::debug;

const INITIALIZE: &str = <InitializeUpdate as gp::Command>::NAME;
const AUTHENTICATE: &str = "EXTERNAL AUTHENTICATE";

/// After so many authentications without an answer the next one is refused, unless asked for.
const MAX_UNANSWERED: u32 = 3;

/// What a person has chosen for all sessions of a run.
#[derive(Clone, Debug)]
pub struct Choices {
    /// AID of the application whose channel it is; empty for the issuer security domain.
    pub aid: Vec<u8>,
    /// S8 or S16; `None` tries S8 and, where the card answers 6700, S16.
    pub mode: Option<Mode>,
    /// The security level; `None` for the highest that the card offers.
    pub level: Option<SecurityLevel>,
    /// Authenticate also where the journal says that it may block the card.
    pub accept_risk: bool,
}

/// A card that has answered INITIALIZE UPDATE.
#[derive(Debug)]
pub struct Initialized {
    need: NeedKeys,
    aid: Vec<u8>,
    kvn: Kvn,
    card: CardId,
}

/// Keys tested offline against a card's answer.
pub struct Candidate<V: Vault> {
    /// The card's static keys in the vault.
    pub keys: V::CardKeys,
    /// Their check values.
    pub kcvs: KeySet<Kcv>,
    /// What the card's answer says about them.
    pub matched: Match,
    session: V::Session,
    expected: Option<Token>,
}

/// The candidate that the card has, or all that it has not.
pub(crate) type Tried<V> = Result<Candidate<V>, Vec<Candidate<V>>>;

impl<V: Vault> std::fmt::Debug for Candidate<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candidate").field("kcvs", &self.kcvs).field("matched", &self.matched).finish_non_exhaustive()
    }
}

/// Sends INITIALIZE UPDATE for the set `kvn`, or for the card's default one.
///
/// # Errors
/// [`Error::Link`], [`Error::Blocked`], [`Error::Scp`] with what is wrong with the answer.
pub fn initialize<T: Transport>(
    card: &mut Card<T>,
    entropy: &mut impl Entropy,
    kvn: Option<Kvn>,
    mode: Option<Mode>,
    greeting: &Greeting,
) -> Result<Initialized, Error> {
    let first = initialize_in(card, entropy, kvn, mode.unwrap_or(Mode::S8));
    let need = match first {
        // A card in S16 refuses an 8-byte challenge as too short; nothing was spent.
        Err(ScpRefusal::Length) if mode.is_none() => initialize_in(card, entropy, kvn, Mode::S16),
        other => other,
    };
    let need = need.map_err(|refusal| match refusal {
        ScpRefusal::Length => Error::scp(INITIALIZE)(ScpError::InitializeRefused(StatusWord::WRONG_LENGTH)),
        ScpRefusal::Other(error) => *error,
    })?;
    let kvn = Kvn::on_card(need.card().kvn)
        .map_err(|error| Error::scp(INITIALIZE)(ScpError::Kvn { asked: kvn.map_or(0, Kvn::byte), got: error.0 }))?;
    let card = CardId::new(&need.card().kdd, greeting.chip.as_ref());
    Ok(Initialized { need, aid: greeting.aid.clone(), kvn, card })
}

/// Selects the application, and opens a session with these keys after they have passed the offline test.
///
/// # Errors
/// As [`greet`], [`initialize`], [`Initialized::try_key`] and [`Initialized::open`]; [`Error::NoMatch`] where the card
/// has other keys.
pub fn open<'c, T: Transport, V: Vault>(
    card: &'c mut Card<T>,
    entropy: &mut impl Entropy,
    (vault, key): (&V, &KeyRef),
    choices: &Choices,
    books: &mut Books<'_>,
) -> Result<Opened<'c, T, V>, Error> {
    let greeting = greet(card, &choices.aid)?;
    open_greeted(card, entropy, (vault, key), choices, books, &greeting)
}

/// The same with an application that is selected already.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_greeted<'c, T: Transport, V: Vault>(
    card: &'c mut Card<T>,
    entropy: &mut impl Entropy,
    (vault, key): (&V, &KeyRef),
    choices: &Choices,
    books: &mut Books<'_>,
    greeting: &Greeting,
) -> Result<Opened<'c, T, V>, Error> {
    // Before anything is sent: keys that may not serve spend nothing of the card.
    let versions = vault.versions(key, Use::Process)?;
    let initialized = initialize(card, entropy, key.kvn, choices.mode, greeting)?;
    let Some(candidate) = initialized.try_versions(vault, &versions)?.ok() else {
        vault.withheld(key, Use::Process)?;
        let (card, kvn) = (initialized.card, initialized.kvn);
        return Err(Error::NoMatch { card, kvn, tried: key.to_string() });
    };
    initialized.open(card, candidate, choices, books, (&[], &[]))
}

/// 6700 is set apart: it may be the other mode's way to say so.
enum ScpRefusal {
    Length,
    Other(Box<Error>),
}

impl From<Error> for ScpRefusal {
    fn from(error: Error) -> Self {
        Self::Other(Box::new(error))
    }
}

fn initialize_in<T: Transport>(
    card: &mut Card<T>,
    entropy: &mut impl Entropy,
    kvn: Option<Kvn>,
    mode: Mode,
) -> Result<NeedKeys, ScpRefusal> {
    let mut challenge = [0; 16];
    entropy.fill(&mut challenge)?;
    let start = Scp03::start(Token::cut(challenge, mode), kvn.map_or(0, Kvn::byte));
    let response = card.transmit(INITIALIZE, &start.command())?;
    match response.sw {
        StatusWord::WRONG_LENGTH => return Err(ScpRefusal::Length),
        StatusWord::BLOCKED => return Err(Error::Blocked(response.sw).into()),
        _ => {}
    }
    Ok(start.receive(response).map_err(Error::scp(INITIALIZE))?)
}

impl Initialized {
    /// The card, as the journal names it.
    #[must_use]
    pub const fn card(&self) -> &CardId {
        &self.card
    }

    /// The same where the chip has become known: a list names it, or the card was asked meanwhile.
    pub(crate) fn of_chip(mut self, chip: Option<[u8; 12]>) -> Self {
        self.card = CardId::new(&self.need.card().kdd, chip.as_ref());
        self
    }

    /// The set that answered.
    #[must_use]
    pub const fn kvn(&self) -> Kvn {
        self.kvn
    }

    /// The card's whole answer.
    #[must_use]
    pub const fn answer(&self) -> &gp::initialize_update::Initialized {
        self.need.card()
    }

    /// Tries keys against the card's answer. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::Vault`], [`Error::Scp`] where the keeper of the session keys fails.
    pub fn try_key<V: Vault>(&self, vault: &V, key: &KeyRef) -> Result<Candidate<V>, Error> {
        let answer = self.need.card();
        let keys = vault.card_keys(key, &answer.kdd)?;
        let mut session = vault.session(&keys, &self.need.context())?;
        let input = |counter| ChallengeInput { counter, aid: &self.aid, mode: answer.mode() };
        let expected = answer.counter.map(|counter| vault.card_challenge(&keys, &input(counter))).transpose()?;
        let matched = self.need.try_keys(&mut session, expected.as_ref())?;
        let kcvs = vault.kcvs(&keys)?;
        Ok(Candidate { keys, kcvs, matched, session, expected })
    }

    /// Tries one key after the other: the first that the card has, or else all that it has not.
    ///
    /// # Errors
    /// As [`Self::try_key`].
    pub(crate) fn try_versions<V: Vault>(&self, vault: &V, keys: &[KeyRef]) -> Result<Tried<V>, Error> {
        let mut refused = Vec::with_capacity(keys.len());
        let mut missing = None;
        for key in keys {
            let candidate = match self.try_key(vault, key) {
                // One version that its vault has lost does not take the others with it.
                Err(error @ Error::Vault(VaultError::UnknownKey(_))) => {
                    missing = Some(error);
                    continue;
                }
                other => other?,
            };
            if candidate.matched.accepted() {
                return Ok(Ok(candidate));
            }
            refused.push(candidate);
        }
        match missing {
            Some(error) if refused.is_empty() => Err(error),
            _ => Ok(Err(refused)),
        }
    }

    /// Authenticates with keys that have passed the offline test.
    ///
    /// The counter, what is to come (`ahead`) and the attempt are on record before EXTERNAL AUTHENTICATE leaves; its
    /// outcome and what follows it (`then`) afterwards, each at the cost of one fsync.
    ///
    /// # Errors
    /// [`Error::AtRisk`] where the journal knows of failures; [`Error::Scp`] for a failed check, a lower counter, or a
    /// refusal; [`Error::Journal`], [`Error::Link`].
    pub fn open<'c, T: Transport, V: Vault>(
        self,
        card: &'c mut Card<T>,
        candidate: Candidate<V>,
        choices: &Choices,
        books: &mut Books<'_>,
        (ahead, then): (&[Record], &[Record]),
    ) -> Result<Opened<'c, T, V>, Error> {
        let set = SetId::new(self.kvn, &candidate.kcvs);
        let ledger = books.ledger(&self.card)?;
        let failures = ledger.failures;
        if !choices.accept_risk && (failures.refused > 0 || failures.unanswered >= MAX_UNANSWERED) {
            let (refused, unanswered) = (failures.refused, failures.unanswered);
            return Err(Error::AtRisk { card: self.card, refused, unanswered });
        }
        let counter = self.need.card().counter;
        let last_counter = ledger.last_counter(&set);
        let check = candidate
            .expected
            .map_or(ChallengeCheck::Random, |expected| ChallengeCheck::PseudoRandom { expected, last_counter });
        let level = choices.level.unwrap_or_else(|| self.need.card().options.highest());
        let ready = self.need.authenticate(candidate.session, check, level).map_err(Error::scp(INITIALIZE))?;
        let (id, card_id) = (set, self.card);
        let mut records = Vec::with_capacity(2 + ahead.len());
        records.extend(counter.map(|counter| Record::Counter { card: card_id.clone(), set: id.clone(), counter }));
        records.extend_from_slice(ahead);
        records.push(Record::Authenticating { card: card_id.clone(), set: id.clone() });
        books.append(&records)?;
        let response = card.transmit(AUTHENTICATE, &ready.command())?;
        let open = match ready.receive(response) {
            Ok(open) => open,
            Err(ScpError::AuthenticateRefused(sw)) => {
                books.append(&[Record::AuthenticationRefused { card: card_id.clone(), set: id, sw: sw.0 }])?;
                books.tell("authentication.refused", &card_id, format!("{sw}"))?;
                return Err(Error::scp(AUTHENTICATE)(ScpError::AuthenticateRefused(sw)));
            }
            Err(error) => return Err(Error::scp(AUTHENTICATE)(error)),
        };
        let mut records = vec![Record::Authenticated { card: card_id.clone(), set: id }];
        records.extend_from_slice(then);
        books.append(&records)?;
        debug!("session open at level {:02X}", level.byte());
        let first_sight = counter.is_some() && last_counter.is_none();
        let session = Session { card, open: Some(open), wire: Vec::with_capacity(300), long: Long::default() };
        Ok(Opened { session, card: card_id, keys: candidate.keys, first_sight })
    }
}

/// A session, with what opening it told.
pub struct Opened<'c, T, V: Vault> {
    /// The open session.
    pub session: Session<'c, T, V::Session>,
    /// The card, as the journal names it.
    pub card: CardId,
    /// The card's static keys in the vault.
    pub keys: V::CardKeys,
    /// The card has a sequence counter, and this is the first value on record: a replay before it cannot be noticed.
    pub first_sight: bool,
}

impl<T, V: Vault> std::fmt::Debug for Opened<'_, T, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("first_sight", &self.first_sight).finish_non_exhaustive()
    }
}

/// An open secure channel session. After an error it is over, and its keys are wiped.
#[derive(Debug)]
pub struct Session<'c, T, C> {
    card: &'c mut Card<T>,
    open: Option<Open<C>>,
    wire: Vec<u8>,
    long: Long,
}

impl<T: Transport, C: SessionCipher> Session<'_, T, C> {
    /// Chooses how long commands travel.
    #[must_use]
    pub fn with_long(mut self, long: Long) -> Self {
        self.long = long;
        self
    }

    /// What the session protects; `None` when it is over.
    #[must_use]
    pub fn level(&self) -> Option<SecurityLevel> {
        self.open.as_ref().map(Open::level)
    }

    /// The most data that fits one short command of it, in bytes; `None` when it is over.
    #[must_use]
    pub fn short_capacity(&self) -> Option<usize> {
        self.open.as_ref().map(|open| open.level().short_capacity(open.mode()))
    }

    /// Wraps a command, sends it, and unwraps the answer.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Link`], [`Error::Apdu`], [`Error::Scp`]. An error status word is none.
    pub fn send(&mut self, name: &'static str, command: &Command<'_>) -> Result<Response<'_>, Error> {
        debug!(">> {}", plain(command));
        let open = self.open.take().ok_or(Error::SessionOver)?;
        let waiting = open.wrap(command, &mut self.wire).map_err(Error::scp(name))?;
        let answer = self.card.exchange(name, &self.wire, self.long)?;
        let (open, response) = waiting.unwrap(answer).map_err(Error::scp(name))?;
        debug!("<< {} bytes, {}", response.data.len(), response.sw);
        self.open = Some(open);
        Ok(response)
    }

    /// Sends a GlobalPlatform command through the channel and reads its answer.
    ///
    /// # Errors
    /// As [`Self::send`], and [`Error::Gp`].
    pub fn call<G: gp::Command>(&mut self, command: &G) -> Result<G::Response, Error> {
        let mut data = command_data();
        let apdu = command.apdu(&mut data);
        Ok(command.response(self.send(G::NAME, &apdu)?)?)
    }
}
