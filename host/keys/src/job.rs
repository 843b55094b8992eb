//! A job: which cards are to be made of which blanks, with which keys and data.
//!
//! A job is a TOML file ([`Job::parse`], [`EXAMPLE`]), pinned by its SHA-256 with all files that it names. It has
//! records, one for each card to be made, and a record has attempts, one for each chip that was taken up for it.
//! [`EDGES`] says how a record goes from state to state, [`Balance`] what became of every chip, and [`statement`] what
//! two people have to sign.

mod balance;
mod example;
mod file;
mod rules;
mod state;
pub mod statement;

pub use balance::Balance;
pub use example::EXAMPLE;
pub use state::{Domain, EDGES, Fate, NoEdge, RecordState, Step, after};

use crate::keyref::{KeyRef, KeyRefError, Name};
use crate::words::words;
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_proto::scp::SecurityLevel;
use std::path::{Path, PathBuf};

/// The most bytes of a job's file.
pub const MAX_LEN: usize = 1024 * 1024;

/// The most cards of a job, listed and counted ones together.
pub const CARDS_MAX: u64 = 10_000_000;

/// The most readers of a job.
const READERS_MAX: usize = 64;

/// The longest profile, in bytes: as the registry has them.
const PROFILE_MAX: usize = 100;

/// The longest path, in bytes.
const PATH_MAX: usize = 4096;

/// A job that keeps all rules that can be checked without its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What people call it. No two jobs have one name.
    pub name: Name,
    /// Whose cards they are.
    pub issuer: Name,
    /// For trials or for customers.
    pub domain: Domain,
    /// What kind of card it is, in a person's words: 1 to 100 bytes.
    pub profile: String,
    /// The application to select first, 5 to 16 bytes; empty for the issuer security domain.
    pub aid: Vec<u8>,
    /// Security level of all sessions, with C-MAC at least; `None` for the highest that a card offers.
    pub level: Option<SecurityLevel>,
    /// The form of key data fields that the cards take.
    pub form: BlockForm,
    /// Boxes of blank cards: one at least, each of another name.
    pub deliveries: Vec<Delivery>,
    /// The keys that the cards get.
    pub target: Target,
    /// What else they get.
    pub data: Option<Data>,
    /// The life cycle state that they end in; `None` where it is left as it is.
    pub finish: Option<LifeCycle>,
    /// How the new keys are verified.
    pub verify: Verify,
    /// Where cards are put in: URIs as `--on` takes them, as they are written; empty where whoever runs it says so.
    pub readers: Vec<String>,
    /// When to stop by itself.
    pub stop: Stop,
}

/// A vendor's box of blank cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What people call it.
    pub name: Name,
    /// The keys that the cards come with.
    pub key: KeyRef,
    /// Which cards are in it.
    pub cards: Cards,
}

impl Delivery {
    /// Whether a file says which cards are in it.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        matches!(self.cards, Cards::Listed(_))
    }
}

/// Which cards are in a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cards {
    /// Those that a file lists; the path as it is written.
    Listed(PathBuf),
    /// Any so many.
    Any(u64),
}

/// The keys that cards get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where they are; names no key set on a card.
    pub key: KeyRef,
    /// The number of the new set.
    pub kvn: Kvn,
    /// Whether the old set is replaced; else the new one is added beside it.
    pub replace: bool,
    /// DELETE KEY of the old set afterwards. Only where it is not replaced.
    pub retire: bool,
}

/// What cards get besides keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// A line for each card; the path as it is written.
    pub file: PathBuf,
    /// The key in a vault that sealed fields are under; `None` where nothing is sealed.
    pub key: Option<KeyRef>,
}

/// Life cycle state of the issuer security domain (CS table 11-6), as far as a job goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifeCycle {
    /// 01: as delivered.
    OpReady,
    /// 07: it has its first data.
    Initialized,
    /// 0F: ready for its holder.
    Secured,
}

/// How a card verifies that it has its new keys, before it gets anything else and before the old ones go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verify {
    /// A session under them, and an encrypted exchange in it.
    #[default]
    Session,
    /// The same, and once more after a reset of the card: that it keeps them.
    Reset,
}

/// When a job stops by itself, because something is wrong that is no single card's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// After so many attempts in a row without a good card, from 1.
    pub in_row: u32,
    /// Where more than so many percent of all attempts made no good card, 1 to 100. Judged after
    /// [`Stop::PERCENT_AFTER`] attempts.
    pub percent: u8,
}

impl Stop {
    /// Attempts before [`Stop::percent`] says something.
    pub const PERCENT_AFTER: u64 = 100;
}

impl Default for Stop {
    fn default() -> Self {
        Self { in_row: 3, percent: 5 }
    }
}

