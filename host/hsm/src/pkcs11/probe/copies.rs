//! Class MASTER: derivations that put a master's own bytes into another key (PKCS #11 3.1, 6.43). What comes out is read,
//! wrapped under a known key, or used.
//!
//! Every new key is cut to 16 bytes. Behind 15 known bytes there is one of the master's, which is found by trying 256
//! keys, and the others after it: so a new key that is not shown and not wrapped gives the master away too, where it
//! encrypts.

use super::{Answered, BLOCK, Class, Finding, Loot, Stopped, Tried, Verdict, Wrapping, any, attack};
use crate::pkcs11::bench::Bench;
use crate::pkcs11::error::TokenError;
use crate::pkcs11::hardening;
use crate::pkcs11::template::{self, Guard, Usage};
use cardwright_proto::block::AesKey;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::misc::{ExtractParams, KeyDerivationStringData};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};

/// The master. That it is known is the point: what comes out is compared with it.
const MASTER: [u8; 16] = *b"throw-away  key.";

/// Data of the attacker's.
const DATA: [u8; 15] = [0x4B; 15];

/// `head`, and as much of `tail` as there is room for.
fn joined(head: &[u8], tail: &[u8]) -> [u8; 16] {
    let mut joined = [0; 16];
    joined.iter_mut().zip(head.iter().chain(tail)).for_each(|(byte, from)| *byte = *from);
    joined
}

/// A derivation, and what it gives.
struct Copy<'a> {
    mechanism: Mechanism<'a>,
    base: ObjectHandle,
    gives: [u8; 16],
}

pub(super) fn all(bench: &Bench) -> Result<Vec<Finding>, TokenError> {
    let prepared =
        make(bench, Guard::Inside).and_then(|master| Ok((master, make(bench, Guard::Portable)?, known(bench)?)));
    let (master, portable, known) = match prepared {
        Ok(keys) => keys,
        Err(error) if error.is_lost() => return Err(error),
        Err(error) => {
            let verdict = Verdict::NotTried(format!("no known master, or no known key: {error}"));
            return Ok(vec![Finding { class: Class::Master, attack: "derive a copy of it", verdict }]);
        }
    };
    let data = KeyDerivationStringData::new(&DATA);
    let block = KeyDerivationStringData::new(&BLOCK);
    let behind = joined(&DATA, &MASTER);
    let mut xored = MASTER;
    xored.iter_mut().zip(BLOCK).for_each(|(byte, with)| *byte ^= with);
    let of = |mechanism, base, gives| Copy { mechanism, base, gives };
    [
        ("derive it with data behind it", of(Mechanism::ConcatenateBaseAndData(data), master, MASTER)),
        ("derive it with data in front", of(Mechanism::ConcatenateDataAndBase(data), master, behind)),
        ("derive it, XORed with data", of(Mechanism::XorBaseAndData(block), master, xored)),
        ("derive a part of it", of(Mechanism::ExtractKeyFromKey(ExtractParams::new(0)), master, MASTER)),
        ("derive it with a known key behind it", of(Mechanism::ConcatenateBaseAndKey(known), master, MASTER)),
        ("derive a known key with it behind", of(Mechanism::ConcatenateBaseAndKey(master), known, behind)),
        (
            "derive a known key with a portable master behind",
            of(Mechanism::ConcatenateBaseAndKey(portable), known, behind),
        ),
    ]
    .into_iter()
    .map(|(what, copy)| attack(Class::Master, what, || copy.out(bench)))
    .collect()
}

/// A master as `key generate` makes it, but for this session only, and known.
fn make(bench: &Bench, guard: Guard) -> Result<ObjectHandle, TokenError> {
    let plain = template::known(KeyType::AES, &MASTER, Usage::DERIVE, guard);
    hardening::most(&hardening::of(Usage::DERIVE, true), |more| bench.create(&plain.clone().with(more)))
        .map(|(master, _)| master)
}

/// A known key that derives.
fn known(bench: &Bench) -> Result<ObjectHandle, TokenError> {
    bench.create(&template::known(KeyType::GENERIC_SECRET, &DATA, Usage::DERIVE, Guard::Readable))
}

impl Copy<'_> {
    fn derive(&self, bench: &Bench, template: &[Attribute]) -> Result<ObjectHandle, Stopped> {
        bench.derive(&self.mechanism, self.base, template).answer()
    }

    fn compared(&self, same: bool) -> Loot {
        if same { Loot::Key } else { Loot::Nothing("something else came out") }
    }

    /// In any way that there is.
    fn out(&self, bench: &Bench) -> Tried {
        let ways: [&dyn Fn() -> Tried; 3] = [&|| self.read(bench), &|| self.wrapped(bench), &|| self.used(bench)];
        any(ways)
    }

    fn read(&self, bench: &Bench) -> Tried {
        let key = self.derive(bench, &template::readable(KeyType::AES, 16))?;
        let attributes = bench.call(|session| session.get_attributes(key, &[AttributeType::Value])).answer()?;
        let same = |attribute: &Attribute| matches!(attribute, Attribute::Value(value) if *value == self.gives);
        Ok(self.compared(attributes.iter().any(same)))
    }

    /// What a key of the same bytes is wrapped to is the same.
    fn wrapped(&self, bench: &Bench) -> Tried {
        let wrapping = Wrapping::new(bench)?;
        let twin = bench.create(&template::known(KeyType::AES, &self.gives, Usage::DERIVE, Guard::Extractable))?;
        let key = self.derive(bench, &template::session_key(16, Usage::DERIVE, Guard::Extractable))?;
        any(wrapping.mechanisms.iter().map(|mechanism| {
            || {
                let expected = wrapping.wrap(bench, mechanism, twin)?;
                let wrapped = wrapping.wrap(bench, mechanism, key).answer()?;
                Ok(self.compared(wrapped == expected))
            }
        }))
    }

    fn used(&self, bench: &Bench) -> Tried {
        let key = self.derive(bench, &template::session_key(16, Usage::CIPHER, Guard::Inside))?;
        let encrypted = bench.call(|session| session.encrypt(&Mechanism::AesCbc([0; 16]), key, &BLOCK)).answer()?;
        let mut expected = BLOCK;
        let soft = AesKey::new(&self.gives).map_err(|error| bench.nonsense(error.to_string()))?;
        soft.cbc_encrypt(&[0; 16], &mut expected);
        Ok(self.compared(encrypted == expected))
    }
}
