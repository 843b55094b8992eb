//! An open session comes from a handshake and from nowhere else.

use cardwright_proto::scp::SoftCipher;
use cardwright_proto::scp::scp03::Open;

fn wrong() -> Open<SoftCipher> {
    Open { channel: unimplemented!() }
}

fn main() {}
