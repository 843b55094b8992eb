//! One command has one answer.

use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::AwaitResponse;

fn wrong(state: AwaitResponse<SoftCipher>, first: &mut [u8], second: &mut [u8]) {
    let _ = state.unwrap(first);
    let _ = state.unwrap(second);
}

fn main() {}
