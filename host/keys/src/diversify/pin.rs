//! `pin-pbkdf2`, `pin-argon2id`: a personalisation key from a PIN and a salt that is each card's own.
//!
//! A PIN has few values, so that only the work for each guess stands between the salt and the key: PBKDF2-HMAC-SHA-256
//! (RFC 8018) with 100,000 iterations or more, or Argon2id (RFC 9106) with OWASP's least parameters or more.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::Sha256;

/// How a PIN is stretched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pbkdf2 { iterations: u32 },
    Argon2id { kib: u32, passes: u32, lanes: u32 },
}

/// Parameters out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {given}: {least} to {most} is allowed")]
pub struct StretchError {
    /// Which, as in the method's parameters.
    pub what: &'static str,
    /// What was given.
    pub given: u32,
    /// The least.
    pub least: u32,
    /// The most.
    pub most: u32,
}

/// There is not enough memory for Argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Argon2id wants {kib} KiB of memory, which are not to be had")]
pub struct NoMemory {
    /// What was asked for.
    pub kib: u32,
}

const fn within(what: &'static str, given: u32, least: u32, most: u32) -> Result<u32, StretchError> {
    if least <= given && given <= most { Ok(given) } else { Err(StretchError { what, given, least, most }) }
}

impl Stretch {
    /// PBKDF2 as it is without parameters: 600,000 iterations.
    pub const PBKDF2: Self = Self(Kind::Pbkdf2 { iterations: 600_000 });
    /// Argon2id as it is without parameters: 19 MiB, 2 passes, 1 lane.
    pub const ARGON2ID: Self = Self(Kind::Argon2id { kib: 19 * 1024, passes: 2, lanes: 1 });
    /// The fewest bytes of salt.
    pub const SALT: usize = 8;

    /// PBKDF2-HMAC-SHA-256.
    ///
    /// # Errors
    /// [`StretchError`] for fewer than 100,000 iterations, or more than 100,000,000.
    pub fn pbkdf2(iterations: u32) -> Result<Self, StretchError> {
        Ok(Self(Kind::Pbkdf2 { iterations: within("iterations", iterations, 100_000, 100_000_000)? }))
    }

    /// Argon2id, version 13 (hex).
    ///
    /// # Errors
    /// [`StretchError`] for less than 19 MiB, 2 passes, 1 lane, or more than 4 GiB, 64 passes, 64 lanes.
    pub fn argon2id(kib: u32, passes: u32, lanes: u32) -> Result<Self, StretchError> {
        Ok(Self(Kind::Argon2id {
            kib: within("memory", kib, 19 * 1024, 4 * 1024 * 1024)?,
            passes: within("passes", passes, 2, 64)?,
            lanes: within("lanes", lanes, 1, 64)?,
        }))
    }

    /// Fills `out`, 16 to 32 bytes, from a PIN and a salt of [`Self::SALT`] bytes or more.
    pub(super) fn fill(self, pin: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), NoMemory> {
        match self.0 {
            Kind::Pbkdf2 { iterations } => pbkdf2::pbkdf2_hmac::<Sha256>(pin, salt, iterations, out),
            Kind::Argon2id { kib, passes, lanes } => {
                let short = |_| NoMemory { kib };
                let params = Params::new(kib, passes, lanes, Some(out.len())).map_err(short)?;
                let mut memory = Vec::new();
                memory.try_reserve_exact(params.block_count()).map_err(|_| NoMemory { kib })?;
                memory.resize(params.block_count(), Block::default());
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let done = argon2.hash_password_into_with_memory(pin, salt, out, &mut memory);
                memory.iter_mut().for_each(zeroize::Zeroize::zeroize);
                done.map_err(short)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
