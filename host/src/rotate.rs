//! The key change on one card: durable, journaled, verified, resumable.
//!
//! The order is the promise: the new keys are durable ([`KeptKey`]), then the intent, then authentication, PUT KEY, and
//! a new session under the new keys with an encrypted exchange; only then is the change ended. After a kill or a lost
//! answer at any point the same call finds out from one INITIALIZE UPDATE, offline, which keys the card has, and goes
//! on from there.

use crate::books::Books;
use crate::card::Card;
use crate::error::{Error, RequestError};
use crate::identify::{Greeting, greet};
use crate::session::{Candidate, Choices, Initialized, Opened, Session, initialize};
use crate::world::Entropy;
use cardwright_keys::journal::{Change, OpenChange, Outcome, Record, SetId};
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::vault::{Custody, Vault};
use cardwright_link::Transport;
use cardwright_proto::gp::get_status::{GetStatus, Scope};
use cardwright_proto::gp::key::{Kcv, KeySet, Kvn};
use cardwright_proto::gp::put_key::{BlockForm, PutKey, PutKeyEcho};
use cardwright_proto::gp::{Command as _, GpError};
use cardwright_proto::scp::{ScpError, SecurityLevel, SessionCipher};
use cardwright_proto::status::StatusWord;
use std::slice::from_ref;

/// New keys that outlive this process: whoever makes one of these has made them durable.
#[derive(Clone, Debug)]
pub struct KeptKey(KeyRef);

impl KeptKey {
    /// Runs `make_durable` on the reference; with its success the keys count as kept.
    ///
    /// # Errors
    /// Those of `make_durable`.
    pub fn after<E>(key: KeyRef, make_durable: impl FnOnce(&KeyRef) -> Result<(), E>) -> Result<Self, E> {
        make_durable(&key)?;
        Ok(Self(key))
    }

    /// The reference.
    #[must_use]
    pub const fn key(&self) -> &KeyRef {
        &self.0
    }
}

/// A key change as a person asked for it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The keys that the card has now; with `@KVN`, in that set.
    pub current: KeyRef,
    /// The keys that it is to have.
    pub new: KeptKey,
    /// The number that the new set gets.
    pub target: Kvn,
    /// Replace the present set; else add one.
    pub replace: bool,
    /// The form of the AES key blocks that the card takes.
    pub form: BlockForm,
}

/// What is known of a key on the card after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The card showed that it has it.
    Proved(&'static str),
    /// The card accepted it with its check value, and no session exercises it.
    AcceptedByKcv,
    /// The card took an encrypted command, but nothing authenticates its answer.
    Unauthenticated,
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Proved(how) => write!(f, "proved by {how}"),
            Self::AcceptedByKcv => f.write_str("accepted by KCV, not exercised"),
            Self::Unauthenticated => f.write_str("an encrypted command was accepted, its answer is not authenticated"),
        }
    }
}

/// How the card came to have the new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// PUT KEY was sent in this run.
    Loaded,
    /// An earlier run had sent it; this one found the new keys on the card and finished.
    Finished,
    /// The card had the new keys, and no change was pending.
    AlreadyThere,
}

/// What was done, and what was proved.
#[derive(Clone, Debug)]
pub struct Report {
    /// The change.
    pub change: Change,
    /// How it came about.
    pub path: Path,
    /// Check values of the new keys.
    pub kcvs: KeySet<Kcv>,
    /// What is known of each new key.
    pub proofs: KeySet<Proof>,
    /// The level of the verifying session.
    pub level: SecurityLevel,
    /// What the vault kept inside.
    pub custody: Custody,
    /// The card has a sequence counter whose first value on record is from this run.
    pub first_sight: bool,
}

/// Everything a key change works with.
pub struct Rotation<'r, 'b, T, V, E> {
    /// The card.
    pub card: &'r mut Card<T>,
    /// Where both key references live.
    pub vault: &'r V,
    /// Journal and audit sink.
    pub books: &'r mut Books<'b>,
    /// For challenges.
    pub entropy: &'r mut E,
    /// For all sessions.
    pub choices: &'r Choices,
}

impl<T, V, E> std::fmt::Debug for Rotation<'_, '_, T, V, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rotation").field("choices", self.choices).finish_non_exhaustive()
    }
}

/// Which keys the card turned out to have.
enum Found<V: Vault> {
    Old(Initialized, Candidate<V>),
    New(Initialized, Candidate<V>),
}

/// The card's state and the change that the request comes to on it.
struct Survey<V: Vault> {
    found: Found<V>,
    change: Change,
    new: NewKeys<V>,
}

