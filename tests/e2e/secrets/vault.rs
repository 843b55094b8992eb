//! Soft vaults: the passphrase, the file key and what comes from it, the master, cards' keys, session keys.

use super::{
    Canary, Exchange, GET_STATUS, Looked, PUT_KEY, assert_in_use, assert_none, core_of, full_pipe, look_into,
    serve_until_it_hangs_up, told_of, wait_until_it_writes,
};
use cardwright_hsm::vault_file::{Passphrase, VaultFile};
use cardwright_keys::diversify;
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Scheme;
use cardwright_link::VirtualCard;
use cardwright_proto::apdu::{Command, Response};
use cardwright_proto::block::CmacKey;
use cardwright_proto::gp::initialize_update::InitializeUpdate;
use cardwright_proto::gp::key::KeySet;
use cardwright_proto::scp::kdf::{Constant, Context, derive};
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_tests::altered::Altered;
use cardwright_tests::cli::{Desk, Listening, Outcome, program};
use hkdf::Hkdf;
use sha2::Sha256;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

const CONFIG: &str = "[vault.office]\ntype = \"soft\"\nfile = \"office.vault\"\npassphrase = \"file:pass\"\n";
const PASSPHRASE: &str = "nine brown owls under a bridge";
const NEW_PASSPHRASE: &str = "four black kites over a field";
const MASTER: &str = "B7192FD46A83E05CC14D7B3698F20AE5";
const KDD: [u8; 10] = *b"\x5A\x01\x5A\x02\x5A\x03\x5A\x04\x5A\x05";
/// Cheap enough for tests, and allowed.
const KDF: [&str; 4] = ["--memory", "19", "--passes", "2"];

const PUT: [&str; 9] =
    ["card", "keys", "put", "--key", "gp-test", "--new", "kdf3+vault:office/issuer", "--kvn", "0x30"];
const SECURED: [&str; 4] = ["apdu", "--secure", "kdf3+vault:office/issuer@0x30", "80F28002024F0000"];
/// What works with a card of the vault's needs all of these.
const IN_USE: [&str; 5] = ["FILE KEY raw", "MASTER raw", "CARD ENC raw", "CARD MAC raw", "CARD DEK raw"];

/// What stands before every command: all that the program can be made to say.
fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["--config", "cardwright.toml", "-vvv"], args].concat()
}

/// A desk with a vault that holds the master, the outputs of its making, and a card.
fn office() -> (Desk, Vec<Outcome>, VirtualCard) {
    let desk = Desk::new();
    std::fs::write(desk.path().join("cardwright.toml"), CONFIG).expect("written");
    desk.key_file("pass", PASSPHRASE);
    desk.key_file("known.hex", MASTER);
    let import = ["key", "import", "vault:office/issuer", "--from", "file:known.hex", "--type", "aes128"];
    let made = [[&["vault", "create", "office"], KDF.as_slice()].concat(), import.to_vec()];
    let outputs = made.map(|args| desk.run(&with(&args)).expect(0)).into();
    let card = VirtualCard::from_profile(&format!("kdd={}", hex::encode(KDD))).expect("a card");
    (desk, outputs, card)
}

/// What a passphrase gives: the file key, and the keys that it is used through (docs/protocol/vault-file.md).
fn file_keys(path: &Path, passphrase: &str) -> Vec<Canary> {
    let vault = VaultFile::open(path, &Passphrase::new(passphrase.as_bytes())).expect("it opens");
    let file_key = vault.file_key().expose();
    let mut canaries = vec![Canary::new("FILE KEY", file_key)];
    for (name, job) in [("HEADER KEY", "header"), ("DIRECTORY KEY", "directory"), ("ENTRY KEY", "entry")] {
        let mut key = [0; 32];
        let info = format!("cardwright vault 1 {job}");
        Hkdf::<Sha256>::new(None, file_key).expand(info.as_bytes(), &mut key).expect("32 bytes");
        canaries.push(Canary::new(name, &key));
    }
    canaries
}

fn card_keys() -> KeySet<SecretKey> {
    let master = SecretKey::new(&hex::decode(MASTER).expect("hex")).expect("16 bytes");
    diversify::derive(Scheme::Kdf3, &KeyMaterial::One(master), &KDD).expect("an AES master")
}

