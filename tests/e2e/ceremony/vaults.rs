//! Keys that arrive in a vault: released by cards to its import key, or made of shares in host mode.

use super::of_kind;
use cardwright_tests::ceremony::{DIR, Room};
use cardwright_tests::cli::{Desk, Outcome};
use serde_json::{Value, json};

const CONFIG: &str = "[vault.office]\ntype = \"soft\"\nfile = \"office.vault\"\npassphrase = \"file:pass\"\n";

/// A vault on the desk, named in the configuration that the program finds there.
fn with_vault(desk: &Desk) {
    std::fs::write(desk.path().join("cardwright.toml"), CONFIG).expect("written");
    desk.key_file("pass", "seven grey herons on a wire");
    let create = ["--config", "cardwright.toml", "vault", "create", "office", "--memory", "19", "--passes", "2"];
    desk.run(&create).expect(0);
}

/// The ceremony's command with the configuration.
fn run(room: &Room, command: &str, args: &[&str]) -> Outcome {
    let all = room.args(command, args);
    let all: Vec<&str> = ["--config", "cardwright.toml"].into_iter().chain(all.iter().map(String::as_str)).collect();
    room.desk.run(&all)
}

fn shown(desk: &Desk, key: &str) -> Value {
    desk.run(&["--config", "cardwright.toml", "--json", "key", "show", key]).expect(0).json()
}

/// Cards release to the vault; the key is there, registered and active, and its import key is gone.
#[test]
fn cards_release_into_a_vault() {
    let room = Room::new(2, 3);
    with_vault(&room.desk);
    let dealt = run(&room, "run", &["--json"]).expect(0).json();
    let released =
        run(&room, "release", &["--json", "--into", "vault:office/issuer", "--from", "1,3"]).expect(0).json();
    assert_eq!((&released["outcome"], &released["imported"]), (&json!("done"), &json!(true)));
    let key = shown(&room.desk, "vault:office/issuer");
    assert_eq!((&key["kcv"], &key["state"], &key["type"]), (&dealt["kcv"], &json!("active"), &json!("aes256")));
    assert!(!room.dir().join("02-release.import-key").exists());
    assert_eq!(of_kind(&room.transcript("02-release.jsonl"), "imported").len(), 1);
    room.verify(&["01-deal.jsonl", "02-release.jsonl"], &[]).expect(0);
    // It is there already, and taken once; the place of another key it does not take.
    run(&room, "release", &["--into", "vault:office/issuer"]).expect(0);
    assert_eq!(shown(&room.desk, "vault:office/issuer")["version"], 1);
    room.desk.run(&["--config", "cardwright.toml", "key", "generate", "vault:office/other"]).expect(0);
    let taken = run(&room, "release", &["--into", "vault:office/other"]);
    assert_eq!(taken.code(), 10, "{taken:#?}");
    let abandoned = run(&room, "abandon", &["--yes"]).expect(0);
    assert!(abandoned.stdout.contains("ABANDONED"), "{abandoned:#?}");
    assert!(!room.dir().join("04-release.import-key").exists(), "nobody's any more");
    // The vault's key does what such a key does.
    let derive = ["key", "derive", "vault:office/issuer", "--scheme", "kdf3", "--input", "00010203040506070809"];
    room.desk.run(&[&["--config", "cardwright.toml"], &derive[..]].concat()).expect(0);
}

/// Stopped by a PIN that is not to be had, and by a vault that does not open, it goes on with the same import key.
#[test]
fn a_release_into_a_vault_is_resumed() {
    let room = Room::new(2, 2);
    with_vault(&room.desk);
    run(&room, "run", &[]).expect(0);
    let hidden = room.desk.path().join("pass.away");
    let stopped = run(&room, "release", &["--into", "vault:office/issuer", "--pin", "C2=file:wrong"]);
    assert_ne!(stopped.code(), 0, "{stopped:#?}");
    assert!(room.dir().join("02-release.import-key").exists(), "it is wanted still");
    std::fs::rename(room.desk.path().join("pass"), &hidden).expect("moved");
    run(&room, "release", &["--into", "vault:office/issuer"]).expect(10);
    std::fs::rename(&hidden, room.desk.path().join("pass")).expect("moved");
    // Killed behind its last line, before the import key is destroyed: the next command does that.
    let import = room.dir().join("02-release.import-key");
    let kept = std::fs::read(&import).expect("an import key");
    let done = run(&room, "release", &["--json", "--into", "vault:office/issuer"]).expect(0).json();
    assert_eq!(done["imported"], true);
    assert!(!import.exists());
    room.desk.key_file(&format!("{DIR}/02-release.import-key"), "");
    std::fs::write(&import, kept).expect("written");
    run(&room, "drill", &[]).expect(0);
    assert!(!import.exists());
}

