//! `cardwright batch status | pause | resume | stop`

use super::advice::JobFailure;
use super::job::of_issuer;
use super::run::tell;
use crate::advice::Failure;
use crate::args::{BatchHoldArgs, BatchStatusArgs};
use crate::config::Settings;
use crate::{output, registers};
pub(super) use cardwright::report::batch::balance_json;
use cardwright::world::{Clock, Os};
use cardwright_keys::approval::time;
use cardwright_keys::job::{Balance, Fate, RecordState};
use cardwright_registry::RegistryError;
use cardwright_registry::jobs::{JobEntry, JobState, JobWrite, Jobs, RecordEntry};
use cardwright_registry::sqlite::SqliteRegistry;
use serde_json::{Value, json};
use std::fmt::Write;

/// A record of those that were asked for.
struct Listed {
    record: RecordEntry,
    /// Its chip, or the card that it waits for.
    card: String,
    /// What became of its last chip, where that was rejected.
    fate: Option<Fate>,
}

/// What is told of one job.
struct Shown {
    entry: JobEntry,
    balance: Balance,
    steps: Vec<(String, u64, u64)>,
    open_runs: Vec<String>,
    listed: Vec<Listed>,
}

pub(super) fn run(settings: &Settings, args: &BatchStatusArgs) -> Result<(), Failure> {
    let registry = registers::open_registry(settings)?;
    let entries = match &args.job {
        Some(name) => vec![of_issuer(settings, &registry, name)?],
        None => registry.jobs()?,
    };
    let visible = |entry: &JobEntry| settings.issuer.as_ref().is_none_or(|own| *own == entry.issuer);
    let mut all = Vec::new();
    for entry in entries.into_iter().filter(visible) {
        all.push(shown(&registry, entry, &args.list)?);
    }
    if settings.json {
        return output::json(&json!({ "jobs": all.iter().map(Shown::json).collect::<Vec<_>>() }));
    }
    if all.is_empty() {
        return output::text("there are no jobs\n");
    }
    output::text(&all.iter().map(Shown::text).collect::<String>())
}

fn shown(registry: &SqliteRegistry, entry: JobEntry, states: &[RecordState]) -> Result<Shown, Failure> {
    let mut listed = Vec::new();
    if !states.is_empty() {
        let mut records = Vec::new();
        registry.records(entry.id, 0, states, &mut |record| {
            records.push(record);
            true
        })?;
        for record in records {
            let last = registry.attempts_of(entry.id, record.number)?.pop();
            let fate = last.as_ref().and_then(|last| last.fate);
            let card = last.map(|last| last.card).or_else(|| record.expected.clone());
            listed.push(Listed { record, card: card.map_or_else(|| "any card".to_owned(), |card| card.0), fate });
        }
    }
    let runs = registry.runs(entry.id)?.into_iter().filter(|run| run.ended.is_none());
    Ok(Shown {
        balance: registry.balance(entry.id)?,
        steps: registry.steps(entry.id)?.into_iter().map(|(step, came, left)| (step.to_string(), came, left)).collect(),
        open_runs: runs.map(|run| format!("{} by {} since {}", run.station, run.operator, time(run.began))).collect(),
        entry,
        listed,
    })
}

impl Shown {
    fn json(&self) -> Value {
        let Self { entry, balance, steps, open_runs, listed } = self;
        let step = |(step, came, left): &(String, u64, u64)| json!({ "step": step, "came": came, "left": left });
        let card = |Listed { record, card, fate }: &Listed| {
            let expected = record.expected.as_ref().map(|card| &card.0);
            json!({
                "record": record.number, "card": card, "state": record.state.name(), "reason": record.reason,
                "remade": record.waits_again(), "expected": expected,
                "fate": fate.map(Fate::name),
            })
        };
        json!({
            "job": entry.name.to_string(), "issuer": entry.issuer.to_string(), "domain": entry.domain.name(),
            "state": entry.state.name(), "reason": entry.reason, "sha256": hex::encode(entry.sha256),
            "balance": balance_json(balance), "steps": steps.iter().map(step).collect::<Vec<_>>(),
            "runs_under_way": open_runs, "cards": listed.iter().map(card).collect::<Vec<_>>(),
            "variance": entry.variance,
        })
    }

