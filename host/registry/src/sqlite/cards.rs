//! Cards and their key sets.

use super::journal;
use super::row::{Wrong, all, card, card_bytes, first, line, moment, reading, rows, run, seconds, set, set_bytes};
use crate::cards::{CardEntry, CardFacts, CardQuery, KeySetEntry};
use crate::{Added, Dependant, RegistryError};
use cardwright_keys::journal::{CardId, SetId};
use cardwright_keys::keyref::VaultKey;
use rusqlite::{Connection, Row, ToSql, params};
use std::collections::HashMap;

/// Rows of texts that many cards share, as far as they were needed in this transaction.
#[derive(Default)]
pub(super) struct Interned {
    sources: HashMap<(String, String), i64>,
    profiles: HashMap<String, i64>,
}

impl Interned {
    /// The row of a reference and of the algorithm of check values.
    pub(super) fn source(&mut self, db: &Connection, kept_in: &str, algorithm: &str) -> Result<i64, RegistryError> {
        let source = (kept_in.to_owned(), algorithm.to_owned());
        if let Some(id) = self.sources.get(&source) {
            return Ok(*id);
        }
        let from = crate::cards::from(kept_in).map_err(|what| RegistryError::Unfit(what.to_owned()))?;
        let (vault, name) = (from.as_ref().map(|key| key.vault.as_str()), from.as_ref().map(|key| key.key.as_str()));
        let version = from.as_ref().and_then(|key| key.version);
        let sql = "INSERT INTO sources (kept_in, kcv_algorithm, vault, name, version) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO NOTHING";
        run(db, sql, params![kept_in, algorithm, vault, name, version])?;
        let sql = "SELECT id FROM sources WHERE kept_in = ?1 AND kcv_algorithm = ?2";
        let id = only(db, sql, params![kept_in, algorithm])?;
        self.sources.insert(source, id);
        Ok(id)
    }

    fn profile(&mut self, db: &Connection, profile: &str) -> Result<i64, RegistryError> {
        if let Some(id) = self.profiles.get(profile) {
            return Ok(*id);
        }
        run(db, "INSERT INTO profiles (profile) VALUES (?1) ON CONFLICT DO NOTHING", [profile])?;
        let id = only(db, "SELECT id FROM profiles WHERE profile = ?1", [profile])?;
        self.profiles.insert(profile.to_owned(), id);
        Ok(id)
    }
}

/// The number of a row that is there.
fn only(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<i64, RegistryError> {
    let id = first(db, sql, params, |row| row.get(0).map_err(reading))?;
    id.ok_or_else(|| reading(rusqlite::Error::QueryReturnedNoRows))
}

/// The card's row, and whether it is new. Then it has that profile.
pub(super) fn id(db: &Connection, card: &CardId, profile: Option<i64>) -> Result<(i64, bool), RegistryError> {
    let bytes = card_bytes(card)?;
    let sql = "INSERT INTO cards (card, profile) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    if run(db, sql, params![bytes, profile])? == 1 {
        return Ok((db.last_insert_rowid(), true));
    }
    Ok((only(db, "SELECT id FROM cards WHERE card = ?1", [&bytes])?, false))
}

pub(super) fn put(db: &Connection, cards: &[CardEntry]) -> Result<Added, RegistryError> {
    let mut added = Added::default();
    let mut interned = Interned::default();
    // Neighbours in the index one after the other: so each of its pages is come by once.
    let mut ordered: Vec<_> = cards.iter().collect();
    ordered.sort_by(|a, b| a.card.0.cmp(&b.card.0));
    for entry in ordered {
        entry.check()?;
        let profile = entry.profile.as_deref().map(|profile| interned.profile(db, profile)).transpose()?;
        let (id, new) = id(db, &entry.card, profile)?;
        let mut changed = match profile {
            Some(profile) if !new => add_profile(db, id, entry, profile)?,
            _ => false,
        };
        for set in &entry.sets {
            changed |= add_set(db, id, &entry.card, set, &mut interned)?;
        }
        *match (new, changed) {
            (true, _) => &mut added.new,
            (false, true) => &mut added.changed,
            (false, false) => &mut added.known,
        } += 1;
    }
    Ok(added)
}

/// Of a card that was known; whether it had none.
fn add_profile(db: &Connection, id: i64, entry: &CardEntry, profile: i64) -> Result<bool, RegistryError> {
    let sql = "SELECT p.profile FROM cards c JOIN profiles p ON p.id = c.profile WHERE c.id = ?1";
    match (first(db, sql, [id], |row| profile_of(row, 0, id))?, &entry.profile) {
        (Some(known), Some(other)) if known != *other => {
            let card = &entry.card;
            Err(RegistryError::Conflict(format!("card {card}: its profile is `{known}`, not `{other}`")))
        }
        (Some(_), _) => Ok(false),
        (None, _) => Ok(run(db, "UPDATE cards SET profile = ?2 WHERE id = ?1", [id, profile])? == 1),
    }
}

