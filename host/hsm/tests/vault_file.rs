//! A vault file as its users see it, and what they have to be spared.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_hsm::key_file::KeyLoadError;
use cardwright_hsm::vault_file::{
    ContentError, FileKey, Kdf, KdfError, Passphrase, VaultFile, VaultFileError, check_bytes,
};
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{Custody, Kcvs, KeySpec, KeyType, Purpose, Store, VaultError};
use cardwright_proto::gp::key::{Kcv, KeySet};
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const CHEAP: Kdf = Kdf::Pbkdf2HmacSha256 { iterations: 100_000 };
const WORDS: &str = "correct horse battery staple";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn words(text: &str) -> Passphrase {
    Passphrase::new(text.as_bytes())
}

const fn spec(purpose: Purpose, key_type: KeyType) -> KeySpec {
    KeySpec { purpose, key_type, portable: false }
}

const MASTER: KeySpec = spec(Purpose::Master, KeyType::Aes256);
const CARD: KeySpec = spec(Purpose::Card, KeyType::Aes128);

fn key_of(vault: &VaultFile) -> FileKey {
    FileKey::new(vault.file_key().expose())
}

/// As another process does it that was given the key.
fn again(vault: &VaultFile) -> VaultFile {
    VaultFile::open_with(vault.path(), key_of(vault)).unwrap()
}

fn one(len: usize, fill: u8) -> KeyMaterial {
    KeyMaterial::One(SecretKey::new(&vec![fill; len]).unwrap())
}

fn text(vault: &VaultFile, key: &str) -> String {
    vault.material(&name(key)).unwrap().1.text().trim_end().to_owned()
}

struct Desk {
    _dir: TempDir,
    path: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.vault");
        Self { _dir: dir, path }
    }

    fn vault(&self) -> VaultFile {
        VaultFile::create(&self.path, &words(WORDS), CHEAP).unwrap()
    }

    /// With three keys and a destroyed one.
    fn furnished(&self) -> VaultFile {
        let mut vault = self.vault();
        vault.generate(&name("master"), MASTER).unwrap();
        vault.generate(&name("card"), CARD).unwrap();
        vault.generate(&name("gone"), MASTER).unwrap();
        vault.destroy(&name("gone")).unwrap();
        vault.generate(&name("tdes"), spec(Purpose::Dek, KeyType::TripleDes2)).unwrap();
        vault
    }

    /// Puts other bytes in the file's place.
    fn put(&self, bytes: &[u8]) {
        fs::write(&self.path, bytes).unwrap();
    }
}

#[test]
fn keys_come_back_as_they_went_in() {
    let desk = Desk::new();
    let mut vault = desk.vault();
    assert!(vault.list().unwrap().is_empty());
    let gp_test = KeyMaterial::gp_test();
    for (key_type, kcv) in [(KeyType::Aes128, "504A77"), (KeyType::TripleDes2, "8BAF47")] {
        let key = name(key_type.name());
        let info = vault.import(&key, spec(Purpose::Master, key_type), &gp_test).unwrap();
        let Some(Kcvs::One(seen)) = info.kcvs else { panic!("{info:?}") };
        assert_eq!((info.version, info.custody, seen.to_string().as_str()), (Some(1), Custody::Software, kcv));
        assert_eq!(text(&again(&vault), key_type.name()), "404142434445464748494A4B4C4D4E4F");
    }
    let key = |fill| SecretKey::new(&[fill; 24]).unwrap();
    let set = KeyMaterial::Set(KeySet { enc: key(1), mac: key(2), dek: key(3) });
    let info = vault.import(&name("set"), spec(Purpose::Card, KeyType::Aes192), &set).unwrap();
    assert!(matches!(info.kcvs, Some(Kcvs::Set(KeySet { enc: Kcv(_), .. }))), "{info:?}");
    let there = VaultFile::open(&desk.path, &words(WORDS)).unwrap();
    assert_eq!(text(&there, "set"), set.text().trim_end());
    let (found, material) = there.material(&name("set")).unwrap();
    assert_eq!(found, spec(Purpose::Card, KeyType::Aes192));
    // Decrypted once: the second time it is the same one, at the same place.
    assert!(std::ptr::eq(material, there.material(&name("set")).unwrap().1));
    assert!(matches!(there.material(&name("none")), Err(VaultError::UnknownKey(key)) if key == "none"));
    assert_eq!(there.list().unwrap(), vault.list().unwrap());
    let names: Vec<_> = there.list().unwrap().iter().map(|info| info.name.to_string()).collect();
    assert_eq!(names, ["3des2", "aes128", "set"]);
}

