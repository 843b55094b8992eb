//! What people say of cards and of a job's end: with one person, and with two.

use super::{AGAIN, PATIENCE, RUN, attempts, balance, blank, desk, entry, job, put, registry, through_deck};
use crate::approvals::{json, office, run, said};
use cardwright_keys::job::RecordState;
use cardwright_link::feeder::make_deck;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_registry::Jobs;
use cardwright_tests::cli::{Desk, Listening};
use cardwright_tests::gate::{Gate, Moment};
use rustix::process::Pid;

pub(super) fn deck(desk: &Desk, cards: u32, first: u32, words: &str) -> Vec<String> {
    let cards = make_deck(&desk.path().join("deck"), cards, words, first).expect("a deck");
    cards.into_iter().map(|card| card.0).collect()
}

/// Fails with these words.
#[track_caller]
pub(super) fn fails(desk: &Desk, args: &[&str], code: i32, words: &str) {
    let outcome = desk.run(args);
    assert_eq!(outcome.code(), code, "{args:?}: {outcome:#?}");
    assert!(outcome.stderr.contains(words), "{args:?}: not `{words}`: {outcome:#?}");
}

/// An office with dual control, a job of so many cards, a deck of as many as there are, and its run.
pub(super) fn made_in_office(cards: usize, there: u32) -> (Desk, Vec<String>) {
    let desk = office();
    desk.key_file("new.hex", super::NEW);
    put(&desk, "job.toml", job(cards, ""));
    let names = deck(&desk, there, 1, "");
    let all = u32::try_from(cards).expect("a number") == there;
    run_deck(&desk).expect(if all { 0 } else { 10 });
    (desk, names)
}

pub(super) fn run_deck(desk: &Desk) -> cardwright_tests::cli::Outcome {
    let deck = format!("sim:deck={}", desk.path().join("deck").display());
    run(desk, &["batch", "run", "job.toml", "--on", &deck])
}

/// The same command at another operator's desk.
pub(super) fn as_operator(desk: &Desk, name: &str, args: &[&str]) -> cardwright_tests::cli::Outcome {
    let config = std::fs::read_to_string(desk.path().join("cardwright.toml")).expect("a file");
    let file = format!("{name}.toml");
    put(
        desk,
        &file,
        config.replace("\"ben\"", &format!("\"{name}\"")).replace("file:ben.pem", &format!("file:{name}.pem")),
    );
    desk.run(&[&["--config", &file], args].concat())
}

#[test]
fn a_card_is_rejected_told_of_and_made_again() {
    let desk = desk(&job(2, ""));
    let names = deck(&desk, 2, 1, "");
    through_deck(&desk, "", 1).expect(0);
    let (card, other) = (&*names[0], &*names[1]);
    fails(&desk, &["batch", "remake", "trial", card, "--reason", "scratched"], 2, "that cannot be done with it");
    desk.run(&["batch", "reject", "trial", card, "--reason", "scratched"]).expect(0);
    fails(&desk, &["batch", "close", "trial"], 2, "1 cards are not accounted for");
    fails(&desk, &["batch", "remake", "trial", card, "--reason", "scratched"], 2, "tell what became");
    fails(&desk, &["batch", "cancel", "trial", card, "--reason", "scratched"], 2, "tell what became");
    desk.run(&["batch", "reject", "trial", card, "--fate", "quarantined", "--reason", "locked away"]).expect(0);
    fails(&desk, &["batch", "reject", "trial", card, "--fate", "sample", "--reason", "no"], 2, "is told already");
    desk.run(&["batch", "remake", "trial", card, "--reason", "one is missing"]).expect(0);
    fails(&desk, &["batch", "close", "trial"], 2, "1 cards are not accounted for");
    // The rejected chip does not come back, and the other one is made.
    let again = through_deck(&desk, "", 1).expect(10);
    assert!(again.stderr.contains("it is made already"), "{again:#?}");
    assert_eq!(balance(&desk).accepted(), 1, "{again:#?}");
    let spare = deck(&desk, 1, 9, "").remove(0);
    through_deck(&desk, "", 1).expect(0);
    let found = balance(&desk);
    assert_eq!((found.issued(), found.accepted(), found.rejected(), found.open()), (3, 2, 1, 0), "{found}");
    let accepted = attempts(&registry(&desk)).into_iter().filter(|one| one.state == RecordState::Accepted);
    let accepted: Vec<_> = accepted.map(|one| (one.record, one.number, one.card.0)).collect();
    assert_eq!(accepted, [(1, 2, spare), (2, 1, other.to_owned())]);
    desk.run(&["batch", "close", "trial"]).expect(0);
    fails(&desk, &["batch", "reject", "trial", other, "--reason", "late"], 2, "the job is closed");
    desk.run(&["registry", "check"]).expect(0);
}

