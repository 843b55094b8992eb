//! The intent journal: what its records add up to, card by card.

use super::cards::{self, Interned};
use super::row::{Wrong, all, card, card_bytes, first, moment, reading, rows, run, seconds, set, set_bytes};
use crate::RegistryError;
use crate::cards::KeySetEntry;
use cardwright_keys::journal::{CardId, Change, Failures, Ledger, OpenChange, Outcome, Record, SetId};
use rusqlite::{Connection, Row, params};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A card whose ledger changes.
struct Page {
    id: i64,
    before: Ledger,
    now: Ledger,
}

/// Takes records into account, in order.
pub(super) fn append(
    db: &Connection,
    records: &[Record],
    at: u64,
    interned: &mut Interned,
) -> Result<(), RegistryError> {
    let mut pages: BTreeMap<&CardId, Page> = BTreeMap::new();
    for record in records {
        let page = match pages.entry(record.card()) {
            Entry::Occupied(page) => page.into_mut(),
            Entry::Vacant(place) => {
                // Mostly it is known already.
                let id = match known(db, record.card())? {
                    Some(id) => id,
                    None => cards::id(db, record.card(), None)?.0,
                };
                let before = ledger_of(db, id, record.card())?;
                place.insert(Page { id, now: before.clone(), before })
            }
        };
        page.now.apply(record);
        match record {
            Record::Ended { change, outcome } => ended(db, page.id, change, outcome, at, interned)?,
            Record::Deleted { kvn, .. } => {
                run(db, "DELETE FROM key_sets WHERE card = ?1 AND kvn = ?2", params![page.id, kvn])?;
            }
            _ => {}
        }
    }
    pages.values().try_for_each(|page| write_back(db, page, interned))
}

fn write_back(db: &Connection, Page { id, before, now }: &Page, interned: &mut Interned) -> Result<(), RegistryError> {
    for (set, _) in before.counters.iter().filter(|(set, _)| !now.counters.contains_key(*set)) {
        let (kvn, kcvs) = set_bytes(set)?;
        run(db, "DELETE FROM counters WHERE card = ?1 AND kvn = ?2 AND kcvs = ?3", params![id, kvn, kcvs])?;
    }
    for (set, counter) in now.counters.iter().filter(|(set, counter)| before.counters.get(*set) != Some(*counter)) {
        let (kvn, kcvs) = set_bytes(set)?;
        let sql = "INSERT INTO counters (card, kvn, kcvs, counter) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET counter = excluded.counter";
        if *counter > COUNTER_MAX {
            return Err(RegistryError::Unfit(format!("{counter} is no sequence counter: they have 24 bits")));
        }
        run(db, sql, params![id, kvn, kcvs, counter])?;
    }
    if before.failures != now.failures {
        let Failures { refused, unanswered } = now.failures;
        run(db, "UPDATE cards SET refused = ?2, unanswered = ?3 WHERE id = ?1", params![id, refused, unanswered])?;
    }
    if before.open != now.open {
        run(db, "DELETE FROM open_changes WHERE card = ?1", [id])?;
        if let Some(OpenChange { change, sent, mismatch }) = &now.open {
            let sql = "INSERT INTO open_changes
                       (card, old_kvn, old_kcvs, new_kvn, new_kcvs, replaces, source, sent, mismatch)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            let ((old_kvn, old), (new_kvn, new)) = (set_bytes(&change.old)?, set_bytes(&change.new)?);
            let source = interned.source(db, &change.kept_in, CARD_ALGORITHM)?;
            run(db, sql, params![id, old_kvn, old, new_kvn, new, change.replace, source, sent, mismatch])?;
        }
    }
    Ok(())
}

/// A sequence counter has 24 bits.
const COUNTER_MAX: u32 = 0xFF_FFFF;

/// What a card's check values are computed with when keys are loaded.
const CARD_ALGORITHM: &str = "AES";

