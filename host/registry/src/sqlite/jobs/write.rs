//! Batches of writes: chips taken up, and how far they come.

use super::count::{Count, Tally, has_ended};
use super::read::{expecting, number};
use super::text;
use crate::RegistryError;
use crate::jobs::{Facts, JobAnswer, JobState, JobWrite, NewAttempt};
use crate::sqlite::cards::{self, Interned};
use crate::sqlite::journal;
use crate::sqlite::journal::flag;
use crate::sqlite::row::{Wrong, card, card_bytes, first, reading, run, seconds, word};
use cardwright_keys::approval::reason as one_line;
use cardwright_keys::job::{RecordState, Step, after};
use rusqlite::{Connection, params};

/// The longest answer to reset, in bytes.
const ATR_MAX: usize = 33;

/// More microseconds than anything takes, and so few that two of them can be added.
const TOOK_MAX: i64 = i64::MAX / 2;

pub(super) type Answers = Result<Vec<JobAnswer>, RegistryError>;

/// A job that is written to, in one transaction.
pub(super) struct Writer<'a> {
    pub(super) db: &'a Connection,
    pub(super) job: i64,
    pub(super) state: JobState,
    /// Some of its cards are listed.
    listed: bool,
    pub(super) tally: Tally,
    origins: Vec<(NewAttempt, i64)>,
    interned: Interned,
}

/// What a record is before it is written to.
pub(super) struct Before {
    pub(super) delivery: u32,
    pub(super) expected: Option<Vec<u8>>,
    pub(super) state: RecordState,
    pub(super) remade: bool,
    pub(super) attempts: u32,
}

pub(super) fn conflict<T>(what: String) -> Result<T, RegistryError> {
    Err(RegistryError::Conflict(what))
}

impl<'a> Writer<'a> {
    pub(super) fn begin(db: &'a Connection, job: i64) -> Result<Self, RegistryError> {
        let sql = "SELECT state, EXISTS (SELECT 1 FROM job_deliveries WHERE job = id AND listed = 1)
                   FROM jobs WHERE id = ?1";
        let found = first(db, sql, [job], |row| {
            let read = || Ok((word(row, 0)?, flag(row, 1)?));
            read().map_err(|wrong: Wrong| wrong.at(format!("jobs, row {job}")))
        })?;
        let (state, listed) = found.ok_or_else(|| RegistryError::Conflict("there is no such job".to_owned()))?;
        let (tally, origins, interned) = (Tally::default(), Vec::new(), Interned::default());
        Ok(Self { db, job, state, listed, tally, origins, interned })
    }

    /// A batch beside others: what it is refused for takes back what it has done.
    pub(super) fn apart(&mut self, batch: &[JobWrite]) -> Result<Answers, RegistryError> {
        let (state, tally) = (self.state, self.tally.clone());
        run(self.db, "SAVEPOINT batch", [])?;
        let answers = match self.batch(batch) {
            Err(refused @ (RegistryError::Conflict(_) | RegistryError::Unfit(_))) => Err(refused),
            done => Ok(done?),
        };
        if answers.is_err() {
            run(self.db, "ROLLBACK TO batch", [])?;
            (self.state, self.tally) = (state, tally);
            // Rows that they name may be gone.
            self.origins.clear();
            self.interned = Interned::default();
        }
        run(self.db, "RELEASE batch", [])?;
        Ok(answers)
    }

    pub(super) fn batch(&mut self, batch: &[JobWrite]) -> Answers {
        batch.iter().map(|write| self.write(write)).collect()
    }

