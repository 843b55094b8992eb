//! The SQLite file: made, left behind, brought to the last schema, used by several, changed by hand.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod by_hand;
mod schema;
mod several;

use cardwright_keys::approval::{Approval, Filed, Nonce, Operation, Request};
use cardwright_keys::job::{Domain, Fate, RecordState, Step as JobStep};
use cardwright_keys::journal::{CardId, Change, Journal, Record, SetId};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, Step};
use cardwright_keys::vault::{KeyType, Purpose};
use cardwright_registry::jobs::{
    Facts, JobId, JobKey, JobWrite, Jobs, ListError, Listed, NewAttempt, NewDelivery, NewJob,
};
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{CardEntry, CardQuery, Due, KeySetEntry, NewVersion, Registry, RegistryError, RequestEntry};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory and the registry's path in it.
fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    (dir, path)
}

fn open(path: &Path) -> SqliteRegistry {
    SqliteRegistry::open(path).unwrap()
}

fn card(number: u8) -> CardId {
    CardId::new(&[number; 10], Some(&[number; 12]))
}

fn set() -> SetId {
    SetId { kvn: 0x30, kcvs: "504A77504A77504A77".to_owned() }
}

fn counter(of: u8, counter: u32) -> Record {
    Record::Counter { card: card(of), set: set(), counter }
}

fn entry(of: u8) -> CardEntry {
    let kept_in = "kdf3+vault:office/kmc:1".to_owned();
    let set = KeySetEntry::new(set(), "AES".to_owned(), kept_in, 1).unwrap();
    CardEntry { card: card(of), profile: Some("payment".to_owned()), sets: vec![set] }
}

fn request(number: u8) -> RequestEntry {
    let nonce = Nonce([number; 16]);
    let key = "office/kmc:1".parse().unwrap();
    let what = "aes256 master".to_owned();
    let operation = Operation { act: Act::Activate, key, what, steps: 1, head: [0; 32], not_before: None };
    let requester = "alice".parse().unwrap();
    let text = Request { operation, reason: "new year".to_owned(), requester, at: 1000, nonce }.text();
    RequestEntry { nonce, filed: Filed { text, signature: [number; 64], approvals: Vec::new(), spent: false } }
}

fn step(act: Act, request: Option<Nonce>) -> Step {
    Step { act, at: 1000, who: "alice".to_owned(), reason: "because".to_owned(), request }
}

/// Something in every table.
fn fill(registry: &mut SqliteRegistry) {
    registry.put_cards(&[entry(1), entry(2)]).unwrap();
    let change = Change { card: card(1), old: set(), new: set(), replace: true, kept_in: "file:new.hex".to_owned() };
    registry.append(&[counter(1, 5), Record::Authenticating { card: card(1), set: set() }], 1).unwrap();
    let outcome = cardwright_keys::journal::Outcome::Refused { sw: 0x6982 };
    registry.append(&[Record::Ended { change: change.clone(), outcome }, Record::Sending(change)], 1).unwrap();
    assert!(registry.import_journal(&[vec![counter(3, 9)]], 2).unwrap());
    for number in 1..4 {
        registry.file(&request(number)).unwrap();
        let signature = [0xA5; 64];
        registry
            .approve(Nonce([number; 16]), &Approval { operator: "bob".parse().unwrap(), at: 1, signature })
            .unwrap();
    }
    for (number, version) in (1..).zip(["office/kmc:1", "office/kmc:2"]) {
        let (key, kcvs, first) = (version.parse().unwrap(), Some("504A77".to_owned()), step(Act::Generate, None));
        let (purpose, key_type) = (Purpose::Master, KeyType::Aes256);
        registry.add_version(&NewVersion { key, purpose, key_type, kcvs, first }).unwrap();
        let key: VaultKey = version.parse().unwrap();
        registry.set_wrapped_under(&key, &"office/wrap:1".parse().unwrap()).unwrap();
        if number == 1 {
            registry.add_step(&key, 1, &step(Act::Activate, Some(Nonce([1; 16])))).unwrap();
        } else {
            registry.set_due(&key, Some(Due { at: 9, request: Some(Nonce([2; 16])) })).unwrap();
        }
    }
    fill_jobs(registry);
}

