//! Jobs.

mod added;
mod chips;
mod ends;
mod keys;
mod model;
mod people;

pub(super) use added::{all_or_nothing, as_written, unfit};
pub(super) use chips::{apart, by_kdd, facts, once, refused, remakes};
pub(super) use ends::{at_rest, closed, edges, held_back};
pub(super) use keys::{blanks, copied, owned};
pub(super) use model::as_the_model;
pub(super) use people::{decided, runs, statements};

use super::Store;
use crate::RegistryError;
use crate::jobs::{
    Facts, JobAnswer, JobId, JobKey, JobWrite, Jobs, ListError, Listed, NewAttempt, NewDelivery, NewJob, RecordEntry,
};
use cardwright_keys::job::{Domain, Fate, RecordState, Step};
use cardwright_keys::journal::CardId;

/// A job with one counted delivery.
fn counted(name: &str, count: u64) -> NewJob {
    NewJob {
        name: name.parse().unwrap(),
        issuer: "acme".parse().unwrap(),
        domain: Domain::Live,
        profile: "jcop4".to_owned(),
        file: "format = \"cardwright-job-1\"\n".to_owned(),
        sha256: [7; 32],
        inputs: Vec::new(),
        deliveries: vec![NewDelivery { name: "any".parse().unwrap(), listed: false, count }],
        keys: vec![JobKey::Kept("vault:office/kmc".to_owned())],
        target: None,
        at: 100,
        who: "alice".to_owned(),
    }
}

/// The same with a delivery of these cards before it.
fn listed(name: &str, cards: &[CardId], count: u64) -> NewJob {
    let mut job = counted(name, count);
    let list = NewDelivery { name: "list".parse().unwrap(), listed: true, count: cards.len() as u64 };
    job.deliveries.insert(0, list);
    job
}

/// The cards of a list, as they are read.
fn list(delivery: u32, cards: &[CardId]) -> Vec<Result<Listed, ListError>> {
    cards.iter().map(|card| Ok((delivery, card.clone()))).collect()
}

fn add(jobs: &mut dyn Store, job: &NewJob, cards: &[CardId]) -> JobId {
    jobs.add_job(job, &mut list(0, cards).into_iter()).unwrap()
}

fn attempt(card: CardId) -> NewAttempt {
    NewAttempt {
        card,
        atr: vec![0x3B, 0x00],
        station: "north".to_owned(),
        reader: "reader 1".to_owned(),
        operator: "bob".to_owned(),
        profile: [9; 32],
        current: "kdf3+vault:vendor/tmk@0xFF".to_owned(),
        target: "kdf3+vault:office/kmc".to_owned(),
    }
}

fn claim(record: u64, card: CardId) -> JobWrite {
    JobWrite::Claim { record, remake: false, attempt: attempt(card), at: 200 }
}

fn again(record: u64, card: CardId) -> JobWrite {
    JobWrite::Claim { record, remake: true, attempt: attempt(card), at: 300 }
}

fn step(record: u64, attempt: u32, to: RecordState, step: Step) -> JobWrite {
    JobWrite::Step { record, attempt, to, step, reason: "because".to_owned(), facts: Facts::default(), at: 400 }
}

fn fate(record: u64, attempt: u32, fate: Fate) -> JobWrite {
    JobWrite::Fate { record, attempt, fate, statement: None, at: 500 }
}

/// The whole life of a card that becomes one.
fn made(record: u64, card: CardId) -> Vec<JobWrite> {
    let steps = [
        (RecordState::Writing, Step::Keys),
        (RecordState::Verified, Step::Verify),
        (RecordState::Accepted, Step::Done),
    ];
    let mut writes = vec![claim(record, card)];
    writes.extend(steps.map(|(to, at)| step(record, 1, to, at)));
    writes
}

/// One batch, which is written.
fn write(jobs: &mut dyn Store, job: JobId, batch: Vec<JobWrite>) -> Vec<JobAnswer> {
    jobs.write_all(job, &[batch]).unwrap().remove(0).unwrap()
}

/// One batch, which is refused as something that is not so.
fn conflict(jobs: &mut dyn Store, job: JobId, batch: Vec<JobWrite>) -> String {
    match jobs.write_all(job, &[batch]).unwrap().remove(0) {
        Err(RegistryError::Conflict(what)) => what,
        other => panic!("{other:?}"),
    }
}

fn record(jobs: &dyn Jobs, job: JobId, number: u64) -> RecordEntry {
    jobs.record(job, number).unwrap().unwrap()
}

/// The figures of a job as people sign them.
fn figures(jobs: &dyn Jobs, job: JobId) -> String {
    jobs.balance(job).unwrap().to_string()
}

fn records(jobs: &dyn Jobs, job: JobId, after: u64, states: &[RecordState]) -> Vec<RecordEntry> {
    let mut records = Vec::new();
    let take = &mut |record| {
        records.push(record);
        true
    };
    jobs.records(job, after, states, take).unwrap();
    records
}
