//! A share of a master key in a file: TOML, mode 0600, the fields of the share object by their names.
//!
//! ```toml
//! version = 1
//! scheme = "shamir"          # or "xor"
//! set = "00112233445566778899AABBCCDDEEFF"
//! ceremony = "00112233445566778899AABBCCDDEEFF"
//! generation = 1
//! x = 2
//! m = 2
//! n = 3
//! key_type = "AES"           # or "3DES"
//! key_length = 16
//! usage = 0
//! kcv = "A1B2C3"
//! value = ".."               # secret, as long as key_length says
//! salt = ".."                # secret, 16 bytes, with commitments only
//! commitments = ["..", ".."] # 32 bytes each, one for each share
//! ```

use cardwright_hsm::{KeyLoadError, load_secret_file, write_secret_file};
use cardwright_proto::custody::share::{Commitments, KeyType, Scheme, ShareError, ShareInfo, ShareObject};
use cardwright_proto::gp::key::Kcv;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why a share was not read from a file, or written to one. Nothing of its content is repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShareFileError {
    /// The file cannot be read or written, or others can get at it.
    #[error(transparent)]
    File(#[from] KeyLoadError),
    /// The text is none of a share file.
    #[error("`{}` is no share file: {what}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The values are no share.
    #[error("`{}`: {error}", path.display())]
    Share {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        error: ShareError,
    },
}

/// Reads a share from a file of mode 0600.
///
/// # Errors
/// [`ShareFileError`]
pub fn load(path: &Path) -> Result<ShareObject, ShareFileError> {
    let wrong = |what: String| ShareFileError::Text { path: path.to_owned(), what };
    let bytes = load_secret_file(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?;
    // The message alone: an error's whole text shows the line, which may be the secret's.
    let fields: Fields = toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
    fields.share().map_err(|error| ShareFileError::Share { path: path.to_owned(), error })
}

/// Writes a share into a new file of mode 0600. It is durable when this returns; on an error there is no file.
///
/// # Errors
/// [`ShareFileError::File`]
pub fn write(path: &Path, share: &ShareObject) -> Result<(), ShareFileError> {
    Ok(write_secret_file(path, &text(share))?)
}

/// The name of a scheme in files and JSON.
#[must_use]
pub const fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Shamir => "shamir",
        Scheme::Xor => "xor",
    }
}

/// The name of a key type in files and JSON.
#[must_use]
pub const fn key_type_name(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::TripleDes => "3DES",
        KeyType::Aes => "AES",
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    version: u8,
    scheme: SchemeName,
    set: Hex,
    ceremony: Hex,
    generation: u32,
    x: u8,
    m: u8,
    n: u8,
    key_type: KeyTypeName,
    key_length: u8,
    usage: u8,
    kcv: Hex,
    value: Hex,
    salt: Option<Hex>,
    commitments: Option<Vec<Hex>>,
}

#[derive(Clone, Copy, Deserialize)]
enum SchemeName {
    #[serde(rename = "shamir")]
    Shamir,
    #[serde(rename = "xor")]
    Xor,
}

#[derive(Clone, Copy, Deserialize)]
enum KeyTypeName {
    #[serde(rename = "3DES")]
    TripleDes,
    #[serde(rename = "AES")]
    Aes,
}

impl Fields {
    fn share(self) -> Result<ShareObject, ShareError> {
        if self.version != 1 {
            return Err(ShareError::Version(self.version));
        }
        let info = ShareInfo {
            scheme: match self.scheme {
                SchemeName::Shamir => Scheme::Shamir,
                SchemeName::Xor => Scheme::Xor,
            },
            set: self.set.fixed("the set id has 16 bytes")?,
            ceremony: self.ceremony.fixed("the ceremony id has 16 bytes")?,
            generation: self.generation,
            x: self.x,
            m: self.m,
            n: self.n,
            key_type: match self.key_type {
                KeyTypeName::TripleDes => KeyType::TripleDes,
                KeyTypeName::Aes => KeyType::Aes,
            },
            key_length: self.key_length,
            usage: self.usage,
            kcv: Kcv(self.kcv.fixed("the check value has 3 bytes")?),
        };
        let commitments = match (self.salt, self.commitments) {
            (None, None) => None,
            (Some(salt), Some(hashes)) => Some(Commitments {
                salt: Zeroizing::new(salt.fixed("the salt has 16 bytes")?),
                hashes: hashes.iter().map(|hash| hash.fixed("a commitment has 32 bytes")).collect::<Result<_, _>>()?,
            }),
            _ => return Err(ShareError::Value("salt and commitments come both or not at all")),
        };
        ShareObject::new(info, self.value.0, commitments)
    }
}

