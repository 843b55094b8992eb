//! The last page: what is stuck on cards and on their envelopes. A PIN is never on either.

use super::{Report, short};
use crate::report::{Page, Text};
use cardwright_keys::ceremony::plan::CardRole;
use cardwright_keys::ceremony::transcript::Record;
use cardwright_proto::custody::manifest::Operation;
use std::fmt::Write;

/// What is on a label.
struct Label {
    name: String,
    holder: String,
    role: String,
}

/// A card's label and its envelope's, side by side.
pub(super) fn cut_out(report: &Report, page: &mut Page) {
    page.raw("<div class=\"labels\">\n");
    page.heading("Labels to cut out: for the card, and for its envelope");
    page.paragraph("A PIN belongs on neither, and not into the envelope.");
    let (title, set, date) = (Text(&report.plan.title).to_string(), set(report), date(report));
    let below = format!("<p>{title}</p><p>set {set}, {date}</p>");
    let mut sheet = String::from("<div class=\"sheet\">\n");
    let mark = if report.test_ca() { " TEST CA" } else { "" };
    for Label { name, holder, role } in labels(report) {
        let (name, holder, role) = (Text(&name), Text(&holder), Text(&role));
        let own = format!("<p><b>{name}</b>{mark}</p><p>{holder}, {role}</p>{below}");
        let sealed = "<p>seal no. __________ on __________ by __________</p>";
        let _ = writeln!(sheet, "<div class=\"label\">{own}</div><div class=\"label\">{own}{sealed}</div>");
    }
    sheet.push_str("</div></div>\n");
    page.raw(&sheet);
}

/// A label a card; where shares are in files, a label a share.
fn labels(report: &Report) -> Vec<Label> {
    let n = report.plan.n();
    let mut x = 0;
    let of_cards = report.plan.cards.iter().map(|card| {
        let role = if card.role == CardRole::Custodian {
            x += 1;
            format!("custodian, share {x} of {n}")
        } else {
            card.role.to_string()
        };
        Label { name: card.label.clone(), holder: card.holder.clone(), role }
    });
    let labels: Vec<_> = of_cards.collect();
    if labels.iter().any(|label| label.role.starts_with("custodian")) {
        return labels;
    }
    let deal = report.accounts.iter().rev().find(|account| account.verdict.operation == Operation::Deal);
    let lines = deal.map(|deal| deal.lines.as_slice()).unwrap_or_default();
    let shared = lines.iter().filter_map(|line| match &line.record {
        Record::Shared { x, count, place, .. } => {
            Some(Label { name: format!("Share {x}"), holder: place.clone(), role: format!("share {x} of {count}") })
        }
        _ => None,
    });
    shared.collect()
}

/// The set that was named last.
fn set(report: &Report) -> String {
    let sets = report.verdicts().filter_map(|verdict| verdict.manifest.as_ref());
    sets.last().map_or_else(|| "________".to_owned(), |manifest| short(&manifest.set))
}

/// The day of the last deal's last line, by the host's clock.
fn date(report: &Report) -> String {
    let deal = report.accounts.iter().rev().find(|account| account.verdict.operation == Operation::Deal);
    let last = deal.or(report.accounts.last()).and_then(|account| account.lines.last());
    last.map(|line| line.at.to_string().chars().take(10).collect()).unwrap_or_default()
}
