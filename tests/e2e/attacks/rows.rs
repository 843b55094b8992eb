//! Histories that were written by hand.

use super::{
    KEY, approved, asked, edit, edit_one, filed, held, in_use, kept, nonce, office, put_on_file, refused, rows,
};
use super::{registry, state, through};
use crate::approvals::{now, run, said};
use cardwright_keys::approval::{Nonce, Request};
use cardwright_registry::{Due, Registry};
use cardwright_tests::cli::Desk;

const DERIVE: &[&str] = &["key", "derive", "kdf3+vault:office/kmc", "--input", "00010203040506070809"];

/// Behind the last step of the key's first version, dated like it.
fn add_step(desk: &Desk, act: &str, request: Option<[u8; 16]>) {
    let sql = "INSERT INTO steps SELECT key, version, step + 1, ?1, at, who, reason, ?2 FROM steps
               WHERE version = 1 ORDER BY step DESC LIMIT 1";
    edit_one(desk, sql, (act, request));
}

#[track_caller]
fn disbelieved(desk: &Desk, words: &str) {
    for args in [
        DERIVE,
        &["key", "show", KEY],
        &["key", "destroy", KEY, "--yes"],
        &["key", "rotate", KEY],
        &["--reader", "sim:", "apdu", "--secure", "kdf3+vault:office/kmc", "80F28002024F00"],
    ] {
        let said = refused(desk, args, 7, words);
        assert!(said.stderr.contains("somebody has edited the registry"), "{said:#?}");
    }
}

#[test]
fn a_step_that_nobody_approved_ends_all_use() {
    let desk = held();
    refused(&desk, DERIVE, 8, "is suspended");
    // Nothing can be asked for once the key is not believed.
    let deactivation = nonce(&approved(&desk, &["key", "deactivate", KEY], &["ben"])).0;
    add_step(&desk, "reactivate", None);
    disbelieved(&desk, "step 4 of office/kmc:1, `reactivate`, was not approved");
    // With the request of another step, and with that of another act that is approved as it should be.
    let activation = nonce_of(&desk, "SELECT request FROM steps WHERE step = 2");
    for borrowed in [activation, deactivation] {
        edit_one(&desk, "DELETE FROM steps WHERE step = 4", []);
        add_step(&desk, "reactivate", Some(borrowed));
        disbelieved(&desk, "step 4 of office/kmc:1, `reactivate`, was not approved");
    }
}

