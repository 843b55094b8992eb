//! A card's static keys in a token: derived from a master, or a set that is kept there.

use super::Token;
use super::bench::Bench;
use super::capabilities::Capabilities;
use super::derive::{self, Input, Way};
use super::error::TokenError;
use super::objects::{Found, Object};
use super::session::TokenSession;
use super::template::{Guard, Usage};
use super::{SessionKeys, failed};
use crate::keyring::Session;
use crate::soft::SoftVault;
use cardwright_keys::diversify;
use cardwright_keys::key::{Algorithm, SecretKey, StaticKeys};
use cardwright_keys::keyref::{Name, Scheme};
use cardwright_keys::vault::{ChallengeInput, Custody, KeyType, Purpose, Vault, VaultError};
use cardwright_proto::gp::key::{Kcv, KeySet};
use cardwright_proto::scp::kdf::{self, Constant, Context};
use cardwright_proto::scp::{SoftCipher, Token as Challenge};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use std::sync::{Arc, OnceLock};
use zeroize::Zeroizing;

/// A card's three static keys: handles, whose objects go when this is dropped, or keys that the token could only give
/// out.
#[derive(Debug)]
pub struct TokenKeys {
    pub(super) held: Held,
    pub(super) key_len: usize,
    custody: Custody,
    session_keys: SessionKeys,
    kcvs: OnceLock<KeySet<Kcv>>,
}

/// Where the keys are.
#[derive(Debug)]
pub(super) enum Held {
    /// In the token.
    Inside(Inside),
    /// The token made them and cannot use them where they are, so they are in memory.
    Software(StaticKeys),
}

/// Keys in a token, and the session that works with them.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) bench: Bench,
    pub(super) handles: KeySet<ObjectHandle>,
    pub(super) capabilities: Arc<Capabilities>,
    origin: Origin,
}

/// Where the handles came from.
#[derive(Debug)]
enum Origin {
    /// Derived from this master, with this KDD.
    Master(ObjectHandle, [u8; 10]),
    /// Kept in the token.
    Set,
}

/// KDF3's input behind the counter, for key number `k`.
fn kdf3(k: u8, kdd: &[u8; 10]) -> [u8; 15] {
    let mut after = [0; 15];
    after[3] = k;
    after[5..].copy_from_slice(kdd);
    after
}

const NUMBERS: KeySet<u8> = KeySet { enc: 1, mac: 2, dek: 3 };
const USAGES: KeySet<Usage> = KeySet { enc: Usage::DERIVE, mac: Usage::DERIVE, dek: Usage::CARD_DEK };

/// Pairs, key by key.
pub(super) fn zip<A, B>(a: KeySet<A>, b: KeySet<B>) -> KeySet<(A, B)> {
    KeySet { enc: (a.enc, b.enc), mac: (a.mac, b.mac), dek: (a.dek, b.dek) }
}

impl Token {
    /// The static keys of the card with this KDD: derived from a master, or a set as it is.
    ///
    /// # Errors
    /// [`VaultError::UnknownKey`], [`VaultError::Purpose`], [`VaultError::Diversification`], [`VaultError::Unable`],
    /// [`VaultError::Failed`] with a [`TokenError`].
    pub fn card_keys(&self, name: &Name, scheme: Scheme, kdd: &[u8; 10]) -> Result<TokenKeys, VaultError> {
        self.again(|| {
            let bench = Bench::new(&self.connection).map_err(failed)?;
            let capabilities = self.capabilities_on(&bench).map_err(failed)?;
            let found = self.found(&bench, name)?;
            let job = Job { name, scheme, kdd, session_keys: self.options.session_keys };
            job.card_keys(bench, &capabilities, &found)
        })
    }
}

/// One derivation.
struct Job<'a> {
    name: &'a Name,
    scheme: Scheme,
    kdd: &'a [u8; 10],
    session_keys: SessionKeys,
}

