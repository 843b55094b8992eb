//! An Ed25519 key in a file under a passphrase: PKCS #8 EncryptedPrivateKeyInfo (RFC 5958) as PEM (RFC 7468), PBES2 (RFC
//! 8018), the key as RFC 8410 has it. `openssl pkey` reads and writes the same.

use crate::key_file::{KeyLoadError, NewSecretFile, load_secret_file};
use crate::random::NoRandomness;
use crate::vault_file::{Passphrase, TooShort};
use cardwright_keys::approval::PublicKey;
use ed25519_dalek::{Signer, SigningKey};
use pkcs8::der::SecretDocument;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// PBKDF2-HMAC-SHA-256, as often as OWASP wants it.
const ITERATIONS: u32 = 600_000;
/// The most iterations of PBKDF2 that a file may cost.
const MOST_ITERATIONS: u32 = 10_000_000;
/// The most memory of scrypt that a file may cost, in bytes: 128 N r.
const MOST_MEMORY: u64 = 256 << 20;
/// The most that a file may let scrypt go through such memory.
const MOST_LANES: u16 = 16;

/// id-Ed25519 (RFC 8410, 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// PrivateKeyInfo of an Ed25519 key, all but the 32 bytes behind it: version 0, id-Ed25519, an octet string in an octet
/// string (RFC 8410, 7).
const BEFORE: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// Why an operator's key file cannot be used or made. No passphrase and no key is ever in one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file itself: not there, not ours alone, there already.
    #[error(transparent)]
    File(#[from] KeyLoadError),
    /// There are no random numbers.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// A new passphrase that is too short.
    #[error(transparent)]
    TooShort(#[from] TooShort),
    /// Whoever gets at the file has the key.
    #[error("`{}` is not under a passphrase", .0.display())]
    NotEncrypted(PathBuf),
    /// Something else.
    #[error("`{}` is no key under a passphrase: no PKCS #8 in PEM, which begins with BEGIN ENCRYPTED PRIVATE KEY", .0.display())]
    NotAKey(PathBuf),
    /// PBES1, 3DES, HMAC-SHA-1.
    #[error("`{}` is encrypted in a way that is not used any more: PBES2 with AES and HMAC-SHA-2 or scrypt is", .0.display())]
    Unsupported(PathBuf),
    /// Made to stop the machine, or no number that there is. Nothing was computed.
    #[error("`{}` asks for {what}: {asked}; at most {most} is taken", path.display())]
    Work {
        /// The file.
        path: PathBuf,
        /// The parameter.
        what: &'static str,
        /// Its value.
        asked: u64,
        /// The most that a file may cost.
        most: u64,
    },
    /// It does not open the file.
    #[error("the passphrase does not open `{}`, or the file is damaged", .0.display())]
    WrongPassphrase(PathBuf),
    /// An RSA key, for instance.
    #[error("`{}` holds another key than an Ed25519 one", .0.display())]
    OtherAlgorithm(PathBuf),
    /// Its public half is one that no signature is accepted from.
    #[error("`{}` holds a weak key", .0.display())]
    Weak(PathBuf),
    /// The file could not be put together.
    #[error("`{}` could not be written: {error}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: pkcs8::Error,
    },
}

/// A key in memory. Wiped when it is dropped.
pub struct FileSigner {
    key: Box<SigningKey>,
    public: PublicKey,
}

impl std::fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSigner").field("public", &self.public).finish_non_exhaustive()
    }
}

impl FileSigner {
    fn new(seed: &[u8; 32], path: &Path) -> Result<Self, FileError> {
        let key = Box::new(SigningKey::from_bytes(seed));
        let public = PublicKey::new(key.verifying_key().as_bytes()).map_err(|_| FileError::Weak(path.to_owned()))?;
        Ok(Self { key, public })
    }

    /// Makes a new key in a new file of mode 0600: PBKDF2-HMAC-SHA-256 with 600,000 iterations, AES-256-CBC. It is durable
    /// when this returns; on an error there is no file.
    ///
    /// # Errors
    /// [`FileError`]; a file that is there is never overwritten.
    pub fn create(path: &Path, passphrase: &Passphrase) -> Result<Self, FileError> {
        passphrase.check_new()?;
        let file = NewSecretFile::create(path)?;
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed)?;
        let key = Self::new(&seed, path)?;
        file.write(sealed(&seed, passphrase, path)?.as_bytes())?;
        Ok(key)
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, FileError> {
        Locked::read(path)?.open(passphrase)
    }

    /// What its signatures are checked with.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public
    }

    /// Signs (RFC 8032, 5.1.6).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

fn random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    Ok(getrandom::fill(bytes)?)
}

