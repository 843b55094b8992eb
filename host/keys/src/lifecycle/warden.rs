//! Whom the vaults ask before each use of a key.

use super::{State, Use};
use crate::approval::Disbelief;
use crate::keyref::VaultKey;
use std::fmt;

/// Knows the state of every key, and says whether it may serve. It is asked before each use, not once, and by several
/// readers' threads at a time.
pub trait Warden: fmt::Debug + Send + Sync {
    /// Whether this version may serve for that now.
    ///
    /// # Errors
    /// [`WardenError`]
    fn permit(&self, key: &VaultKey, what: Use) -> Result<(), WardenError>;

    /// The versions of a key that may serve for that now: the active one first, then the newest.
    ///
    /// # Errors
    /// [`WardenError`] where there is none, with the reason for the newest.
    fn versions(&self, key: &VaultKey, what: Use) -> Result<Vec<u32>, WardenError>;

    /// Whether a version that is in somebody's hands already is left out of [`Self::versions`]: a card may have it.
    ///
    /// # Errors
    /// [`WardenError::State`] for the newest such version.
    fn withheld(&self, key: &VaultKey, what: Use) -> Result<(), WardenError>;
}

/// Why a key may not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WardenError {
    /// Its state does not allow it.
    #[error("`vault:{key}` is {state}: it cannot be used to {wanted}")]
    State {
        /// The version.
        key: VaultKey,
        /// Its state.
        state: State,
        /// What was asked of it.
        wanted: Use,
    },
    /// Nobody knows its state.
    #[error("`vault:{0}` is not in the registry: nobody knows whether it may be used")]
    Unregistered(VaultKey),
    /// Its history is not believed.
    #[error("the registry is not believed: {0}")]
    Disbelief(#[from] Disbelief),
    /// The registry cannot be read.
    #[error("the state of keys cannot be found out: {0}")]
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

/// Lets everything pass: for tests of vaults, and for measuring them. No command uses it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unguarded;

impl Warden for Unguarded {
    fn permit(&self, _: &VaultKey, _: Use) -> Result<(), WardenError> {
        Ok(())
    }

    fn versions(&self, key: &VaultKey, _: Use) -> Result<Vec<u32>, WardenError> {
        Ok(vec![key.version.unwrap_or(1)])
    }

    fn withheld(&self, _: &VaultKey, _: Use) -> Result<(), WardenError> {
        Ok(())
    }
}
