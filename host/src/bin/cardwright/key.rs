//! `cardwright key`: keys in vaults and files. No key is ever shown, check values are.

use crate::advice::Failure;
use crate::args::{GenerateArgs, ImportArgs, KeyCommand, KeyText, ListArgs, SpecArgs};
use crate::config::Settings;
use crate::office::{Office, with_office};
use crate::{derive, life, output, setup, show};
use cardwright_hsm::{OpenVault, load_key, random_material, write_key_file};
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::{KeyRef, Name, Scheme, Source, VaultKey};
use cardwright_keys::lifecycle::{Act, State};
use cardwright_keys::vault::{Kcvs, KeyInfo, KeySpec, VaultError};
use serde_json::{Value, json};
use std::borrow::BorrowMut;
use std::fmt::Write;
use std::path::Path;

pub(crate) fn run(settings: &Settings, command: &KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Generate(args) => generate(settings, args),
        KeyCommand::Import(args) => import(settings, args),
        KeyCommand::List(args) => list(settings, args),
        KeyCommand::Show(args) => show::run(settings, args),
        KeyCommand::Derive(args) => derive::run(settings, args),
        KeyCommand::Activate(args) => life::activate(settings, args),
        KeyCommand::Suspend(args) => life::step(settings, Act::Suspend, args),
        KeyCommand::Reactivate(args) => life::step(settings, Act::Reactivate, args),
        KeyCommand::Deactivate(args) => life::step(settings, Act::Deactivate, args),
        KeyCommand::Confirm(args) => life::step(settings, Act::Confirm, args),
        KeyCommand::Compromise(args) => life::compromise(settings, args),
        KeyCommand::Destroy(args) => life::destroy(settings, args),
        KeyCommand::Rotate(args) => life::rotate(settings, args),
        KeyCommand::Wrapped(args) => life::wrapped(settings, args),
        KeyCommand::Due(args) => life::due_soon(settings, args),
    }
}

const fn spec(args: &SpecArgs) -> KeySpec {
    KeySpec { purpose: args.purpose, key_type: args.key_type, portable: args.portable }
}

/// What a reference names that stands for nothing but a place: no diversification, no set on a card.
pub(crate) fn place(text: &KeyText) -> Result<Source, Failure> {
    match setup::key_ref(text)? {
        KeyRef { scheme: Scheme::Plain, source, kvn: None } => Ok(source),
        other => Err(Failure::NotAPlace(other.to_string())),
    }
}

pub(crate) fn in_vault(text: &KeyText) -> Result<VaultKey, Failure> {
    match place(text)? {
        Source::Vault(key) => Ok(key),
        _ => Err(Failure::NotAPlace(setup::key_ref(text)?.to_string())),
    }
}

/// A key as it is asked for by name: its versions are numbered here, not by whoever names it.
pub(crate) fn fresh(key: VaultKey) -> Result<VaultKey, Failure> {
    let kept = VaultKey::from_kept(key.vault.clone(), &key.key);
    if key.version.is_some() || kept.version != Some(1) { Err(Failure::Numbered(key)) } else { Ok(key) }
}

/// Makes the next version of a key in its vault, and registers it.
pub(crate) fn make(
    settings: &Settings,
    office: &mut Office,
    (vault, key): (&mut OpenVault, &VaultKey),
    (spec, why, beside): (KeySpec, &str, bool),
) -> Result<(VaultKey, KeyInfo), Failure> {
    let operation = office.control().beginning(key, Act::Generate, (spec, None), beside)?;
    let permit = office.permit(settings, &operation, why)?;
    let resumed = office.control().was_intended(&operation)?;
    office.control().intend(&permit)?;
    let info = match vault.generate(&permit, spec) {
        // An earlier run was stopped between the vault and the registry: it is there, and nobody has used it.
        Err(VaultError::Exists(name)) if resumed => listed(vault, &name, spec)?,
        other => other?,
    };
    let kcvs = info.kcvs.as_ref().map(ToString::to_string);
    office.control().begin(&permit, spec, kcvs, why)?;
    Ok((operation.key, info))
}

