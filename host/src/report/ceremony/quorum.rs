//! The quorum as a drawing: the combiner in the middle, the custodians' cards around it. It is to be read in black and
//! white, too: states differ in filling, frame and strokes, not in colour.

use super::{Account, Report};
use crate::report::{Page, Text};
use cardwright_keys::ceremony::plan::CeremonyMode;
use cardwright_keys::ceremony::transcript::Record;
use cardwright_keys::ceremony::verify::{Completion, Verdict};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::Held;
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const RADIUS: f64 = 25.0;

/// What is known of a share in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A receipt says that it is held.
    Held,
    /// This computer says that it is.
    ByWord,
    /// Destroyed, or the card has no such set.
    Gone,
    /// Nothing says anything.
    Unknown,
}

impl Fate {
    const fn class(self) -> &'static str {
        match self {
            Self::Held => "node held",
            Self::ByWord => "node word",
            Self::Gone => "node",
            Self::Unknown => "node open",
        }
    }

    const fn says(self) -> &'static str {
        match self {
            Self::Held => "held, signed by the card",
            Self::ByWord => "kept, by this computer's word",
            Self::Gone => "destroyed or lost",
            Self::Unknown => "not known",
        }
    }
}

impl Report {
    /// Of each share of the last deal, in the order of x, what the transcripts say last.
    pub(super) fn fates(&self) -> Vec<Fate> {
        let mut known: BTreeMap<u8, Fate> = BTreeMap::new();
        let mut set = None;
        for account in &self.accounts {
            let verdict = &account.verdict;
            if verdict.mode == CeremonyMode::Host {
                by_word(account, &mut known);
                continue;
            }
            // Before there is a manifest, nothing is dealt, and nothing is said of what was.
            let Some(manifest) = &verdict.manifest else { continue };
            if verdict.operation == Operation::Deal {
                known.clear();
                set = Some(manifest.set);
            }
            if *set.get_or_insert(manifest.set) == manifest.set {
                let fate = |held| if held == Held::Yes { Fate::Held } else { Fate::Gone };
                known.extend(verdict.receipts.iter().map(|(x, held)| (*x, fate(*held))));
            }
        }
        (1..=self.plan.n()).map(|x| known.get(&x).copied().unwrap_or(Fate::Unknown)).collect()
    }

    /// Whose shares were put together last, and in which transcript.
    fn went(&self) -> (BTreeSet<u8>, &str) {
        let of = self.accounts.iter().rev().map(|account| {
            let shared = account.lines.iter().filter_map(|line| match &line.record {
                Record::Shared { x, .. } | Record::Release { x, .. } => Some(*x),
                _ => None,
            });
            (shared.collect::<BTreeSet<_>>(), account.name.as_str())
        });
        of.into_iter().find(|(shares, _)| !shares.is_empty()).unwrap_or_default()
    }
}

/// What a transcript of host mode says of shares. Of a destruction that did not come to its end, those that its
/// notes name are gone; of the others nothing is known, for it may have been stopped before it wrote one.
fn by_word(account: &Account, known: &mut BTreeMap<u8, Fate>) {
    let Verdict { operation, outcome, .. } = &account.verdict;
    if *operation == Operation::Deal {
        known.clear();
    }
    if *operation == Operation::Destroy {
        let left = if *outcome == Completion::Done { Fate::Gone } else { Fate::Unknown };
        known.values_mut().filter(|fate| **fate != Fate::Gone).for_each(|fate| *fate = left);
    }
    known.extend(account.lines.iter().filter_map(|line| match &line.record {
        Record::Shared { x, .. } => Some((*x, Fate::ByWord)),
        Record::Note { text } if *operation == Operation::Destroy => Some((destroyed(text)?, Fate::Gone)),
        _ => None,
    }));
}

/// The share that a destruction's note is of: `share X, PLACE, is destroyed`, or `is not there`.
fn destroyed(note: &str) -> Option<u8> {
    let ends = [", is destroyed", ", is not there"];
    let gone = ends.iter().find_map(|end| note.strip_prefix("share ")?.strip_suffix(end))?;
    gone.split_once(", ")?.0.parse().ok()
}