/// A plan of host mode: with cards of custodians, or without any.
fn host_mode(room: &Room, cards: bool) {
    let path = room.desk.path().join("plan.toml");
    let text = std::fs::read_to_string(&path).expect("a plan").replace("mode = \"blind\" ", "mode = \"host\"  ");
    let (people, rest) = text.split_once("# The CA's card").expect("the example");
    let custodians = &rest[rest.find("# Custodians' cards").expect("the example")..];
    let (_, end) = rest.split_once("# Certificates that").expect("the example");
    let n = room.n();
    let text = if cards {
        format!("{people}{custodians}")
    } else {
        // Custodians hold cards; whoever keeps a file is named elsewhere.
        let mut people = people.replacen("m = ", &format!("n = {n}\nm = "), 1);
        for x in 1..=n {
            people = people.replace(&format!("[[person]]\nname = \"Custodian {x}\"\nrole = \"custodian\"\n"), "");
        }
        format!("{people}# Certificates that{end}")
    };
    std::fs::write(path, text).expect("written");
}

/// Only the custodians' cards.
fn host_room(m: u8, n: u8) -> Room {
    let mut room = Room::new(m, n);
    host_mode(&room, true);
    room.labels.retain(|label| label.starts_with('C') && label != "CA");
    with_vault(&room.desk);
    room
}

const THROUGH: &str = "host mode: shares passed through this computer";

#[test]
fn host_mode_on_cards() {
    let room = host_room(3, 5);
    room.desk.run(&["--config", "cardwright.toml", "key", "generate", "vault:office/kmc"]).expect(0);
    let kcv = shown(&room.desk, "vault:office/kmc")["kcv"].clone();
    let dealt = run(&room, "run", &["--json", "--split", "vault:office/kmc"]).expect(0).json();
    assert_eq!((&dealt["kcv"], &dealt["subsets"], &dealt["custody"]), (&kcv, &json!(10), &json!(THROUGH)));
    let drilled = run(&room, "drill", &["--json"]).expect(0).json();
    assert_eq!(drilled["subsets"], 10);
    let released =
        run(&room, "release", &["--json", "--into", "vault:office/back", "--from", "2,3,5"]).expect(0).json();
    assert_eq!((&released["kcv"], &shown(&room.desk, "vault:office/back")["kcv"]), (&kcv, &kcv));
    let asked = run(&room, "destroy", &[]);
    assert!(asked.code() == 2 && asked.stderr.contains("--yes"), "{asked:#?}");
    run(&room, "destroy", &["--yes"]).expect(0);
    let gone = run(&room, "drill", &[]);
    assert_eq!(gone.code(), 10, "{gone:#?}");
    assert!(gone.stderr.contains("there is no share on the card"), "{gone:#?}");
    run(&room, "abandon", &["--yes"]).expect(0);
    let names = ["01-deal.jsonl", "02-drill.jsonl", "03-release.jsonl", "04-destroy.jsonl", "05-drill.jsonl"];
    let verified = room.verify(&names, &[]).expect(0);
    assert_eq!(verified.stdout.to_lowercase().matches("host mode").count(), 5, "{verified:#?}");
    for name in names {
        assert!(room.transcript(name).lines().all(|line| line.contains("\"mode\":\"host\"")), "{name}");
    }
}

