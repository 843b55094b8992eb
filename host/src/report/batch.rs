//! The report of a job: what its cards came to, as a page for people and as files for programs and for the issuer.
//!
//! [`make`] writes all of it from a registry alone, in two passes over the cards: a job may have millions, and they are
//! never held. The same registry gives the same bytes: when a report was made stands in the audit log, with its hashes.
//!
//! - `report.html`: balance, plots, runs, statements, keys, cards. Beyond [`CARDS_LISTED`] cards it lists those that were
//!   not accepted at the first attempt.
//! - `cards.csv`: a row for each attempt; [`CARD_COLUMNS`]. `response.csv`: what the issuer gets, a row for each card that
//!   was accepted; [`RESPONSE_COLUMNS`].
//! - `report.json`: the figures, and the hashes of both.
//!
//! All text that came from outside goes through `outside`: nothing of it is HTML, or a formula, and of what looks like a
//! card number (PAN) the first 6 and the last 4 digits are shown. What belongs to the domain `test` says so everywhere.

mod bins;
mod cards;
mod csv;
mod html;
mod json;
mod keys;
mod outside;
mod people;
mod plot;
mod runs;
mod sink;
mod tally;
mod walk;

pub use csv::{CARD_COLUMNS, RESPONSE_COLUMNS};
pub use json::balance_json;
pub use sink::Made;

use crate::batch::statements::Standing;
use cardwright_keys::approval::Operators;
use cardwright_keys::job::{Balance, Domain, Job, JobError};
use cardwright_keys::keyref::Name;
use cardwright_registry::jobs::{JobEntry, JobId, Jobs, RunEntry, Statement, StepCount};
use cardwright_registry::{Registry, RegistryError};
use runs::{Merged, merged};
use sink::Sink;
use std::io::{self, Write};
use tally::Tally;

/// A page lists every card of a job that has no more chips than this.
pub const CARDS_LISTED: u64 = 2000;

/// What a report is made with besides the registry.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Against whom signatures are checked; `None` where they are shown as they are on file.
    pub operators: Option<&'a Operators>,
    /// What each vault is, in words, by the configuration of whoever makes the report.
    pub vaults: &'a [(Name, String)],
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The registry could not be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The job's file in the registry is none that this program reads.
    #[error("the job's file in the registry: {0}")]
    Job(#[from] JobError),
    /// One of the report's files could not be written.
    #[error("{file} could not be written: {error}")]
    Io {
        /// Its name.
        file: &'static str,
        /// The system's answer.
        error: io::Error,
    },
    /// Cards that were counted are not those that the job counts.
    #[error("the cards that were counted are not those of the job's balance: it changed meanwhile, or is damaged")]
    Counts,
}

/// All that is held of a job.
struct Account<'a> {
    facts: &'a Facts<'a>,
    entry: JobEntry,
    job: Job,
    balance: Balance,
    steps: Vec<StepCount>,
    runs: Vec<RunEntry>,
    merged: Merged,
    statements: Vec<(Statement, Standing)>,
    tally: Tally,
    /// Key references that occur, with what the registry knows of them.
    keys: Vec<keys::Used>,
}

impl Account<'_> {
    fn is_test(&self) -> bool {
        self.entry.domain == Domain::Test
    }
}

/// Opens a file of that name.
type Open<'o, W> = &'o mut dyn FnMut(&'static str) -> io::Result<W>;

/// Writes the report of a job. `open` opens each of its files, by name; they come back in the order in which they were
/// written, not yet durable.
///
/// # Errors
/// [`ReportError`]; what was written then is no report.
pub fn make<R: Registry + Jobs, W: Write>(
    registry: &R,
    entry: &JobEntry,
    facts: &Facts<'_>,
    open: Open<'_, W>,
) -> Result<Vec<Made<W>>, ReportError> {
    at_one_moment(registry, entry.id, || {
        let mut made = Vec::with_capacity(4);
        let account = account(registry, entry, facts, open, &mut made)?;
        let mut sink = Sink::open("report.json", open)?;
        let json = json::report(&account, &made);
        let written = serde_json::to_writer_pretty(&mut sink, &json).map_err(io::Error::from);
        written.and_then(|()| writeln!(sink)).map_err(|error| sink.failed(error))?;
        made.push(sink.end()?);
        let mut sink = Sink::open("report.html", open)?;
        html::write(registry, &account, &made, &mut sink)?;
        made.push(sink.end()?);
        Ok(made)
    })
}

/// Within a question to the registry, so that one which answers from a single moment does so for all of them: the job may
/// be under way. Where a registry does not, the counts show it.
fn at_one_moment<R: Jobs, T>(
    registry: &R,
    job: JobId,
    work: impl FnOnce() -> Result<T, ReportError>,
) -> Result<T, ReportError> {
    let (mut work, mut done) = (Some(work), None);
    registry.records(job, 0, &[], &mut |_| {
        done = work.take().map(|work| work());
        false
    })?;
    done.unwrap_or(Err(ReportError::Counts))
}

/// The first pass: counts all cards, and writes both CSV files on the way.
fn account<'a, R: Registry + Jobs, W: Write>(
    registry: &R,
    entry: &JobEntry,
    facts: &'a Facts<'a>,
    open: Open<'_, W>,
    made: &mut Vec<Made<W>>,
) -> Result<Account<'a>, ReportError> {
    let entry = registry.job(&entry.name)?.ok_or(ReportError::Counts)?;
    let job = Job::parse(entry.file.as_bytes())?;
    let (balance, steps) = (registry.balance(entry.id)?, registry.steps(entry.id)?);
    let (mut all, mut response) = (Sink::open("cards.csv", open)?, Sink::open("response.csv", open)?);
    let rows = csv::Rows::new(&entry, &job);
    csv::Rows::heads(&mut all, &CARD_COLUMNS)?;
    csv::Rows::heads(&mut response, &RESPONSE_COLUMNS)?;
    let mut tally = Tally::default();
    walk::walk(registry, entry.id, &mut |record, attempts| {
        tally.add(record, attempts);
        for attempt in attempts {
            rows.card(&mut all, record, attempt)?;
            rows.response(&mut response, attempt)?;
        }
        Ok(())
    })?;
    if !tally.agrees(&balance) {
        return Err(ReportError::Counts);
    }
    made.extend([all.end()?, response.end()?]);
    let runs = registry.runs(entry.id)?;
    let mut statements = Vec::new();
    for statement in registry.statements(entry.id)? {
        let standing = Standing::of(registry, &entry, &statement)?;
        statements.push((statement, standing));
    }
    let keys = keys::used(registry, &job, &tally)?;
    Ok(Account { facts, merged: merged(&runs), entry, job, balance, steps, runs, statements, tally, keys })
}

#[cfg(test)]
mod tests;
