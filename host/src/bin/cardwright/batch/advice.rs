//! What to do where a job stops.

use cardwright::batch::inputs::InputError;
use cardwright::batch::{Aside, BatchError};
use cardwright::report::batch::ReportError;
use cardwright_keys::approval::Reject;
use cardwright_keys::job::{Domain, Fate, JobError, RecordState};
use cardwright_keys::keyref::Name;
use cardwright_registry::jobs::{JobState, NotBlank};
use std::path::PathBuf;

/// Why a command about jobs ends without success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobFailure {
    #[error("{}: {error}", path.display())]
    Job { path: PathBuf, error: JobError },
    #[error("{}: {error}", path.display())]
    Input { path: PathBuf, error: InputError },
    #[error("the job makes {cards} cards, and its data file has {rows} rows")]
    Rows { cards: u64, rows: u64 },
    #[error("the data file names cards, and delivery `{0}` has no list of them")]
    Unlisted(Name),
    #[error("{}: line {line}: the data file has no row for this card", file.display())]
    NoRow { file: PathBuf, line: u64 },
    #[error("the job's `readers`, number {0}: it is none of pcsc:NAME-PART, vpcd:PORT and sim:deck=DIR")]
    Reader(usize),
    #[error("there is no job `{0}`")]
    Unknown(Name),
    #[error("job `{job}` is pinned by hash, and {what} is another one since")]
    Changed { job: Name, what: String },
    #[error("job `{job}`: the target key `{key}` is not what it was when the job began")]
    OtherKey { job: Name, key: String },
    #[error("`{0}` is a key that everybody knows: a live job does not use it")]
    WellKnown(String),
    #[error("`{key}` belongs to issuer {issuer}, domain {domain}")]
    OthersKey { key: String, issuer: Name, domain: Domain },
    #[error("this computer works for issuer `{0}`: the job is another one's")]
    OtherIssuer(Name),
    #[error("delivery `{0}`: the set that is to be deleted afterwards has to be named, as in KEYREF@0x20")]
    Retire(Name),
    #[error("the job is {state}{}{reason}", if reason.is_empty() { "" } else { ": " })]
    NotOpen { state: JobState, reason: String },
    /// Printed already.
    #[error("the job is {state}{}{reason}", if reason.is_empty() { "" } else { ": " })]
    Held { state: JobState, reason: String },
    #[error("another process works on the job as station `{0}`")]
    Running(String),
    #[error("{0}")]
    Refused(String),
    #[error("the chip of record {record} is no blank card: {why}")]
    NotBlank { record: u64, why: NotBlank },
    #[error("a run of the job has begun and not ended")]
    RunOpen,
    #[error("{0} cards of the job are in the middle: claimed, writing or verified")]
    Middle(u64),
    #[error(
        "deliveries `{0}` and `{1}` have no lists, and some of their keys in common: nothing would tell their cards apart"
    )]
    Overlap(Name, Name),
    #[error("sealed fields want an encrypted session: level 03, 13 or 33, and the job's is another")]
    InClear,
    #[error("the data file has sealed fields, and [data] names no key")]
    Sealed,
    #[error("record {record} waits for a card of a list: name the spare that takes its place")]
    Spare { record: u64 },
    #[error("an earlier run of station `{station}` was cut off ({count} cards in the middle)")]
    CutOff { station: String, count: usize },
    #[error("the job has no such card")]
    NoCard,
    #[error("record {record} is {state}: that cannot be done with it")]
    State { record: u64, state: RecordState },
    #[error("no card of the job was called that")]
    Unseen,
    #[error("a card of that name is on record: it is none that never was in a reader")]
    Seen,
    #[error("record {record} waits for another chip already")]
    Remade { record: u64 },
    #[error("that chip is no spare: it was taken up for record {record}, and is {state}")]
    UsedSpare { record: u64, state: RecordState },
    #[error("record {record} has no chip that this could be said of")]
    NoChip { record: u64 },
    #[error("what became of that chip is told already: {0}")]
    Fated(Fate),
    #[error("tell what became of the rejected chip of record {record} first")]
    NoFate { record: u64 },
    #[error("{0} cards are not accounted for")]
    Open(i64),
    #[error("the balance is open by {found}, not by {said}")]
    OtherVariance { found: i64, said: i64 },
    #[error("other figures were signed: {signed}; they are {found}")]
    OtherFigures { found: String, signed: String },
    #[error("there is no statement {0} about this job")]
    NoStatement(i64),
    #[error("statement {0} is not as this program writes it, or is about something else")]
    BadStatement(i64),
    #[error("statement {0} is void: what it is about is not as it was")]
    Void(i64),
    #[error("statement {0} is carried out already")]
    Served(i64),
    #[error("statement {id} waits for another person's signature")]
    Waits { id: i64 },
    #[error("your signature of statement {id} would not count: {why}")]
    Uncounted { id: i64, why: Reject },
    #[error("the job stopped: {0}")]
    Stopped(String),
    #[error("{left} of {all} cards are not made yet")]
    Left { left: u64, all: u64 },
    #[error("there is no reader left")]
    NoReaders,
    #[error("the job's [data] names no key to seal with")]
    NoSealingKey,
    #[error("a card of the list has no record in the registry any more")]
    Gone,
    #[error("there is no report: {0}")]
    NoReport(#[from] ReportError),
}

