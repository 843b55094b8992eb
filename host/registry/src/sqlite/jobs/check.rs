//! Jobs looked through.

use super::count::{self, Count, Tally, has_ended};
use super::{people, read};
use crate::jobs::{AttemptEntry, JobEntry, RecordEntry};
use crate::sqlite::check::{every, note};
use crate::sqlite::row::{Wrong, first, reading, rows, word};
use crate::{Finding, RegistryError};
use cardwright_keys::job::{Domain, RecordState};
use cardwright_keys::keyref::Name;
use rusqlite::Connection;

/// Everything about jobs.
pub(in crate::sqlite) fn check(db: &Connection, findings: &mut Vec<Finding>) -> Result<(), RegistryError> {
    let mut jobs = Vec::new();
    every(db, findings, &format!("{} ORDER BY id", read::JOB), |row| {
        jobs.push(read::job(db, row)?);
        Ok(())
    })?;
    for job in &jobs {
        let found = of_job(db, job, findings)?;
        note(kept(db, job, &found), findings)?;
    }
    every(db, findings, "SELECT issuer, domain FROM job_keys", |row| {
        let read = || Ok((word::<Name>(row, 0)?, word::<Domain>(row, 1)?));
        read().map(drop).map_err(|wrong: Wrong| wrong.at("job_keys"))
    })?;
    every(db, findings, people::RUN, |row| people::entry(row).map(drop))?;
    every(db, findings, people::STATEMENT, |row| people::statement(db, row).map(drop))?;
    let sql = "SELECT DISTINCT s.id FROM statements s JOIN (SELECT statement FROM attempts
               UNION ALL SELECT statement FROM records UNION ALL SELECT statement FROM jobs) ON statement = s.id
               WHERE s.used = 0";
    every(db, findings, sql, |row| {
        let id: i64 = row.get(0).map_err(reading)?;
        Err(Wrong::from("it has served, and is not marked so").at(format!("statements, row {id}")))
    })
}

/// Looks at the records of a job and their attempts, and counts them.
fn of_job(db: &Connection, job: &JobEntry, findings: &mut Vec<Finding>) -> Result<Tally, RegistryError> {
    let id = job.id.0;
    let (mut tally, mut next, mut counted) = (Tally::default(), 1, 0_u64);
    let mut of_delivery = vec![0_u64; job.deliveries.len()];
    rows(db, &format!("{} WHERE job = ?1 ORDER BY number", read::RECORD), [id], |row| {
        let looked = read::record(row).and_then(|record| {
            // Most records have none, while a job is young.
            let attempts = if record.attempts == 0 { Vec::new() } else { read::attempts_of(db, id, record.number)? };
            counted += attempts.len() as u64;
            count(&mut tally, &record, &attempts);
            let in_turn = std::mem::replace(&mut next, record.number + 1) == record.number;
            let delivery = usize::try_from(record.delivery).ok().and_then(|delivery| of_delivery.get_mut(delivery));
            if let Some(count) = delivery {
                *count += 1;
            }
            let agrees = if in_turn { agree(&record, &attempts) } else { Err("one before it is not there".into()) };
            agrees.map_err(|wrong| wrong.at(format!("records, job {id}, record {}", record.number)))
        });
        note(looked, findings)?;
        Ok(true)
    })?;
    for ((name, _, cards), found) in
        job.deliveries.iter().zip(of_delivery).filter(|((.., cards), found)| cards != found)
    {
        let what = format!("delivery {name} has {cards} cards, and {found} records");
        findings.push(Finding { place: format!("job_deliveries of job {id}"), what });
    }
    let all =
        first(db, "SELECT count(*) FROM attempts WHERE job = ?1", [id], |row| row.get::<_, i64>(0).map_err(reading))?;
    if all.is_some_and(|all| all.unsigned_abs() != counted) {
        let what = "there are others than those of its records".to_owned();
        findings.push(Finding { place: format!("attempts, job {id}"), what });
    }
    Ok(tally)
}

/// What a record and its attempts count for.
fn count(tally: &mut Tally, record: &RecordEntry, attempts: &[AttemptEntry]) {
    tally.add(Count::Record(record.state), 1);
    for attempt in attempts {
        tally.add(Count::of(attempt.state, attempt.step), 1);
        if attempt.state == RecordState::Rejected {
            tally.add(attempt.fate.map_or(Count::Unfated, Count::Chip), 1);
            // Another chip was taken up since, or is to be.
            if attempt.number < record.attempts || record.remade {
                tally.add(Count::Spare, 1);
            }
        }
    }
    tally.add(Count::Remade, i64::from(record.remade && record.state == RecordState::Rejected));
    let last = attempts.last().map_or(RecordState::Pending, |attempt| attempt.state);
    if record.state == RecordState::Cancelled && (record.remade || last == RecordState::Pending) {
        tally.add(Count::Blank, 1);
    }
}

/// Whether a record is what its attempts say.
fn agree(record: &RecordEntry, attempts: &[AttemptEntry]) -> Result<(), Wrong> {
    let numbers = attempts.iter().map(|attempt| attempt.number);
    if !numbers.eq(1..=record.attempts) {
        return Err("its attempts are not all there".into());
    }
    let given_up = |attempt: &AttemptEntry| match attempt.state {
        RecordState::Pending => true,
        RecordState::Rejected => attempt.fate.is_some(),
        _ => false,
    };
    let (last, before) = attempts.split_last().map_or((None, attempts), |(last, before)| (Some(last), before));
    if !before.iter().all(given_up) {
        return Err("a card was taken up while another was not given up".into());
    }
    let fits = match record.state {
        RecordState::Pending => last.is_none_or(|last| last.state == RecordState::Pending),
        RecordState::Cancelled => last.is_none_or(given_up),
        state => last.is_some_and(|last| last.state == state),
    };
    let rejected = last.is_some_and(|last| last.state == RecordState::Rejected && last.fate.is_some());
    if !fits || (record.remade && !rejected) {
        return Err("its last attempt says otherwise".into());
    }
    match attempts.iter().all(|attempt| attempt.ended.is_some() == has_ended(attempt.state)) {
        true => Ok(()),
        false => Err("an attempt has ended, and not said when".into()),
    }
}

/// Whether the counts that are kept are those that were found.
fn kept(db: &Connection, job: &JobEntry, found: &Tally) -> Result<(), RegistryError> {
    let kept = count::read(db, job.id.0)?;
    let wrong = Count::all().find(|what| kept.of(*what) != found.of(*what));
    let place = || format!("job_counts of job {}", job.id.0);
    wrong.map_or(Ok(()), |what| {
        let (kept, found) = (kept.of(what), found.of(what));
        Err(Wrong(format!("`{}` is {kept}, and counted {found}", what.word())).at(place()))
    })
}
