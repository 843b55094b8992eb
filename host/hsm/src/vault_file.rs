//! Keys in one encrypted file: custody "software".
//!
//! The format is in `docs/protocol/vault-file.md`: a header that says how the file's key comes from a passphrase, and a
//! directory of keys, each encrypted for its name, version and purpose, all of it authenticated. A byte that was changed
//! anywhere is refused at the opening; a whole older copy of the file, put back, is not noticed by anybody who did not
//! see the newer one.
//!
//! A change writes a new file and puts it in the place of the old one, under a lock, after whatever another process wrote
//! meanwhile was read. What was returned from is durable; what was not happened whole or not at all.

mod disk;
mod format;
mod import_key;
mod kdf;
mod record;
mod seal;

pub use format::ContentError;
pub use import_key::VaultImportKey;
pub use kdf::{FileKey, Kdf, KdfError, Passphrase, TooShort};

use crate::key_file::{KeyLoadError, open_checked, sync_directory};
use crate::random::{NoRandomness, random_material};
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{Custody, Kcvs, KeyInfo, KeySpec, Purpose, Store, VaultError};
use disk::{Disk, Locked, Os};
use format::{HEADER_LEN, Header, HeaderBytes, WriteError};
use kdf::SALT_LEN;
use record::{Entries, Record, Records};
use std::collections::HashSet;
use std::fmt;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a vault file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultFileError {
    /// The file cannot be opened, read or written, or others can get at it.
    #[error(transparent)]
    File(#[from] KeyLoadError),
    /// A new passphrase is too short.
    #[error(transparent)]
    TooShort(#[from] TooShort),
    /// The parameters that a new file key was asked for with are refused.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// The passphrase is another one; or the header was changed, which nobody can tell from that.
    #[error("`{}` does not open with this passphrase: it is not the right one, or the file was changed", .0.display())]
    WrongPassphrase(PathBuf),
    /// The file key is another one; or the header was changed.
    #[error("`{}` does not open with the key that it was unlocked with: its passphrase was changed since, or the file was", .0.display())]
    WrongFileKey(PathBuf),
    /// What the file holds is not what a vault holds.
    #[error("`{}`: {error}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ContentError,
    },
    /// This process has seen a newer file than the one that is there now.
    #[error("`{}` was written {seen} times when it was last read, and what is there now {found} times: an older copy, or another one, was put in its place", .path.display())]
    RolledBack {
        /// The file.
        path: PathBuf,
        /// Its count when it was last read.
        seen: u32,
        /// Its count now.
        found: u32,
    },
    /// The counters have no next value.
    #[error("`{}` was written 2^32 times: make a new vault", .0.display())]
    Full(PathBuf),
    /// The system gives no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// What is known of a vault file whose every byte was verified, each key decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How its key is made.
    pub kdf: Kdf,
    /// How many times it was written. A smaller number than was seen before is an older copy.
    pub writes: u32,
    /// Its keys, by name.
    pub keys: Vec<KeyInfo>,
    /// Names whose keys were destroyed, and the version of the last one; a new one would get the next.
    pub destroyed: Vec<(Name, u32)>,
}

/// A vault file that was opened.
///
/// It answers with what the file held when it was last read or written here: a reader does not notice what others change.
pub struct VaultFile {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    file_key: FileKey,
    header: Header,
    header_bytes: HeaderBytes,
    records: Records,
}

impl fmt::Debug for VaultFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultFile({}, {} names)", self.path.display(), self.records.len())
    }
}

/// Verifies a vault file in memory, a backup for example: all of it, and each key.
///
/// # Errors
/// [`ContentError`]
pub fn check_bytes(bytes: &[u8], file_key: &FileKey) -> Result<Report, ContentError> {
    let read = format::read(bytes)?;
    report(read.header, &read.open(file_key)?, file_key)
}

fn report(header: Header, records: &Records, file_key: &FileKey) -> Result<Report, ContentError> {
    let gone = records.iter().filter(|(_, record)| record.held.is_none());
    let mut destroyed: Vec<_> = gone.map(|(name, record)| (name.clone(), record.version)).collect();
    destroyed.sort_unstable();
    Ok(Report { kdf: header.kdf, writes: header.writes, keys: list(records, file_key)?, destroyed })
}

