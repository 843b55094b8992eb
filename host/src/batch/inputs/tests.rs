//! Files as they come from somebody else.

mod cards;
mod data;

use super::InputError;
use cardwright_keys::approval::one_line;
use cardwright_keys::journal::CardId;
use std::path::PathBuf;
use tempfile::TempDir;

const KDD: &str = "00112233445566778899";
const CHIP: &str = "00112233445566778899-00112233445566778899AABB";
const OTHER: &str = "AABBCCDDEEFF00112233";

/// A directory with one file.
#[derive(Debug)]
struct Written {
    dir: TempDir,
    name: &'static str,
}

impl Written {
    fn new(name: &'static str, text: impl AsRef<[u8]>) -> Self {
        let written = Self { dir: tempfile::tempdir().unwrap(), name };
        written.again(text);
        written
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(self.name)
    }

    /// Writes over it.
    fn again(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(), text).unwrap();
    }
}

fn card(text: &str) -> CardId {
    CardId(text.to_owned())
}

/// What is told: one line, harmless, and nothing of the file.
fn told(error: &InputError) -> String {
    let message = error.to_string();
    let all = format!("{message} {error:?}");
    assert!(message.len() < 300 && one_line(&message), "{message:?}");
    assert!(!all.to_lowercase().contains("evil") && !all.contains(KDD) && !all.contains("5F1C"), "{all}");
    message
}

/// What no file may be, whatever its lines say. `good` is a whole file, `line` a good line for its end.
fn hostile(good: &str, line: &str, refused: impl Fn(Vec<u8>) -> String) {
    let refused = |text: &[u8]| refused(text.to_vec());
    let next = 1 + good.matches('\n').count();
    let after = |line: &[u8]| refused(&[good.as_bytes(), line, b"\n"].concat());
    for (message, wanted) in [
        (refused(b""), "there is no card in it".to_owned()),
        (refused(b"\n"), "line 1: it is empty".to_owned()),
        (after(b""), format!("line {next}: it is empty")),
        (refused(good.trim_end().as_bytes()), format!("line {}: it does not end", next - 1)),
        (refused(format!("\u{FEFF}{good}").as_bytes()), "line 1: it begins with a byte order mark".to_owned()),
        (after(format!("\u{FEFF}{line}").as_bytes()), format!("line {next}: there are control")),
        (refused(good.replace('\n', "\r\n").as_bytes()), "line 1: it ends with a carriage return".to_owned()),
        (after(format!("{line}\r").as_bytes()), format!("line {next}: it ends with a carriage return")),
        (after(format!("{}\r{}", &line[..1], &line[1..]).as_bytes()), format!("line {next}: there are control")),
        (after(format!("{line}\0").as_bytes()), format!("line {next}: there are control")),
        (after(format!("{line}\u{202E}").as_bytes()), format!("line {next}: there are control")),
        (after(b"\xC0\xAFevil"), format!("line {next} is no UTF-8")),
        (after(&b"a".repeat(70_000)), format!("line {next} is longer than 65536 bytes")),
        (after(&b"a".repeat(5_000_000)), format!("line {next} is longer than 65536 bytes")),
    ] {
        assert!(message.starts_with(&wanted), "{message}, not {wanted}");
    }
}

/// Files that are none, or cannot be read twice.
fn regular_files_alone(check: impl Fn(&std::path::Path) -> InputError) {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(check(&dir.path().join("none.csv")), InputError::Io(_)));
    assert!(matches!(check(dir.path()), InputError::NotAFile));
    let pipe = dir.path().join("pipe.csv");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(matches!(check(&pipe), InputError::NotAFile));
}
