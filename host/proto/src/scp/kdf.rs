//! SCP03 key derivation (AmdD 4.1.5): SP 800-108 counter mode over AES-CMAC.
//!
//! Input of each CMAC: label (11 bytes 00, then the derivation constant), 00, L in bits (2, big-endian), counter
//! (1, from 1), context. The counter stands behind L, in the middle of the fixed data.

use super::{CipherFailed, Mode, SessionCipher, Token};
use crate::block::{AesKey, BLOCK, CmacKey, KeyLength, wiped};
use zeroize::Zeroizing;

/// What is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// 00
    CardCryptogram,
    /// 01
    HostCryptogram,
    /// 02
    CardChallenge,
    /// 04
    SEnc,
    /// 06
    SMac,
    /// 07
    SRmac,
    /// Any other, for test vectors.
    Other(u8),
}

impl Constant {
    /// The byte (AmdD table 4-1).
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::CardCryptogram => 0x00,
            Self::HostCryptogram => 0x01,
            Self::CardChallenge => 0x02,
            Self::SEnc => 0x04,
            Self::SMac => 0x06,
            Self::SRmac => 0x07,
            Self::Other(byte) => byte,
        }
    }
}

/// What the derivation is bound to: host challenge and card challenge, or counter and AID. At most 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    bytes: [u8; 32],
    len: usize,
}

impl Context {
    /// For session keys and cryptograms: host challenge, then card challenge.
    #[must_use]
    pub fn session(host: &Token, card: &Token) -> Self {
        Self::join(host.bytes(), card.bytes())
    }

    /// For a pseudo-random card challenge: sequence counter (3 bytes), then the AID of the application that called
    /// `SecureChannel` (5 to 16 bytes; a longer one is cut).
    #[must_use]
    pub fn challenge(counter: u32, aid: &[u8]) -> Self {
        Self::join(&counter.to_be_bytes()[1..], aid)
    }

    fn join(first: &[u8], second: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let mut len = 0;
        for (to, from) in bytes.iter_mut().zip(first.iter().chain(second)) {
            *to = *from;
            len += 1;
        }
        Self { bytes, len }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The fixed input of the `counter`-th CMAC in front of the context: label, separator, L, counter.
///
/// A token that does the derivation itself, or a [`super::SessionCipher`] that computes a cryptogram, needs the same.
#[must_use]
pub fn label(constant: Constant, bits: u16, counter: u8) -> [u8; 16] {
    let mut label = [0; 16];
    label[11] = constant.byte();
    [label[13], label[14]] = bits.to_be_bytes();
    label[15] = counter;
    label
}

/// Fills `out` (8 to 32 bytes) with derived bytes.
pub fn derive(key: &mut CmacKey, constant: Constant, context: &Context, out: &mut [u8]) {
    wiped(|| fill(key, constant, context, out));
}

/// The same, for a caller that wipes the stack itself.
fn fill(key: &mut CmacKey, constant: Constant, context: &Context, out: &mut [u8]) {
    let bits = u16::try_from(out.len() * 8).unwrap_or(u16::MAX);
    let label = label(constant, bits, 0);
    fill_around(key, &label[..15], context.bytes(), out);
}

/// S-ENC (AmdD 6.2.1) from the static Key-ENC, as long as it.
///
/// # Errors
/// [`KeyLength`]
pub fn session_enc(key_enc: &[u8], context: &Context) -> Result<AesKey, KeyLength> {
    wiped(|| make_enc(key_enc, context))
}

/// S-MAC and S-RMAC (AmdD 6.2.1) from the static Key-MAC, as long as it.
///
/// # Errors
/// [`KeyLength`]
pub fn session_macs(key_mac: &[u8], context: &Context) -> Result<(CmacKey, CmacKey), KeyLength> {
    wiped(|| make_macs(key_mac, context))
}

/// [`session_enc`], for a caller that wipes the stack itself.
pub(super) fn make_enc(key_enc: &[u8], context: &Context) -> Result<AesKey, KeyLength> {
    let mut from = CmacKey::expand(key_enc)?;
    let mut key = Zeroizing::new([0; 32]);
    let key = key.get_mut(..key_enc.len()).ok_or(KeyLength(key_enc.len()))?;
    fill(&mut from, Constant::SEnc, context, key);
    AesKey::expand(key)
}

/// [`session_macs`], for a caller that wipes the stack itself.
pub(super) fn make_macs(key_mac: &[u8], context: &Context) -> Result<(CmacKey, CmacKey), KeyLength> {
    let mut from = CmacKey::expand(key_mac)?;
    let mut key = Zeroizing::new([0; 32]);
    let key = key.get_mut(..key_mac.len()).ok_or(KeyLength(key_mac.len()))?;
    fill(&mut from, Constant::SMac, context, key);
    let mac = CmacKey::expand(key)?;
    fill(&mut from, Constant::SRmac, context, key);
    Ok((mac, CmacKey::expand(key)?))
}

/// SP 800-108 in counter mode with any fixed data around a one-byte counter: fills `out` (at most 255 blocks) with
/// CMAC(before, 1, after), CMAC(before, 2, after), ...
pub fn derive_around(key: &mut CmacKey, before: &[u8], after: &[u8], out: &mut [u8]) {
    wiped(|| fill_around(key, before, after, out));
}

fn fill_around(key: &mut CmacKey, before: &[u8], after: &[u8], out: &mut [u8]) {
    for (counter, piece) in (1..=u8::MAX).zip(out.chunks_mut(BLOCK)) {
        let block = Zeroizing::new(key.compute(&[before, &[counter], after]));
        piece.copy_from_slice(&block[..piece.len()]);
    }
}

/// A card or host cryptogram (AmdD 6.2.2.2, 6.2.2.3), under S-MAC, which its keeper applies.
///
/// # Errors
/// [`CipherFailed`]
pub fn cryptogram<C: SessionCipher>(
    cipher: &mut C,
    which: Constant,
    context: &Context,
    mode: Mode,
) -> Result<Token, CipherFailed> {
    let bits = match mode {
        Mode::S8 => 64,
        Mode::S16 => 128,
    };
    Ok(Token::cut(cipher.mac(&[&label(which, bits, 1), context.bytes()])?, mode))
}

/// The pseudo-random card challenge (AmdD 6.2.2.1), under the static Key-ENC.
#[must_use]
pub fn card_challenge(key_enc: &mut CmacKey, counter: u32, aid: &[u8], mode: Mode) -> Token {
    let mut bytes = [0; 16];
    derive(key_enc, Constant::CardChallenge, &Context::challenge(counter, aid), &mut bytes[..mode.width()]);
    Token::cut(bytes, mode)
}
