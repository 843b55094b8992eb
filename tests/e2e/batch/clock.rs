//! The clock between two runs is a day back, or a year ahead: libfaketime moves it, for the program alone.

use super::{AGAIN, PATIENCE, RUN, all_made, attempts, balance, blank, desk, entry, is_as_recorded, job, registry};
use cardwright_link::VirtualCard;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_registry::jobs::Jobs;
use cardwright_tests::cli::Listening;
use cardwright_tests::gate::{Gate, Moment};
use cardwright_tests::rig::skip;
use rustix::process::Pid;
use std::ffi::OsString;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// A clock so many seconds from this one. Durations are not moved: nobody waits by the time of day.
fn moved(by: i64) -> Vec<(String, OsString)> {
    // The dynamic linker puts the machine's library directory in place of `$LIB`.
    let library = "/usr/$LIB/faketime/libfaketime.so.1";
    let of = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
    vec![of("LD_PRELOAD", library), of("FAKETIME", &format!("{by:+}")), of("DONT_FAKE_MONOTONIC", "1")]
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("behind 1970");
    i64::try_from(since.as_secs()).expect("a moment")
}

/// Whether a clock can be moved here: a program that says what time it is, says so.
fn can_be_moved() -> bool {
    let asked = Command::new("date").arg("+%s").envs(moved(DAY)).output().expect("it runs");
    let told: i64 = String::from_utf8(asked.stdout).expect("UTF-8").trim().parse().expect("seconds");
    let moved = told > now() + DAY / 2;
    if !moved {
        skip("a clock that moves", "libfaketime is not installed");
    }
    moved
}

/// Made whole in the first run, and killed with PUT KEY sent; then the clock is another one, and both come again.
fn clock_moves(by: i64) {
    if !can_be_moved() {
        return;
    }
    let desk = desk(&job(2, ""));
    let mut chips: Vec<Gate<VirtualCard>> = (1..=2).map(|serial| Gate::new(blank(serial).0)).collect();
    let program = Listening::start(desk.command(&RUN));
    let address = program.address.expect("it listens");
    serve(address, PATIENCE, &Stop::default(), &mut chips[0]).expect("served");
    chips[1].kill_at(4, Moment::During, Pid::from_child(&program.child));
    serve(address, PATIENCE, &Stop::default(), &mut chips[1]).expect("served");
    assert_eq!(program.finish().code(), -1);
    assert_eq!(balance(&desk).accepted(), 1);

    let desk = desk.with_env(moved(by));
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
    let began: Vec<_> = registry.runs(entry(&registry).id).expect("runs").iter().map(|run| run.began).collect();
    assert!(matches!(began[..], [first, then] if then.abs_diff(first.saturating_add_signed(by)) < 3600), "{began:?}");
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
