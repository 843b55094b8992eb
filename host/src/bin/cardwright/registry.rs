//! `cardwright registry`: cards in and out of it, keys taken on, and whether it agrees with the vaults.

use crate::advice::Failure;
use crate::args::{AdoptArgs, ExportArgs, Format, KeyText, RegistryCheckArgs, RegistryCommand, RegistryImportArgs};
use crate::config::Settings;
use crate::office::{Office, with_office};
use crate::{cards, key, output, setup};
use cardwright::control::survey::compare;
use cardwright::world::{Clock, Os};
use cardwright_keys::journal::Journal;
use cardwright_keys::keyref::{Name, VaultKey};
use cardwright_keys::lifecycle::Act;
use cardwright_keys::vault::KeyInfo;
use cardwright_registry::lines::{ExportError, Writer, read_csv, read_jsonl};
use cardwright_registry::{Added, CardEntry, CardQuery, Finding, KeyEntry, Registry};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::OFlags;
use serde_json::json;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

pub(crate) fn run(settings: &Settings, command: &RegistryCommand) -> Result<(), Failure> {
    match command {
        RegistryCommand::Import(args) => import(settings, args),
        RegistryCommand::Export(args) => export(settings, args),
        RegistryCommand::Adopt(args) => adopt(settings, args),
        RegistryCommand::Check(args) => check(settings, args),
    }
}

/// Reads a file of cards from its beginning, and hands them out in batches.
fn read(
    mut file: &File,
    format: Format,
    bar: &ProgressBar,
    take: impl FnMut(Vec<CardEntry>) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    file.rewind().map_err(Failure::Unreadable)?;
    let input = BufReader::new(bar.wrap_read(file));
    match format {
        Format::Csv => read_csv(input, Os.now(), take),
        Format::Jsonl => read_jsonl(input, Os.now(), take),
    }
}

/// Twice over the file: nothing is written before every line was found good.
fn import(settings: &Settings, args: &RegistryImportArgs) -> Result<(), Failure> {
    let at = |error| Failure::File { path: args.file.clone(), error };
    // A named pipe would block the opening until somebody writes; what can be read only once is no file here.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&args.file).map_err(at)?;
    let meta = file.metadata().map_err(at)?;
    if !meta.is_file() {
        return Err(Failure::NoFile(args.file.clone()));
    }
    let csv = args.file.extension().is_some_and(|extension| extension == "csv");
    let format = args.format.unwrap_or(if csv { Format::Csv } else { Format::Jsonl });
    let bar = ProgressBar::new(meta.len() * if args.dry_run { 1 } else { 2 });
    let style = ProgressStyle::with_template("{msg:9} {bar:40} {bytes}/{total_bytes}, {eta} left");
    bar.set_style(style.unwrap_or(ProgressStyle::default_bar()));
    bar.set_message("checking");
    let lines = read(&file, format, &bar, |_| Ok(()))?;
    let mut added = Added::default();
    if !args.dry_run {
        bar.set_message("writing");
        added = with_office(settings, |office| write(office, (&file, format, lines), &bar))?;
    }
    bar.finish_and_clear();
    let Added { new, changed, known } = added;
    if settings.json {
        return output::json(&json!({ "new": new, "changed": changed, "known": known, "dry_run": args.dry_run }));
    }
    output::text(&match args.dry_run {
        true => format!("{lines} lines, every one is good; nothing was written\n"),
        false => format!("{new} new cards, {changed} with something new, {known} known already\n"),
    })
}

/// Batch by batch: what is written when something stops it is told, and on record.
fn write(
    office: &mut Office,
    (file, format, lines): (&File, Format, u64),
    bar: &ProgressBar,
) -> Result<Added, Failure> {
    office.control().note("cards.import.intended", &format!("{lines} lines"))?;
    let mut added = Added::default();
    let done = read(file, format, bar, |cards| {
        let Added { new, changed, known } = office.registry.put_cards(&cards)?;
        added = Added { new: added.new + new, changed: added.changed + changed, known: added.known + known };
        Ok(())
    });
    let how = if done.is_ok() { "all lines" } else { "stopped" };
    let told = office.control().note("cards.imported", &format!("{how}: {} new, {} changed", added.new, added.changed));
    match done {
        Err(error) => Err(Failure::ImportStopped { added, error: Box::new(error) }),
        Ok(read) if read != lines => Err(Failure::ImportStopped { added, error: Box::new(Failure::FileChanged) }),
        Ok(_) => told.map(|()| added).map_err(Failure::from),
    }
}

fn export(settings: &Settings, args: &ExportArgs) -> Result<(), Failure> {
    let query = cards::query(&args.which)?;
    with_office(settings, |office| match &args.out {
        None => written(office, args.format, &query, std::io::stdout().lock())
            .map_err(|error| not_exported(error, Failure::Output)),
        Some(path) => {
            let at = |error| Failure::File { path: path.clone(), error };
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at)?;
            let done = written(office, args.format, &query, &file).and_then(|()| Ok(file.sync_all()?));
            if done.is_err() {
                // It is a part of the cards: nobody must take it for all of them.
                let _ = std::fs::remove_file(path);
            }
            done.map_err(|error| not_exported(error, at))
        }
    })
}

fn not_exported(error: ExportError, at: impl FnOnce(std::io::Error) -> Failure) -> Failure {
    match error {
        ExportError::Io(error) => at(error),
        ExportError::Registry(error) => error.into(),
    }
}

