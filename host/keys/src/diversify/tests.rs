use super::{DiversifyError, derive};
use crate::key::{Algorithm, KeyMaterial, SecretKey};
use crate::keyref::Scheme;
use crate::vectors::{bytes as bytes_of, key, section};
use cardwright_proto::gp::key::{Kcv, KeySet};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use proptest::{collection::vec, prop_assert, prop_assert_eq};
use serde_json::Value;

const KDD: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

fn kcvs(scheme: Scheme, algorithm: Algorithm) -> Vec<String> {
    let keys = derive(scheme, &KeyMaterial::gp_test(), &KDD).unwrap();
    keys.iter().map(|key| key.kcv(algorithm).as_ref().map(Kcv::to_string).unwrap()).collect()
}

fn hex(set: &KeySet<SecretKey>) -> Vec<String> {
    set.iter().map(|key| hex::encode_upper(key.expose())).collect()
}

/// From tests/vectors/scp03_misc.json, `diversification`.
#[test]
fn published_check_values() {
    assert_eq!(kcvs(Scheme::Emv, Algorithm::TripleDes), ["C33013", "6F4CA6", "BB8179"]);
    assert_eq!(kcvs(Scheme::Visa2, Algorithm::TripleDes), ["2BE598", "58DA38", "3C328E"]);
    assert_eq!(kcvs(Scheme::Kdf3, Algorithm::Aes), ["E79C05", "D1BD77", "3FDE8C"]);
}

#[test]
fn kdf3_as_published() {
    let vectors = section("kdf3");
    let derived = |master: &Value, kdd: &Value| {
        derive(Scheme::Kdf3, &KeyMaterial::One(key(master)), &bytes_of(kdd).try_into().unwrap()).unwrap()
    };
    for case in vectors["kcv_aes"].as_array().unwrap() {
        let keys = derived(&case["master"], &vectors["kdd"]);
        let kcvs: Vec<_> = keys.iter().map(|key| key.kcv(Algorithm::Aes).unwrap().to_string()).collect();
        assert_eq!(case["kcv"], serde_json::json!(kcvs));
    }
    let whole = &vectors["key"];
    assert!(derived(&whole["master"], &whole["kdd"]).enc == key(&whole["enc"]));
}

/// Computed with another AES-CMAC (Python, `cryptography`) over the formula.
#[test]
fn kdf3_of_every_master_length() {
    let expected = [
        ["808BC985A1069AD2A9AC94E0FE7B8843", "65942E0BF4F3F32AEFACBA5671456275", "6A74F6F6040CCA10D8A3FDC7914FD7CC"],
        [
            "7C5E0EB1D8F19C63D51CFD20174D8F903C5C0AB035FB1F81",
            "DBCAADD8612534A5428BB2ECC61C734C7F214510E31F07E2",
            "E724FF4857153DDF66F75A99CC32B8C04739A0FBFF1C9AFC",
        ],
        [
            "7E227C0F6D736A2492A356F83872F6814D3D38831E224DB731AAB0D1B51FAAF3",
            "4653585CCC5697947F08B821014966E30E885A5422B665CE96EDC25651B1D8D9",
            "2E4446700FA96B1010D2E5DA69E6BE3AF2431D4E27EB4B77D9239509899A358C",
        ],
    ];
    for (len, expected) in [16, 24, 32].into_iter().zip(expected) {
        let master: Vec<u8> = (0x40..).take(len).collect();
        let material = KeyMaterial::One(SecretKey::new(&master).unwrap());
        assert_eq!(hex(&derive(Scheme::Kdf3, &material, &KDD).unwrap()), expected);
    }
}

#[test]
fn masters_that_schemes_take() {
    for len in [24, 32] {
        let material = KeyMaterial::One(SecretKey::new(&vec![7; len]).unwrap());
        for scheme in [Scheme::Visa, Scheme::Visa2, Scheme::Emv] {
            let error = derive(scheme, &material, &KDD).unwrap_err();
            assert_eq!(error, DiversifyError::MasterLength);
            assert_eq!(error.to_string(), error.reason());
        }
        assert_eq!(derive(Scheme::Kdf3Seed, &material, &KDD).unwrap_err(), DiversifyError::SeedLength);
        for scheme in [Scheme::Kdf3, Scheme::Kdf3Aria, Scheme::An10922] {
            assert_eq!(derive(scheme, &material, &KDD).unwrap().enc.key_len(), len);
        }
    }
}

fn bytes(len: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), len)
}

fn scheme() -> impl Strategy<Value = Scheme> {
    select(&Scheme::ALL[..])
}

/// The KDD bytes that a scheme takes.
fn taken(scheme: Scheme) -> &'static [usize] {
    match scheme {
        Scheme::Plain => &[],
        Scheme::Kdf3 | Scheme::Kdf3Aria | Scheme::Kdf3Seed | Scheme::An10922 => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        Scheme::Visa => &[0, 1, 2, 3, 8, 9],
        Scheme::Visa2 => &[0, 1, 4, 5, 6, 7],
        Scheme::Emv => &[4, 5, 6, 7, 8, 9],
    }
}

proptest! {
    /// ENC of a set of masters is what its ENC master alone gives, and so on.
    #[test]
    fn a_set_is_three_masters(scheme in scheme(), a in bytes(16), b in bytes(16), c in bytes(16), kdd in any::<[u8; 10]>()) {
        let key = |bytes: &[u8]| SecretKey::new(bytes).unwrap();
        let one = |bytes: &[u8]| derive(scheme, &KeyMaterial::One(key(bytes)), &kdd).unwrap();
        let masters = KeyMaterial::Set(KeySet { enc: key(&a), mac: key(&b), dek: key(&c) });
        let set = derive(scheme, &masters, &kdd).unwrap();
        prop_assert!(set.enc == one(&a).enc);
        prop_assert!(set.mac == one(&b).mac);
        prop_assert!(set.dek == one(&c).dek);
    }

    /// A card's keys change with each KDD byte that the scheme takes, and with no other.
    #[test]
    fn the_kdd_bytes_that_count(
        scheme in scheme(), master in bytes(16), kdd in any::<[u8; 10]>(), place in 0..10_usize, flip in 1..=255_u8
    ) {
        let material = KeyMaterial::One(SecretKey::new(&master).unwrap());
        let keys = derive(scheme, &material, &kdd).unwrap();
        let mut other = kdd;
        other[place] ^= flip;
        let others = derive(scheme, &material, &other).unwrap();
        for (key, other) in keys.iter().zip(others.iter()) {
            prop_assert_eq!(key != other, taken(scheme).contains(&place));
        }
    }

    /// One master gives three different keys, none of them the master, all as long as it.
    #[test]
    fn three_different_keys(master in prop_oneof![bytes(16), bytes(24), bytes(32)], kdd in any::<[u8; 10]>()) {
        for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::Plain) {
            let material = KeyMaterial::One(SecretKey::new(&master).unwrap());
            let Ok(keys) = derive(scheme, &material, &kdd) else { continue };
            prop_assert!(keys.enc != keys.mac && keys.mac != keys.dek && keys.enc != keys.dek);
            for key in keys.iter() {
                prop_assert_eq!(key.key_len(), master.len());
                prop_assert!(key.expose() != master.as_slice());
            }
        }
    }
}
