//! What is written down before a card is changed, and what is read back after a crash.
//!
//! A journal is a sequence of [`Record`]s, each durable before the effect that it announces. [`Ledger`] is what the
//! records of one card add up to: the last counter of each key set, the failed authentications, the key change that has
//! begun and not ended.

use cardwright_proto::gp::key::{Kcv, KeySet, Kvn};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names a card: its KDD in hex, and behind a dash the chip's 12 bytes of CPLC where the card gives them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CardId(pub String);

impl CardId {
    /// From what the card says before authentication.
    #[must_use]
    pub fn new(kdd: &[u8; 10], chip: Option<&[u8; 12]>) -> Self {
        let kdd = hex::encode_upper(kdd);
        Self(chip.map_or(kdd.clone(), |chip| format!("{kdd}-{}", hex::encode_upper(chip))))
    }

    /// The KDD's 10 bytes; `None` where it is no name of a card.
    #[must_use]
    pub fn kdd(&self) -> Option<[u8; 10]> {
        let mut kdd = [0; 10];
        hex::decode_to_slice(self.0.get(..20)?, &mut kdd).ok().map(|()| kdd)
    }

    /// The chip's 12 bytes; `None` where the name is the KDD alone.
    #[must_use]
    pub fn chip(&self) -> Option<[u8; 12]> {
        let mut chip = [0; 12];
        let (_, text) = self.0.split_once('-')?;
        hex::decode_to_slice(text, &mut chip).ok().map(|()| chip)
    }
}

impl std::fmt::Display for CardId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a key set on a card without saying anything about its keys: number and check values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SetId {
    /// Key version number.
    pub kvn: u8,
    /// Check values of ENC, MAC, DEK in hex, 18 digits.
    pub kcvs: String,
}

impl SetId {
    /// From the number and the check values.
    #[must_use]
    pub fn new(kvn: Kvn, kcvs: &KeySet<Kcv>) -> Self {
        Self { kvn: kvn.byte(), kcvs: Self::text(kcvs) }
    }

    /// Whether these are its check values, whatever its number.
    #[must_use]
    pub fn is(&self, kcvs: &KeySet<Kcv>) -> bool {
        self.kcvs == Self::text(kcvs)
    }

    fn text(kcvs: &KeySet<Kcv>) -> String {
        kcvs.iter().map(Kcv::to_string).collect()
    }
}

/// A key change on one card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The card.
    pub card: CardId,
    /// The keys that the card has before.
    pub old: SetId,
    /// The keys that it is to have.
    pub new: SetId,
    /// Whether the old set is replaced; else the new one is added beside it.
    pub replace: bool,
    /// Where the new keys are kept: a key reference.
    pub kept_in: String,
}

impl Change {
    /// Whether the other change comes to the same on the card, wherever the new keys are kept.
    #[must_use]
    pub fn aims_as(&self, other: &Self) -> bool {
        self.card == other.card && self.new == other.new && self.replace == other.replace
    }
}

/// How a key change ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
#[non_exhaustive]
pub enum Outcome {
    /// The card has the new keys, and proved it.
    Loaded,
    /// The card still has the old keys; nothing was changed.
    NotLoaded,
    /// The card refused PUT KEY.
    Refused {
        /// Its status word.
        sw: u16,
    },
    /// The card answered with other check values than were sent. It stays open: people have to look.
    EchoMismatch {
        /// The key version number that it answered with.
        kvn: u8,
        /// The check values that it answered with, in hex.
        kcvs: String,
    },
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "record")]
#[non_exhaustive]
pub enum Record {
    /// A card was seen at this value of its sequence counter.
    Counter {
        /// The card.
        card: CardId,
        /// The key set.
        set: SetId,
        /// Sequence counter, 24 bits.
        counter: u32,
    },
    /// EXTERNAL AUTHENTICATE is about to be sent. [`Record::Authenticated`] or [`Record::AuthenticationRefused`]
    /// follows, or nobody knows.
    Authenticating {
        /// The card.
        card: CardId,
        /// The key set.
        set: SetId,
    },
    /// EXTERNAL AUTHENTICATE was accepted.
    Authenticated {
        /// The card.
        card: CardId,
        /// The key set.
        set: SetId,
    },
    /// EXTERNAL AUTHENTICATE was refused: it has cost the card a try.
    AuthenticationRefused {
        /// The card.
        card: CardId,
        /// The key set.
        set: SetId,
        /// The card's status word.
        sw: u16,
    },
    /// A key change is about to be made. The new keys are durable.
    Intent(Change),
    /// PUT KEY is about to be sent.
    Sending(Change),
    /// The card has deleted a key set.
    Deleted {
        /// The card.
        card: CardId,
        /// The set's number.
        kvn: u8,
    },
    /// A key change has ended.
    Ended {
        /// The change.
        change: Change,
        /// How.
        outcome: Outcome,
    },
}