/// All that a vault and its card have to hide, but for session keys.
fn canaries(desk: &Desk) -> Vec<Canary> {
    let KeySet { enc, mac, dek } = card_keys();
    let mut canaries = file_keys(&desk.path().join("office.vault"), PASSPHRASE);
    canaries.extend([
        Canary::new("PASSPHRASE", PASSPHRASE.as_bytes()),
        Canary::new("MASTER", &hex::decode(MASTER).expect("hex")),
        Canary::new("CARD ENC", enc.expose()),
        Canary::new("CARD MAC", mac.expose()),
        Canary::new("CARD DEK", dek.expose()),
    ]);
    canaries
}

/// The public test key: the card's static keys before it gets others.
pub(crate) const TEST: &[u8; 16] = b"@ABCDEFGHIJKLMNO";

/// The session keys of the last session that was begun in these exchanges, with these static keys.
pub(crate) fn session_keys(exchanges: &[Exchange], enc: &[u8], mac: &[u8]) -> [Canary; 3] {
    let begun = |(command, answer): &&Exchange| command[1] == 0x50 && answer.len() > 2;
    let (command, answer) = exchanges.iter().rfind(begun).expect("a session");
    let request = InitializeUpdate::from_command(&Command::parse(command).expect("a command")).expect("a challenge");
    let answer = request.parse(Response::parse(answer).expect("a status word")).expect("an answer");
    let context = Context::session(&request.challenge, &answer.challenge);
    [("S-ENC", Constant::SEnc, enc), ("S-MAC", Constant::SMac, mac), ("S-RMAC", Constant::SRmac, mac)].map(
        |(name, constant, from)| {
            let mut key = [0; 16];
            derive(&mut CmacKey::new(from).expect("16 bytes"), constant, &context, &mut key);
            Canary::new(name, &key)
        },
    )
}

/// The session keys of every session, with the keys that the card had before and those that it has now.
fn all_session_keys(exchanges: &[Exchange]) -> Vec<Canary> {
    let KeySet { enc, mac, .. } = card_keys();
    let begun = (0..exchanges.len()).filter(|at| exchanges[*at].0[1] == 0x50 && exchanges[*at].1.len() > 2);
    let both = begun.flat_map(|at| {
        let exchange = &exchanges[at..=at];
        [session_keys(exchange, TEST, TEST), session_keys(exchange, enc.expose(), mac.expose())]
    });
    both.flatten().collect()
}

/// All files below.
pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_secret_of_a_vault_in_output_or_files() {
    let (desk, mut outputs, card) = office();
    let (heard, exchanges) = channel();
    let mut card = Altered::new(card, move |command: &[u8], answer: &mut Vec<u8>| {
        let _ = heard.send((command.to_vec(), answer.clone()));
    });
    let program = program().display().to_string();
    outputs.push(desk.run_with(&mut card, &with(&PUT)).expect(0));
    // As long as somebody has it open, what is written stands in its log as well.
    let open = SqliteRegistry::open(&desk.path().join("state/registry.db")).expect("a registry");
    let check = ["card", "keys", "check", "--key", "kdf3+vault:office/issuer@0x30"];
    outputs.push(desk.run_with(&mut card, &with(&check)).expect(0));
    let unlocked = [["vault", "unlock", "office", "--", &program].as_slice(), &with(&SECURED)].concat();
    outputs.push(desk.run_with(&mut card, &with(&unlocked)).expect(0));
    let mut canaries = canaries(&desk);
    canaries.extend(all_session_keys(&exchanges.try_iter().collect::<Vec<_>>()));

    desk.key_file("new-pass", NEW_PASSPHRASE);
    let kdd = hex::encode(KDD);
    let passwd = [["vault", "passwd", "office", "--new", "file:new-pass"].as_slice(), &KDF].concat();
    for args in [
        ["key", "generate", "vault:office/another"].as_slice(),
        &["key", "list"],
        &["key", "show", "vault:office/issuer"],
        &["key", "show", "file:known.hex"],
        &["key", "derive", "kdf3+vault:office/issuer", "--input", &kdd],
        &["key", "rotate", "vault:office/another", "--reason", "a year is over"],
        &["key", "destroy", "vault:office/another:1", "--yes"],
        &["registry", "check"],
        &["report", "keys"],
        &["vault", "check", "office"],
        &passwd,
    ] {
        outputs.push(desk.run(&with(args)).expect(0));
    }
    // The passphrase is another one now, and the refusal does not say which it was given.
    outputs.push(desk.run(&with(&["key", "list"])).expect(8));
    canaries.extend(file_keys(&desk.path().join("office.vault"), NEW_PASSPHRASE));
    canaries.push(Canary::new("NEW PASSPHRASE", NEW_PASSPHRASE.as_bytes()));
    for outcome in &outputs {
        assert_none(&canaries, outcome.stdout.as_bytes(), "standard output");
        assert_none(&canaries, outcome.stderr.as_bytes(), "standard error");
    }
    let given = ["pass", "new-pass", "known.hex"].map(|name| desk.path().join(name));
    let written: Vec<_> = files(desk.path()).into_iter().filter(|path| !given.contains(path)).collect();
    for path in &written {
        assert_none(&canaries, &std::fs::read(path).expect("read"), &path.display().to_string());
    }
    drop(open);
    for name in ["office.vault", "keys.html", "state/audit.log", "state/registry.db", "state/registry.db-wal"] {
        assert!(written.contains(&desk.path().join(name)), "{written:?}");
    }
}