/// The new keys as they are for this card.
struct NewKeys<V: Vault> {
    keys: V::CardKeys,
    kcvs: KeySet<Kcv>,
}

impl<T: Transport, V: Vault, E: Entropy> Rotation<'_, '_, T, V, E> {
    /// Changes the keys, or finishes a change that was interrupted.
    ///
    /// # Errors
    /// [`Error::Request`] before anything is sent, or before anything is changed; [`Error::NoMatch`] after INITIALIZE
    /// UPDATE; [`Error::EchoMismatch`] where the card answers with other check values (the journal keeps all of it);
    /// [`Error::NotProved`] where it does not prove the new keys. Where [`Error::is_lost`] says so, the same call
    /// again finds out.
    pub fn run(&mut self, request: &Request) -> Result<Report, Error> {
        self.refuse_indistinct_masters(request)?;
        let greeting = greet(self.card, &self.choices.aid)?;
        let Survey { found, change, new } = self.survey(request, &greeting)?;
        match found {
            Found::Old(initialized, candidate) => {
                self.load(request, &greeting, (initialized, candidate), &change, &new)?;
                let (initialized, candidate) = self.under_new_keys(request, &change, &greeting)?;
                self.verify(initialized, candidate, change, Path::Loaded)
            }
            Found::New(initialized, candidate) => {
                let pending = self.books.ledger().open_change(&change.card).is_some();
                let path = if pending { Path::Finished } else { Path::AlreadyThere };
                self.verify(initialized, candidate, change, path)
            }
        }
    }

    /// Where set number and Key-MAC stay the same for every card, no card need be asked.
    fn refuse_indistinct_masters(&self, request: &Request) -> Result<(), Error> {
        if !request.replace || request.current.kvn != Some(request.target) {
            return Ok(());
        }
        let anyone = [0; 10];
        let key_mac = |key| Ok::<_, Error>(self.vault.kcvs(&self.vault.card_keys(key, &anyone)?)?);
        let (old, new) = (key_mac(&request.current)?, key_mac(request.new.key())?);
        if request.current.scheme == request.new.key().scheme && old.mac == new.mac {
            return Err(RequestError::Indistinct.into());
        }
        Ok(())
    }

    /// One INITIALIZE UPDATE tells which keys the card has. A second one is needed only where a set was to be added
    /// beside the old one, and PUT KEY for it had left: then the new number is asked for.
    fn survey(&mut self, request: &Request, greeting: &Greeting) -> Result<Survey<V>, Error> {
        let initialized = match self.initialize(request.current.kvn, greeting) {
            // The named set is gone: the change may have been made already.
            Err(Error::Scp { error: ScpError::InitializeRefused(StatusWord::REFERENCE_NOT_FOUND), .. })
                if request.current.kvn.is_some() =>
            {
                self.initialize(Some(request.target), greeting)?
            }
            other => other?,
        };
        let old = initialized.try_key(self.vault, &request.current)?;
        let new = initialized.try_key(self.vault, request.new.key())?;
        let old_kvn = self.old_kvn(request, &initialized);
        let change = Change {
            card: initialized.card().clone(),
            old: SetId::new(old_kvn, &old.kcvs),
            new: SetId::new(request.target, &new.kcvs),
            replace: request.replace,
            kept_in: request.new.key().to_string(),
        };
        let here = initialized.kvn();
        let new_keys =
            NewKeys { keys: self.vault.card_keys(request.new.key(), &initialized.answer().kdd)?, kcvs: new.kcvs };
        if here == request.target && old_kvn == request.target && old.matched.accepted() && new.matched.accepted() {
            return Err(RequestError::Indistinct.into());
        }
        if here == request.target && new.matched.accepted() {
            return Ok(Survey { found: Found::New(initialized, new), change, new: new_keys });
        }
        if !old.matched.accepted() {
            let tried = format!("{} or {}", request.current, request.new.key());
            return Err(Error::NoMatch { card: change.card, kvn: here, tried });
        }
        let pending = self.books.ledger().open_change(&change.card).cloned();
        if pending.is_some_and(|pending| pending.sent && !pending.change.replace && pending.change == change) {
            if let Some((initialized, candidate)) = self.beside(request, greeting)? {
                return Ok(Survey { found: Found::New(initialized, candidate), change, new: new_keys });
            }
            let initialized = self.initialize(Some(here), greeting)?;
            let old = initialized.try_key(self.vault, &request.current)?;
            return Ok(Survey { found: Found::Old(initialized, old), change, new: new_keys });
        }
        Ok(Survey { found: Found::Old(initialized, old), change, new: new_keys })
    }

