//! What a vault file holds: names, and a sealed key for each.

use super::format::ContentError;
use super::kdf::FileKey;
use super::seal::{Job, NONCE_LEN, TAG_LEN, cipher, decrypt, encrypt, nonce};
use crate::random::NoRandomness;
use aes_gcm::Aes256Gcm;
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{KeySpec, KeyType, Purpose};
use cardwright_proto::gp::key::KeySet;
use std::collections::HashMap;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// All records, by name.
pub(super) type Records = HashMap<Name, Record>;

/// The newest key of a name.
#[derive(Debug)]
pub(super) struct Record {
    /// Which key of this name it is, from 1.
    pub(super) version: u32,
    /// `None` where it was destroyed.
    pub(super) held: Option<Held>,
}

/// A key, sealed.
#[derive(Debug)]
pub(super) struct Held {
    kind: Kind,
    nonce: [u8; NONCE_LEN],
    /// Ciphertext and tag.
    sealed: Box<[u8]>,
    /// The key itself, from the first time that it was needed.
    opened: OnceLock<KeyMaterial>,
}

/// What a key is. No two of these seal a key in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    purpose: Purpose,
    key_type: KeyType,
    /// ENC, MAC, DEK; or one key.
    set: bool,
}

impl Kind {
    const fn sealed_len(self) -> usize {
        self.key_type.key_len() * if self.set { 3 } else { 1 } + TAG_LEN
    }

    const fn bytes(self) -> [u8; 3] {
        [purpose_byte(self.purpose), type_byte(self.key_type), if self.set { 3 } else { 1 }]
    }

    fn from_bytes([purpose, key_type, keys]: [u8; 3]) -> Option<Self> {
        let purpose = Purpose::ALL.into_iter().find(|known| purpose_byte(*known) == purpose)?;
        let key_type = KeyType::ALL.into_iter().find(|known| type_byte(*known) == key_type)?;
        matches!(keys, 1 | 3).then_some(Self { purpose, key_type, set: keys == 3 })
    }
}

const fn purpose_byte(purpose: Purpose) -> u8 {
    match purpose {
        Purpose::Master => 1,
        Purpose::Card => 2,
        Purpose::Enc => 3,
        Purpose::Mac => 4,
        Purpose::Dek => 5,
    }
}

const fn type_byte(key_type: KeyType) -> u8 {
    match key_type {
        KeyType::Aes128 => 1,
        KeyType::Aes192 => 2,
        KeyType::Aes256 => 3,
        KeyType::TripleDes2 => 4,
        KeyType::TripleDes3 => 5,
    }
}

impl Held {
    /// What it is, as it is asked for.
    pub(super) const fn spec(&self) -> KeySpec {
        KeySpec { purpose: self.kind.purpose, key_type: self.kind.key_type, portable: false }
    }
}

/// What stands in the directory before a key, and is bound to it: name, version, and what it is.
fn associated(out: &mut Vec<u8>, name: &Name, version: u32, kind: Option<Kind>) {
    let [.., len] = name.as_str().len().to_be_bytes();
    out.push(len);
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(&version.to_be_bytes());
    out.push(u8::from(kind.is_some()));
    out.extend(kind.iter().flat_map(|kind| kind.bytes()));
}

/// Seals and opens the keys of one file.
pub(super) struct Entries(Aes256Gcm);

impl Entries {
    pub(super) fn new(file_key: &FileKey) -> Self {
        Self(cipher(file_key, Job::Entry))
    }

    /// A new record; the material is as long as its type wants.
    pub(super) fn seal(
        &self,
        name: &Name,
        version: u32,
        spec: KeySpec,
        material: &KeyMaterial,
    ) -> Result<Record, NoRandomness> {
        let (set, keys): (_, &[&SecretKey]) = match material {
            KeyMaterial::One(key) => (false, &[key]),
            KeyMaterial::Set(KeySet { enc, mac, dek }) => (true, &[enc, mac, dek]),
        };
        let kind = Kind { purpose: spec.purpose, key_type: spec.key_type, set };
        // Never grown, so that no copy of a key stays behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(kind.sealed_len()));
        keys.iter().for_each(|key| sealed.extend_from_slice(key.expose()));
        let nonce = nonce()?;
        let mut bound = Vec::new();
        associated(&mut bound, name, version, Some(kind));
        let tag = encrypt(&self.0, &nonce, &bound, &mut sealed);
        sealed.extend(tag.unwrap_or_else(|_| unreachable!("96 bytes are not too long for GCM")));
        let sealed = std::mem::take(&mut *sealed).into_boxed_slice();
        Ok(Record { version, held: Some(Held { kind, nonce, sealed, opened: OnceLock::new() }) })
    }

