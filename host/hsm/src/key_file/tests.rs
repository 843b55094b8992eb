use super::{KeyLoadError, LIMIT, NewSecretFile, Prompt, ensure_durable, load_key, write_key_file};
use cardwright_keys::key::{KeyMaterial, KeyTextError, SecretKey};
use cardwright_keys::keyref::{KeyRef, Scheme, Source};
use cardwright_proto::gp::key::KeySet;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use zeroize::Zeroizing;

const HEX: &str = "5A5B5C5D5E5F606162636465666768695A5B5C5D5E5F60616263646566676869";

/// Gives its answers one after another, and says what it was asked.
#[derive(Default)]
struct Person {
    answer: Option<&'static str>,
    asked: Vec<String>,
}

impl Prompt for Person {
    fn secret(&mut self, what: &str) -> io::Result<Zeroizing<String>> {
        self.asked.push(what.to_owned());
        self.answer.map(|answer| Zeroizing::new(answer.to_owned())).ok_or(io::ErrorKind::UnexpectedEof.into())
    }
}

fn file(path: &Path) -> KeyRef {
    KeyRef { scheme: Scheme::Kdf3, source: Source::File(path.to_owned()), kvn: None }
}

fn load(path: &Path) -> Result<KeyMaterial, KeyLoadError> {
    load_key(&file(path), &mut Person::default())
}

fn put(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
    // Not written over: the one before may be read-only.
    drop(fs::remove_file(path));
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn one(material: &KeyMaterial) -> &[u8] {
    let KeyMaterial::One(key) = material else { panic!("one key") };
    key.expose()
}

#[test]
fn a_file_of_ones_own_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.hex");
    for mode in [0o600, 0o400, 0o700] {
        put(&path, format!("{HEX}\n"), mode);
        assert_eq!(hex::encode_upper(one(&load(&path).unwrap())), HEX);
        ensure_durable(&path).unwrap();
    }
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(hex::encode_upper(one(&load(&link).unwrap())), HEX);
    ensure_durable(&link).unwrap();
}

#[test]
fn a_file_that_others_can_get_at_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.hex");
    for bit in 0..6 {
        let mode = 0o600 | 1 << bit;
        put(&path, HEX, mode);
        for error in [load(&path).unwrap_err(), ensure_durable(&path).unwrap_err()] {
            assert!(matches!(&error, KeyLoadError::Mode { mode: seen, .. } if *seen == mode), "{error}");
            assert!(error.to_string().contains(&format!("`chmod 600 {}`", path.display())), "{error}");
        }
    }
    // The mode that counts is that of the file, not of a link to it.
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(matches!(load(&link), Err(KeyLoadError::Mode { .. })));
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut path = dir.path().join("k.hex");
    put(&path, HEX, 0o600);
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(65534), None).unwrap();
    } else {
        // Only root can give a file away; this one is root's, and may be opened.
        path = "/etc/passwd".into();
    }
    let error = load(&path).unwrap_err();
    assert!(matches!(error, KeyLoadError::Owner { .. }), "{error}");
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    for path in [dir.path(), &pipe, Path::new("/dev/null")] {
        assert!(matches!(load(path), Err(KeyLoadError::NotAFile(_))), "{path:?}");
    }
    let error = load(&dir.path().join("none")).unwrap_err();
    assert!(matches!(&error, KeyLoadError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound), "{error}");
}

#[test]
fn no_more_than_4096_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.hex");
    let fill = |len: usize| format!("{HEX}{}", "\n".repeat(len - HEX.len()));
    put(&path, fill(LIMIT), 0o600);
    assert_eq!(hex::encode_upper(one(&load(&path).unwrap())), HEX);
    for len in [LIMIT + 1, 3 * LIMIT] {
        put(&path, fill(len), 0o600);
        assert!(matches!(load(&path), Err(KeyLoadError::TooLong(_))));
    }
}

