//! Job files, lists and data as they come from somebody else: refused before the first card, by line, and not repeated.

use super::{all_made, desk, job, of_delivery, put, through_deck};
use cardwright_link::feeder::make_deck;
use cardwright_tests::cli::{Desk, Outcome};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

const GIB: u64 = 1 << 30;
const LISTED: &str = "file = \"box.csv\"";
const DATA: &str = "[data]\nfile = \"data.jsonl\"\n";

/// The deck's files with all bytes.
fn deck(desk: &Desk) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = std::fs::read_dir(desk.path().join("deck")).expect("a directory");
    let paths = files.map(|file| file.expect("a file").path());
    paths.map(|path| (path.clone(), std::fs::read(&path).expect("read"))).collect()
}

/// A desk with a deck of three cards, their list, and data for each of them; and their names.
fn three(text: &str) -> (Desk, Vec<String>) {
    let desk = desk(text);
    let cards = make_deck(&desk.path().join("deck"), 3, "", 1).expect("a deck");
    let names: Vec<_> = cards.into_iter().map(|card| card.0).collect();
    put(&desk, "box.csv", list(&names));
    put(&desk, "data.jsonl", data(&names));
    (desk, names)
}

fn list(names: &[String]) -> String {
    format!("card\n{}\n", names.join("\n"))
}

fn data(names: &[String]) -> String {
    names.iter().map(|name| format!("{{\"card\":\"{name}\",\"dgi\":{{\"0101\":\"5F1C00\"}}}}\n")).collect()
}

fn sparse(desk: &Desk, file: &str) {
    File::create(desk.path().join(file)).expect("a file").set_len(GIB).expect("room for a hole");
}

/// It ends so, says so in lines that do no harm, repeats nothing of the file, and no card was touched.
#[track_caller]
fn refused(desk: &Desk, code: i32, words: &str, what: &str) -> Outcome {
    let before = deck(desk);
    let outcome = through_deck(desk, "", 2);
    assert_eq!(outcome.code(), code, "{what}: {outcome:#?}");
    assert!(outcome.stderr.contains(words), "{what}: not `{words}`: {outcome:#?}");
    assert!(!outcome.stderr.to_lowercase().contains("evil"), "{what}: {outcome:#?}");
    assert!(outcome.stderr.len() < 2000, "{what}: {outcome:#?}");
    let harmless = |c: char| c == '\n' || !c.is_control() && !('\u{202A}'..='\u{202E}').contains(&c);
    assert!(outcome.stderr.chars().all(harmless), "{what}: {outcome:#?}");
    assert!(deck(desk) == before, "{what}: a card was touched");
    outcome
}

/// The same, and there is no job in the registry.
#[track_caller]
fn no_job(desk: &Desk, words: &str, what: &str) {
    refused(desk, 2, words, what);
    let status = desk.run(&["batch", "status"]).expect(0);
    assert_eq!(status.stdout, "there are no jobs\n", "{what}");
}

#[test]
fn job_files() {
    let good = job(3, "");
    let (desk, _) = three(&good);
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let lines = |text: &str| text.lines().count();
    let end = lines(&good) + 1;
    for (what, text, words) in [
        ("a BOM", format!("\u{FEFF}{good}"), "line 1: it begins with a byte order mark".to_owned()),
        ("CRLF", good.replace('\n', "\r\n"), "line 1: there is a carriage return".to_owned()),
        ("CR alone", with("issuer", "\rissuer"), "line 3: there is a carriage return".to_owned()),
        ("NUL", with("acme", "ac\0me"), "line 3: there is a NUL".to_owned()),
        ("no TOML", with("domain =", "evil"), "line 4: it is no TOML".to_owned()),
        ("a member twice", format!("{good}count = 2\n"), format!("line {end}: ")),
        ("a member of no job", with("[target]", "evil = 1\n[target]"), "line 6: a job has no such member".to_owned()),
        ("fullwidth digits", with("\"0x30\"", "\"\u{FF10}x30\""), "line 8: ".to_owned()),
        ("Arabic digits", with("\"0x30\"", "\"\u{664}\u{668}\""), "line 8: ".to_owned()),
        ("a KVN too large", with("\"0x30\"", "\"0x80\""), "line 8: ".to_owned()),
        ("a KVN of zero", with("\"0x30\"", "0"), "line 8: ".to_owned()),
        ("an odd AID", with("[target]", "aid = \"A00000015\"\n[target]"), "line 6: ".to_owned()),
        ("a key", with("kdf3+file:new.hex", "0F1E2D3C4B5A69788796A5B4C3D2E1F0"), "line 7: ".to_owned()),
        ("cards beyond number", with("count = 3", "count = 10000001"), "line 12: a job has 1 to 10000000".to_owned()),
        ("no cards", with("count = 3", "count = 0"), "line 12: a job has 1 to 10000000".to_owned()),
        ("fewer than none", with("count = 3", "count = -3"), "line 12: ".to_owned()),
        ("a path with NUL", with("count = 3", "file = \"a\\u0000\""), "line 12: ".to_owned()),
        (
            "a delivery twice",
            format!("{good}[[delivery]]\nname = \"box\"\nkey = \"gp-test@0xFF\"\ncount = 1\n"),
            format!("line {}: the name is that of another delivery", end + 1),
        ),
        ("an escape in words", with("\"sim\"", "\"\\u001b[2Jevil\""), "line 5: ".to_owned()),
    ] {
        put(&desk, "job.toml", text);
        no_job(&desk, &words, what);
    }
    put(&desk, "job.toml", b"format = \"cardwright-job-1\"\n# \xC0\xAF\n");
    no_job(&desk, "line 2: it is no UTF-8", "no UTF-8");
    sparse(&desk, "job.toml");
    no_job(&desk, "a job has 1048576 bytes at most", "a line of 1 GiB");
    put(&desk, "job.toml", good);
    through_deck(&desk, "", 2).expect(0);
    all_made(&desk, 3, "the good one");
}

