use super::{derive, most};
use crate::key::{Algorithm, SecretKey};
use crate::vectors::{bytes, cases, key};
use cardwright_proto::block::KeyLength;

#[test]
fn examples_of_the_note() {
    for case in cases("an10922") {
        let aes = case["cipher"] == "aes";
        let algorithm = if aes { Algorithm::Aes } else { Algorithm::TripleDes };
        let mut derived = derive(algorithm, &key(&case["master"]), &bytes(&case["input"])).unwrap().expose().to_vec();
        if !aes {
            let version = |bit: usize| 0x55 >> (7 - bit) & 1;
            derived.iter_mut().take(8).enumerate().for_each(|(bit, byte)| *byte = *byte & 0xFE | version(bit));
        }
        assert_eq!(derived, bytes(&case["key"]), "{case}");
    }
}

#[test]
fn ciphers_and_lengths_that_the_note_has_not() {
    let key = |len| SecretKey::new(&vec![1; len]).unwrap();
    assert_eq!(derive(Algorithm::TripleDes, &key(32), &[1]), Err(KeyLength(32)));
    assert_eq!(derive(Algorithm::Aria, &key(16), &[1]), Err(KeyLength(16)));
    assert_eq!((most(Algorithm::Aes), most(Algorithm::TripleDes)), (31, 15));
}
