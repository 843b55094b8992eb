//! Runs over decks of simulated cards, with a registry on disk.

use super::Hands;
use super::breaker::Tripped;
use super::run::{End, Ended, Halt, Progress, Run, run, take_over};
use super::station::{Handled, Outcome, Station};
use crate::books::Forgetful;
use crate::error::Error;
use crate::rotate::{KeptKey, Request};
use crate::session::Choices;
use crate::world::Os;
use cardwright_hsm::Keyring;
use cardwright_keys::job::{Job, RecordState};
use cardwright_keys::journal::Journal as _;
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::KeyRef;
use cardwright_link::LinkError;
use cardwright_link::OpenOptions;
use cardwright_link::feeder::{Feeder, feeder, make_deck};
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_registry::Registry;
use cardwright_registry::jobs::{JobEntry, JobKey, Jobs, NewDelivery, NewJob};
use cardwright_registry::sqlite::SqliteRegistry;
use std::path::Path;
use std::sync::Mutex;

/// What was told, in no order.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn handled(&self, _: usize, handled: &Handled) {
        let card = handled.card.as_ref().map_or("?", |card| card.0.as_str());
        self.0.lock().unwrap().push(match &handled.outcome {
            Outcome::Accepted => format!("{card} accepted"),
            Outcome::Aside(aside) => format!("{card} aside: {aside}"),
            Outcome::Failed { state, error } => format!("{card} {state:?}: {error}"),
        });
    }

    fn trouble(&self, _: usize, error: &LinkError, lost: bool) {
        self.0.lock().unwrap().push(format!("trouble ({lost}): {error}"));
    }
}

/// A job with its registry and its deck.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    pub(crate) job: Job,
    pub(crate) entry: JobEntry,
    keyring: Keyring,
}

pub(crate) const JOB: &str = r#"
format = "cardwright-job-1"
name = "trial"
issuer = "acme"
domain = "test"
profile = "sim"
[target]
key = "kdf3+file:new.hex"
kvn = "0x30"
[[delivery]]
name = "box"
key = "gp-test@0xFF"
count = CARDS
[stop]
in_row = 50
percent = 100
"#;

impl Bench {
    pub(crate) fn new(cards: u32) -> Self {
        Self::of(cards, &JOB.replace("CARDS", &cards.to_string()), "")
    }

    /// A job for one card more than there are.
    fn short_of_one(cards: u32) -> Self {
        let bench = Self::new(cards + 1);
        std::fs::remove_file(bench.dir.path().join("deck").join(format!("{:08X}.card", cards + 1))).unwrap();
        bench
    }

    pub(crate) fn of(cards: u32, text: &str, words: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        make_deck(&dir.path().join("deck"), cards, words, 1).unwrap();
        let job = Job::parse(text.as_bytes()).unwrap();
        let new = NewJob {
            name: job.name.clone(),
            issuer: job.issuer.clone(),
            domain: job.domain,
            profile: job.profile.clone(),
            file: text.to_owned(),
            sha256: [1; 32],
            inputs: Vec::new(),
            deliveries: vec![NewDelivery { name: "box".parse().unwrap(), listed: false, count: cards.into() }],
            keys: vec![JobKey::Kept("file:new.hex".to_owned())],
            target: None,
            at: 1,
            who: "tests".to_owned(),
        };
        let mut registry = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
        registry.add_job(&new, &mut std::iter::empty()).unwrap();
        let entry = registry.job(&job.name).unwrap().unwrap();
        let mut keyring = Keyring::new();
        let key = |bytes: &[u8]| KeyMaterial::One(SecretKey::new(bytes).unwrap());
        keyring.load(&"gp-test".parse().unwrap(), KeyMaterial::gp_test());
        keyring.load(&job.target.key, key(&[0x5A; 16]));
        Self { dir, job, entry, keyring }
    }

    pub(crate) fn registry(&self) -> SqliteRegistry {
        open(self.dir.path())
    }

    pub(crate) fn run(&self, readers: usize, words: &str) -> (Result<Ended, Error>, Vec<String>) {
        let deck = self.dir.path().join("deck");
        let uri = format!("sim:deck={}{words}", deck.display());
        let feeders = (0..readers).map(|_| feeder(&uri, &OpenOptions::default()).unwrap()).collect();
        self.run_through(feeders)
    }

