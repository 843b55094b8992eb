//! What goes wrong in a room: a file that was swapped, a wrong number, a command too many. It is found before a card does
//! anything, and can be mended.

use super::of_kind;
use cardwright_tests::ceremony::{DIR, Room};
use serde_json::json;
use std::fs;

/// Cuts the last line off a transcript, as a full disk or a dead computer does.
fn without_last_line(room: &Room, name: &str) {
    let text = room.transcript(name);
    let end = text.trim_end().rfind('\n').expect("lines") + 1;
    fs::write(room.dir().join(name), &text[..end]).expect("written");
}

/// The plan in the directory is what people compared, and what the first line has.
#[test]
fn a_plan_that_was_swapped_stops_it() {
    let room = Room::with_test_ca(3, 3);
    room.run("run", &["--pin", "C2=file:missing"]).expect(10);
    let plan = fs::read_to_string(room.dir().join("plan.toml")).expect("a plan");
    fs::write(room.dir().join("plan.toml"), plan.replace("m = 3", "m = 2")).expect("written");
    let lines = room.transcript("01-deal.jsonl").lines().count();
    let args = room.args("run", &[]);
    let refused = room.desk.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).expect(7);
    assert!(refused.stderr.contains("01-deal.jsonl: line 1, check 5"), "{refused:#?}");
    assert_eq!(room.transcript("01-deal.jsonl").lines().count(), lines);
    fs::write(room.dir().join("plan.toml"), plan).expect("written");
    room.run("run", &[]).expect(0);
}

/// The key goes where it was to go, and nowhere by leaving that out.
#[test]
fn a_release_wants_its_target_again() {
    let room = Room::with_test_ca(2, 2);
    room.run("run", &[]).expect(0);
    room.hsm_key("hsm.der");
    room.run("release", &["--hsm-key", "hsm.der", "--pin", "C2=file:missing"]).expect(10);
    let nowhere = room.run("run", &[]).expect(2);
    assert!(nowhere.stderr.contains("the release has no HSM's key to go to"), "{nowhere:#?}");
    room.run("run", &["--hsm-key", "hsm.der"]).expect(0);
    assert!(room.dir().join("02-release.oaep").exists());
    let needless = room.run("drill", &[]).expect(0);
    assert!(!needless.stdout.contains("released"), "{needless:#?}");
}

/// Of a deal that the dealer has forgotten, only the last line is missing: it is not given up, but finished.
#[test]
fn what_is_done_is_not_given_up() {
    let room = Room::with_test_ca(2, 2);
    room.run("run", &[]).expect(0);
    without_last_line(&room, "01-deal.jsonl");
    let refused = room.run("abandon", &["--yes"]).expect(2);
    assert!(refused.stderr.contains("the deal is carried out already"), "{refused:#?}");
    room.run("run", &[]).expect(0);
    room.run("drill", &[]).expect(0);
}

/// A number too high is refused before a PIN is asked for, and does not count.
#[test]
fn a_sequence_too_high_does_no_harm() {
    let room = Room::with_test_ca(2, 2);
    room.run("run", &[]).expect(0);
    let far = room.run("drill", &["--sequence", "70000"]).expect(10);
    assert!(far.stderr.contains("it is at manifest 1, and takes none as high as 70000"), "{far:#?}");
    room.run("abandon", &["--yes"]).expect(0);
    let drilled = room.run("drill", &["--json"]).expect(0).json();
    assert_eq!(drilled["sequence"], 2);
}

/// A card that was certified for another applet is found when it is put in, not when all is done.
#[test]
fn a_card_of_another_plan_is_named() {
    let (first, room) = (Room::with_test_ca(2, 2), Room::with_test_ca(2, 2));
    first.run("run", &["--pin", "C1=file:missing"]).expect(10);
    fs::copy(first.card("D"), room.card("D")).expect("the same card");
    fs::create_dir(room.dir()).expect("made");
    fs::copy(first.dir().join("test-ca.key"), room.dir().join("test-ca.key")).expect("the same CA");
    let plan = fs::read_to_string(room.desk.path().join("plan.toml")).expect("a plan");
    fs::write(room.desk.path().join("plan.toml"), plan.replacen(&"00".repeat(32), &"A5".repeat(32), 1))
        .expect("written");
    let refused = room.run("run", &[]).expect(7);
    assert!(
        refused.stderr.contains("card D (Administrator 2): its certificate has another applet hash"),
        "{refused:#?}"
    );
}

/// Fewer custodians than make the key are not asked for their PINs at all.
#[test]
fn too_few_are_not_begun_with() {
    let room = Room::with_test_ca(2, 3);
    room.run("run", &[]).expect(0);
    let few = room.run("drill", &["--from", "3"]).expect(2);
    assert!(few.stderr.contains("1 custodians are named, and it takes 2"), "{few:#?}");
    assert!(!room.dir().join("02-drill.jsonl").exists());
}

/// Nothing is given up, or destroyed, that was not meant.
#[test]
fn what_cannot_be_undone_is_asked_for() {
    let room = Room::with_test_ca(2, 2);
    room.run("run", &["--pin", "C2=file:missing"]).expect(10);
    let before = room.transcript("01-deal.jsonl");
    let listed = room.run("abandon", &["--dry-run"]).expect(0);
    assert_eq!(listed.stdout, "01-deal.jsonl would be given up\nnothing was sent\n");
    assert_eq!(room.transcript("01-deal.jsonl"), before);
    room.run("run", &[]).expect(0);
    room.run("destroy", &["--pin", "C2=file:missing", "--yes"]).expect(10);
    // Going on by `run` asks again: nobody who types that has meant it.
    let asked = room.run("run", &[]).expect(10);
    assert!(asked.stderr.contains("--yes"), "{asked:#?}");
    assert_eq!(of_kind(&room.transcript("02-destroy.jsonl"), "receipt").len(), 1);
    let gone = room.run("destroy", &["--yes", "--json"]).expect(0).json();
    assert_eq!(gone["outcome"], json!("done"));
}

/// A report is of the files as they are, not of what could be made of them.
#[test]
fn a_torn_transcript_has_no_report() {
    let room = Room::with_test_ca(2, 2);
    room.run("run", &[]).expect(0);
    let path = room.dir().join("01-deal.jsonl");
    fs::write(&path, room.transcript("01-deal.jsonl") + "{\"n\":").expect("written");
    room.verify(&["01-deal.jsonl"], &[]).expect(7);
    let refused = room.desk.run(&["ceremony", "report", DIR, "--out", "report.html"]).expect(7);
    assert!(refused.stderr.contains("01-deal.jsonl"), "{refused:#?}");
    assert!(!room.desk.path().join("report.html").exists());
}
