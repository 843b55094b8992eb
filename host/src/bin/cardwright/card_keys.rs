//! `cardwright card keys put` and `check`

use crate::advice::Failure;
use crate::args::{CheckArgs, PutArgs};
use crate::config::Settings;
use crate::{output, setup};
use cardwright::books::Books;
use cardwright::candidates::{self, Verdict};
use cardwright::error::Error;
use cardwright::identify::greet;
use cardwright::rotate::{KeptKey, Path, Report, Request, Rotation};
use cardwright::session::{Initialized, initialize};
use cardwright::world::Os;
use cardwright_hsm::ensure_durable;
use cardwright_keys::keyref::{KeyRef, Source};
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::gp::put_key::BlockForm;
use serde_json::json;
use std::fmt::Write;

/// Loads new keys, or finishes an interrupted change.
pub(crate) fn put(settings: &Settings, args: &PutArgs) -> Result<(), Failure> {
    let (current, new) = (setup::key_ref(&args.key)?, setup::key_ref(&args.new)?);
    if matches!(new.source, Source::Fd(_) | Source::Prompt) {
        return Err(Failure::NotKept(new.to_string()));
    }
    if let Some(kvn) = new.kvn {
        return Err(Failure::KvnOfNew(kvn));
    }
    if args.dry_run {
        setup::with_keys(|| setup::load_keys(settings, [&current, &new]).map(|_| ()))?;
        return dry_run(settings, args, &current, &new);
    }
    let given = new.clone();
    let report = setup::with_keys(|| change(settings, args, current, in_full(new)?))?;
    if settings.json {
        return output::json(&report_json(&report));
    }
    // A path as it was given; a vault's key with the version that it turned out to be.
    let kept_in =
        if matches!(given.source, Source::Vault(_)) { report.change.kept_in.clone() } else { given.to_string() };
    output::text(&report_text(&report, &kept_in))
}

/// With an absolute path: what the journal says has to hold in any directory.
fn in_full(mut key: KeyRef) -> Result<KeyRef, Failure> {
    if let Source::File(path) = &mut key.source {
        *path = std::path::absolute(&path).map_err(|error| Failure::File { path: path.clone(), error })?;
    }
    Ok(key)
}

fn change(settings: &Settings, args: &PutArgs, current: KeyRef, new: KeyRef) -> Result<Report, Failure> {
    let vault = setup::load_keys(settings, [&current, &new])?;
    setup::readable(&vault, [&current])?;
    let new = KeptKey::after(setup::newest(&vault, &new)?, make_durable)?;
    let mut kept = setup::open_books(settings)?;
    let mut books = Books::new(&mut *kept.journal, &mut *kept.audit, &Os);
    let mut card = setup::open_card(settings)?;
    let choices = setup::choices(&args.channel, args.level);
    let form = if args.bare { BlockForm::Bare } else { BlockForm::WithLength };
    if candidates::well_known(new.key()) {
        tracing::warn!("the new keys are the public test keys: anybody can use this card");
    }
    let kept_in = new.key().to_string();
    let (replace, abandon_pending) = (args.replace, args.abandon_pending);
    let request = Request { current, new, target: args.kvn, replace, abandon_pending, form };
    let mut rotation =
        Rotation { card: &mut card, vault: &vault, books: &mut books, entropy: &mut Os, choices: &choices };
    let before = rotation.books.open_changes()?;
    let done = rotation.run(&request);
    // From PUT KEY on, whatever went wrong leaves open which keys the card has, and the journal knows the change.
    let open = |books: &Books<'_>| match books.open_changes() {
        Ok(after) => after.iter().any(|open| open.sent && open.change.kept_in == kept_in && !before.contains(open)),
        Err(_) => true,
    };
    done.map_err(|error| match error {
        Error::EchoMismatch { .. } | Error::MismatchOnRecord { .. } | Error::OtherChangePending { .. } => error.into(),
        error if error.is_lost() || open(&books) => Failure::Interrupted(error),
        error => error.into(),
    })
}

/// A file is made durable; the test keys are printed in every specification; a vault has its keys for good.
pub(crate) fn make_durable(key: &KeyRef) -> Result<(), Failure> {
    match &key.source {
        Source::File(path) => Ok(ensure_durable(path)?),
        // A vault's keys are durable from the moment that they have a name.
        Source::GpTest | Source::Vault(_) => Ok(()),
        Source::Fd(_) | Source::Prompt => Err(Failure::NotKept(key.to_string())),
    }
}

fn report_json(report: &Report) -> serde_json::Value {
    let path = match report.path {
        Path::Loaded => "loaded",
        Path::Finished => "finished",
        Path::AlreadyThere => "already-there",
    };
    let proofs = report.proofs.map(|proof| proof.to_string());
    json!({
        "card": report.change.card.0,
        "result": path,
        "old": (report.path != Path::AlreadyThere)
            .then(|| json!({ "kvn": format!("0x{:02X}", report.change.old.kvn), "kcvs": report.change.old.kcvs })),
        "kvn": format!("0x{:02X}", report.change.new.kvn),
        "replaced": report.change.replace,
        "kcv": output::kcvs(&report.kcvs),
        "kcv_algorithm": "AES",
        "proofs": { "enc": proofs.enc, "mac": proofs.mac, "dek": proofs.dek },
        "level": format!("{:02X}", report.level.byte()),
        "kept_in": report.change.kept_in,
        "custody": report.custody.to_string(),
        "first_sight_of_counter": report.first_sight,
    })
}