/// Bytes in hex, decoded from the text where it stands, so that no copy of the text is made.
struct Hex(Zeroizing<Vec<u8>>);

impl Hex {
    fn fixed<const N: usize>(&self, what: &'static str) -> Result<[u8; N], ShareError> {
        self.0.as_slice().try_into().map_err(|_| ShareError::Value(what))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Hex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in hex")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex, E> {
                let mut bytes = Zeroizing::new(vec![0; text.len() / 2]);
                hex::decode_to_slice(text, &mut bytes).map_err(|_| E::custom("bytes are given in hex"))?;
                Ok(Hex(bytes))
            }
        }
        // A number in a string's place would be shown by serde.
        deserializer.deserialize_str(Digits).map_err(|_| D::Error::custom("bytes are given in hex, in quotes"))
    }
}

/// All the room at once: a buffer that grows leaves copies.
fn text(share: &ShareObject) -> Zeroizing<Vec<u8>> {
    let info = share.info();
    let mut out = Zeroizing::new(Vec::with_capacity(4096));
    let mut line = |name: &str, value: &str| out.extend_from_slice(format!("{name} = {value}\n").as_bytes());
    line("version", "1");
    line("scheme", &quoted(scheme_name(info.scheme)));
    line("set", &quoted(&hex::encode_upper(info.set)));
    line("ceremony", &quoted(&hex::encode_upper(info.ceremony)));
    line("generation", &info.generation.to_string());
    for (name, number) in [("x", info.x), ("m", info.m), ("n", info.n)] {
        line(name, &number.to_string());
    }
    line("key_type", &quoted(key_type_name(info.key_type)));
    line("key_length", &info.key_length.to_string());
    line("usage", &info.usage.to_string());
    line("kcv", &quoted(&info.kcv.to_string()));
    secret(&mut out, "value", share.value());
    if let Some(Commitments { salt, hashes }) = share.commitments() {
        secret(&mut out, "salt", &**salt);
        let hashes: Vec<_> = hashes.iter().map(|hash| quoted(&hex::encode_upper(hash))).collect();
        out.extend_from_slice(format!("commitments = [{}]\n", hashes.join(", ")).as_bytes());
    }
    out
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A line with a secret, digit by digit into its place.
fn secret(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(format!("{name} = \"").as_bytes());
    let start = out.len();
    out.resize(start + 2 * value.len(), 0);
    // The room is exactly twice the value's.
    let coded = hex::encode_to_slice(value, &mut out[start..]);
    debug_assert!(coded.is_ok());
    out[start..].make_ascii_uppercase();
    out.extend_from_slice(b"\"\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_share_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let kinds = [(Scheme::Shamir, KeyType::Aes, 32, true), (Scheme::Xor, KeyType::TripleDes, 24, false)];
        for (scheme, key_type, key_length, committed) in kinds {
            let (set, ceremony, kcv) = ([0x5E; 16], [0xCE; 16], Kcv([0xA, 0xB, 0xC]));
            let (generation, x, m, n, usage) = (u32::MAX, 3, 3, 3, 0xFF);
            let info = ShareInfo { scheme, set, ceremony, generation, x, m, n, key_type, key_length, usage, kcv };
            let value = Zeroizing::new((0..key_length).map(|byte| byte ^ 0xA5).collect());
            let hashes = vec![[1; 32], [2; 32], [3; 32]];
            let commitments = committed.then(|| Commitments { salt: Zeroizing::new([0x77; 16]), hashes });
            let share = ShareObject::new(info, value, commitments).unwrap();
            let path = dir.path().join(scheme_name(scheme));
            write(&path, &share).unwrap();
            assert!(load(&path).unwrap() == share);
            assert!(matches!(write(&path, &share), Err(ShareFileError::File(KeyLoadError::Exists(_)))));
        }
    }

    /// Whatever is wrong with a line, an error does not repeat what may be the share.
    #[test]
    fn errors_show_no_value() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("share");
        for line in ["value = \"DEADBEEFDEADBEE\"", "value = DEADBEEF", "value = 77777777", "value = \"DEADBEEF"] {
            std::fs::write(&path, format!("version = 1\n{line}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            let error = load(&path).unwrap_err().to_string();
            assert!(!error.contains("DEADBEE") && !error.contains("7777777"), "{error}");
        }
    }
}
