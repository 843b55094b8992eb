//! Whatever stops a ceremony, it goes on from there: a process killed behind each line, a full disk, a disk that fails.

use cardwright_tests::ceremony::{DIR, Room};
use cardwright_tests::disk::{Disk, Fault};
use serde_json::{Value, json};

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// A new room, and the run that fails there.
fn broken(at: (usize, Fault), ca: bool) -> (Room, bool) {
    let room = if ca { Room::new(2, 2) } else { Room::with_test_ca(2, 2) };
    let args = room.args("run", &[]);
    let watched = Disk::below(&room.desk, DIR).run(&strs(&args), Some(at));
    let hit = watched.hit().is_some();
    if at.1.kills() {
        assert!(!hit || watched.outcome.code() == -1, "{at:?}: {:#?}", watched.outcome);
    } else {
        // What failed once may have been something that nobody needs.
        assert!(watched.outcome.code() != 1 && !watched.outcome.stderr.contains("panicked"), "{at:?}: {watched:#?}");
    }
    (room, hit)
}

/// What a transcript is at any time: not finished at worst.
fn check_unfinished(room: &Room, at: (usize, Fault)) {
    let path = room.dir().join("01-deal.jsonl");
    let Ok(bytes) = std::fs::read(&path) else { return };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole > 0 {
        std::fs::write(room.desk.path().join("whole.jsonl"), &bytes[..whole]).expect("written");
        room.desk.run(&["ceremony", "verify", "whole.jsonl"]).expect(0);
        let status = room.desk.run(&["ceremony", "status", DIR, "--json"]).expect(0).json();
        assert!(status["transcripts"] == json!(["01-deal.jsonl"]), "{at:?}: {status}");
    }
}

/// Runs it to its end, and looks at all of it.
fn finish(room: &Room, at: (usize, Fault)) -> Value {
    let again = room.run("run", &["--json"]);
    // The fault may have come behind the end.
    if again.code() == 2 {
        assert!(again.stderr.contains("the key is dealt already"), "{at:?}: {again:#?}");
    } else {
        assert_eq!(again.code(), 0, "{at:?}: {again:#?}");
    }
    let verdicts = room.verify(&["01-deal.jsonl"], &["--json"]).expect(0).json();
    let verdict = verdicts["verdicts"][0].clone();
    assert_eq!((&verdict["outcome"], &verdict["drilled"]["subsets"]), (&json!("done"), &json!(1)), "{at:?}");
    verdict
}

/// The operations of a whole run, and the points at which it is to be broken.
fn points(faults: &[Fault], ca: bool) -> Vec<(usize, Fault)> {
    let room = if ca { Room::new(2, 2) } else { Room::with_test_ca(2, 2) };
    let args = room.args("run", &[]);
    let watched = Disk::below(&room.desk, DIR).run(&strs(&args), None);
    assert_eq!(watched.outcome.code(), 0, "{watched:#?}");
    let lines = room.transcript("01-deal.jsonl").lines().count();
    let synced = watched.operations.iter().filter(|operation| operation.is_sync() && operation.file.ends_with("jsonl"));
    assert_eq!(synced.count(), lines, "each line is made durable by itself");
    watched.points(faults)
}

/// Killed behind each line, and before it, with a CA's card; then run again, to the end.
#[test]
fn a_process_killed_at_each_line() {
    let points = points(&[Fault::KillAfter], true);
    for at in &points {
        let (room, hit) = broken(*at, true);
        assert!(hit, "{at:?}");
        check_unfinished(&room, *at);
        finish(&room, *at);
    }
    println!("{} runs killed behind an operation on the directory", points.len());
    assert!(points.len() > 70, "{}", points.len());
}

/// Half a line, no room, an fsync or a write that fails: with a test CA.
#[test]
fn a_disk_that_fails_at_each_line() {
    let points = points(&[Fault::Short, Fault::Full, Fault::SyncError, Fault::Io], false);
    for at in &points {
        let (room, hit) = broken(*at, false);
        assert!(hit, "{at:?}");
        check_unfinished(&room, *at);
        finish(&room, *at);
    }
    println!("{} runs on a disk that failed", points.len());
}

/// Killed behind each line of what comes later: no manifest is carried out twice.
#[test]
fn later_operations_are_gone_on_with() {
    let dealt = Room::with_test_ca(2, 2);
    dealt.hsm_key("hsm.der");
    dealt.run("run", &[]).expect(0);
    let mut runs = 0;
    for (number, command, more) in
        [(2, "drill", &[][..]), (3, "release", &["--hsm-key", "hsm.der"]), (4, "destroy", &["--yes"])]
    {
        let args = dealt.args(command, more);
        // Killed again and again, a line further each time.
        let name = format!("{number:02}-{command}.jsonl");
        let (mut operation, mut lines) = (0, 0);
        loop {
            let watched = Disk::below(&dealt.desk, DIR).run(&strs(&args), Some((operation, Fault::KillAfter)));
            runs += 1;
            if watched.outcome.code() == 0 {
                break;
            }
            assert_eq!(watched.outcome.code(), -1, "{command}, {operation}: {watched:#?}");
            // Killed behind its last line, it is done.
            let status = dealt.desk.run(&["ceremony", "status", DIR, "--json"]).expect(0).json();
            if status["operation"] == command && status["finished"] == true {
                break;
            }
            // Each run gets behind the line that the one before was killed at; or behind something else on the way to it.
            let now = dealt.transcript(&name).lines().count();
            operation = if now > lines { 3 } else { operation + 1 };
            lines = now;
            assert!(runs < 200, "{command} does not get on: {:#?}", watched.operations);
        }
        let verified = dealt.verify(&[&name], &["--json"]).expect(0).json();
        assert_eq!(verified["verdicts"][0]["outcome"], "done", "{command}");
    }
    println!("{runs} runs");
    dealt.verify(&["01-deal.jsonl", "02-drill.jsonl", "03-release.jsonl", "04-destroy.jsonl"], &[]).expect(0);
}

/// A deal that was begun is given up; the dealer's card says so; another one is dealt to the same cards.
#[test]
fn a_deal_is_given_up() {
    for at in [20, 40, 55] {
        let (room, hit) = broken((at, Fault::KillAfter), false);
        assert!(hit);
        let ended = room.run("abandon", &["--yes", "--json"]).expect(0).json();
        assert_eq!(ended["outcome"], "abandoned", "{ended}");
        room.run("abandon", &["--yes"]).expect(2);
        let before = ended["sequence"].as_u64().unwrap_or(0);
        let dealt = room.run("run", &["--json"]).expect(0).json();
        assert_eq!((&dealt["outcome"], &dealt["sequence"]), (&json!("done"), &json!(before + 1)), "{at}: {dealt}");
        room.verify(&["01-deal.jsonl", "02-deal.jsonl"], &[]).expect(0);
    }
}
