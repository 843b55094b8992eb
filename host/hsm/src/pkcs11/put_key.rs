//! The blocks of PUT KEY, where the present keys of the card, the new ones, or both are in a token.

use super::card_keys::{Held, Inside, TokenKeys, zip};
use super::failed;
use super::template::{self, Guard, Usage};
use crate::soft::SoftVault;
use cardwright_keys::key::{DekKey, SecretKey, StaticKeys};
use cardwright_keys::vault::{Vault, VaultError};
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{KeyType, ObjectHandle};
use std::sync::Arc;
use zeroize::Zeroizing;

/// New keys of a card.
#[derive(Clone, Copy, Debug)]
pub enum NewKeys<'a> {
    /// In memory.
    Soft(&'a StaticKeys),
    /// In a token.
    Token(&'a TokenKeys),
}

impl TokenKeys {
    /// The three blocks of PUT KEY: `new` under the Key-DEK of these.
    ///
    /// # Errors
    /// [`VaultError::WeakerWrap`]; [`VaultError::Unable`] where the new keys are in another token, or the token does
    /// not wrap; [`VaultError::Failed`] with a [`super::TokenError`].
    pub fn put_key_blocks(&self, new: NewKeys<'_>, form: BlockForm) -> Result<KeySet<KeyBlock>, VaultError> {
        let new_len = match new {
            NewKeys::Soft(keys) => keys.key_len(),
            NewKeys::Token(keys) => keys.key_len,
        };
        not_weaker(new_len, self.key_len)?;
        match (&self.held, new) {
            (Held::Software(current), NewKeys::Soft(new)) => SoftVault::new().put_key_blocks(current, new, form),
            (Held::Software(current), NewKeys::Token(new)) => new.put_key_blocks_under(current.secrets().dek, form),
            (Held::Inside(current), NewKeys::Soft(new)) => current.wrap_soft(new, form),
            (Held::Inside(current), NewKeys::Token(new)) => match &new.held {
                Held::Software(new) => current.wrap_soft(new, form),
                Held::Inside(inside) => {
                    if !Arc::ptr_eq(&current.bench.connection, &inside.bench.connection) {
                        return Err(VaultError::Unable {
                            what: "wrap the new keys under the card's present Key-DEK",
                            reason: "they are in two tokens, and neither can take the other's key",
                        });
                    }
                    inside.wrap_under(current.handles.dek, &new.kcvs()?, new.key_len, form)
                }
            },
        }
    }

    /// The same blocks for these as the new keys, under a Key-DEK in memory.
    ///
    /// # Errors
    /// As [`Self::put_key_blocks`].
    pub fn put_key_blocks_under(&self, dek: &SecretKey, form: BlockForm) -> Result<KeySet<KeyBlock>, VaultError> {
        not_weaker(self.key_len, dek.key_len())?;
        match &self.held {
            Held::Software(new) => {
                let blocks = DekKey::new(dek.duplicate()).wrap(new, form);
                blocks.map_err(|error| VaultError::Failed(error.into()))
            }
            Held::Inside(inside) => {
                let known = template::known(KeyType::AES, dek.expose(), Usage::CARD_DEK, Guard::Inside);
                let dek = inside.bench.create(&known).map_err(failed)?;
                let blocks = inside.wrap_under(dek, &self.kcvs()?, self.key_len, form)?;
                inside.bench.discard(dek).map_err(failed)?;
                Ok(blocks)
            }
        }
    }
}

fn not_weaker(new: usize, dek: usize) -> Result<(), VaultError> {
    if new > dek { Err(VaultError::WeakerWrap { new, dek }) } else { Ok(()) }
}

fn block(form: BlockForm, len: usize, ciphertext: &[u8], kcv: Kcv) -> KeyBlock {
    let [.., short] = len.to_be_bytes();
    KeyBlock::new(form, short, ciphertext, kcv)
}

impl Inside {
    /// Keys in memory under the Key-DEK in the token: AES-CBC, IV zero; 24 bytes are filled up to 32 (AmdD 7.2).
    fn wrap_soft(&self, new: &StaticKeys, form: BlockForm) -> Result<KeySet<KeyBlock>, VaultError> {
        zip(new.secrets(), SoftVault::new().kcvs(new)?).try_map(|(key, kcv)| {
            let len = key.key_len();
            let mut clear = Zeroizing::new([0; 32]);
            clear[..len].copy_from_slice(key.expose());
            let clear = &mut clear[..len.next_multiple_of(16)];
            self.bench.cbc(self.handles.dek, [0; 16], clear).map_err(failed)?;
            Ok(block(form, len, clear, kcv))
        })
    }

    /// Keys in the token under a Key-DEK in it.
    fn wrap_under(
        &self,
        dek: ObjectHandle,
        kcvs: &KeySet<Kcv>,
        len: usize,
        form: BlockForm,
    ) -> Result<KeySet<KeyBlock>, VaultError> {
        if !self.capabilities.wrap {
            return Err(VaultError::Unable {
                what: "wrap keys for PUT KEY",
                reason: "the token does not do C_WrapKey with CKM_AES_CBC",
            });
        }
        let keys = self.wrappable(len)?;
        let blocks = zip(keys, *kcvs).try_map(|(key, kcv)| {
            let bench = &self.bench;
            let wrapped = bench.call(|session| session.wrap_key(&Mechanism::AesCbc([0; 16]), dek, key));
            let wrapped = wrapped.map_err(failed)?;
            if wrapped.len() != len.next_multiple_of(16) {
                return Err(failed(bench.nonsense(format!("a wrapped key of {} bytes", wrapped.len()))));
            }
            Ok(block(form, len, &wrapped, kcv))
        })?;
        self.discard(keys)?;
        Ok(blocks)
    }
}