/// The drawing, with a legend.
pub(super) fn draw(report: &Report, page: &mut Page) {
    page.heading("Quorum");
    let (m, n, fates) = (report.plan.m, report.plan.n(), report.fates());
    let (went, last) = report.went();
    let (across, down) = (275.0, 125.0 + 6.0 * f64::from(n));
    // Names stand outside: above the upper half, below the lower.
    let (middle, centre) = (WIDTH / 2.0, down + RADIUS + 40.0);
    let height = 2.0 * centre + 40.0;
    let held = fates.iter().filter(|fate| matches!(fate, Fate::Held | Fate::ByWord)).count();
    let label = format!("{m} of {n} shares make the key; {held} are held");
    let mut svg =
        format!("<svg class=\"quorum\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" aria-label=\"{label}\">\n");
    let places: Vec<_> = (1..=n)
        .zip(&fates)
        .map(|(x, fate)| {
            let angle = TAU * (f64::from(x - 1) / f64::from(n) - 0.25);
            (x, *fate, middle + across * angle.cos(), centre + down * angle.sin())
        })
        .collect();
    for (x, _, left, top) in &places {
        let went = if went.contains(x) { " went" } else { "" };
        let _ = writeln!(
            svg,
            "<line class=\"way{went}\" x1=\"{left:.0}\" y1=\"{top:.0}\" x2=\"{middle:.0}\" y2=\"{centre:.0}\"/>"
        );
    }
    combiner(report, &mut svg, (middle, centre));
    for (x, fate, left, top) in places {
        let (label, holder) = report.card(Place::Custodian(x));
        node(&mut svg, fate, (left, top), &x.to_string());
        let label = if holder.is_empty() { format!("share {x}") } else { label };
        let first = if top < centre - 1.0 { top - RADIUS - 20.0 } else { top + RADIUS + 14.0 };
        let (second, label, shown, whole) = (first + 14.0, Text(&label), clipped(&holder), Text(&holder));
        let _ = writeln!(
            svg,
            "<text class=\"b\" x=\"{left:.0}\" y=\"{first:.0}\">{label}</text>\
             <text x=\"{left:.0}\" y=\"{second:.0}\"><title>{whole}</title>{}</text>",
            Text(&shown)
        );
    }
    legend(&mut svg, report.plan.mode, height - 26.0);
    svg.push_str("</svg>\n");
    page.raw(&svg);
    if !went.is_empty() {
        page.paragraph(&format!("Lines that are drawn through: shares that were put together last, in {last}."));
    }
}

/// What is in the middle: the card that puts shares together, or this computer.
fn combiner(report: &Report, svg: &mut String, (left, top): (f64, f64)) {
    let (name, below) = match report.plan.mode {
        CeremonyMode::Blind => report.card(Place::Combiner),
        CeremonyMode::Host => ("this computer".to_owned(), String::new()),
    };
    let quorum = format!("{} of {}", report.plan.m, report.plan.n());
    let _ = writeln!(
        svg,
        "<rect class=\"node\" x=\"{:.0}\" y=\"{:.0}\" width=\"140\" height=\"64\" rx=\"8\"/>",
        left - 70.0,
        top - 32.0
    );
    for (at, text) in (0_u8..).zip([quorum.as_str(), &format!("combiner {name}"), &clipped(&below)]) {
        let text = if at == 1 && report.plan.mode == CeremonyMode::Host { name.as_str() } else { text };
        let (class, y) = (if at == 0 { " class=\"b\"" } else { "" }, top - 12.0 + f64::from(at) * 17.0);
        let _ = writeln!(svg, "<text{class} x=\"{left:.0}\" y=\"{y:.0}\">{}</text>", Text(text));
    }
}

/// A card.
fn node(svg: &mut String, fate: Fate, (left, top): (f64, f64), inside: &str) {
    let (class, says) = (fate.class(), fate.says());
    let _ = writeln!(
        svg,
        "<circle class=\"{class}\" cx=\"{left:.0}\" cy=\"{top:.0}\" r=\"{RADIUS}\"><title>{says}</title></circle>\
         <text class=\"b\" x=\"{left:.0}\" y=\"{:.0}\">{inside}</text>",
        top + 4.0
    );
    if fate == Fate::Gone {
        let reach = RADIUS * 0.7;
        let (west, east, north, south) = (left - reach, left + reach, top - reach, top + reach);
        let _ = writeln!(
            svg,
            "<line class=\"x\" x1=\"{west:.0}\" y1=\"{north:.0}\" x2=\"{east:.0}\" y2=\"{south:.0}\"/>\
             <line class=\"x\" x1=\"{west:.0}\" y1=\"{south:.0}\" x2=\"{east:.0}\" y2=\"{north:.0}\"/>"
        );
    }
}

fn legend(svg: &mut String, mode: CeremonyMode, top: f64) {
    let kept = if mode == CeremonyMode::Host { Fate::ByWord } else { Fate::Held };
    for (at, fate) in (0_u8..).zip([kept, Fate::Gone, Fate::Unknown]) {
        let left = 70.0 + f64::from(at) * 250.0;
        let _ = write!(svg, "<g transform=\"translate({left:.0} {top:.0}) scale(.45)\">");
        node(svg, fate, (0.0, 0.0), "");
        let _ = writeln!(
            svg,
            "</g><text x=\"{:.0}\" y=\"{:.0}\" style=\"text-anchor:start\">{}</text>",
            left + 18.0,
            top + 4.0,
            fate.says()
        );
    }
}

/// As much of a name as there is room for; all of it is in the table.
fn clipped(name: &str) -> String {
    const ROOM: usize = 20;
    if name.chars().count() <= ROOM {
        name.to_owned()
    } else {
        format!("{}…", name.chars().take(ROOM - 1).collect::<String>())
    }
}
