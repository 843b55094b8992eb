//! The custodian applet: a card that keeps one share of a master key (`docs/protocol/custody.md`).
//!
//! Commands are implementations of [`gp::Command`](crate::gp::Command): one file for each that came with version 1.0, one
//! for each family of those between cards (`docs/protocol/custody-commands.md`):
//!
//! - [`fci`]: what SELECT answers; [`verify`], [`change_pin`]; [`store_share`], [`read_share`], [`wipe`]; [`get_state`],
//!   [`get_ceremony`].
//! - [`enrol`]: keys and certificates; [`take_part`]: manifest, parties, offers; [`deal`]: the dealer's; [`receive`]: a
//!   custodian's; [`combine`]: the combiner's.
//!
//! What they carry (`docs/protocol/custody-objects.md`), without any cryptography: [`share`], the object that is kept;
//! [`certificate`], [`manifest`], [`message`] and [`sealed`] boxes, told apart by their [`tag`]; the form of a
//! [`signature`]; [`subset`]s of custodians; [`blocks`], for what one command cannot carry.

pub mod blocks;
pub mod certificate;
pub mod change_pin;
pub mod combine;
pub mod deal;
pub mod enrol;
pub mod fci;
pub mod get_ceremony;
pub mod get_state;
pub mod manifest;
pub mod message;
pub mod read_share;
pub mod receive;
pub mod sealed;
pub mod share;
pub mod signature;
pub mod store_share;
pub mod subset;
pub mod tag;
pub mod take_part;
pub mod verify;
pub mod wipe;

use crate::apdu::{self, Header, Ne, Response};
use crate::gp::{GpError, accepted};
use crate::status::StatusWord;
use alloc::vec::Vec;
use core::fmt;
use signature::Signature;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The applet's AID: F0 and "CWCUST".
pub const AID: &[u8] = b"\xF0CWCUST";

/// The version of the applet that this crate speaks to: major, minor.
pub const VERSION: [u8; 2] = [2, 0];

/// Wrong PINs in a row that a card takes.
pub const MAX_TRIES: u8 = 3;

/// Life cycle state of an applet without a PIN: SELECTABLE (CS table 11-4).
pub const SELECTABLE: u8 = 0x07;

/// Life cycle state of an applet with a PIN: PERSONALIZED.
pub const PERSONALIZED: u8 = 0x0F;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// A point of P-256: 04, X, Y. That it is one of the curve's is not checked in this crate.
pub type Point = [u8; 65];

/// The id of a ceremony, or of a set of shares.
pub type Id = [u8; 16];

/// Who may ever see a share again, fixed when it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 01: a host may read it.
    Host,
    /// 02: nobody reads it.
    Blind,
}

impl Mode {
    /// 01 or 02.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Host => 1,
            Self::Blind => 2,
        }
    }

    /// From its byte; `None` for any other than 01 and 02.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Host),
            2 => Some(Self::Blind),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Blind => "blind",
        })
    }
}

/// A PIN: 4 to 12 ASCII digits. Wiped when dropped, and never shown.
#[derive(Clone)]
pub struct Pin {
    digits: Zeroizing<[u8; Pin::MAX]>,
    len: usize,
}

/// Bytes that are no PIN. They are not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Too short or too long.
    #[error("a PIN has 4 to 12 digits")]
    Length,
    /// Something that is no digit.
    #[error("a PIN has nothing but digits in it")]
    NotADigit,
}

impl Pin {
    /// The fewest digits.
    pub const MIN: usize = 4;
    /// The most digits.
    pub const MAX: usize = 12;

    /// From ASCII digits.
    ///
    /// # Errors
    /// [`PinError`], the length first.
    pub fn new(digits: &[u8]) -> Result<Self, PinError> {
        if !(Self::MIN..=Self::MAX).contains(&digits.len()) {
            return Err(PinError::Length);
        }
        // All of them, also behind one that is none.
        if !digits.iter().fold(true, |all, digit| all & digit.is_ascii_digit()) {
            return Err(PinError::NotADigit);
        }
        let mut pin = Self { digits: Zeroizing::new([0; Self::MAX]), len: digits.len() };
        pin.digits[..digits.len()].copy_from_slice(digits);
        Ok(pin)
    }

    /// The digits, 30 to 39.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

impl PartialEq for Pin {
    /// In the same time whatever differs, the length included: what follows the digits is zeros, which are none.
    fn eq(&self, other: &Self) -> bool {
        self.digits.ct_eq(&*other.digits).into()
    }
}

impl Eq for Pin {}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// How a card refuses a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinRefused {
    /// 63CX: it is wrong, and has cost a try.
    #[error("the PIN is wrong, {left} {} left", if *left == 1 { "try is" } else { "tries are" })]
    Wrong {
        /// How many tries are left, 1 or more.
        left: u8,
    },
    /// 63C0: it is wrong, and has cost the last try.
    #[error("the PIN is wrong, and is blocked now: that share is lost")]
    WrongAndBlocked,
    /// 6983: no try was left. Not authenticated by the secure channel, as 63CX is.
    #[error("the card says that the PIN is blocked")]
    Blocked,
}

impl PinRefused {
    /// What a status word says about a PIN; `None` where it speaks of something else.
    #[must_use]
    pub const fn from_status(sw: StatusWord) -> Option<Self> {
        match sw {
            StatusWord::BLOCKED => Some(Self::Blocked),
            StatusWord(0x63C0) => Some(Self::WrongAndBlocked),
            StatusWord(0x63C1..=0x63CF) => Some(Self::Wrong { left: sw.sw2() & 0x0F }),
            _ => None,
        }
    }
}

/// The data of a response to a command that compares a PIN.
///
/// # Errors
/// [`GpError::Pin`] for 63CX and 6983, [`GpError::Refused`] for every other status word but 9000.
fn compared<'r>(command: &'static str, response: Response<'r>) -> Result<&'r [u8], GpError> {
    match PinRefused::from_status(response.sw) {
        Some(refused) => Err(GpError::Pin { command, refused }),
        None => accepted(command, response),
    }
}

/// A command `80 INS P1 P2` with data in parts; `answered` where it wants data back.
fn command<'d>([ins, p1, p2]: [u8; 3], parts: &[&[u8]], answered: bool, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
    data.clear();
    parts.iter().for_each(|part| data.extend_from_slice(part));
    apdu::Command::new(Header::new(0x80, ins, p1, p2), data, answered.then_some(Ne::SHORT_MAX))
}

/// A response that is 9000 and nothing else.
///
/// # Errors
/// [`GpError::Refused`] for every other status word, [`GpError::Malformed`] for data.
fn done(command: &'static str, response: Response<'_>) -> Result<(), GpError> {
    match accepted(command, response)? {
        [] => Ok(()),
        _ => Err(GpError::Malformed { command, what: "data came where there is none" }),
    }
}

/// The first `N` bytes of an answer, and what is behind them.
fn field<'r, const N: usize>(command: &'static str, answer: &'r [u8]) -> Result<(&'r [u8; N], &'r [u8]), GpError> {
    answer.split_first_chunk().ok_or(GpError::Malformed { command, what: "it is cut off" })
}

/// An answer, or what is left of it, that is a signature.
fn signature(command: &'static str, answer: &[u8]) -> Result<Signature, GpError> {
    let malformed = GpError::Malformed { command, what: "a signature has another form" };
    Signature::parse(answer).map_err(|_| malformed)
}
