//! Secure channels between a host and a card (CS 10, AmdD).
//!
//! - [`kdf`]: the key derivation of SCP03 and the data that goes into it.
//! - [`scp03`]: the host's side, a type for each state, so that a wrong order does not compile.
//! - [`card`]: the card's side, for simulated cards and for tests that run both.
//!
//! Both sides share the wrapping of `messaging`, and reach their keys through [`SessionCipher`]: session keys are
//! bytes in memory ([`SoftCipher`]) or handles in a token.

pub mod card;
pub mod kdf;
mod messaging;
pub mod scp03;

use crate::apdu::ApduError;
use crate::block::{AesKey, Block, CmacKey, KeyLength, wiped};
use crate::status::StatusWord;
use core::fmt;

/// 8-byte or 16-byte challenges, cryptograms and MACs (AmdD 1.2: bit 01 of the "i" parameter).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// 8 bytes each; CMACs are cut to their first 8 bytes on the wire.
    S8,
    /// 16 bytes each.
    S16,
}

impl Mode {
    /// Bytes of a challenge, a cryptogram, a MAC.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::S8 => 8,
            Self::S16 => 16,
        }
    }
}

/// Eight or sixteen bytes on the wire: a challenge or a cryptogram. Not secret.
#[derive(Clone, Copy)]
pub struct Token {
    bytes: [u8; 16],
    mode: Mode,
}

impl Token {
    /// From its bytes; `None` unless there are 8 or 16.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mode = match bytes.len() {
            8 => Mode::S8,
            16 => Mode::S16,
            _ => return None,
        };
        let mut padded = [0; 16];
        padded[..bytes.len()].copy_from_slice(bytes);
        Some(Self { bytes: padded, mode })
    }

    /// The first bytes of a CMAC or of random data, as many as the mode says.
    #[must_use]
    pub const fn cut(bytes: [u8; 16], mode: Mode) -> Self {
        Self { bytes, mode }
    }

    /// The bytes as sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.mode.width()]
    }

    /// Whether there are 8 bytes or 16.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }
}

/// What is not on the wire does not count.
impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// The "i" parameter: what a card's SCP03 can do (AmdD 5.1, table 5-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options(u8);

impl Options {
    /// From the byte of INITIALIZE UPDATE.
    ///
    /// # Errors
    /// [`ScpError::Options`] where reserved bits are set, or R-ENC (40) comes without R-MAC (20).
    pub const fn new(i: u8) -> Result<Self, ScpError> {
        if i & !0x71 != 0 || i & 0x60 == 0x40 {
            return Err(ScpError::Options(i));
        }
        Ok(Self(i))
    }

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Bit 10: the card's challenge is computed from a sequence counter, and can be checked.
    #[must_use]
    pub const fn pseudo_random(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Bit 01: S8 or S16.
    #[must_use]
    pub const fn mode(self) -> Mode {
        if self.0 & 0x01 != 0 { Mode::S16 } else { Mode::S8 }
    }

    /// The highest security level that these options allow.
    #[must_use]
    pub const fn highest(self) -> SecurityLevel {
        match self.0 & 0x60 {
            0x60 => SecurityLevel::FULL,
            0x20 => SecurityLevel(0x13),
            _ => SecurityLevel(0x03),
        }
    }

    /// Whether a session can be opened at this level.
    #[must_use]
    pub const fn allows(self, level: SecurityLevel) -> bool {
        level.0 & !self.highest().0 == 0
    }
}

/// What a session protects (AmdD 7.1.2.1): C-MAC 01, C-DECRYPTION 02, R-MAC 10, R-ENCRYPTION 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecurityLevel(u8);

impl SecurityLevel {
    /// Authenticated, then in clear.
    pub const NONE: Self = Self(0x00);
    /// Commands and responses MACed and encrypted.
    pub const FULL: Self = Self(0x33);
    /// The six levels that exist.
    pub const ALL: [Self; 6] = [Self(0x00), Self(0x01), Self(0x03), Self(0x11), Self(0x13), Self(0x33)];

