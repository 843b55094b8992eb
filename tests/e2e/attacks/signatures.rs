//! Requests and approvals that were changed where they are kept.

use super::{KEY, approved, asked, asks_anew, edit, edit_one, filed, in_use, nonce, refused, state};
use crate::approvals::{run, sign};
use cardwright_tests::cli::Desk;

const DESTROY: &[&str] = &["key", "destroy", KEY, "--yes"];

/// A key whose destruction is approved, and who may do it: two custodians have signed.
fn doomed() -> (Desk, String) {
    let desk = in_use();
    let request = approved(&desk, DESTROY, &["ben", "cem"]);
    (desk, request)
}

/// What a changed line comes to.
enum Comes {
    /// These are words for something else, of somebody else, or none at all: what is wanted needs a request of its own.
    ToOthers,
    /// Nobody signed these words.
    ToNothing,
}

/// One byte of each line, in the value; and what the program says to it.
const LINES: [(&str, usize, Comes); 11] = [
    ("cardwright request", 0, Comes::ToOthers),
    ("operation: ", 0, Comes::ToOthers),
    ("key: vault:office/kmc:", 0, Comes::ToOthers),
    ("key: vault:office/", 0, Comes::ToOthers),
    ("which is: ", 0, Comes::ToOthers),
    ("steps so far: ", 0, Comes::ToOthers),
    ("history: ", 63, Comes::ToOthers),
    ("reason: ", 0, Comes::ToNothing),
    ("requested by: ", 3, Comes::ToOthers),
    ("requested at: ", 18, Comes::ToNothing),
    ("request: ", 31, Comes::ToNothing),
];

/// Another digit for a digit, another letter for a letter.
fn other(byte: u8) -> u8 {
    match byte {
        b'9' => b'8',
        b'f' => b'e',
        b'0'..=b'8' | b'a'..=b'e' | b'g'..=b'y' => byte + 1,
        b'z' => b'y',
        _ => b'X',
    }
}

#[test]
fn not_one_byte_of_the_words_can_change() {
    let (desk, request) = doomed();
    let text = filed(&desk, &request).text;
    let write = |text: &str| {
        edit_one(&desk, "UPDATE requests SET text = ?1 WHERE nonce = ?2", (text, nonce(&request).0));
        // Whatever was filed in between is in nobody's way.
        edit(&desk, "DELETE FROM requests WHERE nonce <> ?1 AND spent = 0", [nonce(&request).0]);
    };
    for (line, offset, comes) in LINES {
        let at = text.find(line).expect("such a line") + line.len() + offset;
        let mut changed = text.clone().into_bytes();
        changed[at] = other(changed[at]);
        write(std::str::from_utf8(&changed).expect("text"));
        match comes {
            Comes::ToOthers => drop(asks_anew(&desk, DESTROY)),
            Comes::ToNothing => drop(refused(&desk, DESTROY, 8, "the signature is not of these words")),
        }
    }
    write(&text);
    run(&desk, DESTROY).expect(0);
    assert_eq!(state(&desk, KEY), "destroyed");
}

#[test]
fn not_one_byte_of_a_signature_can_change() {
    let (desk, request) = doomed();
    for (table, code, words) in [
        ("requests", 8, "anna does not count: the signature is not of these words"),
        ("approvals", 11, "cem: the signature is not of these words"),
    ] {
        let signature = match table {
            "requests" => filed(&desk, &request).signature,
            _ => filed(&desk, &request).approvals[1].signature,
        };
        for at in [0, 31, 32, 63] {
            let mut changed = signature;
            changed[at] ^= 1;
            let sql = format!("UPDATE {table} SET signature = ?1 WHERE signature = ?2");
            edit_one(&desk, &sql, (changed, signature));
            refused(&desk, DESTROY, code, words);
            edit_one(&desk, &sql, (signature, changed));
        }
    }
    run(&desk, DESTROY).expect(0);
}

/// A signature says for which words it is, by whom and when.
#[test]
fn an_approval_cannot_be_carried_elsewhere() {
    let (desk, request) = doomed();
    let again = |sql: &str, back: &str, words: &str| {
        edit_one(&desk, sql, []);
        refused(&desk, DESTROY, 11, words);
        edit_one(&desk, back, []);
    };
    let of = "FROM approvals WHERE operator = 'cem'";
    assert_eq!(super::rows(&desk, &format!("SELECT id {of}")).len(), 1);
    again(
        "UPDATE approvals SET operator = 'dora' WHERE operator = 'cem'",
        "UPDATE approvals SET operator = 'cem' WHERE operator = 'dora'",
        "dora: the signature is not of these words",
    );
    again(
        "UPDATE approvals SET at = at + 1 WHERE operator = 'cem'",
        "UPDATE approvals SET at = at - 1 WHERE operator = 'cem'",
        "cem: the signature is not of these words",
    );
    // Under another request of the same requester.
    run(&desk, &["key", "generate", "vault:office/other", "--type", "aes128"]).expect(0);
    let destroy = ["key", "destroy", "vault:office/other", "--yes"];
    let second = asked(&desk, &destroy);
    let sql = "UPDATE approvals SET request = (SELECT id FROM requests WHERE nonce = ?1)
               WHERE request = (SELECT id FROM requests WHERE nonce = ?2)";
    assert_eq!(edit(&desk, sql, (nonce(&second).0, nonce(&request).0)), 2);
    refused(&desk, &destroy, 11, "ben: the signature is not of these words; cem: the signature is not of these words");
    refused(&desk, DESTROY, 11, "needs 2 approvals, 0 count");
    // And so is the request itself: a row under another's number.
    assert_eq!(edit(&desk, sql, (nonce(&request).0, nonce(&second).0)), 2);
    edit_one(&desk, "DELETE FROM requests WHERE nonce = ?1", [nonce(&second).0]);
    edit_one(&desk, "UPDATE requests SET nonce = ?1 WHERE nonce = ?2", (nonce(&second).0, nonce(&request).0));
    let lost = run(&desk, DESTROY);
    assert_ne!(lost.code(), 0, "{lost:#?}");
    assert_ne!(state(&desk, KEY), "destroyed");
}

/// Signed by operators who may not, and put there by hand.
#[test]
fn roles_are_asked_for_at_the_moment_of_use() {
    let (desk, request) = doomed();
    let operators = desk.path().join("operators.toml");
    let text = std::fs::read_to_string(&operators).expect("a file");
    let (before, cem) = text.split_once("[cem]").expect("he is there");
    std::fs::write(&operators, format!("{before}[cem]{}", cem.replacen("custodian", "card-manager", 1)))
        .expect("written");
    refused(&desk, DESTROY, 11, "cem: has none of the roles");
    std::fs::write(&operators, &text).expect("written");
    std::fs::write(&operators, text.replacen("key-manager", "card-manager", 1)).expect("written");
    // Not even what was done before stands then, until people confirm it.
    refused(&desk, DESTROY, 7, "anna does not count: has none of the roles");
    std::fs::write(&operators, &text).expect("written");
    sign(&desk, &request, "dora").expect(0);
    run(&desk, DESTROY).expect(0);
}
