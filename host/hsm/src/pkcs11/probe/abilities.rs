//! What the vault needs of a token, and what ceremonies and backups will: each tried with known keys.

use super::{Ability, KNOWN};
use crate::pkcs11::bench::Bench;
use crate::pkcs11::capabilities::Capabilities;
use crate::pkcs11::derive::{self, Input, LengthForm, Way};
use crate::pkcs11::error::{TokenError, code_name};
use crate::pkcs11::template::{self, Guard, Usage};
use cardwright_proto::block::CmacKey;
use cardwright_proto::scp::kdf;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{KeyType, ObjectHandle};

pub(super) fn all(bench: &Bench) -> Result<Vec<Ability>, TokenError> {
    let capabilities = Capabilities::probe(bench)?;
    let label = kdf::label(kdf::Constant::SEnc, 256, 0);
    let scp03 = Input { before: &label[..15], after: &[0xA5; 32] };
    let kdf3 = Input { before: &[], after: &[0xA5; 15] };
    let mut abilities = vec![
        layout(bench, "SCP03, SP 800-108 inside, counter behind L, L as bytes", LengthForm::Bytes, scp03)?,
        layout(bench, "SCP03, SP 800-108 inside, counter behind L, L as DKM length", LengthForm::DkmLength, scp03)?,
        layout(bench, "KDF3, SP 800-108 inside, counter in front", LengthForm::Bytes, kdf3)?,
        flag("AES-128 KDF3 and sessions by blocks of AES-CBC", by_blocks(bench)?),
        flag("session keys as handles: AES-CMAC and AES-CBC", capabilities.session_handles),
        flag("PUT KEY block: C_WrapKey with AES-CBC", capabilities.wrap),
        flag("CKA_DERIVE_TEMPLATE on a master is honoured", capabilities.derive_template),
        flag("3DES with two and three keys", capabilities.triple_des),
    ];
    for (what, mechanism) in [
        ("backup: AES key wrap (RFC 3394)", Mechanism::AesKeyWrap),
        ("backup: AES key wrap with padding (RFC 5649)", Mechanism::AesKeyWrapPad),
    ] {
        abilities.push(answer(what, wraps(bench, &mechanism))?);
    }
    Ok(abilities)
}

fn flag(what: &'static str, works: bool) -> Ability {
    Ability { what, works: if works { Ok(()) } else { Err("refused, or not what software gives".to_owned()) } }
}

/// A refusal is an answer; that the token went away is an error.
fn answer(what: &'static str, tried: Result<bool, TokenError>) -> Result<Ability, TokenError> {
    match tried {
        Ok(works) => Ok(flag(what, works)),
        Err(error) if error.is_lost() => Err(error),
        Err(error) => Ok(Ability { what, works: Err(error.code().map_or_else(|| error.to_string(), code_name)) }),
    }
}

fn known(bench: &Bench, usage: Usage, guard: Guard) -> Result<ObjectHandle, TokenError> {
    bench.create(&template::known(KeyType::AES, &KNOWN, usage, guard))
}

fn layout(bench: &Bench, what: &'static str, form: LengthForm, input: Input<'_>) -> Result<Ability, TokenError> {
    answer(what, same_as_software(bench, Way::Inside(form), input))
}

fn by_blocks(bench: &Bench) -> Result<bool, TokenError> {
    let kdf3 = Input { before: &[], after: &[0xA5; 15] };
    Ok(answer("", same_as_software(bench, Way::Blocks, kdf3))?.works.is_ok())
}

fn same_as_software(bench: &Bench, way: Way, input: Input<'_>) -> Result<bool, TokenError> {
    let key = known(bench, Usage::DERIVE, Guard::Inside)?;
    let (mut inside, mut soft) = ([0; 32], [0; 32]);
    derive::bytes(bench, way, key, input, &mut inside)?;
    let mut cmac = CmacKey::new(&KNOWN).map_err(|error| bench.nonsense(error.to_string()))?;
    kdf::derive_around(&mut cmac, input.before, input.after, &mut soft);
    Ok(inside == soft)
}

fn wraps(bench: &Bench, mechanism: &Mechanism<'_>) -> Result<bool, TokenError> {
    let usage = Usage { wrap: true, unwrap: true, ..Usage::NONE };
    let (kek, key) = (known(bench, usage, Guard::Inside)?, known(bench, Usage::DERIVE, Guard::Extractable)?);
    Ok(!bench.call(|session| session.wrap_key(mechanism, kek, key))?.is_empty())
}
