//! New keys from the operating system's randomness.

use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::vault::{KeySpec, KeyType, Purpose};
use cardwright_proto::gp::key::KeySet;
use zeroize::Zeroizing;

/// The system gives no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system's random numbers are not to be had: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

/// Makes what the specification asks for: one key, or ENC, MAC, DEK for [`Purpose::Card`].
///
/// # Errors
/// [`NoRandomness`]
pub fn random_material(spec: KeySpec) -> Result<KeyMaterial, NoRandomness> {
    let key = || random_key(spec.key_type);
    Ok(match spec.purpose {
        Purpose::Card => KeyMaterial::Set(KeySet { enc: key()?, mac: key()?, dek: key()? }),
        _ => KeyMaterial::One(key()?),
    })
}

/// DES keys get the odd parity that some tokens and cards insist on (FIPS 46-3); it is no part of the key.
fn random_key(key_type: KeyType) -> Result<SecretKey, NoRandomness> {
    let mut bytes = Zeroizing::new([0; 32]);
    let bytes = &mut bytes[..key_type.key_len()];
    getrandom::fill(bytes)?;
    if matches!(key_type, KeyType::TripleDes2 | KeyType::TripleDes3) {
        bytes.iter_mut().for_each(|byte| *byte ^= u8::from(byte.count_ones().is_multiple_of(2)));
    }
    Ok(SecretKey::new(bytes).unwrap_or_else(|_| unreachable!("every key type has a length that a key can have")))
}

#[cfg(test)]
mod tests {
    use super::random_material;
    use cardwright_keys::key::KeyMaterial;
    use cardwright_keys::vault::{KeySpec, KeyType, Purpose};

    #[test]
    fn as_long_as_asked_for_and_never_twice_the_same() {
        for key_type in KeyType::ALL {
            let spec = KeySpec { purpose: Purpose::Card, key_type, portable: false };
            let KeyMaterial::Set(set) = random_material(spec).unwrap() else { panic!("one key") };
            assert!(set.iter().all(|key| key.key_len() == key_type.key_len()));
            assert!(set.enc != set.mac && set.mac != set.dek && set.enc != set.dek);
            let odd = set.iter().flat_map(|key| key.expose()).all(|byte| byte.count_ones() % 2 == 1);
            assert_eq!(odd, matches!(key_type, KeyType::TripleDes2 | KeyType::TripleDes3));
        }
    }
}
