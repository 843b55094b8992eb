//! A key change killed before, during and after every command, and torn at every write of the card's memory: the card
//! has the old keys or the new ones, and the next run completes.

use cardwright_link::{SmartCard, VirtualCard};
use cardwright_tests::altered::Altered;
use cardwright_tests::cli::Desk;
use cardwright_tests::gate::{Gate, MOMENTS, Moment};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const NEW: &str = "11223344556677889900AABBCCDDEEFF";
const NEXT: &str = "0F1E2D3C4B5A69788796A5B4C3D2E1F0,1F1E2D3C4B5A69788796A5B4C3D2E1F1,2F1E2D3C4B5A69788796A5B4C3D2E1F2";
const INITIALIZE_UPDATE: u8 = 0x50;
const PUT_KEY: u8 = 0xD8;

/// A kind of key change: what the card has before, and what is asked for.
struct Scenario {
    name: &'static str,
    /// Loaded first, in a run that nothing interrupts.
    before: Option<&'static [&'static str]>,
    put: &'static [&'static str],
    /// References under which exactly one of the card's states can be opened.
    old: &'static str,
    new: &'static str,
    /// The old set stays beside the new one.
    keeps_old: bool,
}

const FIRST_PUT: &[&str] = &["card", "keys", "put", "--key", "gp-test", "--new", "file:new.hex", "--kvn", "0x30"];

const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "initial keys left",
        before: None,
        put: FIRST_PUT,
        old: "gp-test@0xFF",
        new: "file:new.hex@0x30",
        keeps_old: false,
    },
    Scenario {
        name: "set replaced",
        before: Some(FIRST_PUT),
        put: &["card", "keys", "put", "--key", "file:new.hex", "--new", "file:next.hex", "--kvn", "48", "--replace"],
        old: "file:new.hex@0x30",
        new: "file:next.hex@0x30",
        keeps_old: false,
    },
    Scenario {
        name: "set added beside",
        before: Some(FIRST_PUT),
        put: &["card", "keys", "put", "--key", "file:new.hex@0x30", "--new", "file:next.hex", "--kvn", "0x31"],
        old: "file:new.hex@0x30",
        new: "file:next.hex@0x31",
        keeps_old: true,
    },
];

/// How many cards were found in which state after the interruption.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    old: u32,
    new: u32,
    other: u32,
}

impl Scenario {
    /// A desk with the key files, and a card in the state before.
    fn set_up(&self) -> (Desk, Gate<VirtualCard>) {
        let desk = Desk::new();
        desk.key_file("new.hex", NEW);
        desk.key_file("next.hex", NEXT);
        let mut card = Gate::new(VirtualCard::from_profile("").expect("a card"));
        if let Some(before) = self.before {
            desk.run_with(&mut card, before).expect(0);
        }
        card.forget();
        (desk, card)
    }

    /// Looks which keys open the card, with books of its own, and counts.
    fn look(&self, desk: &Desk, card: &mut Gate<VirtualCard>, tally: &mut Tally) {
        let mut opens = |key| {
            let args = ["apdu", "--state-dir", "look", "--secure", key, "80F28002024F0000"];
            match desk.run_with(card, &args).code() {
                0 => true,
                // Other keys in that set, or no such set.
                4 | 5 => false,
                code => panic!("{}: {key}: exit {code}", self.name),
            }
        };
        match (opens(self.old), opens(self.new)) {
            (true, false) => tally.old += 1,
            (true, true) if self.keeps_old => tally.new += 1,
            (false, true) if !self.keeps_old => tally.new += 1,
            _ => tally.other += 1,
        }
        // Counters went on: the looking has to be forgotten with its books.
        std::fs::remove_dir_all(desk.path().join("look")).expect("books of the look");
    }

    /// The same command again completes, and the card has the new keys.
    fn completes(&self, desk: &Desk, card: &mut Gate<VirtualCard>, what: &str) {
        card.forget();
        let outcome = desk.run_with(card, self.put);
        assert_eq!(outcome.code(), 0, "{}, {what}: {outcome:#?}", self.name);
        let mut after = Tally::default();
        self.look(desk, card, &mut after);
        assert_eq!(after, Tally { new: 1, ..Tally::default() }, "{}, {what}", self.name);
    }
}

