//! A CA for tests: its private key is in a file of the ceremony's directory, which every line of evidence says.

use super::directory::failed;
use super::error::CeremonyError;
use crate::error::Error;
use crate::world::Entropy;
use cardwright_hsm::{NewSecretFile, ensure_durable, load_secret_file};
use cardwright_keys::custody::signing::KeyPair;
use cardwright_proto::custody::Point;
use cardwright_proto::custody::certificate::CertificateBody;
use cardwright_proto::custody::signature::Signature;
use std::path::Path;
use zeroize::Zeroizing;

/// The key's file: a comment that says what it is, then 64 hexadecimal digits. Mode 0600.
pub const FILE: &str = "test-ca.key";

const COMMENT: &str = "# The private key of a TEST CA. Whoever reads this certifies what they like: nothing it signed protects a real key.\n";

/// Whole, or not at all: half a key would stand in the way of the next run.
fn keep(path: &Path, text: &[u8]) -> Result<(), CeremonyError> {
    let new = path.with_extension("new");
    if new.exists() {
        std::fs::remove_file(&new).map_err(failed(&new, "removed"))?;
    }
    NewSecretFile::create(&new).and_then(|file| file.write(text))?;
    std::fs::rename(&new, path).map_err(failed(path, "made"))?;
    Ok(ensure_durable(path)?)
}

/// A CA for tests.
#[derive(Debug)]
pub(super) struct TestCa(KeyPair);

impl TestCa {
    /// The one in this directory; made where there is none.
    ///
    /// # Errors
    /// [`CeremonyError::TestCa`], [`CeremonyError::NoTestCaKey`]; [`Error::Entropy`].
    pub(super) fn open(directory: &Path, entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let path = directory.join(FILE);
        if path.exists() {
            return Ok(Self::load(directory)?);
        }
        let pair = KeyPair::generate(|bytes| entropy.fill(bytes))?;
        let private = pair.expose();
        let mut text = Zeroizing::new(vec![0; COMMENT.len() + 65]);
        text[..COMMENT.len()].copy_from_slice(COMMENT.as_bytes());
        // The room is exactly twice the key's, and a line feed.
        let coded = hex::encode_to_slice(private.as_slice(), &mut text[COMMENT.len()..COMMENT.len() + 64]);
        debug_assert!(coded.is_ok());
        text[COMMENT.len() + 64] = b'\n';
        keep(&path, &text)?;
        Ok(Self(pair))
    }

    /// The one in this directory.
    ///
    /// # Errors
    /// [`CeremonyError::TestCa`], [`CeremonyError::NoTestCaKey`].
    pub(super) fn load(directory: &Path) -> Result<Self, CeremonyError> {
        let path = directory.join(FILE);
        let text = load_secret_file(&path)?;
        let digits = text.strip_prefix(COMMENT.as_bytes()).unwrap_or(&text).trim_ascii();
        let mut private = Zeroizing::new([0; 32]);
        let none = || CeremonyError::NoTestCaKey(path.clone());
        hex::decode_to_slice(digits, &mut *private).map_err(|_| none())?;
        KeyPair::new(&private).map(Self).map_err(|_| none())
    }

    /// Its point.
    #[must_use]
    pub(super) fn point(&self) -> Point {
        self.0.point()
    }

    /// Certifies a body.
    #[must_use]
    pub(super) fn sign(&self, body: &CertificateBody) -> Signature {
        self.0.sign(&body.encode())
    }
}
