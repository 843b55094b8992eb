use super::{Entries, Records, decode, encode};
use crate::vault_file::format::ContentError;
use crate::vault_file::kdf::FileKey;
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::vault::{KeySpec, KeyType, Purpose};

/// Bytes of a record with a name of one character, up to its key, and with its key.
const BOUND: usize = 10;
const RECORD: usize = BOUND + 12 + 16 + 16;

fn spec() -> KeySpec {
    KeySpec { purpose: Purpose::Mac, key_type: KeyType::Aes128, portable: false }
}

fn file_key() -> FileKey {
    FileKey::new(&[7; 32])
}

/// A directory with keys `a` and `b`.
fn directory() -> Vec<u8> {
    let entries = Entries::new(&file_key());
    let seal = |name: &str| {
        let name = name.parse().unwrap();
        let record = entries.seal(&name, 1, spec(), &KeyMaterial::gp_test()).unwrap();
        (name, record)
    };
    let mut bytes = Vec::new();
    encode(&["a", "b"].map(seal).into_iter().collect(), &mut bytes);
    assert_eq!(bytes.len(), 2 * RECORD);
    bytes
}

/// The keys of a directory, opened one after another.
fn open(records: &Records) -> Result<Vec<KeyMaterial>, ContentError> {
    let entries = Entries::new(&file_key());
    let held = records.iter().filter_map(|(name, record)| Some((name, record.version, record.held.as_ref()?)));
    held.map(|(name, version, held)| entries.open(name, version, held)).collect()
}

/// Somebody who has the key, or a program that is wrong, puts keys in other places.
#[test]
fn a_key_opens_only_where_it_was_sealed() {
    let good = directory();
    assert_eq!(open(&decode(&good).unwrap()).unwrap().len(), 2);
    let refused = |changed: &[u8], what: &str| {
        let error = open(&decode(changed).unwrap()).unwrap_err();
        assert!(matches!(error, ContentError::Entry(_)), "{what}: {error}");
    };
    let with = |at: usize, value: u8| {
        let mut changed = good.clone();
        assert_ne!(std::mem::replace(&mut changed[at], value), value);
        changed
    };
    refused(&with(1, b'A'), "another name");
    refused(&with(5, 2), "another version");
    refused(&with(7, 1), "another purpose");
    refused(&with(8, 4), "another type");
    for (place, byte) in good.iter().enumerate().take(RECORD).skip(BOUND) {
        refused(&with(place, !byte), "another nonce, ciphertext or tag");
    }
    let (one, other) = good.split_at(RECORD);
    refused(&[&one[..BOUND], &other[BOUND..], &other[..BOUND], &one[BOUND..]].concat(), "swapped");
    refused(&[one, &other[..BOUND], &one[BOUND..]].concat(), "doubled under another name");
    let KeyMaterial::One(key) = &open(&decode(one).unwrap()).unwrap()[0] else { panic!("one key") };
    assert_eq!(key.expose(), b"@ABCDEFGHIJKLMNO");
}

#[test]
fn a_directory_has_one_coding() {
    let good = directory();
    let (one, other) = good.split_at(RECORD);
    let refused = |bytes: &[u8], expected: &str| {
        let error = decode(bytes).unwrap_err();
        assert!(matches!(&error, ContentError::Malformed { what, .. } if what.contains(expected)), "{error}");
    };
    refused(&[other, one].concat(), "in order");
    refused(&[one, one].concat(), "stands once");
    for len in (1..2 * RECORD).filter(|len| *len != RECORD) {
        refused(&good[..len], "cut off");
    }
    let with = |at: usize, value: u8| {
        let mut changed = one.to_vec();
        changed[at] = value;
        changed
    };
    refused(&with(0, 0), "a name");
    refused(&with(1, b'/'), "a name");
    refused(&with(1, 0xFF), "a name");
    refused(&with(5, 0), "from 1");
    refused(&with(6, 2), "there or was destroyed");
    for (at, value) in [(7, 0), (7, 6), (8, 0), (8, 200), (9, 0), (9, 2), (9, 4)] {
        refused(&with(at, value), "purpose, type and number");
    }
    // A set is longer than what is there.
    refused(&with(9, 3), "cut off");
    assert!(decode(&[]).unwrap().is_empty());
}
