//! What stands between the program and the disk: `tests/disk-faults`.

use crate::cli::{Desk, Outcome, finish};
use crate::rig::repository;
use cardwright_link::SmartCard;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What goes wrong with an operation: `fault.rs` of `tests/disk-faults` says what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before it.
    Kill,
    /// The process is killed behind it.
    KillAfter,
    /// Half of the bytes are written, then the process is killed.
    Short,
    /// The disk is full from there on, in the middle of a write.
    Full,
    /// An fsync fails, once.
    SyncError,
    /// It fails with EIO, once.
    Io,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Kill, Self::KillAfter, Self::Short, Self::Full, Self::SyncError, Self::Io];

    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillAfter => "kill-after",
            Self::Short => "short",
            Self::Full => "full",
            Self::SyncError => "sync-error",
            Self::Io => "io",
        }
    }

    /// Whether the process ends by it.
    #[must_use]
    pub const fn kills(self) -> bool {
        matches!(self, Self::Kill | Self::KillAfter | Self::Short)
    }
}

/// What takes new room beside writes.
const MAKING: [&str; 9] =
    ["open", "openat", "creat", "mkdir", "mkdirat", "link", "linkat", "fallocate", "posix_fallocate"];

/// Something that a process did to a file, or was about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// From 0.
    pub number: usize,
    /// The function of libc, without the 64 behind it.
    pub name: String,
    /// How many bytes were to be written.
    pub len: u64,
    /// What went wrong with it.
    pub fault: Option<Fault>,
    /// The file below the directory; the new name where one was given, `.` for the directory itself.
    pub file: String,
}

impl Operation {
    fn parse(line: &str) -> Self {
        let parts: Vec<_> = line.splitn(5, ' ').collect();
        let [number, name, len, fault, file] = parts[..] else { panic!("no operation: {line}") };
        Self {
            number: number.parse().expect("a number"),
            name: name.trim_end_matches("64").to_owned(),
            len: len.parse().expect("a number"),
            fault: Fault::ALL.into_iter().find(|known| known.name() == fault),
            file: file.to_owned(),
        }
    }

    /// It makes something durable.
    #[must_use]
    pub fn is_sync(&self) -> bool {
        self.name.contains("sync")
    }

    /// Whether this fault does anything at it.
    #[must_use]
    pub fn takes(&self, fault: Fault) -> bool {
        match fault {
            Fault::Kill | Fault::KillAfter | Fault::Io => true,
            Fault::Short => self.len > 1,
            Fault::Full => self.len > 0 || MAKING.contains(&&*self.name),
            Fault::SyncError => self.is_sync(),
        }
    }
}

/// A run of the program, and what it did to the files.
#[derive(Debug)]
pub struct Watched {
    /// What it printed and how it ended.
    pub outcome: Outcome,
    /// In the order in which they were begun.
    pub operations: Vec<Operation>,
}

impl Watched {
    /// The operation that went wrong first.
    #[must_use]
    pub fn hit(&self) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.fault.is_some())
    }

    /// What it did behind the operation that went wrong first.
    #[must_use]
    pub fn behind_hit(&self) -> &[Operation] {
        let at = self.operations.iter().position(|operation| operation.fault.is_some());
        at.map_or(&[], |at| &self.operations[at + 1..])
    }

    /// Every operation with every fault of these that it takes.
    #[must_use]
    pub fn points(&self, faults: &[Fault]) -> Vec<(usize, Fault)> {
        let of = |operation: &Operation| {
            let number = operation.number;
            let taken: Vec<_> = faults.iter().filter(|fault| operation.takes(**fault)).collect();
            taken.into_iter().map(move |fault| (number, *fault))
        };
        self.operations.iter().flat_map(of).collect()
    }
}

/// A directory of a desk, watched.
#[derive(Debug)]
pub struct Disk<'a> {
    desk: &'a Desk,
    below: PathBuf,
}

impl<'a> Disk<'a> {
    /// The state directory.
    #[must_use]
    pub fn of_state(desk: &'a Desk) -> Self {
        Self::below(desk, "state")
    }

    /// This directory of the desk.
    #[must_use]
    pub fn below(desk: &'a Desk, directory: &str) -> Self {
        let real = desk.path().canonicalize().expect("a desk");
        Self { desk, below: real.join(directory) }
    }

    /// Runs the program to its end, with this going wrong at the operation of this number.
    pub fn run(&self, args: &[&str], fault: Option<(usize, Fault)>) -> Watched {
        self.start(self.desk.command(args), fault)
    }

    /// The same with a program of the test's own.
    pub fn start(&self, mut command: Command, fault: Option<(usize, Fault)>) -> Watched {
        self.forget();
        let outcome = finish(command.envs(self.env(fault)).spawn().expect("the program starts"));
        Watched { outcome, operations: self.operations() }
    }

    /// As [`Desk::run_with`], with this going wrong at the operation of this number.
    pub fn run_with<C: SmartCard + Send>(&self, card: &mut C, args: &[&str], fault: Option<(usize, Fault)>) -> Watched {
        self.forget();
        let text = |(name, value): (&str, OsString)| format!("{name}={}", value.to_str().expect("UTF-8"));
        let env: Vec<_> = self.env(fault).into_iter().map(text).collect();
        let outcome = self.desk.run_wrapped("/usr/bin/env", &env, card, args);
        Watched { outcome, operations: self.operations() }
    }

    fn env(&self, fault: Option<(usize, Fault)>) -> Vec<(&'static str, OsString)> {
        let mut env = vec![
            ("LD_PRELOAD", library().into()),
            ("DISK_FAULTS_BELOW", self.below.clone().into()),
            ("DISK_FAULTS_LOG", self.log().into()),
        ];
        env.extend(fault.map(|(number, fault)| ("DISK_FAULT", format!("{number}:{}", fault.name()).into())));
        env
    }

    fn log(&self) -> PathBuf {
        self.desk.path().join("disk-faults.log")
    }

    fn forget(&self) {
        let _ = std::fs::remove_file(self.log());
    }

    fn operations(&self) -> Vec<Operation> {
        let log = std::fs::read_to_string(self.log()).expect("a log: is the library loaded?");
        log.lines().map(Operation::parse).collect()
    }
}

/// The library, built by the cargo that runs the tests.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let faults = repository().join("tests/disk-faults");
        let target = faults.join("target");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--release", "--manifest-path"])
            .arg(faults.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the library does not build");
        target.join("release/libcardwright_disk_faults.so")
    })
}

#[cfg(test)]
mod tests;
