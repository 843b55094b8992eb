//! Soft vaults through the command line: what a person does with them, and what each refusal says.

use cardwright_tests::cli::{Desk, Outcome};
use serde_json::Value;

const CONFIG: &str = "[vault.office]\ntype = \"soft\"\nfile = \"office.vault\"\npassphrase = \"file:pass\"\n";
const PASSPHRASE: &str = "seven grey herons on a wire";
/// Cheap enough for tests, and allowed.
const KDF: [&str; 4] = ["--memory", "19", "--passes", "2"];

/// A desk with a configuration, and its vault made.
fn office() -> Desk {
    let desk = Desk::new();
    std::fs::write(desk.path().join("cardwright.toml"), CONFIG).expect("written");
    desk.key_file("pass", PASSPHRASE);
    run(&desk, &[&["vault", "create", "office"], KDF.as_slice()].concat()).expect(0);
    desk
}

fn run(desk: &Desk, args: &[&str]) -> Outcome {
    desk.run(&[&["--config", "cardwright.toml"], args].concat())
}

fn json(desk: &Desk, args: &[&str]) -> Value {
    run(desk, &[&["--json"], args].concat()).expect(0).json()
}

#[test]
fn a_key_lives_in_a_vault() {
    let desk = office();
    let made = json(&desk, &["key", "generate", "vault:office/issuer", "--type", "aes192"]);
    assert_eq!(made["result"], "made");
    assert_eq!((&made["purpose"], &made["type"], &made["version"]), (&"master".into(), &"aes192".into(), &1.into()));
    let kcv = made["kcv"].as_str().expect("a check value");
    assert_eq!((kcv.len(), &made["kcv_algorithm"], &made["custody"]), (6, &"AES".into(), &"software".into()));

    let listed = json(&desk, &["key", "list"]);
    assert_eq!(listed["keys"].as_array().expect("keys").len(), 1);
    assert_eq!(listed["keys"][0]["kcv"], kcv);
    assert_eq!(json(&desk, &["key", "show", "vault:office/issuer"])["kcv"], kcv);
    let check = json(&desk, &["vault", "check", "office"]);
    assert_eq!((&check["keys"], &check["writes"], &check["destroyed"]), (&1.into(), &2.into(), &0.into()));

    // Never written over, destroyed for good, and the next of that name is another version.
    run(&desk, &["key", "generate", "vault:office/issuer"]).expect(2);
    run(&desk, &["key", "destroy", "vault:office/issuer"]).expect(2);
    run(&desk, &["key", "destroy", "vault:office/issuer", "--yes"]).expect(0);
    assert_eq!(json(&desk, &["key", "show", "vault:office/issuer"])["state"], "destroyed");
    run(&desk, &["key", "destroy", "vault:office/issuer", "--yes"]).expect(8);
    let again = json(&desk, &["key", "generate", "vault:office/issuer", "--type", "aes192"]);
    assert_eq!(again["version"], 2);
    assert_ne!(again["kcv"], kcv);
}

/// The KCVs are those of tests/vectors/scp03_misc.json.
#[test]
fn derived_keys_are_shown_by_check_values() {
    let desk = office();
    run(&desk, &["key", "import", "vault:office/known", "--from", "gp-test", "--type", "aes128"]).expect(0);
    let kdd = "00010203040506070809";
    let derive = |args: &[&str]| json(&desk, &[&["key", "derive"], args].concat());
    for args in [
        ["vault:office/known", "--scheme", "kdf3", "--input", kdd].as_slice(),
        &["kdf3+vault:office/known", "--input", &format!("kdd={kdd}")],
        &["kdf3+gp-test", "--input", kdd],
    ] {
        let derived = derive(args);
        assert_eq!(
            derived["kcv"],
            serde_json::json!({ "enc": "E79C05", "mac": "D1BD77", "dek": "3FDE8C" }),
            "{args:?}"
        );
        assert_eq!(derived["kcv_algorithm"], "AES");
    }
    let visa2 = derive(&["gp-test", "--scheme", "visa2", "--input", kdd]);
    assert_eq!(visa2["kcv"], serde_json::json!({ "enc": "2BE598", "mac": "58DA38", "dek": "3C328E" }));
    assert_eq!(visa2["kcv_algorithm"], "3DES");

    run(&desk, &["key", "derive", "gp-test", "--input", kdd]).expect(2);
    run(&desk, &["key", "derive", "kdf3+gp-test", "--scheme", "kdf3", "--input", kdd]).expect(2);
    run(&desk, &["key", "derive", "gp-test", "--scheme", "kdf4", "--input", kdd]).expect(2);
    run(&desk, &["key", "derive", "gp-test", "--scheme", "kdf3", "--input", "0001"]).expect(2);
}

