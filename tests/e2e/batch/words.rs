//! What people say of chips that are not what they said it of: stale statements, names that were mistyped, chips that are no
//! spares.

use super::people::{as_operator, deck, fails, made_in_office, run_deck};
use super::{PATIENCE, RUN, all_made, attempts, balance, blank, desk, job, of_listed, registry, through_deck};
use crate::approvals::{json, run, said};
use cardwright_keys::job::RecordState;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_tests::cli::Listening;
use cardwright_tests::gate::{Gate, Moment};
use rustix::process::{Pid, Signal, kill_process};

/// It was stated of a chip that is tried once more, and rejected again, for another reason: nobody has signed that.
#[test]
fn a_fate_of_an_earlier_rejection() {
    let (desk, names) = made_in_office(1, 1);
    let reject = |reason| ["batch", "reject", "trial", &names[0], "--reason", reason, "--fate", "destroyed"];
    said(&desk, &reject("shredded on monday"), 11, "statement 1 waits");
    run(&desk, &["batch", "retry", "trial", "#1", "--reason", "it is here"]).expect(0);
    let sign = |number| ["batch", "sign", "trial", number, "--yes"];
    let void = as_operator(&desk, "cem", &sign("1")).expect(2);
    assert!(void.stderr.contains("statement 1 is void"), "{void:#?}");
    run_deck(&desk).expect(0);
    assert_eq!(balance(&desk).accepted(), 1);
    said(&desk, &reject("printed askew"), 11, "statement 2 waits");
    let void = as_operator(&desk, "cem", &sign("1")).expect(2);
    assert!(void.stderr.contains("statement 1 is void"), "{void:#?}");
    let statements = json(&desk, &["batch", "sign", "trial"]);
    let first = &statements["statements"][0];
    assert_eq!((first["signed_by"].as_array().map(Vec::len), &first["standing"]), (Some(1), &"void".into()));
    assert_eq!(balance(&desk).unfated, 1);
    as_operator(&desk, "cem", &sign("2")).expect(0);
    let served = as_operator(&desk, "dora", &sign("2")).expect(2);
    assert!(served.stderr.contains("statement 2 is carried out already"), "{served:#?}");
    let log = std::fs::read_to_string(desk.path().join("state/audit.log")).expect("a log");
    assert!(log.contains("destroyed: printed askew") && !log.contains("destroyed: shredded"), "{log}");
    // What was never signed is void in a job that is closed, and says so.
    run(&desk, &["batch", "close", "trial"]).expect(0);
    assert_eq!(json(&desk, &["batch", "sign", "trial"])["statements"][0]["standing"], "void");
}

/// Its card is made before the second person signs that there is none.
#[test]
fn a_record_that_is_made_is_not_cancelled() {
    let (desk, _) = made_in_office(2, 1);
    said(&desk, &["batch", "cancel", "trial", "#2", "--reason", "customer"], 11, "waits for another");
    deck(&desk, 1, 7, "");
    run_deck(&desk).expect(0);
    let void = as_operator(&desk, "cem", &["batch", "sign", "trial", "1", "--yes"]).expect(2);
    assert!(void.stderr.contains("statement 1 is void"), "{void:#?}");
    run(&desk, &["batch", "close", "trial"]).expect(0);
}

