//! Two stations on one job, and people who take its records away: nobody's card is lost, and nobody waits for ever.

use super::{
    AGAIN, EXTERNAL_AUTHENTICATE, INITIALIZE_UPDATE, PATIENCE, RUN, all_made, attempts, balance, blank, desk, job,
    registry,
};
use cardwright_keys::job::RecordState;
use cardwright_link::vpcd::{Ended, Stop, serve};
use cardwright_link::{SmartCard, VirtualCard};
use cardwright_registry::jobs::Jobs;
use cardwright_tests::altered::Altered;
use cardwright_tests::cli::{Desk, Listening};
use cardwright_tests::gate::{Gate, Moment};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

fn put_in(address: SocketAddr, card: &mut dyn SmartCard) -> Ended {
    serve(address, PATIENCE, &Stop::default(), card).expect("it listened")
}

/// A station of its own on the same records.
fn station(desk: &Desk, name: &str) -> (Listening, SocketAddr) {
    listening(desk, &[&AGAIN[..], &["--station", name]].concat())
}

fn listening(desk: &Desk, args: &[&str]) -> (Listening, SocketAddr) {
    let program = Listening::start(desk.command(args));
    let address = program.address.expect("it listens");
    (program, address)
}

/// The card says when it has carried out its first command with this INS, and does not answer until it may.
fn held_at(ins: u8, card: VirtualCard) -> (Altered<VirtualCard>, Receiver<()>, Sender<()>) {
    let ((says, met), (go, may)) = (channel(), channel());
    let mut waits = true;
    let held = Altered::new(card, move |command, _| {
        if waits && command.get(1) == Some(&ins) {
            waits = false;
            says.send(()).expect("somebody waits");
            may.recv().expect("it may go on");
        }
    });
    (held, met, go)
}

/// Both have looked up the same record when the first of them claims it: the other card gets the next one.
#[test]
fn both_want_the_same_record() {
    let desk = desk(&job(2, ""));
    let [(mut one, one_met, one_may), (mut other, other_met, other_may)] =
        [1, 2].map(|serial| held_at(INITIALIZE_UPDATE, blank(serial).0));
    let (north, at_north) = station(&desk, "north");
    let south = thread::scope(|scope| {
        scope.spawn(|| put_in(at_north, &mut one));
        one_met.recv().expect("it is met");
        let (south, at_south) = station(&desk, "south");
        let other = &mut other;
        scope.spawn(move || put_in(at_south, other));
        other_met.recv().expect("it is met");
        for go in [one_may, other_may] {
            go.send(()).expect("it waits");
        }
        south
    });
    for outcome in [north.finish(), south.finish()] {
        // Whoever is done while the other is not, says so.
        let elsewhere = outcome.stdout.contains("in the middle at another station");
        assert!(outcome.code() == 0 || (elsewhere && outcome.code() == 10), "{outcome:#?}");
        assert!(outcome.stdout.contains("1 cards made") && !outcome.stderr.contains("aside"), "{outcome:#?}");
    }
    all_made(&desk, 2, "two stations");
}

/// Both find that the registry does not have the job yet.
#[test]
fn both_bring_the_job() {
    for _ in 0..8 {
        let desk = desk(&job(1, ""));
        std::fs::create_dir(desk.path().join("none")).expect("a directory");
        let deck = format!("sim:deck={}", desk.path().join("none").display());
        let at = &|name: &str| desk.run(&[&RUN[..], &["--on", &deck, "--station", name]].concat());
        thread::scope(|scope| {
            let both = ["north", "south"].map(|name| scope.spawn(move || at(name)));
            for one in both {
                one.join().expect("it ran").expect(10);
            }
        });
    }
}

/// It was begun at the one and is gone on with at the other, which has it in a reader when the first one comes back.
#[test]
fn a_station_that_comes_back_leaves_its_card_to_the_other() {
    let desk = desk(&job(1, ""));
    let mut chip = Gate::new(blank(1).0);
    let (north, address) = station(&desk, "north");
    chip.kill_at(4, Moment::During, Pid::from_child(&north.child));
    put_in(address, &mut chip);
    assert_eq!(north.finish().code(), -1);
    // Its own station alone says that nobody knows what the card has.
    let (north, _) = station(&desk, "north");
    let (mut held, met, go) = held_at(EXTERNAL_AUTHENTICATE, chip.card);
    let (south, address) = station(&desk, "south");
    thread::scope(|scope| {
        scope.spawn(|| put_in(address, &mut held));
        met.recv().expect("it is met");
        let back = north.finish().expect(10);
        assert!(back.stdout.contains("in the middle at another station"), "{back:#?}");
        let again = station(&desk, "north").0.finish().expect(10);
        assert!(again.stdout.contains("in the middle at another station"), "{again:#?}");
        go.send(()).expect("it waits");
    });
    let outcome = south.finish().expect(0);
    assert!(outcome.stdout.contains("1 cards made"), "{outcome:#?}");
    all_made(&desk, 1, "gone on with elsewhere");
}

/// The last record is cancelled while the run waits for its card.
#[test]
fn a_run_ends_when_nothing_is_left_for_it() {
    let desk = desk(&job(2, ""));
    let (program, address) = listening(&desk, &RUN);
    put_in(address, &mut blank(1).0);
    desk.run(&["batch", "cancel", "trial", "#2", "--reason", "not wanted"]).expect(0);
    let outcome = program.finish().expect(0);
    assert!(outcome.stdout.contains("no card is left to be made"), "{outcome:#?}");
}

