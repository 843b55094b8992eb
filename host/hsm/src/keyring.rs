//! All the keys that a command works with: what was read from files, and the vaults that were opened.
//!
//! A vault's keys have a life, and a [`Warden`] knows it. It is asked before each derivation, each session, each block of
//! PUT KEY; what makes or ends a key wants a [`Permit`] for just that. Keys from files have no life that anybody knows.

use crate::pkcs11::{NewKeys, Token, TokenKeys, TokenSession};
use crate::soft::{self, SoftVault};
use crate::vault_file::VaultFile;
use cardwright_keys::approval::Permit;
use cardwright_keys::key::{Algorithm, KeyMaterial, StaticKeys};
use cardwright_keys::keyref::{KeyRef, Name, Scheme, Source, VaultKey};
use cardwright_keys::lifecycle::{Act, Use, Warden};
use cardwright_keys::vault::{ChallengeInput, Custody, KeyInfo, KeySpec, Purpose, Store, Vault, VaultError};
use cardwright_proto::block::Block;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{self, CipherFailed, SessionCipher, SoftCipher};
use std::collections::HashMap;
use std::sync::Arc;

/// A vault of either kind, open.
#[derive(Debug)]
pub enum OpenVault {
    /// An encrypted file.
    File(VaultFile),
    /// A PKCS#11 token.
    Token(Token),
}

impl OpenVault {
    fn store(&mut self) -> &mut dyn Store {
        match self {
            Self::File(file) => file,
            Self::Token(token) => token,
        }
    }

    /// All keys that it keeps, by the names that it keeps them under.
    ///
    /// # Errors
    /// [`VaultError::Failed`]
    pub fn list(&self) -> Result<Vec<KeyInfo>, VaultError> {
        match self {
            Self::File(file) => file.list(),
            Self::Token(token) => token.list(),
        }
    }

    /// Makes the version that the permit is for.
    ///
    /// # Errors
    /// [`VaultError::OtherPermit`], and as [`Store::generate`].
    pub fn generate(&mut self, permit: &Permit, spec: KeySpec) -> Result<KeyInfo, VaultError> {
        let name = shown(permit, Act::Generate)?;
        self.store().generate(&name, spec)
    }

    /// Takes the version that the permit is for.
    ///
    /// # Errors
    /// [`VaultError::OtherPermit`], and as [`Store::import`].
    pub fn import(&mut self, permit: &Permit, spec: KeySpec, material: &KeyMaterial) -> Result<KeyInfo, VaultError> {
        let name = shown(permit, Act::Import)?;
        self.store().import(&name, spec, material)
    }

    /// Destroys the version that the permit is for.
    ///
    /// # Errors
    /// [`VaultError::OtherPermit`], and as [`Store::destroy`].
    pub fn destroy(&mut self, permit: &Permit) -> Result<(), VaultError> {
        let name = shown(permit, Act::Destroy)?;
        self.store().destroy(&name)
    }

    /// A card's keys, of the key that it keeps under that name.
    fn card_keys(&self, key: &KeyRef, name: &Name, kdd: &[u8; 10]) -> Result<Held, VaultError> {
        match self {
            Self::Token(token) => token.card_keys(name, key.scheme, kdd).map(Held::Token),
            Self::File(file) => {
                let wanted = if key.scheme == Scheme::Plain { Purpose::Card } else { Purpose::Master };
                let material = file_material(file, key, name, (wanted, Some(key.scheme.algorithm())))?;
                soft::card_keys(key, material, kdd).map(Held::Soft)
            }
        }
    }
}

/// The name that the permit's version is kept under, where it is one for that act.
fn shown(permit: &Permit, act: Act) -> Result<Name, VaultError> {
    let operation = permit.operation();
    if operation.act != act {
        return Err(VaultError::OtherPermit { shown: Box::new(operation.clone()) });
    }
    kept_as(&operation.key)
}

