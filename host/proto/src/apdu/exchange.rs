//! The rules for 61xx and 6Cxx (ISO/IEC 7816-4 5.1.3, 12.1.2.3), without the I/O.
//!
//! A caller sends the command, hands each raw response to [`Exchange::receive`], and sends what comes back until
//! the response is complete.

use super::class::Class;
use super::{ApduError, Command, Header, Ne, Response};
use crate::status::StatusWord;
use alloc::vec::Vec;

const INS_GET_RESPONSE: u8 = 0xC0;

/// 65,536 bytes in 256-byte pieces, and one answer 6Cxx for each: no honest card needs more rounds.
const MAX_ROUNDS: u16 = 512;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the first command again, asking for this many bytes (6Cxx).
    Again(Ne),
    /// Send GET RESPONSE with this header and length (61xx).
    Fetch(Header, Ne),
    /// The response is complete: data in the buffer, and this status word.
    Done(StatusWord),
}

/// One command and all that it takes to get its whole answer.
#[derive(Debug)]
pub struct Exchange {
    get_response: Header,
    has_le: bool,
    rounds: u16,
    retried: bool,
    fetching: bool,
}

impl Exchange {
    /// For a command about to be sent. GET RESPONSE goes to its logical channel; where its class is none of
    /// ISO/IEC 7816-4 (A0 of GSM 11.11, FF of PC/SC), under that class.
    #[must_use]
    pub fn new(command: &Command<'_>) -> Self {
        let cla = command.header.cla;
        let plain = |class: Class| Class { proprietary: false, secured: false, chained: false, ..class }.byte();
        Self {
            get_response: Header::new(Class::parse(cla).map_or(cla, plain), INS_GET_RESPONSE, 0, 0),
            has_le: command.ne.is_some(),
            rounds: 0,
            retried: false,
            fetching: false,
        }
    }

    /// Takes one raw response; its data is appended to `data`.
    ///
    /// A 6Cxx is acted on once for the command and once for each GET RESPONSE, and only where the command had an
    /// Le to correct.
    ///
    /// # Errors
    /// [`ApduError::NoStatusWord`], [`ApduError::ResponseTooLong`], [`ApduError::EndlessRounds`].
    pub fn receive(&mut self, raw: &[u8], data: &mut Vec<u8>) -> Result<Step, ApduError> {
        let response = Response::parse(raw)?;
        let sw = response.sw;
        if data.len() + response.data.len() > 65_536 {
            return Err(ApduError::ResponseTooLong);
        }
        data.extend_from_slice(response.data);
        let more = matches!(sw.sw1(), 0x61) || (sw.sw1() == 0x6C && self.may_correct());
        if !more {
            return Ok(Step::Done(sw));
        }
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Err(ApduError::EndlessRounds(sw));
        }
        let ne = Ne::from_short(sw.sw2());
        self.retried = sw.sw1() == 0x6C;
        if sw.sw1() == 0x6C && !self.fetching {
            return Ok(Step::Again(ne));
        }
        self.fetching = true;
        Ok(Step::Fetch(self.get_response, ne))
    }

    fn may_correct(&self) -> bool {
        !self.retried && (self.fetching || self.has_le)
    }
}