#[test]
fn a_card_gets_its_keys_from_a_vault() {
    let desk = office();
    run(&desk, &["key", "generate", "vault:office/issuer", "--type", "aes128"]).expect(0);
    run(&desk, &["key", "generate", "vault:office/one-card", "--purpose", "card", "--type", "aes128"]).expect(0);
    let put = |key, new, kvn| {
        json(&desk, &["--reader", "sim:state=card", "card", "keys", "put", "--key", key, "--new", new, "--kvn", kvn])
    };
    let first = put("gp-test", "kdf3+vault:office/issuer", "0x30");
    assert_eq!((&first["result"], &first["custody"]), (&"loaded".into(), &"software".into()));
    assert_eq!(first["kept_in"], "kdf3+vault:office/issuer:1");
    // From one key of the vault to another, and the keys that a card has are found out in it.
    let second = put("kdf3+vault:office/issuer", "vault:office/one-card", "0x31");
    assert_eq!(second["result"], "loaded");
    assert_eq!(second["kcv"], json(&desk, &["key", "show", "vault:office/one-card"])["kcv"]);
    let candidates = ["--key", "vault:office/one-card@0x31", "kdf3+vault:office/issuer"];
    let check = [["--reader", "sim:state=card", "card", "keys", "check"].as_slice(), &candidates].concat();
    assert_eq!(json(&desk, &check)["candidates"][0]["match"], true);
}

#[test]
fn what_a_key_is_not_for_it_is_not_used_for() {
    let desk = office();
    for purpose in ["master", "enc", "mac", "dek"] {
        let key = format!("vault:office/{purpose}");
        run(&desk, &["key", "generate", &key, "--purpose", purpose, "--type", "aes128"]).expect(0);
        let put = ["--reader", "sim:", "card", "keys", "put", "--key", "gp-test", "--kvn", "0x30", "--new"];
        let refused = run(&desk, &[put.as_slice(), &[key.as_str()]].concat()).expect(2);
        let expected = format!("is kept for `{purpose}`: it cannot be used for `card`");
        assert!(refused.stderr.contains(&expected), "{refused:#?}");
        if purpose != "master" {
            run(&desk, &[put.as_slice(), &[format!("kdf3+{key}").as_str()]].concat()).expect(2);
        }
    }
}

#[test]
fn each_refusal_says_what_to_do() {
    let desk = office();
    let said = |args: &[&str], code: i32, words: &str| {
        let outcome = run(&desk, args).expect(code);
        assert!(outcome.stderr.contains(words), "{words}: {outcome:#?}");
    };
    said(&["vault", "create", "office"], 2, "exists already");
    said(&["vault", "check", "shop"], 2, "next: write `[vault.NAME]`");
    said(&["key", "show", "vault:office/none"], 8, "there is no key `vault:office/none`");
    said(&["key", "generate", "kdf3+vault:office/x"], 2, "names no place for a key");
    said(&["key", "generate", "gp-test"], 2, "names no place for a key");
    said(&["key", "import", "vault:office/x", "--from", "gp-test"], 2, "next: choose the --type");
    said(&["key", "import", "vault:office/x", "--from", "vault:office/y"], 2, "is not read out");
    said(&["key", "generate", "vault:office/x", "--portable"], 2, "portable is for tokens");
    said(&["vault", "passwd", "office", "--new", "file:none"], 8, "none");
    said(&["vault", "passwd", "office", "--iterations", "600000"], 2, "--kdf pbkdf2");
    let short = desk.key_file("short", "eleven char");
    said(&["vault", "passwd", "office", "--new", &short], 2, "11 characters");
    let weak = desk.key_file("new", "nine brown bears in the barley");
    said(
        &["vault", "passwd", "office", "--new", &weak, "--kdf", "pbkdf2", "--iterations", "99999"],
        2,
        "100000..=10000000",
    );
    desk.key_file("pass", "seven grey herons on a mire");
    said(&["key", "list"], 8, "next: type it again");
    desk.key_file("pass", PASSPHRASE);
    said(&["key", "list"], 0, "");
}

