//! The file: whether it is ours, and its schema brought to the last one.

use super::row::{failed, writing};
use crate::RegistryError;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempPath;

/// In the file's header: "CWRG".
pub(super) const APPLICATION: i64 = 0x4357_5247;

/// What leads from each schema to the next one. A schema's number is how many of these made it.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("../../migrations/sqlite/0001_journal.sql"),
    include_str!("../../migrations/sqlite/0002_keys.sql"),
    include_str!("../../migrations/sqlite/0003_jobs.sql"),
];

/// Another process that writes has so long to end it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages of write-ahead log from which on it is copied into the file: 64 MB. A page that is changed often, as in an index
/// that grows in any order, is copied once then.
const LOG_PAGES: i32 = 16_000;

/// Opens the file, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, RegistryError> {
    match path.metadata() {
        // An empty one was cut off: none of ours ever stands in its place empty.
        Ok(found) if found.is_file() && found.len() > 0 => {}
        Ok(_) => return Err(RegistryError::Foreign(shown(path))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
        Err(error) => return Err(io(error)),
    }
    let log = log(path);
    let left_over = log.metadata().is_ok_and(|log| log.len() > 0);
    let db = connect(path)?;
    if left_over {
        settle(&db, &log)?;
    }
    tidy_on_close(&db, true).map_err(opening(path))?;
    Ok(db)
}

/// Whether the last one to close copies the log into the file. Not where something failed, nor until all has gone well:
/// it would try a failed fsync once more.
pub(super) fn tidy_on_close(db: &Connection, tidy: bool) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !tidy).map(drop)
}

/// Makes the file in a directory beside, whole and durable, and moves it to its place then: whoever opens it meanwhile
/// finds nothing, or all of it.
fn make(path: &Path) -> Result<(), RegistryError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = tempfile::Builder::new().prefix(".registry-").tempdir_in(directory).map_err(io)?;
    let made = TempPath::try_from_path(beside.path().join("registry.db")).map_err(io)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&made).map_err(io)?;
    let db = connect(&made)?;
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(writing)?;
    tidy_on_close(&db, true).map_err(writing)?;
    db.close().map_err(|(_, error)| writing(error))?;
    match made.persist_noclobber(path) {
        // Another process was faster.
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        named => {
            named.map_err(|refused| io(refused.error))?;
            File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)
        }
    }
}

/// Opens a file that is there, and brings its schema to the last one.
fn connect(path: &Path) -> Result<Connection, RegistryError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut db = Connection::open_with_flags(path, flags).map_err(opening(path))?;
    settings(&db).map_err(opening(path))?;
    // Nothing is written into a file before it is known to be ours.
    found(&db, path)?;
    if !log_ahead(&db).map_err(opening(path))? {
        let error = "its directory does not allow a write-ahead log".into();
        return Err(RegistryError::Database { what: "could not be opened", error });
    }
    db.wal_hook(Some(copy_log)).map_err(opening(path))?;
    migrate(&db, path)?;
    Ok(db)
}

/// Has SQLite write a log ahead, if it can. The answer comes before the file says so: only at the end of the statement is
/// that written, and fails.
fn log_ahead(db: &Connection) -> rusqlite::Result<bool> {
    let mut statement = db.prepare("PRAGMA journal_mode = WAL")?;
    let answers: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(answers == ["wal"])
}

/// What a failure while opening means.
fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> RegistryError {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => RegistryError::Foreign(shown(path)),
        _ => failed("could not be opened", error),
    }
}

/// A path as text for people.
fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// The write-ahead log.
fn log(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn settings(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(PATIENCE)?;
    tidy_on_close(db, false)?;
    for (option, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        // Else a statement that a partial index might serve is prepared again whenever a value is bound to it.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    ] {
        db.set_db_config(option, on)?;
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cell_size_check", true)?;
    // 64 MB at the most: what a million cards need to be added in any order.
    db.pragma_update(None, "cache_size", -65_536)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Copies the log into the file when it has grown, after a commit. SQLite's own way to do this says nothing of a failed
/// fsync.
fn copy_log(log: &mut Wal, pages: i32) -> rusqlite::Result<()> {
    if pages < LOG_PAGES {
        return Ok(());
    }
    match log.checkpoint() {
        // Somebody else copies it.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        copied => copied,
    }
}

/// The number of the file's schema, if it is ours: 0 for a file without anything.
fn schema(db: &Connection, path: &Path) -> Result<usize, RegistryError> {
    let integer = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(opening(path));
    let (application, schema) = (integer("PRAGMA application_id")?, integer("PRAGMA user_version")?);
    if (application, schema) == (0, 0) && integer("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(0);
    }
    let known = MIGRATIONS.len();
    match usize::try_from(schema) {
        Ok(schema) if application == APPLICATION && (1..=known).contains(&schema) => Ok(schema),
        Ok(schema) if application == APPLICATION && schema > known => {
            Err(RegistryError::Newer { what: shown(path), found: schema, known })
        }
        _ => Err(RegistryError::Foreign(shown(path))),
    }
}

/// As [`schema`], all of one moment.
fn found(db: &Connection, path: &Path) -> Result<usize, RegistryError> {
    let moment = db.unchecked_transaction().map_err(opening(path))?;
    let found = schema(&moment, path);
    drop(moment);
    found
}

/// Brings the schema to the last one, each step in a transaction of its own: whoever is killed leaves one schema or the
/// next.
fn migrate(db: &Connection, path: &Path) -> Result<(), RegistryError> {
    while found(db, path)? < MIGRATIONS.len() {
        let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate).map_err(writing)?;
        // Another process may have been faster.
        let schema = schema(&transaction, path)?;
        if let Some(migration) = MIGRATIONS.get(schema) {
            transaction.execute_batch(migration).map_err(writing)?;
            transaction.pragma_update(None, "user_version", schema as i64 + 1).map_err(writing)?;
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(writing)?;
            transaction.commit().map_err(writing)?;
        }
    }
    Ok(())
}

/// Makes durable what somebody left in the log. After a failed fsync the system takes pages for clean that never
/// reached the disk: what is read from them may be gone after the next power cut, and another fsync would call all
/// well. So the bytes are written once more, which makes the pages dirty, and only then copied into the file.
fn settle(db: &Connection, log: &Path) -> Result<(), RegistryError> {
    // Meanwhile nobody else writes to it.
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate).map_err(writing)?;
    write_again(log).map_err(io)?;
    transaction.rollback().map_err(writing)?;
    match db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(writing) {
        // It stays where it is, and is durable there.
        Err(RegistryError::Busy | RegistryError::Full) => Ok(()),
        copied => copied,
    }
}

fn write_again(log: &Path) -> io::Result<()> {
    let file = match OpenOptions::new().read(true).write(true).open(log) {
        // Whoever had it open has closed it in good order.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let mut piece = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        let len = file.read_at(&mut piece, at)?;
        if len == 0 {
            return file.sync_all();
        }
        file.write_all_at(&piece[..len], at)?;
        at += len as u64;
    }
}

fn io(error: io::Error) -> RegistryError {
    match error.kind() {
        io::ErrorKind::StorageFull => RegistryError::Full,
        _ => RegistryError::Database { what: "could not be opened", error: error.into() },
    }
}
