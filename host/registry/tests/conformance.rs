//! The suite that every database has to pass, on SQLite.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_registry::conformance::{Open, run};
use cardwright_registry::sqlite::SqliteRegistry;

#[test]
fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    run(&|| -> Open {
        number.set(number.get() + 1);
        let path = dir.path().join(format!("{}.db", number.get()));
        Box::new(move || Box::new(SqliteRegistry::open(&path).unwrap()))
    });
}
