//! GET STATE: all that a card tells anyone about PIN and share. Of a ceremony: [`super::get_ceremony`].

use super::fci::{Fci, fixed};
use super::share::ShareInfo;
use super::{MAX_TRIES, Mode};
use crate::apdu::{self, Header, Ne, Response};
use crate::gp::{Command, GpError, accepted, malformed};
use crate::tlv::{self, TlvError};
use alloc::vec::Vec;

/// Asks: `80 36 00 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct GetState;

/// A card's state. Authenticated only where it came through a session with R-MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Version, life cycle, identity.
    pub card: Fci,
    /// How many wrong PINs in a row the card still takes, 0 to 3.
    pub tries: u8,
    /// The share's mode and its public part, where there is a share.
    pub share: Option<(Mode, ShareInfo)>,
}

impl State {
    /// Card side: appends the answer, `E1 { 80 version, 81 life cycle, 82 identity, 83 tries, 84 share, E0 { .. } }`.
    ///
    /// # Errors
    /// None: the tags are constants, and the values short.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), TlvError> {
        let mut state = Vec::new();
        tlv::push(&mut state, 0x80, &self.card.version)?;
        tlv::push(&mut state, 0x81, &[self.card.life_cycle])?;
        tlv::push(&mut state, 0x82, &self.card.identity)?;
        tlv::push(&mut state, 0x83, &[self.tries])?;
        tlv::push(&mut state, 0x84, &[self.share.map_or(0, |(mode, _)| mode.byte())])?;
        if let Some((_, share)) = &self.share {
            let mut object = Vec::new();
            share.encode_into(&mut object)?;
            tlv::push(&mut state, 0xE0, &object)?;
        }
        tlv::push(out, 0xE1, &state)
    }
}

impl Command for GetState {
    type Response = State;
    const NAME: &'static str = "GET STATE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        apdu::Command::new(Header::new(0x80, 0x36, 0, 0), data, Some(Ne::SHORT_MAX))
    }

    fn response(&self, response: Response<'_>) -> Result<State, GpError> {
        let wrong = |what| GpError::Malformed { command: Self::NAME, what };
        let state = accepted(Self::NAME, response)?;
        let state = tlv::find(state, 0xE1).map_err(malformed(Self::NAME))?;
        let card = Fci::fields(Self::NAME, state)?;
        let [tries] = fixed(Self::NAME, state, 0x83)?;
        if tries > MAX_TRIES {
            return Err(wrong("more tries than there can be"));
        }
        let share = match fixed(Self::NAME, state, 0x84)? {
            [0] if tlv::find(state, 0xE0).is_ok() => return Err(wrong("no share, and one behind it")),
            [0] => None,
            [mode] => {
                let mode = Mode::from_byte(mode).ok_or(wrong("a mode that there is not"))?;
                let object = tlv::find(state, 0xE0).map_err(malformed(Self::NAME))?;
                let info = ShareInfo::parse(object).map_err(|_| wrong("the share is not well-formed"))?;
                Some((mode, info))
            }
        };
        Ok(State { card, tries, share })
    }
}