fn written(office: &Office, format: Format, query: &CardQuery, to: impl Write) -> Result<(), ExportError> {
    let mut out = BufWriter::new(to);
    let mut writer = match format {
        Format::Csv => Writer::csv(&mut out)?,
        Format::Jsonl => Writer::jsonl(&mut out),
    };
    writer.export(&office.registry, query)?;
    Ok(out.flush()?)
}

/// Which keys of which vault are meant.
fn named(text: &KeyText) -> Result<(Name, Option<VaultKey>), Failure> {
    let whole = text.0.strip_prefix("vault:").and_then(|name| name.parse::<Name>().ok());
    match whole {
        Some(vault) => Ok((vault, None)),
        None => key::in_vault(text).map(|key| (key.vault.clone(), Some(key))),
    }
}

fn adopt(settings: &Settings, args: &AdoptArgs) -> Result<(), Failure> {
    let (vault, wanted) = named(&args.vault)?;
    let adopted = with_office(settings, |office| {
        let mut kept = setup::open_vault(settings, &vault)?.list()?;
        let key = |info: &KeyInfo| VaultKey::from_kept(vault.clone(), &info.name);
        kept.sort_by_key(|info| key(info));
        let fits = |key: &VaultKey| {
            wanted.as_ref().is_none_or(|wanted| {
                key.key == wanted.key && wanted.version.is_none_or(|version| key.version == Some(version))
            })
        };
        let mut adopted = Vec::new();
        for info in kept.iter().filter(|info| fits(&key(info))) {
            let key = key(info);
            let entry = office.registry.key(&key)?;
            let known = entry.is_some_and(|entry| entry.versions.iter().any(|one| Some(one.version) == key.version));
            if !known {
                let words = (info.spec, info.kcvs.as_ref());
                let operation = office.control().beginning(&key, Act::Adopt, words, true)?;
                if operation.key != key {
                    return Err(Failure::Gap { key, next: operation.key });
                }
                let permit = office.permit(settings, &operation, &args.reason)?;
                office.control().intend(&permit)?;
                let kcvs = info.kcvs.as_ref().map(ToString::to_string);
                office.control().begin(&permit, info.spec, kcvs, &args.reason)?;
                adopted.push(format!("vault:{key}"));
            }
        }
        Ok(adopted)
    })?;
    if settings.json {
        return output::json(&json!({ "adopted": adopted }));
    }
    let mut out: String = adopted.iter().map(|key| format!("{key} is registered, and active\n")).collect();
    if adopted.is_empty() {
        out.push_str("nothing was there that is not registered already\n");
    }
    output::text(&out)
}

/// Everything is looked at, whatever was found before.
fn check(settings: &Settings, args: &RegistryCheckArgs) -> Result<(), Failure> {
    let (findings, vaults) = with_office(settings, |office| {
        let mut findings = office.registry.check()?;
        let mut vaults = Vec::new();
        // All of the log: at opening only the last lines of a long one are looked at.
        if let Err(error) = office.control().audit.events(&mut |_| ()) {
            findings.push(Finding { place: "audit log".to_owned(), what: error.to_string() });
        }
        if let Err(error) = compared(settings, office, args, &mut findings, &mut vaults) {
            findings.push(Finding { place: "vaults and key changes".to_owned(), what: error.to_string() });
        }
        Ok((findings, vaults))
    })?;
    print_findings(settings.json, &findings, &vaults)?;
    if findings.is_empty() { Ok(()) } else { Err(Failure::Findings(findings.len())) }
}

fn compared(
    settings: &Settings,
    office: &mut Office,
    args: &RegistryCheckArgs,
    findings: &mut Vec<Finding>,
    vaults: &mut Vec<String>,
) -> Result<(), Failure> {
    let (keys, requests) = (office.registry.keys()?, office.registry.requests()?);
    for vault in settings.vaults.keys().filter(|_| !args.no_vaults) {
        match setup::open_vault(settings, vault).and_then(|vault| Ok(vault.list()?)) {
            Ok(kept) => {
                findings.extend(compare(&office.rules, vault, &kept, &keys, &requests));
                vaults.push(vault.to_string());
            }
            Err(error) => findings.push(Finding { place: format!("vault {vault}"), what: error.to_string() }),
        }
    }
    let named = |key: &&KeyEntry| !settings.vaults.contains_key(&key.key.vault);
    for key in keys.iter().filter(named).filter(|_| !args.no_vaults) {
        let what = "is registered, and the configuration names no such vault".to_owned();
        findings.push(Finding { place: format!("vault:{}", key.key), what });
    }
    for open in office.registry.open_changes().map_err(Failure::Journal)? {
        let what = format!("a key change to set 0x{:02X} has not ended: run it again", open.change.new.kvn);
        findings.push(Finding { place: format!("card {}", open.change.card), what });
    }
    Ok(())
}

fn print_findings(json: bool, findings: &[Finding], vaults: &[String]) -> Result<(), Failure> {
    if json {
        let listed: Vec<_> = findings.iter().map(|one| json!({ "place": one.place, "what": one.what })).collect();
        return output::json(&json!({ "findings": listed, "vaults": vaults }));
    }
    let mut out = String::new();
    for Finding { place, what } in findings {
        let _ = writeln!(out, "{}: {}", output::harmless(place), output::harmless(what));
    }
    let compared = if vaults.is_empty() { "no vault".to_owned() } else { vaults.join(", ") };
    if findings.is_empty() {
        out.push_str("the registry is good; ");
    }
    let _ = writeln!(out, "compared with: {compared}");
    output::text(&out)
}
