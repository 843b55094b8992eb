//! There is nothing to authenticate to before the card has answered INITIALIZE UPDATE.

use cardwright_proto::scp::scp03::{AwaitInitUpdate, ChallengeCheck};
use cardwright_proto::scp::{SecurityLevel, SoftCipher};

fn wrong(state: AwaitInitUpdate, cipher: SoftCipher) {
    let _ = state.authenticate(cipher, ChallengeCheck::Random, SecurityLevel::FULL);
}

fn main() {}
