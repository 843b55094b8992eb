//! EXTERNAL AUTHENTICATE needs session keys.

use cardwright_proto::scp::SecurityLevel;
use cardwright_proto::scp::scp03::{ChallengeCheck, NeedKeys};

fn wrong(state: NeedKeys) {
    let _ = state.authenticate((), ChallengeCheck::Random, SecurityLevel::FULL);
}

fn main() {}
