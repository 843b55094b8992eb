//! What is written down for other people: who did what to which card or key, never a key's value.

use crate::journal::JournalError;
use serde::{Deserialize, Serialize};

/// One thing that happened, or is about to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Seconds since 1970-01-01 UTC.
    pub at: u64,
    /// What: `put-key.intended`, `put-key.loaded`, `authentication.refused`, ...
    pub what: String,
    /// What it happened to: a card, by [`crate::journal::CardId`], or a key, by its reference. Old lines call it `card`.
    #[serde(alias = "card")]
    pub subject: String,
    /// Details, in words and check values.
    pub detail: String,
}

/// Takes events, in order. An event is durable when `record` returns.
pub trait AuditSink {
    /// Writes one event.
    ///
    /// # Errors
    /// [`JournalError`], after which the operation stops.
    fn record(&mut self, event: &Event) -> Result<(), JournalError>;

    /// Writes several, in order, at the cost of one where the sink can do that. All are durable on return.
    ///
    /// # Errors
    /// [`JournalError`]: a first part of them may be written.
    fn record_all(&mut self, events: &[Event]) -> Result<(), JournalError> {
        events.iter().try_for_each(|event| self.record(event))
    }
}