#[test]
fn two_people_see_a_card_destroyed() {
    let (desk, names) = made_in_office(2, 2);
    let destroy = ["batch", "reject", "trial", &names[0], "--fate", "destroyed", "--reason", "shredded"];
    said(&desk, &destroy, 11, "waits for another person's signature");
    assert_eq!(balance(&desk).unfated, 1, "one person is not enough");
    let sign = ["batch", "sign", "trial", "1", "--yes"];
    let twice = run(&desk, &sign);
    assert!(twice.code() != 0 && balance(&desk).unfated == 1, "one name twice: {twice:#?}");
    let same = as_operator(&desk, "ben2", &sign).expect(11);
    assert_eq!(balance(&desk).unfated, 1, "one person under two names: {same:#?}");
    assert!(same.stderr.contains("would not count: a person counts once"), "{same:#?}");
    let statements = json(&desk, &["batch", "sign", "trial"]);
    assert_eq!(statements["statements"][0]["signed_by"].as_array().map(Vec::len), Some(1), "it is not kept");
    let words = run(&desk, &["batch", "sign", "trial", "1"]).expect(0);
    assert!(words.stdout.contains("destroyed") && words.stdout.contains(&names[0]), "{words:#?}");
    as_operator(&desk, "cem", &sign).expect(0);
    let found = balance(&desk);
    assert_eq!((found.unfated, found.rejected(), found.open()), (0, 1, 0), "{found}");
    let spent = as_operator(&desk, "dora", &sign);
    assert!(spent.code() != 0, "it has served: {spent:#?}");
    said(&desk, &["batch", "reject", "trial", &names[0], "--fate", "returned", "--reason", "no"], 2, "is told already");
    run(&desk, &["batch", "close", "trial"]).expect(0);
}

#[test]
fn two_people_do_without_a_card() {
    let (desk, _) = made_in_office(2, 1);
    said(&desk, &["batch", "cancel", "trial", "#1", "--reason", "no"], 2, "record 1 is accepted");
    said(&desk, &["batch", "cancel", "trial", "#2", "--reason", "customer"], 11, "waits for another");
    assert_eq!(balance(&desk).state(RecordState::Cancelled), 0);
    as_operator(&desk, "cem", &["batch", "sign", "trial", "1", "--yes"]).expect(0);
    assert_eq!(balance(&desk).state(RecordState::Cancelled), 1);
    deck(&desk, 1, 7, "");
    // Nobody makes it any more.
    run_deck(&desk).expect(0);
    let found = balance(&desk);
    assert_eq!((found.accepted(), found.returned(), found.open()), (1, 1, 0), "{found}");
    run(&desk, &["batch", "close", "trial"]).expect(0);
}

#[test]
fn two_people_close_a_job_that_is_open_by_one() {
    let (desk, _) = made_in_office(3, 2);
    said(&desk, &["batch", "close", "trial"], 2, "1 cards are not accounted for");
    said(&desk, &["batch", "close", "trial", "--variance", "2", "--reason", "lost"], 2, "open by 1, not by 2");
    said(&desk, &["batch", "close", "trial", "--variance", "1", "--reason", "lost"], 11, "waits for another");
    let same = as_operator(&desk, "ben2", &["batch", "sign", "trial", "1", "--yes"]).expect(11);
    assert!(same.stderr.contains("would not count"), "{same:#?}");
    as_operator(&desk, "cem", &["batch", "sign", "trial", "1", "--yes"]).expect(0);
    let status = json(&desk, &["batch", "status", "trial"]);
    assert_eq!((&status["jobs"][0]["state"], &status["jobs"][0]["variance"]), (&"closed".into(), &1.into()));
    deck(&desk, 1, 7, "");
    let outcome = run_deck(&desk).expect(2);
    assert!(outcome.stderr.contains("the job is closed"), "{outcome:#?}");
}

/// The figures changed while the second person was asked: what the first one signed is not true any more.
#[test]
fn a_variance_that_is_another_one_by_then() {
    let (desk, _) = made_in_office(3, 1);
    said(&desk, &["batch", "close", "trial", "--variance", "2", "--reason", "lost"], 11, "waits for another");
    deck(&desk, 1, 7, "");
    run_deck(&desk).expect(10);
    let late = as_operator(&desk, "cem", &["batch", "sign", "trial", "1", "--yes"]).expect(2);
    assert!(late.stderr.contains("open by 1, not by 2"), "{late:#?}");
}

