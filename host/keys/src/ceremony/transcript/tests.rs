mod any;

use super::{CeremonyMode, Chain, End, Fault, Line, MAX_LINE, Malformed, Record, Transcript, TranscriptError};
use crate::custody::hash;
use any::record;
use jiff::Timestamp;
use proptest::prelude::{Just, any, prop_oneof, proptest};
use proptest::strategy::Strategy;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn note(text: &str) -> Record {
    Record::Note { text: text.to_owned() }
}

/// Three lines.
fn three() -> Vec<u8> {
    let mut chain = Chain::new(CeremonyMode::Blind, [0x11; 32]);
    let at = time("2026-01-31T12:00:00.75Z");
    let records = [note("one"), note("a \"quoted\" \\ word"), Record::End { outcome: End::Done }];
    records.iter().flat_map(|record| chain.append(at, record).unwrap()).collect()
}

/// What becomes of the three lines with something else in the second one.
fn with(from: &str, to: &str) -> Fault {
    let text = String::from_utf8(three()).unwrap();
    let second = text.lines().nth(1).unwrap();
    assert!(second.contains(from), "{from:?} is in {second}");
    let Malformed { line, fault } =
        Transcript::parse(text.replace(second, &second.replacen(from, to, 1)).as_bytes()).unwrap_err();
    assert_eq!(line, 2);
    fault
}

#[test]
fn lines_are_written_as_the_specification_has_them() {
    let text = String::from_utf8(three()).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let start =
        format!("{{\"n\":0,\"prev\":\"{}\",\"at\":\"2026-01-31T12:00:00Z\",\"mode\":\"blind\",", "11".repeat(32));
    assert_eq!(first, start + "\"kind\":\"note\",\"text\":\"one\"}");
    let prev = hex::encode(hash::line(first.as_bytes()));
    let second = format!("{{\"n\":1,\"prev\":\"{prev}\",\"at\":\"2026-01-31T12:00:00Z\",\"mode\":\"blind\",");
    assert!(rest.starts_with(&(second + "\"kind\":\"note\",\"text\":\"a \\\"quoted\\\" \\\\ word\"}\n")));
    assert!(rest.ends_with("\"kind\":\"end\",\"outcome\":\"done\"}\n"));
    // Any reader of JSON reads it.
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["at"], "2026-01-31T12:00:00Z");
    }
}

#[test]
fn what_was_written_is_read() {
    let bytes = three();
    let transcript = Transcript::parse(&bytes).unwrap();
    assert_eq!(transcript.lines.len(), 3);
    let Line { n, prev, at, mode, record } = &transcript.lines[1];
    assert_eq!((*n, *mode, *at), (1, CeremonyMode::Blind, time("2026-01-31T12:00:00Z")));
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    assert_eq!(*prev, hash::line(lines[0]));
    assert_eq!(*record, note("a \"quoted\" \\ word"));
    assert_eq!(transcript.head(), Some(hash::line(lines[2])));
    assert_eq!(transcript.lines[0].prev, [0x11; 32]);
}

#[test]
fn an_empty_file_has_no_lines() {
    let transcript = Transcript::parse(b"").unwrap();
    assert_eq!((transcript.lines.len(), transcript.head(), transcript.chain()), (0, None, None));
    assert_eq!(Chain::new(CeremonyMode::Host, [7; 32]).head(), [7; 32]);
}

#[test]
fn a_torn_last_line_is_left_out() {
    let bytes = three();
    let ends: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').map(|at| at + 1).collect();
    for cut in 0..=bytes.len() {
        let (transcript, whole) = Transcript::recover(&bytes[..cut]).unwrap();
        let lines = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(transcript.lines.len(), lines, "cut at {cut}");
        assert_eq!(whole, lines.checked_sub(1).map_or(0, |last| ends[last]));
        let parsed = Transcript::parse(&bytes[..cut]);
        if cut == whole {
            assert_eq!(parsed, Ok(transcript));
        } else {
            assert_eq!(parsed, Err(Malformed { line: lines + 1, fault: Fault::Cut }));
        }
    }
    // Only what is behind the last line feed may be torn.
    let mut damaged = bytes.clone();
    damaged[3] ^= 1;
    damaged.pop();
    assert_eq!(Transcript::recover(&damaged).unwrap_err().line, 1);
}

