//! Dual control through the command line: operators and their keys, requests, approvals; and what is edited by hand.

use cardwright_hsm::operator_key::FileSigner;
use cardwright_hsm::{OperatorKey, Passphrase};
use cardwright_keys::approval::{Approval, Filed, Nonce, Operation, Request};
use cardwright_keys::lifecycle::Act;
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{Registry, RequestEntry};
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::hsm::{Kind, Token};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) const PASSPHRASE: &str = "seven grey herons on a wire";

const CONFIG: &str = "[approvals]\npolicy = \"policy.toml\"\noperators = \"operators.toml\"\n\
    [operator]\nname = \"ben\"\nkey = \"file:ben.pem\"\npassphrase = \"file:pass\"\n";

const POLICY: &str = "\
    [[rule]]\noperation = \"destroy\"\napprovals = 2\nof = [\"custodian\"]\nwithin = \"24h\"\n";

pub(super) fn run(desk: &Desk, args: &[&str]) -> Outcome {
    desk.run(&[&["--config", "cardwright.toml"], args].concat())
}

pub(super) fn json(desk: &Desk, args: &[&str]) -> Value {
    run(desk, &[&["--json"], args].concat()).expect(0).json()
}

/// Runs it to an error, which has these words.
#[track_caller]
pub(super) fn said(desk: &Desk, args: &[&str], code: i32, words: &str) {
    let outcome = run(desk, args).expect(code);
    assert!(outcome.stderr.contains(words), "{words}: {outcome:#?}");
}

pub(super) fn put(desk: &Desk, file: &str, text: &str) {
    std::fs::write(desk.path().join(file), text).expect("written");
}

fn mode(desk: &Desk, file: &str, mode: u32) {
    std::fs::set_permissions(desk.path().join(file), PermissionsExt::from_mode(mode)).expect("a file");
}

/// Makes a key file, and gives its public half.
fn key(desk: &Desk, name: &str) -> String {
    let made = json(desk, &["operator", "key", "make", &format!("file:{name}.pem"), "--passphrase", "file:pass"]);
    made["public"].as_str().expect("a key").to_owned()
}

/// A desk with a policy and nobody to keep it.
fn empty_office() -> Desk {
    let desk = Desk::new();
    put(&desk, "cardwright.toml", CONFIG);
    put(&desk, "policy.toml", POLICY);
    desk.key_file("pass", PASSPHRASE);
    desk
}

/// Anna manages keys; Ben, Cem and Dora are custodians, Ben under two names; Eve runs the cards. Their files are made once.
pub(super) fn office() -> Desk {
    static FILES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    let desk = empty_office();
    for (file, bytes) in FILES.get_or_init(made_office) {
        std::fs::write(desk.path().join(file), bytes).expect("written");
        mode(&desk, file, 0o600);
    }
    desk
}

