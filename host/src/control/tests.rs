//! Random lives of keys, under rules, with people honest and dishonest: what [`super::Control`] and the warden let through
//! is what a model lets through that was written without looking at them, and nothing else.
//!
//! `SEQUENCES=100000` runs more than the few thousand that are run each time; `SEED` starts with other ones.

// A play has a handful of versions.
#![allow(clippy::cast_possible_truncation)]

mod memory;
mod model;
mod play;

use super::{Control, Signer};
use crate::error::Error;
use crate::world::{Clock, Entropy};
use cardwright_keys::approval::{Approval, Dual, Operators, Policy, Rules};
use cardwright_keys::keyref::{Name, VaultKey};
use cardwright_registry::Registry;
use cardwright_registry::sqlite::SqliteRegistry;
use ed25519_dalek::{Signer as _, SigningKey};
use memory::{Log, Memory};
use model::{PEOPLE, Person, Regime};
use play::{Edit, Play};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// 2026-11-22 12:00:00 UTC.
const NOON: u64 = 1_795_348_800;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// `office/NAME:VERSION`
fn key(which: usize, version: u32) -> VaultKey {
    VaultKey::any(name("office"), name(["kmc", "kek"][which])).at(version)
}

/// The key of an operator: everybody has one that is made of the name.
fn signing(operator: &str) -> SigningKey {
    let mut seed = [0x5A; 32];
    seed[..operator.len()].copy_from_slice(operator.as_bytes());
    SigningKey::from_bytes(&seed)
}

fn sign(operator: &str, message: &[u8]) -> [u8; 64] {
    signing(operator).sign(message).to_bytes()
}

fn approval(text: &str, operator: &str, signer: &str, at: u64) -> Approval {
    let operator = name(operator);
    let signature = sign(signer, &Approval::message(text, &operator, at));
    Approval { operator, at, signature }
}

/// Signs with that operator's key.
struct Pen(&'static str);

impl Signer for Pen {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>> {
        Ok(sign(self.0, message))
    }
}

/// Set by hand.
#[derive(Debug)]
struct Hands(Cell<u64>);

impl Clock for Hands {
    fn now(&self) -> u64 {
        self.0.get()
    }
}

/// The same numbers for the same seed (SplitMix64).
#[derive(Clone, Debug)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }
}

impl Entropy for Chance {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.iter_mut().for_each(|byte| *byte = self.next().to_le_bytes()[0]);
        Ok(())
    }
}

/// The policy and the operators of a regime, as files would say them.
fn rules(regime: &Regime, people: &[Person], me: Option<usize>) -> Rules {
    let Some(written) = &regime.0 else { return Rules::Alone };
    let rule = |(act, approvals, of, within): &(&str, usize, &[&str], u64)| serde_json::json!({ "operation": act, "approvals": approvals, "of": of, "within": format!("{}m", within / 60) });
    let rules: Vec<_> = written.iter().map(rule).collect();
    let policy: Policy = serde_json::from_value(serde_json::json!({ "rule": rules })).unwrap();
    let operator = |person: &Person| {
        let key = format!("ed25519:{}", hex::encode(signing(person.name).verifying_key().as_bytes()));
        let entry = serde_json::json!({ "person": person.person, "roles": person.roles, "key": key });
        let mut entry = entry.as_object().unwrap().clone();
        person.retired.map(|at| entry.insert("retired".to_owned(), at.into()));
        (person.name.to_owned(), serde_json::Value::Object(entry))
    };
    let written: serde_json::Map<_, _> = people.iter().map(operator).collect();
    let operators: Operators = serde_json::from_value(written.into()).unwrap();
    Rules::Dual(Box::new(Dual { policy, operators, me: me.map(|me| name(PEOPLE[me].name)) }))
}

/// Handles of one registry, and how it is edited behind their backs, where it can be.
struct Handles<R> {
    moves: R,
    another: Box<dyn Fn() -> R>,
    edit: Option<Box<dyn Fn(Edit)>>,
}

fn sequence<R: Registry + std::fmt::Debug + Send>(seed: u64, handles: Handles<R>) -> Counts {
    let mut play = Play::new(Chance(seed), handles);
    for _ in 0..STEPS {
        play.step();
    }
    play.done
}

fn in_memory() -> Handles<Memory> {
    let moves = Memory::default();
    let (other, edited) = (moves.clone(), moves.clone());
    Handles { moves, another: Box::new(move || other.clone()), edit: Some(Box::new(move |edit| edited.edit(edit))) }
}

/// What went through, by what it was.
type Counts = BTreeMap<&'static str, u64>;

/// In each sequence.
const STEPS: usize = 30;

fn add(all: &mut Counts, more: Counts) {
    more.into_iter().for_each(|(what, count)| *all.entry(what).or_default() += count);
}

/// All that can be done has been done, often.
fn all_kinds(granted: &Counts, count: u64) {
    let shown: Vec<_> = granted.iter().map(|(what, count)| format!("{what} {count}")).collect();
    println!("{count} sequences of {STEPS}; went through: {}", shown.join(", "));
    let kinds = ["use-compromised", "settle", "schedule", "confirm", "reactivate", "destroy", "approve", "ask"];
    for kind in kinds.into_iter().filter(|_| count >= 500) {
        assert!(granted.get(kind).is_some_and(|granted| *granted >= count / 500), "{kind}");
    }
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().map_or(usual, |text| text.parse().unwrap())
}

/// Each sequence has a seed of its own, so that one that fails is run again alone: `SEED=n SEQUENCES=1`.
#[test]
fn no_forbidden_move_or_use_gets_through_and_no_allowed_one_is_refused() {
    let (first, count) = (number("SEED", 0), number("SEQUENCES", 2000));
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let (next, granted) = (AtomicU64::new(first), Mutex::new(Counts::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let done = std::panic::catch_unwind(|| sequence(seed, in_memory()));
                    match done {
                        Ok(done) => add(&mut granted.lock().unwrap(), done),
                        Err(panic) => {
                            eprintln!("SEED={seed} SEQUENCES=1");
                            std::panic::resume_unwind(panic);
                        }
                    };
                }
            });
        }
    });
    all_kinds(&granted.into_inner().unwrap(), count);
}

/// The same on the database.
#[test]
fn the_same_in_sqlite() {
    let count = number("SEQUENCES", 2000) / 50;
    let first = number("SEED", 0);
    let mut granted = Counts::new();
    for seed in first..first + count {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry.db");
        let another = move || SqliteRegistry::open(&path).unwrap();
        let handles = Handles { moves: another(), another: Box::new(another), edit: None };
        add(&mut granted, sequence(seed, handles));
    }
    all_kinds(&granted, count);
}

fn control<'a, R: Registry>(
    registry: &'a mut R,
    audit: &'a mut Log,
    rules: &'a Rules,
    clock: &'a Hands,
) -> Control<'a> {
    Control { registry, audit, rules, clock, who: "uid 1000" }
}
