//! All that can go wrong in a use case. The binary turns each into an exit code and a line on what to do next.

use crate::batch::BatchError;
use crate::ceremony::CeremonyError;
use crate::control::ControlError;
use crate::custodian::CustodianError;
use cardwright_keys::journal::{CardId, JournalError, SetId};
use cardwright_keys::vault::VaultError;
use cardwright_link::LinkError;
use cardwright_proto::apdu::ApduError;
use cardwright_proto::gp::GpError;
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::scp::{CipherFailed, ScpError};
use cardwright_proto::status::StatusWord;

/// Why a use case stopped. Nothing was sent to the card after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The link failed below the status word.
    #[error("{command}: {error}")]
    Link {
        /// What was being sent.
        command: &'static str,
        /// How it failed.
        error: LinkError,
    },
    /// The bytes are no command, or the answer is none.
    #[error("{command}: {error}")]
    Apdu {
        /// What was being sent.
        command: &'static str,
        /// What is wrong with it.
        error: ApduError,
    },
    /// The card refused a command, or answered with something malformed.
    #[error(transparent)]
    Gp(#[from] GpError),
    /// A check of the secure channel failed, or the card ended it.
    #[error("{command}: {error}")]
    Scp {
        /// The command whose answer was being checked.
        command: &'static str,
        /// Which check.
        error: ScpError,
    },
    /// The session is over, after an earlier error.
    #[error("the secure channel session is over")]
    SessionOver,
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Journal or audit sink failed: nothing goes on without them.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The life of a key does not allow it, or others have to approve it.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// An operator's key did not sign.
    #[error("the request could not be signed: {0}")]
    Signer(Box<dyn std::error::Error + Send + Sync>),
    /// No randomness.
    #[error("the system's random numbers are not to be had: {0}")]
    Entropy(Box<dyn std::error::Error + Send + Sync>),
    /// None of the keys offered fits. Nothing was sent after INITIALIZE UPDATE.
    #[error("card {card} has other keys in its set {kvn} than {tried}")]
    NoMatch {
        /// The card.
        card: CardId,
        /// The set that answered.
        kvn: Kvn,
        /// The references that were tried.
        tried: String,
    },
    /// This card has refused EXTERNAL AUTHENTICATE before, or may have: another one could block it.
    #[error(
        "card {card} has {refused} refused and {unanswered} unanswered authentications on record: one more may block it"
    )]
    AtRisk {
        /// The card.
        card: CardId,
        /// Refused ones.
        refused: u32,
        /// Unanswered ones.
        unanswered: u32,
    },
    /// The card says that its keys are blocked.
    #[error("the card has blocked this key set: {0}")]
    Blocked(StatusWord),
    /// The request contradicts itself or the card. Nothing was changed.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// The journal knows of another key change of this card that has not ended.
    #[error("card {card} has an unfinished key change: set 0x{kvn:02X} to the keys in {kept_in}")]
    OtherChangePending {
        /// The card.
        card: CardId,
        /// The pending change's target.
        kvn: u8,
        /// Where its keys are kept.
        kept_in: String,
    },
    /// The card answered PUT KEY with other check values in an earlier run, and still has its old keys.
    #[error("card {card} answered PUT KEY with other check values before, and still has its old keys")]
    MismatchOnRecord {
        /// The card.
        card: CardId,
    },
    /// The card answered PUT KEY with other check values than were sent.
    #[error("card {card} answered PUT KEY with set 0x{kvn:02X} and check values {got}, sent were {} and {}", format_args!("0x{:02X}", sent.kvn), sent.kcvs)]
    EchoMismatch {
        /// The card.
        card: CardId,
        /// The number in the answer.
        kvn: u8,
        /// The check values in the answer, hex.
        got: String,
        /// What was sent.
        sent: SetId,
    },
    /// What a custodian card is asked for and what it is do not go together.
    #[error(transparent)]
    Custodian(#[from] CustodianError),
    /// A ceremony cannot go on.
    #[error(transparent)]
    Ceremony(Box<CeremonyError>),
    /// A job cannot go on, or a card is not to be made.
    #[error(transparent)]
    Batch(Box<BatchError>),
    /// Another card answers than a moment ago.
    #[error("card {now} answers where card {card} did a moment ago")]
    OtherCard {
        /// Who answered first.
        card: CardId,
        /// Who answers now.
        now: CardId,
    },
    /// The card accepted PUT KEY and then does not prove the new keys.
    #[error("card {card} accepted the new keys and does not answer with them afterwards")]
    NotProved {
        /// The card.
        card: CardId,
    },
}

/// A request that is refused before anything is changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Old and new keys cannot be told apart afterwards.
    #[error(
        "the old and the new set have the same number and the same Key-MAC: after an interruption nobody could tell offline which of them the card has"
    )]
    Indistinct,
    /// A set of this number is there already.
    #[error("the card has a key set {0} already: replacing it has to be asked for")]
    SetExists(Kvn),
    /// The initial keys cannot be replaced.
    #[error("the card's keys are its initial ones (0xFF): they are left by adding a set, not by replacing")]
    ReplaceInitial,
    /// Replacing cannot change the keys' size.
    #[error("the card's keys have {old} bytes and the new ones {new}: replacing cannot change a key's size")]
    SizeChange {
        /// Bytes of a present key.
        old: usize,
        /// Bytes of a new key.
        new: usize,
    },
}

impl From<CeremonyError> for Error {
    fn from(error: CeremonyError) -> Self {
        Self::Ceremony(Box::new(error))
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        Self::Batch(Box::new(error))
    }
}

impl From<CipherFailed> for Error {
    fn from(error: CipherFailed) -> Self {
        Self::Scp { command: "session keys", error: error.into() }
    }
}

impl Error {
    /// For a link error while `command` was being sent.
    pub(crate) const fn link(command: &'static str) -> impl Fn(LinkError) -> Self {
        move |error| Self::Link { command, error }
    }

    /// For an APDU error around `command`.
    pub(crate) const fn apdu(command: &'static str) -> impl Fn(ApduError) -> Self {
        move |error| Self::Apdu { command, error }
    }

    /// For a failed check around `command`.
    pub(crate) const fn scp(command: &'static str) -> impl Fn(ScpError) -> Self {
        move |error| Self::Scp { command, error }
    }

    /// Whether nobody knows what became of the command.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        matches!(self, Self::Link { error: LinkError::Lost(_), .. })
    }
}
