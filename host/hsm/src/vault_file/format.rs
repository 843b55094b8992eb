//! The bytes of a vault file, version 1 (`docs/protocol/vault-file.md`). No I/O.

use super::kdf::{FileKey, Kdf, KdfError, SALT_LEN};
use super::record::{self, Records};
use super::seal::{Job, MAC_LEN, NONCE_LEN, TAG_LEN, cipher, decrypt, encrypt, header_mac, nonce};
use crate::random::NoRandomness;
use cardwright_keys::keyref::Name;
use hmac::Mac;

/// The first seven bytes. The eighth is the version.
const MAGIC: &[u8; 7] = b"CWVAULT";
const VERSION: u8 = 1;
/// Bytes of a header before its MAC: magic, version, four numbers, salt, writes, length, nonce.
const MACED_LEN: usize = 8 + 16 + SALT_LEN + 4 + 4 + NONCE_LEN;
/// Bytes of a header.
pub(super) const HEADER_LEN: usize = MACED_LEN + MAC_LEN;
/// The most bytes that a file may have: room for 300,000 keys of the longest kind.
pub(super) const MOST: u64 = 64 * 1024 * 1024;

/// What is wrong with a vault file's bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// No bytes at all.
    #[error("it is empty, as a vault is whose making was cut short: make it again")]
    Empty,
    /// Other first bytes.
    #[error("it is no vault file")]
    Magic,
    /// Another version of the format than 1.
    #[error("its format has version {0}, and this program knows version {VERSION}")]
    Version(u8),
    /// Cut off, or something behind it.
    #[error("it has {found} bytes, and {wanted} were written: it was cut off, or something was put behind it")]
    Length {
        /// Bytes that were written.
        wanted: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// More than 64 MiB.
    #[error("a vault file has at most {MOST} bytes, and this would be {0}")]
    TooLong(u64),
    /// Its key derivation is refused.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// Another key, or another header: the two cannot be told apart.
    #[error("the key is not the right one, or the first {HEADER_LEN} bytes of the file were changed")]
    Key,
    /// The right key, and something else than what it sealed.
    #[error("it is damaged, or was changed by somebody who does not have its key: put a good copy back")]
    Damaged,
    /// Sealed with the key, but not as the format says.
    #[error("byte {at} of its directory is not as the format wants it: {what}")]
    Malformed {
        /// Where, in the decrypted directory.
        at: usize,
        /// What is wanted there.
        what: &'static str,
    },
    /// A key that was sealed for another place.
    #[error("the key `{0}` cannot be decrypted: it was sealed for another name, version or purpose")]
    Entry(Name),
    /// A file beside the vault that is no import key.
    #[error("it is no import key, or was cut off")]
    ImportKey,
    /// An import key that the vault's key does not open.
    #[error("another vault made this import key, or the passphrase was changed since, or the file was")]
    ForeignImportKey,
}

/// What a writer decides of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kdf: Kdf,
    pub(super) salt: [u8; SALT_LEN],
    /// How many times this vault was written, this time included.
    pub(super) writes: u32,
}

/// A whole header, as it stands in the file.
pub(super) type HeaderBytes = [u8; HEADER_LEN];

/// A header as it was read; nothing of it is proven before its MAC is checked.
pub(super) struct Read<'a> {
    pub(super) header: Header,
    bytes: &'a HeaderBytes,
    maced: &'a [u8],
    mac: &'a [u8],
    nonce: [u8; NONCE_LEN],
    directory: &'a [u8],
}

/// Splits the next field off.
fn field<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*field)
}