    /// From P1 of EXTERNAL AUTHENTICATE.
    ///
    /// # Errors
    /// [`ScpError::Level`] for anything but 00, 01, 03, 11, 13, 33.
    pub const fn new(level: u8) -> Result<Self, ScpError> {
        match level {
            0x00 | 0x01 | 0x03 | 0x11 | 0x13 | 0x33 => Ok(Self(level)),
            _ => Err(ScpError::Level(level)),
        }
    }

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Commands carry a MAC.
    #[must_use]
    pub const fn c_mac(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// Command data is encrypted.
    #[must_use]
    pub const fn c_enc(self) -> bool {
        self.0 & 0x02 != 0
    }

    /// Responses carry a MAC.
    #[must_use]
    pub const fn r_mac(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Response data is encrypted.
    #[must_use]
    pub const fn r_enc(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// The most plain data bytes in one short command at this level.
    #[must_use]
    pub const fn short_capacity(self, mode: Mode) -> usize {
        let left = if self.c_mac() { 255 - mode.width() } else { 255 };
        // Padding adds at least one byte and fills up a block.
        if self.c_enc() { left / 16 * 16 - 1 } else { left }
    }
}

/// The key behind a [`SessionCipher`] did not do its work; what stopped it, its owner knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the holder of the session keys failed")]
pub struct CipherFailed;

/// S-ENC, S-MAC and S-RMAC at work, wherever they live.
pub trait SessionCipher {
    /// CMAC under S-MAC over the parts, one after another.
    ///
    /// # Errors
    /// [`CipherFailed`] where a token is gone.
    fn mac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed>;

    /// CMAC under S-RMAC.
    ///
    /// # Errors
    /// As [`Self::mac`].
    fn rmac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed>;

    /// CBC encryption under S-ENC of whole blocks in place; the IV is the encryption of `counter` (AmdD 6.2.6).
    ///
    /// # Errors
    /// As [`Self::mac`].
    fn encrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed>;

    /// CBC decryption under S-ENC, the IV as in [`Self::encrypt`].
    ///
    /// # Errors
    /// As [`Self::mac`].
    fn decrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed>;
}

impl<C: SessionCipher + ?Sized> SessionCipher for alloc::boxed::Box<C> {
    fn mac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        (**self).mac(parts)
    }

    fn rmac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        (**self).rmac(parts)
    }

    fn encrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        (**self).encrypt(counter, data)
    }

    fn decrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        (**self).decrypt(counter, data)
    }
}

/// Session keys in memory, each expanded once. Wiped on drop.
///
/// What its methods leave on the stack, each step of [`scp03`] and [`card`] wipes at its end.
#[derive(Debug)]
pub struct SoftCipher {
    enc: AesKey,
    mac: CmacKey,
    rmac: CmacKey,
}

impl SoftCipher {
    /// From session keys that were derived elsewhere: 16, 24 or 32 bytes each.
    ///
    /// # Errors
    /// [`KeyLength`]
    pub fn new(s_enc: &[u8], s_mac: &[u8], s_rmac: &[u8]) -> Result<Self, KeyLength> {
        Ok(Self { enc: AesKey::new(s_enc)?, mac: CmacKey::new(s_mac)?, rmac: CmacKey::new(s_rmac)? })
    }

    /// Derives the session keys from the static Key-ENC and Key-MAC (AmdD 6.2.1); they are as long as these.
    ///
    /// # Errors
    /// [`KeyLength`], also where Key-ENC is not as long as Key-MAC: a set has keys of one length (AmdD 5.1).
    pub fn derive(key_enc: &[u8], key_mac: &[u8], context: &kdf::Context) -> Result<Self, KeyLength> {
        if key_enc.len() != key_mac.len() {
            return Err(KeyLength(key_enc.len()));
        }
        wiped(|| {
            let (mac, rmac) = kdf::make_macs(key_mac, context)?;
            Ok(Self { enc: kdf::make_enc(key_enc, context)?, mac, rmac })
        })
    }
}

impl SessionCipher for SoftCipher {
    #[inline]
    fn mac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        Ok(self.mac.compute(parts))
    }

    #[inline]
    fn rmac(&mut self, parts: &[&[u8]]) -> Result<Block, CipherFailed> {
        Ok(self.rmac.compute(parts))
    }

    #[inline]
    fn encrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        self.enc.encrypt_after(counter, data);
        Ok(())
    }

    #[inline]
    fn decrypt(&mut self, counter: Block, data: &mut [u8]) -> Result<(), CipherFailed> {
        self.enc.decrypt_after(counter, data);
        Ok(())
    }
}

