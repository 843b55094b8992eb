//! The port to whatever holds keys.
//!
//! A caller never sees a static key: it asks for a card's keys (as whatever the vault calls a handle), for session keys
//! over a context, for the pseudo-random challenge, for a PUT KEY block. Each vault says what it keeps inside.

use crate::keyref::KeyRef;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{Mode, SessionCipher, Token};
use std::fmt;

/// What never leaves a vault. Reports repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// Neither masters nor card keys enter the host's memory.
    StaticKeysNeverLeave,
    /// Masters stay inside, card keys pass through the host's memory.
    MasterNeverLeaves,
    /// All keys pass through the host's memory.
    Software,
}

impl fmt::Display for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StaticKeysNeverLeave => "static keys never leave",
            Self::MasterNeverLeaves => "master never leaves",
            Self::Software => "software",
        })
    }
}

/// The input of a pseudo-random card challenge (AmdD 6.2.2.1).
#[derive(Clone, Copy, Debug)]
pub struct ChallengeInput<'a> {
    /// The card's sequence counter.
    pub counter: u32,
    /// AID of the application that called `SecureChannel`.
    pub aid: &'a [u8],
    /// S8 or S16: the challenge's length.
    pub mode: Mode,
}

/// Why a vault did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// No key of that name was loaded.
    #[error("the vault has no key `{0}`")]
    UnknownKey(String),
    /// The diversification does not work with that master.
    #[error("`{key}`: {reason}")]
    Diversification {
        /// The key's name.
        key: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// The new keys are stronger than the key that would wrap them.
    #[error("the new keys have {new} bytes and the card's DEK {dek}: a key is never wrapped under a weaker one")]
    WeakerWrap {
        /// Bytes of each new key.
        new: usize,
        /// Bytes of the card's present Key-DEK.
        dek: usize,
    },
    /// The vault behind the port failed.
    #[error("the vault failed: {0}")]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// Holds keys, and works with them.
pub trait Vault {
    /// A card's three static keys, or handles for them.
    type CardKeys;
    /// A session's keys at work.
    type Session: SessionCipher;

    /// What this vault keeps inside.
    fn custody(&self) -> Custody;

    /// The static keys that `key` gives for a card with this KDD: diversified, or the same for all cards.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`], [`VaultError::Diversification`], [`VaultError::Failed`].
    fn card_keys(&self, key: &KeyRef, kdd: &[u8; 10]) -> Result<Self::CardKeys, VaultError>;

    /// Bytes of each key in the set: 16, 24 or 32.
    fn key_len(&self, keys: &Self::CardKeys) -> usize;

    /// GlobalPlatform AES check values of the set (first 3 bytes of AES-ECB over 16 x 01).
    ///
    /// # Errors
    /// [`VaultError::Failed`]
    fn kcvs(&self, keys: &Self::CardKeys) -> Result<KeySet<Kcv>, VaultError>;

    /// Session keys over a context.
    ///
    /// # Errors
    /// [`VaultError::Failed`]
    fn session(&self, keys: &Self::CardKeys, context: &Context) -> Result<Self::Session, VaultError>;

    /// The pseudo-random challenge that a card with these keys gives.
    ///
    /// # Errors
    /// [`VaultError::Failed`]
    fn card_challenge(&self, keys: &Self::CardKeys, input: &ChallengeInput<'_>) -> Result<Token, VaultError>;

    /// The three blocks of PUT KEY: `new` under the Key-DEK of `current`.
    ///
    /// # Errors
    /// [`VaultError::WeakerWrap`], [`VaultError::Failed`].
    fn put_key_blocks(
        &self,
        current: &Self::CardKeys,
        new: &Self::CardKeys,
        form: BlockForm,
    ) -> Result<KeySet<KeyBlock>, VaultError>;
}
