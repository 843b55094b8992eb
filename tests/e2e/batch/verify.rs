//! What a job says of how keys are verified, and of its readers.

use super::{AGAIN, Book, PUT_KEY, RUN, all_made, attempts, balance, blank, desk, job, of_listed, put, registry};
use cardwright_keys::job::RecordState;
use cardwright_link::feeder::make_deck;
use cardwright_link::{SmartCard, Torn, VirtualCard};

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
    card: Book<VirtualCard>,
    weakness: Option<Weakness>,
    seen: usize,
}

impl Weak {
    fn new(weakness: Weakness) -> Self {
        Self { card: Book::new(blank(1).0), weakness: Some(weakness), seen: 0 }
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
            self.card.card = blank(1).0;
            self.power_on();
        }
        self.seen += 1;
        self.card.process(command, response)
    }
}

#[test]
fn once_more_behind_a_reset() {
    let desk = of_listed(&[blank(1).1], "");
    let text = std::fs::read_to_string(desk.path().join("job.toml")).expect("a job");
    put(&desk, "job.toml", with(RESET, &text));
    let mut chip = Book::new(blank(1).0);
    desk.run_with(&mut chip, &RUN).expect(0);
    assert_eq!(chip.sent(), TWICE);
    all_made(&desk, 1, "verified twice");
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
    let reader: Vec<_> = attempts(&registry(&desk)).into_iter().map(|one| one.card.0).collect();
    assert_eq!(reader.len(), 2, "{reader:?}");
    put(&desk, "job.toml", readers(&["usb:1".to_owned()]));
    let refused = desk.run(&AGAIN);
    assert_ne!(refused.code(), 0, "{refused:#?}");
}
