//! A vault file is a map that counts versions: held against one, through random changes and openings.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_hsm::{FileKey, Kdf, Passphrase, VaultFile};
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{KeySpec, KeyType, Purpose, Store, VaultError};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::collections::BTreeMap;

const CHEAP: Kdf = Kdf::Pbkdf2HmacSha256 { iterations: 100_000 };
const MASTER: KeySpec = spec(Purpose::Master, KeyType::Aes256);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

const fn spec(purpose: Purpose, key_type: KeyType) -> KeySpec {
    KeySpec { purpose, key_type, portable: false }
}

/// As another process does it that was given the key.
fn again(vault: &VaultFile) -> VaultFile {
    VaultFile::open_with(vault.path(), FileKey::new(vault.file_key().expose())).unwrap()
}

fn text(vault: &VaultFile, key: &Name) -> String {
    vault.material(key).unwrap().1.text().trim_end().to_owned()
}

/// What is done to a vault; names by their place in [`NAMES`].
#[derive(Clone, Debug)]
enum Step {
    Generate(usize, KeySpec),
    Import(usize, KeySpec, u8),
    Destroy(usize),
    Reopen,
    Passwd,
    OtherWriter(usize),
}

const NAMES: [&str; 5] = ["a", "b.1", "b-1", "Zed", "9"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = (0..5_usize, 0..5_usize).prop_map(|(p, t)| spec(Purpose::ALL[p], KeyType::ALL[t]));
    let step = prop_oneof![
        6 => (0..5_usize, kind.clone()).prop_map(|(name, spec)| Step::Generate(name, spec)),
        6 => (0..5_usize, kind, any::<u8>()).prop_map(|(name, spec, fill)| Step::Import(name, spec, fill)),
        6 => (0..5_usize).prop_map(Step::Destroy),
        3 => Just(Step::Reopen),
        1 => Just(Step::Passwd),
        3 => (0..5_usize).prop_map(Step::OtherWriter),
    ];
    proptest::collection::vec(step, 1..25)
}

/// What the vault should hold: versions, and of keys that are there what they are.
type Model = BTreeMap<Name, (u32, Option<(KeySpec, String)>)>;

fn take(model: &mut Model, vault: &VaultFile, key: &Name, spec: KeySpec, made: Result<u32, VaultError>) {
    let entry = model.entry(key.clone()).or_default();
    if entry.1.is_some() {
        assert!(matches!(&made, Err(VaultError::Exists(name)) if name == key), "{made:?}");
    } else {
        *entry = (entry.0 + 1, Some((spec, text(vault, key))));
        assert_eq!(made.unwrap(), entry.0);
    }
}

fn compare(model: &Model, vault: &VaultFile) {
    let report = vault.check().unwrap();
    let keys = report
        .keys
        .iter()
        .map(|info| (info.name.clone(), (info.version.unwrap(), Some((info.spec, text(vault, &info.name))))));
    let destroyed = report.destroyed.iter().map(|(name, version)| (name.clone(), (*version, None)));
    assert_eq!(keys.chain(destroyed).collect::<Model>(), *model);
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, cases: 48, ..Default::default() })]

    #[test]
    fn a_vault_is_a_map(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let words = Passphrase::new(b"correct horse battery staple");
        let mut vault = VaultFile::create(&dir.path().join("keys.vault"), &words, CHEAP).unwrap();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Generate(at, spec) => {
                    let made = vault.generate(&name(NAMES[at]), spec).map(|info| info.version.unwrap());
                    take(&mut model, &vault, &name(NAMES[at]), spec, made);
                }
                Step::Import(at, spec, fill) => {
                    let key = KeyMaterial::One(SecretKey::new(&vec![fill; spec.key_type.key_len()]).unwrap());
                    let made = vault.import(&name(NAMES[at]), spec, &key).map(|info| info.version.unwrap());
                    take(&mut model, &vault, &name(NAMES[at]), spec, made);
                }
                Step::OtherWriter(at) => {
                    let mut other = again(&vault);
                    let made = other.generate(&name(NAMES[at]), MASTER).map(|info| info.version.unwrap());
                    take(&mut model, &other, &name(NAMES[at]), MASTER, made);
                    // The first one notices when it writes.
                    let refused = vault.generate(&name(NAMES[at]), MASTER);
                    assert!(matches!(refused, Err(VaultError::Exists(_))), "{refused:?}");
                }
                Step::Destroy(at) => {
                    let gone = vault.destroy(&name(NAMES[at]));
                    let held = model.get_mut(&name(NAMES[at])).and_then(|entry| entry.1.take());
                    match held {
                        Some(_) => gone.unwrap(),
                        None => assert!(matches!(gone, Err(VaultError::UnknownKey(_))), "{gone:?}"),
                    }
                }
                Step::Reopen => vault = again(&vault),
                Step::Passwd => vault.passwd(&words, CHEAP).unwrap(),
            }
            compare(&model, &vault);
        }
        compare(&model, &again(&vault));
    }
}
