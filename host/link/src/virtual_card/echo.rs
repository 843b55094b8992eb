//! The echo applet: an application that uses its security domain's secure channel, and answers what a test asks for.
//!
//! - `80 EC P1 P2`: answers with the command's data. P1 P2 other than 0000 is the status word to answer with; data comes
//!   along with a warning (62xx, 63xx) and not with anything else.
//! - `80 EE P1 P2`: answers with P1 P2 bytes; byte n is n mod 251, so that a piece out of place shows.

use super::Stop;
use cardwright_proto::apdu::Command;
use cardwright_proto::apdu::class::Class;
use cardwright_proto::status::StatusWord;

/// Its AID: F0 and "CWECHO".
pub(super) const AID: &[u8] = b"\xF0CWECHO";

const ECHO: u8 = 0xEC;
const PATTERN: u8 = 0xEE;

/// Answers a command in clear.
pub(super) fn process(class: Class, command: &Command<'_>, out: &mut Vec<u8>) -> Result<StatusWord, Stop> {
    let p1p2 = [command.header.p1, command.header.p2];
    if !matches!(command.header.ins, ECHO | PATTERN) {
        return Err(StatusWord::INS_NOT_SUPPORTED.into());
    }
    if !class.proprietary {
        return Err(StatusWord::CLA_NOT_SUPPORTED.into());
    }
    if command.header.ins == PATTERN {
        out.extend((0..=250).cycle().take(usize::from(u16::from_be_bytes(p1p2))));
        return Ok(StatusWord::OK);
    }
    let sw = if p1p2 == [0, 0] { StatusWord::OK } else { StatusWord::from(p1p2) };
    if sw.carries_rmac() {
        out.extend_from_slice(command.data);
    }
    Ok(sw)
}
