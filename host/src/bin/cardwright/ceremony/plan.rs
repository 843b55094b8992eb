//! `ceremony plan`: a plan on one page, for those who are to agree on it.

use crate::advice::Failure;
use crate::args::PlanArgs;
use crate::output;
use cardwright::ceremony::CeremonyError;
use cardwright::error::Error;
use cardwright::share_file::{key_type_name, scheme_name};
use cardwright_keys::ceremony::plan::Plan;
use cardwright_keys::ceremony::words::words;
use serde_json::json;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

pub(super) fn run(json: bool, args: &PlanArgs) -> Result<(), Failure> {
    match (&args.new, &args.file) {
        (Some(new), _) => make(json, new, args),
        (None, Some(file)) => review(json, &read(file)?),
        // The arguments want one of them.
        (None, None) => Ok(()),
    }
}

/// Reads a plan's file.
pub(super) fn read(path: &Path) -> Result<Plan, Failure> {
    let source = std::fs::read(path).map_err(|error| Failure::File { path: path.to_owned(), error })?;
    let plan = Plan::parse(&source).map_err(|error| CeremonyError::Plan { path: path.to_owned(), error });
    Ok(plan.map_err(Error::from)?)
}

fn make(json: bool, path: &Path, args: &PlanArgs) -> Result<(), Failure> {
    let error = |error| Error::from(CeremonyError::Plan { path: path.to_owned(), error });
    let text = Plan::example(args.scheme, args.m, args.n).map_err(error)?;
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::FileExists(path.to_owned()),
        _ => Failure::File { path: path.to_owned(), error },
    })?;
    let file = path.display().to_string();
    if json {
        return output::json(&json!({ "result": "made", "plan": file }));
    }
    let file = output::harmless(&file);
    output::text(&format!("{file} is a plan to begin with: put in names, cards and the applet's hash\n"))
}

fn review(json: bool, plan: &Plan) -> Result<(), Failure> {
    let (hash, said) = (plan.hash(), words(&plan.hash()).to_string());
    if json {
        let person = |person: &cardwright_keys::ceremony::plan::Person| json!({ "name": person.name, "role": person.role.to_string() });
        let card = |card: &cardwright_keys::ceremony::plan::PlannedCard| {
            let identity = card.identity.map(hex::encode_upper);
            json!({ "label": card.label, "role": card.role.to_string(), "holder": card.holder, "identity": identity })
        };
        return output::json(&json!({
            "title": plan.title,
            "mode": plan.mode.name(),
            "hash": hex::encode_upper(hash),
            "words": said,
            "key": plan.key.name,
            "key_type": key_type_name(plan.key.key_type),
            "key_length": plan.key.key_length,
            "usage": plan.key.usage,
            "scheme": scheme_name(plan.scheme),
            "m": plan.m,
            "n": plan.n(),
            "waiver": plan.waiver,
            "applet": hex::encode_upper(plan.applet),
            "steps": plan.steps.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "people": plan.people.iter().map(person).collect::<Vec<_>>(),
            "cards": plan.cards.iter().map(card).collect::<Vec<_>>(),
            "revoked": plan.revoked.iter().map(|one| hex::encode_upper(one.certificate)).collect::<Vec<_>>(),
        }));
    }
    let mut out = format!("{}\n", output::harmless(&plan.title));
    let bits = u32::from(plan.key.key_length) * 8;
    let key_type = key_type_name(plan.key.key_type);
    let _ = writeln!(
        out,
        "key     {}: {key_type}, {bits} bits, usage {}",
        output::harmless(&plan.key.name),
        plan.key.usage
    );
    let _ = writeln!(out, "quorum  {} of {} shares make the key ({})", plan.m, plan.n(), scheme_name(plan.scheme));
    if let Some(waiver) = &plan.waiver {
        let _ = writeln!(out, "waiver  one lost card loses the key: {}", output::harmless(waiver));
    }
    let steps: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "steps   {}; mode {}", steps.join(", "), plan.mode);
    let _ = writeln!(out, "applet  {}", hex::encode_upper(plan.applet));
    for person in &plan.people {
        let _ = writeln!(out, "person  {}: {}", output::harmless(&person.name), person.role);
    }
    for card in &plan.cards {
        let identity = card.identity.map(|identity| format!(", identity {}", hex::encode_upper(identity)));
        let (label, holder) = (output::harmless(&card.label), output::harmless(&card.holder));
        let _ = writeln!(out, "card    {label}: {}, held by {holder}{}", card.role, identity.unwrap_or_default());
    }
    for revoked in &plan.revoked {
        let (hash, reason) = (hex::encode_upper(revoked.certificate), output::harmless(&revoked.reason));
        let _ = writeln!(out, "revoked {hash}: {reason}");
    }
    let _ =
        writeln!(out, "\nfingerprint of this plan, to be compared by all:\n  {said}\n  {}", hex::encode_upper(hash));
    output::text(&out)
}