#[test]
fn lists() {
    let (desk, names) = three(&of_delivery(LISTED, ""));
    let good = list(&names);
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    let [first, second, third] = &names[..] else { panic!("three") };
    for (what, text, words) in [
        ("a BOM", format!("\u{FEFF}{good}"), "line 1: it begins with a byte order mark"),
        ("CRLF", good.replace('\n', "\r\n"), "line 1: it ends with a carriage return"),
        ("NUL", with(second, &format!("{second}\0")), "line 3: there are control characters"),
        ("a direction mark", with(second, &format!("\u{202E}{second}")), "line 3: there are control characters"),
        ("a card twice", with(third, first), "line 4"),
        ("a card twice, in lower case", with(third, &first.to_lowercase()), "line 4"),
        ("a card twice, once without its chip", with(third, &first[..20]), "line 4"),
        ("a formula", with(second, "=evil"), "line 3: a cell begins as a formula does"),
        ("another formula", with(second, "@evil"), "line 3: a cell begins as a formula does"),
        ("one digit too few", with(second, &second[1..]), "line 3: `card` is 20 hex digits"),
        ("no hex", with(second, &second.replacen('4', "G", 1)), "line 3: `card` is 20 hex digits"),
        ("fullwidth digits", with(second, &second.replacen('4', "\u{FF14}", 1)), "line 3: `card` is 20 hex digits"),
        ("an empty line", with(second, ""), "line 3: it is empty"),
        ("more cells", with(second, &format!("{second},evil")), "line 3"),
        ("another column", with("card\n", "evil\n"), "line 1"),
        ("no end", good.trim_end().to_owned(), "line 4: it does not end with a line feed"),
        ("nothing", String::new(), "there is no card in it"),
        ("a header alone", "card\n".to_owned(), "there is no card in it"),
    ] {
        put(&desk, "box.csv", text);
        no_job(&desk, words, what);
    }
    sparse(&desk, "box.csv");
    no_job(&desk, "line 1 is longer than 65536 bytes", "a line of 1 GiB");
    std::fs::remove_file(desk.path().join("box.csv")).expect("removed");
    refused(&desk, 2, "box.csv", "no list");
    put(&desk, "box.csv", good);
    through_deck(&desk, "", 2).expect(0);
    all_made(&desk, 3, "the good one");
}

