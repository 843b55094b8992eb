//! Commands that were stopped between the vault and the registry, and are run again.

use super::{KEY, office, states};
use crate::approvals::{json, run, said};
use cardwright_tests::cli::Desk;
use std::path::PathBuf;

const REGISTRY: [&str; 3] = ["registry.db", "registry.db-wal", "registry.db-shm"];

fn state(desk: &Desk, file: &str) -> PathBuf {
    desk.path().join("state").join(file)
}

/// The registry as it was before `work`, and the audit log up to the line that says what is intended: so they are after
/// a kill when the vault has done its part.
fn stopped_behind_the_vault(desk: &Desk, intended: &str, work: impl FnOnce()) {
    let before = REGISTRY.map(|file| std::fs::read(state(desk, file)).ok());
    work();
    for (file, bytes) in REGISTRY.iter().zip(before) {
        match bytes {
            Some(bytes) => std::fs::write(state(desk, file), bytes).expect("written"),
            None => drop(std::fs::remove_file(state(desk, file))),
        }
    }
    let log = std::fs::read_to_string(state(desk, "audit.log")).expect("a log");
    let at = log.rfind(&format!("\"{intended}\"")).expect("it was intended");
    let end = at + log[at..].find('\n').expect("whole lines") + 1;
    std::fs::write(state(desk, "audit.log"), &log[..end]).expect("written");
}

fn kcv(desk: &Desk, name: &str) -> String {
    let listed = json(desk, &["key", "list"]);
    let keys = listed["keys"].as_array().expect("keys");
    let found = keys.iter().find(|key| key["version"] == name.parse::<u32>().expect("a number")).expect("a key");
    found["kcv"].as_str().expect("a check value").to_owned()
}

#[test]
fn generating_goes_on() {
    let desk = office();
    run(&desk, &["key", "list"]).expect(0);
    stopped_behind_the_vault(&desk, "key.generate.intended", || {
        run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    });
    let made = kcv(&desk, "1");
    let found = run(&desk, &["registry", "check"]).expect(9);
    assert!(found.stdout.contains("is in the vault, and nobody registered it"), "{found:#?}");
    // Another kind of key is not what was being made.
    said(&desk, &["key", "generate", KEY, "--type", "aes256"], 2, "kmc");
    let again = json(&desk, &["key", "generate", KEY, "--type", "aes128"]);
    assert_eq!((&again["kcv"], &again["version"], &again["state"]), (&made.into(), &1.into(), &"active".into()));
    run(&desk, &["registry", "check"]).expect(0);
}

#[test]
fn rotating_goes_on() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    stopped_behind_the_vault(&desk, "key.generate.intended", || {
        run(&desk, &["key", "rotate", KEY]).expect(0);
    });
    let made = kcv(&desk, "2");
    run(&desk, &["key", "rotate", KEY]).expect(0);
    assert_eq!(states(&desk), ["deactivated", "active"]);
    assert_eq!(kcv(&desk, "2"), made);
    run(&desk, &["registry", "check"]).expect(0);
}

/// What stands in a vault under the next version's name, and was not being made, is not taken for it.
#[test]
fn what_was_not_being_made_is_not_taken() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    let log = std::fs::read(state(&desk, "audit.log")).expect("a log");
    stopped_behind_the_vault(&desk, "key.generate.intended", || {
        run(&desk, &["key", "rotate", KEY]).expect(0);
    });
    std::fs::write(state(&desk, "audit.log"), log).expect("written");
    said(&desk, &["key", "rotate", KEY], 2, "kmc.v2");
    assert_eq!(states(&desk), ["active"]);
    said(&desk, &["registry", "adopt", "vault:office/kmc:3"], 0, "");
}

#[test]
fn destroying_goes_on() {
    let desk = office();
    run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    stopped_behind_the_vault(&desk, "key.destroy.intended", || {
        run(&desk, &["key", "destroy", KEY, "--yes"]).expect(0);
    });
    assert_eq!(states(&desk), ["active"]);
    let derive = ["key", "derive", "kdf3+vault:office/kmc", "--input", "00010203040506070809"];
    run(&desk, &derive).expect(8);
    let found = run(&desk, &["registry", "check"]).expect(9);
    assert!(found.stdout.contains("has vanished from the vault"), "{found:#?}");
    let again = run(&desk, &["key", "destroy", KEY, "--yes"]).expect(0);
    assert!(again.stderr.contains("the vault does not have it any more"), "{again:#?}");
    assert_eq!(states(&desk), ["destroyed"]);
    run(&desk, &["registry", "check"]).expect(0);
}

/// Approvals are waited for in the middle of a rotation: what is made by then is not made again.
#[test]
fn rotating_goes_on_after_approvals() {
    let desk = crate::attacks::in_use();
    said(&desk, &["key", "rotate", KEY, "--on", "2099-01-31"], 11, "is filed");
    assert_eq!(states(&desk), ["active", "pre-operational"]);
    // Waiting is not asking again.
    said(&desk, &["key", "rotate", KEY, "--on", "2099-01-31"], 11, "needs 1 approvals, 0 count");
    let request = json(&desk, &["approve", "list"])["requests"][0]["request"].as_str().expect("one").to_owned();
    crate::approvals::sign(&desk, &request, "ben").expect(0);
    // Another day is something else.
    said(&desk, &["key", "rotate", KEY, "--on", "2099-02-28"], 11, "is filed");
    let done = json(&desk, &["key", "rotate", KEY, "--on", "2099-01-31"]);
    assert_eq!((&done["result"], &done["version"]), (&"scheduled".into(), &2.into()));
    assert_eq!(states(&desk), ["active", "pre-operational"]);
    let db = rusqlite::Connection::open(state(&desk, "registry.db")).expect("a database");
    // Brought forward by hand it stays as it was.
    assert_eq!(db.execute("UPDATE dues SET at = 1", []).expect("SQL"), 1);
    drop(db);
    let warned = run(&desk, &["key", "list"]).expect(0);
    assert!(warned.stderr.contains("was to be activated by now, and is not"), "{warned:#?}");
    assert_eq!(states(&desk), ["active", "pre-operational"]);
}
