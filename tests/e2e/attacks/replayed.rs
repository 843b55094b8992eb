//! Approvals that were good for something else: once more, for another version, after another step, too late.

use super::{
    KEY, approved, asked, asks_anew, audit, config, edit, edit_one, filed, held, in_use, kept, nonce, put_on_file,
};
use super::{refused, registry, seat, state, through};
use crate::approvals::{now, put, run, said, sign};
use cardwright::audit_file::FileAudit;
use cardwright_keys::approval::{Nonce, Request};
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_registry::Registry;
use cardwright_tests::cli::Desk;

const REACTIVATE: &[&str] = &["key", "reactivate", KEY];
const DESTROY: &[&str] = &["key", "destroy", KEY, "--yes"];
const DAY: u64 = 86_400;

#[test]
fn a_request_that_served_serves_no_more_whatever_the_registry_says() {
    let desk = held();
    let request = through(&desk, REACTIVATE);
    run(&desk, &["key", "suspend", KEY]).expect(0);
    edit(&desk, "UPDATE requests SET spent = 0", []);
    asks_anew(&desk, REACTIVATE);
    // With the steps since taken away as well, the words fit again. The audit log outside still knows.
    edit(&desk, "UPDATE requests SET spent = 0", []);
    assert_eq!(edit(&desk, "DELETE FROM steps WHERE step > 3", []), 2);
    assert!(!filed(&desk, &request).spent);
    asks_anew(&desk, REACTIVATE);
    assert_eq!(state(&desk, KEY), "suspended");
}

/// An exception leaves no step behind: nothing but its marks in the registry and the log says that it served.
#[test]
fn an_exception_serves_once() {
    let desk = in_use();
    run(&desk, &["key", "compromise", KEY]).expect(0);
    let derive = ["key", "derive", "kdf3+vault:office/kmc", "--input", "00010203040506070809"];
    refused(&desk, &derive, 8, "is compromised");
    let excepted = [["--despite-compromise", "reading an old card"].as_slice(), &derive].concat();
    let request = approved(&desk, &excepted, &["cem"]);
    run(&desk, &excepted).expect(0);
    let log = audit(&desk);
    assert!(
        log.contains("key.use-compromised.intended") && log.contains(&format!("request {request} served")),
        "{log}"
    );
    refused(&desk, &derive, 8, "is compromised");
    asks_anew(&desk, &excepted);
    edit(&desk, "DELETE FROM requests WHERE spent = 0", []);
    edit_one(&desk, "UPDATE requests SET spent = 0 WHERE nonce = ?1", [nonce(&request).0]);
    asks_anew(&desk, &excepted);
}

#[test]
fn an_approval_is_for_one_version() {
    let desk = in_use();
    run(&desk, &["key", "rotate", KEY]).expect(11);
    let first = approved(&desk, &["key", "destroy", "vault:office/kmc:1", "--yes"], &["ben", "cem"]);
    let other = ["key", "destroy", "vault:office/kmc:2", "--yes"];
    let second = asks_anew(&desk, &other);
    // Under the other one's words nobody has signed.
    let words = filed(&desk, &second).text;
    edit_one(&desk, "DELETE FROM requests WHERE nonce = ?1", [nonce(&second).0]);
    edit_one(&desk, "UPDATE requests SET text = ?1 WHERE nonce = ?2", (words, nonce(&first).0));
    refused(&desk, &other, 8, "the signature is not of these words");
}

#[test]
fn an_approval_ends_with_the_next_step() {
    let desk = in_use();
    approved(&desk, DESTROY, &["ben", "cem"]);
    run(&desk, &["key", "suspend", KEY]).expect(0);
    asks_anew(&desk, DESTROY);
}

#[test]
fn an_approval_of_somebody_who_has_gone_does_not_count() {
    let desk = in_use();
    let request = approved(&desk, DESTROY, &["ben", "cem"]);
    run(&desk, &["operator", "retire", "cem", "--yes"]).expect(0);
    refused(&desk, DESTROY, 11, "cem: retired");
    // Dora is there still.
    sign(&desk, &request, "dora").expect(0);
    run(&desk, DESTROY).expect(0);
}

/// The one who asked has gone, and another one needs the same.
#[test]
fn a_request_of_somebody_who_has_gone_is_in_nobodys_way() {
    let desk = in_use();
    approved(&desk, DESTROY, &["ben", "cem"]);
    run(&desk, &["operator", "retire", "anna", "--yes"]).expect(0);
    refused(&desk, DESTROY, 8, "anna does not count: retired");
    seat(&desk, "ben");
    let request = approved(&desk, DESTROY, &["cem", "dora"]);
    run(&desk, DESTROY).expect(0);
    assert!(audit(&desk).contains(&format!("request {request} served; approved, one after the other, by cem, dora")));
}

