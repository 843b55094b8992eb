//! `cardwright key show`: what a key is, where each version is in its life, what hangs on it, what is due.

use crate::advice::Failure;
use crate::args::ShowArgs;
use crate::config::Settings;
use crate::key::{info_json, info_text, kcvs_json, kcvs_text, place};
use crate::office::{Office, with_office};
use crate::{life, output, setup};
use cardwright::control::survey::{Need, due, wrapped_under};
use cardwright::control::{ControlError, Version};
use cardwright::world::{Clock, Os};
use cardwright_hsm::load_key;
use cardwright_keys::approval::time;
use cardwright_keys::key::Algorithm;
use cardwright_keys::keyref::{Source, VaultKey};
use cardwright_keys::lifecycle::State;
use cardwright_keys::vault::{Kcvs, KeyInfo};
use cardwright_registry::Registry;
use serde_json::{Value, json};
use std::fmt::Write;

/// How far ahead is looked for what is due: 90 days.
const AHEAD: u64 = 90 * 86_400;

/// A version, with what hangs on it.
struct Shown {
    version: Version,
    info: Option<KeyInfo>,
    cards: u64,
    wrapped: Vec<VaultKey>,
    need: Option<Need>,
}

pub(crate) fn run(settings: &Settings, args: &ShowArgs) -> Result<(), Failure> {
    let Source::Vault(key) = place(&args.key)? else { return outside(settings, args) };
    let (shown, unregistered) = with_office(settings, |office| {
        let kept = setup::open_vault(settings, &key.vault)?.list()?;
        match all(office, &key, &kept) {
            Err(Failure::Control(ControlError::Unregistered(_))) => {
                let kept_as = key.kept_as().ok();
                let info = kept.into_iter().find(|info| Some(&info.name) == kept_as.as_ref());
                Ok((Vec::new(), Some(info.ok_or_else(|| Failure::NoKey(key.clone()))?)))
            }
            other => Ok((other?, None)),
        }
    })?;
    let key = key.at(key.version.unwrap_or(1));
    match (unregistered, settings.json) {
        (Some(info), true) => output::json(&info_json((&key, None), &info)),
        (Some(info), false) => output::text(&info_text((&key, None), &info)),
        (None, true) => output::json(&shown_json(&shown)),
        (None, false) => output::text(&shown_text(&shown)),
    }
}

/// All versions, or the one that is named; the active one first.
fn all(office: &mut Office, key: &VaultKey, kept: &[KeyInfo]) -> Result<Vec<Shown>, Failure> {
    let mut versions = life::versions(office, key)?;
    versions.retain(|version| key.version.is_none_or(|number| version.key.version == Some(number)));
    versions.sort_by_key(|version| (version.state != State::Active, std::cmp::Reverse(version.key.version)));
    if versions.is_empty() {
        return Err(life::none_listed(office, key));
    }
    let now = Os.now();
    let shown = versions.into_iter().map(|version| {
        let name = version.key.kept_as().ok();
        let info = kept.iter().find(|info| Some(&info.name) == name.as_ref()).cloned();
        let cards = office.registry.count_dependants(&version.key)?;
        let wrapped = wrapped_under(&office.registry, &version.key)?;
        let need = due(&version, now, AHEAD);
        Ok(Shown { version, info, cards, wrapped, need })
    });
    shown.collect()
}

fn shown_json(shown: &[Shown]) -> Value {
    let one = |shown: &Shown| {
        let Shown { version, info, cards, wrapped, need } = shown;
        let steps = version.entry.history.0.iter().map(|step| {
            json!({
                "act": step.act.name(), "at": time(step.at), "by": step.who, "reason": step.reason,
                "request": step.request.map(|nonce| nonce.to_string()),
            })
        });
        json!({
            "version": version.key.version,
            "state": version.state.name(),
            "in_vault": info.is_some(),
            "kcv": info.as_ref().and_then(|info| info.kcvs.as_ref()).map(kcvs_json),
            "custody": info.as_ref().map(|info| info.custody.to_string()),
            "portable": info.as_ref().map(|info| info.spec.portable),
            "cards": cards,
            "wraps": wrapped.iter().map(|key| format!("vault:{key}")).collect::<Vec<_>>(),
            "due": need.as_ref().map(life::need_text),
            "history": steps.collect::<Vec<_>>(),
        })
    };
    let Some(first @ Shown { version, .. }) = shown.first() else { return Value::Null };
    let mut object = one(first);
    let (key, of) = (&version.key, &version.of);
    object["key"] = format!("vault:{}/{}", key.vault, key.key).into();
    object["purpose"] = of.purpose.name().into();
    object["type"] = of.key_type.name().into();
    object["kcv_algorithm"] = of.key_type.algorithm().name().into();
    object["versions"] = shown.iter().map(one).collect();
    object
}

fn shown_text(shown: &[Shown]) -> String {
    let mut out = String::new();
    for (number, Shown { version, info, cards, wrapped, need }) in shown.iter().enumerate() {
        let (key, of) = (&version.key, &version.of);
        if number == 0 {
            let _ = writeln!(out, "vault:{}/{}  {} {}", key.vault, key.key, of.purpose, of.key_type);
        }
        let _ = writeln!(out, "version {}: {} ({})", key.version.unwrap_or(1), version.state, version.state.holder());
        match info {
            Some(info) => {
                let kcvs = info.kcvs.as_ref().map_or_else(|| "not computed".to_owned(), kcvs_text);
                let _ = writeln!(out, "  KCV {kcvs} ({}); custody: {}", of.key_type.algorithm().name(), info.custody);
            }
            None if version.state == State::Destroyed => {}
            None => out.push_str("  NOT IN ITS VAULT: `cardwright registry check` says more\n"),
        }
        if *cards > 0 {
            let flag = if version.state == State::Compromised { ", all flagged" } else { "" };
            let _ = writeln!(out, "  {cards} cards have keys from it{flag}");
        }
        for key in wrapped {
            let _ = writeln!(out, "  vault:{key} is wrapped under it");
        }
        if let Some(need) = need {
            let _ = writeln!(out, "  due: {}", life::need_text(need));
        }
        for step in &version.entry.history.0 {
            let request = step.request.map(|nonce| format!(", request {nonce}")).unwrap_or_default();
            let (who, why) = (output::harmless(&step.who), output::harmless(&step.reason));
            let _ = writeln!(out, "  {}  {:<12} by {who}{request}: {why}", time(step.at), step.act.name());
        }
    }
    out
}

/// A key outside of vaults says not what it is for: it may be either.
fn outside(settings: &Settings, args: &ShowArgs) -> Result<(), Failure> {
    let key = setup::key_ref(&args.key)?;
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