impl Job<'_> {
    fn diversification(&self, reason: &'static str) -> VaultError {
        VaultError::Diversification { key: self.name.to_string(), reason }
    }

    fn keys(&self, held: Held, key_len: usize, custody: Custody) -> TokenKeys {
        TokenKeys { held, key_len, custody, session_keys: self.session_keys, kcvs: OnceLock::new() }
    }

    fn card_keys(
        &self,
        bench: Bench,
        capabilities: &Arc<Capabilities>,
        found: &Found,
    ) -> Result<TokenKeys, VaultError> {
        let spec = found.spec().ok_or_else(|| failed(unbound(&bench, self.name, found)))?;
        let wanted = if self.scheme == Scheme::Plain { Purpose::Card } else { Purpose::Master };
        if spec.purpose != wanted {
            return Err(VaultError::Purpose { key: self.name.to_string(), purpose: spec.purpose, wanted });
        }
        let custody = custody(capabilities, found);
        match (found, self.scheme) {
            (Found::Set(set), _) => {
                if capabilities.scp03.is_none() {
                    return Err(UNABLE);
                }
                let handles = set.as_ref().map(|object| object.handle);
                let inside = Inside { bench, handles, capabilities: Arc::clone(capabilities), origin: Origin::Set };
                Ok(self.keys(Held::Inside(inside), spec.key_type.key_len(), custody))
            }
            (Found::One(master), Scheme::Kdf3) => self.kdf3(bench, capabilities, (master, spec.key_type), custody),
            (Found::One(master), Scheme::Visa | Scheme::Visa2 | Scheme::Emv) => {
                self.triple_des(&bench, (master, spec.key_type), custody)
            }
            (Found::One(_), _) => Err(self.diversification(
                "in a token there are kdf3, visa, visa2 and emv; this scheme takes a master in a file",
            )),
        }
    }

    fn kdf3(
        &self,
        bench: Bench,
        capabilities: &Arc<Capabilities>,
        (master, key_type): (&Object, KeyType),
        custody: Custody,
    ) -> Result<TokenKeys, VaultError> {
        let (Some(way), Some(_)) = (capabilities.kdf3, capabilities.scp03) else { return Err(UNABLE) };
        if key_type.algorithm() != Algorithm::Aes {
            return Err(self.diversification("kdf3 takes an AES master"));
        }
        let len = key_type.key_len();
        let inputs = NUMBERS.map(|k| kdf3(k, self.kdd));
        if way == Way::Blocks && len != 16 {
            let keys = inputs.try_map(|after| {
                let mut key = Zeroizing::new([0; 32]);
                let input = Input { before: &[], after: &after };
                derive::bytes(&bench, way, master.handle, input, &mut key[..len]).map_err(failed)?;
                SecretKey::new(&key[..len]).map_err(|error| failed(bench.nonsense(error.to_string())))
            })?;
            return Ok(self.keys(Held::Software(keys.into()), len, custody));
        }
        let handles = derive_set(&bench, way, (master.handle, self.kdd), len, Guard::Inside).map_err(failed)?;
        let origin = Origin::Master(master.handle, *self.kdd);
        let inside = Inside { bench, handles, capabilities: Arc::clone(capabilities), origin };
        Ok(self.keys(Held::Inside(inside), len, custody))
    }

    /// 3DES-ECB of six blocks, two for each key. The keys are AES keys, and pass through the host.
    fn triple_des(
        &self,
        bench: &Bench,
        (master, key_type): (&Object, KeyType),
        custody: Custody,
    ) -> Result<TokenKeys, VaultError> {
        if key_type != KeyType::TripleDes2 {
            return Err(self.diversification("this diversification takes a 16-byte master (3DES with two keys)"));
        }
        let blocks = NUMBERS.try_map(|k| {
            let blocks = diversify::triple_des_blocks(self.scheme, k, self.kdd);
            blocks.ok_or_else(|| self.diversification("it is no scheme of 3DES"))
        })?;
        let clear = [blocks.enc, blocks.mac, blocks.dek].as_flattened().as_flattened().to_vec();
        let keys = bench.call(|session| session.encrypt(&Mechanism::Des3Ecb, master.handle, &clear));
        let keys = Zeroizing::new(keys.map_err(failed)?);
        let parts: Vec<_> = keys.chunks_exact(16).map(SecretKey::new).collect();
        match <[_; 3]>::try_from(parts) {
            Ok([Ok(enc), Ok(mac), Ok(dek)]) if keys.len() == 48 => {
                Ok(self.keys(Held::Software(KeySet { enc, mac, dek }.into()), 16, custody))
            }
            _ => Err(failed(bench.nonsense(format!("{} bytes of ciphertext in place of 48", keys.len())))),
        }
    }
}

