//! Whether what vaults keep and what the registry says go together.

use super::{Version, believed};
use cardwright_keys::approval::Rules;
use cardwright_keys::keyref::{Name, VaultKey};
use cardwright_keys::lifecycle::{Cryptoperiod, Period, State, Times};
use cardwright_keys::vault::KeyInfo;
use cardwright_registry::{Finding, KeyEntry, Registry, RegistryError, RequestEntry};

/// Differences between a vault and the registry, each with what to do about it.
#[must_use]
pub fn compare(
    rules: &Rules,
    vault: &Name,
    kept: &[KeyInfo],
    keys: &[KeyEntry],
    requests: &[RequestEntry],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |key: &VaultKey, what: String| findings.push(Finding { place: format!("vault:{key}"), what });
    for info in kept {
        let key = VaultKey::from_kept(vault.clone(), &info.name);
        let entry = keys.iter().find(|entry| entry.key == VaultKey::any(vault.clone(), key.key.clone()));
        let version =
            entry.and_then(|entry| entry.versions.iter().find(|version| Some(version.version) == key.version));
        let (Some(entry), Some(version)) = (entry, version) else {
            find(&key, "is in the vault, and nobody registered it: `cardwright registry adopt` takes it on".to_owned());
            continue;
        };
        if (entry.purpose, entry.key_type) != (info.spec.purpose, info.spec.key_type) {
            let (purpose, key_type) = (info.spec.purpose, info.spec.key_type);
            let known = format!("{} {}", entry.purpose, entry.key_type);
            find(&key, format!("is {purpose} {key_type} in the vault, and {known} in the registry"));
        }
        let kcvs = info.kcvs.as_ref().map(ToString::to_string);
        if kcvs.is_some() && version.kcvs.is_some() && kcvs != version.kcvs {
            find(&key, "has other check values in the vault than in the registry: it is another key".to_owned());
        }
        match believed(rules, &key, version, requests) {
            Ok(Some(State::Destroyed)) => {
                find(&key, "is destroyed, says the registry, and still in the vault".to_owned());
            }
            Err(disbelief) => find(&key, disbelief.to_string()),
            Ok(_) => {}
        }
    }
    for entry in keys.iter().filter(|entry| entry.key.vault == *vault) {
        for version in &entry.versions {
            let key = entry.key.at(version.version);
            let there = key.kept_as().is_ok_and(|name| kept.iter().any(|info| info.name == name));
            let gone = matches!(believed(rules, &key, version, requests), Ok(Some(State::Destroyed)));
            if !there && !gone {
                find(&key, "has vanished from the vault, and nobody destroyed it through this program".to_owned());
            }
        }
    }
    findings
}

/// Something that a key needs soon, or needed already.
#[derive(Clone, Debug)]
pub enum Need {
    /// It is activated at that moment.
    Activation(u64),
    /// A usage ends, or has ended.
    Usage(Period),
}

/// What is due of a version within so many seconds from `now`.
#[must_use]
pub fn due(version: &Version, now: u64, ahead: u64) -> Option<Need> {
    if let Some(due) = version.entry.due.filter(|due| due.at <= now.saturating_add(ahead)) {
        return Some(Need::Activation(due.at));
    }
    let activated = version.entry.history.activated()?;
    let times = Cryptoperiod::of(version.of.purpose).times(activated);
    let period = match version.state {
        State::Destroyed | State::Compromised => return None,
        // It makes nothing new any more: what counts is how long it is read with.
        State::Deactivated => Times { originator_ends: times.recipient_ends, ..times }.at(now, ahead),
        _ => times.at(now, ahead),
    };
    Some(Need::Usage(period)).filter(|_| period != Period::Running)
}

/// Keys that are wrapped under a version, and those that are wrapped under these, and so on.
///
/// # Errors
/// [`RegistryError`]
pub fn wrapped_under(registry: &dyn Registry, under: &VaultKey) -> Result<Vec<VaultKey>, RegistryError> {
    let keys = registry.keys()?;
    let versions = keys.iter().flat_map(|entry| entry.versions.iter().map(move |version| (entry, version)));
    let wrapped: Vec<_> = versions
        .filter_map(|(entry, version)| Some((entry.key.at(version.version), version.wrapped_under.as_ref()?)))
        .collect();
    let mut found = vec![under.clone()];
    let mut next = 0;
    while let Some(under) = found.get(next).cloned() {
        let more = wrapped.iter().filter(|(_, by)| **by == under).map(|(key, _)| key.clone());
        let more: Vec<_> = more.filter(|key| !found.contains(key)).collect();
        found.extend(more);
        next += 1;
    }
    found.remove(0);
    Ok(found)
}
