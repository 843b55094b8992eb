use super::lines::{Extent, LINE_MAX, Lines, Storage, scan};
use super::{AuditFileError, FileAudit, LineError};
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::journal::JournalError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// Short, so that every prefix of a few of them can be tried.
fn event(at: u64) -> Event {
    Event { at, what: "a".into(), subject: "B".into(), detail: "\n,\" and \u{2028}".into() }
}

fn cause(error: &JournalError) -> &AuditFileError {
    error.error.downcast_ref().unwrap()
}

/// When the events happened that a file holds.
fn events(path: &Path) -> Vec<u64> {
    let audit = FileAudit::open(path).unwrap();
    assert_eq!(audit.torn(), 0);
    told(&audit)
}

fn told(audit: &FileAudit) -> Vec<u64> {
    let mut at = Vec::new();
    audit.events(&mut |event| at.push(event.at)).unwrap();
    at
}

/// The events 1, 2, 3, and the file's bytes after them.
fn written(path: &Path) -> Vec<u8> {
    let mut audit = FileAudit::open(path).unwrap();
    (1..=3).for_each(|at| audit.record(&event(at)).unwrap());
    fs::read(path).unwrap()
}

#[test]
fn the_written_form() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    FileAudit::open(&path).unwrap().record(&Event { detail: "c".into(), ..event(1) }).unwrap();
    let json = r#"{"at":1,"what":"a","subject":"B","detail":"c"}"#;
    // The CRC as zlib's crc32 gives it.
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("3df96ded {json}\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

/// What an event happened to was called `card` while there was nothing else.
#[test]
fn lines_of_an_earlier_version() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let json = r#"{"at":1,"what":"put-key.loaded","card":"A","detail":"B"}"#;
    fs::write(&path, format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))).unwrap();
    let mut audit = FileAudit::open(&path).unwrap();
    audit.record(&event(2)).unwrap();
    let mut subjects = Vec::new();
    audit.events(&mut |event| subjects.push(event.subject.clone())).unwrap();
    assert_eq!(subjects, ["A", "B"]);
}

#[test]
fn what_was_recorded_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    for round in 0..3 {
        let mut audit = FileAudit::open(&path).unwrap();
        assert_eq!((audit.torn(), told(&audit)), (0, (0..round).collect()));
        audit.record(&event(round)).unwrap();
        assert_eq!(told(&audit), (0..=round).collect::<Vec<_>>());
    }
    let mut first = None;
    FileAudit::open(&path).unwrap().events(&mut |event| first = first.take().or(Some(event.clone()))).unwrap();
    assert_eq!(first, Some(event(0)));
}

/// Killed at any byte: what is read is what was whole, and the next append makes the file good again.
#[test]
fn every_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = written(&dir.path().join("whole"));
    let path = dir.path().join("cut");
    for len in 0..=bytes.len() {
        let whole = bytes[..len].iter().filter(|byte| **byte == b'\n').count() as u64;
        let end = bytes[..len].iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        fs::write(&path, &bytes[..len]).unwrap();
        let mut audit = FileAudit::open(&path).unwrap();
        assert_eq!((audit.torn(), told(&audit)), ((len - end) as u64, (1..=whole).collect()), "cut at {len}");
        assert_eq!(fs::read(&path).unwrap(), &bytes[..len], "reading changes nothing");
        audit.record(&event(9)).unwrap();
        assert_eq!(told(&audit), (1..=whole).chain([9]).collect::<Vec<_>>(), "cut at {len}");
        drop(audit);
        assert_eq!(events(&path).len() as u64, whole + 1);
    }
}

/// The same while it is open: another process died in an append, at any byte. Nothing of it is left where it was not
/// whole, and it stays where it was.
#[test]
fn another_process_dies_in_an_append() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let bytes = written(&path);
    let third = line_start(&bytes, 2);
    for len in third..=bytes.len() {
        fs::write(&path, &bytes[..third]).unwrap();
        let mut audit = FileAudit::open(&path).unwrap();
        append(&path, &bytes[third..len]);
        let whole: &[u64] = if len == bytes.len() { &[1, 2, 3] } else { &[1, 2] };
        assert_eq!(told(&audit), whole, "died at {len}");
        audit.record(&event(9)).unwrap();
        audit.record(&event(10)).unwrap();
        drop(audit);
        assert_eq!(events(&path), [whole, &[9, 10]].concat(), "died at {len}");
    }
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn line_start(bytes: &[u8], line: usize) -> usize {
    bytes.split_inclusive(|byte| *byte == b'\n').take(line).map(<[u8]>::len).sum()
}

