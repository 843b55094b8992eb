//! What `cardwright custodian` prints.

use crate::advice::Failure;
use crate::config::Settings;
use crate::output;
use cardwright::custodian::{AID, Done};
use cardwright::share_file::{key_type_name, scheme_name};
use cardwright_proto::custody::get_state::State;
use cardwright_proto::custody::share::{Scheme, ShareInfo};
use cardwright_proto::custody::{Mode, PERSONALIZED};
use serde_json::{Value, json};
use std::fmt::Write;

/// What was done, as programs and people read it.
pub(super) struct Report<'a> {
    result: &'static str,
    text: &'a str,
    /// Who has seen the share.
    custody: Option<&'static str>,
    /// The file that has the share.
    kept_in: Option<String>,
}

impl<'a> Report<'a> {
    pub(super) const fn new(result: &'static str, text: &'a str) -> Self {
        Self { result, text, custody: None, kept_in: None }
    }

    /// The same of a share: who has seen it, and which file has it.
    pub(super) fn of_share(self, custody: &'static str, file: String) -> Self {
        Self { custody: Some(custody), kept_in: Some(file), ..self }
    }

    /// Prints it. `card` is the state of before; where there is none of afterwards, what was done is told all the same.
    pub(super) fn print(&self, json: bool, card: &State, done: Done) -> Result<(), Failure> {
        let (after, failure) = match done.state {
            Ok(state) => (Some(state), None),
            Err(error) => (None, Some(Failure::Partly(error))),
        };
        if json {
            output::json(&self.json(card, after.as_ref(), failure.as_ref()))?;
        } else {
            output::text(&self.text(card, after.as_ref()))?;
        }
        failure.map_or(Ok(()), Err)
    }

    fn json(&self, card: &State, after: Option<&State>, failure: Option<&Failure>) -> Value {
        let mut object = json!({ "identity": identity(card), "result": self.result });
        if let Some(state) = after {
            object["pin"] = has_pin(state).into();
            object["tries_left"] = state.tries.into();
            object["share"] = state.share.map(|(mode, share)| share_json(mode, &share)).into();
        }
        if let Some(custody) = self.custody {
            object["custody"] = custody.into();
        }
        if let Some(file) = &self.kept_in {
            object["kept_in"] = file.as_str().into();
        }
        if let Some(failure) = failure {
            object["error"] = failure.json();
        }
        object
    }

    fn text(&self, card: &State, after: Option<&State>) -> String {
        let mut out = format!("custodian card {}\n{}\n", identity(card), self.text);
        if let Some(custody) = self.custody {
            let _ = writeln!(out, "custody {custody}");
        }
        if let Some((mode, share)) = after.and_then(|state| state.share) {
            out.push_str(&share_text(mode, &share));
        }
        out
    }
}

pub(super) fn info(settings: &Settings, state: &State) -> Result<(), Failure> {
    if settings.json {
        return output::json(&json!({
            "aid": hex::encode_upper(AID),
            "version": version(state),
            "identity": identity(state),
            "pin": has_pin(state),
            "tries_left": state.tries,
            "share": state.share.map(|(mode, share)| share_json(mode, &share)),
        }));
    }
    let mut out = format!("custodian card {}, applet version {}\n", identity(state), version(state));
    let _ = match (has_pin(state), state.tries) {
        (true, 0) => writeln!(out, "PIN     blocked: that share is lost"),
        (true, tries) => writeln!(out, "PIN     set, {tries} of 3 tries left"),
        (false, _) => writeln!(out, "PIN     none"),
    };
    match &state.share {
        Some((mode, share)) => out.push_str(&share_text(*mode, share)),
        None => out.push_str("share   none\n"),
    }
    out.push_str("nothing of this is authenticated\n");
    output::text(&out)
}

fn has_pin(state: &State) -> bool {
    state.card.life_cycle == PERSONALIZED
}

pub(super) fn identity(state: &State) -> String {
    hex::encode_upper(state.card.identity)
}

fn version(state: &State) -> String {
    let [major, minor] = state.card.version;
    format!("{major}.{minor}")
}

fn share_json(mode: Mode, share: &ShareInfo) -> Value {
    json!({
        "mode": mode.to_string(),
        "scheme": scheme_name(share.scheme),
        "set": hex::encode_upper(share.set),
        "ceremony": hex::encode_upper(share.ceremony),
        "generation": share.generation,
        "x": share.x,
        "m": share.m,
        "n": share.n,
        "key_type": key_type_name(share.key_type),
        "key_length": share.key_length,
        "usage": share.usage,
        "kcv": share.kcv.to_string(),
    })
}

/// Field and polynomial are always said: other tools have used others.
pub(super) fn share_text(mode: Mode, share: &ShareInfo) -> String {
    let mut out = String::new();
    let ShareInfo { x, m, n, generation, key_length, kcv, .. } = share;
    let scheme = match share.scheme {
        Scheme::Xor => "XOR",
        Scheme::Shamir => "Shamir over GF(2^8), polynomial 0x11B, secret at x = 0",
    };
    let _ = writeln!(out, "share   {x} of {n}, {m} make the key; {scheme}");
    let _ = writeln!(out, "set     {}, generation {generation}", hex::encode_upper(share.set));
    let _ = writeln!(out, "made in ceremony {}", hex::encode_upper(share.ceremony));
    let key_type = key_type_name(share.key_type);
    let _ = writeln!(out, "key     {key_type}, {key_length} bytes, KCV {kcv}, usage {:02X}", share.usage);
    let _ = writeln!(
        out,
        "{}",
        match mode {
            Mode::Host => "mode    host: a computer can read it with the PIN",
            Mode::Blind => "mode    blind: the card never gives it out",
        }
    );
    out
}
