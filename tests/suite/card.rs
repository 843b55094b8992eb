//! A card of the target, and the program that works with it.

use crate::ports::Port;
use crate::real::{Real, sets};
use crate::target::{Target, is_virtual, say};
use cardwright_proto::scp::{Options, SecurityLevel};
use cardwright_tests::cli::{Desk, Outcome, finish, program};
use cardwright_tests::java::{self, APPLETS, Jvm};
use cardwright_tests::rig::{Rig, reader};
use serde_json::Value;
use std::process::Command;

/// A new card: its only key set is the initial one, which the first set that is added replaces.
pub(crate) const NEW: &str = "";
/// A card with a key set of its own, beside which others can be added.
pub(crate) const OWN: &str = "kvn=0x30";
/// The same with keys of 32 bytes, and everything of S16.
pub(crate) const S16: &str = "kvn=0x30,aes256,s16";

const LONG_KEY: &str = "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F";

/// Where the cards are.
#[derive(Debug)]
enum Seat {
    Sim {
        words: String,
    },
    /// The JVM runs as long as this.
    Java {
        _jvm: Jvm,
        ports: [Port; 2],
    },
    Rig(Rig),
    Real(Real),
}

/// A card, and a directory for the program's files. Virtual ones have a second card beside them.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) desk: Desk,
    seat: Seat,
    /// The reference of its keys, with the number of their set.
    key: String,
    /// What to run where the test fails before it has put things right.
    undo: Vec<Vec<String>>,
}

impl Card {
    /// A card of the target. Virtual ones are new, of the profile `words`; a real one is what it is, and this waits for
    /// its turn. `None`, with words, where something is missing.
    #[track_caller]
    pub(crate) fn start(what: &str, words: &str) -> Option<Self> {
        let desk = Desk::new();
        let seat = match Target::of_environment() {
            Target::Sim => Seat::Sim { words: words.to_owned() },
            Target::Java => {
                let ports = [Port::reserve(), Port::reserve()];
                let jvm = Jvm::start(what, &[ports[0].number, ports[1].number], words)?;
                Seat::Java { _jvm: jvm, ports }
            }
            Target::Pcsc => Seat::Rig(java::rig(what, words, &APPLETS)?),
            Target::Real(reader) => Seat::Real(Real::wait_for_turn(&reader)),
        };
        let key = match &seat {
            Seat::Real(real) => real.key.clone(),
            _ => {
                let key = if words.contains("aes256") { desk.key_file("own.hex", LONG_KEY) } else { "gp-test".into() };
                format!("{key}@{}", if words.contains("kvn=0x30") { "0x30" } else { "0xFF" })
            }
        };
        Some(Self { desk, seat, key, undo: Vec::new() })
    }

    /// As [`Self::start`], for what only a virtual card is good for.
    #[track_caller]
    pub(crate) fn start_virtual(what: &str, words: &str) -> Option<Self> {
        if is_virtual(what) { Self::start(what, words) } else { None }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn is_real(&self) -> bool {
        matches!(self.seat, Seat::Real(_))
    }

    /// The URI of the reader.
    pub(crate) fn reader(&self, index: usize) -> String {
        match &self.seat {
            Seat::Sim { words } => format!("sim:{words}{}state=card{index}", if words.is_empty() { "" } else { "," }),
            Seat::Java { ports, .. } => format!("vpcd:{}", ports[index].number),
            Seat::Rig(_) => format!("pcsc:{}", reader(index)),
            Seat::Real(real) => format!("pcsc:{}", real.reader),
        }
    }

    /// The program with the card.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.run_on(0, args)
    }

    /// The program with this one of the two cards.
    pub(crate) fn run_on(&self, index: usize, args: &[&str]) -> Outcome {
        let mut plain = self.desk.command(args);
        plain.env("CARDWRIGHT_READER", self.reader(index));
        match &self.seat {
            Seat::Rig(rig) => finish(inside(rig, &self.desk, &plain).spawn().expect("a shell")),
            Seat::Real(real) => real.run(plain),
            Seat::Sim { .. } | Seat::Java { .. } => finish(plain.spawn().expect("the program starts")),
        }
    }

    /// Should the test fail before it has put things right, this is run on a real card.
    pub(crate) fn undo_by(&mut self, args: &[&str]) {
        self.undo.push(args.iter().map(|&arg| arg.to_owned()).collect());
    }

    pub(crate) fn info(&self) -> Value {
        self.run(&["info", "--json"]).expect(0).json()
    }

    /// The security levels that the card says it offers, of those that there are.
    pub(crate) fn levels(&self) -> Vec<(u8, bool)> {
        levels(&self.info())
    }

    /// APDUs in a session with the card's keys; the answers as `SW` or `DATA SW`.
    pub(crate) fn secure(&self, code: i32, level: &str, aid: &str, apdus: &[&str]) -> Vec<String> {
        let mut args = vec!["apdu", "--json", "--secure", self.key(), "--level", level];
        if !aid.is_empty() {
            args.extend(["--aid", aid]);
        }
        answers(&self.run(&[&args[..], apdus].concat()).expect(code).json())
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        if !std::thread::panicking() || !self.is_real() {
            return;
        }
        for args in self.undo.iter().rev() {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let outcome = self.run(&args);
            say(&format!("After a test that failed: {args:?} was run, exit code {}\n", outcome.code()));
        }
    }
}

/// A command of the program, run inside a rig.
fn inside(rig: &Rig, desk: &Desk, plain: &Command) -> Command {
    let mut command = rig.command(desk.path(), program());
    command.args(plain.get_args()).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// All levels, and whether a card that says this about itself offers them.
pub(crate) fn levels(info: &Value) -> Vec<(u8, bool)> {
    let protocols = info["protocols"].as_array().map(Vec::as_slice).unwrap_or_default();
    let scp03 = protocols.iter().find(|protocol| protocol["scp"] == "03").expect("a card that says it has SCP03");
    let i = scp03["i"].as_str().and_then(|i| u8::from_str_radix(i, 16).ok()).expect("hex");
    let options = Options::new(i).expect("an i that there is");
    let offered = |level| options.allows(SecurityLevel::new(level).expect("a level"));
    [0x00, 0x01, 0x03, 0x11, 0x13, 0x33].map(|level| (level, offered(level))).to_vec()
}

/// A number for another key set: one that the card does not have.
pub(crate) fn free_kvn(info: &Value) -> String {
    let taken = sets(info);
    (0x31..0x40).map(|kvn| format!("0x{kvn:02X}")).find(|kvn| !taken.contains(kvn)).expect("a number that is free")
}

/// What `apdu --json` printed.
pub(crate) fn answers(printed: &Value) -> Vec<String> {
    let text = |answer: &Value| format!("{} {}", answer["data"].as_str().unwrap(), answer["sw"].as_str().unwrap());
    printed["responses"].as_array().expect("a list").iter().map(|answer| text(answer).trim().to_owned()).collect()
}