/// A chip nobody has seen takes a record only where that is said; and none whose name is on record is one.
#[test]
fn names_that_no_card_has() {
    let desk = desk(&job(3, ""));
    let names = deck(&desk, 2, 1, "");
    through_deck(&desk, "", 1).expect(10);
    let strange = blank(9).1;
    let reject = |card: &str, more: &[&str]| {
        let all = [&["batch", "reject", "trial", card, "--reason", "bad", "--fate", "quarantined"][..], more].concat();
        desk.run(&all)
    };
    for name in [&strange, &names[0][..20]] {
        let refused = reject(name, &[]).expect(2);
        assert!(refused.stderr.contains("no card of the job was called that"), "{refused:#?}");
    }
    let refused = reject(&names[0][..20], &["--unseen"]).expect(2);
    assert!(refused.stderr.contains("a card of that name is on record"), "{refused:#?}");
    assert_eq!((balance(&desk).accepted(), balance(&desk).rejected()), (2, 0));
    let refused = reject(&names[0], &["--unseen"]).expect(2);
    assert!(refused.stderr.contains("a card of that name is on record"), "it is made: {refused:#?}");
    desk.run(&["batch", "reject", "trial", &strange, "--reason", "bad", "--unseen"]).expect(0);
    assert_eq!(balance(&desk).unfated, 1);
    reject(&strange, &["--unseen"]).expect(0);
    assert_eq!((balance(&desk).accepted(), balance(&desk).rejected()), (2, 1));
    // The record waits for another chip, and the next one from the box is dead as well.
    desk.run(&["batch", "remake", "trial", "#3", "--reason", "again"]).expect(0);
    reject(&blank(10).1, &["--unseen"]).expect(0);
    assert_eq!((balance(&desk).accepted(), balance(&desk).rejected(), balance(&desk).spares), (2, 2, 1));
}

/// A list waits for a card of that name: the chip half was mistyped.
#[test]
fn an_unseen_name_that_a_list_has() {
    let desk = of_listed(&[blank(1).1], "[[delivery]]\nname = \"more\"\nkey = \"gp-test@0xFF\"\ncount = 1\n");
    desk.run(&[&RUN[..], &["--on", &format!("sim:deck={}", desk.path().display())]].concat()).expect(10);
    let mistyped = format!("{}{}", &blank(1).1[..20], &blank(2).1[20..]);
    for name in [&mistyped, &blank(1).1[..20]] {
        let reject = ["batch", "reject", "trial", name, "--reason", "dead", "--fate", "returned", "--unseen"];
        fails(&desk, &reject, 2, "a card of that name is on record");
    }
    assert_eq!(balance(&desk).returned(), 0);
}

/// A list names the KDD alone, and another chip has it: what is said of that one is not said of the one that was made.
#[test]
fn a_chip_that_shares_its_kdd() {
    let desk = of_listed(&[blank(1).1[..20].to_owned()], "");
    desk.run_with(&mut blank(1).0, &RUN).expect(0);
    let other = format!("{}{}", &blank(1).1[..20], &blank(2).1[20..]);
    let reject = |name| ["batch", "reject", "trial", name, "--reason", "duplicate", "--fate", "quarantined"];
    fails(&desk, &reject(&other), 2, "record 1 is accepted");
    assert_eq!(balance(&desk).accepted(), 1);
    desk.run(&reject(&blank(1).1[..20])).expect(0);
    assert_eq!((balance(&desk).accepted(), balance(&desk).rejected()), (0, 1));
}

/// Whatever became of its record, it is none of the blanks.
#[test]
fn a_rejected_chip_whose_record_is_cancelled() {
    let desk = desk(&job(2, ""));
    let names = deck(&desk, 1, 1, "");
    through_deck(&desk, "", 1).expect(10);
    desk.run(&["batch", "reject", "trial", &names[0], "--reason", "bent", "--fate", "quarantined"]).expect(0);
    desk.run(&["batch", "cancel", "trial", "#1", "--reason", "not wanted"]).expect(0);
    let again = through_deck(&desk, "", 1).expect(10);
    assert!(again.stderr.contains("put it aside: it was rejected (record 1): bent"), "{again:#?}");
}

/// What a dry run says is what a run would do.
#[test]
fn a_dry_run_of_a_job_that_was_changed() {
    let desk = desk(&job(1, ""));
    deck(&desk, 1, 1, "");
    let dry = [&RUN[..], &["--dry-run"]].concat();
    desk.run(&dry).expect(0);
    through_deck(&desk, "", 1).expect(0);
    desk.key_file("new.hex", "2B7E151628AED2A6ABF7158809CF4F3C");
    fails(&desk, &dry, 7, "is not what it was when the job began");
    desk.key_file("new.hex", super::NEW);
    desk.run(&["batch", "close", "trial"]).expect(0);
    fails(&desk, &dry, 2, "the job is closed");
}

