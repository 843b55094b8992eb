//! What a token can do: tried with throw-away keys, and compared with what software gives. A flag proves nothing.

use super::bench::Bench;
use super::derive::{self, Input, LengthForm, Way};
use super::error::TokenError;
use super::template::{self, Guard, Usage};
use cardwright_proto::block::{AesKey, Block, CmacKey, KeyLength};
use cardwright_proto::scp::kdf;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{KeyType, ObjectHandle};
use std::fmt;

/// What a token was seen to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// SCP03's derivation, with the counter in the middle (AmdD 4.1.5).
    pub scp03: Option<Way>,
    /// GlobalPlatform KDF3, with the counter in front.
    pub kdf3: Option<Way>,
    /// AES-CMAC and AES-CBC under keys that stay inside: session keys can be handles.
    pub session_handles: bool,
    /// C_WrapKey with CKM_AES_CBC: the blocks of PUT KEY.
    pub wrap: bool,
    /// CKA_DERIVE_TEMPLATE is honoured: a master can insist that nothing readable is derived from it.
    pub derive_template: bool,
    /// CKM_AES_CBC_ENCRYPT_DATA: the check value of a key that derives and does nothing else.
    pub kcv: bool,
    /// 3DES-ECB with two-key and three-key keys.
    pub triple_des: bool,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inside(LengthForm::Bytes) => "inside, SP 800-108 with L as bytes",
            Self::Inside(LengthForm::DkmLength) => "inside, SP 800-108 with L as DKM length",
            Self::Blocks => "by blocks out of AES-CBC, the host sees inner values",
        })
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = |way: Option<Way>| way.map_or_else(|| "not at all".to_owned(), |way| way.to_string());
        let yes = |can| if can { "yes" } else { "no" };
        writeln!(f, "session keys and challenge (SCP03): {}", way(self.scp03))?;
        writeln!(f, "card keys (KDF3): {}", way(self.kdf3))?;
        writeln!(f, "session keys as handles: {}", yes(self.session_handles))?;
        writeln!(f, "PUT KEY blocks by C_WrapKey: {}", yes(self.wrap))?;
        writeln!(f, "CKA_DERIVE_TEMPLATE honoured: {}", yes(self.derive_template))?;
        writeln!(f, "check values of keys that derive: {}", yes(self.kcv))?;
        write!(f, "3DES: {}", yes(self.triple_des))
    }
}

/// The throw-away key: what is done with it is no secret.
const KEY: [u8; 32] = *b"cardwright throw-away probe key.";

/// A refusal is an answer. Whatever else went wrong says nothing of the next time.
fn answered<T>(result: Result<T, TokenError>) -> Result<Option<T>, TokenError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_refusal() => Ok(None),
        Err(error) => Err(error),
    }
}

impl Capabilities {
    /// Tries everything.
    pub(super) fn probe(bench: &Bench) -> Result<Self, TokenError> {
        Ok(Self {
            // Two PRF blocks, so that the counter counts; a third input block, as S16 has it.
            scp03: way(bench, Input { before: &kdf::label(kdf::Constant::SEnc, 256, 0)[..15], after: &[0xA5; 32] })?,
            kdf3: way(bench, Input { before: &[], after: &[0, 0, 0, 1, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0] })?,
            session_handles: answered(session_handles(bench))?.unwrap_or(false),
            wrap: answered(wraps(bench))?.unwrap_or(false),
            derive_template: answered(derive_template(bench))?.unwrap_or(false),
            kcv: answered(check_value(bench))?.unwrap_or(false),
            triple_des: answered(triple_des(bench))?.unwrap_or(false),
        })
    }
}

fn aes(bench: &Bench, value: &[u8], usage: Usage, guard: Guard) -> Result<ObjectHandle, TokenError> {
    bench.create(&template::known(KeyType::AES, value, usage, guard))
}

fn way(bench: &Bench, input: Input<'_>) -> Result<Option<Way>, TokenError> {
    let expected = expected(input).map_err(|error| bench.nonsense(error.to_string()))?;
    let Some(key) = answered(aes(bench, &KEY, Usage::DERIVE, Guard::Inside))? else { return Ok(None) };
    for way in [Way::Inside(LengthForm::Bytes), Way::Inside(LengthForm::DkmLength), Way::Blocks] {
        let mut derived = [0; 32];
        let answer = answered(derive::bytes(bench, way, key, input, &mut derived))?;
        if answer.is_some() && derived == expected {
            return Ok(Some(way));
        }
    }
    Ok(None)
}

