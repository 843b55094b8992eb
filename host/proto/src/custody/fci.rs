//! What SELECT answers: `6F { 84 AID, A5 { 80 version, 81 life cycle, 82 identity } }`.

use super::{AID, PERSONALIZED, SELECTABLE};
use crate::gp::select::Select;
use crate::gp::{Command as _, GpError, malformed};
use crate::tlv::{self, TlvError};
use alloc::vec::Vec;

/// The applet's file control information. Nothing of it is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fci {
    /// Version of the applet: major, minor.
    pub version: [u8; 2],
    /// 07 there is no PIN, 0F there is one.
    pub life_cycle: u8,
    /// Made when the applet was installed, the same as long as it is there.
    pub identity: [u8; 8],
}

impl Fci {
    /// Reads the answer to SELECT.
    ///
    /// # Errors
    /// [`GpError::Tlv`] where an object is missing or cut off, [`GpError::Malformed`] where one has another length or a
    /// value that there is not, or the AID is another.
    pub fn parse(bytes: &[u8]) -> Result<Self, GpError> {
        let template = tlv::find(bytes, 0x6F).map_err(malformed(Select::NAME))?;
        if tlv::find(template, 0x84).map_err(malformed(Select::NAME))? != AID {
            return Err(GpError::Malformed { command: Select::NAME, what: "another application answered" });
        }
        let about = tlv::find(template, 0xA5).map_err(malformed(Select::NAME))?;
        Self::fields(Select::NAME, about)
    }

    /// Objects 80 to 82, as SELECT and GET STATE have them.
    pub(super) fn fields(command: &'static str, bytes: &[u8]) -> Result<Self, GpError> {
        let [life_cycle] = fixed(command, bytes, 0x81)?;
        // A locked applet has others, and cannot be selected.
        if !matches!(life_cycle, SELECTABLE | PERSONALIZED) {
            return Err(GpError::Malformed { command, what: "a life cycle state that the applet does not have" });
        }
        Ok(Self { version: fixed(command, bytes, 0x80)?, life_cycle, identity: fixed(command, bytes, 0x82)? })
    }

    /// Card side: appends the answer to SELECT.
    ///
    /// # Errors
    /// None: the tags are constants, and the values short.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), TlvError> {
        let (mut template, mut about) = (Vec::new(), Vec::new());
        tlv::push(&mut about, 0x80, &self.version)?;
        tlv::push(&mut about, 0x81, &[self.life_cycle])?;
        tlv::push(&mut about, 0x82, &self.identity)?;
        tlv::push(&mut template, 0x84, AID)?;
        tlv::push(&mut template, 0xA5, &about)?;
        tlv::push(out, 0x6F, &template)
    }
}

/// The value of a data object that always has `N` bytes.
pub(super) fn fixed<const N: usize>(command: &'static str, bytes: &[u8], tag: u32) -> Result<[u8; N], GpError> {
    let value = tlv::find(bytes, tag).map_err(malformed(command))?;
    value.try_into().map_err(|_| GpError::Malformed { command, what: "a data object has another length" })
}