const UNABLE: VaultError = VaultError::Unable {
    what: "derive a card's keys",
    reason: "the token has neither SP 800-108 with AES-CMAC in SCP03's layout nor CKM_AES_CBC_ENCRYPT_DATA",
};

const NO_KCV: VaultError = VaultError::Unable {
    what: "compute the check values of a card's keys",
    reason: "the token has no CKM_AES_CBC_ENCRYPT_DATA, and its keys do nothing else that shows one",
};

fn unbound(bench: &Bench, key: &Name, found: &Found) -> TokenError {
    let may = found.objects().first().map(|object| object.usage.words()).unwrap_or_default();
    TokenError::Unbound { token: Arc::clone(&bench.connection.name), key: key.clone(), may }
}

/// What stays inside when cards' keys come from this key.
pub(super) fn custody(capabilities: &Capabilities, found: &Found) -> Custody {
    if found.is_exposed() {
        return Custody::Software;
    }
    let inside = |way| matches!(way, Some(Way::Inside(_)));
    let derived = match found {
        Found::One(master) => {
            inside(capabilities.kdf3) && master.key_type.is_some_and(|kind| kind.algorithm() == Algorithm::Aes)
        }
        Found::Set(_) => true,
    };
    if derived && inside(capabilities.scp03) { Custody::StaticKeysNeverLeave } else { Custody::MasterNeverLeaves }
}

fn derive_set(
    bench: &Bench,
    way: Way,
    (master, kdd): (ObjectHandle, &[u8; 10]),
    len: usize,
    guard: Guard,
) -> Result<KeySet<ObjectHandle>, TokenError> {
    zip(NUMBERS, USAGES).try_map(|(k, usage)| {
        let after = kdf3(k, kdd);
        let key = derive::object(bench, way, master, Input { before: &[], after: &after }, len, (usage, guard))?;
        key.ok_or_else(|| bench.nonsense("a key of another length than a moment ago"))
    })
}

impl Inside {
    /// SCP03's derivation: label up to L.
    fn label(constant: Constant, len: usize) -> [u8; 16] {
        kdf::label(constant, u16::try_from(len * 8).unwrap_or_default(), 0)
    }

    fn way(&self) -> Result<Way, VaultError> {
        self.capabilities.scp03.ok_or(UNABLE)
    }

    /// Derived bytes, read from the token.
    fn bytes(
        &self,
        base: ObjectHandle,
        constant: Constant,
        context: &Context,
        out: &mut [u8],
    ) -> Result<(), VaultError> {
        let label = Self::label(constant, out.len());
        let input = Input { before: &label[..15], after: context.bytes() };
        derive::bytes(&self.bench, self.way()?, base, input, out).map_err(failed)
    }

    /// Session keys, read from the token.
    fn readable_session(&self, len: usize, context: &Context) -> Result<SoftCipher, VaultError> {
        let KeySet { enc, mac, .. } = self.handles;
        let key = |base, constant| {
            let mut key = Zeroizing::new([0; 32]);
            self.bytes(base, constant, context, &mut key[..len]).map(|()| key)
        };
        let (s_enc, s_mac, s_rmac) = (key(enc, Constant::SEnc)?, key(mac, Constant::SMac)?, key(mac, Constant::SRmac)?);
        SoftCipher::new(&s_enc[..len], &s_mac[..len], &s_rmac[..len])
            .map_err(|error| failed(self.bench.nonsense(error.to_string())))
    }

    /// Session keys as handles, on a session of their own; `None` where they would have to be read.
    fn handle_session(&self, len: usize, context: &Context) -> Result<Option<TokenSession>, VaultError> {
        let way = self.way()?;
        if !self.capabilities.session_handles || (way == Way::Blocks && len != 16) {
            return Ok(None);
        }
        let bench = Bench::new(&self.bench.connection).map_err(failed)?;
        let key = |base, constant, usage| {
            let label = Self::label(constant, len);
            let input = Input { before: &label[..15], after: context.bytes() };
            derive::object(&bench, way, base, input, len, (usage, Guard::Inside)).map_err(failed)
        };
        let KeySet { enc, mac, .. } = self.handles;
        let s_enc = key(enc, Constant::SEnc, Usage::CIPHER)?;
        let s_mac = key(mac, Constant::SMac, Usage::SIGN)?;
        let s_rmac = key(mac, Constant::SRmac, Usage::SIGN)?;
        Ok(s_enc.zip(s_mac).zip(s_rmac).map(|((enc, mac), rmac)| TokenSession::new(bench, enc, mac, rmac)))
    }

