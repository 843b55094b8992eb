//! Keys that stay in a token: made, listed, destroyed.

use super::bench::Bench;
use super::capabilities::Capabilities;
use super::card_keys::{custody, kcv};
use super::derive::Way;
use super::error::TokenError;
use super::hardening;
use super::module::locked;
use super::objects::{Filter, Found, Object, PARTS};
use super::template::{self, Guard, Usage};
use super::{Token, failed};
use cardwright_keys::key::{Algorithm, KeyMaterial, SecretKey};
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::{Kcvs, KeyInfo, KeySpec, KeyType, Purpose, Store, VaultError};
use cardwright_proto::block::AesKey;
use cardwright_proto::gp::key::{Kcv, KeySet};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::object::{Attribute, KeyType as CkKeyType, ObjectHandle};
use std::cell::Cell;
use std::sync::Arc;

impl Store for Token {
    fn list(&self) -> Result<Vec<KeyInfo>, VaultError> {
        self.again(|| {
            let bench = Bench::new(&self.connection).map_err(failed)?;
            let capabilities = self.capabilities_on(&bench).map_err(failed)?;
            let all = self.filter.all(&bench).map_err(failed)?;
            all.into_iter().map(|(name, found)| info(&bench, &capabilities, name, &found).map_err(failed)).collect()
        })
    }

    fn generate(&mut self, name: &Name, spec: KeySpec) -> Result<KeyInfo, VaultError> {
        self.make(name, spec, None)
    }

    fn import(&mut self, name: &Name, spec: KeySpec, material: &KeyMaterial) -> Result<KeyInfo, VaultError> {
        let length = VaultError::Unfit("it is longer or shorter than a key of its type");
        if material.key_len() != spec.key_type.key_len() {
            return Err(length);
        }
        self.make(name, spec, Some(material))
    }

    fn destroy(&mut self, name: &Name) -> Result<(), VaultError> {
        // A second try that finds nothing is the end of the first one.
        let begun = Cell::new(false);
        self.again(|| {
            let bench = Bench::new(&self.connection).map_err(failed)?;
            locked(&self.connection.found).clear();
            let mut objects = self.filter.everything(&bench, name).map_err(failed)?;
            match (objects.is_empty(), begun.get()) {
                (true, true) => return Ok(()),
                (true, false) => return Err(VaultError::UnknownKey(name.to_string())),
                (false, _) => {}
            }
            if PARTS.iter().any(|part| name.as_str().ends_with(part)) {
                return Err(VaultError::Unfit("it is one of a card's three keys: name the set, without the ending"));
            }
            for object in &objects {
                let count = objects.iter().filter(|other| other.label == object.label).count();
                if count > 1 {
                    let token = Arc::clone(&bench.connection.name);
                    return Err(failed(TokenError::Ambiguous { token, label: object.label.clone(), count }));
                }
            }
            // SoftHSM 2.6.1 mixes up handles after a destroy: what is left is found again.
            while let Some(Object { handle, label, .. }) = objects.first() {
                begun.set(true);
                bench.call(|session| session.destroy_object(*handle)).map_err(failed)?;
                locked(&self.connection.found).clear();
                let left = self.filter.everything(&bench, name).map_err(failed)?;
                if left.iter().any(|object| object.label == *label) {
                    let token = Arc::clone(&bench.connection.name);
                    return Err(failed(TokenError::NotDestroyed { token, label: label.clone() }));
                }
                objects = left;
            }
            Ok(())
        })
    }
}

/// One object to be made.
struct Part<'a> {
    label: String,
    usage: Usage,
    value: Option<&'a SecretKey>,
}

fn parts<'a>(name: &Name, spec: KeySpec, material: Option<&'a KeyMaterial>) -> Result<Vec<Part<'a>>, VaultError> {
    let refuse = VaultError::Unfit;
    if spec.purpose == Purpose::Card && spec.portable {
        return Err(refuse(
            "PUT KEY wraps a card's keys under the card's own Key-DEK, which no security officer trusts",
        ));
    }
    if PARTS.iter().any(|part| name.as_str().ends_with(part)) {
        return Err(refuse("names that end in .enc, .mac and .dek are those of a card's three keys"));
    }
    let set = match material {
        None => None,
        Some(KeyMaterial::One(key)) if spec.purpose == Purpose::Card => Some(KeySet { enc: key, mac: key, dek: key }),
        Some(KeyMaterial::Set(set)) if spec.purpose == Purpose::Card => Some(set.as_ref()),
        Some(KeyMaterial::Set(_)) => return Err(refuse("three keys were given where one is wanted")),
        Some(KeyMaterial::One(key)) => {
            return Ok(vec![Part { label: name.to_string(), usage: Usage::of(spec), value: Some(key) }]);
        }
    };
    if spec.purpose != Purpose::Card {
        return Ok(vec![Part { label: name.to_string(), usage: Usage::of(spec), value: None }]);
    }
    if spec.key_type.algorithm() != Algorithm::Aes {
        return Err(refuse("a card's keys are AES keys here, for SCP03"));
    }
    let part = |part, usage, value| Part { label: format!("{name}{part}"), usage, value };
    Ok(vec![
        part(PARTS.enc, Usage::DERIVE, set.map(|set| set.enc)),
        part(PARTS.mac, Usage::DERIVE, set.map(|set| set.mac)),
        part(PARTS.dek, Usage::CARD_DEK, set.map(|set| set.dek)),
    ])
}

