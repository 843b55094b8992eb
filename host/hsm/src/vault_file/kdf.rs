//! From a passphrase to the key of a vault file.

use argon2::{Argon2, Block, Params, Version};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes of a vault file's salt.
pub(super) const SALT_LEN: usize = 32;

/// What opens a vault file: the bytes as they were typed, neither trimmed nor normalised. Wiped when it is dropped.
pub struct Passphrase(Zeroizing<Box<[u8]>>);

impl Passphrase {
    /// The fewest characters of a new one. Twelve random letters and digits are worth 71 bits, which no search gets
    /// through; twelve characters that a person thought up are worth less, and no length can tell.
    pub const LEAST: usize = 12;

    /// Copies a passphrase; the caller wipes its own bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// How many characters it has; of bytes that are no UTF-8, how many begin one.
    fn characters(&self) -> usize {
        self.0.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Fit for a new vault, or a new operator's key?
    pub(crate) fn check_new(&self) -> Result<(), TooShort> {
        let characters = self.characters();
        if characters < Self::LEAST { Err(TooShort { characters }) } else { Ok(()) }
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Passphrase {}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// A new passphrase with fewer than [`Passphrase::LEAST`] characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase has {characters} characters, and a new one wants at least {least}", least = Passphrase::LEAST)]
pub struct TooShort {
    /// How many it has.
    pub characters: usize,
}

/// The key of a vault file: what the passphrase gives, and all that the file's other keys are made of.
///
/// Whoever holds it can read and write this vault until its passphrase is changed. Wiped when it is dropped.
pub struct FileKey(Box<Zeroizing<[u8; 32]>>);

impl FileKey {
    /// Copies a key; the caller wipes its own bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        let mut key = Box::new(Zeroizing::new([0; 32]));
        key.copy_from_slice(bytes);
        Self(key)
    }

    /// The bytes, for whoever has to keep them. Every use of this is a place where they can leak.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for FileKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for FileKey {}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey")
    }
}

/// How the file key is made from the passphrase: what one guess at it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kdf {
    /// Argon2id version 0x13 (RFC 9106), 32 bytes out.
    Argon2id {
        /// Memory in KiB: 19,456 (OWASP's floor of 19 MiB) to 1,048,576 (1 GiB).
        memory_kib: u32,
        /// Passes over it: 2 to 16.
        passes: u32,
        /// Lanes: 1 to 16. They are computed one after another.
        lanes: u32,
    },
    /// PBKDF2 with HMAC-SHA-256 (SP 800-132), 32 bytes out, where only what FIPS approves may be used.
    Pbkdf2HmacSha256 {
        /// Iterations: 100,000 to 10,000,000.
        iterations: u32,
    },
}

/// Parameters that are not used, as too weak or as a file that was made to stop the machine; or a machine too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KdfError {
    /// A parameter out of its range. Nothing was computed.
    #[error("{what}: {asked} is asked for, and {least} to {most} are taken")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// Its value.
        asked: u32,
        /// The least that is safe.
        least: u32,
        /// The most that a file may cost.
        most: u32,
    },
    /// No function of this number is known, or it has other parameters.
    #[error("key derivation function {0} is not known")]
    Unknown(u32),
    /// There is not that much memory.
    #[error("Argon2id wants {kib} KiB of memory, and there is not that much")]
    Memory {
        /// How much, in KiB.
        kib: u32,
    },
    /// Argon2id refused what lies within the ranges.
    #[error("Argon2id: {0}")]
    Argon2(argon2::Error),
}

impl Default for Kdf {
    fn default() -> Self {
        Self::ARGON2ID
    }
}

impl Kdf {
    /// Argon2id with 64 MiB, 3 passes, 1 lane: a second at most on small machines.
    pub const ARGON2ID: Self = Self::Argon2id { memory_kib: 64 * 1024, passes: 3, lanes: 1 };
    /// PBKDF2-HMAC-SHA-256 with OWASP's 600,000 iterations.
    pub const PBKDF2: Self = Self::Pbkdf2HmacSha256 { iterations: 600_000 };

    /// Whether these parameters are used at all: strong enough, and not made to stop the machine.
    ///
    /// # Errors
    /// [`KdfError::OutOfRange`]
    pub fn check(self) -> Result<(), KdfError> {
        let range = |what, asked, least, most| {
            let good = (least..=most).contains(&asked);
            if good { Ok(()) } else { Err(KdfError::OutOfRange { what, asked, least, most }) }
        };
        match self {
            Self::Argon2id { memory_kib, passes, lanes } => {
                range("memory of Argon2id in KiB", memory_kib, 19 * 1024, 1024 * 1024)?;
                range("passes of Argon2id", passes, 2, 16)?;
                range("lanes of Argon2id", lanes, 1, 16)
            }
            Self::Pbkdf2HmacSha256 { iterations } => range("iterations of PBKDF2", iterations, 100_000, 10_000_000),
        }
    }

    /// The four numbers that a header holds.
    pub(super) const fn numbers(self) -> [u32; 4] {
        match self {
            Self::Argon2id { memory_kib, passes, lanes } => [1, memory_kib, passes, lanes],
            Self::Pbkdf2HmacSha256 { iterations } => [2, iterations, 0, 0],
        }
    }

    /// From a header's four numbers, which are within their ranges.
    pub(super) fn from_numbers(numbers: [u32; 4]) -> Result<Self, KdfError> {
        let kdf = match numbers {
            [1, memory_kib, passes, lanes] => Self::Argon2id { memory_kib, passes, lanes },
            [2, iterations, 0, 0] => Self::Pbkdf2HmacSha256 { iterations },
            [other, ..] => return Err(KdfError::Unknown(other)),
        };
        kdf.check().map(|()| kdf)
    }

    /// The file key: what takes the time.
    pub(super) fn derive(self, passphrase: &Passphrase, salt: &[u8; SALT_LEN]) -> Result<FileKey, KdfError> {
        self.check()?;
        let mut key = FileKey::new(&[0; 32]);
        match self {
            Self::Argon2id { memory_kib, passes, lanes } => {
                let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(KdfError::Argon2)?;
                let count = params.block_count();
                let mut blocks = Zeroizing::new(Vec::new());
                blocks.try_reserve_exact(count).map_err(|_| KdfError::Memory { kib: memory_kib })?;
                blocks.resize(count, Block::default());
                let argon2 = Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, params);
                argon2
                    .hash_password_into_with_memory(&passphrase.0, salt, &mut **key.0, blocks.as_mut_slice())
                    .map_err(KdfError::Argon2)?;
            }
            Self::Pbkdf2HmacSha256 { iterations } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(&passphrase.0, salt, iterations, &mut **key.0);
            }
        }
        Ok(key)
    }
}

impl fmt::Display for Kdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2id { memory_kib, passes, lanes } => {
                write!(f, "Argon2id, {memory_kib} KiB, {passes} passes")?;
                if *lanes == 1 { Ok(()) } else { write!(f, ", {lanes} lanes") }
            }
            Self::Pbkdf2HmacSha256 { iterations } => write!(f, "PBKDF2-HMAC-SHA-256, {iterations} iterations"),
        }
    }
}
