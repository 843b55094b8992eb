//! Speed of the vaults: cards' keys, session keys and PUT KEY blocks, from a file and from tokens; session keys that stay
//! in a token, beside the same in memory; and how long a file with many keys takes to open. Medians of rounds.

// A benchmark fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_hsm::pkcs11::{Module, SessionKeys, Token, TokenOptions, Uri};
use cardwright_hsm::{FileKey, Kdf, Keyring, OpenVault, Passphrase, Prompt, VaultFile, random_material};
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::{KeyRef, Name};
use cardwright_keys::lifecycle::Unguarded;
use cardwright_keys::vault::{Custody, KeySpec, KeyType, Purpose, Store, Vault};
use cardwright_link::VirtualCard;
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_proto::scp::kdf::Context;
use cardwright_proto::scp::{Mode, Token as Challenge};
use cardwright_tests::hsm::{self, Kind};
use cardwright_tests::speed::{Bench, each, echo, median, verdict};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use zeroize::Zeroizing;

const INSIDE: &str = "--inside-a-token";
const ROUNDS: usize = 15;
const MASTERS: [KeyType; 2] = [KeyType::Aes128, KeyType::Aes256];

fn main() {
    let args: Vec<_> = std::env::args().collect();
    if let Some([_, kind, uri, sums]) = args.iter().position(|arg| arg == INSIDE).map(|at| &args[at..]) {
        return in_token(kind, &uri.parse().expect("a URI"), sums.into());
    }
    in_file();
    opening();
    Kind::ALL.into_iter().for_each(through_tap);
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn reference(text: &str) -> KeyRef {
    text.parse().expect("a reference")
}

const fn spec(purpose: Purpose, key_type: KeyType) -> KeySpec {
    KeySpec { purpose, key_type, portable: false }
}

/// A keyring with nothing but this vault, `v`.
fn keyring(vault: OpenVault) -> Keyring {
    let mut keyring = Keyring::new();
    keyring.open(name("v"), vault, Arc::new(Unguarded));
    keyring
}

/// Cards one after another, each with a KDD of its own. What they have now is in memory; what they get comes from a
/// master in the vault.
struct Cards<'a> {
    vault: &'a Keyring,
    present: KeyRef,
    master: KeyRef,
    number: u64,
}

impl<'a> Cards<'a> {
    /// A new key is never wrapped under a weaker one, so that the present ones are as long: 40 41 42 ...
    fn new(vault: &'a mut Keyring, master: KeyType) -> Self {
        let bytes: Vec<_> = (0x40..).take(master.key_len()).collect();
        let present = reference("file:factory");
        vault.load(&present, KeyMaterial::One(SecretKey::new(&bytes).expect("a key")));
        Self { vault, present, master: reference(&format!("kdf3+vault:v/{master}")), number: 0 }
    }

    fn kdd(&mut self) -> [u8; 10] {
        self.number += 1;
        let mut kdd = [0; 10];
        kdd[2..].copy_from_slice(&self.number.to_be_bytes());
        kdd
    }

    /// The card's keys, session keys of them, and the blocks that put them on the card.
    fn next(&mut self) {
        let kdd = self.kdd();
        let present = self.vault.card_keys(&self.present, &kdd).expect("present keys");
        let new = self.vault.card_keys(&self.master, &kdd).expect("new keys");
        let challenge = Challenge::cut([kdd[9]; 16], Mode::S8);
        let session = self.vault.session(&new, &Context::session(&challenge, &challenge)).expect("session keys");
        let blocks = self.vault.put_key_blocks(&present, &new, BlockForm::WithLength).expect("blocks");
        std::hint::black_box((session, blocks));
    }

    fn custody(&mut self) -> Custody {
        let kdd = self.kdd();
        self.vault.custody(&self.vault.card_keys(&self.master, &kdd).expect("keys"))
    }
}

fn passphrase() -> Passphrase {
    Passphrase::new(b"benchmark-passphrase")
}

/// On the disk that everything is built on, where fsync takes its time.
fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

fn in_file() {
    let dir = directory();
    let mut vault = VaultFile::create(&dir.path().join("vault"), &passphrase(), Kdf::default()).expect("a vault");
    for master in MASTERS {
        vault.generate(&name(master.name()), spec(Purpose::Master, master)).expect("a master");
    }
    let mut keyring = keyring(OpenVault::File(vault));
    for master in MASTERS {
        let mut cards = Cards::new(&mut keyring, master);
        let rates = (0..ROUNDS).map(|_| 1e6 / each(10_000, || cards.next())).collect();
        let rate = median(rates);
        println!(
            "vault file  {master}: {rate:>7.0} cards/s  derive, session keys, PUT KEY blocks, on one core, wanted: 50000 \
             or more{}",
            verdict(rate >= 50_000.0)
        );
    }
}

/// What is there besides the KDF, measured without it: with the file's key in hand.
fn opening() {
    const KEYS: usize = 10_000;
    let dir = directory();
    let (empty, full) = (dir.path().join("empty"), dir.path().join("full"));
    VaultFile::create(&empty, &passphrase(), Kdf::default()).expect("a vault");
    let mut vault = VaultFile::create(&full, &passphrase(), Kdf::default()).expect("a vault");
    let master = spec(Purpose::Master, KeyType::Aes256);
    let key = |number| (name(&format!("issuer-{number:05}.master")), random_material(master).expect("a key"));
    let keys: Vec<_> = (0..KEYS).map(key).collect();
    vault.import_all(keys.iter().map(|(name, material)| (name, master, material))).expect("imported");
    let file_key = || FileKey::new(vault.file_key().expose());
    let open = |path: &Path| each(1, || drop(VaultFile::open(path, &passphrase()).expect("a vault"))) / 1e3;
    let (mut totals, mut kdfs, mut rests) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        totals.push(open(&full));
        kdfs.push(open(&empty));
        rests.push(each(1, || drop(VaultFile::open_with(&full, file_key()).expect("a vault"))) / 1e3);
    }
    let (total, kdf, rest) = (median(totals), median(kdfs), median(rests));
    println!(
        "vault file  of {KEYS} keys opens in {total:.0} ms; an empty one, which is the KDF ({}), in {kdf:.0} ms; without \
         the KDF in {rest:.1} ms, wanted: 50 or less{}",
        Kdf::default(),
        verdict(rest <= 50.0)
    );
}

