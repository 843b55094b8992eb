//! `cardwright ceremony` from one end to the other, on simulated cards. `people`: one reader, and people in front of it.
//! `stopped`: whatever stops it, it goes on from there. `vaults`: keys that arrive in a vault, and host mode. `dice`: what
//! custodians throw. `mistakes`: what people do wrong.

mod dice;
mod mistakes;
mod people;
mod report;
mod stopped;
mod vaults;

use cardwright_keys::key::{Algorithm, SecretKey};
use cardwright_tests::ceremony::{DIR, PIN, Room};
use cardwright_tests::custody::rsa;
use serde_json::{Value, json};

/// What a transcript has of one kind.
fn of_kind(transcript: &str, kind: &str) -> Vec<Value> {
    let lines = transcript.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|line| line["kind"] == kind).collect()
}

fn head_words(verdict: &str) -> &str {
    let line = verdict.lines().find_map(|line| line.trim().strip_prefix("Head: ")).expect("a head");
    line.trim_end_matches('.')
}

/// A key is dealt to five, drilled, released to an HSM by three of them, destroyed, and gone.
#[test]
fn three_of_five() {
    let room = Room::new(3, 5);
    room.hsm_key("hsm.der");
    let dealt = room.run("run", &["--json"]).expect(0).json();
    assert_eq!((&dealt["outcome"], &dealt["operation"]), (&json!("done"), &json!("deal")));
    assert_eq!(dealt["drilled"], json!({ "subsets": 10, "of": 10 }));
    assert_eq!((&dealt["visits"], &dealt["test_ca"]), (&json!(29), &json!(false)));
    let kcv = &dealt["kcv"];

    let drilled = room.run("drill", &["--json", "--from", "1,2,4,5"]).expect(0).json();
    assert_eq!((&drilled["kcv"], &drilled["drilled"]["subsets"]), (kcv, &json!(4)));

    let released = room.run("release", &["--json", "--hsm-key", "hsm.der", "--from", "1,3,5"]).expect(0).json();
    assert_eq!(released["outcome"], "done");
    let result = std::fs::read(room.dir().join("03-release.oaep")).expect("a result");
    let key = SecretKey::new(&rsa::decrypt(&result)).expect("a key");
    assert_eq!(key.kcv(Algorithm::Aes).expect("32 bytes").to_string(), kcv.as_str().expect("text"));

    let destroyed = room.run("destroy", &["--json", "--yes"]).expect(0).json();
    let gone: Vec<_> = (1..=5).map(|x| json!({ "x": x, "share": "destroyed" })).collect();
    assert_eq!(destroyed["receipts"], json!(gone));
    let failed = room.run("drill", &["--json"]).expect(4).json();
    let message = failed["error"]["message"].as_str().expect("text");
    assert!((1..=5).all(|x| message.contains(&format!("custodian {x}: no such set (destroyed)"))), "{message}");

    let names = ["01-deal.jsonl", "02-drill.jsonl", "03-release.jsonl", "04-destroy.jsonl", "05-drill.jsonl"];
    let ca = dealt["ca"].as_str().expect("hex");
    let all = room.verify(&names, &["--ca", ca, "--prev", &"00".repeat(32), "--json"]).expect(0).json();
    let outcomes: Vec<_> = all["verdicts"].as_array().expect("verdicts").iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["done", "done", "done", "done", "abandoned"]);
    assert!(all["verdicts"].as_array().expect("verdicts").iter().all(|one| one["vouched"] == true));
    let refused = of_kind(&room.transcript("05-drill.jsonl"), "refused");
    assert_eq!((refused.len(), &refused[0]["word"]), (5, &json!("6a88")));

    let audit = std::fs::read_to_string(room.desk.path().join("state/audit.log")).expect("an audit log");
    for event in ["ceremony.start", "ceremony.manifest", "ceremony.done", "ceremony.failed"] {
        assert!(audit.contains(event), "{event}");
    }
    let said = audit + &names.map(|name| room.transcript(name)).concat();
    let hex = hex::encode(key.expose());
    assert!(!said.to_lowercase().contains(&hex) && !said.contains(PIN));
    // A key that is dealt is not dealt again.
    let again = room.run("run", &[]).expect(2);
    assert!(again.stderr.contains("the key is dealt already"), "{again:#?}");
}

