//! Cards as lines of text: CSV (RFC 4180) and JSON Lines, both ways, and job files.
//!
//! One line is one key set of a card, or a card without any. Columns, and members of the JSON objects:
//!
//! - `card`: KDD in hex, and maybe `-` and the chip's CPLC bytes.
//! - `profile`: what kind of card it is. May be left out.
//! - `kvn`: the set's number, as in `0x30`.
//! - `kcv_enc`, `kcv_mac`, `kcv_dek`: check values, 6 hex digits each.
//! - `kcv_algorithm`: what they are computed with; `AES` where it is left out.
//! - `kept_in`: a key reference, as in `kdf3+vault:office/kmc:2`.
//! - `at`: when the keys were loaded, as in `2026-11-22T00:00:00Z`. Where it is left out, now.
//!
//! What is written is read again byte for byte. What is read comes from anybody: it is refused with the number of the
//! line, and never repeated.

mod read;
mod text;
mod write;

pub use read::{BATCH, LineError, read_csv, read_jsonl};
pub use text::{LINE_MAX, Lines, TextLine, cells};
pub use write::{ExportError, Writer, write_jobs};

use serde::{Deserialize, Serialize};

/// The columns, in the order in which they are written.
const COLUMNS: [&str; 9] =
    ["card", "profile", "kvn", "kcv_enc", "kcv_mac", "kcv_dek", "kcv_algorithm", "kept_in", "at"];

/// One line, nothing of it checked.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kvn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kcv_enc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kcv_mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kcv_dek: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kcv_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_in: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

impl Line {
    /// As [`COLUMNS`] has them.
    fn cells(&mut self) -> [&mut Option<String>; 9] {
        let Self { card, profile, kvn, kcv_enc, kcv_mac, kcv_dek, kcv_algorithm, kept_in, at } = self;
        [card, profile, kvn, kcv_enc, kcv_mac, kcv_dek, kcv_algorithm, kept_in, at]
    }
}