/// As many are missing as before, and not the same: one person must not move cards under what another has signed.
#[test]
fn a_variance_whose_figures_moved() {
    let (desk, _) = made_in_office(3, 1);
    said(&desk, &["batch", "close", "trial", "--variance", "2", "--reason", "lost"], 11, "waits for another");
    run(&desk, &["batch", "reject", "trial", "#1", "--fate", "sample", "--reason", "for the wall"]).expect(0);
    assert_eq!(balance(&desk).open(), 2);
    let sign = |id| as_operator(&desk, "cem", &["batch", "sign", "trial", id, "--yes"]);
    let late = sign("1").expect(2);
    assert!(late.stderr.contains("accepted 0, ") && late.stderr.contains("samples 1, "), "{late:#?}");
    assert!(late.stderr.contains("other figures were signed: "), "{late:#?}");
    let again = ["batch", "close", "trial", "--variance", "2", "--reason", "lost"];
    said(&desk, &again, 11, "statement 2 waits for another");
    sign("2").expect(0);
    let status = json(&desk, &["batch", "status", "trial"]);
    assert_eq!((&status["jobs"][0]["state"], &status["jobs"][0]["variance"]), (&"closed".into(), &2.into()));
}

/// While a run goes on nobody knows the figures, whoever has signed them: neither with one person's word nor with two.
#[test]
fn nobody_closes_a_job_under_its_run() {
    const OPEN: &str = "a run of the job has begun and not ended";
    let (desk, _) = made_in_office(2, 1);
    let close = ["batch", "close", "trial", "--variance", "1", "--reason", "lost"];
    said(&desk, &close, 11, "waits for another");
    let sign = |id| as_operator(&desk, "cem", &["batch", "sign", "trial", id, "--yes"]);
    let refused = || {
        said(&desk, &close, 2, OPEN);
        let early = sign("1").expect(2);
        assert!(early.stderr.contains(OPEN), "{early:#?}");
    };
    let waiting = || Listening::start(desk.command(&[&["--config", "cardwright.toml"], &RUN[..]].concat()));
    let under_way =
        || registry(&desk).runs(entry(&registry(&desk)).id).expect("runs").iter().any(|run| run.ended.is_none());
    let program = waiting();
    while !under_way() {}
    refused();
    run(&desk, &["batch", "pause", "trial", "--reason", "lunch"]).expect(0);
    program.finish().expect(10);
    run(&desk, &["batch", "resume", "trial", "--reason", "back"]).expect(0);
    // One that was cut off has not ended either, before a person has looked.
    let mut chip = Gate::new(blank(9).0);
    let program = waiting();
    chip.kill_at(4, Moment::During, Pid::from_child(&program.child));
    serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), &mut chip).expect("served");
    assert_eq!(program.finish().code(), -1);
    refused();
    let deck = format!("sim:deck={}", desk.path().join("deck").display());
    run(&desk, &[&AGAIN[..], &["--on", &deck]].concat()).expect(10);
    // The card in the middle is unknown, and in no line of the figures: they are what was signed.
    sign("1").expect(0);
}

/// A chip that has the job's keys is no blank, and one person does not make it one.
#[test]
fn a_chip_with_the_jobs_keys_is_not_returned() {
    let desk = desk(&job(2, ""));
    let names = deck(&desk, 1, 1, "");
    through_deck(&desk, "", 1).expect(10);
    let told = |fate| ["batch", "reject", "trial", &names[0], "--fate", fate, "--reason", "a good one"];
    let refused = desk.run(&told("returned")).expect(2);
    assert!(refused.stderr.contains("the chip of record 1 is no blank card: it has the job's keys"), "{refused:#?}");
    assert!(refused.stderr.contains("next: destroyed or quarantined"), "{refused:#?}");
    assert_eq!(balance(&desk).accepted(), 1, "what is refused leaves the card as it is");
    desk.run(&["batch", "reject", "trial", &names[0], "--reason", "a good one"]).expect(0);
    desk.run(&told("returned")).expect(2);
    assert_eq!((balance(&desk).unfated, balance(&desk).returned()), (1, 0));
    desk.run(&told("quarantined")).expect(0);
    // A blank that never was in a reader goes back as it came.
    let blank = blank(7).1;
    desk.run(&[
        "batch",
        "reject",
        "trial",
        &blank,
        "--fate",
        "returned",
        "--reason",
        "bent, and straight again",
        "--unseen",
    ])
    .expect(0);
    assert_eq!(balance(&desk).returned(), 1);
}

