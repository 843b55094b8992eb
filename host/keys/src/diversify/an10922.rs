//! `an10922`: NXP's application note AN10922, for AES-128, -192, -256, and 3DES with two or three keys.
//!
//! CMAC under the master over a constant and the diversification input, the message always padded to two blocks, even
//! where CMAC itself would have done with one. One CMAC gives one block of the key: with AES-192 the second half of the
//! first and the first half of the second are added. The version bits that 3DES keys carry in some cards are not set.
//!
//! The note leaves the input to the application: 1 to 31 bytes, with 3DES 1 to 15. Before a key reference it is KDD, k:
//! the number of the key comes last, so that ENC, MAC and DEK of one master differ.

use crate::cipher::BlockKey;
use crate::key::{Algorithm, SecretKey};
use cardwright_proto::block::KeyLength;
use zeroize::Zeroizing;

/// The most bytes of input.
pub(super) const fn most(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::TripleDes => 15,
        _ => 31,
    }
}

/// A key as long as the master from an input of 1 to [`most`] bytes.
pub(super) fn derive(algorithm: Algorithm, master: &SecretKey, input: &[u8]) -> Result<SecretKey, KeyLength> {
    let constants: &[u8] = match (algorithm, master.key_len()) {
        (Algorithm::Aes, 16) => &[0x01],
        (Algorithm::Aes, 24) => &[0x11, 0x12],
        (Algorithm::Aes, 32) => &[0x41, 0x42],
        (Algorithm::TripleDes, 16) => &[0x21, 0x22],
        (Algorithm::TripleDes, 24) => &[0x31, 0x32, 0x33],
        (_, other) => return Err(KeyLength(other)),
    };
    let cipher = BlockKey::new(algorithm, master.expose())?;
    let mut key = Zeroizing::new([0; 32]);
    // Two blocks of AES overlap in 24 bytes, and add up there.
    let step = if master.key_len() == 24 { 8 } else { cipher.block_len() };
    for (constant, place) in constants.iter().zip((0..).step_by(step)) {
        let block = cipher.padded_cmac(&[&[*constant], input], 2);
        key[place..].iter_mut().zip(&block[..cipher.block_len()]).for_each(|(key, block)| *key ^= block);
    }
    SecretKey::new(&key[..master.key_len()])
}

#[cfg(test)]
mod tests;
