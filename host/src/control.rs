//! The life of keys, as it is led: what a person asks for, whether it may be, and how it is written down.
//!
//! Every move goes the same way: the [`Operation`] with its exact words ([`Control::operation`]), leave for it
//! ([`Control::permit`]), the effect in the vault where there is one, the step in the registry ([`Control::step`]). The audit
//! sink hears of it before and after. [`warden`] is what the vaults ask before each use of a key.

pub mod due;
mod error;
pub mod job;
pub mod survey;
pub mod warden;

pub use error::ControlError;

use crate::audit_file::FileAudit;
use crate::world::{Clock, Entropy};
use cardwright_keys::approval::{
    Disbelief, Filed, Nonce, Operation, Permit, Refusal, Request, Rules, reason as one_line,
};
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::{JournalError, OpenChange};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, State, Step, after};
use cardwright_keys::vault::{Kcvs, KeySpec};
use cardwright_registry::cards::from as source;
use cardwright_registry::{KeyEntry, NewVersion, Registry, RequestEntry, VersionEntry};
use std::collections::BTreeMap;

/// An audit log that can be read again: a witness outside the registry.
pub trait Witness: AuditSink {
    /// Hands out all events so far, in order.
    ///
    /// # Errors
    /// [`JournalError`]
    fn events(&self, take: &mut dyn FnMut(&Event)) -> Result<(), JournalError>;
}

impl Witness for FileAudit {
    fn events(&self, take: &mut dyn FnMut(&Event)) -> Result<(), JournalError> {
        Self::events(self, take)
    }
}

/// Who signs requests: an operator's key, or nobody where a single user decides alone.
pub trait Signer {
    /// Ed25519 over the message.
    ///
    /// # Errors
    /// What the key's keeper says.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Box<dyn std::error::Error + Send + Sync>>;
}

/// Registry, audit log, rules and clock: what every move needs.
pub struct Control<'a> {
    /// What is known.
    pub registry: &'a mut dyn Registry,
    /// What people read, and what an approval that has served is found in again.
    pub audit: &'a mut dyn Witness,
    /// Who decides.
    pub rules: &'a Rules,
    /// For people, and for the time that a request has. Order never depends on it.
    pub clock: &'a dyn Clock,
    /// Who works, in words: an operator, or the user of the computer.
    pub who: &'a str,
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("who", &self.who).finish_non_exhaustive()
    }
}

/// A version with its key.
#[derive(Clone, Debug)]
pub struct Version {
    /// Vault, name, number.
    pub key: VaultKey,
    /// The key.
    pub of: KeyEntry,
    /// The version.
    pub entry: VersionEntry,
    /// Its state: every step that needed approvals had them.
    pub state: State,
}

