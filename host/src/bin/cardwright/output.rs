//! Standard output, written at once, so that a reader of a pipe never sees half of it.

use crate::advice::Failure;
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
    let direction = |c: char| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let escape = |c: char| if c.is_control() || direction(c) { c.escape_unicode().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}