    /// The keys for C_WrapKey, which has to be allowed to take them: derived once more where they came from a master,
    /// for those that open sessions are not extractable.
    pub(super) fn wrappable(&self, len: usize) -> Result<KeySet<ObjectHandle>, VaultError> {
        match (&self.origin, self.capabilities.kdf3) {
            (Origin::Master(master, kdd), Some(way)) => {
                derive_set(&self.bench, way, (*master, kdd), len, Guard::Extractable).map_err(failed)
            }
            (Origin::Master(..), None) => Err(UNABLE),
            (Origin::Set, _) => Ok(self.handles),
        }
    }

    /// Destroys what [`Self::wrappable`] derived.
    pub(super) fn discard(&self, keys: KeySet<ObjectHandle>) -> Result<(), VaultError> {
        match self.origin {
            Origin::Master(..) => keys.iter().try_for_each(|key| self.bench.discard(*key)).map_err(failed),
            Origin::Set => Ok(()),
        }
    }
}

/// First 3 bytes of AES over 16 x 01, by a key that may derive and nothing else (CS B.5).
pub(super) fn kcv(bench: &Bench, key: ObjectHandle) -> Result<Kcv, TokenError> {
    let mut block = [1; 16];
    bench.cbc(key, [0; 16], &mut block)?;
    Ok(Kcv([block[0], block[1], block[2]]))
}

impl TokenKeys {
    /// What of these keys stays inside.
    #[must_use]
    pub const fn custody(&self) -> Custody {
        self.custody
    }

    /// Bytes of each key: 16, 24 or 32.
    #[must_use]
    pub const fn key_len(&self) -> usize {
        self.key_len
    }

    /// Check values under AES, computed once.
    ///
    /// # Errors
    /// [`VaultError::Unable`] where the token has no CKM_AES_CBC_ENCRYPT_DATA;
    /// [`VaultError::Failed`] with a [`TokenError`].
    pub fn kcvs(&self) -> Result<KeySet<Kcv>, VaultError> {
        if let Some(known) = self.kcvs.get() {
            return Ok(*known);
        }
        let kcvs = match &self.held {
            Held::Inside(inside) if !inside.capabilities.kcv => return Err(NO_KCV),
            Held::Inside(inside) => inside.handles.try_map(|key| kcv(&inside.bench, key)).map_err(failed)?,
            Held::Software(keys) => SoftVault::new().kcvs(keys)?,
        };
        Ok(*self.kcvs.get_or_init(|| kcvs))
    }

    /// Session keys over a context: handles in the token, or in memory where the token cannot work with them, or the
    /// options say so.
    ///
    /// # Errors
    /// [`VaultError::Unable`], [`VaultError::Failed`] with a [`TokenError`].
    pub fn session(&self, context: &Context) -> Result<Session, VaultError> {
        let inside = match &self.held {
            Held::Inside(inside) => inside,
            Held::Software(keys) => return SoftVault::new().session(keys, context).map(Session::Soft),
        };
        let handles = match self.session_keys {
            SessionKeys::Handles => inside.handle_session(self.key_len, context)?,
            SessionKeys::Readable => None,
        };
        match handles {
            Some(keys) => Ok(Session::Token(keys)),
            None => inside.readable_session(self.key_len, context).map(Session::Soft),
        }
    }

    /// The pseudo-random challenge that a card with these keys gives (AmdD 6.2.2.1).
    ///
    /// # Errors
    /// As [`Self::session`].
    pub fn card_challenge(&self, input: &ChallengeInput<'_>) -> Result<Challenge, VaultError> {
        match &self.held {
            Held::Inside(inside) => {
                let mut challenge = [0; 16];
                let context = Context::challenge(input.counter, input.aid);
                let out = &mut challenge[..input.mode.width()];
                inside.bytes(inside.handles.enc, Constant::CardChallenge, &context, out)?;
                Ok(Challenge::cut(challenge, input.mode))
            }
            Held::Software(keys) => SoftVault::new().card_challenge(keys, input),
        }
    }
}
