//! `cardwright key`: keys in vaults and files. No key is ever shown, check values are.

use crate::advice::Failure;
use crate::args::{DestroyArgs, GenerateArgs, ImportArgs, KeyCommand, KeyText, ListArgs, ShowArgs, SpecArgs};
use crate::config::Settings;
use crate::{derive, output, setup};
use cardwright_hsm::{load_key, random_material, write_key_file};
use cardwright_keys::key::Algorithm;
use cardwright_keys::keyref::{KeyRef, Name, Scheme, Source, VaultKey};
use cardwright_keys::vault::{Kcvs, KeyInfo, KeySpec, Store};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

pub(crate) fn run(settings: &Settings, command: &KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Generate(args) => generate(settings, args),
        KeyCommand::Import(args) => import(settings, args),
        KeyCommand::List(args) => list(settings, args),
        KeyCommand::Show(args) => show(settings, args),
        KeyCommand::Derive(args) => derive::run(settings, args),
        KeyCommand::Destroy(args) => destroy(settings, args),
    }
}

const fn spec(args: &SpecArgs) -> KeySpec {
    KeySpec { purpose: args.purpose, key_type: args.key_type, portable: args.portable }
}

/// What a reference names that stands for nothing but a place: no diversification, no set on a card.
fn place(text: &KeyText) -> Result<Source, Failure> {
    match setup::key_ref(text)? {
        KeyRef { scheme: Scheme::Plain, source, kvn: None } => Ok(source),
        other => Err(Failure::NotAPlace(other.to_string())),
    }
}

fn in_vault(text: &KeyText) -> Result<VaultKey, Failure> {
    match place(text)? {
        Source::Vault(key) => Ok(key),
        _ => Err(Failure::NotAPlace(setup::key_ref(text)?.to_string())),
    }
}

/// Opens the vault, and does something with what it keeps.
fn with_store<R>(
    settings: &Settings,
    vault: &Name,
    work: impl FnOnce(&mut dyn Store) -> Result<R, Failure>,
) -> Result<R, Failure> {
    setup::with_keys(|| work(setup::open_vault(settings, vault)?.store()))
}

fn generate(settings: &Settings, args: &GenerateArgs) -> Result<(), Failure> {
    let spec = spec(&args.spec);
    match place(&args.key)? {
        Source::Vault(VaultKey { vault, key }) => {
            let made = with_store(settings, &vault, |store| Ok(store.generate(&key, spec)?))?;
            print(settings.json, "made", &vault, &made)
        }
        Source::File(path) => generate_file(settings, &path, spec),
        other => Err(Failure::NotAPlace(KeyRef { scheme: Scheme::Plain, source: other, kvn: None }.to_string())),
    }
}

fn generate_file(settings: &Settings, path: &Path, spec: KeySpec) -> Result<(), Failure> {
    let kcvs = setup::with_keys(|| {
        let material = random_material(spec)?;
        write_key_file(path, &material)?;
        Kcvs::of(&material, spec.key_type.algorithm()).map_err(|_| Failure::NoCheckValue)
    })?;
    let (file, algorithm) = (format!("file:{}", path.display()), spec.key_type.algorithm().name());
    if settings.json {
        return output::json(&json!({
            "result": "made", "key": file, "purpose": spec.purpose.name(), "type": spec.key_type.name(),
            "kcv": kcvs_json(&kcvs), "kcv_algorithm": algorithm,
        }));
    }
    let (file, what) = (output::harmless(&file), kcvs_text(&kcvs));
    output::text(&format!("{file} made: {} {}, mode 0600\n  KCV {what} ({algorithm})\n", spec.purpose, spec.key_type))
}

fn import(settings: &Settings, args: &ImportArgs) -> Result<(), Failure> {
    let VaultKey { vault, key } = in_vault(&args.key)?;
    let from = setup::key_ref(&args.from)?;
    place(&args.from)?;
    let taken = setup::with_keys(|| {
        let material = load_key(&from, &mut setup::Terminal)?;
        let mut vault = setup::open_vault(settings, &vault)?;
        Ok(vault.store().import(&key, spec(&args.spec), &material)?)
    })?;
    print(settings.json, "imported", &vault, &taken)
}

