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

use cardwright_hsm::{KeyLoadError, NewSecretFile, load_secret_file};
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
    #[error("`{}` is no share file: line {line}: {what}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
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
    let bytes = load_secret_file(path)?;
    let wrong = |at: usize, what| {
        let before = bytes.get(..at).unwrap_or(&bytes);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        ShareFileError::Text { path: path.to_owned(), line, what }
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.valid_up_to(), "it is no text"))?;
    // The parser makes a copy of a string with an escape in it, and nobody wipes that one.
    if let Some(at) = text.find('\\') {
        return Err(wrong(at, "a share file has no escapes (\\) in it"));
    }
    let fields: Fields = toml::from_str(text).map_err(|error| {
        // Its words are none to repeat: they quote what stands in the file, which may be the share.
        let what = if error.message() == NOT_HEX { NOT_HEX } else { "a field is missing, unknown or of another kind" };
        wrong(error.span().map_or(0, |span| span.start), what)
    })?;
    fields.share().map_err(|error| ShareFileError::Share { path: path.to_owned(), error })
}

/// Writes a share into a new file. It is durable when this returns; on an error there is no file.
///
/// # Errors
/// [`ShareFileError::File`]
pub fn write(file: NewSecretFile, share: &ShareObject) -> Result<(), ShareFileError> {
    Ok(file.write(&text(share))?)
}

/// Our own words, the only ones that a parser's error may have.
const NOT_HEX: &str = "bytes are given in hex, in quotes";

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
            // A share that a card dealt is in no file.
            statement: None,
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
        impl<'de> Visitor<'de> for Digits {
            type Value = Hex;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in hex")
            }

            // Text as it stands in the file; an owned copy is taken from nobody.
            fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Hex, E> {
                let mut bytes = Zeroizing::new(vec![0; text.len() / 2]);
                hex::decode_to_slice(text, &mut bytes).map_err(|_| E::custom(NOT_HEX))?;
                Ok(Hex(bytes))
            }
        }
        // A number in a string's place would be shown by serde.
        deserializer.deserialize_str(Digits).map_err(|_| D::Error::custom(NOT_HEX))
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
        let create = |path: &Path| NewSecretFile::create(path).unwrap();
        let kinds = [(Scheme::Shamir, KeyType::Aes, 32, true), (Scheme::Xor, KeyType::TripleDes, 24, false)];
        for (scheme, key_type, key_length, committed) in kinds {
            let (set, ceremony, kcv) = ([0x5E; 16], [0xCE; 16], Kcv([0xA, 0xB, 0xC]));
            let (generation, x, m, n, usage) = (u32::MAX, 3, 3, 3, 0xFF);
            let statement = None;
            let info =
                ShareInfo { scheme, set, ceremony, generation, x, m, n, key_type, key_length, usage, kcv, statement };
            let value = Zeroizing::new((0..key_length).map(|byte| byte ^ 0xA5).collect());
            let hashes = vec![[1; 32], [2; 32], [3; 32]];
            let commitments = committed.then(|| Commitments { salt: Zeroizing::new([0x77; 16]), hashes });
            let share = ShareObject::new(info, value, commitments).unwrap();
            let path = dir.path().join(scheme_name(scheme));
            write(create(&path), &share).unwrap();
            assert!(load(&path).unwrap() == share);
        }
    }

    const GOOD: &str = r#"version = 1
scheme = "shamir"
set = "00112233445566778899AABBCCDDEEFF"
ceremony = "00112233445566778899AABBCCDDEEFF"
generation = 1
x = 2
m = 2
n = 2
key_type = "AES"
key_length = 16
usage = 0
kcv = "A1B2C3"
value = "00112233445566778899AABBCCDDEEFF"
salt = "00112233445566778899AABBCCDDEEFF"
commitments = ["0011223344556677889900112233445566778899001122334455667788990011", "0011223344556677889900112233445566778899001122334455667788990011"]
"#;

    /// What `load` says of this text, as a person and as a developer see it.
    fn error(text: impl AsRef<[u8]>) -> String {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("share");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = load(&path).unwrap_err();
        format!("{error} {error:?}")
    }

    /// Wherever a share's value gets to by a slip, in whatever notation, an error does not repeat it.
    #[test]
    fn errors_show_no_value() {
        const SECRET: &str = "5F1C3A99D2604E0B8877665544332211";
        let values = [
            format!("\"{SECRET}\""),
            format!("'{SECRET}'"),
            format!("\"\"\"{SECRET}\"\"\""),
            format!("\"{}\"", &SECRET[..31]),
            format!("\"{SECRET}"),
            SECRET.to_owned(),
            "5771234987".to_owned(),
            "-5771234987".to_owned(),
            "5771234987.5".to_owned(),
            "0x157FFA6EB".to_owned(),
            format!("[\"{SECRET}\"]"),
            format!("{{ {SECRET} = 1 }}"),
            format!("[5771234987, \"{SECRET}\"]"),
            format!("\"{SECRET}\" \"{SECRET}\""),
        ];
        for (number, line) in GOOD.lines().enumerate() {
            let name = line.split(" = ").next().unwrap();
            for value in &values {
                let text = GOOD.replace(line, &format!("{name} = {value}"));
                // A right value in another field's place is none of this test's.
                let right = matches!(name, "set" | "ceremony" | "value" | "salt");
                if right && value.contains(SECRET) && !value.contains(['[', '{', ' ']) && value.len() > 33 {
                    continue;
                }
                let error = error(&text);
                for part in ["5F1C", "3A99D2", "57712", "157FFA", "0x157"] {
                    assert!(!error.contains(part), "{name} = {value}: {error}");
                }
                if !value.contains("\"\"\"") && right {
                    assert!(error.contains(&format!("line {}", number + 1)), "{name} = {value}: {error}");
                }
            }
        }
        for text in [
            format!("{SECRET} = 1\n"),
            format!("[{SECRET}]\n"),
            format!("{GOOD}{SECRET} = 1\n"),
            format!("{GOOD}\"{SECRET}\" = 1\n"),
            format!("{GOOD}{SECRET}\n"),
            SECRET.to_owned(),
        ] {
            let error = error(&text);
            assert!(!error.contains("5F1C") && error.contains("line "), "{error}");
        }
    }

    #[test]
    fn errors_name_the_line() {
        let at = |from, to| error(GOOD.replacen(from, to, 1));
        assert!(at("kcv = \"A1", "kcv = \"G1").contains("line 12: bytes are given in hex, in quotes"));
        assert!(at("x = 2", "x = 300").contains("line 6: a field is missing, unknown or of another kind"));
        assert!(at("x = 2", "X = 2").contains("line 6: a field is missing, unknown or of another kind"));
        assert!(at("key_type = \"AES\"", "key_type = \"DES\"").contains("line 9: "));
        assert!(at("x = 2\n", "").contains("a field is missing"));
        assert!(at("value = \"00", "value = \"\\u0030\\u0030").contains("line 13: a share file has no escapes"));
        assert!(error(b"version = 1\n\xFF").contains("line 2: it is no text"));
        assert!(at("x = 2", "x = 3").contains("a share's index (x) is 1 to n"));
    }
}