    fn write(&mut self, write: &JobWrite) -> Result<JobAnswer, RegistryError> {
        if let JobWrite::Journal(records, at) = write {
            journal::append(self.db, records, *at, &mut self.interned)?;
            return Ok(JobAnswer::Done);
        }
        if self.state == JobState::Closed {
            return conflict("the job is closed".to_owned());
        }
        match write {
            JobWrite::Claim { record, remake, attempt, at } => {
                return self.claim(*record, *remake, attempt, *at).map(|attempt| JobAnswer::Claimed { attempt });
            }
            JobWrite::Expect { record, attempt, state } => self.expect(*record, *attempt, *state),
            JobWrite::Step { record, attempt, to, step, reason, facts, at } => {
                self.step((*record, *attempt), (*to, *step), reason, facts, *at)
            }
            JobWrite::Fate { record, attempt, fate, statement, at } => {
                self.fate((*record, *attempt), *fate, *statement, *at)
            }
            JobWrite::Cancel { record, statement, at } => self.cancel(*record, *statement, *at),
            JobWrite::Remake { record, spare, at } => self.remake(*record, spare.as_ref(), *at),
            JobWrite::Job { state, reason, at } => self.become_state(*state, reason, *at),
            JobWrite::Close { variance, at } => self.close(variance.as_ref(), *at),
            JobWrite::Journal(..) => Ok(()),
        }?;
        Ok(JobAnswer::Done)
    }

    pub(super) fn before(&self, record: u64) -> Result<Before, RegistryError> {
        let sql = "SELECT delivery, expected, state, remade, attempts FROM records WHERE job = ?1 AND number = ?2";
        let found = first(self.db, sql, params![self.job, number(record)?], |row| {
            let read = || -> Result<_, Wrong> {
                let (delivery, expected, attempts) = (row.get(0)?, row.get(1)?, row.get(4)?);
                Ok(Before { delivery, expected, state: word(row, 2)?, remade: flag(row, 3)?, attempts })
            };
            read().map_err(|wrong| wrong.at(format!("records, job {}, record {record}", self.job)))
        })?;
        found.ok_or_else(|| RegistryError::Conflict(format!("there is no record {record}")))
    }

    fn claim(&mut self, record: u64, remake: bool, attempt: &NewAttempt, at: u64) -> Result<u32, RegistryError> {
        if self.state != JobState::Open {
            return conflict(format!("the job is {}: no card is taken up", self.state));
        }
        let before = self.before(record)?;
        let free = match before.state {
            RecordState::Pending => !remake,
            RecordState::Rejected => remake && before.remade,
            _ => false,
        };
        if !free {
            return conflict(match (before.state, remake) {
                (RecordState::Pending, true) => format!("record {record} is pending: it is no remake"),
                (RecordState::Rejected, false) if before.remade => {
                    format!("record {record} is rejected, and a remake of it is wanted")
                }
                (state, _) => format!("record {record} is {state}: no card can be taken up for it"),
            });
        }
        after(before.state, RecordState::Claimed).map_err(|error| RegistryError::Conflict(error.to_string()))?;
        let card = card_bytes(&attempt.card)?;
        self.waits_for(record, &before, &card)?;
        let next = before.attempts.checked_add(1);
        let next = next.ok_or_else(|| RegistryError::Conflict(format!("record {record} has no end of attempts")))?;
        let (id, _) = cards::id(self.db, &attempt.card, None)?;
        let (origin, began) = (self.origin(attempt)?, seconds(at)?);
        let sql = "INSERT INTO attempts
                   (job, record, number, card, state, step, origin, atr, apdus, began, took_us, reason)
                   VALUES (?1, ?2, ?3, ?4, 'claimed', ?5, ?6, ?7, 0, ?8, 0, '') ON CONFLICT DO NOTHING";
        let step = Step::Identify;
        let values = params![self.job, number(record)?, next, id, step.name(), origin, attempt.atr, began];
        if run(self.db, sql, values)? == 0 {
            return self.held(id, record);
        }
        let sql = "UPDATE records SET state = 'claimed', remade = 0, attempts = ?3, reason = '', changed = ?4
                   WHERE job = ?1 AND number = ?2";
        run(self.db, sql, params![self.job, number(record)?, next, began])?;
        self.tally.shift(Count::Record(before.state), Count::Record(RecordState::Claimed));
        self.tally.add(Count::of(RecordState::Claimed, step), 1);
        self.tally.add(Count::Remade, -i64::from(before.remade));
        Ok(next)
    }

