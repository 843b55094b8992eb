//! What a job says of how keys are verified, and of its readers.

use super::{Book, PATIENCE, PUT_KEY, RUN, all_made, attempts, balance, blank, desk, job, of_listed, put, registry};
use cardwright_keys::job::RecordState;
use cardwright_link::feeder::make_deck;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_link::{SmartCard, Torn, VirtualCard};
use cardwright_tests::cli::Listening;
use cardwright_tests::gate::Gate;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;

/// A key change, and the same keys proved once more behind a reset.
const TWICE: [u8; 11] = [0xA4, 0x50, 0x82, 0xD8, 0x50, 0x82, 0xCA, 0xA4, 0x50, 0x82, 0xCA];

const RESET: &str = "verify = \"reset\"\n";

/// The job's text with members of the job itself.
fn with(members: &str, text: &str) -> String {
    text.replace("[target]", &format!("{members}[target]"))
}

/// Commands of a counted card, up to the proof in the session under its new keys.
const FLOW: usize = 8;

/// What is wrong with a card.
#[derive(Clone, Copy, PartialEq)]
enum Weakness {
    /// It has forgotten its new keys when they have been proved.
    Forgets,
    /// It is gone before the command of that number, from 0; once.
    Lost(usize),
}

struct Weak {
    blank: fn() -> VirtualCard,
    card: Book<VirtualCard>,
    weakness: Option<Weakness>,
    seen: usize,
}

impl Weak {
    fn new(weakness: Weakness) -> Self {
        Self::of(|| blank(1).0, weakness)
    }

    fn of(blank: fn() -> VirtualCard, weakness: Weakness) -> Self {
        Self { blank, card: Book::new(blank()), weakness: Some(weakness), seen: 0 }
    }
}

impl SmartCard for Weak {
    cardwright_tests::powered_as!(card);

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        if self.weakness == Some(Weakness::Lost(self.seen)) {
            self.weakness = None;
            return Err(Torn);
        }
        if self.weakness == Some(Weakness::Forgets) && self.seen == FLOW {
            self.card.card = (self.blank)();
            self.power_on();
        }
        self.seen += 1;
        self.card.process(command, response)
    }
}

#[test]
fn once_more_behind_a_reset_and_then_all_else() {
    let desk = of_listed(&[blank(1).1], "[data]\nfile = \"data.jsonl\"\n");
    put(&desk, "data.jsonl", format!("{{\"card\":\"{}\",\"dgi\":{{\"0101\":\"5F1C00\"}}}}\n", blank(1).1));
    let text = std::fs::read_to_string(desk.path().join("job.toml")).expect("a job");
    put(&desk, "job.toml", with(RESET, &text));
    let mut chip = Book::new(blank(1).0);
    desk.run_with(&mut chip, &RUN).expect(0);
    assert_eq!(chip.sent(), [&TWICE[..], &[0xE2]].concat());
    all_made(&desk, 1, "verified twice");
}

/// It has its old keys again, in the set that the new ones had: nobody takes it for a blank.
#[test]
fn a_card_that_goes_back_to_its_old_keys() {
    let text =
        job(1, "").replace("gp-test@0xFF", "gp-test@0x30").replace("kvn = \"0x30\"", "kvn = \"0x30\"\nreplace = true");
    let desk = desk(&with(RESET, &text));
    let old = || VirtualCard::from_profile("serial=00000001,kvn=0x30").expect("a card");
    let outcome = desk.run_with(&mut Weak::of(old, Weakness::Forgets), &RUN);
    assert_eq!(balance(&desk).state(RecordState::Rejected), 1, "{outcome:#?}");
    assert!(outcome.stderr.contains("does not answer with them afterwards"), "{outcome:#?}");
}

/// Only the second look finds out.
#[test]
fn a_card_that_forgets_its_keys() {
    for (verify, state) in [("", RecordState::Accepted), (RESET, RecordState::Rejected)] {
        let desk = desk(&with(verify, &job(1, "")));
        let outcome = desk.run_with(&mut Weak::new(Weakness::Forgets), &RUN);
        assert_eq!(balance(&desk).state(state), 1, "{outcome:#?}");
    }
}

