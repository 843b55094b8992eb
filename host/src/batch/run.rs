//! A run: a thread for each reader, one that writes, one that looks whether somebody holds the job back.

use super::ahead::Prepare;
use super::breaker::{Breaker, Tripped};
use super::desk::{Desk, committer};
use super::failure::stops_the_job;
use super::figures::{Figures, Meter, ReaderFigures};
use super::station::{Handled, Outcome, Station, is_at};
use super::{BatchError, Hands, exchanged::ByCommand};
use crate::error::Error;
use crate::world::{Clock, Entropy};
use cardwright_hsm::scrub_stack;
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::job::{RecordState, Step};
use cardwright_keys::vault::Vault;
use cardwright_link::LinkError;
use cardwright_link::feeder::Feeder;
use cardwright_registry::jobs::{AttemptEntry, Facts, JobEntry, JobId, JobState, JobWrite, Jobs};
use cardwright_registry::{Registry, RegistryError};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often somebody looks whether the job is held back.
const LOOK: Duration = Duration::from_millis(250);

/// Where enough is ready, it is looked again after that time.
const REST: Duration = Duration::from_millis(5);

/// A reader gives up after so many cards in a row that do not answer.
const MUTE_MAX: u32 = 10;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every record has its card.
    AllMade,
    /// So has every record that this station could make a card of: the others are in the middle at another one.
    Elsewhere,
    /// There are no more cards in the readers.
    NoMoreCards,
    /// Every reader was lost.
    NoReaders,
    /// A person stopped this run.
    Halted,
    /// The job was paused or stopped.
    Held(JobState, String),
    /// It stopped by itself, and the job with it.
    Tripped(Tripped),
}

/// A run that has ended in good order.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub end: End,
    /// What it took.
    pub figures: Figures,
}

/// What a reader's thread has measured.
type Metered = (ReaderFigures, ByCommand);

/// Who is told what happens.
pub trait Progress: Sync {
    /// A card has been in this reader.
    fn handled(&self, reader: usize, handled: &Handled);

    /// This reader is of no use any more, or this card of it.
    fn trouble(&self, reader: usize, error: &LinkError, lost: bool);
}

/// Whether, and why, the readers take no more cards.
#[derive(Debug, Default)]
pub struct Halt {
    why: Mutex<Option<End>>,
    changed: Condvar,
}

impl Halt {
    fn why(&self) -> MutexGuard<'_, Option<End>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has all readers end their present card, and take no more. The first reason stays.
    pub fn set(&self, why: End) {
        self.why().get_or_insert(why);
        self.changed.notify_all();
    }

    /// Whether it was set.
    pub fn is_set(&self) -> bool {
        self.why().is_some()
    }

    /// Waits until it is set, but no longer than that; whether it is.
    fn wait(&self, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.why(), patience, |why| why.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_some()
    }
}

/// Halts the run when it is dropped.
struct HaltOnDrop<'h>(&'h Halt);

impl Drop for HaltOnDrop<'_> {
    fn drop(&mut self) {
        self.0.set(End::Halted);
    }
}

/// What a run works with.
pub struct Run<'a, V, R, A, E> {
    /// The station.
    pub station: &'a Station<'a, V>,
    /// The job as it is in the registry.
    pub entry: &'a JobEntry,
    /// Opens the registry once more, for a reader.
    pub open: &'a (dyn Fn() -> Result<R, RegistryError> + Sync),
    /// Who works ahead of the readers; `None` where cards come in no order.
    pub ahead: Option<&'a dyn Prepare>,
    /// What all is written through.
    pub registry: R,
    /// What all is told to.
    pub audit: A,
    /// For challenges.
    pub entropy: E,
    /// Who is told.
    pub progress: &'a dyn Progress,
    /// How a person stops it.
    pub halt: &'a Halt,
}

impl<V, R, A, E> std::fmt::Debug for Run<'_, V, R, A, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("job", &self.entry.name).finish_non_exhaustive()
    }
}

/// What the readers' threads share.
struct Shared<'a, V, E> {
    station: &'a Station<'a, V>,
    entropy: &'a E,
    progress: &'a dyn Progress,
    halt: &'a Halt,
    tally: Mutex<Tally>,
    /// The last record in the list's order that was in a reader.
    seen: AtomicU64,
    /// Readers that are of no use any more.
    lost: AtomicUsize,
}

