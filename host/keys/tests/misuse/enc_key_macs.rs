//! No key for MACs comes from Key-ENC.

use cardwright_keys::key::EncKey;
use cardwright_proto::scp::kdf::Context;

fn wrong(enc: &EncKey, context: &Context) {
    let _ = enc.s_macs(context);
}

fn main() {}
