//! Keys, their versions, and the steps of each.

use super::requests::spend;
use super::row::{Wrong, all as every, first, line, moment, reading, run, seconds, word};
use crate::{Due, KeyEntry, NewVersion, RegistryError, VersionEntry};
use cardwright_keys::approval::{Nonce, reason};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{History, State, Step};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

/// By vault and name.
pub(super) fn all(db: &Connection) -> Result<Vec<KeyEntry>, RegistryError> {
    every(db, &format!("{KEY} ORDER BY vault, name"), [], |row| key(db, row))
}

pub(super) fn find(db: &Connection, of: &VaultKey) -> Result<Option<KeyEntry>, RegistryError> {
    let of = params![of.vault.as_str(), of.key.as_str()];
    first(db, &format!("{KEY} WHERE vault = ?1 AND name = ?2"), of, |row| key(db, row))
}

pub(super) const KEY: &str = "SELECT id, vault, name, purpose, key_type FROM keys";

/// From a row of [`KEY`], with everything that belongs to it.
pub(super) fn key(db: &Connection, row: &Row<'_>) -> Result<KeyEntry, RegistryError> {
    let id: i64 = row.get(0).map_err(reading)?;
    let read = || -> Result<_, Wrong> {
        let key = VaultKey::any(word(row, 1)?, word(row, 2)?);
        Ok(KeyEntry { key, purpose: word(row, 3)?, key_type: word(row, 4)?, versions: Vec::new() })
    };
    let mut entry = read().map_err(|wrong| wrong.at(format!("keys, row {id}")))?;
    let sql = "SELECT v.version, v.kcvs, v.wrapped_under, d.at, d.request FROM versions v
               LEFT JOIN dues d ON d.key = v.key AND d.version = v.version WHERE v.key = ?1 ORDER BY v.version";
    entry.versions =
        every(db, sql, [id], |row| version(row).map_err(|wrong| wrong.at(format!("versions of {}", entry.key))))?;
    for (number, version) in (1..).zip(&mut entry.versions) {
        if version.version != number {
            let wrong = Wrong(format!("version {number} is not there, and {} is", version.version));
            return Err(wrong.at(format!("versions of {}", entry.key)));
        }
        version.history = history(db, id, &entry.key.at(number))?;
    }
    Ok(entry)
}

/// Without its history.
fn version(row: &Row<'_>) -> Result<VersionEntry, Wrong> {
    let kcvs = match row.get_ref(1)? {
        ValueRef::Null => None,
        ValueRef::Blob(kcvs) if matches!(kcvs.len(), 3 | 9) => Some(hex::encode_upper(kcvs)),
        _ => return Err("check values have 3 bytes or 9".into()),
    };
    let wrapped_under = if row.get_ref(2)? == ValueRef::Null { None } else { Some(word(row, 2)?) };
    let due = if row.get_ref(3)? == ValueRef::Null {
        None
    } else {
        Some(Due { at: moment(row, 3)?, request: nonce(row, 4)? })
    };
    Ok(VersionEntry { version: row.get(0)?, kcvs, history: History::default(), due, wrapped_under })
}

fn nonce(row: &Row<'_>, column: usize) -> Result<Option<Nonce>, Wrong> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(Nonce))
}

/// The steps of a version, replayed: what nobody can have done is damage.
fn history(db: &Connection, id: i64, of: &VaultKey) -> Result<History, RegistryError> {
    let sql = "SELECT step, act, at, who, reason, request FROM steps WHERE key = ?1 AND version = ?2 ORDER BY step";
    let mut number = 0;
    let steps = every(db, sql, params![id, of.version], |row| {
        number += 1;
        let read = || -> Result<_, Wrong> {
            if row.get::<_, i64>(0)? != number {
                return Err("the steps before are not all there".into());
            }
            let (who, reason) = (line(row, 3)?, line(row, 4)?);
            Ok(Step { act: word(row, 1)?, at: moment(row, 2)?, who, reason, request: nonce(row, 5)? })
        };
        read().map_err(|wrong| wrong.at(format!("steps of {of}, step {number}")))
    })?;
    let history = History(steps);
    match history.state() {
        Ok(Some(_)) => Ok(history),
        Ok(None) => Err(Wrong::from("there are none").at(format!("steps of {of}"))),
        Err(forbidden) => Err(Wrong(forbidden.to_string()).at(format!("steps of {of}"))),
    }
}

fn conflict(what: String) -> RegistryError {
    RegistryError::Conflict(what)
}

/// The row of the key and the version that is meant.
fn locate(db: &Connection, key: &VaultKey) -> Result<(i64, u32, VersionEntry), RegistryError> {
    let missing = || conflict(format!("{key} is not registered"));
    let number = key.version.ok_or_else(|| RegistryError::Unfit(format!("{key} names no version")))?;
    let of = params![key.vault.as_str(), key.key.as_str()];
    let found = first(db, &format!("{KEY} WHERE vault = ?1 AND name = ?2"), of, |row| {
        Ok((row.get(0).map_err(reading)?, self::key(db, row)?))
    })?;
    let (id, entry) = found.ok_or_else(missing)?;
    let version = entry.versions.into_iter().find(|version| version.version == number).ok_or_else(missing)?;
    Ok((id, number, version))
}

