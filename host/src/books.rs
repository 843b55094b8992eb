//! The journal and the audit sink, as the use cases call them: before an effect, and after it.

use crate::error::Error;
use crate::world::Clock;
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::{CardId, Journal, JournalError, Ledger, Ledgers, OpenChange, Record};

/// What is written down, and when.
pub struct Books<'a> {
    journal: &'a mut dyn Journal,
    audit: &'a mut dyn AuditSink,
    clock: &'a dyn Clock,
}

impl<'a> Books<'a> {
    /// Over any journal, sink and clock.
    pub fn new(journal: &'a mut dyn Journal, audit: &'a mut dyn AuditSink, clock: &'a dyn Clock) -> Self {
        Self { journal, audit, clock }
    }

    /// Makes records durable, in order.
    ///
    /// # Errors
    /// [`Error::Journal`]: the operation stops before its effect.
    pub fn append(&mut self, records: &[Record]) -> Result<(), Error> {
        Ok(self.journal.append(records, self.clock.now())?)
    }

    /// Tells the audit sink.
    ///
    /// # Errors
    /// [`Error::Journal`]
    pub fn tell(&mut self, what: &str, card: &CardId, detail: String) -> Result<(), Error> {
        self.tell_of(what, &card.0, detail)
    }

    /// Tells the audit sink of what is no card.
    ///
    /// # Errors
    /// [`Error::Journal`]
    pub fn tell_of(&mut self, what: &str, subject: &str, detail: String) -> Result<(), Error> {
        let event = Event { at: self.clock.now(), what: what.to_owned(), subject: subject.to_owned(), detail };
        Ok(self.audit.record(&event)?)
    }

    /// What the journal says of a card.
    ///
    /// # Errors
    /// [`Error::Journal`]
    pub fn ledger(&self, card: &CardId) -> Result<Ledger, Error> {
        Ok(self.journal.ledger(card)?)
    }

    /// All key changes that have not ended.
    ///
    /// # Errors
    /// [`Error::Journal`]
    pub fn open_changes(&self) -> Result<Vec<OpenChange>, Error> {
        Ok(self.journal.open_changes()?)
    }
}

impl std::fmt::Debug for Books<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Books").finish_non_exhaustive()
    }
}

/// Books that end with the process: for a simulated card that ends with it too.
#[derive(Debug, Default)]
pub struct Memory {
    ledgers: Ledgers,
}

impl Journal for Memory {
    fn append(&mut self, records: &[Record], _: u64) -> Result<(), JournalError> {
        records.iter().for_each(|record| self.ledgers.apply(record));
        Ok(())
    }

    fn ledger(&self, card: &CardId) -> Result<Ledger, JournalError> {
        Ok(self.ledgers.of(card))
    }

    fn open_changes(&self) -> Result<Vec<OpenChange>, JournalError> {
        Ok(self.ledgers.open_changes().cloned().collect())
    }
}

/// An audit sink that forgets; the counterpart of [`Memory`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetful;

impl AuditSink for Forgetful {
    fn record(&mut self, _: &Event) -> Result<(), JournalError> {
        Ok(())
    }
}