struct Tally {
    breaker: Breaker,
    /// Records that have no card yet: those in the middle at another station, too.
    left: u64,
}

/// Runs a job through these readers, until all is made, there are no more cards, or somebody stops it. Registry and audit
/// log come back when every thread has ended.
///
/// # Errors
/// The first error that nothing could go on with: records that could not be written, a vault that failed, or every reader
/// lost. All cards' states are on record as far as they could be written.
pub fn run<V, R, A, E>(run: Run<'_, V, R, A, E>, feeders: Vec<Box<dyn Feeder>>) -> (R, A, Result<Ended, Error>)
where
    V: Vault + Sync,
    R: Registry + Jobs + Send,
    A: AuditSink + Send,
    E: Entropy + Clone + Sync,
{
    let Run { station, entry, open, ahead, registry, audit, entropy, progress, halt } = run;
    let left = match Left::of(&registry, entry.id) {
        Ok(left) => left,
        Err(error) => return (registry, audit, Err(error.into())),
    };
    if let Some(end) = left.end() {
        // No card that comes would be one to make: nobody waits for it.
        halt.set(end);
    }
    // All of them first: where one cannot be opened, nothing is begun, and nothing more is tried.
    let handles = (0..feeders.len() + 2).map(|_| open()).collect::<Result<Vec<_>, _>>();
    let mut handles = match handles {
        Ok(handles) => handles.into_iter(),
        Err(error) => return (registry, audit, Err(error.into())),
    };
    let (watching, preparing) = (handles.next(), handles.next());
    let tally = Mutex::new(Tally { breaker: Breaker::new(station.job.stop), left: left.unmade() });
    let shared = Shared {
        station,
        entropy: &entropy,
        progress,
        halt,
        tally,
        seen: AtomicU64::new(0),
        lost: AtomicUsize::new(0),
    };
    let (door, committer) = committer(registry, audit, entry.id);
    let began = Instant::now();
    let (registry, audit, readers) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || committer.work());
        let watcher = watching.map(|registry| scope.spawn(move || watch(&registry, entry, &station.hands, halt)));
        let preparer = ahead.zip(preparing).map(|(ahead, registry)| {
            let shared = &shared;
            scope.spawn(move || shared.work_ahead(ahead, &registry))
        });
        let threads: Vec<_> = feeders
            .into_iter()
            .zip(handles)
            .enumerate()
            .map(|(number, (feeder, registry))| {
                let (desk, shared) = (Desk::new(door.clone(), registry), &shared);
                scope.spawn(move || shared.read(number, feeder, &desk))
            })
            .collect();
        drop(door);
        let readers: Vec<_> =
            threads.into_iter().map(|thread| thread.join().map_err(|_| BatchError::Panicked)).collect();
        let lost = shared.lost.load(Ordering::Relaxed);
        // For the watcher; whatever was set before stays.
        halt.set(if lost == readers.len() { End::NoReaders } else { End::NoMoreCards });
        drop((watcher.map(|thread| thread.join()), preparer.map(|thread| thread.join())));
        let (registry, audit) = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (registry, audit, readers)
    });
    let ended = end(readers, began.elapsed(), halt);
    (registry, audit, ended)
}

fn end(readers: Vec<Result<Result<Metered, Error>, BatchError>>, took: Duration, halt: &Halt) -> Result<Ended, Error> {
    let mut figures = Vec::with_capacity(readers.len());
    for reader in readers {
        figures.push(reader.map_err(Error::from)??);
    }
    let end = halt.why().clone().unwrap_or(End::NoMoreCards);
    Ok(Ended { end, figures: Figures::new(figures, took) })
}

/// What is left to do of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Records that wait for a card, or for theirs to be settled.
    pub waiting: u64,
    /// Records whose card is in the middle, here or at another station.
    pub in_the_middle: u64,
}

