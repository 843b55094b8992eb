use super::lines::{Extent, LINE_MAX, Lines, Storage, scan};
use super::{FileAudit, FileJournal, JournalFileError, LineError, parse_journal};
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::{CardId, Journal, JournalError, Record, SetId};
use proptest::prelude::{any, proptest};
use proptest::{collection::vec, prop_assert, prop_assert_eq};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Short, so that every prefix of a few of them can be tried.
fn counter(counter: u32) -> Record {
    Record::Counter { card: CardId("A".into()), set: SetId { kvn: 48, kcvs: "B".into() }, counter }
}

fn event() -> Event {
    Event { at: 1, what: "put-key.loaded".into(), card: "A".into(), detail: "\n,\" and \u{2028}".into() }
}

fn cause(error: &JournalError) -> &JournalFileError {
    error.error.downcast_ref().unwrap()
}

fn records(path: &Path) -> Vec<Record> {
    let parsed = parse_journal(&fs::read(path).unwrap()).unwrap();
    assert_eq!(parsed.torn, 0);
    parsed.records
}

/// The appends 1, 2 and 3 together, 4, and the file's bytes after them.
fn written(path: &Path) -> (Vec<Vec<Record>>, Vec<u8>) {
    let appends = vec![vec![counter(1)], vec![counter(2), counter(3)], vec![counter(4)]];
    let mut journal = FileJournal::open(path).unwrap();
    appends.iter().for_each(|records| journal.append(records).unwrap());
    (appends, fs::read(path).unwrap())
}

#[test]
fn the_written_form() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (_, bytes) = written(&path);
    let text = String::from_utf8(bytes).unwrap();
    let first = r#"[{"record":"counter","card":"A","set":{"kvn":48,"kcvs":"B"},"counter":1}]"#;
    // The CRC as zlib's crc32 gives it.
    assert_eq!(text.lines().next().unwrap(), format!("86c85624 {first}"));
    assert_eq!(text.lines().count(), 3);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let mut audit = FileAudit::open(&dir.path().join("audit")).unwrap();
    audit.record(&event()).unwrap();
    let text = fs::read_to_string(dir.path().join("audit")).unwrap();
    assert_eq!(serde_json::from_str::<Event>(&text[9..]).unwrap(), event());
    assert_eq!(text.matches('\n').count(), 1);
}

#[test]
fn what_was_appended_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let set = SetId { kvn: 48, kcvs: "B".into() };
    for round in 0..3 {
        let mut journal = FileJournal::open(&path).unwrap();
        assert_eq!(journal.torn(), 0);
        let last = (round > 0).then_some(round);
        assert_eq!(journal.ledger().last_counter(&CardId("A".into()), &set), last);
        journal.append(&[counter(round + 1)]).unwrap();
        assert_eq!(journal.ledger().last_counter(&CardId("A".into()), &set), Some(round + 1));
    }
    assert_eq!(records(&path), [1, 2, 3].map(counter));
}

/// Killed at any byte: what is read is what was whole, and the next append makes the file good again.
#[test]
fn every_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let (appends, bytes) = written(&dir.path().join("whole"));
    let path = dir.path().join("cut");
    for len in 0..=bytes.len() {
        let whole = bytes[..len].iter().filter(|byte| **byte == b'\n').count();
        let end = bytes[..len].iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let mut expected = appends[..whole].concat();

        fs::write(&path, &bytes[..len]).unwrap();
        let parsed = parse_journal(&bytes[..len]).unwrap();
        assert_eq!((&parsed.records, parsed.torn), (&expected, (len - end) as u64));
        let mut journal = FileJournal::open(&path).unwrap();
        assert_eq!(journal.torn(), parsed.torn);
        assert_eq!(fs::read(&path).unwrap(), &bytes[..len], "opening changes nothing");
        journal.append(&[counter(9)]).unwrap();
        assert_eq!(journal.torn(), 0);
        drop(journal);
        expected.push(counter(9));
        assert_eq!(records(&path), expected, "cut at {len}");
    }
}

#[test]
fn audit_logs_are_torn_and_mended_alike() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    FileAudit::open(&path).unwrap().record(&event()).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
    let mut audit = FileAudit::open(&path).unwrap();
    assert_eq!(audit.torn(), 20);
    audit.record(&event()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [&whole[..], &whole[..]].concat());
}

