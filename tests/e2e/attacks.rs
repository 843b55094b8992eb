//! What somebody does who can write the registry and run the program, and has not the keys of the others: refused at the
//! moment of use, and nothing has changed in vault, histories or card.

mod hostile;
mod replayed;
mod rows;
mod signatures;
mod together;
mod uses;

use crate::approvals::{json, office as people, put, run, sign, signer};
use cardwright_keys::approval::{Approval, Filed, Nonce, Request};
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{Registry, RequestEntry};
use cardwright_tests::cli::{Desk, Outcome};
use rusqlite::types::Value;
use rusqlite::{Connection, Params};
use std::path::PathBuf;
use std::sync::OnceLock;

const KEY: &str = "vault:office/kmc";

/// The configuration with this operator at the keyboard.
fn config(who: &str) -> String {
    format!(
        "[approvals]\npolicy = \"policy.toml\"\noperators = \"operators.toml\"\n\
         [operator]\nname = \"{who}\"\nkey = \"file:{who}.pem\"\npassphrase = \"file:pass\"\n{VAULT}"
    )
}

/// A cheap one.
const VAULT: &str = "[vault.office]\ntype = \"soft\"\nfile = \"office.vault\"\npassphrase = \"file:pass\"\n";

/// Somebody else sits down.
fn seat(desk: &Desk, who: &str) {
    put(desk, "cardwright.toml", &config(who));
}

fn create_vault(desk: &Desk) {
    run(desk, &["vault", "create", "office", "--memory", "19", "--passes", "2"]).expect(0);
}

/// The people of `approvals`, Anna at the keyboard, and a vault.
fn office() -> Desk {
    let desk = people();
    seat(&desk, "anna");
    create_vault(&desk);
    desk
}

/// No policy: whoever is there decides. The key is made and active.
pub(super) fn alone() -> Desk {
    let desk = Desk::new();
    put(&desk, "cardwright.toml", VAULT);
    desk.key_file("pass", crate::approvals::PASSPHRASE);
    create_vault(&desk);
    run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
    desk
}

/// Runs it to the request that it files, and names that.
#[track_caller]
fn asked(desk: &Desk, args: &[&str]) -> String {
    let outcome = run(desk, args).expect(11);
    let (_, rest) = outcome.stderr.split_once("error: request ").unwrap_or_else(|| panic!("{outcome:#?}"));
    rest.split_once(" is filed").unwrap_or_else(|| panic!("{outcome:#?}")).0.to_owned()
}

/// Asks for it, and has these approve it.
#[track_caller]
fn approved(desk: &Desk, args: &[&str], by: &[&str]) -> String {
    let request = asked(desk, args);
    by.iter().for_each(|who| drop(sign(desk, &request, who).expect(0)));
    request
}

/// Asks for it, has it approved by Ben, and does it.
#[track_caller]
fn through(desk: &Desk, args: &[&str]) -> String {
    let request = approved(desk, args, &["ben"]);
    run(desk, args).expect(0);
    request
}

/// An office whose key is in use. Made once: signing takes its time.
pub(super) fn in_use() -> Desk {
    static MADE: OnceLock<Desk> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let desk = office();
        run(&desk, &["key", "generate", KEY, "--type", "aes128"]).expect(0);
        through(&desk, &["key", "activate", KEY]);
        desk
    });
    copy(made)
}

/// The same with the key suspended.
fn held() -> Desk {
    static MADE: OnceLock<Desk> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let desk = in_use();
        run(&desk, &["key", "suspend", KEY]).expect(0);
        desk
    });
    copy(made)
}

fn copy(of: &Desk) -> Desk {
    let desk = Desk::new();
    let copied = std::process::Command::new("cp").arg("-a").arg(of.path().join(".")).arg(desk.path()).status();
    assert!(copied.expect("cp runs").success());
    desk
}

fn database(desk: &Desk) -> PathBuf {
    desk.path().join("state/registry.db")
}

