//! `ceremony report`: what transcripts show, as HTML to be printed. Like `verify`, it looks at files alone.

use super::report::verdict_json;
use super::verify::{given, revoked};
use crate::advice::Failure;
use crate::args::ReportArgs;
use crate::{output, report};
use cardwright::ceremony::CeremonyError;
use cardwright::ceremony::directory::Directory;
use cardwright::error::Error;
use cardwright::report::ceremony::Report;
use cardwright::world::{Clock, Os};
use cardwright_keys::ceremony::verify::Given;
use serde_json::json;
use std::path::{Path, PathBuf};

pub(crate) fn run(json: bool, args: &ReportArgs) -> Result<(), Failure> {
    let revoked = revoked(&args.given)?;
    let known = given(&args.given, &revoked)?;
    let (files, known) = match args.of.as_slice() {
        [dir] if dir.is_dir() => of_directory(dir, known)?,
        files => (files.iter().map(of_file).collect::<Result<Vec<_>, _>>()?, known),
    };
    let named: Vec<_> = files.iter().map(|(path, bytes)| (name(path), bytes.as_slice())).collect();
    let made = Report::verified(&named, &known).map_err(|error| {
        let path = error.transcript.checked_sub(1).and_then(|at| files.get(at)).map(|(path, _)| path.clone());
        Failure::TranscriptRefused { path: path.unwrap_or_default(), refusal: error.refusal }
    })?;
    report::write(&args.out, &made.render(Os.now()))?;
    let shown = args.out.display().to_string();
    if json {
        let verdicts: Vec<_> = made.verdicts().map(verdict_json).collect();
        return output::json(&json!({ "report": shown, "verdicts": verdicts }));
    }
    let verified = named.iter().map(|(name, _)| format!("{}: verified\n", output::harmless(name)));
    output::text(&format!("{}report in {}\n", verified.collect::<String>(), output::harmless(&shown)))
}

/// A file, and what is in it.
type Read = (PathBuf, Vec<u8>);

/// All transcripts of a ceremony: of the plan that is there, and from the first one on.
fn of_directory<'g>(dir: &Path, known: Given<'g>) -> Result<(Vec<Read>, Given<'g>), Failure> {
    let directory = Directory::read(dir).map_err(Error::from)?;
    // As they are: what was torn off a last line shows.
    let begun = directory.past.iter().filter(|past| !past.bytes.is_empty());
    let files = begun.map(|past| of_file(&directory.file(past))).collect::<Result<Vec<_>, _>>()?;
    if files.is_empty() {
        return Err(Error::from(CeremonyError::NothingDealt).into());
    }
    let (plan, prev) = (directory.plan.hash().into(), [0; 32]);
    Ok((files, Given { plan: known.plan.or(Some(plan)), prev: known.prev.or(Some(prev)), ..known }))
}

fn of_file(path: &PathBuf) -> Result<Read, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::File { path: path.clone(), error })?;
    Ok((path.clone(), bytes))
}

/// What a transcript is called in the report: not where somebody kept it.
fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
