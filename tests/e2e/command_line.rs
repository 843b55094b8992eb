//! What a user types and sees. The cases are in `tests/cli/*.toml`; those that need more than one run are here.

use cardwright_link::VirtualCard;
use cardwright_tests::cli::{Desk, Outcome, finish};
use cardwright_tests::expected::matches;
use cardwright_tests::gate::Gate;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{Permissions, set_permissions};
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

const KEY: &str = "11223344556677889900AABBCCDDEEFF";
const OPEN: &[&str] = &["apdu", "--secure", "gp-test", "80F28002024F0000"];

/// A file of `tests/cli`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// One run of the program, in a directory of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    args: Vec<String>,
    /// Beside CARDWRIGHT_STATE_DIR, which every case has.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Made first, with mode 0600.
    #[serde(default)]
    files: BTreeMap<String, String>,
    exit: i32,
    /// What has to come, as [`matches`] reads it. Left out: nothing comes.
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    /// In neither output, in any case.
    #[serde(default)]
    never: Vec<String>,
}

impl Case {
    fn run(&self) -> Outcome {
        let desk = Desk::new();
        for (name, text) in &self.files {
            desk.key_file(name, text);
        }
        let args: Vec<_> = self.args.iter().map(String::as_str).collect();
        let mut command = desk.command(&args);
        finish(command.envs(&self.env).spawn().expect("the program starts"))
    }

    /// What is wrong, if anything.
    fn check(&self) -> Option<String> {
        let outcome = self.run();
        let said = (outcome.stdout.clone() + &outcome.stderr).to_lowercase();
        let silent = self.never.iter().all(|text| !said.contains(&text.to_lowercase()));
        let right = outcome.code() == self.exit
            && matches(&self.stdout, &outcome.stdout)
            && matches(&self.stderr, &outcome.stderr)
            && silent;
        (!right).then(|| {
            format!(
                "== {}: exit {}\n-- stdout\n{}-- stderr\n{}",
                self.name,
                outcome.code(),
                outcome.stdout,
                outcome.stderr
            )
        })
    }
}

#[test]
fn cases() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let cases: Cases = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        count += cases.case.len();
        wrong.extend(cases.case.iter().filter_map(Case::check));
    }
    assert!(count > 40, "only {count} cases were found");
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
}

fn desk() -> (Desk, Gate<VirtualCard>) {
    let desk = Desk::new();
    desk.key_file("new.hex", KEY);
    (desk, Gate::new(VirtualCard::from_profile("").expect("a card")))
}

const PUT: &[&str] = &["card", "keys", "put", "--key", "gp-test", "--new", "file:new.hex", "--kvn", "0x30"];

#[test]
fn a_key_file_that_others_can_read() {
    let (desk, mut card) = desk();
    for mode in [0o644, 0o640, 0o602] {
        set_permissions(desk.path().join("new.hex"), Permissions::from_mode(mode)).expect("set");
        let outcome = desk.run_with(&mut card, PUT).expect(8);
        assert!(outcome.stderr.contains("chmod 600"), "{outcome:#?}");
        assert!(card.seen.is_empty(), "sent before the keys were read");
    }
}