fn list(records: &Records, file_key: &FileKey) -> Result<Vec<KeyInfo>, ContentError> {
    let entries = Entries::new(file_key);
    let held = records.iter().filter_map(|(name, record)| Some((name, record.version, record.held.as_ref()?)));
    let infos = held.map(|(name, version, held)| info(name, version, held.spec(), &entries.open(name, version, held)?));
    let mut infos = infos.collect::<Result<Vec<_>, _>>()?;
    infos.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(infos)
}

fn info(name: &Name, version: u32, spec: KeySpec, material: &KeyMaterial) -> Result<KeyInfo, ContentError> {
    let kcvs = Kcvs::of(material, spec.key_type.algorithm()).map_err(|_| ContentError::Entry(name.clone()))?;
    let kcvs = Some(kcvs);
    Ok(KeyInfo { name: name.clone(), spec, version: Some(version), kcvs, custody: Custody::Software })
}

impl From<VaultFileError> for VaultError {
    fn from(error: VaultFileError) -> Self {
        Self::Failed(error.into())
    }
}

fn random_salt() -> Result<[u8; SALT_LEN], NoRandomness> {
    let mut salt = [0; SALT_LEN];
    getrandom::fill(&mut salt)?;
    Ok(salt)
}

/// A new file key under a new salt.
fn new_key(passphrase: &Passphrase, kdf: Kdf) -> Result<(FileKey, [u8; SALT_LEN]), VaultFileError> {
    passphrase.check_new()?;
    kdf.check()?;
    let salt = random_salt()?;
    Ok((kdf.derive(passphrase, &salt)?, salt))
}

impl VaultFile {
    /// Makes an empty vault: a file of mode 0600, never over one that holds anything. It is durable when this returns.
    ///
    /// # Errors
    /// [`VaultFileError`]; a name that is taken is [`KeyLoadError::Exists`].
    pub fn create(path: &Path, passphrase: &Passphrase, kdf: Kdf) -> Result<Self, VaultFileError> {
        Self::create_on(Arc::new(Os), path, passphrase, kdf)
    }

    fn create_on(disk: Arc<dyn Disk>, path: &Path, passphrase: &Passphrase, kdf: Kdf) -> Result<Self, VaultFileError> {
        // Before the key is made, which takes its time; and so that a kill in that time leaves nothing.
        disk::check_free(path)?;
        let (file_key, salt) = new_key(passphrase, kdf)?;
        let locked = Locked::reserve(&*disk, path)?;
        let header = Header { kdf, salt, writes: 0 };
        let header_bytes = [0; HEADER_LEN];
        let mut vault = Self { path: path.to_owned(), disk, file_key, header, header_bytes, records: Records::new() };
        match vault.write(&locked) {
            Ok(()) => Ok(vault),
            Err(error) => {
                locked.give_back(&*vault.disk);
                Err(error)
            }
        }
    }

    /// Opens a vault. What was read is durable.
    ///
    /// # Errors
    /// [`VaultFileError`]. Key derivation parameters that are refused are, before anything is computed.
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, VaultFileError> {
        let bytes = read_durable(path)?;
        let header = format::read(&bytes).map_err(|error| content(path, error))?.header;
        let file_key = header.kdf.derive(passphrase, &header.salt)?;
        Self::parse(path, &bytes, file_key).map_err(|error| match error {
            VaultFileError::WrongFileKey(path) => VaultFileError::WrongPassphrase(path),
            other => other,
        })
    }

    /// Opens a vault with the key that its passphrase gave before: [`Self::file_key`].
    ///
    /// # Errors
    /// As [`Self::open`], with [`VaultFileError::WrongFileKey`] where the passphrase was changed since.
    pub fn open_with(path: &Path, file_key: FileKey) -> Result<Self, VaultFileError> {
        Self::parse(path, &read_durable(path)?, file_key)
    }

    fn parse(path: &Path, bytes: &[u8], file_key: FileKey) -> Result<Self, VaultFileError> {
        let failed = |error| content(path, error);
        let read = format::read(bytes).map_err(failed)?;
        let records = read.open(&file_key).map_err(failed)?;
        let (header, header_bytes) = (read.header, read.bytes());
        Ok(Self { path: path.to_owned(), disk: Arc::new(Os), file_key, header, header_bytes, records })
    }

    /// The key that opens this vault until its passphrase is changed.
    #[must_use]
    pub const fn file_key(&self) -> &FileKey {
        &self.file_key
    }

