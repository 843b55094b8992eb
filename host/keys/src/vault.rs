//! The ports to whatever holds keys.
//!
//! [`Vault`] is what works with cards: a caller never sees a static key, it asks for a card's keys (as whatever the vault
//! calls a handle), for session keys over a context, for the pseudo-random challenge, for a PUT KEY block. [`Store`] is
//! what keeps keys under names: they are made, listed, destroyed. Whatever holds keys says what never leaves it.

use crate::approval::Operation;
use crate::key::{Algorithm, KeyMaterial, SecretKey};
use crate::keyref::{KeyRef, Name};
use crate::lifecycle::{Use, WardenError};
use crate::words::words;
use cardwright_proto::block::KeyLength;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{Mode, SessionCipher, Token};
use std::fmt;

/// What never leaves a vault, the least first. Reports repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Custody {
    /// All keys pass through the host's memory.
    Software,
    /// Masters stay inside; card keys, or values from which they could be found, pass through the host's memory.
    MasterNeverLeaves,
    /// Neither masters nor card keys enter the host's memory.
    StaticKeysNeverLeave,
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
    /// A key of that name is there, and none is ever written over.
    #[error("the vault has a key `{0}` already: a key is never written over")]
    Exists(Name),
    /// A key is used for what it is meant for, and for nothing else.
    #[error("`{key}` is kept for `{purpose}`: it cannot be used for `{wanted}`")]
    Purpose {
        /// The key's name.
        key: String,
        /// What it is kept for.
        purpose: Purpose,
        /// What was asked of it.
        wanted: Purpose,
    },
    /// What was asked for contradicts itself, or the key that was given for it.
    #[error("that key cannot be kept so: {0}")]
    Unfit(&'static str),
    /// The vault cannot do this with any key.
    #[error("this vault cannot {what}: {reason}")]
    Unable {
        /// What was asked for, as in "cannot ...".
        what: &'static str,
        /// Why not.
        reason: &'static str,
    },
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
    /// The key's life does not allow it now.
    #[error(transparent)]
    Life(#[from] WardenError),
    /// The leave that was shown is for something else.
    #[error("the vault was shown leave to {} {}, for something else", shown.act, shown.key)]
    OtherPermit {
        /// What it is for.
        shown: Box<Operation>,
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

    /// The references, each to one version, that `key` may mean where it names none: the likeliest first.
    ///
    /// # Errors
    /// [`VaultError::Life`] where none may serve for that.
    fn versions(&self, key: &KeyRef, what: Use) -> Result<Vec<KeyRef>, VaultError> {
        let _ = what;
        Ok(vec![key.clone()])
    }

    /// Whether a version that `key` may mean is left out of [`Self::versions`]: worth telling where none of those fits.
    ///
    /// # Errors
    /// [`VaultError::Life`] for the newest such version.
    fn withheld(&self, key: &KeyRef, what: Use) -> Result<(), VaultError> {
        let _ = (key, what);
        Ok(())
    }

    /// What of these keys stays inside.
    fn custody(&self, keys: &Self::CardKeys) -> Custody;

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

/// What a key is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Cards' keys are derived from it, and nothing else is done with it.
    Master,
    /// A card's static keys ENC, MAC, DEK as they are: three keys under one name.
    Card,
    /// Encryption.
    Enc,
    /// Message authentication.
    Mac,
    /// Wrapping of other keys.
    Dek,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Master, Self::Card, Self::Enc, Self::Mac, Self::Dek];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Card => "card",
            Self::Enc => "enc",
            Self::Mac => "mac",
            Self::Dek => "dek",
        }
    }
}

/// A word that stands for nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownWord(pub(crate) &'static str);

words!(Purpose, "purposes are master, card, enc, mac and dek");

/// Cipher and length of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// 16 bytes
    Aes128,
    /// 24 bytes
    Aes192,
    /// 32 bytes
    Aes256,
    /// 16 bytes: two single keys.
    TripleDes2,
    /// 24 bytes: three single keys.
    TripleDes3,
}

impl KeyType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Aes128, Self::Aes192, Self::Aes256, Self::TripleDes2, Self::TripleDes3];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128 => "aes128",
            Self::Aes192 => "aes192",
            Self::Aes256 => "aes256",
            Self::TripleDes2 => "3des2",
            Self::TripleDes3 => "3des3",
        }
    }

    /// Bytes in a key: 16, 24 or 32.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128 | Self::TripleDes2 => 16,
            Self::Aes192 | Self::TripleDes3 => 24,
            Self::Aes256 => 32,
        }
    }

    /// The algorithm of its check value.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => Algorithm::Aes,
            Self::TripleDes2 | Self::TripleDes3 => Algorithm::TripleDes,
        }
    }
}

words!(KeyType, "key types are aes128, aes192, aes256, 3des2 and 3des3");

/// A key as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// What it is kept for.
    pub purpose: Purpose,
    /// Cipher and length.
    pub key_type: KeyType,
    /// A trusted backup key can wrap it. For tokens only: a file can be copied.
    pub portable: bool,
}

/// Check values of what one name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kcvs {
    /// One key.
    One(Kcv),
    /// ENC, MAC, DEK.
    Set(KeySet<Kcv>),
}

impl Kcvs {
    /// Of keys that are at hand.
    ///
    /// # Errors
    /// [`KeyLength`] where the algorithm takes no key of that length.
    pub fn of(material: &KeyMaterial, algorithm: Algorithm) -> Result<Self, KeyLength> {
        let kcv = |key: &SecretKey| key.kcv(algorithm);
        match material {
            KeyMaterial::One(key) => kcv(key).map(Self::One),
            KeyMaterial::Set(set) => set.as_ref().try_map(kcv).map(Self::Set),
        }
    }
}

/// In hex, one behind the other.
impl fmt::Display for Kcvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(kcv) => kcv.fmt(f),
            Self::Set(set) => set.iter().try_for_each(|kcv| kcv.fmt(f)),
        }
    }
}

/// What a vault says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub spec: KeySpec,
    /// Which key of this name it is, from 1; `None` where the vault does not count.
    pub version: Option<u32>,
    /// Check values under [`KeyType::algorithm`]; `None` where the vault cannot compute them inside.
    pub kcvs: Option<Kcvs>,
    /// What never leaves, where cards' keys come from this one.
    pub custody: Custody,
}

/// Keeps keys under names. What a call has returned from is durable.
pub trait Store {
    /// All keys, by name.
    ///
    /// # Errors
    /// [`VaultError::Failed`]
    fn list(&self) -> Result<Vec<KeyInfo>, VaultError>;

    /// Makes a key from the vault's own randomness.
    ///
    /// # Errors
    /// [`VaultError::Exists`], [`VaultError::Unfit`], [`VaultError::Unable`], [`VaultError::Failed`].
    fn generate(&mut self, name: &Name, spec: KeySpec) -> Result<KeyInfo, VaultError>;

    /// Takes a key that was outside: for test keys, and for keys that come from elsewhere in clear.
    ///
    /// `material` is one key, or for [`Purpose::Card`] a set; a length other than [`KeyType::key_len`] is refused.
    ///
    /// # Errors
    /// As [`Self::generate`].
    fn import(&mut self, name: &Name, spec: KeySpec, material: &KeyMaterial) -> Result<KeyInfo, VaultError>;

    /// Destroys a key.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`], [`VaultError::Failed`].
    fn destroy(&mut self, name: &Name) -> Result<(), VaultError>;
}