/// XOR, and a CA in a file: every evidence says so.
#[test]
fn a_test_ca_marks_everything() {
    let room = Room::with_test_ca(2, 2);
    let refused = room.desk.run(&["ceremony", "run", DIR, "--plan", "plan.toml", "--key", "gp-test"]).expect(2);
    assert!(refused.stderr.contains("the plan has no card for the CA"), "{refused:#?}");
    let dealt = room.run("run", &[]).expect(0);
    let status = room.desk.run(&["ceremony", "status", DIR]).expect(0);
    let verified = room.verify(&["01-deal.jsonl"], &[]).expect(0);
    for text in [&dealt.stdout, &status.stdout, &verified.stdout] {
        assert!(text.contains("TEST CA"), "{text}");
    }
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(room.dir().join("test-ca.key")).expect("a key"));
    assert_eq!(mode & 0o7777, 0o600);
    let key = std::fs::read_to_string(room.dir().join("test-ca.key")).expect("text");
    assert!(key.starts_with("# The private key of a TEST CA."), "{key}");
    room.hsm_key("hsm.der");
    room.run("release", &["--hsm-key", "hsm.der"]).expect(0);
    // The same key a second time has its certificate already; another ceremony's CA would be asked again.
    room.run("release", &["--hsm-key", "hsm.der"]).expect(0);
    room.verify(&["01-deal.jsonl", "02-release.jsonl", "03-release.jsonl"], &[]).expect(0);
}

/// The verifier wants nothing but files: no state, no configuration, even a broken one.
#[test]
fn a_transcript_is_verified_anywhere_and_refused_when_changed() {
    let room = Room::with_test_ca(2, 2);
    let dealt = room.run("run", &[]).expect(0).stdout;
    let path = room.dir().join("01-deal.jsonl");
    let elsewhere = cardwright_tests::cli::Desk::new();
    let copy = elsewhere.path().join("t.jsonl");
    std::fs::copy(&path, &copy).expect("copied");
    std::fs::create_dir_all(elsewhere.path().join(".config/cardwright")).expect("made");
    std::fs::write(elsewhere.path().join(".config/cardwright/config.toml"), "broken").expect("written");
    let words = head_words(&dealt);
    let verified = elsewhere.run(&["ceremony", "verify", "t.jsonl", "--head", words]).expect(0);
    assert!(verified.stdout.contains("A CA THAT NOBODY VOUCHED FOR"), "{verified:#?}");
    assert!(!elsewhere.path().join("state").exists());
    let other = "academic ".repeat(13);
    for wrong in [["--head", &other], ["--ca", &other], ["--plan", &other], ["--prev", &"11".repeat(32)]] {
        let refused = elsewhere.run(&[&["ceremony", "verify", "t.jsonl"], &wrong[..]].concat()).expect(7);
        assert!(refused.stderr.contains("t.jsonl: line "), "{refused:#?}");
    }
    let odd = elsewhere.run(&["ceremony", "verify", "t.jsonl", "--ca", "academic acid"]).expect(2);
    assert!(odd.stderr.contains("--ca wants 64 hexadecimal digits, or 13 words"), "{odd:#?}");
    let text = room.transcript("01-deal.jsonl");
    let approval = of_kind(&text, "approval")[0]["signature"].as_str().expect("hex").to_owned();
    let flipped = if approval.ends_with('0') { "1" } else { "0" };
    let changed = text.replace(&approval, &format!("{}{flipped}", &approval[..approval.len() - 1]));
    std::fs::write(&copy, &changed).expect("written");
    let refused = elsewhere.run(&["ceremony", "verify", "t.jsonl", "--json"]).expect(7).json();
    assert_eq!(refused["error"]["code"], 7);
    // Nothing goes on over it, either.
    std::fs::write(&path, &changed).expect("written");
    room.run("drill", &[]).expect(7);
}

/// What would be done, and nothing of it.
#[test]
fn a_dry_run_sends_nothing() {
    let room = Room::new(2, 3);
    let args = ["ceremony", "run", DIR, "--plan", "plan.toml", "--dry-run", "--json"];
    let listed = room.desk.run(&args).expect(0).json();
    assert_eq!(listed["dry_run"].as_array().expect("visits").len(), 21);
    assert!(!room.dir().exists() && !room.card("D").exists());
    let dealt = room.run("run", &["--json"]).expect(0).json();
    assert_eq!(dealt["visits"], 21, "as many as were listed");
    for (command, more, visits) in
        [("drill", &["--from", "1,3"][..], 4), ("destroy", &[], 3), ("release", &["--hsm-key", "hsm.der"], 5)]
    {
        room.hsm_key("hsm.der");
        let args = [&["ceremony", command, DIR, "--dry-run", "--json"], more].concat();
        let listed = room.desk.run(&args).expect(0).json();
        assert_eq!(listed["dry_run"].as_array().expect("visits").len(), visits, "{listed}");
    }
    assert!(!room.dir().join("02-drill.jsonl").exists() && !room.desk.path().join("room/02-destroy.jsonl").exists());
    let text = room.desk.run(&["ceremony", "drill", DIR, "--dry-run"]).expect(0).stdout;
    assert!(text.contains("Custodian 2, to approve the manifest, and to release its share") && text.contains("DRILL"));
    assert!(text.ends_with("nothing was sent\n"), "{text}");
}

