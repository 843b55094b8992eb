//! A new token for each test, in a process of its own: modules read their settings from the environment, and keep what
//! they know of tokens and logins for as long as the process runs.

pub(crate) mod chain;
pub(crate) mod keys;
pub(crate) mod login;

use cardwright_hsm::Prompt;
use cardwright_hsm::pkcs11::{SessionKeys, Token, TokenOptions, Uri};
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{KeySpec, KeyType, Purpose, Store};
use cardwright_proto::gp::key::KeySet;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use zeroize::Zeroizing;

/// All tests, on one kind of token.
macro_rules! tests {
    ($kind:ident) => {
        tests! { $kind:
            chain::kdf3,
            chain::card_sets,
            chain::put_key,
            chain::put_key_of_a_generated_set,
            chain::threads,
            keys::life,
            keys::check_values,
            keys::purposes,
            keys::masters,
            keys::copies,
            keys::attacks,
            keys::portable,
            keys::foreign_keys,
            keys::stale_handles,
            login::a_wrong_pin_is_tried_once,
            login::where_the_pin_comes_from,
            login::the_token_is_the_one_that_was_named,
            login::two_tokens_are_told_apart,
            login::a_lost_login_is_made_again,
            login::an_untested_pin_is_never_used,
        }
    };
    ($kind:ident: $($module:ident::$name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                pkcs11::run(pkcs11::Kind::$kind, concat!("with_a_token::", stringify!($name)));
            }
        )*

        mod with_a_token {
            $(
                #[test]
                #[ignore = "run by the test of the same name, in a process of its own"]
                fn $name() {
                    crate::pkcs11::$module::$name(crate::pkcs11::Kind::$kind);
                }
            )*
        }
    };
}

pub(crate) const SO_PIN: &str = "officer-7391";
pub(crate) const PIN: &str = "user-580264";
const LABEL: &str = "cardwright test; one?";
const DIRECTORY: &str = "CARDWRIGHT_TOKEN_DIRECTORY";

/// A kind of token in software.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SoftHsm,
    Kryoptic,
}

impl Kind {
    fn module(self) -> Option<PathBuf> {
        let built =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/kryoptic/target/release/libcardwright_kryoptic.so");
        let places = match self {
            Self::SoftHsm => {
                ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"].map(PathBuf::from).to_vec()
            }
            Self::Kryoptic => vec![built],
        };
        places.into_iter().find(|place| place.exists())
    }

    /// Settings for a token in a directory.
    fn settings(self, directory: &Path) -> (&'static str, String) {
        let directory = directory.display();
        match self {
            Self::SoftHsm => ("SOFTHSM2_CONF", format!("directories.tokendir = {directory}\nlog.level = ERROR\n")),
            Self::Kryoptic => {
                let slot = |number| {
                    format!("[[slots]]\nslot = {number}\ndbtype = \"sqlite\"\ndbargs = \"{directory}/{number}.sql\"\n")
                };
                ("KRYOPTIC_CONF", slot(1) + &slot(2))
            }
        }
    }
}

