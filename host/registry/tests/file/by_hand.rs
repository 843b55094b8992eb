//! What somebody changed with another program is named, and harmless to look at.

use super::{ask, fill, open, place};
use cardwright_keys::approval::one_line;
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{Registry, RegistryError};
use proptest::prelude::{ProptestConfig, any, proptest};
use rusqlite::Connection;
use std::path::Path;

/// As a person with the sqlite3 program does, past all checks.
fn edit(path: &Path, statements: &str) {
    let db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    db.execute_batch(statements).unwrap();
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Edits; the table that is named; whether reading refuses it, too.
const EDITS: [(&str, &str, bool); 97] = [
    ("UPDATE steps SET act = 'resurrect' WHERE step = 2", "steps of office/kmc:1, step 2", true),
    ("UPDATE steps SET act = 'reactivate' WHERE step = 2", "steps of office/kmc:1", true),
    ("UPDATE steps SET act = 'activate' WHERE step = 1", "steps of office/kmc:1", true),
    ("UPDATE steps SET step = 3 WHERE step = 2", "steps of office/kmc:1, step 2", true),
    ("UPDATE steps SET who = 'a' || char(27) || '[2J' || char(10)", "steps of office/kmc:1, step 1", true),
    ("UPDATE steps SET reason = 'a' || char(0x202E)", "steps of office/kmc:1, step 1", true),
    ("UPDATE steps SET at = -1", "steps of office/kmc:1, step 1", true),
    ("UPDATE steps SET at = 9223372036854775807", "steps of office/kmc:1, step 1", true),
    ("UPDATE steps SET request = x'00' WHERE step = 2", "steps of office/kmc:1, step 2", true),
    ("UPDATE steps SET request = x'07070707070707070707070707070707' WHERE step = 2", "steps", false),
    ("DELETE FROM steps WHERE step = 1", "steps of office/kmc:1, step 1", true),
    ("DELETE FROM steps", "steps of office/kmc:1", true),
    ("UPDATE keys SET name = char(27) || '[2J' || char(10)", "keys, row 1", true),
    ("UPDATE keys SET name = printf('%.*c', 1048576, 'a')", "keys, row 1", true),
    ("UPDATE keys SET vault = ''", "keys, row 1", true),
    ("UPDATE keys SET purpose = 'fun'", "keys, row 1", true),
    ("UPDATE keys SET key_type = 'aes512'", "keys, row 1", true),
    ("UPDATE versions SET version = 3 WHERE version = 2", "versions of office/kmc", true),
    ("UPDATE versions SET version = 0 WHERE version = 1", "versions of office/kmc", true),
    ("UPDATE versions SET version = -1 WHERE version = 1", "versions of office/kmc", true),
    ("DELETE FROM versions WHERE version = 1", "versions of office/kmc", true),
    ("UPDATE versions SET kcvs = x'00'", "versions of office/kmc", true),
    ("UPDATE versions SET wrapped_under = 'x'", "versions of office/kmc", true),
    ("UPDATE dues SET at = -1", "versions of office/kmc", true),
    ("UPDATE dues SET version = 1", "dues of office/kmc:1", false),
    ("UPDATE dues SET request = x'00'", "versions of office/kmc", true),
    ("UPDATE cards SET card = x'00' WHERE id = 1", "cards, row 1", true),
    ("UPDATE cards SET refused = -1", "cards, row 1", true),
    ("UPDATE cards SET profile = 99", "cards, row 1", false),
    ("UPDATE profiles SET profile = char(10)", "profiles, row 1", true),
    ("UPDATE key_sets SET kcvs = x''", "key_sets, card in row 1", true),
    ("UPDATE key_sets SET kvn = 128", "key_sets, card in row 1", true),
    ("UPDATE key_sets SET source = 99 WHERE card = 1", "key_sets", true),
    ("UPDATE sources SET kept_in = 'file:' || char(27) || id", "sources, row 1", true),
    ("UPDATE sources SET version = 2 WHERE version = 1", "sources, row 1", true),
    ("UPDATE sources SET kcv_algorithm = 'none'", "sources, row 1", true),
    ("UPDATE counters SET counter = 16777216", "counters, card in row 1", true),
    ("UPDATE open_changes SET replaces = 2", "open_changes, row 1", true),
    ("UPDATE open_changes SET new_kcvs = x'00'", "open_changes, row 1", true),
    ("UPDATE ended_changes SET outcome = 'refused ' || char(27)", "ended_changes, row 1", true),
    ("UPDATE requests SET text = text || char(27)", "requests, row 1", false),
    ("UPDATE requests SET nonce = x'00' WHERE id = 3", "requests, row 3", true),
    ("UPDATE requests SET signature = x'00'", "requests, row 1", true),
    ("UPDATE requests SET spent = 0", "requests, row 1", false),
    ("UPDATE approvals SET operator = 'a b'", "approvals, row 1", true),
    ("UPDATE approvals SET signature = x'00'", "approvals, row 1", true),
    ("DELETE FROM editions", "editions", true),
    ("UPDATE editions SET edition = -1", "editions", true),
    ("UPDATE jobs SET name = 'a b'", "jobs, row 1", true),
    ("UPDATE jobs SET domain = 'both'", "jobs, row 1", true),
    ("UPDATE jobs SET profile = char(27)", "jobs, row 1", true),
    ("UPDATE jobs SET state = 'lost'", "jobs, row 1", true),
    ("UPDATE jobs SET reason = 'a' || char(27) || '[2J'", "jobs, row 1", true),
    ("UPDATE jobs SET sha256 = x'00'", "jobs, row 1", true),
    ("UPDATE job_inputs SET path = char(10)", "job_inputs of job 1", true),
    ("UPDATE job_inputs SET number = 1", "job_inputs of job 1", true),
    ("UPDATE job_deliveries SET listed = 2 WHERE number = 1", "job_deliveries of job 1", true),
    ("UPDATE job_deliveries SET count = 3 WHERE number = 1", "job_deliveries of job 1", false),
    ("UPDATE job_keys SET issuer = ''", "job_keys", false),
    ("UPDATE job_keys SET domain = char(27)", "job_keys", false),
    ("UPDATE job_counts SET count = count + 1 WHERE what = 'record accepted'", "job_counts of job 1", false),
    ("UPDATE job_counts SET count = count + 1 WHERE what = 'ended at done'", "job_counts of job 1", false),
    ("UPDATE job_counts SET count = 0 WHERE what = 'spare'", "job_counts of job 1", false),
    ("UPDATE job_counts SET count = -1 WHERE what = 'blank'", "job_counts of job 1", true),
    ("UPDATE job_counts SET what = char(27) WHERE what = 'blank'", "job_counts of job 1", true),
    ("DELETE FROM job_counts WHERE what = 'chip sample'", "job_counts of job 1", true),
    ("UPDATE records SET state = 'done' WHERE number = 2", "records, job 1, record 2", true),
    ("UPDATE records SET state = 'writing' WHERE number = 2", "records, job 1, record 2", false),
    ("UPDATE records SET state = 'pending' WHERE number = 1", "records, job 1, record 1", false),
    ("UPDATE records SET remade = 1 WHERE number = 2", "records, job 1, record 2", false),
    ("UPDATE records SET attempts = 2 WHERE number = 1", "records, job 1, record 1", false),
    ("UPDATE records SET attempts = 0, state = 'pending' WHERE number = 1", "attempts, job 1", false),
    ("UPDATE records SET reason = char(27) WHERE number = 2", "records, job 1, record 2", true),
    ("UPDATE records SET expected = x'00' WHERE number = 2", "records, job 1, record 2", true),
    ("UPDATE records SET delivery = 9 WHERE number = 3", "records", false),
    ("DELETE FROM records WHERE number = 1", "records, job 1, record 2", false),
    ("UPDATE attempts SET state = 'cancelled' WHERE number = 2", "attempts, job 1, record 2, attempt 2", true),
    ("UPDATE attempts SET state = 'writing' WHERE number = 2", "records, job 1, record 2", false),
    ("UPDATE attempts SET fate = NULL, fated = NULL WHERE record = 2", "records, job 1, record 2", false),
    ("UPDATE attempts SET fate = 'eaten' WHERE record = 2", "attempts, job 1, record 2, attempt 1", true),
    ("UPDATE attempts SET fated = NULL WHERE record = 2", "attempts, job 1, record 2, attempt 1", true),
    ("UPDATE attempts SET ended = NULL WHERE record = 1", "records, job 1, record 1", false),
    ("UPDATE attempts SET kcvs = x'00' WHERE record = 1", "attempts, job 1, record 1, attempt 1", true),
    ("UPDATE attempts SET card = 99 WHERE record = 1", "attempts", true),
    ("UPDATE attempts SET origin = 99 WHERE record = 1", "attempts", true),
    ("UPDATE attempts SET step = 'none' WHERE record = 1", "attempts, job 1, record 1, attempt 1", true),
    ("UPDATE attempts SET took_us = -1 WHERE record = 1", "attempts, job 1, record 1, attempt 1", true),
    ("DELETE FROM attempts WHERE record = 1", "records, job 1, record 1", false),
    ("UPDATE origins SET reader = char(27) || '[2J'", "attempts, job 1, record 1, attempt 1", true),
    ("UPDATE origins SET current = '404142434445464748494A4B4C4D4E4F'", "attempts, job 1, record 1, attempt 1", true),
    ("UPDATE statements SET used = 0", "statements, row 1", false),
    ("UPDATE statements SET used = 2", "statements, row 1", true),
    ("UPDATE statement_signatures SET operator = 'a b'", "statement_signatures of statement 1", true),
    ("UPDATE statement_signatures SET signature = x'00'", "statement_signatures of statement 1", true),
    ("UPDATE runs SET station = char(27)", "runs, row 1", true),
    ("UPDATE runs SET ended = -1", "runs, row 1", true),
    ("UPDATE runs SET figures = char(27)", "runs, row 1", true),
];

#[test]
fn every_table() {
    let (dir, template) = place();
    fill(&mut open(&template));
    for (statement, place, refused) in EDITS {
        let path = dir.path().join("edited");
        std::fs::copy(&template, &path).unwrap();
        edit(&path, statement);
        let registry = open(&path);
        let findings = registry.check().unwrap();
        assert!(findings.iter().any(|finding| finding.place.starts_with(place)), "{statement}: {findings:?}");
        let errors = ask(&registry);
        assert_eq!(errors.is_empty(), !refused, "{statement}: {errors:?}");
        for error in &errors {
            assert!(matches!(error, RegistryError::Damaged { .. }), "{statement}: {error:?}");
        }
        let said = findings.iter().map(|finding| format!("{}: {}", finding.place, finding.what));
        for text in said.chain(errors.iter().map(ToString::to_string)) {
            assert!(text.len() < 400 && one_line(&text), "{statement}: {text:?}");
        }
    }
}

#[test]
fn the_schema() {
    for (statement, name) in [
        ("CREATE TRIGGER quiet AFTER INSERT ON approvals BEGIN DELETE FROM approvals; END", "quiet"),
        ("CREATE TABLE more (a)", "more"),
        ("CREATE VIEW more AS SELECT 1", "more"),
        ("DROP INDEX key_sets_from_source", "key_sets_from_source"),
        ("DROP TABLE imports", "imports"),
        ("DROP INDEX attempts_holding", "attempts_holding"),
        ("CREATE TABLE \"a\u{1b}[2J\" (a)", "a\\u{1b}"),
    ] {
        let (_dir, path) = place();
        fill(&mut open(&path));
        edit(&path, statement);
        let findings = open(&path).check().unwrap();
        let found = findings.iter().any(|one| one.place == "the schema" && one.what.contains(name));
        assert!(found, "{statement}: {findings:?}");
        assert!(findings.iter().all(|finding| one_line(&finding.what)));
    }
}

#[test]
fn a_trigger_does_nothing() {
    let (_dir, path) = place();
    fill(&mut open(&path));
    edit(&path, "CREATE TRIGGER quiet AFTER INSERT ON requests BEGIN UPDATE requests SET spent = 0; END");
    let mut registry = open(&path);
    registry.file(&super::request(9)).unwrap();
    assert!(registry.requests().unwrap()[0].filed.spent);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_anywhere(at in any::<usize>(), bytes in any::<[u8; 16]>()) {
        let (_dir, path) = place();
        fill(&mut open(&path));
        let mut file = std::fs::read(&path).unwrap();
        let at = at % (file.len() - bytes.len());
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        std::fs::write(&path, file).unwrap();
        // Refused or read: nothing else.
        if let Ok(registry) = SqliteRegistry::open(&path) {
            ask(&registry);
            let _ = registry.check();
        }
    }
}
