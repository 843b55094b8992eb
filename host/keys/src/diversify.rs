//! Keys of a card from a master, or from a PIN: one file a method.
//!
//! - [`derive()`]: what can stand before a key reference. A scheme takes a master, the number k of the wanted key (1 ENC,
//!   2 MAC, 3 DEK) and the KDD, the 10 bytes of key diversification data in the answer to INITIALIZE UPDATE.
//! - [`run()`]: every method by name, over [`Inputs`] by name.

mod an10922;
mod counter;
mod emv;
mod fields;
mod icc;
mod inputs;
mod kdf3;
mod method;
mod pin;
mod scp02;
mod template;
mod visa;
mod visa2;

pub use counter::{Layout, Prf};
pub use fields::{FieldError, Fields};
pub use icc::IccOption;
pub use inputs::{InputError, Inputs, Name, Pan};
pub use method::{Derived, KeyUse, METHODS, Method, MethodError, MethodHelp, RunError, Secret, run};
pub use pin::{NoMemory, Stretch, StretchError};
pub use template::{Template, TemplateCipher};

use crate::cipher::BlockKey;
use crate::key::{Algorithm, KeyMaterial, SecretKey};
use crate::keyref::Scheme;
use cardwright_proto::gp::key::KeySet;
use zeroize::Zeroizing;

/// A master that a scheme cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
#[non_exhaustive]
pub enum DiversifyError {
    /// `visa`, `visa2` and `emv` are made for 2-key 3DES.
    MasterLength,
    /// SEED has keys of 16 bytes only.
    SeedLength,
}

impl DiversifyError {
    /// What does not fit.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::MasterLength => "this diversification takes a 16-byte master (3DES with two keys)",
            Self::SeedLength => "this diversification takes a 16-byte master (SEED)",
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
        Scheme::Kdf3 | Scheme::Kdf3Aria | Scheme::Kdf3Seed => kdf3::derive(scheme.algorithm(), master, k, kdd),
        Scheme::Visa => triple_des(master, &visa::blocks(k, kdd)),
        Scheme::Visa2 => triple_des(master, &visa2::blocks(k, kdd)),
        Scheme::Emv => triple_des(master, &emv::blocks(k, kdd)),
        Scheme::An10922 => {
            let [a, b, c, d, e, f, g, h, i, j] = *kdd;
            let input = [a, b, c, d, e, f, g, h, i, j, k];
            an10922::derive(Algorithm::Aes, master, &input).map_err(|_| DiversifyError::MasterLength)
        }
    })
}

/// What a scheme encrypts with two-key 3DES, each block by itself, to get key number `k`; `None` for the others.
///
/// For masters in a token, which encrypts on its own.
#[must_use]
pub fn triple_des_blocks(scheme: Scheme, k: u8, kdd: &[u8; 10]) -> Option<[[u8; 8]; 2]> {
    match scheme {
        Scheme::Visa => Some(visa::blocks(k, kdd)),
        Scheme::Visa2 => Some(visa2::blocks(k, kdd)),
        Scheme::Emv => Some(emv::blocks(k, kdd)),
        _ => None,
    }
}

/// Encrypts two blocks, each by itself (ECB): 16 bytes of key.
fn triple_des(master: &SecretKey, blocks: &[[u8; 8]; 2]) -> Result<SecretKey, DiversifyError> {
    let wrong = |_| DiversifyError::MasterLength;
    if master.key_len() != 16 {
        return Err(DiversifyError::MasterLength);
    }
    let cipher = BlockKey::new(Algorithm::TripleDes, master.expose()).map_err(wrong)?;
    let mut key = Zeroizing::new(*blocks);
    cipher.ecb(key.as_flattened_mut());
    SecretKey::new(key.as_flattened()).map_err(wrong)
}

#[cfg(test)]
mod tests;
