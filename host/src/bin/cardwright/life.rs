//! `cardwright key activate | suspend | reactivate | deactivate | compromise | destroy | rotate | due`

use crate::advice::Failure;
use crate::args::{ActivateArgs, CompromiseArgs, DestroyArgs, DueArgs, JobArgs, MoveArgs, RotateArgs, WrappedArgs};
use crate::config::Settings;
use crate::office::{Office, with_office};
use crate::{key, output, setup};
use cardwright::control::job::{Exchange, JobFile};
use cardwright::control::survey::{Need, due, wrapped_under};
use cardwright::control::{ControlError, Version};
use cardwright::report::keys::needs;
use cardwright::world::{Clock, Os};
use cardwright_hsm::OpenVault;
use cardwright_keys::approval::time;
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, Period, State, Whose};
use cardwright_keys::vault::{KeySpec, VaultError};
use cardwright_registry::Registry;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// What a move came to.
struct Moved {
    key: VaultKey,
    state: State,
    /// It takes effect then.
    at: Option<u64>,
    /// Cards that have to be rotated, and the file that they stand in.
    cards: Option<u64>,
    job: Option<String>,
    /// Keys that are wrapped under it.
    wrapped: Vec<VaultKey>,
    /// The key that it is wrapped under.
    under: Option<VaultKey>,
}

impl Moved {
    fn to(key: VaultKey, state: State) -> Self {
        Self { key, state, at: None, cards: None, job: None, wrapped: Vec::new(), under: None }
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        let (key, VaultKey { vault, key: name, version }) = (format!("vault:{}", self.key), &self.key);
        let wrapped: Vec<_> = self.wrapped.iter().map(|key| format!("vault:{key}")).collect();
        if json {
            return output::json(&json!({
                "result": if self.at.is_some() { "scheduled" } else { self.state.name() },
                "key": format!("vault:{vault}/{name}"), "version": version, "state": self.state.name(),
                "active_from": self.at.map(time), "cards": self.cards, "job": self.job, "wrapped": wrapped,
                "wrapped_under": self.under.as_ref().map(|key| format!("vault:{key}")),
            }));
        }
        let mut out = match self.at {
            Some(at) => format!("{key} is {}, and is activated at {}\n", self.state, time(at)),
            None => format!("{key} is {}\n", self.state),
        };
        if let Some(cards) = self.cards {
            let _ = write!(out, "{cards} cards have keys to be rotated");
            let _ = match &self.job {
                Some(file) => writeln!(out, ": they are listed in {}", output::harmless(file)),
                None => writeln!(out, "; --job FILE lists them"),
            };
        }
        if let Some(under) = &self.under {
            out = format!("{key} is on record as wrapped under vault:{under}: it is flagged with that\n");
        }
        for key in &wrapped {
            let _ = writeln!(out, "{key} is wrapped under it: compromise and rotate that as well");
        }
        output::text(&out)
    }
}

/// A move that is nothing but a step in the history.
pub(crate) fn step(settings: &Settings, act: Act, args: &MoveArgs) -> Result<(), Failure> {
    moved(settings, act, args, None)?.print(settings.json)
}

pub(crate) fn activate(settings: &Settings, args: &ActivateArgs) -> Result<(), Failure> {
    moved(settings, Act::Activate, &args.key, args.on)?.print(settings.json)
}

fn moved(settings: &Settings, act: Act, args: &MoveArgs, on: Option<u64>) -> Result<Moved, Failure> {
    let key = key::in_vault(&args.key)?;
    with_office(settings, |office| {
        let version = office.control().meant(&key, act)?;
        make_step(settings, office, (&version, act), (&args.reason, on))
    })
}

