//! The figures for a program. Cards stand in `cards.csv`.

use super::outside::outside;
use super::tally::{Apart, OfReader};
use super::{Account, Made, people};
use crate::batch::figures::{CommandFigures, Figures};
use crate::batch::statements::Standing;
use cardwright_keys::approval::time;
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::{Balance, Fate, RecordState};
use cardwright_keys::keyref::Name;
use cardwright_registry::jobs::{JobEntry, Statement};
use serde_json::{Map, Value, json};

/// A balance, as all commands write it.
#[must_use]
pub fn balance_json(balance: &Balance) -> Value {
    let states = RecordState::ALL.into_iter().map(|state| (state.name().to_owned(), balance.state(state).into()));
    json!({
        "records": balance.records, "spares": balance.spares, "issued": balance.issued(),
        "accepted": balance.accepted(), "rejected": balance.rejected(), "samples": balance.samples(),
        "returned": balance.returned(), "handed_over": balance.handed_over(),
        "without_a_fate": balance.unfated, "open": balance.open(), "balances": balance.balances(),
        "states": Value::Object(states.collect()),
    })
}

/// All of it, with the files that are there already.
pub(super) fn report<F>(account: &Account<'_>, beside: &[Made<F>]) -> Value {
    let JobEntry { name, issuer, domain, profile, file, inputs, .. } = &account.entry;
    let delivery = |(name, listed, count): &(Name, bool, u64)| json!({ "name": outside(name.as_str()), "listed": listed, "count": count });
    let input = |(path, sha256): &(String, [u8; 32])| json!({ "file": outside(path), "sha256": hex::encode(sha256) });
    let hash = |made: &Made<F>| json!({ "file": made.name, "sha256": hex::encode(made.sha256) });
    json!({
        "format": "cardwright-job-report-1",
        "mark": account.is_test().then_some("TEST: cards of the domain test, not for use"),
        "job": outside(name.as_str()),
        "issuer": outside(issuer.as_str()),
        "domain": domain.name(),
        "profile": outside(profile),
        "state": state(&account.entry),
        "deliveries": account.entry.deliveries.iter().map(delivery).collect::<Vec<_>>(),
        "pinned": {
            "sha256": hex::encode(account.entry.sha256),
            "job_file_sha256": hex::encode(sha256(&[file.as_bytes()])),
            "inputs": inputs.iter().map(input).collect::<Vec<_>>(),
            "card_profiles": account.tally.profiles.by,
        },
        "balance": balance_json(&account.balance),
        "fates": Fate::ALL.into_iter().map(|fate| (fate.name().to_owned(), account.balance.fate(fate).into())).collect::<Map<_, _>>(),
        "attempts": RecordState::ALL.into_iter().map(|state| (state.name().to_owned(), account.tally.attempts(state).into())).collect::<Map<_, _>>(),
        "steps": account.steps.iter().map(|(step, came, left)| json!({ "step": step.name(), "came": came, "left": left })).collect::<Vec<_>>(),
        "throughput": throughput(account),
        "card_time": card_time(account),
        "commands": account.merged.commands.iter().map(|(name, figures)| (outside(name), command(figures))).collect::<Map<_, _>>(),
        "runs_without_figures": account.merged.silent,
        "readers": readers(&account.tally.readers),
        "causes": causes(&account.tally.causes),
        "runs": runs(account),
        "statements": account.statements.iter().map(|one| statement(account, one)).collect::<Vec<_>>(),
        "keys": keys(account),
        "files": beside.iter().map(hash).collect::<Vec<_>>(),
    })
}

fn state(entry: &JobEntry) -> Value {
    json!({
        "name": entry.state.name(), "reason": outside(&entry.reason), "changed": time(entry.changed),
        "made_at": time(entry.made_at), "made_by": outside(&entry.made_by),
        "variance": entry.variance, "statement": entry.statement,
    })
}

fn throughput(account: &Account<'_>) -> Value {
    let bins = &account.tally.accepted;
    let each = bins.all().map(|(at, count)| json!({ "from": time(at), "accepted": count }));
    json!({ "seconds_each": bins.width(), "bins": each.collect::<Vec<_>>() })
}

fn card_time(account: &Account<'_>) -> Value {
    let took = &account.tally.took;
    let class = |(from, below, count)| json!({ "from_us": from, "below_us": below, "count": count });
    json!({
        "count": took.count, "total_us": took.total_us, "max_us": took.max_us,
        "median_us": took.percentile(50), "percentile_95_us": took.percentile(95),
        "classes": took.all().map(class).collect::<Vec<_>>(),
    })
}

fn command(figures: &CommandFigures) -> Value {
    json!({
        "count": figures.count, "total_us": figures.total_us, "max_us": figures.max_us,
        "median_us": figures.percentile(50), "percentile_95_us": figures.percentile(95),
    })
}

fn readers(all: &Apart<OfReader>) -> Value {
    let one = |(name, of): (Option<&String>, &OfReader)| json!({ "reader": name.map(|name| outside(name)), "accepted": of.accepted, "others": of.others });
    all.by.iter().map(|(name, of)| one((Some(name), of))).chain(all.others.iter().map(|of| one((None, of)))).collect()
}

fn causes(all: &Apart<u64>) -> Value {
    let one =
        |cause: Option<&String>, chips: u64| json!({ "cause": cause.map(|cause| outside(cause)), "chips": chips });
    let by = all.by.iter().map(|(cause, chips)| one(Some(cause), *chips));
    by.chain(all.others.iter().map(|chips| one(None, *chips))).collect()
}

fn runs(account: &Account<'_>) -> Value {
    let each = account.runs.iter().zip(&account.merged.each).map(|(run, figures)| {
        json!({
            "run": run.id, "station": outside(&run.station), "operator": outside(&run.operator),
            "began": time(run.began), "ended": run.ended.map(time),
            "accepted": figures.as_ref().map(Figures::accepted),
            "readers": figures.as_ref().map(|figures| figures.readers.len()),
            "took_us": figures.as_ref().map(|figures| figures.took_us),
        })
    });
    each.collect()
}

/// The hash is over the words as they were signed.
fn statement(account: &Account<'_>, (one, standing): &(Statement, Standing)) -> Value {
    let words = people::says(one);
    let signed = one.signatures.iter().map(|(name, at, signature)| {
        json!({ "operator": outside(name.as_str()), "at": time(*at), "signature": hex::encode(signature) })
    });
    json!({
        "statement": one.id,
        "says": words.as_ref().map(|(what, _)| what),
        "reason": words.as_ref().map(|(_, words)| outside(&words.reason)),
        "stated_by": words.as_ref().map(|(_, words)| outside(words.by.as_str())),
        "text_sha256": hex::encode(sha256(&[one.text.as_bytes()])),
        "signatures": signed.collect::<Vec<_>>(),
        "judged": account.judged(one),
        "carried_out": one.used,
        "standing": standing.name(),
    })
}

fn keys(account: &Account<'_>) -> Value {
    let one = |key: &super::keys::Used| {
        json!({
            "reference": outside(&key.reference), "for": key.what, "kvn": key.kvn, "kcv": key.kcvs,
            "chips": key.chips, "custody": account.custody(key),
        })
    };
    account.keys.iter().map(one).collect()
}