fn report_text(report: &Report, kept_in: &str) -> String {
    let mut out = String::new();
    let set = report.change.new.kvn;
    let what = match report.path {
        Path::Loaded if report.change.replace => {
            format!("set 0x{:02X} replaced by set 0x{set:02X}", report.change.old.kvn)
        }
        Path::Loaded => format!("set 0x{set:02X} loaded"),
        Path::Finished => format!("set 0x{set:02X} was on the card already: an interrupted change is finished"),
        Path::AlreadyThere => format!("set 0x{set:02X} is on the card already: nothing was changed"),
    };
    let _ = writeln!(out, "card {}", report.change.card);
    let _ = writeln!(out, "{what}; verified at security level {:02X}", report.level.byte());
    let names = ["ENC", "MAC", "DEK"];
    for ((name, kcv), proof) in names.iter().zip(report.kcvs.iter()).zip(report.proofs.iter()) {
        let _ = writeln!(out, "  Key-{name}  KCV {kcv} (AES)  {proof}");
    }
    let _ = writeln!(out, "keys kept in {}; custody: {}", output::harmless(kept_in), report.custody);
    if report.first_sight {
        out.push_str("first sight of this set's sequence counter: it is on record now\n");
    }
    out
}

/// What would be sent. The card is not asked, so what depends on it is named, not computed.
fn dry_run(settings: &Settings, args: &PutArgs, current: &KeyRef, new: &KeyRef) -> Result<(), Failure> {
    let p1 = current.kvn.map_or(0, |kvn| kvn.byte());
    let (target, replace) = (args.kvn.byte(), args.replace);
    let put_p1 = if replace { "KVN" } else { "00" };
    let steps = [
        format!("00 A4 04 00 {}", hex::encode_upper(&args.channel.aid.0)),
        "80 CA 9F 7F".to_owned(),
        format!("80 50 {p1:02X} 00 [host challenge]"),
        "84 82 [level] 00 [host cryptogram, MAC]".to_owned(),
        format!("80 D8 {put_p1} 81 {target:02X} [3 key blocks, blanked]"),
        format!("80 50 {target:02X} 00 [host challenge]"),
        "84 82 [level] 00 [host cryptogram, MAC]".to_owned(),
        "80 F2 80 02 4F00".to_owned(),
    ];
    let undone = match current.kvn {
        _ if replace => "PUT KEY cannot be undone: the replaced keys are gone from the card",
        None | Some(Kvn::INITIAL) => {
            "PUT KEY cannot be undone: the first set that is added takes the initial keys' place"
        }
        Some(_) => "the present set stays: DELETE KEY of the new one brings the card back",
    };
    if settings.json {
        let (current, new) = (current.to_string(), new.to_string());
        return output::json(&json!({ "dry_run": steps, "current": current, "new": new, "cannot_be_undone": undone }));
    }
    let mut out = format!(
        "would load {} as set {} with {}; commands in plain form:\n",
        output::harmless(&new.to_string()),
        args.kvn,
        output::harmless(&current.to_string())
    );
    steps.iter().for_each(|step| {
        let _ = writeln!(out, "  {}", step.trim_end());
    });
    let _ = writeln!(out, "{undone}\nnothing was sent");
    output::text(&out)
}

/// Tries candidates offline.
pub(crate) fn check(settings: &Settings, args: &CheckArgs) -> Result<(), Failure> {
    let given = args.key.iter().chain(&args.more).map(setup::key_ref).collect::<Result<Vec<_>, _>>()?;
    let (initialized, verdicts) = setup::with_keys(|| try_all(settings, args, &given))?;
    print_verdicts(settings.json, &initialized, &verdicts)?;
    if verdicts.iter().any(|verdict| verdict.matched.accepted()) { Ok(()) } else { Err(Failure::NoCandidate) }
}

fn try_all(settings: &Settings, args: &CheckArgs, given: &[KeyRef]) -> Result<(Initialized, Vec<Verdict>), Failure> {
    let vault = setup::load_keys(settings, given)?;
    setup::readable(&vault, given)?;
    let mut card = setup::open_card(settings)?;
    let greeting = greet(&mut card, &args.aid.0)?;
    let kvn = given.iter().find_map(|key| key.kvn);
    if given.iter().any(|key| key.kvn.is_some() && key.kvn != kvn) {
        return Err(Failure::MixedSets);
    }
    let initialized = initialize(&mut card, &mut Os, kvn, args.mode, &greeting)?;
    let verdicts = candidates::check(&initialized, &vault, &candidates::expand(given))?;
    Ok((initialized, verdicts))
}

fn print_verdicts(json: bool, initialized: &Initialized, verdicts: &[Verdict]) -> Result<(), Failure> {
    let (card, kvn) = (initialized.card(), initialized.kvn());
    if json {
        let verdict = |v: &Verdict| {
            json!({
                "key": v.key.to_string(),
                "match": v.matched.accepted(),
                "key_mac": v.matched.key_mac,
                "key_enc": v.matched.key_enc,
                "kcv": v.kcvs.as_ref().map(output::kcvs),
            })
        };
        let candidates: Vec<_> = verdicts.iter().map(verdict).collect();
        return output::json(&json!({ "card": card.0, "kvn": kvn.to_string(), "candidates": candidates }));
    }
    let mut out = format!("card {card}, set {kvn}\n");
    for verdict in verdicts {
        let says = match (verdict.matched.key_mac, verdict.matched.key_enc) {
            _ if verdict.kcvs.is_none() => "this diversification does not work with that key",
            (false, _) => "no",
            (true, None) => "MATCH (card cryptogram)",
            (true, Some(true)) => "MATCH (card cryptogram and challenge)",
            (true, Some(false)) => "Key-MAC matches, Key-ENC does not",
        };
        let _ = writeln!(out, "  {:<40} {says}", output::harmless(&verdict.key.to_string()));
    }
    out.push_str("nothing was sent after INITIALIZE UPDATE\n");
    output::text(&out)
}
