use super::{LineError, parse_journal};
use cardwright_keys::journal::{CardId, Record, SetId};
use proptest::prelude::{any, proptest};
use proptest::{collection::vec, prop_assert, prop_assert_eq};

/// Short, so that every prefix of a few of them can be tried.
fn counter(counter: u32) -> Record {
    Record::Counter { card: CardId("A".into()), set: SetId { kvn: 48, kcvs: "B".into() }, counter }
}

/// A line as it was written.
fn line(records: &[Record]) -> Vec<u8> {
    let json = serde_json::to_string(records).unwrap();
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
}

/// The appends 1, 2 and 3 together, 4, and the file's bytes after them.
fn written() -> (Vec<Vec<Record>>, Vec<u8>) {
    let appends = vec![vec![counter(1)], vec![counter(2), counter(3)], vec![counter(4)]];
    let bytes = appends.iter().flat_map(|records| line(records)).collect();
    (appends, bytes)
}

/// A file of the version before the registry. The check value is as zlib's crc32 gives it.
#[test]
fn the_written_form() {
    let first =
        "86c85624 [{\"record\":\"counter\",\"card\":\"A\",\"set\":{\"kvn\":48,\"kcvs\":\"B\"},\"counter\":1}]\n";
    let parsed = parse_journal(first.as_bytes()).unwrap();
    assert_eq!((parsed.appends, parsed.torn), (vec![vec![counter(1)]], 0));
    assert_eq!(line(&[counter(1)]), first.as_bytes());
}

/// Killed at any byte: what is read is what was whole.
#[test]
fn every_prefix() {
    let (appends, bytes) = written();
    for len in 0..=bytes.len() {
        let whole = bytes[..len].iter().filter(|byte| **byte == b'\n').count();
        let end = bytes[..len].iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let parsed = parse_journal(&bytes[..len]).unwrap();
        assert_eq!((&parsed.appends[..], parsed.torn), (&appends[..whole], (len - end) as u64), "cut at {len}");
    }
}

/// One changed byte: an error that names the line. Only where the last line feed is gone, it is one that was never whole.
#[test]
fn every_changed_byte() {
    let (appends, bytes) = written();
    let line_of = |place: usize| bytes[..place].iter().filter(|byte| **byte == b'\n').count();
    for (place, flip) in (0..bytes.len()).flat_map(|place| [0x01, 0x20, 0x80].map(|flip| (place, flip))) {
        let mut changed = bytes.clone();
        changed[place] ^= flip;
        let line = line_of(place);
        let last = place + 1 == bytes.len();
        match parse_journal(&changed) {
            Ok(parsed) => {
                assert!(last, "{place}");
                assert_eq!(parsed.appends, appends[..line]);
                assert!(parsed.torn > 0);
            }
            Err(LineError::Damaged { line: named }) => assert!(!last && named == line as u64 + 1, "{place}"),
            Err(other) => panic!("{other}"),
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..400)) {
        let good = bytes.contains(&b'\n');
        if let Ok(parsed) = parse_journal(&bytes) {
            prop_assert!(parsed.appends.is_empty() && parsed.torn == bytes.len() as u64);
            prop_assert!(!good || bytes.iter().position(|byte| *byte == b'\n') == Some(bytes.len() - 1));
        }
    }

    /// Whatever follows good lines, they are read, or the error stands behind them.
    #[test]
    fn good_lines_before_any_bytes(counters in vec(any::<u32>(), 1..5), tail in vec(any::<u8>(), 1..200)) {
        let mut bytes: Vec<_> = counters.iter().flat_map(|number| line(&[counter(*number)])).collect();
        bytes.extend_from_slice(&tail);
        match parse_journal(&bytes) {
            Ok(parsed) => {
                let appends: Vec<_> = counters.iter().map(|number| vec![counter(*number)]).collect();
                prop_assert_eq!(parsed.appends, appends);
                prop_assert_eq!(parsed.torn, tail.len() as u64);
            }
            Err(LineError::Damaged { line }) => prop_assert_eq!(line, counters.len() as u64 + 1),
            Err(other) => panic!("{other}"),
        }
    }
}
