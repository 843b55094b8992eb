//! Activations that were decided ahead.

use super::{Control, ControlError};
use cardwright_keys::approval::{Permit, Refusal, time};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::Act;
use cardwright_registry::Due;

/// A version whose date has come, and whether it could be activated.
pub type Settled = (VaultKey, Result<(), ControlError>);

impl Control<'_> {
    /// Decides that a version is activated at a later moment.
    ///
    /// # Errors
    /// [`ControlError::Registry`], [`ControlError::Audit`].
    pub fn schedule(&mut self, permit: &Permit, at: u64) -> Result<(), ControlError> {
        let operation = permit.operation();
        // Told first: what the log does not know of is not activated when its date has come.
        let request = permit.request().map(|nonce| format!(", request {nonce} served")).unwrap_or_default();
        self.tell("key.activate.scheduled", &operation.key, &format!("at {}{request}", time(at)))?;
        Ok(self.registry.set_due(&operation.key, Some(Due { at, request: permit.request() }))?)
    }

    /// Activates what is due by now. What cannot be is told, and left as it is: it stops nobody else's work.
    ///
    /// # Errors
    /// [`ControlError::Registry`], [`ControlError::Audit`].
    pub fn settle_due(&mut self) -> Result<Vec<Settled>, ControlError> {
        let now = self.clock.now();
        let mut settled = Vec::new();
        for key in self.registry.keys()? {
            for entry in &key.versions {
                let Some(due) = entry.due.filter(|due| due.at <= now) else { continue };
                let named = key.key.at(entry.version);
                match self.settle(&named, due) {
                    Err(error @ (ControlError::Registry(_) | ControlError::Audit(_))) => return Err(error),
                    done => settled.push((named, done)),
                }
            }
        }
        Ok(settled)
    }

    fn settle(&mut self, key: &VaultKey, due: Due) -> Result<(), ControlError> {
        let version = self.version(key)?;
        let operation = self.operation(&version, Act::Activate, None)?;
        let requests = self.registry.requests()?;
        let filed = requests.into_iter().find(|request| Some(request.nonce) == due.request);
        let filed = filed.map(|request| request.filed);
        let permit = self.rules.scheduled(&operation, filed.as_ref(), self.clock.now())?;
        if let Some(nonce) = permit.request()
            && !self.witnessed(nonce)?.served
        {
            return Err(Refusal::NotRequested(Act::Activate).into());
        }
        self.intend(&permit)?;
        self.step(&permit, "its date has come")
    }
}
