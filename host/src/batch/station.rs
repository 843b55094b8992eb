//! One card through one reader: who it is, its record claimed, its keys changed and proved, the rest of what it gets, done.
//!
//! What is durable when: the claim, with the intent, before EXTERNAL AUTHENTICATE leaves; that PUT KEY is sent, before it
//! is; that the card is accepted, when it has proved the new keys and has everything else. Whoever is killed in between
//! leaves a chip that is unknown, and settled when it is in a reader again: by one INITIALIZE UPDATE, offline.

use super::admission::{Admitted, Hands};
use super::contents;
use super::desk::{Desk, Unwritten};
use super::exchanged::{ByCommand, Exchanged, micros};
use super::failure::{is_fatal, is_put_key_refused, reason, refused};
use super::{Aside, BatchError, Contents};
use crate::books::Books;
use crate::card::Card;
use crate::error::Error;
use crate::identify::{Greeting, chip, greet, greet_unnamed};
use crate::rotate::{Met, Proof, Report, Request, Rotation, has_old_keys, not_there, same_card};
use crate::session::{Choices, Initialized, initialize};
use crate::world::{Clock, Entropy};
use cardwright_keys::audit::Event;
use cardwright_keys::job::{Job, RecordState, Step, Verify};
use cardwright_keys::journal::{CardId, Change, Journal as _, Ledger, Outcome::Loaded, Record};
use cardwright_keys::vault::{Vault, VaultError};
use cardwright_link::Transport;
use cardwright_proto::gp::key::Kcv;
use cardwright_registry::jobs::{AttemptEntry, Facts, JobId, JobWrite, Jobs, NewAttempt};
use cardwright_registry::{Registry, RegistryError};
use std::time::{Duration, Instant};

/// What all readers of a station work with.
pub struct Station<'a, V> {
    /// The job as it is pinned.
    pub job: &'a Job,
    /// Names it in the registry.
    pub id: JobId,
    /// The key change of each delivery, in the job's order.
    pub terms: Vec<Request>,
    /// Where all key references live.
    pub vault: &'a V,
    /// For all sessions.
    pub choices: Choices,
    /// What the cards get besides keys.
    pub contents: Option<Contents<'a>>,
    /// The job's lists tell which chip has which KDD: no card is asked for its chip before its session.
    pub names_chips: bool,
    /// Which computer.
    pub name: String,
    /// Who works there, in words.
    pub operator: String,
    /// SHA-256 of the job's card profile.
    pub profile: [u8; 32],
    /// For people.
    pub clock: &'a (dyn Clock + Sync),
    /// Which chips are in some reader, and which records are given out.
    pub hands: Hands,
}

impl<V> std::fmt::Debug for Station<'_, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}

/// What came of a card.
#[derive(Debug)]
pub enum Outcome {
    /// It is made.
    Accepted,
    /// It is put aside; nothing was written to it, and its record is as before.
    Aside(Aside),
    /// It is not made.
    Failed {
        /// What its record is now; `None` where none was claimed.
        state: Option<RecordState>,
        /// Why.
        error: Error,
    },
}

/// A card that was in a reader.
#[derive(Debug)]
pub struct Handled {
    /// The card, where it said who it is.
    pub card: Option<CardId>,
    /// Its record, where it has one.
    pub record: Option<u64>,
    /// What came of it.
    pub outcome: Outcome,
    /// From power to the end.
    pub took: Duration,
    /// How much of that the card was waited for.
    pub busy: Duration,
    /// Times of each kind of command.
    pub times: ByCommand,
}

/// A card under way.
struct Course<'s, 'a, V, T, R> {
    station: &'s Station<'a, V>,
    desk: &'s Desk<R>,
    card: Card<Exchanged<T>>,
    began: Instant,
    /// Who it says it is.
    met: Option<CardId>,
    /// Its record, as soon as that is known.
    admitted: Option<Admitted<'s>>,
    /// The keys are on the card, proved.
    keys: bool,
    /// How far it came.
    step: Step,
}

