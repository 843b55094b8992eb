use super::SqliteRegistry;
use crate::{CardEntry, CardQuery, Registry, RegistryError};
use cardwright_keys::journal::{CardId, Journal, Record, SetId};

fn cards(numbers: std::ops::Range<u32>) -> Vec<CardEntry> {
    let card = |number: u32| {
        let mut kdd = [0; 10];
        kdd[6..].copy_from_slice(&number.to_be_bytes());
        CardEntry { card: CardId::new(&kdd, None), profile: None, sets: Vec::new() }
    };
    numbers.map(card).collect()
}

fn count(registry: &dyn Registry) -> usize {
    let mut count = 0;
    registry
        .cards(&CardQuery::default(), &mut |_| {
            count += 1;
            true
        })
        .unwrap();
    count
}

/// A file that may not grow is as a full disk.
#[test]
fn nothing_is_written_after_a_write_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let mut registry = SqliteRegistry::open(&path).unwrap();
    registry.put_cards(&cards(0..10)).unwrap();
    let pages: i64 = registry.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    registry.db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    assert!(matches!(registry.put_cards(&cards(10..10_000)), Err(RegistryError::Full)));
    registry.db.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    assert!(matches!(registry.put_cards(&cards(10..11)), Err(RegistryError::Failed)));
    let card = cards(0..1).remove(0).card;
    let set = SetId { kvn: 0x30, kcvs: "504A77".repeat(3) };
    let error = registry.append(&[Record::Authenticating { card, set }], 1).unwrap_err();
    assert!(matches!(error.error.downcast_ref(), Some(RegistryError::Failed)), "{error}");
    assert!(error.to_string().contains("registry.db"), "{error}");
    assert_eq!(count(&registry), 10, "it can still be read");
    // Nor when it is closed, by this value or another one.
    let another = SqliteRegistry::open(&path).unwrap();
    let log = || path.with_extension("db-wal").metadata().unwrap().len();
    let before = log();
    drop((registry, another));
    assert!(before > 0 && log() == before, "{before}");
    let mut registry = SqliteRegistry::open(&path).unwrap();
    assert_eq!(count(&registry), 10);
    registry.put_cards(&cards(10..11)).unwrap();
    assert_eq!(registry.check().unwrap(), []);
}

#[test]
fn durable_as_it_has_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let registry = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
    for (pragma, wanted) in
        [("synchronous", "2"), ("journal_mode", "wal"), ("foreign_keys", "1"), ("trusted_schema", "0")]
    {
        let sql = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let set: String = registry.db.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(set, wanted, "{pragma}");
    }
}

/// The log is copied into the file on the way, and not only at the end. In no order, each batch changes all of the index.
#[test]
fn the_log_does_not_grow_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let mut registry = SqliteRegistry::open(&path).unwrap();
    const BATCHES: usize = 30;
    let all = cards(0..300_000);
    for batch in 0..BATCHES {
        let scattered: Vec<_> = all.iter().skip(batch).step_by(BATCHES).cloned().collect();
        registry.put_cards(&scattered).unwrap();
    }
    let (log, file) = (dir.path().join("registry.db-wal"), path.metadata().unwrap().len());
    let log = log.metadata().unwrap().len();
    assert!(file > 5_000_000 && log < 100_000_000, "{log} {file}");
}

/// Cut off to nothing, it is not taken for a new one, which would know of no card and no failure.
#[test]
fn an_empty_file_is_not_a_new_registry() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    drop(SqliteRegistry::open(&path).unwrap());
    std::fs::File::create(&path).unwrap();
    assert!(matches!(SqliteRegistry::open(&path), Err(RegistryError::Foreign(_))));
    assert_eq!(path.metadata().unwrap().len(), 0);
}
