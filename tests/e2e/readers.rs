//! `vsmartcard-setup/readers.sh`: rigs of virtual readers that come up whole, and go without a trace.

use cardwright_tests::cli::{Desk, Outcome, finish, program};
use cardwright_tests::java::{self, APPLETS};
use cardwright_tests::rig::{MISSING, Rig, reader, readers_sh, skip};
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// `readers.sh` with a place of its own for what it keeps.
fn command(desk: &Desk, args: &[&str]) -> Command {
    let mut command = readers_sh(args);
    command.env("XDG_RUNTIME_DIR", desk.path());
    command
}

fn readers(desk: &Desk, args: &[&str]) -> Outcome {
    finish(command(desk, args).spawn().expect("a shell"))
}

/// A started rig, which is stopped at the latest when a test fails.
#[derive(Debug)]
struct Started<'a> {
    desk: &'a Desk,
    name: String,
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        let _ = command(self.desk, &["stop", "--name", &self.name]).status();
    }
}

/// Starts a rig; `None`, with words, where something is missing.
#[track_caller]
fn start<'a>(desk: &'a Desk, what: &str, name: &str, args: &[&str]) -> Option<Started<'a>> {
    let outcome = readers(desk, &[&["start", "--name", name], args].concat());
    if outcome.code() == MISSING {
        skip(what, outcome.stderr.trim());
        return None;
    }
    outcome.expect(0);
    Some(Started { desk, name: name.to_owned() })
}

/// The network namespace of a started rig.
fn network(desk: &Desk, name: &str) -> String {
    readers(desk, &["exec", "--name", name, "readlink", "/proc/self/ns/net"]).expect(0).stdout.trim().to_owned()
}

/// The processes that are in this network namespace.
fn processes(network: &str) -> Vec<String> {
    let links = std::fs::read_dir("/proc").expect("/proc").filter_map(|entry| {
        let process = entry.ok()?.path();
        let link = std::fs::read_link(process.join("ns/net")).ok()?;
        (link == Path::new(network)).then(|| process.display().to_string())
    });
    links.collect()
}

/// Kills the process in this network namespace that has `word` in its arguments.
fn kill_process_with(word: &str, network: &str) {
    let process = processes(network).into_iter().find(|process| {
        let arguments = std::fs::read(Path::new(process).join("cmdline")).expect("arguments");
        String::from_utf8_lossy(&arguments).contains(word)
    });
    let pid = process.and_then(|process| process.rsplit('/').next()?.parse().ok()).expect("such a process");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
}

/// The machine's own socket directory: what is in it, and when that changed last.
fn machines_pcscd() -> String {
    let Ok(dir) = std::fs::metadata("/run/pcscd") else { return String::new() };
    let entries =
        std::fs::read_dir("/run/pcscd").expect("a directory").map(|entry| entry.expect("an entry").file_name());
    format!("{:?} {:?}", dir.modified(), entries.collect::<BTreeSet<_>>())
}

#[test]
fn every_reader_has_a_card_of_its_own_and_every_card_answers() {
    for count in [4, 16] {
        let before = machines_pcscd();
        let options = ["--readers", &count.to_string(), "--cards", "rust"];
        let Some(rig) = Rig::with("many readers", &options) else { return };
        let desk = Desk::new();
        let run = |args: &[&str]| {
            let mut command = rig.command(desk.path(), program());
            finish(command.args(args).spawn().expect("the program starts")).expect(0).json()
        };
        let listed = run(&["readers", "--json"]);
        let listed: Vec<_> = listed["readers"].as_array().expect("a list").iter().collect();
        assert_eq!(listed.len(), count);
        for (index, listed) in listed.iter().enumerate() {
            assert_eq!((&listed["name"], &listed["card"]), (&reader(index).into(), &true.into()));
            let info = run(&["--reader", &format!("pcsc:{}", reader(index)), "info", "--json"]);
            assert_eq!(info["cin"], format!("43575254{:08X}", index + 1));
        }
        assert_eq!(machines_pcscd(), before, "the machine's pcscd");
    }
}

