//! The whole file looked through.

use super::row::{Wrong, card, first, line, reading, rows, writing};
use super::{cards, edition, jobs, journal, keys, requests, schema};
use crate::{Finding, RegistryError};
use cardwright_keys::approval::Request;
use cardwright_keys::lifecycle::State;
use rusqlite::{Connection, Row};
use std::collections::BTreeSet;

/// What is wrong. A row that cannot be read is a finding, and the next one is looked at.
pub(super) fn check(db: &Connection) -> Result<Vec<Finding>, RegistryError> {
    let mut findings = Vec::new();
    for look in [pages, references, made, interned, key_sets, all_cards, changes, lives, filed, editions, jobs::check] {
        // Pages that cannot be read end a table.
        note(look(db, &mut findings), &mut findings)?;
    }
    Ok(findings)
}

/// Damage is a finding, every other error is one.
pub(super) fn note(looked: Result<(), RegistryError>, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    match looked {
        Err(RegistryError::Damaged { place, what }) => findings.push(Finding { place, what }),
        looked => looked?,
    }
    Ok(())
}

/// Looks at each row; a row that cannot be read is a finding.
pub(super) fn every(
    db: &Connection,
    findings: &mut Vec<Finding>,
    sql: &str,
    mut look: impl FnMut(&Row<'_>) -> Result<(), RegistryError>,
) -> Result<(), RegistryError> {
    rows(db, sql, [], |row| note(look(row), findings).map(|()| true))
}

fn number(row: &Row<'_>, column: usize) -> i64 {
    row.get(column).unwrap_or_default()
}

fn text(row: &Row<'_>, column: usize) -> Result<String, RegistryError> {
    row.get::<_, String>(column).map(|text| text.escape_debug().to_string()).map_err(reading)
}

fn pages(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    every(db, findings, "PRAGMA integrity_check", |row| match text(row, 0)? {
        what if what == "ok" => Ok(()),
        what => Err(Wrong(what).at("the file")),
    })
}

fn references(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    every(db, findings, "PRAGMA foreign_key_check", |row| {
        let what = format!("it refers to a row of {} that is not there", text(row, 2)?);
        Err(Wrong(what).at(format!("{}, row {}", text(row, 0)?, number(row, 1))))
    })
}

fn editions(db: &Connection, _: &mut Vec<Finding>) -> Result<(), RegistryError> {
    edition::read(db).map(drop)
}

/// Tables and indices, beside those of a file that is made now.
fn made(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    let listed = |db: &Connection| {
        let mut listed = BTreeSet::new();
        rows(db, "SELECT type, name, ifnull(sql, '') FROM sqlite_schema", [], |row| {
            listed.insert((text(row, 0)?, text(row, 1)?, text(row, 2)?));
            Ok(true)
        })?;
        Ok::<_, RegistryError>(listed)
    };
    let fresh = Connection::open_in_memory().map_err(reading)?;
    schema::MIGRATIONS.iter().try_for_each(|migration| fresh.execute_batch(migration)).map_err(writing)?;
    let (found, wanted) = (listed(db)?, listed(&fresh)?);
    let finding = |(kind, name, _): &(String, String, String), what: &str| Finding {
        place: "the schema".to_owned(),
        what: format!("{kind} {name} {what}"),
    };
    findings.extend(found.difference(&wanted).map(|one| finding(one, "is none that this program made")));
    findings.extend(wanted.difference(&found).map(|one| finding(one, "is not there as this program made it")));
    Ok(())
}

fn interned(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    every(db, findings, "SELECT id, profile FROM profiles", |row| {
        let read = || -> Result<_, Wrong> { Ok(crate::cards::profile(&line(row, 1)?)?) };
        read().map_err(|wrong| wrong.at(format!("profiles, row {}", number(row, 0))))
    })?;
    every(db, findings, cards::SOURCE, |row| cards::source(row).map(drop))
}

fn key_sets(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    every(db, findings, cards::SET, |row| cards::read_set(row).map(drop))
}

fn all_cards(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    every(db, findings, "SELECT id, card, refused, unanswered FROM cards", |row| {
        let read = || -> Result<_, Wrong> { Ok((card(row, 1)?, journal::failures(row, 2)?)) };
        read().map(drop).map_err(|wrong| wrong.at(format!("cards, row {}", number(row, 0))))
    })?;
    every(db, findings, "SELECT kvn, kcvs, counter, card FROM counters", |row| {
        let place = format!("counters, card in row {}", number(row, 3));
        journal::counter(row).map(drop).map_err(|wrong| wrong.at(place))
    })
}

fn changes(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    every(db, findings, journal::OPEN, |row| journal::open(row).map(drop))?;
    every(db, findings, journal::ENDED, |row| journal::end(row).map(drop))
}

fn lives(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    every(db, findings, keys::KEY, |row| {
        let entry = keys::key(db, row)?;
        for version in entry.versions.iter().filter(|version| version.due.is_some()) {
            if version.history.state() != Ok(Some(State::PreOperational)) {
                let wrong = Wrong::from("it is to be activated, and is not pre-operational");
                return Err(wrong.at(format!("dues of {}", entry.key.at(version.version))));
            }
        }
        Ok(())
    })
}

fn filed(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    let sql = "SELECT id, nonce, text, signature, spent FROM requests ORDER BY id";
    let used = "SELECT 1 FROM (SELECT request FROM steps UNION ALL SELECT request FROM dues) WHERE request = ?1";
    every(db, findings, sql, |row| {
        let place = || format!("requests, row {}", number(row, 0));
        let entry = requests::request(row).map_err(|wrong| wrong.at(place()))?;
        if !Request::parse(&entry.filed.text).is_ok_and(|request| request.nonce == entry.nonce) {
            return Err(Wrong::from("the words are not those of a request of that name").at(place()));
        }
        if !entry.filed.spent && first(db, used, [entry.nonce.0], |_| Ok(()))?.is_some() {
            return Err(Wrong::from("it has served, and is not marked so").at(place()));
        }
        requests::approvals(db, number(row, 0)).map(drop)
    })
}
