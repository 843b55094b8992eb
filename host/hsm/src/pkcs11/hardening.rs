//! Attributes that make a key harder to weaken and to misuse: as many of them as the token takes.

use super::error::TokenError;
use super::template::{Usage, derive_sensitive};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::Attribute;
use std::cmp::Reverse;

/// An attribute, by its name in the standard.
pub(super) type Named = (&'static str, Attribute);

/// What a key of this usage is to have: neither changed nor copied, and where it derives, by these mechanisms alone.
///
/// A key with CKA_DERIVE and no more gives itself away: CKM_CONCATENATE_BASE_AND_DATA, CKM_XOR_BASE_AND_DATA and
/// CKM_EXTRACT_KEY_FROM_KEY (PKCS #11 3.1, 6.43) put its own bytes into a key that can be wrapped. `insists`: nothing
/// that can be read is derived from it.
pub(super) fn of(usage: Usage, insists: bool) -> Vec<Named> {
    let mut hardening =
        vec![("CKA_MODIFIABLE", Attribute::Modifiable(false)), ("CKA_COPYABLE", Attribute::Copyable(false))];
    if usage.derive {
        let mut mechanisms = vec![MechanismType::SP800_108_COUNTER_KDF, MechanismType::AES_CBC_ENCRYPT_DATA];
        mechanisms.extend(usage.wrap.then_some(MechanismType::AES_CBC));
        hardening.push(("CKA_ALLOWED_MECHANISMS", Attribute::AllowedMechanisms(mechanisms)));
    }
    hardening.extend(insists.then(|| ("CKA_DERIVE_TEMPLATE", derive_sensitive())));
    hardening
}

/// Makes something with as many of the attributes as the token takes, and names those that it does not.
///
/// # Errors
/// What `make` says to none of them, or for another reason than an attribute.
pub(super) fn most<T>(
    hardening: &[Named],
    mut make: impl FnMut(Vec<Attribute>) -> Result<T, TokenError>,
) -> Result<(T, Vec<&'static str>), TokenError> {
    // All subsets, the largest first: a refused attribute does not cost the others.
    let mut subsets: Vec<u32> = (1..1 << hardening.len()).collect();
    subsets.sort_by_key(|subset| Reverse(subset.count_ones()));
    let split = |subset: u32| {
        let (with, without): (Vec<_>, Vec<_>) =
            hardening.iter().enumerate().partition(|(place, _)| subset >> place & 1 == 1);
        let attributes = with.into_iter().map(|(_, (_, attribute))| attribute.clone()).collect();
        (attributes, without.into_iter().map(|(_, (name, _))| *name).collect())
    };
    for subset in subsets {
        let (attributes, refused) = split(subset);
        match make(attributes) {
            Err(error) if error.is_template() => {}
            made => return made.map(|made| (made, refused)),
        }
    }
    make(Vec::new()).map(|made| (made, split(0).1))
}
