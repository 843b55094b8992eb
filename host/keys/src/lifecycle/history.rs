//! What happened to one version of a key, in order.

use super::{Act, Forbidden, State, replay};
use crate::approval::Nonce;
use sha2::{Digest, Sha256};

/// One move, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was done.
    pub act: Act,
    /// When: seconds since 1970-01-01 UTC. The order of steps is that of their numbers, never of these.
    pub at: u64,
    /// Who: an operator, or the user of the computer where there is no dual control.
    pub who: String,
    /// Why, in a person's words.
    pub reason: String,
    /// The request that was approved for it.
    pub request: Option<Nonce>,
}

/// All moves of one version of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(pub Vec<Step>);

impl History {
    /// Where they lead; `None` for none.
    ///
    /// # Errors
    /// [`Forbidden`] where a step is none that there is.
    pub fn state(&self) -> Result<Option<State>, Forbidden> {
        replay(self.0.iter().map(|step| step.act))
    }

    /// When it was activated, or adopted.
    #[must_use]
    pub fn activated(&self) -> Option<u64> {
        self.0.iter().find(|step| matches!(step.act, Act::Activate | Act::Adopt)).map(|step| step.at)
    }

    /// What an approval of the next step is bound to: SHA-256 over the head before and the last step. Zeros for none.
    #[must_use]
    pub fn head(&self) -> [u8; 32] {
        self.head_at(self.0.len())
    }

    /// The head when there were only so many steps.
    #[must_use]
    pub fn head_at(&self, steps: usize) -> [u8; 32] {
        self.0.iter().take(steps).fold([0; 32], |head, step| step.head(&head))
    }
}

impl Step {
    /// Every field with its length before it: no two steps read the same.
    fn head(&self, before: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(b"cardwright step 1\0");
        hash.update(before);
        let request = self.request.map(|nonce| nonce.to_string()).unwrap_or_default();
        for field in [self.act.name(), &self.at.to_string(), &self.who, &self.reason, &request] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }
}
