//! Tokens through the command line: what is kept inside, what every failure leaves, and what the probe finds.

mod faults;
mod leaks;

use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::hsm::{Flag, Kind, NewKey, Tap, Token};
use serde_json::Value;

/// A master that tests know, so that they can tell card keys from other bytes.
const MASTER: [u8; 32] =
    *b"\x3c\x91\x0e\xd7\x58\xa4\x62\xbf\x1f\x86\xe9\x33\xca\x70\x05\x9d\x44\xf2\xab\x18\x6d\xc7\x90\x5e\xb1\x2a\xe3\x7c\xd0\x09\x64\x8f";

/// A desk whose configuration names the token as `vault:hsm`, behind whatever the URI says.
fn desk(token: &Token, uri: &str, more: &str) -> Desk {
    desk_with(token.env(), uri, more)
}

fn desk_with(env: Vec<(String, std::ffi::OsString)>, uri: &str, more: &str) -> Desk {
    let desk = Desk::new().with_env(env);
    configure(&desk, uri, more);
    desk
}

fn configure(desk: &Desk, uri: &str, more: &str) {
    let config = format!("[vault.hsm]\ntype = \"pkcs11\"\nuri = \"{uri}\"\n{more}");
    std::fs::write(desk.path().join("cardwright.toml"), config).expect("written");
}

fn run(desk: &Desk, args: &[&str]) -> Outcome {
    desk.run(&[&["--config", "cardwright.toml"], args].concat())
}

fn json(desk: &Desk, args: &[&str]) -> Value {
    run(desk, &[&["--json"], args].concat()).expect(0).json()
}

#[track_caller]
fn tokens(what: &str) -> impl Iterator<Item = Token> {
    Kind::ALL.into_iter().filter_map(move |kind| Token::new(&format!("{what}, {kind:?}"), kind))
}

/// A desk that knows the keys that are in the token, behind a tap from then on.
fn desk_behind(token: &Token, tap: &Tap<'_>) -> Desk {
    let desk = desk_with(tap.env(), &token.uri(), "");
    run(&desk, &["registry", "adopt", "vault:hsm"]).expect(0);
    configure(&desk, &tap.uri(), "");
    desk
}

/// A known master of this length, put there behind the program's back.
fn known_master(token: &Token, len: usize) {
    token.make(&NewKey::aes("known", &MASTER[..len], &[Flag::Derive]));
}

/// What software makes of the same key.
fn software(desk: &Desk, len: usize) -> String {
    desk.key_file("known.hex", &hex::encode(&MASTER[..len]))
}

#[test]
fn a_key_lives_in_a_token() {
    for token in tokens("a key in a token") {
        let desk = desk(&token, &token.uri(), "");
        for (purpose, key_type, objects) in [("master", "aes256", 1), ("card", "aes128", 3), ("mac", "aes128", 1)] {
            let key = format!("vault:hsm/{purpose}");
            let made = json(&desk, &["key", "generate", &key, "--purpose", purpose, "--type", key_type]);
            assert_eq!((&made["purpose"], &made["type"]), (&purpose.into(), &key_type.into()));
            assert_eq!(token.objects().len(), objects, "{purpose}: {:#?}", token.objects());
            assert!(token.objects().iter().all(|object| object.value.is_none()), "{purpose} can be read");
            assert_eq!(json(&desk, &["key", "show", &key])["kcv"], made["kcv"]);
            run(&desk, &["key", "generate", &key, "--purpose", purpose]).expect(2);
            run(&desk, &["key", "destroy", &key, "--yes"]).expect(0);
            assert_eq!(json(&desk, &["key", "show", &key])["state"], "destroyed");
            assert_eq!(token.objects(), [], "{purpose}");
        }
    }
}

#[test]
fn a_master_derives_and_does_nothing_else() {
    for token in tokens("a master's attributes") {
        let desk = desk(&token, &token.uri(), "");
        run(&desk, &["key", "generate", "vault:hsm/issuer", "--purpose", "master", "--type", "aes128"]).expect(0);
        let objects = token.objects();
        let flag = |flag: Flag| objects[0].flags.get(&flag).copied();
        for (wanted, flags) in [
            (true, [Flag::Derive, Flag::Sensitive].as_slice()),
            (
                false,
                &[Flag::Extractable, Flag::Encrypt, Flag::Decrypt, Flag::Sign, Flag::Verify, Flag::Wrap, Flag::Unwrap],
            ),
        ] {
            flags.iter().for_each(|&f| assert_eq!(flag(f), Some(wanted), "{:?}: {f:?}", token.kind()));
        }
    }
}

