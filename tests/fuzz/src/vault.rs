//! A vault file: whatever is in its place, and whatever somebody who has its key may have put into it.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use cardwright_hsm::FileKey;
use cardwright_hsm::vault_file::{ContentError, check_bytes};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The key of every vault here, so that no passphrase is needed. The keys in the corpus are sealed under it.
const KEY: [u8; 32] = [0x5A; 32];

fn key_for(info: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, &KEY).expand(info, &mut key).expect("32 bytes are one block");
    key
}

/// A file with this directory, made from the specification.
fn seal(directory: &[u8]) -> Vec<u8> {
    let nonce = [3; 12];
    let mut file = b"CWVAULT\x01".to_vec();
    [2_u32, 100_000, 0, 0].iter().for_each(|number| file.extend(number.to_be_bytes()));
    file.extend([1; 32]);
    file.extend(1_u32.to_be_bytes());
    file.extend(u32::try_from(directory.len() + 16).expect("inputs are short").to_be_bytes());
    file.extend(nonce);
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key_for(b"cardwright vault 1 header")).expect("any length");
    file.extend(mac.chain_update(&file).finalize().into_bytes());
    let mut sealed = directory.to_vec();
    let tag = Aes256Gcm::new(&key_for(b"cardwright vault 1 directory").into())
        .encrypt_inout_detached(&nonce.into(), &file, sealed.as_mut_slice().into())
        .expect("inputs are short");
    [file, sealed, tag.to_vec()].concat()
}

/// The bytes as a file; and as the directory of a file that is good otherwise.
pub fn vault_file(data: &[u8]) {
    let key = FileKey::new(&KEY);
    if let Err(error) = check_bytes(data, &key) {
        assert!(!error.to_string().is_empty());
    }
    let mut file = seal(data);
    match check_bytes(&file, &key) {
        Ok(report) => assert!(7 * (report.keys.len() + report.destroyed.len()) <= data.len()),
        Err(ContentError::Malformed { at, .. }) => assert!(at <= data.len()),
        Err(ContentError::Entry(_)) => {}
        Err(error) => panic!("it is a vault: {error}"),
    }
    let middle = file.len() / 2;
    file[middle] ^= 1;
    check_bytes(&file, &key).expect_err("one bit is another one");
}
