//! What `cardwright ceremony` prints of an operation.

use super::host::THROUGH_HERE;
use crate::advice::Failure;
use crate::output;
use cardwright::ceremony::course::Visit;
use cardwright::ceremony::directory::Directory;
use cardwright::ceremony::status::{CardStatus, Status, visits_left};
use cardwright::ceremony::{CeremonyError, Done, Wish};
use cardwright::error::Error;
use cardwright_keys::ceremony::plan::{CeremonyMode, Plan};
use cardwright_keys::ceremony::verify::{Completion, Verdict};
use cardwright_keys::ceremony::words::words;
use cardwright_keys::custody::hash::sha256;
use cardwright_proto::custody::manifest::{Operation, Place};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// What was done.
pub(super) fn done(json: bool, dir: &Path, done: &Done) -> Result<(), Failure> {
    let transcript = dir.join(&done.name).display().to_string();
    if json {
        let mut object = verdict_json(&done.verdict);
        object["transcript"] = transcript.into();
        object["visits"] = done.visits.into();
        return output::json(&object);
    }
    let mut out = String::new();
    for line in done.verdict.to_string().lines() {
        let _ = writeln!(out, "{}", output::harmless(line));
    }
    let _ = writeln!(out, "transcript {}", output::harmless(&transcript));
    output::text(&out)
}

/// A verdict for a program.
pub(crate) fn verdict_json(verdict: &Verdict) -> Value {
    let outcome = match verdict.outcome {
        Completion::Done => "done",
        Completion::Abandoned => "abandoned",
        Completion::NotFinished => "not-finished",
    };
    let manifest = verdict.manifest.as_ref();
    let approvals = verdict.approvals.iter();
    let approvals = approvals.map(|(place, counter)| json!({ "place": place.to_string(), "counter": counter }));
    let receipts = verdict.receipts.iter();
    let receipts = receipts.map(|(x, held)| json!({ "x": x, "share": held.to_string() }));
    json!({
        "operation": verdict.operation.to_string(),
        "outcome": outcome,
        "mode": verdict.mode.name(),
        "title": verdict.title,
        "key": verdict.key,
        "test_ca": verdict.test_ca,
        "ca": verdict.ca.map(|ca| hex::encode_upper(sha256(&[&ca]))),
        "vouched": verdict.vouched,
        "set": manifest.map(|manifest| hex::encode_upper(manifest.set)),
        "generation": manifest.map(|manifest| manifest.generation),
        "sequence": manifest.map(|manifest| manifest.sequence),
        "m": verdict.m,
        "n": verdict.n,
        "kcv": verdict.kcv.map(|kcv| kcv.to_string()),
        "plan": hex::encode_upper(verdict.plan),
        "head": hex::encode_upper(verdict.head),
        "head_known": verdict.head_known,
        "approvals": approvals.collect::<Vec<_>>(),
        "drilled": verdict.drilled.map(|(drilled, of)| json!({ "subsets": drilled, "of": of })),
        "receipts": receipts.collect::<Vec<_>>(),
        "exported": verdict.exported.map(hex::encode_upper),
        "imported": verdict.imported,
        "notes": verdict.notes,
    })
}

/// Label and holder of a visit's card.
fn card_of(plan: &Plan, visit: &Visit) -> (String, String) {
    visit.seat.card(plan).map(|card| (card.label.clone(), card.holder.clone())).unwrap_or_default()
}

pub(super) fn dry_run(json: bool, directory: &Directory, operation: Operation, wish: &Wish) -> Result<(), Failure> {
    let visits = visits_left(directory, operation, wish);
    if json {
        let visit = |visit: &Visit| {
            let (label, holder) = card_of(&directory.plan, visit);
            json!({ "card": label, "holder": holder, "commands": visit.stage.commands(operation, visit.seat) })
        };
        let visits: Vec<_> = visits.iter().map(visit).collect();
        return output::json(&json!({ "operation": operation.to_string(), "dry_run": visits }));
    }
    let mut out = String::new();
    for (at, visit) in visits.iter().enumerate() {
        let (label, holder) = card_of(&directory.plan, visit);
        let (label, holder) = (output::harmless(&label), output::harmless(&holder));
        let commands = visit.stage.commands(operation, visit.seat).join(", ");
        let _ = writeln!(out, "{:>2}  {label:<16} {holder}, {}\n    {commands}", at + 1, visit.stage.purpose());
    }
    out.push_str("nothing was sent\n");
    output::text(&out)
}

/// What would be given up.
pub(super) fn abandon_dry_run(json: bool, directory: &Directory) -> Result<(), Failure> {
    let past = directory.unfinished().ok_or(CeremonyError::NothingUnfinished).map_err(Error::from)?;
    let dealing = past.progress.approvals.contains_key(&Place::Dealer) && past.progress.forget.is_none();
    let dealer = directory.plan.card(Place::Dealer).filter(|_| dealing);
    if json {
        let visits: Vec<_> = dealer
            .iter()
            .map(|card| json!({ "card": card.label, "holder": card.holder, "commands": ["FORGET"] }))
            .collect();
        return output::json(&json!({ "gives_up": past.name, "dry_run": visits }));
    }
    let mut out = format!("{} would be given up\n", past.name);
    if let Some(card) = dealer {
        let (label, holder) = (output::harmless(&card.label), output::harmless(&card.holder));
        let _ = writeln!(out, "{label:<16} {holder}, to give up the deal\n    FORGET");
    }
    out.push_str("nothing was sent\n");
    output::text(&out)
}