fn list(settings: &Settings, args: &ListArgs) -> Result<(), Failure> {
    let vaults: Vec<&Name> = match &args.vault {
        Some(name) => vec![name],
        None => settings.vaults.keys().collect(),
    };
    let mut keys = Vec::new();
    for vault in vaults {
        let found = with_store(settings, vault, |store| Ok(store.list()?))?;
        keys.extend(found.into_iter().map(|info| (vault, info)));
    }
    if settings.json {
        let keys: Vec<_> = keys.iter().map(|(vault, info)| info_json(vault, info)).collect();
        return output::json(&json!({ "keys": keys }));
    }
    let mut out = String::new();
    for (vault, info) in &keys {
        out.push_str(&info_text(vault, info));
    }
    if keys.is_empty() {
        out.push_str("no keys\n");
    }
    output::text(&out)
}

fn show(settings: &Settings, args: &ShowArgs) -> Result<(), Failure> {
    if let Source::Vault(VaultKey { vault, key }) = place(&args.key)? {
        let found = with_store(settings, &vault, |store| {
            let info = store.list()?.into_iter().find(|info| info.name == key);
            info.ok_or_else(|| Failure::NoKey(VaultKey { vault: vault.clone(), key: key.clone() }))
        })?;
        if settings.json {
            return output::json(&info_json(&vault, &found));
        }
        return output::text(&info_text(&vault, &found));
    }
    let key = setup::key_ref(&args.key)?;
    // What is outside says not what it is for: it may be either.
    let both = setup::with_keys(|| {
        let material = load_key(&key, &mut setup::Terminal)?;
        Ok([Algorithm::Aes, Algorithm::TripleDes].map(|algorithm| (algorithm, Kcvs::of(&material, algorithm).ok())))
    })?;
    let known = both.iter().filter_map(|(algorithm, kcvs)| Some((algorithm.name(), kcvs.as_ref()?)));
    if settings.json {
        let kcvs: serde_json::Map<_, _> = known.map(|(name, kcvs)| (name.to_owned(), kcvs_json(kcvs))).collect();
        return output::json(&json!({ "key": key.to_string(), "kcvs": kcvs, "custody": "software" }));
    }
    let mut out = format!("{}\n", output::harmless(&key.to_string()));
    known.for_each(|(name, kcvs)| {
        let _ = writeln!(out, "  KCV {} ({name})", kcvs_text(kcvs));
    });
    output::text(&out)
}

fn destroy(settings: &Settings, args: &DestroyArgs) -> Result<(), Failure> {
    let VaultKey { vault, key } = in_vault(&args.key)?;
    with_store(settings, &vault, |store| {
        if !args.yes {
            eprintln!("vault:{vault}/{key} is destroyed for good, and with it what only it can derive");
            setup::confirmed()?;
        }
        Ok(store.destroy(&key)?)
    })?;
    if settings.json {
        return output::json(&json!({ "result": "destroyed", "key": format!("vault:{vault}/{key}") }));
    }
    output::text(&format!("vault:{vault}/{key} is destroyed\n"))
}

fn print(json: bool, result: &str, vault: &Name, info: &KeyInfo) -> Result<(), Failure> {
    if json {
        let mut object = info_json(vault, info);
        object["result"] = result.into();
        return output::json(&object);
    }
    output::text(&info_text(vault, info))
}

fn info_json(vault: &Name, info: &KeyInfo) -> Value {
    let KeySpec { purpose, key_type, portable } = info.spec;
    json!({
        "key": format!("vault:{vault}/{}", info.name),
        "purpose": purpose.name(),
        "type": key_type.name(),
        "portable": portable,
        "version": info.version,
        "kcv": info.kcvs.as_ref().map(kcvs_json),
        "kcv_algorithm": key_type.algorithm().name(),
        "custody": info.custody.to_string(),
    })
}

fn info_text(vault: &Name, info: &KeyInfo) -> String {
    let KeySpec { purpose, key_type, portable } = info.spec;
    let mut out = format!("vault:{vault}/{}  {purpose} {key_type}", info.name);
    if let Some(version) = info.version {
        let _ = write!(out, ", version {version}");
    }
    if portable {
        out.push_str(", portable");
    }
    let kcvs = info.kcvs.as_ref().map_or_else(|| "not computed".to_owned(), kcvs_text);
    let _ = writeln!(out, "\n  KCV {kcvs} ({}); custody: {}", key_type.algorithm().name(), info.custody);
    out
}

fn kcvs_json(kcvs: &Kcvs) -> Value {
    match kcvs {
        Kcvs::One(kcv) => kcv.to_string().into(),
        Kcvs::Set(set) => output::kcvs(set),
    }
}

fn kcvs_text(kcvs: &Kcvs) -> String {
    match kcvs {
        Kcvs::One(kcv) => kcv.to_string(),
        Kcvs::Set(set) => format!("{} {} {}", set.enc, set.mac, set.dek),
    }
}
