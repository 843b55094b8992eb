//! `scp02`: session keys of SCP02 (CS E.4.1): 3DES-CBC, IV zero, over a constant, the sequence counter (2 bytes) and
//! 12 x 00.

use super::method::KeyUse;
use crate::cipher::BlockKey;
use crate::key::{Algorithm, SecretKey};
use cardwright_proto::block::KeyLength;
use zeroize::Zeroizing;

/// The session keys, each with its constant. C-MAC and R-MAC both come from Key-MAC.
pub(super) const KEYS: [(KeyUse, [u8; 2]); 4] = [
    (KeyUse::Enc, [0x01, 0x82]),
    (KeyUse::Mac, [0x01, 0x01]),
    (KeyUse::Rmac, [0x01, 0x02]),
    (KeyUse::Dek, [0x01, 0x81]),
];

/// One session key from a static key of 16 bytes.
pub(super) fn derive(key: &SecretKey, constant: [u8; 2], counter: [u8; 2]) -> Result<SecretKey, KeyLength> {
    if key.key_len() != 16 {
        return Err(KeyLength(key.key_len()));
    }
    let mut session = Zeroizing::new([0; 16]);
    session[..2].copy_from_slice(&constant);
    session[2..4].copy_from_slice(&counter);
    BlockKey::new(Algorithm::TripleDes, key.expose())?.cbc(&mut *session);
    SecretKey::new(&*session)
}

#[cfg(test)]
mod tests;
