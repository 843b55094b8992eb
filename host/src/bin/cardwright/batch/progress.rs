//! How far a run is: bars on a terminal, a line a minute otherwise; and what people have to know of single cards.

use crate::output;
use cardwright::batch::Aside;
use cardwright::batch::run::Progress;
use cardwright::batch::station::{Handled, Outcome};
use cardwright::error::Error;
use cardwright_keys::job::RecordState;
use cardwright_link::LinkError;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use std::cmp::Ordering;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where nobody looks at bars, a line comes so often.
const LINE: Duration = Duration::from_secs(60);

/// Cards of one kind that are named.
const NAMED: u64 = 5;

/// What was seen so far.
struct Seen {
    made: u64,
    /// Put aside, as they are made already.
    made_before: u64,
    others: u64,
    last: Instant,
}

/// On standard error.
pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    readers: Vec<ProgressBar>,
    bars: bool,
    left: u64,
    began: Instant,
    seen: Mutex<Seen>,
}

impl Bars {
    /// For so many cards through these readers.
    pub(super) fn new(readers: &[String], left: u64) -> Self {
        let all = MultiProgress::new();
        let bars = stderr().is_terminal();
        let style = |template: &str| {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{:.1}/s", state.per_sec());
            })
        };
        let readers = readers
            .iter()
            .map(|name| {
                let bar = all.add(ProgressBar::new_spinner());
                bar.set_style(style("  {prefix:30!} {pos:>7} cards  {rate}  {msg}"));
                bar.set_prefix(output::harmless(name));
                bar
            })
            .collect();
        let total = all.add(ProgressBar::new(left));
        total.set_style(style("{bar:40} {pos}/{len} cards  {rate}  {eta} left"));
        let began = Instant::now();
        Self {
            all,
            total,
            readers,
            bars,
            left,
            began,
            seen: Mutex::new(Seen { made: 0, made_before: 0, others: 0, last: began }),
        }
    }

    /// Takes the bars away.
    pub(super) fn end(&self) {
        self.readers.iter().chain([&self.total]).for_each(ProgressBar::finish_and_clear);
    }

    fn say(&self, line: &str) {
        let line = output::harmless(line);
        if !self.bars || self.all.println(&line).is_err() {
            eprintln!("{line}");
        }
    }

    fn count(&self, made: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if made {
            seen.made += 1;
        } else {
            seen.others += 1;
        }
        if self.bars || seen.last.elapsed() < LINE {
            return;
        }
        seen.last = Instant::now();
        let (made, others) = (seen.made, seen.others);
        drop(seen);
        let rate = made as f64 / self.began.elapsed().as_secs_f64().max(f64::EPSILON);
        let left = (self.left.saturating_sub(made)) as f64 / rate.max(f64::EPSILON);
        let (rate, left) = (format!("{rate:.1}"), super::plan::span(Duration::from_secs_f64(left.min(1e9)).as_secs()));
        eprintln!("{made} of {} cards, {others} others, {rate} a second, about {left} left", self.left);
    }

    /// A job that is gone on with has many of them in its deck: the first few are named.
    fn made_before(&self, card: &str, aside: &Aside) {
        let before = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.made_before += 1;
            seen.made_before
        };
        match before.cmp(&NAMED) {
            Ordering::Less => self.say(&format!("{card}: put it aside: {aside}")),
            Ordering::Equal => {
                self.say(&format!("{card}: put it aside: {aside}; more of these are counted, and not named"));
            }
            Ordering::Greater => {}
        }
    }
}

impl Progress for Bars {
    fn handled(&self, reader: usize, handled: &Handled) {
        let card = handled.card.as_ref().map_or("a card", |card| card.0.as_str());
        let card = format!("reader {}: {card}", reader + 1);
        match &handled.outcome {
            Outcome::Accepted => {
                self.total.inc(1);
                if let Some(bar) = self.readers.get(reader) {
                    bar.inc(1);
                }
            }
            Outcome::Aside(aside @ Aside::Made { .. }) => self.made_before(&card, aside),
            Outcome::Aside(aside) => self.say(&format!("{card}: put it aside: {aside}")),
            Outcome::Failed { state: Some(RecordState::Unknown), error: error @ Error::AtRisk { .. } } => {
                self.say(&format!("{card}: unknown: {error}; it is not tried any more: reject it"));
            }
            Outcome::Failed { state: Some(RecordState::Unknown), error } => {
                self.say(&format!("{card}: unknown: {error}; put it into a reader again"));
            }
            Outcome::Failed { state: Some(RecordState::Rejected), error } => {
                self.say(&format!("{card}: REJECTED: {error}; keep it apart"));
            }
            Outcome::Failed { error, .. } => self.say(&format!("{card}: not made, nothing was changed: {error}")),
        }
        self.count(matches!(handled.outcome, Outcome::Accepted));
    }

    fn trouble(&self, reader: usize, error: &LinkError, lost: bool) {
        let what = if lost { "this reader is not used any more" } else { "this card is passed over" };
        self.say(&format!("reader {}: {error}; {what}", reader + 1));
    }
}
