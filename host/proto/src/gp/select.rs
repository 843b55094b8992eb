//! SELECT by AID: CS 11.9.

use super::{Command, GpError, accepted};
use crate::apdu::{self, Header, Ne, Response};
use crate::tlv;
use alloc::vec::Vec;

/// Selects an application; an empty AID selects the card's default one, the issuer security domain:
/// `00 A4 04 00 Lc AID 00`.
#[derive(Clone, Copy, Debug)]
pub struct Select<'a> {
    /// 5 to 16 bytes, or none.
    pub aid: &'a [u8],
}

/// The file control information that comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The AID of what was selected (6F/84), where the card says it.
    pub aid: Option<Vec<u8>>,
    /// All of it, as it came.
    pub fci: Vec<u8>,
}

impl Command for Select<'_> {
    type Response = Selected;
    const NAME: &'static str = "SELECT";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        data.clear();
        data.extend_from_slice(self.aid);
        apdu::Command::new(Header::new(0x00, 0xA4, 0x04, 0x00), data, Some(Ne::SHORT_MAX))
    }

    /// A card that is locked answers 6283, and is selected all the same.
    fn response(&self, response: Response<'_>) -> Result<Selected, GpError> {
        let fci = if response.sw.0 == 0x6283 { response.data } else { accepted(Self::NAME, response)? };
        let aid = tlv::find(fci, 0x6F).and_then(|fci| tlv::find(fci, 0x84)).ok().map(<[u8]>::to_vec);
        Ok(Selected { aid, fci: fci.to_vec() })
    }
}
