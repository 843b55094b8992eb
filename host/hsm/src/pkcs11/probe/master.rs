//! Class MASTER: a throw-away master, made as real ones are, and everything that could give it away.
//!
//! What is tried is what any program with the user's PIN may do: read, change, copy, sign, encrypt, wrap, and derive
//! with a template of its own. Masters for 3DES are not asked about: they encrypt by design, which is what gives cards'
//! keys from them.

use super::{Answered, BLOCK, Class, Finding, Tried, Verdict, Weakness, any, attack, weaknesses};
use crate::pkcs11::bench::Bench;
use crate::pkcs11::derive::{self, Input, LengthForm};
use crate::pkcs11::error::TokenError;
use crate::pkcs11::hardening;
use crate::pkcs11::template::{self, Guard, Usage};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::object::{Attribute, KeyType, ObjectHandle};

pub(super) fn all(bench: &Bench) -> Result<Vec<Finding>, TokenError> {
    let master = match make(bench, Guard::Inside) {
        Ok(master) => master,
        Err(error) if error.is_lost() => return Err(error),
        Err(error) => return Ok(vec![not_made("make a master", &error)]),
    };
    let attack = |what, run: &dyn Fn() -> Tried| attack(Class::Master, what, run);
    let trusting = || [(Attribute::WrapWithTrusted(false), Bench::wraps_under_known as fn(&Bench, _) -> _)];
    Ok(vec![
        attack("read its value", &|| bench.shown(master))?,
        attack("let it be read, wrapped, sign or encrypt, by changing it", &|| {
            changed(bench, Guard::Inside, &weaknesses())
        })?,
        attack("let it be read, wrapped, sign or encrypt, by copying it", &|| {
            copied(bench, Guard::Inside, &weaknesses())
        })?,
        attack("compute a CMAC with it (KDF3 is nothing else)", &|| bench.signs(master))?,
        attack("encrypt with it", &|| bench.encrypts(master))?,
        attack("wrap it under a known key", &|| bench.wraps_under_known(master))?,
        attack("derive a readable card key from it", &|| derive_readable(bench, master))?,
        attack("wrap a portable master under a key that is not trusted", &|| {
            bench.wraps_under_known(make(bench, Guard::Portable)?)
        })?,
        attack("let any key wrap a portable master, by changing it", &|| changed(bench, Guard::Portable, &trusting()))?,
        attack("let any key wrap a portable master, by copying it", &|| copied(bench, Guard::Portable, &trusting()))?,
    ])
}

/// A master as `key generate` makes it, but for this session only.
fn make(bench: &Bench, guard: Guard) -> Result<ObjectHandle, TokenError> {
    let plain = template::session_key(16, Usage::DERIVE, guard);
    hardening::most(&hardening::of(Usage::DERIVE, true), |more| bench.generate(&plain.clone().with(more)))
        .map(|(master, _)| master)
}

fn not_made(what: &'static str, error: &TokenError) -> Finding {
    let verdict = Verdict::NotTried(format!("no master could be made: {error}"));
    Finding { class: Class::Master, attack: what, verdict }
}

/// One at a time, each on a master of its own: a token may take the one and refuse the other.
fn changed(bench: &Bench, guard: Guard, weaknesses: &[Weakness]) -> Tried {
    any(weaknesses.iter().map(|(attribute, weak)| {
        move || {
            let master = make(bench, guard)?;
            bench.call(|session| session.update_attributes(master, std::slice::from_ref(attribute))).answer()?;
            weak(bench, master)
        }
    }))
}

fn copied(bench: &Bench, guard: Guard, weaknesses: &[Weakness]) -> Tried {
    let master = make(bench, guard)?;
    any(weaknesses.iter().map(|(attribute, weak)| {
        move || {
            let copy = bench.call(|session| session.copy_object(master, std::slice::from_ref(attribute))).answer()?;
            weak(bench, bench.made(copy))
        }
    }))
}

/// A derivation from a master, with a template.
type Deriving<'a> = &'a dyn Fn(&[Attribute]) -> Result<ObjectHandle, TokenError>;

/// In every way that gives card keys: by SP 800-108, and by encryption. That the same way gives an unreadable one is
/// tried first.
fn derive_readable(bench: &Bench, master: ObjectHandle) -> Tried {
    let by_kdf = |template: &[Attribute]| {
        derive::inside(bench, LengthForm::Bytes, master, Input { before: &[], after: &BLOCK }, template)
    };
    let by_cipher = |template: &[Attribute]| {
        let mechanism = Mechanism::AesCbcEncryptData(AesCbcDeriveParams::new([0; 16], &BLOCK));
        bench.derive(&mechanism, master, template)
    };
    let ways: [Deriving<'_>; 2] = [&by_kdf, &by_cipher];
    let mut there = Vec::new();
    for way in ways {
        match way(&template::session_key(16, Usage::DERIVE, Guard::Extractable)) {
            Ok(_) => there.push(way),
            Err(error) if error.is_refusal() => {}
            Err(error) => return Err(error.into()),
        }
    }
    if there.is_empty() {
        return Err(bench.nonsense("a master from which nothing derives").into());
    }
    let readable = [KeyType::GENERIC_SECRET, KeyType::AES].map(|key_type| template::readable(key_type, 16));
    any(there.iter().flat_map(|way| {
        readable
            .iter()
            .map(move |template| move || -> Tried { way(template).answer().and_then(|key| bench.shown(key)) })
    }))
}