#[test]
fn what_is_derived_inside_is_what_software_derives() {
    for token in tokens("derivation inside") {
        for (len, key_type) in [(16, "aes128"), (24, "aes192"), (32, "aes256")] {
            let desk = desk(&token, &token.uri(), "");
            let file = software(&desk, len);
            run(&desk, &["key", "import", "vault:hsm/known", "--from", &file, "--type", key_type]).expect(0);
            for kdd in ["00010203040506070809", "FFFFFFFFFFFFFFFFFFFF"] {
                let derive = |key: &str| json(&desk, &["key", "derive", key, "--scheme", "kdf3", "--input", kdd]);
                let (inside, outside) = (derive("vault:hsm/known"), derive(&file));
                assert_eq!(inside["kcv"], outside["kcv"], "{:?} {key_type}", token.kind());
                let kept = match token.kind() {
                    Kind::Kryoptic => "static keys never leave",
                    Kind::SoftHsm => "master never leaves",
                };
                assert_eq!(inside["custody"], kept);
            }
            run(&desk, &["key", "destroy", "vault:hsm/known", "--yes"]).expect(0);
        }
    }
}

/// From the factory's keys into the token's, from one of its masters to another, out of it into a file, and back.
#[test]
fn cards_get_their_keys_from_a_token() {
    for token in tokens("cards from a token") {
        for (key_type, profile) in
            [("aes128", "state=card"), ("aes192", "aes192,state=card"), ("aes256", "aes256,state=card")]
        {
            for more in ["", "session-keys = \"readable\"\n"] {
                let desk = desk(&token, &token.uri(), more);
                let len =
                    ["aes128", "aes192", "aes256"].iter().position(|name| *name == key_type).expect("one") * 8 + 16;
                let factory = desk.key_file("factory.hex", &hex::encode_upper(cards_own(len)));
                for key in ["one", "two"] {
                    run(&desk, &["key", "generate", &format!("vault:hsm/{key}"), "--type", key_type]).expect(0);
                }
                let file = desk.key_file("file.hex", &hex::encode(&MASTER[..len]));
                let reader = format!("sim:{profile}");
                let put = |key: &str, new: &str, kvn: &str| {
                    let put = ["--reader", &reader, "card", "keys", "put", "--key", key, "--new", new, "--kvn", kvn];
                    let done = json(&desk, &put);
                    assert_eq!(done["result"], "loaded", "{:?} {key_type}: {done:#}", token.kind());
                    done
                };
                put(&factory, "kdf3+vault:hsm/one", "0x30");
                put("kdf3+vault:hsm/one@0x30", "kdf3+vault:hsm/two", "0x31");
                put("kdf3+vault:hsm/two@0x31", &file, "0x32");
                put(&format!("{file}@0x32"), "kdf3+vault:hsm/one", "0x33");
                for key in ["one", "two"] {
                    run(&desk, &["key", "destroy", &format!("vault:hsm/{key}"), "--yes", "--orphan-cards"]).expect(0);
                }
            }
        }
        assert_eq!(token.objects(), []);
    }
}

/// The keys that a simulated card is delivered with: 40 41 42 .. as long as its profile says.
fn cards_own(len: usize) -> Vec<u8> {
    (0x40..).take(len).collect()
}

#[test]
fn what_a_key_in_a_token_is_not_for_it_is_not_used_for() {
    for token in tokens("purposes in a token") {
        let desk = desk(&token, &token.uri(), "");
        for purpose in ["master", "enc", "mac", "dek"] {
            let key = format!("vault:hsm/{purpose}");
            run(&desk, &["key", "generate", &key, "--purpose", purpose, "--type", "aes128"]).expect(0);
            let put = ["--reader", "sim:", "card", "keys", "put", "--key", "gp-test", "--kvn", "0x30", "--new"];
            let refused = run(&desk, &[put.as_slice(), &[key.as_str()]].concat()).expect(2);
            let expected = format!("is kept for `{purpose}`: it cannot be used for `card`");
            assert!(refused.stderr.contains(&expected), "{refused:#?}");
        }
    }
}