#[test]
fn java_cards_in_every_reader() {
    let Some((_, classes)) = java::jars("Java cards in readers") else { return };
    for count in [4, 16] {
        let readers = count.to_string();
        let [echo, custodian] = APPLETS;
        let applets = ["--applet", echo, "--applet", custodian, "--classpath", &classes];
        let options = [&["--readers", &readers, "--cards", "java", "--profile", "kvn=0x30"][..], &applets].concat();
        let Some(rig) = Rig::with("Java cards in readers", &options) else { return };
        let desk = Desk::new();
        let run = |args: &[&str]| {
            let mut command = rig.command(desk.path(), program());
            finish(command.args(args).spawn().expect("the program starts")).expect(0).json()
        };
        let mut seen = BTreeSet::new();
        for index in 0..count {
            let name = format!("pcsc:{}", reader(index));
            let info = run(&["--reader", &name, "info", "--json"]);
            // One JVM counts their serials.
            assert_eq!(info["kdd"], format!("43574A430000{:08X}", index + 1));
            assert_eq!(info["keys"][0]["kvn"], "0x30");
            let custodian = run(&["--reader", &name, "custodian", "info", "--json"]);
            seen.insert(custodian["identity"].as_str().expect("hex").to_owned());
            let echo = run(&["--reader", &name, "apdu", "--json", "00A4040007F043574543484F00", "80EC0000021234 00"]);
            assert_eq!(echo["responses"][1], serde_json::json!({ "data": "1234", "sw": "9000" }));
        }
        assert_eq!(seen.len(), count, "identities");
    }
}

#[test]
fn a_rig_stays_until_it_is_stopped() {
    let desk = Desk::new();
    let Some(_rig) = start(&desk, "a rig that stays", "one", &[]) else { return };
    let again = readers(&desk, &["start", "--name", "one"]).expect(1);
    assert!(again.stderr.contains("next: readers.sh status, exec or stop --name one"), "{again:#?}");
    let Some(_other) = start(&desk, "another rig", "two", &["--cards", "none"]) else { return };

    let status = readers(&desk, &["status", "--name", "one"]).expect(0);
    assert!(status.stdout.starts_with("one: 2 of 2 readers, 2 cards (rust)\n"), "{status:#?}");
    let status = readers(&desk, &["status", "--name", "two"]).expect(0);
    assert!(status.stdout.starts_with("two: 2 of 2 readers, 0 cards (none)\n"), "{status:#?}");

    let inside = readers(&desk, &["exec", "--name", "one", "sh", "-c", "pwd; exit 9"]).expect(9);
    assert_eq!(inside.stdout.trim(), std::env::current_dir().expect("a directory").display().to_string());

    let (one, two) = (network(&desk, "one"), network(&desk, "two"));
    assert_ne!(one, two);
    // A command that does not end by itself, and says that it is there.
    let mut lasting = command(&desk, &["exec", "--name", "one", "sh", "-c", "echo; exec sleep 1000"]);
    let mut lasting = lasting.spawn().expect("a shell");
    std::io::Read::read_exact(lasting.stdout.as_mut().expect("a pipe"), &mut [0]).expect("a line");
    assert!(processes(&one).len() > 4, "{:?}", processes(&one));
    readers(&desk, &["stop", "--name", "one"]).expect(0);
    assert_eq!(processes(&one), [""; 0]);
    assert!(!lasting.wait().expect("it ends").success());
    readers(&desk, &["status", "--name", "one"]).expect(3);
    readers(&desk, &["exec", "--name", "one", "true"]).expect(3);

    readers(&desk, &["status", "--name", "two"]).expect(0);
    readers(&desk, &["stop", "--name", "two"]).expect(0);
    assert_eq!(processes(&two), [""; 0]);
    assert_eq!(std::fs::read_dir(desk.path()).expect("a directory").count(), 0, "files are left");
    // There is nothing to stop: no error.
    readers(&desk, &["stop", "--name", "two"]).expect(0);
}

#[test]
fn a_dead_pcscd_and_a_dead_card_show() {
    let desk = Desk::new();
    let Some(_rig) = start(&desk, "a rig whose pcscd dies", "default", &[]) else { return };
    kill_process_with("serial=00000002", &network(&desk, "default"));
    // pcscd looks at its readers a few times a second.
    let started = Instant::now();
    while readers(&desk, &["status"]).code() == 0 {
        assert!(started.elapsed() < PATIENCE, "nobody misses the card");
    }
    let status = readers(&desk, &["status"]).expect(1);
    assert!(status.stdout.starts_with("default: 2 of 2 readers, 1 cards (rust)\n"), "{status:#?}");

    let kill = "pid=$(cat /run/pcscd/pcscd.pid); kill -9 $pid; while kill -0 $pid 2>/dev/null; do :; done";
    readers(&desk, &["exec", "sh", "-c", kill]).expect(0);
    let status = readers(&desk, &["status"]).expect(1);
    assert!(status.stdout.starts_with("default: pcscd does not answer"), "{status:#?}");
    assert!(status.stdout.contains("next: readers.sh stop"), "{status:#?}");
    let network = network(&desk, "default");
    readers(&desk, &["stop"]).expect(0);
    assert_eq!(processes(&network), [""; 0]);
    assert_eq!(std::fs::read_dir(desk.path()).expect("a directory").count(), 0, "files are left");
}

