//! No command goes out protected before EXTERNAL AUTHENTICATE has been answered.

use cardwright_proto::apdu::Command;
use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::AwaitExtAuth;

fn wrong(state: AwaitExtAuth<SoftCipher>, command: Command<'_>, out: &mut Vec<u8>) {
    let _ = state.wrap(&command, out);
}

fn main() {}