/// Whether the card did not have it.
fn add_set(
    db: &Connection,
    id: i64,
    card: &CardId,
    set: &KeySetEntry,
    interned: &mut Interned,
) -> Result<bool, RegistryError> {
    if insert_set(db, id, set, interned)? {
        return Ok(true);
    }
    let kvn = set.set.kvn;
    match first(db, &format!("{SET} WHERE k.card = ?1 AND k.kvn = ?2"), params![id, kvn], read_set)? {
        Some(known) if known.same_as(set) => Ok(false),
        _ => Err(RegistryError::Conflict(format!("card {card}: another key set 0x{kvn:02X} is known of it"))),
    }
}

/// Whether there was no set of that number.
pub(super) fn insert_set(
    db: &Connection,
    id: i64,
    set: &KeySetEntry,
    interned: &mut Interned,
) -> Result<bool, RegistryError> {
    let (kvn, kcvs) = set_bytes(&set.set)?;
    let source = interned.source(db, &set.kept_in, &set.kcv_algorithm)?;
    let sql = "INSERT INTO key_sets (card, kvn, kcvs, source, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    Ok(run(db, sql, params![id, kvn, kcvs, source, seconds(set.at)?])? == 1)
}

pub(super) const SET: &str = "SELECT k.kvn, k.kcvs, s.kcv_algorithm, s.kept_in, k.at, k.card
                   FROM key_sets k LEFT JOIN sources s ON s.id = k.source";

/// From a row of [`SET`].
pub(super) fn read_set(row: &Row<'_>) -> Result<KeySetEntry, RegistryError> {
    let place = || format!("key_sets, card in row {}", row.get::<_, i64>(5).unwrap_or_default());
    set_at(row, 0).map_err(|wrong| wrong.at(place()))
}

/// From five columns: number, check values, their algorithm, where kept, when.
pub(super) fn set_at(row: &Row<'_>, column: usize) -> Result<KeySetEntry, Wrong> {
    let algorithm: String = row.get(column + 2)?;
    crate::cards::kcv_algorithm(&algorithm)?;
    let kept_in = row.get(column + 3)?;
    Ok(KeySetEntry::new(set(row, column)?, algorithm, kept_in, moment(row, column + 4)?)?)
}

fn profile_of(row: &Row<'_>, column: usize, id: i64) -> Result<String, RegistryError> {
    let read = || -> Result<_, Wrong> {
        let profile = line(row, column)?;
        crate::cards::profile(&profile)?;
        Ok(profile)
    };
    read().map_err(|wrong| wrong.at(format!("profiles, of cards, row {id}")))
}

pub(super) fn facts(db: &Connection, of: &CardId) -> Result<Option<CardFacts>, RegistryError> {
    let sql = "SELECT c.id, p.profile FROM cards c LEFT JOIN profiles p ON p.id = c.profile WHERE c.card = ?1";
    let found = first(db, sql, [card_bytes(of)?], |row| {
        let id = row.get(0).map_err(reading)?;
        let named = row.get_ref(1).map_err(reading)? != rusqlite::types::ValueRef::Null;
        Ok((id, if named { Some(profile_of(row, 1, id)?) } else { None }))
    })?;
    let Some((id, profile)) = found else { return Ok(None) };
    let sets = all(db, &format!("{SET} WHERE k.card = ?1 ORDER BY k.kvn"), [id], read_set)?;
    let ledger = journal::ledger_of(db, id, of)?;
    Ok(Some(CardFacts {
        entry: CardEntry { card: of.clone(), profile, sets },
        counters: ledger.counters.into_iter().collect(),
        failures: ledger.failures,
        open: ledger.open,
        ended: journal::ends(db, id)?,
    }))
}

/// What the conditions of a query are, and their values.
fn conditions(query: &CardQuery) -> (String, Vec<Box<dyn ToSql>>) {
    let mut sql = String::new();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut and = |condition: &str, of: Vec<Box<dyn ToSql>>| {
        sql += if sql.is_empty() { " WHERE " } else { " AND " };
        sql += condition;
        values.extend(of);
    };
    if let Some(begins) = &query.begins {
        // Whole bytes of it, by the index; the rest is looked at card by card.
        let digits = begins.replace('-', "").into_bytes();
        let whole = hex::decode(&digits[..digits.len() / 2 * 2]).unwrap_or_default();
        and("c.card >= ?", vec![Box::new(whole.clone())]);
        let after = whole.iter().rposition(|byte| *byte < 0xFF).map(|at| [&whole[..at], &[whole[at] + 1]].concat());
        if let Some(after) = after {
            and("c.card < ?", vec![Box::new(after)]);
        }
    }
    if let Some(profile) = &query.profile {
        and("p.profile = ?", vec![Box::new(profile.clone())]);
    }
    if let Some(kvn) = query.kvn {
        and("EXISTS (SELECT 1 FROM key_sets WHERE card = c.id AND kvn = ?)", vec![Box::new(kvn)]);
    }
    if let Some(VaultKey { vault, key, version }) = &query.from {
        let condition = "EXISTS (SELECT 1 FROM key_sets JOIN sources ON sources.id = source
                         WHERE card = c.id AND vault = ? AND name = ? AND version = ifnull(?, version))";
        and(condition, vec![Box::new(vault.to_string()), Box::new(key.to_string()), Box::new(*version)]);
    }
    (sql, values)
}

