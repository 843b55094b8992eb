//! What changes a job.

use super::JobState;
use cardwright_keys::job::{Fate, RecordState, Step};
use cardwright_keys::journal::{CardId, Record};

/// A chip to be taken up: the texts are one line each, of at most 200 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttempt {
    /// As [`super::AttemptEntry::card`].
    pub card: CardId,
    /// As [`super::AttemptEntry::atr`]: at most 33 bytes.
    pub atr: Vec<u8>,
    /// As [`super::AttemptEntry::station`].
    pub station: String,
    /// As [`super::AttemptEntry::reader`].
    pub reader: String,
    /// As [`super::AttemptEntry::operator`].
    pub operator: String,
    /// As [`super::AttemptEntry::profile`].
    pub profile: [u8; 32],
    /// As [`super::AttemptEntry::current`]; a key reference.
    pub current: String,
    /// As [`super::AttemptEntry::target`]; a key reference.
    pub target: String,
}

/// What is told of an attempt on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// As [`super::AttemptEntry::kcvs`]: `None` leaves them.
    pub kcvs: Option<String>,
    /// As [`super::AttemptEntry::exchanged`]: `None` leaves it.
    pub exchanged: Option<[u8; 32]>,
    /// APDUs since the last that was told: they are added.
    pub apdus: u32,
    /// Microseconds since the last that was told: they are added.
    pub took_us: u64,
}

/// Something that changes a job. Times are in seconds since 1970-01-01 UTC; what a statement says and who signed it is
/// looked at by whoever writes this: here it has to be one of the job, and it serves once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobWrite {
    /// Takes a chip up for a record, of an open job.
    Claim {
        /// The record: pending, or remade.
        record: u64,
        /// It is meant to be a remade one.
        remake: bool,
        /// The chip.
        attempt: NewAttempt,
        /// When.
        at: u64,
    },
    /// Changes nothing, and has the batch refused where this is not a record's last attempt, or the record is in another
    /// state: what a person decided on is so no more.
    Expect {
        /// The record.
        record: u64,
        /// Its last attempt.
        attempt: u32,
        /// What the record is.
        state: RecordState,
    },
    /// Tells how far the last attempt of a record has come. To give a chip back, it becomes pending again; to try a
    /// rejected one once more whose fate is not told, unknown.
    Step {
        /// The record.
        record: u64,
        /// Its last attempt.
        attempt: u32,
        /// What the record becomes; what it is, where only the step is another one.
        to: RecordState,
        /// How far it is. One before the last that was told changes nothing.
        step: Step,
        /// Why; not empty for what is rejected.
        reason: String,
        /// What else is known.
        facts: Facts,
        /// When.
        at: u64,
    },
    /// Tells what became of a rejected chip, once. None is returned that is [no blank](super::NotBlank).
    Fate {
        /// The record.
        record: u64,
        /// The attempt that rejected it.
        attempt: u32,
        /// What became of it.
        fate: Fate,
        /// Who says so.
        statement: Option<i64>,
        /// When.
        at: u64,
    },
    /// Does without a card: of a record that is pending, or rejected with the fate of its chip told.
    Cancel {
        /// The record.
        record: u64,
        /// Who says so.
        statement: Option<i64>,
        /// When.
        at: u64,
    },
    /// Lets another chip be taken up for a rejected record, once the fate of its last one is told. It is bound to no
    /// card then, or to the one that is given. Again, for another one of these, as long as none is taken up.
    Remake {
        /// The record.
        record: u64,
        /// For a listed delivery, the card that has to serve now: none that another record waits for.
        spare: Option<CardId>,
        /// When.
        at: u64,
    },
    /// Pauses, stops, opens again. An open job can be paused, both can be stopped, and what is paused or stopped can be
    /// opened. To be closed is as [`Self::Close`] without a variance.
    Job {
        /// What it becomes.
        state: JobState,
        /// Why.
        reason: String,
        /// When.
        at: u64,
    },
    /// Ends the job for good: with nothing open in its balance, or with the figures that were signed, and the statement
    /// that says so. Not while a run of it has not ended, or a record is claimed, writing or verified.
    Close {
        /// The [balance](cardwright_keys::job::Balance) in one line, and the statement.
        variance: Option<(String, i64)>,
        /// When.
        at: u64,
    },
    /// Records of the intent journal, in the same transaction, and when. Also of a job that is over.
    Journal(Vec<Record>, u64),
}

/// What came of a [`JobWrite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobAnswer {
    /// The chip is taken up.
    Claimed {
        /// The attempt's number.
        attempt: u32,
    },
    /// It is written.
    Done,
}