#[test]
fn what_is_no_key_of_its_type_is_refused() {
    let desk = Desk::new();
    let mut vault = desk.vault();
    let bytes = fs::read(&desk.path).unwrap();
    let set = || KeySet { enc: 16, mac: 16, dek: 16 }.map(|len| SecretKey::new(&vec![7; len]).unwrap());
    let uneven = KeySet { dek: SecretKey::new(&[7; 24]).unwrap(), ..set() };
    for (spec, material) in [
        (MASTER, one(16, 7)),
        (CARD, one(24, 7)),
        (CARD, KeyMaterial::Set(uneven)),
        (spec(Purpose::Master, KeyType::Aes128), KeyMaterial::Set(set())),
        (spec(Purpose::Card, KeyType::Aes192), KeyMaterial::Set(set())),
    ] {
        let refused = vault.import(&name("x"), spec, &material);
        assert!(matches!(refused, Err(VaultError::Unfit(_))), "{refused:?}");
    }
    assert_eq!(fs::read(&desk.path).unwrap(), bytes);
}

#[test]
fn a_key_is_never_written_over_and_a_new_one_gets_the_next_version() {
    let desk = Desk::new();
    let mut vault = desk.vault();
    for version in 1..4 {
        let made = vault.generate(&name("a"), MASTER).unwrap();
        assert_eq!(made.version, Some(version));
        let before = text(&vault, "a");
        let refused = vault.generate(&name("a"), CARD);
        assert!(matches!(&refused, Err(VaultError::Exists(key)) if *key == name("a")), "{refused:?}");
        assert_eq!(text(&again(&vault), "a"), before);
        vault.destroy(&name("a")).unwrap();
        assert!(matches!(vault.material(&name("a")), Err(VaultError::UnknownKey(_))));
        assert!(matches!(vault.destroy(&name("a")), Err(VaultError::UnknownKey(_))));
        let report = again(&vault).check().unwrap();
        assert_eq!((report.keys.len(), report.destroyed), (0, vec![(name("a"), version)]));
        assert_eq!(report.writes, 1 + 2 * version);
    }
    let key = one(32, 1);
    let twice = vault.import_all([(&name("b"), MASTER, &key), (&name("b"), MASTER, &key)]);
    assert!(matches!(&twice, Err(VaultError::Exists(key)) if *key == name("b")), "{twice:?}");
    assert!(again(&vault).list().unwrap().is_empty());
}

/// Every byte, and every bit of the header; every length but the right one.
#[test]
fn whatever_is_changed_is_refused() {
    let desk = Desk::new();
    let vault = desk.furnished();
    let bytes = fs::read(&desk.path).unwrap();
    check_bytes(&bytes, vault.file_key()).unwrap();
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            let error = check_bytes(&changed, vault.file_key()).unwrap_err();
            let expected = match place {
                0..7 => error == ContentError::Magic,
                7 => matches!(error, ContentError::Version(_)),
                8..24 => matches!(error, ContentError::Kdf(_) | ContentError::Key),
                60..64 => matches!(error, ContentError::Length { .. }),
                24..108 => error == ContentError::Key,
                _ => error == ContentError::Damaged,
            };
            assert!(expected, "byte {place}, bit {bit}: {error}");
        }
        // Once through the file.
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        desk.put(&changed);
        let error = VaultFile::open_with(&desk.path, key_of(&vault)).unwrap_err();
        assert!(error.to_string().contains("keys.vault"), "byte {place}: {error}");
    }
    for len in 0..bytes.len() {
        let error = check_bytes(&bytes[..len], vault.file_key()).unwrap_err();
        let expected = match len {
            0 => error == ContentError::Empty,
            1..8 => error == ContentError::Magic,
            _ => matches!(error, ContentError::Length { found, .. } if found == len as u64),
        };
        assert!(expected, "{len} bytes: {error}");
    }
    for more in [&b"\0"[..], b"\n", &bytes] {
        let error = check_bytes(&[&bytes, more].concat(), vault.file_key()).unwrap_err();
        assert!(matches!(error, ContentError::Length { .. }), "{error}");
    }
}

