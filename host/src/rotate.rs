//! The key change on one card: durable, journaled, verified, resumable.
//!
//! The order is the promise: the new keys are durable ([`KeptKey`]), then the intent, then authentication, PUT KEY, and
//! a new session under the new keys with an encrypted exchange; only then is the change ended. After a kill or a lost
//! answer at any point the same call finds out from one INITIALIZE UPDATE, offline, which keys the card has, and goes
//! on from there.

mod exchange;
mod prove;

pub use exchange::Proof;
pub use prove::{Path, Report};

use crate::books::Books;
use crate::card::Card;
use crate::error::{Error, RequestError};
use crate::identify::{Greeting, greet};
use crate::session::{Candidate, Choices, Initialized, Opened, initialize};
use crate::world::Entropy;
use cardwright_keys::journal::{CardId, Change, OpenChange, Outcome, Record, SetId};
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::lifecycle::Use;
use cardwright_keys::vault::Vault;
use cardwright_link::Transport;
use cardwright_proto::gp::key::{Kcv, Kvn};
use cardwright_proto::gp::put_key::{BlockForm, PutKey, PutKeyEcho};
use cardwright_proto::gp::{Command as _, GpError};
use cardwright_proto::scp::ScpError;
use cardwright_proto::status::StatusWord;
use exchange::Exchange;
use prove::{Changed, describe, end, prove};

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
    /// End another change of this card that is pending, where the card proves that it has its old keys.
    pub abandon_pending: bool,
    /// The form of the AES key blocks that the card takes.
    pub form: BlockForm,
}

impl Request {
    /// Whether that set would have the new one beside it: the initial one goes, and a replaced one does.
    fn adds_beside(&self, here: Kvn) -> bool {
        !self.replace && here != Kvn::INITIAL && here != self.target
    }
}

/// A card that has answered INITIALIZE UPDATE to a caller who wanted to know which card it is before anything is changed.
#[derive(Debug)]
pub struct Met {
    /// The selected application, and the chip.
    pub greeting: Greeting,
    /// The card's answer.
    pub initialized: Initialized,
    /// Nothing on record says that the card was ever to get the target set: it is not asked for that set first. Where it
    /// has one all the same, it refuses PUT KEY.
    pub fresh: bool,
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
    Old { initialized: Initialized, old: Candidate<V>, new: Candidate<V> },
    New { initialized: Initialized, new: Candidate<V> },
}

/// Which set answered first.
enum Answered {
    Target(Initialized),
    Other(Initialized),
}

/// The card's state and the change that the request comes to on it.
struct Survey<V: Vault> {
    found: Found<V>,
    change: Change,
}

