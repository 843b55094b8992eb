//! One EXTERNAL AUTHENTICATE has one answer.

use cardwright_proto::apdu::Response;
use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::AwaitExtAuth;

fn wrong(state: AwaitExtAuth<SoftCipher>, response: Response<'_>) {
    let _ = state.receive(response);
    let _ = state.receive(response);
}

fn main() {}
