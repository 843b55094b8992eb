//! The life of a key: its states, what may be done with it in each, and who moves it (SP 800-57 Part 1 Rev. 5, 7).
//!
//! [`EDGES`] is the only place that says which moves there are. The vaults ask it at the moment of use, and the table in
//! the documentation is printed from it.

mod history;
mod period;
mod warden;

pub use history::{History, Step};
pub use period::{Cryptoperiod, Period, Times, Whose};
pub use warden::{Unguarded, Warden, WardenError};

pub use crate::vault::UnknownWord;
use crate::words::words;
use std::fmt;

/// Where a key is in its life (SP 800-57 Part 1, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Made, and not used yet (there: pre-activation).
    PreOperational,
    /// In use for everything that it is kept for.
    Active,
    /// Held back: it serves for nothing until somebody has found out why.
    Suspended,
    /// Makes nothing new; what it made before is still read.
    Deactivated,
    /// Somebody else may have it.
    Compromised,
    /// Gone.
    Destroyed,
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// Something new is made with it: keys for a card, a wrapped key, a ciphertext, a MAC (originator usage).
    Protect,
    /// What was made with it before is read: a card that has its keys, a wrapped key, a ciphertext, a MAC (recipient usage).
    Process,
}

/// Whether a key may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// It may.
    Yes,
    /// Only under an exception that was asked for, approved, and is logged.
    ByException,
    /// It may not.
    No,
}

impl State {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 6] =
        [Self::PreOperational, Self::Active, Self::Suspended, Self::Deactivated, Self::Compromised, Self::Destroyed];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreOperational => "pre-operational",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::Compromised => "compromised",
            Self::Destroyed => "destroyed",
        }
    }

    /// Who looks after a key in this state, and where it is.
    #[must_use]
    pub const fn holder(self) -> &'static str {
        match self {
            Self::PreOperational => "custodian: HSM",
            Self::Active => "card and HSM",
            Self::Suspended => "card management system",
            Self::Deactivated => "HSM archive",
            Self::Compromised => "incident response",
            Self::Destroyed => "nobody",
        }
    }

    /// Whether a key in this state may serve for that.
    #[must_use]
    pub const fn serves(self, what: Use) -> Serves {
        match (self, what) {
            (Self::Active, _) | (Self::Deactivated, Use::Process) => Serves::Yes,
            (Self::Compromised, Use::Process) => Serves::ByException,
            _ => Serves::No,
        }
    }
}

words!(State, "no state of a key");

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protect => "make something new",
            Self::Process => "read what was made before",
        })
    }
}

/// What people do with a key's life. Policies and approvals name these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// A vault makes it.
    Generate,
    /// A vault takes it from outside.
    Import,
    /// The registry takes on a key that a vault has already.
    Adopt,
    /// Pre-operational to Active.
    Activate,
    /// Active to Suspended.
    Suspend,
    /// Suspended to Active.
    Reactivate,
    /// To Deactivated.
    Deactivate,
    /// Active to Deactivated, because the next version is activated.
    Supersede,
    /// To Compromised.
    Compromise,
    /// No move: people vouch for the history so far.
    Confirm,
    /// To Destroyed, in the vault as well.
    Destroy,
    /// Reading what a compromised key made.
    UseCompromised,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Generate,
        Self::Import,
        Self::Adopt,
        Self::Activate,
        Self::Suspend,
        Self::Reactivate,
        Self::Deactivate,
        Self::Supersede,
        Self::Compromise,
        Self::Confirm,
        Self::Destroy,
        Self::UseCompromised,
    ];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Import => "import",
            Self::Adopt => "adopt",
            Self::Activate => "activate",
            Self::Suspend => "suspend",
            Self::Reactivate => "reactivate",
            Self::Deactivate => "deactivate",
            Self::Supersede => "supersede",
            Self::Compromise => "compromise",
            Self::Confirm => "confirm",
            Self::Destroy => "destroy",
            Self::UseCompromised => "use-compromised",
        }
    }

    /// Who may ask for it where there is dual control.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Generate | Self::Import | Self::Adopt | Self::Activate | Self::Supersede => {
                &[Role::KeyManager, Role::Custodian]
            }
            Self::Suspend | Self::Compromise => {
                &[Role::KeyManager, Role::Custodian, Role::CardManager, Role::IncidentResponder]
            }
            Self::Reactivate => &[Role::KeyManager, Role::CardManager],
            Self::Deactivate | Self::Confirm | Self::Destroy => &[Role::KeyManager, Role::Custodian],
            Self::UseCompromised => &[Role::IncidentResponder, Role::KeyManager],
        }
    }

    /// Approvals that it needs at the least where there is dual control; a policy may ask for more. What stops harm needs
    /// none: it has to be quick, and undoing it needs them.
    #[must_use]
    pub const fn least_approvals(self) -> usize {
        match self {
            Self::Suspend | Self::Compromise | Self::Generate | Self::Supersede => 0,
            Self::Import | Self::Adopt | Self::Activate | Self::Reactivate | Self::Deactivate => 1,
            Self::Confirm | Self::Destroy | Self::UseCompromised => 1,
        }
    }
}

