//! Rows, read and written: what a statement's failure means, and columns as the types that they stand for.

use crate::RegistryError;
use crate::cards::MOMENT_MAX;
use cardwright_keys::journal::{CardId, SetId};
use rusqlite::{Connection, ErrorCode, Params, Row};

/// Why a row is none that this program writes. Never the text of a column as it is: a terminal may act on it.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) String);

impl Wrong {
    /// With table and row.
    pub(super) fn at(self, place: impl Into<String>) -> RegistryError {
        RegistryError::Damaged { place: place.into(), what: self.0 }
    }
}

/// Of a column that has another type, or a value out of its range.
impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<&str> for Wrong {
    fn from(what: &str) -> Self {
        Self(what.to_owned())
    }
}

/// What a failure while reading means.
pub(super) fn reading(error: rusqlite::Error) -> RegistryError {
    failed("could not be read", error)
}

/// What a failure while writing means.
pub(super) fn writing(error: rusqlite::Error) -> RegistryError {
    failed("could not be written", error)
}

/// `what` as in "the registry ...".
pub(super) fn failed(what: &'static str, error: rusqlite::Error) -> RegistryError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => RegistryError::Busy,
        Some(ErrorCode::DiskFull) => RegistryError::Full,
        Some(ErrorCode::DatabaseCorrupt) => {
            RegistryError::Damaged { place: "the file".to_owned(), what: error.to_string() }
        }
        _ => RegistryError::Database { what, error: Box::new(error) },
    }
}

/// Hands out the rows of a query until `take` says `false`.
pub(super) fn rows(
    db: &Connection,
    sql: &str,
    params: impl Params,
    mut take: impl FnMut(&Row<'_>) -> Result<bool, RegistryError>,
) -> Result<(), RegistryError> {
    #[cfg(test)]
    seen::note(sql);
    let mut statement = db.prepare_cached(sql).map_err(reading)?;
    let mut rows = statement.query(params).map_err(reading)?;
    while let Some(row) = rows.next().map_err(reading)? {
        if !take(row)? {
            break;
        }
    }
    Ok(())
}

/// All rows of a query.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, RegistryError>,
) -> Result<Vec<T>, RegistryError> {
    let mut found = Vec::new();
    rows(db, sql, params, |row| {
        found.push(read(row)?);
        Ok(true)
    })?;
    Ok(found)
}

/// The first row of a query.
pub(super) fn first<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, RegistryError>,
) -> Result<Option<T>, RegistryError> {
    let mut found = None;
    rows(db, sql, params, |row| {
        found = Some(read(row)?);
        Ok(false)
    })?;
    Ok(found)
}

/// Runs a statement; how many rows it changed.
pub(super) fn run(db: &Connection, sql: &str, params: impl Params) -> Result<usize, RegistryError> {
    #[cfg(test)]
    seen::note(sql);
    db.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(writing)
}

/// A moment as it is kept: seconds since 1970-01-01 UTC.
pub(super) fn seconds(at: u64) -> Result<i64, RegistryError> {
    let good = i64::try_from(at).ok().filter(|_| at <= MOMENT_MAX);
    good.ok_or_else(|| RegistryError::Unfit(format!("second {at} is behind the year 9999")))
}

/// The reverse of [`seconds`].
pub(super) fn moment(row: &Row<'_>, column: usize) -> Result<u64, Wrong> {
    let at = u64::try_from(row.get::<_, i64>(column)?).ok().filter(|at| *at <= MOMENT_MAX);
    at.ok_or_else(|| Wrong::from("a moment before 1970, or behind the year 9999"))
}

/// A card's identity as it is kept: 10 bytes of KDD, and maybe 12 of CPLC.
pub(super) fn card_bytes(card: &CardId) -> Result<Vec<u8>, RegistryError> {
    let known = crate::cards::card_id(&card.0);
    known
        .and_then(|card| hex::decode(card.0.replace('-', "")).ok())
        .ok_or_else(|| RegistryError::Unfit("a card is named by 20 hex digits, and maybe `-` and 24 more".to_owned()))
}

/// The reverse of [`card_bytes`].
pub(super) fn card(row: &Row<'_>, column: usize) -> Result<CardId, Wrong> {
    let bytes = row.get_ref(column)?.as_blob().map_err(|error| Wrong(error.to_string()))?;
    let wrong = || Wrong::from("a card is named by 10 bytes or 22");
    let (kdd, chip) = bytes.split_first_chunk::<10>().ok_or_else(wrong)?;
    match chip {
        [] => Ok(CardId::new(kdd, None)),
        chip => chip.try_into().map(|chip| CardId::new(kdd, Some(chip))).map_err(|_| wrong()),
    }
}

/// Number and check values of a set as they are kept.
pub(super) fn set_bytes(set: &SetId) -> Result<(u8, [u8; 9]), RegistryError> {
    crate::cards::set_bytes(set).map_err(|what| RegistryError::Unfit(what.to_owned()))
}

/// A set from two columns, number and check values.
pub(super) fn set(row: &Row<'_>, column: usize) -> Result<SetId, Wrong> {
    let set = SetId { kvn: row.get(column)?, kcvs: hex::encode_upper(row.get::<_, [u8; 9]>(column + 1)?) };
    crate::cards::set_bytes(&set)?;
    Ok(set)
}

/// A text that has no control characters and no direction marks.
pub(super) fn line(row: &Row<'_>, column: usize) -> Result<String, Wrong> {
    let text: String = row.get(column)?;
    if cardwright_keys::approval::one_line(&text) { Ok(text) } else { Err("a text with control characters".into()) }
}

/// A text that stands for something.
pub(super) fn word<T: std::str::FromStr<Err: std::fmt::Display>>(row: &Row<'_>, column: usize) -> Result<T, Wrong> {
    row.get_ref(column)?
        .as_str()
        .map_err(|error| Wrong(error.to_string()))?
        .parse()
        .map_err(|error: T::Err| Wrong(error.to_string()))
}

/// Which statements were run, so that a test can ask how.
#[cfg(test)]
pub(super) mod seen {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static SEEN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(sql: &str) {
        SEEN.with_borrow_mut(|seen| seen.insert(sql.to_owned()));
    }

    /// Those of this thread since the last time.
    pub(in crate::sqlite) fn take() -> BTreeSet<String> {
        SEEN.take()
    }
}
