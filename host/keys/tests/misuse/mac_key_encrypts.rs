//! No key for encryption comes from a MAC key.

use cardwright_keys::key::MacKey;
use cardwright_proto::scp::kdf::Context;

fn wrong(mac: &MacKey, context: &Context) {
    let _ = mac.s_enc(context);
}

fn main() {}