/// One changed byte: an error that names the line. Only where the last line feed is gone, it is one that was never whole.
#[test]
fn every_changed_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (appends, bytes) = written(&dir.path().join("journal"));
    let line_of = |place: usize| bytes[..place].iter().filter(|byte| **byte == b'\n').count();
    for (place, flip) in (0..bytes.len()).flat_map(|place| [0x01, 0x20, 0x80].map(|flip| (place, flip))) {
        let mut changed = bytes.clone();
        changed[place] ^= flip;
        let line = line_of(place);
        let last = place + 1 == bytes.len();
        match parse_journal(&changed) {
            Ok(parsed) => {
                assert!(last, "{place}");
                assert_eq!(parsed.records, appends[..line].concat());
                assert!(parsed.torn > 0);
            }
            Err(LineError::Damaged { line: named }) => assert!(!last && named == line as u64 + 1, "{place}"),
            Err(other) => panic!("{other}"),
        }
    }
    let path = dir.path().join("damaged");
    let mut changed = bytes.clone();
    changed[line_start(&bytes, 1) + 12] ^= 1;
    fs::write(&path, &changed).unwrap();
    let error = FileJournal::open(&path).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("the journal `{}`: line 2 is damaged", path.display())), "{text}");
    assert_eq!(fs::read(&path).unwrap(), changed);
}

fn line_start(bytes: &[u8], line: usize) -> usize {
    bytes.split_inclusive(|byte| *byte == b'\n').take(line).map(<[u8]>::len).sum()
}

/// A whole line that this version does not know is no torn one, wherever it stands: it must not be cut off.
#[test]
fn records_of_a_later_version() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (_, mut bytes) = written(&path);
    let json = br#"[{"record":"something-new"}]"#;
    bytes.extend_from_slice(format!("{:08x} ", crc32fast::hash(json)).as_bytes());
    bytes.extend_from_slice(json);
    bytes.push(b'\n');
    fs::write(&path, &bytes).unwrap();
    let error = FileJournal::open(&path).unwrap_err();
    assert!(matches!(cause(&error), JournalFileError::Line(LineError::Unknown { line: 4, .. })), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let first = FileJournal::open(&path).unwrap();
    let error = FileJournal::open(&path).unwrap_err();
    assert!(matches!(cause(&error), JournalFileError::Locked));
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(first);
    FileJournal::open(&path).unwrap();
}

#[test]
fn what_is_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = FileJournal::open(Path::new("/dev/null")).unwrap_err();
    assert!(matches!(cause(&error), JournalFileError::NotAFile), "{error}");
    for path in [dir.path(), &dir.path().join("none/journal")] {
        let error = FileJournal::open(path).unwrap_err();
        assert!(matches!(cause(&error), JournalFileError::Io { attempt: "opened", .. }), "{error}");
    }
}

/// However long a line pretends to be, no more than the limit is held.
#[test]
fn endless_lines() {
    for byte in [0, b'0', b' ', b'['] {
        let endless = BufReader::new(io::repeat(byte).take(1 << 40));
        let error = scan(endless, |_: Vec<Record>| ()).unwrap_err();
        assert!(matches!(error, LineError::TooLong { line: 1 }), "{error}");
        // What a power cut leaves of one append.
        let torn = parse_journal(&vec![byte; LINE_MAX]).unwrap();
        assert_eq!((torn.records.len(), torn.torn), (0, LINE_MAX as u64));
        assert!(matches!(parse_journal(&vec![byte; LINE_MAX + 1]), Err(LineError::TooLong { line: 1 })));
    }
}

#[test]
fn no_line_is_written_that_could_not_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut journal = FileJournal::open(&path).unwrap();
    let one = serde_json::to_vec(&[counter(1)]).unwrap().len() - 2;
    // Eight digits, a space, brackets, commas, a line feed.
    let most = (LINE_MAX - 8 - 1 - 2 - 1 + 1) / (one + 1);
    let error = journal.append(&vec![counter(1); most + 1]).unwrap_err();
    assert!(matches!(cause(&error), JournalFileError::TooLong(_)), "{error}");
    journal.append(&vec![counter(1); most]).unwrap();
    drop(journal);
    assert_eq!(records(&path).len(), most);
}

/// A file on a disk that is full after some bytes, and whose fsync fails from some call on.
#[derive(Debug)]
struct Failing {
    file: File,
    room: usize,
    syncs: usize,
    /// After the first failure every call is one too many.
    failed: bool,
}

impl Failing {
    fn fail(&mut self) -> io::Error {
        self.failed = true;
        io::ErrorKind::StorageFull.into()
    }
}