/// Of two copies of one vault, of the same length, no part fits the other.
#[test]
fn parts_of_an_older_copy_are_refused() {
    let desk = Desk::new();
    let mut vault = desk.furnished();
    let old = fs::read(&desk.path).unwrap();
    vault.destroy(&name("card")).unwrap();
    vault.generate(&name("card"), CARD).unwrap();
    let new = fs::read(&desk.path).unwrap();
    assert_eq!(old.len(), new.len());
    for cut in (8..old.len()).filter(|cut| old[..*cut] != new[..*cut] && old[*cut..] != new[*cut..]) {
        for mixed in [[&old[..cut], &new[cut..]].concat(), [&new[..cut], &old[cut..]].concat()] {
            let error = check_bytes(&mixed, vault.file_key()).unwrap_err();
            assert!(matches!(error, ContentError::Key | ContentError::Damaged), "cut at {cut}: {error}");
        }
    }
    // A whole older copy is as good as it ever was. Only who saw the newer one knows.
    desk.put(&old);
    assert_eq!(again(&vault).check().unwrap().writes, 6);
    let refused = vault.generate(&name("next"), MASTER).unwrap_err();
    let VaultError::Failed(error) = &refused else { panic!("{refused}") };
    let error = error.downcast_ref::<VaultFileError>().unwrap();
    assert!(matches!(error, VaultFileError::RolledBack { seen: 8, found: 6, .. }), "{error}");
    assert_eq!(fs::read(&desk.path).unwrap(), old);
}

#[test]
fn a_wrong_passphrase_is_one_error() {
    let desk = Desk::new();
    let vault = desk.furnished();
    let mut texts = Vec::new();
    for wrong in ["", "correct horse battery stapl", "correct horse battery staple ", "Correct horse battery staple"] {
        let error = VaultFile::open(&desk.path, &words(wrong)).unwrap_err();
        assert!(matches!(&error, VaultFileError::WrongPassphrase(path) if *path == desk.path), "{error}");
        texts.push(error.to_string());
    }
    // A changed salt cannot be told from it.
    let mut bytes = fs::read(&desk.path).unwrap();
    bytes[30] ^= 1;
    desk.put(&bytes);
    texts.push(VaultFile::open(&desk.path, &words(WORDS)).unwrap_err().to_string());
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    let error = VaultFile::open_with(&desk.path, FileKey::new(&[0; 32])).unwrap_err();
    assert!(matches!(error, VaultFileError::WrongFileKey(_)), "{error}");
    assert_eq!(format!("{:?} {:?}", words(WORDS), vault.file_key()), "Passphrase FileKey");
}

