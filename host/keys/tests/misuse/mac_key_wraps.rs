//! A MAC key wraps nothing.

use cardwright_keys::key::{MacKey, StaticKeys};
use cardwright_proto::gp::put_key::BlockForm;

fn wrong(mac: &MacKey, new: &StaticKeys) {
    let _ = mac.wrap(new, BlockForm::Bare);
}

fn main() {}