impl<V: Vault> Station<'_, V> {
    /// Makes one card. Nothing is left lying on the desk.
    ///
    /// # Errors
    /// Where nothing can go on with any card: records that cannot be written, a vault that failed.
    pub fn make<T: Transport, R: Registry + Jobs>(
        &self,
        link: T,
        desk: &Desk<R>,
        entropy: &mut impl Entropy,
    ) -> Result<Handled, Error> {
        desk.clear();
        let mut course = Course {
            station: self,
            desk,
            card: Card::new(Exchanged::new(link)),
            began: Instant::now(),
            met: None,
            admitted: None,
            keys: false,
            step: Step::Identify,
        };
        let outcome = loop {
            match course.run(entropy) {
                Ok(()) => break Outcome::Accepted,
                Err(error) if course.was_overtaken(&error)? => desk.clear(),
                Err(error) => break course.failed(error)?,
            }
        };
        let link = course.card.link();
        Ok(Handled {
            outcome,
            took: course.began.elapsed(),
            busy: link.busy(),
            times: link.times().clone(),
            card: course.met.take(),
            record: course.admitted.as_ref().map(|admitted| admitted.record),
        })
    }

    /// Whether the card has the keys of a counted delivery. Where all of them have the same nobody need look: who has others
    /// is told so by the key change.
    fn has_keys_of(&self, delivery: usize, initialized: &Initialized) -> Result<bool, Error> {
        let Some(terms) = self.terms.get(delivery) else { return Ok(false) };
        // It may be another record's card that does not say so now. Whose else it is, and which box it is from, nothing says.
        if initialized.kvn() == terms.target && initialized.try_key(self.vault, terms.new.key())?.matched.accepted() {
            return Err(BatchError::Aside(Aside::HasKeys).into());
        }
        let mut counted = self.job.counted().map(|(_, delivery)| &delivery.key);
        let first = counted.next();
        if counted.all(|key| Some(key) == first) {
            return Ok(true);
        }
        match has_old_keys(self.vault, terms, initialized) {
            // Keys that may not serve now stop the cards of their own box, and no other's.
            Err(Error::Vault(VaultError::Life(_))) => Ok(false),
            other => other,
        }
    }

    /// The key change of the card's delivery.
    pub(super) fn terms_of(&self, admitted: &Admitted<'_>) -> Result<&Request, Error> {
        let damaged = || RegistryError::Damaged {
            place: format!("records, record {}", admitted.record),
            what: "the job has no such delivery".to_owned(),
        };
        self.terms.get(admitted.delivery).ok_or_else(|| BatchError::Registry(damaged()).into())
    }

    fn rotation<'r, 'b, T, E>(
        &'r self,
        card: &'r mut Card<T>,
        books: &'r mut Books<'b>,
        entropy: &'r mut E,
    ) -> Rotation<'r, 'b, T, V, E> {
        Rotation { card, vault: self.vault, books, entropy, choices: &self.choices }
    }

    /// Before anything else goes to the card: it proved the new Key-ENC as well, and what it says of itself in the session is
    /// what it said before, or another card answers. That one has the keys then, and is on record with them, too. A chip that
    /// the card names here for the first time is another one where anything is on record of it.
    fn proved<R: Registry + Jobs>(
        &self,
        desk: &Desk<R>,
        admitted: &Admitted<'_>,
        report: &Report,
    ) -> Result<(), Error> {
        let card = &report.change.card;
        if !matches!(report.proofs.enc, Proof::Proved(_)) {
            return Err(Error::NotProved { card: card.clone() });
        }
        let Some(kdd) = card.kdd().filter(|_| report.chip != card.chip()) else { return Ok(()) };
        let told = report.chip.map(|chip| CardId::new(&kdd, Some(&chip)));
        if let (None, Some(told)) = (card.chip(), &told)
            && !self.is_known(desk.registry(), admitted, told)?
        {
            return Ok(());
        }
        // Without a MAC on answers anybody may have said so.
        if let Some(told) = told.as_ref().filter(|_| report.level.r_mac()) {
            let change = Change { card: told.clone(), ..report.change.clone() };
            let mut journal = desk;
            journal.append(&[Record::Ended { change, outcome: Loaded }], self.at())?;
        }
        Err(BatchError::OtherChip { card: card.clone(), told }.into())
    }

    /// Whether anything was ever done to the card, or another record of the job is for it.
    fn is_known<R: Registry + Jobs>(
        &self,
        registry: &R,
        admitted: &Admitted<'_>,
        card: &CardId,
    ) -> Result<bool, Error> {
        let another = registry.record_of(self.id, card)?.is_some_and(|record| record.number != admitted.record);
        Ok(another || !registry.chip(card)?.is_empty() || registry.ledger(card)? != Ledger::default())
    }

    /// Before anything is written down: behind PUT KEY it would be too late to find out.
    fn can_be_proved(&self, initialized: &Initialized) -> Result<(), Error> {
        let options = initialized.answer().options;
        let level = self.choices.level.unwrap_or_else(|| options.highest());
        if options.pseudo_random() || (level.c_enc() && level.r_mac()) {
            return Ok(());
        }
        Err(BatchError::Unprovable { level: level.byte() }.into())
    }

    fn at(&self) -> u64 {
        self.clock.now()
    }
}

