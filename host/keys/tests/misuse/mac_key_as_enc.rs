//! A MAC key does not stand where Key-ENC does.

use cardwright_keys::key::{DekKey, MacKey, StaticKeys};

fn wrong(one: MacKey, two: MacKey, dek: DekKey) -> StaticKeys {
    StaticKeys { enc: one, mac: two, dek }
}

fn main() {}
