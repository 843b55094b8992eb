//! Registry, audit log and rules as one command works with them, and what every step of a key's life goes through.

use crate::advice::Failure;
use crate::config::Settings;
use crate::registers::Signing;
use crate::{registers, setup};
use cardwright::audit_file::FileAudit;
use cardwright::control::warden::RegistryWarden;
use cardwright::control::{Control, ControlError, Version};
use cardwright::world::Os;
use cardwright_keys::approval::{Operation, Permit, Refusal, Rules};
use cardwright_keys::keyref::{KeyRef, Source, VaultKey};
use cardwright_keys::lifecycle::{Act, State, Warden};
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{Registry, RegistryError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a command needs to move keys.
pub(crate) struct Office {
    pub(crate) registry: SqliteRegistry,
    audit: FileAudit,
    pub(crate) rules: Arc<Rules>,
    who: String,
    /// That there is no dual control.
    told: bool,
}

impl Office {
    /// Opens registry and audit log, and activates what is due.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Failure> {
        let registry = registers::open_registry(settings)?;
        let audit = registers::open_audit(settings)?;
        let rules = Arc::new(registers::rules(settings)?);
        let who = match &*rules {
            Rules::Dual(dual) => dual.me.as_ref().map(ToString::to_string),
            Rules::Alone => None,
        };
        let user = || format!("uid {}", rustix::process::getuid().as_raw());
        let mut office = Self { registry, audit, rules, who: who.unwrap_or_else(user), told: false };
        let settled = match office.control().settle_due() {
            // A row that is damaged stops whoever needs it, not everybody: `registry check` tells of it.
            Err(ControlError::Registry(error @ RegistryError::Damaged { .. })) => {
                tracing::warn!("what is due cannot be found out: {error}");
                Vec::new()
            }
            other => other?,
        };
        for (key, settled) in settled {
            match settled {
                Ok(()) => eprintln!("vault:{key} is active now: its date has come"),
                Err(error) => tracing::warn!("vault:{key} was to be activated by now, and is not: {error}"),
            }
        }
        Ok(office)
    }

    pub(crate) fn control(&mut self) -> Control<'_> {
        let Self { registry, audit, rules, who, .. } = self;
        Control { registry, audit, rules, clock: &Os, who }
    }

    /// Leave to do it now. Where others have to approve and have not been asked by whoever works here, a request is filed.
    pub(crate) fn permit(&mut self, settings: &Settings, operation: &Operation, why: &str) -> Result<Permit, Failure> {
        if matches!(*self.rules, Rules::Alone) && !self.told {
            eprintln!("there is no policy, and so no dual control: nobody else has to approve this");
            self.told = true;
        }
        match self.control().permit(operation) {
            Ok(permit) => Ok(permit),
            Err(ControlError::Refused(
                Refusal::NotRequested(_)
                | Refusal::Damaged
                | Refusal::Early { .. }
                | Refusal::Expired { .. }
                | Refusal::Spent(_),
            )) if self.rules.needs(operation.act).is_some() => self.ask(settings, operation, why),
            Err(error) => Err(error.into()),
        }
    }

    fn ask(&mut self, settings: &Settings, operation: &Operation, why: &str) -> Result<Permit, Failure> {
        let signer = Signing(registers::operator_key(settings)?);
        let request = self.control().ask(operation, why, (&signer, &mut Os))?;
        let needed = self.rules.needs(operation.act).map_or(0, |rule| rule.approvals);
        Err(ControlError::Asked { request, act: operation.act, needed }.into())
    }
}

/// Whom the vaults ask about these keys. Where reading with compromised keys was asked for, each such version gets an
/// exception of its own, approved and logged.
pub(crate) fn warden(settings: &Settings, keys: &[&KeyRef]) -> Result<Arc<dyn Warden>, Failure> {
    let mut office = Office::open(settings)?;
    let mut warden = RegistryWarden::new(registers::open_registry(settings)?, Arc::clone(&office.rules));
    let Some(why) = &settings.despite_compromise else { return Ok(Arc::new(warden)) };
    let mut versions = BTreeMap::new();
    for key in keys {
        if let Source::Vault(key) = &key.source {
            versions.extend(compromised(&mut office, key)?.into_iter().map(|version| (version.key.clone(), version)));
        }
    }
    // All of them are permitted before one of them is spent.
    let mut permits = Vec::new();
    for version in versions.values() {
        let operation = office.control().operation(version, Act::UseCompromised, None)?;
        permits.push(office.permit(settings, &operation, why)?);
    }
    for permit in permits {
        office.control().except(&permit, why)?;
        warden.except(permit.operation().key.clone());
    }
    Ok(Arc::new(warden))
}

fn compromised(office: &mut Office, key: &VaultKey) -> Result<Vec<Version>, Failure> {
    let entry = office.registry.key(key)?;
    let numbers = entry.iter().flat_map(|entry| &entry.versions).map(|version| version.version);
    let mut found = Vec::new();
    for number in numbers.filter(|number| key.version.is_none_or(|version| version == *number)) {
        found.push(office.control().version(&key.at(number))?);
    }
    found.retain(|version| version.state == State::Compromised);
    Ok(found)
}

/// What every command about the life of keys runs in.
pub(crate) fn with_office<R>(
    settings: &Settings,
    work: impl FnOnce(&mut Office) -> Result<R, Failure>,
) -> Result<R, Failure> {
    setup::with_keys(|| work(&mut Office::open(settings)?))
}
