use super::{KEYS, derive};
use crate::key::{Algorithm, SecretKey};
use crate::vectors::{bytes, key, section};
use cardwright_proto::block::KeyLength;

#[test]
fn published_session_keys() {
    let vectors = section("scp02");
    let session = |part: &str, constant| {
        derive(&key(&vectors["static"]), constant, bytes(&vectors[part]["counter"]).try_into().unwrap()).unwrap()
    };
    for (what, constant) in KEYS {
        let kcv = session("kcv_3des", constant).kcv(Algorithm::TripleDes).unwrap();
        assert_eq!(vectors["kcv_3des"][what.name()], kcv.to_string(), "{what:?}");
        // omfgp has no DEK.
        let whole = &vectors["keys"][what.name()];
        assert!(whole.is_null() || session("keys", constant) == key(whole), "{what:?}");
    }
    assert_eq!(KEYS.map(|(what, _)| vectors["keys"][what.name()].is_null()), [false, false, false, true]);
}

#[test]
fn two_key_3des_only() {
    let long = SecretKey::new(&[1; 24]).unwrap();
    assert_eq!(derive(&long, [1, 1], [0, 0]), Err(KeyLength(24)));
}
