//! The module that stands in front of a token's own: `tests/pkcs11-tap`.

use super::{Token, User, Work, answer};
use crate::cli::{Desk, Outcome};
use crate::rig::repository;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// How many bytes of a secret in a row count as a leak: half a key of 16 bytes.
const PIECE: usize = 8;

/// A tap between a token and whoever uses it, with a log of its own.
#[derive(Debug)]
pub struct Tap<'a> {
    token: &'a Token,
    desk: Desk,
    fault: Option<String>,
}

impl<'a> Tap<'a> {
    pub(super) fn new(token: &'a Token) -> Self {
        Self { token, desk: Desk::new(), fault: None }
    }

    /// Something goes wrong: `N:KIND` as in the tap's `fault.rs`.
    #[must_use]
    pub fn failing(mut self, fault: &str) -> Self {
        self.fault = Some(fault.to_owned());
        self
    }

    /// The token's URI, with the tap for its module.
    #[must_use]
    pub fn uri(&self) -> String {
        self.token.uri_of(module())
    }

    /// The environment that the tap and the module behind want: see [`Desk::with_env`].
    #[must_use]
    pub fn env(&self) -> Vec<(String, OsString)> {
        let mut env = self.token.env();
        env.push(("TAP_MODULE".to_owned(), self.token.module().into()));
        env.push(("TAP_LOG".to_owned(), self.log_file().into()));
        env.push(("TAP_COUNT".to_owned(), self.count_file().into()));
        env.extend(self.fault.as_ref().map(|fault| ("TAP_FAIL".to_owned(), fault.into())));
        env
    }

    fn log_file(&self) -> PathBuf {
        self.desk.path().join("log")
    }

    fn count_file(&self) -> PathBuf {
        self.desk.path().join("count")
    }

    /// Does an order through the tap, however it ends.
    #[must_use]
    pub fn order(&self, work: Work) -> Outcome {
        self.token.order(User::User, work, module(), self.env())
    }

    /// Does an order through the tap that does not fail, and gives its answer.
    #[must_use]
    #[track_caller]
    pub fn answer<T: serde::de::DeserializeOwned>(&self, work: Work) -> T {
        answer(&self.order(work).expect(0))
    }

    /// The lines of the log: the tap's `log.rs` says what is in them.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).expect("a log")
    }

    /// How many calls there were after `C_Initialize`, of the process that came last.
    #[must_use]
    pub fn count(&self) -> u64 {
        std::fs::read_to_string(self.count_file()).expect("a file").parse().expect("a number")
    }

    /// How many calls of this function the log has.
    #[must_use]
    pub fn calls(&self, function: &str) -> usize {
        self.log().lines().filter(|line| line.split(' ').nth(1) == Some(function)).count()
    }

    /// The lines in which a whole half of one of these secrets stands. Panics where the log does not have all: at a
    /// mechanism whose parameter the tap does not know.
    #[must_use]
    #[track_caller]
    pub fn leaks(&self, secrets: &[Vec<u8>]) -> Vec<String> {
        let pieces: HashSet<&[u8]> = secrets.iter().flat_map(|secret| secret.chunks_exact(PIECE)).collect();
        let log = self.log();
        let unknown: Vec<_> = log.lines().filter(|line| line.contains("UNKNOWN")).collect();
        assert!(unknown.is_empty(), "the tap does not know these parameters: {unknown:#?}");
        let leaks = |line: &&str| {
            line.split(|digit: char| !digit.is_ascii_hexdigit())
                .filter_map(|run| hex::decode(run).ok())
                .any(|bytes| bytes.windows(PIECE).any(|piece| pieces.contains(piece)))
        };
        log.lines().filter(leaks).map(str::to_owned).collect()
    }
}

/// The tap, built by the cargo that runs the tests.
fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let tap = repository().join("tests/pkcs11-tap");
        let target = tap.join("target");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--release", "--manifest-path"])
            .arg(tap.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the tap does not build");
        target.join("release/libcardwright_pkcs11_tap.so")
    })
}