#[test]
fn a_wrong_pin_is_tried_once() {
    for token in tokens("a wrong PIN") {
        let tap = token.tap();
        let desk = desk_with(tap.env(), &tap.uri(), "");
        std::fs::write(token.pin_file(), "user-580265").expect("written");
        let outcome = run(&desk, &["key", "list"]).expect(8);
        assert!(outcome.stderr.contains("refused the PIN"), "{outcome:#?}");
        assert_eq!(tap.calls("C_Login"), 1);
        let put =
            ["--reader", "sim:", "card", "keys", "put", "--key", "vault:hsm/a", "--new", "vault:hsm/b", "--kvn", "1"];
        run(&desk, &put).expect(8);
        assert_eq!(tap.calls("C_Login"), 2, "once in each run");
    }
}

#[test]
fn the_probe_finds_what_was_measured() {
    for token in tokens("the probe") {
        let desk = desk(&token, &token.uri(), "");
        let probe = |profile: &str| desk.run(&["--json", "hsm", "probe", &token.uri(), "--profile", profile]);
        let kryoptic = token.kind() == Kind::Kryoptic;
        let report = probe("master").expect(if kryoptic { 0 } else { 8 }).json();
        assert_eq!(report["holds"], kryoptic, "{report:#}");
        let verdict = |class: &str, words: &str| {
            let findings = report["findings"].as_array().expect("findings");
            let mut about = findings.iter().filter(|finding| {
                finding["class"] == class && finding["attack"].as_str().is_some_and(|attack| attack.contains(words))
            });
            about.next().unwrap_or_else(|| panic!("{class} {words}: {report:#}"))["verdict"].clone()
        };
        assert_eq!(verdict("MASTER", "read its value"), "refused");
        assert_eq!(verdict("MASTER", "CMAC"), "refused");
        assert_eq!(verdict("MASTER", "readable card key"), if kryoptic { "refused" } else { "works" });
        let copies = ["with data behind", "with data in front", "XORed", "a part of it", "a known key behind it"];
        for copy in copies.iter().chain(&["a known key with it behind", "a portable master behind"]) {
            assert_eq!(verdict("MASTER", copy), "refused", "{copy}");
        }
        assert_eq!(verdict("CARD KEY", "under a known key"), "works");
        for attack in
            ["C_Decrypt", "readable", "extractable", "encrypts or signs", "by changing it", "copy the import key"]
        {
            assert_eq!(verdict("IMPORT", attack), "refused", "{attack}");
        }
        assert_eq!(probe("import").expect(0).json()["holds"], true);
        assert_eq!(token.objects(), [], "the probe left something behind");
    }
}

/// Kryoptic 1.5.4 as it comes joins a known key with a master behind it, and looks at no attribute of the one behind.
#[test]
fn a_token_that_joins_keys_is_found_out() {
    let Some(token) = Token::new("keys that are joined", Kind::Kryoptic) else { return };
    let (_, settings) = token.env().remove(0);
    let text = std::fs::read_to_string(&settings).expect("settings");
    let (with, without): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("mechanisms"));
    assert_eq!(with.len(), 1, "{text}");
    std::fs::write(&settings, without.join("\n")).expect("written");
    let desk = desk(&token, &token.uri(), "");
    let report = desk.run(&["--json", "hsm", "probe", &token.uri(), "--profile", "master"]).expect(8).json();
    let works = report["findings"].as_array().expect("findings").iter().filter(|finding| finding["verdict"] == "works");
    let attacks: Vec<_> =
        works.filter(|finding| finding["class"] == "MASTER").map(|finding| &finding["attack"]).collect();
    assert_eq!(attacks, ["derive a known key with it behind", "derive a known key with a portable master behind"]);
}

#[test]
fn tokens_are_listed_with_the_uri_that_names_them() {
    for token in tokens("hsm list") {
        let desk = desk(&token, &token.uri(), "");
        let module = token.module().display().to_string();
        let listed = desk.run(&["--json", "hsm", "list", "--module", &module]).expect(0).json();
        assert_eq!(listed["tokens"][0]["serial"], token.serial());
        let uri = listed["tokens"][0]["uri"].as_str().expect("a URI").to_owned();
        let uri = format!("{uri}&pin-source=file:{}", token.pin_file().display());
        desk.run(&["hsm", "probe", &uri, "--profile", "import"]).expect(0);
        assert_eq!(token.objects(), []);
    }
}
