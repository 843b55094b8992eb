//! Command chaining (ISO/IEC 7816-4 5.3.3): one long command as several short ones.

use super::{Command, Form, Header, Ne};

/// The CLA bit that says that more of the chain follows.
const MORE: u8 = 0x10;

/// The short commands that together carry `command`; a command of up to 255 bytes is its own only piece.
///
/// Every piece but the last has bit 10 in CLA, 255 bytes of data, and no Le; the last one asks for at most 256
/// bytes, the rest coming by GET RESPONSE.
pub fn split<'a>(command: &Command<'a>) -> impl Iterator<Item = Command<'a>> + use<'a> {
    let Command { header, data, ne, .. } = *command;
    let pieces = data.len().div_ceil(255).max(1);
    (0..pieces).map(move |n| {
        let last = n + 1 == pieces;
        let end = if last { data.len() } else { (n + 1) * 255 };
        Command {
            header: Header { cla: if last { header.cla } else { header.cla | MORE }, ..header },
            data: &data[n * 255..end],
            ne: if last { ne.map(|ne| ne.min(Ne::SHORT_MAX)) } else { None },
            form: Form::Short,
        }
    })
}
