//! A ceremony of 3 of 5 in blind mode with its drill, as `cardwright ceremony run` holds it: commands and bytes of each
//! card, and how long it takes on simulated cards and on Java cards, beside the same work bare in the same run. And what
//! a deal costs a card. With `CI` set each is done once, and what Maven has to count is left out: that it runs.

// A benchmark fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bare;
mod meter;
mod table;

use cardwright_keys::ceremony::plan::Plan;
use cardwright_keys::ceremony::verify::{Given, verify};
use cardwright_link::{Transport, VirtualCard};
use cardwright_proto::custody::share::Scheme;
use cardwright_tests::java::JavaCard;
use cardwright_tests::rig::repository;
use cardwright_tests::speed::{each, median, verdict};
use meter::{Meter, Sums};
use std::cell::RefCell;
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;
use table::Table;

/// A ceremony that was held.
struct Held {
    milliseconds: f64,
    meter: Meter,
    transcript: Vec<u8>,
}

fn main() {
    let short = std::env::var_os("CI").is_some();
    let text = Plan::example(Scheme::Shamir, 3, 5).expect("a plan").replace("bits = 256", "bits = 128");
    let plan = Plan::parse(text.as_bytes()).expect("a plan");
    simulated(&plan, if short { 1 } else { 11 });
    java(&plan, if short { 1 } else { 3 });
    if !short {
        on_card();
    }
}

/// Holds a ceremony with these cards, one for each of the plan.
fn hold<T: Transport + 'static>(plan: &Plan, cards: impl IntoIterator<Item = T>) -> Held {
    // On the disk that everything is built on, where fsync takes its time.
    let dir = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let meter = Rc::new(RefCell::new(Meter::default()));
    let mut table = Table::new(plan, cards, &meter);
    let started = Instant::now();
    let done = table::deal(dir.path(), plan, &mut table, &meter);
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    assert_eq!(done.verdict.drilled, Some((10, 10)));
    let transcript = std::fs::read(dir.path().join(done.name)).expect("a transcript");
    drop(table);
    let meter = Rc::into_inner(meter).expect("nobody else's").into_inner();
    Held { milliseconds, meter, transcript }
}

fn simulated(plan: &Plan, rounds: usize) {
    let card = |_| VirtualCard::from_profile("").expect("a card");
    let (mut times, mut bare) = (Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..rounds {
        let held = hold(plan, (0..plan.cards.len()).map(card));
        times.push(held.milliseconds);
        bare.push(bare::work(&held.meter.all(), &held.transcript));
        last = Some(held);
    }
    let held = last.expect("a round");
    table_of(plan, &held.meter);
    let all = held.meter.all();
    println!(
        "ceremony    its cards: {} key pairs, {} ECDH, {} signatures made, {} checked; both ends of the line: {} AES \
         blocks; {} lines of transcript",
        all.key_pairs,
        all.agreements,
        all.signatures,
        all.checks,
        2 * all.blocks,
        held.transcript.split_inclusive(|byte| *byte == b'\n').count(),
    );
    let (time, bare) = (median(times), median(bare));
    println!(
        "ceremony    simulated cards: {time:.0} ms, the same work bare {bare:.0} ms, ratio {:.2}; wanted: under 1000 ms{}",
        time / bare,
        verdict(time < 1000.0)
    );
    let checked = each(3, || drop(verify(&held.transcript, &Given::default()).expect("verified"))) / 1e3;
    println!("ceremony    its transcript, {} bytes, verified offline in {checked:.1} ms", held.transcript.len());
}

/// What passes between the host and each card.
fn table_of(plan: &Plan, meter: &Meter) {
    println!("ceremony    card   visits  commands  bytes of data  bytes on the line  (S8, level 33)");
    let line = |label: &str, sums: &Sums| {
        println!("ceremony    {label:<7}{:>6}{:>10}{:>15}{:>19}", sums.visits, sums.commands, sums.data, sums.line);
    };
    plan.cards.iter().for_each(|card| line(&card.label, &meter.of(&card.label)));
    line("all", &meter.all());
}

/// Each round has new cards in a new JVM, which is running when the clock starts.
fn java(plan: &Plan, rounds: usize) {
    let (mut times, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let Some(mut cards) = JavaCard::several("a ceremony on Java cards", "", plan.cards.len() + 1) else { return };
        let idle = cards.pop().expect("one more than the plan has");
        let held = hold(plan, cards);
        times.push(held.milliseconds);
        bare.push(bare::transport(idle, held.meter.all().visits, &held.meter.exchanges));
    }
    let (time, bare) = (median(times), median(bare));
    println!(
        "ceremony    Java cards: {:.2} s; as many resets, commands and bytes with an applet that echoes {:.2} s, ratio \
         {:.1}; wanted: under 20 s{}",
        time / 1e3,
        bare / 1e3,
        time / bare,
        verdict(time < 20_000.0)
    );
}

/// The Java tests count what the applet's code does.
fn on_card() {
    let script = repository().join("scripts/java.sh");
    let counted = Command::new(&script)
        .args(["--quiet", "test", "--projects", "card", "--also-make", "-Dtest=CostTest"])
        .arg("-Dsurefire.failIfNoSpecifiedTests=false")
        .output();
    let Ok(output) = counted else { return println!("on the card  not counted: {} does not run", script.display()) };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    // What a terminal would have as colours may stand before it.
    let counts = |what: &str| text.lines().find_map(|line| line.split_once(what)).expect("counted").1.to_owned();
    println!("on the card, split of 128 bits, 3 of 5: {}", counts("Split: "));
    println!("on the card, the whole deal of it, with boxes and statement: {}", counts("Deal: "));
    println!(
        "            published: 818 ms for a split of 128 bits, 3 of 5, on an NXP JCOP3 J3H145 (README of jc-sskr, SSKR \
         for Java Card); no card was at hand to time this one on"
    );
}
