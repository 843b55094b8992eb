//! The configuration file: what an option does not say, it does; what neither says has a default.

use crate::advice::Failure;
use crate::args::Global;
use crate::setup::Terminal;
use cardwright_hsm::pkcs11::{self, Token, TokenOptions};
use cardwright_keys::keyref::Name;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options with nothing left open.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) reader: Option<String>,
    pub(crate) json: bool,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) time_limit: Duration,
    pub(crate) wait: Duration,
    pub(crate) vaults: BTreeMap<Name, VaultConfig>,
    pub(crate) approvals: Option<ApprovalsConfig>,
    pub(crate) operator: Option<OperatorConfig>,
    /// The only issuer whose jobs are seen here.
    pub(crate) issuer: Option<Name>,
    /// Why compromised keys are read with in this run.
    pub(crate) despite_compromise: Option<String>,
}

/// `[approvals]`: dual control. Both files are what signatures are checked against: whoever writes them decides.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalsConfig {
    /// Which operations need whose approval. Without it a single user decides alone.
    pub(crate) policy: Option<PathBuf>,
    /// Who may ask and approve.
    pub(crate) operators: PathBuf,
}

/// `[operator]`: who uses this computer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorConfig {
    #[serde(deserialize_with = "name")]
    pub(crate) name: Name,
    /// `file:PATH` or `pkcs11:URI`
    pub(crate) key: Option<String>,
    /// Where the key file's passphrase comes from; asked for where it is left out.
    pub(crate) passphrase: Option<String>,
}

fn name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

fn issuer<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Name>, D::Error> {
    name(from).map(Some)
}

/// One `[vault.NAME]` of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum VaultConfig {
    Soft(SoftConfig),
    Pkcs11(TokenConfig),
}

/// `type = "soft"`: an encrypted file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SoftConfig {
    pub(crate) file: PathBuf,
    /// Where the passphrase comes from; asked for where it is left out.
    pub(crate) passphrase: Option<String>,
}

/// `type = "pkcs11"`: a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct TokenConfig {
    /// RFC 7512, with `module-path`; `pin-source` where the PIN is not asked for.
    pub(crate) uri: String,
    #[serde(default)]
    pub(crate) session_keys: SessionKeys,
    /// Log in although the token says that one more wrong PIN locks it.
    #[serde(default)]
    pub(crate) last_try: bool,
}

/// Where the session keys of a token's cards work.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionKeys {
    /// In the token.
    #[default]
    Handles,
    /// In memory: faster.
    Readable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    reader: Option<String>,
    state_dir: Option<PathBuf>,
    time_limit: Option<u64>,
    wait: Option<u64>,
    #[serde(default)]
    vault: BTreeMap<String, VaultConfig>,
    approvals: Option<ApprovalsConfig>,
    operator: Option<OperatorConfig>,
    #[serde(default, deserialize_with = "issuer")]
    issuer: Option<Name>,
}

/// Options, then the file, then defaults.
pub(crate) fn complete(global: Global) -> Result<Settings, Failure> {
    let file = match &global.config {
        Some(path) => read(path)?,
        None => match user_dir("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("config.toml")) {
            Some(path) if path.exists() => read(&path)?,
            _ => File::default(),
        },
    };
    let vaults = file.vault.into_iter().map(|(name, vault)| Ok((vault_name(&name)?, vault)));
    Ok(Settings {
        vaults: vaults.collect::<Result<_, Failure>>()?,
        approvals: file.approvals,
        operator: file.operator,
        issuer: file.issuer,
        despite_compromise: global.despite_compromise,
        reader: global.reader.or(file.reader),
        json: global.json,
        state_dir: global.state_dir.or(file.state_dir),
        time_limit: Duration::from_secs(global.time_limit.or(file.time_limit).unwrap_or(60)),
        wait: Duration::from_secs(global.wait.or(file.wait).unwrap_or(30)),
    })
}

fn vault_name(text: &str) -> Result<Name, Failure> {
    text.parse().map_err(|_| Failure::VaultName(text.to_owned()))
}

impl TokenConfig {
    /// Finds the token, and logs in.
    pub(crate) fn open(&self) -> Result<Token, Failure> {
        let session_keys = match self.session_keys {
            SessionKeys::Handles => pkcs11::SessionKeys::Handles,
            SessionKeys::Readable => pkcs11::SessionKeys::Readable,
        };
        let options = TokenOptions { session_keys, last_try: self.last_try };
        Ok(Token::open(&self.uri.parse()?, options, &mut Terminal)?)
    }
}

impl Settings {
    /// The vault of that name.
    pub(crate) fn vault(&self, name: &Name) -> Result<&VaultConfig, Failure> {
        self.vaults.get(name).ok_or_else(|| Failure::NoVault(name.clone()))
    }

    /// Where the journal and the audit log live.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, Failure> {
        self.state_dir.clone().or_else(|| user_dir("XDG_STATE_HOME", ".local/state")).ok_or(Failure::NoStateDir)
    }
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Config { path: path.to_owned(), reason: error.to_string() })?;
    let mut file: File =
        toml::from_str(&text).map_err(|error| Failure::Config { path: path.to_owned(), reason: error.to_string() })?;
    // A relative path in a file is meant from there, not from wherever the program happens to run.
    let base = path.parent().unwrap_or(Path::new(""));
    file.state_dir = file.state_dir.map(|dir| base.join(dir));
    if let Some(approvals) = &mut file.approvals {
        approvals.policy = approvals.policy.take().map(|path| base.join(path));
        approvals.operators = base.join(&approvals.operators);
    }
    if let Some(operator) = &mut file.operator {
        operator.key = operator.key.take().map(|source| from_base(base, source));
        operator.passphrase = operator.passphrase.take().map(|source| from_base(base, source));
    }
    for vault in file.vault.values_mut() {
        if let VaultConfig::Soft(soft) = vault {
            soft.file = base.join(&soft.file);
            soft.passphrase = soft.passphrase.take().map(|source| from_base(base, source));
        }
    }
    Ok(file)
}

/// `file:PATH` as it is meant.
fn from_base(base: &Path, source: String) -> String {
    source.strip_prefix("file:").map(|path| format!("file:{}", base.join(path).display())).unwrap_or(source)
}

/// The user's directory of a kind (XDG Base Directory Specification), with ours in it.
fn user_dir(variable: &str, fallback: &str) -> Option<PathBuf> {
    let base = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(fallback));
    base.or_else(home).map(|base| base.join("cardwright"))
}