    /// The number of the set that the change starts from. Where the card already answers with the target, an earlier
    /// run knows which it was.
    fn old_kvn(&self, request: &Request, initialized: &Initialized) -> Kvn {
        let pending = self.books.ledger().open_change(initialized.card());
        let known = pending.filter(|open| open.change.new.kvn == request.target.byte());
        known
            .and_then(|open| Kvn::on_card(open.change.old.kvn).ok())
            .or(request.current.kvn)
            .unwrap_or(initialized.kvn())
    }

    /// Looks for the new set beside the old one.
    fn beside(&mut self, request: &Request, greeting: &Greeting) -> Result<Option<(Initialized, Candidate<V>)>, Error> {
        let initialized = match self.initialize(Some(request.target), greeting) {
            Err(Error::Scp { error: ScpError::InitializeRefused(StatusWord::REFERENCE_NOT_FOUND), .. }) => {
                return Ok(None);
            }
            other => other?,
        };
        let candidate = initialized.try_key(self.vault, request.new.key())?;
        if candidate.matched.accepted() {
            return Ok(Some((initialized, candidate)));
        }
        let card = initialized.card().clone();
        Err(Error::NoMatch { card, kvn: request.target, tried: request.new.key().to_string() })
    }

    fn initialize(&mut self, kvn: Option<Kvn>, greeting: &Greeting) -> Result<Initialized, Error> {
        initialize(self.card, self.entropy, kvn, self.choices.mode, greeting)
    }

    /// Intent, authentication, PUT KEY, and a look at its echo.
    fn load(
        &mut self,
        request: &Request,
        greeting: &Greeting,
        (initialized, candidate): (Initialized, Candidate<V>),
        change: &Change,
        new: &NewKeys<V>,
    ) -> Result<(), Error> {
        self.check_request(request, &initialized, &candidate, new)?;
        let ahead = self.settle_pending(change)?;
        let here = initialized.kvn();
        let blocks = self.vault.put_key_blocks(&candidate.keys, &new.keys, request.form)?;
        let put_key = PutKey { replace: request.replace.then_some(here), kvn: request.target, blocks };
        self.books.tell("put-key.intended", &change.card, describe(change))?;
        let then = [Record::Sending(change.clone())];
        let opened = initialized.open(self.card, candidate, self.choices, self.books, (&ahead, &then))?;
        let Opened { mut session, .. } = opened;
        let echo = match session.call(&put_key) {
            Err(Error::Gp(GpError::Refused { sw, .. })) => return self.refused(request, greeting, change, sw),
            other => other?,
        };
        if echo == put_key.expected() { Ok(()) } else { Err(self.echo_mismatch(change, &echo)?) }
    }

    /// No MAC protects an error status word: whether PUT KEY was refused, one more INITIALIZE UPDATE tells. Where the
    /// card has the new keys all the same, the change goes on.
    fn refused(
        &mut self,
        request: &Request,
        greeting: &Greeting,
        change: &Change,
        sw: StatusWord,
    ) -> Result<(), Error> {
        let loaded = match self.initialize(Some(request.target), greeting) {
            Ok(initialized) => initialized.try_key(self.vault, request.new.key())?.matched.accepted(),
            Err(Error::Scp { error: ScpError::InitializeRefused(_), .. }) => false,
            Err(error) => return Err(error),
        };
        if loaded {
            return Ok(());
        }
        self.books.append(&[Record::Ended { change: change.clone(), outcome: Outcome::Refused { sw: sw.0 } }])?;
        self.books.tell("put-key.refused", &change.card, sw.to_string())?;
        Err(GpError::Refused { command: PutKey::NAME, sw }.into())
    }

    /// What contradicts itself is refused before anything is written down or sent.
    fn check_request(
        &self,
        request: &Request,
        initialized: &Initialized,
        old: &Candidate<V>,
        new: &NewKeys<V>,
    ) -> Result<(), RequestError> {
        let here = initialized.kvn();
        if request.replace && here == Kvn::INITIAL {
            return Err(RequestError::ReplaceInitial);
        }
        if !request.replace && here == request.target {
            return Err(RequestError::SetExists(here));
        }
        let (old_len, new_len) = (self.vault.key_len(&old.keys), self.vault.key_len(&new.keys));
        if request.replace && old_len != new_len {
            return Err(RequestError::SizeChange { old: old_len, new: new_len });
        }
        if request.replace && here == request.target && old.kcvs.mac == new.kcvs.mac {
            return Err(RequestError::Indistinct);
        }
        Ok(())
    }