pub(super) fn find(
    db: &Connection,
    query: &CardQuery,
    take: &mut dyn FnMut(CardEntry) -> bool,
) -> Result<(), RegistryError> {
    let (conditions, values) = conditions(query);
    let sql = format!(
        "SELECT c.id, c.card, p.profile, k.kvn, k.kcvs, s.kcv_algorithm, s.kept_in, k.at
         FROM cards c LEFT JOIN profiles p ON p.id = c.profile
         LEFT JOIN key_sets k ON k.card = c.id LEFT JOIN sources s ON s.id = k.source
         {conditions} ORDER BY c.card, k.kvn"
    );
    let fits = |entry: &CardEntry| query.begins.as_ref().is_none_or(|begins| entry.card.0.starts_with(begins.as_str()));
    let mut wanted = true;
    let mut last: Option<(i64, CardEntry)> = None;
    rows(db, &sql, rusqlite::params_from_iter(values), |row| {
        let id = row.get(0).map_err(reading)?;
        let place = || format!("cards, row {id}");
        let is_null =
            |column| row.get_ref(column).map(|value| value == rusqlite::types::ValueRef::Null).map_err(reading);
        if last.as_ref().is_none_or(|(before, _)| *before != id) {
            if let Some((_, done)) = last.take().filter(|(_, entry)| fits(entry)) {
                wanted = take(done);
                if !wanted {
                    return Ok(false);
                }
            }
            let profile = if is_null(2)? { None } else { Some(profile_of(row, 2, id)?) };
            let card = card(row, 1).map_err(|wrong| wrong.at(place()))?;
            last = Some((id, CardEntry { card, profile, sets: Vec::new() }));
        }
        if let Some((_, entry)) = &mut last
            && !is_null(3)?
        {
            entry.sets.push(set_at(row, 3).map_err(|wrong| wrong.at(place()))?);
        }
        Ok(true)
    })?;
    if let Some((_, done)) = last.filter(|(_, entry)| wanted && fits(entry)) {
        take(done);
    }
    Ok(())
}

pub(super) fn count_dependants(db: &Connection, key: &VaultKey) -> Result<u64, RegistryError> {
    let sql = "SELECT count(DISTINCT k.card) FROM sources s JOIN key_sets k ON k.source = s.id
               WHERE s.vault = ?1 AND s.name = ?2 AND s.version = ifnull(?3, s.version)";
    let VaultKey { vault, key, version } = key;
    let count = first(db, sql, params![vault.as_str(), key.as_str(), version], |row| row.get(0).map_err(reading))?;
    Ok(count.map_or(0, i64::unsigned_abs))
}

pub(super) fn dependants(
    db: &Connection,
    key: &VaultKey,
    take: &mut dyn FnMut(Dependant) -> bool,
) -> Result<(), RegistryError> {
    let VaultKey { vault, key, version } = key;
    let sql = format!("{SOURCE} WHERE vault = ?1 AND name = ?2 AND version = ifnull(?3, version) ORDER BY id");
    // Millions of sets come from a few sources: these are read once.
    let sources = all(db, &sql, params![vault.as_str(), key.as_str(), version], source)?;
    let mut wanted = true;
    for (id, source) in sources {
        let sql = "SELECT c.card, k.kvn, k.kcvs, k.at, c.id FROM key_sets k JOIN cards c ON c.id = k.card
                   WHERE k.source = ?1 ORDER BY k.card, k.kvn";
        rows(db, sql, [id], |row| {
            let read = || -> Result<_, Wrong> {
                let set = KeySetEntry { set: set(row, 1)?, at: moment(row, 3)?, ..source.clone() };
                Ok(Dependant { card: card(row, 0)?, set })
            };
            let place = || format!("key_sets, card in row {}", row.get::<_, i64>(4).unwrap_or_default());
            wanted = take(read().map_err(|wrong| wrong.at(place()))?);
            Ok(wanted)
        })?;
        if !wanted {
            break;
        }
    }
    Ok(())
}

pub(super) const SOURCE: &str = "SELECT id, kept_in, kcv_algorithm, vault, name, version FROM sources";

/// From a row of [`SOURCE`]: its number, and a key set from there, without number and check values.
pub(super) fn source(row: &Row<'_>) -> Result<(i64, KeySetEntry), RegistryError> {
    let id = row.get(0).map_err(reading)?;
    let read = || -> Result<_, Wrong> {
        let algorithm: String = row.get(2)?;
        crate::cards::kcv_algorithm(&algorithm)?;
        let none = SetId { kvn: 0, kcvs: String::new() };
        let source = KeySetEntry::new(none, algorithm, row.get(1)?, 0)?;
        let (vault, name, version): (Option<String>, Option<String>, _) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let said = source.from.as_ref().map(|key| (key.vault.to_string(), key.key.to_string()));
        if said != vault.zip(name) || source.from.as_ref().and_then(|key| key.version) != version {
            return Err("the reference names another version than the columns".into());
        }
        Ok(source)
    };
    read().map(|source| (id, source)).map_err(|wrong| wrong.at(format!("sources, row {id}")))
}
