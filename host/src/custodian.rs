//! A share of a master key on a custodian card (`docs/protocol/custody.md`).
//!
//! [`about`] asks in plain, without keys. Everything else goes through a session of level 33 over the applet, which
//! [`crate::session::open`] opens with [`AID`] as the application.

use crate::card::Card;
use crate::error::Error;
use crate::identify::select;
use crate::session::Session;
use cardwright_link::Transport;
pub use cardwright_proto::custody::AID;
use cardwright_proto::custody::change_pin::ChangePin;
use cardwright_proto::custody::fci::Fci;
use cardwright_proto::custody::get_state::{GetState, State};
use cardwright_proto::custody::read_share::{BLOCK, Blocks};
use cardwright_proto::custody::share::ShareObject;
use cardwright_proto::custody::store_share::blocks;
use cardwright_proto::custody::verify::Verify;
use cardwright_proto::custody::wipe::{Extent, Wipe};
use cardwright_proto::custody::{Mode, Pin, VERSION};
use cardwright_proto::gp::{Command as _, GpError};
use cardwright_proto::scp::SessionCipher;

/// Bytes of a share in one command: as many as the card gives back in one. They fit a short command with the MAC and
/// padding of S8 and of S16.
const STORE_BLOCK: u8 = 192;
const _: () = assert!(STORE_BLOCK as usize == BLOCK);

/// What a custodian card tells anyone: SELECT and GET STATE, in plain. Nothing of it is authenticated.
///
/// # Errors
/// [`Error::Link`], [`Error::Apdu`]; [`Error::Gp`] where there is no such applet, or one of another version.
pub fn about<T: Transport>(card: &mut Card<T>) -> Result<State, Error> {
    let fci = Fci::parse(&select(card, AID)?.fci)?;
    let state = card.call(&GetState)?;
    if fci.version[0] != VERSION[0] {
        return Err(GpError::Malformed { command: GetState::NAME, what: "the applet's major version is not 1" }.into());
    }
    Ok(state)
}

/// The card's state through the session.
///
/// # Errors
/// As [`Session::call`].
pub fn state<T: Transport, C: SessionCipher>(session: &mut Session<'_, T, C>) -> Result<State, Error> {
    session.call(&GetState)
}

/// Gives a card its first PIN.
///
/// # Errors
/// As [`Session::call`]; 6985 where it has one.
pub fn set_pin<T: Transport, C: SessionCipher>(session: &mut Session<'_, T, C>, new: &Pin) -> Result<(), Error> {
    session.call(&ChangePin { old: None, new })
}

/// Puts another PIN in the present one's place.
///
/// # Errors
/// As [`Session::call`], with [`GpError::Pin`] where the present PIN is wrong; 6985 where there is none.
pub fn change_pin<T: Transport, C: SessionCipher>(
    session: &mut Session<'_, T, C>,
    old: &Pin,
    new: &Pin,
) -> Result<(), Error> {
    session.call(&ChangePin { old: Some(old), new })
}

/// Stores a share, and makes sure that it is what the card says it has.
///
/// # Errors
/// As [`Session::call`], with [`GpError::Pin`] where the PIN is wrong; [`Error::OtherShare`] where the card says
/// afterwards, under the session's protection, that it has another one.
pub fn store<T: Transport, C: SessionCipher>(
    session: &mut Session<'_, T, C>,
    pin: &Pin,
    share: &ShareObject,
    mode: Mode,
) -> Result<(), Error> {
    session.call(&Verify { pin })?;
    for block in blocks(&share.encode(), mode, STORE_BLOCK) {
        session.call(&block)?;
    }
    if state(session)?.share == Some((mode, *share.info())) { Ok(()) } else { Err(Error::OtherShare) }
}

/// Reads a share that was stored in host mode.
///
/// # Errors
/// As [`Session::call`], with [`GpError::Pin`] where the PIN is wrong; 6A88 where there is no share, 6985 where it was
/// stored in blind mode; [`GpError::Malformed`] where what comes is no share.
pub fn read<T: Transport, C: SessionCipher>(session: &mut Session<'_, T, C>, pin: &Pin) -> Result<ShareObject, Error> {
    session.call(&Verify { pin })?;
    let mut reading = Blocks::default();
    loop {
        let block = session.call(&reading.next())?;
        if let Some(share) = reading.receive(&block)? {
            return Ok(share);
        }
    }
}

/// Destroys the card's share with its PIN, or, without one, share and PIN.
///
/// # Errors
/// As [`Session::call`], with [`GpError::Pin`] where the PIN is wrong; 6A88 where there is no share to destroy.
pub fn wipe<T: Transport, C: SessionCipher>(session: &mut Session<'_, T, C>, pin: Option<&Pin>) -> Result<(), Error> {
    if let Some(pin) = pin {
        session.call(&Verify { pin })?;
    }
    let extent = if pin.is_some() { Extent::Share } else { Extent::All };
    session.call(&Wipe { extent })
}
