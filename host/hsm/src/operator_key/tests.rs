use super::{FileError, FileSigner, Locked, NoOperatorKeyRef, OperatorKeyRef};
use crate::key_file::KeyLoadError;
use crate::vault_file::Passphrase;
use cardwright_keys::approval::PublicKey;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Encode, EncodePem};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt, ScryptParams};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// RFC 8410, 10.3: a private key, and 10.1: its public half.
const SEED: &str = "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
const PUBLIC: &str = "ed25519:19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

fn passphrase() -> Passphrase {
    Passphrase::new(b"seven grey herons on a wire")
}

fn desk() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna.pem");
    (dir, path)
}

fn write(path: &PathBuf, text: &str) {
    drop(fs::remove_file(path));
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A file by these parameters, over what is to be in it.
fn sealed(parameters: Parameters, clear: &[u8]) -> String {
    let data = parameters.encrypt(b"seven grey herons on a wire", clear).unwrap_or_else(|_| vec![0; 64]);
    file(EncryptionScheme::Pbes2(parameters), &data)
}

fn file(encryption_algorithm: EncryptionScheme, data: &[u8]) -> String {
    let encrypted_data = OctetStringRef::new(data).unwrap();
    EncryptedPrivateKeyInfoRef { encryption_algorithm, encrypted_data }.to_pem(LineEnding::LF).unwrap()
}

fn known(oid: &str) -> Vec<u8> {
    let seed = hex::decode(format!("0420{SEED}")).unwrap();
    let algorithm = pkcs8::AlgorithmIdentifierRef { oid: oid.parse().unwrap(), parameters: None };
    let info = PrivateKeyInfoRef { algorithm, private_key: OctetStringRef::new(&seed).unwrap(), public_key: None };
    info.to_der().unwrap()
}

const ED25519: &str = "1.3.101.112";

fn pbkdf2(iterations: u32) -> Parameters {
    Parameters::generate_pbkdf2_sha256_aes256cbc(iterations, &[7; 16], [9; 16]).unwrap()
}

fn scrypt(cost: u64, block_size: u16, parallelization: u16) -> Parameters {
    let salt = Salt::new([7; 16]).unwrap();
    let scrypt = ScryptParams { salt, cost_parameter: cost, block_size, parallelization, key_length: None };
    Parameters { kdf: scrypt.into(), ..pbkdf2(1) }
}

#[test]
fn a_new_key_signs_and_is_read_again() {
    let (_dir, path) = desk();
    let made = FileSigner::create(&path, &passphrase()).unwrap();
    let read = FileSigner::open(&path, &passphrase()).unwrap();
    assert_eq!(made.public_key(), read.public_key());
    let signature = read.sign(b"a request");
    assert!(made.public_key().signed(b"a request", &signature));
    assert!(!made.public_key().signed(b"another", &signature));
    let meta = fs::metadata(&path).unwrap();
    assert_eq!(meta.permissions().mode() & 0o7777, 0o600);
    assert!(!format!("{read:?}").contains("SigningKey"));
    // Another key every time.
    let other = FileSigner::create(&path.with_extension("2"), &passphrase()).unwrap();
    assert_ne!(made.public_key(), other.public_key());
}

#[test]
fn what_is_written_takes_the_work_that_is_promised() {
    let (_dir, path) = desk();
    FileSigner::create(&path, &passphrase()).unwrap();
    let locked = format!("{:?}", Locked::read(&path).unwrap());
    assert!(locked.contains("iteration_count: 600000") && locked.contains("HmacWithSha256"), "{locked}");
    assert!(locked.contains("Aes256Cbc"), "{locked}");
}

#[test]
fn nothing_is_written_over() {
    let (_dir, path) = desk();
    write(&path, "something");
    let refused = FileSigner::create(&path, &passphrase());
    assert!(matches!(refused, Err(FileError::File(KeyLoadError::Exists(_)))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "something");
    let other = path.with_extension("2");
    assert!(matches!(FileSigner::create(&other, &Passphrase::new(b"eleven char")), Err(FileError::TooShort(_))));
    assert!(!other.exists(), "a file without a key");
}

#[test]
fn a_known_key_is_read_whatever_it_is_sealed_with() {
    let (_dir, path) = desk();
    for parameters in [
        pbkdf2(1),
        pbkdf2(2048),
        scrypt(1 << 10, 8, 1),
        Parameters::generate_scrypt_aes128cbc(pkcs5_scrypt(), &[3; 8], [4; 16]).unwrap(),
        Parameters::scrypt_aes256gcm(pkcs5_scrypt(), &[3; 8], [4; 12]).unwrap(),
    ] {
        write(&path, &sealed(parameters, &known(ED25519)));
        let key = FileSigner::open(&path, &passphrase()).unwrap();
        assert_eq!(key.public_key(), PUBLIC.parse::<PublicKey>().unwrap());
    }
}

fn pkcs5_scrypt() -> pkcs8::pkcs5::scrypt::Params {
    pkcs8::pkcs5::scrypt::Params::new(10, 8, 1).unwrap()
}

/// All but the last of these would take hours, or more memory than there is: that the test ends shows that nothing was computed.
#[test]
fn a_file_cannot_stop_the_machine() {
    let (_dir, path) = desk();
    let refused = |parameters: Parameters| {
        write(&path, &file(EncryptionScheme::Pbes2(parameters), &[0; 64]));
        Locked::read(&path).unwrap_err()
    };
    let with = |iteration_count| Parameters {
        kdf: Pbkdf2Params {
            salt: Salt::new([7; 16]).unwrap(),
            iteration_count,
            key_length: None,
            prf: Pbkdf2Prf::HmacWithSha256,
        }
        .into(),
        ..pbkdf2(1)
    };
    for iterations in [0, 10_000_001, u32::MAX] {
        assert!(matches!(refused(with(iterations)), FileError::Work { asked, .. } if asked == u64::from(iterations)));
    }
    // 1 TiB; what overflows; a little too much; too often; and none at all.
    for (cost, block, lanes) in [
        (1 << 30, 8, 1),
        (u64::MAX, u16::MAX, 1),
        (1 << 63, 8, 1),
        (1 << 19, 8, 1),
        (1 << 10, 8, 17),
        (0, 8, 1),
        (16, 0, 1),
        (16, 8, 0),
    ] {
        assert!(matches!(refused(scrypt(cost, block, lanes)), FileError::Work { .. }), "{cost} {block} {lanes}");
    }
    for cost in [1, 3, 1000] {
        assert!(matches!(refused(scrypt(cost, 8, 1)), FileError::Unsupported(_)), "{cost}");
    }
    write(&path, &file(EncryptionScheme::Pbes2(scrypt(1 << 18, 8, 1)), &[0; 64]));
    assert!(Locked::read(&path).is_ok(), "as much as is taken");
}

#[test]
fn every_other_file_is_refused_by_name() {
    let (_dir, path) = desk();
    let opened = |text: &str| {
        write(&path, text);
        FileSigner::open(&path, &passphrase()).unwrap_err()
    };
    let good = sealed(pbkdf2(1), &known(ED25519));
    write(&path, &good);
    let wrong = FileSigner::open(&path, &Passphrase::new(b"seven grey herons on a mire"));
    assert!(matches!(wrong, Err(FileError::WrongPassphrase(_))));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(FileSigner::open(&path, &passphrase()), Err(FileError::File(KeyLoadError::Mode { .. }))));
    assert!(matches!(opened(&sealed(pbkdf2(1), &known("1.3.101.110"))), FileError::OtherAlgorithm(_)));
    assert!(matches!(opened(&sealed(pbkdf2(1), b"no key at all")), FileError::WrongPassphrase(_)));
    assert!(matches!(opened(&good.replace("ENCRYPTED ", "")), FileError::NotEncrypted(_)));
    assert!(matches!(opened(&good.replace("ENCRYPTED PRIVATE KEY", "CERTIFICATE")), FileError::NotAKey(_)));
    for text in ["", "no key", "\u{0}", &good[..good.len() / 2], &"x".repeat(4096)] {
        assert!(matches!(opened(text), FileError::NotAKey(_)), "{text}");
    }
    assert!(matches!(opened(&"x".repeat(4097)), FileError::File(KeyLoadError::TooLong(_))));
    let sha1 = pbes2::Kdf::Pbkdf2(Pbkdf2Params {
        salt: Salt::new([7; 16]).unwrap(),
        iteration_count: 1,
        key_length: None,
        prf: Pbkdf2Prf::HmacWithSha1,
    });
    let sha1 = file(EncryptionScheme::Pbes2(Parameters { kdf: sha1, ..pbkdf2(1) }), &[0; 64]);
    assert!(matches!(opened(&sha1), FileError::Unsupported(_)));
}

/// Whatever bytes stand in a file, reading it ends in an error or a key, and with the right parameters.
#[test]
fn damage_is_found() {
    let (_dir, path) = desk();
    let (_, whole) = pkcs8::der::SecretDocument::from_pem(&sealed(pbkdf2(2), &known(ED25519))).unwrap();
    for at in 0..whole.as_bytes().len() {
        for flip in [0x01, 0x80] {
            let mut bytes = whole.as_bytes().to_vec();
            bytes[at] ^= flip;
            let text = pkcs8::der::pem::encode_string("ENCRYPTED PRIVATE KEY", LineEnding::LF, &bytes).unwrap();
            write(&path, &text);
            // CBC has no MAC: a changed IV or block may give another key, which then is nobody's.
            if let Ok(key) = FileSigner::open(&path, &passphrase()) {
                assert_ne!(key.public_key(), PUBLIC.parse::<PublicKey>().unwrap(), "byte {at}");
            }
        }
    }
}

#[test]
fn a_reference_names_a_file_or_a_key_in_a_token() {
    for text in ["file:anna.pem", "file:/a b/c@d", "pkcs11:token=t;object=anna?module-path=/m.so", "pkcs11:id=%01"] {
        assert_eq!(text.parse::<OperatorKeyRef>().unwrap().to_string(), text);
    }
    for text in ["", "file:", "anna.pem", "prompt", "fd:3", "vault:a/b", "gp-test"] {
        assert_eq!(text.parse::<OperatorKeyRef>(), Err(NoOperatorKeyRef::Form), "{text}");
    }
    assert_eq!("pkcs11:token=t".parse::<OperatorKeyRef>(), Err(NoOperatorKeyRef::NoObject));
    let pin = "pkcs11:token=t;object=a?pin-value=1234".parse::<OperatorKeyRef>();
    assert!(matches!(&pin, Err(NoOperatorKeyRef::Uri(error)) if !error.to_string().contains("1234")), "{pin:?}");
}
