//! Keys as cards name them: version numbers, check values, sets of three (CS 7.5, 11.1.8, B.5).

use core::fmt;

/// Key version number of a set: 01 to 7F, or FF for the initial keys that a card is delivered with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kvn(u8);

/// A number that no key set can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:#04x} is no key version number for a set to be loaded: 0x01 to 0x7F are")]
pub struct KvnError(pub u8);

impl Kvn {
    /// The initial keys. Left by adding a new set, and never a target.
    pub const INITIAL: Self = Self(0xFF);

    /// As a card reports it.
    ///
    /// # Errors
    /// [`KvnError`] for 00 and 80 to FE.
    pub const fn on_card(kvn: u8) -> Result<Self, KvnError> {
        if kvn == 0xFF { Ok(Self::INITIAL) } else { Self::target(kvn) }
    }

    /// As a number for new keys.
    ///
    /// # Errors
    /// [`KvnError`] for 00 and 80 to FF.
    pub const fn target(kvn: u8) -> Result<Self, KvnError> {
        match kvn {
            0x01..=0x7F => Ok(Self(kvn)),
            _ => Err(KvnError(kvn)),
        }
    }

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Kvn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02X}", self.0)
    }
}

impl fmt::Debug for Kvn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Key check value: three bytes. For AES the first bytes of AES-ECB(key, 16 x 01) (CS B.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kcv(pub [u8; 3]);

impl fmt::Display for Kcv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a:02X}{b:02X}{c:02X}")
    }
}

impl fmt::Debug for Kcv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something for each of the three keys of a set, in the order of their identifiers 1, 2, 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeySet<T> {
    /// Key-ENC, identifier 1.
    pub enc: T,
    /// Key-MAC, identifier 2.
    pub mac: T,
    /// Key-DEK, identifier 3.
    pub dek: T,
}

impl<T> KeySet<T> {
    /// ENC, MAC, DEK.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.enc, &self.mac, &self.dek].into_iter()
    }

    /// Applies `f` to each, in order.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> KeySet<U> {
        KeySet { enc: f(self.enc), mac: f(self.mac), dek: f(self.dek) }
    }

    /// Applies `f` to each, in order, up to the first error.
    ///
    /// # Errors
    /// That error.
    pub fn try_map<U, E>(self, mut f: impl FnMut(T) -> Result<U, E>) -> Result<KeySet<U>, E> {
        Ok(KeySet { enc: f(self.enc)?, mac: f(self.mac)?, dek: f(self.dek)? })
    }

    /// Borrows each.
    pub const fn as_ref(&self) -> KeySet<&T> {
        KeySet { enc: &self.enc, mac: &self.mac, dek: &self.dek }
    }
}