/// What lies under the target key's name is what lay there when the job began, and no other issuer's key.
#[test]
fn the_target_key_is_not_exchanged() {
    const GLOBEX: &str = "0F1E2D3C4B5A69788796A5B4C3D2E1F0";
    const SECOND: &str = "1F1E2D3C4B5A69788796A5B4C3D2E1F1";
    const NOBODYS: &str = "2F1E2D3C4B5A69788796A5B4C3D2E1F2";
    let desk = desk(&job(2, ""));
    deck(&desk, 1, 1, "");
    through_deck(&desk, "", 1).expect(10);
    desk.key_file("globex.hex", GLOBEX);
    let theirs = job(1, "").replace("\"trial\"", "\"other\"").replace("\"acme\"", "\"globex\"");
    put(&desk, "other.toml", theirs.replace("new.hex", "globex.hex"));
    desk.run(&["batch", "run", "other.toml", "--on", &format!("sim:deck={}", desk.path().join("deck").display())])
        .expect(10);
    // A second master of the same issuer.
    desk.key_file("second.hex", SECOND);
    put(&desk, "second.toml", job(1, "").replace("\"trial\"", "\"second\"").replace("new.hex", "second.hex"));
    desk.run(&["batch", "run", "second.toml", "--on", &format!("sim:deck={}", desk.path().join("deck").display())])
        .expect(10);
    deck(&desk, 1, 9, "");
    let here = "is not what it was when the job began";
    for (key, words) in [(GLOBEX, "belongs to issuer globex"), (SECOND, here), (NOBODYS, here)] {
        desk.key_file("new.hex", key);
        let plan = desk.run(&["batch", "plan", "job.toml"]);
        let run = through_deck(&desk, "", 1);
        for outcome in [plan, run] {
            assert!(outcome.code() != 0 && outcome.stderr.contains(words), "{words}: {outcome:#?}");
        }
        assert_eq!(balance(&desk).accepted(), 1, "{words}");
    }
    desk.key_file("new.hex", super::NEW);
    through_deck(&desk, "", 1).expect(0);
    super::all_made(&desk, 2, "the right key");
}

#[test]
fn nobody_sees_another_issuers_job() {
    let desk = desk(&job(1, ""));
    deck(&desk, 1, 1, "");
    through_deck(&desk, "", 1).expect(0);
    put(&desk, "globex.toml", "issuer = \"globex\"\n");
    for args in [
        &["batch", "run", "job.toml", "--on", "sim:"][..],
        &["batch", "plan", "job.toml"],
        &["batch", "status", "trial"],
        &["batch", "pause", "trial", "--reason", "no"],
        &["batch", "reject", "trial", "#1", "--reason", "no"],
        &["batch", "close", "trial"],
        &["batch", "sign", "trial"],
    ] {
        fails(&desk, &[&["--config", "globex.toml"], args].concat(), 2, "works for issuer `globex`");
    }
    let all = desk.run(&["--config", "globex.toml", "batch", "status"]).expect(0);
    assert_eq!(all.stdout, "there are no jobs\n");
    // Its keys are that issuer's, and of that domain, whatever the job is called.
    let other = job(1, "").replace("\"trial\"", "\"other\"");
    for (from, to) in [("\"acme\"", "\"globex\""), ("\"test\"", "\"live\"")] {
        let text = other.replace(from, to).replace("gp-test@0xFF", "kdf3+file:vendor.hex@0xFF");
        desk.key_file("vendor.hex", "0F1E2D3C4B5A69788796A5B4C3D2E1F0");
        put(&desk, "other.toml", text);
        let outcome = desk.run(&["batch", "run", "other.toml", "--on", "sim:"]);
        assert!(outcome.code() != 0 && outcome.stderr.contains("belongs to"), "{to}: {outcome:#?}");
        assert!(desk.run(&["batch", "status", "other"]).stderr.contains("there is no job"), "{to}");
    }
    // Whichever file it is copied to; with another diversification it gives other keys.
    desk.key_file("copy.hex", super::NEW);
    let copied = other.replace("\"acme\"", "\"globex\"").replace("new.hex", "copy.hex");
    put(&desk, "other.toml", &copied);
    for args in [&["batch", "plan", "other.toml"][..], &["batch", "run", "other.toml", "--on", "sim:"]] {
        let outcome = desk.run(args);
        assert!(outcome.code() != 0 && outcome.stderr.contains("belongs to"), "{outcome:#?}");
    }
    put(&desk, "other.toml", copied.replace("kdf3+file:copy.hex", "an10922+file:copy.hex"));
    desk.run(&["batch", "plan", "other.toml"]).expect(0);
}

