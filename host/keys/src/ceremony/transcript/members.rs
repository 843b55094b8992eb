//! The members of a line, in their one form: no white space, each in its place, numbers without leading zeros, bytes in
//! lower case. What is read by this can be written again, and is the same bytes.

use super::{Fault, TranscriptError};
use cardwright_proto::custody::signature::Signature;

/// Takes members off the start of a line.
pub(super) struct Reader<'a> {
    rest: &'a str,
    first: bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(line: &'a str) -> Self {
        Self { rest: line, first: true }
    }

    /// Goes behind the name.
    fn name(&mut self, name: &'static str) -> Result<(), Fault> {
        let start = if self.first { "{\"" } else { ",\"" };
        self.first = false;
        let rest = self.rest.strip_prefix(start).and_then(|rest| rest.strip_prefix(name));
        self.rest = rest.and_then(|rest| rest.strip_prefix("\":")).ok_or(Fault::Member(name))?;
        Ok(())
    }

    pub(super) fn number(&mut self, name: &'static str) -> Result<u32, Fault> {
        self.name(name)?;
        let end = self.rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        let canonical = digits == "0" || !digits.starts_with('0');
        digits.parse().ok().filter(|_| canonical).ok_or(Fault::Value(name))
    }

    /// A number of one byte.
    pub(super) fn byte(&mut self, name: &'static str) -> Result<u8, Fault> {
        u8::try_from(self.number(name)?).map_err(|_| Fault::Value(name))
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<String, Fault> {
        self.name(name)?;
        let quoted = self.rest.strip_prefix('"').ok_or(Fault::Value(name))?;
        let mut text = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => break,
                },
                _ if character.is_control() => break,
                _ => text.push(character),
            }
        }
        Err(Fault::Value(name))
    }

    pub(super) fn bytes(&mut self, name: &'static str) -> Result<Vec<u8>, Fault> {
        base16ct::lower::decode_vec(self.text(name)?).map_err(|_| Fault::Value(name))
    }

    pub(super) fn array<const N: usize>(&mut self, name: &'static str) -> Result<[u8; N], Fault> {
        self.bytes(name)?.try_into().map_err(|_| Fault::Value(name))
    }

    pub(super) fn signature(&mut self) -> Result<Signature, Fault> {
        Ok(Signature::parse(&self.bytes("signature")?)?)
    }

    /// Nothing is left but the end.
    pub(super) fn end(self) -> Result<(), Fault> {
        if self.rest == "}" { Ok(()) } else { Err(Fault::Behind) }
    }
}

/// Puts members behind each other.
#[derive(Default)]
pub(super) struct Writer {
    line: String,
    /// A member with a control character, which has no form.
    control: Option<&'static str>,
}

impl Writer {
    fn name(&mut self, name: &str) -> &mut Self {
        self.line.push(if self.line.is_empty() { '{' } else { ',' });
        self.line += &format!("\"{name}\":");
        self
    }

    pub(super) fn number(&mut self, name: &str, number: impl Into<u32>) -> &mut Self {
        self.name(name).line.push_str(&number.into().to_string());
        self
    }

    pub(super) fn text(&mut self, name: &'static str, text: &str) -> &mut Self {
        if text.chars().any(char::is_control) {
            self.control = Some(name);
        }
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        self.name(name).line += &format!("\"{escaped}\"");
        self
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.name(name).line += &format!("\"{}\"", base16ct::lower::encode_string(bytes));
        self
    }

    pub(super) fn signature(&mut self, signature: &Signature) -> &mut Self {
        self.bytes("signature", &signature.to_der())
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, TranscriptError> {
        self.line.push('}');
        self.control.map_or(Ok(self.line.into_bytes()), |member| Err(TranscriptError::Control(member)))
    }
}
