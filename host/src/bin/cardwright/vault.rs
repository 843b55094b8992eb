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
        self.open_with_passphrase(name)
    }

    fn open_with_passphrase(&self, name: &Name) -> Result<VaultFile, Failure> {
        let passphrase = passphrase(&self.source()?, &format!("Passphrase of vault {name}"))?;
        Ok(VaultFile::open(&self.file, &passphrase)?)
    }
}

fn passphrase(source: &SecretSource, what: &str) -> Result<Passphrase, Failure> {
    Ok(Passphrase::new(&source.read(what, &mut Terminal)?))
}

/// At the terminal it is asked for twice.
pub(crate) fn new_passphrase(source: &SecretSource, of: &str) -> Result<Passphrase, Failure> {
    let first = passphrase(source, &format!("New passphrase of {of}"))?;
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

/// What the options say; what they leave open is as it was.
fn kdf(args: &KdfArgs, before: Kdf) -> Result<Kdf, Failure> {
    let start = match args.kdf {
        None => before,
        Some(KdfName::Argon2id) if matches!(before, Kdf::Argon2id { .. }) => before,
        Some(KdfName::Pbkdf2) if matches!(before, Kdf::Pbkdf2HmacSha256 { .. }) => before,
        Some(KdfName::Argon2id) => Kdf::ARGON2ID,
        Some(KdfName::Pbkdf2) => Kdf::PBKDF2,
    };
    match (start, args.memory, args.passes, args.iterations) {
        (Kdf::Argon2id { memory_kib, passes, lanes }, memory, more, None) => Ok(Kdf::Argon2id {
            memory_kib: memory.map_or(memory_kib, |mib| mib.saturating_mul(1024)),
            passes: more.unwrap_or(passes),
            lanes,
        }),
        (Kdf::Pbkdf2HmacSha256 { iterations }, None, None, more) => {
            Ok(Kdf::Pbkdf2HmacSha256 { iterations: more.unwrap_or(iterations) })
        }
        _ => Err(Failure::MixedKdf),
    }
}

fn create(settings: &Settings, args: &CreateArgs) -> Result<(), Failure> {
    let (name, kdf) = (&args.vault.vault, kdf(&args.kdf, Kdf::ARGON2ID)?);
    let config = soft(settings, name)?;
    setup::with_keys(|| {
        Ok(VaultFile::create(&config.file, &new_passphrase(&config.source()?, &format!("vault {name}"))?, kdf)
            .map(drop)?)
    })?;
    let file = config.file.display().to_string();
    if settings.json {
        return output::json(
            &json!({ "result": "created", "vault": name.as_str(), "file": file, "kdf": kdf.to_string() }),
        );
    }
    output::text(&format!("vault {name} is in {}, mode 0600; passphrase through {kdf}\n", output::harmless(&file)))
}

fn passwd(settings: &Settings, args: &PasswdArgs) -> Result<(), Failure> {
    let name = &args.vault.vault;
    let config = soft(settings, name)?;
    let new: SecretSource = args.new.0.parse().map_err(|_| Failure::Passphrase)?;
    let kdf = setup::with_keys(|| {
        // Whoever finds a vault unlocked does not lock its owner out: the present passphrase is wanted all the same.
        let mut file = config.open_with_passphrase(name)?;
        let kdf = kdf(&args.kdf, file.kdf())?;
        file.passwd(&new_passphrase(&new, &format!("vault {name}"))?, kdf)?;
        Ok(kdf)
    })?;
    if settings.json {
        return output::json(
            &json!({ "result": "passphrase-changed", "vault": name.as_str(), "kdf": kdf.to_string() }),
        );
    }
    output::text(&format!(
        "vault {name} has its new passphrase, through {kdf}; older copies of the file still open with the old one\n"
    ))
}

/// What a vault is found to be.
struct Found {
    keys: usize,
    parameters: String,
    /// For a file: how often it was written, and how many names had keys that are destroyed.
    history: Option<(u32, usize)>,
}

fn check(settings: &Settings, args: &VaultArgs) -> Result<(), Failure> {
    let name = &args.vault;
    let found = setup::with_keys(|| match setup::open_vault(settings, name)? {
        OpenVault::File(file) => {
            let report = file.check()?;
            let parameters = format!("passphrase through {}", report.kdf);
            let history = Some((report.writes, report.destroyed.len()));
            Ok(Found { keys: report.keys.len(), parameters, history })
        }
        OpenVault::Token(token) => {
            Ok(Found { keys: token.list()?.len(), parameters: token.capabilities()?.to_string(), history: None })
        }
    })?;
    let Found { keys, parameters, history } = found;
    if settings.json {
        return output::json(&json!({
            "vault": name.as_str(), "keys": keys, "parameters": parameters, "result": "good",
            "writes": history.map(|(writes, _)| writes), "destroyed": history.map(|(_, destroyed)| destroyed),
        }));
    }
    let mut out = format!("vault {name} is good: {keys} keys; {parameters}\n");
    if let Some((writes, destroyed)) = history {
        out += &format!(
            "written {writes} times, {destroyed} keys destroyed; a smaller number of writes is an older copy\n"
        );
    }
    output::text(&out)
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