fn made_office() -> Vec<(String, Vec<u8>)> {
    let desk = empty_office();
    let mut files = vec!["operators.toml".to_owned()];
    for (name, person, role) in [
        ("anna", "anna", "key-manager"),
        ("ben", "ben", "custodian"),
        ("ben2", "ben", "custodian"),
        ("cem", "cem", "custodian"),
        ("dora", "dora", "custodian"),
        ("eve", "eve", "card-manager"),
    ] {
        let public = key(&desk, name);
        let add = ["operator", "add", name, "--role", role, "--person", person, "--public", &public];
        run(&desk, &add).expect(0);
        files.push(format!("{name}.pem"));
    }
    let read = |file: String| (std::fs::read(desk.path().join(&file)).map(|bytes| (file, bytes))).expect("a file");
    files.into_iter().map(read).collect()
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

pub(super) fn signer(desk: &Desk, name: &str) -> OperatorKey {
    let path = desk.path().join(format!("{name}.pem"));
    OperatorKey::File(FileSigner::open(&path, &Passphrase::new(PASSPHRASE.as_bytes())).expect("a key"))
}

fn request(requester: &str, nonce: u8) -> Request {
    let key = "office/kmc:1".parse().expect("a key");
    let operation = Operation {
        act: Act::Generate,
        key,
        what: "master aes128".to_owned(),
        steps: 0,
        head: [0; 32],
        not_before: None,
    };
    Request {
        operation: Operation { act: Act::Destroy, ..operation },
        reason: "XXXXXXXX and nothing else".to_owned(),
        requester: requester.parse().expect("a name"),
        at: now() - 60,
        nonce: Nonce([nonce; 16]),
    }
}

/// Puts a request on file behind the program's back, signed by whoever asks.
fn file(desk: &Desk, request: &Request) {
    let state = desk.path().join("state");
    std::fs::create_dir_all(&state).expect("a directory");
    let mut registry = SqliteRegistry::open(&state.join("registry.db")).expect("a registry");
    let text = request.text();
    let signature = signer(desk, request.requester.as_str()).sign(&Filed::message(&text)).expect("a signature");
    let filed = Filed { text, signature, approvals: Vec::new(), spent: false };
    registry.file(&RequestEntry { nonce: request.nonce, filed }).expect("filed");
}

pub(super) fn sign(desk: &Desk, request: &str, name: &str) -> Outcome {
    let key = format!("file:{name}.pem");
    run(desk, &["approve", "sign", request, "--as", name, "--key", &key, "--passphrase", "file:pass", "--yes"])
}

#[test]
fn operators_come_and_go() {
    let desk = empty_office();
    let none = json(&desk, &["operator", "list"]);
    assert_eq!((&none["dual_control"], none["operators"].as_array().map(Vec::len)), (&true.into(), Some(0)));
    assert!(!none["unkept"].as_array().expect("rules").is_empty(), "nobody keeps the policy");
    let public = key(&desk, "anna");
    let add = ["operator", "add", "anna", "--role", "key-manager", "--role", "custodian", "--public", &public];
    let added = json(&desk, &add);
    assert_eq!((&added["result"], &added["operator"]["person"]), (&"added".into(), &"anna".into()));
    assert_eq!(added["operator"]["roles"], serde_json::json!(["key-manager", "custodian"]));
    said(&desk, &add, 2, "a name is never given twice");
    let again = ["operator", "add", "ben", "--role", "custodian", "--public", &public];
    said(&desk, &again, 2, "have the same key");
    for (name, role) in [("ben", "custodian"), ("cem", "custodian"), ("dora", "custodian")] {
        let public = key(&desk, name);
        run(&desk, &["operator", "add", name, "--role", role, "--public", &public]).expect(0);
    }
    assert_eq!(json(&desk, &["operator", "list"])["unkept"], serde_json::json!([]));
    // Written whole, with the mode that it had.
    mode(&desk, "operators.toml", 0o640);
    run(&desk, &["operator", "retire", "dora"]).expect(0);
    let meta = std::fs::metadata(desk.path().join("operators.toml")).expect("a file");
    assert_eq!(meta.permissions().mode() & 0o7777, 0o640);
    said(&desk, &["operator", "retire", "dora"], 2, "retired already");
    said(&desk, &["operator", "retire", "zoe"], 2, "there is no operator zoe");
    // Of two custodians beside the one who asks none can be spared, unless that is meant.
    said(&desk, &["operator", "retire", "ben"], 2, "the policy cannot be kept");
    assert_eq!(json(&desk, &["operator", "retire", "ben", "--yes"])["unkept"].as_array().map(Vec::len), Some(1));
    let listed = json(&desk, &["operator", "list"]);
    let operators = listed["operators"].as_array().expect("operators");
    let retired = |n: usize| (operators[n]["name"].as_str(), operators[n]["retired"].is_string());
    assert_eq!(
        [0, 1, 2, 3].map(retired),
        [("anna", false), ("ben", true), ("cem", false), ("dora", true)].map(|(name, is)| (Some(name), is))
    );
    said(&desk, &["operator", "add", "dora", "--role", "custodian", "--public", &public], 2, "never given twice");
    let log = std::fs::read_to_string(desk.path().join("state/audit.log")).expect("a log");
    assert_eq!((log.matches("operator.added").count(), log.matches("operator.retired").count()), (4, 2));
    let left: Vec<_> =
        std::fs::read_dir(desk.path()).expect("a directory").map(|entry| entry.expect("one").file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".tmp")), "{left:?}");
}