/// Reads a file's header, and checks what can be checked without its key: lengths, and parameters.
pub(super) fn read(file: &[u8]) -> Result<Read<'_>, ContentError> {
    let found = file.len() as u64;
    let mut rest = file;
    match (field(&mut rest), field(&mut rest)) {
        _ if file.is_empty() => return Err(ContentError::Empty),
        (Some(magic), Some([VERSION])) if magic == *MAGIC => {}
        (Some(magic), Some([version])) if magic == *MAGIC => return Err(ContentError::Version(version)),
        _ => return Err(ContentError::Magic),
    }
    let short = ContentError::Length { wanted: (HEADER_LEN + TAG_LEN) as u64, found };
    let (bytes, directory) = file.split_first_chunk::<HEADER_LEN>().ok_or(short.clone())?;
    let (maced, mac) = bytes.split_at(MACED_LEN);
    let mut number = || field(&mut rest).map(u32::from_be_bytes).ok_or(short.clone());
    let numbers = [number()?, number()?, number()?, number()?];
    let salt = field(&mut rest).ok_or(short.clone())?;
    let mut number = || field(&mut rest).map(u32::from_be_bytes).ok_or(short.clone());
    let (writes, len) = (number()?, number()?);
    let nonce = field(&mut rest).ok_or(short)?;
    let wanted = HEADER_LEN as u64 + u64::from(len);
    if wanted != found {
        return Err(ContentError::Length { wanted, found });
    }
    let header = Header { kdf: Kdf::from_numbers(numbers)?, salt, writes };
    Ok(Read { header, bytes, maced, mac, nonce, directory })
}

impl Read<'_> {
    /// Decrypts the directory. The keys in it stay sealed.
    pub(super) fn open(&self, file_key: &FileKey) -> Result<Records, ContentError> {
        header_mac(file_key, self.maced).verify_slice(self.mac).map_err(|_| ContentError::Key)?;
        let mut directory = self.directory.to_vec();
        let directory = decrypt(&cipher(file_key, Job::Directory), &self.nonce, self.bytes, &mut directory);
        record::decode(directory.map_err(|_| ContentError::Damaged)?)
    }

    pub(super) const fn bytes(&self) -> HeaderBytes {
        *self.bytes
    }
}

/// Why a vault cannot be written as bytes.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Content(#[from] ContentError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// A whole file, and its header once more.
pub(super) fn write(
    file_key: &FileKey,
    header: Header,
    records: &Records,
) -> Result<(Vec<u8>, HeaderBytes), WriteError> {
    let mut file = vec![0; HEADER_LEN];
    record::encode(records, &mut file);
    let wanted = (file.len() + TAG_LEN) as u64;
    let too_long = ContentError::TooLong(wanted);
    let len = u32::try_from(wanted - HEADER_LEN as u64).ok().filter(|_| wanted <= MOST).ok_or(too_long.clone())?;
    let nonce = nonce()?;
    let (bytes, directory) = file.split_first_chunk_mut::<HEADER_LEN>().ok_or(too_long.clone())?;
    fill_header(file_key, header, len, &nonce, bytes);
    let tag = encrypt(&cipher(file_key, Job::Directory), &nonce, bytes, directory).map_err(|_| too_long)?;
    let bytes = *bytes;
    file.extend_from_slice(&tag);
    Ok((file, bytes))
}

fn fill_header(file_key: &FileKey, header: Header, len: u32, nonce: &[u8; NONCE_LEN], bytes: &mut HeaderBytes) {
    let mut maced = Vec::with_capacity(MACED_LEN);
    maced.extend_from_slice(MAGIC);
    maced.push(VERSION);
    header.kdf.numbers().iter().for_each(|number| maced.extend_from_slice(&number.to_be_bytes()));
    maced.extend_from_slice(&header.salt);
    maced.extend_from_slice(&header.writes.to_be_bytes());
    maced.extend_from_slice(&len.to_be_bytes());
    maced.extend_from_slice(nonce);
    let mac = header_mac(file_key, &maced).finalize().into_bytes();
    let (place, mac_place) = bytes.split_at_mut(MACED_LEN);
    place.copy_from_slice(&maced);
    mac_place.copy_from_slice(&mac);
}
