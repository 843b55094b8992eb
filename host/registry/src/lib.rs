//! What is known of cards and keys, and never a key: which cards there are and which key sets they have, where each
//! version of each key is in its life, who asked for and approved what, the counters and failures of each card, the
//! intent journal of key changes, and the jobs that cards are made in.
//!
//! [`Registry`] is the port, and [`Jobs`] the one for jobs. [`sqlite`] is the first database behind it; `conformance` (a feature of this crate) is
//! what a second one has to pass. What a database says is believed only as far as it can be: histories are replayed
//! over the table of edges, approvals checked by their signatures, and every name parsed again. [`lines`] is how cards
//! come in and go out as text.

pub mod cards;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod jobs;
pub mod lines;
pub mod sqlite;

pub use cards::{CardEntry, CardFacts, CardQuery, KeySetEntry};
use cardwright_keys::approval::{Approval, Filed, Nonce};
use cardwright_keys::journal::{CardId, Journal};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{History, Step};
use cardwright_keys::vault::{KeyType, Purpose};
pub use jobs::Jobs;

/// One version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionEntry {
    /// Its number, from 1.
    pub version: u32,
    /// Check values in hex, 6 digits a key: one, or ENC MAC DEK; `None` where the vault computes none.
    pub kcvs: Option<String>,
    /// What happened to it.
    pub history: History,
    /// It is to be activated at that moment, by that request where there is dual control.
    pub due: Option<Due>,
    /// The key that it is wrapped under, outside of its vault.
    pub wrapped_under: Option<VaultKey>,
}

/// An activation that was decided ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Seconds since 1970-01-01 UTC.
    pub at: u64,
    /// The request that was approved for it.
    pub request: Option<Nonce>,
}

/// A key with all its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Vault and name; without a version.
    pub key: VaultKey,
    /// What it is kept for.
    pub purpose: Purpose,
    /// Cipher and length.
    pub key_type: KeyType,
    /// By number, from 1, without gaps.
    pub versions: Vec<VersionEntry>,
}

/// A version to be registered, with its first step.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The key with the version that it becomes: the next one.
    pub key: VaultKey,
    /// What it is kept for; as the versions before.
    pub purpose: Purpose,
    /// Cipher and length.
    pub key_type: KeyType,
    /// As [`VersionEntry::kcvs`].
    pub kcvs: Option<String>,
    /// How it began.
    pub first: Step,
}

/// A card that has keys from a version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependant {
    /// The card.
    pub card: CardId,
    /// The set that has them.
    pub set: KeySetEntry,
}

/// A request that was filed, with what the registry says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestEntry {
    /// Names it.
    pub nonce: Nonce,
    /// Words and signatures.
    pub filed: Filed,
}

/// Where all of this is kept. What a call has returned from is durable, and a call does all or nothing. After a write
/// that failed nothing more is written through this value ([`RegistryError::Failed`]); [`RegistryError::Conflict`],
/// [`RegistryError::Unfit`], [`RegistryError::Input`] and [`RegistryError::Busy`] are answers, and change nothing.
pub trait Registry: Journal {
    /// Adds what is known of cards, all or nothing: cards that are there already get what is new, and what contradicts
    /// is an error that names the first such card.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn put_cards(&mut self, cards: &[CardEntry]) -> Result<Added, RegistryError>;

    /// A card with everything that is known of it.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn card(&self, card: &CardId) -> Result<Option<CardFacts>, RegistryError>;

    /// Hands out cards, by identity, until `take` says `false`. Not all at once: there may be millions.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn cards(&self, query: &CardQuery, take: &mut dyn FnMut(CardEntry) -> bool) -> Result<(), RegistryError>;

    /// How many cards have keys from this version, or from any where the key names none.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn count_dependants(&self, key: &VaultKey) -> Result<u64, RegistryError>;

    /// Hands out the cards that have keys from this version, or from any where the key names none, until `take` says
    /// `false`. A card comes once for each such set.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn dependants(&self, key: &VaultKey, take: &mut dyn FnMut(Dependant) -> bool) -> Result<(), RegistryError>;