fn make_step(
    settings: &Settings,
    office: &mut Office,
    (version, act): (&Version, Act),
    (why, on): (&str, Option<u64>),
) -> Result<Moved, Failure> {
    let operation = office.control().operation(version, act, on)?;
    let permit = office.permit(settings, &operation, why)?;
    if let Some(at) = on.filter(|at| *at > Os.now()) {
        office.control().schedule(&permit, at)?;
        return Ok(Moved { at: Some(at), ..Moved::to(operation.key, version.state) });
    }
    let mut control = office.control();
    control.intend(&permit)?;
    control.step(&permit, why)?;
    let state = control.version(&operation.key)?.state;
    if let Some(due) = version.entry.due.as_ref().filter(|_| state == State::PreOperational) {
        let (key, at) = (&operation.key, time(due.at));
        tracing::warn!(
            "{key} was to be active from {at}: that date is off, `cardwright key activate --on` sets it again"
        );
    }
    Ok(Moved::to(operation.key, state))
}

pub(crate) fn compromise(settings: &Settings, args: &CompromiseArgs) -> Result<(), Failure> {
    let key = key::in_vault(&args.key.key)?;
    let moved = with_office(settings, |office| {
        let version = office.control().meant(&key, Act::Compromise)?;
        let job = args.job.as_deref().map(JobFile::begin).transpose()?;
        let moved = make_step(settings, office, (&version, Act::Compromise), (&args.key.reason, None))?;
        let wrapped = wrapped_under(&office.registry, &moved.key)?;
        let mut exchanges = Vec::new();
        for from in std::iter::once(&moved.key).chain(&wrapped) {
            exchanges.push(Exchange { from: from.clone(), to: active(office, from)? });
        }
        let (cards, job) = listed(office, &exchanges, job.zip(args.job.as_deref()))?;
        Ok(Moved { cards: Some(cards), job, wrapped, ..moved })
    })?;
    moved.print(settings.json)
}

/// How many cards are to get other keys, and the job file with them where one was begun.
fn listed(
    office: &mut Office,
    exchanges: &[Exchange],
    job: Option<(JobFile, &Path)>,
) -> Result<(u64, Option<String>), Failure> {
    let mut cards = 0;
    for Exchange { from, .. } in exchanges {
        cards += office.registry.count_dependants(from)?;
    }
    let Some((job, path)) = job else { return Ok((cards, None)) };
    // The step is made: what fails from here on does not undo it.
    job.fill(&office.registry, exchanges).map_err(Failure::NotListed)?;
    Ok((cards, Some(path.display().to_string())))
}

/// The version that new cards get.
fn active(office: &mut Office, key: &VaultKey) -> Result<Option<VaultKey>, Failure> {
    let newest = versions(office, key)?.into_iter().rfind(|version| version.state == State::Active);
    Ok(newest.map(|version| version.key))
}

/// Lists the cards that have keys from any other version than the active one.
pub(crate) fn job(settings: &Settings, args: &JobArgs) -> Result<(), Failure> {
    let key = key::in_vault(&args.key)?;
    let cards = with_office(settings, |office| {
        let to = active(office, &key)?;
        let all = versions(office, &key)?.into_iter().map(|version| version.key);
        let old = all.filter(|version| Some(version) != to.as_ref() && key.version.is_none_or(|_| *version == key));
        let exchanges: Vec<_> = old.map(|from| Exchange { from, to: to.clone() }).collect();
        let job = JobFile::begin(&args.out)?;
        let (cards, _) = listed(office, &exchanges, Some((job, &args.out)))?;
        Ok(cards)
    })?;
    let file = args.out.display().to_string();
    if settings.json {
        return output::json(&json!({ "cards": cards, "job": file }));
    }
    output::text(&format!("{cards} cards have keys to be rotated: they are listed in {}\n", output::harmless(&file)))
}

