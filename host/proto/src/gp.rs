//! GlobalPlatform commands, one a file, each an implementation of [`Command`].

pub mod delete_key;
pub mod external_authenticate;
pub mod get_data;
pub mod get_status;
pub mod initialize_update;
pub mod key;
pub mod put_key;
pub mod select;
pub mod set_status;
pub mod store_data;

use crate::apdu::{self, Response};
use crate::custody::PinRefused;
use crate::scp::ScpError;
use crate::status::StatusWord;
use crate::tlv::TlvError;
use alloc::vec::Vec;

/// Why a response to a command is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpError {
    /// The card refused.
    #[error("{command} refused: {}", sw.described())]
    Refused {
        /// The command's name.
        command: &'static str,
        /// The card's answer.
        sw: StatusWord,
    },
    /// The response data is not what the standard prescribes.
    #[error("the answer to {command} is malformed: {what}")]
    Malformed {
        /// The command's name.
        command: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// The response is no sequence of data objects.
    #[error("the answer to {command} is malformed: {error}")]
    Tlv {
        /// The command's name.
        command: &'static str,
        /// What is wrong.
        error: TlvError,
    },
    /// The card refused a PIN.
    #[error("{command}: {refused}")]
    Pin {
        /// The command's name.
        command: &'static str,
        /// What it says about the PIN.
        refused: PinRefused,
    },
    /// The secure channel's own commands.
    #[error(transparent)]
    Scp(#[from] ScpError),
}

/// A command with its response.
pub trait Command {
    /// What the card answers.
    type Response;

    /// The name that the standard gives it.
    const NAME: &'static str;

    /// The command APDU in clear, its data field written into `data` (cleared first).
    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d>;

    /// Reads the response.
    ///
    /// # Errors
    /// [`GpError::Refused`] for a status word that is no success, [`GpError::Malformed`] or [`GpError::Tlv`] for data
    /// that is not as prescribed.
    fn response(&self, response: Response<'_>) -> Result<Self::Response, GpError>;
}

/// The data of a response with 9000.
///
/// # Errors
/// [`GpError::Refused`] for every other status word.
pub(crate) fn accepted<'r>(command: &'static str, response: Response<'r>) -> Result<&'r [u8], GpError> {
    if response.sw.is_ok() { Ok(response.data) } else { Err(GpError::Refused { command, sw: response.sw }) }
}

/// For `map_err` where a response should have been data objects.
pub(crate) const fn malformed(command: &'static str) -> impl Fn(TlvError) -> GpError {
    move |error| GpError::Tlv { command, error }
}