/// Edits the registry behind the program's back. How many rows it was.
fn edit(desk: &Desk, sql: &str, params: impl Params) -> usize {
    let db = Connection::open(database(desk)).expect("a database");
    db.pragma_update(None, "foreign_keys", false).expect("switched off");
    let edited = db.execute(sql, params).unwrap_or_else(|error| panic!("{sql}: {error}"));
    // With a request its approvals go.
    db.execute("DELETE FROM approvals WHERE request NOT IN (SELECT id FROM requests)", []).expect("SQL");
    edited
}

/// The same for exactly one row.
#[track_caller]
fn edit_one(desk: &Desk, sql: &str, params: impl Params) {
    assert_eq!(edit(desk, sql, params), 1, "{sql}");
}

fn rows(desk: &Desk, sql: &str) -> Vec<Vec<Value>> {
    let db = Connection::open(database(desk)).expect("a database");
    let mut statement = db.prepare(sql).expect("SQL");
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
    statement.query_map([], row).expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// Whatever must not change where something is refused: vault, versions, histories, what is due.
#[derive(Debug, PartialEq)]
struct Kept {
    vault: Vec<u8>,
    rows: [Vec<Vec<Value>>; 3],
}

fn kept(desk: &Desk) -> Kept {
    let all = ["SELECT * FROM versions", "SELECT * FROM steps", "SELECT * FROM dues"];
    Kept {
        vault: std::fs::read(desk.path().join("office.vault")).expect("a vault"),
        rows: all.map(|sql| rows(desk, sql)),
    }
}

/// Runs it to an error that has these words, after which all is as it was before.
#[track_caller]
fn refused(desk: &Desk, args: &[&str], code: i32, words: &str) -> Outcome {
    let before = kept(desk);
    let outcome = run(desk, args).expect(code);
    assert!(outcome.stderr.contains(words), "{words}: {outcome:#?}");
    assert_eq!(kept(desk), before, "{args:?}");
    outcome
}

/// What no request on file is good for: another one is filed, which is named, and nothing done.
#[track_caller]
fn asks_anew(desk: &Desk, args: &[&str]) -> String {
    let before = kept(desk);
    let request = asked(desk, args);
    assert_eq!(kept(desk), before, "{args:?}");
    request
}

fn audit(desk: &Desk) -> String {
    std::fs::read_to_string(desk.path().join("state/audit.log")).expect("a log")
}

fn registry(desk: &Desk) -> SqliteRegistry {
    SqliteRegistry::open(&database(desk)).expect("a registry")
}

/// The request on file.
fn filed(desk: &Desk, nonce: &str) -> Filed {
    let requests = registry(desk).requests().expect("requests");
    requests.into_iter().find(|entry| entry.nonce.to_string() == nonce).expect("a request").filed
}

fn nonce(text: &str) -> Nonce {
    text.parse().expect("a request")
}

/// Signs the words of a request in the own name, whatever the program would say to it.
fn signed(desk: &Desk, text: &str, who: &str, at: u64) -> Approval {
    let name = who.parse().expect("a name");
    let signature = signer(desk, who).sign(&Approval::message(text, &name, at)).expect("a signature");
    Approval { operator: name, at, signature }
}

/// Puts a request on file as if it had been made at another time, signed by whoever asks, with these approvals a minute
/// later.
fn put_on_file(desk: &Desk, request: &Request, by: &[&str]) {
    let text = request.text();
    let signature = signer(desk, request.requester.as_str()).sign(&Filed::message(&text)).expect("a signature");
    let approvals = by.iter().map(|who| signed(desk, &text, who, request.at + 60)).collect();
    let filed = Filed { text, signature, approvals, spent: false };
    registry(desk).file(&RequestEntry { nonce: request.nonce, filed }).expect("filed");
}

/// The state of a version, as the program says it.
fn state(desk: &Desk, key: &str) -> String {
    json(desk, &["key", "show", key])["state"].as_str().expect("a state").to_owned()
}