#[test]
fn a_live_job_knows_the_public_keys_under_any_name() {
    const PUBLIC: &str = "404142434445464748494A4B4C4D4E4F";
    let live = job(1, "").replace("\"test\"", "\"live\"");
    let desk = desk(&live);
    let names = deck(&desk, 1, 1, "");
    fails(&desk, &RUN, 2, "everybody knows gp-test");
    desk.key_file("vendor.hex", PUBLIC);
    desk.key_file("three.hex", &[PUBLIC; 3].join(","));
    for vendor in ["file:vendor.hex@0xFF", "file:three.hex@0xFF", "kdf3+file:vendor.hex@0xFF"] {
        put(&desk, "job.toml", live.replace("gp-test@0xFF", vendor));
        let deck = format!("sim:deck={}", desk.path().join("deck").display());
        fails(&desk, &[&RUN[..], &["--on", &deck]].concat(), 2, "is a key that everybody knows");
    }
    let swapped = live
        .replace("gp-test@0xFF", "kdf3+file:new.hex@0xFF")
        .replace("key = \"kdf3+file:new.hex\"", "key = \"file:vendor.hex\"");
    put(&desk, "job.toml", swapped);
    fails(&desk, &[&RUN[..], &["--on", "sim:"]].concat(), 2, "is a key that everybody knows");
    assert_eq!(desk.run(&["batch", "status"]).expect(0).stdout, "there are no jobs\n", "{names:?}");
}

#[test]
fn a_run_is_held_from_another_process_while_it_waits() {
    let desk = desk(&job(1, ""));
    let program = Listening::start(desk.command(&RUN));
    assert!(program.address.is_some());
    // The job is in the registry when the run has begun.
    while !desk.run(&["batch", "pause", "trial", "--reason", "lunch"]).status.success() {}
    let held = program.finish().expect(10);
    assert!(held.stderr.contains("the job is paused: lunch"), "{held:#?}");
    fails(&desk, &[&RUN[..], &["--on", "sim:"]].concat(), 2, "the job is paused: lunch");
    desk.run(&["batch", "resume", "trial", "--reason", "back"]).expect(0);
    desk.run_with(&mut blank(1).0, &RUN).expect(0);
    super::all_made(&desk, 1, "held in between");
}

#[test]
fn the_breaker_stops_the_job_until_a_person_has_looked() {
    let desk = desk(&job(4, ""));
    deck(&desk, 4, 1, "kvn=0x22");
    let stopped = through_deck(&desk, "", 1).expect(10);
    assert!(stopped.stderr.contains("3 cards in a row were not made"), "{stopped:#?}");
    assert_eq!(balance(&desk).state(RecordState::Pending), 4);
    let again = through_deck(&desk, "", 1).expect(2);
    assert!(again.stderr.contains("the job is stopped: 3 cards in a row"), "{again:#?}");
    std::fs::remove_dir_all(desk.path().join("deck")).expect("removed");
    deck(&desk, 4, 1, "");
    desk.run(&["batch", "resume", "trial", "--reason", "the wrong box"]).expect(0);
    through_deck(&desk, "", 1).expect(0);
    super::all_made(&desk, 4, "the right box");
}

#[test]
fn a_restart_wants_an_operator() {
    let desk = desk(&job(1, ""));
    let mut chip = Gate::new(blank(1).0);
    let program = Listening::start(desk.command(&RUN));
    chip.kill_at(4, Moment::During, Pid::from_child(&program.child));
    serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), &mut chip).expect("served");
    assert_eq!(program.finish().code(), -1);
    chip.forget();
    fails(&desk, &[&RUN[..], &["--on", "sim:"]].concat(), 2, "an earlier run of station");
    assert_eq!(chip.seen.len(), 0);
    let outcome = desk.run_with(&mut chip, &AGAIN).expect(0);
    assert!(outcome.stderr.contains("was cut off: 1 cards in the middle are unknown"), "{outcome:#?}");
    let log = std::fs::read_to_string(desk.path().join("state/audit.log")).expect("a log");
    assert!(log.contains("batch.restarted") && log.contains("anna goes on"), "{log}");
    super::all_made(&desk, 1, "restarted");
}