impl<'r, T: Transport, V: Vault, E: Entropy> Rotation<'r, '_, T, V, E> {
    /// Changes the keys, or finishes a change that was interrupted.
    ///
    /// # Errors
    /// [`Error::Request`] before anything is sent, or before anything is changed; [`Error::NoMatch`] after INITIALIZE
    /// UPDATE; [`Error::EchoMismatch`] where the card answers with other check values (the journal keeps all of it);
    /// [`Error::NotProved`] where it does not prove the new keys. Where [`Error::is_lost`] says so, the same call
    /// again finds out.
    pub fn run(&mut self, request: &Request) -> Result<Report, Error> {
        // Before anything is sent: keys that may not serve spend nothing of the card.
        check(self.vault, request)?;
        let greeting = greet(self.card, &self.choices.aid)?;
        let survey = self.survey(request, &greeting, None)?;
        let changed = self.change(request, &greeting, survey)?;
        Ok(prove(self.card, self.vault, self.books, self.choices, changed, Exchange::Status)?.0)
    }

    /// The same with a card that was met already, and the session under the new keys stays open. In it the card says once
    /// more which chip it is.
    ///
    /// # Errors
    /// As [`Self::run`]; [`Error::OtherCard`] where another card answers than was met.
    pub fn run_on(mut self, request: &Request, met: Met) -> Result<(Report, Opened<'r, T, V>), Error> {
        let Met { greeting, initialized, fresh } = met;
        let met = initialized.card().clone();
        let survey = self.survey(request, &greeting, Some((initialized, fresh)))?;
        same_card(&met, &survey.change.card)?;
        let changed = self.change(request, &greeting, survey)?;
        let Self { card, vault, books, choices, .. } = self;
        prove(card, vault, books, choices, changed, Exchange::Chip)
    }

    /// Sees to it that the card has the new keys.
    fn change(&mut self, request: &Request, greeting: &Greeting, survey: Survey<V>) -> Result<Changed<V>, Error> {
        let Survey { found, change } = survey;
        match found {
            Found::Old { initialized, old, new } => {
                let dek = self.load(request, greeting, (initialized, old), &change, &new)?;
                let (initialized, new) = self.under_new_keys(request, &change, greeting)?;
                Ok(Changed { initialized, new, change, path: Path::Loaded, dek })
            }
            Found::New { initialized, new } => {
                let (path, dek) = match self.pending(&change.card)?.filter(|open| open.change.aims_as(&change)) {
                    // The card checks each block's check value before it stores it, so that its Key-DEK is the one sent.
                    Some(open) if open.sent => (Path::Finished, Proof::AcceptedByKcv),
                    Some(_) => (Path::Finished, Proof::NotVerified),
                    None => (Path::AlreadyThere, Proof::NotVerified),
                };
                Ok(Changed { initialized, new, change, path, dek })
            }
        }
    }

    /// One INITIALIZE UPDATE tells which keys the card has. A second one is needed only where a set is to be added beside
    /// another one: then the new number is asked for first, because the card may have that set already.
    fn survey(
        &mut self,
        request: &Request,
        greeting: &Greeting,
        met: Option<(Initialized, bool)>,
    ) -> Result<Survey<V>, Error> {
        let Request { current, target, .. } = request;
        let asked = met.is_none();
        let initialized = match met {
            Some((initialized, true)) => return self.weigh(request, initialized),
            Some((initialized, false)) => initialized,
            None => match self.first_answer(request, greeting)? {
                Answered::Target(initialized) => return self.weigh(request, initialized),
                Answered::Other(initialized) => initialized,
            },
        };
        let here = initialized.kvn();
        let sent =
            self.pending(initialized.card())?.is_some_and(|open| open.sent && open.change.new.kvn == target.byte());
        // The initial set goes when another comes: where it answers a caller who met the card, there is no other.
        let sent = sent && (asked || here != Kvn::INITIAL);
        if !(asked && current.kvn.is_some()) && here != *target && (request.adds_beside(here) || sent) {
            if let Some(initialized) = self.target_set(request, greeting)? {
                return self.weigh(request, initialized);
            }
            let initialized = self.initialize(Some(here), greeting)?;
            return self.weigh(request, initialized);
        }
        self.weigh(request, initialized)
    }

    /// The answer of the named set, or of the default one. Where a named one has others beside it, or is gone, that of the
    /// target.
    fn first_answer(&mut self, request: &Request, greeting: &Greeting) -> Result<Answered, Error> {
        let current = &request.current;
        if current.kvn.is_some_and(|here| request.adds_beside(here))
            && let Some(initialized) = self.target_set(request, greeting)?
        {
            return Ok(Answered::Target(initialized));
        }
        match self.initialize(current.kvn, greeting) {
            // The named set is gone: the change may have been made already.
            Err(error) if current.kvn.is_some() && not_there(&error) => {
                self.target_set(request, greeting)?.map(Answered::Target).ok_or(error)
            }
            other => other.map(Answered::Other),
        }
    }

    /// Which of the two key sets the card answered with.
    fn weigh(&self, request: &Request, initialized: Initialized) -> Result<Survey<V>, Error> {
        let pending = self.pending(initialized.card())?;
        let old = match initialized.try_versions(self.vault, &old_keys(self.vault, request)?)? {
            Ok(old) => old,
            // Where the card has none of them any more, the one that the change started from is on record.
            Err(mut gone) => {
                let started = pending.as_ref().map(|open| &open.change.old);
                let which = gone.iter().position(|old| started.is_some_and(|set| set.is(&old.kcvs)));
                gone.swap_remove(which.unwrap_or(0))
            }
        };
        let new = initialized.try_key(self.vault, request.new.key())?;
        let (here, target) = (initialized.kvn(), request.target);
        let change = Change {
            card: initialized.card().clone(),
            old: SetId::new(old_kvn(request, &initialized, pending.as_ref()), &old.kcvs),
            new: SetId::new(target, &new.kcvs),
            replace: request.replace,
            kept_in: request.new.key().to_string(),
        };
        // The keys may be the old ones: in another set than the one that is named they are none of its.
        let other_set = here != target && request.current.kvn.is_some_and(|kvn| kvn != here);
        let (has_old, has_new) = (old.matched.accepted() && !other_set, new.matched.accepted());
        if here == target && has_new && has_old && change.old.kvn == target.byte() {
            return Err(RequestError::Indistinct.into());
        }
        let found = if here == target && has_new {
            Found::New { initialized, new }
        } else if has_old {
            Found::Old { initialized, old, new }
        } else if here == target && !request.replace && request.current.kvn.is_some_and(|kvn| kvn != here) {
            return Err(RequestError::SetExists(here).into());
        } else {
            self.vault.withheld(&request.current, Use::Process)?;
            let tried = format!("{} or {}", request.current, request.new.key());
            return Err(Error::NoMatch { card: change.card, kvn: here, tried });
        };
        Ok(Survey { found, change })
    }

    /// The key change of this card that the journal has open.
    fn pending(&self, card: &CardId) -> Result<Option<OpenChange>, Error> {
        Ok(self.books.ledger(card)?.open)
    }

    /// Asks for a session with the target set; `None` where the card says that it has no such set.
    fn target_set(&mut self, request: &Request, greeting: &Greeting) -> Result<Option<Initialized>, Error> {
        match self.initialize(Some(request.target), greeting) {
            Err(error) if not_there(&error) => Ok(None),
            other => other.map(Some),
        }
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
        new: &Candidate<V>,
    ) -> Result<Proof, Error> {
        self.check_request(request, &initialized, &candidate, new)?;
        let ahead = self.settle_pending(change, request.abandon_pending)?;
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
        if echo == put_key.expected() { Ok(Proof::AcceptedByKcv) } else { Err(self.echo_mismatch(change, &echo)?) }
    }

    /// No MAC protects an error status word: whether PUT KEY was refused, the keys that the card has tell. Where it has
    /// the new ones all the same, the change goes on; where it proves the old ones, it has ended; else it stays open.
    fn refused(
        &mut self,
        request: &Request,
        greeting: &Greeting,
        change: &Change,
        sw: StatusWord,
    ) -> Result<Proof, Error> {
        if let Some(initialized) = self.target_set(request, greeting)?
            && initialized.try_key(self.vault, request.new.key())?.matched.accepted()
        {
            return Ok(Proof::NotVerified);
        }
        let old = Kvn::on_card(change.old.kvn).ok();
        let proves_old = match self.initialize(old, greeting) {
            Ok(initialized) => initialized.try_versions(self.vault, &old_keys(self.vault, request)?)?.is_ok(),
            Err(error) if not_there(&error) => false,
            Err(error) => return Err(error),
        };
        if !proves_old {
            return Err(Error::NotProved { card: change.card.clone() });
        }
        end(self.books, change, Outcome::Refused { sw: sw.0 }, "put-key.refused", sw.to_string())?;
        Err(GpError::Refused { command: PutKey::NAME, sw }.into())
    }

    /// What contradicts itself is refused before anything is written down or sent.
    fn check_request(
        &self,
        request: &Request,
        initialized: &Initialized,
        old: &Candidate<V>,
        new: &Candidate<V>,
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
    fn settle_pending(&self, change: &Change, abandon: bool) -> Result<Vec<Record>, Error> {
        let intent = Record::Intent(change.clone());
        let Some(OpenChange { change: pending, sent, mismatch }) = self.pending(&change.card)? else {
            return Ok(vec![intent]);
        };
        // The old keys were just found. Where they were to be replaced, or nothing had left, nothing has happened.
        let untouched = !sent || (pending.replace && pending.old == change.old);
        if mismatch && !abandon {
            return Err(Error::MismatchOnRecord { card: pending.card });
        }
        if pending.aims_as(change) {
            return Ok(vec![intent]);
        }
        if !untouched && !abandon {
            let (card, kvn, kept_in) = (pending.card, pending.new.kvn, pending.kept_in);
            return Err(Error::OtherChangePending { card, kvn, kept_in });
        }
        Ok(vec![Record::Ended { change: pending, outcome: Outcome::NotLoaded }, intent])
    }

    fn echo_mismatch(&mut self, change: &Change, echo: &PutKeyEcho) -> Result<Error, Error> {
        let got: String = echo.kcvs.iter().map(Kcv::to_string).collect();
        let outcome = Outcome::EchoMismatch { kvn: echo.kvn, kcvs: got.clone() };
        let detail = format!("set 0x{:02X}, check values {got}", echo.kvn);
        end(self.books, change, outcome, "put-key.mismatch", detail)?;
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
}

/// Whoever answers now is whoever answered before.
///
/// # Errors
/// [`Error::OtherCard`]
pub(crate) fn same_card(before: &CardId, now: &CardId) -> Result<(), Error> {
    if before == now { Ok(()) } else { Err(Error::OtherCard { card: before.clone(), now: now.clone() }) }
}

/// What can be refused before any card is there.
///
/// # Errors
/// [`Error::Request`] for masters that nobody could tell apart afterwards, [`Error::Vault`].
pub fn check<V: Vault>(vault: &V, request: &Request) -> Result<(), Error> {
    refuse_indistinct_masters(vault, request)?;
    old_keys(vault, request).map(drop)
}

/// Where set number and Key-MAC stay the same for every card, no card need be asked.
fn refuse_indistinct_masters<V: Vault>(vault: &V, request: &Request) -> Result<(), Error> {
    if !request.replace || request.current.kvn != Some(request.target) {
        return Ok(());
    }
    let anyone = [0; 10];
    let key_mac = |key: &KeyRef| Ok::<_, Error>(vault.kcvs(&vault.card_keys(key, &anyone)?)?);
    let new = key_mac(request.new.key())?;
    for old in old_keys(vault, request)? {
        if old.scheme == request.new.key().scheme && key_mac(&old)?.mac == new.mac {
            return Err(RequestError::Indistinct.into());
        }
    }
    Ok(())
}

/// What the current keys may be. Where the same key is named without a version for both, the present ones come from
/// another version than the new ones.
fn old_keys<V: Vault>(vault: &V, request: &Request) -> Result<Vec<KeyRef>, Error> {
    let mut versions = vault.versions(&request.current, Use::Process)?;
    let new = request.new.key();
    if request.current.source != new.source {
        versions.retain(|old| (old.scheme, &old.source) != (new.scheme, &new.source));
    }
    if versions.is_empty() {
        // The card's keys can only be from a version that is held back.
        vault.withheld(&request.current, Use::Process)?;
        versions.push(new.clone());
    }
    Ok(versions)
}

/// Whether the card has the keys that the change starts from. Nothing is sent.
///
/// # Errors
/// [`Error::Vault`], [`Error::Scp`] where the keeper of the session keys fails.
pub(crate) fn has_old_keys<V: Vault>(vault: &V, request: &Request, initialized: &Initialized) -> Result<bool, Error> {
    let other_set = request.current.kvn.is_some_and(|kvn| kvn != initialized.kvn());
    Ok(!other_set && initialized.try_versions(vault, &old_keys(vault, request)?)?.is_ok())
}

/// The number of the set that the change starts from. Where the card already answers with the target, an earlier run
/// knows which it was.
fn old_kvn(request: &Request, initialized: &Initialized, pending: Option<&OpenChange>) -> Kvn {
    let known = pending.filter(|open| open.change.new.kvn == request.target.byte());
    let before = known.and_then(|open| Kvn::on_card(open.change.old.kvn).ok());
    before.or(request.current.kvn).unwrap_or(initialized.kvn())
}

/// The card says that it has no such key set. Cards use several status words for that, and none is authenticated.
pub(crate) const fn not_there(error: &Error) -> bool {
    matches!(error, Error::Scp { error: ScpError::InitializeRefused(_), .. })
}
