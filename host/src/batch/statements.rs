//! Whether what people state of a job is still so.

use cardwright_keys::job::RecordState;
use cardwright_keys::job::statement::{Statement as Words, What};
use cardwright_registry::RegistryError;
use cardwright_registry::jobs::{JobEntry, JobState, Jobs, Statement};

/// What became of a statement, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was signed, and has served.
    CarriedOut,
    /// It may be signed.
    Waits,
    /// What it is about has changed since, or it is none: it serves for nothing.
    Void,
}

impl Standing {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CarriedOut => "carried out",
            Self::Waits => "waits",
            Self::Void => "void",
        }
    }

    /// Of a statement about this job.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn of<R: Jobs>(registry: &R, entry: &JobEntry, statement: &Statement) -> Result<Self, RegistryError> {
        if statement.used {
            return Ok(Self::CarriedOut);
        }
        let words = Words::parse(&statement.text).ok();
        let Some(words) = words.filter(|words| words.job == entry.name && words.issuer == entry.issuer) else {
            return Ok(Self::Void);
        };
        Ok(if is_so(registry, entry, &words.what)? { Self::Waits } else { Self::Void })
    }
}

/// Whether the chip, the record or the job is still as it was when that was stated.
///
/// # Errors
/// [`RegistryError`]
pub fn is_so<R: Jobs>(registry: &R, entry: &JobEntry, what: &What) -> Result<bool, RegistryError> {
    if entry.state == JobState::Closed {
        return Ok(false);
    }
    Ok(match what {
        What::Fate { card, rejected, .. } => registry.chip(card)?.iter().any(|(job, chip)| {
            let untold = chip.state == RecordState::Rejected && chip.fate.is_none();
            *job == entry.id && untold && chip.ended == Some(*rejected)
        }),
        What::Cancel { record, since } => registry.record(entry.id, *record)?.is_some_and(|record| {
            matches!(record.state, RecordState::Pending | RecordState::Rejected) && record.changed == *since
        }),
        What::Variance { balance, .. } => registry.balance(entry.id)?.to_string() == *balance,
    })
}