#[test]
fn what_was_cut_off_is_gone_on_with() {
    let bytes = three();
    let (transcript, whole) = Transcript::recover(&bytes[..bytes.len() - 1]).unwrap();
    let mut chain = transcript.chain().unwrap();
    assert_eq!((chain.mode(), chain.head()), (CeremonyMode::Blind, transcript.head().unwrap()));
    let last = chain.append(time("2026-01-31T12:00:00Z"), &Record::End { outcome: End::Done }).unwrap();
    assert_eq!([&bytes[..whole], &last].concat(), bytes);
}

#[test]
fn time_does_not_fall() {
    let mut chain = Chain::new(CeremonyMode::Blind, [0; 32]);
    let times = ["2026-01-31T12:00:05.9Z", "2026-01-31T11:00:00Z", "2026-01-31T12:00:06Z"];
    let bytes: Vec<_> = times.iter().flat_map(|at| chain.append(time(at), &note("x")).unwrap()).collect();
    let transcript = Transcript::parse(&bytes).unwrap();
    let read: Vec<_> = transcript.lines.iter().map(|line| line.at.to_string()).collect();
    assert_eq!(read, ["2026-01-31T12:00:05Z", "2026-01-31T12:00:05Z", "2026-01-31T12:00:06Z"]);
    let before = Timestamp::MIN;
    let refused = Chain::new(CeremonyMode::Blind, [0; 32]).append(before, &note("x"));
    assert_eq!(refused, Err(TranscriptError::Time(before)));
}

#[test]
fn a_line_has_65536_bytes_at_most() {
    let mut chain = Chain::new(CeremonyMode::Blind, [0; 32]);
    let before = chain;
    let at = time("2026-01-31T12:00:00Z");
    let around = chain.append(at, &note("")).unwrap().len() - 1;
    chain = before;
    let fits = "x".repeat(MAX_LINE - around);
    let long = note(&(fits.clone() + "x"));
    assert_eq!(chain.append(at, &long), Err(TranscriptError::TooLong(MAX_LINE + 1)));
    assert_eq!(chain, before, "the chain stays as it was");
    let line = chain.append(at, &note(&fits)).unwrap();
    assert_eq!(line.len(), 65_537);
    assert!(Transcript::parse(&line).is_ok());
    let longer = String::from_utf8(line).unwrap().replace("xx\"}", "xxx\"}");
    let fault = Fault::TooLong(MAX_LINE + 1);
    assert_eq!(Transcript::parse(longer.as_bytes()), Err(Malformed { line: 1, fault }));
    // The longest plan fits.
    let operation = cardwright_proto::custody::manifest::Operation::Destroy;
    let plan = vec![0xFF; crate::ceremony::plan::MAX_LEN];
    assert!(chain.append(at, &Record::Start { test_ca: true, operation, plan }).is_ok());
}

#[test]
fn a_control_character_is_not_written() {
    let mut chain = Chain::new(CeremonyMode::Blind, [0; 32]);
    for control in ['\0', '\n', '\t', '\u{1B}', '\u{7F}', '\u{9B}'] {
        let refused = chain.append(Timestamp::UNIX_EPOCH, &note(&format!("a{control}b")));
        assert_eq!(refused, Err(TranscriptError::Control("text")));
        assert_eq!(with("quoted", &format!("q{control}d")), Fault::Value("text"));
    }
}