/// The key in a file, its passphrase in shares, the shares in files: made, and read again.
#[test]
fn a_wrapped_key_whose_passphrase_is_split() {
    let mut room = Room::new(2, 3);
    host_mode(&room, false);
    room.labels.clear();
    with_vault(&room.desk);
    std::fs::create_dir(room.desk.path().join("shares")).expect("made");
    let source = room.desk.key_file("issuer.hex", "00112233445566778899AABBCCDDEEFF");
    let shares = ["--shares", "shares"];
    let args = [&shares[..], &["--wrapped", "issuer.wrapped", "--split", &source]].concat();
    run(&room, "run", &args).expect(0);
    let wrapped = std::fs::read(room.desk.path().join("issuer.wrapped")).expect("a wrapped key");
    assert!(wrapped.starts_with(b"CWVAULT"));
    let args =
        [&shares[..], &["--wrapped", "issuer.wrapped", "--into", "vault:office/issuer", "--from", "1,3"]].concat();
    run(&room, "release", &args).expect(0);
    let key = shown(&room.desk, "vault:office/issuer");
    // KCV of that key under AES.
    let kcv = kcv_of("00112233445566778899AABBCCDDEEFF");
    assert_eq!((&key["kcv"], &key["type"]), (&json!(kcv), &json!("aes128")));
    // The transcripts tell the passphrase's shares from the key.
    for (name, says) in [("01-deal.jsonl", "the passphrase of a file"), ("02-release.jsonl", "the key of a file")] {
        let notes = of_kind(&room.transcript(name), "note");
        let note = notes.iter().filter_map(|note| note["text"].as_str()).find(|text| text.contains(says));
        assert!(note.is_some_and(|note| note.contains("issuer.wrapped") && note.ends_with(&kcv)), "{notes:?}");
    }
    run(&room, "destroy", &["--shares", "shares", "--yes"]).expect(0);
    assert_eq!(std::fs::read_dir(room.desk.path().join("shares")).expect("there").count(), 0);
}

fn kcv_of(key: &str) -> String {
    use cardwright_keys::key::{Algorithm, SecretKey};
    let key = SecretKey::new(&hex::decode(key).expect("hex")).expect("a key");
    key.kcv(Algorithm::Aes).expect("16 bytes").to_string()
}

/// Who would be asked, and for what; and where the shares are then.
#[test]
fn host_mode_can_be_looked_at() {
    let room = host_room(2, 3);
    let args = ["ceremony", "run", DIR, "--plan", "plan.toml", "--dry-run"];
    let listed = room.desk.run(&args).expect(0).stdout;
    assert!(listed.contains("share 3: card C3, Custodian 3: CHANGE PIN, STORE SHARE, READ SHARE\n"), "{listed}");
    assert!(listed.starts_with(THROUGH) && listed.ends_with("nothing was sent\n"), "{listed}");
    assert!(!room.dir().exists() && !room.card("C1").exists());
    run(&room, "run", &[]).expect(0);
    let args = ["ceremony", "release", DIR, "--into", "vault:office/x", "--from", "3,1", "--dry-run", "--json"];
    let listed = room.desk.run(&args).expect(0).json();
    let row = |x| json!({ "x": x, "place": format!("card C{x}, Custodian {x}"), "commands": ["READ SHARE"] });
    assert_eq!(listed["dry_run"], json!([row(3), row(1)]));
    room.desk.run(&["ceremony", "drill", DIR, "--from", "4", "--dry-run"]).expect(2);
    let status = room.desk.run(&["ceremony", "status", DIR]).expect(0).stdout;
    for line in ["deal: ended", THROUGH, "2      card C2 (Custodian 2)", "3 of 3 subsets of the 3 shares gave the key"]
    {
        assert!(status.contains(line), "{line}: {status}");
    }
    let status = room.desk.run(&["ceremony", "status", DIR, "--json"]).expect(0).json();
    assert_eq!((&status["mode"], &status["shares"][0]["place"]), (&json!("host"), &json!("card C1 (Custodian 1)")));
}

/// What host mode refuses, and how it says so.
#[test]
fn host_mode_says_what_is_missing() {
    let room = host_room(2, 2);
    let refused = |command: &str, args: &[&str], code: i32| run(&room, command, args).expect(code).stderr;
    let reader = room.desk.run(&["ceremony", "run", DIR, "--plan", "plan.toml", "--key", "gp-test"]).expect(10);
    assert!(reader.stderr.contains("--reader"), "{reader:#?}");
    run(&room, "abandon", &["--yes"]).expect(0);
    run(&room, "run", &[]).expect(0);
    room.hsm_key("x.der");
    assert!(refused("release", &["--hsm-key", "x.der"], 2).contains("--into vault:NAME/KEY"));
    let again = refused("run", &[], 2);
    assert!(again.contains("the key is dealt already"), "{again}");
    let blind = Room::with_test_ca(2, 2);
    let split = blind.run("run", &["--split", "gp-test"]).expect(2).stderr;
    assert!(split.contains("the plan's mode is blind"), "{split}");
}