    /// The records that go before this change: an earlier one that certainly was not carried out is ended first.
    fn settle_pending(&self, change: &Change) -> Result<Vec<Record>, Error> {
        let intent = Record::Intent(change.clone());
        let Some(OpenChange { change: pending, sent, mismatch }) =
            self.books.ledger().open_change(&change.card).cloned()
        else {
            return Ok(vec![intent]);
        };
        // The old keys were just found. Where they were to be replaced, or nothing had left, nothing has happened.
        let untouched = !sent || (pending.replace && pending.old == change.old);
        if mismatch || (pending != *change && !untouched) {
            let (card, kvn, kept_in) = (pending.card, pending.new.kvn, pending.kept_in);
            return Err(Error::OtherChangePending { card, kvn, kept_in });
        }
        if pending == *change {
            return Ok(vec![intent]);
        }
        Ok(vec![Record::Ended { change: pending, outcome: Outcome::NotLoaded }, intent])
    }

    fn echo_mismatch(&mut self, change: &Change, echo: &PutKeyEcho) -> Result<Error, Error> {
        let got: String = echo.kcvs.iter().map(Kcv::to_string).collect();
        let outcome = Outcome::EchoMismatch { kvn: echo.kvn, kcvs: got.clone() };
        self.books.append(&[Record::Ended { change: change.clone(), outcome }])?;
        self.books.tell("put-key.mismatch", &change.card, format!("set 0x{:02X}, check values {got}", echo.kvn))?;
        Ok(Error::EchoMismatch { card: change.card.clone(), kvn: echo.kvn, got, sent: change.new.clone() })
    }

    /// The first INITIALIZE UPDATE under the new keys.
    fn under_new_keys(
        &mut self,
        request: &Request,
        change: &Change,
        greeting: &Greeting,
    ) -> Result<(Initialized, Candidate<V>), Error> {
        let initialized = self.initialize(Some(request.target), greeting)?;
        let candidate = initialized.try_key(self.vault, request.new.key())?;
        if *initialized.card() != change.card || !candidate.matched.accepted() {
            return Err(Error::NotProved { card: change.card.clone() });
        }
        Ok((initialized, candidate))
    }

    /// A session under the new keys, one encrypted exchange in it, and the end of the change.
    fn verify(
        &mut self,
        initialized: Initialized,
        candidate: Candidate<V>,
        change: Change,
        path: Path,
    ) -> Result<Report, Error> {
        let (kcvs, key_enc) = (candidate.kcvs, candidate.matched.key_enc);
        let choices = Choices { level: None, ..self.choices.clone() };
        let mut opened = initialized.open(self.card, candidate, &choices, self.books, (&[], &[]))?;
        let level = exchange_encrypted(&mut opened.session)?;
        let enc = match (level.r_enc(), key_enc) {
            (true, _) => Proof::Proved("an encrypted exchange"),
            (false, Some(true)) => Proof::Proved("the pseudo-random challenge"),
            _ => Proof::Unauthenticated,
        };
        let proofs = KeySet { enc, mac: Proof::Proved("the card cryptogram"), dek: Proof::AcceptedByKcv };
        if path != Path::AlreadyThere {
            self.books.append(from_ref(&Record::Ended { change: change.clone(), outcome: Outcome::Loaded }))?;
            self.books.tell("put-key.loaded", &change.card, describe(&change))?;
        }
        let (custody, first_sight) = (self.vault.custody(), opened.first_sight);
        Ok(Report { change, path, kcvs, proofs, level, custody, first_sight })
    }
}

/// GET STATUS of the issuer security domain: it has data both ways, so that both directions are encrypted at level 33.
fn exchange_encrypted<T: Transport, C: SessionCipher>(session: &mut Session<'_, T, C>) -> Result<SecurityLevel, Error> {
    let level = session.level().ok_or(Error::SessionOver)?;
    session.call(&GetStatus { scope: Scope::IssuerSecurityDomain, next: false })?;
    Ok(level)
}

fn describe(change: &Change) -> String {
    let Change { old, new, replace, kept_in, .. } = change;
    let how = if *replace { "replacing" } else { "beside" };
    format!("set 0x{:02X} ({}) {how} 0x{:02X} ({}), kept in {kept_in}", new.kvn, new.kcvs, old.kvn, old.kcvs)
}