#[test]
fn wrong_text_is_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.hex");
    put(&path, &HEX[2..], 0o600);
    let error = load(&path).unwrap_err();
    assert!(matches!(&error, KeyLoadError::Text { error: KeyTextError::Digits { key: 1, digits: 62 }, .. }));
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains(&HEX[2..10]) && shown.contains("k.hex"), "{shown}");
    }
}

#[test]
fn a_descriptor_is_read_to_its_end() {
    let (reader, mut writer) = io::pipe().unwrap();
    writeln!(writer, "{HEX}").unwrap();
    drop(writer);
    let key = |fd: i32| KeyRef { scheme: Scheme::Plain, source: Source::Fd(fd.cast_unsigned()), kvn: None };
    let pipe = key(reader.as_raw_fd());
    assert_eq!(hex::encode_upper(one(&load_key(&pipe, &mut Person::default()).unwrap())), HEX);
    // Nothing is left for anybody else.
    let error = load_key(&pipe, &mut Person::default()).unwrap_err();
    assert!(matches!(error, KeyLoadError::Text { error: KeyTextError::Empty, .. }), "{error}");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k.hex");
    put(&path, HEX, 0o600);
    let open = File::open(&path).unwrap();
    assert_eq!(hex::encode_upper(one(&load_key(&key(open.as_raw_fd()), &mut Person::default()).unwrap())), HEX);

    let error = load_key(&key(1_000_000), &mut Person::default()).unwrap_err();
    assert!(error.to_string().starts_with("fd:1000000 cannot be read: "), "{error}");
}

#[test]
fn a_person_is_asked() {
    let key: KeyRef = "kdf3+prompt@0x30".parse().unwrap();
    let mut person = Person { answer: Some(HEX), ..Person::default() };
    assert_eq!(hex::encode_upper(one(&load_key(&key, &mut person).unwrap())), HEX);
    assert_eq!(person.asked, ["Key for `kdf3+prompt@0x30` (hex; one key, or ENC,MAC,DEK)"]);
    assert!(matches!(load_key(&key, &mut Person::default()), Err(KeyLoadError::Io { .. })));
}

#[test]
fn the_test_key_comes_by_name() {
    let key = "gp-test".parse().unwrap();
    assert_eq!(one(&load_key(&key, &mut Person::default()).unwrap()), b"@ABCDEFGHIJKLMNO");
}

#[test]
fn written_keys_are_readable_by_their_owner_alone_and_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.hex");
    let set = KeySet { enc: [0x11; 24], mac: [0x22; 24], dek: [0x33; 24] }.map(|key| SecretKey::new(&key).unwrap());
    write_key_file(&path, &KeyMaterial::Set(set)).unwrap();
    let digits = ["11", "22", "33"].map(|byte| byte.repeat(24)).join(",");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{digits}\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(load(&path).unwrap().text().trim_end(), digits);

    let again = write_key_file(&path, &KeyMaterial::gp_test());
    assert!(matches!(again, Err(KeyLoadError::Exists(_))));
    let link = dir.path().join("link");
    symlink(dir.path().join("elsewhere"), &link).unwrap();
    assert!(matches!(write_key_file(&link, &KeyMaterial::gp_test()), Err(KeyLoadError::Exists(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{digits}\n"));

    let nowhere = write_key_file(&dir.path().join("none/k.hex"), &KeyMaterial::gp_test());
    assert!(matches!(nowhere, Err(KeyLoadError::Io { attempt: "created", .. })));
}

/// The file is there before the secret, so that none is fetched in vain, and goes where none comes.
#[test]
fn a_file_for_a_secret_that_does_not_come_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("share");
    let file = NewSecretFile::create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(matches!(NewSecretFile::create(&path), Err(KeyLoadError::Exists(_))));
    assert!(path.exists(), "the one who was refused removes nothing");
    drop(file);
    assert!(!path.exists());
    NewSecretFile::create(&path).unwrap().write(b"x").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"x");
}