/// One changed byte: an error that names the line. Only where the last line feed is gone, it is one that was never whole.
#[test]
fn every_changed_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let bytes = written(&path);
    let line_of = |place: usize| bytes[..place].iter().filter(|byte| **byte == b'\n').count() as u64;
    for (place, flip) in (0..bytes.len()).flat_map(|place| [0x01, 0x20, 0x80].map(|flip| (place, flip))) {
        let mut changed = bytes.clone();
        changed[place] ^= flip;
        fs::write(&path, &changed).unwrap();
        let last = place + 1 == bytes.len();
        match FileAudit::open(&path) {
            Ok(audit) => assert!(last && audit.torn() > 0 && told(&audit) == [1, 2], "{place}"),
            Err(error) => {
                let named = line_of(place) + 1;
                let told = matches!(cause(&error), AuditFileError::Line(LineError::Damaged { line }) if *line == named);
                assert!(!last && told, "{place}: {error}");
                let text = error.to_string();
                assert!(text.contains(&format!("`{}`: line {named} is damaged", path.display())), "{text}");
            }
        }
        assert_eq!(fs::read(&path).unwrap(), changed, "nothing is mended");
    }
}

/// Damage in what others have appended meanwhile is found before anything is written behind it, and named by its line.
#[test]
fn damage_while_it_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let bytes = written(&path);
    let (second, third) = (line_start(&bytes, 1), line_start(&bytes, 2));
    for place in third..bytes.len() - 1 {
        fs::write(&path, &bytes[..second]).unwrap();
        let mut audit = FileAudit::open(&path).unwrap();
        audit.record(&event(2)).unwrap();
        let mut changed = bytes.clone();
        changed[place] ^= 0x40;
        append(&path, &changed[third..]);
        for _ in 0..2 {
            let error = audit.record(&event(4)).unwrap_err();
            assert!(matches!(cause(&error), AuditFileError::Line(LineError::Damaged { line: 3 })), "{place}: {error}");
        }
        assert!(audit.events(&mut |_| ()).is_err());
        assert_eq!(fs::read(&path).unwrap(), changed);
    }
}

/// Lines that were read or written are gone: whoever cut them off, nothing is written behind the cut, and nothing read as
/// if it were whole.
#[test]
fn cut_while_it_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let bytes = written(&path);
    for len in 0..bytes.len() {
        fs::write(&path, &bytes[..line_start(&bytes, 1)]).unwrap();
        let mut audit = FileAudit::open(&path).unwrap();
        (2..=3).for_each(|at| audit.record(&event(at)).unwrap());
        assert_eq!(fs::read(&path).unwrap(), bytes);
        File::options().write(true).open(&path).unwrap().set_len(len as u64).unwrap();
        for error in [audit.record(&event(4)).unwrap_err(), audit.events(&mut |_| ()).unwrap_err()] {
            assert!(matches!(cause(&error), AuditFileError::Cut { .. }), "{len}: {error}");
        }
        assert_eq!(fs::read(&path).unwrap(), &bytes[..len]);
    }
}

/// A whole line that this version does not know is no torn one, wherever it stands: it must not be cut off.
#[test]
fn events_of_a_later_version() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let mut bytes = written(&path);
    let json = br#"{"something":"new"}"#;
    bytes.extend_from_slice(format!("{:08x} ", crc32fast::hash(json)).as_bytes());
    bytes.extend_from_slice(json);
    bytes.push(b'\n');
    let mut early = FileAudit::open(&path).unwrap();
    fs::write(&path, &bytes).unwrap();
    for error in [FileAudit::open(&path).unwrap_err(), early.record(&event(5)).unwrap_err()] {
        assert!(matches!(cause(&error), AuditFileError::Line(LineError::Unknown { line: 4, .. })), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

/// Many writers at once, each with a descriptor of its own as processes have: every event is there, whole, and those of
/// each writer in order.
#[test]
fn many_writers() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 50;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let path = &path;
            scope.spawn(move || {
                let mut audit = FileAudit::open(path).unwrap();
                (0..EACH).for_each(|n| audit.record(&event(writer * EACH + n)).unwrap());
            });
        }
    });
    let found = events(&path);
    for writer in 0..WRITERS {
        let own: Vec<_> = found.iter().copied().filter(|at| at / EACH == writer).collect();
        assert_eq!(own, (writer * EACH..(writer + 1) * EACH).collect::<Vec<_>>());
    }
    assert_eq!(found.len() as u64, WRITERS * EACH);
}

