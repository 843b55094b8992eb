//! `cardwright demo`, second and third act: what it says is what its transcripts and its registry say.

use cardwright_tests::cli::Desk;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Runs it, and keeps its files in this directory.
fn demo(desk: &Desk, dir: &str) -> Value {
    desk.run(&["demo", "--json", "--cards", "1", "--job-cards", "0", "--keep", dir]).expect(0).json()["ceremony"]
        .clone()
}

/// The lines of one kind in a transcript that it kept.
fn lines(desk: &Desk, path: &str, kind: &str) -> Vec<Value> {
    let transcript = std::fs::read_to_string(desk.path().join(path)).expect("a transcript");
    let lines = transcript.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line["kind"] == kind).collect()
}

#[test]
fn a_key_is_lost_and_recovered() {
    let desk = Desk::new();
    let told = demo(&desk, "kept");
    assert_eq!(told["drilled"], json!({ "subsets": 10, "of": 10 }));
    assert_eq!((&told["lost"], &told["asked"]), (&json!("C2"), &json!(["C1", "C3", "C5"])));
    assert!(told["kcv"].is_string());
    assert_eq!(told["recovered"], told["kcv"]);
    let names = ["kept/ceremony/01-deal.jsonl", "kept/ceremony/02-release.jsonl"];
    let words = told["words"].as_str().expect("words");
    let verified = desk.run(&[&["ceremony", "verify", "--json", "--ca", words][..], &names].concat()).expect(0).json();
    let verdicts = verified["verdicts"].as_array().expect("verdicts");
    assert!(verdicts.iter().all(|one| one["outcome"] == "done" && one["vouched"] == true && one["test_ca"] == false));
    assert_eq!((&verdicts[0]["kcv"], &verdicts[1]["imported"]), (&told["kcv"], &json!(true)));
    let released: Vec<_> = lines(&desk, names[1], "release").iter().map(|line| line["x"].clone()).collect();
    assert_eq!(released, [1, 3, 5]);
}

/// Every card has keys of its own, and so has the next run.
#[test]
fn no_two_cards_are_alike() {
    let desk = Desk::new();
    let told = [demo(&desk, "first"), demo(&desk, "second")];
    assert_ne!(told[0]["ca"], told[1]["ca"]);
    let said = |kind: &str, member: &str| {
        let of = |dir| lines(&desk, &format!("{dir}/ceremony/01-deal.jsonl"), kind);
        let all = ["first", "second"].into_iter().flat_map(of);
        all.map(|line| line[member].as_str().expect("hex").to_owned()).collect::<Vec<_>>()
    };
    // The CA's card, the dealer's, the combiner's and five custodians'; all of these but the CA's have an offer. Each enrolment is one of the seven or the
    // CA's own.
    for (kind, member, count) in
        [("enrol", "body", 16), ("offer", "point", 14), ("contribution", "box", 10), ("box", "share", 10)]
    {
        let said = said(kind, member);
        assert_eq!(said.len(), count, "{kind}");
        assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), count, "{kind}");
    }
}

/// The program is killed in the middle of the job, and the job balances all the same.
#[test]
fn a_job_is_killed_and_made() {
    let desk = Desk::new();
    let told = desk.run(&["demo", "--json", "--cards", "1", "--job-cards", "120", "--keep", "kept"]).expect(0).json();
    let job = &told["job"];
    assert_eq!((&job["cards"], &job["accepted"], &job["balances"]), (&json!(120), &json!(120), &json!(true)), "{job}");
    assert!(job["killed_at"].as_u64().is_some_and(|made| made < 120), "{job}");
    let status = desk.run(&["batch", "status", "demo", "--json", "--state-dir", "kept/bureau/state"]).expect(0).json();
    assert_eq!(status["jobs"][0]["state"], "closed");
    assert_eq!(status["jobs"][0]["balance"]["accepted"], 120);
    desk.run(&["registry", "check", "--state-dir", "kept/bureau/state"]).expect(0);
}

/// Who brings keys has come to see those.
#[test]
fn keys_of_ones_own_are_loaded_alone() {
    let desk = Desk::new();
    let master = desk.key_file("own.hex", "00112233445566778899AABBCCDDEEFF");
    let told = desk.run(&["demo", "--json", "--cards", "1", "--new", &format!("kdf3+{master}")]).expect(0).json();
    assert_eq!(told["ceremony"], Value::Null);
}