/// The file's text.
fn sealed(seed: &[u8; 32], passphrase: &Passphrase, path: &Path) -> Result<Zeroizing<String>, FileError> {
    let failed = |error| FileError::Encode { path: path.to_owned(), error };
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    random(&mut salt)?;
    random(&mut iv)?;
    // With room for the padding.
    let mut data = Zeroizing::new([0; BEFORE.len() + 32 + 16]);
    data[..BEFORE.len()].copy_from_slice(&BEFORE);
    data[BEFORE.len()..][..32].copy_from_slice(seed);
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, iv);
    let parameters = parameters.map_err(|error| failed(error.into()))?;
    let encrypted = parameters.encrypt_in_place(passphrase.bytes(), &mut *data, BEFORE.len() + 32);
    let encrypted_data = encrypted.map_err(|error| failed(error.into()))?;
    let encrypted_data = OctetStringRef::new(encrypted_data).map_err(|error| failed(error.into()))?;
    let encryption_algorithm = EncryptionScheme::Pbes2(parameters);
    let file: SecretDocument =
        EncryptedPrivateKeyInfoRef { encryption_algorithm, encrypted_data }.try_into().map_err(failed)?;
    file.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).map_err(|error| failed(error.into()))
}

/// A key file that was read, before anybody is asked for its passphrase.
#[derive(Debug)]
pub struct Locked {
    path: PathBuf,
    parameters: Parameters,
    data: Vec<u8>,
}

impl Locked {
    /// Reads the file, with the checks that key files get, and looks at what opening it would cost.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let not_a_key = || FileError::NotAKey(path.to_owned());
        let text = load_secret_file(path)?;
        let text = std::str::from_utf8(&text).map_err(|_| not_a_key())?;
        let (label, document) = SecretDocument::from_pem(text).map_err(|_| not_a_key())?;
        match label {
            "ENCRYPTED PRIVATE KEY" => {}
            "PRIVATE KEY" | "OPENSSH PRIVATE KEY" => return Err(FileError::NotEncrypted(path.to_owned())),
            _ => return Err(not_a_key()),
        }
        // What is of a kind that is not known does not get through the parser.
        let found = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes());
        let found = found.map_err(|_| FileError::Unsupported(path.to_owned()))?;
        let EncryptionScheme::Pbes2(parameters) = found.encryption_algorithm else {
            return Err(FileError::Unsupported(path.to_owned()));
        };
        check_work(&parameters.kdf, path)?;
        Ok(Self { path: path.to_owned(), parameters, data: found.encrypted_data.as_bytes().to_vec() })
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`FileError::WrongPassphrase`], [`FileError::Unsupported`], [`FileError::OtherAlgorithm`], [`FileError::Weak`].
    pub fn open(self, passphrase: &Passphrase) -> Result<FileSigner, FileError> {
        let Self { path, parameters, data } = self;
        let wrong = || FileError::WrongPassphrase(path.clone());
        let mut data = Zeroizing::new(data);
        let clear = parameters.decrypt_in_place(passphrase.bytes(), &mut data).map_err(|error| match error {
            pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. } => FileError::Unsupported(path.clone()),
            _ => wrong(),
        })?;
        // Padding comes out right by chance, one wrong passphrase in 256; a key behind it does not.
        let info = PrivateKeyInfoRef::try_from(clear).map_err(|_| wrong())?;
        if info.algorithm.oid != ED25519 {
            return Err(FileError::OtherAlgorithm(path));
        }
        let seed = info.private_key.as_bytes().strip_prefix(&BEFORE[14..]).and_then(|seed| seed.try_into().ok());
        FileSigner::new(seed.ok_or_else(wrong)?, &path)
    }
}

fn check_work(kdf: &Kdf, path: &Path) -> Result<(), FileError> {
    let within = |what, asked: u64, least: u64, most: u64| {
        let good = (least..=most).contains(&asked);
        if good { Ok(()) } else { Err(FileError::Work { path: path.to_owned(), what, asked, most }) }
    };
    match kdf {
        Kdf::Pbkdf2(pbkdf2) => within("iterations of PBKDF2", pbkdf2.iteration_count.into(), 1, MOST_ITERATIONS.into()),
        Kdf::Scrypt(scrypt) => {
            let memory = scrypt.cost_parameter.saturating_mul(128).saturating_mul(scrypt.block_size.into());
            within("bytes of memory for scrypt", memory, 1, MOST_MEMORY)?;
            within("lanes of scrypt", scrypt.parallelization.into(), 1, MOST_LANES.into())?;
            let power = scrypt.cost_parameter > 1 && scrypt.cost_parameter.is_power_of_two();
            if power { Ok(()) } else { Err(FileError::Unsupported(path.to_owned())) }
        }
        _ => Err(FileError::Unsupported(path.to_owned())),
    }
}