/// None of these is computed, in a test that would not end, or not survive it.
#[test]
fn parameters_out_of_range_are_refused() {
    let argon2id = |memory_kib, passes, lanes| Kdf::Argon2id { memory_kib, passes, lanes };
    let pbkdf2 = |iterations| Kdf::Pbkdf2HmacSha256 { iterations };
    let desk = Desk::new();
    let mut vault = desk.furnished();
    let bytes = fs::read(&desk.path).unwrap();
    let other = desk.path.with_extension("other");
    for kdf in [
        argon2id(u32::MAX, 3, 1),
        argon2id(1024 * 1024 + 1, 3, 1),
        argon2id(64 * 1024, u32::MAX, 1),
        argon2id(64 * 1024, 17, 1),
        argon2id(64 * 1024, 3, u32::MAX),
        argon2id(64 * 1024, 3, 17),
        argon2id(19 * 1024 - 1, 2, 1),
        argon2id(19 * 1024, 1, 1),
        argon2id(19 * 1024, 2, 0),
        pbkdf2(99_999),
        pbkdf2(10_000_001),
        pbkdf2(u32::MAX),
    ] {
        let expected = kdf.check().unwrap_err();
        assert!(matches!(expected, KdfError::OutOfRange { .. }), "{expected}");
        let error = VaultFile::create(&other, &words(WORDS), kdf).unwrap_err();
        assert!(matches!(error, VaultFileError::Kdf(error) if error == expected) && !other.exists());
        assert!(matches!(vault.passwd(&words(WORDS), kdf), Err(VaultFileError::Kdf(error)) if error == expected));
        let numbers = match kdf {
            Kdf::Argon2id { memory_kib, passes, lanes } => [1, memory_kib, passes, lanes],
            Kdf::Pbkdf2HmacSha256 { iterations } => [2, iterations, 0, 0],
        };
        let asking = [&bytes[..8], &numbers.map(u32::to_be_bytes).concat(), &bytes[24..]].concat();
        desk.put(&asking);
        let error = VaultFile::open(&desk.path, &words(WORDS)).unwrap_err();
        let kdf_error = ContentError::Kdf(expected);
        assert!(matches!(&error, VaultFileError::Content { error, .. } if *error == kdf_error), "{kdf}: {error}");
    }
    for numbers in [[0, 100_000, 0, 0], [2, 100_000, 1, 0], [2, 100_000, 0, 1], [3, 65_536, 3, 1]] {
        desk.put(&[&bytes[..8], &numbers.map(u32::to_be_bytes).concat(), &bytes[24..]].concat());
        let error = VaultFile::open(&desk.path, &words(WORDS)).unwrap_err();
        let unknown = ContentError::Kdf(KdfError::Unknown(numbers[0]));
        assert!(matches!(&error, VaultFileError::Content { error, .. } if *error == unknown), "{error}");
    }
    for good in [Kdf::default(), Kdf::PBKDF2, argon2id(1024 * 1024, 16, 16), argon2id(19 * 1024, 2, 1), CHEAP] {
        good.check().unwrap();
    }
}

#[test]
fn a_short_passphrase_is_refused_for_what_is_new() {
    let desk = Desk::new();
    for (short, characters) in [("", 0), ("elevenchars", 11), ("ελληνικά123", 11)] {
        let error = VaultFile::create(&desk.path, &words(short), CHEAP).unwrap_err();
        assert!(matches!(error, VaultFileError::TooShort(short) if short.characters == characters), "{error}");
        assert!(!desk.path.exists());
    }
    let mut vault = VaultFile::create(&desk.path, &words("ελληνικά1234"), CHEAP).unwrap();
    assert!(matches!(vault.passwd(&words("short"), CHEAP), Err(VaultFileError::TooShort(_))));
    // Bytes that are no text are a passphrase too, but they cannot be typed by everybody.
    vault.passwd(&Passphrase::new(&[0xFF; 12]), CHEAP).unwrap();
    VaultFile::open(&desk.path, &Passphrase::new(&[0xFF; 12])).unwrap();
}