#[test]
fn the_passphrase_changes_and_old_copies_stay_as_they_were() {
    let desk = office();
    let kcv = json(&desk, &["key", "generate", "vault:office/issuer"])["kcv"].clone();
    std::fs::copy(desk.path().join("office.vault"), desk.path().join("old.vault")).expect("copied");
    let new = desk.key_file("new", "nine brown bears in the barley");
    let passwd = ["vault", "passwd", "office", "--new", &new, "--kdf", "pbkdf2", "--iterations", "100000"];
    run(&desk, &passwd).expect(0);
    run(&desk, &["key", "list"]).expect(8);
    std::fs::rename(desk.path().join("new"), desk.path().join("pass")).expect("renamed");
    assert_eq!(json(&desk, &["key", "show", "vault:office/issuer"])["kcv"], kcv);
    std::fs::copy(desk.path().join("old.vault"), desk.path().join("office.vault")).expect("copied");
    run(&desk, &["key", "list"]).expect(8);
    desk.key_file("pass", PASSPHRASE);
    assert_eq!(json(&desk, &["key", "show", "vault:office/issuer"])["kcv"], kcv);
}

/// In there no passphrase is asked for: the file that it would come from is gone.
#[test]
fn an_unlocked_vault_is_open_for_one_command() {
    let desk = office();
    run(&desk, &["key", "generate", "vault:office/issuer"]).expect(0);
    let program = cardwright_tests::cli::program().display().to_string();
    let inside = |script: &str| {
        let args = ["vault", "unlock", "office", "--", "/bin/sh", "-c", script, &program];
        let outcome = run(&desk, &args);
        desk.key_file("pass", PASSPHRASE);
        outcome
    };
    let list = "\"$0\" --config cardwright.toml key list";
    let twice = inside(&format!("rm pass && {list} && {list} & wait $!")).expect(0);
    assert_eq!(twice.stdout.matches("vault:office/issuer").count(), 2);
    // The command's own end is what counts.
    assert_eq!(inside("exit 42").code(), 42);
    assert_eq!(inside("kill -9 $$").code(), 137);
    // Beside it, and after it, the vault is as closed as ever.
    let outside = inside("rm pass && env -u CARDWRIGHT_UNLOCKED \"$0\" --config cardwright.toml key list").expect(8);
    assert!(outside.stderr.contains("pass"), "{outside:#?}");
    // A number that stands for something else, a file with 32 bytes in it for instance, is no key.
    let other = "CARDWRIGHT_UNLOCKED=office=9:1 \"$0\" --config cardwright.toml key list 9<office.vault";
    assert!(inside(other).expect(0).stdout.contains("vault:office/issuer"));
    // The key that was handed down opens nothing once the passphrase is another.
    desk.key_file("new", "nine brown bears in the barley");
    let passwd = format!("\"$0\" --config cardwright.toml vault passwd office --new file:new --memory 19 && {list}");
    let outcome = inside(&passwd).expect(8);
    assert!(outcome.stderr.contains("its passphrase was changed since"), "{outcome:#?}");
}

