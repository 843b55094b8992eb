//! Command and response APDUs (ISO/IEC 7816-4 5.1 to 5.3, 12.1.1).
//!
//! A [`Command`] borrows its data field, so that a command costs no allocation. [`class`] reads the class byte,
//! [`chain`] splits long commands, [`exchange`] applies the 61xx and 6Cxx rules.

pub mod chain;
pub mod class;
pub mod exchange;

use crate::status::StatusWord;
use alloc::vec::Vec;

/// CLA, INS, P1, P2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Class: channel, chaining, secure messaging. See [`class::Class`].
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
}

impl Header {
    /// CLA, INS, P1, P2 in that order.
    #[must_use]
    pub const fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Self {
        Self { cla, ins, p1, p2 }
    }

    /// The four bytes as sent.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }
}

/// How lengths are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One byte each: up to 255 bytes of data, 256 of response.
    Short,
    /// Lc in three bytes (00, high, low): up to 65,535 bytes of data, 65,536 of response.
    Extended,
}

/// The longest response that a command asks for: 1 to 65,536 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ne(u32);

impl Ne {
    /// Everything that a short response can hold: Le = 00.
    pub const SHORT_MAX: Self = Self(256);
    /// Everything that an extended response can hold: Le = 0000.
    pub const EXTENDED_MAX: Self = Self(65_536);

    /// From a short Le byte, where 00 stands for 256.
    #[must_use]
    pub const fn from_short(le: u8) -> Self {
        Self(if le == 0 { 256 } else { le as u32 })
    }

    /// From an extended Le, where 0000 stands for 65,536.
    #[must_use]
    pub const fn from_extended(le: u16) -> Self {
        Self(if le == 0 { 65_536 } else { le as u32 })
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Le as two bytes; 256 and 65,536 come out with a zero low byte, as they are coded.
    const fn le(self) -> [u8; 2] {
        let [_, _, high, low] = self.0.to_be_bytes();
        [high, low]
    }
}

/// Why bytes are no command, or a command cannot be coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApduError {
    /// Fewer than the four bytes of the header.
    #[error("a command has at least 4 bytes, this one has {0}")]
    NoHeader(usize),
    /// Lc, Le and the number of bytes do not fit one another.
    #[error("the length fields of this {0}-byte command do not fit its length")]
    Lengths(usize),
    /// The data field does not fit the form.
    #[error("{len} bytes of data do not fit: at most {max} go into this command")]
    TooLong {
        /// Bytes of data.
        len: usize,
        /// The most that fit.
        max: usize,
    },
    /// A response of fewer than two bytes has no status word.
    #[error("a response ends in a 2-byte status word, this one has {0} byte(s) in all")]
    NoStatusWord(usize),
    /// A response longer than ISO/IEC 7816-4 allows.
    #[error("the card's answer is longer than 65,536 bytes")]
    ResponseTooLong,
    /// The card answered 61xx or 6Cxx again and again.
    #[error("the card keeps asking for one more round ({0} and no end): stopped")]
    EndlessRounds(StatusWord),
    /// CLA already says that secure messaging is in use.
    #[error("CLA {0:02X} already carries secure messaging")]
    AlreadySecured(u8),
    /// No logical channel has this number.
    #[error("there is no logical channel {0}: 0 to 19 are")]
    Channel(u8),
    /// CLA that belongs to no interindustry or GlobalPlatform class.
    #[error("CLA {0:02X} is no interindustry or GlobalPlatform class")]
    Class(u8),
}

/// A command APDU, its data borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// CLA, INS, P1, P2.
    pub header: Header,
    /// The data field; empty for cases 1 and 2.
    pub data: &'a [u8],
    /// How much response is wanted; `None` for cases 1 and 3.
    pub ne: Option<Ne>,
    /// Short or extended lengths.
    pub form: Form,
}

impl<'a> Command<'a> {
    /// A command with any data and response length, in the shortest form that holds them.
    #[must_use]
    pub fn new(header: Header, data: &'a [u8], ne: Option<Ne>) -> Self {
        let short = data.len() <= 255 && ne.is_none_or(|ne| ne <= Ne::SHORT_MAX);
        Self { header, data, ne, form: if short { Form::Short } else { Form::Extended } }
    }

