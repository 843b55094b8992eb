//! Tokens in software, SoftHSM2 and Kryoptic, each in a directory of its own.
//!
//! A module reads its settings from the environment of the process that it is in, so that a token is only ever used in
//! other processes: the program under test, and a helper (`cardwright-token`), which does the [`order`]s of a test.
//! [`Tap`] stands between a program and a token, and sees all that passes.

use crate::cli::{Desk, Outcome, finish};
use crate::rig::{repository, skip};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub mod order;
mod tap;

pub use order::{Flag, KeyKind, NewKey, Object, Order, User, Work};
pub use tap::Tap;

/// The security officer's PIN of every token.
pub const SO_PIN: &str = "officer-7391";
/// The user's PIN of every token.
pub const USER_PIN: &str = "user-580264";
/// The label of every token.
pub const LABEL: &str = "cardwright-test";

/// A token's maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SoftHSM2: has 3DES, and no SP 800-108.
    SoftHsm,
    /// Kryoptic: has SP 800-108, and no 3DES.
    Kryoptic,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::SoftHsm, Self::Kryoptic];

    /// As `scripts/hsm.sh` names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftHsm => "softhsm",
            Self::Kryoptic => "kryoptic",
        }
    }

    /// Where its module is; `None`, with words, where there is none.
    #[must_use]
    #[track_caller]
    pub fn module(self, what: &str) -> Option<PathBuf> {
        let mut command = Command::new(repository().join("scripts/hsm.sh"));
        command.args(["module", self.name()]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let outcome = finish(command.spawn().expect("a shell"));
        if outcome.code() != 0 {
            skip(what, outcome.stderr.trim());
            return None;
        }
        Some(PathBuf::from(outcome.stdout.trim_end()))
    }

    /// Writes its settings into `dir`, for a token there, and gives the variable that names them.
    fn settings(self, dir: &Path) -> (&'static str, PathBuf) {
        let dir_name = dir.display();
        let (variable, text) = match self {
            Self::SoftHsm => {
                std::fs::create_dir(dir.join("tokens")).expect("a directory");
                ("SOFTHSM2_CONF", format!("directories.tokendir = {dir_name}/tokens\nlog.level = ERROR\n"))
            }
            Self::Kryoptic => (
                "KRYOPTIC_CONF",
                format!("[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{dir_name}/token.sql\"\n{}\n", denied()),
            ),
        };
        let path = dir.join("settings");
        std::fs::write(&path, text).expect("written");
        (variable, path)
    }
}

/// What Kryoptic is told not to do, as `scripts/hsm.sh` tells it: without that a master can be carried out.
fn denied() -> String {
    let script = std::fs::read_to_string(repository().join("scripts/hsm.sh")).expect("a script");
    let line = script.lines().find_map(|line| line.strip_prefix("kryoptic_denied='")?.strip_suffix('\''));
    line.expect("scripts/hsm.sh says what is denied").to_owned()
}

/// A fresh token. Its directory goes with it.
#[derive(Debug)]
pub struct Token {
    desk: Desk,
    kind: Kind,
    module: PathBuf,
    settings: (&'static str, PathBuf),
    serial: String,
}

impl Token {
    /// Makes one; `None`, with words, where its module is missing.
    #[must_use]
    #[track_caller]
    pub fn new(what: &str, kind: Kind) -> Option<Self> {
        let module = kind.module(what)?;
        let desk = Desk::new();
        let settings = kind.settings(desk.path());
        desk.key_file("pin", USER_PIN);
        let mut token = Self { desk, kind, module, settings, serial: String::new() };
        let work = Work::Init { label: LABEL.to_owned(), user_pin: USER_PIN.to_owned() };
        token.serial = token.work(User::Officer, work);
        Some(token)
    }

    /// Its maker.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its module.
    #[must_use]
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// Its serial number.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// A file of mode 0600 with the user's PIN.
    #[must_use]
    pub fn pin_file(&self) -> PathBuf {
        self.desk.path().join("pin")
    }

    /// The environment that the module wants: see [`Desk::with_env`].
    #[must_use]
    pub fn env(&self) -> Vec<(String, OsString)> {
        vec![(self.settings.0.to_owned(), self.settings.1.clone().into())]
    }

    /// Its RFC 7512 URI, with module and PIN file.
    #[must_use]
    pub fn uri(&self) -> String {
        self.uri_of(&self.module)
    }

    fn uri_of(&self, module: &Path) -> String {
        let (serial, module, pin) = (&self.serial, module.display(), self.pin_file());
        format!("pkcs11:token={LABEL};serial={serial}?module-path={module}&pin-source=file:{}", pin.display())
    }

    /// A tap between this token and whoever uses it.
    #[must_use]
    pub fn tap(&self) -> Tap<'_> {
        Tap::new(self)
    }

    /// Puts a key onto the token.
    #[track_caller]
    pub fn make(&self, key: &NewKey) {
        let () = self.work(User::User, Work::Make(key.clone()));
    }

    /// As [`Self::make`], by the security officer, who sees no private objects, but may make a key CKA_TRUSTED. Kryoptic
    /// does that for keys whose value it chooses itself.
    #[track_caller]
    pub fn make_as_officer(&self, key: &NewKey) {
        let () = self.work(User::Officer, Work::Make(key.clone()));
    }

    /// All that is stored on it, as its user sees it, with what can be read.
    #[must_use]
    #[track_caller]
    pub fn objects(&self) -> Vec<Object> {
        self.work(User::User, Work::Objects)
    }

    /// Does an order with the module itself.
    #[track_caller]
    fn work<T: serde::de::DeserializeOwned>(&self, user: User, work: Work) -> T {
        answer(&self.order(user, work, &self.module, self.env()).expect(0))
    }

    fn order(&self, user: User, work: Work, module: &Path, env: Vec<(String, OsString)>) -> Outcome {
        let pin = if user == User::Officer { SO_PIN } else { USER_PIN };
        let order = Order { module: module.to_owned(), serial: self.serial.clone(), user, pin: pin.to_owned(), work };
        let mut command = Command::new(helper());
        command.current_dir(self.desk.path()).env_clear().envs(env);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the helper starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(&serde_json::to_vec(&order).expect("JSON")).expect("the helper listens");
        drop(stdin);
        finish(child)
    }
}

/// What the helper printed.
#[track_caller]
fn answer<T: serde::de::DeserializeOwned>(outcome: &Outcome) -> T {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("no answer ({error}): {outcome:#?}"))
}

/// The helper, which cargo builds before the tests.
fn helper() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile_dir = test.parent().and_then(Path::parent).expect("tests are built in PROFILE/deps");
    profile_dir.join("cardwright-token")
}