/// Notes that a version is kept outside of its vault, wrapped under another key.
pub(crate) fn wrapped(settings: &Settings, args: &WrappedArgs) -> Result<(), Failure> {
    let (key, under) = (key::in_vault(&args.key.key)?, key::in_vault(&args.under)?);
    let moved = with_office(settings, |office| {
        let version = office.control().meant(&key, Act::Compromise)?;
        let under = office.control().meant(&under, Act::Compromise)?.key;
        office.control().wrapped(&version.key, &under, &args.key.reason)?;
        Ok(Moved { under: Some(under), ..Moved::to(version.key, version.state) })
    })?;
    moved.print(settings.json)
}

/// All versions of a key. One whose history is not believed is told of, and left out.
pub(crate) fn versions(office: &mut Office, key: &VaultKey) -> Result<Vec<Version>, Failure> {
    let entry = office.registry.key(key)?.ok_or_else(|| ControlError::Unregistered(key.clone()))?;
    let control = office.control();
    let mut versions = Vec::new();
    for entry in &entry.versions {
        match control.version(&key.at(entry.version)) {
            Err(ControlError::Disbelief(error)) => tracing::warn!("vault:{}: {error}", key.at(entry.version)),
            other => versions.push(other?),
        }
    }
    Ok(versions)
}

/// Why [`versions`] has not the one that is named, or none at all.
pub(crate) fn none_listed(office: &mut Office, key: &VaultKey) -> Failure {
    let entry = office.registry.key(key).ok().flatten();
    let newest = entry.and_then(|entry| entry.versions.last().map(|version| version.version));
    let named = key.at(key.version.or(newest).unwrap_or(1));
    office.control().version(&named).err().unwrap_or_else(|| ControlError::Unregistered(key.clone())).into()
}

pub(crate) fn destroy(settings: &Settings, args: &DestroyArgs) -> Result<(), Failure> {
    let key = key::in_vault(&args.key.key)?;
    let moved = with_office(settings, |office| {
        let version = match office.control().meant(&key, Act::Destroy) {
            Err(ControlError::Unregistered(_)) => return left_over(settings, office, &key, args),
            other => other?,
        };
        let cards = office.control().hanging_on(&version.key)?;
        if cards > 0 && !args.orphan_cards {
            return Err(ControlError::Orphans { key: version.key, cards }.into());
        }
        let operation = office.control().operation(&version, Act::Destroy, None)?;
        let permit = office.permit(settings, &operation, &args.key.reason)?;
        let mut vault = setup::open_vault(settings, &key.vault)?;
        if !args.yes {
            eprintln!("vault:{} is destroyed for good, and with it what only it can derive", version.key);
            setup::confirmed()?;
        }
        let resumed = office.control().was_intended(&operation)?;
        office.control().intend(&permit)?;
        match vault.destroy(&permit) {
            // An earlier run was stopped between the vault and the registry.
            Err(VaultError::UnknownKey(_)) if resumed => tracing::warn!("the vault does not have it any more"),
            other => other?,
        }
        office.control().step(&permit, &args.key.reason)?;
        Ok(Moved::to(version.key, State::Destroyed))
    })?;
    moved.print(settings.json)
}

/// What a run that was stopped left in a vault before it was registered: nobody can have used it.
fn left_over(settings: &Settings, office: &mut Office, key: &VaultKey, args: &DestroyArgs) -> Result<Moved, Failure> {
    let key = key.at(key.version.unwrap_or(1));
    let operation = office.control().left_over(&key)?;
    let permit = office.permit(settings, &operation, &args.key.reason)?;
    let mut vault = setup::open_vault(settings, &key.vault)?;
    if !args.yes {
        eprintln!("vault:{key} was left by a run that was stopped, and is destroyed");
        setup::confirmed()?;
    }
    office.control().intend(&permit)?;
    vault.destroy(&permit)?;
    office.control().done(&permit)?;
    Ok(Moved::to(key, State::Destroyed))
}

