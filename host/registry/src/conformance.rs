//! What every database behind the port has to pass.
//!
//! A case gets a fresh database and opens it as often as it likes: whatever is asked through one handle has to hold for
//! the others. A case that fails panics with what it saw.

// It is a test, only one that other crates run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cards;
mod jobs;
mod journal;
mod keys;
mod requests;

use crate::{CardEntry, CardQuery, Jobs, Registry};
use cardwright_keys::journal::{CardId, SetId};
use proptest::prelude::ProptestConfig;

/// All that a database is.
pub trait Store: Registry + Jobs {}

impl<T: Registry + Jobs> Store for T {}

/// Opens a handle on one database.
pub type Open = Box<dyn Fn() -> Box<dyn Store>>;

/// One case.
pub type Case = fn(&dyn Fn() -> Open);

/// All cases with their names.
pub const CASES: [(&str, Case); 38] = [
    ("records add up as ledgers do", journal::adds_up),
    ("appends are all or nothing", journal::all_or_nothing),
    ("a card's history of key changes", journal::ends),
    ("cards and dependants are what was put in and loaded", cards::as_the_model),
    ("cards are put in all or nothing", cards::all_or_nothing),
    ("what cannot be kept is refused", cards::unfit),
    ("cards are handed out until it is enough", cards::enough),
    ("a card's facts", cards::facts),
    ("versions come in turn", keys::versions),
    ("a key is what was written", keys::as_written),
    ("steps follow the edges", keys::edges),
    ("of two who add a step one is refused", keys::one_step),
    ("a step uses its request up, or is not made", keys::requests),
    ("activations that were decided ahead", keys::dues),
    ("requests and approvals are kept as they were filed", requests::kept),
    ("requests and approvals come once", requests::once),
    ("a request serves once", requests::serves_once),
    ("every write about keys makes another edition, and no other", requests::edition),
    ("a job is what was added", jobs::as_written),
    ("jobs are added all or nothing", jobs::all_or_nothing),
    ("a job that cannot be kept is refused", jobs::unfit),
    ("a key belongs to an issuer and a domain", jobs::owned),
    ("a key that is kept in two places is one key", jobs::copied),
    ("a chip with other keys is not returned", jobs::blanks),
    ("jobs are what was written", jobs::as_the_model),
    ("batches stand apart", jobs::apart),
    ("records follow the edges", jobs::edges),
    ("a chip is taken up once", jobs::once),
    ("a list by KDD alone", jobs::by_kdd),
    ("remakes", jobs::remakes),
    ("what cannot be told of attempts is refused", jobs::refused),
    ("what is told of attempts", jobs::facts),
    ("jobs are held back, and go on", jobs::held_back),
    ("a job is closed at zero, or with its variance", jobs::closed),
    ("a job is not closed while somebody works on it", jobs::at_rest),
    ("what a person decided on has to be so still", jobs::decided),
    ("a run that was stopped in the middle is seen", jobs::runs),
    ("statements serve once", jobs::statements),
];

/// Runs all cases, each on databases that `make` makes.
pub fn run(make: &dyn Fn() -> Open) {
    for (name, case) in CASES {
        println!("{name}");
        case(make);
    }
}

/// Random cases leave no files behind: what failed is printed.
fn random(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn card(number: u8) -> CardId {
    // Some without CPLC, one whose name begins as that of another.
    match number {
        0 => CardId::new(&[0xFF; 10], None),
        1 => CardId::new(&[0xFF; 10], Some(&[0xFF; 12])),
        number => CardId::new(&[number; 10], Some(&[number; 12])),
    }
}

const SETS: [(u8, &str); 4] = [(0x30, "504A77"), (0x31, "504A77"), (0x31, "0A0B0C"), (0xFF, "8BAF47")];

fn set(which: usize) -> SetId {
    let (kvn, kcv) = SETS[which];
    SetId { kvn, kcvs: kcv.repeat(3) }
}

const KEPT_IN: [&str; 5] = [
    "file:new.hex",
    "vault:office/kmc",
    "kdf3+vault:office/kmc:1",
    "kdf3+vault:office/kmc:2",
    "kdf3+vault:annex/kmc:1",
];

fn all_cards(registry: &dyn Registry, query: &CardQuery) -> Vec<CardEntry> {
    let mut cards = Vec::new();
    registry
        .cards(query, &mut |card| {
            cards.push(card);
            true
        })
        .unwrap();
    cards
}

/// Nothing that a registry wrote is a finding.
fn sound(registry: &dyn Registry) {
    assert_eq!(registry.check().unwrap(), []);
}
