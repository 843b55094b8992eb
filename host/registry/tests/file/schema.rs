//! Schemas: earlier ones, later ones, none of ours.

use super::{card, counter, entry, fill, open, place};
use cardwright_keys::journal::Journal;
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{CardQuery, Registry, RegistryError};
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const APPLICATION: i64 = 0x4357_5247;

/// All migrations, in order.
fn migrations() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// A file as it was when there were only so many migrations.
fn earlier(path: &Path, schema: usize) -> Connection {
    let db = Connection::open(path).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    if schema > 0 {
        migrations()[..schema].iter().for_each(|migration| db.execute_batch(migration).unwrap());
        db.pragma_update(None, "user_version", schema as i64).unwrap();
        db.pragma_update(None, "application_id", APPLICATION).unwrap();
    }
    db
}

/// Rows that the first schema has already.
const FIRST: &str = "
    INSERT INTO profiles VALUES (1, 'payment');
    INSERT INTO sources VALUES (1, 'kdf3+vault:office/kmc:1', 'AES', 'office', 'kmc', 1);
    INSERT INTO cards VALUES (1, x'01010101010101010101010101010101010101010101', 1, 2, 1);
    INSERT INTO key_sets VALUES (1, 48, x'504A77504A77504A77', 1, 1);
    INSERT INTO counters VALUES (1, 48, x'504A77504A77504A77', 7);";

