//! Whom the vaults ask: the registry, its histories believed only as far as their approvals reach.

use super::believed;
use cardwright_keys::approval::Rules;
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Serves, State, Use, Warden, WardenError};
use cardwright_registry::{Registry, RegistryError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Asks the registry about each use. What it said is kept until anybody writes about keys, requests or approvals.
#[derive(Debug)]
pub struct RegistryWarden<R> {
    asked: Mutex<Asked<R>>,
    rules: Arc<Rules>,
    exceptions: BTreeSet<VaultKey>,
}

/// The registry, and what it said last. One thread at a time asks.
#[derive(Debug)]
struct Asked<R> {
    registry: R,
    seen: Seen,
}

/// Versions with their states, as they were at an edition of the registry.
#[derive(Debug, Default)]
struct Seen {
    edition: Option<u64>,
    keys: BTreeMap<VaultKey, Vec<(u32, State)>>,
}

impl<R: Registry + std::fmt::Debug> RegistryWarden<R> {
    /// Over a registry of its own: what others write through theirs is seen at the next use.
    #[must_use]
    pub fn new(registry: R, rules: Arc<Rules>) -> Self {
        let asked = Mutex::new(Asked { registry, seen: Seen::default() });
        Self { asked, rules, exceptions: BTreeSet::new() }
    }

    /// Lets a compromised version read what it made. Whoever calls this has an approved and logged exception.
    pub fn except(&mut self, key: VaultKey) {
        self.exceptions.insert(key);
    }

    /// A thread that panicked while it asked has left nothing half done: what was seen is only ever put there whole.
    fn asked(&self) -> MutexGuard<'_, Asked<R>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All versions of a key with their states.
    fn states(&self, key: &VaultKey) -> Result<Vec<(u32, State)>, WardenError> {
        let key = VaultKey::any(key.vault.clone(), key.key.clone());
        let mut asked = self.asked();
        let Asked { registry, seen } = &mut *asked;
        let edition = Some(registry.edition().map_err(unknown)?);
        if seen.edition != edition {
            *seen = Seen { edition, keys: BTreeMap::new() };
        }
        if let Some(states) = seen.keys.get(&key) {
            return Ok(states.clone());
        }
        let entry = registry.key(&key).map_err(unknown)?;
        let entry = entry.ok_or_else(|| WardenError::Unregistered(key.clone()))?;
        let requests = registry.requests().map_err(unknown)?;
        let mut states = Vec::new();
        for version in &entry.versions {
            let named = key.at(version.version);
            let state = believed(&self.rules, &named, version, &requests)?;
            states.push((version.version, state.ok_or(WardenError::Unregistered(named))?));
        }
        seen.keys.insert(key, states.clone());
        Ok(states)
    }

    fn serves(&self, key: &VaultKey, state: State, what: Use) -> Result<(), WardenError> {
        match state.serves(what) {
            Serves::Yes => Ok(()),
            Serves::ByException if self.exceptions.contains(key) => Ok(()),
            _ => Err(WardenError::State { key: key.clone(), state, wanted: what }),
        }
    }
}

fn unknown(error: RegistryError) -> WardenError {
    WardenError::Unknown(error.into())
}

impl<R: Registry + std::fmt::Debug + Send> Warden for RegistryWarden<R> {
    fn permit(&self, key: &VaultKey, what: Use) -> Result<(), WardenError> {
        let states = self.states(key)?;
        let found = states.iter().find(|(version, _)| Some(*version) == key.version);
        let (_, state) = found.ok_or_else(|| WardenError::Unregistered(key.clone()))?;
        self.serves(key, *state, what)
    }

    fn versions(&self, key: &VaultKey, what: Use) -> Result<Vec<u32>, WardenError> {
        let mut states = self.states(key)?;
        states.sort_by_key(|(version, state)| (*state != State::Active, std::cmp::Reverse(*version)));
        let judged: Vec<_> = states
            .iter()
            .map(|(version, state)| self.serves(&key.at(*version), *state, what).map(|()| *version))
            .collect();
        let fit: Vec<u32> = judged.iter().filter_map(|one| one.as_ref().ok().copied()).collect();
        if !fit.is_empty() {
            return Ok(fit);
        }
        let newest = judged.into_iter().find_map(Result::err);
        Err(newest.unwrap_or_else(|| WardenError::Unregistered(key.clone())))
    }

    fn withheld(&self, key: &VaultKey, what: Use) -> Result<(), WardenError> {
        let states = self.states(key)?;
        let handed_out = |state| !matches!(state, State::PreOperational | State::Destroyed);
        let judged = states.iter().rev().filter(|(_, state)| handed_out(*state));
        judged
            .map(|(version, state)| self.serves(&key.at(*version), *state, what))
            .find(Result::is_err)
            .unwrap_or(Ok(()))
    }
}
