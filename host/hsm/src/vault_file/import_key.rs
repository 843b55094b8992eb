//! The one-time key that cards release a master key to (`docs/protocol/custody.md`, EXPORT).
//!
//! A P-256 key pair of a vault, in a file of its own until the import is done: the release takes hours where people have to
//! come together, and a process does not live as long.
//!
//! ```text
//! "CWIMPORT" | version 1 | point 65 | nonce 12 | private key 32, encrypted | tag 16
//! ```
//!
//! AES-256-GCM with a key from the vault's file key; all that stands before the nonce is associated data. A vault whose
//! passphrase was changed meanwhile does not open it: the release is begun again.

use super::format::ContentError;
use super::kdf::FileKey;
use super::seal::{Job, NONCE_LEN, TAG_LEN, cipher, decrypt, encrypt, nonce};
use super::{VaultFile, VaultFileError, content};
use crate::key_file::{NewSecretFile, file_error, load_secret_file, open_checked, sync_parent};
use crate::random::NoRandomness;
use cardwright_keys::custody::signing::KeyPair;
use cardwright_proto::custody::Point;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const MAGIC: &[u8; 9] = b"CWIMPORT\x01";
const SECRET: usize = 32;
/// What is bound to the private key: magic, version, point.
const BOUND: usize = MAGIC.len() + 65;
const LENGTH: usize = BOUND + NONCE_LEN + SECRET + TAG_LEN;

/// A vault's import key. It serves one release.
pub struct VaultImportKey {
    path: PathBuf,
    pair: KeyPair,
}

impl fmt::Debug for VaultImportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultImportKey({})", self.path.display())
    }
}

impl VaultImportKey {
    /// Makes one, in a new file of mode 0600. It is durable when this returns.
    ///
    /// # Errors
    /// [`VaultFileError`]; a name that is taken is [`Exists`](crate::KeyLoadError::Exists).
    pub fn create(vault: &VaultFile, path: &Path) -> Result<Self, VaultFileError> {
        let file = NewSecretFile::create(path)?;
        let pair = KeyPair::generate(getrandom::fill).map_err(NoRandomness::from)?;
        file.write(&sealed(vault.file_key(), &pair).map_err(VaultFileError::Randomness)?)?;
        Ok(Self { path: path.to_owned(), pair })
    }

    /// Opens one that this vault made.
    ///
    /// # Errors
    /// [`VaultFileError`]
    pub fn open(vault: &VaultFile, path: &Path) -> Result<Self, VaultFileError> {
        let bytes = load_secret_file(path)?;
        let pair = opened(vault.file_key(), &bytes).map_err(|error| content(path, error))?;
        Ok(Self { path: path.to_owned(), pair })
    }

    /// What the ceremony's CA certifies.
    #[must_use]
    pub fn point(&self) -> Point {
        self.pair.point()
    }

    /// What opens the box.
    #[must_use]
    pub const fn pair(&self) -> &KeyPair {
        &self.pair
    }

    /// Destroys it: its file is overwritten and removed. A copy of the file, together with the vault's passphrase and the
    /// box, would still give the master key away.
    ///
    /// # Errors
    /// [`VaultFileError::File`]; [`ContentError::ImportKey`] where the file is another one now, which is left alone.
    pub fn destroy(self) -> Result<(), VaultFileError> {
        destroy(&self.path, &bound_of(&self.pair))
    }

    /// The same for one that nobody opened: that of a release that was given up.
    ///
    /// # Errors
    /// As [`Self::destroy`].
    pub fn discard(path: &Path) -> Result<(), VaultFileError> {
        destroy(path, MAGIC)
    }
}

/// Overwrites and removes a file, if it begins like this.
fn destroy(named: &Path, start: &[u8]) -> Result<(), VaultFileError> {
    let failed = |attempt| move |error| file_error(named, attempt, error);
    // Where the name is a link, it leads to the key all the same.
    let path = named.canonicalize().map_err(failed("found"))?;
    let mut file = open_checked(&path, OpenOptions::new().read(true).write(true))?;
    let mut found = vec![0; start.len()];
    file.read_exact(&mut found).map_err(failed("read"))?;
    if found != start {
        return Err(content(named, ContentError::ImportKey));
    }
    let overwritten = file.rewind().and_then(|()| file.write_all(&[0; LENGTH])).and_then(|()| file.sync_all());
    overwritten.map_err(failed("overwritten"))?;
    std::fs::remove_file(&path).map_err(failed("removed"))?;
    Ok(sync_parent(&path).map_err(failed("removed"))?)
}

