//! Alone or under dual control: the rules of this computer, and what they make of requests and histories.

use super::check::{authorise, on_the_own, vouch, vouch_ahead};
use super::{Filed, Nonce, Operation, Operators, Permit, Policy, Refusal, Request, Rule};
use crate::keyref::{Name, VaultKey};
use crate::lifecycle::{Act, Forbidden, History, State};

/// Who decides.
#[derive(Clone, Debug)]
pub enum Rules {
    /// There is no policy: a single user decides alone.
    Alone,
    /// There is one.
    Dual(Box<Dual>),
}

/// A policy with its people.
#[derive(Clone, Debug)]
pub struct Dual {
    /// What needs how many approvals.
    pub policy: Policy,
    /// Who may give them.
    pub operators: Operators,
    /// Who runs this program.
    pub me: Option<Name>,
}

/// A history that is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Disbelief {
    /// A step is none that there is.
    #[error("step {step} of {key}: {error}")]
    Forbidden {
        /// The version.
        key: VaultKey,
        /// From 1.
        step: usize,
        /// Why it cannot be.
        error: Forbidden,
    },
    /// It goes back in time: steps are made with a time that never does.
    #[error("step {step} of {key} is dated before the one before it")]
    Backwards {
        /// The version.
        key: VaultKey,
        /// From 1.
        step: usize,
    },
    /// It needed approvals, and has none that count.
    #[error("step {step} of {key}, `{act}`, was not approved: {refusal}")]
    NotApproved {
        /// The version.
        key: VaultKey,
        /// From 1.
        step: usize,
        /// What was done.
        act: Act,
        /// Why its approvals do not count.
        refusal: Box<Refusal>,
    },
}

impl Rules {
    /// What the operation needs beside the one who asks; `None` where it needs nobody.
    #[must_use]
    pub fn needs(&self, act: Act) -> Option<Rule> {
        match self {
            Self::Alone => None,
            Self::Dual(dual) => Some(dual.policy.rule(act)).filter(|rule| rule.approvals > 0),
        }
    }

    /// Leave to do the operation now.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn permit(&self, operation: &Operation, filed: &[Filed], now: u64) -> Result<Permit, Refusal> {
        match self {
            Self::Alone => Ok(Permit::alone(operation.clone())),
            Self::Dual(dual) if self.needs(operation.act).is_none() => {
                on_the_own(&dual.operators, operation, dual.me.as_ref())
            }
            Self::Dual(dual) => {
                let me = dual.me.as_ref().ok_or(Refusal::Nobody)?;
                // Whoever asked does it: what the step will say of who made it is true.
                let mine = |filed: &&Filed| Request::parse(&filed.text).is_ok_and(|request| request.requester == *me);
                let filed: Vec<Filed> = filed.iter().filter(mine).cloned().collect();
                authorise((&dual.policy, &dual.operators), operation, &filed, now)
            }
        }
    }

    /// Leave to do what was approved to be done at a later moment, which has come. `filed` is the request that it was
    /// approved in, where it needed one.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn scheduled(&self, operation: &Operation, filed: Option<&Filed>, now: u64) -> Result<Permit, Refusal> {
        let Self::Dual(dual) = self else { return Ok(Permit::alone(operation.clone())) };
        let filed = filed.ok_or(Refusal::NotRequested(operation.act))?;
        let not_before = Request::parse(&filed.text).map_err(|_| Refusal::Damaged)?.operation.not_before;
        let at = not_before.ok_or(Refusal::NotRequested(operation.act))?;
        if now < at {
            return Err(Refusal::Early { at, now });
        }
        let operation = Operation { not_before, ..operation.clone() };
        vouch_ahead((&dual.policy, &dual.operators), &operation, filed)
    }

    /// The state that a history leads to, where every step that needs approvals had them, or was part of the history that
    /// a later one was approved with. `filed` finds a request.
    ///
    /// # Errors
    /// [`Disbelief`]
    pub fn state(
        &self,
        key: &VaultKey,
        history: &History,
        filed: &dyn Fn(Nonce) -> Option<Filed>,
    ) -> Result<Option<State>, Disbelief> {
        let mut state = None;
        let mut open = None;
        for (index, step) in history.0.iter().enumerate() {
            let number = index + 1;
            let to = crate::lifecycle::after(state, step.act);
            state = Some(to.map_err(|error| Disbelief::Forbidden { key: key.clone(), step: number, error })?);
            let before = index.checked_sub(1).and_then(|before| history.0.get(before));
            if before.is_some_and(|before| before.at > step.at) {
                return Err(Disbelief::Backwards { key: key.clone(), step: number });
            }
            match self.vouched(key, history, index, filed) {
                // What was approved was approved with all that went before it: the words have its hash.
                Ok(Standing::Approved) => open = None,
                Ok(Standing::NeedsNone) => {}
                Err(refusal) => open = open.or(Some((number, step.act, refusal))),
            }
        }
        match open {
            None => Ok(state),
            Some((step, act, refusal)) => {
                Err(Disbelief::NotApproved { key: key.clone(), step, act, refusal: refusal.into() })
            }
        }
    }

    fn vouched(
        &self,
        key: &VaultKey,
        history: &History,
        index: usize,
        filed: &dyn Fn(Nonce) -> Option<Filed>,
    ) -> Result<Standing, Refusal> {
        let Some(step) = history.0.get(index) else { return Ok(Standing::NeedsNone) };
        let Self::Dual(dual) = self else { return Ok(Standing::NeedsNone) };
        if self.needs(step.act).is_none() {
            return Ok(Standing::NeedsNone);
        }
        let filed = step.request.and_then(filed).ok_or(Refusal::NotRequested(step.act))?;
        let asked = Request::parse(&filed.text).map_err(|_| Refusal::Damaged)?.operation;
        if asked.not_before.is_some_and(|not_before| step.at < not_before) {
            return Err(Refusal::Early { at: asked.not_before.unwrap_or_default(), now: step.at });
        }
        let steps = index as u64;
        let done = Operation { act: step.act, key: key.clone(), steps, head: history.head_at(index), ..asked };
        vouch((&dual.policy, &dual.operators), &done, &filed).map(|()| Standing::Approved)
    }
}

/// What a step has behind it.
enum Standing {
    /// People approved it, and with it all that went before.
    Approved,
    /// It needs nobody, and says nothing of what went before.
    NeedsNone,
}