words!(Act, "no operation on a key's life");

/// What a person is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Plans keys and their lives.
    KeyManager,
    /// Holds shares, and stands in for the HSM.
    Custodian,
    /// Runs the card management system.
    CardManager,
    /// Looks into incidents.
    IncidentResponder,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::KeyManager, Self::Custodian, Self::CardManager, Self::IncidentResponder];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyManager => "key-manager",
            Self::Custodian => "custodian",
            Self::CardManager => "card-manager",
            Self::IncidentResponder => "incident-responder",
        }
    }
}

words!(Role, "roles are key-manager, custodian, card-manager and incident-responder");

/// One allowed move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// From here; `None` where the key begins.
    pub from: Option<State>,
    /// What people do.
    pub act: Act,
    /// To here.
    pub to: State,
    /// What becomes of the cards that have keys from it, and of keys that are wrapped under it.
    pub dependants: &'static str,
}

const fn edge(from: State, act: Act, to: State, dependants: &'static str) -> Edge {
    Edge { from: Some(from), act, to, dependants }
}

const fn begin(act: Act, to: State) -> Edge {
    Edge { from: None, act, to, dependants: "there are none yet" }
}

const SAME: &str = "as before";
const HELD: &str = "cards keep their keys, and nothing opens a session with them";
const OLD: &str = "cards keep their keys, can still be reached, and are listed for rotation";
const FLAGGED: &str = "flagged, and listed in a job file; cards can be reached only under an exception";
const UNREACHABLE: &str =
    "refused while a card has keys from it, unless that is asked for: nothing reaches such a card any more";

/// All moves that there are. Whatever is not here is refused.
pub const EDGES: [Edge; 23] = [
    begin(Act::Generate, State::PreOperational),
    begin(Act::Import, State::PreOperational),
    // It was in use before anybody counted.
    begin(Act::Adopt, State::Active),
    edge(State::PreOperational, Act::Activate, State::Active, "new cards get it; the version before it is deactivated"),
    edge(State::PreOperational, Act::Compromise, State::Compromised, "there are none yet"),
    edge(State::PreOperational, Act::Destroy, State::Destroyed, "there are none yet"),
    edge(State::Active, Act::Suspend, State::Suspended, HELD),
    edge(State::Active, Act::Deactivate, State::Deactivated, OLD),
    edge(State::Active, Act::Supersede, State::Deactivated, OLD),
    edge(State::Active, Act::Compromise, State::Compromised, FLAGGED),
    edge(State::Active, Act::Destroy, State::Destroyed, UNREACHABLE),
    edge(State::Suspended, Act::Reactivate, State::Active, "cards can be reached again"),
    edge(State::Suspended, Act::Deactivate, State::Deactivated, OLD),
    edge(State::Suspended, Act::Compromise, State::Compromised, FLAGGED),
    edge(State::Suspended, Act::Destroy, State::Destroyed, UNREACHABLE),
    edge(State::Deactivated, Act::Compromise, State::Compromised, FLAGGED),
    edge(State::Deactivated, Act::Destroy, State::Destroyed, UNREACHABLE),
    edge(State::Compromised, Act::Destroy, State::Destroyed, UNREACHABLE),
    edge(State::PreOperational, Act::Confirm, State::PreOperational, SAME),
    edge(State::Active, Act::Confirm, State::Active, SAME),
    edge(State::Suspended, Act::Confirm, State::Suspended, SAME),
    edge(State::Deactivated, Act::Confirm, State::Deactivated, SAME),
    edge(State::Compromised, Act::Confirm, State::Compromised, SAME),
];

/// A move that there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key that {} cannot be asked to {act}", was(*.from))]
pub struct Forbidden {
    /// The key's state.
    pub from: Option<State>,
    /// What was asked for.
    pub act: Act,
}

fn was(from: Option<State>) -> String {
    from.map_or_else(|| "nobody has registered".to_owned(), |state| format!("is {state}"))
}

/// The state that the act leads to.
///
/// # Errors
/// [`Forbidden`] where no edge says so.
pub fn after(from: Option<State>, act: Act) -> Result<State, Forbidden> {
    let found = EDGES.iter().find(|edge| edge.from == from && edge.act == act);
    found.map(|edge| edge.to).ok_or(Forbidden { from, act })
}

/// The state that a history leads to; `None` for an empty one.
///
/// # Errors
/// [`Forbidden`] for a step that there is not: nobody made it through this program.
pub fn replay(acts: impl IntoIterator<Item = Act>) -> Result<Option<State>, Forbidden> {
    acts.into_iter().try_fold(None, |state, act| after(state, act).map(Some))
}

#[cfg(test)]
mod tests;