/// What stands before the nonce.
fn bound_of(pair: &KeyPair) -> [u8; BOUND] {
    let mut bound = [0; BOUND];
    let (magic, point) = bound.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    point.copy_from_slice(&pair.point());
    bound
}

fn sealed(file_key: &FileKey, pair: &KeyPair) -> Result<Zeroizing<Vec<u8>>, NoRandomness> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
    bytes.extend_from_slice(&bound_of(pair));
    let nonce = nonce()?;
    let mut secret = pair.expose();
    let tag = encrypt(&cipher(file_key, Job::ImportKey), &nonce, &bytes, &mut *secret);
    let tag = tag.unwrap_or_else(|_| unreachable!("32 bytes are not too long for GCM"));
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&*secret);
    bytes.extend_from_slice(&tag);
    Ok(bytes)
}

fn opened(file_key: &FileKey, bytes: &[u8]) -> Result<KeyPair, ContentError> {
    let (bound, sealed) = bytes.split_at_checked(BOUND).ok_or(ContentError::ImportKey)?;
    let (nonce, sealed) = sealed.split_first_chunk().ok_or(ContentError::ImportKey)?;
    if bytes.len() != LENGTH || !bound.starts_with(MAGIC) {
        return Err(ContentError::ImportKey);
    }
    let mut sealed = Zeroizing::new(sealed.to_vec());
    let private = decrypt(&cipher(file_key, Job::ImportKey), nonce, bound, &mut sealed);
    let private = private.ok().and_then(<[u8]>::first_chunk).ok_or(ContentError::ForeignImportKey)?;
    let pair = KeyPair::new(private).map_err(|_| ContentError::ForeignImportKey)?;
    if bound.ends_with(&pair.point()) { Ok(pair) } else { Err(ContentError::ForeignImportKey) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::KeyLoadError;
    use crate::vault_file::{Kdf, Passphrase};

    fn vault(dir: &Path, name: &str) -> VaultFile {
        let passphrase = Passphrase::new(b"correct horse battery");
        VaultFile::create(&dir.join(name), &passphrase, Kdf::Pbkdf2HmacSha256 { iterations: 100_000 }).unwrap()
    }

    #[test]
    fn comes_back_from_its_file_until_it_is_destroyed() {
        let dir = tempfile::tempdir().unwrap();
        let (vault, path) = (vault(dir.path(), "vault"), dir.path().join("import"));
        let key = VaultImportKey::create(&vault, &path).unwrap();
        assert!(VaultImportKey::open(&vault, &path).unwrap().pair() == key.pair());
        assert!(matches!(VaultImportKey::create(&vault, &path), Err(VaultFileError::File(KeyLoadError::Exists(_)))));
        let private = key.pair().expose();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(SECRET).any(|window| window == *private));
        let link = dir.path().join("hard link");
        std::fs::hard_link(&path, &link).unwrap();
        key.destroy().unwrap();
        assert!(!path.exists());
        assert_eq!(std::fs::read(&link).unwrap(), [0; LENGTH], "overwritten");
    }

    #[test]
    fn destroys_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let (vault, path) = (vault(dir.path(), "vault"), dir.path().join("import"));
        let key = VaultImportKey::create(&vault, &path).unwrap();
        std::fs::rename(dir.path().join("vault"), &path).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(key.destroy().is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn opens_for_its_own_vault_and_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let (own, other) = (vault(dir.path(), "own"), vault(dir.path(), "other"));
        let path = dir.path().join("import");
        VaultImportKey::create(&own, &path).unwrap();
        assert!(VaultImportKey::open(&other, &path).is_err(), "another vault's key");
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(VaultImportKey::open(&own, &path).is_err(), "byte {at}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(VaultImportKey::open(&own, &path).is_err(), "cut off at {at}");
        }
        std::fs::write(&path, &good).unwrap();
        VaultImportKey::open(&own, &path).unwrap();
    }
}
