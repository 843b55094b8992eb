//! Session keys that stay in a token, at work.

use super::bench::Bench;
use super::error::TokenError;
use cardwright_proto::block::{BLOCK, Block};
use cardwright_proto::scp::{CipherFailed, SessionCipher};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use zeroize::Zeroizing;

/// S-ENC, S-MAC and S-RMAC as handles. They are destroyed when this is dropped.
pub struct TokenSession {
    bench: Bench,
    enc: ObjectHandle,
    mac: ObjectHandle,
    rmac: ObjectHandle,
    /// What goes to the token in one piece; kept for its room, and wiped.
    message: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for TokenSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSession").field("token", &self.bench.connection.name).finish_non_exhaustive()
    }
}

impl TokenSession {
    pub(super) fn new(bench: Bench, enc: ObjectHandle, mac: ObjectHandle, rmac: ObjectHandle) -> Self {
        Self { bench, enc, mac, rmac, message: Zeroizing::new(Vec::new()) }
    }

    /// The port has no room for the cause: it goes to the log.
    fn report<T>(result: Result<T, TokenError>) -> Result<T, CipherFailed> {
        result.map_err(|error| {
            tracing::warn!(%error, "session keys in a token failed");
            CipherFailed
        })
    }

    /// Lays the parts one behind another. The room never grows in place, for that would leave a copy behind.
    fn lay(&mut self, parts: &[&[u8]]) {
        let len = parts.iter().map(|part| part.len()).sum();
        if self.message.capacity() < len {
            self.message = Zeroizing::new(Vec::with_capacity(len));
        }
        self.message.clear();
        parts.iter().for_each(|part| self.message.extend_from_slice(part));
    }

    fn sign(&mut self, key: ObjectHandle, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        self.lay(parts);
        let signed = self.bench.call(|session| session.sign(&Mechanism::AesCMac, key, &self.message));
        let mac = signed.and_then(|mac| {
            let wrong = |mac: Vec<u8>| self.bench.nonsense(format!("a CMAC of {} bytes", mac.len()));
            Block::try_from(mac).map_err(wrong)
        });
        Self::report(mac)
    }

    /// A ciphertext or plaintext as long as what it came from.
    fn checked(&self, bytes: Vec<u8>, expected: usize) -> Result<Vec<u8>, TokenError> {
        if bytes.len() == expected {
            return Ok(bytes);
        }
        Err(self.bench.nonsense(format!("{} bytes of AES-CBC in place of {expected}", bytes.len())))
    }

    fn cbc_encrypt(&self, data: &[u8]) -> Result<Vec<u8>, TokenError> {
        let encrypted = self.bench.call(|session| session.encrypt(&Mechanism::AesCbc([0; BLOCK]), self.enc, data))?;
        self.checked(encrypted, data.len())
    }

    fn cbc_decrypt(&self, iv: Block, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let decrypted = self.bench.call(|session| session.decrypt(&Mechanism::AesCbc(iv), self.enc, data))?;
        self.checked(decrypted, data.len()).map(Zeroizing::new)
    }
}

impl SessionCipher for TokenSession {
    fn mac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        self.sign(self.mac, parts)
    }

    fn rmac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        self.sign(self.rmac, parts)
    }

    /// The counter goes in front of the data, under an IV of zeros: its ciphertext is the IV of what follows, so one
    /// operation does both.
    fn encrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        self.lay(&[&counter, data]);
        let encrypted = Self::report(self.cbc_encrypt(&self.message))?;
        data.copy_from_slice(&encrypted[BLOCK..]);
        Ok(())
    }

    fn decrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        let iv = self.cbc_encrypt(&counter).map(|iv| {
            let mut block = [0; BLOCK];
            block.copy_from_slice(&iv);
            block
        });
        let decrypted = iv.and_then(|iv| self.cbc_decrypt(iv, data));
        data.copy_from_slice(&Self::report(decrypted)?);
        Ok(())
    }
}