#[test]
fn a_rig_that_was_killed_while_it_started_shows_and_is_cleaned_up() {
    let desk = Desk::new();
    let Some(_rig) = start(&desk, "a killed start", "default", &["--cards", "none"]) else { return };
    readers(&desk, &["stop"]).expect(0);
    // Its own process group, without the rig: that is a session of its own.
    let mut starting = command(&desk, &["start", "--readers", "16"]).process_group(0).spawn().expect("a shell");
    let pid = desk.path().join("cardwright-readers/default/pid");
    let started = Instant::now();
    let said = loop {
        match std::fs::read_to_string(&pid) {
            Ok(said) if said.ends_with('\n') => break said,
            _ => assert!(started.elapsed() < PATIENCE, "the rig says nothing"),
        }
    };
    let group = rustix::process::Pid::from_child(&starting);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).expect("killed");
    starting.wait().expect("it ends");
    let (_, network) = said.trim().split_once(' ').expect("a namespace");
    // The rig ends when it wants to say that it is ready, and nobody listens.
    while !processes(network).is_empty() {
        assert!(started.elapsed() < PATIENCE, "the rig is still there");
    }
    let status = readers(&desk, &["status"]).expect(1);
    assert!(status.stdout.contains("it was killed or did not finish starting"), "{status:#?}");
    readers(&desk, &["start"]).expect(1);
    readers(&desk, &["stop"]).expect(0);
    assert_eq!(std::fs::read_dir(desk.path()).expect("a directory").count(), 0, "files are left");
}

#[test]
fn cards_that_do_not_start_are_words_and_leave_nothing() {
    let desk = Desk::new();
    let Some(_rig) = start(&desk, "cards that do not start", "default", &["--cards", "none"]) else { return };
    readers(&desk, &["stop"]).expect(0);
    let outcome = readers(&desk, &["start", "--profile", "nonsense"]).expect(1);
    assert!(outcome.stderr.contains("`nonsense` is no word of a card profile"), "{outcome:#?}");
    assert_eq!(std::fs::read_dir(desk.path()).expect("a directory").count(), 0, "files are left");
}

#[test]
fn what_pcscd_cannot_do_is_refused() {
    let desk = Desk::new();
    for count in ["0", "1", "3", "18", "x"] {
        let outcome = readers(&desk, &["start", "--readers", count]).expect(2);
        assert!(outcome.stderr.contains("even number from 2 to 16"), "{outcome:#?}");
    }
    // Not a directory that somebody else prepared.
    std::os::unix::fs::symlink("/", desk.path().join("cardwright-readers")).expect("a link");
    let outcome = readers(&desk, &["status"]).expect(1);
    assert!(outcome.stderr.contains("is not a directory of mode 700 of this user's"), "{outcome:#?}");
}

#[test]
fn a_run_ends_with_its_command_and_when_it_is_killed() {
    let desk = Desk::new();
    let outcome = readers(&desk, &["run", "sh", "-c", "readlink /proc/self/ns/net; exit 7"]);
    if outcome.code() == MISSING {
        return skip("a run", outcome.stderr.trim());
    }
    assert_eq!(processes(outcome.expect(7).stdout.trim()), [""; 0]);

    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::KILL] {
        let inside = ["run", "--cards", "rust", "sh", "-c", "readlink /proc/self/ns/net; exec sleep 1000"];
        let mut run = command(&desk, &inside).spawn().expect("a shell");
        let mut network = String::new();
        let mut stdout = std::io::BufReader::new(run.stdout.take().expect("a pipe"));
        std::io::BufRead::read_line(&mut stdout, &mut network).expect("a line");
        rustix::process::kill_process(rustix::process::Pid::from_child(&run), signal).expect("killed");
        run.wait().expect("it ends");
        let started = Instant::now();
        while !processes(network.trim()).is_empty() {
            assert!(started.elapsed() < PATIENCE, "the rig is still there");
        }
    }
}

#[test]
fn without_root() {
    if !rustix::process::geteuid().is_root() {
        // All of the other tests ran without root.
        return;
    }
    let inside = r#"cat /proc/self/uid_map && exec "$CARDWRIGHT" readers"#;
    let args = ["run", "--readers", "4", "--cards", "rust", "sh", "-c", inside];
    let script = readers_sh(&[]);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(script.get_program()).args(args);
    command.env("CARDWRIGHT", program()).env_remove("XDG_RUNTIME_DIR").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let outcome = finish(command.spawn().expect("setpriv starts"));
    // The kernel may allow no user namespaces, or this user not to see the program.
    if [MISSING, 126, 127].contains(&outcome.code()) {
        println!("SKIPPED readers without root: {}", outcome.stderr.trim());
        return;
    }
    let stdout = outcome.expect(0).stdout;
    assert!(stdout.trim_start().starts_with("0      65534"), "{stdout}");
    assert_eq!(stdout.matches("(card, ").count(), 4, "{stdout}");
}
