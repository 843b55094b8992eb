//! Which record a card is for, and that no two readers have the same one.

use super::{Aside, BatchError};
use crate::error::Error;
use cardwright_keys::job::{Fate, Job, RecordState};
use cardwright_keys::journal::CardId;
use cardwright_registry::Registry;
use cardwright_registry::jobs::{AttemptEntry, JobId, Jobs, RecordEntry};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Records of counted deliveries that are looked up at a time.
const AHEAD: usize = 64;

/// What is in some reader of this station.
#[derive(Debug, Default)]
pub struct Hands(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    chips: BTreeSet<CardId>,
    /// How many chips have been there.
    taken: u64,
    /// Records that are given out.
    out: BTreeSet<u64>,
    /// Of each counted delivery.
    queues: BTreeMap<usize, Queue>,
}

/// Records of a delivery that wait for any chip.
#[derive(Debug, Default)]
struct Queue {
    /// Looked up, and not given out.
    waiting: VecDeque<u64>,
    /// The last one that was looked up.
    looked: u64,
}

/// A record that any chip of its delivery may have.
struct Waiting {
    record: u64,
    remake: bool,
    before: u32,
}

impl Waiting {
    fn of(record: &RecordEntry, delivery: usize) -> Option<Self> {
        let free = usize::try_from(record.delivery) == Ok(delivery) && record.expected.is_none() && record.waits();
        let remake = record.state == RecordState::Rejected;
        free.then_some(Self { record: record.number, remake, before: record.attempts })
    }
}

/// A card that may go on. While this lives no other reader gets the chip.
#[derive(Debug)]
pub(super) struct Admitted<'h> {
    pub(super) card: CardId,
    pub(super) record: u64,
    /// Index into the job's deliveries.
    pub(super) delivery: usize,
    /// The attempt that is gone on with; `None` where one has to be claimed.
    pub(super) attempt: Option<u32>,
    /// How many attempts the record had.
    pub(super) before: u32,
    /// The record was rejected, and is made again.
    pub(super) remake: bool,
    /// Nobody ever tried to give this chip the job's keys, as far as is on record.
    pub(super) fresh: bool,
    hands: &'h Hands,
}

impl Hands {
    /// How many cards readers have had, where none has one now.
    pub(super) fn idle(&self) -> Option<u64> {
        let held = self.held();
        held.chips.is_empty().then_some(held.taken)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // What is held is changed in single steps: a thread that panicked left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the record. `has_keys_of` says whether the card has the keys of a counted delivery.
    ///
    /// # Errors
    /// [`BatchError::Aside`] where the card is not to be made, or not now; what `has_keys_of` answers.
    pub(super) fn admit<'h, R: Registry + Jobs>(
        &'h self,
        registry: &R,
        id: JobId,
        job: &Job,
        card: &CardId,
        has_keys_of: &dyn Fn(usize) -> Result<bool, Error>,
    ) -> Result<Admitted<'h>, Error> {
        let aside = |aside| Err(BatchError::Aside(aside).into());
        {
            let mut held = self.held();
            if !held.chips.insert(card.clone()) {
                return aside(Aside::InHand);
            }
            held.taken += 1;
        }
        let mut admitted = Admitted {
            card: card.clone(),
            record: 0,
            delivery: 0,
            attempt: None,
            before: 0,
            remake: false,
            fresh: false,
            hands: self,
        };
        // Whoever gave this chip a key set before may have left it on the card.
        admitted.fresh = registry.chip(card)?.is_empty() && registry.ledger(card)?.open.is_none();
        let found = registry.record_of(id, card)?;
        let here = match &found {
            Some(record) if !record.waits() => last_with(registry, id, record, card)?,
            _ => None,
        };
        match found {
            Some(record) if record.waits() && expects(&record, card) => {
                (admitted.record, admitted.before) = (record.number, record.attempts);
                admitted.delivery = usize::try_from(record.delivery).unwrap_or(usize::MAX);
                admitted.remake = record.state == RecordState::Rejected;
                Ok(admitted)
            }
            Some(record) if here.is_some() => admitted.go_on(record, here),
            // It was another chip's since, or waits for another one.
            Some(record) if record.expected.is_some() => aside(Aside::Replaced { record: record.number }),
            _ => {
                let counted: Vec<_> = job.counted().map(|(at, _)| at).collect();
                for delivery in of_these_keys(&counted, has_keys_of)? {
                    if let Some(waiting) = self.any(registry, id, delivery)? {
                        (admitted.record, admitted.before) = (waiting.record, waiting.before);
                        (admitted.delivery, admitted.remake) = (delivery, waiting.remake);
                        return Ok(admitted);
                    }
                }
                aside(if counted.is_empty() { Aside::NotExpected } else { Aside::NoneLeft })
            }
        }
    }

    /// A record of the delivery that any chip may serve.
    fn any<R: Jobs>(&self, registry: &R, id: JobId, delivery: usize) -> Result<Option<Waiting>, Error> {
        while let Some(next) = self.next(registry, id, delivery)? {
            // It was looked up some cards ago: another station, or a person, may have it now. Nobody is held up meanwhile.
            let now = registry.record(id, next);
            match now.map(|now| now.and_then(|record| Waiting::of(&record, delivery))) {
                Ok(Some(waiting)) => return Ok(Some(waiting)),
                other => {
                    self.held().out.remove(&next);
                    other?;
                }
            }
        }
        Ok(None)
    }

    /// Gives out the next record of those that were looked up.
    fn next<R: Jobs>(&self, registry: &R, id: JobId, delivery: usize) -> Result<Option<u64>, Error> {
        let mut held = self.held();
        let Held { out, queues, .. } = &mut *held;
        let queue = queues.entry(delivery).or_default();
        if queue.waiting.is_empty() {
            queue.look_ahead(out, registry, id, delivery)?;
        }
        if queue.waiting.is_empty() && queue.looked > 0 {
            // Some have been given back, or are to be made again, since.
            queue.looked = 0;
            queue.look_ahead(out, registry, id, delivery)?;
        }
        let next = queue.waiting.pop_front();
        out.extend(next);
        Ok(next)
    }
}

