//! All the keys that a command works with: what was read from files, and the vaults that were opened.

use crate::pkcs11::{NewKeys, Token, TokenKeys, TokenSession};
use crate::soft::{self, SoftVault};
use crate::vault_file::VaultFile;
use cardwright_keys::key::{Algorithm, KeyMaterial, StaticKeys};
use cardwright_keys::keyref::{KeyRef, Name, Scheme, Source, VaultKey};
use cardwright_keys::vault::{ChallengeInput, Custody, KeySpec, Purpose, Store, Vault, VaultError};
use cardwright_proto::block::Block;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{self, CipherFailed, SessionCipher, SoftCipher};
use std::collections::HashMap;

/// A vault of either kind, open.
#[derive(Debug)]
pub enum OpenVault {
    /// An encrypted file.
    File(VaultFile),
    /// A PKCS#11 token.
    Token(Token),
}

impl OpenVault {
    /// What it keeps.
    pub fn store(&mut self) -> &mut dyn Store {
        match self {
            Self::File(file) => file,
            Self::Token(token) => token,
        }
    }

    /// A card's keys, of the key in this vault that the reference names.
    fn card_keys(&self, key: &KeyRef, name: &Name, kdd: &[u8; 10]) -> Result<CardKeys, VaultError> {
        match self {
            Self::Token(token) => token.card_keys(name, key.scheme, kdd).map(CardKeys::Token),
            Self::File(file) => {
                let wanted = if key.scheme == Scheme::Plain { Purpose::Card } else { Purpose::Master };
                let material = file_material(file, key, name, (wanted, Some(key.scheme.algorithm())))?;
                soft::card_keys(key, material, kdd).map(CardKeys::Soft)
            }
        }
    }
}

/// What a file holds under a name, where it is kept for what is wanted, and is a key of the cipher that it is wanted for.
fn file_material<'v>(
    file: &'v VaultFile,
    key: &KeyRef,
    name: &Name,
    (wanted, cipher): (Purpose, Option<Algorithm>),
) -> Result<&'v KeyMaterial, VaultError> {
    let (KeySpec { purpose, key_type, .. }, material) = file.material(name)?;
    if purpose != wanted {
        return Err(VaultError::Purpose { key: key.to_string(), purpose, wanted });
    }
    if cipher.is_some_and(|cipher| cipher != key_type.algorithm()) {
        return Err(VaultError::Diversification { key: key.to_string(), reason: "it is a key of another cipher" });
    }
    Ok(material)
}

/// The keys of a run.
#[derive(Debug, Default)]
pub struct Keyring {
    soft: SoftVault,
    vaults: HashMap<Name, OpenVault>,
}

impl Keyring {
    /// Without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read from the reference's source, in place of what was there before.
    pub fn load(&mut self, key: &KeyRef, material: KeyMaterial) {
        self.soft.load(key, material);
    }

    /// Takes an opened vault.
    pub fn open(&mut self, name: Name, vault: OpenVault) {
        self.vaults.insert(name, vault);
    }

    /// The key itself, for work that only software does.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`]; [`VaultError::Purpose`] and [`VaultError::Diversification`] where a vault keeps it for
    /// something else, or for another cipher; [`VaultError::Unable`] where it is in a token, which gives out none.
    pub fn material(&self, key: &KeyRef, wanted: (Purpose, Option<Algorithm>)) -> Result<&KeyMaterial, VaultError> {
        let unknown = || VaultError::UnknownKey(key.to_string());
        let Source::Vault(VaultKey { vault, key: name }) = &key.source else {
            return self.soft.material(key).ok_or_else(unknown);
        };
        match self.vaults.get(vault).ok_or_else(unknown)? {
            OpenVault::File(file) => file_material(file, key, name, wanted),
            OpenVault::Token(_) => Err(VaultError::Unable {
                what: "derive in this way",
                reason: "a token gives out no key, and does inside only what can stand before a key reference",
            }),
        }
    }

    /// Whether the key is in a token.
    #[must_use]
    pub fn is_in_token(&self, key: &KeyRef) -> bool {
        match &key.source {
            Source::Vault(VaultKey { vault, .. }) => matches!(self.vaults.get(vault), Some(OpenVault::Token(_))),
            _ => false,
        }
    }