    /// How its key is made from the passphrase.
    #[must_use]
    pub const fn kdf(&self) -> Kdf {
        self.header.kdf
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A key itself, for what cards' keys are derived from. It is decrypted once, and kept in memory until the vault is
    /// dropped or written to by another process.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`]; [`VaultError::Failed`] for a key that was sealed for another place.
    pub fn material(&self, key: &Name) -> Result<(KeySpec, &KeyMaterial), VaultError> {
        let opened = self.records.get(key).and_then(|record| record.material(key, &self.file_key));
        let opened = opened.ok_or_else(|| VaultError::UnknownKey(key.to_string()))?;
        Ok(opened.map_err(|error| content(&self.path, error))?)
    }

    /// Decrypts every key. All else was verified when the file was read.
    ///
    /// # Errors
    /// [`VaultFileError::Content`]
    pub fn check(&self) -> Result<Report, VaultFileError> {
        report(self.header, &self.records, &self.file_key).map_err(|error| content(&self.path, error))
    }

    /// Seals everything anew under a new passphrase, which may be the old one, and a new salt.
    ///
    /// What the old passphrase gives opens nothing of the new file. It still opens every older copy.
    ///
    /// # Errors
    /// [`VaultFileError`]; the vault is then as it was.
    pub fn passwd(&mut self, new: &Passphrase, kdf: Kdf) -> Result<(), VaultFileError> {
        let (file_key, salt) = new_key(new, kdf)?;
        let locked = self.lock()?;
        let (from, to) = (Entries::new(&self.file_key), Entries::new(&file_key));
        let mut records = Records::with_capacity(self.records.len());
        for (name, Record { version, held }) in &self.records {
            let record = match held {
                Some(held) => {
                    let material = from.open(name, *version, held).map_err(|error| content(&self.path, error))?;
                    to.seal(name, *version, held.spec(), &material)?
                }
                None => Record { version: *version, held: None },
            };
            records.insert(name.clone(), record);
        }
        let header = Header { kdf, salt, ..self.header };
        let mut renewed = Self {
            path: self.path.clone(),
            disk: Arc::clone(&self.disk),
            file_key,
            header,
            header_bytes: self.header_bytes,
            records,
        };
        renewed.write(&locked)?;
        *self = renewed;
        Ok(())
    }

    /// Locks the file, and reads it again where another process has written it.
    fn lock(&mut self) -> Result<Locked, VaultFileError> {
        let locked = Locked::wait(&self.path)?;
        let bytes = disk::read(&self.path, &locked.file)?;
        if !bytes.starts_with(&self.header_bytes) {
            let read = format::read(&bytes).map_err(|error| content(&self.path, error))?;
            let records = read.open(&self.file_key).map_err(|error| content(&self.path, error))?;
            let (seen, found) = (self.header.writes, read.header.writes);
            if found <= seen {
                return Err(VaultFileError::RolledBack { path: self.path.clone(), seen, found });
            }
            (self.header, self.header_bytes, self.records) = (read.header, read.bytes(), records);
        }
        Ok(locked)
    }

    /// Writes what is in memory, and counts it.
    fn write(&mut self, locked: &Locked) -> Result<(), VaultFileError> {
        let writes = self.header.writes.checked_add(1).ok_or_else(|| VaultFileError::Full(self.path.clone()))?;
        let header = Header { writes, ..self.header };
        let (bytes, header_bytes) =
            format::write(&self.file_key, header, &self.records).map_err(|error| match error {
                WriteError::Content(error) => content(&self.path, error),
                WriteError::Randomness(error) => error.into(),
            })?;
        locked.replace(&*self.disk, &self.path, &bytes)?;
        (self.header, self.header_bytes) = (header, header_bytes);
        Ok(())
    }

    /// Writes the file with other records for some names; in memory too, unless that failed.
    fn put(&mut self, locked: &Locked, records: Vec<(Name, Record)>) -> Result<(), VaultFileError> {
        let replaced = records.into_iter().map(|(name, record)| (name.clone(), self.records.insert(name, record)));
        let before: Vec<_> = replaced.collect();
        self.write(locked).inspect_err(|_| {
            for (name, record) in before {
                match record {
                    Some(record) => self.records.insert(name, record),
                    None => self.records.remove(&name),
                };
            }
        })
    }

    /// Takes several keys in one write: all of them, or none.
    ///
    /// # Errors
    /// As [`Store::import`].
    pub fn import_all<'a>(
        &mut self,
        keys: impl IntoIterator<Item = (&'a Name, KeySpec, &'a KeyMaterial)>,
    ) -> Result<Vec<KeyInfo>, VaultError> {
        let locked = self.lock()?;
        let entries = Entries::new(&self.file_key);
        let (mut infos, mut records, mut names) = (Vec::new(), Vec::new(), HashSet::new());
        for (name, spec, material) in keys {
            if !names.insert(name) {
                return Err(VaultError::Exists(name.clone()));
            }
            let (info, record) = self.next(&entries, name, spec, material)?;
            infos.push(info);
            records.push((name.clone(), record));
        }
        self.put(&locked, records)?;
        Ok(infos)
    }

