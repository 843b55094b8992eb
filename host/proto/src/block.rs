//! AES keys of any size, expanded once: single blocks, CBC, CMAC (FIPS 197, SP 800-38A, SP 800-38B).
//!
//! Expanded keys stay at one place on the heap, and the stack that a cipher used is wiped when it returns. What it leaves
//! there (on some processors four copies of each round key) would otherwise be carried off by whatever is moved about
//! next: a value's padding, and the room that a short variant of an enum leaves, hold what lay there before.

use aes::cipher::{Array, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit};
use aes::{Aes128, Aes192, Aes256};
use alloc::boxed::Box;
use cmac::{Cmac, KeyInit, Mac};

/// Bytes in an AES block.
pub const BLOCK: usize = 16;

/// One AES block, big-endian as the standards print it.
pub type Block = [u8; BLOCK];

/// The key is not 16, 24 or 32 bytes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an AES key has 16, 24 or 32 bytes, this one has {0}")]
pub struct KeyLength(pub usize);

/// An AES key for single blocks and CBC. Wiped on drop.
pub enum AesKey {
    /// AES-128
    K128(Box<Aes128>),
    /// AES-192
    K192(Box<Aes192>),
    /// AES-256
    K256(Box<Aes256>),
}

/// Runs calls into a cipher, and wipes the stack that they used.
#[inline]
pub(crate) fn wiped<R>(call: impl FnOnce() -> R) -> R {
    let done = in_its_own_frame(call);
    wipe_stack();
    done
}

#[inline(never)]
fn in_its_own_frame<R>(call: impl FnOnce() -> R) -> R {
    call()
}

/// 4 KiB, below the caller.
#[inline(never)]
fn wipe_stack() {
    let mut dead = [0_u64; 512];
    core::hint::black_box(&mut dead);
}

macro_rules! with {
    ($of:expr, $kind:ident, $key:ident => $body:expr) => {
        match $of {
            $kind::K128($key) => $body,
            $kind::K192($key) => $body,
            $kind::K256($key) => $body,
        }
    };
}

impl AesKey {
    /// Expands a key of 16, 24 or 32 bytes.
    ///
    /// # Errors
    /// [`KeyLength`] for any other length.
    pub fn new(key: &[u8]) -> Result<Self, KeyLength> {
        wiped(|| Self::expand(key))
    }

    /// Expands a key of 32 bytes.
    #[must_use]
    pub fn of_256(key: &[u8; 32]) -> Self {
        wiped(|| Self::K256(Box::new(Aes256::new(key.into()))))
    }

    /// The same, for a caller that wipes the stack itself.
    pub(crate) fn expand(key: &[u8]) -> Result<Self, KeyLength> {
        let wrong = |_| KeyLength(key.len());
        Ok(match key.len() {
            16 => Self::K128(Box::new(Aes128::new_from_slice(key).map_err(wrong)?)),
            24 => Self::K192(Box::new(Aes192::new_from_slice(key).map_err(wrong)?)),
            32 => Self::K256(Box::new(Aes256::new_from_slice(key).map_err(wrong)?)),
            other => return Err(KeyLength(other)),
        })
    }

    /// Encrypts one block in place.
    pub fn encrypt_block(&self, block: &mut Block) {
        wiped(|| with!(self, AesKey, key => key.encrypt_block(block.into())));
    }

    /// CBC-encrypts whole blocks in place; the caller pads.
    ///
    /// A tail shorter than a block is left as it is: every caller in this crate passes a multiple of 16.
    pub fn cbc_encrypt(&self, iv: &Block, data: &mut [u8]) {
        wiped(|| self.encrypt_from(iv, data));
    }

    /// CBC-decrypts whole blocks in place; the same rule for a tail as in [`Self::cbc_encrypt`].
    pub fn cbc_decrypt(&self, iv: &Block, data: &mut [u8]) {
        wiped(|| self.decrypt_from(iv, data));
    }

    /// CBC encryption whose IV is the encryption of `counter`, for a caller that wipes the stack itself.
    #[inline]
    pub(crate) fn encrypt_after(&self, mut counter: Block, data: &mut [u8]) {
        with!(self, AesKey, key => key.encrypt_block((&mut counter).into()));
        self.encrypt_from(&counter, data);
    }

    /// CBC decryption, as in [`Self::encrypt_after`].
    #[inline]
    pub(crate) fn decrypt_after(&self, mut counter: Block, data: &mut [u8]) {
        with!(self, AesKey, key => key.encrypt_block((&mut counter).into()));
        self.decrypt_from(&counter, data);
    }

    #[inline]
    fn encrypt_from(&self, iv: &Block, data: &mut [u8]) {
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        with!(self, AesKey, key => cbc::Encryptor::inner_iv_init(&**key, iv.into()).encrypt_blocks(blocks));
    }

    #[inline]
    fn decrypt_from(&self, iv: &Block, data: &mut [u8]) {
        let (blocks, _) = Array::slice_as_chunks_mut(data);
        with!(self, AesKey, key => cbc::Decryptor::inner_iv_init(&**key, iv.into()).decrypt_blocks(blocks));
    }
}

impl core::fmt::Debug for AesKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AesKey(..)")
    }
}

/// An AES-CMAC key. Wiped on drop.
pub enum CmacKey {
    /// AES-128
    K128(Box<Cmac<Aes128>>),
    /// AES-192
    K192(Box<Cmac<Aes192>>),
    /// AES-256
    K256(Box<Cmac<Aes256>>),
}

impl CmacKey {
    /// Expands a key of 16, 24 or 32 bytes.
    ///
    /// # Errors
    /// [`KeyLength`] for any other length.
    pub fn new(key: &[u8]) -> Result<Self, KeyLength> {
        wiped(|| Self::expand(key))
    }

    /// Expands a key of 32 bytes.
    #[must_use]
    pub fn of_256(key: &[u8; 32]) -> Self {
        wiped(|| Self::K256(Box::new(<Cmac<Aes256> as KeyInit>::new(key.into()))))
    }

    /// The same, for a caller that wipes the stack itself.
    pub(crate) fn expand(key: &[u8]) -> Result<Self, KeyLength> {
        let wrong = |_| KeyLength(key.len());
        Ok(match key.len() {
            16 => Self::K128(Box::new(<Cmac<Aes128> as KeyInit>::new_from_slice(key).map_err(wrong)?)),
            24 => Self::K192(Box::new(<Cmac<Aes192> as KeyInit>::new_from_slice(key).map_err(wrong)?)),
            32 => Self::K256(Box::new(<Cmac<Aes256> as KeyInit>::new_from_slice(key).map_err(wrong)?)),
            other => return Err(KeyLength(other)),
        })
    }

    /// The CMAC of the parts, one after another.
    ///
    /// Takes `&mut self` because the running state lives beside the key, so that nothing is expanded twice.
    pub fn mac(&mut self, parts: &[&[u8]]) -> Block {
        wiped(|| self.compute(parts))
    }

    /// The same, for a caller that wipes the stack itself.
    #[inline]
    pub(crate) fn compute(&mut self, parts: &[&[u8]]) -> Block {
        with!(self, CmacKey, key => {
            for part in parts {
                Mac::update(&mut **key, part);
            }
            key.finalize_reset().into_bytes().into()
        })
    }
}

impl core::fmt::Debug for CmacKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CmacKey(..)")
    }
}