#[test]
fn killed_around_every_command() {
    for scenario in &SCENARIOS {
        let (desk, mut card) = scenario.set_up();
        desk.run_with(&mut card, scenario.put).expect(0);
        let commands = card.seen.len();
        // SELECT, GET DATA, and twice a session with one command; beside another set, the target is asked for first.
        assert_eq!(commands, if scenario.keeps_old { 9 } else { 8 });
        let mut tally = Tally::default();
        for n in 0..commands {
            for moment in MOMENTS {
                let (desk, mut card) = scenario.set_up();
                let killed =
                    desk.run_watched(&mut card, scenario.put, |card, program| card.kill_at(n, moment, program));
                // After the last answer the program may be done before the signal comes.
                let done = killed.code() == 0;
                assert!(done || killed.status.code().is_none(), "{killed:#?}");
                scenario.look(&desk, &mut card, &mut tally);
                card.forget();
                scenario.completes(&desk, &mut card, &format!("killed {moment:?} command {n}"));
            }
        }
        let Tally { old, new, other } = tally;
        println!(
            "{}: killed at {} points: {old} old / {new} new / {other} other",
            scenario.name,
            commands * MOMENTS.len()
        );
        assert_eq!(other, 0);
        assert!(old > 0 && new > 0, "both sides of the change were reached");
    }
}

#[test]
fn torn_at_every_write() {
    for scenario in &SCENARIOS {
        let mut tally = Tally::default();
        let mut points = 0;
        loop {
            let (desk, mut card) = scenario.set_up();
            card.power_on();
            card.card.tear_after(points);
            let outcome = desk.run_with(&mut card, scenario.put);
            if outcome.code() == 0 {
                break;
            }
            // Link lost; or, where INITIALIZE UPDATE of the verification was torn, the same.
            assert_eq!(outcome.code(), 3, "{}, point {points}: {outcome:#?}", scenario.name);
            assert!(outcome.stderr.contains("nobody knows"), "{outcome:#?}");
            scenario.look(&desk, &mut card, &mut tally);
            scenario.completes(&desk, &mut card, &format!("torn at {points}"));
            points += 1;
        }
        let Tally { old, new, other } = tally;
        println!("{}: torn at {points} points: {old} old / {new} new / {other} other", scenario.name);
        assert_eq!(other, 0);
        assert!(old > 0 && new > 0, "both sides of the change were reached");
    }
}

#[test]
fn one_initialize_update_settles_a_lost_answer() {
    for scenario in SCENARIOS.iter().filter(|scenario| !scenario.keeps_old) {
        let (desk, mut card) = scenario.set_up();
        // PUT KEY is the fifth command: SELECT, GET DATA, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, PUT KEY.
        let kill = |card: &mut Gate<VirtualCard>, program| card.kill_at(4, Moment::During, program);
        desk.run_watched(&mut card, scenario.put, kill);
        card.forget();
        let outcome = desk.run_with(&mut card, scenario.put).expect(0);
        assert!(outcome.stdout.contains("an interrupted change is finished"), "{outcome:#?}");
        assert_eq!(card.count(INITIALIZE_UPDATE), 1, "{}", scenario.name);
    }
}

#[test]
fn a_forged_refusal_ends_nothing() {
    for scenario in &SCENARIOS {
        let (desk, card) = scenario.set_up();
        let sent = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&sent);
        // PUT KEY goes through, and somebody answers for the card that it did not: an error status word has no MAC.
        let mut card = Altered::new(card, move |command, response| {
            if command.get(1) == Some(&PUT_KEY) {
                counted.fetch_add(1, Ordering::Relaxed);
                *response = vec![0x6A, 0x80];
            }
        });
        let outcome = desk.run_with(&mut card, scenario.put).expect(0);
        assert!(outcome.stdout.contains("verified at security level 33"), "{}: {outcome:#?}", scenario.name);
        assert_eq!(sent.load(Ordering::Relaxed), 1);
    }
}
