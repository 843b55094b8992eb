//! RSA keys of HSMs, for tests alone.

use cardwright_proto::custody::certificate::CertifiedKey;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use sha1::{Digest, Sha1};

/// A key for each length: modulus and private exponent.
const KEYS: &str = include_str!("rsa_keys.txt");

/// Modulus and private exponent of so many bytes.
///
/// # Panics
/// For other lengths than 256, 384 and 512.
fn key(len: usize) -> (Vec<u8>, Vec<u8>) {
    let line = KEYS.lines().find(|line| line.find(' ') == Some(2 * len)).expect("256, 384 or 512");
    let (modulus, private) = line.split_once(' ').expect("two numbers");
    (hex::decode(modulus).expect("hex"), hex::decode(private).expect("hex"))
}

/// The modulus of 256, 384 or 512 bytes.
#[must_use]
pub fn modulus(len: usize) -> Vec<u8> {
    key(len).0
}

/// What a certificate says of a modulus of 256, 384 or 512 bytes.
#[must_use]
pub fn certified(modulus: &[u8]) -> CertifiedKey {
    let hash = cardwright_keys::custody::hash::sha256(&[modulus]);
    match modulus.len() {
        256 => CertifiedKey::Rsa2048(hash),
        384 => CertifiedKey::Rsa3072(hash),
        _ => CertifiedKey::Rsa4096(hash),
    }
}

/// OAEP with SHA-1, MGF1 with SHA-1, no label (RFC 8017 7.1.2), taken off with the key of this length.
///
/// # Panics
/// Where it is not that.
#[must_use]
pub fn decrypt(result: &[u8]) -> Vec<u8> {
    let (modulus, private) = key(result.len());
    let bits = u32::try_from(8 * result.len()).expect("4096 at most");
    let number = |bytes: &[u8]| BoxedUint::from_be_slice_truncated(bytes, bits);
    let params = BoxedMontyParams::new(Odd::new(number(&modulus)).expect("a modulus is odd"));
    let power = BoxedMontyForm::new(number(result), &params).pow(&number(&private));
    let message = power.retrieve().to_be_bytes().into_vec();
    let seed = xor(&message[1..21], &mask(&message[21..], 20));
    let block = xor(&message[21..], &mask(&seed, message.len() - 21));
    assert_eq!((message[0], &block[..20]), (0, &*Sha1::digest(b"")));
    let at = 20 + block[20..].iter().position(|byte| *byte != 0).expect("01");
    assert_eq!(block[at], 1);
    block[at + 1..].to_vec()
}

fn mask(seed: &[u8], len: usize) -> Vec<u8> {
    let blocks =
        (0_u32..).flat_map(|count| Sha1::new().chain_update(seed).chain_update(count.to_be_bytes()).finalize());
    blocks.take(len).collect()
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}