impl Storage for Failing {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        assert!(!self.failed);
        self.file.set_len(len)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        assert!(!self.failed);
        let fits = bytes.len().min(self.room);
        self.room -= fits;
        self.file.write_all(&bytes[..fits])?;
        if fits < bytes.len() { Err(self.fail()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        assert!(!self.failed, "an fsync was tried again");
        match self.syncs.checked_sub(1) {
            Some(left) => self.syncs = left,
            None => return Err(self.fail()),
        }
        Ok(())
    }
}

/// Appends until the storage fails, then once more; gives what was acknowledged.
fn fill(path: &Path, room: usize, syncs: usize, torn: &[u8]) -> Vec<Record> {
    fs::write(path, torn).unwrap();
    let file = OpenOptions::new().append(true).open(path).unwrap();
    let extent = Extent { whole: 0, torn: torn.len() as u64 };
    let mut lines = Lines::over(Box::new(Failing { file, room, syncs, failed: false }), extent);
    let mut acknowledged = Vec::new();
    for record in (1..=4).map(counter) {
        match lines.append(std::slice::from_ref(&record)) {
            Ok(()) => acknowledged.push(record),
            Err(error) => {
                assert!(matches!(error, JournalFileError::Io { .. }), "{error}");
                assert!(matches!(lines.append(&[counter(8)]), Err(JournalFileError::Failed)));
                assert!(matches!(lines.append(&[counter(9)]), Err(JournalFileError::Failed)));
                return acknowledged;
            }
        }
    }
    acknowledged
}

/// Disk full at any byte: nothing acknowledged is lost, nothing is written behind the failure, and the file can be
/// used again where there is room.
#[test]
fn disk_full_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let line = 9 + serde_json::to_vec(&[counter(1)]).unwrap().len() + 1;
    for (room, torn) in (0..=2 * line + 1).flat_map(|room| [(room, &b""[..]), (room, &b"12345678 [torn"[..])]) {
        let acknowledged = fill(&path, room, usize::MAX, torn);
        assert_eq!(acknowledged.len(), room / line);
        let mut journal = FileJournal::open(&path).unwrap();
        journal.append(&[counter(7)]).unwrap();
        drop(journal);
        assert_eq!(records(&path), [&acknowledged[..], &[counter(7)]].concat(), "full after {room}");
    }
}

/// After a failed fsync the line may be there or not; those before it are.
#[test]
fn fsync_fails_once_and_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    for syncs in 0..4 {
        let acknowledged = fill(&path, usize::MAX, syncs, b"");
        assert_eq!(acknowledged.len(), syncs);
        let found = records(&path);
        assert!(found.starts_with(&acknowledged) && found.len() <= syncs + 1);
    }
}

/// A journal whose append failed does not count the record.
#[test]
fn the_ledger_holds_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut journal = FileJournal::open(&path).unwrap();
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    let failing = Failing { file, room: usize::MAX, syncs: 1, failed: false };
    journal.lines = Lines::over(Box::new(failing), Extent::default());
    journal.append(&[counter(1)]).unwrap();
    let error = journal.append(&[counter(2)]).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("the journal `{}`: it could not be made durable: ", path.display())), "{text}");
    assert!(matches!(cause(&journal.append(&[counter(3)]).unwrap_err()), JournalFileError::Failed));
    let set = SetId { kvn: 48, kcvs: "B".into() };
    assert_eq!(journal.ledger().last_counter(&CardId("A".into()), &set), Some(1));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..400)) {
        let good = bytes.contains(&b'\n');
        if let Ok(parsed) = parse_journal(&bytes) {
            prop_assert!(parsed.records.is_empty() && parsed.torn == bytes.len() as u64);
            prop_assert!(!good || bytes.iter().position(|byte| *byte == b'\n') == Some(bytes.len() - 1));
        }
    }

    /// Whatever follows good lines, they are read, or the error stands behind them.
    #[test]
    fn good_lines_before_any_bytes(counters in vec(any::<u32>(), 1..5), tail in vec(any::<u8>(), 1..200)) {
        let mut bytes = Vec::new();
        for number in &counters {
            let json = serde_json::to_string(&[counter(*number)]).unwrap();
            bytes.extend_from_slice(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).as_bytes());
        }
        bytes.extend_from_slice(&tail);
        match parse_journal(&bytes) {
            Ok(parsed) => {
                prop_assert_eq!(parsed.records, counters.iter().copied().map(counter).collect::<Vec<_>>());
                prop_assert_eq!(parsed.torn, tail.len() as u64);
            }
            Err(LineError::Damaged { line }) => prop_assert_eq!(line, counters.len() as u64 + 1),
            Err(other) => panic!("{other}"),
        }
    }
}
