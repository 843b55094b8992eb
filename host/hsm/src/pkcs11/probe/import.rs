//! Class IMPORT: an RSA import key with the profile of the custody protocol, a known master wrapped for it, and the
//! ways to get at that master a second time.

use super::{Answered, Class, Finding, Loot, Tried, Verdict, Weakness, any, attack};
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
    let attack = |what, run: &dyn Fn() -> Tried| attack(Class::Import, what, run);
    Ok(vec![
        attack("decrypt the wrapped master (C_Decrypt)", &|| decrypt(bench, key, &blob))?,
        attack("unwrap it a second time, readable", &|| unwrap_readable(bench, key, &blob))?,
        attack("unwrap it a second time, extractable, and wrap it under a known key", &|| {
            unwrap_extractable(bench, key, &blob)
        })?,
        attack("unwrap it a second time as a key that encrypts or signs", &|| unwrap_used(bench, key, &blob))?,
        attack("let the import key decrypt, by changing it", &|| {
            bench.call(|session| session.update_attributes(key, &[Attribute::Decrypt(true)])).answer()?;
            decrypt(bench, key, &blob)
        })?,
        attack("take the import key's template off, by changing it", &|| {
            let loose = template_attribute(UNWRAP_TEMPLATE, &[(AttributeType::Sensitive, false)]);
            bench.call(|session| session.update_attributes(key, &[loose])).answer()?;
            unwrap_readable(bench, key, &blob)
        })?,
        attack("copy the import key as one that decrypts", &|| {
            let copy = bench.call(|session| session.copy_object(key, &[Attribute::Decrypt(true)])).answer()?;
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
    let inside = [
        (AttributeType::Sensitive, true),
        (AttributeType::Extractable, false),
        (AttributeType::Encrypt, false),
        (AttributeType::Sign, false),
    ];
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
    let given = |usage: &Attribute| guard.iter().any(|given| given.attribute_type() == usage.attribute_type());
    template.extend([Attribute::Encrypt(false), Attribute::Sign(false)].into_iter().filter(|usage| !given(usage)));
    bench.call(|session| session.unwrap_key(&oaep(), with, blob, &template)).map(|object| bench.made(object))
}

fn decrypt(bench: &Bench, with: ObjectHandle, blob: &[u8]) -> Tried {
    let clear = bench.call(|session| session.decrypt(&oaep(), with, blob)).answer()?;
    Ok(if clear == MASTER { Loot::Key } else { Loot::Nothing("something else came out") })
}

/// Some tokens want both named, others take what is not named from the template.
fn unwrap_readable(bench: &Bench, with: ObjectHandle, blob: &[u8]) -> Tried {
    let (readable, extractable) = (Attribute::Sensitive(false), Attribute::Extractable(true));
    let guards =
        [vec![readable.clone(), extractable], vec![readable.clone(), Attribute::Extractable(false)], vec![readable]];
    any(guards.map(|guard| move || unwrap(bench, with, blob, &guard).answer().and_then(|key| bench.shown(key))))
}

fn unwrap_extractable(bench: &Bench, with: ObjectHandle, blob: &[u8]) -> Tried {
    let extractable = Attribute::Extractable(true);
    let guards = [vec![Attribute::Sensitive(true), extractable.clone()], vec![extractable]];
    any(guards
        .map(|guard| move || unwrap(bench, with, blob, &guard).answer().and_then(|key| bench.wraps_under_known(key))))
}

fn unwrap_used(bench: &Bench, with: ObjectHandle, blob: &[u8]) -> Tried {
    let uses: [Weakness; 2] = [(Attribute::Encrypt(true), Bench::encrypts), (Attribute::Sign(true), Bench::signs)];
    any(uses.map(|(usage, used)| {
        move || {
            let guard = [Attribute::Sensitive(true), Attribute::Extractable(false), usage];
            unwrap(bench, with, blob, &guard).answer().and_then(|key| used(bench, key))
        }
    }))
}
