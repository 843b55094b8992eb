//! Keys in the memory of this process: custody "software".

use cardwright_keys::diversify;
use cardwright_keys::key::{Algorithm, KeyMaterial, SecretKey};
use cardwright_keys::keyref::{KeyRef, Source};
use cardwright_keys::vault::{ChallengeInput, Custody, Vault, VaultError};
use cardwright_proto::block::{AesKey, CmacKey, KeyLength};
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::{self, Context};
use cardwright_proto::scp::{SoftCipher, Token};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// Keys that were read into memory. Wiped when it is dropped.
#[derive(Debug, Default)]
pub struct SoftVault {
    loaded: HashMap<Source, KeyMaterial>,
}

impl SoftVault {
    /// Without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read from the reference's source, in place of what was there before.
    ///
    /// Material belongs to the source alone: `file:m`, `kdf3+file:m` and `file:m@0x30` need one load.
    pub fn load(&mut self, key: &KeyRef, material: KeyMaterial) {
        self.loaded.insert(key.source.clone(), material);
    }

    /// Whether the reference's source was read already. Descriptors and the terminal can be read only once.
    #[must_use]
    pub fn holds(&self, key: &KeyRef) -> bool {
        self.loaded.contains_key(&key.source)
    }
}

fn failed(error: KeyLength) -> VaultError {
    VaultError::Failed(error.into())
}

fn kcv(key: &SecretKey) -> Result<Kcv, VaultError> {
    key.kcv(Algorithm::Aes).map_err(failed)
}

/// One key under the present Key-DEK: CBC, IV zero; 24 bytes are filled up to 32 with zeros (AmdD 7.2).
fn wrap(dek: &AesKey, new: &SecretKey, form: BlockForm) -> Result<KeyBlock, VaultError> {
    let len = new.key_len();
    let mut block = Zeroizing::new([0; 32]);
    let (clear, _) = block.split_at_mut(len.next_multiple_of(16));
    clear[..len].copy_from_slice(new.expose());
    dek.cbc_encrypt(&[0; 16], clear);
    let [.., short] = len.to_be_bytes();
    Ok(KeyBlock::new(form, short, clear, kcv(new)?))
}

impl Vault for SoftVault {
    type CardKeys = KeySet<SecretKey>;
    type Session = SoftCipher;

    fn custody(&self) -> Custody {
        Custody::Software
    }

    fn card_keys(&self, key: &KeyRef, kdd: &[u8; 10]) -> Result<Self::CardKeys, VaultError> {
        let material = self.loaded.get(&key.source).ok_or_else(|| VaultError::UnknownKey(key.to_string()))?;
        diversify::derive(key.scheme, material, kdd)
            .map_err(|error| VaultError::Diversification { key: key.to_string(), reason: error.reason() })
    }

    fn key_len(&self, keys: &Self::CardKeys) -> usize {
        keys.dek.key_len()
    }

    fn kcvs(&self, keys: &Self::CardKeys) -> Result<KeySet<Kcv>, VaultError> {
        keys.as_ref().try_map(kcv)
    }

    fn session(&self, keys: &Self::CardKeys, context: &Context) -> Result<SoftCipher, VaultError> {
        SoftCipher::derive(keys.enc.expose(), keys.mac.expose(), context).map_err(failed)
    }

    fn card_challenge(&self, keys: &Self::CardKeys, input: &ChallengeInput<'_>) -> Result<Token, VaultError> {
        let mut enc = CmacKey::new(keys.enc.expose()).map_err(failed)?;
        Ok(kdf::card_challenge(&mut enc, input.counter, input.aid, input.mode))
    }

    fn put_key_blocks(
        &self,
        current: &Self::CardKeys,
        new: &Self::CardKeys,
        form: BlockForm,
    ) -> Result<KeySet<KeyBlock>, VaultError> {
        let dek = current.dek.key_len();
        if let Some(new) = new.iter().map(SecretKey::key_len).find(|new| *new > dek) {
            return Err(VaultError::WeakerWrap { new, dek });
        }
        let dek = AesKey::new(current.dek.expose()).map_err(failed)?;
        new.as_ref().try_map(|key| wrap(&dek, key, form))
    }
}

#[cfg(test)]
mod tests;