#[test]
fn a_key_from_a_descriptor() {
    let (desk, _) = desk();
    let mut shell = std::process::Command::new("/bin/sh");
    let script = "printf %s \"$KEY\" | \"$0\" --reader sim: card keys check --key fd:3 3<&0 </dev/null";
    shell.args(["-c", script]).arg(cardwright_tests::cli::program()).env("KEY", "404142434445464748494A4B4C4D4E4F");
    shell.current_dir(desk.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let outcome = finish(shell.spawn().expect("a shell")).expect(0);
    assert!(outcome.stdout.contains("MATCH"), "{outcome:#?}");
}

#[test]
fn a_prompt_without_a_terminal() {
    let (desk, _) = desk();
    // A session of its own has no terminal, wherever the tests run.
    let plain = desk.command(&["--reader", "sim:", "card", "keys", "check", "--key", "prompt"]);
    let mut command = std::process::Command::new("setsid");
    command.arg("--wait").arg(plain.get_program()).args(plain.get_args()).current_dir(desk.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let outcome = finish(command.spawn().expect("setsid")).expect(8);
    assert!(outcome.stderr.starts_with("error: prompt cannot be read: "), "{outcome:#?}");
}

#[test]
fn a_dry_run_sends_nothing() {
    let (desk, mut card) = desk();
    let outcome = desk.run_with(&mut card, &[PUT, &["--dry-run"]].concat()).expect(0);
    assert!(outcome.stdout.contains("80 D8 00 81 30 [3 key blocks, blanked]"), "{outcome:#?}");
    assert!(outcome.stdout.contains("cannot be undone"), "{outcome:#?}");
    assert!(card.seen.is_empty());
    assert!(!desk.path().join("state").exists());
}

#[test]
fn standard_output_that_nobody_reads() {
    let (desk, _) = desk();
    for args in [&["info"][..], OPEN, &["demo", "--cards", "1"], &["--help"], &["info", "--json"]] {
        // As a closed pipe, and closed for every copy that another test's process may hold for a moment.
        let (reader, writer) = UnixStream::pair().expect("sockets");
        reader.shutdown(Shutdown::Both).expect("shut down");
        let mut command = desk.command(args);
        let outcome =
            finish(command.env("CARDWRIGHT_READER", "sim:").stdout(OwnedFd::from(writer)).spawn().expect("started"));
        assert!(!outcome.stderr.contains("panicked"), "{args:?}: {outcome:#?}");
        assert!(matches!(outcome.code(), 2 | 9), "{args:?}: {outcome:#?}");
    }
}

#[test]
fn a_state_directory_that_cannot_be_made() {
    let (desk, mut card) = desk();
    for dir in ["new.hex/state", "/proc/state"] {
        for args in [PUT, OPEN] {
            let outcome = desk.run_with(&mut card, &[args, &["--state-dir", dir]].concat()).expect(9);
            assert!(outcome.stderr.contains(dir), "{outcome:#?}");
            assert!(card.seen.is_empty());
        }
    }
}

#[test]
fn the_configuration_file_and_what_goes_before_it() {
    let (desk, _) = desk();
    let write = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    };
    let reader = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = desk.command(&[&["info", "--json"], args].concat());
        let outcome = finish(command.envs(env.iter().copied()).spawn().expect("started")).expect(0);
        outcome.json()["kdd"].as_str().expect("text").to_owned()
    };
    write(&desk.path().join(".config/cardwright/config.toml"), "reader = \"sim:kdd=00000000000000000001\"\n");
    write(&desk.path().join("xdg/cardwright/config.toml"), "reader = \"sim:kdd=00000000000000000002\"\n");
    write(&desk.path().join("named.toml"), "reader = \"sim:kdd=00000000000000000003\"\nwait = 1\ntime-limit = 2\n");
    let xdg = desk.path().join("xdg");
    let xdg = ("XDG_CONFIG_HOME", xdg.to_str().expect("UTF-8"));
    let env = ("CARDWRIGHT_READER", "sim:kdd=00000000000000000004");
    let option = ["--reader", "sim:kdd=00000000000000000005"];
    assert_eq!(reader(&[], &[]), "00000000000000000001");
    assert_eq!(reader(&[], &[xdg]), "00000000000000000002");
    assert_eq!(reader(&["--config", "named.toml"], &[xdg]), "00000000000000000003");
    assert_eq!(reader(&[], &[xdg, ("CARDWRIGHT_CONFIG", "named.toml")]), "00000000000000000003");
    assert_eq!(reader(&["--config", "named.toml"], &[env]), "00000000000000000004");
    assert_eq!(reader(&option, &[env]), "00000000000000000005");
}
