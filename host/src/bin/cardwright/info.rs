//! `cardwright info`: what the card says about itself. None of it is authenticated.

use crate::advice::Failure;
use crate::args::InfoArgs;
use crate::config::Settings;
use crate::{output, setup};
use cardwright::identify::{Identity, identity, select};
use cardwright_link::Transport;
use cardwright_proto::gp::get_data::{Protocol, protocols};
use cardwright_proto::gp::select::Selected;
use serde_json::{Value, json};
use std::fmt::Write;

pub(crate) fn run(settings: &Settings, args: &InfoArgs) -> Result<(), Failure> {
    let mut card = setup::open_card(settings)?;
    let selected = select(&mut card, &args.aid.0)?;
    let identity = identity(&mut card)?;
    let about = About { reader: card.link().name(), atr: card.link().atr(), selected: &selected, identity: &identity };
    if settings.json { output::json(&about.json()) } else { output::text(&about.text()) }
}

struct About<'a> {
    reader: &'a str,
    atr: &'a [u8],
    selected: &'a Selected,
    identity: &'a Identity,
}

impl About<'_> {
    fn protocols(&self) -> Vec<Protocol> {
        self.identity.card_data.as_deref().map(protocols).unwrap_or_default()
    }

    fn json(&self) -> Value {
        let hex = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(hex::encode_upper);
        let keys = self.identity.keys.as_ref().map(|keys| {
            let key = |k: &cardwright_proto::gp::get_data::KeyInformation| {
                json!({ "kvn": k.kvn.to_string(), "id": k.id, "type": format!("{:02X}", k.kind), "length": k.len })
            };
            keys.iter().map(key).collect::<Vec<_>>()
        });
        json!({
            "reader": self.reader,
            "atr": hex::encode_upper(self.atr),
            "aid": hex(&self.selected.aid),
            "cplc": self.identity.cplc.map(|cplc| hex::encode_upper(cplc.bytes)),
            "iin": hex(&self.identity.iin),
            "cin": hex(&self.identity.cin),
            "kdd": hex(&self.identity.kdd),
            "keys": keys,
            "protocols": self.protocols().iter()
                .map(|p| json!({ "scp": format!("{:02X}", p.scp), "i": format!("{:02X}", p.i) })).collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(out, "{name:<10}{value}");
        };
        let hex = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or("-".to_owned(), hex::encode_upper);
        line("reader", &output::harmless(self.reader));
        line("ATR", &hex::encode_upper(self.atr));
        line("AID", &hex(&self.selected.aid));
        match &self.identity.cplc {
            Some(cplc) => {
                line("CPLC", &hex::encode_upper(cplc.bytes));
                line("chip", &hex::encode_upper(cplc.chip()));
            }
            None => line("CPLC", "-"),
        }
        line("IIN", &hex(&self.identity.iin));
        line("CIN", &hex(&self.identity.cin));
        line("KDD", &hex(&self.identity.kdd));
        for protocol in self.protocols() {
            line("protocol", &format!("SCP{:02X} i={:02X}", protocol.scp, protocol.i));
        }
        for key in self.identity.keys.iter().flatten() {
            let kind = match key.kind {
                0x88 => "AES",
                0x80..=0x82 => "DES",
                _ => "other",
            };
            line("key", &format!("set {} key {}: {kind}, {} bytes", key.kvn, key.id, key.len));
        }
        out.push_str("nothing of this is authenticated\n");
        out
    }
}
