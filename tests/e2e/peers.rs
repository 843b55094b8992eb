//! Other people's software on the other side: yubikey-manager as the host for our cards, Rust and Java, pcscd between our
//! host and our card.

use cardwright_tests::cli::{Desk, Outcome, finish, program};
use cardwright_tests::java::{self, APPLETS};
use cardwright_tests::rig::{Killed, PORT, Rig, repository, skip};
use std::process::Child;
use std::time::{Duration, Instant};

const TEST_KEYS: &str =
    "404142434445464748494A4B4C4D4E4F,404142434445464748494A4B4C4D4E4F,404142434445464748494A4B4C4D4E4F";
const NEW_KEYS: &str =
    "10112131415161718191A1B1C1D1E1F1,20212232425262728292A2B2C2D2E2F2,30313233435363738393A3B3C3D3E3F3";
const PATIENCE: Duration = Duration::from_secs(60);
/// `Virtual PCD` alone would fit both readers.
const READER: &str = "pcsc:Virtual PCD 00 00";

/// A simulated card in the rig's first reader.
fn serve(rig: &Rig, desk: &Desk, profile: &str) -> Killed {
    let mut command = rig.command(desk.path(), program());
    command.args(["sim", "serve", "--port", PORT, "--profile", profile]);
    Killed(command.spawn().expect("the program starts"))
}

/// Our host in the rig.
fn run(rig: &Rig, desk: &Desk, args: &[&str]) -> Outcome {
    run_on(READER, rig, desk, args)
}

fn run_on(reader: &str, rig: &Rig, desk: &Desk, args: &[&str]) -> Outcome {
    let mut command = rig.command(desk.path(), program());
    command.args(["--state-dir", "state", "--reader", reader]).args(args);
    finish(command.spawn().expect("the program starts"))
}

/// pcscd looks at its readers a few times a second; listing them says when it has seen the card.
fn wait_for_card(rig: &Rig, desk: &Desk) {
    let started = Instant::now();
    loop {
        let listed = run(rig, desk, &["readers", "--json"]).expect(0).json();
        if listed["readers"][0]["card"] == true {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "pcscd does not see the card: {listed}");
    }
}

/// yubikey-manager does a job, with more arguments, and prints what it did; `None` where it is not installed.
fn yubikit(rig: &Rig, desk: &Desk, job: &str, kvn: &str, more: &[&str]) -> Option<Child> {
    let python = repository().join(".tools/venv/bin/python");
    if !python.exists() {
        skip("yubikey-manager", "it is not installed: run scripts/setup.sh test");
        return None;
    }
    let mut command = rig.command(desk.path(), python);
    command.arg(repository().join("tests/peers/yubikit_host.py")).args([job, "peer.hex", kvn]).args(more);
    Some(command.spawn().expect("python starts"))
}

#[test]
fn yubikey_manager_opens_sessions_with_our_card() {
    for (profile, kvn) in [("i=70", "255"), ("i=60", "0"), ("i=70,kvn=0x30", "48")] {
        let Some(rig) = Rig::start("yubikey-manager as the host") else { return };
        let desk = Desk::new();
        desk.key_file("peer.hex", TEST_KEYS);
        let _card = serve(&rig, &desk, profile);
        let Some(peer) = yubikit(&rig, &desk, "echo", kvn, &[]) else { return };
        let outcome = finish(peer).expect(0);
        let lines = outcome.stdout.lines().collect::<Vec<_>>();
        assert_eq!(lines.len(), 21, "{profile}: {outcome:#?}");
        assert_eq!(lines.last(), Some(&"echo after the error"), "{profile}");
    }
}

#[test]
fn yubikey_manager_opens_a_session_with_keys_that_we_loaded() {
    let Some(rig) = Rig::start("yubikey-manager with our keys") else { return };
    let desk = Desk::new();
    desk.key_file("peer.hex", NEW_KEYS);
    let _card = serve(&rig, &desk, "");
    wait_for_card(&rig, &desk);
    let put = ["card", "keys", "put", "--key", "gp-test", "--new", "file:peer.hex", "--kvn", "0x31"];
    run(&rig, &desk, &put).expect(0);
    let Some(peer) = yubikit(&rig, &desk, "echo", "49", &[]) else { return };
    finish(peer).expect(0);
}