/// A card's keys are made to be loaded onto a card, and PUT KEY takes what is extractable.
const fn guard(spec: KeySpec) -> Guard {
    match (spec.portable, spec.purpose) {
        (true, _) => Guard::Portable,
        (false, Purpose::Card) => Guard::Extractable,
        (false, _) => Guard::Inside,
    }
}

impl Token {
    /// Makes all objects of a key, or none. Not tried again after a lost session: what came of it is cleared away
    /// instead.
    fn make(&self, name: &Name, spec: KeySpec, material: Option<&KeyMaterial>) -> Result<KeyInfo, VaultError> {
        let parts = parts(name, spec, material)?;
        if self.filter != Filter::default() {
            return Err(VaultError::Unable {
                what: "make a key",
                reason: "its URI narrows it to objects that there are: leave out object= and id=",
            });
        }
        let (capabilities, id) = self.again(|| {
            let bench = Bench::new(&self.connection).map_err(failed)?;
            let capabilities = self.capabilities_on(&bench).map_err(failed)?;
            able(&capabilities, spec)?;
            if !self.filter.everything(&bench, name).map_err(failed)?.is_empty() {
                return Err(VaultError::Exists(name.clone()));
            }
            let mut id = vec![0; 16];
            bench.call(|session| session.generate_random_slice(&mut id)).map_err(failed)?;
            Ok((capabilities, id))
        })?;
        let made = self.make_parts(&capabilities, spec, &id, &parts).and_then(|()| {
            let bench = Bench::new(&self.connection)?;
            let found = self.filter.find(&bench, name)?;
            let as_asked = |found: &Found| {
                let kept =
                    |object: &Object| guard(spec).is_kept(object.sensitive, object.extractable, object.with_trusted);
                found.spec() == Some(spec) && found.objects().into_iter().all(kept)
            };
            let found = found.filter(as_asked);
            let found = found.ok_or_else(|| bench.nonsense("a new key that is not what was asked for"))?;
            info(&bench, &capabilities, name.clone(), &found)
        });
        made.map_err(|error| {
            if let Err(left) = self.clear_away(&id) {
                tracing::warn!(error = %left, key = %name, "half a key is left in the token");
            }
            failed(error)
        })
    }

