//! ECDSA signatures over P-256 in DER, in the one form that is good: 30 L 02 a r 02 b s.

use alloc::vec::Vec;

/// The fewest bytes of one.
pub const MIN_LEN: usize = 8;

/// The most bytes of one.
pub const MAX_LEN: usize = 72;

/// r and s, each a positive number of at most 32 bytes. Whether the signature verifies is nothing that its form says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    r: [u8; 32],
    s: [u8; 32],
}

/// Bytes that have not the form of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has not the form of a signature")]
pub struct SignatureForm;

impl Signature {
    /// From r and s, big-endian. With a 0 among them it has a coding, which nobody takes.
    #[must_use]
    pub const fn new(r: [u8; 32], s: [u8; 32]) -> Self {
        Self { r, s }
    }

    /// r, big-endian.
    #[must_use]
    pub const fn r(&self) -> &[u8; 32] {
        &self.r
    }

    /// s, big-endian. It may be above half the order.
    #[must_use]
    pub const fn s(&self) -> &[u8; 32] {
        &self.s
    }

    /// Reads 8 to 72 bytes. Every signature has one coding only.
    ///
    /// # Errors
    /// [`SignatureForm`], whatever is wrong: tags, lengths, a number that is 0, negative, longer than need be or than 32
    /// bytes, something behind it.
    pub fn parse(der: &[u8]) -> Result<Self, SignatureForm> {
        let [0x30, len, body @ ..] = der else { return Err(SignatureForm) };
        if usize::from(*len) != body.len() {
            return Err(SignatureForm);
        }
        let (r, rest) = number(body)?;
        let (s, rest) = number(rest)?;
        if rest.is_empty() { Ok(Self { r, s }) } else { Err(SignatureForm) }
    }

    /// The 8 to 72 bytes.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let mut der = Vec::with_capacity(MAX_LEN);
        der.extend([0x30, 0]);
        for number in [&self.r, &self.s] {
            let zeros = number[..31].iter().take_while(|byte| **byte == 0).count();
            let digits = &number[zeros..];
            let sign: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
            der.extend([0x02, short(sign.len() + digits.len())]);
            der.extend_from_slice(sign);
            der.extend_from_slice(digits);
        }
        der[1] = short(der.len() - 2);
        der
    }
}

/// A length below 128, as DER codes it.
const fn short(len: usize) -> u8 {
    let [.., byte] = len.to_be_bytes();
    byte
}

/// The number that comes next, and what is behind it.
fn number(bytes: &[u8]) -> Result<([u8; 32], &[u8]), SignatureForm> {
    let [0x02, len, rest @ ..] = bytes else { return Err(SignatureForm) };
    let (coded, rest) = rest.split_at_checked(usize::from(*len)).ok_or(SignatureForm)?;
    let digits = match coded {
        // A zero is there to keep the number positive, and for nothing else.
        [0, digits @ ..] if matches!(digits, [0x80..=0xFF, ..]) => digits,
        digits @ [0x01..=0x7F, ..] => digits,
        _ => return Err(SignatureForm),
    };
    let mut number = [0; 32];
    let start = number.len().checked_sub(digits.len()).ok_or(SignatureForm)?;
    number[start..].copy_from_slice(digits);
    Ok((number, rest))
}
