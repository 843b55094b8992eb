//! What people say of chips that are not what they said it of: stale statements, names that were mistyped, chips that are no
//! spares.

use super::people::{as_operator, deck, fails, made_in_office, run_deck};
use super::{PATIENCE, RUN, all_made, attempts, balance, blank, desk, job, of_listed, registry, through_deck};
use crate::approvals::{json, run, said};
use cardwright_keys::job::RecordState;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_tests::cli::Listening;
use cardwright_tests::gate::Gate;
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
    // Seconds are what moments are told in: this rejection is of a later one.
    let rejected = attempts(&registry(&desk))[0].began;
    let moment = || std::time::UNIX_EPOCH.elapsed().expect("behind 1970").as_secs();
    while moment() <= rejected + 1 {
        std::hint::spin_loop();
    }
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
    reject(&strange, &["--unseen"]).expect(0);
    assert_eq!((balance(&desk).accepted(), balance(&desk).rejected()), (2, 1));
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
    for used in &names {
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