fn file(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn from_every_earlier_schema() {
    for schema in 0..=migrations().len() {
        let (_dir, path) = place();
        let db = earlier(&path, schema);
        if schema > 0 {
            db.execute_batch(FIRST).unwrap();
        }
        drop(db);
        let registry = open(&path);
        assert_eq!(registry.check().unwrap(), [], "from schema {schema}");
        assert_eq!(registry.keys().unwrap(), []);
        let facts = registry.card(&card(1)).unwrap();
        assert_eq!(facts.is_some(), schema > 0);
        if let Some(facts) = facts {
            assert_eq!(facts.entry, entry(1));
            assert_eq!((facts.counters[0].1, facts.failures.refused, facts.failures.unanswered), (7, 2, 1));
        }
    }
}

/// What a killed process leaves is the file and its log.
fn as_killed(from: &Path, to: &Path) {
    for end in ["", "-wal"] {
        let name = |path: &Path| format!("{}{end}", path.display());
        std::fs::copy(name(from), name(to)).unwrap();
    }
}

#[test]
fn killed_while_the_schema_is_brought_up() {
    for schema in 0..migrations().len() {
        let (dir, path) = place();
        let db = earlier(&path, schema);
        db.execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE").unwrap();
        db.execute_batch(&migrations()[schema]).unwrap();
        db.execute_batch(&format!("PRAGMA user_version = {}", schema + 1)).unwrap();
        let (in_the_middle, at_the_end) = (dir.path().join("middle"), dir.path().join("end"));
        as_killed(&path, &in_the_middle);
        db.pragma_update(None, "application_id", APPLICATION).unwrap();
        db.execute_batch("COMMIT").unwrap();
        as_killed(&path, &at_the_end);
        for left in [in_the_middle, at_the_end] {
            let mut registry = open(&left);
            fill(&mut registry);
            assert_eq!(registry.check().unwrap(), [], "from schema {schema}");
        }
    }
}

#[test]
fn what_a_killed_process_left_in_the_log() {
    let (dir, path) = place();
    let mut killed = open(&path);
    killed.append(&[counter(1, 5)], 1).unwrap();
    let left = dir.path().join("left");
    as_killed(&path, &left);
    drop(open(&left));
    let log = dir.path().join("left-wal");
    assert!(!log.exists(), "it is in the file");
    assert_eq!(open(&left).ledger(&card(1)).unwrap(), killed.ledger(&card(1)).unwrap());
}

#[test]
fn of_the_future() {
    let (_dir, path) = place();
    fill(&mut open(&path));
    let known = migrations().len();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", known as i64 + 1).unwrap();
    let before = file(&path);
    match SqliteRegistry::open(&path) {
        Err(RegistryError::Newer { what, found, known: ours }) => {
            assert_eq!((what, found, ours), (format!("`{}`", path.display()), known + 1, known));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(file(&path), before);
}

#[test]
fn none_of_ours() {
    let made = |statements: &str| {
        let (dir, path) = place();
        Connection::open(&path).unwrap().execute_batch(statements).unwrap();
        (dir, path)
    };
    let written = |bytes: &[u8]| {
        let (dir, path) = place();
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    };
    for (dir, path) in [
        made("CREATE TABLE t (a)"),
        made("PRAGMA application_id = 7; CREATE TABLE t (a)"),
        made("PRAGMA application_id = 7"),
        made("PRAGMA application_id = 7; PRAGMA user_version = 99; CREATE TABLE t (a)"),
        made("PRAGMA user_version = 1; CREATE TABLE t (a)"),
        made(&format!("PRAGMA application_id = {APPLICATION}; CREATE TABLE t (a)")),
        made(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = -1; CREATE TABLE t (a)")),
        written(b"00000000 {}\n"),
        written(&[0xA5; 8192]),
    ] {
        let before = file(&path);
        match SqliteRegistry::open(&path) {
            Err(RegistryError::Foreign(what)) => assert!(what.contains("registry.db"), "{what}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(file(&path), before);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing beside it");
    }
}

#[test]
fn no_file() {
    let (dir, path) = place();
    assert!(matches!(SqliteRegistry::open(dir.path()), Err(RegistryError::Foreign(_))));
    assert!(matches!(SqliteRegistry::open(Path::new("/dev/null")), Err(RegistryError::Foreign(_))));
    let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
    rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, mode, 0).unwrap();
    assert!(matches!(SqliteRegistry::open(&path), Err(RegistryError::Foreign(_))));
    let nowhere = dir.path().join("no/registry.db");
    assert!(matches!(SqliteRegistry::open(&nowhere), Err(RegistryError::Database { .. })));
}

#[test]
fn only_the_owner_reads_it() {
    let (dir, path) = place();
    let mut registry = open(&path);
    registry.append(&[counter(1, 5)], 1).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap).collect();
    names.sort_by_key(std::fs::DirEntry::file_name);
    let modes: Vec<_> = names.iter().map(|file| file.metadata().unwrap().permissions().mode() & 0o777).collect();
    assert_eq!(modes, [0o600; 3], "{names:?}");
}

#[test]
fn a_journal_file_is_taken_over_once() {
    let (_dir, path) = place();
    let appends = |count: u32| {
        (1..=count).map(|n| vec![counter(1, n), super::Record::Authenticating { card: card(1), set: super::set() }])
    };
    let old: Vec<_> = appends(3).collect();
    let unanswered = |registry: &SqliteRegistry| registry.ledger(&card(1)).unwrap().failures.unanswered;
    assert!(!open(&path).import_journal(&[], 1).unwrap());
    assert!(open(&path).import_journal(&old, 1).unwrap());
    let mut registry = open(&path);
    assert!(!registry.import_journal(&old, 2).unwrap(), "it was killed before the file was renamed");
    assert_eq!(unanswered(&registry), 3);
    assert!(registry.import_journal(&appends(5).collect::<Vec<_>>(), 3).unwrap(), "an older program went on with it");
    assert_eq!(unanswered(&registry), 5);
    assert!(!registry.import_journal(&old, 4).unwrap());
    let mut bad = old.clone();
    bad.insert(0, vec![counter(2, 1)]);
    bad.push(vec![counter(2, 1 << 24)]);
    assert!(matches!(registry.import_journal(&bad, 5), Err(RegistryError::Unfit(_))));
    assert_eq!((unanswered(&registry), registry.card(&card(2)).unwrap()), (5, None), "all or nothing");
    registry.cards(&CardQuery::default(), &mut |_| true).unwrap();
}
