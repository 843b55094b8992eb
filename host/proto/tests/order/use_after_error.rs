//! After a failed check there is no session left to go on with.

use cardwright_proto::apdu::Command;
use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::AwaitResponse;

fn wrong(state: AwaitResponse<SoftCipher>, raw: &mut [u8], command: Command<'_>, out: &mut Vec<u8>) {
    match state.unwrap(raw) {
        Ok((open, _)) => drop(open.wrap(&command, out)),
        Err(_) => drop(state.unwrap(raw)),
    }
}

fn main() {}