#[test]
fn without_a_policy_there_is_nothing_to_approve() {
    let desk = Desk::new();
    put(&desk, "cardwright.toml", "[approvals]\noperators = \"operators.toml\"\n");
    desk.key_file("pass", PASSPHRASE);
    let public = key(&desk, "anna");
    let add = ["operator", "add", "anna", "--role", "custodian", "--public", &public];
    let added = run(&desk, &add).expect(0);
    assert!(added.stdout.contains("there is no dual control"), "{added:#?}");
    assert_eq!(json(&desk, &["operator", "list"])["dual_control"], false);
    said(&desk, &["approve", "list"], 2, "no dual control");
    // A policy that is named and is not there is not the same as none.
    put(&desk, "cardwright.toml", CONFIG);
    said(&desk, &["approve", "list"], 9, "policy.toml");
    said(&desk, &["operator", "list"], 9, "policy.toml");
    put(&desk, "cardwright.toml", "");
    said(&desk, &["operator", "list"], 2, "names no operators file");
}

#[test]
fn what_others_can_write_is_not_believed() {
    let desk = office();
    for file in ["policy.toml", "operators.toml"] {
        for bad in [0o666, 0o620, 0o602] {
            mode(&desk, file, bad);
            said(&desk, &["approve", "list"], 9, "others can write it");
        }
        mode(&desk, file, 0o644);
        run(&desk, &["approve", "list"]).expect(0);
    }
    put(&desk, "operators.toml", "[\"a\\u001b[2J\\u202Eb\"]\nperson = \"a\"\nroles = []\nkey = \"\"\n");
    let refused = run(&desk, &["operator", "list"]).expect(9);
    assert!(!refused.stderr.contains(['\u{1b}', '\u{202e}']), "{refused:#?}");
    put(&desk, "operators.toml", &"#".repeat((1 << 20) + 1));
    said(&desk, &["operator", "list"], 9, "more than 1048576 bytes");
    std::fs::remove_file(desk.path().join("operators.toml")).expect("removed");
    assert!(Command::new("mkfifo").arg(desk.path().join("operators.toml")).status().expect("it runs").success());
    said(&desk, &["operator", "list"], 9, "no regular file");
}

fn openssl(desk: &Desk, args: &[&str]) -> std::process::Output {
    Command::new("openssl").args(args).current_dir(desk.path()).output().expect("openssl is installed")
}

/// The public half as `openssl pkey -pubout` has it: RFC 8410, 4, twelve bytes in front of the point.
fn public_of(der: &[u8]) -> String {
    assert_eq!(der.len(), 44, "{der:?}");
    format!("ed25519:{}", hex::encode(&der[12..]))
}