/// Why a file is no job. Nothing of the file is repeated: it may be a key, typed by mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// More than [`MAX_LEN`] bytes.
    #[error("a job has {MAX_LEN} bytes at most, and this one {0}")]
    TooLong(usize),
    /// No UTF-8.
    #[error("line {line}: it is no UTF-8")]
    NotText {
        /// From 1.
        line: usize,
    },
    /// It begins with a byte order mark.
    #[error("line 1: it begins with a byte order mark: save it as UTF-8 without one")]
    Bom,
    /// A byte that text does not have.
    #[error("line {line}: there is a NUL in it")]
    Nul {
        /// From 1.
        line: usize,
    },
    /// A carriage return.
    #[error("line {line}: there is a carriage return in it: lines of a job end with a line feed alone")]
    CarriageReturn {
        /// From 1.
        line: usize,
    },
    /// No TOML.
    #[error("line {line}: it is no TOML, or something stands there a second time")]
    Syntax {
        /// From 1.
        line: usize,
    },
    /// A member that a job does not have, or of another kind.
    #[error("line {line}: a job has no such member, or its value is of another kind")]
    Member {
        /// From 1.
        line: usize,
    },
    /// A member that is not there.
    #[error("line {line}: `{member}` is missing")]
    Missing {
        /// Where its table begins, from 1.
        line: usize,
        /// Its name.
        member: &'static str,
    },
    /// A value that is not what it has to be.
    #[error("line {line}: {what}")]
    Unfit {
        /// From 1.
        line: usize,
        /// What it has to be.
        what: &'static str,
    },
    /// No key reference.
    #[error("line {line}: {error}")]
    Key {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        error: KeyRefError,
    },
    /// A key that stations have no way to, hours or days later.
    #[error("line {line}: a job's keys are in a vault or a file: a descriptor or the terminal is read only once")]
    Once {
        /// From 1.
        line: usize,
    },
    /// The public test key for customers' cards.
    #[error("line {line}: everybody knows gp-test: it is not for the domain live")]
    WellKnown {
        /// From 1.
        line: usize,
    },
    /// A new set's number in the wrong place.
    #[error("line {line}: the new set's number is `kvn`: its key names no set with `@`")]
    TargetSet {
        /// From 1.
        line: usize,
    },
    /// A key for sealed fields that is no key in a vault.
    #[error("line {line}: sealed fields are under a key in a vault as it is: vault:NAME/KEY")]
    DataKey {
        /// From 1.
        line: usize,
    },
    /// There is no old set to be deleted.
    #[error("line {line}: what is replaced cannot be retired: `replace` or `retire`, not both")]
    ReplaceAndRetire {
        /// From 1.
        line: usize,
    },
    /// The new set would be added under the old one's number.
    #[error("line {line}: the cards come with a set of the new one's number: `replace` it, or take another number")]
    SameSet {
        /// From 1.
        line: usize,
    },
    /// No delivery.
    #[error("there is no delivery")]
    NoDelivery,
    /// A delivery without cards, or with two answers to which they are.
    #[error("line {line}: a delivery has a `file` that lists its cards, or a `count`, and not both")]
    ListOrCount {
        /// From 1.
        line: usize,
    },
    /// Two deliveries of one name.
    #[error("line {line}: the name is that of another delivery")]
    DeliveryTwice {
        /// From 1.
        line: usize,
    },
    /// One file for two things.
    #[error("line {line}: that file is named a second time")]
    FileTwice {
        /// From 1.
        line: usize,
    },
    /// Too many cards, or none.
    #[error("line {line}: a job has 1 to {CARDS_MAX} cards")]
    Count {
        /// From 1.
        line: usize,
    },
}

impl Job {
    /// The set that a card is asked for first: the one that all deliveries' keys name; `None` for whichever it has. The
    /// initial one goes when another comes: it is not asked for by its number, so that a card that has the new set already
    /// answers with that at once.
    #[must_use]
    pub fn first_set(&self) -> Option<Kvn> {
        let mut sets = self.deliveries.iter().map(|delivery| delivery.key.kvn);
        let first = sets.next().flatten().filter(|set| *set != Kvn::INITIAL)?;
        sets.all(|set| set == Some(first)).then_some(first)
    }

    /// The deliveries without a list, each with its index.
    pub fn counted(&self) -> impl Iterator<Item = (usize, &Delivery)> {
        self.deliveries.iter().enumerate().filter(|(_, delivery)| !delivery.is_listed())
    }

    /// Reads a job's file.
    ///
    /// # Errors
    /// [`JobError`], for the first rule that it does not keep.
    pub fn parse(bytes: &[u8]) -> Result<Self, JobError> {
        file::read(bytes)
    }

    /// The files that it names, as they are written: lists of cards, then the data. Relative ones are meant from the
    /// directory of the job's file.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let lists = self.deliveries.iter().filter_map(|delivery| match &delivery.cards {
            Cards::Listed(file) => Some(file.as_path()),
            Cards::Any(_) => None,
        });
        lists.chain(self.data.iter().map(|data| data.file.as_path()))
    }
}

impl LifeCycle {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::OpReady, Self::Initialized, Self::Secured];

    /// As the card has it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::OpReady => 0x01,
            Self::Initialized => 0x07,
            Self::Secured => 0x0F,
        }
    }

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpReady => "op-ready",
            Self::Initialized => "initialized",
            Self::Secured => "secured",
        }
    }
}

words!(LifeCycle, "a card ends op-ready, initialized or secured");

impl Verify {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Session, Self::Reset];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Reset => "reset",
        }
    }
}

words!(Verify, "keys are verified by session or reset");

#[cfg(test)]
mod tests;