fn nonce_of(desk: &Desk, sql: &str) -> [u8; 16] {
    match &rows(desk, sql)[0][0] {
        rusqlite::types::Value::Blob(bytes) => bytes.as_slice().try_into().expect("16 bytes"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn activation_by_hand() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    refused(&desk, DERIVE, 8, "is pre-operational");
    add_step(&desk, "activate", None);
    disbelieved(&desk, "step 2 of office/kmc:1, `activate`, was not approved");
}

/// What is not approved as it should be does not become so by an earlier date.
#[test]
fn a_step_from_before_the_policy() {
    let desk = held();
    add_step(&desk, "reactivate", None);
    // 2025-12-31: the policy is of the day after.
    edit_one(&desk, "UPDATE steps SET at = 1767139200 WHERE step = 4", []);
    disbelieved(&desk, "step 4 of office/kmc:1 is dated before the one before it");
    assert_eq!(edit(&desk, "UPDATE steps SET at = 1767139200", []), 4);
    refused(&desk, DERIVE, 7, "");
}

/// With every step that is taken away the registry says less; what is not at the end is missed.
#[test]
fn a_step_that_is_gone() {
    let desk = held();
    through(&desk, &["key", "reactivate", KEY]);
    edit_one(&desk, "DELETE FROM steps WHERE step = 3", []);
    for args in [DERIVE, &["key", "show", KEY], &["key", "suspend", KEY]] {
        refused(&desk, args, 9, "the steps before are not all there");
    }
    // With the numbers closed up it is a history that nobody can have made.
    edit_one(&desk, "UPDATE steps SET step = 3 WHERE step = 4", []);
    refused(&desk, DERIVE, 9, "a key that is active cannot be asked to reactivate");
    edit_one(&desk, "DELETE FROM steps WHERE step = 3", []);
    edit(&desk, "DELETE FROM steps", []);
    refused(&desk, DERIVE, 9, "there are none");
}

/// Approvals that a step stands on are looked at again at each use.
#[test]
fn a_request_that_is_gone_takes_its_step_along() {
    let desk = in_use();
    run(&desk, DERIVE).expect(0);
    let before = rows(&desk, "SELECT request, operator, at, signature FROM approvals");
    edit_one(&desk, "DELETE FROM approvals", []);
    refused(&desk, DERIVE, 7, "`activate`, was not approved: `activate` needs 1 approvals, 0 count");
    assert_eq!(before.len(), 1);
    edit_one(&desk, "DELETE FROM requests", []);
    refused(&desk, DERIVE, 7, "no request for just this is on file");
}

/// An activation that nobody decided.
#[test]
fn a_due_row_by_hand() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    let due = "INSERT INTO dues SELECT key, version, 1, ?1 FROM versions";
    edit_one(&desk, due, [None::<[u8; 16]>]);
    let warned = refused(&desk, DERIVE, 8, "is pre-operational");
    assert!(warned.stderr.contains("was to be activated by now, and is not"), "{warned:#?}");
    // With a request for an activation at once.
    let request = approved(&desk, &["key", "activate", KEY], &["ben"]);
    edit_one(&desk, "UPDATE dues SET request = ?1", [nonce(&request).0]);
    refused(&desk, DERIVE, 8, "is pre-operational");
    // With one for a later day, brought forward.
    let later = approved(&desk, &["key", "activate", KEY, "--on", "2099-01-31"], &["ben"]);
    edit_one(&desk, "UPDATE dues SET request = ?1", [nonce(&later).0]);
    refused(&desk, DERIVE, 8, "is pre-operational");
    // And the way it is meant to be.
    run(&desk, &["key", "activate", KEY]).expect(0);
    run(&desk, DERIVE).expect(0);
}

/// It was approved, nobody made use of it in time, and its day has come.
#[test]
fn an_approval_that_was_never_scheduled_is_not_by_hand() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    let asked = asked(&desk, &["key", "activate", KEY, "--on", "2026-06-01"]);
    let request = Request::parse(&filed(&desk, &asked).text).expect("a request");
    edit(&desk, "DELETE FROM requests", []);
    let nonce = Nonce([0x1a; 16]);
    put_on_file(&desk, &Request { at: now() - 90_000, nonce, ..request }, &["ben"]);
    let due = "INSERT INTO dues SELECT key, version, 1, ?1 FROM versions";
    edit_one(&desk, due, [nonce.0]);
    refused(&desk, DERIVE, 8, "is pre-operational");
    assert_eq!(state(&desk, KEY), "pre-operational");
    // Nor through the port, where the request is marked as having served.
    edit(&desk, "DELETE FROM dues", []);
    let key = "office/kmc:1".parse().expect("a key");
    registry(&desk).set_due(&key, Some(Due { at: 1, request: Some(nonce) })).expect("set");
    refused(&desk, DERIVE, 8, "is pre-operational");
}

/// What needs nobody's approval can be forged: it takes a key out of use, and puts none to use.
#[test]
fn a_forged_suspension_does_no_more_than_suspend() {
    let desk = in_use();
    add_step(&desk, "suspend", None);
    refused(&desk, DERIVE, 8, "is suspended");
    through(&desk, &["key", "reactivate", KEY]);
    run(&desk, DERIVE).expect(0);
}

/// In the vault, and nobody registered it: nobody knows whether it may be used.
#[test]
fn a_key_that_is_not_registered() {
    let desk = in_use();
    for file in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        drop(std::fs::remove_file(desk.path().join("state").join(file)));
    }
    let before = std::fs::read(desk.path().join("office.vault")).expect("a vault");
    for args in [
        DERIVE,
        &["key", "suspend", KEY],
        &["key", "destroy", KEY, "--yes"],
        &["key", "rotate", KEY],
        &["--reader", "sim:", "apdu", "--secure", "kdf3+vault:office/kmc", "80F28002024F00"],
        &[
            "--reader",
            "sim:",
            "card",
            "keys",
            "put",
            "--key",
            "gp-test",
            "--new",
            "kdf3+vault:office/kmc",
            "--kvn",
            "48",
        ],
    ] {
        said(&desk, args, 8, "is not in the registry");
    }
    // Its name is taken in the vault, and taking it on needs others.
    said(&desk, &["key", "generate", KEY], 2, "kmc");
    said(&desk, &["registry", "adopt", KEY], 11, "is filed");
    assert_eq!(std::fs::read(desk.path().join("office.vault")).expect("a vault"), before);
    assert!(kept(&desk).rows.iter().all(Vec::is_empty));
}