#[test]
fn openssl_reads_what_is_made_and_makes_what_is_read() {
    let desk = empty_office();
    let public = key(&desk, "anna");
    let read = openssl(&desk, &["pkey", "-in", "anna.pem", "-passin", "file:pass", "-pubout", "-outform", "DER"]);
    assert!(read.status.success(), "{read:?}");
    assert_eq!(public_of(&read.stdout), public);
    let meta = std::fs::metadata(desk.path().join("anna.pem")).expect("a file");
    assert_eq!(meta.permissions().mode() & 0o7777, 0o600);

    assert!(openssl(&desk, &["genpkey", "-algorithm", "ed25519", "-out", "plain.pem"]).status.success());
    let public = public_of(&openssl(&desk, &["pkey", "-in", "plain.pem", "-pubout", "-outform", "DER"]).stdout);
    for how in [
        ["-v2", "aes-256-cbc", "-iter", "600000"].as_slice(),
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"],
        &["-scrypt"],
    ] {
        drop(std::fs::remove_file(desk.path().join("other.pem")));
        let wrap = ["pkcs8", "-topk8", "-in", "plain.pem", "-out", "other.pem", "-passout", "file:pass"];
        assert!(openssl(&desk, &[&wrap, how].concat()).status.success(), "{how:?}");
        mode(&desk, "other.pem", 0o600);
        let shown = json(&desk, &["operator", "key", "show", "file:other.pem", "--passphrase", "file:pass"]);
        assert_eq!(shown["public"], public.as_str(), "{how:?}");
    }
    // What is not under a passphrase, or of another kind.
    mode(&desk, "plain.pem", 0o600);
    let show = |file: &str, words: &str| {
        said(&desk, &["operator", "key", "show", &format!("file:{file}"), "--passphrase", "file:pass"], 8, words);
    };
    show("plain.pem", "not under a passphrase");
    assert!(
        openssl(&desk, &["genpkey", "-algorithm", "x25519", "-aes256", "-pass", "file:pass", "-out", "dh.pem"])
            .status
            .success()
    );
    mode(&desk, "dh.pem", 0o600);
    show("dh.pem", "another key than an Ed25519 one");
    mode(&desk, "anna.pem", 0o640);
    show("anna.pem", "mode 0640");
    mode(&desk, "anna.pem", 0o600);
    desk.key_file("pass", "seven grey herons on a mire");
    show("anna.pem", "does not open");
    said(&desk, &["operator", "key", "make", "file:anna.pem", "--passphrase", "file:pass"], 2, "exists already");
    let short = desk.key_file("short", "eleven char");
    said(&desk, &["operator", "key", "make", "file:new.pem", "--passphrase", &short], 2, "11 characters");
    said(&desk, &["operator", "key", "show", "gp-test"], 2, "never given itself");
}

/// A key that is made in a token signs there. Only SoftHSM2 has EdDSA here.
#[test]
fn an_operators_key_can_be_in_a_token() {
    let Some(token) = Token::new("an operator's key", Kind::SoftHsm) else { return };
    let desk = Desk::new().with_env(token.env());
    put(&desk, "cardwright.toml", CONFIG);
    put(&desk, "policy.toml", POLICY);
    desk.key_file("pass", PASSPHRASE);
    let uri = token.uri().replacen(";serial=", ";object=cem;serial=", 1);
    let made = json(&desk, &["operator", "key", "make", &uri])["public"].as_str().expect("a key").to_owned();
    assert_eq!(json(&desk, &["operator", "key", "show", &uri])["public"], made.as_str());
    said(&desk, &["operator", "key", "make", &uri], 8, "already");
    said(&desk, &["operator", "key", "show", &uri.replace("object=cem", "object=zoe")], 8, "no Ed25519 key");
    said(&desk, &["operator", "key", "show", &token.uri()], 2, "names no key");
    let objects = token.objects();
    assert!(objects.iter().all(|object| object.value.is_none()), "{objects:#?}");
    let anna = key(&desk, "anna");
    run(&desk, &["operator", "add", "anna", "--role", "key-manager", "--public", &anna]).expect(0);
    run(&desk, &["operator", "add", "cem", "--role", "custodian", "--public", &made]).expect(0);
    file(&desk, &request("anna", 0x1a));
    let signed = json(&desk, &["approve", "sign", "1a1a", "--as", "cem", "--key", &uri, "--yes"]);
    assert_eq!((&signed["result"], &signed["counting"]), (&"signed".into(), &1.into()));
}

