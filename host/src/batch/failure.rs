//! What an error means for its card, and for the run.

use super::BatchError;
use super::desk::Unwritten;
use crate::error::Error;
use cardwright_keys::vault::VaultError;
use cardwright_proto::gp::put_key::PutKey;
use cardwright_proto::gp::{Command as _, GpError};
use cardwright_proto::scp::ScpError;

/// The registry takes no such claim: another station has the chip, or the job is not open any more.
pub(super) fn refused(error: &Error) -> Option<String> {
    let Error::Journal(error) = error else { return None };
    match error.error.downcast_ref() {
        Some(Unwritten::Refused(why)) => Some(why.to_string()),
        _ => None,
    }
}

/// The card refused PUT KEY, and proved its old keys behind that.
pub(super) fn is_put_key_refused(error: &Error) -> bool {
    matches!(error, Error::Gp(GpError::Refused { command: PutKey::NAME, .. }))
}

/// Nothing can go on with any card.
pub(super) fn is_fatal(error: &Error) -> bool {
    match error {
        // The keys do not fit this card, and may fit the next one.
        Error::Vault(VaultError::WeakerWrap { .. }) => false,
        Error::Vault(_) | Error::Journal(_) | Error::Control(_) | Error::Entropy(_) => true,
        Error::Batch(error) => match **error {
            BatchError::Unwritten(ref why) => !matches!(why, Unwritten::Refused(_)),
            BatchError::Input(_) | BatchError::Registry(_) => true,
            _ => false,
        },
        _ => false,
    }
}

/// Whether the card refused to be authenticated to: the next such card would be the second one that loses a try.
pub(super) fn stops_the_job(error: &Error) -> bool {
    matches!(error, Error::Scp { error: ScpError::AuthenticateRefused(_), .. } | Error::Blocked(_))
}

/// An error in one line that the registry keeps.
pub(super) fn reason(error: &Error) -> String {
    let mut text: String = error.to_string().chars().filter(|c| !c.is_control()).collect();
    while text.len() > 200 {
        text.pop();
    }
    text.trim().to_owned()
}
