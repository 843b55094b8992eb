//! pcscd with virtual readers, in a namespace of its own, for the tests that need PC/SC.

use crate::cli::program;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The port of the first virtual reader, inside.
pub const PORT: &str = "35963";

/// Exit code of `readers.sh` where something that it needs is missing.
pub const MISSING: i32 = 77;

/// A running pcscd that only this rig's commands see.
#[derive(Debug)]
pub struct Rig {
    /// `cat`, which holds the rig until its standard input is closed.
    holder: Child,
    pid: String,
}

/// `vsmartcard-setup/readers.sh` with these arguments; it asks pcscd with the program under test.
#[must_use]
pub fn readers_sh(args: &[&str]) -> Command {
    let mut command = Command::new(repository().join("vsmartcard-setup/readers.sh"));
    command.args(args).env("CARDWRIGHT", program());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The name of a virtual reader, counted from 0. The driver makes them in twos, which `readers.sh` tells apart by a letter.
#[must_use]
pub fn reader(index: usize) -> String {
    let letter = ["", " B", " C", " D", " E", " F", " G", " H"][index / 2];
    format!("Virtual PCD{letter} 00 0{}", index % 2)
}

/// The repository's directory.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// Something that a test needs is not there: a failure in CI, words elsewhere.
#[track_caller]
pub fn skip(what: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{what}: {why}");
    println!("SKIPPED {what}: {why}");
}

impl Rig {
    /// Two readers without cards; `None`, with words, where pcscd is not installed or the system allows no namespaces.
    #[must_use]
    #[track_caller]
    pub fn start(what: &str) -> Option<Self> {
        Self::with(what, &[])
    }

    /// As [`Self::start`], with options of `readers.sh run`; returns when every reader and card answers.
    #[must_use]
    #[track_caller]
    pub fn with(what: &str, options: &[&str]) -> Option<Self> {
        let mut holder = readers_sh(&["run"])
            .args(options)
            .args(["sh", "-c", "echo $READERS_PID; exec cat"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut pid = String::new();
        // The command starts when all answer.
        BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut pid).expect("a line");
        if pid.is_empty() {
            let mut why = String::new();
            holder.stderr.take().expect("a pipe").read_to_string(&mut why).expect("UTF-8");
            let code = holder.wait().expect("it ends").code();
            assert_eq!(code, Some(MISSING), "{why}");
            skip(what, why.trim());
            return None;
        }
        pid.truncate(pid.trim_end().len());
        Some(Self { holder, pid })
    }

    /// A command that runs inside, in the directory `dir`.
    #[must_use]
    pub fn command(&self, dir: &Path, program: impl AsRef<OsStr>) -> Command {
        let mut command = readers_sh(&["exec", "--pid", &self.pid]);
        command.arg(program.as_ref()).current_dir(dir);
        command
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // `cat` ends with its input, and everything else with it.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// A process that is killed at the end of the test.
#[derive(Debug)]
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