/// An append waits for another process that has the file locked, and goes behind what that one has written.
#[test]
fn an_append_waits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let bytes = written(&path);
    let second = line_start(&bytes, 1);
    fs::write(&path, &bytes[..second]).unwrap();
    let mut audit = FileAudit::open(&path).unwrap();
    // flock(1) keeps the lock until its input ends. It says when it has written half a line; the rest comes from here.
    let mut other = Command::new("flock")
        .arg(&path)
        .args(["sh", "-c", "head -c 20 >> \"$0\"; echo locked; cat >> \"$0\""])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut to, mut from) = (other.stdin.take().unwrap(), other.stdout.take().unwrap());
    to.write_all(&bytes[second..second + 20]).unwrap();
    let mut said = [0; 7];
    from.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"locked\n");
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| audit.record(&event(9)));
        while !waited_for(&path) {
            assert!(!appending.is_finished(), "it did not wait");
            std::thread::yield_now();
        }
        to.write_all(&bytes[second + 20..]).unwrap();
        drop(to);
        appending.join().unwrap().unwrap();
    });
    assert!(other.wait().unwrap().success());
    assert_eq!(events(&path), [1, 2, 3, 9]);
}

/// Whether somebody waits for a lock on this file: proc_locks(5) has a line `n: -> FLOCK ... device:inode ...` then.
fn waited_for(path: &Path) -> bool {
    let inode = format!(":{} ", fs::metadata(path).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    locks.lines().any(|line| line.contains("->") && line.contains(&inode))
}

#[test]
fn what_is_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = FileAudit::open(Path::new("/dev/null")).unwrap_err();
    assert!(matches!(cause(&error), AuditFileError::NotAFile), "{error}");
    for path in [dir.path(), &dir.path().join("none/audit")] {
        let error = FileAudit::open(path).unwrap_err();
        assert!(matches!(cause(&error), AuditFileError::Io { attempt: "opened", .. }), "{error}");
    }
}

/// However long a line pretends to be, no more than the limit is held.
#[test]
fn endless_lines() {
    for byte in [0, b'0', b' ', b'['] {
        let endless = BufReader::new(io::repeat(byte).take(1 << 40));
        let error = scan(endless, &mut Extent::default(), |_: Event| ()).unwrap_err();
        assert!(matches!(error, LineError::TooLong { line: 1 }), "{error}");
    }
}

/// No line is written that could not be read.
#[test]
fn the_longest_event() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let mut audit = FileAudit::open(&path).unwrap();
    let of = |len: usize| Event { detail: "d".repeat(len), ..event(1) };
    // Eight digits, a space, a line feed.
    let most = LINE_MAX - 10 - serde_json::to_vec(&of(0)).unwrap().len();
    let error = audit.record(&of(most + 1)).unwrap_err();
    assert!(matches!(cause(&error), AuditFileError::TooLong(_)), "{error}");
    audit.record(&of(most)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), LINE_MAX as u64);
    assert_eq!(events(&path), [1]);
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
    fn file(&self) -> &File {
        &self.file
    }

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

/// Records until the storage fails, then twice more; gives how many were acknowledged.
fn fill(path: &Path, room: usize, syncs: usize, torn: &[u8]) -> u64 {
    fs::write(path, torn).unwrap();
    let file = OpenOptions::new().read(true).append(true).open(path).unwrap();
    let lines = Lines::over(Box::new(Failing { file, room, syncs, failed: false }));
    let mut audit = FileAudit { path: path.to_owned(), lines };
    for at in 1..=4 {
        let Err(error) = audit.record(&event(at)) else { continue };
        let text = error.to_string();
        assert!(text.starts_with(&format!("the journal `{}`: it could not be ", path.display())), "{text}");
        assert!(matches!(cause(&error), AuditFileError::Io { .. }), "{error}");
        for _ in 0..2 {
            assert!(matches!(cause(&audit.record(&event(8)).unwrap_err()), AuditFileError::Failed));
        }
        return at - 1;
    }
    4
}

/// Disk full at any byte: nothing acknowledged is lost, nothing is written behind the failure, and the file can be
/// used again where there is room.
#[test]
fn disk_full_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let line = 10 + serde_json::to_vec(&event(1)).unwrap().len();
    for (room, torn) in (0..=2 * line + 1).flat_map(|room| [(room, &b""[..]), (room, &b"12345678 {torn"[..])]) {
        let acknowledged = fill(&path, room, usize::MAX, torn);
        assert_eq!(acknowledged, (room / line) as u64);
        FileAudit::open(&path).unwrap().record(&event(7)).unwrap();
        assert_eq!(events(&path), (1..=acknowledged).chain([7]).collect::<Vec<_>>(), "full after {room}");
    }
}

/// After a failed fsync the line may be there or not; those before it are.
#[test]
fn fsync_fails_once_and_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    for syncs in 0..4 {
        let acknowledged = fill(&path, usize::MAX, syncs, b"");
        assert_eq!(acknowledged, syncs as u64);
        let found = events(&path);
        assert!((acknowledged..=acknowledged + 1).any(|last| found == (1..=last).collect::<Vec<_>>()), "{found:?}");
    }
}