/// Nobody has to ask a card for that.
#[test]
fn new_keys_that_are_longer_than_the_old_ones() {
    let desk = desk(&job(1, ""));
    desk.key_file("new.hex", &super::NEW.repeat(2));
    fails(&desk, &["batch", "plan", "job.toml"], 2, "a key is never wrapped under a weaker one");
}

/// PUT KEY was meant for it and never left: the chip goes back, and nothing stays open.
#[test]
fn a_chip_that_goes_back_before_put_key() {
    let desk = desk(&job(1, ""));
    let mut chip = Gate::new(blank(1).0);
    let program = Listening::start(desk.command(&[&RUN[..], &["--station", "north"]].concat()));
    chip.kill_at(3, Moment::Before, Pid::from_child(&program.child));
    serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), &mut chip).expect("it listened");
    assert_eq!(program.finish().code(), -1);
    desk.run(&["batch", "recover", "trial", "--station", "north", "--operator", "anna"]).expect(0);
    desk.run(&["batch", "reject", "trial", "#1", "--reason", "x", "--fate", "returned"]).expect(0);
    desk.run(&["batch", "cancel", "trial", "#1", "--reason", "not wanted"]).expect(0);
    desk.run(&["batch", "close", "trial"]).expect(0);
    desk.run(&["registry", "check"]).expect(0);
}

#[test]
fn chips_that_are_no_spares() {
    let names: Vec<String> = (1..=2).map(|serial| blank(serial).1).collect();
    let desk = of_listed(&names, "");
    let program = Listening::start(desk.command(&RUN));
    let address = program.address.expect("it listens");
    for serial in 1..=2 {
        serve(address, PATIENCE, &Stop::default(), &mut blank(serial).0).expect("it listened");
    }
    program.finish().expect(0);
    desk.run(&["batch", "reject", "trial", "#1", "--reason", "bent", "--fate", "quarantined"]).expect(0);
    let remake =
        |spare: &str| ["batch", "remake", "trial", "#1", "--reason", "again", "--spare", spare].map(str::to_owned);
    for used in names.iter().map(String::as_str).chain([&names[1][..20]]) {
        let args = remake(used);
        fails(&desk, &args.each_ref().map(String::as_str), 2, "that chip is no spare");
    }
    for spare in [8, 9] {
        desk.run(&remake(&blank(spare).1).each_ref().map(String::as_str)).expect(0);
    }
    assert_eq!(balance(&desk).spares, 1, "the one was a mistake");
    let listed = desk.run(&["batch", "status", "trial", "--list", "rejected"]).expect(0);
    assert!(listed.stdout.contains(&format!("to be made once more, with {}", blank(9).1)), "{listed:#?}");
    desk.run_with(&mut blank(9).0, &RUN).expect(0);
    all_made(&desk, 2, "with the second spare");
}

/// What is refused has changed nothing.
#[test]
fn an_unknown_chip_is_not_returned() {
    let desk = desk(&job(1, ""));
    let mut chip = Gate::new(blank(1).0);
    chip.lose_at(4);
    let program = Listening::start(desk.command(&RUN));
    serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), &mut chip).expect("it listened");
    kill_process(Pid::from_child(&program.child), Signal::TERM).expect("it waits for a card");
    program.finish().expect(10);
    let returned = ["batch", "reject", "trial", "#1", "--reason", "x", "--fate", "returned"];
    fails(&desk, &returned, 2, "is no blank card");
    assert_eq!(balance(&desk).state(RecordState::Unknown), 1, "{:#?}", attempts(&registry(&desk)));
    let long = "y".repeat(390);
    desk.run(&["batch", "reject", "trial", "#1", "--reason", &long]).expect(0);
    assert_eq!(attempts(&registry(&desk))[0].reason, long, "all of it");
    fails(&desk, &["batch", "reject", "trial", "#1", "--reason", "another"], 2, "tell what became");
}
