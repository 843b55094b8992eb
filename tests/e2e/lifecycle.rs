//! The life of keys through the command line, against a model of it: random commands, exit codes, states.

mod scheduled;
mod stopped;

use crate::approvals::{put, run};
use cardwright_tests::chance::rng;
use cardwright_tests::cli::Desk;
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;
use std::sync::OnceLock;

const KEY: &str = "vault:office/kmc";
const VAULT: &str = "[vault.office]\ntype = \"soft\"\nfile = \"office.vault\"\npassphrase = \"file:pass\"\n";

/// A desk without a policy, and with an empty vault, which is made once.
fn office() -> Desk {
    static VAULT_FILE: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = VAULT_FILE.get_or_init(|| {
        let desk = configured();
        run(&desk, &["vault", "create", "office", "--memory", "19", "--passes", "2"]).expect(0);
        std::fs::read(desk.path().join("office.vault")).expect("a vault")
    });
    let desk = configured();
    desk.key_file("office.vault", "");
    std::fs::write(desk.path().join("office.vault"), bytes).expect("written");
    desk
}

fn configured() -> Desk {
    let desk = Desk::new();
    put(&desk, "cardwright.toml", VAULT);
    desk.key_file("pass", crate::approvals::PASSPHRASE);
    desk
}

/// Where a version is, as the guide has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Waiting,
    InUse,
    Held,
    Old,
    Lost,
    Gone,
}

impl At {
    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "pre-operational",
            Self::InUse => "active",
            Self::Held => "suspended",
            Self::Old => "deactivated",
            Self::Lost => "compromised",
            Self::Gone => "destroyed",
        }
    }

    /// Where a command leads from here.
    fn after(self, command: &str) -> Option<Self> {
        Some(match (command, self) {
            ("activate", Self::Waiting) | ("reactivate", Self::Held) => Self::InUse,
            ("suspend", Self::InUse) => Self::Held,
            ("deactivate", Self::InUse | Self::Held) => Self::Old,
            ("compromise", Self::Waiting | Self::InUse | Self::Held | Self::Old) => Self::Lost,
            ("destroy", at) if at != Self::Gone => Self::Gone,
            _ => return None,
        })
    }
}

const MOVES: [&str; 6] = ["activate", "suspend", "reactivate", "deactivate", "compromise", "destroy"];

/// The versions of one key, from 1.
#[derive(Debug, Default)]
struct Model(Vec<At>);

impl Model {
    /// Of those that are in use, the newest stays so.
    fn put_to_use(&mut self, version: usize) {
        self.0[version] = At::InUse;
        let mut in_use = self.0.iter_mut().rev().filter(|at| **at == At::InUse);
        in_use.next();
        in_use.for_each(|at| *at = At::Old);
    }

    /// Does it, and says with which exit code.
    fn apply(&mut self, command: &str, named: Option<usize>) -> i32 {
        let version = match named {
            Some(version) if version >= self.0.len() => return 8,
            Some(version) => version,
            None => {
                let fit: Vec<_> =
                    (0..self.0.len()).filter(|version| self.0[*version].after(command).is_some()).collect();
                match fit.as_slice() {
                    [] => return 8,
                    [one] => *one,
                    _ => return 2,
                }
            }
        };
        match self.0[version].after(command) {
            None => return 8,
            Some(At::InUse) => self.put_to_use(version),
            Some(at) => self.0[version] = at,
        }
        0
    }

    fn generate(&mut self, wait: bool) -> i32 {
        if self.0.iter().any(|at| *at != At::Gone) {
            return 2;
        }
        self.0.push(At::Waiting);
        if !wait {
            self.put_to_use(self.0.len() - 1);
        }
        0
    }

    fn rotate(&mut self) -> i32 {
        if self.0.is_empty() {
            return 8;
        }
        let next = self.0.iter().position(|at| *at == At::Waiting).unwrap_or_else(|| {
            self.0.push(At::Waiting);
            self.0.len() - 1
        });
        self.put_to_use(next);
        0
    }

    /// Whether one of the versions that are meant serves to read, or to make something new.
    fn serves(&self, named: Option<usize>, new: bool) -> i32 {
        let good = |at: &At| *at == At::InUse || (*at == At::Old && !new);
        let served = match named {
            Some(version) => self.0.get(version).is_some_and(good),
            None => self.0.iter().any(good),
        };
        if served { 0 } else { 8 }
    }
}

fn below(rng: &mut TestRng, bound: usize) -> usize {
    usize::try_from(rng.next_u64() % bound as u64).expect("small")
}

/// One command, with what the model says to it.
fn step(rng: &mut TestRng, model: &mut Model) -> (Vec<String>, i32) {
    let named = if below(rng, 3) == 0 { None } else { Some(below(rng, model.0.len() + 1)) };
    let key = named.map_or(KEY.to_owned(), |version| format!("{KEY}:{}", version + 1));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match below(rng, 13) {
        0 | 1 => (words(&["key", "generate", KEY, "--type", "aes128"]), model.generate(false)),
        2 => (words(&["key", "generate", KEY, "--type", "aes128", "--pre-operational"]), model.generate(true)),
        3 | 4 => (words(&["key", "rotate", KEY]), model.rotate()),
        5 => {
            let derive = words(&["key", "derive", &format!("kdf3+{key}"), "--input", "00010203040506070809"]);
            (derive, model.serves(named, false))
        }
        6 => (words(&["demo", "--cards", "1", "--new", &format!("kdf3+{key}")]), model.serves(named, true)),
        number => {
            let command = MOVES[number - 7];
            let mut args: Vec<String> = words(&["key", command, &key]);
            args.extend((command == "destroy").then(|| "--yes".to_owned()));
            (args, model.apply(command, named))
        }
    }
}

fn states(desk: &Desk) -> Vec<String> {
    let shown = run(desk, &["--json", "key", "show", KEY]);
    if shown.code() == 8 {
        return Vec::new();
    }
    let mut versions = shown.expect(0).json()["versions"].as_array().expect("versions").clone();
    versions.sort_by_key(|version| version["version"].as_u64());
    versions.iter().map(|version| version["state"].as_str().expect("a state").to_owned()).collect()
}

/// Half of the random lives, each of ten commands: `LIVES` in the environment says how many, 40 where it says nothing.
fn lives(what: &str) {
    let count = std::env::var("LIVES").map_or(40, |lives| lives.parse::<u32>().expect("a number")) / 2;
    let mut rng = rng(what);
    for life in 0..count {
        let (desk, mut model, mut done) = (office(), Model::default(), Vec::new());
        for _ in 0..10 {
            let (args, code) = step(&mut rng, &mut model);
            let outcome = run(&desk, &args.iter().map(String::as_str).collect::<Vec<_>>());
            done.push(args);
            assert_eq!(outcome.code(), code, "{what} {life}: {done:#?}\n{outcome:#?}");
            let expected: Vec<_> = model.0.iter().map(|at| at.name()).collect();
            assert_eq!(states(&desk), expected, "{what} {life}: {done:#?}");
        }
        run(&desk, &["registry", "check"]).expect(0);
    }
    println!("{count} random lives of ten commands");
}

#[test]
fn random_lives_one() {
    lives("lives, one half");
}

/// With other numbers, at the same time.
#[test]
fn random_lives_two() {
    lives("lives, the other half");
}