    /// Whether the card is the one that the record waits for, or one of any that no other waits for.
    fn waits_for(&self, record: u64, before: &Before, card: &[u8]) -> Result<(), RegistryError> {
        let listed = if before.expected.as_deref() == Some(card) || !self.listed {
            before.expected.as_ref().map(|_| record)
        } else {
            expecting(self.db, self.job, card)?
        };
        match (&before.expected, listed) {
            (None, None) => Ok(()),
            (_, Some(other)) if other == record => Ok(()),
            (_, Some(other)) => conflict(format!("record {other} waits for this card, not record {record}")),
            (Some(_), None) => conflict(format!("record {record} waits for another card")),
        }
    }

    /// Why a chip cannot be taken up.
    fn held(&self, card_row: i64, record: u64) -> Result<u32, RegistryError> {
        let sql = "SELECT c.card, j.name, a.record, a.state FROM attempts a
                   JOIN cards c ON c.id = a.card JOIN jobs j ON j.id = a.job
                   WHERE a.card = ?1 AND a.state <> 'pending' AND a.fate IS NOT 'returned'";
        let held = first(self.db, sql, [card_row], |row| {
            let read = || -> Result<_, Wrong> {
                let name: cardwright_keys::keyref::Name = word(row, 1)?;
                let (other, state): (i64, RecordState) = (row.get(2)?, word(row, 3)?);
                Ok(format!("card {} was taken up for record {other} of job {name}, and is {state}", card(row, 0)?))
            };
            read().map_err(|wrong| wrong.at(format!("attempts, card in row {card_row}")))
        })?;
        conflict(held.unwrap_or_else(|| format!("record {record} has a card already")))
    }

    /// The row of who makes an attempt, where, with what.
    fn origin(&mut self, of: &NewAttempt) -> Result<i64, RegistryError> {
        let same = |one: &NewAttempt| {
            (&one.reader, &one.station, &one.operator, &one.profile, &one.current, &one.target)
                == (&of.reader, &of.station, &of.operator, &of.profile, &of.current, &of.target)
        };
        if of.atr.len() > ATR_MAX {
            return Err(RegistryError::Unfit("an answer to reset has at most 33 bytes".to_owned()));
        }
        if let Some((_, id)) = self.origins.iter().find(|(known, _)| same(known)) {
            return Ok(*id);
        }
        for reference in [&of.current, &of.target] {
            crate::cards::from(reference).map_err(|what| RegistryError::Unfit(what.to_owned()))?;
        }
        for name in [&of.station, &of.reader, &of.operator] {
            text(name)?;
        }
        let values = params![of.station, of.reader, of.operator, of.profile, of.current, of.target];
        let sql = "SELECT id FROM origins WHERE station = ?1 AND reader = ?2 AND operator = ?3 AND profile = ?4
                   AND current = ?5 AND target = ?6";
        let id = match first(self.db, sql, values, |row| row.get(0).map_err(reading))? {
            Some(id) => id,
            None => {
                let sql = "INSERT INTO origins (station, reader, operator, profile, current, target)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                run(self.db, sql, values)?;
                self.db.last_insert_rowid()
            }
        };
        self.origins.push((of.clone(), id));
        Ok(id)
    }

    fn expect(&self, record: u64, attempt: u32, state: RecordState) -> Result<(), RegistryError> {
        match self.last(record, attempt)? {
            (found, _) if found == state => Ok(()),
            (found, _) => conflict(format!("record {record} is {found} by now, not {state}")),
        }
    }