fn kept_as(key: &VaultKey) -> Result<Name, VaultError> {
    key.kept_as().map_err(|_| VaultError::Unfit("its name leaves no room for the number of a version"))
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

/// The keys of a run. Threads can share it.
#[derive(Debug, Default)]
pub struct Keyring {
    soft: SoftVault,
    vaults: HashMap<Name, Guarded>,
}

/// A vault with whoever knows the life of its keys.
#[derive(Debug)]
struct Guarded {
    vault: OpenVault,
    warden: Arc<dyn Warden>,
}

impl Guarded {
    /// The version that a reference means: the one that it names, or the likeliest.
    fn resolve(&self, key: &VaultKey, what: Use) -> Result<VaultKey, VaultError> {
        let version = match key.version {
            Some(version) => Some(version),
            None => self.warden.versions(key, what)?.first().copied(),
        };
        let key = VaultKey { version, ..key.clone() };
        self.warden.permit(&key, what)?;
        Ok(key)
    }
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

    /// Takes an opened vault, and whom to ask before each use of its keys.
    pub fn open(&mut self, name: Name, vault: OpenVault, warden: Arc<dyn Warden>) {
        self.vaults.insert(name, Guarded { vault, warden });
    }

    fn guarded(&self, key: &KeyRef, vault: &Name) -> Result<&Guarded, VaultError> {
        self.vaults.get(vault).ok_or_else(|| VaultError::UnknownKey(key.to_string()))
    }

    /// The key itself, for work that only software does, to read what was made with it before.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`]; [`VaultError::Life`] where it may not serve; [`VaultError::Purpose`] and
    /// [`VaultError::Diversification`] where a vault keeps it for something else, or for another cipher;
    /// [`VaultError::Unable`] where it is in a token, which gives out none.
    pub fn material(&self, key: &KeyRef, wanted: (Purpose, Option<Algorithm>)) -> Result<&KeyMaterial, VaultError> {
        let Source::Vault(named) = &key.source else {
            return self.soft.material(key).ok_or_else(|| VaultError::UnknownKey(key.to_string()));
        };
        let guarded = self.guarded(key, &named.vault)?;
        match &guarded.vault {
            OpenVault::File(file) => {
                file_material(file, key, &kept_as(&guarded.resolve(named, Use::Process)?)?, wanted)
            }
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
            Source::Vault(key) => {
                self.vaults.get(&key.vault).is_some_and(|guarded| matches!(guarded.vault, OpenVault::Token(_)))
            }
            _ => false,
        }
    }

    /// Whether the reference's source was read, or its vault opened, already.
    #[must_use]
    pub fn holds(&self, key: &KeyRef) -> bool {
        match &key.source {
            Source::Vault(key) => self.vaults.contains_key(&key.vault),
            _ => self.soft.holds(key),
        }
    }

    /// Asks once more: a key may have been suspended since a card's keys were derived from it.
    fn permit(&self, keys: &CardKeys, what: Use) -> Result<(), VaultError> {
        let Some(from) = &keys.from else { return Ok(()) };
        let guarded = self.vaults.get(&from.vault).ok_or_else(|| VaultError::UnknownKey(from.to_string()))?;
        Ok(guarded.warden.permit(from, what)?)
    }
}

/// A card's static keys, with the version that they come from where it has a life.
#[derive(Debug)]
pub struct CardKeys {
    held: Held,
    from: Option<VaultKey>,
}

/// A card's static keys: in memory, or handles in a token.
#[derive(Debug)]
enum Held {
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

    fn versions(&self, key: &KeyRef, what: Use) -> Result<Vec<KeyRef>, VaultError> {
        let Source::Vault(named) = &key.source else { return Ok(vec![key.clone()]) };
        let warden = &self.guarded(key, &named.vault)?.warden;
        if named.version.is_some() {
            warden.permit(named, what)?;
            return Ok(vec![key.clone()]);
        }
        let versions = warden.versions(named, what)?;
        Ok(versions
            .into_iter()
            .map(|version| KeyRef { source: Source::Vault(named.at(version)), ..key.clone() })
            .collect())
    }

    fn withheld(&self, key: &KeyRef, what: Use) -> Result<(), VaultError> {
        match &key.source {
            Source::Vault(named) if named.version.is_none() => {
                Ok(self.guarded(key, &named.vault)?.warden.withheld(named, what)?)
            }
            _ => Ok(()),
        }
    }

    fn custody(&self, keys: &CardKeys) -> Custody {
        match &keys.held {
            Held::Soft(_) => Custody::Software,
            Held::Token(keys) => keys.custody(),
        }
    }

    fn card_keys(&self, key: &KeyRef, kdd: &[u8; 10]) -> Result<CardKeys, VaultError> {
        let Source::Vault(named) = &key.source else {
            return self.soft.card_keys(key, kdd).map(|keys| CardKeys { held: Held::Soft(keys), from: None });
        };
        let guarded = self.guarded(key, &named.vault)?;
        let from = guarded.resolve(named, Use::Process)?;
        let held = guarded.vault.card_keys(key, &kept_as(&from)?, kdd)?;
        Ok(CardKeys { held, from: Some(from) })
    }

    fn key_len(&self, keys: &CardKeys) -> usize {
        match &keys.held {
            Held::Soft(keys) => self.soft.key_len(keys),
            Held::Token(keys) => keys.key_len(),
        }
    }

    fn kcvs(&self, keys: &CardKeys) -> Result<KeySet<Kcv>, VaultError> {
        match &keys.held {
            Held::Soft(keys) => self.soft.kcvs(keys),
            Held::Token(keys) => keys.kcvs(),
        }
    }

    fn session(&self, keys: &CardKeys, context: &Context) -> Result<Session, VaultError> {
        self.permit(keys, Use::Process)?;
        match &keys.held {
            Held::Soft(keys) => self.soft.session(keys, context).map(Session::Soft),
            Held::Token(keys) => keys.session(context),
        }
    }

    fn card_challenge(&self, keys: &CardKeys, input: &ChallengeInput<'_>) -> Result<scp::Token, VaultError> {
        self.permit(keys, Use::Process)?;
        match &keys.held {
            Held::Soft(keys) => self.soft.card_challenge(keys, input),
            Held::Token(keys) => keys.card_challenge(input),
        }
    }

    fn put_key_blocks(
        &self,
        current: &CardKeys,
        new: &CardKeys,
        form: BlockForm,
    ) -> Result<KeySet<KeyBlock>, VaultError> {
        self.permit(current, Use::Process)?;
        self.permit(new, Use::Protect)?;
        match (&current.held, &new.held) {
            (Held::Soft(current), Held::Soft(new)) => self.soft.put_key_blocks(current, new, form),
            (Held::Soft(current), Held::Token(new)) => new.put_key_blocks_under(current.secrets().dek, form),
            (Held::Token(current), Held::Soft(new)) => current.put_key_blocks(NewKeys::Soft(new), form),
            (Held::Token(current), Held::Token(new)) => current.put_key_blocks(NewKeys::Token(new), form),
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