/// A request of the key's present words, made so many seconds ago.
fn aged(desk: &Desk, args: &[&str], ago: i64) -> Request {
    let request = asked(desk, args);
    let parsed = Request::parse(&filed(desk, &request).text).expect("a request");
    edit(desk, "DELETE FROM requests WHERE spent = 0", []);
    Request { at: parsed.at.checked_add_signed(-ago).expect("a time"), nonce: Nonce([0x1a; 16]), ..parsed }
}

#[test]
fn time_is_over() {
    let desk = held();
    let request = aged(&desk, REACTIVATE, 86_401);
    put_on_file(&desk, &request, &["ben"]);
    asks_anew(&desk, REACTIVATE);
    // A second less, and it is good.
    edit(&desk, "DELETE FROM requests WHERE spent = 0", []);
    put_on_file(&desk, &Request { at: request.at + 3600, nonce: Nonce([0x1b; 16]), ..request }, &["ben"]);
    run(&desk, REACTIVATE).expect(0);
}

/// A request that is not made yet, says the clock: it was set back, or the request was dated forward.
#[test]
fn the_clock_is_behind() {
    let desk = held();
    put_on_file(&desk, &aged(&desk, REACTIVATE, -3600), &["ben"]);
    asks_anew(&desk, REACTIVATE);
}

/// The log has seen a later time since the request was filed: its time is over, whatever the clock says now.
#[test]
fn a_clock_that_was_set_back_makes_no_request_young_again() {
    let desk = held();
    approved(&desk, REACTIVATE, &["ben"]);
    let path = desk.path().join("state/audit.log");
    let mut log = FileAudit::open(&path).expect("a log");
    let event =
        |at| Event { at, what: "cards.imported".to_owned(), subject: String::new(), detail: "1 new".to_owned() };
    log.record(&event(now() + DAY - 600)).expect("written");
    drop(log);
    let again = super::copy(&desk);
    run(&again, REACTIVATE).expect(0);
    FileAudit::open(&path).expect("a log").record(&event(now() + DAY + 600)).expect("written");
    asks_anew(&desk, REACTIVATE);
}

#[test]
fn who_may_not_ask_files_nothing() {
    let desk = in_use();
    let before = (kept(&desk), super::rows(&desk, "SELECT * FROM requests"));
    seat(&desk, "eve");
    said(&desk, DESTROY, 8, "eve does not count: has none of the roles");
    put(&desk, "cardwright.toml", &config("anna").replace("\"anna\"", "\"zoe\""));
    said(&desk, DESTROY, 2, "no operator zoe");
    // Another's key signs nothing in this name.
    put(&desk, "cardwright.toml", &config("anna").replace("file:anna.pem", "file:dora.pem"));
    said(&desk, DESTROY, 8, "not the key of operator anna");
    let nobody = config("anna")
        .replace("[operator]\nname = \"anna\"\nkey = \"file:anna.pem\"\npassphrase = \"file:pass\"\n", "");
    put(&desk, "cardwright.toml", &nobody);
    said(&desk, DESTROY, 8, "does not say who you are");
    // What needs nobody else needs a role as well.
    refused(&desk, &["key", "suspend", KEY], 8, "does not say who you are");
    assert_eq!((kept(&desk), super::rows(&desk, "SELECT * FROM requests")), before);
    run(&desk, &["operator", "retire", "eve", "--yes"]).expect(0);
    seat(&desk, "eve");
    refused(&desk, &["key", "suspend", KEY], 8, "retired");
}

/// Signatures that the program itself would not have made.
#[test]
fn a_person_counts_once_and_never_for_the_own_request() {
    let desk = in_use();
    let words = |desk: &Desk, request: &str| filed(desk, request).text;
    seat(&desk, "ben");
    let request = approved(&desk, DESTROY, &["cem"]);
    said(&desk, &["approve", "sign", &request, "--yes"], 11, "nobody approves the own request");
    for who in ["ben", "ben2"] {
        let own = super::signed(&desk, &words(&desk, &request), who, now());
        registry(&desk).approve(nonce(&request), &own).expect("kept");
        refused(&desk, DESTROY, 11, &format!("{who}: nobody approves the own request"));
    }
    let desk = in_use();
    let request = approved(&desk, DESTROY, &["ben"]);
    let again = super::signed(&desk, &words(&desk, &request), "ben2", now());
    registry(&desk).approve(nonce(&request), &again).expect("kept");
    refused(&desk, DESTROY, 11, "ben2: a person counts once");
    sign(&desk, &request, "cem").expect(0);
    run(&desk, DESTROY).expect(0);
    assert_eq!(state(&desk, KEY), "destroyed");
}