#[test]
fn a_new_passphrase_leaves_nothing_to_the_old_one() {
    let desk = Desk::new();
    let mut vault = desk.furnished();
    let (old_key, old) = (key_of(&vault), fs::read(&desk.path).unwrap());
    let mut other = again(&vault);
    let argon2id = Kdf::Argon2id { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    for (new, kdf) in [("another passphrase", argon2id), (WORDS, CHEAP)] {
        let before = vault.check().unwrap();
        vault.passwd(&words(new), kdf).unwrap();
        let report = VaultFile::open(&desk.path, &words(new)).unwrap().check().unwrap();
        assert_eq!((report.keys, report.destroyed), (before.keys, before.destroyed));
        assert_eq!((report.kdf, report.writes), (kdf, before.writes + 1));
        assert!(*vault.file_key() != old_key);
        assert!(matches!(
            VaultFile::open_with(&desk.path, FileKey::new(old_key.expose())),
            Err(VaultFileError::WrongFileKey(_))
        ));
    }
    let there = fs::read(&desk.path).unwrap();
    // No ciphertext was taken along: no eight bytes that stand in the old file behind the parameters stand in the new one.
    assert!(!old[24..].windows(8).any(|window| window != [0; 8] && there.windows(8).any(|new| new == window)));
    // Who has the old key only, writes nothing over it.
    let refused = other.generate(&name("late"), MASTER).unwrap_err();
    assert!(refused.to_string().contains("passphrase was changed"), "{refused}");
    assert_eq!(fs::read(&desk.path).unwrap(), there);
}

#[test]
fn two_writers_keep_each_others_keys() {
    let desk = Desk::new();
    let mut one = desk.vault();
    let mut other = again(&one);
    for round in 0..3 {
        one.generate(&name(&format!("one{round}")), MASTER).unwrap();
        other.generate(&name(&format!("other{round}")), MASTER).unwrap();
        assert!(matches!(one.generate(&name(&format!("other{round}")), MASTER), Err(VaultError::Exists(_))));
    }
    other.destroy(&name("one0")).unwrap();
    assert!(matches!(one.destroy(&name("one0")), Err(VaultError::UnknownKey(_))));
    assert_eq!(again(&one).list().unwrap().len(), 5);
    assert_eq!(one.list().unwrap(), other.list().unwrap());
    // And all at once.
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let mut vault = again(&one);
            scope.spawn(move || {
                for number in 0..10 {
                    vault.generate(&name(&format!("w{writer}.{number}")), MASTER).unwrap();
                }
            });
        }
    });
    assert_eq!(again(&one).check().unwrap().keys.len(), 45);
    assert_eq!(fs::read_dir(desk.path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_vault_is_made_once() {
    let desk = Desk::new();
    let made = std::thread::scope(|scope| {
        let make = || VaultFile::create(&desk.path, &words(WORDS), CHEAP);
        let makers = [(); 4].map(|()| scope.spawn(make));
        makers.map(|maker| maker.join().unwrap())
    });
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    for error in made.into_iter().filter_map(Result::err) {
        assert!(matches!(error, VaultFileError::File(KeyLoadError::Exists(_))), "{error}");
    }
    VaultFile::open(&desk.path, &words(WORDS)).unwrap();
    // Anything but an empty file is somebody's.
    let other = desk.path.with_extension("other");
    fs::write(&other, "x").unwrap();
    symlink(desk.path.with_extension("nowhere"), desk.path.with_extension("link")).unwrap();
    for taken in ["other", "link"].map(|extension| desk.path.with_extension(extension)) {
        VaultFile::create(&taken, &words(WORDS), CHEAP).unwrap_err();
    }
    assert_eq!(fs::read(&other).unwrap(), b"x");
    assert!(!desk.path.with_extension("nowhere").exists());
}

#[test]
fn only_a_file_of_ones_own_is_used() {
    let desk = Desk::new();
    let mut vault = desk.vault();
    assert_eq!(fs::metadata(&desk.path).unwrap().permissions().mode() & 0o7777, 0o600);
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&desk.path, Permissions::from_mode(mode)).unwrap();
        let read = VaultFile::open(&desk.path, &words(WORDS)).unwrap_err();
        let VaultError::Failed(written) = vault.generate(&name("a"), MASTER).unwrap_err() else { panic!("failed") };
        for error in [&read, written.downcast_ref().unwrap()] {
            assert!(matches!(error, VaultFileError::File(KeyLoadError::Mode { .. })), "{error}");
        }
    }
    fs::set_permissions(&desk.path, Permissions::from_mode(0o600)).unwrap();
    let error = VaultFile::open(desk.path.parent().unwrap(), &words(WORDS)).unwrap_err();
    assert!(matches!(error, VaultFileError::File(KeyLoadError::NotAFile(_))), "{error}");
    let error = VaultFile::open(Path::new("no/such.vault"), &words(WORDS)).unwrap_err();
    assert!(matches!(error, VaultFileError::File(KeyLoadError::Io { .. })), "{error}");
}

