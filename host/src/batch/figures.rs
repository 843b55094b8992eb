//! What a run took.

use super::exchanged::{ByCommand, CLASSES, Times};
use super::station::{Handled, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// One reader of a run. Times are in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderFigures {
    /// The reader as a person would name it.
    pub name: String,
    /// Cards made.
    pub accepted: u64,
    /// Cards tried and not made.
    pub failed: u64,
    /// Cards put aside.
    pub aside: u64,
    /// How long its cards were waited for.
    pub busy_us: u64,
    /// How long it had cards in it.
    pub with_cards_us: u64,
    /// From its first card to the end.
    pub open_us: u64,
}

/// Times of one kind of command over all readers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandFigures {
    /// How often it was sent.
    pub count: u64,
    /// Microseconds together.
    pub total_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
    /// How many in each of [`CLASSES`], and behind them those that took longer.
    pub classes: Vec<u64>,
}

/// What a run took, as it is kept with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The readers, in their order.
    pub readers: Vec<ReaderFigures>,
    /// Commands by name.
    pub commands: BTreeMap<String, CommandFigures>,
    /// Microseconds from the first card to the last.
    pub took_us: u64,
}

/// A reader's figures under way.
#[derive(Debug, Default)]
pub(super) struct Meter {
    figures: ReaderFigures,
    commands: ByCommand,
}

impl Meter {
    pub(super) fn new(name: &str) -> Self {
        Self {
            figures: ReaderFigures { name: name.to_owned(), ..ReaderFigures::default() },
            commands: ByCommand::new(),
        }
    }

    pub(super) fn count(&mut self, handled: &Handled) {
        let figures = &mut self.figures;
        match handled.outcome {
            Outcome::Accepted => figures.accepted += 1,
            Outcome::Failed { .. } => figures.failed += 1,
            Outcome::Aside(_) => figures.aside += 1,
        }
        figures.busy_us += super::exchanged::micros(handled.busy);
        figures.with_cards_us += super::exchanged::micros(handled.took);
        for (ins, times) in &handled.times {
            self.commands.entry(*ins).or_default().merge(times);
        }
    }

    /// It has been open for so long.
    pub(super) fn end(mut self, open: Duration) -> (ReaderFigures, ByCommand) {
        self.figures.open_us = super::exchanged::micros(open);
        (self.figures, self.commands)
    }
}

impl Figures {
    pub(super) fn new(readers: Vec<(ReaderFigures, ByCommand)>, took: Duration) -> Self {
        let mut all = ByCommand::new();
        let mut figures = Vec::with_capacity(readers.len());
        for (reader, commands) in readers {
            figures.push(reader);
            for (ins, times) in commands {
                all.entry(ins).or_default().merge(&times);
            }
        }
        let commands = all.into_iter().map(|(ins, times)| (command(ins), CommandFigures::from(times))).collect();
        Self { readers: figures, commands, took_us: super::exchanged::micros(took) }
    }

    /// Cards made.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.readers.iter().map(|reader| reader.accepted).sum()
    }
}

impl From<Times> for CommandFigures {
    fn from(times: Times) -> Self {
        let Times { count, total_us, max_us, classes } = times;
        Self { count, total_us, max_us, classes: classes.into() }
    }
}

impl CommandFigures {
    /// An upper end, in microseconds, of what so many of a hundred took at the most; `None` where none was sent, or where
    /// it is beyond all classes.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let wanted = self.count.saturating_mul(percent).div_ceil(100);
        let mut so_far = 0;
        for (end, count) in CLASSES.iter().zip(&self.classes) {
            so_far += count;
            if wanted > 0 && so_far >= wanted {
                return Some(*end.min(&self.max_us.max(1)));
            }
        }
        None
    }
}

/// The standards' name of a command, or its INS.
fn command(ins: u8) -> String {
    match ins {
        0xA4 => "SELECT",
        0xCA => "GET DATA",
        0x50 => "INITIALIZE UPDATE",
        0x82 => "EXTERNAL AUTHENTICATE",
        0xD8 => "PUT KEY",
        0xE2 => "STORE DATA",
        0xE4 => "DELETE KEY",
        0xF0 => "SET STATUS",
        0xF2 => "GET STATUS",
        0xC0 => "GET RESPONSE",
        other => return format!("INS {other:02X}"),
    }
    .to_owned()
}
