//! Methods as people write them: `NAME`, or `NAME:PARAMETER=VALUE,..`.

use super::super::counter::{Layout, Prf};
use super::super::fields::{FieldError, Fields};
use super::super::icc::IccOption;
use super::super::pin::{Stretch, StretchError};
use super::super::template::{Template, TemplateCipher};
use super::{Method, RunError};
use crate::key::Algorithm;
use crate::keyref::Scheme;
use std::str::FromStr;

/// What help texts say of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodHelp {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub what: &'static str,
    /// The secret and the inputs that it wants.
    pub wants: &'static str,
    /// Its parameters, `NAME:PARAMETER=VALUE,..`, with what they are otherwise; empty where there are none.
    pub parameters: &'static str,
}

const fn help(name: &'static str, what: &'static str, wants: &'static str, parameters: &'static str) -> MethodHelp {
    MethodHelp { name, what, wants, parameters }
}

/// All methods.
pub const METHODS: [MethodHelp; 15] = [
    help("kdf3", "GlobalPlatform KDF3, AES-CMAC", "an AES master; kdd", ""),
    help("kdf3-aria", "KDF3 with ARIA in the place of AES", "an ARIA master; kdd", ""),
    help("kdf3-seed", "KDF3 with SEED in the place of AES", "a SEED master; kdd", ""),
    help("visa", "3DES over bytes 0 to 3, 8, 9 of the KDD", "a 16-byte 3DES master; kdd", ""),
    help("visa2", "3DES over bytes 0, 1, 4 to 7 of the KDD", "a 16-byte 3DES master; kdd", ""),
    help("emv", "EMV CPS: 3DES over bytes 4 to 9 of the KDD", "a 16-byte 3DES master; kdd", ""),
    help(
        "an10922",
        "NXP AN10922",
        "an AES or 3DES master; kdd, or what input= names",
        "cipher=aes|3des (aes), input=FIELDS (kdd k)",
    ),
    help("emv-a", "ICC master key, EMV Book 2 A1.4.1", "a 16-byte 3DES issuer master; pan, psn (00)", ""),
    help("emv-b", "ICC master key, EMV Book 2 A1.4.2", "a 16-byte 3DES issuer master; pan, psn (00)", ""),
    help("emv-c", "ICC master key, EMV Book 2 A1.4.3", "an AES issuer master; pan, psn (00)", ""),
    help("scp02", "session keys of SCP02", "16-byte 3DES static keys; the sequence counter, 2 bytes of hex", ""),
    help(
        "sp800-108",
        "SP 800-108, counter mode",
        "a master; what layout= names",
        "prf=hmac-sha256|hmac-sha384|hmac-sha512|hmac-sha224|hmac-sha1|aes-cmac|3des-cmac|aria-cmac|seed-cmac \
         (hmac-sha256), layout=FIELDS with a counter (i32 k 00 input l32), bytes=16|24|32 (the master's)",
    ),
    help(
        "pin-pbkdf2",
        "a key from a PIN with PBKDF2-HMAC-SHA-256",
        "a PIN; what salt= names, 8 bytes or more",
        "iterations=N (600000), salt=FIELDS (input), bytes=16|24|32 (16)",
    ),
    help(
        "pin-argon2id",
        "a key from a PIN with Argon2id",
        "a PIN; what salt= names, 8 bytes or more",
        "memory=KIB (19456), passes=N (2), lanes=N (1), salt=FIELDS (input), bytes=16|24|32 (16)",
    ),
    help(
        "template",
        "one cipher over blocks of your own making",
        "a master; what blocks= names",
        "cipher=3des-ecb|3des-cbc|aes-ecb|aes-cbc|aes-cmac, blocks=FIELDS, bytes=16|24|32 (the master's)",
    ),
];

/// Text that is no method. None of these repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// No method has this name.
    #[error("there is no such method: {names}", names = METHODS.map(|method| method.name).join(", "))]
    Unknown,
    /// A parameter that the method does not have, or one twice, or one without `=`.
    #[error("parameter {number} is none of `{method}`'s, or is there twice")]
    Parameter {
        /// Whose.
        method: &'static str,
        /// Which, from 1.
        number: usize,
    },
    /// A parameter is needed and not there.
    #[error("`{method}` needs the parameter `{parameter}`")]
    Needed {
        /// Whose.
        method: &'static str,
        /// Which.
        parameter: &'static str,
    },
    /// A value is none that the parameter takes.
    #[error("`{parameter}` wants {wants}")]
    Value {
        /// Whose.
        parameter: &'static str,
        /// What it takes.
        wants: &'static str,
    },
    /// A value is no fields.
    #[error("`{parameter}`: {error}")]
    Fields {
        /// Whose.
        parameter: &'static str,
        /// What is wrong with it.
        error: FieldError,
    },
    /// What is put together can never fit.
    #[error(transparent)]
    Never(#[from] RunError),
    /// A PIN would be stretched too little, or without end.
    #[error(transparent)]
    Stretch(#[from] StretchError),
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let method = METHODS.iter().find(|method| method.name == name).ok_or(MethodError::Unknown)?;
        let mut given = Parameters::split(method.name, rest)?;
        let method = Self::build(method.name, &mut given)?;
        given.none_left()?;
        Ok(method)
    }
}

