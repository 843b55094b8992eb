//! `cardwright batch report`: what a job came to, as files.

use super::advice::JobFailure;
use super::job::{new_dir, of_issuer};
use super::run::tell;
use crate::advice::Failure;
use crate::args::BatchReportArgs;
use crate::config::{Settings, VaultConfig};
use crate::{output, registers};
use cardwright::report::batch::{Facts, Made, ReportError, make};
use cardwright_keys::keyref::Name;
use cardwright_registry::jobs::JobEntry;
use cardwright_registry::sqlite::SqliteRegistry;
use serde_json::json;
use std::fmt::Write;
use std::fs::{File, OpenOptions, remove_dir_all};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(super) fn run(settings: &Settings, args: &BatchReportArgs) -> Result<(), Failure> {
    let registry = registers::open_registry(settings)?;
    let entry = of_issuer(settings, &registry, &args.job)?;
    let mut audit = registers::open_audit(settings)?;
    let dir = new_dir(&args.out)?;
    let done = write(settings, &registry, &entry, &dir).and_then(|made| {
        // The log names only files that are there whatever happens.
        let names: Vec<_> = made.iter().map(|one| format!("{} {}", one.name, hex::encode(one.sha256))).collect();
        tell(&mut audit, &entry, "batch.report", names.join(", "))?;
        Ok(made)
    });
    let made = done.inspect_err(|_| {
        // Half a report is none; nothing else is in a directory that was made just now.
        let _ = remove_dir_all(&dir);
    })?;
    print(settings, &entry, &dir, &made)
}

/// All files, durable.
fn write(
    settings: &Settings,
    registry: &SqliteRegistry,
    entry: &JobEntry,
    dir: &Path,
) -> Result<Vec<Made<File>>, Failure> {
    let policy = registers::policy(settings)?;
    let vaults = vaults(settings);
    let facts = Facts { operators: policy.as_ref().map(|(_, operators)| operators), vaults: &vaults };
    let mut open = |name: &str| OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join(name));
    let made = make(registry, entry, &facts, &mut open).map_err(|error| match error {
        ReportError::Registry(error) => error.into(),
        ReportError::Io { file, error } => Failure::File { path: dir.join(file), error },
        other => Failure::from(JobFailure::from(other)),
    })?;
    for one in &made {
        one.to.sync_all().map_err(|error| Failure::File { path: dir.join(one.name), error })?;
    }
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for durable in [dir, above] {
        let synced = File::open(durable).and_then(|directory| directory.sync_all());
        synced.map_err(|error| Failure::File { path: durable.to_owned(), error })?;
    }
    Ok(made)
}

/// What the configured vaults are.
fn vaults(settings: &Settings) -> Vec<(Name, String)> {
    let what = |vault: &VaultConfig| match vault {
        VaultConfig::Soft(_) => "an encrypted file; its keys pass through the computer's memory",
        VaultConfig::Pkcs11(_) => "a token (PKCS #11)",
    };
    settings.vaults.iter().map(|(name, vault)| (name.clone(), what(vault).to_owned())).collect()
}

fn print(settings: &Settings, entry: &JobEntry, dir: &Path, made: &[Made<File>]) -> Result<(), Failure> {
    let path = |one: &Made<File>| dir.join(one.name).display().to_string();
    if settings.json {
        let file = |one: &Made<File>| json!({ "file": path(one), "sha256": hex::encode(one.sha256) });
        let files: Vec<_> = made.iter().map(file).collect();
        return output::json(&json!({ "job": entry.name.to_string(), "domain": entry.domain.name(), "files": files }));
    }
    let mut out = format!("report of job {}, {} domain; SHA-256 are in the audit log, too\n", entry.name, entry.domain);
    for one in made {
        let _ = writeln!(out, "{}  {}", hex::encode(one.sha256), output::harmless(&path(one)));
    }
    output::text(&out)
}