#[test]
fn a_line_has_one_form() {
    for (from, to, fault) in [
        ("{\"n\"", " {\"n\"", Fault::Member("n")),
        ("{\"n\":1", "{\"n\": 1", Fault::Value("n")),
        ("\"n\":1", "\"n\":01", Fault::Value("n")),
        ("\"n\":1", "\"n\":1.0", Fault::Member("prev")),
        ("\"n\":1", "\"n\":+1", Fault::Value("n")),
        ("\"n\":1", "\"n\":-1", Fault::Value("n")),
        ("\"n\":1", "\"n\":4294967296", Fault::Value("n")),
        ("\"n\":1", "\"n\":\"1\"", Fault::Value("n")),
        ("\"n\":1", "\"n\":2", Fault::Number { found: 2, expected: Some(1) }),
        (",\"prev\"", ", \"prev\"", Fault::Member("prev")),
        ("\"prev\":\"", "\"prev\":\"00", Fault::Value("prev")),
        (
            "\"at\":\"2026",
            "\"at\":\"1999",
            Fault::Time { at: time("1999-01-31T12:00:00Z"), before: time("2026-01-31T12:00:00Z") },
        ),
        ("T12:00:00Z", "T12:00:00.0Z", Fault::Value("at")),
        ("T12:00:00Z", "T12:00:00+00:00", Fault::Value("at")),
        ("T12:00:00Z", "t12:00:00Z", Fault::Value("at")),
        ("T12:00:00Z", "T12:00:60Z", Fault::Value("at")),
        ("01-31T", "02-31T", Fault::Value("at")),
        ("\"blind\"", "\"deaf\"", Fault::Value("mode")),
        ("\"blind\"", "\"host\"", Fault::Mode(CeremonyMode::Host)),
        ("\"note\"", "\"Note\"", Fault::Kind("Note".to_owned())),
        ("\"text\"", "\"test\"", Fault::Member("text")),
        ("quoted", "qu\\u006Fted", Fault::Value("text")),
        ("quoted", "quo\\/ted", Fault::Value("text")),
        ("word\"}", "word\"} ", Fault::Behind),
        ("word\"}", "word\",\"n\":1}", Fault::Behind),
        ("word\"}", "word\"", Fault::Behind),
        ("word\"}", "word", Fault::Value("text")),
        ("word\"}", "word\"}\r", Fault::Behind),
    ] {
        assert_eq!(with(from, to), fault, "{to:?} for {from:?}");
    }
    let upper = |line: &str| line.to_uppercase();
    let text = String::from_utf8(three()).unwrap();
    let prev = text.lines().nth(1).unwrap().split('"').nth(5).unwrap().to_owned();
    assert_eq!(with(&prev, &upper(&prev)), Fault::Value("prev"));
    assert_eq!(with(&prev, &"00".repeat(32)), Fault::Prev);
    let mut bytes = three();
    let quoted = bytes.windows(6).position(|bytes| bytes == b"quoted").unwrap();
    bytes[quoted] = 0xFF;
    assert_eq!(Transcript::parse(&bytes).unwrap_err(), Malformed { line: 2, fault: Fault::NotText });
}

#[test]
fn numbers_end_at_32_bits() {
    let mut chain = Chain { n: Some(u32::MAX), ..Chain::new(CeremonyMode::Blind, [0; 32]) };
    assert!(chain.append(Timestamp::UNIX_EPOCH, &note("the last")).is_ok());
    assert_eq!(chain.append(Timestamp::UNIX_EPOCH, &note("one more")), Err(TranscriptError::Full));
}

/// Times that can be written.
fn times() -> impl Strategy<Value = Timestamp> {
    (-62_000_000_000_i64..253_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #[test]
    fn records_are_read_as_they_are_written(
        mode in prop_oneof![Just(CeremonyMode::Blind), Just(CeremonyMode::Host)],
        prev in any::<[u8; 32]>(),
        records in proptest::collection::vec((times(), record()), 1..8),
    ) {
        let mut chain = Chain::new(mode, prev);
        let bytes: Vec<_> = records.iter().flat_map(|(at, record)| chain.append(*at, record).unwrap()).collect();
        let transcript = Transcript::parse(&bytes).unwrap();
        assert!(transcript.lines.iter().map(|line| &line.record).eq(records.iter().map(|(_, record)| record)));
        assert!(transcript.lines.is_sorted_by_key(|line| line.at));
        assert_eq!(transcript.chain(), Some(chain));
        let mut again = Chain::new(mode, prev);
        let written: Vec<_> =
            transcript.lines.iter().flat_map(|line| again.append(line.at, &line.record).unwrap()).collect();
        assert_eq!(written, bytes);
    }

    #[test]
    fn one_byte_changed_is_refused_or_is_read_as_such(record in record(), at in any::<usize>(), byte in any::<u8>()) {
        let mut chain = Chain::new(CeremonyMode::Blind, [0; 32]);
        let mut bytes = chain.append(Timestamp::UNIX_EPOCH, &record).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(transcript) = Transcript::parse(&bytes) {
            let written: Vec<_> = transcript.lines.iter().flat_map(|line| {
                Chain::new(line.mode, line.prev).append(line.at, &line.record).unwrap()
            }).collect();
            assert_eq!(written, bytes);
        }
    }
}