    /// Whether the reference's source was read, or its vault opened, already.
    #[must_use]
    pub fn holds(&self, key: &KeyRef) -> bool {
        match &key.source {
            Source::Vault(VaultKey { vault, .. }) => self.vaults.contains_key(vault),
            _ => self.soft.holds(key),
        }
    }
}

/// A card's static keys: in memory, or handles in a token.
#[derive(Debug)]
pub enum CardKeys {
    /// In memory, wiped on drop.
    Soft(StaticKeys),
    /// In a token, destroyed there on drop.
    Token(TokenKeys),
}

/// Session keys at work: in memory, or in a token.
#[derive(Debug)]
pub enum Session {
    /// In memory, wiped on drop.
    Soft(SoftCipher),
    /// In a token, destroyed there on drop.
    Token(TokenSession),
}

impl Vault for Keyring {
    type CardKeys = CardKeys;
    type Session = Session;

    fn custody(&self, keys: &CardKeys) -> Custody {
        match keys {
            CardKeys::Soft(_) => Custody::Software,
            CardKeys::Token(keys) => keys.custody(),
        }
    }

    fn card_keys(&self, key: &KeyRef, kdd: &[u8; 10]) -> Result<CardKeys, VaultError> {
        let Source::Vault(VaultKey { vault, key: name }) = &key.source else {
            return self.soft.card_keys(key, kdd).map(CardKeys::Soft);
        };
        let open = self.vaults.get(vault).ok_or_else(|| VaultError::UnknownKey(key.to_string()))?;
        open.card_keys(key, name, kdd)
    }

    fn key_len(&self, keys: &CardKeys) -> usize {
        match keys {
            CardKeys::Soft(keys) => self.soft.key_len(keys),
            CardKeys::Token(keys) => keys.key_len(),
        }
    }

    fn kcvs(&self, keys: &CardKeys) -> Result<KeySet<Kcv>, VaultError> {
        match keys {
            CardKeys::Soft(keys) => self.soft.kcvs(keys),
            CardKeys::Token(keys) => keys.kcvs(),
        }
    }

    fn session(&self, keys: &CardKeys, context: &Context) -> Result<Session, VaultError> {
        match keys {
            CardKeys::Soft(keys) => self.soft.session(keys, context).map(Session::Soft),
            CardKeys::Token(keys) => keys.session(context),
        }
    }

    fn card_challenge(&self, keys: &CardKeys, input: &ChallengeInput<'_>) -> Result<scp::Token, VaultError> {
        match keys {
            CardKeys::Soft(keys) => self.soft.card_challenge(keys, input),
            CardKeys::Token(keys) => keys.card_challenge(input),
        }
    }

    fn put_key_blocks(
        &self,
        current: &CardKeys,
        new: &CardKeys,
        form: BlockForm,
    ) -> Result<KeySet<KeyBlock>, VaultError> {
        match (current, new) {
            (CardKeys::Soft(current), CardKeys::Soft(new)) => self.soft.put_key_blocks(current, new, form),
            (CardKeys::Soft(current), CardKeys::Token(new)) => new.put_key_blocks_under(current.secrets().dek, form),
            (CardKeys::Token(current), CardKeys::Soft(new)) => current.put_key_blocks(NewKeys::Soft(new), form),
            (CardKeys::Token(current), CardKeys::Token(new)) => current.put_key_blocks(NewKeys::Token(new), form),
        }
    }
}

impl SessionCipher for Session {
    fn mac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        match self {
            Self::Soft(keys) => keys.mac(parts),
            Self::Token(keys) => keys.mac(parts),
        }
    }

    fn rmac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        match self {
            Self::Soft(keys) => keys.rmac(parts),
            Self::Token(keys) => keys.rmac(parts),
        }
    }

    fn encrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        match self {
            Self::Soft(keys) => keys.encrypt(counter, data),
            Self::Token(keys) => keys.encrypt(counter, data),
        }
    }

    fn decrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        match self {
            Self::Soft(keys) => keys.decrypt(counter, data),
            Self::Token(keys) => keys.decrypt(counter, data),
        }
    }
}
