//! Keys: their lengths, the block primitives under published values, and that they are never shown.

use super::pair::Setup;
use cardwright_proto::block::{AesKey, CmacKey, KeyLength};
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{Mode, SoftCipher, Token};

#[test]
fn no_key_byte_in_debug() {
    const CANARY: [u8; 16] = *b"canary-key-bytes";
    let token = Token::new(&[1; 8]).unwrap();
    let context = Context::session(&token, &token);
    let setup = Setup::new(Mode::S8, 0x33);
    let (host, card) = setup.open();
    let (awaiting_host, awaiting_card) = setup.authenticating();
    let shown = [
        format!("{:?} {:#?}", AesKey::new(&CANARY).unwrap(), AesKey::new(&CANARY).unwrap()),
        format!("{:?} {:#?}", CmacKey::new(&CANARY).unwrap(), CmacKey::new(&CANARY).unwrap()),
        format!("{:?}", SoftCipher::new(&CANARY, &CANARY, &CANARY).unwrap()),
        format!("{:?}", SoftCipher::derive(&CANARY, &CANARY, &context).unwrap()),
    ];
    for text in &shown {
        for form in [String::from_utf8(CANARY.to_vec()).unwrap(), hex::encode(CANARY), hex::encode_upper(CANARY)] {
            assert!(!text.contains(&form), "{text}");
        }
        // Neither as a list of decimal numbers.
        assert!(!text.contains("99, 97, 110"), "{text}");
        assert!(text.contains("Key(..)"), "{text}");
    }
    // In the states of a session, keys stand behind the same types.
    for text in [format!("{host:?}"), format!("{card:?}"), format!("{awaiting_host:?}"), format!("{awaiting_card:?}")] {
        assert!(text.contains("enc: AesKey(..), mac: CmacKey(..), rmac: CmacKey(..)"), "{text}");
    }
}

#[test]
fn key_lengths() {
    let token = Token::new(&[1; 8]).unwrap();
    let context = Context::session(&token, &token);
    for len in 0..=64 {
        let key = vec![0x42; len];
        let fits = matches!(len, 16 | 24 | 32);
        let expected = if fits { Ok(()) } else { Err(KeyLength(len)) };
        assert_eq!(AesKey::new(&key).map(|_| ()), expected);
        assert_eq!(CmacKey::new(&key).map(|_| ()), expected);
        assert_eq!(SoftCipher::derive(&key, &key, &context).map(|_| ()), expected);
        assert_eq!(SoftCipher::new(&key, &[0; 16], &[0; 16]).map(|_| ()), expected);
        assert_eq!(SoftCipher::new(&[0; 16], &key, &[0; 16]).map(|_| ()), expected);
        assert_eq!(SoftCipher::new(&[0; 16], &[0; 16], &key).map(|_| ()), expected);
    }
    assert_eq!(SoftCipher::derive(&[0; 16], &[0; 32], &context).map(|_| ()), Err(KeyLength(16)));
}

/// SP 800-38A F.1 and F.2, first two blocks.
#[test]
fn published_block_values() {
    let plain = hex::decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51").unwrap();
    let iv: [u8; 16] = core::array::from_fn(|n| u8::try_from(n).unwrap());
    let cases = [
        (
            "2b7e151628aed2a6abf7158809cf4f3c",
            "3ad77bb40d7a3660a89ecaf32466ef97",
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
        ),
        (
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "bd334f1d6e45f25ff712a214571fa5cc",
            "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
        ),
        (
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "f3eed1bdb5d2a03c064b5a7e3db181f8",
            "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
        ),
    ];
    for (key, ecb, cbc) in cases {
        let key = AesKey::new(&hex::decode(key).unwrap()).unwrap();
        let mut block: [u8; 16] = plain[..16].try_into().unwrap();
        key.encrypt_block(&mut block);
        assert_eq!(hex::encode(block), ecb);
        let mut data = plain.clone();
        key.cbc_encrypt(&iv, &mut data);
        assert_eq!(hex::encode(&data), cbc);
        key.cbc_decrypt(&iv, &mut data);
        assert_eq!(data, plain);
    }
}
