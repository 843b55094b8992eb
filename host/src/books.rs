//! The journal and the audit sink, as the use cases call them: before an effect, and after it.

use crate::error::Error;
use crate::world::Clock;
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::{CardId, Journal, JournalError, Ledger, Record};

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
        Ok(self.journal.append(records)?)
    }

    /// Tells the audit sink.
    ///
    /// # Errors
    /// [`Error::Journal`]
    pub fn tell(&mut self, what: &str, card: &CardId, detail: String) -> Result<(), Error> {
        let event = Event { at: self.clock.now(), what: what.to_owned(), card: card.0.clone(), detail };
        Ok(self.audit.record(&event)?)
    }

    /// What the journal adds up to.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        self.journal.ledger()
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
    ledger: Ledger,
}

impl Journal for Memory {
    fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        records.iter().for_each(|record| self.ledger.apply(record));
        Ok(())
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
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
