//! The second command waits for the first one's answer.

use cardwright_proto::apdu::Command;
use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::Open;

fn wrong(state: Open<SoftCipher>, command: Command<'_>, out: &mut Vec<u8>) {
    let Ok(waiting) = state.wrap(&command, out) else { return };
    let _ = waiting.wrap(&command, out);
}

fn main() {}
