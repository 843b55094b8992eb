//! The report about keys: inventory, states over time, what is due, who approved what.

use super::{Page, Text, code};
use crate::control::Version;
use crate::control::survey::{Need, due};
use cardwright_keys::approval::{Approval, Request, Rules, time};
use cardwright_keys::lifecycle::{Period, State, Whose, after};
use cardwright_registry::RequestEntry;
use std::fmt::Write;

/// What the report is made of.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Every version, with the number of cards that have keys from it.
    pub versions: &'a [(Version, u64)],
    /// Every request.
    pub requests: &'a [RequestEntry],
    /// Who decides.
    pub rules: &'a Rules,
    /// Now, in seconds since 1970-01-01 UTC.
    pub now: u64,
}

/// How far ahead is looked for what is due: 90 days.
const AHEAD: u64 = 90 * 86_400;

/// The report as one HTML file.
#[must_use]
pub fn render(facts: &Facts<'_>) -> String {
    let mut page = Page::new("Keys", &format!("Cardwright, {}", time(facts.now)));
    page.paragraph(match facts.rules {
        Rules::Alone => "There is no policy, and so no dual control: whoever has the vault decides alone.",
        Rules::Dual(_) => {
            "There is dual control. Approvals are asynchronous: people signed one after the other, at the times below, not together."
        }
    });
    page.heading("Inventory");
    inventory(&mut page, facts);
    page.heading("States over time");
    plot(&mut page, facts);
    page.heading("Due within 90 days");
    due_soon(&mut page, facts);
    page.heading("Approvals");
    approvals(&mut page, facts);
    page.end()
}

fn state(state: State) -> String {
    format!("<span class=\"s {state}\">{state}</span>")
}

fn inventory(page: &mut Page, facts: &Facts<'_>) {
    let row = |(version, cards): &(Version, u64)| {
        let Version { key, of, entry, state: now } = version;
        let algorithm = of.key_type.algorithm().name();
        let kcvs =
            entry.kcvs.as_ref().map_or_else(|| "not computed".to_owned(), |kcvs| format!("{kcvs} ({algorithm})"));
        let flag = if *now == State::Compromised && *cards > 0 { ", all flagged" } else { "" };
        let last = entry.history.0.last();
        vec![
            code(&format!("vault:{key}")),
            format!("{} {}", of.purpose, of.key_type),
            state(*now),
            Text(now.holder()).to_string(),
            code(&kcvs),
            format!("{cards}{flag}"),
            last.map(|step| format!("{}: {}", time(step.at), Text(&step.reason))).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = facts.versions.iter().map(row).collect();
    page.table(&["key", "kept for", "state", "who has it", "KCV", "cards", "last change"], &rows);
}

const LANE: u64 = 26;
const LEFT: u64 = 260;
const WIDTH: u64 = 900;

/// A lane a version, a bar a state.
fn plot(page: &mut Page, facts: &Facts<'_>) {
    let starts = facts.versions.iter().filter_map(|(version, _)| version.entry.history.0.first()).map(|step| step.at);
    let Some(start) = starts.min() else { return page.paragraph("There are no keys.") };
    let end = facts.now.max(start + 1);
    let x = |at: u64| LEFT + (at.clamp(start, end) - start).saturating_mul(WIDTH) / (end - start);
    let height = LANE * facts.versions.len() as u64 + 30;
    let label = "States of every version over time; the same is in the table of each key's history";
    let mut svg = format!("<svg viewBox=\"0 0 {} {height}\" role=\"img\" aria-label=\"{label}\">\n", LEFT + WIDTH + 10);
    for (lane, (version, _)) in facts.versions.iter().enumerate() {
        let y = lane as u64 * LANE + 4;
        let name = Text(&format!("vault:{}", version.key)).to_string();
        let _ = writeln!(svg, "<text x=\"0\" y=\"{}\">{name}</text>", y + 14);
        let steps = &version.entry.history.0;
        let mut now = None;
        for (number, step) in steps.iter().enumerate() {
            now = after(now, step.act).ok().or(now);
            let Some(now) = now else { continue };
            let until = steps.get(number + 1).map_or(end, |next| next.at);
            let (from, to) = (x(step.at), x(until));
            let (width, who) = ((to - from).max(2), Text(&step.who).to_string());
            let _ = writeln!(
                svg,
                "<rect class=\"{now}\" x=\"{from}\" y=\"{y}\" width=\"{width}\" height=\"18\"><title>{now} from {}, by {who}</title></rect>",
                time(step.at)
            );
        }
    }
    let y = height - 8;
    let _ = writeln!(
        svg,
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>",
        LEFT + WIDTH,
        y - 14,
        y - 14
    );
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{y}\">{}</text>", time(start));
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text></svg>", LEFT + WIDTH, time(end));
    page.raw(&svg);
    let legend: String = State::ALL.into_iter().map(|one| format!("{} ", state(one))).collect();
    page.raw(&format!("<p>{legend}</p>\n"));
}

fn due_soon(page: &mut Page, facts: &Facts<'_>) {
    let row = |(version, _): &(Version, u64)| {
        let need = due(version, facts.now, AHEAD)?;
        Some(vec![code(&format!("vault:{}", version.key)), state(version.state), needs(&need)])
    };
    let rows: Vec<_> = facts.versions.iter().filter_map(row).collect();
    if rows.is_empty() {
        return page.paragraph("Nothing is due.");
    }
    page.table(&["key", "state", "what"], &rows);
}

/// A need in words.
#[must_use]
pub fn needs(need: &Need) -> String {
    let days = |seconds: u64| format!("{} days", seconds / 86_400);
    let usage = |whose: Whose| if whose == Whose::Originator { "making new keys" } else { "reading what it made" };
    match need {
        Need::Activation(at) => format!("is activated at {}", time(*at)),
        Need::Usage(Period::Ending(whose, left)) => format!("{} ends in {}", usage(*whose), days(*left)),
        Need::Usage(Period::Over(whose, ago)) => format!("{} should have ended {} ago", usage(*whose), days(*ago)),
        Need::Usage(Period::Running) => "nothing".to_owned(),
    }
}

fn approvals(page: &mut Page, facts: &Facts<'_>) {
    if facts.requests.is_empty() {
        return page.paragraph("Nobody has asked for any.");
    }
    let row = |entry: &RequestEntry| {
        let nonce = code(&entry.nonce.to_string());
        let Ok(request) = Request::parse(&entry.filed.text) else {
            return vec![
                nonce,
                "damaged: nobody can have signed it so".to_owned(),
                String::new(),
                String::new(),
                String::new(),
            ];
        };
        let Request { operation, reason, requester, at, .. } = &request;
        let by = |approval: &Approval| format!("{} ({})", Text(approval.operator.as_str()), time(approval.at));
        let signed: Vec<_> = entry.filed.approvals.iter().map(by).collect();
        vec![
            nonce,
            format!("{} {}: {}", operation.act, code(&format!("vault:{}", operation.key)), Text(reason)),
            format!("{} ({})", Text(requester.as_str()), time(*at)),
            signed.join("<br>"),
            if entry.filed.spent { "has served" } else { "open" }.to_owned(),
        ]
    };
    let rows: Vec<_> = facts.requests.iter().map(row).collect();
    page.table(&["request", "for", "asked by", "signed by, as on file", ""], &rows);
}
