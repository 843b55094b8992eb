//! Class CARD KEY: what PUT KEY over PKCS#11 cannot keep from a program with the PIN.
//!
//! C_WrapKey wants the new key extractable, and takes any wrapping key that is there: also one whose value is known.

use super::{Class, Finding, attack};
use crate::pkcs11::bench::Bench;
use crate::pkcs11::error::TokenError;
use crate::pkcs11::template::{self, Guard, Usage};

pub(super) fn all(bench: &Bench) -> Result<Vec<Finding>, TokenError> {
    let new_key = || bench.generate(&template::session_key(16, Usage::DERIVE, Guard::Extractable));
    Ok(vec![
        attack(Class::CardKey, "read a card's new key", || bench.shown(new_key()?))?,
        attack(Class::CardKey, "wrap a card's new key under a known key (inherent in PUT KEY)", || {
            bench.wraps_under_known(new_key()?)
        })?,
    ])
}
