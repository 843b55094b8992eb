//! Why a job cannot go on, and why a card is put aside.

use super::desk::Unwritten;
use super::inputs::InputError;
use cardwright_keys::job::LifeCycle;
use cardwright_keys::journal::CardId;
use cardwright_proto::gp::store_data::DgiError;
use cardwright_registry::RegistryError;
use cardwright_registry::jobs::JobState;

/// Why a card is not made, although nothing is wrong with it: nothing was written to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Aside {
    /// No delivery has it.
    #[error("no delivery of the job expects this card")]
    NotExpected,
    /// Nothing on record says how it got the keys that the job gives.
    #[error("it has the job's keys already, and no record of the job is its own")]
    HasKeys,
    /// All records that any chip may serve have theirs.
    #[error("no card of its delivery is left to be made")]
    NoneLeft,
    /// It is a finished card of this job.
    #[error("it is made already: record {record}")]
    Made {
        /// Its record.
        record: u64,
    },
    /// It was rejected, and is not to be tried again.
    #[error("it was rejected (record {record}): {reason}")]
    Rejected {
        /// Its record.
        record: u64,
        /// Why.
        reason: String,
    },
    /// Its record has another chip now.
    #[error("record {record}, which this card was for, has or waits for another one")]
    Replaced {
        /// The record.
        record: u64,
    },
    /// Its record was cancelled.
    #[error("it is not to be made: record {record} is cancelled")]
    Cancelled {
        /// Its record.
        record: u64,
    },
    /// Another reader, or another station, has this card now.
    #[error("another reader is working on this card: it was copied, or the reader is named twice")]
    InHand,
    /// The registry refuses to take it up.
    #[error("it cannot be taken up: {0}")]
    Refused(String),
}

/// Why a job, or a card of it, cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The card is none for now.
    #[error(transparent)]
    Aside(#[from] Aside),
    /// Records could not be written: nothing goes on without them.
    #[error("the run's records: {0}")]
    Unwritten(#[from] Unwritten),
    /// The registry could not be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// In the session under its new keys another chip answers than the card said before, or than its list has.
    #[error("card {card} is another chip in its session: {}", .told.as_ref().map_or("it names none", |told| told.0.as_str()))]
    OtherChip {
        /// What it said before, or what its list has.
        card: CardId,
        /// What it says now.
        told: Option<CardId>,
    },
    /// Nothing that the card does in its session would speak for its new Key-ENC.
    #[error("at security level {level:02X} a card with a random challenge cannot prove its new Key-ENC")]
    Unprovable {
        /// The session's.
        level: u8,
    },
    /// The card's life is further on than the job leaves it.
    #[error("the card's life cycle state is {found:02X}, beyond {}", wanted.name())]
    Beyond {
        /// As the card tells it.
        found: u8,
        /// As the job has it.
        wanted: LifeCycle,
    },
    /// A file of the job.
    #[error("the job's data: {0}")]
    Input(#[from] InputError),
    /// Its data cannot be coded for STORE DATA.
    #[error(transparent)]
    Dgi(DgiError),
    /// Sealed data does not go to a card in clear.
    #[error("the card's session does not encrypt commands, and there are sealed fields for it")]
    InClear,
    /// The data file has no row for this card.
    #[error("the data file has no row for card {card}, record {record}")]
    NoData {
        /// The card.
        card: CardId,
        /// Its record.
        record: u64,
    },
    /// The job is not open.
    #[error("the job is {state}{}", Because(reason))]
    NotOpen {
        /// What it is.
        state: JobState,
        /// Why.
        reason: String,
    },
    /// A thread of the run ended in the middle of its work.
    #[error("a reader's thread has ended unexpectedly: this is an error of the program")]
    Panicked,
}

/// `: reason`, or nothing.
struct Because<'a>(&'a str);

impl std::fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

impl From<RegistryError> for crate::error::Error {
    fn from(error: RegistryError) -> Self {
        BatchError::Registry(error).into()
    }
}
