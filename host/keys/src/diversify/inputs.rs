//! What a diversification is fed with, by name: `kdd=..`, `serial=..`, `iin=..`, `cin=..`, `pan=..`, `psn=..`, or any hex.

use std::fmt;
use std::str::FromStr;

/// The name of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Key diversification data in the answer to INITIALIZE UPDATE: 10 bytes.
    Kdd,
    /// IC serial number in the CPLC: 4 bytes.
    Serial,
    /// Issuer identification number (tag 42): 1 to 16 bytes.
    Iin,
    /// Card image number (tag 45): 1 to 16 bytes.
    Cin,
    /// Primary account number: 8 to 19 digits. As bytes two digits each, with a 0 in front of an odd number of them.
    Pan,
    /// PAN sequence number: 2 digits, 00 where none is given. As one byte of two digits.
    Psn,
    /// Hex without a name: 1 to 255 bytes. Where 10 bytes are given so and no `kdd`, they are the KDD too.
    Input,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Kdd, Self::Serial, Self::Iin, Self::Cin, Self::Pan, Self::Psn, Self::Input];

    /// As people write it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Kdd => "kdd",
            Self::Serial => "serial",
            Self::Iin => "iin",
            Self::Cin => "cin",
            Self::Pan => "pan",
            Self::Psn => "psn",
            Self::Input => "input",
        }
    }

    /// What its value is, in words.
    #[must_use]
    pub const fn wants(self) -> &'static str {
        match self {
            Self::Kdd => "10 bytes in hex",
            Self::Serial => "4 bytes in hex",
            Self::Iin | Self::Cin => "1 to 16 bytes in hex",
            Self::Pan => "8 to 19 digits",
            Self::Psn => "2 digits",
            Self::Input => "1 to 255 bytes in hex",
        }
    }

    /// Bytes of its value, where all its values have as many.
    pub(super) const fn len(self) -> Option<usize> {
        match self {
            Self::Kdd => Some(10),
            Self::Serial => Some(4),
            Self::Psn => Some(1),
            Self::Iin | Self::Cin | Self::Pan | Self::Input => None,
        }
    }

    fn fits(self, bytes: usize) -> bool {
        match self {
            Self::Iin | Self::Cin => (1..=16).contains(&bytes),
            Self::Input => (1..=255).contains(&bytes),
            fixed => fixed.len() == Some(bytes),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A primary account number. Shown with its first six and last four digits only, a short one with its last four.
#[derive(Clone, PartialEq, Eq)]
pub struct Pan(String);

impl Pan {
    /// All the digits. Whoever prints them prints cardholder data.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With fewer digits, ten of them would leave too few to guess.
        let shown = if self.0.len() >= 16 { 6 } else { 0 };
        let hidden = self.0.len() - shown - 4;
        write!(f, "{}{}{}", &self.0[..shown], "*".repeat(hidden), &self.0[shown + hidden..])
    }
}

/// The inputs of one card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    bytes: Vec<(Name, Vec<u8>)>,
    pan: Option<Pan>,
}

/// Text that is no input, or an input that is not there. None of these repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// What stands before `=` is no name.
    #[error("piece {0} of the inputs names no input: kdd, serial, iin, cin, pan, psn and input are")]
    UnknownName(usize),
    /// Two pieces, and one of them has no name.
    #[error("piece {0} of the inputs has no name: several are written as NAME=VALUE, with commas between")]
    Nameless(usize),
    /// A name occurs twice.
    #[error("`{0}` is given twice")]
    Twice(Name),
    /// The value is not what the name wants.
    #[error("`{0}` wants {wants}", wants = .0.wants())]
    Value(Name),
    /// Bytes of it are asked for that it does not have.
    #[error("`{name}` is too short: byte {wants} of it is asked for")]
    Short {
        /// Which.
        name: Name,
        /// How many bytes it would have to have.
        wants: usize,
    },
    /// A method needs it, and it was not given.
    #[error("`{0}` is needed and not given: {wants}", wants = .0.wants())]
    Missing(Name),
}

impl Inputs {
    /// The KDD alone, as a card reports it.
    #[must_use]
    pub fn of_kdd(kdd: &[u8; 10]) -> Self {
        Self { bytes: vec![(Name::Kdd, kdd.to_vec())], pan: None }
    }

    /// Any bytes, without a name.
    ///
    /// # Errors
    /// [`InputError::Value`] unless there are 1 to 255.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, InputError> {
        Name::Input.fits(bytes.len()).then_some(()).ok_or(InputError::Value(Name::Input))?;
        Ok(Self { bytes: vec![(Name::Input, bytes.to_vec())], pan: None })
    }

    /// Takes one more input, in text.
    ///
    /// # Errors
    /// [`InputError::Twice`], [`InputError::Value`].
    pub fn add(&mut self, name: Name, value: &str) -> Result<(), InputError> {
        let there = self.bytes.iter().any(|(other, _)| *other == name) || (name == Name::Pan && self.pan.is_some());
        if there {
            return Err(InputError::Twice(name));
        }
        let wrong = InputError::Value(name);
        if name == Name::Pan {
            let good = (8..=19).contains(&value.len()) && value.bytes().all(|digit| digit.is_ascii_digit());
            self.pan = Some(good.then(|| Pan(value.to_owned())).ok_or(wrong)?);
            return Ok(());
        }
        let bytes = hex::decode(value).ok().filter(|bytes| name.fits(bytes.len())).ok_or(wrong.clone())?;
        if name == Name::Psn && !value.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(wrong);
        }
        self.bytes.push((name, bytes));
        Ok(())
    }

    /// An input's bytes.
    ///
    /// # Errors
    /// [`InputError::Missing`]
    pub fn bytes(&self, name: Name) -> Result<Vec<u8>, InputError> {
        let given = |name| self.bytes.iter().find(|(other, _)| *other == name).map(|(_, bytes)| bytes.clone());
        let found = match name {
            Name::Pan => {
                let digits = self.pan()?.expose();
                hex::decode(format!("{}{digits}", if digits.len() % 2 == 1 { "0" } else { "" })).ok()
            }
            Name::Psn => given(name).or_else(|| Some(vec![0])),
            Name::Kdd => given(name).or_else(|| given(Name::Input).filter(|input| input.len() == 10)),
            _ => given(name),
        };
        found.ok_or(InputError::Missing(name))
    }

    /// The PAN.
    ///
    /// # Errors
    /// [`InputError::Missing`]
    pub fn pan(&self) -> Result<&Pan, InputError> {
        self.pan.as_ref().ok_or(InputError::Missing(Name::Pan))
    }

    /// The KDD.
    ///
    /// # Errors
    /// [`InputError::Missing`]
    pub fn kdd(&self) -> Result<[u8; 10], InputError> {
        self.bytes(Name::Kdd)?.try_into().map_err(|_| InputError::Missing(Name::Kdd))
    }
}

impl FromStr for Inputs {
    type Err = InputError;

    /// `NAME=VALUE` with commas between, or hex digits alone.
    fn from_str(text: &str) -> Result<Self, InputError> {
        let mut inputs = Self::default();
        if !text.contains(['=', ',']) {
            inputs.add(Name::Input, text.trim())?;
            return Ok(inputs);
        }
        for (number, piece) in (1..).zip(text.split(',')) {
            let (name, value) = piece.split_once('=').ok_or(InputError::Nameless(number))?;
            let known = Name::ALL.into_iter().find(|known| known.text() == name.trim());
            inputs.add(known.ok_or(InputError::UnknownName(number))?, value.trim())?;
        }
        Ok(inputs)
    }
}

#[cfg(test)]
mod tests;
