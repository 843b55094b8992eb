//! KEYREF: how a person names keys, e.g. `kdf3+file:master.hex@0x30`. Never a key itself.

use crate::key::Algorithm;
use cardwright_proto::gp::key::Kvn;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// How a card's keys come from what the reference names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// As they are: one key three times, or ENC, MAC, DEK.
    Plain,
    /// `kdf3+`: GlobalPlatform KDF3, AES-CMAC over the KDD.
    Kdf3,
    /// `kdf3-aria+`: as KDF3, with ARIA in the place of AES.
    Kdf3Aria,
    /// `kdf3-seed+`: as KDF3, with SEED in the place of AES.
    Kdf3Seed,
    /// `an10922+`: NXP AN10922 with AES, over the KDD and the key's number.
    An10922,
    /// `visa+`: 3DES-ECB over KDD bytes 0 to 3, 8, 9.
    Visa,
    /// `visa2+`: 3DES-ECB over KDD bytes 0, 1, 4 to 7.
    Visa2,
    /// `emv+`: 3DES-ECB over KDD bytes 4 to 9.
    Emv,
}

impl Scheme {
    /// All of them, plain first.
    pub const ALL: [Self; 8] =
        [Self::Plain, Self::Kdf3, Self::Visa2, Self::Emv, Self::Visa, Self::An10922, Self::Kdf3Aria, Self::Kdf3Seed];

    /// What stands before the source; empty for [`Self::Plain`].
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Kdf3 => "kdf3+",
            Self::Kdf3Aria => "kdf3-aria+",
            Self::Kdf3Seed => "kdf3-seed+",
            Self::An10922 => "an10922+",
            Self::Visa => "visa+",
            Self::Visa2 => "visa2+",
            Self::Emv => "emv+",
        }
    }

    /// The master's cipher. Cards in SCP03 use what comes out with AES, whatever it came from.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Plain | Self::Kdf3 | Self::An10922 => Algorithm::Aes,
            Self::Kdf3Aria => Algorithm::Aria,
            Self::Kdf3Seed => Algorithm::Seed,
            Self::Visa | Self::Visa2 | Self::Emv => Algorithm::TripleDes,
        }
    }
}

/// Where key material is read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `file:PATH`: mode 0600, hex, one key or ENC,MAC,DEK.
    File(PathBuf),
    /// `fd:N`: an open file descriptor, read once.
    Fd(u32),
    /// `prompt`: asked for on the terminal, not echoed.
    Prompt,
    /// `gp-test`: the public test key 404142..4F.
    GpTest,
    /// `vault:NAME/KEY`, `vault:NAME/KEY:VERSION`: a key in a vault that the configuration names.
    Vault(VaultKey),
}

/// A key in a vault: `NAME/KEY`, or a certain version of it: `NAME/KEY:VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VaultKey {
    /// The vault, as the configuration names it.
    pub vault: Name,
    /// The key in it.
    pub key: Name,
    /// Which version, from 1; `None` for the one that is right: the active one, or the one that a card has.
    pub version: Option<u32>,
}

impl VaultKey {
    /// The key, whichever version.
    #[must_use]
    pub const fn any(vault: Name, key: Name) -> Self {
        Self { vault, key, version: None }
    }

    /// That version of it.
    #[must_use]
    pub fn at(&self, version: u32) -> Self {
        Self { version: Some(version), ..self.clone() }
    }

    /// The name that the vault keeps this version under: the first has the key's own, a later one `KEY.vN`.
    ///
    /// # Errors
    /// [`NameError`] where the key's name leaves no room for that.
    pub fn kept_as(&self) -> Result<Name, NameError> {
        match self.version {
            None | Some(1) => Ok(self.key.clone()),
            Some(version) => format!("{}.v{version}", self.key).parse(),
        }
    }

    /// What a vault calls `name` is this key: the reverse of [`Self::kept_as`].
    #[must_use]
    pub fn from_kept(vault: Name, name: &Name) -> Self {
        let later = name.as_str().rsplit_once(".v").and_then(|(key, number)| Some((key.parse().ok()?, later(number)?)));
        let (key, version) = later.unwrap_or_else(|| (name.clone(), 1));
        Self { vault, key, version: Some(version) }
    }
}

/// The number of a version that is not the first, as it is written: no leading zero.
fn later(text: &str) -> Option<u32> {
    version(text).filter(|version| *version > 1)
}

/// The number of a version, from 1, without leading zeros.
fn version(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| digits)
}

