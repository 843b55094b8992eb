//! Who took part, and what their cards did.

use super::timeline::forgot;
use super::{Account, Report, when};
use crate::report::{Page, Text, code};
use cardwright_keys::ceremony::plan::{CardRole, Person, PlannedCard};
use cardwright_keys::ceremony::transcript::{Line, Record};
use cardwright_proto::custody::manifest::Place;

/// A row a person of the plan.
pub(super) fn list(report: &Report, page: &mut Page) {
    page.heading("People");
    let row = |person: &Person| {
        let held: Vec<_> = report.plan.cards.iter().filter(|card| card.holder == person.name).collect();
        let cards: Vec<_> =
            held.iter().map(|card| format!("<span class=\"t\">{} ({})</span>", code(&card.label), card.role)).collect();
        let did: Vec<_> = report.accounts.iter().flat_map(|account| did(report, account, &held)).collect();
        let did = match (held.is_empty(), did.is_empty()) {
            (true, _) => "holds no card, and so nothing here is signed for them".to_owned(),
            (_, true) => "nothing that is signed here".to_owned(),
            _ => did.join("<br>"),
        };
        vec![Text(&person.name).to_string(), person.role.to_string(), cards.join("<br>"), did]
    };
    let rows: Vec<_> = report.plan.people.iter().map(row).collect();
    page.table(&["person", "role", "cards", "what these did (times by the host's clock)"], &rows);
}

/// What somebody's cards did in one transcript: a line a card.
fn did(report: &Report, account: &Account, held: &[&PlannedCard]) -> Vec<String> {
    let of = |card: &&PlannedCard| {
        let own = |place: Place| report.plan.card(place).is_some_and(|seated| seated.label == card.label);
        let acts: Vec<_> = match card.role {
            CardRole::Ca => certified(account).into_iter().collect(),
            _ => account.lines.iter().filter_map(|line| act(line, own)).collect(),
        };
        let (name, label) = (code(&account.name), code(&card.label));
        (!acts.is_empty()).then(|| format!("{name}, {label}: {}", acts.join("; ")))
    };
    held.iter().filter_map(of).collect()
}

/// What the CA's card did, if it is one.
fn certified(account: &Account) -> Option<String> {
    account.progress.ca_certificate().map(|_| "its signature is on the certificates".to_owned())
}

/// What a card did by a line, if it is that card's.
fn act(line: &Line, own: impl Fn(Place) -> bool) -> Option<String> {
    let (place, what) = match &line.record {
        Record::Approval { place, approval } => (*place, format!("approved, counter {}", approval.counter)),
        Record::Release { x, .. } => (Place::Custodian(*x), "released its share".to_owned()),
        Record::Receipt { x, receipt } => (Place::Custodian(*x), format!("share {}", receipt.status)),
        Record::Verdict(_) => (Place::Combiner, "signed the drill".to_owned()),
        Record::Export { .. } => (Place::Combiner, "sealed the key to the HSM".to_owned()),
        Record::Forget { outcome, .. } => (Place::Dealer, forgot(*outcome).to_owned()),
        _ => return None,
    };
    own(place).then(|| format!("{what} ({})", when(line)))
}