/// What a vault says of a key that it has, where it is what was asked for.
fn listed(vault: &OpenVault, name: &Name, spec: KeySpec) -> Result<KeyInfo, Failure> {
    let found = vault.list()?.into_iter().find(|info| info.name == *name && info.spec == spec);
    found.ok_or_else(|| VaultError::Exists(name.clone()).into())
}

/// Where nobody else has to approve it, a new key is active at once, unless it is asked to wait.
fn activate_now(settings: &Settings, office: &mut Office, key: &VaultKey, wait: bool) -> Result<State, Failure> {
    if wait || office.rules.needs(Act::Activate).is_some() {
        return Ok(State::PreOperational);
    }
    let version = office.control().version(key)?;
    let operation = office.control().operation(&version, Act::Activate, None)?;
    let permit = office.permit(settings, &operation, "made for use at once")?;
    office.control().intend(&permit)?;
    office.control().step(&permit, "made for use at once")?;
    Ok(State::Active)
}

fn generate(settings: &Settings, args: &GenerateArgs) -> Result<(), Failure> {
    let spec = spec(&args.spec);
    match place(&args.key)? {
        Source::Vault(key) => {
            let key = fresh(key)?;
            let (key, info, state) = with_office(settings, |office| {
                let mut vault = setup::open_vault(settings, &key.vault)?;
                let (key, info) = make(settings, office, (&mut vault, &key), (spec, &args.reason, false))?;
                let state = activate_now(settings, office, &key, args.pre_operational)?;
                Ok((key, info, state))
            })?;
            print(settings.json, "made", (&key, state), &info)
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
    let key = fresh(in_vault(&args.key)?)?;
    let from = setup::key_ref(&args.from)?;
    place(&args.from)?;
    let spec = spec(&args.spec);
    let (key, info, state) = with_office(settings, |office| {
        let material = load_key(&from, &mut setup::Terminal)?;
        let open = || setup::open_vault(settings, &key.vault);
        take_in(
            settings,
            office,
            open,
            &key,
            &Taken { spec, material, reason: &args.reason, wait: args.pre_operational },
        )
    })?;
    print(settings.json, "imported", (&key, state), &info)
}

/// A key that comes into a vault.
pub(crate) struct Taken<'r> {
    pub(crate) spec: KeySpec,
    pub(crate) material: KeyMaterial,
    pub(crate) reason: &'r str,
    /// It is not activated yet.
    pub(crate) wait: bool,
}

/// Takes a key into a vault, and registers it. The vault is opened once the rules allow it.
pub(crate) fn take_in<V: BorrowMut<OpenVault>>(
    settings: &Settings,
    office: &mut Office,
    open: impl FnOnce() -> Result<V, Failure>,
    key: &VaultKey,
    taken: &Taken<'_>,
) -> Result<(VaultKey, KeyInfo, State), Failure> {
    let &Taken { spec, ref material, reason, wait } = taken;
    let kcvs = Kcvs::of(material, spec.key_type.algorithm()).map_err(|_| Failure::NoCheckValue)?;
    let operation = office.control().beginning(key, Act::Import, (spec, Some(&kcvs)), false)?;
    let permit = office.permit(settings, &operation, reason)?;
    let mut opened = open()?;
    let vault = opened.borrow_mut();
    let resumed = office.control().was_intended(&operation)?;
    office.control().intend(&permit)?;
    let info = match vault.import(&permit, spec, material) {
        Err(VaultError::Exists(name)) if resumed => same(vault, &name, spec, kcvs)?,
        other => other?,
    };
    let kcvs = info.kcvs.as_ref().map(ToString::to_string);
    office.control().begin(&permit, spec, kcvs, reason)?;
    let state = activate_now(settings, office, &operation.key, wait)?;
    Ok((operation.key, info, state))
}

/// As [`listed`], where it has these check values too.
fn same(vault: &OpenVault, name: &Name, spec: KeySpec, kcvs: Kcvs) -> Result<KeyInfo, Failure> {
    let info = listed(vault, name, spec)?;
    if info.kcvs == Some(kcvs) { Ok(info) } else { Err(VaultError::Exists(name.clone()).into()) }
}

/// What a vault keeps, with the state that the registry knows: `None` for what nobody registered, and in it for a history
/// that is not believed.
type Listed = (VaultKey, Option<Option<State>>, KeyInfo);

fn list(settings: &Settings, args: &ListArgs) -> Result<(), Failure> {
    let vaults: Vec<&Name> = match &args.vault {
        Some(name) => vec![name],
        None => settings.vaults.keys().collect(),
    };
    let keys = with_office(settings, |office| {
        let mut keys: Vec<Listed> = Vec::new();
        let states = office.control().states()?;
        for vault in vaults {
            for info in setup::open_vault(settings, vault)?.list()? {
                let key = VaultKey::from_kept(vault.clone(), &info.name);
                keys.push((key.clone(), states.get(&key).copied(), info));
            }
        }
        Ok(keys)
    })?;
    if settings.json {
        let keys: Vec<_> = keys.iter().map(|(key, state, info)| info_json((key, *state), info)).collect();
        return output::json(&json!({ "keys": keys }));
    }
    let mut out = String::new();
    for (key, state, info) in &keys {
        out.push_str(&info_text((key, *state), info));
    }
    if keys.is_empty() {
        out.push_str("no keys\n");
    }
    output::text(&out)
}

fn print(json: bool, result: &str, (key, state): (&VaultKey, State), info: &KeyInfo) -> Result<(), Failure> {
    if json {
        let mut object = info_json((key, Some(Some(state))), info);
        object["result"] = result.into();
        return output::json(&object);
    }
    output::text(&info_text((key, Some(Some(state))), info))
}

pub(crate) fn info_json((key, state): (&VaultKey, Option<Option<State>>), info: &KeyInfo) -> Value {
    let KeySpec { purpose, key_type, portable } = info.spec;
    json!({
        "key": format!("vault:{}/{}", key.vault, key.key),
        "version": key.version,
        "state": state.map(|state| state.map_or("not believed", State::name)),
        "purpose": purpose.name(),
        "type": key_type.name(),
        "portable": portable,
        "kcv": info.kcvs.as_ref().map(kcvs_json),
        "kcv_algorithm": key_type.algorithm().name(),
        "custody": info.custody.to_string(),
    })
}

pub(crate) fn info_text((key, state): (&VaultKey, Option<Option<State>>), info: &KeyInfo) -> String {
    let KeySpec { purpose, key_type, portable } = info.spec;
    let state = state.map_or("not registered", |state| state.map_or("not believed", State::name));
    let version = key.version.unwrap_or(1);
    let mut out = format!("vault:{}/{}  {purpose} {key_type}, version {version}, {state}", key.vault, key.key);
    if portable {
        out.push_str(", portable");
    }
    let kcvs = info.kcvs.as_ref().map_or_else(|| "not computed".to_owned(), kcvs_text);
    let _ = writeln!(out, "\n  KCV {kcvs} ({}); custody: {}", key_type.algorithm().name(), info.custody);
    out
}

pub(crate) fn kcvs_json(kcvs: &Kcvs) -> Value {
    match kcvs {
        Kcvs::One(kcv) => kcv.to_string().into(),
        Kcvs::Set(set) => output::kcvs(set),
    }
}

pub(crate) fn kcvs_text(kcvs: &Kcvs) -> String {
    match kcvs {
        Kcvs::One(kcv) => kcv.to_string(),
        Kcvs::Set(set) => format!("{} {} {}", set.enc, set.mac, set.dek),
    }
}
