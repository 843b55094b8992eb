//! A session is not cloned: two copies would use one counter twice.

use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::Open;

fn wrong(state: &Open<SoftCipher>) -> Open<SoftCipher> {
    state.clone()
}

fn main() {}
