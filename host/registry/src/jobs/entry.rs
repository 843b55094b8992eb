//! A job, its records, their attempts.

use super::JobKey;
use cardwright_keys::job::{Domain, Fate, RecordState, Step};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::Name;
use cardwright_proto::gp::key::{Kcv, KeySet};
use std::fmt;
use std::str::FromStr;

/// Which job is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

/// A job to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its name: never given twice.
    pub name: Name,
    /// Whose cards they are.
    pub issuer: Name,
    /// Whether they are for use.
    pub domain: Domain,
    /// What kind of card they are: one line of 1 to 100 bytes.
    pub profile: String,
    /// The job file's text: at most 1 MiB.
    pub file: String,
    /// SHA-256 over the file and all inputs.
    pub sha256: [u8; 32],
    /// Its other files: the path as it is written there, and SHA-256.
    pub inputs: Vec<(String, [u8; 32])>,
    /// Boxes of blank cards, 1 to 10,000,000 cards together.
    pub deliveries: Vec<NewDelivery>,
    /// The keys that it reaches.
    pub keys: Vec<JobKey>,
    /// GlobalPlatform's check values of what its target key gives a card with a KDD of zeros: `None` where that key may
    /// have other versions later.
    pub target: Option<KeySet<Kcv>>,
    /// When. Seconds since 1970-01-01 UTC.
    pub at: u64,
    /// Who, in words: one line.
    pub who: String,
}

/// A box of blank cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its name, of its own within the job.
    pub name: Name,
    /// There is a list of its cards; else any card may be one of it.
    pub listed: bool,
    /// How many cards.
    pub count: u64,
}

/// Whether a job goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Chips are taken up for it.
    Open,
    /// A person holds it back.
    Paused,
    /// It was stopped, as by too many failures: a person has to look before it is open again.
    Stopped,
    /// It is over: nothing of it changes any more.
    Closed,
}

/// A word that is no state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("jobs are open, paused, stopped or closed")]
pub struct NoJobState;

impl JobState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Paused, Self::Stopped, Self::Closed];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JobState {
    type Err = NoJobState;

    fn from_str(text: &str) -> Result<Self, NoJobState> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(NoJobState)
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEntry {
    /// Names it in this registry.
    pub id: JobId,
    /// As [`NewJob::name`].
    pub name: Name,
    /// As [`NewJob::issuer`].
    pub issuer: Name,
    /// As [`NewJob::domain`].
    pub domain: Domain,
    /// As [`NewJob::profile`].
    pub profile: String,
    /// As [`NewJob::file`].
    pub file: String,
    /// As [`NewJob::sha256`].
    pub sha256: [u8; 32],
    /// As [`NewJob::inputs`].
    pub inputs: Vec<(String, [u8; 32])>,
    /// As [`NewJob::target`].
    pub target: Option<KeySet<Kcv>>,
    /// Name, whether listed, how many cards; in the job's order.
    pub deliveries: Vec<(Name, bool, u64)>,
    /// Whether it goes on.
    pub state: JobState,
    /// Why it is paused or stopped; may be empty.
    pub reason: String,
    /// Seconds since 1970-01-01 UTC.
    pub made_at: u64,
    /// Who made it, in words.
    pub made_by: String,
    /// Cards that were not accounted for when it was closed; `None` before.
    pub variance: Option<i64>,
    /// The statement that says so, where there were any.
    pub statement: Option<i64>,
    /// When it was opened, paused, stopped or closed last. Seconds since 1970-01-01 UTC.
    pub changed: u64,
}

/// A card to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEntry {
    /// From 1 within its job.
    pub number: u64,
    /// The delivery that its card comes from: index into [`JobEntry::deliveries`].
    pub delivery: u32,
    /// The card that has to serve it; `None` where any of the delivery may.
    pub expected: Option<CardId>,
    /// How far it has come.
    pub state: RecordState,
    /// After its last attempt was rejected, another chip was brought in: unless it is cancelled, it may be taken up.
    pub remade: bool,
    /// Why it is so; may be empty.
    pub reason: String,
    /// How many chips were taken up for it.
    pub attempts: u32,
    /// The statement that it is cancelled by.
    pub statement: Option<i64>,
    /// When anything of it was written last. Seconds since 1970-01-01 UTC.
    pub changed: u64,
}

impl RecordEntry {
    /// Whether a chip can be taken up for it: it is pending, or rejected and to be made once more.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.state == RecordState::Pending || self.waits_again()
    }

    /// Whether it is rejected and waits for another chip.
    #[must_use]
    pub fn waits_again(&self) -> bool {
        self.state == RecordState::Rejected && self.remade
    }
}

/// A chip that was taken up for a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEntry {
    /// The record.
    pub record: u64,
    /// From 1 within its record.
    pub number: u32,
    /// The chip.
    pub card: CardId,
    /// `Pending` where the chip was given back, and nothing was written to it. Never `Cancelled`.
    pub state: RecordState,
    /// How far it came.
    pub step: Step,
    /// Answer to reset; may be empty.
    pub atr: Vec<u8>,
    /// Which computer.
    pub station: String,
    /// Which reader of it.
    pub reader: String,
    /// Who worked there.
    pub operator: String,
    /// SHA-256 of the card's profile.
    pub profile: [u8; 32],
    /// Reference of the keys that the chip had.
    pub current: String,
    /// Reference of the keys that it is to have.
    pub target: String,
    /// Check values of the keys that it has, 18 hex digits; empty where none are told.
    pub kcvs: String,
    /// SHA-256 of what was exchanged with it.
    pub exchanged: Option<[u8; 32]>,
    /// How many APDUs that was.
    pub apdus: u32,
    /// Seconds since 1970-01-01 UTC.
    pub began: u64,
    /// When it was accepted, rejected or given back. Seconds since 1970-01-01 UTC.
    pub ended: Option<u64>,
    /// Microseconds.
    pub took_us: u64,
    /// Why it is so; may be empty.
    pub reason: String,
    /// What became of a rejected chip.
    pub fate: Option<Fate>,
    /// When that was told. Seconds since 1970-01-01 UTC.
    pub fated: Option<u64>,
    /// The statement that says so.
    pub statement: Option<i64>,
}

/// What people sign about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Names it in this registry.
    pub id: i64,
    /// The words that were signed, as they stand: whoever uses them parses them, and checks the signatures.
    pub text: String,
    /// Operator, when (seconds since 1970-01-01 UTC), signature; in the order in which they came.
    pub signatures: Vec<(Name, u64, [u8; 64])>,
    /// It has served.
    pub used: bool,
}

/// A run of a station: a stretch of work on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// Names it in this registry.
    pub id: i64,
    /// Which computer.
    pub station: String,
    /// Who worked there.
    pub operator: String,
    /// Seconds since 1970-01-01 UTC.
    pub began: u64,
    /// Seconds since 1970-01-01 UTC; `None` while it goes on, and where it was stopped in the middle.
    pub ended: Option<u64>,
    /// What it took, as it was told: empty where nobody did.
    pub figures: String,
}