impl Left {
    /// As the registry has it now.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn of<R: Jobs>(registry: &R, job: JobId) -> Result<Self, RegistryError> {
        let balance = registry.balance(job)?;
        let waiting = balance.state(RecordState::Pending) + balance.state(RecordState::Unknown) + balance.remade;
        let states = [RecordState::Claimed, RecordState::Writing, RecordState::Verified];
        Ok(Self { waiting, in_the_middle: states.map(|state| balance.state(state)).iter().sum() })
    }

    /// All that have no card yet.
    #[must_use]
    pub const fn unmade(self) -> u64 {
        self.waiting.saturating_add(self.in_the_middle)
    }

    /// How a run ends whose readers have no card in the middle; `None` where one may still be made.
    fn end(self) -> Option<End> {
        match self {
            Self { waiting: 0, in_the_middle: 0 } => Some(End::AllMade),
            Self { waiting: 0, .. } => Some(End::Elsewhere),
            _ => None,
        }
    }
}

/// Looks whether somebody has paused or stopped the job, from another process; and whether others, people or stations, have
/// taken the last of its records.
fn watch<R: Jobs>(registry: &R, entry: &JobEntry, hands: &Hands, halt: &Halt) {
    while !halt.wait(LOOK) {
        match look(registry, entry, hands) {
            Ok(end) => end.into_iter().for_each(|end| halt.set(end)),
            Err(error) => halt.set(End::Held(JobState::Stopped, error.to_string())),
        }
    }
}

fn look<R: Jobs>(registry: &R, entry: &JobEntry, hands: &Hands) -> Result<Option<End>, RegistryError> {
    match registry.job(&entry.name)? {
        Some(JobEntry { state: JobState::Open, .. }) | None => {}
        Some(JobEntry { state, reason, .. }) => return Ok(Some(End::Held(state, reason))),
    }
    // Before and after: a card that was in a reader meanwhile may be in the middle, or unknown by now.
    let idle = hands.idle();
    let end = Left::of(registry, entry.id)?.end();
    Ok(end.filter(|end| *end == End::AllMade || (idle.is_some() && idle == hands.idle())))
}

impl<V: Vault + Sync, E: Entropy + Clone + Sync> Shared<'_, V, E> {
    /// One reader, card after card.
    fn read<R: Registry + Jobs>(
        &self,
        number: usize,
        mut feeder: Box<dyn Feeder>,
        desk: &Desk<R>,
    ) -> Result<Metered, Error> {
        let mut meter = Meter::new(feeder.name());
        let began = Instant::now();
        // Nobody goes on when one cannot, or has panicked.
        let guard = HaltOnDrop(self.halt);
        self.cards(number, &mut *feeder, desk, &mut meter)?;
        std::mem::forget(guard);
        Ok(meter.end(began.elapsed()))
    }

    fn cards<R: Registry + Jobs>(
        &self,
        number: usize,
        feeder: &mut dyn Feeder,
        desk: &Desk<R>,
        meter: &mut Meter,
    ) -> Result<(), Error> {
        let mut entropy = self.entropy.clone();
        let mut mute = 0;
        while !self.halt.is_set() {
            let link = match feeder.next(&|| self.halt.is_set()) {
                Ok(Some(link)) => link,
                Ok(None) => break,
                Err(error) => {
                    mute += 1;
                    let lost = mute > MUTE_MAX || !is_about_one_card(&error);
                    self.progress.trouble(number, &error, lost);
                    if lost {
                        self.lost.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    continue;
                }
            };
            mute = 0;
            let handled = in_its_own_frame(|| self.station.make(link, desk, &mut entropy))?;
            // Copies of this card's keys that calls left there: the next card may be long in coming.
            scrub_stack();
            meter.count(&handled);
            self.seen.fetch_max(handled.record.unwrap_or(0), Ordering::Relaxed);
            self.count(&handled, desk)?;
            self.progress.handled(number, &handled);
        }
        Ok(())
    }

    /// Has keys made ready for the next cards of a list, in its order. What cannot be made ready, the reader that has the
    /// card hears of.
    fn work_ahead<R: Jobs>(&self, ahead: &dyn Prepare, registry: &R) {
        let mut done = 0;
        while !self.halt.is_set() {
            let seen = self.seen.load(Ordering::Relaxed);
            done = done.max(seen);
            let mut next = Vec::new();
            let wanted = usize::try_from((seen + ahead.room()).saturating_sub(done)).unwrap_or(usize::MAX);
            let looked = registry.records(self.station.id, done, &[RecordState::Pending], &mut |record| {
                let more = next.len() < wanted;
                if more {
                    next.push(record);
                }
                more
            });
            let idle = looked.is_err() || next.is_empty();
            for record in next {
                done = record.number;
                let delivery = usize::try_from(record.delivery).ok().and_then(|at| self.station.terms.get(at));
                if let (Some(card), Some(request)) = (record.expected, delivery)
                    && let Some(kdd) = card.kdd()
                {
                    drop(ahead.prepare(request, &kdd));
                }
            }
            if idle && self.halt.wait(REST) {
                return;
            }
        }
    }

    /// Stops the job where it has to be, and the run where all is made.
    fn count<R: Registry + Jobs>(&self, handled: &Handled, desk: &Desk<R>) -> Result<(), Error> {
        let (made, settled) = match &handled.outcome {
            Outcome::Aside(_) => return Ok(()),
            Outcome::Accepted => (true, true),
            Outcome::Failed { state, .. } => (false, *state == Some(RecordState::Rejected)),
        };
        let (tripped, left) = {
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.left = tally.left.saturating_sub(settled.into());
            if tally.left == 0 {
                // A person may have had something made once more meanwhile; others may have made some.
                tally.left = Left::of(desk.registry(), self.station.id)?.unmade();
            }
            (tally.breaker.count(made), tally.left)
        };
        let refused = matches!(&handled.outcome, Outcome::Failed { error, .. } if stops_the_job(error));
        if let Some(tripped) = if refused { Some(Tripped::Authentication) } else { tripped } {
            self.stop(tripped, desk)?;
        } else if left == 0 {
            self.halt.set(End::AllMade);
        }
        Ok(())
    }

    fn stop<R: Registry + Jobs>(&self, tripped: Tripped, desk: &Desk<R>) -> Result<(), Error> {
        self.halt.set(End::Tripped(tripped));
        let (at, reason) = (self.station.clock.now(), tripped.to_string());
        let subject = self.station.job.name.to_string();
        desk.tell(Event { at, what: "batch.stopped".to_owned(), subject, detail: reason.clone() });
        desk.lay(JobWrite::Job { state: JobState::Stopped, reason, at });
        match desk.flush() {
            // Another reader, or a person, was faster.
            Err(super::desk::Unwritten::Refused(_)) => Ok(()),
            other => Ok(other?),
        }
    }
}

