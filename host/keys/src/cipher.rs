//! Block ciphers by name, and what diversification makes of them: single blocks, CBC, CMAC.
//!
//! AES is `cardwright_proto`'s, 3DES and ARIA (RFC 5794) are crates', SEED (RFC 4269) is our own. Only AES takes the same
//! time whatever the key: the other three look their S-boxes up in tables.
//!
//! CMAC stands here once for all four, and beside `cardwright_proto`'s AES-CMAC, because AN10922 pads further than CMAC.

mod seed;

use crate::key::Algorithm;
use aria::{Aria128, Aria192, Aria256};
use cardwright_proto::block::{AesKey, KeyLength};
use des::cipher::{BlockCipherEncrypt, KeyInit};
use des::{TdesEde2, TdesEde3};
use seed::Seed;
use zeroize::Zeroizing;

/// An expanded key of any of the four ciphers. Wiped on drop.
pub(crate) enum BlockKey {
    Aes(AesKey),
    /// 2-key 3DES: K1, K2, K1 again.
    TripleDes2(TdesEde2),
    TripleDes3(TdesEde3),
    Aria128(Aria128),
    Aria192(Aria192),
    Aria256(Aria256),
    Seed(Seed),
}

/// The first block of it, or the whole of it, is in use: 8 bytes with 3DES, otherwise 16.
type Block = Zeroizing<[u8; 16]>;

impl BlockKey {
    /// Expands a key: AES and ARIA take 16, 24 or 32 bytes, 3DES 16 or 24, SEED 16.
    pub(crate) fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, KeyLength> {
        let wrong = |_| KeyLength(key.len());
        Ok(match (algorithm, key.len()) {
            (Algorithm::Aes, _) => Self::Aes(AesKey::new(key)?),
            (Algorithm::TripleDes, 16) => Self::TripleDes2(TdesEde2::new_from_slice(key).map_err(wrong)?),
            (Algorithm::TripleDes, 24) => Self::TripleDes3(TdesEde3::new_from_slice(key).map_err(wrong)?),
            (Algorithm::Aria, 16) => Self::Aria128(Aria128::new_from_slice(key).map_err(wrong)?),
            (Algorithm::Aria, 24) => Self::Aria192(Aria192::new_from_slice(key).map_err(wrong)?),
            (Algorithm::Aria, 32) => Self::Aria256(Aria256::new_from_slice(key).map_err(wrong)?),
            (Algorithm::Seed, _) => Self::Seed(Seed::new(key.try_into().map_err(|_| KeyLength(key.len()))?)),
            (_, other) => return Err(KeyLength(other)),
        })
    }

    /// Bytes in a block: 8 with 3DES, otherwise 16.
    pub(crate) const fn block_len(&self) -> usize {
        match self {
            Self::TripleDes2(_) | Self::TripleDes3(_) => 8,
            _ => 16,
        }
    }

    /// Encrypts each block by itself, in place. A tail shorter than a block is left as it is: callers pass whole blocks.
    pub(crate) fn ecb(&self, data: &mut [u8]) {
        match self {
            Self::Aes(key) => data.as_chunks_mut().0.iter_mut().for_each(|block| key.encrypt_block(block)),
            Self::TripleDes2(key) => each(data, |block: &mut [u8; 8]| key.encrypt_block(block.into())),
            Self::TripleDes3(key) => each(data, |block: &mut [u8; 8]| key.encrypt_block(block.into())),
            Self::Aria128(key) => each(data, |block: &mut [u8; 16]| key.encrypt_block(block.into())),
            Self::Aria192(key) => each(data, |block: &mut [u8; 16]| key.encrypt_block(block.into())),
            Self::Aria256(key) => each(data, |block: &mut [u8; 16]| key.encrypt_block(block.into())),
            Self::Seed(key) => each(data, |block| key.encrypt_block(block)),
        }
    }

    /// CBC with IV zero, in place; the same rule for a tail as in [`Self::ecb`].
    pub(crate) fn cbc(&self, data: &mut [u8]) {
        let mut last = Block::default();
        for block in data.chunks_exact_mut(self.block_len()) {
            xor(block, &*last);
            self.ecb(block);
            last[..block.len()].copy_from_slice(block);
        }
    }

    /// CMAC (SP 800-38B) over the parts, one after another: [`Self::block_len`] bytes.
    pub(crate) fn cmac(&self, parts: &[&[u8]]) -> Block {
        self.padded_cmac(parts, 1)
    }

    /// CMAC with the message filled up (80 00 ..) to this many blocks at least.
    pub(crate) fn padded_cmac(&self, parts: &[&[u8]], at_least: usize) -> Block {
        let len = self.block_len();
        let mut state = Block::default();
        let (mut block, mut filled) = (1, 0);
        for byte in parts.iter().copied().flatten() {
            if filled == len {
                self.ecb(&mut state[..len]);
                (block, filled) = (block + 1, 0);
            }
            state[filled] ^= byte;
            filled += 1;
        }
        let mut subkey = Block::default();
        self.ecb(&mut subkey[..len]);
        double(&mut subkey[..len]);
        if filled < len || block < at_least {
            double(&mut subkey[..len]);
            if filled == len {
                self.ecb(&mut state[..len]);
                (block, filled) = (block + 1, 0);
            }
            state[filled] ^= 0x80;
            for _ in block..at_least {
                self.ecb(&mut state[..len]);
            }
        }
        xor(&mut state[..len], &*subkey);
        self.ecb(&mut state[..len]);
        state
    }
}

fn each<const N: usize>(data: &mut [u8], encrypt: impl FnMut(&mut [u8; N])) {
    data.as_chunks_mut().0.iter_mut().for_each(encrypt);
}

fn xor(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to ^= from);
}

/// Times x in GF(2^64) or GF(2^128), as SP 800-38B 6.1 makes its subkeys.
fn double(block: &mut [u8]) {
    let polynomial = if block.len() == 8 { 0x1B } else { 0x87 };
    let mut carry = 0;
    for byte in block.iter_mut().rev() {
        (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
    }
    if let Some(last) = block.last_mut() {
        *last ^= polynomial & 0_u8.wrapping_sub(carry);
    }
}

#[cfg(test)]
mod tests;
