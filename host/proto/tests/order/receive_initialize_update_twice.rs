//! One INITIALIZE UPDATE has one answer.

use cardwright_proto::apdu::Response;
use cardwright_proto::scp::scp03::AwaitInitUpdate;

fn wrong(state: AwaitInitUpdate, response: Response<'_>) {
    let _ = state.receive(response);
    let _ = state.receive(response);
}

fn main() {}
