//! Standard output, written at once, so that a reader of a pipe never sees half of it.

use crate::advice::Failure;
use cardwright_keys::approval::one_line;
use cardwright_proto::gp::key::{Kcv, KeySet};
use serde_json::{Value, json};
use std::io::Write;

/// One JSON object and a line end.
pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    text(&format!("{value}\n"))
}

/// Text as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Check values as every command prints them: `{"enc":"..","mac":"..","dek":".."}`.
pub(crate) fn kcvs(kcvs: &KeySet<Kcv>) -> Value {
    json!({ "enc": kcvs.enc.to_string(), "mac": kcvs.mac.to_string(), "dek": kcvs.dek.to_string() })
}

/// Text from a card or a file, safe for a terminal: control characters and direction marks are shown as escapes.
pub(crate) fn harmless(text: &str) -> String {
    let escape =
        |c: char| if one_line(c.encode_utf8(&mut [0; 4])) { c.to_string() } else { c.escape_unicode().to_string() };
    text.chars().map(escape).collect()
}