impl Method {
    /// `name` is one of [`METHODS`].
    fn build(name: &str, given: &mut Parameters<'_>) -> Result<Self, MethodError> {
        let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.prefix().strip_suffix('+') == Some(name));
        Ok(match name {
            "an10922" => {
                let cipher = given.word("cipher", &[("aes", Algorithm::Aes), ("3des", Algorithm::TripleDes)])?;
                let input = given.fields("input", "kdd k")?;
                Self::An10922 { cipher: cipher.unwrap_or(Algorithm::Aes), input }
            }
            "emv-a" => Self::Icc(IccOption::A),
            "emv-b" => Self::Icc(IccOption::B),
            "emv-c" => Self::Icc(IccOption::C),
            "scp02" => Self::Scp02,
            "sp800-108" => {
                let prf = given.word("prf", &Prf::ALL.map(|prf| (prf.name(), prf)))?.unwrap_or(Prf::HmacSha256);
                let text = given.take("layout").unwrap_or("i32 k 00 input l32");
                let layout =
                    Layout::new(prf, text).map_err(|error| MethodError::Fields { parameter: "layout", error })?;
                Self::Counter { layout, len: given.len()? }
            }
            "pin-pbkdf2" => {
                let stretch = match given.number("iterations")? {
                    Some(iterations) => Stretch::pbkdf2(iterations)?,
                    None => Stretch::PBKDF2,
                };
                Self::pin(stretch, given)?
            }
            "pin-argon2id" => {
                let (memory, passes) = (given.number("memory")?, given.number("passes")?);
                let lanes = given.number("lanes")?.unwrap_or(1);
                Self::pin(Stretch::argon2id(memory.unwrap_or(19 * 1024), passes.unwrap_or(2), lanes)?, given)?
            }
            "template" => {
                let cipher = given.word("cipher", &TemplateCipher::ALL.map(|cipher| (cipher.name(), cipher)))?;
                let cipher = cipher.ok_or(MethodError::Needed { method: "template", parameter: "cipher" })?;
                let blocks = given.take("blocks");
                let blocks = blocks.ok_or(MethodError::Needed { method: "template", parameter: "blocks" })?;
                Self::Template(Template::new(cipher, fields("blocks", blocks)?, given.len()?)?)
            }
            _ => Self::Card(scheme.ok_or(MethodError::Unknown)?),
        })
    }

    fn pin(stretch: Stretch, given: &mut Parameters<'_>) -> Result<Self, MethodError> {
        let salt = given.fields("salt", "input")?;
        if let Some(short) = salt.known_len().filter(|len| *len < Stretch::SALT) {
            return Err(RunError::Salt(short).into());
        }
        Ok(Self::Pin { stretch, salt, len: given.len()?.unwrap_or(16) })
    }
}

fn fields(parameter: &'static str, text: &str) -> Result<Fields, MethodError> {
    text.parse().map_err(|error| MethodError::Fields { parameter, error })
}

/// What was written behind the method's name, and not yet used.
struct Parameters<'t> {
    method: &'static str,
    left: Vec<(usize, &'t str, &'t str)>,
}

impl<'t> Parameters<'t> {
    fn split(method: &'static str, text: Option<&'t str>) -> Result<Self, MethodError> {
        let pieces = text.into_iter().flat_map(|text| text.split(','));
        let read = |(number, piece): (usize, &'t str)| {
            let pair = piece.split_once('=').map(|(name, value)| (number, name.trim(), value.trim()));
            pair.ok_or(MethodError::Parameter { method, number })
        };
        Ok(Self { method, left: (1..).zip(pieces).map(read).collect::<Result<_, _>>()? })
    }

    fn take(&mut self, name: &str) -> Option<&'t str> {
        let at = self.left.iter().position(|(_, other, _)| *other == name)?;
        Some(self.left.remove(at).2)
    }

    fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>, MethodError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.map(Some).ok_or(MethodError::Value { parameter: name, wants: "one of the words in the method's help" })
    }

    fn number(&mut self, name: &'static str) -> Result<Option<u32>, MethodError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        number.map(Some).ok_or(MethodError::Value { parameter: name, wants: "a number below 4294967296" })
    }

    /// `bytes=`
    fn len(&mut self) -> Result<Option<usize>, MethodError> {
        match self.take("bytes") {
            None => Ok(None),
            Some("16") => Ok(Some(16)),
            Some("24") => Ok(Some(24)),
            Some("32") => Ok(Some(32)),
            Some(_) => Err(MethodError::Value { parameter: "bytes", wants: "16, 24 or 32" }),
        }
    }

    fn fields(&mut self, name: &'static str, otherwise: &str) -> Result<Fields, MethodError> {
        fields(name, self.take(name).unwrap_or(otherwise))
    }

    fn none_left(&self) -> Result<(), MethodError> {
        match self.left.first() {
            Some((number, ..)) => Err(MethodError::Parameter { method: self.method, number: *number }),
            None => Ok(()),
        }
    }
}
