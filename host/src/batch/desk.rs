//! One thread that writes, for all readers: what they have to say is gathered, and made durable together.
//!
//! A reader's thread has a [`Desk`]. It is journal and audit sink for the key change, and takes what is told of the job
//! besides. What lies on it goes with the next record that something waits for: one message to the [`Committer`], which
//! takes all messages that have come by then, writes the audit log (one fsync) and the registry (one transaction, one
//! fsync), and answers. So a card costs as many waits as before, and the disk is asked once for all readers.
//!
//! Some records wait for nothing: that a session was opened, that a change has ended, that a set was deleted. Whoever is killed before
//! they are durable finds the same out from the card again.

use super::BatchError;
use crate::error::Error;
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::{CardId, Journal, JournalError, Ledger, OpenChange, Record};
use cardwright_registry::jobs::{JobId, JobWrite, Jobs};
use cardwright_registry::{Registry, RegistryError};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// Messages that are written together at the most.
const ROUND: usize = 256;

/// What one reader wants written: all of it or nothing, events first.
struct Errand {
    events: Vec<Event>,
    writes: Vec<JobWrite>,
    answer: SyncSender<Result<(), Unwritten>>,
}

/// Why an errand was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unwritten {
    /// The registry refused this errand, and no other.
    #[error(transparent)]
    Refused(Arc<RegistryError>),
    /// Nothing could be written for anybody. The run is over.
    #[error(transparent)]
    Failed(Arc<dyn std::error::Error + Send + Sync>),
    /// The thread that writes has ended.
    #[error("what writes the records has stopped")]
    Gone,
}

/// Writes what comes from all desks. It ends when the last [`Door`] is gone.
#[derive(Debug)]
pub struct Committer<R, A> {
    registry: R,
    audit: A,
    job: JobId,
    inbox: Receiver<Errand>,
}

/// The way to the [`Committer`].
#[derive(Clone, Debug)]
pub struct Door(Sender<Errand>);

/// For a job; both write through these from now on.
pub fn committer<R, A>(registry: R, audit: A, job: JobId) -> (Door, Committer<R, A>) {
    let (door, inbox) = channel();
    (Door(door), Committer { registry, audit, job, inbox })
}

impl<R: Registry + Jobs, A: AuditSink + Send> Committer<R, A> {
    /// Works until nobody can send any more, and gives back what it wrote through.
    pub fn work(mut self) -> (R, A) {
        while let Ok(first) = self.inbox.recv() {
            let mut round = vec![first];
            round.extend(self.inbox.try_iter().take(ROUND - 1));
            self.write(round);
        }
        (self.registry, self.audit)
    }

    fn write(&mut self, round: Vec<Errand>) {
        let mut batches = Vec::with_capacity(round.len());
        let mut events = Vec::new();
        let mut answers = Vec::with_capacity(round.len());
        for errand in round {
            events.extend(errand.events);
            batches.push(errand.writes);
            answers.push(errand.answer);
        }
        // Whoever does not wait for the answer any more has panicked: there is nobody to tell.
        match self.write_down(&events, &batches) {
            Ok(done) => {
                for (answer, done) in answers.into_iter().zip(done) {
                    drop(answer.send(done.map_err(|error| Unwritten::Refused(Arc::new(error)))));
                }
            }
            Err(failed) => answers.into_iter().for_each(|answer| drop(answer.send(Err(failed.clone())))),
        }
    }

    fn write_down(
        &mut self,
        events: &[Event],
        batches: &[Vec<JobWrite>],
    ) -> Result<Vec<Result<(), RegistryError>>, Unwritten> {
        let Self { registry, audit, job, .. } = self;
        // First: told twice does no harm, not at all would.
        if !events.is_empty() {
            audit.record_all(events).map_err(failed)?;
        }
        let done = registry.write_all(*job, batches).map_err(failed)?;
        Ok(done.into_iter().map(|done| done.map(drop)).collect())
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Unwritten {
    Unwritten::Failed(Arc::new(error))
}

/// What lies on a desk.
#[derive(Debug, Default)]
struct Tray {
    events: Vec<Event>,
    writes: Vec<JobWrite>,
    /// Something was written since the desk was cleared.
    begun: bool,
}

/// A reader's place: what it reads from the registry, and what it wants written.
#[derive(Debug)]
pub struct Desk<R> {
    door: Door,
    registry: R,
    tray: RefCell<Tray>,
}

impl<R: Registry + Jobs> Desk<R> {
    /// With a registry of its own to read from.
    pub fn new(door: Door, registry: R) -> Self {
        Self { door, registry, tray: RefCell::default() }
    }

    /// To read from: whatever was answered is in it.
    pub const fn registry(&self) -> &R {
        &self.registry
    }

    /// Lays something on the desk, to go with the next record.
    pub fn lay(&self, write: JobWrite) {
        self.tray.borrow_mut().writes.push(write);
    }

    /// Lays an event on the desk, to go with the next record.
    pub fn tell(&self, event: Event) {
        self.tray.borrow_mut().events.push(event);
    }

    /// Takes what lies there away again: for another card.
    pub fn clear(&self) {
        self.tray.take();
    }

    /// Whether anything was written since the desk was cleared: the claim is, then, or the going on with one.
    pub fn begun(&self) -> bool {
        self.tray.borrow().begun
    }

    /// Has everything written that lies there; durable on return.
    ///
    /// # Errors
    /// [`Unwritten`]: then nothing of it was written, as far as is known.
    pub fn flush(&self) -> Result<(), Unwritten> {
        let (events, writes) = {
            let mut tray = self.tray.borrow_mut();
            (std::mem::take(&mut tray.events), std::mem::take(&mut tray.writes))
        };
        if events.is_empty() && writes.is_empty() {
            return Ok(());
        }
        let (answer, wait) = sync_channel(1);
        self.door.0.send(Errand { events, writes, answer }).map_err(|_| Unwritten::Gone)?;
        wait.recv().map_err(|_| Unwritten::Gone)??;
        self.tray.borrow_mut().begun = true;
        Ok(())
    }
}

/// Nothing waits for it to be durable.
const fn can_wait(record: &Record) -> bool {
    matches!(record, Record::Authenticated { .. } | Record::Ended { .. } | Record::Deleted { .. })
}

impl<R: Registry + Jobs> Journal for &Desk<R> {
    fn append(&mut self, records: &[Record], at: u64) -> Result<(), JournalError> {
        self.lay(JobWrite::Journal(records.to_vec(), at));
        if records.iter().all(can_wait) {
            return Ok(());
        }
        self.flush().map_err(|error| JournalError { what: "of the job".to_owned(), error: error.into() })
    }

    /// What is on record, and what lies here to go there: both happened.
    fn ledger(&self, card: &CardId) -> Result<Ledger, JournalError> {
        let mut ledger = self.registry.ledger(card)?;
        for write in &self.tray.borrow().writes {
            let JobWrite::Journal(records, _) = write else { continue };
            records.iter().filter(|record| record.card() == card).for_each(|record| ledger.apply(record));
        }
        Ok(ledger)
    }

    fn open_changes(&self) -> Result<Vec<OpenChange>, JournalError> {
        self.registry.open_changes()
    }
}

impl<R: Registry + Jobs> AuditSink for &Desk<R> {
    fn record(&mut self, event: &Event) -> Result<(), JournalError> {
        self.tell(event.clone());
        Ok(())
    }
}

impl From<Unwritten> for Error {
    fn from(error: Unwritten) -> Self {
        BatchError::Unwritten(error).into()
    }
}