#[test]
fn yubikey_manager_notices_a_wrong_key() {
    let Some(rig) = Rig::start("yubikey-manager with a wrong key") else { return };
    let desk = Desk::new();
    desk.key_file("peer.hex", NEW_KEYS);
    let _card = serve(&rig, &desk, "");
    let Some(peer) = yubikit(&rig, &desk, "refused", "255", &[]) else { return };
    let outcome = finish(peer).expect(0);
    assert_eq!(outcome.stdout.trim(), "refused: Incorrect SCP parameters");
}

/// The lines that yubikey-manager printed, all being well.
fn job(rig: &Rig, desk: &Desk, job: &str, kvn: &str, more: &[&str]) -> Option<Vec<String>> {
    let outcome = finish(yubikit(rig, desk, job, kvn, more)?).expect(0);
    Some(outcome.stdout.lines().map(str::to_owned).collect())
}

#[test]
fn yubikey_manager_opens_sessions_with_a_java_card() {
    for (profile, kvn) in [("i=70", "255"), ("i=60,kvn=0x30", "48")] {
        let Some(rig) = java::rig("yubikey-manager and a Java card", profile, &APPLETS) else { return };
        let desk = Desk::new();
        desk.key_file("peer.hex", TEST_KEYS);
        let Some(lines) = job(&rig, &desk, "short-echo", kvn, &[]) else { return };
        assert_eq!(lines.len(), 13, "{profile}: {lines:#?}");
        desk.key_file("peer.hex", NEW_KEYS);
        let lines = job(&rig, &desk, "refused", kvn, &[]).expect("it is installed");
        assert_eq!(lines, ["refused: Incorrect SCP parameters"]);
    }
}

/// Both cards: the Java one, and ours that is held against it.
fn both_cards(what: &str, profile: &str) -> Option<[Rig; 2]> {
    let rust = Rig::with(what, &["--cards", "rust", "--profile", profile])?;
    Some([java::rig(what, profile, &APPLETS)?, rust])
}

#[test]
fn yubikey_manager_as_the_host_of_a_custodian_card() {
    let Some(rigs) = both_cards("yubikey-manager and the custodian applet", "") else { return };
    for rig in rigs {
        let desk = Desk::new();
        desk.key_file("peer.hex", TEST_KEYS);
        desk.key_file("pin", "86429753");
        let info = || run(&rig, &desk, &["custodian", "info", "--json"]).expect(0).json();
        let new = info();
        let Some(lines) = job(&rig, &desk, "custodian", "255", &[]) else { return };
        let identity = format!("identity {}", new["identity"].as_str().expect("hex"));
        assert_eq!(lines, [&identity, "PIN set", "PIN verified", "stored 435 bytes in 3 blocks"]);
        let read = job(&rig, &desk, "read", "255", &[]).expect("it is installed");
        assert_eq!(read, ["read 435 bytes"]);

        // What the other host stored, ours reads.
        let kept = info();
        assert_eq!((&kept["pin"], &kept["tries_left"]), (&true.into(), &3.into()));
        let share = &kept["share"];
        assert_eq!((&share["mode"], &share["generation"], &share["usage"]), (&"host".into(), &258.into(), &7.into()));
        let read = ["custodian", "read", "--out", "back.toml", "--pin", "file:pin", "--key", "gp-test"];
        run(&rig, &desk, &read).expect(0);
        let back = std::fs::read_to_string(desk.path().join("back.toml")).expect("text");
        assert!(back.contains("value = \"000102030405060708090A0B0C0D0E0F\""), "{back}");

        let wiped = job(&rig, &desk, "wipe", "255", &[]).expect("it is installed");
        assert_eq!(wiped, ["share wiped", "all wiped"]);
        assert_eq!(info(), new);
    }
}

