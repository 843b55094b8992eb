//! `cardwright vault`: soft vaults, which are encrypted files.

use crate::advice::Failure;
use crate::args::{CreateArgs, KdfArgs, KdfName, PasswdArgs, UnlockArgs, VaultArgs, VaultCommand};
use crate::config::{Settings, SoftConfig, VaultConfig};
use crate::setup::Terminal;
use crate::{output, setup, unlocked};
use cardwright_hsm::{FileKey, Kdf, OpenVault, Passphrase, SecretSource, VaultFile};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::Store;
use serde_json::json;

pub(crate) fn run(settings: &Settings, command: &VaultCommand) -> Result<(), Failure> {
    match command {
        VaultCommand::Create(args) => create(settings, args),
        VaultCommand::Unlock(args) => unlock(settings, args),
        VaultCommand::Passwd(args) => passwd(settings, args),
        VaultCommand::Check(args) => check(settings, args),
    }
}

impl SoftConfig {
    fn source(&self) -> Result<SecretSource, Failure> {
        self.passphrase
            .as_deref()
            .map_or(Ok(SecretSource::Prompt), |text| text.parse().map_err(|_| Failure::Passphrase))
    }

    /// Opens the file: with the key that `vault unlock` hands down, or with the passphrase.
    pub(crate) fn open(&self, name: &Name) -> Result<VaultFile, Failure> {
        if let Some(key) = unlocked::key(name)? {
            return Ok(VaultFile::open_with(&self.file, key)?);
        }
        let passphrase = passphrase(&self.source()?, &format!("Passphrase of vault {name}"))?;
        Ok(VaultFile::open(&self.file, &passphrase)?)
    }
}

fn passphrase(source: &SecretSource, what: &str) -> Result<Passphrase, Failure> {
    Ok(Passphrase::new(&source.read(what, &mut Terminal)?))
}

/// At the terminal it is asked for twice.
fn new_passphrase(source: &SecretSource, name: &Name) -> Result<Passphrase, Failure> {
    let first = passphrase(source, &format!("New passphrase of vault {name}"))?;
    if *source == SecretSource::Prompt && passphrase(source, "The same again")? != first {
        return Err(Failure::PassphrasesDiffer);
    }
    Ok(first)
}

fn soft<'s>(settings: &'s Settings, name: &Name) -> Result<&'s SoftConfig, Failure> {
    match settings.vault(name)? {
        VaultConfig::Soft(soft) => Ok(soft),
        VaultConfig::Pkcs11(_) => Err(Failure::NotSoft(name.clone())),
    }
}

fn kdf(args: &KdfArgs) -> Result<Kdf, Failure> {
    match (args.kdf, args.iterations, args.memory.or(args.passes)) {
        (KdfName::Argon2id, None, _) => {
            let memory_kib = args.memory.unwrap_or(64).saturating_mul(1024);
            Ok(Kdf::Argon2id { memory_kib, passes: args.passes.unwrap_or(3), lanes: 1 })
        }
        (KdfName::Pbkdf2, iterations, None) => Ok(Kdf::Pbkdf2HmacSha256 { iterations: iterations.unwrap_or(600_000) }),
        _ => Err(Failure::MixedKdf),
    }
}

fn create(settings: &Settings, args: &CreateArgs) -> Result<(), Failure> {
    let (name, kdf) = (&args.vault.vault, kdf(&args.kdf)?);
    let config = soft(settings, name)?;
    setup::with_keys(
        || Ok(VaultFile::create(&config.file, &new_passphrase(&config.source()?, name)?, kdf).map(drop)?),
    )?;
    let file = config.file.display().to_string();
    if settings.json {
        return output::json(
            &json!({ "result": "created", "vault": name.as_str(), "file": file, "kdf": kdf.to_string() }),
        );
    }
    output::text(&format!("vault {name} is in {}, mode 0600; passphrase through {kdf}\n", output::harmless(&file)))
}

fn passwd(settings: &Settings, args: &PasswdArgs) -> Result<(), Failure> {
    let (name, kdf) = (&args.vault.vault, kdf(&args.kdf)?);
    let config = soft(settings, name)?;
    let new: SecretSource = args.new.0.parse().map_err(|_| Failure::Passphrase)?;
    setup::with_keys(|| Ok(config.open(name)?.passwd(&new_passphrase(&new, name)?, kdf)?))?;
    if settings.json {
        return output::json(
            &json!({ "result": "passphrase-changed", "vault": name.as_str(), "kdf": kdf.to_string() }),
        );
    }
    output::text(&format!(
        "vault {name} has its new passphrase, through {kdf}; older copies of the file still open with the old one\n"
    ))
}

fn check(settings: &Settings, args: &VaultArgs) -> Result<(), Failure> {
    let name = &args.vault;
    let (keys, parameters) = setup::with_keys(|| match setup::open_vault(settings, name)? {
        OpenVault::File(file) => {
            let report = file.check()?;
            Ok((report.keys.len(), format!("passphrase through {}", report.kdf)))
        }
        OpenVault::Token(token) => Ok((token.list()?.len(), token.capabilities()?.to_string())),
    })?;
    if settings.json {
        return output::json(
            &json!({ "vault": name.as_str(), "keys": keys, "parameters": parameters, "result": "good" }),
        );
    }
    output::text(&format!("vault {name} is good: {keys} keys; {parameters}\n"))
}

/// Runs a command to which the opened vault's file key is handed down.
fn unlock(settings: &Settings, args: &UnlockArgs) -> Result<(), Failure> {
    let name = &args.vault.vault;
    let key = setup::with_keys(|| {
        let file = soft(settings, name)?.open(name)?;
        Ok(FileKey::new(file.file_key().expose()))
    })?;
    match unlocked::run(name, key, &args.command)? {
        0 => Ok(()),
        code => Err(Failure::Child(code)),
    }
}
