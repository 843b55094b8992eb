//! A released key into a vault that is a file: sealed by the combiner's card to a key that the vault made for this one
//! release, opened here, taken in like any other key.

use crate::advice::Failure;
use crate::args::IntoArgs;
use crate::config::{Settings, VaultConfig};
use crate::key::{Taken, fresh, in_vault, take_in};
use crate::office::Office;
use crate::setup;
use cardwright::ceremony::directory::Directory;
use cardwright::ceremony::people::Delivery;
use cardwright::ceremony::{CeremonyError, HsmKey};
use cardwright::error::Error;
use cardwright_hsm::OpenVault;
use cardwright_hsm::vault_file::VaultImportKey;
use cardwright_keys::custody::import::ImportKey;
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::vault::{KeySpec, KeyType};
use cardwright_proto::custody::certificate::KeyAlgorithm;
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::custody::share::KeyType as SecretType;
use cardwright_proto::gp::key::Kcv;
use std::path::PathBuf;

/// Where a key goes.
pub(super) struct Target {
    vault: OpenVault,
    key: VaultKey,
    spec: KeySpec,
    reason: String,
    wait: bool,
}

impl Target {
    /// The vault that is meant, opened. Its keys are of the type that the plan says.
    pub(super) fn open(settings: &Settings, directory: &Directory, args: &IntoArgs) -> Result<Option<Self>, Failure> {
        let Some(text) = &args.into else { return Ok(None) };
        let key = fresh(in_vault(text)?)?;
        if !matches!(settings.vault(&key.vault)?, VaultConfig::Soft(_)) {
            return Err(Failure::NotSoft(key.vault.clone()));
        }
        let planned = &directory.plan.key;
        let key_type = match (planned.key_type, planned.key_length) {
            (SecretType::Aes, 16) => KeyType::Aes128,
            (SecretType::Aes, 24) => KeyType::Aes192,
            (SecretType::Aes, _) => KeyType::Aes256,
            (SecretType::TripleDes, 16) => KeyType::TripleDes2,
            (SecretType::TripleDes, _) => KeyType::TripleDes3,
        };
        let spec = KeySpec { purpose: args.purpose, key_type, portable: false };
        let vault = setup::open_vault(settings, &key.vault)?;
        Ok(Some(Self { vault, key, spec, reason: args.reason.clone(), wait: args.pre_operational }))
    }

    /// Of another type than the plan's, for a key that was wrapped.
    pub(super) fn of_type(mut self, key_type: KeyType) -> Self {
        self.spec.key_type = key_type;
        self
    }

    /// Takes the key in, unless the vault has this very key under this name, as after a run that was cut off.
    pub(super) fn take(&mut self, settings: &Settings, secret: KeyMaterial) -> Result<(), Failure> {
        let mut office = Office::open(settings)?;
        if self.has(&secret)? && office.control().version(&self.key.at(1)).is_ok() {
            return Ok(());
        }
        let Self { vault, key, spec, reason, wait } = self;
        let taken = Taken { spec: *spec, material: secret, reason, wait: *wait };
        take_in(settings, &mut office, || Ok(vault), key, &taken).map(drop)
    }

    fn has(&self, secret: &KeyMaterial) -> Result<bool, Failure> {
        let OpenVault::File(file) = &self.vault else { return Ok(false) };
        let of_key = |info: &cardwright_keys::vault::KeyInfo| {
            VaultKey::from_kept(self.key.vault.clone(), &info.name).at(1) == self.key.at(1)
        };
        let found = self.vault.list()?.into_iter().find(of_key);
        let there = found.map(|info| file.material(&info.name)).transpose()?;
        Ok(match (there, secret) {
            (Some((_, KeyMaterial::One(there))), KeyMaterial::One(secret)) => there == secret,
            _ => false,
        })
    }
}

/// A vault and its import key: where cards release to.
pub(super) struct Release {
    target: Target,
    import: VaultImportKey,
}

impl Release {
    /// With the import key of the release that is unfinished, or a new one.
    pub(super) fn open(target: Target, directory: &Directory) -> Result<Self, Failure> {
        let OpenVault::File(file) = &target.vault else { return Err(Failure::NotSoft(target.key.vault.clone())) };
        let unfinished = directory.unfinished().filter(|past| past.progress.operation() == Some(Operation::Release));
        let number =
            unfinished.map_or_else(|| directory.past.last().map_or(1, |past| past.number + 1), |past| past.number);
        let path = import_file(directory, number);
        if unfinished.is_none() {
            // One of a run that was cut off before any line about it.
            discard(directory, number)?;
        }
        let import = match path.exists() {
            true => VaultImportKey::open(file, &path)?,
            false => VaultImportKey::create(file, &path)?,
        };
        Ok(Self { target, import })
    }

    /// What the CA certifies.
    pub(super) fn hsm_key(&self) -> Result<HsmKey, Failure> {
        let point = self.import.point();
        let key = ImportKey::new(KeyAlgorithm::P256, &point).map_err(|_| damaged())?;
        Ok(HsmKey::new(&key, point.to_vec()))
    }

    /// Opens what the combiner made, and takes the key in where its check value is the one that was dealt.
    pub(super) fn take(&mut self, settings: &Settings, delivery: &Delivery<'_>) -> Result<Kcv, Failure> {
        let secret = delivery.open(self.import.pair()).map_err(Error::from)?;
        let kcv = secret.kcv(self.target.spec.key_type.algorithm()).map_err(|_| Failure::NoCheckValue)?;
        if kcv == delivery.kcv {
            self.target.take(settings, KeyMaterial::One(secret))?;
        }
        Ok(kcv)
    }

    /// The key serves no other release.
    pub(super) fn finish(self) -> Result<(), Failure> {
        Ok(self.import.destroy()?)
    }
}

/// Where the import key of a release is.
fn import_file(directory: &Directory, number: u32) -> PathBuf {
    directory.path().join(format!("{number:02}-release.import-key"))
}

/// Import keys of releases that have ended, and whose run was cut off before it destroyed them.
pub(super) fn discard_ended(directory: &Directory) -> Result<(), Failure> {
    directory.past.iter().filter(|past| past.is_ended()).try_for_each(|past| discard(directory, past.number))
}

/// What was released to this key by now, and is still a file, is nobody's any more.
pub(super) fn discard(directory: &Directory, number: u32) -> Result<(), Failure> {
    let path = import_file(directory, number);
    if path.exists() { Ok(VaultImportKey::discard(&path)?) } else { Ok(()) }
}

fn damaged() -> Failure {
    Error::from(CeremonyError::NoBox).into()
}
