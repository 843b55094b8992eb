//! The program is killed before, during and after every command of a card's flow, and the card put back into the next run.
//!
//! What is counted of each card is what it carried out (90 00). A flow that nothing interrupts is two INITIALIZE UPDATEs, two
//! EXTERNAL AUTHENTICATEs and one PUT KEY; with the kill a card has one INITIALIZE UPDATE more at the most, over all runs, and
//! refuses none.

use super::{
    AGAIN, Book, EXTERNAL_AUTHENTICATE, INITIALIZE_UPDATE, PATIENCE, PUT_KEY, RUN, all_made, attempts, balance, blank,
    desk, is_as_recorded, job, many, of_listed, registry,
};
use cardwright_link::VirtualCard;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_tests::cli::{Desk, Listening, Outcome};
use cardwright_tests::gate::{Gate, Moment};
use rustix::process::Pid;
use std::os::unix::process::ExitStatusExt;

/// What a card gets; a counted one is asked for its chip, too.
const FLOW: [&str; 8] = [
    "SELECT",
    "GET DATA",
    "INITIALIZE UPDATE",
    "EXTERNAL AUTHENTICATE",
    "PUT KEY",
    "INITIALIZE UPDATE under the new keys",
    "EXTERNAL AUTHENTICATE under the new keys",
    "GET DATA in the session",
];

type Chip = Gate<Book<VirtualCard>>;

/// What the cards of a point carried out.
#[derive(Debug, Default)]
struct Tally {
    initialize_updates: usize,
    /// The most that one card had over all.
    most: usize,
    /// The most that one card had behind the kill.
    most_behind: usize,
    authentications: usize,
}

/// A card that is to be made.
struct Blank {
    chip: Chip,
    name: String,
    /// INITIALIZE UPDATEs of the run that was killed.
    killed_with: usize,
}

impl Blank {
    fn new(serial: usize) -> Self {
        let (card, name) = blank(serial);
        Self { chip: Gate::new(Book::new(card)), name, killed_with: 0 }
    }
}

fn start(desk: &Desk, args: &[&str]) -> Listening {
    let program = Listening::start(desk.command(args));
    assert!(program.address.is_some(), "{:#?}", program.finish());
    program
}

/// In the reader until the program takes the next card, or is gone.
fn put_in(program: &Listening, chip: &mut Chip) {
    serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), chip).expect("it listened");
    chip.forget();
}

/// Kills a run at the card, which comes in behind the one that the last run was killed at.
fn killed_at(desk: &Desk, (n, moment): (usize, Moment), before: Option<&mut Blank>, blank: &mut Blank) -> Outcome {
    let program = start(desk, if before.is_some() { &AGAIN } else { &RUN });
    if let Some(before) = before {
        put_in(&program, &mut before.chip);
    }
    blank.chip.kill_at(n, moment, Pid::from_child(&program.child));
    put_in(&program, &mut blank.chip);
    blank.killed_with = blank.chip.card.done(INITIALIZE_UPDATE);
    program.finish()
}

/// Which cards the job has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cards {
    Listed,
    Counted,
}

impl Cards {
    /// The commands that one gets.
    fn flow(self) -> impl Iterator<Item = (usize, &'static str)> {
        FLOW.into_iter().filter(move |name| self == Self::Counted || *name != "GET DATA").enumerate()
    }

    fn desk(self, blanks: &[Blank]) -> Desk {
        match self {
            Self::Listed => of_listed(&blanks.iter().map(|blank| blank.name.clone()).collect::<Vec<_>>(), ""),
            Self::Counted => desk(&job(blanks.len(), "")),
        }
    }
}

fn point((n, name): (usize, &str), moment: Moment, kind: Cards, cards: usize) {
    let what = format!("{kind:?}, killed {moment:?} {name}");
    let mut blanks: Vec<_> = (1..=cards).map(Blank::new).collect();
    let desk = kind.desk(&blanks);
    for at in 0..cards {
        let (before, blank) = blanks.split_at_mut(at);
        let killed = killed_at(&desk, (n, moment), before.last_mut(), &mut blank[0]);
        // With the job's last card the program may be done before the signal comes.
        let done = moment == Moment::After && at + 1 == cards && killed.code() == 0;
        assert!(done || killed.status.signal() == Some(9), "{what}, card {at}: {killed:#?}");
    }
    // Where the last card was accepted before the signal came, the run has nothing to wait for.
    let waits = balance(&desk).accepted() < u64::try_from(cards).expect("a number");
    let program = Listening::start(desk.command(&AGAIN));
    if waits {
        put_in(&program, &mut blanks[cards - 1].chip);
    }
    let last = program.finish();
    assert_eq!(last.code(), 0, "{what}: {last:#?}");
    all_made(&desk, cards, &what);
    let Tally { initialize_updates, most, most_behind, authentications } = look(&desk, blanks, &what);
    println!(
        "{what}: {cards} cards, each killed once: {cards} accepted, 0 unknown, 0 lost; {cards} PUT KEYs, {initialize_updates} \
         INITIALIZE UPDATEs (for one card {most} at the most, {most_behind} of them behind the kill), {authentications} \
         EXTERNAL AUTHENTICATEs, 0 refused"
    );
}

/// What each card did, and that it is as the registry says.
fn look(desk: &Desk, blanks: Vec<Blank>, what: &str) -> Tally {
    let registry = registry(desk);
    let made = attempts(&registry);
    let mut tally = Tally::default();
    for Blank { chip, name, killed_with } in blanks {
        let done = &chip.card;
        assert_eq!((done.done(PUT_KEY), done.refused(PUT_KEY)), (1, 0), "{what}: {name} {:X?}", done.done);
        assert_eq!(done.refused(EXTERNAL_AUTHENTICATE), 0, "{what}: {name} {:X?}", done.done);
        let (begun, not_there) = (done.done(INITIALIZE_UPDATE), done.refused(INITIALIZE_UPDATE));
        let behind = begun - killed_with;
        assert!(begun <= 3 && not_there == 0, "{what}: {name}, {killed_with} before: {:X?}", done.done);
        tally.initialize_updates += begun;
        tally.most = tally.most.max(begun);
        tally.most_behind = tally.most_behind.max(behind);
        tally.authentications += done.done(EXTERNAL_AUTHENTICATE);
        let of_chip: Vec<_> = made.iter().filter(|made| made.card.0.starts_with(&name)).collect();
        assert_eq!(of_chip.iter().filter(|made| made.state.name() == "accepted").count(), 1, "{what}: {of_chip:#?}");
        is_as_recorded(&registry, &of_chip[0].card, chip);
    }
    tally
}

fn every_command(moment: Moment) {
    let cards = many("CARDS", 10);
    for kind in [Cards::Listed, Cards::Counted] {
        kind.flow().for_each(|command| point(command, moment, kind, cards));
    }
}

#[test]
fn before_every_command() {
    every_command(Moment::Before);
}

#[test]
fn during_every_command() {
    every_command(Moment::During);
}

#[test]
fn after_every_command() {
    every_command(Moment::After);
}