    fn step(
        &mut self,
        (record, attempt): (u64, u32),
        (to, step): (RecordState, Step),
        reason: &str,
        facts: &Facts,
        at: u64,
    ) -> Result<(), RegistryError> {
        let (from, came) = self.last(record, attempt)?;
        let goes_on = from == to && from.is_live() && from != RecordState::Accepted;
        if !goes_on {
            after(from, to).map_err(|error| RegistryError::Conflict(format!("record {record}: {error}")))?;
            // These have conditions of their own.
            if matches!(to, RecordState::Claimed | RecordState::Cancelled) {
                return conflict(format!("record {record} is not {to} by a step"));
            }
        }
        if from == RecordState::Rejected {
            self.unfated(record, attempt)?;
        }
        if (from, to) == (RecordState::Unknown, RecordState::Writing) && self.state != JobState::Open {
            return conflict(format!("the job is {}: no card is gone on with", self.state));
        }
        let why = one_line(reason).ok().filter(|why| to != RecordState::Rejected || !why.is_empty());
        let why = why.ok_or_else(|| {
            RegistryError::Unfit("a reason is one line of at most 400 bytes, and what is rejected has one".to_owned())
        })?;
        let Facts { kcvs, exchanged, apdus, took_us } = facts;
        let kcvs = kcvs.as_deref().map(crate::cards::check_values).transpose();
        let kcvs = kcvs.map_err(|what| RegistryError::Unfit(what.to_owned()))?;
        let took = i64::try_from(*took_us).ok().filter(|took| *took <= TOOK_MAX);
        let took = took.ok_or_else(|| RegistryError::Unfit("nothing takes so many microseconds".to_owned()))?;
        let (step, at) = (step.max(came), seconds(at)?);
        let ended = Some(at).filter(|_| has_ended(to));
        let sql = "UPDATE attempts SET state = ?4, step = ?5, reason = ?6, kcvs = ifnull(?7, kcvs),
                   exchanged = ifnull(?8, exchanged), apdus = min(apdus + ?9, 0xFFFFFFFF),
                   took_us = min(took_us + ?10, 0x3FFFFFFFFFFFFFFF), ended = ?11
                   WHERE job = ?1 AND record = ?2 AND number = ?3";
        let of = (self.job, number(record)?);
        let (state, word) = (to.name(), step.name());
        let values = params![of.0, of.1, attempt, state, word, why, kcvs, exchanged, apdus, took, ended];
        run(self.db, sql, values)?;
        let sql = "UPDATE records SET state = ?3, reason = ?4, changed = ?5 WHERE job = ?1 AND number = ?2";
        run(self.db, sql, params![of.0, of.1, state, why, at])?;
        self.tally.shift(Count::Record(from), Count::Record(to));
        self.tally.shift(Count::of(from, came), Count::of(to, step));
        self.tally
            .add(Count::Unfated, i64::from(to == RecordState::Rejected) - i64::from(from == RecordState::Rejected));
        Ok(())
    }

    /// A rejected chip may be tried once more as long as nobody has told what became of it.
    fn unfated(&self, record: u64, attempt: u32) -> Result<(), RegistryError> {
        let sql = "SELECT fate FROM attempts WHERE job = ?1 AND record = ?2 AND number = ?3 AND fate IS NOT NULL";
        let of = params![self.job, number(record)?, attempt];
        match first(self.db, sql, of, |row| row.get::<_, String>(0).map_err(reading))? {
            Some(_) => conflict(format!("what became of the chip of record {record} is told already")),
            None => Ok(()),
        }
    }

    /// State and step of a record's last attempt, if it is that one.
    fn last(&self, record: u64, attempt: u32) -> Result<(RecordState, Step), RegistryError> {
        let sql = "SELECT r.state, a.step FROM records r
                   JOIN attempts a ON a.job = r.job AND a.record = r.number AND a.number = r.attempts
                   WHERE r.job = ?1 AND r.number = ?2 AND r.attempts = ?3";
        let found = first(self.db, sql, params![self.job, number(record)?, attempt], |row| {
            let read = || Ok((word(row, 0)?, word(row, 1)?));
            read().map_err(|wrong: Wrong| wrong.at(format!("records, job {}, record {record}", self.job)))
        })?;
        let missing = || RegistryError::Conflict(format!("{attempt} is not the last attempt of record {record}"));
        found.ok_or_else(missing)
    }
}
