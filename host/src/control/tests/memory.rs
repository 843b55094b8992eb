//! A registry and an audit log that are gone with the test.

use super::play::Edit;
use crate::control::Witness;
use cardwright_keys::approval::{Approval, Nonce};
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::{CardId, Journal, JournalError, Ledger, OpenChange, Record};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, Forbidden, History, State, Step, after};
use cardwright_registry::{
    Added, CardEntry, CardFacts, CardQuery, Dependant, Due, Finding, KeyEntry, NewVersion, Registry, RegistryError,
    RequestEntry, VersionEntry,
};
use std::sync::{Arc, Mutex};

/// Events in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Log(pub(super) Vec<Event>);

impl AuditSink for Log {
    fn record(&mut self, event: &Event) -> Result<(), JournalError> {
        self.0.push(event.clone());
        Ok(())
    }
}

impl Witness for Log {
    fn events(&self, take: &mut dyn FnMut(&Event)) -> Result<(), JournalError> {
        self.0.iter().for_each(take);
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Store {
    keys: Vec<KeyEntry>,
    requests: Vec<RequestEntry>,
    edition: u64,
}

/// What a registry does with keys and requests, and nothing with cards.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Store>>);

fn conflict<T>(what: &str) -> Result<T, RegistryError> {
    Err(RegistryError::Conflict(what.to_owned()))
}

fn after_state(history: &History, act: Act) -> Result<State, Forbidden> {
    after(history.state()?, act)
}

impl Store {
    fn entry(&mut self, key: &VaultKey) -> Option<&mut KeyEntry> {
        self.keys.iter_mut().find(|entry| (&entry.key.vault, &entry.key.key) == (&key.vault, &key.key))
    }

    fn version(&mut self, key: &VaultKey) -> Result<&mut VersionEntry, RegistryError> {
        let found =
            self.entry(key).and_then(|entry| entry.versions.iter_mut().find(|one| Some(one.version) == key.version));
        found.map_or_else(|| conflict("no such version"), Ok)
    }

    fn request(&mut self, nonce: Nonce) -> Result<&mut RequestEntry, RegistryError> {
        let found = self.requests.iter_mut().find(|request| request.nonce == nonce);
        found.map_or_else(|| conflict("no such request"), Ok)
    }

    fn spend(&mut self, nonce: Option<Nonce>) -> Result<(), RegistryError> {
        let Some(nonce) = nonce else { return Ok(()) };
        let request = self.request(nonce)?;
        if request.filed.spent {
            return conflict("it has served");
        }
        request.filed.spent = true;
        Ok(())
    }
}

impl Memory {
    /// All or nothing, as a database does it.
    fn write<T>(&self, work: impl FnOnce(&mut Store) -> Result<T, RegistryError>) -> Result<T, RegistryError> {
        let mut store = self.0.lock().unwrap();
        let before = (store.keys.clone(), store.requests.clone());
        store.edition += 1;
        let done = work(&mut store);
        if done.is_err() {
            (store.keys, store.requests) = before;
        }
        done
    }

    /// What somebody does who has the file.
    pub(super) fn edit(&self, edit: Edit) {
        let edited = self.write(|store| {
            match edit {
                Edit::Unspend(nonce) => store.request(nonce)?.filed.spent = false,
                Edit::Forget(key) => drop(store.version(&key)?.history.0.pop()),
                Edit::Decide(key, due) => store.version(&key)?.due = due,
                Edit::Step(key, step) => store.version(&key)?.history.0.push(step),
            }
            Ok(())
        });
        edited.unwrap();
    }
}

impl Registry for Memory {
    fn keys(&self) -> Result<Vec<KeyEntry>, RegistryError> {
        let mut keys = self.0.lock().unwrap().keys.clone();
        keys.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(keys)
    }

    fn key(&self, key: &VaultKey) -> Result<Option<KeyEntry>, RegistryError> {
        Ok(self.0.lock().unwrap().entry(key).cloned())
    }

    fn add_version(&mut self, new: &NewVersion) -> Result<(), RegistryError> {
        self.write(|store| {
            store.spend(new.first.request)?;
            let NewVersion { key, purpose, key_type, kcvs, first } = new.clone();
            if store.entry(&key).is_none() {
                let any = VaultKey::any(key.vault.clone(), key.key.clone());
                store.keys.push(KeyEntry { key: any, purpose, key_type, versions: Vec::new() });
            }
            let entry = store.entry(&key).unwrap();
            let version = entry.versions.len() as u32 + 1;
            if key.version != Some(version) {
                return conflict("not the next one");
            }
            let history = History(vec![first]);
            entry.versions.push(VersionEntry { version, kcvs, history, due: None, wrapped_under: None });
            Ok(())
        })
    }

    fn add_step(&mut self, key: &VaultKey, after: usize, step: &Step) -> Result<(), RegistryError> {
        self.write(|store| {
            let version = store.version(key)?;
            if version.history.0.len() != after {
                return conflict("somebody was faster");
            }
            if after_state(&version.history, step.act).is_err() {
                return conflict("there is no such edge");
            }
            let decided = version.due.take().and_then(|due| due.request);
            version.history.0.push(step.clone());
            store.spend(step.request.filter(|nonce| Some(*nonce) != decided))
        })
    }

    fn set_due(&mut self, key: &VaultKey, due: Option<Due>) -> Result<(), RegistryError> {
        self.write(|store| {
            store.version(key)?.due = due;
            store.spend(due.and_then(|due| due.request))
        })
    }

    fn file(&mut self, request: &RequestEntry) -> Result<(), RegistryError> {
        self.write(|store| {
            store.requests.push(request.clone());
            Ok(())
        })
    }

    fn requests(&self) -> Result<Vec<RequestEntry>, RegistryError> {
        Ok(self.0.lock().unwrap().requests.clone())
    }

    fn approve(&mut self, request: Nonce, approval: &Approval) -> Result<(), RegistryError> {
        self.write(|store| {
            let approvals = &mut store.request(request)?.filed.approvals;
            if approvals.iter().any(|known| known.operator == approval.operator) {
                return conflict("it is there");
            }
            approvals.push(approval.clone());
            Ok(())
        })
    }

    fn spend(&mut self, request: Nonce) -> Result<(), RegistryError> {
        self.write(|store| store.spend(Some(request)))
    }

    fn edition(&self) -> Result<u64, RegistryError> {
        Ok(self.0.lock().unwrap().edition)
    }

    fn put_cards(&mut self, _: &[CardEntry]) -> Result<Added, RegistryError> {
        unimplemented!()
    }

    fn card(&self, _: &CardId) -> Result<Option<CardFacts>, RegistryError> {
        unimplemented!()
    }

    fn cards(&self, _: &CardQuery, _: &mut dyn FnMut(CardEntry) -> bool) -> Result<(), RegistryError> {
        unimplemented!()
    }

    fn count_dependants(&self, _: &VaultKey) -> Result<u64, RegistryError> {
        Ok(0)
    }

    fn dependants(&self, _: &VaultKey, _: &mut dyn FnMut(Dependant) -> bool) -> Result<(), RegistryError> {
        unimplemented!()
    }

    fn set_wrapped_under(&mut self, _: &VaultKey, _: &VaultKey) -> Result<(), RegistryError> {
        unimplemented!()
    }

    fn check(&self) -> Result<Vec<Finding>, RegistryError> {
        unimplemented!()
    }
}

impl Journal for Memory {
    fn append(&mut self, _: &[Record], _: u64) -> Result<(), JournalError> {
        unimplemented!()
    }

    fn ledger(&self, _: &CardId) -> Result<Ledger, JournalError> {
        unimplemented!()
    }

    fn open_changes(&self) -> Result<Vec<OpenChange>, JournalError> {
        Ok(Vec::new())
    }
}