#[test]
fn a_request_is_listed_shown_and_signed() {
    let desk = office();
    let empty = run(&desk, &["approve", "list"]).expect(0);
    assert_eq!(empty.stdout, "no request waits\n");
    file(&desk, &request("anna", 0x1a));
    file(&desk, &request("anna", 0x1b));
    let listed = json(&desk, &["approve", "list"]);
    let first = &listed["requests"][0];
    assert_eq!((&first["standing"], &first["needed"], &first["counting"]), (&"waiting".into(), &2.into(), &0.into()));
    assert_eq!((&first["operation"], &first["key"]), (&"destroy".into(), &"vault:office/kmc:1".into()));
    let said_so = run(&desk, &["approve", "list"]).expect(0).stdout;
    assert!(said_so.contains("approvals are asynchronous"), "{said_so}");
    // All words, as they are signed.
    let shown = run(&desk, &["approve", "show", "1a1a"]).expect(0);
    assert!(
        shown.stdout.starts_with(&request("anna", 0x1a).text()[.."cardwright request 1\noperation: destroy\n".len()])
    );
    for line in ["key: vault:office/kmc:1\n", "which is: master aes128\n", "requested by: anna\n"] {
        assert!(shown.stdout.contains(line), "{line}: {shown:#?}");
    }
    // Ben is who the configuration says; the others say so themselves.
    let signed = run(&desk, &["approve", "sign", "1a1a1a1a", "--yes"]).expect(0);
    assert!(signed.stderr.contains("operation: destroy\n"), "the words come first: {signed:#?}");
    assert!(signed.stdout.contains("1 of 2 approvals count"), "{signed:#?}");
    sign(&desk, &"1a".repeat(16), "cem").expect(0);
    let shown = json(&desk, &["approve", "show", "1a1a"]);
    assert_eq!((&shown["standing"], &shown["counting"], &shown["why"]), (&"approved".into(), &2.into(), &Value::Null));
    assert!(shown["text"].as_str().expect("text").ends_with(&format!("request: {}\n", "1a".repeat(16))));
    let log = std::fs::read_to_string(desk.path().join("state/audit.log")).expect("a log");
    assert_eq!(log.matches("approval.signed").count(), 2);
    // Not one of them is named by what both begin with, or by next to nothing.
    said(&desk, &["approve", "show", "1c1c"], 2, "no request begins with");
    for bad in ["1a1", "1A1A", "", "xxxx", &"1a".repeat(17)] {
        said(&desk, &["approve", "show", bad], 2, "at least 4");
    }
    file(
        &desk,
        &Request { nonce: Nonce([[0x1b; 15].as_slice(), &[0]].concat().try_into().expect("16")), ..request("anna", 0) },
    );
    said(&desk, &["approve", "show", "1b1b"], 2, "2 requests begin with");
}

/// The passphrase of these is nowhere: they are refused before it is asked for.
#[test]
fn who_cannot_approve_is_told_so_at_once() {
    let desk = office();
    file(&desk, &request("anna", 0x1a));
    file(&desk, &request("ben", 0x1b));
    file(&desk, &Request { at: now() - 86_401, ..request("anna", 0x1c) });
    sign(&desk, "1a1a", "ben").expect(0);
    let refused = |request: &str, name: &str, words: &str| {
        let key = format!("file:{name}.pem");
        said(
            &desk,
            &["approve", "sign", request, "--as", name, "--key", &key, "--passphrase", "file:none", "--yes"],
            11,
            words,
        );
    };
    refused("1a1a", "anna", "has none of the roles");
    refused("1a1a", "eve", "has none of the roles");
    refused("1a1a", "ben", "has signed this request already");
    refused("1a1a", "ben2", "a person counts once");
    refused("1a1a", "zoe", "nobody of that name");
    refused("1b1b", "ben2", "cannot approve");
    refused("1c1c", "cem", "its time was over");
    run(&desk, &["operator", "retire", "dora"]).expect(0);
    refused("1a1a", "dora", "retired");
    // Asked for, and not there.
    said(
        &desk,
        &["approve", "sign", "1a1a", "--as", "cem", "--key", "file:cem.pem", "--passphrase", "file:none", "--yes"],
        8,
        "none",
    );
    // Nobody says yes.
    said(
        &desk,
        &["approve", "sign", "1a1a", "--as", "cem", "--key", "file:cem.pem", "--passphrase", "file:none"],
        2,
        "nothing was signed",
    );
    // Another's key signs nothing in this name.
    let other =
        ["approve", "sign", "1a1a", "--as", "cem", "--key", "file:dora.pem", "--passphrase", "file:pass", "--yes"];
    said(&desk, &other, 8, "not the key of operator cem");
    said(&desk, &["approve", "sign", "1a1a", "--as", "cem", "--yes"], 2, "which key");
    assert_eq!(json(&desk, &["approve", "show", "1a1a"])["counting"], 1);
}