/// A card in the middle whose run was cut off is met while somebody pauses the job: it is put aside, and the run ends in
/// good order.
#[test]
fn paused_while_an_unknown_card_is_met() {
    let desk = desk(&job(1, ""));
    let mut chip = Gate::new(blank(1).0);
    chip.lose_at(4);
    let (program, address) = listening(&desk, &RUN);
    assert_eq!(put_in(address, &mut chip), Ended::Torn);
    let (mut held, met, go) = held_at(INITIALIZE_UPDATE, chip.card);
    thread::scope(|scope| {
        scope.spawn(|| put_in(address, &mut held));
        met.recv().expect("it is met");
        desk.run(&["batch", "pause", "trial", "--reason", "lunch"]).expect(0);
        go.send(()).expect("it waits");
    });
    let outcome = program.finish().expect(10);
    assert!(outcome.stderr.contains("put it aside") && outcome.stderr.contains("lunch"), "{outcome:#?}");
    assert_eq!(balance(&desk).state(RecordState::Unknown), 1);
    let registry = registry(&desk);
    let entry = registry.job(&"trial".parse().expect("a name")).expect("an answer").expect("the job");
    assert!(registry.runs(entry.id).expect("runs").iter().all(|run| run.ended.is_some()), "no run is open");
    desk.run(&["batch", "resume", "trial", "--reason", "fed"]).expect(0);
    desk.run_with(&mut held, &RUN).expect(0);
    assert_eq!(attempts(&registry).len(), 1);
    all_made(&desk, 1, "paused");
}

/// A run that another program starts, in its own place.
fn started_by(starter: &[&str], desk: &Desk) -> Command {
    let run = desk.command(&RUN);
    let mut command = Command::new(starter[0]);
    command.args(&starter[1..]).arg(run.get_program()).args(run.get_args()).current_dir(desk.path());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The terminal is closed, or the line to it is lost, while a card is in the reader: that card is made, and the run ends.
#[test]
fn a_terminal_that_is_gone() {
    let desk = desk(&job(2, ""));
    // These tests may run under nohup themselves.
    let program = Listening::start(started_by(&["env", "--default-signal=HUP"], &desk));
    let address = program.address.expect("it listens");
    let (mut held, met, go) = held_at(EXTERNAL_AUTHENTICATE, blank(1).0);
    thread::scope(|scope| {
        scope.spawn(|| put_in(address, &mut held));
        met.recv().expect("it is met");
        // A shell passes it on, and the kernel sends another one.
        for _ in 0..3 {
            kill_process(Pid::from_child(&program.child), Signal::HUP).expect("it is there");
        }
        go.send(()).expect("it waits");
    });
    program.finish().expect(10);
    assert_eq!(balance(&desk).accepted(), 1);
    desk.run_with(&mut blank(2).0, &RUN).expect(0);
    all_made(&desk, 2, "without a terminal");
}

/// The run was cut off, and its job's file is gone: people tell of its card, and close the job.
#[test]
fn a_run_is_recovered_without_its_job() {
    let desk = desk(&job(2, ""));
    let (program, address) = listening(&desk, &[&RUN[..], &["--station", "north"]].concat());
    put_in(address, &mut blank(1).0);
    let mut chip = Gate::new(blank(2).0);
    chip.kill_at(4, Moment::During, Pid::from_child(&program.child));
    put_in(address, &mut chip);
    assert_eq!(program.finish().code(), -1);
    std::fs::remove_file(desk.path().join("job.toml")).expect("it was there");
    let args = ["batch", "close", "trial", "--variance", "1", "--reason", "lost"];
    desk.run(&args).expect(2);
    for (station, told) in [("south", "no run of station south was cut off"), ("north", "1 cards are unknown")] {
        let recovered = desk.run(&["batch", "recover", "trial", "--station", station, "--operator", "anna"]).expect(0);
        assert!(recovered.stdout.contains(told), "{recovered:#?}");
    }
    assert_eq!(balance(&desk).state(RecordState::Unknown), 1);
    desk.run(&["batch", "reject", "trial", "#2", "--reason", "cannot be settled", "--fate", "quarantined"]).expect(0);
    desk.run(&["batch", "close", "trial"]).expect(0);
}

/// Whoever starts it with nohup wants it to go on without a terminal.
#[test]
fn a_terminal_that_is_not_wanted() {
    let desk = desk(&job(2, ""));
    let program = Listening::start(started_by(&["nohup"], &desk));
    let address = program.address.expect("it listens");
    let (mut held, met, go) = held_at(INITIALIZE_UPDATE, blank(1).0);
    thread::scope(|scope| {
        scope.spawn(|| put_in(address, &mut held));
        met.recv().expect("it is met");
        kill_process(Pid::from_child(&program.child), Signal::HUP).expect("it is there");
        go.send(()).expect("it waits");
    });
    put_in(address, &mut blank(2).0);
    program.finish().expect(0);
    all_made(&desk, 2, "with nohup");
}

/// Nobody reads what is said of single cards.
#[test]
fn standard_error_that_nobody_reads() {
    let desk = desk(&job(1, ""));
    let none = format!("sim:deck={}", desk.path().display());
    for (args, code) in [(&[&RUN[..], &["--on", &none]].concat()[..], 10), (&["batch", "plan", "nope.toml"], 2)] {
        let mut program = desk.command(args).spawn().expect("the program starts");
        drop(program.stderr.take());
        assert_eq!(program.wait().expect("it ends").code(), Some(code), "{args:?}");
    }
}