/// The next version, and its activation.
pub(crate) fn rotate(settings: &Settings, args: &RotateArgs) -> Result<(), Failure> {
    let key = key::in_vault(&args.key.key)?;
    let moved = with_office(settings, |office| {
        let before = versions(office, &key)?;
        let mut vault = setup::open_vault(settings, &key.vault)?;
        let job = args.job.as_deref().map(JobFile::begin).transpose()?;
        let waiting = before.iter().find(|version| version.state == State::PreOperational);
        let next = match waiting {
            // An earlier run made it, and was stopped or had to wait for approvals.
            Some(version) => version.clone(),
            None => next_version(settings, office, (&mut vault, &key), &args.key.reason)?,
        };
        let older = before.into_iter().map(|version| version.key).filter(|older| *older != next.key);
        let exchange = |from| Exchange { from, to: Some(next.key.clone()) };
        let exchanges: Vec<_> = older.map(exchange).collect();
        let done = make_step(settings, office, (&next, Act::Activate), (&args.key.reason, args.on))?;
        let (cards, job) = listed(office, &exchanges, job.zip(args.job.as_deref()))?;
        Ok(Moved { cards: Some(cards), job, ..done })
    })?;
    moved.print(settings.json)
}

fn next_version(
    settings: &Settings,
    office: &mut Office,
    (vault, key): (&mut OpenVault, &VaultKey),
    why: &str,
) -> Result<Version, Failure> {
    let Some(newest) = versions(office, key)?.pop() else { return Err(none_listed(office, key)) };
    let kept = newest.key.kept_as().ok();
    let portable = vault.list()?.into_iter().any(|info| Some(&info.name) == kept.as_ref() && info.spec.portable);
    let spec = KeySpec { purpose: newest.of.purpose, key_type: newest.of.key_type, portable };
    let made = key::make(settings, office, (vault, key), (spec, why, true))?;
    Ok(office.control().version(&made.0)?)
}

/// What is due.
pub(crate) fn due_soon(settings: &Settings, args: &DueArgs) -> Result<(), Failure> {
    let found = with_office(settings, |office| {
        let mut found = Vec::new();
        for entry in office.registry.keys()? {
            found.extend(versions(office, &entry.key)?);
        }
        Ok(found)
    })?;
    let now = Os.now();
    let due: Vec<_> = found.iter().filter_map(|version| Some((version, due(version, now, args.within)?))).collect();
    if settings.json {
        let due: Vec<_> = due.iter().map(|(version, need)| need_json(version, need)).collect();
        return output::json(&json!({ "due": due }));
    }
    let mut out = String::new();
    for (version, need) in &due {
        let _ = writeln!(out, "vault:{} ({}): {}", version.key, version.state, need_text(need));
    }
    if due.is_empty() {
        out.push_str("nothing is due\n");
    }
    output::text(&out)
}

fn need_json(version: &Version, need: &Need) -> Value {
    let (what, seconds) = match need {
        Need::Activation(at) => ("activation", Value::from(time(*at))),
        Need::Usage(Period::Ending(whose, left)) => (usage(*whose), Value::from(*left)),
        Need::Usage(Period::Over(whose, ago)) => (usage(*whose), Value::from(-i64::try_from(*ago).unwrap_or(i64::MAX))),
        Need::Usage(Period::Running) => ("nothing", Value::Null),
    };
    let key = format!("vault:{}", version.key);
    json!({ "key": key, "state": version.state.name(), "what": what, "in": seconds })
}

const fn usage(whose: Whose) -> &'static str {
    match whose {
        Whose::Originator => "end of originator usage",
        Whose::Recipient => "end of recipient usage",
    }
}

/// What it is, and what a person does about it.
pub(crate) fn need_text(need: &Need) -> String {
    let what = needs(need);
    match need {
        Need::Usage(Period::Ending(Whose::Originator, _) | Period::Over(Whose::Originator, _)) => {
            format!("{what}: `cardwright key rotate`")
        }
        Need::Usage(Period::Ending(Whose::Recipient, _) | Period::Over(Whose::Recipient, _)) => {
            format!("{what}: give its cards other keys, then destroy it")
        }
        _ => what,
    }
}
