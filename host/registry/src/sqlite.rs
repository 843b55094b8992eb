//! The registry in one SQLite file.
//!
//! A write is one transaction, and one fsync of the write-ahead log; several processes take turns. After a failed write
//! the value writes nothing more: SQLite would go on, but the system may have dropped what it could not write, and say
//! nothing of it a second time.

mod cards;
mod check;
mod edition;
mod jobs;
mod journal;
mod keys;
mod requests;
mod row;
mod schema;

use crate::{
    Added, CardEntry, CardFacts, CardQuery, Dependant, Due, Finding, KeyEntry, NewVersion, Registry, RegistryError,
    RequestEntry,
};
use cards::Interned;
use cardwright_keys::approval::{Approval, Nonce};
use cardwright_keys::journal::{CardId, Journal, JournalError, Ledger, OpenChange, Record};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::Step;
use row::{reading, writing};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A [`Registry`] in an SQLite file. Never a key in it.
#[derive(Debug)]
pub struct SqliteRegistry {
    path: PathBuf,
    db: Connection,
    /// A write failed.
    failed: bool,
    /// Writes through this value.
    writes: u32,
    /// The edition, and what it was read at.
    edition: Cell<Option<(Moment, u64)>>,
}

/// Files that a write of this process has failed on. Whatever else it has open on one leaves its log alone when it is
/// closed: to copy it would be to try a failed fsync once more.
static FAILED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn all_failed() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What others have written, and what this value has.
type Moment = (u32, u32);

impl SqliteRegistry {
    /// Opens the file, or makes it with mode 0600 in a directory that exists, and brings its schema to the last one.
    /// What is read from it is durable. Other processes may have it open as well.
    ///
    /// # Errors
    /// [`RegistryError::Newer`], [`RegistryError::Foreign`] for a file that is none of ours, or no regular one, and
    /// whatever the system answers.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let db = schema::open(path).inspect_err(|error| {
            if is_fault(error) {
                all_failed().insert(path.to_owned());
            }
        })?;
        Ok(Self { path: path.to_owned(), db, failed: false, writes: 0, edition: Cell::new(None) })
    }

    /// Takes over what was appended to a journal file, all or nothing, and remembers it: what was taken over before is
    /// left out. `false` where nothing was left.
    ///
    /// `at` is when that is done; a journal file says nothing of times.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn import_journal(&mut self, appends: &[Vec<Record>], at: u64) -> Result<bool, RegistryError> {
        self.write(|db| journal::import(db, appends, at))
    }

    /// All of what `work` does, durable, or nothing of it.
    fn write<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, RegistryError>) -> Result<T, RegistryError> {
        if self.failed {
            return Err(RegistryError::Failed);
        }
        self.writes = self.writes.wrapping_add(1);
        let done = Self::transact(&self.db, work);
        if done.as_ref().is_err_and(is_fault) || !self.db.is_autocommit() {
            self.failed = true;
            all_failed().insert(self.path.clone());
        }
        done
    }

    fn transact<T>(
        db: &Connection,
        work: impl FnOnce(&Connection) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate).map_err(writing)?;
        let done = work(&transaction)?;
        transaction.commit().map_err(writing)?;
        Ok(done)
    }

    /// As [`Self::write`], of what is about keys, requests and approvals: there is another edition then.
    fn write_keys(&mut self, work: impl FnOnce(&Connection) -> Result<(), RegistryError>) -> Result<(), RegistryError> {
        self.write(|db| work(db).and_then(|()| edition::next(db)))
    }

    /// Everything that `work` reads is of the same moment. It may be called within itself.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, RegistryError>) -> Result<T, RegistryError> {
        let moment =
            if self.db.is_autocommit() { Some(self.db.unchecked_transaction().map_err(reading)?) } else { None };
        let read = work(&self.db);
        drop(moment);
        read
    }

    fn journal_error(&self, error: RegistryError) -> JournalError {
        JournalError { what: format!("`{}`", self.path.display()), error: error.into() }
    }
}

