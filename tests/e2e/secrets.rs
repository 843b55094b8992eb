//! Canary keys are searched for everywhere a key could be left: output at the highest verbosity, journal, audit log,
//! arguments, environment, and the memory of the real process after its session. `vault`: the same for soft vaults.
//! `ceremony`: secrets of custodian cards, which no host may ever have.

mod ceremony;
mod vault;

use cardwright_link::vpcd::{Stop, serve};
use cardwright_link::{SmartCard, VirtualCard};
use cardwright_tests::altered::Altered;
use cardwright_tests::cli::{Desk, Listening};
use cardwright_tests::rig::skip;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

pub(super) use vault::{TEST, session_keys};

const OLD: &str = "C3A5F17E0B9D42688E1F5A3C7D90B264";
const ENC: &str = "9B62D80F47E13CA5F0D47A1B2E8C6395";
const MAC: &str = "5E07C4A9D1836BF2174DEA60B98F3C21";
const DEK: &str = "E84B1D96A03F57C22D7AF8634E5190BB";
const PATIENCE: Duration = Duration::from_secs(60);
const PUT_KEY: u8 = 0xD8;
const GET_STATUS: u8 = 0xF2;

/// A secret that is looked for.
pub(super) struct Canary {
    name: String,
    raw: Vec<u8>,
}

impl Canary {
    pub(super) fn new(name: impl Into<String>, raw: &[u8]) -> Self {
        Self { name: name.into(), raw: raw.to_vec() }
    }

    /// Every form in which it could be left, with its name.
    fn forms(&self) -> Vec<(String, Vec<u8>)> {
        let Self { name, raw } = self;
        let mut forms = vec![
            (format!("{name} raw"), raw.clone()),
            (format!("{name} in upper case"), hex::encode_upper(raw).into_bytes()),
            (format!("{name} in lower case"), hex::encode(raw).into_bytes()),
        ];
        // Ciphers that work on several blocks at once keep each round key several times.
        if raw.len() == 32 {
            forms.extend(
                [("first", &raw[..16]), ("second", &raw[16..])]
                    .map(|(which, half)| (format!("{name}, {which} half raw"), half.to_vec())),
            );
        }
        // Base64 of text that begins one or two bytes earlier looks different: what does not depend on neighbours.
        for skip in 0..3 {
            let whole = &raw[skip..raw.len() - (raw.len() - skip) % 3];
            forms.push((format!("{name} in base64, from byte {skip}"), base64(whole)));
        }
        forms
    }
}

/// The keys that are put on a card here.
fn keys() -> Vec<Canary> {
    let key = |(name, key)| Canary::new(name, &hex::decode(key).expect("hex"));
    [("OLD", OLD), ("ENC", ENC), ("MAC", MAC), ("DEK", DEK)].map(key).into()
}

/// Whole groups of three bytes.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let word = three.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| DIGITS[word >> shift & 63])
    };
    bytes.chunks_exact(3).flat_map(group).collect()
}

/// The canaries in `bytes`, by name, with their places. One pass, whatever their number: cores are large.
fn hits(canaries: &[Canary], bytes: &[u8]) -> Vec<(String, usize)> {
    let mut forms = vec![Vec::new(); 256];
    for (name, form) in canaries.iter().flat_map(Canary::forms) {
        forms[usize::from(form[0])].push((name, form));
    }
    let mut hits = Vec::new();
    for (at, first) in bytes.iter().enumerate() {
        forms[usize::from(*first)].retain(|(name, form)| {
            let hit = bytes[at..].starts_with(form);
            if hit {
                hits.push((name.clone(), at));
            }
            !hit
        });
    }
    hits
}

/// The same in words.
pub(super) fn found(canaries: &[Canary], bytes: &[u8]) -> Vec<String> {
    let hits = hits(canaries, bytes).into_iter();
    hits.map(|(name, at)| format!("{name}, at {at:#x} of {:#x}", bytes.len())).collect()
}

#[track_caller]
pub(super) fn assert_none(canaries: &[Canary], bytes: &[u8], what: &str) {
    assert_eq!(found(canaries, bytes), Vec::<String>::new(), "{what}");
}