    /// All keys, by vault and name.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn keys(&self) -> Result<Vec<KeyEntry>, RegistryError>;

    /// One key, whatever version the reference names.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn key(&self, key: &VaultKey) -> Result<Option<KeyEntry>, RegistryError>;

    /// Registers a version.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where it is not the next one, or not of the same kind.
    fn add_version(&mut self, version: &NewVersion) -> Result<(), RegistryError>;

    /// Adds a step to a version's history, and with it what it consumes: the request is marked as having served, a due
    /// activation is taken off.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the history does not have `after` steps any more, or the request has served
    /// (another process was faster), and where no edge says so.
    fn add_step(&mut self, key: &VaultKey, after: usize, step: &Step) -> Result<(), RegistryError>;

    /// Decides when a version is activated, or that it is not. The request is marked as having served.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the version is not pre-operational, or the request has served.
    fn set_due(&mut self, key: &VaultKey, due: Option<Due>) -> Result<(), RegistryError>;

    /// Notes under which key a version is wrapped.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn set_wrapped_under(&mut self, key: &VaultKey, under: &VaultKey) -> Result<(), RegistryError>;

    /// Keeps a request.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where one of that nonce is there.
    fn file(&mut self, request: &RequestEntry) -> Result<(), RegistryError>;

    /// All requests, in the order in which they were filed.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn requests(&self) -> Result<Vec<RequestEntry>, RegistryError>;

    /// Adds a signature.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where this operator's is there, or there is no such request.
    fn approve(&mut self, request: Nonce, approval: &Approval) -> Result<(), RegistryError>;

    /// Marks a request as having served.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where it had served before.
    fn spend(&mut self, request: Nonce) -> Result<(), RegistryError>;

    /// Changes with every write about keys, requests and approvals, by anybody: what was read of them before may be old
    /// then. What is written of cards, jobs and in the journal leaves it as it is. Cheap.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn edition(&self) -> Result<u64, RegistryError>;

    /// Looks at every page, every index, every row.
    ///
    /// # Errors
    /// [`RegistryError`] where it could not look.
    fn check(&self) -> Result<Vec<Finding>, RegistryError>;
}

/// What a bulk of cards came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Cards that were not known.
    pub new: u64,
    /// Cards that were known and got something new.
    pub changed: u64,
    /// Cards of which all was known.
    pub known: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: table and row, key, card.
    pub place: String,
    /// What, in words.
    pub what: String,
}

/// Why the registry did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// It was written by a later version of this program.
    #[error("{what} has schema {found}, and this program knows up to {known}: a later version wrote it")]
    Newer {
        /// The file.
        what: String,
        /// Its schema.
        found: usize,
        /// The last one that this program knows.
        known: usize,
    },
    /// It is something else.
    #[error("{0} is no registry of this program")]
    Foreign(String),
    /// A row that this program does not write.
    #[error("the registry is damaged: {place}: {what}")]
    Damaged {
        /// Table and row.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// It is not so any more, or never was.
    #[error("{0}")]
    Conflict(String),
    /// What was to be written is nothing that a registry holds.
    #[error("the registry cannot keep that: {0}")]
    Unfit(String),
    /// What was to be written could not be read to its end.
    #[error("{0}")]
    Input(Box<dyn std::error::Error + Send + Sync>),
    /// Another process is writing for too long.
    #[error("the registry is in use by another process that does not end its writing")]
    Busy,
    /// A write failed before. What is durable since then is known only after it is opened again.
    #[error("an earlier write failed, so nothing more is written; end this run and start again")]
    Failed,
    /// The disk is full.
    #[error("the disk is full: the registry could not be written")]
    Full,
    /// The database failed.
    #[error("the registry {what}: {error}")]
    Database {
        /// What was attempted, as in "the registry ...".
        what: &'static str,
        /// Why it failed.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}
