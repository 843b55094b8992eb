//! Class IMPORT: an RSA import key with the profile of the custody protocol, a known master wrapped for it, and the
//! ways to get at that master a second time.

use super::{Class, Finding, Loot, Verdict, attack};
use crate::pkcs11::bench::Bench;
use crate::pkcs11::error::TokenError;
use crate::pkcs11::template::template_attribute;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};

/// The master that comes in. That it is known is the point: what comes out is compared with it.
const MASTER: [u8; 16] = [0xA7; 16];

/// CKA_UNWRAP_TEMPLATE
const UNWRAP_TEMPLATE: u64 = 0x4000_0212;

pub(super) fn all(bench: &Bench) -> Result<Vec<Finding>, TokenError> {
    let (key, blob) = match prepare(bench) {
        Ok(import) => import,
        Err(error) if error.is_lost() => return Err(error),
        Err(error) => {
            let verdict = Verdict::NotTried(format!("no import key of that profile, or no import: {error}"));
            return Ok(vec![Finding { class: Class::Import, attack: "import a master under the profile", verdict }]);
        }
    };
    let attack = |what, run: &dyn Fn() -> Result<Loot, TokenError>| attack(Class::Import, what, run);
    Ok(vec![
        attack("decrypt the wrapped master (C_Decrypt)", &|| decrypt(bench, key, &blob))?,
        attack("unwrap it a second time, readable", &|| unwrap_readable(bench, key, &blob))?,
        attack("let the import key decrypt, by changing it", &|| {
            bench.call(|session| session.update_attributes(key, &[Attribute::Decrypt(true)]))?;
            decrypt(bench, key, &blob)
        })?,
        attack("take the import key's template off, by changing it", &|| {
            let loose = template_attribute(UNWRAP_TEMPLATE, &[(AttributeType::Sensitive, false)]);
            bench.call(|session| session.update_attributes(key, &[loose]))?;
            unwrap_readable(bench, key, &blob)
        })?,
        attack("copy the import key as one that decrypts", &|| {
            let copy = bench.call(|session| session.copy_object(key, &[Attribute::Decrypt(true)]))?;
            decrypt(bench, bench.made(copy), &blob)
        })?,
    ])
}

/// RSA-OAEP with SHA-1: all that many HSMs offer, and sound for this.
fn oaep() -> Mechanism<'static> {
    Mechanism::RsaPkcsOaep(PkcsOaepParams::new(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, PkcsOaepSource::empty()))
}

/// Makes the import key, wraps the known master for it, and checks that the one import that is meant works.
fn prepare(bench: &Bench) -> Result<(ObjectHandle, Vec<u8>), TokenError> {
    let inside = [(AttributeType::Sensitive, true), (AttributeType::Extractable, false)];
    let public = [
        Attribute::Token(false),
        Attribute::ModulusBits(2048.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
        Attribute::Encrypt(true),
    ];
    let private = [
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Decrypt(false),
        Attribute::Sign(false),
        Attribute::Unwrap(true),
        Attribute::Modifiable(false),
        Attribute::Copyable(false),
        template_attribute(UNWRAP_TEMPLATE, &inside),
    ];
    let (public, private) =
        bench.call(|session| session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private))?;
    let (public, private) = (bench.made(public), bench.made(private));
    let blob = bench.call(|session| session.encrypt(&oaep(), public, &MASTER))?;
    // SoftHSM2 wants both named although the template says them.
    unwrap(bench, private, &blob, &[Attribute::Sensitive(true), Attribute::Extractable(false)])?;
    Ok((private, blob))
}

fn unwrap(bench: &Bench, with: ObjectHandle, blob: &[u8], guard: &[Attribute]) -> Result<ObjectHandle, TokenError> {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(false),
        Attribute::Derive(true),
    ];
    template.extend_from_slice(guard);
    bench.call(|session| session.unwrap_key(&oaep(), with, blob, &template)).map(|object| bench.made(object))
}

fn decrypt(bench: &Bench, with: ObjectHandle, blob: &[u8]) -> Result<Loot, TokenError> {
    let clear = bench.call(|session| session.decrypt(&oaep(), with, blob))?;
    Ok(if clear == MASTER { Loot::Key } else { Loot::Nothing("something else came out") })
}

fn unwrap_readable(bench: &Bench, with: ObjectHandle, blob: &[u8]) -> Result<Loot, TokenError> {
    let readable = [Attribute::Sensitive(false), Attribute::Extractable(true)];
    let key = unwrap(bench, with, blob, &readable)?;
    bench.shown(key)
}
