//! The cryptography of a vault file: keys for separate jobs, and AES-256-GCM.

use super::kdf::FileKey;
use crate::random::NoRandomness;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Error};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a GCM nonce.
pub(super) const NONCE_LEN: usize = 12;
/// Bytes of a GCM tag.
pub(super) const TAG_LEN: usize = 16;
/// Bytes of the header's MAC.
pub(super) const MAC_LEN: usize = 32;

/// What one of a file's keys is for. No key does two jobs.
#[derive(Clone, Copy)]
pub(super) enum Job {
    /// HMAC of the header.
    Header,
    /// Encryption of the directory.
    Directory,
    /// Encryption of each key.
    Entry,
    /// Encryption of an import key, in a file of its own.
    ImportKey,
}

impl Job {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Header => b"cardwright vault 1 header",
            Self::Directory => b"cardwright vault 1 directory",
            Self::Entry => b"cardwright vault 1 entry",
            Self::ImportKey => b"cardwright vault 1 import key",
        }
    }
}

/// HKDF-SHA-256 (RFC 5869) without a salt: the file key is as good as random already.
fn key_for(file_key: &FileKey, job: Job) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha256>::new(None, file_key.expose()).expand(job.info(), &mut *key);
    expanded.unwrap_or_else(|_| unreachable!("HKDF gives up to 8160 bytes"));
    key
}

/// HMAC-SHA-256 over a header. It also binds the file to one key, which GCM does not.
pub(super) fn header_mac(file_key: &FileKey, header: &[u8]) -> Hmac<Sha256> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*key_for(file_key, Job::Header));
    mac.unwrap_or_else(|_| unreachable!("HMAC takes keys of any length")).chain_update(header)
}

/// The cipher for a job.
pub(super) fn cipher(file_key: &FileKey, job: Job) -> Aes256Gcm {
    Aes256Gcm::new((&*key_for(file_key, job)).into())
}

/// A nonce that was never used, but for one chance in 2^33 even after 2^32 of them (SP 800-38D 8.3).
pub(super) fn nonce() -> Result<[u8; NONCE_LEN], NoRandomness> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

/// Encrypts in place, and gives the tag.
///
/// # Errors
/// Where the text is too long for GCM: 64 GiB.
pub(super) fn encrypt(
    cipher: &Aes256Gcm,
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    text: &mut [u8],
) -> Result<[u8; TAG_LEN], Error> {
    cipher.encrypt_inout_detached(nonce.into(), associated, text.into()).map(Into::into)
}

/// Decrypts in place what has its tag behind it, and gives the text.
///
/// # Errors
/// Where the tag is not the right one: key, nonce, associated data or text differ.
pub(super) fn decrypt<'a>(
    cipher: &Aes256Gcm,
    nonce: &[u8; NONCE_LEN],
    associated: &[u8],
    sealed: &'a mut [u8],
) -> Result<&'a [u8], Error> {
    let (text, tag) = sealed.split_last_chunk_mut::<TAG_LEN>().ok_or(Error)?;
    cipher.decrypt_inout_detached(nonce.into(), associated, (&mut *text).into(), (&*tag).into())?;
    Ok(text)
}
