//! The card's challenge has to be judged, one way or the other.

use cardwright_proto::scp::scp03::NeedKeys;
use cardwright_proto::scp::{SecurityLevel, SoftCipher};

fn wrong(state: NeedKeys, cipher: SoftCipher) {
    let _ = state.authenticate(cipher, SecurityLevel::FULL);
}

fn main() {}
