//! Cards as lines, both ways, and what is refused.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_keys::approval::one_line;
use cardwright_keys::journal::{CardId, SetId};
use cardwright_registry::lines::{BATCH, LINE_MAX, LineError, Writer, read_csv, read_jsonl, write_jobs};
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{CardEntry, CardQuery, KeySetEntry, Registry, RegistryError};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};

const NOW: u64 = 1_790_000_000;
const CARD: &str = "00112233445566778899";

/// What tests read into.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

fn read(csv: bool, text: &[u8]) -> Result<Vec<CardEntry>, Failure> {
    let mut cards = Vec::new();
    let take = |more| {
        cards.extend::<Vec<_>>(more);
        Ok::<_, Failure>(())
    };
    if csv {
        read_csv(text, NOW, take)?
    } else {
        read_jsonl(text, NOW, take)?
    };
    Ok(cards)
}

fn write(csv: bool, cards: &[CardEntry]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut writer = if csv { Writer::csv(&mut text).unwrap() } else { Writer::jsonl(&mut text) };
    cards.iter().for_each(|card| writer.put(card).unwrap());
    text
}

fn key_set() -> impl Strategy<Value = KeySetEntry> {
    let kvn = prop_oneof![1..=127_u8, Just(0xFF)];
    let kept_in = prop_oneof![Just("kdf3+vault:office/kmc:2"), Just("file:a \"b\", c.hex"), Just("gp-test")];
    (kvn, any::<[u8; 9]>(), kept_in, 0..253_402_207_200_u64).prop_map(|(kvn, kcvs, kept_in, at)| {
        let set = SetId { kvn, kcvs: hex::encode_upper(kcvs) };
        KeySetEntry::new(set, "AES".to_owned(), kept_in.to_owned(), at).unwrap()
    })
}

