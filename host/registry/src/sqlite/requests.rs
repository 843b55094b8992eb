//! Requests and approvals.

use super::journal::flag;
use super::row::{Wrong, all as every, first, moment, reading, run, seconds, word};
use crate::{RegistryError, RequestEntry};
use cardwright_keys::approval::{Approval, Filed, Nonce, Request};
use rusqlite::{Connection, Row, params};

pub(super) fn file(db: &Connection, entry: &RequestEntry) -> Result<(), RegistryError> {
    let RequestEntry { nonce, filed } = entry;
    if !Request::parse(&filed.text).is_ok_and(|request| request.nonce == *nonce) {
        return Err(RegistryError::Unfit(format!("words that are not those of request {nonce}")));
    }
    let sql = "INSERT INTO requests (nonce, text, signature, spent) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    if run(db, sql, params![nonce.0, filed.text, filed.signature, filed.spent])? == 0 {
        return Err(RegistryError::Conflict(format!("there is a request {nonce} already")));
    }
    filed.approvals.iter().try_for_each(|approval| approve(db, *nonce, approval))
}

/// In the order in which they were filed. The words are handed out as they stand: whoever uses them parses them, and
/// checks the signatures.
pub(super) fn all(db: &Connection) -> Result<Vec<RequestEntry>, RegistryError> {
    every(db, "SELECT id, nonce, text, signature, spent FROM requests ORDER BY id", [], |row| {
        let id = row.get(0).map_err(reading)?;
        let mut entry = request(row).map_err(|wrong| wrong.at(format!("requests, row {id}")))?;
        entry.filed.approvals = approvals(db, id)?;
        Ok(entry)
    })
}

pub(super) fn request(row: &Row<'_>) -> Result<RequestEntry, Wrong> {
    let (text, signature) = (row.get(2)?, row.get(3)?);
    let filed = Filed { text, signature, approvals: Vec::new(), spent: flag(row, 4)? };
    Ok(RequestEntry { nonce: Nonce(row.get(1)?), filed })
}

/// In the order in which they were given.
pub(super) fn approvals(db: &Connection, request: i64) -> Result<Vec<Approval>, RegistryError> {
    every(db, "SELECT id, operator, at, signature FROM approvals WHERE request = ?1 ORDER BY id", [request], |row| {
        let read = || -> Result<_, Wrong> {
            Ok(Approval { operator: word(row, 1)?, at: moment(row, 2)?, signature: row.get(3)? })
        };
        read().map_err(|wrong| wrong.at(format!("approvals, row {}", row.get::<_, i64>(0).unwrap_or_default())))
    })
}

/// The request's row, and whether it has served.
fn find(db: &Connection, nonce: Nonce) -> Result<(i64, bool), RegistryError> {
    let found = first(db, "SELECT id, spent FROM requests WHERE nonce = ?1", [nonce.0], |row| {
        let id: i64 = row.get(0).map_err(reading)?;
        Ok((id, flag(row, 1).map_err(|wrong| wrong.at(format!("requests, row {id}")))?))
    })?;
    found.ok_or_else(|| RegistryError::Conflict(format!("there is no request {nonce}")))
}

pub(super) fn approve(db: &Connection, nonce: Nonce, approval: &Approval) -> Result<(), RegistryError> {
    let (id, _) = find(db, nonce)?;
    let Approval { operator, at, signature } = approval;
    let sql = "INSERT INTO approvals (request, operator, at, signature) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    match run(db, sql, params![id, operator.as_str(), seconds(*at)?, signature])? {
        0 => Err(RegistryError::Conflict(format!("{operator} has approved request {nonce} already"))),
        _ => Ok(()),
    }
}

pub(super) fn spend(db: &Connection, nonce: Nonce) -> Result<(), RegistryError> {
    let (id, spent) = find(db, nonce)?;
    if spent {
        return Err(RegistryError::Conflict(format!("request {nonce} has served already")));
    }
    run(db, "UPDATE requests SET spent = 1 WHERE id = ?1", [id])?;
    Ok(())
}
