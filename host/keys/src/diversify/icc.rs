//! `emv-a`, `emv-b`, `emv-c`: an ICC master key from an issuer master key (EMV Book 2, A1.4.1 to A1.4.3).
//!
//! Y is the PAN and its sequence number in digits, two a byte: option A takes the last 16 of them, option B the same for a
//! PAN of up to 16 digits and otherwise 16 decimal digits of their SHA-1, option C 32 digits with zeros in front. The key
//! is the encryption of Y, then of Y with all bits turned: 3DES with odd parity in A and B, AES in C.

use super::inputs::{InputError, Inputs, Name};
use super::method::RunError;
use crate::cipher::BlockKey;
use crate::key::{Algorithm, SecretKey};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

/// Which of EMV's derivations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IccOption {
    /// A1.4.1
    A,
    /// A1.4.2
    B,
    /// A1.4.3
    C,
}

impl IccOption {
    /// The issuer master key's cipher, and the ICC master key's.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::A | Self::B => Algorithm::TripleDes,
            Self::C => Algorithm::Aes,
        }
    }
}

/// PAN and sequence number in bytes, a zero digit in front where there would be half a byte.
fn digits(inputs: &Inputs) -> Result<Vec<u8>, InputError> {
    Ok([inputs.bytes(Name::Pan)?, inputs.bytes(Name::Psn)?].concat())
}

/// The last `N` bytes, with zeros in front of fewer.
fn last<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut last = [0; N];
    last.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(to, from)| *to = *from);
    last
}

/// The first 16 decimal digits of the hash's hex digits; where these are too few, its letters follow, a as 0 to f as 5.
fn decimal(hash: &[u8]) -> [u8; 8] {
    let nibbles = || hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    let letters = nibbles().filter(|digit| *digit > 9).map(|digit| digit - 10);
    let mut digits = nibbles().filter(|digit| *digit <= 9).chain(letters);
    // 20 bytes have 40 nibbles, each of which is in one of the two.
    std::array::from_fn(|_| digits.next().unwrap_or_default() << 4 | digits.next().unwrap_or_default())
}

/// The first block of the key's input.
fn y(option: IccOption, inputs: &Inputs) -> Result<Vec<u8>, InputError> {
    let digits = digits(inputs)?;
    let long = inputs.pan()?.expose().len() > 16;
    Ok(match option {
        IccOption::B if long => decimal(&Sha1::digest(&digits)).to_vec(),
        IccOption::A | IccOption::B => last::<8>(&digits).to_vec(),
        IccOption::C => last::<16>(&digits).to_vec(),
    })
}

/// The ICC master key, as long as the issuer's: 16 bytes in A and B, 16, 24 or 32 in C.
pub(super) fn derive(option: IccOption, issuer: &SecretKey, inputs: &Inputs) -> Result<SecretKey, RunError> {
    let len = issuer.key_len();
    if option != IccOption::C && len != 16 {
        return Err(RunError::KeyLength(len));
    }
    let mut blocks = Zeroizing::new(y(option, inputs)?);
    blocks.extend_from_within(..);
    let turned = blocks.len() / 2;
    blocks[turned..].iter_mut().for_each(|byte| *byte = !*byte);
    BlockKey::new(option.algorithm(), issuer.expose())?.ecb(&mut blocks);
    let key = &mut blocks[..len];
    if option != IccOption::C {
        key.iter_mut().for_each(|byte| *byte ^= u8::from(byte.count_ones() % 2 == 0));
    }
    Ok(SecretKey::new(key)?)
}

#[cfg(test)]
mod tests;
