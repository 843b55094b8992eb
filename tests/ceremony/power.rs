//! Power lost at any command of a ceremony: it goes on where it was, and all transcripts are verified.

use crate::bench::{Failure, Office, Table, plan};
use cardwright::ceremony::Wish;
use cardwright::ceremony::directory::Directory;
use cardwright_keys::ceremony::plan::Plan;
use cardwright_keys::ceremony::verify::{Given, verify_all};
use cardwright_proto::custody::manifest::Operation;
use std::path::Path;

/// Every command with `POINTS=all` in the environment, else every so many.
fn every(step: usize) -> usize {
    if std::env::var_os("POINTS").is_some_and(|points| points == "all") { 1 } else { step }
}

/// The operations that are torn, one behind the other.
const OPERATIONS: [Operation; 3] = [Operation::Deal, Operation::Drill, Operation::Destroy];

fn wish(operation: Operation) -> Wish {
    Wish { operation: Some(operation), ..Wish::default() }
}

/// Runs the operations, the line failing at one command. How many runs it took.
fn torn(dir: &Path, plan: &Plan, at: Option<(usize, Failure)>) -> (usize, Table) {
    let (mut office, mut table) = (Office::new(), Table::new(plan));
    table.fate.at.set(at);
    let mut runs = 0;
    for operation in OPERATIONS {
        loop {
            runs += 1;
            match office.carry_out(dir, plan, &mut table, &wish(operation)) {
                Ok(done) => {
                    assert_eq!(done.verdict.operation, operation);
                    break;
                }
                Err(error) => assert!(runs <= OPERATIONS.len() + 1, "{at:?}, {operation}: {error}"),
            }
        }
    }
    (runs, table)
}

/// Before a command, and behind it, of enrolment, deal, drill and destruction: one more run, and all is done.
#[test]
fn between_any_two_commands() {
    let plan = plan(2, 2);
    let dir = tempfile::tempdir().unwrap();
    let (_, table) = torn(&dir.path().join("whole"), &plan, None);
    let commands = table.fate.sent.get();
    let (mut lost, mut resumed) = (0, 0);
    for at in (0..commands).step_by(every(11)) {
        for failure in [Failure::Before, Failure::Behind] {
            let (runs, _) = torn(&dir.path().join(format!("{at}-{failure:?}")), &plan, Some((at, failure)));
            lost += 1;
            resumed += runs - OPERATIONS.len();
        }
    }
    println!("{commands} commands: power lost {lost} times, the ceremony resumed {resumed} times");
    assert_eq!(resumed, lost);
}

/// What was begun behind the deal is given up instead, and made anew: no card signed anything that no transcript shows, for
/// the counters of its approvals have no gap.
#[test]
fn given_up_between_any_two_commands() {
    let plan = plan(2, 2);
    let dir = tempfile::tempdir().unwrap();
    let mut given_up = 0;
    for operation in [Operation::Drill, Operation::Destroy] {
        let commands = commands_of(&dir.path().join(format!("{operation}-whole")), &plan, operation);
        for (at, failure) in
            (0..commands).step_by(every(3)).flat_map(|at| [(at, Failure::Before), (at, Failure::Behind)])
        {
            let dir = dir.path().join(format!("{operation}-{at}-{failure:?}"));
            let (mut office, mut table) = (Office::new(), Table::new(&plan));
            office.carry_out(&dir, &plan, &mut table, &wish(Operation::Deal)).unwrap();
            let dealt = table.fate.sent.get();
            table.fate.at.set(Some((dealt + at, failure)));
            office.carry_out(&dir, &plan, &mut table, &wish(operation)).unwrap_err();
            office.abandon(&dir, &mut table).unwrap();
            office.carry_out(&dir, &plan, &mut table, &wish(operation)).unwrap();
            let directory = Directory::read(&dir).unwrap();
            let all: Vec<&[u8]> = directory.past.iter().map(|past| past.bytes.as_slice()).collect();
            let given = Given { prev: Some([0; 32]), ..Given::default() };
            let verdicts =
                verify_all(&all, &given).unwrap_or_else(|error| panic!("{operation}, {at}, {failure:?}: {error}"));
            assert_eq!(verdicts.len(), 3);
            given_up += 1;
        }
    }
    println!("given up {given_up} times, and made anew");
}

/// How many commands an operation behind the deal sends.
fn commands_of(dir: &Path, plan: &Plan, operation: Operation) -> usize {
    let (mut office, mut table) = (Office::new(), Table::new(plan));
    office.carry_out(dir, plan, &mut table, &wish(Operation::Deal)).unwrap();
    let dealt = table.fate.sent.get();
    office.carry_out(dir, plan, &mut table, &wish(operation)).unwrap();
    table.fate.sent.get() - dealt
}