fn expected(input: Input<'_>) -> Result<[u8; 32], KeyLength> {
    let mut expected = [0; 32];
    kdf::derive_around(&mut CmacKey::new(&KEY)?, input.before, input.after, &mut expected);
    Ok(expected)
}

fn session_handles(bench: &Bench) -> Result<bool, TokenError> {
    let soft = |error: KeyLength| bench.nonsense(error.to_string());
    let mac = aes(bench, &KEY, Usage::SIGN, Guard::Inside)?;
    let enc = aes(bench, &KEY, Usage::CIPHER, Guard::Inside)?;
    let data = [0x5A; 32];
    let maced = bench.call(|session| session.sign(&Mechanism::AesCMac, mac, &data))?;
    let encrypted = bench.call(|session| session.encrypt(&Mechanism::AesCbc([0; 16]), enc, &data))?;
    let decrypted = bench.call(|session| session.decrypt(&Mechanism::AesCbc([0; 16]), enc, &encrypted))?;
    let mut expected = data;
    AesKey::new(&KEY).map_err(soft)?.cbc_encrypt(&[0; 16], &mut expected);
    let cmac: Block = CmacKey::new(&KEY).map_err(soft)?.mac(&[&data]);
    Ok(maced == cmac && encrypted == expected && decrypted == data)
}

fn wraps(bench: &Bench) -> Result<bool, TokenError> {
    let dek = aes(bench, &KEY, Usage::CARD_DEK, Guard::Inside)?;
    let new = aes(bench, &KEY, Usage::DERIVE, Guard::Extractable)?;
    let wrapped = bench.call(|session| session.wrap_key(&Mechanism::AesCbc([0; 16]), dek, new))?;
    let mut expected = KEY;
    let soft = AesKey::new(&KEY).map_err(|error| bench.nonsense(error.to_string()))?;
    soft.cbc_encrypt(&[0; 16], &mut expected);
    Ok(wrapped == expected)
}

fn check_value(bench: &Bench) -> Result<bool, TokenError> {
    let key = aes(bench, &KEY, Usage::DERIVE, Guard::Inside)?;
    let soft = AesKey::new(&KEY).map_err(|error| bench.nonsense(error.to_string()))?;
    let (mut inside, mut expected) = ([1; 16], [1; 16]);
    bench.cbc(key, [0; 16], &mut inside)?;
    soft.cbc_encrypt(&[0; 16], &mut expected);
    Ok(inside == expected)
}

/// Whether a readable key is refused, or made unreadable, under a template that says SENSITIVE.
fn derive_template(bench: &Bench) -> Result<bool, TokenError> {
    let master = template::known(KeyType::AES, &KEY, Usage::DERIVE, Guard::Inside);
    let master = bench.create(&master.with([template::derive_sensitive()]))?;
    let sensitive = template::session_key(16, Usage::DERIVE, Guard::Extractable);
    let mechanism =
        |data| Mechanism::AesCbcEncryptData(cryptoki::mechanism::ekdf::AesCbcDeriveParams::new([0; 16], data));
    bench.derive(&mechanism(&[1; 16]), master, &sensitive)?;
    let readable = bench.derive_bytes(&mechanism(&[1; 16]), master, &mut [0; 16]);
    Ok(answered(readable)?.is_none())
}

fn triple_des(bench: &Bench) -> Result<bool, TokenError> {
    // 3DES-ECB over zeros under these keys, of the second implementation that the suites of `cardwright-keys` check.
    for (key_type, len) in [(KeyType::DES2, 16), (KeyType::DES3, 24)] {
        let key = bench.create(&template::known(key_type, &KEY[..len], Usage::ENCRYPT, Guard::Inside))?;
        let block = bench.call(|session| session.encrypt(&Mechanism::Des3Ecb, key, &[0; 8]))?;
        let soft = cardwright_keys::key::SecretKey::new(&KEY[..len])
            .and_then(|key| key.kcv(cardwright_keys::key::Algorithm::TripleDes));
        let soft = soft.map_err(|error| bench.nonsense(error.to_string()))?;
        if block.len() != 8 || block[..3] != soft.0 {
            return Ok(false);
        }
    }
    Ok(true)
}
