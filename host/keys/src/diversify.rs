//! Keys of a card from a master: one file a scheme.
//!
//! A scheme takes a master, the number k of the wanted key (1 ENC, 2 MAC, 3 DEK) and the KDD, the 10 bytes of key
//! diversification data in the answer to INITIALIZE UPDATE.

mod emv;
mod kdf3;
mod visa2;

use crate::key::{KeyMaterial, SecretKey, TripleDes};
use crate::keyref::Scheme;
use cardwright_proto::gp::key::KeySet;
use zeroize::Zeroizing;

/// A master that a scheme cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
#[non_exhaustive]
pub enum DiversifyError {
    /// `visa2` and `emv` are made for 2-key 3DES.
    MasterLength,
}

impl DiversifyError {
    /// What does not fit.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::MasterLength => "this diversification takes a 16-byte master (3DES with two keys)",
        }
    }
}

/// The static keys of the card with this KDD.
///
/// Of one master come all three; of a set ENC comes from ENC, MAC from MAC, DEK from DEK. Without a scheme the keys
/// are the material itself.
///
/// # Errors
/// [`DiversifyError`]
pub fn derive(scheme: Scheme, material: &KeyMaterial, kdd: &[u8; 10]) -> Result<KeySet<SecretKey>, DiversifyError> {
    let masters = match material {
        KeyMaterial::One(key) => KeySet { enc: key, mac: key, dek: key },
        KeyMaterial::Set(set) => set.as_ref(),
    };
    let numbered = KeySet { enc: (1, masters.enc), mac: (2, masters.mac), dek: (3, masters.dek) };
    numbered.try_map(|(k, master)| match scheme {
        Scheme::Plain => Ok(master.duplicate()),
        Scheme::Kdf3 => kdf3::derive(master, k, kdd),
        Scheme::Visa2 => triple_des(master, &visa2::blocks(k, kdd)),
        Scheme::Emv => triple_des(master, &emv::blocks(k, kdd)),
    })
}

/// Encrypts two blocks, each by itself (ECB): 16 bytes of key.
fn triple_des(master: &SecretKey, blocks: &[[u8; 8]; 2]) -> Result<SecretKey, DiversifyError> {
    let wrong = |_| DiversifyError::MasterLength;
    if master.key_len() != 16 {
        return Err(DiversifyError::MasterLength);
    }
    let cipher = TripleDes::new(master.expose()).map_err(wrong)?;
    let mut key = Zeroizing::new(*blocks);
    key.iter_mut().for_each(|block| cipher.encrypt_block(block));
    SecretKey::new(key.as_flattened()).map_err(wrong)
}

#[cfg(test)]
mod tests;
