use super::{Algorithm, KeyMaterial, KeyTextError, SecretKey};
use cardwright_proto::block::KeyLength;
use cardwright_proto::gp::key::{Kcv, KeySet};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection::vec, prop_assert, prop_assert_eq};

const HEX: &str = "404142434445464748494A4B4C4D4E4F";

fn keys(material: &KeyMaterial) -> Vec<&[u8]> {
    match material {
        KeyMaterial::One(key) => vec![key.expose()],
        KeyMaterial::Set(set) => set.iter().map(SecretKey::expose).collect(),
    }
}

fn error(text: &str) -> KeyTextError {
    KeyMaterial::parse(text.as_bytes()).unwrap_err()
}

#[test]
fn one_key_or_three() {
    let one = KeyMaterial::parse(HEX.as_bytes()).unwrap();
    assert_eq!(keys(&one), [b"@ABCDEFGHIJKLMNO"]);
    assert_eq!(keys(&KeyMaterial::gp_test()), keys(&one));
    let lower = KeyMaterial::parse(format!("{}\r\n \n", HEX.to_lowercase()).as_bytes()).unwrap();
    assert_eq!(keys(&lower), keys(&one));

    let [enc, mac, dek] = ["11", "22", "33"].map(|byte| byte.repeat(24));
    let set = KeyMaterial::parse(format!("{enc},{mac},{dek}\n").as_bytes()).unwrap();
    assert_eq!(keys(&set), [[0x11; 24], [0x22; 24], [0x33; 24]]);
    assert_eq!(set.key_len(), 24);
}

#[test]
fn wrong_text_is_named_by_place() {
    for empty in ["", "\n", " \t\r\n"] {
        assert_eq!(error(empty), KeyTextError::Empty);
    }
    assert_eq!(error(&format!("{HEX},{HEX}")), KeyTextError::Count(2));
    assert_eq!(error(&format!("{HEX},{HEX},{HEX},{HEX}")), KeyTextError::Count(4));
    assert_eq!(error(&format!("{HEX},{HEX},")), KeyTextError::Digits { key: 3, digits: 0 });
    assert_eq!(error(&format!(" {HEX}")), KeyTextError::NotHex { key: 1, position: 1 });
    assert_eq!(error(&format!("{HEX}, {HEX},{HEX}")), KeyTextError::NotHex { key: 2, position: 1 });
    assert_eq!(error(&HEX[1..]), KeyTextError::Digits { key: 1, digits: 31 });
    assert_eq!(error(&HEX.repeat(3)), KeyTextError::Digits { key: 1, digits: 96 });
    let long = HEX.repeat(2);
    assert_eq!(error(&format!("{HEX},{long},{HEX}")), KeyTextError::Unequal(16, 32, 16));
    assert_eq!(error(&format!("{HEX},{HEX},{long}")), KeyTextError::Unequal(16, 16, 32));
}

#[test]
fn check_values() {
    // Computed with OpenSSL: enc -aes-128-ecb and -des-ede.
    let key = SecretKey::new(b"@ABCDEFGHIJKLMNO").unwrap();
    assert_eq!(key.kcv(Algorithm::Aes), Ok(Kcv([0x50, 0x4A, 0x77])));
    assert_eq!(key.kcv(Algorithm::TripleDes), Ok(Kcv([0x8B, 0xAF, 0x47])));
    let three = SecretKey::new(b"@ABCDEFGHIJKLMNO@ABCDEFG").unwrap();
    assert_eq!(three.kcv(Algorithm::TripleDes), Ok(Kcv([0x8B, 0xAF, 0x47])), "K3 = K1 is 2-key 3DES");
    assert_eq!(SecretKey::new(&[0; 32]).unwrap().kcv(Algorithm::TripleDes), Err(KeyLength(32)));
    // Likewise, with -aria-128-ecb and -seed-ecb.
    assert_eq!(key.kcv(Algorithm::Aria), Ok(Kcv([0xC5, 0x94, 0xBB])));
    assert_eq!(key.kcv(Algorithm::Seed), Ok(Kcv([0x48, 0xD4, 0x6C])));
    assert_eq!(three.kcv(Algorithm::Seed), Err(KeyLength(24)));
    let all = [Algorithm::Aes, Algorithm::TripleDes, Algorithm::Aria, Algorithm::Seed];
    assert_eq!(all.map(Algorithm::name), ["AES", "3DES", "ARIA", "SEED"]);
}

#[test]
fn nothing_shows_a_key() {
    let material = KeyMaterial::Set(
        KeySet { enc: [0x5A; 16], mac: [0x5B; 16], dek: [0x5C; 16] }.map(|key| SecretKey::new(&key).unwrap()),
    );
    assert_eq!(
        format!("{material:?}"),
        "Set(KeySet { enc: SecretKey(16 bytes), mac: SecretKey(16 bytes), dek: SecretKey(16 bytes) })"
    );
    assert_eq!(format!("{:?}", SecretKey::new(&[1; 5]).unwrap_err()), "KeyLength(5)");
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![Just(16), Just(24), Just(32)]
}

proptest! {
    #[test]
    fn what_is_written_is_read(len in length(), bytes in vec(any::<u8>(), 96), set in any::<bool>()) {
        let key = |place: usize| SecretKey::new(&bytes[place * 32..][..len]).unwrap();
        let material = if set {
            KeyMaterial::Set(KeySet { enc: key(0), mac: key(1), dek: key(2) })
        } else {
            KeyMaterial::One(key(0))
        };
        let text = material.text();
        prop_assert!(text.capacity() >= 3 * 64 + 3, "room for the longest: growing leaves copies behind");
        let read = KeyMaterial::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(keys(&read), keys(&material));
        prop_assert_eq!(read.key_len(), len);
    }

    #[test]
    fn any_text_gives_keys_or_an_error_that_does_not_repeat_it(text in "[0-9A-Fa-fG-Z, ]{12,140}") {
        match KeyMaterial::parse(text.as_bytes()) {
            Ok(material) => prop_assert!(matches!(material.key_len(), 16 | 24 | 32)),
            Err(error) => {
                let said = format!("{error} {error:?}");
                for piece in text.as_bytes().windows(12) {
                    prop_assert!(!said.as_bytes().windows(12).any(|window| window == piece), "{}", said);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(text in vec(any::<u8>(), 0..300)) {
        drop(KeyMaterial::parse(&text));
    }

    #[test]
    fn equality_is_that_of_the_bytes(a in vec(0..2_u8, 16), b in vec(0..2_u8, 16), flip in 0..128_usize) {
        let key = SecretKey::new(&a).unwrap();
        prop_assert_eq!(key == SecretKey::new(&b).unwrap(), a == b);
        let mut other = a.clone();
        other[flip / 8] ^= 1 << (flip % 8);
        prop_assert!(key != SecretKey::new(&other).unwrap());
        prop_assert!(key == key.duplicate());
    }
}