/// While the card answers `ins`, what is in use is in memory; afterwards nothing is. The card's static keys are ENC and MAC.
fn nothing_is_left(office: (&Desk, VirtualCard), args: &[&str], ins: u8, (enc, mac): (&[u8], &[u8])) {
    let mut canaries = canaries(office.0);
    let Some(Looked { during, after, exchanges }) = look_into(office, &with(args), ins, &canaries) else { return };
    let at = exchanges.iter().position(|(command, _)| command[1] == ins).expect("the command");
    let open = session_keys(&exchanges[..at], enc, mac);
    assert_in_use(&open, &during, &["S-ENC raw", "S-MAC raw", "S-RMAC raw"]);
    assert_in_use(&canaries, &during, &IN_USE);
    let passphrase = [Canary::new("PASSPHRASE", PASSPHRASE.as_bytes())];
    assert_none(&passphrase, &during, "wiped as soon as the vault is open");
    canaries.extend(all_session_keys(&exchanges));
    assert_none(&canaries, &after, "left in memory after the session");
}

#[test]
fn no_secret_of_a_vault_is_left_in_memory_after_a_key_change() {
    let (desk, _, card) = office();
    nothing_is_left((&desk, card), &PUT, PUT_KEY, (TEST, TEST));
}

#[test]
fn no_secret_of_a_vault_is_left_in_memory_after_a_session() {
    let (desk, _, mut card) = office();
    desk.run_with(&mut card, &with(&PUT)).expect(0);
    let KeySet { enc, mac, .. } = card_keys();
    nothing_is_left((&desk, card), &SECURED, GET_STATUS, (enc.expose(), mac.expose()));
}

/// The one process that has this one as its parent.
fn child_of(pid: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("the process is there");
    children.trim().parse().expect("one child")
}

/// Who unlocks a vault keeps its file key and nothing else; who works in it has nothing left when the work is done.
#[test]
fn an_unlocked_vault_hands_down_its_file_key_and_nothing_else() {
    let (desk, _, mut card) = office();
    desk.run_with(&mut card, &with(&PUT)).expect(0);
    let canaries = canaries(&desk);
    let (reader, writer) = full_pipe();
    let path = program().display().to_string();
    let args = [["vault", "unlock", "office", "--", &path].as_slice(), &with(&SECURED)].concat();
    let mut command = desk.command(&with(&args));
    command.stdout(writer);
    let running = Listening::start(command);
    let (above, address) = (running.child.id(), running.address.expect("it listens"));
    let below = child_of(above);
    let (sender, looked) = channel();
    let dir = desk.path().to_owned();
    let mut card = Altered::new(card, move |command: &[u8], _: &mut Vec<u8>| {
        if command[1] == GET_STATUS {
            let _ =
                sender.send((core_of(above, &dir), core_of(below, &dir), [told_of(above), told_of(below)].concat()));
        }
    });
    serve_until_it_hangs_up(address, &mut card);
    let (unlocked, during, told) = looked.try_recv().expect("the card saw the command");
    assert_none(&canaries, &told, "in arguments or environment");
    wait_until_it_writes(below);
    let after = core_of(below, desk.path());
    drop(reader);
    drop(running.finish());
    let (Some(unlocked), Some(during), Some(after)) = (unlocked, during, after) else { return };
    let (kept, others): (Vec<_>, _) = canaries.into_iter().partition(|canary| canary.name == "FILE KEY");
    assert_in_use(&kept, &unlocked, &IN_USE[..1]);
    assert_none(&others, &unlocked, "with the process that unlocked the vault");
    assert_in_use(&kept, &during, &IN_USE[..1]);
    assert_in_use(&others, &during, &IN_USE[1..]);
    assert_none(&kept, &after, "left in memory after the session");
    assert_none(&others, &after, "left in memory after the session");
}