/// What goes on in the background when the command has ended still has the pipe, and finds it empty.
#[test]
fn nothing_is_left_in_the_pipe() {
    let desk = office();
    let script =
        "mkfifo go; (read -r line; fd=${CARDWRIGHT_UNLOCKED#*=}; cat /dev/fd/${fd%:*}; echo end) >left 2>&1 <go &";
    let unlock = ["vault", "unlock", "office", "--", "/bin/sh", "-c", script];
    run(&desk, &unlock).expect(0);
    std::fs::write(desk.path().join("go"), "now\n").expect("somebody reads");
    // The end of the file comes when the background has written it.
    let text = || std::fs::read(desk.path().join("left")).expect("a file");
    while !text().ends_with(b"end\n") {
        std::thread::yield_now();
    }
    assert_eq!(text(), b"end\n");
}

/// What a key is for has a cipher too.
#[test]
fn a_key_of_another_cipher_is_refused() {
    let desk = office();
    run(&desk, &["key", "generate", "vault:office/des", "--type", "3des2"]).expect(0);
    run(&desk, &["key", "generate", "vault:office/aes", "--type", "aes128"]).expect(0);
    let input = ["--input", "00010203040506070809"];
    for (key, scheme, code) in [("des", "visa2", 0), ("des", "kdf3", 2), ("aes", "kdf3", 0), ("aes", "visa2", 2)] {
        let derive = ["key", "derive", &format!("vault:office/{key}"), "--scheme", scheme];
        run(&desk, &[derive.as_slice(), &input].concat()).expect(code);
    }
    // SCP02's session keys come from a card's static ones; HMAC has no cipher.
    run(&desk, &["key", "generate", "vault:office/card", "--purpose", "card", "--type", "3des2"]).expect(0);
    run(&desk, &["key", "derive", "vault:office/card", "--scheme", "scp02", "--input", "0001"]).expect(0);
    run(&desk, &["key", "derive", "vault:office/des", "--scheme", "scp02", "--input", "0001"]).expect(2);
    run(&desk, &["key", "derive", "vault:office/aes", "--scheme", "sp800-108", "--input", "0001"]).expect(0);
    // A PAN comes from where nobody else reads.
    let pan = desk.key_file("pan", "pan=4123456789012345,psn=01");
    run(&desk, &["key", "derive", "vault:office/des", "--scheme", "emv-a", "--input", &pan]).expect(0);
}

/// What the options do not say stays as it was.
#[test]
fn a_new_passphrase_keeps_the_parameters() {
    let desk = Desk::new();
    std::fs::write(desk.path().join("cardwright.toml"), CONFIG).expect("written");
    desk.key_file("pass", PASSPHRASE);
    run(&desk, &["vault", "create", "office", "--kdf", "pbkdf2", "--iterations", "123456"]).expect(0);
    let new = desk.key_file("new", "nine brown bears in the barley");
    let changed = json(&desk, &["vault", "passwd", "office", "--new", &new]);
    assert_eq!(changed["kdf"], "PBKDF2-HMAC-SHA-256, 123456 iterations");
}

#[test]
fn a_new_key_file_is_made_too() {
    let desk = Desk::new();
    let made = desk.run(&["--json", "key", "generate", "file:new.hex", "--type", "3des2"]).expect(0).json();
    assert_eq!(made["kcv_algorithm"], "3DES");
    assert_eq!(desk.run(&["--json", "key", "show", "file:new.hex"]).expect(0).json()["kcvs"]["3DES"], made["kcv"]);
    desk.run(&["key", "generate", "file:new.hex"]).expect(2);
    let text = std::fs::read_to_string(desk.path().join("new.hex")).expect("text");
    assert_eq!(text.trim().len(), 32);
    for outcome in
        [desk.run(&["-vvv", "key", "show", "file:new.hex"]), desk.run(&["--json", "key", "show", "file:new.hex"])]
    {
        let said = (outcome.stdout + &outcome.stderr).to_uppercase();
        assert!(!said.contains(text.trim()), "the key is shown");
    }
}
