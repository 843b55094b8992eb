//! Runs that were cut off, and that no two of them are one station's: `cardwright batch recover`, and what `batch run` begins
//! with.

use super::advice::JobFailure;
use super::job::of_issuer;
use super::run::{host, tell};
use crate::advice::Failure;
use crate::args::BatchRecoverArgs;
use crate::config::Settings;
use crate::{output, registers};
use cardwright::batch::run::{in_the_middle, take_over};
use cardwright::world::{Clock, Os};
use cardwright_keys::audit::AuditSink;
use cardwright_keys::custody::hash::sha256;
use cardwright_registry::jobs::{JobEntry, Jobs};
use cardwright_registry::sqlite::SqliteRegistry;
use serde_json::json;
use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;

/// Held while a station works on a job: another process of the same name would take its cards for its own.
pub(super) fn alone(settings: &Settings, entry: &JobEntry, station: &str) -> Result<File, Failure> {
    let which = sha256(&[entry.name.to_string().as_bytes(), b"\0", station.as_bytes()]);
    let path = settings.state_dir()?.join(format!("batch-{}.lock", hex::encode(&which[..8])));
    let failed = |error| Failure::File { path: path.clone(), error };
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JobFailure::Running(station.to_owned()).into()),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// A run of this station that was cut off is logged, and wants somebody who has looked. How many cards were in its middle;
/// `None` where none was cut off.
pub(super) fn settle(
    (registry, audit): (&mut SqliteRegistry, &mut dyn AuditSink),
    entry: &JobEntry,
    station: &str,
    operator: Option<&str>,
) -> Result<Option<usize>, Failure> {
    let runs = registry.runs(entry.id)?;
    let Some(run) = runs.iter().find(|run| run.ended.is_none() && run.station == station) else { return Ok(None) };
    let Some(who) = operator else {
        let count = in_the_middle(registry, entry.id, station)?.len();
        return Err(JobFailure::CutOff { station: station.to_owned(), count }.into());
    };
    tell(audit, entry, "batch.restarted", format!("run {} was cut off; {who} goes on", run.id))?;
    let settled = take_over(registry, entry.id, station, &Os)?;
    registry.run_ended(run.id, Os.now(), "")?;
    eprintln!("run {} was cut off: {settled} cards in the middle are unknown until they are in a reader again", run.id);
    Ok(Some(settled))
}

/// Without the job's files, keys and readers: so that its cards can be told of, and it can be closed.
pub(super) fn recover(settings: &Settings, args: &BatchRecoverArgs) -> Result<(), Failure> {
    let mut registry = registers::open_registry(settings)?;
    let entry = of_issuer(settings, &registry, &args.job)?;
    let mut audit = registers::open_audit(settings)?;
    let station = args.station.clone().unwrap_or_else(host);
    let _alone = alone(settings, &entry, &station)?;
    let unknown = settle((&mut registry, &mut audit), &entry, &station, Some(&args.operator))?;
    if settings.json {
        return output::json(&json!({ "job": entry.name.to_string(), "station": station, "unknown": unknown }));
    }
    let station = output::harmless(&station);
    output::text(&match unknown {
        Some(count) => {
            format!("job {}: the run of station {station} is ended, {count} cards are unknown\n", entry.name)
        }
        None => format!("job {}: no run of station {station} was cut off\n", entry.name),
    })
}