fn card() -> impl Strategy<Value = CardEntry> {
    let profile = option::of("[a-z\"][a-z,\" \u{e4}\u{4e2d}]{0,10}[,\u{e4}]");
    (any::<[u8; 10]>(), option::of(any::<[u8; 12]>()), profile, vec(key_set(), 0..3)).prop_map(
        |(kdd, chip, profile, mut sets)| {
            sets.sort_by_key(|set| set.set.kvn);
            sets.dedup_by_key(|set| set.set.kvn);
            CardEntry { card: CardId::new(&kdd, chip.as_ref()), profile, sets }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_and_back(mut cards in vec(card(), 0..20)) {
        cards.sort_by(|a, b| a.card.cmp(&b.card));
        cards.dedup_by(|a, b| a.card == b.card);
        for csv in [true, false] {
            let text = write(csv, &cards);
            prop_assert_eq!(read(csv, &text).unwrap(), &cards[..]);
            let dir = tempfile::tempdir().unwrap();
            let mut registry = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
            registry.put_cards(&cards).unwrap();
            let mut exported = Vec::new();
            let mut writer = if csv { Writer::csv(&mut exported).unwrap() } else { Writer::jsonl(&mut exported) };
            prop_assert_eq!(writer.export(&registry, &CardQuery::default()).unwrap(), cards.len() as u64);
            prop_assert_eq!(exported, text);
        }
    }

    #[test]
    fn any_bytes(text in vec(any::<u8>(), 0..200), csv in any::<bool>()) {
        let _ = read(csv, &text);
    }

    #[test]
    fn bytes_changed(at in btree_set(0..300_usize, 1..4), byte in any::<u8>(), csv in any::<bool>()) {
        let mut text = write(csv, &[full()]);
        for at in at {
            let at = at % text.len();
            text[at] = byte;
        }
        for card in read(csv, &text).into_iter().flatten() {
            card.check().unwrap();
        }
    }
}

fn full() -> CardEntry {
    let set = SetId { kvn: 0x30, kcvs: "504A77504A77504A77".to_owned() };
    let set = KeySetEntry::new(set, "AES".to_owned(), "kdf3+vault:office/kmc:1".to_owned(), NOW).unwrap();
    CardEntry { card: CardId(CARD.to_owned()), profile: Some("payment".to_owned()), sets: vec![set] }
}

#[test]
fn as_written() {
    let csv = "card,profile,kvn,kcv_enc,kcv_mac,kcv_dek,kcv_algorithm,kept_in,at\n\
               00112233445566778899,payment,0x30,504A77,504A77,504A77,AES,kdf3+vault:office/kmc:1,2026-09-21T14:13:20Z\n";
    assert_eq!(String::from_utf8(write(true, &[full()])).unwrap(), csv);
    let json = r#"{"card":"00112233445566778899","profile":"payment","kvn":"0x30","kcv_enc":"504A77","kcv_mac":"504A77","kcv_dek":"504A77","kcv_algorithm":"AES","kept_in":"kdf3+vault:office/kmc:1","at":"2026-09-21T14:13:20Z"}"#;
    assert_eq!(String::from_utf8(write(false, &[full()])).unwrap(), format!("{json}\n"));
}

#[test]
fn as_people_write() {
    let text = "\u{FEFF}kvn,kcv_dek,card,kcv_enc,kcv_mac,kept_in\r\n\r\n\
                48,504a77,00112233445566778899,504a77,504a77,kdf3+vault:office/kmc:1\r\n\
                \"0x31\",0A0B0C,00112233445566778899,0A0B0C,0A0B0C,vault:office/kmc\r\n\
                ,,aabbccddeeff00112233-00112233445566778899aabb,,,";
    let cards = read(true, text.as_bytes()).unwrap();
    assert_eq!(cards[0].sets[0], full().sets[0]);
    assert_eq!(cards[0].sets[1].from, Some("office/kmc:1".parse().unwrap()), "before there were versions");
    assert_eq!(cards[1].card.0, "AABBCCDDEEFF00112233-00112233445566778899AABB");
    assert_eq!((cards.len(), cards[0].sets.len(), cards[1].sets.len()), (2, 2, 0));
    let json = br#"{"kept_in":"gp-test","card":"00112233445566778899","kvn":"1","kcv_enc":"504A77","kcv_mac":"504A77","kcv_dek":"504A77"}"#;
    assert_eq!(read(false, json).unwrap()[0].sets[0].at, NOW);
}

/// The message, which names the line and repeats nothing of it.
fn refused(csv: bool, text: &[u8]) -> String {
    let message = read(csv, text).unwrap_err().to_string();
    assert!(message.len() < 300 && one_line(&message) && !message.contains("evil"), "{message:?}");
    message
}

#[test]
fn csv_refused() {
    let header = "card,profile,kvn,kcv_enc,kcv_mac,kcv_dek,kept_in,at";
    let after = |line: &str| refused(true, format!("{header}\n{CARD},,,,,,,\n{line}\n").as_bytes());
    let set = |from: &str, to: &str| {
        after(&format!("{CARD},p,0x30,504A77,504A77,504A77,kdf3+vault:office/kmc:1,").replacen(from, to, 1))
    };
    for (message, wanted) in [
        (refused(true, b"card,evil"), "line 1 does not name columns: number 2"),
        (refused(true, b"card,kvn,card"), "line 1 does not name columns: number 3"),
        (refused(true, b"\"card"), "line 1 is no CSV"),
        (after("evil"), "line 3 has 1 cells, and there are 8 columns"),
        (after(&format!("{CARD},,,,,,,,")), "line 3 has 9 cells"),
        (after(&format!("{CARD},e\"vil,,,,,,")), "line 3 is no CSV"),
        (after(&format!("{CARD},\"evil\"x,,,,,,")), "line 3 is no CSV"),
        (after(&format!("{CARD},\"evil,,,,,,")), "line 3 is no CSV"),
        (after("evil,,,,,,,"), "line 3: `card`"),
        (after("00112233445566778899-evil,,,,,,,"), "line 3: `card`"),
        (after(",,,,,,,"), "line 3: `card`"),
        (after(&format!("{CARD},,,,,,,")), "line 3: the key set stands twice"),
        (after(&format!("{CARD},evil,,,,,,")), "line 3: the line before gives the card another profile"),
        (after(&format!("{CARD},,0x30,504A77,,504A77,gp-test,")), "line 3: a key set has all of"),
        (after(&format!("{CARD},,,,,,,2026-11-22T00:00:00Z")), "line 3: a key set has all of"),
        (set("0x30", "evil"), "line 3: `kvn`"),
        (set("0x30", "0x80"), "line 3: a key set's number"),
        (set("504A77", "504A7"), "line 3: a check value is 6 hex digits"),
        (set("504A77", "504A7X"), "line 3: check values"),
        (set("504A77", "504A7\u{e4}"), "line 3: a check value"),
        (set("kdf3", "evil"), "line 3: where the keys are kept"),
        (set(":1,", ":1,evil"), "line 3: `at`"),
        (set(",p,", ",e\u{1b}[2Jvil,"), "line 3: there are control characters"),
        (set(",p,", ",e\u{202E}vil,"), "line 3: there are control characters"),
        (set(",p,", &format!(",{},", "evil".repeat(26))), "line 3: a profile"),
        (set(",p,", &format!(",{},", "evil".repeat(1 << 18))), "line 3 is longer than 65536 bytes"),
    ] {
        assert!(message.starts_with(wanted), "{message}");
    }
    let mut text = format!("{header}\n{CARD},").into_bytes();
    text.extend(b"\xC0\xAFevil,,,,,,\n");
    assert!(refused(true, &text).starts_with("line 2 is no UTF-8"));
}

#[test]
fn json_refused() {
    for (line, wanted) in [
        ("evil", "line 1 is no JSON object"),
        (r#"["00112233445566778899"]"#, "line 1 is no JSON object"),
        ("{}", "line 1: `card`"),
        (r#"{"evil":"x"}"#, "line 1 is no JSON object"),
        (r#"{"card":"00112233445566778899","card":"00112233445566778899"}"#, "line 1 is no JSON object"),
        (r#"{"card":"00112233445566778899","kvn":48}"#, "line 1 is no JSON object"),
        (r#"{"card":"00112233445566778899"} {}"#, "line 1 is no JSON object"),
        (r#"{"card":"00112233445566778899","profile":"\u001b[2Jevil"}"#, "line 1: there are control characters"),
        (r#"{"card":"00112233445566778899","profile":"\nevil"}"#, "line 1: there are control characters"),
    ] {
        let message = refused(false, line.as_bytes());
        assert!(message.starts_with(wanted), "{line}: {message}");
    }
}

/// A line without an end is not held in memory.
#[test]
fn a_line_that_never_ends() {
    struct Endless(u64);
    impl std::io::Read for Endless {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            bytes.fill(b'a');
            Ok(bytes.len())
        }
    }
    let mut input = std::io::BufReader::new(Endless(0));
    let read = read_jsonl(&mut input, NOW, |_| Ok::<_, Failure>(()));
    assert!(matches!(read, Err(Failure::Line(LineError::TooLong { line: 1 }))));
    assert!(input.get_ref().0 < 4 * LINE_MAX as u64);
}

#[test]
fn in_batches() {
    let count = 2 * BATCH + 1;
    let line =
        |n: usize| format!("{n:020X},0x30,504A77,504A77,504A77,gp-test\n{n:020X},0x31,504A77,504A77,504A77,gp-test\n");
    let mut text = "card,kvn,kcv_enc,kcv_mac,kcv_dek,kept_in\n".to_owned();
    text.extend((0..count).map(line));
    let mut batches = Vec::new();
    let lines = read_csv(text.as_bytes(), NOW, |cards| {
        assert!(cards.iter().all(|card| card.sets.len() == 2), "none is cut in two");
        batches.push(cards.len());
        Ok::<_, Failure>(())
    });
    assert_eq!((lines.unwrap(), batches), (2 * count as u64, vec![BATCH, BATCH, 1]));
}

#[test]
fn a_job_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut registry = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
    registry.put_cards(&[full()]).unwrap();
    let jobs = |to: Option<&str>| {
        let mut text = Vec::new();
        let to = to.map(|to| to.parse().unwrap());
        let count = write_jobs(&registry, &"office/kmc:1".parse().unwrap(), to.as_ref(), &mut text).unwrap();
        (count, String::from_utf8(text).unwrap())
    };
    let job = r#"{"card":"00112233445566778899","kvn":"0x30","kcvs":"504A77504A77504A77","from":"vault:office/kmc:1","to":"vault:office/kmc:2","kept_in":"kdf3+vault:office/kmc:1"}"#;
    assert_eq!(jobs(Some("office/kmc:2")), (1, format!("{job}\n")));
    assert_eq!(jobs(None), (1, format!("{}\n", job.replace("\"vault:office/kmc:2\"", "null"))));
    let none = write_jobs(&registry, &"office/kmc:2".parse().unwrap(), None, &mut Vec::new());
    assert_eq!(none.unwrap(), 0);
}
