//! `ceremony verify`: transcripts checked offline, on any computer. Neither configuration nor state is looked at.

use super::report::verdict_json;
use crate::advice::Failure;
use crate::args::{GivenArgs, VerifyArgs};
use crate::output;
use cardwright_keys::ceremony::verify::{Given, verify_all};
use cardwright_keys::ceremony::words::Fingerprint;
use cardwright_proto::custody::Hash;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

pub(crate) fn run(json: bool, args: &VerifyArgs) -> Result<(), Failure> {
    let read =
        |path: &std::path::PathBuf| std::fs::read(path).map_err(|error| Failure::File { path: path.clone(), error });
    let transcripts = args.transcripts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let transcripts: Vec<&[u8]> = transcripts.iter().map(Vec::as_slice).collect();
    let revoked = revoked(&args.given)?;
    let given = given(&args.given, &revoked)?;
    let verdicts = verify_all(&transcripts, &given).map_err(|error| {
        let path = error.transcript.checked_sub(1).and_then(|at| args.transcripts.get(at));
        Failure::TranscriptRefused { path: path.cloned().unwrap_or_default(), refusal: error.refusal }
    })?;
    if json {
        return output::json(&json!({ "verdicts": verdicts.iter().map(verdict_json).collect::<Vec<_>>() }));
    }
    let mut out = String::new();
    for (path, verdict) in args.transcripts.iter().zip(&verdicts) {
        let _ = writeln!(out, "{}", output::harmless(&path.display().to_string()));
        for line in verdict.to_string().lines() {
            let _ = writeln!(out, "  {}", output::harmless(line));
        }
    }
    out.push_str(
        "what this does not say: that people were there, that the times are right, what code is on the cards\n",
    );
    output::text(&out)
}

/// What is known from elsewhere.
pub(super) fn given<'r>(args: &GivenArgs, revoked: &'r [Hash]) -> Result<Given<'r>, Failure> {
    Ok(Given {
        ca: fingerprint("--ca", args.ca.as_deref())?,
        plan: fingerprint("--plan", args.plan.as_deref())?,
        head: fingerprint("--head", args.head.as_deref())?,
        prev: args.prev.as_deref().map(|text| hash(text).ok_or(Failure::Fingerprint("--prev"))).transpose()?,
        revoked,
    })
}

/// Certificates that are not to be used.
pub(super) fn revoked(args: &GivenArgs) -> Result<Vec<Hash>, Failure> {
    Ok(args.revoked.as_deref().map(hashes).transpose()?.unwrap_or_default())
}

fn fingerprint(option: &'static str, text: Option<&str>) -> Result<Option<Fingerprint>, Failure> {
    text.map(|text| text.parse().map_err(|_| Failure::Fingerprint(option))).transpose()
}

fn hash(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text.trim(), &mut hash).ok().map(|()| hash)
}

/// A hash on each line; empty lines and what begins with # are left out.
fn hashes(path: &Path) -> Result<Vec<Hash>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::File { path: path.to_owned(), error })?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| hash(line).ok_or(Failure::Fingerprint("--revoked"))).collect()
}
