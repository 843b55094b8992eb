//! Dual control: a request, in words; signatures over exactly these words; the policy that asks for them.
//!
//! [`Request::text`] is what people read and what they sign. [`Rules::permit`] is the only way to a [`Permit`], and the vaults
//! do nothing of the kind without one. What the registry keeps of all this is believed only as far as the signatures
//! reach: requests and approvals are checked again at the moment of use, against operators that stand in a file outside.

mod check;
mod operators;
mod policy;
mod rules;

pub use check::{Approval, Filed, Permit, Refusal, Reject, Tally, judge, tally};
pub use operators::{Operator, OperatorError, Operators, PublicKey, PublicKeyError};
pub use policy::{Policy, PolicyError, Rule, day, span};
pub use rules::{Disbelief, Dual, Rules};

use crate::keyref::{Name, Source, VaultKey};
use crate::lifecycle::Act;
use std::fmt;
use std::str::FromStr;

/// Sixteen random bytes that name a request, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub [u8; 16]);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Nonce {
    type Err = NotARequest;

    fn from_str(text: &str) -> Result<Self, NotARequest> {
        let mut bytes = [0; 16];
        let lower = text.bytes().all(|byte| !byte.is_ascii_uppercase());
        hex::decode_to_slice(text, &mut bytes).ok().filter(|()| lower).map(|()| Self(bytes)).ok_or(NotARequest)
    }
}

/// What is to be done, with everything that an approval is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What.
    pub act: Act,
    /// To which version of which key.
    pub key: VaultKey,
    /// Its check values with their algorithm, in words; what a key that is not made yet is to be.
    pub what: String,
    /// Steps in the version's history so far.
    pub steps: u64,
    /// [`crate::lifecycle::History::head`] so far: after the next step the same words are another operation.
    pub head: [u8; 32],
    /// For [`Act::Activate`]: not before this. Seconds since 1970-01-01 UTC.
    pub not_before: Option<u64>,
}

/// An operation that somebody asks others to approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be done.
    pub operation: Operation,
    /// Why, in a person's words: one line.
    pub reason: String,
    /// Who asks.
    pub requester: Name,
    /// When. Seconds since 1970-01-01 UTC.
    pub at: u64,
    /// Names this request.
    pub nonce: Nonce,
}

/// Text that is no request, or not in the one form that it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is no request as this program writes it")]
pub struct NotARequest;

/// The longest reason, in bytes.
pub const REASON_MAX: usize = 400;

/// Text that a person may give as a reason: one line, nothing that a terminal acts on.
///
/// # Errors
/// [`NotARequest`] for control characters, direction marks, more than [`REASON_MAX`] bytes, white space at an end.
pub fn reason(text: &str) -> Result<&str, NotARequest> {
    let good = text.len() <= REASON_MAX && text.trim() == text && one_line(text);
    if good { Ok(text) } else { Err(NotARequest) }
}

/// Whether there is nothing in it that a terminal acts on: no control characters, no direction marks.
#[must_use]
pub fn one_line(text: &str) -> bool {
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
            || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
    };
    !text.contains(bad)
}

const FIRST: &str = "cardwright request 1";

impl Request {
    /// The canonical bytes, which are words: what is shown is what is signed. Every line ends with a line feed; lines
    /// come in this order, each once.
    #[must_use]
    pub fn text(&self) -> String {
        let Operation { act, key, what, steps, head, not_before } = &self.operation;
        let not_before = not_before.map(|at| format!("not before: {}\n", time(at))).unwrap_or_default();
        format!(
            "{FIRST}\noperation: {act}\nkey: vault:{key}\nwhich is: {what}\nsteps so far: {steps}\nhistory: {}\n\
             {not_before}reason: {}\nrequested by: {}\nrequested at: {}\nrequest: {}\n",
            hex::encode(head),
            self.reason,
            self.requester,
            time(self.at),
            self.nonce,
        )
    }

    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// [`NotARequest`] for anything that would not be written so again, byte for byte.
    pub fn parse(text: &str) -> Result<Self, NotARequest> {
        let mut lines = Lines(text.strip_prefix(FIRST).and_then(|rest| rest.strip_prefix('\n')).ok_or(NotARequest)?);
        let act = lines.take("operation")?.parse().map_err(|_| NotARequest)?;
        let key = match lines.take("key")?.parse::<crate::keyref::KeyRef>() {
            Ok(key) => match key.source {
                Source::Vault(key) if key.version.is_some() => key,
                _ => return Err(NotARequest),
            },
            Err(_) => return Err(NotARequest),
        };
        let what = reason(lines.take("which is")?)?.to_owned();
        let steps = lines.take("steps so far")?.parse().map_err(|_| NotARequest)?;
        let mut head = [0; 32];
        hex::decode_to_slice(lines.take("history")?, &mut head).map_err(|_| NotARequest)?;
        let not_before = lines.optional("not before").map(seconds).transpose()?;
        let operation = Operation { act, key, what, steps, head, not_before };
        let reason = reason(lines.take("reason")?)?.to_owned();
        let requester = lines.take("requested by")?.parse().map_err(|_| NotARequest)?;
        let at = seconds(lines.take("requested at")?)?;
        let nonce = lines.take("request")?.parse()?;
        let request = Self { operation, reason, requester, at, nonce };
        // This also finds whatever stands behind the last line.
        if request.text() == text { Ok(request) } else { Err(NotARequest) }
    }
}

struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    fn optional(&mut self, name: &str) -> Option<&'a str> {
        let (line, rest) = self.0.split_once('\n')?;
        let value = line.strip_prefix(name)?.strip_prefix(": ")?;
        self.0 = rest;
        Some(value)
    }

    fn take(&mut self, name: &str) -> Result<&'a str, NotARequest> {
        self.optional(name).ok_or(NotARequest)
    }
}

/// A moment as people read it (RFC 3339, UTC, whole seconds).
#[must_use]
pub fn time(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| format!("second {seconds}"), |moment| moment.to_string())
}

/// The reverse of [`time`].
///
/// # Errors
/// [`NotARequest`] for text that is no moment since 1970.
pub fn seconds(text: &str) -> Result<u64, NotARequest> {
    let moment: jiff::Timestamp = text.parse().map_err(|_| NotARequest)?;
    u64::try_from(moment.as_second()).map_err(|_| NotARequest)
}

#[cfg(test)]
mod tests;