    /// The most data bytes that the form can carry.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        match self.form {
            Form::Short => 255,
            Form::Extended => 65_535,
        }
    }

    /// Decodes a command of any case, short or extended.
    ///
    /// # Errors
    /// [`ApduError::NoHeader`] under four bytes; [`ApduError::Lengths`] where Lc or Le does not fit the length.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ApduError> {
        let [cla, ins, p1, p2, body @ ..] = bytes else {
            return Err(ApduError::NoHeader(bytes.len()));
        };
        let (data, ne, form) = match *body {
            [] => (&body[..0], None, Form::Short),
            [le] => (&body[..0], Some(Ne::from_short(le)), Form::Short),
            [0, high, low] => (&body[..0], Some(Ne::from_extended(u16::from_be_bytes([high, low]))), Form::Extended),
            [0, high, low, ref rest @ ..] => {
                let lc = usize::from(u16::from_be_bytes([high, low]));
                let ne = match rest.get(lc..) {
                    Some([]) if lc > 0 => None,
                    Some(&[high, low]) if lc > 0 => Some(Ne::from_extended(u16::from_be_bytes([high, low]))),
                    _ => return Err(ApduError::Lengths(bytes.len())),
                };
                (&rest[..lc], ne, Form::Extended)
            }
            [lc, ref rest @ ..] => {
                let lc = usize::from(lc);
                let ne = match rest.get(lc..) {
                    Some([]) if lc > 0 => None,
                    Some(&[le]) if lc > 0 => Some(Ne::from_short(le)),
                    _ => return Err(ApduError::Lengths(bytes.len())),
                };
                (&rest[..lc], ne, Form::Short)
            }
        };
        Ok(Self { header: Header::new(*cla, *ins, *p1, *p2), data, ne, form })
    }

    /// Appends the coded command to `out`.
    ///
    /// # Errors
    /// [`ApduError::TooLong`] where data or Ne does not fit the form; `out` is then unchanged.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), ApduError> {
        self.fits(self.data.len())?;
        out.extend_from_slice(&self.header.bytes());
        out.extend_from_slice(LcField::new(self.form, self.data.len()).bytes());
        out.extend_from_slice(self.data);
        self.encode_le(self.data.is_empty(), out);
        Ok(())
    }

    /// The coded command in a vector of its own.
    ///
    /// # Errors
    /// As [`Self::encode_into`].
    pub fn encode(&self) -> Result<Vec<u8>, ApduError> {
        let mut out = Vec::with_capacity(9 + self.data.len());
        self.encode_into(&mut out)?;
        Ok(out)
    }

    /// Whether `len` bytes of data, and Ne, fit the form.
    pub(crate) fn fits(&self, len: usize) -> Result<(), ApduError> {
        let ne_fits = self.form == Form::Extended || self.ne.is_none_or(|ne| ne <= Ne::SHORT_MAX);
        if len > self.capacity() || !ne_fits {
            return Err(ApduError::TooLong { len, max: self.capacity() });
        }
        Ok(())
    }

    /// Appends Le: absent, one byte, two bytes behind data, or three bytes without.
    pub(crate) fn encode_le(&self, no_data: bool, out: &mut Vec<u8>) {
        let Some(ne) = self.ne else { return };
        let [high, low] = ne.le();
        match self.form {
            Form::Short => out.push(low),
            Form::Extended if no_data => out.extend_from_slice(&[0, high, low]),
            Form::Extended => out.extend_from_slice(&[high, low]),
        }
    }
}

/// Lc as it is sent and MACed: none, one byte, or three.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LcField {
    bytes: [u8; 3],
    len: usize,
}

impl LcField {
    /// For `len` bytes of data; the caller has checked that they fit the form.
    pub(crate) fn new(form: Form, len: usize) -> Self {
        let [.., high, low] = len.to_be_bytes();
        match form {
            _ if len == 0 => Self { bytes: [0; 3], len: 0 },
            Form::Short => Self { bytes: [low, 0, 0], len: 1 },
            Form::Extended => Self { bytes: [0, high, low], len: 3 },
        }
    }

    /// 0, 1 or 3 bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A response APDU, its data borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The data field, often empty.
    pub data: &'a [u8],
    /// SW1 and SW2.
    pub sw: StatusWord,
}

impl<'a> Response<'a> {
    /// Splits the status word off.
    ///
    /// # Errors
    /// [`ApduError::NoStatusWord`] under two bytes, [`ApduError::ResponseTooLong`] over 65,538.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ApduError> {
        let Some((data, sw)) = bytes.split_last_chunk::<2>() else {
            return Err(ApduError::NoStatusWord(bytes.len()));
        };
        if data.len() > 65_536 {
            return Err(ApduError::ResponseTooLong);
        }
        Ok(Self { data, sw: StatusWord::from(*sw) })
    }
}