/// Whoever retires takes the approvals along that have not served.
#[test]
fn an_approval_of_somebody_retired_does_not_count() {
    let desk = office();
    file(&desk, &request("anna", 0x1a));
    sign(&desk, "1a1a", "ben").expect(0);
    sign(&desk, "1a1a", "cem").expect(0);
    assert_eq!(json(&desk, &["approve", "show", "1a1a"])["standing"], "approved");
    run(&desk, &["operator", "retire", "cem"]).expect(0);
    let shown = json(&desk, &["approve", "show", "1a1a"]);
    assert_eq!((&shown["standing"], &shown["counting"]), (&"waiting".into(), &1.into()));
    assert_eq!(shown["approvals"][1]["why"], "retired");
    let listed = run(&desk, &["approve", "list"]).expect(0).stdout;
    assert!(listed.contains("cem does not count: retired"), "{listed}");
    run(&desk, &["operator", "retire", "anna", "--yes"]).expect(0);
    let shown = json(&desk, &["approve", "show", "1a1a"]);
    assert_eq!(shown["standing"], "void");
}

/// Rows that nobody signed so: put there by hand, or changed in the database.
#[test]
fn rows_that_are_edited_count_for_nothing_and_are_shown_harmless() {
    let desk = office();
    file(&desk, &request("anna", 0x1a));
    sign(&desk, "1a1a", "ben").expect(0);
    // A signature of Dora's key under Cem's name.
    let state = desk.path().join("state/registry.db");
    let mut registry = SqliteRegistry::open(&state).expect("a registry");
    let text = request("anna", 0x1a).text();
    let cem = "cem".parse().expect("a name");
    let signature = signer(&desk, "dora").sign(&Approval::message(&text, &cem, now())).expect("a signature");
    registry.approve(Nonce([0x1a; 16]), &Approval { operator: cem, at: now(), signature }).expect("kept");
    drop(registry);
    let shown = json(&desk, &["approve", "show", "1a1a"]);
    assert_eq!((&shown["standing"], &shown["counting"]), (&"waiting".into(), &1.into()));
    assert_eq!(shown["approvals"][1]["why"], "the signature is not of these words");

    let mut bytes = std::fs::read(&state).expect("a file");
    let (from, to) = (b"XXXXXXXX".as_slice(), b"\x1b[2J\xe2\x80\xaeX".as_slice());
    let mut places: Vec<_> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "the reason is in the file");
    for at in places.drain(..) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    std::fs::write(&state, bytes).expect("written");
    for args in [["approve", "list"].as_slice(), &["approve", "show", "1a1a"], &["approve", "list", "--all"]] {
        let outcome = run(&desk, args).expect(0);
        assert!(outcome.stdout.contains("void"), "{outcome:#?}");
        assert!(!outcome.stdout.contains(['\u{1b}', '\u{202e}']) && !outcome.stderr.contains('\u{1b}'), "{outcome:#?}");
    }
    let shown = run(&desk, &["approve", "show", "1a1a"]).expect(0);
    assert!(shown.stdout.contains("reason: \\u{1b}[2J\\u{202e}X"), "{shown:#?}");
    assert_eq!(json(&desk, &["approve", "show", "1a1a"])["standing"], "void");
    let refused = sign(&desk, "1a1a", "cem").expect(11);
    assert!(!refused.stderr.contains('\u{1b}'), "{refused:#?}");
}
