//! The rules about more than one member of a job, each with an error of its own.

use super::{CARDS_MAX, Cards, Delivery, Domain, Job, JobError};
use crate::keyref::{KeyRef, Scheme, Source};
use std::collections::BTreeSet;

/// Where the members of a delivery stand: lines, from 1.
pub(super) struct Place {
    pub(super) name: usize,
    pub(super) key: usize,
    /// Of `file` or `count`.
    pub(super) cards: usize,
}

/// Where the members of the data stand: lines, from 1.
pub(super) struct DataLines {
    pub(super) file: usize,
    pub(super) key: Option<usize>,
}

/// Where members stand that rules are about.
pub(super) struct Lines {
    /// The target's key.
    pub(super) target: usize,
    /// Each delivery.
    pub(super) deliveries: Vec<Place>,
    /// The data.
    pub(super) data: Option<DataLines>,
}

pub(super) fn check(job: &Job, lines: &Lines) -> Result<(), JobError> {
    keys(job, lines)?;
    sets(job, lines)?;
    names(job, lines)?;
    files(job, lines)?;
    count(job, lines)
}

fn keys(job: &Job, lines: &Lines) -> Result<(), JobError> {
    known(job.domain, &job.target.key, lines.target)?;
    for (delivery, place) in job.deliveries.iter().zip(&lines.deliveries) {
        known(job.domain, &delivery.key, place.key)?;
    }
    let key = job.data.as_ref().and_then(|data| data.key.as_ref());
    let Some((key, line)) = key.zip(lines.data.as_ref().and_then(|data| data.key)) else { return Ok(()) };
    known(job.domain, key, line)?;
    match key {
        KeyRef { scheme: Scheme::Plain, source: Source::Vault(_), kvn: None } => Ok(()),
        _ => Err(JobError::DataKey { line }),
    }
}

/// Whether a key can be used at all in a job of that domain.
fn known(domain: Domain, key: &KeyRef, line: usize) -> Result<(), JobError> {
    match (&key.source, domain) {
        (Source::Fd(_) | Source::Prompt, _) => Err(JobError::Once { line }),
        (Source::GpTest, Domain::Live) => Err(JobError::WellKnown { line }),
        (Source::GpTest, Domain::Test) | (Source::Vault(_) | Source::File(_), _) => Ok(()),
    }
}

fn sets(job: &Job, lines: &Lines) -> Result<(), JobError> {
    let target = &job.target;
    if target.key.kvn.is_some() {
        return Err(JobError::TargetSet { line: lines.target });
    }
    if target.replace && target.retire {
        return Err(JobError::ReplaceAndRetire { line: lines.target });
    }
    let same = |(delivery, _): &(&Delivery, &Place)| delivery.key.kvn == Some(target.kvn) && !target.replace;
    let same = job.deliveries.iter().zip(&lines.deliveries).find(same);
    same.map_or(Ok(()), |(_, place)| Err(JobError::SameSet { line: place.key }))
}

fn names(job: &Job, lines: &Lines) -> Result<(), JobError> {
    if job.deliveries.is_empty() {
        return Err(JobError::NoDelivery);
    }
    let mut names = BTreeSet::new();
    let twice = job.deliveries.iter().zip(&lines.deliveries).find(|(delivery, _)| !names.insert(&delivery.name));
    twice.map_or(Ok(()), |(_, place)| Err(JobError::DeliveryTwice { line: place.name }))
}

fn files(job: &Job, lines: &Lines) -> Result<(), JobError> {
    let listed = job.deliveries.iter().zip(&lines.deliveries);
    let listed = listed.filter(|(delivery, _)| delivery.is_listed()).map(|(_, place)| place.cards);
    let mut files = BTreeSet::new();
    // The lists, then the data, as `files` has them.
    let twice =
        job.files().zip(listed.chain(lines.data.iter().map(|data| data.file))).find(|(file, _)| !files.insert(*file));
    twice.map_or(Ok(()), |(_, line)| Err(JobError::FileTwice { line }))
}

/// Counted deliveries alone: how many a list has is known when it is read.
fn count(job: &Job, lines: &Lines) -> Result<(), JobError> {
    let mut left = CARDS_MAX;
    for (delivery, place) in job.deliveries.iter().zip(&lines.deliveries) {
        if let Cards::Any(count) = delivery.cards {
            let rest = left.checked_sub(count).filter(|_| count > 0);
            left = rest.ok_or(JobError::Count { line: place.cards })?;
        }
    }
    Ok(())
}
