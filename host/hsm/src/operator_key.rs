//! The keys that people sign requests and approvals with: Ed25519 (RFC 8032), in a file under a passphrase or in a token.

mod file;

pub use file::{FileError, FileSigner, Locked};

use crate::key_file::Prompt;
use crate::pkcs11::{SignerError, TokenSigner, Uri, UriError};
use cardwright_keys::approval::PublicKey;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where an operator's key is. Never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorKeyRef {
    /// `file:PATH`, mode 0600: PKCS#8 under a passphrase.
    File(PathBuf),
    /// `pkcs11:..;object=LABEL?module-path=..`: in a token.
    Token(Box<Uri>),
}

/// Text that names no place of an operator's key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoOperatorKeyRef {
    /// It begins with neither word.
    #[error("an operator's key is named by file:PATH or by a pkcs11: URI; it is never given itself")]
    Form,
    /// The URI cannot be read.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The URI names a token, and no key in it.
    #[error("the pkcs11: URI names no key: add object=LABEL, or id=")]
    NoObject,
}

impl FromStr for OperatorKeyRef {
    type Err = NoOperatorKeyRef;

    fn from_str(text: &str) -> Result<Self, NoOperatorKeyRef> {
        if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Ok(Self::File(path.into()));
        }
        match text.parse::<Uri>() {
            Ok(Uri { object: None, id: None, .. }) => Err(NoOperatorKeyRef::NoObject),
            Ok(uri) => Ok(Self::Token(Box::new(uri))),
            Err(UriError::Scheme) => Err(NoOperatorKeyRef::Form),
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Display for OperatorKeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Token(uri) => uri.fmt(f),
        }
    }
}

/// An operator's key, ready to sign.
#[derive(Debug)]
pub enum OperatorKey {
    /// In memory.
    File(FileSigner),
    /// In a token.
    Token(Box<TokenSigner>),
}

/// Why an operator's key cannot be used or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorKeyError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A token.
    #[error(transparent)]
    Token(#[from] SignerError),
}

impl OperatorKey {
    /// Logs in to the token in which the key is; the PIN comes from where the URI says, or from `prompt`.
    ///
    /// # Errors
    /// [`OperatorKeyError`]
    pub fn in_token(uri: &Uri, prompt: &mut dyn Prompt) -> Result<Self, OperatorKeyError> {
        Ok(Self::Token(Box::new(TokenSigner::open(uri, prompt)?)))
    }

    /// What its signatures are checked with.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::File(key) => key.public_key(),
            Self::Token(key) => key.public_key(),
        }
    }

    /// Signs (RFC 8032, 5.1.6).
    ///
    /// # Errors
    /// [`OperatorKeyError`] where the token does not, or not with the key whose public half it shows.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], OperatorKeyError> {
        match self {
            Self::File(key) => Ok(key.sign(message)),
            Self::Token(key) => Ok(key.sign(message)?),
        }
    }
}

#[cfg(test)]
mod tests;
