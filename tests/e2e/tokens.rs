//! The tokens in software, and the tap that the proofs about them stand on: it sees all, and a leak is caught.

use cardwright_tests::cli::Desk;
use cardwright_tests::hsm::{Flag, Kind, NewKey, Object, Tap, Token, Work};
use cardwright_tests::rig::repository;
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

const KEPT: [u8; 16] = *b"\x4b\xd1\x07\x9e\xa2\x65\xf8\x3c\x10\xb7\x5a\xee\x92\x04\xc9\x7f";
const OPEN: [u8; 32] =
    *b"\x81\x3e\xfa\x06\x5d\xc4\x29\xb0\x77\xe1\x98\x0d\x43\xaf\x6c\xd2\x1b\x8a\xf5\x30\xbe\x64\x09\xd7\xec\x52\x3f\xa8\x95\x0b\x7e\xc1";

/// Both tokens, those that there are.
#[track_caller]
fn tokens(what: &str) -> impl Iterator<Item = Token> {
    Kind::ALL.into_iter().filter_map(move |kind| Token::new(&format!("{what}, {kind:?}"), kind))
}

/// The number of the `which`-th call of this function, from 0, as the same work makes it where nothing goes wrong.
#[track_caller]
fn call(token: &Token, work: &Work, function: &str, which: usize) -> u64 {
    let tap = token.tap();
    let _ = tap.order(work.clone()).expect(0);
    numbers(&tap, function)[which]
}

fn numbers(tap: &Tap<'_>, function: &str) -> Vec<u64> {
    let log = tap.log();
    let lines = log.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines.filter(|words| words[1] == function).map(|words| words[0].parse().expect("a number")).collect()
}

#[test]
fn a_token_gives_what_may_be_read_and_no_more() {
    for token in tokens("what can be read") {
        assert_eq!(token.objects(), []);
        token.make(&NewKey::aes("kept", &KEPT, &[Flag::Derive]));
        token.make(&NewKey::aes("open", &OPEN, &[Flag::Encrypt]).readable());
        let objects = token.objects();
        let object = |label: &str| objects.iter().find(|object| object.label == label).expect("it is there");
        assert_eq!(objects.len(), 2);
        assert_eq!(object("kept").value, None);
        assert_eq!(object("open").value, Some(hex::encode(OPEN)));
        assert_eq!(object("open").id, hex::encode("open"));
        for (label, flag, value) in [
            ("kept", Flag::Derive, true),
            ("kept", Flag::Encrypt, false),
            ("kept", Flag::Sensitive, true),
            ("kept", Flag::Extractable, false),
            ("kept", Flag::Local, false),
            ("open", Flag::Derive, false),
            ("open", Flag::Encrypt, true),
            ("open", Flag::Sensitive, false),
        ] {
            assert_eq!(object(label).flags.get(&flag), Some(&value), "{:?}: {flag:?} of {label}", token.kind());
        }
    }
}

#[test]
fn the_tap_catches_a_key_that_can_be_read() {
    for token in tokens("the tap") {
        token.make(&NewKey::aes("kept", &KEPT, &[Flag::Derive]));
        token.make(&NewKey::aes("open", &OPEN, &[Flag::Derive]).readable());
        let tap = token.tap();
        assert_eq!(tap.answer::<Vec<Object>>(Work::Objects), token.objects());
        assert_eq!(tap.leaks(&[KEPT.to_vec()]), Vec::<String>::new());
        let leaks = tap.leaks(&[OPEN.to_vec()]);
        assert!(!leaks.is_empty() && leaks.iter().all(|line| line.contains(" C_GetAttributeValue ")), "{leaks:#?}");
        // Half of it is enough.
        assert_eq!(tap.leaks(&[OPEN[24..].to_vec()]), leaks);
    }
}

#[test]
fn the_tap_sees_all_that_passes() {
    for token in tokens("the tap") {
        let tap = token.tap();
        let seen: Vec<String> = tap.answer(Work::Exercise);
        assert!(seen.len() >= 12, "{seen:#?}");
        let log = tap.log();
        for bytes in seen {
            assert!(log.contains(&bytes), "{:?}: no {bytes} in {log}", token.kind());
        }
        assert!(log.contains(" -> 11 {11= 10c=01}\n"), "{log}");
        let last = log.lines().last().expect("a line").split(' ').next().expect("a number");
        assert_eq!(tap.count().to_string(), last);
        assert_eq!(log.lines().count() as u64, tap.count() + 1, "C_Initialize is call 0");
    }
}

#[test]
fn an_error_at_any_call() {
    for token in tokens("the tap") {
        let work = Work::Make(NewKey::aes("new", &KEPT, &[Flag::Derive]));
        let clean = token.tap();
        let _ = clean.order(work.clone()).expect(0);
        for number in 0..=clean.count() {
            let tap = token.tap().failing(&format!("{number}:error=31"));
            let outcome = tap.order(work.clone());
            let log = tap.log();
            let faults: Vec<_> = log.lines().filter(|line| line.ends_with(" -> 31 FAULT")).collect();
            assert!(faults.len() == 1 && faults[0].starts_with(&format!("{number} ")), "{number}: {log}");
            // Whoever is done does not ask how that went.
            let code = if faults[0].contains("C_CloseSession") { 0 } else { 1 };
            assert_eq!(outcome.code(), code, "{number}: {outcome:#?}");
        }
    }
}

#[test]
fn a_session_that_is_lost() {
    for token in tokens("the tap") {
        let number = call(&token, &Work::Objects, "C_FindObjectsInit", 0);
        let tap = token.tap().failing(&format!("{number}:session"));
        let outcome = tap.order(Work::Objects).expect(1);
        assert!(outcome.stderr.contains("SessionHandleInvalid"), "{outcome:#?}");
        // It is gone, whatever the program believes.
        let log = tap.log();
        let close = log.lines().find(|line| line.contains(" C_CloseSession ")).expect("the program closes it");
        assert!(close.ends_with(" -> b3"), "{close}");
    }
}

