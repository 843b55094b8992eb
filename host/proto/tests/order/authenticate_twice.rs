//! One answer to INITIALIZE UPDATE gives one EXTERNAL AUTHENTICATE.

use cardwright_proto::scp::scp03::{ChallengeCheck, NeedKeys};
use cardwright_proto::scp::{SecurityLevel, SoftCipher};

fn wrong(state: NeedKeys, first: SoftCipher, second: SoftCipher) {
    let _ = state.authenticate(first, ChallengeCheck::Random, SecurityLevel::FULL);
    let _ = state.authenticate(second, ChallengeCheck::Random, SecurityLevel::FULL);
}

fn main() {}
