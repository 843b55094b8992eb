//! No answer is expected before a command.

use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::Open;

fn wrong(state: Open<SoftCipher>, raw: &mut [u8]) {
    let _ = state.unwrap(raw);
}

fn main() {}