/// A journal that cannot be trusted any more.
#[derive(Debug, thiserror::Error)]
#[error("the journal {what}: {error}")]
pub struct JournalError {
    /// What was attempted, and where.
    pub what: String,
    /// Why it failed.
    pub error: Box<dyn std::error::Error + Send + Sync>,
}

/// Where records go. They are durable when `append` returns.
pub trait Journal {
    /// Writes records, in order, at the cost of one fsync. After an error nothing more may be done to a card: what is
    /// durable is not known, except that it is a first part of them.
    ///
    /// `at` is for people, in seconds since 1970-01-01 UTC; nothing is ordered by it.
    ///
    /// # Errors
    /// [`JournalError`]
    fn append(&mut self, records: &[Record], at: u64) -> Result<(), JournalError>;

    /// What all records of a card so far add up to.
    ///
    /// # Errors
    /// [`JournalError`]
    fn ledger(&self, card: &CardId) -> Result<Ledger, JournalError>;

    /// All key changes that have not ended.
    ///
    /// # Errors
    /// [`JournalError`]
    fn open_changes(&self) -> Result<Vec<OpenChange>, JournalError>;
}

/// How far a key change has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChange {
    /// The change.
    pub change: Change,
    /// PUT KEY has been sent, or was about to be.
    pub sent: bool,
    /// The card's answer did not fit.
    pub mismatch: bool,
}

/// EXTERNAL AUTHENTICATEs to a card since the last one that it accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Refused by the card: each has cost a try.
    pub refused: u32,
    /// Sent, or about to be, without an answer that came back: each may have cost a try.
    pub unanswered: u32,
}

/// What a journal says of one card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The last sequence counter of each key set.
    pub counters: BTreeMap<SetId, u32>,
    /// EXTERNAL AUTHENTICATEs since the last one that was accepted.
    pub failures: Failures,
    /// The key change that has not ended.
    pub open: Option<OpenChange>,
}

impl Ledger {
    /// Takes one more record of this card into account.
    pub fn apply(&mut self, record: &Record) {
        match record.clone() {
            Record::Counter { set, counter, .. } => {
                let restarts = self.may_restart(&set);
                let last = self.counters.entry(set).or_default();
                *last = if restarts { counter } else { counter.max(*last) };
            }
            Record::Authenticating { .. } => {
                self.failures.unanswered = self.failures.unanswered.saturating_add(1);
            }
            Record::AuthenticationRefused { .. } => {
                self.failures.unanswered = self.failures.unanswered.saturating_sub(1);
                self.failures.refused = self.failures.refused.saturating_add(1);
            }
            Record::Authenticated { .. } => self.failures = Failures::default(),
            Record::Deleted { kvn, .. } => self.counters.retain(|set, _| set.kvn != kvn),
            Record::Intent(change) => self.open = Some(OpenChange { change, sent: false, mismatch: false }),
            Record::Sending(change) => self.open = Some(OpenChange { change, sent: true, mismatch: false }),
            Record::Ended { change, outcome: Outcome::EchoMismatch { .. } } => {
                self.open = Some(OpenChange { change, sent: true, mismatch: true });
            }
            Record::Ended { change, .. } => {
                self.open = self.open.take().filter(|open| !open.change.aims_as(&change));
            }
        }
    }

    /// A card starts the counter of a whole new set at zero again (AmdD 6.2.2.1). So while PUT KEY for a set is under
    /// way, a counter below the last one is no sign of a roll-back.
    fn may_restart(&self, set: &SetId) -> bool {
        self.open.as_ref().is_some_and(|open| open.sent && open.change.new == *set)
    }

    /// The last sequence counter seen for this key set; `None` also while the set is being loaded anew.
    #[must_use]
    pub fn last_counter(&self, set: &SetId) -> Option<u32> {
        if self.may_restart(set) {
            return None;
        }
        self.counters.get(set).copied()
    }
}

impl Record {
    /// The card that it is about.
    #[must_use]
    pub const fn card(&self) -> &CardId {
        match self {
            Self::Counter { card, .. }
            | Self::Authenticating { card, .. }
            | Self::Authenticated { card, .. }
            | Self::AuthenticationRefused { card, .. }
            | Self::Deleted { card, .. } => card,
            Self::Intent(change) | Self::Sending(change) | Self::Ended { change, .. } => &change.card,
        }
    }
}

/// The ledgers of all cards.
#[derive(Clone, Debug, Default)]
pub struct Ledgers(BTreeMap<CardId, Ledger>);

impl Ledgers {
    /// Takes one more record into account.
    pub fn apply(&mut self, record: &Record) {
        self.0.entry(record.card().clone()).or_default().apply(record);
    }

    /// What is said of this card.
    #[must_use]
    pub fn of(&self, card: &CardId) -> Ledger {
        self.0.get(card).cloned().unwrap_or_default()
    }

    /// All key changes that have not ended.
    pub fn open_changes(&self) -> impl Iterator<Item = &OpenChange> {
        self.0.values().filter_map(|ledger| ledger.open.as_ref())
    }
}

#[cfg(test)]
mod tests;