pub(super) fn add_version(db: &Connection, new: &NewVersion) -> Result<(), RegistryError> {
    let NewVersion { key, purpose, key_type, kcvs, first: begins } = new;
    let version = key.version.ok_or_else(|| RegistryError::Unfit(format!("{key} names no version")))?;
    let before = find(db, key)?;
    let next = before.as_ref().map_or(1, |entry| entry.versions.len() as u64 + 1);
    if u64::from(version) != next {
        return Err(conflict(format!("the next version of {}/{} is {next}, not {version}", key.vault, key.key)));
    }
    if let Some(entry) = before.filter(|entry| (entry.purpose, entry.key_type) != (*purpose, *key_type)) {
        let KeyEntry { key, purpose, key_type, .. } = entry;
        return Err(conflict(format!("{key} is kept for `{purpose}`, and {key_type}: so are all of its versions")));
    }
    let kcvs = kcvs.as_deref().map(check_values).transpose()?;
    let names = params![key.vault.as_str(), key.key.as_str(), purpose.name(), key_type.name()];
    run(db, "INSERT INTO keys (vault, name, purpose, key_type) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", names)?;
    let sql = "INSERT INTO versions (key, version, kcvs)
               SELECT id, ?3, ?4 FROM keys WHERE vault = ?1 AND name = ?2 RETURNING key";
    let values = params![key.vault.as_str(), key.key.as_str(), version, kcvs];
    let id = first(db, sql, values, |row| row.get(0).map_err(super::row::writing))?;
    let id = id.ok_or_else(|| reading(rusqlite::Error::QueryReturnedNoRows))?;
    if let Some(nonce) = begins.request {
        spend(db, nonce)?;
    }
    step(db, (id, version), &History::default(), begins)
}

/// One key or three: 3 bytes or 9.
fn check_values(hex: &str) -> Result<Vec<u8>, RegistryError> {
    let upper = hex.bytes().all(|digit| !digit.is_ascii_lowercase());
    let bytes = hex::decode(hex).ok().filter(|bytes| upper && matches!(bytes.len(), 3 | 9));
    bytes.ok_or_else(|| RegistryError::Unfit("check values are 6 or 18 hex digits, upper case".to_owned()))
}

/// Adds a step behind these, where there is such an edge.
fn step(db: &Connection, (id, version): (i64, u32), before: &History, step: &Step) -> Result<(), RegistryError> {
    let forbidden = |error: cardwright_keys::lifecycle::Forbidden| conflict(error.to_string());
    cardwright_keys::lifecycle::after(before.state().map_err(forbidden)?, step.act).map_err(forbidden)?;
    let text = |text| reason(text).map_err(|_| RegistryError::Unfit("who and why are one line each".to_owned()));
    let sql = "INSERT INTO steps (key, version, step, act, at, who, reason, request)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (act, at, request) = (step.act.name(), seconds(step.at)?, step.request.map(|nonce| nonce.0));
    let (who, why) = (text(&step.who)?, text(&step.reason)?);
    run(db, sql, params![id, version, before.0.len() as i64 + 1, act, at, who, why, request])?;
    Ok(())
}

pub(super) fn add_step(db: &Connection, key: &VaultKey, after: usize, next: &Step) -> Result<(), RegistryError> {
    let (id, version, entry) = locate(db, key)?;
    let steps = entry.history.0.len();
    if steps != after {
        return Err(conflict(format!("{key} has {steps} steps behind it, not {after}: somebody was faster")));
    }
    // What was decided ahead has served when it was decided.
    let decided = entry.due.and_then(|due| due.request);
    if let Some(nonce) = next.request.filter(|nonce| decided != Some(*nonce)) {
        spend(db, nonce)?;
    }
    // A date was set, and approved, for the history before this step.
    run(db, "DELETE FROM dues WHERE key = ?1 AND version = ?2", params![id, version])?;
    step(db, (id, version), &entry.history, next)
}

pub(super) fn set_due(db: &Connection, key: &VaultKey, due: Option<Due>) -> Result<(), RegistryError> {
    let (id, version, entry) = locate(db, key)?;
    run(db, "DELETE FROM dues WHERE key = ?1 AND version = ?2", params![id, version])?;
    let Some(Due { at, request }) = due else { return Ok(()) };
    let state = entry.history.state().ok().flatten();
    if state != Some(State::PreOperational) {
        return Err(conflict(format!("{key} is not pre-operational: nothing is to be activated")));
    }
    if let Some(nonce) = request {
        spend(db, nonce)?;
    }
    let sql = "INSERT INTO dues (key, version, at, request) VALUES (?1, ?2, ?3, ?4)";
    run(db, sql, params![id, version, seconds(at)?, request.map(|nonce| nonce.0)])?;
    Ok(())
}

pub(super) fn set_wrapped_under(db: &Connection, key: &VaultKey, under: &VaultKey) -> Result<(), RegistryError> {
    let (id, version, _) = locate(db, key)?;
    let sql = "UPDATE versions SET wrapped_under = ?3 WHERE key = ?1 AND version = ?2";
    run(db, sql, params![id, version, under.to_string()])?;
    Ok(())
}
