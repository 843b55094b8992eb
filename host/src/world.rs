//! Time and randomness, as ports, so that tests can drive them. The operating system's are the only ones in the binary.

use crate::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where challenges come from.
pub trait Entropy {
    /// Fills `bytes` with bytes that nobody can foresee.
    ///
    /// # Errors
    /// [`Error::Entropy`] where the source fails; the bytes must then not be used.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error>;
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        (**self).fill(bytes)
    }
}

/// What time it is. Nothing is ordered by it: it is written down for people.
pub trait Clock {
    /// Seconds since 1970-01-01 UTC.
    fn now(&self) -> u64;
}

/// The operating system's randomness and clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Os;

impl Entropy for Os {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(bytes).map_err(|error| Error::Entropy(error.into()))
    }
}

impl Clock for Os {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
