//! A session that has sent a command is no longer open.

use cardwright_proto::apdu::Command;
use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::Open;

fn wrong(state: Open<SoftCipher>, command: Command<'_>, out: &mut Vec<u8>) {
    let _ = state.wrap(&command, out);
    let _ = state.wrap(&command, out);
}

fn main() {}
