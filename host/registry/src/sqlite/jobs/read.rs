//! Jobs, records and attempts as they are asked for.

use crate::RegistryError;
use crate::jobs::{AttemptEntry, JobEntry, JobId, RecordEntry};
use crate::sqlite::journal::flag;
use crate::sqlite::row::{Wrong, all, card, card_bytes, first, line, moment, reading, rows, word};
use cardwright_keys::job::{Fate, RecordState};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::Name;
use cardwright_proto::gp::key::{Kcv, KeySet};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

/// The number of a record as it is kept.
pub(super) fn number(record: u64) -> Result<i64, RegistryError> {
    i64::try_from(record).map_err(|_| RegistryError::Conflict(format!("there is no record {record}")))
}

/// A number that is kept, from 0.
fn count(row: &Row<'_>, column: usize) -> Result<u64, Wrong> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| "a number below zero".into())
}

/// What may not be there.
pub(super) fn option<T>(
    row: &Row<'_>,
    column: usize,
    read: impl FnOnce(&Row<'_>, usize) -> Result<T, Wrong>,
) -> Result<Option<T>, Wrong> {
    if row.get_ref(column)? == ValueRef::Null { Ok(None) } else { read(row, column).map(Some) }
}

pub(super) const JOB: &str = "SELECT id, name, issuer, domain, profile, file, sha256, state, reason, made_at, made_by,
                   variance, statement, changed, target FROM jobs";

/// From a row of [`JOB`], with inputs and deliveries.
pub(super) fn job(db: &Connection, row: &Row<'_>) -> Result<JobEntry, RegistryError> {
    let id: i64 = row.get(0).map_err(reading)?;
    let read = || -> Result<_, Wrong> {
        let profile = line(row, 4)?;
        crate::cards::profile(&profile)?;
        Ok(JobEntry {
            id: JobId(id),
            name: word(row, 1)?,
            issuer: word(row, 2)?,
            domain: word(row, 3)?,
            profile,
            file: row.get(5)?,
            sha256: row.get(6)?,
            inputs: Vec::new(),
            target: option(row, 14, target)?,
            deliveries: Vec::new(),
            state: word(row, 7)?,
            reason: line(row, 8)?,
            made_at: moment(row, 9)?,
            made_by: line(row, 10)?,
            variance: row.get(11)?,
            statement: row.get(12)?,
            changed: moment(row, 13)?,
        })
    };
    let mut entry = read().map_err(|wrong| wrong.at(format!("jobs, row {id}")))?;
    let in_turn = |row: &Row<'_>, next: &mut i64| -> Result<(), Wrong> {
        *next += 1;
        if row.get::<_, i64>(0)? == *next - 1 { Ok(()) } else { Err("the ones before are not all there".into()) }
    };
    let mut next = 0;
    entry.inputs =
        all(db, "SELECT number, path, sha256 FROM job_inputs WHERE job = ?1 ORDER BY number", [id], |row| {
            let read = |next| in_turn(row, next).and_then(|()| Ok((line(row, 1)?, row.get(2)?)));
            read(&mut next).map_err(|wrong| wrong.at(format!("job_inputs of job {id}")))
        })?;
    next = 0;
    let sql = "SELECT number, name, listed, count FROM job_deliveries WHERE job = ?1 ORDER BY number";
    entry.deliveries = all(db, sql, [id], |row| {
        let read = |next| in_turn(row, next).and_then(|()| Ok((word::<Name>(row, 1)?, flag(row, 2)?, count(row, 3)?)));
        read(&mut next).map_err(|wrong| wrong.at(format!("job_deliveries of job {id}")))
    })?;
    Ok(entry)
}

/// Check values of three keys, one behind the other.
fn target(row: &Row<'_>, column: usize) -> Result<KeySet<Kcv>, Wrong> {
    let [a, b, c, d, e, f, g, h, i] = row.get::<_, [u8; 9]>(column)?;
    Ok(KeySet { enc: Kcv([a, b, c]), mac: Kcv([d, e, f]), dek: Kcv([g, h, i]) })
}

pub(super) const RECORD: &str =
    "SELECT number, delivery, expected, state, remade, reason, attempts, statement, changed, job FROM records";

/// From a row of [`RECORD`].
pub(super) fn record(row: &Row<'_>) -> Result<RecordEntry, RegistryError> {
    let read = || -> Result<_, Wrong> {
        Ok(RecordEntry {
            number: count(row, 0)?,
            delivery: row.get(1)?,
            expected: option(row, 2, card)?,
            state: word(row, 3)?,
            remade: flag(row, 4)?,
            reason: line(row, 5)?,
            attempts: row.get(6)?,
            statement: row.get(7)?,
            changed: moment(row, 8)?,
        })
    };
    let whole = |column| row.get::<_, i64>(column).unwrap_or_default();
    read().map_err(|wrong| wrong.at(format!("records, job {}, record {}", whole(9), whole(0))))
}