/// Writes down how a change ended, and what the card has since then.
fn ended(
    db: &Connection,
    id: i64,
    change: &Change,
    outcome: &Outcome,
    at: u64,
    interned: &mut Interned,
) -> Result<(), RegistryError> {
    let sql = "INSERT INTO ended_changes
               (card, old_kvn, old_kcvs, new_kvn, new_kcvs, replaces, source, outcome, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let ((old_kvn, old), (new_kvn, new)) = (set_bytes(&change.old)?, set_bytes(&change.new)?);
    let source = interned.source(db, &change.kept_in, CARD_ALGORITHM)?;
    let outcome_text = written(outcome)?;
    run(db, sql, params![id, old_kvn, old, new_kvn, new, change.replace, source, outcome_text, seconds(at)?])?;
    if *outcome == Outcome::Loaded {
        // Initial keys go when the first set of others comes, added or not.
        if change.replace || change.old.kvn == 0xFF {
            run(db, "DELETE FROM key_sets WHERE card = ?1 AND kvn = ?2", params![id, old_kvn])?;
        }
        run(db, "DELETE FROM key_sets WHERE card = ?1 AND kvn = ?2", params![id, new_kvn])?;
        let kept = (change.new.clone(), CARD_ALGORITHM.to_owned(), change.kept_in.clone());
        let entry =
            KeySetEntry::new(kept.0, kept.1, kept.2, at).map_err(|what| RegistryError::Unfit(what.to_owned()))?;
        cards::insert_set(db, id, &entry, interned)?;
    }
    Ok(())
}

/// An outcome as it is kept; [`words`] reads it.
fn written(outcome: &Outcome) -> Result<String, RegistryError> {
    match outcome {
        Outcome::Loaded => Ok("loaded".to_owned()),
        Outcome::NotLoaded => Ok("not-loaded".to_owned()),
        Outcome::Refused { sw } => Ok(format!("refused {sw:04X}")),
        Outcome::EchoMismatch { kvn, kcvs } if kcvs.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            Ok(format!("echo-mismatch {kvn:02X} {kcvs}"))
        }
        _ => Err(RegistryError::Unfit("a key change that ended in a way that it does not know".to_owned())),
    }
}

fn words(written: &str) -> Result<String, Wrong> {
    let hex = |text: &str| text.bytes().all(|digit| digit.is_ascii_hexdigit());
    match written.split(' ').collect::<Vec<_>>()[..] {
        ["loaded"] => Ok("loaded".to_owned()),
        ["not-loaded"] => Ok("not loaded: the card has its old keys".to_owned()),
        ["refused", sw] if sw.len() == 4 && hex(sw) => Ok(format!("refused by the card: {sw}")),
        ["echo-mismatch", kvn, kcvs] if kvn.len() == 2 && hex(kvn) && hex(kcvs) => {
            Ok(format!("the card answered with other check values: set 0x{kvn}, {kcvs}"))
        }
        _ => Err("no way that a key change ends".into()),
    }
}

/// The card's row, if there is one.
fn known(db: &Connection, card: &CardId) -> Result<Option<i64>, RegistryError> {
    first(db, "SELECT id FROM cards WHERE card = ?1", [card_bytes(card)?], |row| row.get(0).map_err(reading))
}

pub(super) fn ledger(db: &Connection, of: &CardId) -> Result<Ledger, RegistryError> {
    let id = known(db, of)?;
    id.map_or_else(|| Ok(Ledger::default()), |id| ledger_of(db, id, of))
}

pub(super) fn ledger_of(db: &Connection, id: i64, of: &CardId) -> Result<Ledger, RegistryError> {
    let counters = all(db, "SELECT kvn, kcvs, counter FROM counters WHERE card = ?1", [id], |row| {
        counter(row).map_err(|wrong| wrong.at(format!("counters of card {of}")))
    })?;
    let failures = first(db, "SELECT refused, unanswered FROM cards WHERE id = ?1", [id], |row| {
        failures(row, 0).map_err(|wrong| wrong.at(format!("cards, row {id}")))
    })?;
    let open = first(db, &format!("{OPEN} WHERE o.card = ?1"), [id], open)?;
    Ok(Ledger { counters: counters.into_iter().collect(), failures: failures.unwrap_or_default(), open })
}

pub(super) fn counter(row: &Row<'_>) -> Result<(SetId, u32), Wrong> {
    match row.get(2)? {
        counter @ 0..=COUNTER_MAX => Ok((set(row, 0)?, counter)),
        _ => Err("a sequence counter has 24 bits".into()),
    }
}