/// Those whose keys the card has. Where it has none of them it is taken for a card of any: that it has other keys is told of
/// it then, and not that nobody expects it.
fn of_these_keys(counted: &[usize], has_keys_of: &dyn Fn(usize) -> Result<bool, Error>) -> Result<Vec<usize>, Error> {
    let mut fitting = Vec::new();
    for delivery in counted {
        if has_keys_of(*delivery)? {
            fitting.push(*delivery);
        }
    }
    Ok(if fitting.is_empty() { counted.to_vec() } else { fitting })
}

/// Whether it waits for this card: by its whole name, or by the KDD that it begins with.
fn expects(record: &RecordEntry, card: &CardId) -> bool {
    let fits = |expected: &CardId| expected == card || (expected.chip().is_none() && expected.kdd() == card.kdd());
    record.expected.as_ref().is_some_and(fits)
}

/// The record's last attempt, if it is with this chip.
fn last_with<R: Jobs>(
    registry: &R,
    id: JobId,
    record: &RecordEntry,
    card: &CardId,
) -> Result<Option<AttemptEntry>, Error> {
    Ok(registry.attempts_of(id, record.number)?.pop().filter(|last| last.card == *card))
}

impl Admitted<'_> {
    /// The chip has this record: goes on with the attempt where it is unknown.
    fn go_on(mut self, record: RecordEntry, last: Option<AttemptEntry>) -> Result<Self, Error> {
        let number = record.number;
        let spoiled = |last: &AttemptEntry| last.state == RecordState::Rejected && last.fate != Some(Fate::Returned);
        let rejected = last.filter(spoiled).map(|last| last.reason);
        let aside = match record.state {
            RecordState::Unknown => {
                (self.record, self.before, self.attempt) = (number, record.attempts, Some(record.attempts));
                self.delivery = usize::try_from(record.delivery).unwrap_or(usize::MAX);
                return Ok(self);
            }
            RecordState::Accepted => Aside::Made { record: number },
            RecordState::Rejected | RecordState::Pending => Aside::Rejected { record: number, reason: record.reason },
            // The record is done without; this chip of it is none of the blanks all the same.
            RecordState::Cancelled => match rejected {
                Some(reason) => Aside::Rejected { record: number, reason },
                None => Aside::Cancelled { record: number },
            },
            RecordState::Claimed | RecordState::Writing | RecordState::Verified => Aside::InHand,
        };
        Err(BatchError::Aside(aside).into())
    }
}

impl Queue {
    fn look_ahead<R: Jobs>(
        &mut self,
        out: &BTreeSet<u64>,
        registry: &R,
        id: JobId,
        delivery: usize,
    ) -> Result<(), Error> {
        let Self { waiting, looked } = self;
        let Ok(number) = u32::try_from(delivery) else { return Ok(()) };
        let Some(first) = registry.next_pending(id, number)? else { return Ok(()) };
        *looked = first.number.saturating_sub(1).max(*looked);
        registry.records(id, *looked, &[RecordState::Pending, RecordState::Rejected], &mut |record| {
            *looked = record.number;
            let free = Waiting::of(&record, delivery).map(|waiting| waiting.record);
            waiting.extend(free.filter(|record| !out.contains(record)));
            // A delivery's records are numbered one behind the other.
            record.delivery == number && waiting.len() < AHEAD
        })?;
        Ok(())
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let mut held = self.hands.held();
        held.chips.remove(&self.card);
        held.out.remove(&self.record);
    }
}