fn row_json(card: &CardStatus) -> Value {
    json!({
        "label": card.label,
        "holder": card.holder,
        "place": card.place.map_or_else(|| "CA".to_owned(), |place| place.to_string()),
        "enrolled": card.enrolled,
        "approved": card.approved,
        "offered": card.offered,
        "share": card.share.map(|share| share.to_string()),
        "released": card.released,
        "drilled": card.drilled,
    })
}

pub(super) fn status(json: bool, directory: &Directory) -> Result<(), Failure> {
    let status = Status::of(directory);
    let current = status.current.as_ref();
    let operation = current.and_then(|past| past.progress.operation());
    let ended = current.is_some_and(|past| past.progress.end.is_some());
    let next = status.next.map(|(visit, number, of)| {
        let (label, holder) = card_of(&directory.plan, &visit);
        (label, holder, visit.stage.purpose(), number, of)
    });
    if json {
        let next = next.map(|(label, holder, purpose, number, of)| {
            json!({ "card": label, "holder": holder, "purpose": purpose, "visit": number, "of": of })
        });
        return output::json(&json!({
            "title": directory.plan.title,
            "plan": hex::encode_upper(directory.plan.hash()),
            "transcripts": directory.past.iter().map(|past| past.name.as_str()).collect::<Vec<_>>(),
            "operation": operation.map(|operation| operation.to_string()),
            "finished": ended,
            "test_ca": current.is_some_and(|past| past.progress.test_ca()),
            "head": current.map(|past| hex::encode_upper(past.head)),
            "mode": directory.plan.mode.name(),
            "cards": status.cards.iter().map(row_json).collect::<Vec<_>>(),
            "shares": status.shares.iter().map(|(x, place)| json!({ "x": x, "place": place })).collect::<Vec<_>>(),
            "next": next,
        }));
    }
    let mut out = format!("{}\n", output::harmless(&directory.plan.title));
    match (current, operation) {
        (Some(past), Some(operation)) => {
            let ended = if ended { "ended" } else { "NOT FINISHED" };
            let _ = writeln!(out, "{operation}: {ended}, transcript {}, head {}", past.name, words(&past.head));
            if past.progress.test_ca() {
                out.push_str("TEST CA: its key is in a file\n");
            }
        }
        _ => out.push_str("nothing is done yet\n"),
    }
    if directory.plan.mode == CeremonyMode::Host {
        shares(&status, ended, &mut out);
        return output::text(&out);
    }
    let _ = writeln!(
        out,
        "\n{:<16} {:<13} {:<9} {:<9} {:<6} {:<13} drilled",
        "card", "place", "enrolled", "approved", "offer", "share"
    );
    status.cards.iter().for_each(|card| row(card, &mut out));
    match next {
        Some((label, holder, purpose, number, of)) => {
            let (label, holder) = (output::harmless(&label), output::harmless(&holder));
            let _ = writeln!(out, "\nnext: visit {number} of {of}, card {label} ({holder}), {purpose}");
        }
        None if ended => {}
        None => out.push_str("\nnext: `cardwright ceremony run` begins, or goes on\n"),
    }
    output::text(&out)
}

/// Where the shares of host mode are, by what is on record.
fn shares(status: &Status, ended: bool, out: &mut String) {
    let _ = writeln!(out, "{THROUGH_HERE}\n\nshare  by the last transcript");
    for (x, place) in &status.shares {
        let place = place.as_deref().unwrap_or("-");
        let _ = writeln!(out, "{x:<6} {}", output::harmless(place));
    }
    for note in status.current.iter().flat_map(|past| &past.progress.notes) {
        let _ = writeln!(out, "{}", output::harmless(note));
    }
    if status.current.is_some() && !ended {
        out.push_str("\nnext: `cardwright ceremony abandon`: what was cut off is given up, and begun again\n");
    }
}

fn row(card: &CardStatus, out: &mut String) {
    let yes = |yes| if yes { "yes" } else { "-" };
    let place = card.place.map_or_else(|| "CA".to_owned(), |place: Place| place.to_string());
    let approved = card.approved.map_or_else(|| "-".to_owned(), |counter| format!("no. {counter}"));
    let share = card.share.map_or_else(|| "-".to_owned(), |share| share.to_string());
    let drilled = if card.drilled == 0 { "-".to_owned() } else { format!("{} subsets", card.drilled) };
    let label = output::harmless(&card.label);
    let (enrolled, offered) = (yes(card.enrolled), yes(card.offered));
    let _ = writeln!(out, "{label:<16} {place:<13} {enrolled:<9} {approved:<9} {offered:<6} {share:<13} {drilled}");
}
