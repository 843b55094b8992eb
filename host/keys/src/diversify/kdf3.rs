//! `kdf3`, `kdf3-aria`, `kdf3-seed`: CMAC under the master over i, 00 00 00 k, 00, KDD, for i = 1 and, for more than 16
//! bytes, 2; cut to the master's length. GlobalPlatform's KDF3 has AES, Korean programmes have ARIA or SEED in its place.

use super::DiversifyError;
use super::counter::{self, Fixed, Prf};
use crate::key::{Algorithm, SecretKey};
use zeroize::Zeroizing;

/// Key number `k`, as long as the master.
pub(super) fn derive(
    algorithm: Algorithm,
    master: &SecretKey,
    k: u8,
    kdd: &[u8; 10],
) -> Result<SecretKey, DiversifyError> {
    let mut after = [0, 0, 0, k, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    after[5..].copy_from_slice(kdd);
    let mut key = Zeroizing::new([0; 32]);
    let key = &mut key[..master.key_len()];
    let wrong = |_| match algorithm {
        Algorithm::Seed => DiversifyError::SeedLength,
        _ => DiversifyError::MasterLength,
    };
    let fixed = Fixed { before: &[], width: 1, after: &after };
    counter::fill(Prf::Cmac(algorithm), master.expose(), fixed, key).map_err(wrong)?;
    SecretKey::new(key).map_err(wrong)
}