    fn make_parts(
        &self,
        capabilities: &Capabilities,
        spec: KeySpec,
        id: &[u8],
        parts: &[Part<'_>],
    ) -> Result<(), TokenError> {
        let bench = Bench::new(&self.connection)?;
        let insists = spec.purpose == Purpose::Master
            && capabilities.derive_template
            && matches!(capabilities.kdf3, Some(Way::Inside(_)));
        for Part { label, usage, value } in parts {
            let value = value.map(SecretKey::expose);
            let template = template::token_key(label, id, spec.key_type, *usage, guard(spec), value);
            let (_, refused) = hardening::most(&hardening::of(*usage, insists), |more| {
                create(&bench, spec.key_type, value.is_some(), &template.clone().with(more))
            })?;
            for attribute in refused {
                tracing::warn!(key = %label, attribute, token = %bench.connection.name, "the token refuses this attribute");
            }
        }
        Ok(())
    }

    /// Destroys what has this CKA_ID, on a session of its own: the last one may be gone.
    fn clear_away(&self, id: &[u8]) -> Result<(), TokenError> {
        self.connection.forget();
        let bench = Bench::new(&self.connection)?;
        let template = [Attribute::Token(true), Attribute::Id(id.to_vec())];
        let find = || bench.call(|session| session.find_objects(&template));
        let mut left = find()?;
        while let Some(object) = left.first() {
            bench.call(|session| session.destroy_object(*object))?;
            let fewer = find()?;
            if fewer.len() >= left.len() {
                let token = Arc::clone(&bench.connection.name);
                return Err(TokenError::NotDestroyed { token, label: format!("CKA_ID {}", hex::encode(id)) });
            }
            left = fewer;
        }
        Ok(())
    }
}

fn create(bench: &Bench, key_type: KeyType, known: bool, template: &[Attribute]) -> Result<ObjectHandle, TokenError> {
    let mechanism = match key_type {
        KeyType::Aes128 | KeyType::Aes192 | KeyType::Aes256 => Mechanism::AesKeyGen,
        KeyType::TripleDes2 => Mechanism::Des2KeyGen,
        KeyType::TripleDes3 => Mechanism::Des3KeyGen,
    };
    bench.call(
        |session| {
            if known { session.create_object(template) } else { session.generate_key(&mechanism, template) }
        },
    )
}

fn able(capabilities: &Capabilities, spec: KeySpec) -> Result<(), VaultError> {
    let refuse = |reason| Err(VaultError::Unable { what: "make such a key", reason });
    if spec.key_type.algorithm() == Algorithm::TripleDes && !capabilities.triple_des {
        return refuse("the token has no 3DES");
    }
    let derives = capabilities.kdf3.is_some() && capabilities.scp03.is_some();
    match (spec.purpose, spec.key_type.algorithm()) {
        (Purpose::Master | Purpose::Card, Algorithm::Aes) if !derives => {
            refuse("the token could derive nothing from it for SCP03")
        }
        _ => Ok(()),
    }
}

fn info(bench: &Bench, capabilities: &Capabilities, name: Name, found: &Found) -> Result<KeyInfo, TokenError> {
    let spec = found.spec().ok_or_else(|| bench.nonsense("attributes that have changed"))?;
    let derives = found.objects().iter().all(|object| object.usage.derive);
    let kcvs = match found {
        _ if derives && !capabilities.kcv => None,
        Found::One(object) => single_kcv(bench, object, spec)?.map(Kcvs::One),
        Found::Set(set) => Some(Kcvs::Set(set.as_ref().try_map(|object| kcv(bench, object.handle))?)),
    };
    Ok(KeyInfo { name, spec, version: None, kcvs, custody: custody(capabilities, found) })
}

/// The check value, by whatever the key is allowed to do; `None` where that is nothing that shows one.
fn single_kcv(bench: &Bench, object: &Object, spec: KeySpec) -> Result<Option<Kcv>, TokenError> {
    let key = object.handle;
    match (spec.key_type.algorithm(), spec.purpose) {
        (Algorithm::TripleDes, Purpose::Master | Purpose::Enc) => {
            encrypted(bench, key, &Mechanism::Des3Ecb, &[0; 8]).map(Some)
        }
        (Algorithm::Aes, Purpose::Enc) => encrypted(bench, key, &Mechanism::AesCbc([0; 16]), &[1; 16]).map(Some),
        (Algorithm::Aes, Purpose::Dek) => {
            // The data is a key of ones, wrapped.
            let ones = bench.create(&template::known(CkKeyType::AES, &[1; 16], Usage::NONE, Guard::Extractable))?;
            let wrapped = bench.call(|session| session.wrap_key(&Mechanism::AesCbc([0; 16]), key, ones))?;
            bench.discard(ones)?;
            first_three(bench, &wrapped).map(Some)
        }
        (Algorithm::Aes, Purpose::Master | Purpose::Card) => match kcv(bench, key) {
            Err(error) if error.is_template() => sensitive_kcv(bench, key).map(Some),
            kcv => kcv.map(Some),
        },
        _ => Ok(None),
    }
}

fn first_three(bench: &Bench, bytes: &[u8]) -> Result<Kcv, TokenError> {
    bytes.first_chunk().map(|first| Kcv(*first)).ok_or_else(|| bench.nonsense("a ciphertext of under three bytes"))
}

fn encrypted(bench: &Bench, key: ObjectHandle, mechanism: &Mechanism<'_>, block: &[u8]) -> Result<Kcv, TokenError> {
    let encrypted = bench.call(|session| session.encrypt(mechanism, key, block))?;
    first_three(bench, &encrypted)
}

/// The check value of a master that lets nothing readable be derived: the block is derived unreadable, wrapped under a
/// throw-away key and unwrapped here. It is a check value's block and no card's key.
fn sensitive_kcv(bench: &Bench, master: ObjectHandle) -> Result<Kcv, TokenError> {
    let mut throw_away = [0; 16];
    bench.call(|session| session.generate_random_slice(&mut throw_away))?;
    let known = template::known(CkKeyType::AES, &throw_away, Usage::CARD_DEK, Guard::Inside);
    let wrapping = bench.create(&known)?;
    let mechanism = Mechanism::AesCbcEncryptData(AesCbcDeriveParams::new([0; 16], &[1; 16]));
    let sealed = bench.derive(&mechanism, master, &template::session_key(16, Usage::NONE, Guard::Extractable))?;
    let mut wrapped = bench.call(|session| session.wrap_key(&Mechanism::AesCbc([0; 16]), wrapping, sealed))?;
    bench.discard(sealed)?;
    bench.discard(wrapping)?;
    let soft = AesKey::new(&throw_away).map_err(|error| bench.nonsense(error.to_string()))?;
    soft.cbc_decrypt(&[0; 16], &mut wrapped);
    first_three(bench, &wrapped)
}