pub(super) fn one(db: &Connection, job: i64, of: u64) -> Result<Option<RecordEntry>, RegistryError> {
    let Ok(of) = i64::try_from(of) else { return Ok(None) };
    first(db, &format!("{RECORD} WHERE job = ?1 AND number = ?2"), params![job, of], record)
}

pub(super) fn records(
    db: &Connection,
    job: i64,
    after: u64,
    states: &[RecordState],
    take: &mut dyn FnMut(RecordEntry) -> bool,
) -> Result<(), RegistryError> {
    let Ok(after) = i64::try_from(after) else { return Ok(()) };
    rows(db, &behind(states), params![job, after], |row| Ok(take(record(row)?)))
}

/// Asks for the records of a job behind a number, in these states. Those that wait, and the few that are neither waiting
/// nor accepted, have an index each; the states are written out, since a partial index serves no value that is bound.
fn behind(states: &[RecordState]) -> String {
    let part = |index: &str, condition: &str| format!("{RECORD} {index} WHERE job = ?1 AND number > ?2{condition}");
    let any_of = |states: &[RecordState]| {
        let names: Vec<_> = states.iter().map(|state| format!("'{state}'")).collect();
        format!(" AND state IN ({})", names.join(", "))
    };
    if states.is_empty() {
        return part("", "") + " ORDER BY number";
    }
    if states.contains(&RecordState::Accepted) {
        return part("", &any_of(states)) + " ORDER BY number";
    }
    let (waiting, few): (Vec<_>, Vec<_>) = states.iter().partition(|state| **state == RecordState::Pending);
    let mut parts = Vec::with_capacity(2);
    if !waiting.is_empty() {
        parts.push(part("INDEXED BY records_pending", " AND state = 'pending'"));
    }
    if !few.is_empty() {
        let few = format!(" AND state <> 'pending' AND state <> 'accepted'{}", any_of(&few));
        parts.push(part("INDEXED BY records_few", &few));
    }
    parts.join(" UNION ALL ") + " ORDER BY number"
}

/// The record that waits for a card: by its whole name, else by the KDD that it begins with.
pub(super) fn expecting(db: &Connection, job: i64, card: &[u8]) -> Result<Option<u64>, RegistryError> {
    let sql = "SELECT number FROM records WHERE job = ?1 AND expected = ?2";
    let waits = |name: &[u8]| {
        first(db, sql, params![job, name], |row| row.get::<_, i64>(0).map(i64::unsigned_abs).map_err(reading))
    };
    match (waits(card)?, card.split_first_chunk::<10>()) {
        (None, Some((kdd, [_, ..]))) => waits(kdd),
        (found, _) => Ok(found),
    }
}

pub(super) fn record_of(db: &Connection, job: i64, card: &CardId) -> Result<Option<RecordEntry>, RegistryError> {
    let bytes = card_bytes(card)?;
    let had = |condition: &str| {
        let sql = format!(
            "SELECT record FROM attempts WHERE card = (SELECT id FROM cards WHERE card = ?2) AND job = ?1 {condition}"
        );
        first(db, &sql, params![job, bytes], |row| row.get::<_, i64>(0).map(i64::unsigned_abs).map_err(reading))
    };
    let mut found = had("AND state <> 'pending' AND fate IS NOT 'returned'")?;
    if found.is_none() {
        found = expecting(db, job, &bytes)?;
    }
    if found.is_none() {
        found = had("ORDER BY began DESC, record DESC LIMIT 1")?;
    }
    found.map_or(Ok(None), |found| one(db, job, found))
}

pub(super) fn listed(db: &Connection, job: i64, kdd: &[u8; 10]) -> Result<Option<CardId>, RegistryError> {
    let last = [&kdd[..], &[0xFF; 12]].concat();
    let sql = "SELECT expected FROM records WHERE job = ?1 AND expected BETWEEN ?2 AND ?3 LIMIT 2";
    let mut found = Vec::with_capacity(2);
    rows(db, sql, params![job, kdd, last], |row| {
        found.push(card(row, 0).map_err(|wrong| wrong.at(format!("records of job {job}")))?);
        Ok(true)
    })?;
    let Some(card) = found.pop().filter(|card| found.is_empty() && card.chip().is_some()) else { return Ok(None) };
    let sql = "SELECT 1 FROM cards WHERE card BETWEEN ?1 AND ?2 AND card <> ?3 AND length(card) = 22 LIMIT 1";
    let other = first(db, sql, params![kdd, last, card_bytes(&card)?], |_| Ok(()))?;
    Ok(other.is_none().then_some(card))
}

