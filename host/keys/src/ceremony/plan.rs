//! The plan of a ceremony: who does what with which card. A TOML file that its people read, and whose hash they approve
//! with the manifest.

mod example;
mod file;
mod rules;

use crate::custody::hash::sha256;
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::share::{KeyType, Scheme, ShareError};
use std::fmt;

/// The most bytes of a plan's file: it goes into one line of the transcript, two digits a byte.
pub const MAX_LEN: usize = 32_000;

/// Who sees the shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CeremonyMode {
    /// Cards alone: the host relays.
    Blind,
    /// The host, too.
    Host,
}

/// What a person is there for. One role each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PersonRole {
    /// Holds the cards of CA, dealer and combiner.
    Administrator,
    /// Holds one share.
    Custodian,
    /// Sees that all goes as planned, and holds no card.
    Witness,
    /// Checks it afterwards, and holds no card.
    Auditor,
}

/// What a card is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardRole {
    /// Certifies the others.
    Ca,
    /// Deals.
    Dealer,
    /// Puts shares together.
    Combiner,
    /// Holds a share.
    Custodian,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// As people call them.
    pub name: String,
    /// What they are there for.
    pub role: PersonRole,
}

/// A card that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCard {
    /// What is written on it.
    pub label: String,
    /// What it is there for.
    pub role: CardRole,
    /// Who holds it, by name.
    pub holder: String,
    /// The identity that it has to have.
    pub identity: Option<[u8; 8]>,
}

/// The key that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedKey {
    /// As people call it.
    pub name: String,
    /// What it is for.
    pub key_type: KeyType,
    /// Its bytes: 16, 24 or 32; 3DES has 16 or 24.
    pub key_length: u8,
    /// As the manifest has it.
    pub usage: u8,
}

/// A certificate that is not to be used any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its hash.
    pub certificate: Hash,
    /// Why.
    pub reason: String,
}

/// A plan that keeps all rules, and the file that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What people call it.
    pub title: String,
    /// Who sees the shares.
    pub mode: CeremonyMode,
    /// The key that it is about.
    pub key: PlannedKey,
    /// How the key is split.
    pub scheme: Scheme,
    /// How many shares make the key.
    pub m: u8,
    /// XOR only: why there is no m-of-n backup, though one lost card loses the key.
    pub waiver: Option<String>,
    /// SHA-256 of the load file of the cards' applet.
    pub applet: Hash,
    /// Who takes part.
    pub people: Vec<Person>,
    /// Which cards do; custodians' in the order of x.
    pub cards: Vec<PlannedCard>,
    /// What is allowed: deal first.
    pub steps: Vec<Operation>,
    /// Certificates that are not to be used.
    pub revoked: Vec<Revoked>,
    n: u8,
    source: Vec<u8>,
}

/// Why a file is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// More than [`MAX_LEN`] bytes.
    #[error("a plan has {MAX_LEN} bytes at most, and this one {0}")]
    TooLong(usize),
    /// No UTF-8.
    #[error("line {line}: it is no UTF-8")]
    NotText {
        /// From 1.
        line: usize,
    },
    /// No TOML, a member that a plan does not have, or none that it has to have.
    #[error("line {line}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// What the reader of TOML says.
        message: String,
    },
    /// Another format than 1.
    #[error("its format is {0}, and this version reads 1")]
    Format(u32),
    /// Text that is empty, too long, or looks like another: characters that do not show, spaces side by side or around it.
    #[error("{what} {value:?} has to be 1 to {max} characters that show, with single spaces, and none around them")]
    Text {
        /// What it is.
        what: &'static str,
        /// What it says.
        value: String,
        /// The most characters.
        max: usize,
    },
    /// A label that cannot be typed.
    #[error("the label {0:?} has to be 1 to 16 letters, digits, points, hyphens or underscores of ASCII")]
    Label(String),
    /// Hexadecimal digits that are none, or not so many.
    #[error("{what} {value:?} has to be {bytes} bytes in hexadecimal")]
    Hex {
        /// What it is.
        what: &'static str,
        /// What it says.
        value: String,
        /// How many bytes there have to be.
        bytes: usize,
    },
    /// A length that no key of this type has.
    #[error("no {key_type} key has {bits} bits", key_type = name_of(*key_type))]
    Bits {
        /// The type.
        key_type: KeyType,
        /// The length.
        bits: u32,
    },
    /// No operation at all.
    #[error("it has no steps")]
    NoSteps,
    /// An operation before the deal.
    #[error("its first step is {0}, and has to be deal")]
    FirstStep(Operation),
    /// An operation listed twice.
    #[error("the step {0} is there twice")]
    StepTwice(Operation),
    /// Somebody listed twice, with whatever capitals.
    #[error("{0} is there twice, capitals not counted: each person has one role")]
    PersonTwice(String),
    /// Two cards with one label.
    #[error("two cards have the label {0}")]
    LabelTwice(String),
    /// Two cards with one identity.
    #[error("the cards {first} and {second} have one identity")]
    IdentityTwice {
        /// The label of one.
        first: String,
        /// The label of the other.
        second: String,
    },
    /// A holder who is not among the people.
    #[error("{holder}, who holds the card {label}, is not among the people")]
    Stranger {
        /// The card.
        label: String,
        /// Its holder.
        holder: String,
    },
    /// A holder with another role than the card wants.
    #[error("the card {label} ({card}) is {holder}'s, who is no {} but {}", .card.holder(), with_article(*.role))]
    Holder {
        /// The card.
        label: String,
        /// What it is there for.
        card: CardRole,
        /// Its holder.
        holder: String,
        /// Whose role this is.
        role: PersonRole,
    },
    /// One person with two shares.
    #[error("{holder} holds the cards {first} and {second}: no person counts twice")]
    TwoShares {
        /// The person.
        holder: String,
        /// One card.
        first: String,
        /// The other one.
        second: String,
    },
    /// A custodian without a share.
    #[error("{0} is a custodian, and holds no card")]
    NoShare(String),
    /// Nobody who looks on.
    #[error("there is no witness")]
    NoWitness,
    /// Too few or too many cards of a role.
    #[error("there are {found} cards of the role {role}, and there have to be {}", expected(*.role))]
    Cards {
        /// The role.
        role: CardRole,
        /// How many there are.
        found: usize,
    },
    /// Another card than a custodian's, where the host deals.
    #[error("the card {label} ({role}) has nothing to do: in host mode there are custodians' cards only")]
    HostCard {
        /// The card.
        label: String,
        /// Its role.
        role: CardRole,
    },
    /// No number of shares.
    #[error("without cards of custodians, the quorum has to say n, the number of shares")]
    NoCount,
    /// A number of shares that is not that of the custodians' cards.
    #[error("n is {n}, and there are {cards} cards of custodians")]
    Count {
        /// What the quorum says.
        n: u8,
        /// How many cards there are.
        cards: usize,
    },
    /// A quorum that there cannot be.
    #[error("{m} of {n}: {source}")]
    Quorum {
        /// How many shares make the key.
        m: u8,
        /// How many shares there are.
        n: u8,
        /// What is wrong.
        source: ShareError,
    },
    /// XOR without a word about the backup.
    #[error(
        "with XOR one lost card loses the key: an m-of-n backup is wanted, or a waiver that says why there is none"
    )]
    NoWaiver,
    /// A waiver where there is nothing to waive.
    #[error("a waiver is for XOR alone")]
    Waiver,
}

