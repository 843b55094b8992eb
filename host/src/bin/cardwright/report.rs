//! `cardwright report`: self-contained HTML files.

use crate::advice::Failure;
use crate::args::{KeysReportArgs, ReportCommand};
use crate::config::Settings;
use crate::office::with_office;
use crate::{life, output};
use cardwright::report::keys::{Facts, render};
use cardwright::world::{Clock, Os};
use cardwright_registry::Registry;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(crate) fn run(settings: &Settings, command: &ReportCommand) -> Result<(), Failure> {
    match command {
        ReportCommand::Keys(args) => keys(settings, args),
    }
}

fn keys(settings: &Settings, args: &KeysReportArgs) -> Result<(), Failure> {
    let (html, count) = with_office(settings, |office| {
        let mut versions = Vec::new();
        for entry in office.registry.keys()? {
            for version in life::versions(office, &entry.key)? {
                let cards = office.registry.count_dependants(&version.key)?;
                versions.push((version, cards));
            }
        }
        let requests = office.registry.requests()?;
        let facts = Facts { versions: &versions, requests: &requests, rules: &office.rules, now: Os.now() };
        Ok((render(&facts), versions.len()))
    })?;
    write(&args.out, &html)?;
    let shown = args.out.display().to_string();
    if settings.json {
        return output::json(&json!({ "report": shown, "versions": count }));
    }
    output::text(&format!("{count} versions of keys in {}\n", output::harmless(&shown)))
}

/// Writes a report into a new file.
pub(crate) fn write(path: &Path, html: &str) -> Result<(), Failure> {
    let at = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::FileExists(path.to_owned()),
        _ => Failure::File { path: path.to_owned(), error },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at)?;
    file.write_all(html.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a report is none.
        let _ = std::fs::remove_file(path);
        at(error)
    })
}