/// A list of two, and one that is not listed.
fn new_job() -> NewJob {
    let delivery = |name: &str, listed, count| NewDelivery { name: name.parse().unwrap(), listed, count };
    NewJob {
        name: "acme-1".parse().unwrap(),
        issuer: "acme".parse().unwrap(),
        domain: Domain::Live,
        profile: "jcop4".to_owned(),
        file: "format = \"cardwright-job-1\"\n".to_owned(),
        sha256: [1; 32],
        inputs: vec![("box.csv".to_owned(), [2; 32])],
        deliveries: vec![delivery("box", true, 2), delivery("any", false, 1)],
        keys: vec![JobKey::Kept("kdf3+vault:office/kmc".to_owned())],
        target: None,
        at: 1,
        who: "alice".to_owned(),
    }
}

/// A card that was made, one that was destroyed and made again, one that waits.
fn fill_jobs(registry: &mut SqliteRegistry) {
    use RecordState::{Accepted, Rejected, Verified, Writing};
    let cards = [1, 2].map(|of| Ok::<Listed, ListError>((0, card(of))));
    let job = registry.add_job(&new_job(), &mut cards.into_iter()).unwrap();
    let statement = registry.add_statement(job, "it is gone\n").unwrap();
    registry.sign_statement(statement, &"bob".parse().unwrap(), 3, [7; 64]).unwrap();
    let claim = |record, of, remake| {
        let attempt = NewAttempt {
            card: card(of),
            atr: vec![0x3B, 0],
            station: "north".to_owned(),
            reader: "reader 1".to_owned(),
            operator: "bob".to_owned(),
            profile: [3; 32],
            current: "kdf3+vault:vendor/tmk@0xFF".to_owned(),
            target: "kdf3+vault:office/kmc".to_owned(),
        };
        JobWrite::Claim { record, remake, attempt, at: 2 }
    };
    let step = |record, to, step| {
        let facts = Facts { kcvs: Some("504A77".repeat(3)), exchanged: Some([4; 32]), apdus: 1, took_us: 9 };
        JobWrite::Step { record, attempt: 1, to, step, reason: "because".to_owned(), facts, at: 3 }
    };
    let writes = vec![
        claim(1, 1, false),
        step(1, Writing, JobStep::Keys),
        step(1, Verified, JobStep::Verify),
        step(1, Accepted, JobStep::Done),
        claim(2, 2, false),
        step(2, Rejected, JobStep::Keys),
        JobWrite::Fate { record: 2, attempt: 1, fate: Fate::Destroyed, statement: Some(statement), at: 4 },
        JobWrite::Remake { record: 2, spare: Some(card(3)), at: 5 },
        claim(2, 3, true),
    ];
    registry.write_all(job, &[writes]).unwrap().remove(0).unwrap();
    registry.run_began(job, "north", "bob", 6).unwrap();
}

/// Everything that can be asked, and what was refused.
fn ask(registry: &SqliteRegistry) -> Vec<RegistryError> {
    let (key, job): (VaultKey, _) = ("office/kmc".parse().unwrap(), JobId(1));
    let journal = |error: cardwright_keys::journal::JournalError| *error.error.downcast::<RegistryError>().unwrap();
    let answers = [
        registry.keys().map(drop),
        registry.key(&key).map(drop),
        registry.requests().map(drop),
        registry.cards(&CardQuery::default(), &mut |_| true),
        registry.dependants(&key, &mut |_| true),
        registry.count_dependants(&key).map(drop),
        registry.card(&card(1)).map(drop),
        registry.ledger(&card(1)).map(drop).map_err(journal),
        registry.open_changes().map(drop).map_err(journal),
        registry.edition().map(|_| ()),
        registry.jobs().map(drop),
        registry.job(&new_job().name).map(drop),
        registry.records(job, 0, &[], &mut |_| true),
        registry.record(job, 2).map(drop),
        registry.record_of(job, &card(3)).map(drop),
        registry.next_pending(job, 1).map(drop),
        registry.attempts(job, (0, 0), &mut |_| true),
        registry.chip(&card(1)).map(drop),
        registry.balance(job).map(|_| ()),
        registry.steps(job).map(drop),
        registry.runs(job).map(drop),
        registry.statements(job).map(drop),
    ];
    answers.into_iter().filter_map(Result::err).collect()
}

#[test]
fn all_tables_have_rows() {
    let (_dir, path) = place();
    let mut registry = open(&path);
    fill(&mut registry);
    assert_eq!(registry.check().unwrap(), []);
    assert!(ask(&registry).is_empty());
    let db = rusqlite::Connection::open(&path).unwrap();
    let mut tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for table in tables {
        let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert!(rows > 0, "{table}");
    }
}