impl JobFailure {
    /// The command has printed its object already.
    pub(crate) const fn is_printed(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::Stopped(_) | Self::Left { .. } | Self::NoReaders)
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Changed { .. } | Self::OtherKey { .. } => 7,
            Self::Stopped(_) | Self::Left { .. } | Self::Held { .. } => 10,
            Self::NoReaders => 3,
            Self::Waits { .. } | Self::Uncounted { .. } => 11,
            Self::Gone | Self::BadStatement(_) | Self::NoReport(_) => 9,
            _ => 2,
        }
    }

    pub(crate) const fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Job { .. } => "mend the job file; `cardwright batch plan --example` prints one that is good",
            Self::Input { .. } | Self::Rows { .. } | Self::NoRow { .. } => "mend the file; no card was touched",
            Self::Unlisted(_) => {
                "give the delivery a list, or leave the cards out of the data file: rows then go by record"
            }
            Self::Unknown(_) => "`cardwright batch status` lists the jobs; `batch run JOB.toml` adds one",
            Self::Changed { .. } => "put the file back as it was; what is to be made otherwise is a job of its own",
            Self::OtherKey { .. } => {
                "put the key back that lay there; cards that are to get another one are a job of their own"
            }
            Self::WellKnown(_) => "use a key of your own, or domain = \"test\" for trials",
            Self::Overlap(..) => "name one version of the key for each, VAULT/KEY:N, or list the cards of one of them",
            Self::OthersKey { .. } => "use a key of this issuer and domain: one key never serves two",
            Self::OtherIssuer(_) => "run it where the configuration's `issuer` is that one's",
            Self::Retire(_) => "name the set behind the delivery's key, or leave retire out",
            Self::NotOpen { state: JobState::Closed, .. } => "what is to be made besides is a job of its own",
            Self::NotOpen { .. } | Self::Held { .. } => {
                "when its cause is mended: `cardwright batch resume JOB --reason ...`"
            }
            Self::CutOff { .. } => {
                "look why, then run it again with --operator NAME: cards in the middle are settled when they are in a reader again"
            }
            Self::Stopped(_) => "find out why; then `cardwright batch resume JOB --reason ...` and run it again",
            Self::Left { .. } => "run it again with more cards; `cardwright batch status JOB` shows which wait",
            Self::NoReaders => "connect a reader and run it again: nothing is lost",
            Self::Running(_) => "wait until it has ended, or give this one another --station",
            Self::NoSealingKey | Self::Sealed => "put key = \"vault:NAME/KEY\" into [data]",
            Self::NoReport(ReportError::Counts) => {
                "make it again when no run is under way; if it stays so: `cardwright registry check`"
            }
            _ => return self.to_people(),
        })
    }

    /// To whoever says something of cards, or of a job's end.
    const fn to_people(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoCard => "`cardwright batch status JOB --list accepted` lists cards; #N names a record",
            Self::Unseen => {
                "look at it once more; a chip that never was in a reader takes a record that waits, with --unseen"
            }
            Self::Seen => {
                "name it with its chip, as `cardwright batch status JOB --list accepted` does, or its record, #N"
            }
            Self::Remade { .. } => "it is made in the next run; for a card of a list --spare CARD names another chip",
            Self::UsedSpare { .. } => "name a chip from the stock of spares",
            Self::Void(_) | Self::Served(_) => "`cardwright batch sign JOB` shows all; state it anew if it is so",
            Self::NoChip { .. } => "name the chip itself; `cardwright batch status JOB` shows where its cards are",
            Self::Fated(_) => "that stands, and is signed where two people had to",
            Self::State { .. } => "`cardwright batch status JOB` shows where its cards are",
            Self::NoFate { .. } => "`cardwright batch reject JOB CARD --fate FATE --reason ...`",
            Self::Open(_) => "settle what is open, or close with --variance N --reason ..., which two people sign",
            Self::OtherVariance { .. } => "`cardwright batch status JOB` shows the balance",
            Self::OtherFigures { .. } => {
                "look at what changed; `cardwright batch close` states the new figures, to be signed anew"
            }
            Self::Uncounted { why: Reject::Late, .. } => {
                "it is dated before the statement: one of the two clocks is wrong; set it, and make the statement again if need be"
            }
            Self::Waits { .. } | Self::Uncounted { .. } => "another operator: `cardwright batch sign JOB N --yes`",
            Self::NotBlank { why: NotBlank::Sent, .. } => "quarantined, or settle it first: put it into a reader again",
            Self::NotBlank { why: NotBlank::Keyed, .. } => "destroyed or quarantined: these are left for it",
            Self::Middle(_) => "wait until their run has ended: `cardwright batch status JOB` shows where they are",
            Self::Spare { .. } => "`cardwright batch remake JOB CARD --spare CARD --reason ...`",
            Self::RunOpen => {
                "wait until it has ended; one that was cut off is ended by the next run, with --operator, or by `cardwright batch recover`"
            }
            _ => return None,
        })
    }
}

/// A run's error for the shell.
pub(crate) fn exit_code(error: &BatchError) -> u8 {
    match error {
        BatchError::Aside(_) | BatchError::NotOpen { .. } | BatchError::Beyond { .. } => 4,
        BatchError::OtherChip { .. } => 7,
        BatchError::Input(_) | BatchError::NoData { .. } => 2,
        _ => 9,
    }
}

/// What to do about it.
pub(crate) fn advice(error: &BatchError) -> Option<&'static str> {
    Some(match error {
        BatchError::Aside(Aside::NotExpected) => "the card belongs to another job or delivery: put it aside",
        BatchError::Input(_) => "put the file back as it was: it is pinned",
        BatchError::Unwritten(_) => {
            "mend the disk, then run it again: cards in the middle are settled by the cards themselves"
        }
        BatchError::OtherChip { .. } => "keep this card apart: it was copied or exchanged, or its list is wrong",
        _ => return None,
    })
}
