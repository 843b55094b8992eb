//! The program under test, with a directory of its own for everything that it writes.

use cardwright_link::SmartCard;
use cardwright_link::vpcd::{Stop, serve};
use rustix::process::Pid;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// Longer than any of these tests takes on a loaded machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, built by the cargo that runs the tests, in the same profile and target directory.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().expect("a test has a path");
        let profile_dir = test.parent().and_then(Path::parent).expect("tests are built in PROFILE/deps");
        let profile = profile_dir.file_name().and_then(OsStr::to_str).expect("a profile has a name");
        let profile = if profile == "debug" { "dev" } else { profile };
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "cardwright", "--bin", "cardwright"])
            .args(["--profile", profile, "--target-dir"])
            .arg(profile_dir.parent().expect("a target directory"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the program does not build");
        profile_dir.join("cardwright")
    })
}

/// What a run printed and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How it ended: an exit code, or a signal.
    pub status: ExitStatus,
}

impl Outcome {
    /// The exit code; -1 after a signal.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Asserts the exit code, and shows everything where it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self:#?}");
        self
    }

    /// Standard output as one JSON object.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#?}"))
    }
}

/// A directory for one test, and the program run in it.
#[derive(Debug)]
pub struct Desk {
    dir: TempDir,
    env: Vec<(String, OsString)>,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// In memory where the machine has such a place: the tests kill processes, not the machine.
    #[must_use]
    pub fn new() -> Self {
        let base = Path::new("/dev/shm");
        let base = if base.is_dir() { base.to_owned() } else { std::env::temp_dir() };
        Self { dir: TempDir::with_prefix_in("cardwright-test-", base).expect("a directory"), env: Vec::new() }
    }

    /// The same with these variables in the program's environment.
    #[must_use]
    pub fn with_env(mut self, env: Vec<(String, OsString)>) -> Self {
        self.env.extend(env);
        self
    }

    /// Where the program runs.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a key file of mode 0600 and gives its reference.
    pub fn key_file(&self, name: &str, hex: &str) -> String {
        use std::io::Write;
        let path = self.path().join(name);
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).expect("a file");
        writeln!(file, "{hex}").expect("written");
        format!("file:{name}")
    }

    /// The program with these arguments, nothing of the surrounding environment but what the desk has, and the state
    /// directory `state`.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.path()).env_clear().env("HOME", self.path());
        command.env("CARDWRIGHT_STATE_DIR", self.path().join("state")).envs(self.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Outcome {
        finish(self.command(args).spawn().expect("the program starts"))
    }

    /// Runs the program against a card in this process, which dials in over vpcd. The card is without power afterwards.
    pub fn run_with<C: SmartCard + Send>(&self, card: &mut C, args: &[&str]) -> Outcome {
        self.run_watched(card, args, |_, _| {})
    }

    /// As [`Self::run_with`]; `started` gets the card and the program's process before the card dials in.
    pub fn run_watched<C: SmartCard + Send>(
        &self,
        card: &mut C,
        args: &[&str],
        started: impl FnOnce(&mut C, Pid),
    ) -> Outcome {
        serve_one(self.command(args), card, started)
    }

    /// As [`Self::run_with`]; the program is started by `wrapper`, which gets `before`, the program and its arguments.
    pub fn run_wrapped<C: SmartCard + Send>(
        &self,
        wrapper: &str,
        before: &[String],
        card: &mut C,
        args: &[&str],
    ) -> Outcome {
        let plain = self.command(args);
        let mut command = Command::new(wrapper);
        command.args(before).arg(plain.get_program()).args(plain.get_args()).current_dir(self.path()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        serve_one(command, card, |_, _| {})
    }
}

/// Starts a program that listens for a card, and dials in with one until the program ends.
fn serve_one<C: SmartCard + Send>(command: Command, card: &mut C, started: impl FnOnce(&mut C, Pid)) -> Outcome {
    let program = Listening::start(command);
    started(card, Pid::from_child(&program.child));
    std::thread::scope(|scope| {
        // A program that ended before it listened needs no card.
        let served =
            program.address.map(|address| scope.spawn(move || serve(address, PATIENCE, &Stop::default(), card)));
        let outcome = program.finish();
        if let Some(served) = served {
            // That the program hung up first is its outcome's business.
            let _ = served.join().expect("no card panics");
        }
        outcome
    })
}

/// A program that waits for a card to dial in.
#[derive(Debug)]
pub struct Listening {
    /// Its process.
    pub child: Child,
    /// Where it listens; `None` where it ended before it did.
    pub address: Option<SocketAddr>,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Listening {
    /// Starts it with a port that the system chooses as its reader, and reads what it says until it listens or ends.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut child = command.env("CARDWRIGHT_READER", "vpcd:0").spawn().expect("the program starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        let address = address(&mut stderr, &mut said);
        Self { child, address, stderr, said }
    }

    /// Waits for its end.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        self.stderr.read_to_string(&mut self.said).expect("UTF-8");
        Outcome { stderr: self.said, ..finish(self.child) }
    }
}

/// Waits for the end of a process whose output is piped.
#[must_use]
pub fn finish(child: Child) -> Outcome {
    let output = child.wait_with_output().expect("the program ends");
    Outcome {
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        status: output.status,
    }
}

/// Reads what the program says until it names the address that it listens on; `None` where it ends before.
fn address(stderr: &mut impl BufRead, said: &mut String) -> Option<SocketAddr> {
    loop {
        let line_at = said.len();
        if stderr.read_line(said).expect("UTF-8") == 0 {
            return None;
        }
        if let Some((_, address)) = said[line_at..].trim_end().rsplit_once("dial in at ") {
            return Some(address.parse().expect("an address"));
        }
    }
}
