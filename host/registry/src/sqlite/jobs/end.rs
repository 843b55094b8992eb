//! What becomes of rejected chips, records that are done without, and the end of a job.

use super::count::{self, Count};
use super::read::{attempts_of, expecting, number};
use super::write::{Writer, conflict};
use crate::RegistryError;
use crate::jobs::{JobState, NotBlank};
use crate::sqlite::cards;
use crate::sqlite::journal::flag;
use crate::sqlite::row::{Wrong, card_bytes, first, line, reading, run, seconds, word};
use cardwright_keys::approval::reason as one_line;
use cardwright_keys::job::{Balance, Fate, RecordState, after};
use cardwright_keys::journal::CardId;
use rusqlite::params;
use rusqlite::types::ValueRef;

impl Writer<'_> {
    /// Marks a statement as having served.
    fn serve(&self, statement: Option<i64>) -> Result<(), RegistryError> {
        let Some(id) = statement else { return Ok(()) };
        let sql = "UPDATE statements SET used = 1 WHERE id = ?1 AND job = ?2 AND used = 0";
        match run(self.db, sql, params![id, self.job])? {
            0 => conflict(format!("statement {id} is none about this job, or has served already")),
            _ => Ok(()),
        }
    }

    pub(super) fn fate(
        &mut self,
        (record, attempt): (u64, u32),
        fate: Fate,
        statement: Option<i64>,
        at: u64,
    ) -> Result<(), RegistryError> {
        match self.rejected(record, attempt)? {
            Some(false) => {}
            Some(true) => return conflict(format!("the fate of attempt {attempt} of record {record} is told already")),
            None => return conflict(format!("attempt {attempt} of record {record} is no rejected one")),
        }
        if fate == Fate::Returned {
            self.is_blank(record, attempt)?;
        }
        self.serve(statement)?;
        let sql = "UPDATE attempts SET fate = ?4, statement = ?5, fated = ?6
                   WHERE job = ?1 AND record = ?2 AND number = ?3";
        run(self.db, sql, params![self.job, number(record)?, attempt, fate.name(), statement, seconds(at)?])?;
        self.tally.shift(Count::Unfated, Count::Chip(fate));
        Ok(())
    }

    /// Whoever takes a chip up next goes by what it came with.
    fn is_blank(&self, record: u64, attempt: u32) -> Result<(), RegistryError> {
        let chip = attempts_of(self.db, self.job, record)?.into_iter().find(|chip| chip.number == attempt);
        let facts = chip.as_ref().map_or(Ok(None), |chip| cards::facts(self.db, &chip.card))?;
        match chip.zip(facts).and_then(|(chip, facts)| NotBlank::of(&chip, &facts)) {
            Some(why) => conflict(format!("the chip of record {record} is no blank card: {why}")),
            None => Ok(()),
        }
    }

    /// Whether the fate of a rejected attempt is told; `None` for any other.
    fn rejected(&self, record: u64, attempt: u32) -> Result<Option<bool>, RegistryError> {
        let sql = "SELECT state, fate FROM attempts WHERE job = ?1 AND record = ?2 AND number = ?3";
        let found = first(self.db, sql, params![self.job, number(record)?, attempt], |row| {
            let read = || -> Result<_, Wrong> {
                let state: RecordState = word(row, 0)?;
                Ok((state == RecordState::Rejected).then_some(row.get_ref(1)? != ValueRef::Null))
            };
            read().map_err(|wrong| wrong.at(format!("attempts, job {}, record {record}", self.job)))
        })?;
        Ok(found.flatten())
    }

    /// Of a rejected record, the fate of its last chip has to be told.
    fn settled(&self, record: u64, attempts: u32) -> Result<(), RegistryError> {
        match self.rejected(record, attempts)? {
            Some(true) => Ok(()),
            _ => conflict(format!("nobody has told what became of the card of record {record}")),
        }
    }

    pub(super) fn cancel(&mut self, record: u64, statement: Option<i64>, at: u64) -> Result<(), RegistryError> {
        let before = self.before(record)?;
        after(before.state, RecordState::Cancelled)
            .map_err(|error| RegistryError::Conflict(format!("record {record}: {error}")))?;
        if before.state == RecordState::Rejected {
            self.settled(record, before.attempts)?;
        }
        self.serve(statement)?;
        let sql = "UPDATE records SET state = 'cancelled', statement = ?3, changed = ?4
                   WHERE job = ?1 AND number = ?2";
        run(self.db, sql, params![self.job, number(record)?, statement, seconds(at)?])?;
        self.tally.shift(Count::Record(before.state), Count::Record(RecordState::Cancelled));
        self.tally.add(Count::Remade, -i64::from(before.remade));
        if before.remade || before.state == RecordState::Pending {
            self.tally.add(Count::Blank, 1);
        }
        Ok(())
    }

    pub(super) fn remake(&mut self, record: u64, spare: Option<&CardId>, at: u64) -> Result<(), RegistryError> {
        let before = self.before(record)?;
        // Another spare may be named as long as none is taken up.
        if before.state != RecordState::Rejected || (before.remade && spare.is_none()) {
            let what = if before.remade { "to be made again already" } else { before.state.name() };
            return conflict(format!("record {record} is {what}: there is nothing to make again"));
        }
        self.settled(record, before.attempts)?;
        let expected = spare.map(|spare| self.spare(record, before.delivery, spare)).transpose()?;
        let sql = "UPDATE records SET remade = 1, expected = ?3, changed = ?4 WHERE job = ?1 AND number = ?2";
        run(self.db, sql, params![self.job, number(record)?, expected, seconds(at)?])?;
        if !before.remade {
            self.tally.add(Count::Spare, 1);
            self.tally.add(Count::Remade, 1);
        }
        Ok(())
    }

    /// The name of a card that takes the place of a listed one.
    fn spare(&self, record: u64, delivery: u32, spare: &CardId) -> Result<Vec<u8>, RegistryError> {
        let card = card_bytes(spare)?;
        let sql = "SELECT listed FROM job_deliveries WHERE job = ?1 AND number = ?2";
        let listed = first(self.db, sql, params![self.job, delivery], |row| {
            flag(row, 0).map_err(|wrong| wrong.at(format!("job_deliveries of job {}", self.job)))
        })?;
        if listed != Some(true) {
            return conflict(format!("the delivery of record {record} is not listed: any card of it may serve"));
        }
        // A card that is named by its KDD alone may be any that begins so.
        let last = [&card[..], &[0xFF; 12]].concat();
        let sql = "SELECT number FROM records WHERE job = ?1 AND expected BETWEEN ?2 AND ?3 AND number <> ?4";
        let values = params![self.job, card, last, number(record)?];
        let other: Option<i64> = first(self.db, sql, values, |row| row.get(0).map_err(reading))?;
        let other = match other {
            Some(other) => Some(other.unsigned_abs()),
            None => expecting(self.db, self.job, &card)?.filter(|other| *other != record),
        };
        match other {
            Some(other) => conflict(format!("record {other} waits for card {spare}")),
            None => Ok(card),
        }
    }

    pub(super) fn become_state(&mut self, to: JobState, reason: &str, at: u64) -> Result<(), RegistryError> {
        use JobState::{Closed, Open, Paused, Stopped};
        match (self.state, to) {
            (_, Closed) => return self.close(None, at),
            (Open, Paused | Stopped) | (Paused, Open | Stopped) | (Stopped, Open) => {}
            (from, to) => return conflict(format!("a job that is {from} does not become {to}")),
        }
        let reason = one_line(reason)
            .map_err(|_| RegistryError::Unfit("a reason is one line of at most 400 bytes".to_owned()))?;
        // Why it was held back says nothing of a job that goes on.
        let kept = if to == Open { "" } else { reason };
        let sql = "UPDATE jobs SET state = ?2, reason = ?3, changed = ?4 WHERE id = ?1";
        run(self.db, sql, params![self.job, to.name(), kept, seconds(at)?])?;
        self.state = to;
        Ok(())
    }

    /// Whoever still has a card in the middle has figures that are not in the balance.
    fn is_at_rest(&self, balance: &Balance) -> Result<(), RegistryError> {
        let sql = "SELECT station FROM runs WHERE job = ?1 AND ended IS NULL LIMIT 1";
        let station = first(self.db, sql, [self.job], |row| {
            line(row, 0).map_err(|wrong| wrong.at(format!("runs of job {}", self.job)))
        })?;
        if let Some(station) = station {
            return conflict(format!("a run of station {station} has begun and not ended"));
        }
        let middle = [RecordState::Claimed, RecordState::Writing, RecordState::Verified];
        match middle.into_iter().map(|state| balance.state(state)).sum() {
            0_u64 => Ok(()),
            count => conflict(format!("{count} cards of the job are in the middle")),
        }
    }

    pub(super) fn close(&mut self, variance: Option<&(String, i64)>, at: u64) -> Result<(), RegistryError> {
        self.tally.write(self.db, self.job)?;
        let balance = count::balance(&count::read(self.db, self.job)?);
        self.is_at_rest(&balance)?;
        let open = balance.open();
        match variance {
            None if open != 0 => return conflict(format!("cards of the job are not accounted for: {open}")),
            Some((signed, _)) if *signed != balance.to_string() => {
                return conflict(format!("the figures are `{balance}`, and others were signed: `{signed}`"));
            }
            _ => {}
        }
        let statement = variance.map(|(_, statement)| *statement);
        self.serve(statement)?;
        let sql = "UPDATE jobs SET state = 'closed', reason = '', variance = ?2, statement = ?3, changed = ?4
                   WHERE id = ?1";
        run(self.db, sql, params![self.job, open, statement, seconds(at)?])?;
        self.state = JobState::Closed;
        Ok(())
    }
}