/// Runs one ignored test of this binary in a process of its own, with a directory and settings for a token.
pub(crate) fn run(kind: Kind, test: &str) {
    if kind.module().is_none() {
        assert!(std::env::var("CI").is_err(), "no module of {kind:?}: run make hsm");
        eprintln!("skipped: there is no module of {kind:?}; run make hsm");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (variable, settings) = kind.settings(directory.path());
    let file = directory.path().join("settings.conf");
    std::fs::write(&file, settings).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"])
        .env(variable, file)
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    println!("{stdout}");
    assert!(output.status.success() && stdout.contains("1 passed"), "{test}: {}\n{stdout}\n{stderr}", output.status);
}

/// A token that was just made.
pub(crate) struct Rig {
    pub(crate) module: PathBuf,
    pub(crate) serial: String,
    pub(crate) pkcs11: Pkcs11,
    directory: PathBuf,
}

impl Rig {
    /// In the process that [`run`] made.
    pub(crate) fn new(kind: Kind) -> Self {
        let directory: PathBuf = std::env::var(DIRECTORY).expect("run by the test of the same name").into();
        let module = kind.module().unwrap();
        let pkcs11 = Pkcs11::new(&module).unwrap();
        pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
        let slot = pkcs11.get_all_slots().unwrap()[0];
        pkcs11.init_token(slot, &AuthPin::from(SO_PIN), LABEL).unwrap();
        let mut rig = Self { module, serial: String::new(), pkcs11, directory };
        let session = rig.pkcs11.open_rw_session(rig.slot()).unwrap();
        session.login(UserType::So, Some(&AuthPin::from(SO_PIN))).unwrap();
        session.init_pin(&AuthPin::from(PIN)).unwrap();
        session.logout().unwrap();
        rig.serial = rig.pkcs11.get_token_info(rig.slot()).unwrap().serial_number().to_owned();
        rig
    }

    /// SoftHSM moves a token to another slot when it is initialised.
    pub(crate) fn slot(&self) -> Slot {
        let mut slots = self.pkcs11.get_slots_with_token().unwrap().into_iter();
        slots.find(|slot| self.pkcs11.get_token_info(*slot).unwrap().label() == LABEL).unwrap()
    }

    /// A session beside the vault's; logged in as it is.
    pub(crate) fn session(&self) -> Session {
        self.pkcs11.open_rw_session(self.slot()).unwrap()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path).unwrap();
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        path
    }

    pub(crate) fn uri(&self) -> Uri {
        Uri { serial: Some(self.serial.clone()), module_path: Some(self.module.clone()), ..Uri::default() }
    }

    pub(crate) fn open(&self) -> Token {
        self.open_with(TokenOptions::default())
    }

    pub(crate) fn open_readable(&self) -> Token {
        self.open_with(TokenOptions { session_keys: SessionKeys::Readable, ..TokenOptions::default() })
    }

    fn open_with(&self, options: TokenOptions) -> Token {
        Token::open(&self.uri(), options, &mut Typing::new(PIN)).unwrap()
    }
}

/// Somebody who types a PIN, and counts how often.
pub(crate) struct Typing {
    pin: &'static str,
    pub(crate) asked: usize,
    pub(crate) told: Vec<String>,
}

impl Typing {
    pub(crate) fn new(pin: &'static str) -> Self {
        Self { pin, asked: 0, told: Vec::new() }
    }
}

impl Prompt for Typing {
    fn secret(&mut self, _what: &str) -> io::Result<Zeroizing<String>> {
        self.asked += 1;
        Ok(Zeroizing::new(self.pin.to_owned()))
    }

    fn notice(&mut self, what: &str) {
        self.told.push(what.to_owned());
    }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) const AES: [KeyType; 3] = [KeyType::Aes128, KeyType::Aes192, KeyType::Aes256];

pub(crate) fn spec(purpose: Purpose, key_type: KeyType) -> KeySpec {
    KeySpec { purpose, key_type, portable: false }
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

pub(crate) fn random_key(len: usize) -> SecretKey {
    SecretKey::new(&random::<32>()[..len]).unwrap()
}

pub(crate) fn random_set(len: usize) -> KeySet<SecretKey> {
    KeySet { enc: random_key(len), mac: random_key(len), dek: random_key(len) }
}

pub(crate) fn duplicate(set: &KeySet<SecretKey>) -> KeySet<SecretKey> {
    set.as_ref().map(SecretKey::duplicate)
}

/// Puts a master into the token whose bytes the test knows.
pub(crate) fn import_master(token: &mut Token, named: &str, key_type: KeyType) -> KeyMaterial {
    let key = random_key(key_type.key_len());
    let material = KeyMaterial::One(key.duplicate());
    token.import(&name(named), spec(Purpose::Master, key_type), &material).unwrap();
    material
}
