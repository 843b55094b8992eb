//! Runs of stations, and what people sign.

use super::read::option;
use super::text;
use super::write::conflict;
use crate::RegistryError;
use crate::jobs::{JobState, RunEntry, Statement};
use crate::sqlite::journal::flag;
use crate::sqlite::row::{Wrong, all, first, line, moment, reading, run, seconds, word};
use cardwright_keys::approval::one_line;
use cardwright_keys::keyref::Name;
use rusqlite::{Connection, Row, params};

/// The longest statement, in bytes.
const STATEMENT_MAX: usize = 16 << 10;

/// The longest figures of a run, in bytes.
const FIGURES_MAX: usize = 1 << 20;

/// A job's state, if there is such a job.
fn state(db: &Connection, job: i64) -> Result<JobState, RegistryError> {
    let state = first(db, "SELECT state FROM jobs WHERE id = ?1", [job], |row| {
        word(row, 0).map_err(|wrong| wrong.at(format!("jobs, row {job}")))
    })?;
    state.ok_or_else(|| RegistryError::Conflict("there is no such job".to_owned()))
}

pub(super) fn begin(db: &Connection, job: i64, station: &str, operator: &str, at: u64) -> Result<i64, RegistryError> {
    if state(db, job)? == JobState::Closed {
        return conflict("the job is closed".to_owned());
    }
    let sql =
        "INSERT INTO runs (job, station, operator, began, figures) VALUES (?1, ?2, ?3, ?4, '') ON CONFLICT DO NOTHING";
    match run(db, sql, params![job, text(station)?, text(operator)?, seconds(at)?])? {
        0 => conflict(format!("a run of station {station} has begun and not ended")),
        _ => Ok(db.last_insert_rowid()),
    }
}

pub(super) fn end(db: &Connection, id: i64, at: u64, figures: &str) -> Result<(), RegistryError> {
    if figures.len() > FIGURES_MAX || !one_line(figures) {
        return Err(RegistryError::Unfit("the figures of a run are one line of at most 1 MiB".to_owned()));
    }
    let sql = "UPDATE runs SET ended = ?2, figures = ?3 WHERE id = ?1 AND ended IS NULL";
    match run(db, sql, params![id, seconds(at)?, figures])? {
        0 => conflict(format!("there is no run {id} that goes on")),
        _ => Ok(()),
    }
}

pub(super) const RUN: &str = "SELECT id, station, operator, began, ended, figures FROM runs";

/// From a row of [`RUN`].
pub(super) fn entry(row: &Row<'_>) -> Result<RunEntry, RegistryError> {
    let id = row.get(0).map_err(reading)?;
    let read = || -> Result<_, Wrong> {
        let (station, operator, figures) = (line(row, 1)?, line(row, 2)?, line(row, 5)?);
        Ok(RunEntry { id, station, operator, began: moment(row, 3)?, ended: option(row, 4, moment)?, figures })
    };
    read().map_err(|wrong| wrong.at(format!("runs, row {id}")))
}

pub(super) fn runs(db: &Connection, job: i64) -> Result<Vec<RunEntry>, RegistryError> {
    all(db, &format!("{RUN} WHERE job = ?1 ORDER BY id"), [job], entry)
}

pub(super) fn add(db: &Connection, job: i64, text: &str) -> Result<i64, RegistryError> {
    state(db, job)?;
    if text.is_empty() || text.len() > STATEMENT_MAX || !text.split('\n').all(one_line) {
        return Err(RegistryError::Unfit("a statement is lines of text, of at most 16 KiB together".to_owned()));
    }
    run(db, "INSERT INTO statements (job, text, used) VALUES (?1, ?2, 0)", params![job, text])?;
    Ok(db.last_insert_rowid())
}

pub(super) fn sign(
    db: &Connection,
    id: i64,
    operator: &Name,
    at: u64,
    signature: [u8; 64],
) -> Result<(), RegistryError> {
    let used = first(db, "SELECT used FROM statements WHERE id = ?1", [id], |row| {
        flag(row, 0).map_err(|wrong| wrong.at(format!("statements, row {id}")))
    })?;
    match used {
        None => return conflict(format!("there is no statement {id}")),
        Some(true) => return conflict(format!("statement {id} has served already")),
        Some(false) => {}
    }
    let sql = "INSERT INTO statement_signatures (statement, number, operator, at, signature)
               SELECT ?1, count(*) + 1, ?2, ?3, ?4 FROM statement_signatures WHERE statement = ?1
               ON CONFLICT DO NOTHING";
    match run(db, sql, params![id, operator.as_str(), seconds(at)?, signature])? {
        0 => conflict(format!("{operator} has signed statement {id} already")),
        _ => Ok(()),
    }
}

pub(super) const STATEMENT: &str = "SELECT id, text, used FROM statements";

/// From a row of [`STATEMENT`], with its signatures.
pub(super) fn statement(db: &Connection, row: &Row<'_>) -> Result<Statement, RegistryError> {
    let id: i64 = row.get(0).map_err(reading)?;
    let read =
        || -> Result<_, Wrong> { Ok(Statement { id, text: row.get(1)?, signatures: Vec::new(), used: flag(row, 2)? }) };
    let mut statement = read().map_err(|wrong| wrong.at(format!("statements, row {id}")))?;
    let sql = "SELECT operator, at, signature FROM statement_signatures WHERE statement = ?1 ORDER BY number";
    statement.signatures = all(db, sql, [id], |row| {
        let read = || Ok((word(row, 0)?, moment(row, 1)?, row.get(2)?));
        read().map_err(|wrong: Wrong| wrong.at(format!("statement_signatures of statement {id}")))
    })?;
    Ok(statement)
}

pub(super) fn statements(db: &Connection, job: i64) -> Result<Vec<Statement>, RegistryError> {
    all(db, &format!("{STATEMENT} WHERE job = ?1 ORDER BY id"), [job], |row| statement(db, row))
}