    /// The next key of a name that has none.
    fn next(
        &self,
        entries: &Entries,
        name: &Name,
        spec: KeySpec,
        material: &KeyMaterial,
    ) -> Result<(KeyInfo, Record), VaultError> {
        check_material(spec, material)?;
        // A file has no use for it: all keys in it can be copied.
        let spec = KeySpec { portable: false, ..spec };
        let last = match self.records.get(name) {
            Some(Record { held: Some(_), .. }) => return Err(VaultError::Exists(name.clone())),
            Some(Record { version, held: None }) => *version,
            None => 0,
        };
        let version = last.checked_add(1).ok_or_else(|| VaultFileError::Full(self.path.clone()))?;
        let info = info(name, version, spec, material).map_err(|error| content(&self.path, error))?;
        let record = entries.seal(name, version, spec, material).map_err(VaultFileError::from)?;
        Ok((info, record))
    }
}

/// A key that fits its description.
fn check_material(spec: KeySpec, material: &KeyMaterial) -> Result<(), VaultError> {
    let refused = |reason| Err(VaultError::Unfit(reason));
    if spec.portable {
        return refused("portable is for tokens: a file can be copied as it is");
    }
    let len = spec.key_type.key_len();
    let fits = match material {
        KeyMaterial::One(key) => key.key_len() == len,
        KeyMaterial::Set(_) if spec.purpose != Purpose::Card => {
            return refused("only a card's keys are a set of ENC, MAC and DEK");
        }
        KeyMaterial::Set(set) => set.iter().all(|key| key.key_len() == len),
    };
    if fits { Ok(()) } else { refused("it is longer or shorter than a key of its type") }
}

impl Store for VaultFile {
    fn list(&self) -> Result<Vec<KeyInfo>, VaultError> {
        Ok(list(&self.records, &self.file_key).map_err(|error| content(&self.path, error))?)
    }

    fn generate(&mut self, name: &Name, spec: KeySpec) -> Result<KeyInfo, VaultError> {
        let material = random_material(spec).map_err(VaultFileError::from)?;
        self.import(name, spec, &material)
    }

    fn import(&mut self, name: &Name, spec: KeySpec, material: &KeyMaterial) -> Result<KeyInfo, VaultError> {
        let locked = self.lock()?;
        let (info, record) = self.next(&Entries::new(&self.file_key), name, spec, material)?;
        self.put(&locked, vec![(name.clone(), record)])?;
        Ok(info)
    }

    fn destroy(&mut self, name: &Name) -> Result<(), VaultError> {
        let locked = self.lock()?;
        match self.records.get(name) {
            Some(Record { version, held: Some(_) }) => {
                let record = Record { version: *version, held: None };
                Ok(self.put(&locked, vec![(name.clone(), record)])?)
            }
            _ => Err(VaultError::UnknownKey(name.to_string())),
        }
    }
}

/// The file's bytes, as far as they are a vault's at all; they, and its name, survive a power cut.
fn read_durable(path: &Path) -> Result<Vec<u8>, VaultFileError> {
    let file = open_checked(path, OpenOptions::new().read(true))?;
    let bytes = disk::read(path, &file)?;
    sync_directory(path)?;
    Ok(bytes)
}

fn content(path: &Path, error: ContentError) -> VaultFileError {
    match error {
        ContentError::Key => VaultFileError::WrongFileKey(path.to_owned()),
        error => VaultFileError::Content { path: path.to_owned(), error },
    }
}

#[cfg(test)]
mod tests;