#[test]
fn yubikey_manager_as_the_host_of_a_security_domain() {
    let Some(rigs) = both_cards("yubikey-manager and the security domain", "kvn=0x30") else { return };
    for rig in rigs {
        let desk = Desk::new();
        desk.key_file("peer.hex", TEST_KEYS);
        desk.key_file("new.hex", NEW_KEYS);
        let before = run(&rig, &desk, &["info", "--json"]).expect(0).json();
        let Some(lines) = job(&rig, &desk, "domain", "48", &["new.hex"]) else { return };
        let expected = [
            "key information and card data in clear",
            "key set put",
            "key set replaced",
            "session with the new keys",
            "key set deleted",
            "session with the old keys",
        ];
        assert_eq!(lines, expected);
        assert_eq!(run(&rig, &desk, &["info", "--json"]).expect(0).json(), before);
    }
}

#[test]
fn our_host_through_pcscd() {
    let long_keys = [&NEW_KEYS[..32], &NEW_KEYS[33..65]].concat();
    let long_test_key = "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F";
    for (profile, old, new) in [("", &TEST_KEYS[..32], NEW_KEYS), ("aes256,s16", long_test_key, long_keys.as_str())] {
        let Some(rig) = Rig::start("our host through pcscd") else { return };
        let desk = Desk::new();
        desk.key_file("old.hex", old);
        desk.key_file("new.hex", new);
        let _card = serve(&rig, &desk, profile);
        wait_for_card(&rig, &desk);

        let listed = run(&rig, &desk, &["readers"]).expect(0);
        assert!(listed.stdout.starts_with("pcsc:Virtual PCD 00 00  (card, ATR 3B"), "{listed:#?}");
        assert!(listed.stdout.contains("pcsc:Virtual PCD 00 01  (no card)"), "{listed:#?}");
        let info = run(&rig, &desk, &["info", "--json"]).expect(0).json();
        assert_eq!(info["keys"][0]["kvn"], "0xFF");
        assert_eq!(info["reader"], "Virtual PCD 00 00");

        let put = ["card", "keys", "put", "--key", "file:old.hex", "--new", "file:new.hex", "--kvn", "0x30", "--json"];
        let report = run(&rig, &desk, &put).expect(0).json();
        assert_eq!((&report["result"], &report["level"]), (&"loaded".into(), &"33".into()));
        let check =
            run(&rig, &desk, &["card", "keys", "check", "--key", "file:old.hex", "--key", "file:new.hex"]).expect(0);
        assert_eq!(check.stdout.matches("MATCH").count(), 1, "{check:#?}");

        // 1500 bytes to the echo applet and back, as one extended APDU and as a chain.
        let data = "5A".repeat(1500);
        let echo = format!("80EC00000005DC{data}0000");
        for chain in [&[][..], &["--chain"][..]] {
            let args = ["apdu", "--json", "--aid", "F043574543484F", "--secure", "file:new.hex", &echo, "80EC000000"];
            let answers = run(&rig, &desk, &[&args[..], chain].concat()).expect(0).json();
            assert_eq!(answers["responses"][0], serde_json::json!({ "data": data, "sw": "9000" }));
            assert_eq!(answers["responses"][1], serde_json::json!({ "data": "", "sw": "9000" }));
        }
    }
}

#[test]
fn readers_that_are_not_there() {
    let Some(rig) = Rig::start("readers that are not there") else { return };
    let desk = Desk::new();
    let empty = run(&rig, &desk, &["info"]).expect(3);
    assert!(empty.stderr.contains("there is no card in reader"), "{empty:#?}");
    let other = run_on("pcsc:Omnikey", &rig, &desk, &["info"]).expect(3);
    assert!(other.stderr.contains("Virtual PCD 00 00"), "{other:#?}");
    let both = run_on("pcsc:Virtual", &rig, &desk, &["info"]).expect(3);
    assert!(both.stderr.contains("more than one reader"), "{both:#?}");
}
