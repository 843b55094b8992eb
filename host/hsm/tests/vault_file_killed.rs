//! Writers of vault files that are killed, and disks that are full: the real ones. Every single operation on the disk
//! fails in `src/vault_file/tests.rs`.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_hsm::key_file::KeyLoadError;
use cardwright_hsm::{FileKey, Kdf, Passphrase, VaultFile, VaultFileError};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{KeySpec, KeyType, Purpose, Store, VaultError};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};

const CHEAP: Kdf = Kdf::Pbkdf2HmacSha256 { iterations: 100_000 };
const MASTER: KeySpec = KeySpec { purpose: Purpose::Master, key_type: KeyType::Aes256, portable: false };
/// The key of a vault, for the tests that are run as other processes.
const KEY: &str = "CARDWRIGHT_TEST_VAULT_KEY";
const VAULT: &str = "CARDWRIGHT_TEST_VAULT";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn made(path: &Path) -> VaultFile {
    VaultFile::create(path, &Passphrase::new(b"correct horse battery staple"), CHEAP).unwrap()
}

fn again(vault: &VaultFile) -> VaultFile {
    VaultFile::open_with(vault.path(), FileKey::new(vault.file_key().expose())).unwrap()
}

fn names(vault: &VaultFile) -> BTreeSet<String> {
    vault.check().unwrap().keys.iter().map(|info| info.name.to_string()).collect()
}

/// The arguments that make this program run one of its tests, for another process.
const fn one_test(test: &str) -> [&str; 4] {
    [test, "--exact", "--ignored", "--nocapture"]
}

/// The vault that the process was given.
fn given() -> VaultFile {
    let mut key = [0; 32];
    hex::decode_to_slice(std::env::var(KEY).unwrap(), &mut key).unwrap();
    VaultFile::open_with(Path::new(&std::env::var_os(VAULT).unwrap()), FileKey::new(&key)).unwrap()
}

/// What a writer does, step by step: two keys made, one of them destroyed. What is there after `steps` of them.
fn expected(round: usize, steps: usize) -> BTreeSet<String> {
    let made = (0..steps).filter(|step| step % 3 != 2).map(|step| format!("{round}-{step}"));
    let gone: BTreeSet<_> =
        (0..steps).filter(|step| step % 3 == 2).map(|step| format!("{round}-{}", step - 1)).collect();
    made.filter(|name| !gone.contains(name)).collect()
}

#[test]
#[ignore = "is run by a_killed_writer_loses_nothing, which kills it"]
fn writer() {
    let mut vault = given();
    let round =
        vault.list().unwrap().iter().filter_map(|info| info.name.as_str().split_once('-')?.0.parse().ok()).max();
    let round = round.map_or(0, |last: usize| last + 1);
    for step in 0.. {
        match step % 3 {
            2 => vault.destroy(&name(&format!("{round}-{}", step - 1))).unwrap(),
            _ => drop(vault.generate(&name(&format!("{round}-{step}")), MASTER).unwrap()),
        }
        println!("did {step} of {round}");
    }
}

#[test]
fn a_killed_writer_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let vault = made(&dir.path().join("keys.vault"));
    let mut known = BTreeSet::new();
    let mut ahead = 0;
    for round in 0..25 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(one_test("writer")).env(VAULT, vault.path()).env(KEY, hex::encode(vault.file_key().expose()));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let acknowledged = |line: &String| line.ends_with(&format!(" of {round}"));
        let mut lines = lines.filter(acknowledged);
        // Another number each time; where in the step after it the kill comes, chance decides.
        let wanted = lines.by_ref().take(1 + round % 7).count();
        child.kill().unwrap();
        let steps = wanted + lines.count();
        assert!(!child.wait().unwrap().success() && wanted == 1 + round % 7);
        let there = names(&again(&vault));
        let with = |steps| known.union(&expected(round, steps)).cloned().collect::<BTreeSet<_>>();
        ahead += usize::from(there != with(steps));
        assert!(there == with(steps) || there == with(steps + 1), "after {steps} steps of {round}: {there:?}");
        known = there;
    }
    println!("{ahead} of 25 were killed between a durable change and its acknowledgement");
    // The next writer clears up.
    again(&vault).generate(&name("last"), MASTER).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// Makes keys until the disk has no more room; what was made is there, and goes on when there is room again.
#[test]
#[ignore = "is run by a_full_disk, where the disk is small"]
fn fill() {
    let dir = std::env::var_os(VAULT).unwrap();
    let path = Path::new(&dir).join("keys.vault");
    let mut vault = made(&path);
    let mut acknowledged = BTreeSet::new();
    let error = loop {
        let next = format!("key-{}", acknowledged.len());
        match vault.generate(&name(&next), MASTER) {
            Ok(_) => assert!(acknowledged.insert(next)),
            Err(VaultError::Failed(error)) => break error,
            Err(error) => panic!("{error}"),
        }
    };
    let Some(VaultFileError::File(KeyLoadError::Io { error, .. })) = error.downcast_ref() else { panic!("{error}") };
    assert!(matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::FileTooLarge), "{error:?}");
    for vault in [&vault, &again(&vault)] {
        assert_eq!(names(vault), acknowledged);
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "part of a new file is left");
    // A file of its own is made even so, and is as good as the first.
    vault.destroy(&name("key-0")).unwrap();
    acknowledged.remove("key-0");
    assert_eq!(names(&again(&vault)), acknowledged);
    println!("full after {} keys: {error}", acknowledged.len() + 1);
}

/// Runs `fill` under a shell that makes the disk small.
fn fill_under(command: &mut Command, dir: &Path, error: &str) {
    command.arg("sh").arg(std::env::current_exe().unwrap()).args(one_test("fill")).env(VAULT, dir);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let full = said.lines().find(|line| line.starts_with("full after") && line.contains(error));
    assert!(output.status.success() && full.is_some(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", full.unwrap());
}

#[test]
fn a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=64k,mode=0700 tmpfs \"$CARDWRIGHT_TEST_VAULT\"";
    let namespace = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let possible = Command::new("unshare").args(namespace).arg(mount).env(VAULT, dir.path()).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "this system mounts no tmpfs for its users");
        println!("SKIPPED a full disk: this system mounts no tmpfs for its users");
        return;
    }
    let run = format!("{mount} && exec \"$@\"");
    fill_under(Command::new("unshare").args(namespace).arg(run), dir.path(), "No space left");
}

/// Files that may not grow: another error, at another place, and everywhere possible.
#[test]
fn a_file_that_may_not_grow() {
    let dir = tempfile::tempdir().unwrap();
    fill_under(Command::new("sh").args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\""]), dir.path(), "too large");
}
