//! The vault file, with a secret passphrase and a secret file key.

use crate::checks::{Checks, Expect};
use crate::keys::key;
use crate::valgrind::{public, secret, secret_in_place};
use cardwright_hsm::{FileKey, Kdf, Passphrase, VaultFile};
use cardwright_keys::diversify;
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::{Name, Scheme};
use cardwright_keys::vault::{KeySpec, KeyType, Purpose, Store};
use std::hint::black_box;

const MASTER: KeySpec = KeySpec { purpose: Purpose::Master, key_type: KeyType::Aes256, portable: false };

pub fn run(checks: &mut Checks) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault");
    let mut words = black_box(b"correct horse battery staple".to_vec());
    secret(&mut words);
    // As few iterations as are taken: what each does is the same.
    let kdf = Kdf::Pbkdf2HmacSha256 { iterations: 100_000 };
    let expect = Expect::public(2, "the passphrase is long enough; the file is written");
    let made = checks.run("vault: make one", expect, || VaultFile::create(&path, &Passphrase::new(&words), kdf));
    let mut file_key = *made.expect("a new vault").file_key().expose();

    let open = |file_key: &[u8; 32]| VaultFile::open_with(&path, FileKey::new(file_key));
    let expect = Expect::Public(2, 1, "header and directory are authentic");
    let vault = checks.run("vault: open an empty one", expect, || open(&file_key));
    let mut vault = vault.expect("its file key");
    let mut other = file_key;
    other[31] ^= 1;
    let expect = Expect::public(1, "the header is not authentic");
    let refused = checks.run("vault: refuse another file key", expect, || open(&other));
    assert!(refused.is_err());

    let (name, master): (Name, _) = ("master".parse().expect("a name"), KeyMaterial::One(key(32)));
    let expect = Expect::public(1, "the file is written");
    checks.run("vault: seal a key", expect, || vault.import(&name, MASTER, &master)).expect("there is room");

    // Names and purposes come out of the directory, which a secret file key would make as secret as keys.
    public(&mut file_key);
    let vault = open(&file_key).expect("its file key");
    secret_in_place(vault.file_key().expose());
    let expect = Expect::Public(1, 1, "the key is authentic");
    let (_, master) = checks.run("vault: look a key up", expect, || vault.material(&name)).expect("it was sealed");
    checks.clean("vault: look it up again", || vault.material(&name)).expect("it was opened");
    let cards = checks.clean("vault: derive a card's keys", || diversify::derive(Scheme::Kdf3, master, &[0x10; 10]));
    assert_eq!(cards.expect("an AES master").enc.key_len(), 32);
}
