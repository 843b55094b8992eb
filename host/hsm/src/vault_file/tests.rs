//! Every operation on the disk fails once, in every way, and nothing that was acknowledged is lost.

use super::disk::{Disk, Locked, Os};
use super::record::Record;
use super::{FileKey, Kdf, Passphrase, VaultFile, VaultFileError};
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{KeyInfo, KeySpec, KeyType, Purpose, Store, VaultError};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const CHEAP: Kdf = Kdf::Pbkdf2HmacSha256 { iterations: 100_000 };
const SPEC: KeySpec = KeySpec { purpose: Purpose::Master, key_type: KeyType::Aes256, portable: false };

/// What happens at one operation on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The system refuses.
    Refused(Errno),
    /// A write takes half of what it got, and the next one is refused. Other operations are refused.
    Half(Errno),
    /// A write takes half of what it got, as it may. Other operations do what they should.
    Short,
    /// The process is killed before it: neither this nor any later operation is done.
    Killed,
    /// The process is killed in the middle of a write. Other operations are done, and the kill comes after.
    KilledWithin,
}

const FAULTS: [Fault; 7] = [
    Fault::Refused(Errno::IO),
    Fault::Refused(Errno::NOSPC),
    Fault::Half(Errno::NOSPC),
    Fault::Half(Errno::IO),
    Fault::Short,
    Fault::Killed,
    Fault::KilledWithin,
];

/// The real disk, but for a fault at one operation; and what was done.
#[derive(Debug)]
struct Faulty {
    at: usize,
    fault: Fault,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    done: Vec<&'static str>,
    half: bool,
    dead: bool,
    replaced: bool,
}

