//! pcscd with virtual readers, in a namespace of its own, for the tests that need PC/SC.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The port of the first virtual reader, inside.
pub const PORT: &str = "35963";

/// Exit code of `namespace.sh` where something that it needs is missing.
const MISSING: i32 = 77;

/// A running pcscd that only this rig's commands see.
#[derive(Debug)]
pub struct Rig {
    /// `cat`, which holds the namespace until its standard input is closed.
    holder: Child,
    pid: String,
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
    /// Starts pcscd; `None`, with words, where it is not installed or the system allows no namespaces.
    #[must_use]
    #[track_caller]
    pub fn start(what: &str) -> Option<Self> {
        let mut holder = Command::new(repository().join("vsmartcard-setup/namespace.sh"))
            .args(["sh", "-c", "echo $$; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut pid = String::new();
        // The command starts when pcscd answers.
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
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid, "--mount", "--net"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("env").arg("--chdir").arg(dir).arg(program.as_ref());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // `cat` ends with its input, the script kills pcscd and ends with it.
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