impl<'s, V: Vault, T: Transport, R: Registry + Jobs> Course<'s, '_, V, T, R> {
    fn run(&mut self, entropy: &mut impl Entropy) -> Result<(), Error> {
        let station = self.station;
        let met = self.meet(entropy)?;
        let Some(admitted) = &self.admitted else { return Ok(()) };
        let request = station.terms_of(admitted)?;
        station.can_be_proved(&met.initialized)?;
        self.claim(admitted, request);
        self.step = Step::Keys;
        let (mut journal, mut audit) = (self.desk, self.desk);
        let mut books = Books::new(&mut journal, &mut audit, station.clock);
        let report = {
            let (mut report, mut opened) =
                station.rotation(&mut self.card, &mut books, entropy).run_on(request, met)?;
            self.keys = true;
            station.proved(self.desk, admitted, &report)?;
            if station.job.verify == Verify::Reset {
                drop(opened);
                let rotation = station.rotation(&mut self.card, &mut books, entropy);
                (report, opened) = rotation.prove_again(request, report)?;
                station.proved(self.desk, admitted, &report)?;
            }
            contents::carry_out(station, self.desk, admitted, &mut opened.session, &mut self.step)?;
            report
        };
        self.accept(&report)
    }

    /// SELECT, GET DATA for the chip, INITIALIZE UPDATE; and the record found. Where lists tell the chips, the card is not
    /// asked for its own: it says so in the session, where it is authenticated.
    fn meet(&mut self, entropy: &mut impl Entropy) -> Result<Met, Error> {
        let aid = &self.station.choices.aid;
        if !self.station.names_chips {
            let greeting = greet(&mut self.card, aid)?;
            let initialized = self.initialize(entropy, &greeting)?;
            return self.admit(greeting, initialized);
        }
        let mut greeting = greet_unnamed(&mut self.card, aid)?;
        let initialized = self.initialize(entropy, &greeting)?;
        if let Some(card) = self.desk.registry().listed(self.station.id, &initialized.answer().kdd)? {
            greeting.chip = card.chip();
            let initialized = initialized.of_chip(greeting.chip);
            return self.admit(greeting, initialized);
        }
        // No list has it: it may have been made, or wait to be made again. Whoever asks for something else has to begin the
        // session anew.
        let chip = chip(&mut self.card)?;
        let met = self.admit(Greeting { chip, ..greeting }, initialized.of_chip(chip))?;
        let initialized = self.initialize(entropy, &met.greeting)?;
        same_card(met.initialized.card(), initialized.card())?;
        Ok(Met { initialized, ..met })
    }

    /// INITIALIZE UPDATE for the set that the card was delivered with; where that is gone, for the new one.
    fn initialize(&mut self, entropy: &mut impl Entropy, greeting: &Greeting) -> Result<Initialized, Error> {
        let Station { choices, job, .. } = self.station;
        let first = job.first_set();
        let mut ask = |kvn| initialize(&mut self.card, entropy, kvn, choices.mode, greeting);
        match ask(first) {
            Err(error) if first.is_some() && not_there(&error) => ask(Some(job.target.kvn)).map_err(|_| error),
            other => other,
        }
    }

    fn admit(&mut self, greeting: Greeting, initialized: Initialized) -> Result<Met, Error> {
        let Station { id, job, hands, .. } = self.station;
        let card = initialized.card();
        self.met = Some(card.clone());
        let has_keys_of = |delivery| self.station.has_keys_of(delivery, &initialized);
        let admitted = hands.admit(self.desk.registry(), *id, job, card, &has_keys_of)?;
        let fresh = admitted.fresh;
        self.admitted = Some(admitted);
        Ok(Met { greeting, initialized, fresh })
    }

    /// Lays the claim on the desk, or the going on with one: durable with the first record of the key change.
    fn claim(&self, admitted: &Admitted<'_>, request: &Request) {
        let Station { name, operator, profile, .. } = self.station;
        let at = self.station.at();
        if admitted.attempt.is_none() {
            let link = self.card.link();
            let attempt = NewAttempt {
                card: admitted.card.clone(),
                atr: link.atr().to_vec(),
                station: name.clone(),
                reader: link.name().to_owned(),
                operator: operator.clone(),
                profile: *profile,
                current: request.current.to_string(),
                target: request.new.key().to_string(),
            };
            self.desk.lay(JobWrite::Claim { record: admitted.record, remake: admitted.remake, attempt, at });
        }
        // Who has it now, where another station had it before.
        let reason = admitted.attempt.map_or_else(String::new, |_| gone_on_with(name));
        self.lay_step(admitted, RecordState::Writing, Step::Keys, reason, Facts::default());
    }

    fn lay_step(&self, admitted: &Admitted<'_>, to: RecordState, step: Step, reason: String, facts: Facts) {
        // The first attempt of a record is number 1, and each claim counts one more.
        let attempt = admitted.attempt.unwrap_or(admitted.before + 1);
        let record = admitted.record;
        self.desk.lay(JobWrite::Step { record, attempt, to, step, reason, facts, at: self.station.at() });
    }

    fn facts(&self, kcvs: Option<String>) -> Facts {
        let link = self.card.link();
        let took_us = micros(self.began.elapsed());
        Facts { kcvs, exchanged: Some(link.digest()), apdus: link.apdus(), took_us }
    }

    fn accept(&mut self, report: &Report) -> Result<(), Error> {
        let Some(admitted) = &self.admitted else { return Ok(()) };
        let kcvs: String = report.kcvs.iter().map(Kcv::to_string).collect();
        self.lay_step(admitted, RecordState::Verified, Step::Verify, String::new(), self.facts(Some(kcvs)));
        self.lay_step(admitted, RecordState::Accepted, Step::Done, String::new(), Facts::default());
        Ok(self.desk.flush()?)
    }

    /// What an error means for the record, written down.
    fn failed(&mut self, error: Error) -> Result<Outcome, Error> {
        let (Some(admitted), true) = (&self.admitted, self.is_claimed(&error)) else {
            return self.unclaimed(error);
        };
        if is_fatal(&error) {
            // What can still be written is; what cannot is found in the journal.
            drop(self.desk.flush());
            return Err(error);
        }
        let sent = self.desk.ledger(&admitted.card)?.open.is_some_and(|open| open.sent);
        // Which keys the card has is open, and only the card can tell. One that refused PUT KEY has: it proved the old ones.
        let unsettled = !self.keys && (sent || (admitted.attempt.is_some() && !is_put_key_refused(&error)));
        let state = match &error {
            _ if unsettled => RecordState::Unknown,
            Error::Link { .. } if self.keys => RecordState::Unknown,
            // Nothing was sent that changes the card.
            Error::Link { .. } | Error::NoMatch { .. } if !self.keys => RecordState::Pending,
            _ => RecordState::Rejected,
        };
        let reason = reason(&error);
        // A claim that was never taken over by a step of its own is given back from `writing` by way of unknown.
        if state == RecordState::Pending {
            let settled = "nothing was sent that changes the card".to_owned();
            self.lay_step(admitted, RecordState::Unknown, self.step, settled, self.facts(None));
            self.lay_step(admitted, state, self.step, reason, Facts::default());
        } else {
            self.lay_step(admitted, state, self.step, reason, self.facts(None));
        }
        let (what, detail) = ("batch.failed", format!("record {}, now {state}: {error}", admitted.record));
        self.tell(what, &admitted.card, detail);
        match self.desk.flush() {
            // A person has said something else of it meanwhile.
            Err(Unwritten::Refused(_)) => {
                let now = self.desk.registry().record(self.station.id, admitted.record)?;
                return Ok(Outcome::Failed { state: now.map(|record| record.state), error });
            }
            other => other?,
        }
        Ok(Outcome::Failed { state: Some(state), error })
    }

    /// Nothing was claimed: the record, if there is one, is as before.
    fn unclaimed(&mut self, error: Error) -> Result<Outcome, Error> {
        self.desk.clear();
        if let Some(why) = refused(&error) {
            return Ok(Outcome::Aside(Aside::Refused(why)));
        }
        let error = match error {
            Error::Batch(error) => match *error {
                BatchError::Aside(aside) => return Ok(Outcome::Aside(aside)),
                other => other.into(),
            },
            other => other,
        };
        if is_fatal(&error) {
            return Err(error);
        }
        if let Some(admitted) = &self.admitted {
            self.tell("batch.failed", &admitted.card, format!("nothing was claimed: {error}"));
            self.desk.flush()?;
        }
        Ok(Outcome::Failed { state: None, error })
    }

    /// Whether the registry has the claim, of now or of an earlier run that this one may go on with.
    fn is_claimed(&self, error: &Error) -> bool {
        let resumed = self.admitted.as_ref().is_some_and(|admitted| admitted.attempt.is_some());
        self.desk.begun() || (resumed && refused(error).is_none())
    }

    /// Whether the record that any chip may have went to another one, while nothing was claimed and nothing changed. Then
    /// there may be another record for this card: it is met anew.
    fn was_overtaken(&mut self, error: &Error) -> Result<bool, Error> {
        let Some(admitted) = &self.admitted else { return Ok(false) };
        if self.desk.begun() || admitted.attempt.is_some() || refused(error).is_none() {
            return Ok(false);
        }
        let now = self.desk.registry().record(self.station.id, admitted.record)?;
        let overtaken = now.is_some_and(|record| record.expected.is_none() && !record.waits());
        if overtaken {
            self.admitted = None;
        }
        Ok(overtaken)
    }

    fn tell(&self, what: &str, card: &CardId, detail: String) {
        let (at, subject) = (self.station.at(), card.0.clone());
        self.desk.tell(Event { at, what: what.to_owned(), subject, detail });
    }
}

const GONE_ON_WITH: &str = "gone on with at ";

/// What stands with a record that a station has taken over from another, or from itself.
fn gone_on_with(station: &str) -> String {
    let short: String = station.chars().take(100).collect();
    format!("{GONE_ON_WITH}{}", short.trim())
}

/// Whether this station has the attempt that is in the middle: the last one that took it over, or else who began it.
pub(super) fn is_at(station: &str, last: &AttemptEntry) -> bool {
    if last.reason.starts_with(GONE_ON_WITH) { last.reason == gone_on_with(station) } else { last.station == station }
}
