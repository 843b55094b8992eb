//! `kdf3`: AES-CMAC under the master over i, 00 00 00 k, 00, KDD, for i = 1 and, for more than 16 bytes, 2; cut to the
//! master's length.

use super::DiversifyError;
use crate::key::SecretKey;
use cardwright_proto::block::CmacKey;
use zeroize::Zeroizing;

/// Key number `k`, as long as the master.
pub(super) fn derive(master: &SecretKey, k: u8, kdd: &[u8; 10]) -> Result<SecretKey, DiversifyError> {
    let wrong = |_| DiversifyError::MasterLength;
    let mut cmac = CmacKey::new(master.expose()).map_err(wrong)?;
    let mut key = Zeroizing::new([0; 32]);
    for (i, piece) in (1..=2).zip(key.chunks_exact_mut(16)) {
        piece.copy_from_slice(Zeroizing::new(cmac.mac(&[&[i, 0, 0, 0, k, 0], kdd])).as_slice());
    }
    SecretKey::new(&key[..master.key_len()]).map_err(wrong)
}
