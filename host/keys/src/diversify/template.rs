//! `template`: whatever has no name here: one cipher over blocks that are put together from inputs and constants.
//!
//! The blocks are written in the words of [`Fields`]. ECB and CBC (IV zero) want whole blocks, and give as many bytes as
//! they get; AES-CMAC takes any number and gives 16. The output is cut to the length that is wanted. EMV CPS, for one, is
//! `3des-ecb` over `kdd[4..10] F0 k kdd[4..10] 0F k`.

use super::fields::{Fields, Filling};
use super::method::RunError;
use crate::cipher::BlockKey;
use crate::key::{Algorithm, SecretKey};
use zeroize::Zeroizing;

/// What is done with the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateCipher {
    /// 3DES, each block by itself.
    TripleDesEcb,
    /// 3DES, chained.
    TripleDesCbc,
    /// AES, each block by itself.
    AesEcb,
    /// AES, chained.
    AesCbc,
    /// AES-CMAC
    AesCmac,
}

impl TemplateCipher {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::TripleDesEcb, Self::TripleDesCbc, Self::AesEcb, Self::AesCbc, Self::AesCmac];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TripleDesEcb => "3des-ecb",
            Self::TripleDesCbc => "3des-cbc",
            Self::AesEcb => "aes-ecb",
            Self::AesCbc => "aes-cbc",
            Self::AesCmac => "aes-cmac",
        }
    }

    /// The master's cipher.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::TripleDesEcb | Self::TripleDesCbc => Algorithm::TripleDes,
            Self::AesEcb | Self::AesCbc | Self::AesCmac => Algorithm::Aes,
        }
    }

    /// Bytes that come out for bytes that go in, or why none do.
    fn gives(self, bytes: usize) -> Result<usize, RunError> {
        let block = match self {
            Self::TripleDesEcb | Self::TripleDesCbc => 8,
            Self::AesEcb | Self::AesCbc => 16,
            Self::AesCmac => return Ok(16),
        };
        if bytes.is_multiple_of(block) { Ok(bytes) } else { Err(RunError::Blocks { bytes, block }) }
    }
}

/// A cipher, what it is laid over, and how much of it is the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    cipher: TemplateCipher,
    blocks: Fields,
    len: Option<usize>,
}

impl Template {
    /// For a key of `len` bytes (16, 24, 32), or one as long as the master.
    ///
    /// # Errors
    /// [`RunError::Blocks`] and [`RunError::Output`] where it is plain already that the blocks are not whole, or too few.
    pub fn new(cipher: TemplateCipher, blocks: Fields, len: Option<usize>) -> Result<Self, RunError> {
        let template = Self { cipher, blocks, len };
        if let Some(bytes) = template.blocks.known_len() {
            template.enough(bytes, len.unwrap_or(16))?;
        }
        Ok(template)
    }

    /// The cipher.
    #[must_use]
    pub const fn cipher(&self) -> TemplateCipher {
        self.cipher
    }

    pub(super) fn numbered(&self) -> bool {
        self.blocks.numbered()
    }

    fn enough(&self, bytes: usize, wanted: usize) -> Result<(), RunError> {
        let gives = self.cipher.gives(bytes)?;
        if gives >= wanted { Ok(()) } else { Err(RunError::Output { gives, wanted }) }
    }

    /// One key.
    pub(super) fn derive(&self, master: &SecretKey, filling: &Filling<'_>) -> Result<SecretKey, RunError> {
        let len = self.len.unwrap_or(master.key_len());
        let mut data = Zeroizing::new(self.blocks.fill(filling)?);
        self.enough(data.len(), len)?;
        let cipher = BlockKey::new(self.cipher.algorithm(), master.expose())?;
        match self.cipher {
            TemplateCipher::TripleDesEcb | TemplateCipher::AesEcb => cipher.ecb(&mut data),
            TemplateCipher::TripleDesCbc | TemplateCipher::AesCbc => cipher.cbc(&mut data),
            TemplateCipher::AesCmac => *data = cipher.cmac(&[&data]).to_vec(),
        }
        Ok(SecretKey::new(&data[..len])?)
    }
}

#[cfg(test)]
mod tests;