/// A desk with key files, and a card with the old canary in set 0x30.
fn desk() -> (Desk, VirtualCard) {
    let desk = Desk::new();
    desk.key_file("old.hex", OLD);
    desk.key_file("new.hex", &format!("{ENC},{MAC},{DEK}"));
    let mut card = VirtualCard::from_profile("").expect("a card");
    let first = ["card", "keys", "put", "--key", "gp-test", "--new", "file:old.hex", "--kvn", "0x30"];
    desk.run_with(&mut card, &first).expect(0);
    (desk, card)
}

const PUT: &[&str] =
    &["card", "keys", "put", "--key", "file:old.hex", "--new", "file:new.hex", "--kvn", "0x31", "-vvv"];

#[test]
fn the_search_finds_each_form() {
    let canaries = keys();
    for (name, form) in canaries.iter().flat_map(Canary::forms) {
        let text = [b"before ", form.as_slice(), b" behind"].concat();
        assert!(found(&canaries, &text).iter().any(|hit| hit.starts_with(&name)), "{name}");
    }
    assert_none(&canaries, b"nothing of it", "");
    for start in 0..3 {
        // As base64 of a longer text has it.
        let text = [&b"..."[..start], &canaries[0].raw].concat();
        let text = base64(&text[..text.len() - text.len() % 3]);
        assert!(!found(&canaries, &text).is_empty(), "{start}");
    }
}

#[test]
fn no_secret_in_output_or_files() {
    let (desk, mut card) = desk();
    let mut outputs = vec![desk.run_with(&mut card, PUT).expect(0)];
    let secured = ["apdu", "-vvv", "--secure", "file:new.hex@0x31", "80F28002024F0000"];
    outputs.push(desk.run_with(&mut card, &secured).expect(0));
    outputs.push(desk.run_with(&mut card, &["card", "keys", "check", "-vvv", "--key", "file:new.hex@0x31"]).expect(0));
    outputs.push(desk.run_with(&mut card, &[PUT, &["--dry-run"]].concat()).expect(0));
    for outcome in &outputs {
        assert_none(&keys(), outcome.stdout.as_bytes(), "standard output");
        assert_none(&keys(), outcome.stderr.as_bytes(), "standard error");
    }
    // The trace is there, with the keys blanked.
    assert!(outputs[0].stderr.contains("80 D8 00 81 [") && outputs[0].stderr.contains("blanked]"), "{:#?}", outputs[0]);
    let mut files = 0;
    for entry in std::fs::read_dir(desk.path().join("state")).expect("a directory") {
        let path = entry.expect("an entry").path();
        assert_none(&keys(), &std::fs::read(&path).expect("read"), &path.display().to_string());
        files += 1;
    }
    assert_eq!(files, 2, "journal and audit log");
}

/// A pipe into which not one byte more goes: whoever writes to it stays there.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("set");
    for size in [4096, 1] {
        while writer.write(&[b' '; 4096][..size]).is_ok() {}
    }
    fcntl_setfl(&writer, flags).expect("set");
    (reader, writer)
}

/// Everything in the memory of a process, as gcore sees it; `None`, with words, where that is not permitted.
pub(super) fn core_of(pid: u32, dir: &Path) -> Option<Vec<u8>> {
    let prefix = dir.join("core");
    let output = match Command::new("gcore").arg("-a").arg("-o").arg(&prefix).arg(pid.to_string()).output() {
        Ok(output) => output,
        Err(error) => {
            skip("a core of the process", &format!("gcore (Debian package gdb): {error}"));
            return None;
        }
    };
    let path = dir.join(format!("core.{pid}"));
    let Ok(core) = std::fs::read(&path) else {
        // Only root may look into a process that is not dumpable.
        skip("a core of the process", &String::from_utf8_lossy(&output.stderr));
        return None;
    };
    std::fs::remove_file(path).expect("removed");
    Some(core)
}

/// What the system tells of a process to everybody.
fn told_of(pid: u32) -> Vec<u8> {
    let read = |name| std::fs::read(format!("/proc/{pid}/{name}")).expect("the process is there");
    [read("cmdline"), read("environ")].concat()
}

/// The process waits in a write to its standard output.
fn wait_until_it_writes(pid: u32) {
    let started = Instant::now();
    loop {
        // Number of the system call, then its arguments: fd 1. While it runs, the line is the word "running".
        let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).expect("the process is there");
        if call.split_whitespace().nth(1) == Some("0x1") {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "it does not write: {call}");
        std::thread::yield_now();
    }
}

