//! What goes wrong with the life of keys, their approvals and the registry, for the shell and for a person.

use cardwright::control::ControlError;
use cardwright_keys::approval::{Disbelief, Refusal};
use cardwright_keys::lifecycle::{State, WardenError};
use cardwright_registry::RegistryError;

/// Others have to approve it first.
const APPROVAL: u8 = 11;

pub(super) const fn exit_code(error: &ControlError) -> u8 {
    match error {
        ControlError::Asked { .. } | ControlError::Refused(Refusal::Missing { .. } | Refusal::NotRequested(_)) => {
            APPROVAL
        }
        ControlError::Refused(Refusal::Damaged) | ControlError::Disbelief(_) => 7,
        ControlError::Refused(_) => 8,
        ControlError::Registry(_) | ControlError::Audit(_) => 9,
        ControlError::Reason
        | ControlError::OtherKind { .. }
        | ControlError::Exists(_)
        | ControlError::WhichVersion { .. } => 2,
        _ => 8,
    }
}

pub(super) fn advice(error: &ControlError) -> Option<&'static str> {
    Some(match error {
        ControlError::Asked { .. } | ControlError::Refused(Refusal::Missing { .. }) => {
            "others approve it with `cardwright approve sign`, then run the same command again"
        }
        ControlError::Refused(Refusal::NotRequested(_)) => "run the command as an operator: it files a request",
        ControlError::Refused(Refusal::Nobody) => "write `[operator]` with `name` into the configuration file",
        ControlError::Refused(Refusal::Spent(_) | Refusal::Expired { .. }) => {
            "run the command as an operator: it files a new request"
        }
        ControlError::Refused(Refusal::Early { .. }) => "set the clock",
        ControlError::Refused(Refusal::Requester { .. }) => "`cardwright operator list` shows who has which role",
        ControlError::Refused(Refusal::Damaged) => HAND,
        ControlError::Disbelief(error) => return Some(advice_on_disbelief(error)),
        ControlError::Unregistered(_) => UNREGISTERED,
        ControlError::Exists(_) => "`cardwright key rotate` makes the next version of it",
        ControlError::WhichVersion { .. } => "`cardwright key show` lists the versions",
        ControlError::Orphans { .. } => {
            "rotate those cards first (`cardwright cards find --from KEY` lists them), or pass --orphan-cards"
        }
        ControlError::Forbidden { .. } => {
            "`cardwright key show` says where it is in its life; docs/guides/lifecycle.md, what goes from there"
        }
        ControlError::Registry(error) => return advice_on_registry(error),
        ControlError::Audit(_) => {
            "nothing more was done; free the disk or mend the file, then run the same command again"
        }
        _ => return None,
    })
}

const HAND: &str =
    "somebody has edited the registry: keep it for whoever finds out who, and restore the last good copy";
const UNREGISTERED: &str =
    "`cardwright registry adopt vault:NAME/KEY` takes on a key that was there before; check --state-dir";

const fn advice_on_disbelief(error: &Disbelief) -> &'static str {
    match error {
        Disbelief::NotApproved { .. } => {
            "where it was made before the policy: `cardwright key confirm` has people vouch for it; else somebody has edited the registry"
        }
        _ => HAND,
    }
}

pub(super) const fn exit_code_of_warden(error: &WardenError) -> u8 {
    match error {
        WardenError::Disbelief(_) => 7,
        WardenError::Unknown(_) => 9,
        _ => 8,
    }
}

pub(super) const fn advice_on_warden(error: &WardenError) -> Option<&'static str> {
    Some(match error {
        WardenError::State { state, .. } => match state {
            State::PreOperational => "`cardwright key activate` puts it to use",
            State::Suspended => "find out why it is held back; `cardwright key reactivate` puts it to use again",
            State::Compromised => {
                "cards that have its keys are reached with --despite-compromise REASON, to give them others"
            }
            State::Deactivated => "`cardwright key rotate` makes a version that makes new keys",
            _ => "nothing brings it back",
        },
        WardenError::Unregistered(_) => UNREGISTERED,
        WardenError::Disbelief(error) => advice_on_disbelief(error),
        _ => return None,
    })
}

pub(super) const fn advice_on_registry(error: &RegistryError) -> Option<&'static str> {
    Some(match error {
        RegistryError::Newer { .. } => "use the newer cardwright that wrote it",
        RegistryError::Foreign(_) => "check --state-dir: the file there is left alone",
        RegistryError::Damaged { .. } => "`cardwright registry check` says what else; restore the last good copy",
        RegistryError::Busy => "wait until the other one has ended, then run the same command again",
        RegistryError::Conflict(_) => "run the same command again: another one was faster",
        RegistryError::Full => "free the disk, then run the same command again",
        RegistryError::Failed => "run the same command again",
        RegistryError::Database { .. } => "free the disk or mend the file, then run the same command again",
        _ => return None,
    })
}