/// The combiner's card is lost: another one takes its place, once the CA has certified it, and keeps it.
#[test]
fn the_combiners_card_is_lost() {
    for room in [Room::new(2, 3), Room::with_test_ca(2, 3)] {
        room.run("run", &[]).expect(0);
        let old = room.reader("R");
        let with_new = |command: &str, args: &[&str]| {
            let args =
                room.args(command, args).into_iter().map(|arg| arg.replace(&old, "sim:state=R2.card,serial=00000099"));
            room.desk.run(&args.collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>())
        };
        let unknown = with_new("drill", &[]).expect(10);
        assert!(unknown.stderr.contains("is another one") && unknown.stderr.contains("--new-combiner"), "{unknown:#?}");
        room.run("abandon", &["--yes"]).expect(0);
        let listed = with_new("drill", &["--new-combiner", "--dry-run"]).expect(0).stdout;
        assert!(listed.contains("R                Administrator 2, to be enrolled"), "{listed}");
        let drilled = with_new("drill", &["--new-combiner", "--json"]).expect(0).json();
        assert_eq!(drilled["drilled"], json!({ "subsets": 3, "of": 3 }));
        assert_eq!(listed.lines().count() as u64, 1 + 2 * drilled["visits"].as_u64().expect("a number"));
        room.hsm_key("hsm.der");
        let released = with_new("release", &["--hsm-key", "hsm.der", "--json"]).expect(0).json();
        assert_eq!(released["outcome"], "done");
        let names = ["01-deal.jsonl", "02-drill.jsonl", "03-drill.jsonl", "04-release.jsonl"];
        room.verify(&names, &[]).expect(0);
        let combiners = names
            .map(|name| of_kind(&room.transcript(name), "enrol")[if room.labels[0] == "CA" { 2 } else { 1 }].clone());
        assert_ne!(combiners[0]["body"], combiners[2]["body"]);
        assert_eq!(combiners[2]["body"], combiners[3]["body"]);
    }
}

/// Cards that have approved a younger manifest, by a copy of the directory: the next one here has to be younger still.
#[test]
fn a_card_is_ahead() {
    let room = Room::new(2, 2);
    room.run("run", &[]).expect(0);
    let copy = room.desk.path().join("copy");
    std::fs::create_dir(&copy).expect("made");
    for name in ["plan.toml", "01-deal.jsonl"] {
        std::fs::copy(room.dir().join(name), copy.join(name)).expect("copied");
    }
    let elsewhere = room.args("drill", &[]);
    let elsewhere: Vec<&str> = elsewhere.iter().map(|arg| if arg == DIR { "copy" } else { arg }).collect();
    room.desk.run(&elsewhere).expect(0);
    let behind = room.run("drill", &[]).expect(10);
    assert!(behind.stderr.contains("it has approved manifest 2 elsewhere, and this one is 2"), "{behind:#?}");
    assert!(behind.stderr.contains("--sequence"), "{behind:#?}");
    room.run("abandon", &["--yes"]).expect(0);
    let drilled = room.run("drill", &["--json", "--sequence", "7"]).expect(0).json();
    assert_eq!((&drilled["outcome"], &drilled["sequence"]), (&json!("done"), &json!(7)));
    // And it stays so, without being told.
    let drilled = room.run("drill", &["--json"]).expect(0).json();
    assert_eq!(drilled["sequence"], 8);
}

/// One card lost: drilled and released without it; a deal that was given up can be made anew.
#[test]
fn a_card_is_lost() {
    let room = Room::new(2, 3);
    room.run("run", &[]).expect(0);
    let mut args = room.args("drill", &[]);
    let at = args.iter().position(|arg| arg.starts_with("C2=sim:")).expect("a reader");
    args[at] = "C2=sim:state=other.card,serial=000000FF".to_owned();
    let stopped = room.desk.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).expect(10);
    assert!(stopped.stderr.contains("card C2 was asked for: this card ("), "{stopped:#?}");
    let other = room.run("destroy", &["--yes"]).expect(2);
    assert!(other.stderr.contains("02-drill.jsonl is not finished: it is a drill"), "{other:#?}");
    // What was begun with all is ended, and begun with the two that are left.
    let ended = room.run("abandon", &["--yes", "--json"]).expect(0).json();
    assert_eq!(ended["outcome"], "abandoned");
    let drilled = room.run("drill", &["--json", "--from", "1,3"]).expect(0).json();
    assert_eq!(drilled["drilled"]["subsets"], 1);
    room.hsm_key("hsm.der");
    room.run("release", &["--hsm-key", "hsm.der", "--from", "1,3"]).expect(0);
    room.verify(&["01-deal.jsonl", "02-drill.jsonl", "03-drill.jsonl", "04-release.jsonl"], &[]).expect(0);
}
