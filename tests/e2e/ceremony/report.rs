//! `ceremony report`: all that the transcripts of a whole ceremony show, in one file.

use super::head_words;
use cardwright_tests::ceremony::{DIR, PIN, Room};

/// Two of three: dealt, drilled, released, destroyed; the report names everybody and everything.
#[test]
fn a_report_of_all_operations() {
    let room = Room::with_test_ca(2, 3);
    room.hsm_key("hsm.der");
    let nothing = room.desk.run(&["ceremony", "report", DIR, "--out", "none.html"]).expect(9);
    assert!(nothing.stderr.contains("room: "), "{nothing:#?}");
    let dealt = room.run("run", &["--json"]).expect(0).json();
    room.run("drill", &["--from", "1,2"]).expect(0);
    room.run("release", &["--hsm-key", "hsm.der", "--from", "1,3"]).expect(0);
    let destroyed = room.run("destroy", &["--yes"]).expect(0);
    let head = head_words(&destroyed.stdout);
    let ca = dealt["ca"].as_str().expect("hex");

    let args = ["ceremony", "report", DIR, "--out", "r.html", "--ca", ca, "--head", head, "--json"];
    let made = room.desk.run(&args).expect(0).json();
    assert_eq!((&made["report"], made["verdicts"].as_array().map(Vec::len)), (&"r.html".into(), Some(4)));
    let html = std::fs::read_to_string(room.desk.path().join("r.html")).expect("a report");
    let kcv = dealt["kcv"].as_str().expect("hex");
    let set = &dealt["set"].as_str().expect("hex")[..8];
    let people = ["Administrator 1", "Administrator 2", "Custodian 1", "Custodian 2", "Custodian 3", "Witness 1"];
    let cards = ["<code>D</code>", "<code>R</code>", "<code>C1</code>", "<code>C2</code>", "<code>C3</code>"];
    let says = [
        "All 4 transcripts pass all checks",
        "<div class=\"mark\">TEST CA</div>",
        "01-deal.jsonl: 3 of 3 subsets gave the key",
        "02-drill.jsonl: 1 of 3 subsets gave the key",
        "RSA, 2048 bits",
        "destroyed by 3 of 3 cards, 0 had no such set",
        "of the plan compared by nobody",
    ];
    for shown in people.iter().chain(&cards).chain(&says).chain(&[kcv, set, head, ca]) {
        assert!(html.contains(shown), "{shown}");
    }
    for never in ["<script", "http:", "https:", "src=", "href=", "url(", "NOBODY VOUCHED", "No head was given", PIN] {
        assert!(!html.contains(never), "{never}");
    }

    // From the files alone, one by one, elsewhere than in a ceremony's directory.
    let deal = format!("{DIR}/01-deal.jsonl");
    let text = room.desk.run(&["ceremony", "report", &deal, "--out", "one.html"]).expect(0);
    assert_eq!(text.stdout, "01-deal.jsonl: verified\nreport in one.html\n");
    let html = std::fs::read_to_string(room.desk.path().join("one.html")).expect("a report");
    assert!(html.contains("NOBODY VOUCHED") && html.contains("No head was given") && !html.contains("Custodian 4"));
    room.desk.run(&["ceremony", "report", &deal, "--out", "one.html"]).expect(2);
}

/// A changed transcript has no report.
#[test]
fn no_report_of_what_is_refused() {
    let room = Room::with_test_ca(2, 2);
    let dealt = room.run("run", &[]).expect(0).stdout;
    let path = room.dir().join("01-deal.jsonl");
    let text = room.transcript("01-deal.jsonl");
    // What is behind the last signature is the host's word, until the head is given.
    std::fs::write(&path, text.replace("\"outcome\":\"done\"", "\"outcome\":\"abandoned\"")).expect("written");
    let args = ["ceremony", "report", DIR, "--out", "r.html", "--head", head_words(&dealt)];
    let refused = room.desk.run(&args).expect(7);
    assert!(refused.stderr.contains("01-deal.jsonl: line ") && refused.stderr.contains("check 1"), "{refused:#?}");
    room.desk.run(&args[..5]).expect(0);
    std::fs::remove_file(room.desk.path().join("r.html")).expect("removed");
    std::fs::write(&path, text.replacen("\"counter\":1", "\"counter\":2", 1)).expect("written");
    room.desk.run(&["ceremony", "report", DIR, "--out", "r.html"]).expect(7);
    assert!(!room.desk.path().join("r.html").exists());
}
