//! When anything about keys, requests and approvals was last written.

use super::row::{Wrong, first, reading, run};
use crate::RegistryError;
use rusqlite::Connection;

/// Notes that something is written, in the same transaction.
pub(super) fn next(db: &Connection) -> Result<(), RegistryError> {
    match run(db, "UPDATE editions SET edition = edition + 1 WHERE id = 1", [])? {
        0 => Err(missing()),
        _ => Ok(()),
    }
}

pub(super) fn read(db: &Connection) -> Result<u64, RegistryError> {
    let edition = first(db, "SELECT edition FROM editions WHERE id = 1", [], |row| {
        let read = || -> Result<_, Wrong> {
            u64::try_from(row.get::<_, i64>(0)?).map_err(|_| Wrong::from("a number below zero"))
        };
        read().map_err(|wrong| wrong.at("editions"))
    })?;
    edition.ok_or_else(missing)
}

/// Counts what others have committed, to any table; what this connection has is not in it.
pub(super) fn others(db: &Connection) -> Result<u32, RegistryError> {
    Ok(first(db, "PRAGMA data_version", [], |row| row.get(0).map_err(reading))?.unwrap_or(0))
}

fn missing() -> RegistryError {
    Wrong::from("its row is not there").at("editions")
}
