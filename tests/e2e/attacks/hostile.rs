//! Names and reasons that a terminal would act on, or that are too long: refused, or shown harmless.

use super::{KEY, edit_one, in_use, kept, rows};
use crate::approvals::{put, run};
use cardwright_tests::cli::{Desk, Outcome};

/// What a terminal acts on, and what makes one line look like two, or another order of letters.
const HOSTILE: [&str; 6] = ["\u{1b}[2Jx", "a\nb", "a\rb", "\u{202e}x", "a\u{2028}b", "\u{feff}x"];

#[track_caller]
fn harmless(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}', '\u{2028}', '\u{feff}']), "{outcome:#?}");
        assert!(!text.contains("panicked"), "{outcome:#?}");
    }
}

fn everything(desk: &Desk) -> (super::Kept, Vec<Vec<rusqlite::types::Value>>) {
    (kept(desk), rows(desk, "SELECT * FROM requests"))
}

#[test]
fn reasons() {
    let desk = in_use();
    let before = everything(&desk);
    // As long as the system lets an argument be.
    let long = "x".repeat(120 * 1024);
    let most = "y".repeat(401);
    for reason in HOSTILE.into_iter().chain([" x", "x ", &most, &long]) {
        for args in [
            ["key", "suspend", KEY, "--reason", reason].as_slice(),
            &["key", "destroy", KEY, "--yes", "--reason", reason],
            &["key", "generate", "vault:office/new", "--reason", reason],
            &["key", "rotate", KEY, "--reason", reason],
            &["registry", "adopt", KEY, "--reason", reason],
            &[
                "--despite-compromise",
                reason,
                "key",
                "derive",
                "kdf3+vault:office/kmc",
                "--input",
                "00010203040506070809",
            ],
        ] {
            let outcome = run(&desk, args).expect(2);
            harmless(&outcome);
            assert!(outcome.stderr.len() < 2000, "{} bytes", outcome.stderr.len());
        }
    }
    assert_eq!(everything(&desk), before);
}

#[test]
fn names() {
    let desk = in_use();
    let before = everything(&desk);
    let long = "x".repeat(120 * 1024);
    for name in HOSTILE.into_iter().chain([long.as_str(), "../x", "a b", "kmc:0", "kmc:4294967296", "kmc.v2", ""]) {
        let key = format!("vault:office/{name}");
        for args in [
            ["key", "suspend", &key].as_slice(),
            &["key", "generate", &key],
            &["key", "show", &key],
            &["registry", "adopt", &key],
            &["cards", "find", "--from", &key],
            &["operator", "add", name, "--role", "custodian", "--public", "ed25519:00"],
            &["operator", "retire", name],
            &["approve", "show", name],
            &["cards", "find", "--begins", name],
        ] {
            let outcome = run(&desk, args);
            harmless(&outcome);
            let nothing = ["no such card is on record\n", "nothing was there that is not registered already\n"];
            let found_none = outcome.code() == 0 && nothing.contains(&outcome.stdout.as_str());
            assert!([2, 8].contains(&outcome.code()) || found_none, "{args:?}: {outcome:#?}");
            assert!(outcome.stderr.len() < 2000, "{} bytes: {args:?}", outcome.stderr.len());
        }
    }
    assert_eq!(everything(&desk), before);
}

fn import(desk: &Desk, file: &str, text: &str) -> Outcome {
    put(desk, file, text);
    run(desk, &["registry", "import", file])
}

#[test]
fn cards_from_a_file() {
    let desk = in_use();
    let long = "x".repeat(1 << 20);
    for bad in HOSTILE.into_iter().chain([long.as_str()]) {
        let json = serde_json::json!({ "card": "00112233445566778899", "profile": bad }).to_string();
        let kept_in = serde_json::json!({
            "card": "00112233445566778899", "kvn": "0x30", "kcv_enc": "112233", "kcv_mac": "112233",
            "kcv_dek": "112233", "kept_in": format!("file:{bad}"),
        });
        let member = serde_json::json!({ bad: "00112233445566778899" }).to_string();
        for outcome in [
            import(&desk, "cards.csv", &format!("card,profile\n00112233445566778899,\"{bad}\"\n")),
            import(&desk, "cards.csv", &format!("card,{bad}\n00112233445566778899,x\n")),
            import(&desk, "cards.csv", &format!("card\n\"{bad}\"\n")),
            import(&desk, "cards.jsonl", &json),
            import(&desk, "cards.jsonl", &kept_in.to_string()),
            import(&desk, "cards.jsonl", &member),
        ] {
            harmless(&outcome);
            assert_eq!(outcome.code(), 2, "{outcome:#?}");
            assert!(outcome.stderr.len() < 2000, "{} bytes", outcome.stderr.len());
        }
    }
    assert_eq!(rows(&desk, "SELECT * FROM cards"), Vec::<Vec<_>>::new());
}

/// Somebody wrote it into the database: it is no line that the program keeps, or it is shown with escapes.
#[test]
fn texts_in_the_registry() {
    let desk = in_use();
    for (column, table) in
        [("reason", "steps"), ("who", "steps"), ("act", "steps"), ("name", "keys"), ("purpose", "keys")]
    {
        let desk = super::copy(&desk);
        let which = if table == "steps" { " WHERE step = 2" } else { "" };
        edit_one(&desk, &format!("UPDATE {table} SET {column} = ?1{which}"), ["\u{1b}[2J\u{202e}x\ny"]);
        for args in [
            ["key", "show", KEY].as_slice(),
            &["key", "list"],
            &["key", "due"],
            &["key", "suspend", KEY],
            &["registry", "check"],
            &["report", "keys", "--out", "keys.html"],
            &["--json", "key", "show", KEY],
        ] {
            let outcome = run(&desk, args);
            harmless(&outcome);
            let has_to_fail = ["suspend", "check"].contains(&args[1]);
            assert!(outcome.code() != 0 || !has_to_fail, "{outcome:#?}");
        }
    }
}