/// From two columns.
pub(super) fn failures(row: &Row<'_>, column: usize) -> Result<Failures, Wrong> {
    Ok(Failures { refused: row.get(column)?, unanswered: row.get(column + 1)? })
}

pub(super) const OPEN: &str =
    "SELECT c.card, o.old_kvn, o.old_kcvs, o.new_kvn, o.new_kcvs, o.replaces, s.kept_in, o.sent, o.mismatch,
                    o.card FROM open_changes o JOIN cards c ON c.id = o.card JOIN sources s ON s.id = o.source";

pub(super) fn open(row: &Row<'_>) -> Result<OpenChange, RegistryError> {
    let read = || -> Result<_, Wrong> {
        let kept_in = super::row::line(row, 6)?;
        let change =
            Change { card: card(row, 0)?, old: set(row, 1)?, new: set(row, 3)?, replace: flag(row, 5)?, kept_in };
        Ok(OpenChange { change, sent: flag(row, 7)?, mismatch: flag(row, 8)? })
    };
    read().map_err(|wrong| wrong.at(format!("open_changes, row {}", row.get::<_, i64>(9).unwrap_or_default())))
}

/// Yes or no.
pub(super) fn flag(row: &Row<'_>, column: usize) -> Result<bool, Wrong> {
    match row.get(column)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("neither 0 nor 1".into()),
    }
}

/// By card.
pub(super) fn open_changes(db: &Connection) -> Result<Vec<OpenChange>, RegistryError> {
    all(db, &format!("{OPEN} ORDER BY c.card"), [], open)
}

/// What was told of the end of a card's key changes, the last one first.
pub(super) fn ends(db: &Connection, card: i64) -> Result<Vec<(u64, SetId, String)>, RegistryError> {
    all(db, &format!("{ENDED} WHERE card = ?1 ORDER BY id DESC"), [card], end)
}

pub(super) const ENDED: &str = "SELECT id, at, new_kvn, new_kcvs, outcome FROM ended_changes";

/// From a row of [`ENDED`].
pub(super) fn end(row: &Row<'_>) -> Result<(u64, SetId, String), RegistryError> {
    let read = || -> Result<_, Wrong> { Ok((moment(row, 1)?, set(row, 2)?, words(&row.get::<_, String>(4)?)?)) };
    read().map_err(|wrong| wrong.at(format!("ended_changes, row {}", row.get::<_, i64>(0).unwrap_or_default())))
}

/// Takes over the appends of a journal file, those behind what was taken over before.
pub(super) fn import(db: &Connection, appends: &[Vec<Record>], at: u64) -> Result<bool, RegistryError> {
    let mut known = BTreeMap::new();
    rows(db, "SELECT appends, digest FROM imports", [], |row| {
        let read = || -> Result<(usize, [u8; 32]), Wrong> {
            Ok((usize::try_from(row.get::<_, u32>(0)?).map_err(|_| Wrong::from("too many appends"))?, row.get(1)?))
        };
        let (appends, digest) = read().map_err(|wrong| wrong.at("imports"))?;
        known.entry(appends).or_insert_with(Vec::new).push(digest);
        Ok(true)
    })?;
    let mut digest = Sha256::new();
    let mut done = 0;
    for (n, records) in (1..).zip(appends) {
        let json = serde_json::to_vec(records).map_err(|error| RegistryError::Unfit(error.to_string()))?;
        digest.update((json.len() as u64).to_be_bytes());
        digest.update(json);
        let so_far: [u8; 32] = digest.clone().finalize().into();
        if known.get(&n).is_some_and(|digests| digests.contains(&so_far)) {
            done = n;
        }
    }
    let Some(left) = appends.get(done..).filter(|left| !left.is_empty()) else { return Ok(false) };
    let mut interned = Interned::default();
    left.iter().try_for_each(|records| append(db, records, at, &mut interned))?;
    let digest: [u8; 32] = digest.finalize().into();
    let count =
        u32::try_from(appends.len()).map_err(|_| RegistryError::Unfit("a journal of so many appends".to_owned()))?;
    run(db, "INSERT INTO imports (digest, appends, at) VALUES (?1, ?2, ?3)", params![digest, count, seconds(at)?])?;
    Ok(true)
}
