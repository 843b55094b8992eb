//! The clock between two runs is a day back, or a year ahead. Nothing moves the program's clock here: what is on record of the
//! first run is moved the other way.

use super::{AGAIN, PATIENCE, RUN, all_made, attempts, balance, blank, desk, is_as_recorded, job, registry};
use cardwright_link::VirtualCard;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_tests::cli::{Desk, Listening};
use cardwright_tests::gate::{Gate, Moment};
use rusqlite::Connection;
use rustix::process::Pid;

const DAY: i64 = 86_400;

/// Every moment that is on record of jobs, so many seconds later. How many there were.
fn move_records(desk: &Desk, by: i64) -> usize {
    let db = Connection::open(desk.path().join("state/registry.db")).expect("a database");
    let moments = [
        "jobs SET made_at = made_at + ?1, changed = changed + ?1",
        "records SET changed = changed + ?1",
        "attempts SET began = began + ?1, ended = ended + ?1",
        "runs SET began = began + ?1, ended = ended + ?1",
    ];
    moments.iter().map(|moments| db.execute(&format!("UPDATE {moments}"), [by]).expect("SQL")).sum()
}

/// Made whole in the first run, and killed with PUT KEY sent; then the clock is another one, and both come again.
fn clock_moves(by: i64) {
    let desk = desk(&job(2, ""));
    let mut chips: Vec<Gate<VirtualCard>> = (1..=2).map(|serial| Gate::new(blank(serial).0)).collect();
    let program = Listening::start(desk.command(&RUN));
    let address = program.address.expect("it listens");
    serve(address, PATIENCE, &Stop::default(), &mut chips[0]).expect("served");
    chips[1].kill_at(4, Moment::During, Pid::from_child(&program.child));
    serve(address, PATIENCE, &Stop::default(), &mut chips[1]).expect("served");
    assert_eq!(program.finish().code(), -1);
    assert_eq!(balance(&desk).accepted(), 1);
    assert_eq!(move_records(&desk, -by), 6, "a job, two records, two attempts, a run");

    let program = Listening::start(desk.command(&AGAIN));
    let address = program.address.expect("it listens");
    for chip in &mut chips {
        chip.forget();
        serve(address, PATIENCE, &Stop::default(), chip).expect("served");
    }
    let outcome = program.finish().expect(0);
    assert!(outcome.stderr.contains("it is made already"), "{outcome:#?}");
    all_made(&desk, 2, &format!("the clock went {by} s"));
    let registry = registry(&desk);
    for (made, chip) in attempts(&registry).into_iter().zip(chips) {
        is_as_recorded(&registry, &made.card, chip);
    }
}

#[test]
fn a_day_back() {
    clock_moves(-DAY);
}

#[test]
fn a_year_ahead() {
    clock_moves(365 * DAY);
}