#[test]
fn a_device_that_is_removed() {
    for token in tokens("the tap") {
        let number = call(&token, &Work::Objects, "C_Login", 0);
        let tap = token.tap().failing(&format!("{number}:removed"));
        let outcome = tap.order(Work::Objects).expect(1);
        assert!(outcome.stderr.contains("DeviceRemoved"), "{outcome:#?}");
        let log = tap.log();
        let mut from_there = log.lines().skip(usize::try_from(number).expect("few"));
        assert!(from_there.all(|line| line.ends_with(" -> 32 FAULT") || line.contains("C_Finalize")), "{log}");
    }
}

#[test]
fn lengths_that_are_wrong() {
    for token in tokens("the tap") {
        // The first call asks for the length, the second one for the slots.
        let slots = call(&token, &Work::Objects, "C_GetSlotList", 1);
        let outcome = token.tap().failing(&format!("{slots}:empty")).order(Work::Objects).expect(1);
        assert!(outcome.stderr.contains("there is no token"), "{outcome:#?}");
        let encrypt = call(&token, &Work::Exercise, "C_Encrypt", 0);
        let long = token.tap().failing(&format!("{encrypt}:long"));
        let _ = long.order(Work::Exercise).expect(0);
        assert_eq!(long.log().lines().filter(|line| line.ends_with(" FAULT")).count(), 1);
        let short = token.tap().failing(&format!("{}:short", encrypt + 1));
        let outcome = short.order(Work::Exercise).expect(1);
        assert!(outcome.stderr.contains("Decrypt"), "fifteen bytes are no block: {outcome:#?}");
    }
}

#[test]
fn a_kill_before_and_after_a_call() {
    for token in tokens("the tap") {
        let work = Work::Make(NewKey::aes("late", &KEPT, &[Flag::Derive]));
        let number = call(&token, &work, "C_CreateObject", 0);
        for (kind, objects) in [("kill-before", 1), ("kill-after", 2)] {
            let tap = token.tap().failing(&format!("{number}:{kind}"));
            let outcome = tap.order(work.clone());
            assert_eq!(outcome.status.signal(), Some(9), "{outcome:#?}");
            assert_eq!((tap.count(), token.objects().len()), (number, objects), "{kind}");
        }
    }
}

#[test]
fn a_pin_that_is_refused_is_not_tried_on_the_token() {
    for token in tokens("the tap") {
        for _ in 0..4 {
            let tap = token.tap().failing("0:pin");
            let outcome = tap.order(Work::Objects).expect(1);
            assert!(outcome.stderr.contains("PinIncorrect"), "{outcome:#?}");
            assert_eq!(tap.calls("C_Login"), 1);
        }
        assert_eq!(token.objects(), []);
    }
}

#[test]
fn an_officer_makes_a_key_trusted() {
    for token in tokens("a trusted key") {
        let mut key = NewKey { value: None, ..NewKey::aes("backup", &[], &[Flag::Wrap]) };
        key.flags.extend([(Flag::Private, false), (Flag::Trusted, true)]);
        token.make_as_officer(&key);
        let object = &token.objects()[0];
        assert_eq!(object.flags.get(&Flag::Trusted), Some(&true), "{:?}", token.kind());
        assert_eq!(object.flags.get(&Flag::Local), Some(&true), "{:?}", token.kind());
    }
}

/// `scripts/hsm.sh token` at a terminal, with the PINs typed where they are asked for.
#[test]
fn a_token_by_hand() {
    for kind in Kind::ALL {
        if kind.module("a token by hand").is_none() {
            continue;
        }
        let desk = Desk::new();
        let dir = desk.path().join("token");
        let command = format!("scripts/hsm.sh token {} {}", kind.name(), dir.display());
        let mut terminal = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .current_dir(repository())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script(1), of util-linux");
        let mut keys = terminal.stdin.take().expect("piped");
        let mut screen = BufReader::new(terminal.stdout.take().expect("piped")).bytes();
        let mut said = String::new();
        for (prompt, pin) in [
            ("Please enter SO PIN: ", "officer-1"),
            ("Please reenter SO PIN: ", "officer-1"),
            ("Please enter user PIN: ", "user-22"),
            ("Please reenter user PIN: ", "user-22"),
        ] {
            while !said.ends_with(prompt) {
                said.push(char::from(screen.next().unwrap_or_else(|| panic!("the end: {said}")).expect("a byte")));
            }
            writeln!(keys, "{pin}").expect("a terminal");
        }
        said.extend(screen.map(|byte| char::from(byte.expect("a byte"))));
        assert!(terminal.wait().expect("it ends").success(), "{said}");
        assert!(!said.contains("officer-1") && !said.contains("user-22"), "{said}");
        let (_, rest) = said.split_once("pkcs11:token=cardwright-try;serial=").expect("a URI");
        let (serial, rest) = rest.split_once("?module-path=").expect("a module");
        assert!(serial.len() == 16 && serial.bytes().all(|digit| digit.is_ascii_hexdigit()), "{said}");
        assert_eq!(rest.lines().next(), kind.module("").as_ref().and_then(|path| path.to_str()), "{said}");
        let (_, settings) = said.split_once("export ").expect("a variable");
        let (_, settings) = settings.lines().next().and_then(|line| line.split_once('=')).expect("a file");
        assert!(std::fs::read_to_string(settings).expect("settings").contains(&dir.display().to_string()), "{said}");
        assert_eq!(dir.metadata().expect("it is there").permissions().mode() & 0o777, 0o700);
    }
}
