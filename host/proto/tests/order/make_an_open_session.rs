//! An open session comes from a handshake and from nowhere else.

use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::{AwaitExtAuth, Open};

fn wrong(state: AwaitExtAuth<SoftCipher>) -> Open<SoftCipher> {
    Open { channel: state.channel }
}

fn main() {}