    fn run_through(&self, feeders: Vec<Box<dyn Feeder>>) -> (Result<Ended, Error>, Vec<String>) {
        let mut registry = self.registry();
        take_over(&mut registry, self.entry.id, "here", &Os).unwrap();
        let new = KeptKey::after(self.job.target.key.clone(), |_| Ok::<_, ()>(())).unwrap();
        let request = |current: &KeyRef| Request {
            current: current.clone(),
            new: new.clone(),
            target: self.job.target.kvn,
            replace: self.job.target.replace,
            abandon_pending: false,
            form: BlockForm::WithLength,
        };
        let station = Station {
            job: &self.job,
            id: self.entry.id,
            terms: self.job.deliveries.iter().map(|one| request(&one.key)).collect(),
            vault: &self.keyring,
            choices: Choices { aid: Vec::new(), mode: None, level: None, accept_risk: false },
            contents: None,
            names_chips: false,
            name: "here".to_owned(),
            operator: "me".to_owned(),
            profile: [7; 32],
            clock: &Os,
            hands: Hands::default(),
        };
        let told = Told::default();
        let open = || SqliteRegistry::open(&self.dir.path().join("registry.db"));
        let (_, _, ended) = run(
            Run {
                station: &station,
                entry: &self.entry,
                open: &open,
                ahead: None,
                registry,
                audit: Forgetful,
                entropy: Os,
                progress: &told,
                halt: &Halt::default(),
            },
            feeders,
        );
        (ended, told.0.into_inner().unwrap())
    }

    fn states(&self) -> Vec<(RecordState, u64)> {
        let balance = self.registry().balance(self.entry.id).unwrap();
        RecordState::ALL
            .into_iter()
            .map(|state| (state, balance.state(state)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

fn open(dir: &Path) -> SqliteRegistry {
    SqliteRegistry::open(&dir.join("registry.db")).unwrap()
}

#[test]
fn every_card_of_a_deck_through_four_readers() {
    let bench = Bench::new(40);
    let (ended, told) = bench.run(4, "");
    let ended = ended.unwrap();
    assert_eq!(ended.end, End::AllMade, "{told:#?}");
    assert_eq!((told.len(), ended.figures.accepted()), (40, 40));
    assert_eq!(bench.states(), [(RecordState::Accepted, 40)]);
    // SELECT, GET DATA, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, PUT KEY, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, GET DATA
    let counts: Vec<_> = ended.figures.commands.iter().map(|(name, times)| (name.as_str(), times.count)).collect();
    let wanted =
        [("EXTERNAL AUTHENTICATE", 80), ("GET DATA", 80), ("INITIALIZE UPDATE", 80), ("PUT KEY", 40), ("SELECT", 40)];
    assert_eq!(counts, wanted);
    let registry = bench.registry();
    assert_eq!(registry.check().unwrap(), []);
    assert!(registry.open_changes().unwrap().is_empty());
    assert!(registry.balance(bench.entry.id).unwrap().balances());
}

#[test]
fn a_second_run_puts_every_card_aside() {
    let bench = Bench::short_of_one(3);
    assert_eq!(bench.run(1, "").0.unwrap().end, End::NoMoreCards);
    let (ended, told) = bench.run(1, "");
    let ended = ended.unwrap();
    assert_eq!((ended.figures.accepted(), ended.end), (0, End::NoMoreCards));
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|line| line.contains("it is made already")), "{told:?}");
}

#[test]
fn a_run_of_a_job_that_is_made_waits_for_nobody() {
    let bench = Bench::new(3);
    assert_eq!(bench.run(1, "").0.unwrap().end, End::AllMade);
    let (ended, told) = bench.run(1, "");
    assert_eq!(ended.unwrap().end, End::AllMade);
    assert_eq!(told, Vec::<String>::new(), "no card was asked for");
}

#[test]
fn faults_at_the_contacts_cost_no_card() {
    let bench = Bench::new(60);
    let mut told = Vec::new();
    for seed in 0..6 {
        let (ended, more) = bench.run(4, &format!(",faults=4,seed={seed:02X}"));
        told.extend(more);
        if ended.unwrap().end == End::AllMade {
            break;
        }
    }
    assert_eq!(bench.states(), [(RecordState::Accepted, 60)], "{told:#?}");
    assert!(
        told.iter().any(|line| line.contains("Unknown")),
        "a fault behind PUT KEY leaves the card unknown: {told:#?}"
    );
    assert!(told.iter().any(|line| line.contains("Pending")), "one before it does not: {told:#?}");
    assert!(bench.registry().open_changes().unwrap().is_empty());
}

#[test]
fn the_breaker_stops_the_job() {
    let text = JOB.replace("CARDS", "9").replace("in_row = 50", "in_row = 3");
    // Cards with another initial set: nobody can say that they have the vendor's keys.
    let bench = Bench::of(9, &text.replace("gp-test@0xFF", "gp-test@0x21"), "kvn=0x22");
    let (ended, told) = bench.run(1, "");
    assert_eq!(ended.unwrap().end, End::Tripped(Tripped::InRow(3)), "{told:#?}");
    assert_eq!(bench.states(), [(RecordState::Pending, 9)]);
    let entry = bench.registry().job(&bench.job.name).unwrap().unwrap();
    assert_eq!((entry.state.name(), entry.reason.as_str()), ("stopped", "3 cards in a row were not made"));
}