/// A command and its answer.
pub(super) type Exchange = (Vec<u8>, Vec<u8>);

/// The memory of the program, and what it and the card said.
struct Looked {
    /// While a command was being answered.
    during: Vec<u8>,
    /// When the session was over and the keys were wiped.
    after: Vec<u8>,
    exchanges: Vec<Exchange>,
}

/// Runs the program until it has hung up and wants to print, and looks into it there, and when the card has carried out
/// `ins`, before it answers.
fn look_into((desk, card): (&Desk, VirtualCard), args: &[&str], ins: u8, canaries: &[Canary]) -> Option<Looked> {
    let (reader, writer) = full_pipe();
    let mut command = desk.command(args);
    command.stdout(writer);
    let program = Listening::start(command);
    let (pid, address) = (program.child.id(), program.address.expect("it listens"));
    let dir = desk.path().to_owned();
    let (sender, during) = channel();
    let (heard, exchanges) = channel();
    let mut sender = Some(sender);
    let mut card = Altered::new(card, move |command: &[u8], answer: &mut Vec<u8>| {
        let _ = heard.send((command.to_vec(), answer.clone()));
        if command[1] == ins
            && let Some(sender) = sender.take()
        {
            let _ = sender.send((core_of(pid, &dir), told_of(pid)));
        }
    });
    serve_until_it_hangs_up(address, &mut card);
    let (during, told) = during.try_recv().expect("the card saw the command");
    assert_none(canaries, &told, "in arguments or environment");
    wait_until_it_writes(pid);
    confirm_protection(pid);
    let after = core_of(pid, desk.path());
    assert_none(canaries, &told_of(pid), "in arguments or environment");
    // Nobody reads what it has to say: it ends.
    drop(reader);
    drop(program.finish());
    Some(Looked { during: during?, after: after?, exchanges: exchanges.try_iter().collect() })
}

/// Comes back when session and link are dropped.
fn serve_until_it_hangs_up(address: SocketAddr, card: &mut dyn SmartCard) {
    serve(address, PATIENCE, &Stop::default(), card).expect("the program listened");
}

/// Core files are off, and the process belongs to root as far as looking into it goes.
fn confirm_protection(pid: u32) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // The kernel gives these files to root where a process is not dumpable.
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(format!("/proc/{pid}/environ")).expect("it is there").uid();
    assert_eq!(owner, 0);
}

/// The control: while the session is open the same search finds the keys in the same kind of core.
#[track_caller]
fn assert_in_use(canaries: &[Canary], during: &[u8], in_use: &[&str]) {
    let open = found(canaries, during);
    for name in in_use {
        assert!(open.iter().any(|hit| hit.starts_with(name)), "{name} not found while in use: {open:?}");
    }
}

fn nothing_is_left(args: &[&str], ins: u8, in_use: &[&str]) {
    let (desk, card) = desk();
    let Some(Looked { during, after, .. }) = look_into((&desk, card), args, ins, &keys()) else { return };
    assert_in_use(&keys(), &during, in_use);
    assert_none(&keys(), &after, "left in memory after the session");
}

#[test]
fn no_key_is_left_in_memory_after_a_key_change() {
    nothing_is_left(PUT, PUT_KEY, &["OLD raw", "ENC raw", "MAC raw", "DEK raw"]);
}

#[test]
fn no_key_is_left_in_memory_after_a_session() {
    nothing_is_left(&["apdu", "--secure", "file:old.hex", "-vvv", "80F28002024F0000"], GET_STATUS, &["OLD raw"]);
}

/// An ordinary run with a small core limit to inherit does not raise it, and a process that is killed leaves no core.
#[test]
fn a_killed_program_leaves_no_core() {
    let (desk, _) = desk();
    // It listens: so it has protected itself, and read its keys.
    let program = Listening::start(desk.command(PUT));
    let pid = rustix::process::Pid::from_child(&program.child);
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).expect("killed");
    use std::os::unix::process::ExitStatusExt;
    let outcome = program.finish();
    assert_eq!(outcome.status.signal(), Some(6), "{outcome:#?}");
    assert!(!outcome.status.core_dumped());
}