impl Plan {
    /// Reads a plan's file.
    ///
    /// # Errors
    /// [`PlanError`], for the first rule that it does not keep.
    pub fn parse(source: &[u8]) -> Result<Self, PlanError> {
        file::read(source).and_then(|plan| rules::check(&plan).map(|()| plan))
    }

    /// A file to begin with: a blind ceremony of m of n, with comments.
    ///
    /// # Errors
    /// [`PlanError`] for an m or n that there cannot be.
    pub fn example(scheme: Scheme, m: u8, n: u8) -> Result<String, PlanError> {
        let text = example::text(scheme, m, n);
        Self::parse(text.as_bytes()).map(|_| text)
    }

    /// The file's bytes.
    #[must_use]
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// SHA-256 of the file's bytes.
    #[must_use]
    pub fn hash(&self) -> Hash {
        sha256(&[&self.source])
    }

    /// How many shares there are.
    #[must_use]
    pub const fn n(&self) -> u8 {
        self.n
    }

    /// The card at a place; `None` for an HSM, and where there is none.
    #[must_use]
    pub fn card(&self, place: Place) -> Option<&PlannedCard> {
        let (role, at) = match place {
            Place::Custodian(x) => (CardRole::Custodian, usize::from(x).checked_sub(1)?),
            Place::Combiner => (CardRole::Combiner, 0),
            Place::Dealer => (CardRole::Dealer, 0),
            Place::Hsm => return None,
        };
        self.with_role(role).nth(at)
    }

    /// The CA's card; `None` where a test CA certifies, or nobody.
    #[must_use]
    pub fn ca(&self) -> Option<&PlannedCard> {
        self.with_role(CardRole::Ca).next()
    }

    fn with_role(&self, role: CardRole) -> impl Iterator<Item = &PlannedCard> {
        self.cards.iter().filter(move |card| card.role == role)
    }
}

impl CeremonyMode {
    /// `blind` or `host`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for CeremonyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for PersonRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Administrator => "administrator",
            Self::Custodian => "custodian",
            Self::Witness => "witness",
            Self::Auditor => "auditor",
        })
    }
}

/// `an auditor`, `a witness`.
const fn with_article(role: PersonRole) -> &'static str {
    match role {
        PersonRole::Administrator => "an administrator",
        PersonRole::Custodian => "a custodian",
        PersonRole::Witness => "a witness",
        PersonRole::Auditor => "an auditor",
    }
}

impl CardRole {
    /// Who has to hold such a card.
    #[must_use]
    pub const fn holder(self) -> PersonRole {
        match self {
            Self::Custodian => PersonRole::Custodian,
            Self::Ca | Self::Dealer | Self::Combiner => PersonRole::Administrator,
        }
    }
}

/// How many cards of a role a blind ceremony has.
const fn expected(role: CardRole) -> &'static str {
    match role {
        CardRole::Ca => "one, or none with a test CA",
        CardRole::Dealer | CardRole::Combiner => "one",
        CardRole::Custodian => "2 to 10",
    }
}

impl fmt::Display for CardRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ca => "CA",
            Self::Dealer => "dealer",
            Self::Combiner => "combiner",
            Self::Custodian => "custodian",
        })
    }
}

/// What people call keys of a type.
const fn name_of(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Aes => "AES",
        KeyType::TripleDes => "3DES",
    }
}

#[cfg(test)]
mod tests;