/// Why a secure channel was not opened, or was closed. After any of these the session's keys are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScpError {
    /// A command or response is no APDU.
    #[error(transparent)]
    Apdu(#[from] ApduError),
    /// The keeper of the session keys failed.
    #[error(transparent)]
    Cipher(#[from] CipherFailed),
    /// The security level does not exist.
    #[error("security level {0:02X} does not exist: 00, 01, 03, 11, 13 and 33 do")]
    Level(u8),
    /// The card's options do not include the level.
    #[error("the card (i = {i:02X}) cannot work at security level {level:02X}")]
    LevelNotSupported {
        /// What was asked for.
        level: u8,
        /// What the card offers.
        i: u8,
    },
    /// INITIALIZE UPDATE was refused.
    #[error("the card refused: {}", .0.described())]
    InitializeRefused(StatusWord),
    /// INITIALIZE UPDATE brought a response of a length that no SCP03 card sends.
    #[error("the answer to INITIALIZE UPDATE has {0} bytes: SCP03 sends 29 or 32 (S8), 45 or 48 (S16)")]
    InitializeLength(usize),
    /// The length is one of SCP03's, but not the one that "i" announces.
    #[error("the answer to INITIALIZE UPDATE has {len} bytes, which does not fit i = {i:02X}")]
    InitializeMismatch {
        /// Bytes in the response.
        len: usize,
        /// Its "i" parameter.
        i: u8,
    },
    /// Another protocol than SCP03.
    #[error("the card answers with SCP{0:02X}, not SCP03")]
    Protocol(u8),
    /// An "i" parameter that SCP03 does not define.
    #[error("the card's SCP03 options i = {0:02X} are not defined")]
    Options(u8),
    /// The card answers in the other mode than the host's challenge asked for.
    #[error("the card answers in the other mode (S8/S16) than it was asked in")]
    Mode,
    /// Another key version number than the one asked for.
    #[error("the card answers with key version {got:#04x}, asked for {asked:#04x}")]
    Kvn {
        /// P1 of INITIALIZE UPDATE.
        asked: u8,
        /// The card's answer.
        got: u8,
    },
    /// The card sent the host's challenge back as its own.
    #[error("the card sent our own challenge back as its own: a reflection")]
    EchoedChallenge,
    /// The card does not have these keys.
    #[error("the card cryptogram does not match: the card has other keys")]
    CardCryptogram,
    /// The pseudo-random challenge is not what the card's counter and Key-ENC give.
    #[error("the card's challenge is not the one that its counter gives under Key-ENC")]
    CardChallenge,
    /// The sequence counter is not above the last one seen.
    #[error("the card's sequence counter is {got}, and {last} was seen before: rolled back or cloned")]
    Counter {
        /// The last value recorded.
        last: u32,
        /// What the card sends now.
        got: u32,
    },
    /// EXTERNAL AUTHENTICATE was refused.
    #[error("the card refused: {}", .0.described())]
    AuthenticateRefused(StatusWord),
    /// EXTERNAL AUTHENTICATE brought data, which it never does.
    #[error("the answer to EXTERNAL AUTHENTICATE carries {0} bytes of data: it never does")]
    AuthenticateData(usize),
    /// The command MAC is wrong (card side), or too short to hold one.
    #[error("the command's MAC is wrong or missing")]
    CommandMac,
    /// The class byte does not announce secure messaging (card side).
    #[error("the command does not carry secure messaging")]
    NotSecured,
    /// A response that has to carry a MAC is too short for one.
    #[error("the response ({0}) carries no MAC")]
    ResponseMacMissing(StatusWord),
    /// The response MAC is wrong.
    #[error("the response's MAC is wrong")]
    ResponseMac,
    /// An error status word came with data that nothing authenticates.
    #[error("the error response ({0}) carries data that nothing authenticates")]
    UnauthenticatedData(StatusWord),
    /// Encrypted data is no whole number of blocks, or its padding is wrong.
    #[error("the encrypted data is not padded as it has to be")]
    Padding,
    /// The card ended the session.
    #[error("the card ended the secure channel session: {}", .0.described())]
    Ended(StatusWord),
    /// 2^20 commands have been sent.
    #[error("the session has carried 2^20 commands, as many as its MACs are good for: open a new one")]
    Exhausted,
}
