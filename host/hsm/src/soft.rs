//! Keys in the memory of this process: custody "software".

use cardwright_keys::diversify;
use cardwright_keys::key::{KeyMaterial, StaticKeys, WrapError};
use cardwright_keys::keyref::{KeyRef, Source};
use cardwright_keys::vault::{ChallengeInput, Custody, Vault, VaultError};
use cardwright_proto::block::KeyLength;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{SoftCipher, Token};
use std::collections::HashMap;

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

    /// What was read from the reference's source.
    pub(crate) fn material(&self, key: &KeyRef) -> Option<&KeyMaterial> {
        self.loaded.get(&key.source)
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

/// A card's keys from material in memory.
pub(crate) fn card_keys(key: &KeyRef, material: &KeyMaterial, kdd: &[u8; 10]) -> Result<StaticKeys, VaultError> {
    diversify::derive(key.scheme, material, kdd)
        .map(StaticKeys::from)
        .map_err(|error| VaultError::Diversification { key: key.to_string(), reason: error.reason() })
}

impl Vault for SoftVault {
    type CardKeys = StaticKeys;
    type Session = SoftCipher;

    fn custody(&self, _: &StaticKeys) -> Custody {
        Custody::Software
    }

    fn card_keys(&self, key: &KeyRef, kdd: &[u8; 10]) -> Result<StaticKeys, VaultError> {
        let material = self.material(key).ok_or_else(|| VaultError::UnknownKey(key.to_string()))?;
        card_keys(key, material, kdd)
    }

    fn key_len(&self, keys: &StaticKeys) -> usize {
        keys.key_len()
    }

    fn kcvs(&self, keys: &StaticKeys) -> Result<KeySet<Kcv>, VaultError> {
        keys.kcvs().map_err(failed)
    }

    fn session(&self, keys: &StaticKeys, context: &Context) -> Result<SoftCipher, VaultError> {
        keys.session(context).map_err(failed)
    }

    fn card_challenge(&self, keys: &StaticKeys, input: &ChallengeInput<'_>) -> Result<Token, VaultError> {
        keys.enc.card_challenge(input.counter, input.aid, input.mode).map_err(failed)
    }

    fn put_key_blocks(
        &self,
        current: &StaticKeys,
        new: &StaticKeys,
        form: BlockForm,
    ) -> Result<KeySet<KeyBlock>, VaultError> {
        current.dek.wrap(new, form).map_err(|error| match error {
            WrapError::Weaker { new, dek } => VaultError::WeakerWrap { new, dek },
            WrapError::Length(error) => failed(error),
        })
    }
}

#[cfg(test)]
mod tests;