/// Whether it may be the system's fault; of the others it has no part.
const fn is_fault(error: &RegistryError) -> bool {
    use RegistryError::{Busy, Conflict, Foreign, Input, Newer, Unfit};
    !matches!(error, Busy | Conflict(_) | Unfit(_) | Input(_) | Foreign(_) | Newer { .. })
}

impl Drop for SqliteRegistry {
    fn drop(&mut self) {
        if all_failed().contains(&self.path) {
            // Where this cannot be set, the log is copied: nothing of it is lost by that.
            let _ = schema::tidy_on_close(&self.db, false);
        }
    }
}

impl Journal for SqliteRegistry {
    fn append(&mut self, records: &[Record], at: u64) -> Result<(), JournalError> {
        self.write(|db| journal::append(db, records, at, &mut Interned::default()))
            .map_err(|error| self.journal_error(error))
    }

    fn ledger(&self, card: &CardId) -> Result<Ledger, JournalError> {
        self.read(|db| journal::ledger(db, card)).map_err(|error| self.journal_error(error))
    }

    fn open_changes(&self) -> Result<Vec<OpenChange>, JournalError> {
        self.read(journal::open_changes).map_err(|error| self.journal_error(error))
    }
}

impl Registry for SqliteRegistry {
    fn put_cards(&mut self, cards: &[CardEntry]) -> Result<Added, RegistryError> {
        self.write(|db| cards::put(db, cards))
    }

    fn card(&self, card: &CardId) -> Result<Option<CardFacts>, RegistryError> {
        self.read(|db| cards::facts(db, card))
    }

    fn cards(&self, query: &CardQuery, take: &mut dyn FnMut(CardEntry) -> bool) -> Result<(), RegistryError> {
        self.read(|db| cards::find(db, query, take))
    }

    fn count_dependants(&self, key: &VaultKey) -> Result<u64, RegistryError> {
        self.read(|db| cards::count_dependants(db, key))
    }

    fn dependants(&self, key: &VaultKey, take: &mut dyn FnMut(Dependant) -> bool) -> Result<(), RegistryError> {
        self.read(|db| cards::dependants(db, key, take))
    }

    fn keys(&self) -> Result<Vec<KeyEntry>, RegistryError> {
        self.read(keys::all)
    }

    fn key(&self, key: &VaultKey) -> Result<Option<KeyEntry>, RegistryError> {
        self.read(|db| keys::find(db, key))
    }

    fn add_version(&mut self, version: &NewVersion) -> Result<(), RegistryError> {
        self.write_keys(|db| keys::add_version(db, version))
    }

    fn add_step(&mut self, key: &VaultKey, after: usize, step: &Step) -> Result<(), RegistryError> {
        self.write_keys(|db| keys::add_step(db, key, after, step))
    }

    fn set_due(&mut self, key: &VaultKey, due: Option<Due>) -> Result<(), RegistryError> {
        self.write_keys(|db| keys::set_due(db, key, due))
    }

    fn set_wrapped_under(&mut self, key: &VaultKey, under: &VaultKey) -> Result<(), RegistryError> {
        self.write_keys(|db| keys::set_wrapped_under(db, key, under))
    }

    fn file(&mut self, request: &RequestEntry) -> Result<(), RegistryError> {
        self.write_keys(|db| requests::file(db, request))
    }

    fn requests(&self) -> Result<Vec<RequestEntry>, RegistryError> {
        self.read(requests::all)
    }

    fn approve(&mut self, request: Nonce, approval: &Approval) -> Result<(), RegistryError> {
        self.write_keys(|db| requests::approve(db, request, approval))
    }

    fn spend(&mut self, request: Nonce) -> Result<(), RegistryError> {
        self.write_keys(|db| requests::spend(db, request))
    }

    fn edition(&self) -> Result<u64, RegistryError> {
        let now = (edition::others(&self.db)?, self.writes);
        if let Some((_, edition)) = self.edition.get().filter(|(at, _)| *at == now) {
            return Ok(edition);
        }
        let edition = edition::read(&self.db)?;
        self.edition.set(Some((now, edition)));
        Ok(edition)
    }

    fn check(&self) -> Result<Vec<Finding>, RegistryError> {
        self.read(check::check)
    }
}

#[cfg(test)]
mod tests;