pub(super) fn next_pending(db: &Connection, job: i64, delivery: u32) -> Result<Option<RecordEntry>, RegistryError> {
    let sql = format!(
        "{RECORD} INDEXED BY records_free WHERE job = ?1 AND delivery = ?2 AND expected IS NULL AND (state = 'pending' OR state = 'rejected' AND remade = 1)
         ORDER BY number LIMIT 1"
    );
    first(db, &sql, params![job, delivery], record)
}

const ATTEMPT: &str = "SELECT a.record, a.number, c.card, a.state, a.step, a.atr, o.station, o.reader, o.operator,
                   o.profile, o.current, o.target, a.kcvs, a.exchanged, a.apdus, a.began, a.ended, a.took_us, a.reason,
                   a.fate, a.fated, a.statement, a.job
                   FROM attempts a LEFT JOIN cards c ON c.id = a.card LEFT JOIN origins o ON o.id = a.origin";

/// From a row of [`ATTEMPT`], with its job.
pub(super) fn attempt(row: &Row<'_>) -> Result<(JobId, AttemptEntry), RegistryError> {
    let whole = |column| row.get::<_, i64>(column).unwrap_or_default();
    let read = || -> Result<_, Wrong> {
        let state: RecordState = word(row, 3)?;
        let (fate, fated) = (option(row, 19, word::<Fate>)?, option(row, 20, moment)?);
        if state == RecordState::Cancelled {
            return Err("no attempt is cancelled".into());
        }
        if fate.is_some() != fated.is_some() || (fate.is_some() && state != RecordState::Rejected) {
            return Err("a fate is that of a rejected chip, and has its time".into());
        }
        let kcvs = option(row, 12, |row, column| Ok(row.get::<_, [u8; 9]>(column)?))?;
        let entry = AttemptEntry {
            record: count(row, 0)?,
            number: row.get(1)?,
            card: card(row, 2)?,
            state,
            step: word(row, 4)?,
            atr: row.get(5)?,
            station: line(row, 6)?,
            reader: line(row, 7)?,
            operator: line(row, 8)?,
            profile: row.get(9)?,
            current: reference(row, 10)?,
            target: reference(row, 11)?,
            kcvs: kcvs.map(hex::encode_upper).unwrap_or_default(),
            exchanged: row.get(13)?,
            apdus: row.get(14)?,
            began: moment(row, 15)?,
            ended: option(row, 16, moment)?,
            took_us: count(row, 17)?,
            reason: line(row, 18)?,
            fate,
            fated,
            statement: row.get(21)?,
        };
        Ok((JobId(whole(22)), entry))
    };
    let place = || format!("attempts, job {}, record {}, attempt {}", whole(22), whole(0), whole(1));
    read().map_err(|wrong| wrong.at(place()))
}

fn reference(row: &Row<'_>, column: usize) -> Result<String, Wrong> {
    let reference = line(row, column)?;
    crate::cards::from(&reference)?;
    Ok(reference)
}

pub(super) fn attempts(
    db: &Connection,
    job: i64,
    (record, number): (u64, u32),
    take: &mut dyn FnMut(AttemptEntry) -> bool,
) -> Result<(), RegistryError> {
    let Ok(record) = i64::try_from(record) else { return Ok(()) };
    let sql =
        format!("{ATTEMPT} WHERE a.job = ?1 AND (a.record, a.number) > (?2, ?3) ORDER BY a.job, a.record, a.number");
    rows(db, &sql, params![job, record, number], |row| Ok(take(attempt(row)?.1)))
}

pub(super) fn attempts_of(db: &Connection, job: i64, record: u64) -> Result<Vec<AttemptEntry>, RegistryError> {
    let Ok(record) = i64::try_from(record) else { return Ok(Vec::new()) };
    let sql = format!("{ATTEMPT} WHERE a.job = ?1 AND a.record = ?2 ORDER BY a.number");
    all(db, &sql, params![job, record], |row| Ok(attempt(row)?.1))
}

pub(super) fn chip(db: &Connection, card: &CardId) -> Result<Vec<(JobId, AttemptEntry)>, RegistryError> {
    let sql = format!(
        "{ATTEMPT} WHERE a.card = (SELECT id FROM cards WHERE card = ?1) ORDER BY a.began, a.job, a.record, a.number"
    );
    all(db, &sql, [card_bytes(card)?], attempt)
}