/// Runs this program again with a token's environment, and the tap between it and the token.
fn through_tap(kind: Kind) {
    let Some(token) = hsm::Token::new(&format!("speed of a token, {kind:?}"), kind) else { return };
    let dir = directory();
    let sums = dir.path().join("sums");
    let mut inside = Command::new(std::env::current_exe().expect("a path"));
    inside.arg(INSIDE).args([kind.name(), &token.tap().uri()]).arg(&sums);
    let status = inside.envs(token.env()).env("TAP_MODULE", token.module()).env("TAP_TIME", &sums).status();
    assert!(status.expect("it runs").success());
}

/// The PIN is in a file.
struct Nobody;

impl Prompt for Nobody {
    fn secret(&mut self, what: &str) -> std::io::Result<Zeroizing<String>> {
        panic!("asked for {what}")
    }
}

/// What the tap adds up.
struct Sums {
    module: Arc<Module>,
    file: PathBuf,
}

/// For each run: microseconds of our own and of the module's calls together, those in the calls, and how many calls.
#[derive(Clone, Copy)]
struct Spent {
    wall: f64,
    inside: f64,
    calls: f64,
}

impl Sums {
    /// Calls and nanoseconds so far.
    fn read(&self) -> [u64; 2] {
        // C_GetInfo
        self.module.pkcs11().get_library_info().expect("the module answers");
        let text = std::fs::read_to_string(&self.file).expect("the tap writes");
        let sums: Vec<_> = text.split(' ').map(|sum| sum.parse().expect("a number")).collect();
        sums.try_into().expect("two numbers")
    }

    fn each(&self, count: u32, run: impl FnMut()) -> Spent {
        let before = self.read();
        let wall = each(count, run);
        let after = self.read();
        let [calls, nanoseconds] = [0, 1].map(|at| (after[at] - before[at]) as f64 / f64::from(count));
        Spent { wall, inside: nanoseconds / 1e3, calls }
    }
}

/// Each figure's median.
fn medians(rounds: &[Spent]) -> Spent {
    let median = |figure: fn(&Spent) -> f64| median(rounds.iter().map(figure).collect());
    Spent { wall: median(|spent| spent.wall), inside: median(|spent| spent.inside), calls: median(|spent| spent.calls) }
}

fn in_token(kind: &str, uri: &Uri, sums: PathBuf) {
    let open = |session_keys| {
        let options = TokenOptions { session_keys, ..TokenOptions::default() };
        Token::open(uri, options, &mut Nobody).expect("the token opens")
    };
    let mut token = open(SessionKeys::Handles);
    for master in MASTERS {
        token.generate(&name(master.name()), spec(Purpose::Master, master)).expect("a master");
    }
    token.import(&name("gp"), spec(Purpose::Card, KeyType::Aes128), &KeyMaterial::gp_test()).expect("a card's keys");
    let sums = Sums { module: Module::load(uri).expect("it is loaded"), file: sums };
    let mut keyring = keyring(OpenVault::Token(token));
    for master in MASTERS {
        cards_of_token(kind, &sums, master, &mut Cards::new(&mut keyring, master));
    }
    commands(kind, &sums, keyring, self::keyring(OpenVault::Token(open(SessionKeys::Readable))));
}

fn cards_of_token(kind: &str, sums: &Sums, master: KeyType, cards: &mut Cards<'_>) {
    let custody = cards.custody();
    each(100, || cards.next());
    let rounds: Vec<_> = (0..ROUNDS).map(|_| sums.each(200, || cards.next())).collect();
    let ratio = median(rounds.iter().map(|spent| spent.wall / spent.inside).collect());
    let Spent { wall, inside, calls } = medians(&rounds);
    println!(
        "{kind:<10}  {master}: {calls:.0} calls a card, {wall:.0} us, {inside:.0} of them in the module; ratio {ratio:.2}, \
         wanted: 1.2 or less{}; {custody}",
        verdict(ratio <= 1.2)
    );
}

/// The echo applet at level 33, with session keys in the token and in memory.
fn commands(kind: &str, sums: &Sums, handles: Keyring, readable: Keyring) {
    let bench = |vault| Bench::with(VirtualCard::from_profile("").expect("a card"), vault, reference("vault:v/gp"));
    let (mut handles, mut readable) = (bench(handles), bench(readable));
    let (mut in_token, mut in_memory) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        handles.session(|mut session| in_token.push(sums.each(1000, || echo(&mut session))));
        readable.session(|mut session| in_memory.push(sums.each(1000, || echo(&mut session))));
    }
    let (in_token, in_memory) = (medians(&in_token), medians(&in_memory));
    println!(
        "{kind:<10}  a command at level 33: {:.1} us with session keys in the token ({:.0} calls, {:.1} us of it in the \
         module), {:.1} us with session keys in memory ({:.0} calls)",
        in_token.wall, in_token.calls, in_token.inside, in_memory.wall, in_memory.calls
    );
}
