//! What becomes of a record, of a chip, and how far an attempt comes.
//!
//! [`EDGES`] is the only place that says which moves of a record there are.

use crate::words::words;

/// Whether cards of a job are for use. Keys of one domain never serve the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// For trials: well-known keys may be used.
    Test,
    /// For customers.
    Live,
}

/// Where a record is: one card to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordState {
    /// No chip has been taken up for it, or the one that was has been given back.
    Pending,
    /// A station has taken up a chip for it.
    Claimed,
    /// Something was sent that changes the chip.
    Writing,
    /// The chip has what it should, and proved it.
    Verified,
    /// The card is made.
    Accepted,
    /// Its chip is spoiled.
    Rejected,
    /// Something was sent, and nobody knows what it did.
    Unknown,
    /// The card is not to be made.
    Cancelled,
}

/// All moves that there are. Whatever is not here is refused.
pub const EDGES: &[(RecordState, RecordState)] = &[
    (RecordState::Pending, RecordState::Claimed),
    (RecordState::Pending, RecordState::Cancelled),
    // Nothing was written: the chip is given back.
    (RecordState::Claimed, RecordState::Pending),
    (RecordState::Claimed, RecordState::Writing),
    (RecordState::Claimed, RecordState::Rejected),
    (RecordState::Claimed, RecordState::Unknown),
    (RecordState::Writing, RecordState::Verified),
    (RecordState::Writing, RecordState::Rejected),
    (RecordState::Writing, RecordState::Unknown),
    (RecordState::Verified, RecordState::Accepted),
    (RecordState::Verified, RecordState::Rejected),
    (RecordState::Verified, RecordState::Unknown),
    // Settled by what the card proves of its keys.
    (RecordState::Unknown, RecordState::Pending),
    (RecordState::Unknown, RecordState::Writing),
    (RecordState::Unknown, RecordState::Verified),
    (RecordState::Unknown, RecordState::Rejected),
    // Made again, with another chip.
    (RecordState::Rejected, RecordState::Claimed),
    (RecordState::Rejected, RecordState::Cancelled),
    // The same chip is tried once more, while nobody has told what became of it.
    (RecordState::Rejected, RecordState::Unknown),
    // A finished card that is spoiled before the job is closed.
    (RecordState::Accepted, RecordState::Rejected),
];

/// A move that there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record that is {from} cannot become {to}")]
pub struct NoEdge {
    /// The record's state.
    pub from: RecordState,
    /// What was asked for.
    pub to: RecordState,
}

/// Whether a record may go from one state to the other.
///
/// # Errors
/// [`NoEdge`] where no edge says so.
pub fn after(from: RecordState, to: RecordState) -> Result<(), NoEdge> {
    if EDGES.contains(&(from, to)) { Ok(()) } else { Err(NoEdge { from, to }) }
}

/// Where a chip went that became no accepted card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It is no more. Two people sign that.
    Destroyed,
    /// Locked away, until somebody has found out why.
    Quarantined,
    /// Back with the blank cards: it may be taken up again.
    Returned,
    /// Kept to show what the cards are like.
    Sample,
    /// Given to somebody outside, as it is.
    HandedOver,
}

/// How far an attempt came, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Which chip it is, and whether it is the right one.
    Identify,
    /// PUT KEY.
    Keys,
    /// STORE DATA.
    Data,
    /// DELETE KEY of the set that it was delivered with.
    Retire,
    /// SET STATUS.
    Finish,
    /// A new session with the new keys.
    Verify,
    /// All of it.
    Done,
}

impl Domain {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Test, Self::Live];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

impl RecordState {
    /// All of them, in the order of a good life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Claimed,
        Self::Writing,
        Self::Verified,
        Self::Accepted,
        Self::Rejected,
        Self::Unknown,
        Self::Cancelled,
    ];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Writing => "writing",
            Self::Verified => "verified",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a chip in this state belongs to its record: no other record may take it up.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Claimed | Self::Writing | Self::Unknown | Self::Verified | Self::Accepted)
    }
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Destroyed, Self::Quarantined, Self::Returned, Self::Sample, Self::HandedOver];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::Quarantined => "quarantined",
            Self::Returned => "returned",
            Self::Sample => "sample",
            Self::HandedOver => "handed-over",
        }
    }

    /// Whether the chip is accounted for with that: with each of them it is.
    #[must_use]
    pub const fn closes(self) -> bool {
        match self {
            Self::Destroyed | Self::Quarantined | Self::Returned | Self::Sample | Self::HandedOver => true,
        }
    }

    /// Whether it is believed only of a [`Statement`](super::statement::Statement) that two people signed.
    #[must_use]
    pub const fn wants_signatures(self) -> bool {
        matches!(self, Self::Destroyed)
    }
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 7] =
        [Self::Identify, Self::Keys, Self::Data, Self::Retire, Self::Finish, Self::Verify, Self::Done];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Keys => "keys",
            Self::Data => "data",
            Self::Retire => "retire",
            Self::Finish => "finish",
            Self::Verify => "verify",
            Self::Done => "done",
        }
    }
}

words!(Domain, "domains are test and live");

words!(RecordState, "no state of a record");

words!(Fate, "a chip is destroyed, quarantined, returned, sample or handed-over");

words!(Step, "no step of an attempt");