    /// Decrypts a key.
    pub(super) fn open(&self, name: &Name, version: u32, held: &Held) -> Result<KeyMaterial, ContentError> {
        let wrong = || ContentError::Entry(name.clone());
        let mut bound = Vec::new();
        associated(&mut bound, name, version, Some(held.kind));
        let mut text = Zeroizing::new(held.sealed.to_vec());
        let keys = decrypt(&self.0, &held.nonce, &bound, &mut text).map_err(|_| wrong())?;
        let mut keys = keys.chunks(held.kind.key_type.key_len()).map(|key| SecretKey::new(key).map_err(|_| wrong()));
        let mut key = || keys.next().unwrap_or_else(|| Err(wrong()));
        Ok(match held.kind.set {
            false => KeyMaterial::One(key()?),
            true => KeyMaterial::Set(KeySet { enc: key()?, mac: key()?, dek: key()? }),
        })
    }
}

impl Record {
    /// The key in memory: decrypted once. `None` where it was destroyed.
    pub(super) fn material(
        &self,
        name: &Name,
        file_key: &FileKey,
    ) -> Option<Result<(KeySpec, &KeyMaterial), ContentError>> {
        let held = self.held.as_ref()?;
        let material = match held.opened.get() {
            Some(material) => Ok(material),
            None => Entries::new(file_key)
                .open(name, self.version, held)
                .map(|material| held.opened.get_or_init(|| material)),
        };
        Some(material.map(|material| (held.spec(), material)))
    }
}

/// The directory: all records, ordered by name.
pub(super) fn encode(records: &Records, out: &mut Vec<u8>) {
    let mut sorted: Vec<_> = records.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    for (name, Record { version, held }) in sorted {
        associated(out, name, *version, held.as_ref().map(|held| held.kind));
        if let Some(held) = held {
            out.extend_from_slice(&held.nonce);
            out.extend_from_slice(&held.sealed);
        }
    }
}

/// Reads what [`encode`] wrote, and nothing else: there is one coding of each directory.
pub(super) fn decode(bytes: &[u8]) -> Result<Records, ContentError> {
    let mut reader = Reader { bytes, rest: bytes };
    let mut records: Vec<(Name, Record)> = Vec::new();
    while !reader.rest.is_empty() {
        let (name, record) = reader.record()?;
        if records.last().is_some_and(|(last, _)| *last >= name) {
            return Err(reader.wrong("names are in order, and each stands once"));
        }
        records.push((name, record));
    }
    Ok(records.into_iter().collect())
}

struct Reader<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn wrong(&self, what: &'static str) -> ContentError {
        ContentError::Malformed { at: self.bytes.len() - self.rest.len(), what }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ContentError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.wrong("it is cut off"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ContentError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| self.wrong("it is cut off"))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn record(&mut self) -> Result<(Name, Record), ContentError> {
        let [len] = self.array()?;
        let name = std::str::from_utf8(self.take(len.into())?).ok().and_then(|text| text.parse().ok());
        let name = name.ok_or_else(|| self.wrong("a name stands before this"))?;
        let version = u32::from_be_bytes(self.array()?);
        if version == 0 {
            return Err(self.wrong("versions are counted from 1"));
        }
        let held = match self.array()? {
            [0] => None,
            [1] => Some(self.held()?),
            _ => return Err(self.wrong("a key is there or was destroyed")),
        };
        Ok((name, Record { version, held }))
    }

    fn held(&mut self) -> Result<Held, ContentError> {
        let kind = Kind::from_bytes(self.array()?).ok_or_else(|| self.wrong("purpose, type and number before this"))?;
        let nonce = self.array()?;
        let sealed = self.take(kind.sealed_len())?.into();
        Ok(Held { kind, nonce, sealed, opened: OnceLock::new() })
    }
}

#[cfg(test)]
mod tests;
