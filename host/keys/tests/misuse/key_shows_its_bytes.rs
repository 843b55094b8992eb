//! A key with a purpose has no bytes to show.

use cardwright_keys::key::MacKey;

fn wrong(mac: &MacKey) -> &[u8] {
    mac.expose()
}

fn main() {}
