//! All records of a job with their attempts, one after the other, a few of them held at a time.

use super::ReportError;
use cardwright_registry::RegistryError;
use cardwright_registry::jobs::{AttemptEntry, JobId, Jobs, RecordEntry};
use std::collections::VecDeque;

/// So many attempts are read ahead.
const AHEAD: usize = 512;

/// What is done with a record and all its attempts.
type Take<'t> = &'t mut dyn FnMut(&RecordEntry, &[AttemptEntry]) -> Result<(), ReportError>;

/// Hands out each record with its attempts, by number.
///
/// # Errors
/// Those of the registry and of `take`; [`ReportError::Counts`] where a record's attempts are not all there.
pub(super) fn walk<R: Jobs>(registry: &R, job: JobId, take: Take<'_>) -> Result<(), ReportError> {
    let mut ahead = Ahead { registry, job, waiting: VecDeque::with_capacity(AHEAD), last: (0, 0), ended: false };
    let mut stopped = Ok(());
    registry.records(job, 0, &[], &mut |record| {
        stopped = ahead.of(&record).and_then(|attempts| take(&record, &attempts));
        stopped.is_ok()
    })?;
    stopped
}

/// Attempts that were read, and not yet handed out.
struct Ahead<'r, R> {
    registry: &'r R,
    job: JobId,
    waiting: VecDeque<AttemptEntry>,
    /// Record and number of the last that was read.
    last: (u64, u32),
    ended: bool,
}

impl<R: Jobs> Ahead<'_, R> {
    /// The attempts of the next record.
    fn of(&mut self, record: &RecordEntry) -> Result<Vec<AttemptEntry>, ReportError> {
        let mut found = Vec::new();
        while u32::try_from(found.len()).is_ok_and(|count| count < record.attempts) {
            let next = self.next()?.filter(|attempt| attempt.record == record.number);
            found.push(next.ok_or(ReportError::Counts)?);
        }
        Ok(found)
    }

    fn next(&mut self) -> Result<Option<AttemptEntry>, RegistryError> {
        let Self { registry, job, waiting, last, ended } = self;
        if waiting.is_empty() && !*ended {
            registry.attempts(*job, *last, &mut |attempt| {
                *last = (attempt.record, attempt.number);
                waiting.push_back(attempt);
                waiting.len() < AHEAD
            })?;
            *ended = waiting.len() < AHEAD;
        }
        Ok(waiting.pop_front())
    }
}
