//! Why a key was not moved.

use cardwright_keys::approval::{Disbelief, Nonce, Refusal};
use cardwright_keys::journal::JournalError;
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, Forbidden};
use cardwright_registry::RegistryError;

/// Why a key was not moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no such edge.
    #[error("`vault:{key}`: {error}")]
    Forbidden {
        /// The version.
        key: VaultKey,
        /// Why.
        error: Forbidden,
    },
    /// The registry does not know the key, or that version of it.
    #[error("`vault:{0}` is not in the registry")]
    Unregistered(VaultKey),
    /// The key has more than one version that may be meant.
    #[error("`vault:{key}` has {versions} versions that this may be done to: say which, as in `vault:{key}:1`")]
    WhichVersion {
        /// The key.
        key: VaultKey,
        /// How many.
        versions: usize,
    },
    /// All versions of a key are of one kind.
    #[error("`vault:{key}` is a name for {kind} keys: choose another name")]
    OtherKind {
        /// The key.
        key: VaultKey,
        /// Purpose and type, in words.
        kind: String,
    },
    /// The key has a version already that is not destroyed.
    #[error("`vault:{0}` is in the registry already, and not destroyed")]
    Exists(VaultKey),
    /// Others have to approve first.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A request was filed, and waits for approvals.
    #[error("request {request} is filed: {act} wants {needed} approvals")]
    Asked {
        /// The request.
        request: Nonce,
        /// What it is for.
        act: Act,
        /// Approvals that it needs.
        needed: usize,
    },
    /// Cards would be left that nothing reaches any more.
    #[error("{cards} cards have keys from `vault:{key}`: without it nothing reaches them any more")]
    Orphans {
        /// The version.
        key: VaultKey,
        /// How many cards.
        cards: u64,
    },
    /// The registry's history of a key is not believed.
    #[error("the registry is not believed: {0}")]
    Disbelief(#[from] Disbelief),
    /// The reason is not one line of plain text.
    #[error(
        "a reason is one line of at most {} bytes, without control characters",
        cardwright_keys::approval::REASON_MAX
    )]
    Reason,
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The audit log failed.
    #[error(transparent)]
    Audit(#[from] JournalError),
}
