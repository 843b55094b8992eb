//! Class MASTER: a throw-away master, made as real ones are, and everything that could give it away.
//!
//! What is tried is what any program with the user's PIN may do: read, change, copy, sign, encrypt, wrap, and derive
//! with a template of its own.

use super::{Class, Finding, Loot, Verdict, attack};
use crate::pkcs11::bench::Bench;
use crate::pkcs11::derive::{self, Input, LengthForm};
use crate::pkcs11::error::TokenError;
use crate::pkcs11::template::{self, Guard, Usage};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectHandle};

/// As much as a card key takes.
const BLOCK: [u8; 16] = [0x01; 16];

pub(super) fn all(bench: &Bench) -> Result<Vec<Finding>, TokenError> {
    let master = match make(bench, Guard::Inside) {
        Ok(master) => master,
        Err(error) => return Ok(vec![not_made("make a master", &error)]),
    };
    let attack = |what, run: &dyn Fn() -> Result<Loot, TokenError>| attack(Class::Master, what, run);
    Ok(vec![
        attack("read its value", &|| bench.shown(master))?,
        attack("make it readable, then read it", &|| loosen(bench, master))?,
        attack("copy it as a readable key", &|| copy(bench, master))?,
        attack("compute a CMAC with it (KDF3 is nothing else)", &|| sign(bench, master))?,
        attack("encrypt with it", &|| encrypt(bench, master))?,
        attack("wrap it under a known key", &|| bench.wraps_under_known(master))?,
        attack("derive a readable card key from it", &|| derive_readable(bench, master))?,
        portable(bench)?,
    ])
}

/// A master as `key generate` makes it, but for this session only.
fn make(bench: &Bench, guard: Guard) -> Result<ObjectHandle, TokenError> {
    let plain = template::session_key(16, Usage::DERIVE, guard);
    let with = |more: &[Attribute]| bench.generate(&[&plain[..], more].concat());
    let template = [template::derive_sensitive()];
    let hardened = [&template[..], &template::hardening()].concat();
    with(&hardened).or_else(|_| with(&template)).or_else(|_| with(&template::hardening())).or_else(|_| with(&[]))
}

fn not_made(what: &'static str, error: &TokenError) -> Finding {
    let verdict = Verdict::NotTried(format!("no master could be made: {error}"));
    Finding { class: Class::Master, attack: what, verdict }
}

fn loosen(bench: &Bench, master: ObjectHandle) -> Result<Loot, TokenError> {
    // One at a time: a token may take the one and refuse the other.
    let set = |attribute| bench.call(|session| session.update_attributes(master, &[attribute]));
    let (first, second) = (set(Attribute::Sensitive(false)), set(Attribute::Extractable(true)));
    match (first, second) {
        (Err(error), Err(_)) => Err(error),
        _ => bench.shown(master),
    }
}

fn copy(bench: &Bench, master: ObjectHandle) -> Result<Loot, TokenError> {
    let loose = [Attribute::Sensitive(false), Attribute::Extractable(true)];
    let copy = bench.call(|session| session.copy_object(master, &loose)).map(|copy| bench.made(copy))?;
    bench.shown(copy)
}

fn sign(bench: &Bench, master: ObjectHandle) -> Result<Loot, TokenError> {
    bench.call(|session| session.sign(&Mechanism::AesCMac, master, &BLOCK)).map(|_| Loot::Key)
}

fn encrypt(bench: &Bench, master: ObjectHandle) -> Result<Loot, TokenError> {
    let with = |mechanism| bench.call(|session| session.encrypt(&mechanism, master, &BLOCK)).map(|_| Loot::Key);
    with(Mechanism::AesEcb).or_else(|_| with(Mechanism::AesCbc([0; 16])))
}

/// In every way that gives card keys: by SP 800-108, and by encryption.
fn derive_readable(bench: &Bench, master: ObjectHandle) -> Result<Loot, TokenError> {
    let template = template::readable(BLOCK.len());
    let input = Input { before: &[], after: &BLOCK };
    let by_kdf = derive::inside(bench, LengthForm::Bytes, master, input, &template);
    let by_kdf = by_kdf.and_then(|key| bench.shown(key));
    if matches!(by_kdf, Ok(Loot::Key)) {
        return by_kdf;
    }
    let mut read = BLOCK;
    match bench.cbc(master, [0; 16], &mut read) {
        Ok(()) => Ok(Loot::Key),
        Err(error) => by_kdf.or(Err(error)),
    }
}

/// A portable master leaves only under a key that the security officer has marked as trusted.
fn portable(bench: &Bench) -> Result<Finding, TokenError> {
    let what = "wrap a portable master under a key that is not trusted";
    match make(bench, Guard::Portable) {
        Ok(master) => attack(Class::Master, what, || bench.wraps_under_known(master)),
        Err(error) => Ok(not_made(what, &error)),
    }
}