/// Made part of its caller, the work would leave copies in a frame that is still alive when the stack is wiped.
#[inline(never)]
fn in_its_own_frame<R>(work: impl FnOnce() -> R) -> R {
    work()
}

const fn is_about_one_card(error: &LinkError) -> bool {
    matches!(error, LinkError::Mute(_) | LinkError::CardState(_))
}

/// The attempts in the middle that this station has.
///
/// # Errors
/// [`RegistryError`]
pub fn in_the_middle<R: Jobs>(registry: &R, job: JobId, station: &str) -> Result<Vec<AttemptEntry>, RegistryError> {
    let states = [RecordState::Claimed, RecordState::Writing, RecordState::Verified];
    let mut numbers = Vec::new();
    registry.records(job, 0, &states, &mut |record| {
        numbers.push(record.number);
        true
    })?;
    let mut all = Vec::new();
    for record in numbers {
        let last = registry.attempts_of(job, record)?.pop();
        all.extend(last.filter(|last| is_at(station, last)));
    }
    Ok(all)
}

/// Settles what an earlier run of this station left in the middle: nobody knows what its chips have. How many.
///
/// # Errors
/// [`RegistryError`]
pub fn take_over<R: Registry + Jobs>(
    registry: &mut R,
    job: JobId,
    station: &str,
    clock: &dyn Clock,
) -> Result<usize, RegistryError> {
    let mut batches = Vec::new();
    for last in in_the_middle(registry, job, station)? {
        batches.push(vec![JobWrite::Step {
            record: last.record,
            attempt: last.number,
            to: RecordState::Unknown,
            step: last.step.max(Step::Identify),
            reason: "the station was stopped in the middle of this card".to_owned(),
            facts: Facts::default(),
            at: clock.now(),
        }]);
    }
    let count = batches.len();
    registry.write_all(job, &batches)?.into_iter().try_for_each(|done| done.map(drop))?;
    Ok(count)
}
