//! SET STATUS for the card itself: CS 11.10, its life cycle 5.1.

use super::{Command, GpError, accepted};
use crate::apdu::{self, Header, Response};
use alloc::vec::Vec;

/// A life cycle state of the card that it can be moved on to. None of them can be left backwards. CARD_LOCKED and
/// TERMINATED are not among them: no slip of a byte may cost a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CardState {
    /// 07.
    Initialized,
    /// 0F.
    Secured,
}

impl CardState {
    /// P2.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Initialized => 0x07,
            Self::Secured => 0x0F,
        }
    }

    /// The states to be set one after another, from the one that GET STATUS tells to this one; none where it is this one.
    /// `None` where there is no way: the card is further on, locked, terminated, or in a state that there is not.
    #[must_use]
    pub const fn way_from(self, state: u8) -> Option<&'static [Self]> {
        match (state, self) {
            (0x01, Self::Initialized) => Some(&[Self::Initialized]),
            (0x01, Self::Secured) => Some(&[Self::Initialized, Self::Secured]),
            (0x07, Self::Secured) => Some(&[Self::Secured]),
            (0x07, Self::Initialized) | (0x0F, Self::Secured) => Some(&[]),
            _ => None,
        }
    }
}

/// Moves the card to its next life cycle state: `80 F0 80 state Lc AID`. There is no way back.
#[derive(Clone, Copy, Debug)]
pub struct SetStatus<'a> {
    /// The issuer security domain's AID, which cards pass over.
    pub aid: &'a [u8],
    /// The state to come.
    pub state: CardState,
}

impl Command for SetStatus<'_> {
    type Response = ();
    const NAME: &'static str = "SET STATUS";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(self.aid);
        apdu::Command::new(Header::new(0x80, 0xF0, 0x80, self.state.byte()), data, None)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        accepted(Self::NAME, response).map(|_| ())
    }
}