impl Faulty {
    fn new(at: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { at, fault, log: Mutex::default() })
    }

    /// Does an operation, or half of it, or not.
    fn step<T>(
        &self,
        what: &'static str,
        whole: impl FnOnce() -> io::Result<T>,
        half: Option<impl FnOnce() -> io::Result<T>>,
    ) -> io::Result<T> {
        let mut log = self.log.lock().unwrap();
        let here = log.done.len() == self.at;
        log.done.push(what);
        if log.dead {
            return Err(io::ErrorKind::Other.into());
        }
        match (self.fault, half) {
            (Fault::Half(error), _) if log.half => {
                log.half = false;
                Err(error.into())
            }
            _ if !here => whole(),
            (Fault::Refused(error), _) | (Fault::Half(error), None) => Err(error.into()),
            (Fault::Half(_), Some(half)) => {
                log.half = true;
                half()
            }
            (Fault::Short, Some(half)) => half(),
            (Fault::Short, None) => whole(),
            (Fault::Killed, _) => {
                log.dead = true;
                Err(io::ErrorKind::Other.into())
            }
            (Fault::KilledWithin, half) => {
                log.dead = true;
                half.map_or_else(|| whole().map(drop), |half| half().map(drop))?;
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn whole<T>(&self, what: &'static str, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.step(what, operation, None::<fn() -> io::Result<T>>)
    }
}

impl Disk for Faulty {
    fn create_new(&self, path: &Path) -> io::Result<File> {
        self.whole("create", || Os.create_new(path))
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        let mut other = file.try_clone()?;
        let half = || Os.write(&mut other, &bytes[..bytes.len().div_ceil(2)]);
        self.step("write", || Os.write(file, bytes), Some(half))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.whole("sync", || Os.sync(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let renamed = std::cell::Cell::new(false);
        let done = self.whole("rename", || Os.rename(from, to).inspect(|()| renamed.set(true)));
        self.log.lock().unwrap().replaced |= renamed.get();
        done
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.whole("sync directory", || Os.sync_directory(directory))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole("remove", || Os.remove(path))
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.as_bytes())
}

/// What a vault holds: with check values, so that it is seen that the keys are the same ones.
type State = Vec<KeyInfo>;

const OLD: &str = "the old passphrase";
const NEW: &str = "the new passphrase";

/// A directory for one vault.
struct Desk {
    dir: TempDir,
    path: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.vault");
        Self { dir, path }
    }

    /// A vault of two keys, one of them the second of its name.
    fn furnish(&self) -> VaultFile {
        let mut vault = VaultFile::create(&self.path, &passphrase(OLD), CHEAP).unwrap();
        vault.generate(&name("a"), SPEC).unwrap();
        vault.destroy(&name("a")).unwrap();
        vault.generate(&name("a"), SPEC).unwrap();
        vault.generate(&name("b"), SPEC).unwrap();
        vault
    }

    fn files(&self) -> usize {
        fs::read_dir(self.dir.path()).unwrap().count()
    }

    /// As another process sees it that has the key which the vault had before.
    fn open_with(&self, key: &VaultFile) -> Result<VaultFile, VaultFileError> {
        VaultFile::open_with(&self.path, FileKey::new(key.file_key().expose()))
    }
}

fn state(vault: &VaultFile) -> State {
    vault.check().unwrap().keys
}

/// What became of a change with a fault.
struct Outcome {
    /// What it gave.
    result: Result<(), VaultError>,
    /// The new file had taken the place of the old one.
    replaced: bool,
    dead: bool,
}

/// Makes a change with each fault at each operation, until no operation is left that could fail. `judge` gets the vault
/// as it was before, the object that made the change, and the outcome. The operations of a good run are returned.
fn exhaust(
    change: impl Fn(&mut VaultFile) -> Result<(), VaultError>,
    judge: impl Fn(&Desk, &VaultFile, VaultFile, Outcome),
) -> Vec<&'static str> {
    let desk = Desk::new();
    let before = desk.furnish();
    let bytes = fs::read(&desk.path).unwrap();
    let mut good = Vec::new();
    for fault in FAULTS {
        for at in 0.. {
            fs::write(&desk.path, &bytes).unwrap();
            let mut vault = desk.open_with(&before).unwrap();
            let faulty = Faulty::new(at, fault);
            vault.disk = faulty.clone();
            let result = change(&mut vault);
            vault.disk = Arc::new(Os);
            let log = std::mem::take(&mut *faulty.log.lock().unwrap());
            if log.done.len() <= at {
                result.unwrap();
                good = log.done;
                break;
            }
            let harmless = fault == Fault::Short;
            assert_eq!(result.is_ok(), harmless, "{fault:?} at {at}: {:?}", log.done);
            println!("{fault:?} at {at}, {}: {:?}", log.done[at], result.as_ref().err().map(ToString::to_string));
            judge(&desk, &before, vault, Outcome { result, replaced: log.replaced, dead: log.dead });
        }
    }
    good
}

/// For changes that leave the passphrase as it is.
fn check_change(
    desk: &Desk,
    before: &VaultFile,
    mut vault: VaultFile,
    outcome: Outcome,
    done: impl Fn(&State) -> bool,
) {
    let there = state(&desk.open_with(before).unwrap());
    assert_eq!(done(&there), outcome.replaced);
    assert!(outcome.replaced || there == state(before), "half of a change");
    assert!(outcome.dead || desk.files() == 1, "who is alive clears up");
    // The one that failed goes on with what it had, unless it is dead; and another writer finds no trace of it.
    assert_eq!(done(&state(&vault)), outcome.result.is_ok());
    if outcome.dead {
        vault = desk.open_with(before).unwrap();
    }
    vault.generate(&name("later"), SPEC).unwrap();
    let later = state(&desk.open_with(before).unwrap());
    assert_eq!(later.len(), there.len() + 1);
    assert!(there.iter().all(|info| later.contains(info)));
    assert_eq!(desk.files(), 1, "a leftover");
}

const ORDER: [&str; 5] = ["create", "write", "sync", "rename", "sync directory"];

#[test]
fn a_fault_while_a_key_is_made() {
    let done = |state: &State| state.iter().any(|info| info.name == name("new"));
    let order = exhaust(
        |vault| vault.generate(&name("new"), SPEC).map(drop),
        |desk, before, vault, outcome| check_change(desk, before, vault, outcome, done),
    );
    assert_eq!(order, ORDER);
}

#[test]
fn a_fault_while_keys_are_imported() {
    let key = KeyMaterial::gp_test();
    let spec = KeySpec { key_type: KeyType::Aes128, ..SPEC };
    let names = [name("new1"), name("new2")];
    let order = exhaust(
        |vault| vault.import_all(names.iter().map(|name| (name, spec, &key))).map(drop),
        |desk, before, vault, outcome| {
            check_change(desk, before, vault, outcome, |state| {
                let there = names.iter().filter(|name| state.iter().any(|info| info.name == **name)).count();
                assert_ne!(there, 1, "one of two");
                there == 2
            });
        },
    );
    assert_eq!(order, ORDER);
}

#[test]
fn a_fault_while_a_key_is_destroyed() {
    let order = exhaust(
        |vault| vault.destroy(&name("a")),
        |desk, before, vault, outcome| {
            check_change(desk, before, vault, outcome, |state| state.iter().all(|info| info.name != name("a")));
        },
    );
    assert_eq!(order, ORDER);
}

#[test]
fn a_fault_while_the_passphrase_is_changed() {
    let order = exhaust(
        |vault| Ok(vault.passwd(&passphrase(NEW), CHEAP)?),
        |desk, before, vault, outcome| {
            let (right, wrong) = if outcome.replaced { (NEW, OLD) } else { (OLD, NEW) };
            let there = VaultFile::open(&desk.path, &passphrase(right)).unwrap();
            assert_eq!(state(&there), state(before));
            assert!(matches!(VaultFile::open(&desk.path, &passphrase(wrong)), Err(VaultFileError::WrongPassphrase(_))));
            assert_eq!(desk.open_with(before).is_err(), outcome.replaced);
            assert_eq!(state(&vault), state(before));
            assert_eq!(vault.file_key() == before.file_key(), outcome.result.is_err());
            let mut next = there;
            next.generate(&name("later"), SPEC).unwrap();
            assert_eq!(desk.files(), 1, "a leftover");
        },
    );
    assert_eq!(order, ORDER);
}

#[test]
fn a_fault_while_a_vault_is_made() {
    for fault in FAULTS {
        for at in 0.. {
            let desk = Desk::new();
            let faulty = Faulty::new(at, fault);
            let made = VaultFile::create_on(faulty.clone(), &desk.path, &passphrase(OLD), CHEAP);
            let log = std::mem::take(&mut *faulty.log.lock().unwrap());
            if log.done.len() <= at {
                assert_eq!(log.done[0], "create", "the name is taken first");
                assert_eq!(log.done[1..], ORDER);
                made.unwrap();
                break;
            }
            assert_eq!(made.is_ok(), fault == Fault::Short, "{fault:?} at {at}");
            println!("{fault:?} at {at}, {}: {:?}", log.done[at], made.as_ref().err().map(ToString::to_string));
            drop(made);
            if log.replaced {
                assert!(state(&VaultFile::open(&desk.path, &passphrase(OLD)).unwrap()).is_empty());
                continue;
            }
            // Nothing is there, or what a killed process cannot take away: an empty file, part of a new one.
            assert!(desk.files() == 0 || log.dead);
            assert!(VaultFile::open(&desk.path, &passphrase(OLD)).is_err());
            VaultFile::create(&desk.path, &passphrase(NEW), CHEAP).unwrap();
            assert_eq!(desk.files(), 1, "a leftover");
        }
    }
}

/// The counters do not begin again.
#[test]
fn counters_end() {
    let desk = Desk::new();
    let mut vault = desk.furnish();
    vault.header.writes = u32::MAX;
    let full = vault.put(&Locked::wait(&desk.path).unwrap(), Vec::new());
    assert!(matches!(full, Err(VaultFileError::Full(_))), "{full:?}");
    let mut vault = desk.open_with(&vault).unwrap();
    vault.records.insert(name("old"), Record { version: u32::MAX, held: None });
    let full = vault.generate(&name("old"), SPEC).unwrap_err();
    assert!(full.to_string().contains("2^32"), "{full}");
}