#[test]
fn data_files() {
    let (desk, names) = three(&of_delivery(LISTED, DATA));
    let good = data(&names);
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    let line = |text: &str| format!("{}{text}\n{}", &good[..good.len() / 3], &good[good.len() / 3 * 2..]);
    let row = |groups: &str| line(&format!("{{\"card\":\"{}\",{groups}}}", names[1]));
    for (what, text, words) in [
        ("a BOM", format!("\u{FEFF}{good}"), "line 1: it begins with a byte order mark"),
        ("CRLF", good.replace('\n', "\r\n"), "line 1: it ends with a carriage return"),
        ("a card twice", with(&names[2], &names[0]), "line 3"),
        ("odd hex", row("\"dgi\":{\"0101\":\"5F1\"}"), "line 2"),
        ("no hex", row("\"dgi\":{\"0101\":\"evil\"}"), "line 2"),
        ("a tag of 3 digits", row("\"dgi\":{\"101\":\"5F1C00\"}"), "line 2"),
        ("a tag twice", row("\"dgi\":{\"0101\":\"5F\",\"0101\":\"1C\"}"), "line 2"),
        ("another member", row("\"evil\":1"), "line 2"),
        ("no JSON", line("evil"), "line 2"),
        ("an escaped NUL", row("\"dgi\":{\"0101\\u0000\":\"5F1C00\"}"), "line 2"),
        ("sealed without a key", row("\"sealed\":{\"8201\":\"00\"}"), "line 2"),
        ("a row too many", format!("{good}{}", good.replace(&names[0], "00112233445566778899")), "line 5"),
        (
            "a row too few",
            good.lines().take(2).map(|line| format!("{line}\n")).collect(),
            "3 cards, and its data file has 2",
        ),
        ("a row for another card", with(&names[1], "00112233445566778899"), "line 3: the data file has no row"),
        ("a row without a card", line("{\"dgi\":{\"0101\":\"5F1C00\"}}"), "line 2"),
    ] {
        put(&desk, "data.jsonl", text);
        no_job(&desk, words, what);
    }
    sparse(&desk, "data.jsonl");
    no_job(&desk, "line 1 is longer than 65536 bytes", "a line of 1 GiB");
    put(&desk, "data.jsonl", good);
    through_deck(&desk, "", 2).expect(0);
    all_made(&desk, 3, "the good one");
}

#[test]
fn keys_of_a_wrong_length() {
    let (desk, _) = three(&job(3, ""));
    for key in [
        "",
        "B7",
        "B7192FD46A83E05CC14D7B3698F20A",
        "B7192FD46A83E05CC14D7B3698F20AE",
        &"B7".repeat(17),
        &"B7".repeat(33),
    ] {
        desk.key_file("new.hex", key);
        let outcome = refused(&desk, 8, "new.hex", key);
        assert!(key.len() < 8 || !outcome.stderr.contains(&key[..8]), "{outcome:#?}");
    }
    desk.key_file("new.hex", super::NEW);
    through_deck(&desk, "", 1).expect(0);
    all_made(&desk, 3, "the good one");
}

/// The job begins with one card. Then somebody changes a file, and puts it back.
#[test]
fn files_that_change_while_a_job_goes_on() {
    let (desk, names) = three(&of_delivery(LISTED, DATA));
    let (deck, kept) = (desk.path().join("deck"), desk.path().join("kept"));
    std::fs::create_dir(&kept).expect("a directory");
    for serial in ["00000002.card", "00000003.card"] {
        std::fs::rename(deck.join(serial), kept.join(serial)).expect("moved");
    }
    through_deck(&desk, "", 1).expect(10);
    for serial in ["00000002.card", "00000003.card"] {
        std::fs::rename(kept.join(serial), deck.join(serial)).expect("moved");
    }
    let other = format!("{:020X}-{}", 7, &names[0][21..]);
    let reversed: Vec<_> = names.iter().rev().cloned().collect();
    for (file, good, changed, words) in [
        ("job.toml", of_delivery(LISTED, DATA), format!("{}# a word\n", of_delivery(LISTED, DATA)), "the job file"),
        ("job.toml", of_delivery(LISTED, DATA), of_delivery(LISTED, DATA).replace("0x30", "0x31"), "the job file"),
        ("box.csv", list(&names), list(&reversed), "its file box.csv"),
        ("data.jsonl", data(&names), data(&names).replace("5F1C00", "5F1C01"), "its file data.jsonl"),
    ] {
        put(&desk, file, changed);
        refused(&desk, 7, words, file);
        let plan = desk.run(&["batch", "plan", "job.toml"]);
        assert_eq!(plan.code(), 7, "{file}: {plan:#?}");
        put(&desk, file, good);
    }
    // A list and data that name another card together.
    put(&desk, "box.csv", list(&names).replace(&names[2], &other));
    put(&desk, "data.jsonl", data(&names).replace(&names[2], &other));
    refused(&desk, 7, "its file box.csv", "both");
    put(&desk, "box.csv", list(&names));
    put(&desk, "data.jsonl", data(&names));
    through_deck(&desk, "", 1).expect(0);
    all_made(&desk, 3, "as it was");
}
