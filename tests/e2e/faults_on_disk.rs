//! The disk goes wrong under a command, at every operation on the files of the state directory: the process is killed
//! before it, in the middle of it, behind it; the disk is full; an fsync fails. The same command again ends well, nothing
//! that was acknowledged is lost, and nothing was done to a card that is not on record.

mod damaged;
mod import;
mod keys;
mod office;
mod put;
mod together;

use cardwright_keys::journal::CardId;
use cardwright_link::VirtualCard;
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{CardFacts, Registry};
use cardwright_tests::cli::Desk;
use cardwright_tests::disk::{Fault, Operation, Watched};
use cardwright_tests::gate::Gate;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

const NEW: &str = "11223344556677889900AABBCCDDEEFF";
const NEXT: &str = "0F1E2D3C4B5A69788796A5B4C3D2E1F0";
const PUT: &[&str] = &["--json", "card", "keys", "put", "--key", "gp-test", "--new", "file:new.hex", "--kvn", "0x30"];
const EXTERNAL_AUTHENTICATE: u8 = 0x82;
const PUT_KEY: u8 = 0xD8;

/// What is tried: EIO at a write is a full disk to a program.
const FAULTS: [Fault; 5] = [Fault::Kill, Fault::KillAfter, Fault::Short, Fault::Full, Fault::SyncError];

/// A desk with key files, and a card with the keys that it is delivered with.
fn desk() -> (Desk, Gate<VirtualCard>) {
    let desk = Desk::new();
    desk.key_file("new.hex", NEW);
    desk.key_file("next.hex", NEXT);
    (desk, Gate::new(VirtualCard::from_profile("serial=1").expect("a card")))
}

/// The registry of a state directory, which must have nothing wrong in it.
fn registry(state: &Path) -> SqliteRegistry {
    let registry = SqliteRegistry::open(&state.join("registry.db")).expect("a registry");
    assert_eq!(registry.check().expect("a look"), []);
    registry
}

/// What the registry says of a card.
fn facts(state: &Path, card: &str) -> Option<CardFacts> {
    registry(state).card(&CardId(card.to_owned())).expect("an answer")
}

/// What is on the disk now, as the next program will find it, in a directory of its own: looking changes it. What was about
/// to become a registry, in a directory, nobody finds.
fn as_it_stands(desk: &Desk) -> tempfile::TempDir {
    let copy = tempfile::tempdir_in(desk.path()).expect("a directory");
    let entries =
        std::fs::read_dir(desk.path().join("state")).into_iter().flatten().map(|entry| entry.expect("an entry"));
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())) {
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
    }
    copy
}

/// What any run with a fault has to do: end by it or with it, in good order, and write nothing behind an fsync that failed.
#[track_caller]
fn in_good_order(run: &Watched, (number, fault): (usize, Fault), what: &str) {
    let outcome = &run.outcome;
    let hit = run.hit().unwrap_or_else(|| panic!("{what}: operation {number} is not there: {run:#?}"));
    assert_eq!((hit.number, hit.fault), (number, Some(fault)), "{what}");
    assert!(!outcome.stderr.contains("panicked"), "{what}: {run:#?}");
    if fault.kills() {
        assert_eq!(outcome.status.signal(), Some(9), "{what}: {run:#?}");
        return;
    }
    assert!(matches!(outcome.code(), 0 | 9), "{what}: {run:#?}");
    if fault == Fault::SyncError && !unheard(run) {
        assert!(!goes_on(run), "{what}: written behind a failed fsync: {run:#?}");
        // Only where the log is copied at the end, which says nothing new, it is of no account: the log stays.
        let closing = run.behind_hit().is_empty() && of_registry(&hit.file);
        assert!(outcome.code() == 9 || closing, "{what}: {run:#?}");
    }
}

/// The registry's file and its logs, in the directory that they are made in too.
fn of_registry(file: &str) -> bool {
    file.starts_with("registry.db") || file.starts_with(".registry-")
}

fn is_directory(file: &str) -> bool {
    file == "." || file.starts_with(".registry-") && !file.contains('/')
}

/// SQLite makes the name of a new log durable right behind the log, and does not look whether that went well
/// (`unixSync` in os_unix.c).
fn unheard(run: &Watched) -> bool {
    let log = |file: &str| file.ends_with("-wal") || file.ends_with("-journal");
    run.hit().is_some_and(|hit| is_directory(&hit.file)) && log(synced(run))
}

/// What was to be made durable when it went wrong: a file, and for a directory the file whose name it is about.
fn synced(run: &Watched) -> &str {
    let hit = run.operations.iter().position(|done| done.fault.is_some()).expect("it went wrong");
    run.operations[..=hit].iter().rfind(|done| !is_directory(&done.file)).map_or(".", |done| &done.file)
}

/// Whether something is written behind a failed fsync, or made durable in its place.
fn goes_on(run: &Watched) -> bool {
    let (file, behind) = (synced(run), run.behind_hit());
    if !of_registry(file) {
        // The registry is closed in good order: its log, which is durable, is copied. A file beside is taken away.
        let again = |behind: &Operation| behind.file == file && behind.name != "unlink";
        return behind.iter().any(|behind| behind.len > 0 && behind.file != "registry.db" || again(behind));
    }
    // What was to be a new file is emptied again, and its emptiness made durable. The audit log, a file of its own, may
    // hear how far it came.
    let ours: Vec<_> = behind.iter().filter(|behind| of_registry(&behind.file) || is_directory(&behind.file)).collect();
    let emptied = ours.iter().position(|behind| behind.name == "ftruncate").unwrap_or(ours.len());
    ours.iter().any(|behind| behind.len > 0) || ours[..emptied].iter().any(|behind| behind.is_sync())
}

/// Points to try: all of them with `POINTS=all` in the environment, else so many, spread over all.
fn spread(points: Vec<(usize, Fault)>, most: usize) -> Vec<(usize, Fault)> {
    let every =
        if std::env::var_os("POINTS").is_some_and(|points| points == "all") { 1 } else { points.len().div_ceil(most) };
    points.into_iter().step_by(every).collect()
}