    fn text(&self) -> String {
        let Self { entry, balance, steps, open_runs, listed } = self;
        let mut out = String::new();
        let because = if entry.reason.is_empty() { String::new() } else { format!(": {}", entry.reason) };
        let _ = writeln!(
            out,
            "job {}, {} domain, issuer {}: {}{}",
            entry.name,
            entry.domain,
            entry.issuer,
            entry.state,
            output::harmless(&because)
        );
        let states = RecordState::ALL.into_iter().map(|state| (state, balance.state(state)));
        let states: Vec<_> = states.filter(|(_, n)| *n > 0).map(|(state, n)| format!("{n} {state}")).collect();
        let _ = writeln!(out, "  {} records: {}", balance.records, states.join(", "));
        for (step, came, left) in steps.iter().filter(|(_, came, _)| *came > 0) {
            let _ = writeln!(out, "  step {step}: {came} came, {left} left, {} there", came - left);
        }
        let zero = match entry.variance {
            Some(0) => "closed, balanced to zero".to_owned(),
            Some(variance) => format!("closed with a variance of {variance}"),
            None if balance.balances() => "balanced to zero".to_owned(),
            None => "not balanced yet".to_owned(),
        };
        let _ = writeln!(out, "  {balance}: {zero}");
        for run in open_runs {
            let _ = writeln!(out, "  a run has begun and not ended: {}", output::harmless(run));
        }
        for Listed { record, card, fate } in listed {
            let mut line = format!("  #{} {card} {}", record.number, record.state);
            let reason = output::harmless(&record.reason);
            if !reason.is_empty() {
                let _ = write!(line, " {reason}");
            }
            match fate {
                Some(fate) => {
                    let _ = write!(line, "; its chip is {fate}");
                }
                None if record.state == RecordState::Rejected => line.push_str("; what became of its chip is not told"),
                None => {}
            }
            if record.waits_again() {
                let with = record.expected.as_ref().map_or("another chip", |card| card.0.as_str());
                let _ = write!(line, "; to be made once more, with {with}");
            }
            let _ = writeln!(out, "{line}");
        }
        out
    }
}

pub(super) fn pause(settings: &Settings, args: &BatchHoldArgs) -> Result<(), Failure> {
    set(settings, args, JobState::Paused)
}

pub(super) fn resume(settings: &Settings, args: &BatchHoldArgs) -> Result<(), Failure> {
    set(settings, args, JobState::Open)
}

pub(super) fn stop(settings: &Settings, args: &BatchHoldArgs) -> Result<(), Failure> {
    set(settings, args, JobState::Stopped)
}

fn set(settings: &Settings, args: &BatchHoldArgs, state: JobState) -> Result<(), Failure> {
    let mut registry = registers::open_registry(settings)?;
    let entry = of_issuer(settings, &registry, &args.job)?;
    let mut audit = registers::open_audit(settings)?;
    tell(&mut audit, &entry, "batch.state", format!("{state}: {}", args.reason))?;
    write(&mut registry, &entry, JobWrite::Job { state, reason: args.reason.clone(), at: Os.now() })?;
    if settings.json {
        return output::json(&json!({ "job": entry.name.to_string(), "state": state.name() }));
    }
    output::text(&format!("job {} is {state}\n", entry.name))
}

/// One thing that a person says of a job.
pub(super) fn write(registry: &mut SqliteRegistry, entry: &JobEntry, write: JobWrite) -> Result<(), Failure> {
    write_all(registry, entry, vec![write])
}

/// Several, all or nothing.
pub(super) fn write_all(registry: &mut SqliteRegistry, entry: &JobEntry, writes: Vec<JobWrite>) -> Result<(), Failure> {
    let done = registry.write_all(entry.id, &[writes])?;
    done.into_iter().try_for_each(|done| match done {
        Err(RegistryError::Conflict(why)) => Err(JobFailure::Refused(why).into()),
        other => Ok(other.map(drop)?),
    })
}
