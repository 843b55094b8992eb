//! `cardwright readers`

use crate::advice::Failure;
use crate::config::Settings;
use crate::output::{self, harmless};
use serde_json::json;
use std::fmt::Write;

pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let readers = cardwright_link::readers()?;
    if settings.json {
        let list: Vec<_> = readers
            .iter()
            .map(|r| json!({ "name": r.name, "card": r.has_card, "atr": hex::encode_upper(&r.atr) }))
            .collect();
        return output::json(&json!({ "readers": list }));
    }
    let mut out = String::new();
    for reader in &readers {
        let card = if reader.has_card {
            format!("card, ATR {}", hex::encode_upper(&reader.atr))
        } else {
            "no card".to_owned()
        };
        let _ = writeln!(out, "pcsc:{}  ({card})", harmless(&reader.name));
    }
    if readers.is_empty() {
        out.push_str("no PC/SC reader; without one: --reader vpcd:PORT or --reader sim:\n");
    }
    output::text(&out)
}
