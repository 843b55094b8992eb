//! The class byte (ISO/IEC 7816-4 5.4.1, CS 11.1.4).

use super::ApduError;

/// What a class byte says.
///
/// Channels 0 to 3 are coded in the two low bits (`0x`, `8x`; secure messaging 04), channels 4 to 19 in the low
/// four (`4x`, `Cx`; secure messaging 20). Bit 10 marks a command that a chained one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Bit 80: a GlobalPlatform command, not an ISO one.
    pub proprietary: bool,
    /// Logical channel, 0 to 19.
    pub channel: u8,
    /// GlobalPlatform secure messaging is in use.
    pub secured: bool,
    /// More commands of this chain follow.
    pub chained: bool,
}

impl Class {
    /// Reads a class byte.
    ///
    /// # Errors
    /// [`ApduError::Class`] for the reserved 2x, 3x, Ax, Bx and for the secure messaging of ISO/IEC 7816-4 in 08.
    pub const fn parse(cla: u8) -> Result<Self, ApduError> {
        let proprietary = cla & 0x80 != 0;
        let chained = cla & 0x10 != 0;
        if cla & 0x40 != 0 {
            if cla == 0xFF {
                return Err(ApduError::Class(cla));
            }
            return Ok(Self { proprietary, channel: 4 + (cla & 0x0F), secured: cla & 0x20 != 0, chained });
        }
        if cla & 0x28 != 0 {
            return Err(ApduError::Class(cla));
        }
        Ok(Self { proprietary, channel: cla & 0x03, secured: cla & 0x04 != 0, chained })
    }

    /// The class byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        let base = if self.proprietary { 0x80 } else { 0 } | if self.chained { 0x10 } else { 0 };
        if self.channel < 4 {
            base | self.channel | if self.secured { 0x04 } else { 0 }
        } else {
            base | 0x40 | ((self.channel - 4) & 0x0F) | if self.secured { 0x20 } else { 0 }
        }
    }

    /// The byte that goes into a C-MAC: secure messaging on, channel 0, no chaining (AmdD 6.2.4).
    #[must_use]
    pub const fn mac_byte(self) -> u8 {
        Self { channel: 0, secured: true, chained: false, ..self }.byte()
    }
}