#[test]
fn lost_while_it_is_verified() {
    for lost in FLOW..FLOW + 4 {
        let desk = desk(&with(RESET, &job(1, "")));
        let mut chip = Weak::new(Weakness::Lost(lost));
        let outcome = super::together(&desk, &RUN, &mut [&mut chip]);
        assert_eq!(outcome.code(), 0, "{lost}: {outcome:#?}");
        assert!(outcome.stderr.contains("put it into a reader again"), "{lost}: {outcome:#?}");
        all_made(&desk, 1, &format!("lost at {lost}"));
        assert_eq!((chip.card.done(PUT_KEY), chip.card.refused(PUT_KEY)), (1, 0), "{lost}");
    }
}

/// Lost at its third authentication, then at the first one of the next visit: what is accepted behind that wipes the slate.
#[test]
fn lost_at_two_authentications() {
    let desk = desk(&with(RESET, &job(1, "")));
    let mut chip = Gate::new(Book::new(blank(1).0));
    for (lost, code) in [(Some(10), 10), (Some(3), 10), (None, 0)] {
        chip.forget();
        if let Some(lost) = lost {
            chip.lose_at(lost);
        }
        let program = Listening::start(desk.command(&RUN));
        serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), &mut chip).expect("it listened");
        if lost.is_some() {
            kill_process(Pid::from_child(&program.child), Signal::TERM).expect("it waits for a card");
        }
        program.finish().expect(code);
    }
    assert_eq!(chip.card.done(PUT_KEY), 1);
    all_made(&desk, 1, "lost at two authentications");
}

/// It proves neither key in any session of that level: known when it is met, and nothing is written to it.
#[test]
fn a_level_at_which_a_random_challenge_proves_nothing() {
    for (level, provable) in [("01", false), ("03", false), ("11", false), ("13", true), ("33", true)] {
        for (options, random) in [("i=60", true), ("i=70", false)] {
            let desk = desk(&with(&format!("level = \"{level}\"\n[stop]\nin_row = 1\n"), &job(1, "")));
            let card = VirtualCard::from_profile(&format!("serial=00000001,{options}")).expect("a card");
            let mut chip = Book::new(card);
            let outcome = desk.run_with(&mut chip, &RUN);
            let made = provable || !random;
            assert_eq!((outcome.code(), chip.done(PUT_KEY)), (if made { 0 } else { 10 }, made.into()), "{outcome:#?}");
            assert_eq!(outcome.stderr.contains("cannot prove its new Key-ENC"), !made, "{outcome:#?}");
        }
    }
}

/// Those of the job, unless the command line has others.
#[test]
fn readers_of_the_job() {
    let desk = desk(&job(1, ""));
    let decks = ["deck", "other"].map(|name| desk.path().join(name));
    for (deck, first) in decks.iter().zip([1, 2]) {
        make_deck(deck, 1, "", first).expect("a deck");
    }
    let uri = |at: usize| format!("sim:deck={}", decks[at].display());
    let readers = |uris: &[String]| with(&format!("readers = {uris:?}\n"), &job(3, ""));
    put(&desk, "job.toml", readers(&[uri(0), uri(1)]));
    let plan = desk.run(&["--json", "batch", "plan", "job.toml"]).expect(0).json();
    assert_eq!(plan["readers"], 2);
    let none = desk.path().join("none");
    std::fs::create_dir(&none).expect("a directory");
    desk.run(&[&RUN[..], &["--on", &format!("sim:deck={}", none.display())]].concat()).expect(10);
    assert_eq!(balance(&desk).accepted(), 0, "the command line goes before");
    desk.run(&RUN).expect(10);
    assert_eq!(balance(&desk).accepted(), 2);
    let all = attempts(&registry(&desk));
    let readers: BTreeSet<_> = all.iter().map(|one| &one.card.0[12..20]).collect();
    assert_eq!(readers, BTreeSet::from(["00000001", "00000002"]), "of either deck one");
}

#[test]
fn what_is_no_reader() {
    let desk = desk(&with("readers = [\"vpcd:0\", \"evil:1\"]\n", &job(1, "")));
    let refused = desk.run(&["batch", "plan", "job.toml"]).expect(2);
    assert!(refused.stderr.contains("`readers`, number 2") && !refused.stderr.contains("evil"), "{refused:#?}");
}