impl Control<'_> {
    /// A version, with its history believed.
    ///
    /// # Errors
    /// [`ControlError::Unregistered`], [`ControlError::Disbelief`], [`ControlError::Registry`].
    pub fn version(&self, key: &VaultKey) -> Result<Version, ControlError> {
        let (of, entry) = self.entry(key)?;
        let requests = self.registry.requests()?;
        let state = believed(self.rules, key, &entry, &requests)?;
        let state = state.ok_or_else(|| ControlError::Unregistered(key.clone()))?;
        Ok(Version { key: key.clone(), of, entry, state })
    }

    /// What the registry says of a key and of that version of it.
    fn entry(&self, key: &VaultKey) -> Result<(KeyEntry, VersionEntry), ControlError> {
        let of = self.registry.key(key)?.ok_or_else(|| ControlError::Unregistered(key.clone()))?;
        let entry = of.versions.iter().find(|entry| Some(entry.version) == key.version).cloned();
        let entry = entry.ok_or_else(|| ControlError::Unregistered(key.clone()))?;
        Ok((of, entry))
    }

    /// As [`Self::version`]; for what has to go on where nobody vouches for the history, as its steps say.
    fn version_for(&self, key: &VaultKey, act: Act) -> Result<Version, ControlError> {
        match self.version(key) {
            Err(ControlError::Disbelief(Disbelief::NotApproved { .. }))
                if matches!(act, Act::Confirm | Act::Suspend | Act::Compromise) => {}
            other => return other,
        }
        let (of, entry) = self.entry(key)?;
        let state = entry.history.state().map_err(|error| ControlError::Forbidden { key: key.clone(), error })?;
        let state = state.ok_or_else(|| ControlError::Unregistered(key.clone()))?;
        Ok(Version { key: key.clone(), of, entry, state })
    }

    /// The states of all versions; `None` for one whose history is not believed.
    ///
    /// # Errors
    /// [`ControlError::Registry`]
    pub fn states(&self) -> Result<BTreeMap<VaultKey, Option<State>>, ControlError> {
        let requests = self.registry.requests()?;
        let mut states = BTreeMap::new();
        for key in self.registry.keys()? {
            for entry in &key.versions {
                let named = key.key.at(entry.version);
                let state = believed(self.rules, &named, entry, &requests).ok().flatten();
                states.insert(named, state);
            }
        }
        Ok(states)
    }

    /// Notes that a version is kept outside of its vault, wrapped under another.
    ///
    /// # Errors
    /// [`ControlError::Registry`], [`ControlError::Audit`].
    pub fn wrapped(&mut self, key: &VaultKey, under: &VaultKey, why: &str) -> Result<(), ControlError> {
        self.registry.set_wrapped_under(key, under)?;
        self.tell("key.wrapped", key, &format!("under vault:{under}: {why}"))
    }

    /// Tells the audit sink of something that is about no one key.
    ///
    /// # Errors
    /// [`ControlError::Audit`]
    pub fn note(&mut self, what: &str, detail: &str) -> Result<(), ControlError> {
        self.write(what, String::new(), detail)
    }

    /// The version that a person means with an act: the one that is named, or the only one that it can be done to.
    ///
    /// # Errors
    /// [`ControlError::WhichVersion`]; [`ControlError::Forbidden`] where it can be done to none; as [`Self::version`].
    pub fn meant(&self, key: &VaultKey, act: Act) -> Result<Version, ControlError> {
        if key.version.is_some() {
            return self.version_for(key, act);
        }
        let of = self.registry.key(key)?.ok_or_else(|| ControlError::Unregistered(key.clone()))?;
        let mut fit = Vec::new();
        let mut newest = None;
        for entry in of.versions.iter().rev() {
            let version = self.version_for(&key.at(entry.version), act)?;
            match after(Some(version.state), act) {
                Ok(_) => fit.push(version),
                Err(error) => newest = newest.or(Some(ControlError::Forbidden { key: version.key, error })),
            }
        }
        match (fit.pop(), fit.len()) {
            (Some(version), 0) => Ok(version),
            (Some(_), more) => Err(ControlError::WhichVersion { key: key.clone(), versions: more + 1 }),
            (None, _) => Err(newest.unwrap_or_else(|| ControlError::Unregistered(key.clone()))),
        }
    }

    /// The exact words of an act on a version that is registered.
    ///
    /// # Errors
    /// [`ControlError::Forbidden`] where there is no such edge.
    pub fn operation(&self, version: &Version, act: Act, not_before: Option<u64>) -> Result<Operation, ControlError> {
        let Version { key, of, entry, state } = version;
        if act != Act::UseCompromised {
            after(Some(*state), act).map_err(|error| ControlError::Forbidden { key: key.clone(), error })?;
        }
        let kcvs = entry.kcvs.as_deref().unwrap_or("none computed");
        let algorithm = of.key_type.algorithm().name();
        let mut what = format!("{} {}, {state}, KCV {kcvs} ({algorithm})", of.purpose, of.key_type);
        if act == Act::Destroy {
            what += &format!(", {} cards have keys from it", self.hanging_on(key)?);
        }
        let (steps, head) = (entry.history.0.len() as u64, entry.history.head());
        Ok(Operation { act, key: key.clone(), what, steps, head, not_before })
    }

    /// How many cards have keys from a version, or were about to get them when something stopped.
    ///
    /// # Errors
    /// [`ControlError::Registry`], [`ControlError::Audit`].
    pub fn hanging_on(&self, key: &VaultKey) -> Result<u64, ControlError> {
        let on = |open: &&OpenChange| open.sent && source(&open.change.kept_in).ok().flatten().as_ref() == Some(key);
        let open = self.registry.open_changes()?.iter().filter(on).count() as u64;
        Ok(self.registry.count_dependants(key)? + open)
    }

    /// The exact words of making or taking the next version of a key.
    ///
    /// # Errors
    /// [`ControlError::Exists`] where there is a version that is not destroyed, unless `beside` it is meant;
    /// [`ControlError::OtherKind`] where earlier versions are of another one.
    pub fn beginning(
        &self,
        key: &VaultKey,
        act: Act,
        (spec, kcvs): (KeySpec, Option<&Kcvs>),
        beside: bool,
    ) -> Result<Operation, ControlError> {
        let entry = self.registry.key(key)?;
        if let Some(entry) = entry.as_ref().filter(|of| (of.purpose, of.key_type) != (spec.purpose, spec.key_type)) {
            let kind = format!("{} {}", entry.purpose, entry.key_type);
            return Err(ControlError::OtherKind { key: key.clone(), kind });
        }
        let versions = entry.map_or(Vec::new(), |entry| entry.versions);
        for entry in &versions {
            let version = self.version(&key.at(entry.version))?;
            if !beside && version.state != State::Destroyed {
                return Err(ControlError::Exists(version.key));
            }
        }
        let next = versions.last().map_or(1, |entry| entry.version + 1);
        let portable = if spec.portable { ", portable" } else { "" };
        // Whoever approves that a key is taken approves this key, not any that is called so.
        let algorithm = spec.key_type.algorithm().name();
        let kcvs = kcvs.map(|kcvs| format!(", KCV {kcvs} ({algorithm})")).unwrap_or_default();
        let what = format!("{} {}{portable}{kcvs}", spec.purpose, spec.key_type);
        Ok(Operation { act, key: key.at(next), what, steps: 0, head: [0; 32], not_before: None })
    }

    /// Leave to do it now, from the requests on file.
    ///
    /// # Errors
    /// [`ControlError::Refused`] with what is missing.
    pub fn permit(&self, operation: &Operation) -> Result<Permit, ControlError> {
        let now = self.clock.now();
        if self.rules.needs(operation.act).is_none() {
            return Ok(self.rules.permit(operation, &[], now)?);
        }
        let mut refusal = Refusal::NotRequested(operation.act).into();
        for RequestEntry { filed, .. } in self.registry.requests()? {
            match self.permit_from(operation, &filed, now) {
                Ok(permit) => return Ok(permit),
                Err(ControlError::Refused(Refusal::NotRequested(_))) => {}
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    fn permit_from(&self, operation: &Operation, filed: &Filed, now: u64) -> Result<Permit, ControlError> {
        let filed = std::slice::from_ref(filed);
        let permit = self.rules.permit(operation, filed, now)?;
        let Some(nonce) = permit.request() else { return Ok(permit) };
        let seen = self.witnessed(nonce)?;
        if seen.served {
            return Err(Refusal::Spent(nonce).into());
        }
        // A clock that was set back makes no old request young again: the log has seen a later time since.
        Ok(self.rules.permit(operation, filed, now.max(seen.latest))?)
    }

    /// Asks others to approve: the request is signed, filed, and told.
    ///
    /// # Errors
    /// [`ControlError::Refused`] where whoever asks may not; [`ControlError::Reason`]; the signer's own.
    pub fn ask(
        &mut self,
        operation: &Operation,
        reason: &str,
        (signer, entropy): (&dyn Signer, &mut dyn Entropy),
    ) -> Result<Nonce, crate::error::Error> {
        let Rules::Dual(dual) = self.rules else { return Err(ControlError::from(Refusal::Nobody).into()) };
        let requester = dual.me.clone().ok_or(Refusal::Nobody).map_err(ControlError::from)?;
        let reason = one_line(reason).map_err(|_| ControlError::Reason)?.to_owned();
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce)?;
        let nonce = Nonce(nonce);
        let request = Request { operation: operation.clone(), reason, requester, at: self.clock.now(), nonce };
        let text = request.text();
        let signature = signer.sign(&Filed::message(&text)).map_err(crate::error::Error::Signer)?;
        let filed = Filed { text, signature, approvals: Vec::new(), spent: false };
        // Whoever may not ask hears it now, not from the approvers.
        match self.rules.permit(operation, std::slice::from_ref(&filed), self.clock.now()) {
            Ok(_) | Err(Refusal::Missing { .. }) => {}
            Err(refusal) => return Err(ControlError::from(refusal).into()),
        }
        // Told first: the log is the witness of the time that has passed since.
        self.tell("request.filed", &operation.key, &format!("{} request {nonce}", operation.act))?;
        self.registry.file(&RequestEntry { nonce, filed }).map_err(ControlError::from)?;
        Ok(nonce)
    }

    /// Registers a version that a vault has made or taken.
    ///
    /// # Errors
    /// [`ControlError::Registry`], [`ControlError::Audit`].
    pub fn begin(
        &mut self,
        permit: &Permit,
        spec: KeySpec,
        kcvs: Option<String>,
        why: &str,
    ) -> Result<(), ControlError> {
        let operation = permit.operation();
        let first = self.step_of(permit, why, 0);
        let (purpose, key_type) = (spec.purpose, spec.key_type);
        self.registry.add_version(&NewVersion { key: operation.key.clone(), purpose, key_type, kcvs, first })?;
        self.done(permit)
    }

    /// Writes down a step. Where a version becomes active by it, older ones that are active are superseded.
    ///
    /// # Errors
    /// [`ControlError::Registry`] where another process was faster; [`ControlError::Audit`].
    pub fn step(&mut self, permit: &Permit, why: &str) -> Result<(), ControlError> {
        let operation = permit.operation();
        let version = self.version_for(&operation.key, operation.act)?;
        let last = version.entry.history.0.last().map_or(0, |step| step.at);
        let step = self.step_of(permit, why, last);
        let steps = usize::try_from(operation.steps).unwrap_or(usize::MAX);
        self.registry.add_step(&operation.key, steps, &step)?;
        self.done(permit)?;
        self.supersede(&operation.key)
    }

    /// Tells the audit sink what is about to be done.
    ///
    /// # Errors
    /// [`ControlError::Audit`]: then it is not done.
    pub fn intend(&mut self, permit: &Permit) -> Result<(), ControlError> {
        let Operation { act, key, what, .. } = permit.operation();
        self.tell(&format!("key.{act}.intended"), &key.clone(), &what.clone())
    }

    /// Writes down that a compromised version is read with, once. The audit sink hears of it before it is.
    ///
    /// # Errors
    /// [`ControlError::Registry`], [`ControlError::Audit`].
    pub fn except(&mut self, permit: &Permit, why: &str) -> Result<(), ControlError> {
        self.tell("key.use-compromised.intended", &permit.operation().key, why)?;
        if let Some(nonce) = permit.request() {
            self.registry.spend(nonce)?;
        }
        self.done(permit)
    }

    /// Whether the last that was heard of a version is that it was to be made so: then a run was stopped in the middle.
    ///
    /// # Errors
    /// [`ControlError::Audit`]
    pub fn was_intended(&self, operation: &Operation) -> Result<bool, ControlError> {
        Ok(self.last_heard(&operation.key)? == format!("key.{}.intended", operation.act))
    }

    /// The exact words of clearing away what a run left that was stopped before it registered what it made.
    ///
    /// # Errors
    /// [`ControlError::Unregistered`] where no such run was heard of.
    pub fn left_over(&self, key: &VaultKey) -> Result<Operation, ControlError> {
        let begun = [Act::Generate, Act::Import].map(|act| format!("key.{act}.intended"));
        if !begun.contains(&self.last_heard(key)?) {
            return Err(ControlError::Unregistered(key.clone()));
        }
        let what = "left by a run that was stopped, never registered".to_owned();
        Ok(Operation { act: Act::Destroy, key: key.clone(), what, steps: 0, head: [0; 32], not_before: None })
    }

    fn last_heard(&self, key: &VaultKey) -> Result<String, ControlError> {
        let subject = format!("vault:{key}");
        let mut last = String::new();
        self.audit.events(&mut |event| {
            if event.subject == subject && event.what.starts_with("key.") {
                last.clone_from(&event.what);
            }
        })?;
        Ok(last)
    }

    /// Leaves one version of a key active: the newest. A run that is stopped before this is made up for by the next.
    fn supersede(&mut self, key: &VaultKey) -> Result<(), ControlError> {
        let Some(of) = self.registry.key(key)? else { return Ok(()) };
        let mut active = Vec::new();
        for entry in &of.versions {
            match self.version(&key.at(entry.version)) {
                Ok(version) if version.state == State::Active => active.push(version),
                Ok(_) | Err(ControlError::Disbelief(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let newest = active.pop().and_then(|version| version.key.version).unwrap_or_default();
        for version in active {
            let last = version.entry.history.0.last().map_or(0, |step| step.at);
            let reason = format!("version {newest} takes its place");
            let at = self.clock.now().max(last);
            let step = Step { act: Act::Supersede, at, who: self.who.to_owned(), reason, request: None };
            self.registry.add_step(&version.key, version.entry.history.0.len(), &step)?;
            self.tell("key.supersede", &version.key, &step.reason)?;
        }
        Ok(())
    }

    fn step_of(&self, permit: &Permit, why: &str, last: u64) -> Step {
        let who = permit.requester().map_or_else(|| self.who.to_owned(), ToString::to_string);
        // A clock that goes back does not date a step before the one before it.
        let at = self.clock.now().max(last);
        // Where people approved it, the reason is the one that they read.
        let reason = permit.reason().unwrap_or(why).to_owned();
        Step { act: permit.operation().act, at, who, reason, request: permit.request() }
    }

    /// Tells the audit sink what was done.
    ///
    /// # Errors
    /// [`ControlError::Audit`]
    pub fn done(&mut self, permit: &Permit) -> Result<(), ControlError> {
        let Operation { act, key, .. } = permit.operation();
        let by: Vec<_> = permit.approvers().iter().map(ToString::to_string).collect();
        let detail = match permit.request() {
            Some(nonce) => format!("request {nonce} served; approved, one after the other, by {}", by.join(", ")),
            None => "no approval needed".to_owned(),
        };
        self.tell(&format!("key.{act}"), key, &detail)
    }

    fn tell(&mut self, what: &str, key: &VaultKey, detail: &str) -> Result<(), ControlError> {
        self.write(what, format!("vault:{key}"), detail)
    }

    fn write(&mut self, what: &str, subject: String, detail: &str) -> Result<(), ControlError> {
        let at = self.clock.now();
        let event = Event { at, what: what.to_owned(), subject, detail: format!("{detail}; by {}", self.who) };
        Ok(self.audit.record(&event)?)
    }

    fn witnessed(&self, nonce: Nonce) -> Result<Seen, ControlError> {
        let (filed, served) = (format!("request {nonce}"), format!("request {nonce} served"));
        let (mut seen, mut after_filing) = (Seen::default(), false);
        self.audit.events(&mut |event| {
            after_filing |= event.what == "request.filed" && event.detail.contains(&filed);
            // What is intended has a person's words in its detail; what is done has not.
            let done = event.what.starts_with("key.") && !event.what.ends_with(".intended");
            seen.served |= done && event.detail.contains(&served);
            if after_filing {
                seen.latest = seen.latest.max(event.at);
            }
        })?;
        Ok(seen)
    }
}

/// What the audit log knows of a request.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    served: bool,
    /// The latest time that was written down since it was filed.
    latest: u64,
}

/// The state of a version, where its history is believed.
pub(crate) fn believed(
    rules: &Rules,
    key: &VaultKey,
    entry: &VersionEntry,
    requests: &[RequestEntry],
) -> Result<Option<State>, Disbelief> {
    let find = |nonce| requests.iter().find(|request| request.nonce == nonce).map(|request| request.filed.clone());
    rules.state(key, &entry.history, &find)
}

#[cfg(test)]
mod tests;