/// The name of a vault or of a key in one: 1 to 64 letters, digits, `.`, `_`, `-` (ASCII), the first a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// Text that is no [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 64 of the characters A to Z, a to z, 0 to 9, `.`, `_` and `-`, the first a letter or digit")]
pub struct NameError;

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let good = first && text.len() <= 64 && text.bytes().all(fits);
        if good { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VaultKey {
    type Err = KeyRefError;

    fn from_str(text: &str) -> Result<Self, KeyRefError> {
        let (vault, key) = text.split_once('/').ok_or(KeyRefError::Vault)?;
        let name = |text: &str| text.parse().map_err(|_| KeyRefError::Vault);
        let (key, version) = match key.split_once(':') {
            Some((key, number)) => (key, Some(version(number).ok_or(KeyRefError::Vault)?)),
            None => (key, None),
        };
        Ok(Self { vault: name(vault)?, key: name(key)?, version })
    }
}

impl fmt::Display for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.vault, self.key)?;
        self.version.map_or(Ok(()), |version| write!(f, ":{version}"))
    }
}

/// A key reference: scheme, source, and the key set on the card that it is meant for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRef {
    /// Diversification.
    pub scheme: Scheme,
    /// Where the material is.
    pub source: Source,
    /// `@KVN`: the set on the card; `None` for the card's default one.
    pub kvn: Option<Kvn>,
}

/// Text that is no key reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRefError {
    /// Neither `vault:`, `file:`, `fd:`, `prompt` nor `gp-test`. The text is not repeated: it may be a key typed by mistake.
    #[error(
        "no key reference: write vault:NAME/KEY, file:PATH, fd:N, prompt or gp-test, with kdf3+ or another diversification in front where keys are diversified; a key itself is never given on the command line"
    )]
    Source,
    /// The descriptor is no number, or one of 0, 1, 2.
    #[error("fd: wants the number of an open descriptor above 2")]
    Fd,
    /// What stands behind `vault:` is no vault and key.
    #[error(
        "vault: wants NAME/KEY or NAME/KEY:VERSION, names of 1 to 64 of the characters A to Z, a to z, 0 to 9, `.`, `_` and `-`"
    )]
    Vault,
    /// `file:` without a path.
    #[error("file: wants a path")]
    Path,
    /// What stands behind `@` is no key version number.
    #[error("`@` wants a key version number: 1 to 127 (0x01 to 0x7F), or 255 (0xFF) for initial keys")]
    Kvn,
}

/// A number as people write it: 48 or 0x30.
#[must_use]
pub fn parse_byte(text: &str) -> Option<u8> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u8::from_str_radix(hex, 16).ok(),
        None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

impl FromStr for KeyRef {
    type Err = KeyRefError;

    fn from_str(text: &str) -> Result<Self, KeyRefError> {
        let diversified = Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::Plain);
        let (scheme, rest) = diversified
            .filter_map(|scheme| Some((scheme, text.strip_prefix(scheme.prefix())?)))
            .next()
            .unwrap_or((Scheme::Plain, text));
        // A path may hold an @ of its own: only what reads as a number behind the last one is a KVN.
        let (source, kvn) = match rest.rsplit_once('@') {
            Some((source, kvn)) if !source.starts_with("file:") || parse_byte(kvn).is_some() => {
                let kvn = parse_byte(kvn).and_then(|kvn| Kvn::on_card(kvn).ok()).ok_or(KeyRefError::Kvn)?;
                (source, Some(kvn))
            }
            _ => (rest, None),
        };
        let source = if let Some(path) = source.strip_prefix("file:") {
            if path.is_empty() {
                return Err(KeyRefError::Path);
            }
            Source::File(path.into())
        } else if let Some(key) = source.strip_prefix("vault:") {
            Source::Vault(key.parse()?)
        } else if let Some(fd) = source.strip_prefix("fd:") {
            let fd = Some(fd).filter(|fd| fd.bytes().all(|b| b.is_ascii_digit())).and_then(|fd| fd.parse().ok());
            Source::Fd(fd.filter(|fd| *fd > 2).ok_or(KeyRefError::Fd)?)
        } else {
            match source {
                "prompt" => Source::Prompt,
                "gp-test" => Source::GpTest,
                _ => return Err(KeyRefError::Source),
            }
        };
        Ok(Self { scheme, source, kvn })
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme.prefix())?;
        match &self.source {
            Source::File(path) => write!(f, "file:{}", path.display())?,
            Source::Fd(fd) => write!(f, "fd:{fd}")?,
            Source::Prompt => f.write_str("prompt")?,
            Source::GpTest => f.write_str("gp-test")?,
            Source::Vault(key) => write!(f, "vault:{key}")?,
        }
        self.kvn.map_or(Ok(()), |kvn| write!(f, "@{kvn}"))
    }
}