/// What is replaced is the file that a link leads to. The link stays.
#[test]
fn links_are_followed() {
    let desk = Desk::new();
    let vault = desk.vault();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.vault");
    symlink(&desk.path, &link).unwrap();
    let mut linked = VaultFile::open_with(&link, key_of(&vault)).unwrap();
    linked.generate(&name("a"), MASTER).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(again(&vault).list().unwrap(), linked.list().unwrap());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

/// What a killed writer left goes with the next write, and nothing that only looks like it.
#[test]
fn leftovers_are_removed() {
    let desk = Desk::new();
    let mut vault = desk.vault();
    let leftover = desk.path.with_file_name(".keys.vault.0123456789abcdef.new");
    let others = [".keys.vault.mine.new", "keys.vault.0123456789abcdef.new", ".other.vault.0123456789abcdef.new"];
    for name in others {
        fs::write(desk.path.with_file_name(name), "x").unwrap();
    }
    fs::write(&leftover, "x").unwrap();
    again(&vault).list().unwrap();
    assert!(leftover.exists(), "who reads changes nothing");
    vault.generate(&name("a"), MASTER).unwrap();
    assert!(!leftover.exists());
    assert!(others.iter().all(|name| desk.path.with_file_name(name).exists()));
}

#[test]
fn ten_thousand_keys() {
    let desk = Desk::new();
    let mut vault = desk.vault();
    let names: Vec<_> = (0..10_000).map(|number| name(&format!("issuer-{number:05}"))).collect();
    let keys: Vec<_> = (0..10_000_u16).map(|number| one(32, number.to_be_bytes()[1])).collect();
    vault.import_all(names.iter().zip(&keys).map(|(name, key)| (name, MASTER, key))).unwrap();
    let there = again(&vault);
    for (name, key) in names.iter().zip(&keys) {
        assert_eq!(*there.material(name).unwrap().1.text(), *key.text());
    }
    assert_eq!(there.check().unwrap().keys.len(), 10_000);
}

/// Vaults that were written once open for ever. A second reader, from the specification alone, is held against the same
/// lines (tests/peers/vault_file.py).
#[test]
fn known_vaults_open() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let expected = fs::read_to_string(vectors.join("vault_file.txt")).unwrap();
    let desk = Desk::new();
    for (file, kdf) in [
        ("vault_file_argon2id.bin", Kdf::Argon2id { memory_kib: 19_456, passes: 2, lanes: 2 }),
        ("vault_file_pbkdf2.bin", CHEAP),
    ] {
        fs::write(&desk.path, fs::read(vectors.join(file)).unwrap()).unwrap();
        fs::set_permissions(&desk.path, Permissions::from_mode(0o600)).unwrap();
        let vault = VaultFile::open(&desk.path, &words(WORDS)).unwrap();
        let report = vault.check().unwrap();
        assert_eq!(report.kdf, kdf);
        let mut lines = format!("written {} times\n", report.writes);
        for info in report.keys {
            let (spec, version) = (info.spec, info.version.unwrap());
            let key = text(&vault, info.name.as_str());
            writeln!(lines, "{} {version} {} {} {key}", info.name, spec.purpose, spec.key_type).unwrap();
        }
        for (name, version) in report.destroyed {
            writeln!(lines, "{name} {version} destroyed").unwrap();
        }
        assert_eq!(lines, expected, "{file}");
    }
}
