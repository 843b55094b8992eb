//! Jobs in the SQLite file.

mod add;
mod check;
mod count;
mod end;
mod people;
mod read;
mod write;

pub(super) use check::check;

use super::SqliteRegistry;
use super::row::{all, first};
use crate::RegistryError;
use crate::jobs::{
    AttemptEntry, JobAnswer, JobEntry, JobId, JobKey, JobWrite, Jobs, ListError, Listed, NewJob, RecordEntry, RunEntry,
    Statement, StepCount,
};
use cardwright_keys::approval::one_line;
use cardwright_keys::job::{Balance, Domain, RecordState};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::Name;

/// The longest name of a person, a computer, a reader: in bytes.
const TEXT_MAX: usize = 200;

/// Whether this names a person, a computer, a reader.
fn text(text: &str) -> Result<&str, RegistryError> {
    let good = text.len() <= TEXT_MAX && one_line(text);
    let unfit =
        || RegistryError::Unfit("a person, a station and a reader are one line of at most 200 bytes".to_owned());
    if good { Ok(text) } else { Err(unfit()) }
}

impl Jobs for SqliteRegistry {
    fn add_job(
        &mut self,
        job: &NewJob,
        expected: &mut dyn Iterator<Item = Result<Listed, ListError>>,
    ) -> Result<JobId, RegistryError> {
        self.write(|db| add::add(db, job, expected))
    }

    fn add_keys(&mut self, job: JobId, keys: &[JobKey]) -> Result<(), RegistryError> {
        self.write(|db| keys.iter().try_for_each(|key| add::own(db, job.0, key)))
    }

    fn job(&self, name: &Name) -> Result<Option<JobEntry>, RegistryError> {
        let sql = format!("{} WHERE name = ?1", read::JOB);
        self.read(|db| first(db, &sql, [name.as_str()], |row| read::job(db, row)))
    }

    fn jobs(&self) -> Result<Vec<JobEntry>, RegistryError> {
        self.read(|db| all(db, &format!("{} ORDER BY id", read::JOB), [], |row| read::job(db, row)))
    }

    fn write_all(
        &mut self,
        job: JobId,
        batches: &[Vec<JobWrite>],
    ) -> Result<Vec<Result<Vec<JobAnswer>, RegistryError>>, RegistryError> {
        // What the only batch is refused for takes the transaction back, and is its answer all the same.
        let mut alone = false;
        let written = self.write(|db| {
            let mut writer = write::Writer::begin(db, job.0)?;
            let answers = if let [batch] = batches {
                alone = true;
                vec![Ok(writer.batch(batch)?)]
            } else {
                batches.iter().map(|batch| writer.apart(batch)).collect::<Result<_, _>>()?
            };
            writer.tally.write(db, job.0)?;
            Ok(answers)
        });
        match written {
            Err(refused @ (RegistryError::Conflict(_) | RegistryError::Unfit(_))) if alone => Ok(vec![Err(refused)]),
            written => written,
        }
    }

    fn record_of(&self, job: JobId, card: &CardId) -> Result<Option<RecordEntry>, RegistryError> {
        self.read(|db| read::record_of(db, job.0, card))
    }

    fn listed(&self, job: JobId, kdd: &[u8; 10]) -> Result<Option<CardId>, RegistryError> {
        self.read(|db| read::listed(db, job.0, kdd))
    }

    fn next_pending(&self, job: JobId, delivery: u32) -> Result<Option<RecordEntry>, RegistryError> {
        self.read(|db| read::next_pending(db, job.0, delivery))
    }

    fn record(&self, job: JobId, number: u64) -> Result<Option<RecordEntry>, RegistryError> {
        self.read(|db| read::one(db, job.0, number))
    }

    fn records(
        &self,
        job: JobId,
        after: u64,
        states: &[RecordState],
        take: &mut dyn FnMut(RecordEntry) -> bool,
    ) -> Result<(), RegistryError> {
        self.read(|db| read::records(db, job.0, after, states, take))
    }

    fn attempts(
        &self,
        job: JobId,
        after: (u64, u32),
        take: &mut dyn FnMut(AttemptEntry) -> bool,
    ) -> Result<(), RegistryError> {
        self.read(|db| read::attempts(db, job.0, after, take))
    }

    fn attempts_of(&self, job: JobId, record: u64) -> Result<Vec<AttemptEntry>, RegistryError> {
        self.read(|db| read::attempts_of(db, job.0, record))
    }

    fn chip(&self, card: &CardId) -> Result<Vec<(JobId, AttemptEntry)>, RegistryError> {
        self.read(|db| read::chip(db, card))
    }

    fn balance(&self, job: JobId) -> Result<Balance, RegistryError> {
        self.read(|db| Ok(count::balance(&count::read(db, job.0)?)))
    }

    fn steps(&self, job: JobId) -> Result<Vec<StepCount>, RegistryError> {
        self.read(|db| Ok(count::steps(&count::read(db, job.0)?)))
    }

    fn run_began(&mut self, job: JobId, station: &str, operator: &str, at: u64) -> Result<i64, RegistryError> {
        self.write(|db| people::begin(db, job.0, station, operator, at))
    }

    fn runs(&self, job: JobId) -> Result<Vec<RunEntry>, RegistryError> {
        self.read(|db| people::runs(db, job.0))
    }

    fn run_ended(&mut self, run: i64, at: u64, figures: &str) -> Result<(), RegistryError> {
        self.write(|db| people::end(db, run, at, figures))
    }

    fn add_statement(&mut self, job: JobId, text: &str) -> Result<i64, RegistryError> {
        self.write(|db| people::add(db, job.0, text))
    }

    fn sign_statement(
        &mut self,
        statement: i64,
        operator: &Name,
        at: u64,
        signature: [u8; 64],
    ) -> Result<(), RegistryError> {
        self.write(|db| people::sign(db, statement, operator, at, signature))
    }

    fn owner(&self, key: &JobKey) -> Result<Option<(Name, Domain)>, RegistryError> {
        self.read(|db| add::owner(db, key))
    }

    fn statements(&self, job: JobId) -> Result<Vec<Statement>, RegistryError> {
        self.read(|db| people::statements(db, job.0))
    }
}

#[cfg(test)]
mod tests;
