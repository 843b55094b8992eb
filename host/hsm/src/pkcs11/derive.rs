//! SP 800-108 in counter mode over AES-CMAC inside a token: all at once where it has the mechanism, else block by block
//! out of AES-CBC, which AES-128 keys can do without being read.

use super::bench::Bench;
use super::error::TokenError;
use super::template::{self, Guard, Usage};
use cardwright_proto::block::{BLOCK, Block};
use cryptoki::mechanism::ekdf::AesCbcDeriveParams;
use cryptoki::mechanism::kbkdf::{
    Endianness, KbkdfCounterFormat, KbkdfDkmLengthFormat, KbkdfDkmLengthMethod, KbkdfParams, PrfDataParam,
    PrfDataParamType,
};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectHandle};
use std::num::NonZeroUsize;
use zeroize::Zeroizing;

/// How a token is told of L, the two bytes in front of the counter in SCP03.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthForm {
    /// As two bytes of the fixed data.
    Bytes,
    /// As CK_SP800_108_DKM_LENGTH, 16 bits, the sum of the keys.
    DkmLength,
}

/// How a token does a derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// CKM_SP800_108_COUNTER_KDF: nothing but the new key comes of it.
    Inside(LengthForm),
    /// CKM_AES_CBC_ENCRYPT_DATA: a 16-byte key is made inside, but the host sees a CMAC subkey and an inner block;
    /// longer keys pass through the host.
    Blocks,
}

/// What a derivation is over: `before`, a one-byte counter, `after`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a> {
    /// Ends in L, where there is one.
    pub(super) before: &'a [u8],
    pub(super) after: &'a [u8],
}

const fn bits(number: usize) -> NonZeroUsize {
    match NonZeroUsize::new(number) {
        Some(bits) => bits,
        None => NonZeroUsize::MIN,
    }
}

/// Derives with CKM_SP800_108_COUNTER_KDF.
pub(super) fn inside(
    bench: &Bench,
    form: LengthForm,
    base: ObjectHandle,
    input: Input<'_>,
    template: &[Attribute],
) -> Result<ObjectHandle, TokenError> {
    let counter = KbkdfCounterFormat::new(Endianness::Big, bits(8));
    let dkm = KbkdfDkmLengthFormat::new(KbkdfDkmLengthMethod::SumOfKeys, Endianness::Big, bits(16));
    let counter = PrfDataParam::new(PrfDataParamType::IterationVariable(Some(&counter)));
    let bytes = |bytes| PrfDataParam::new(PrfDataParamType::ByteArray(bytes));
    let derive = |data: &[PrfDataParam<'_>]| {
        let parameters = KbkdfParams::new(MechanismType::AES_CMAC, data, None);
        bench.derive(&Mechanism::KbkdfCounter(parameters), base, template)
    };
    match (input.before.split_last_chunk::<2>(), form) {
        (None, _) => derive(&[counter, bytes(input.after)]),
        (Some(_), LengthForm::Bytes) => derive(&[bytes(input.before), counter, bytes(input.after)]),
        (Some((label, _)), LengthForm::DkmLength) => {
            let length = PrfDataParam::new(PrfDataParamType::DkmLength(&dkm));
            derive(&[bytes(label), length, counter, bytes(input.after)])
        }
    }
}

/// An AES key of at most 32 bytes as an object, where the token can make one; `None` where it would have to be read.
pub(super) fn object(
    bench: &Bench,
    way: Way,
    base: ObjectHandle,
    input: Input<'_>,
    len: usize,
    (usage, guard): (Usage, Guard),
) -> Result<Option<ObjectHandle>, TokenError> {
    let template = template::session_key(len, usage, guard);
    match way {
        Way::Inside(form) => inside(bench, form, base, input, &template).map(Some),
        Way::Blocks if len == BLOCK => {
            let last = Last::new(bench, base, input, 1)?;
            last.derive(bench, base, &template).map(Some)
        }
        Way::Blocks => Ok(None),
    }
}

/// Derived bytes, read: `out` has at most 255 blocks.
pub(super) fn bytes(
    bench: &Bench,
    way: Way,
    base: ObjectHandle,
    input: Input<'_>,
    out: &mut [u8],
) -> Result<(), TokenError> {
    if let Way::Inside(form) = way {
        let object = inside(bench, form, base, input, &template::readable(KeyType::GENERIC_SECRET, out.len()))?;
        bench.read(object, out)?;
        return bench.discard(object);
    }
    for (counter, piece) in (1..=u8::MAX).zip(out.chunks_mut(BLOCK)) {
        let mut block = Zeroizing::new([0; BLOCK]);
        let last = Last::new(bench, base, input, counter)?;
        let object = last.derive(bench, base, &template::readable(KeyType::GENERIC_SECRET, BLOCK))?;
        bench.read(object, block.as_mut())?;
        bench.discard(object)?;
        piece.copy_from_slice(&block[..piece.len()]);
    }
    Ok(())
}

/// The last step of a CMAC (SP 800-38B, 6.2): one block, encrypted with CBC behind what the blocks in front of it gave.
struct Last {
    chain: Zeroizing<Block>,
    block: Zeroizing<Block>,
}

impl Last {
    fn new(bench: &Bench, base: ObjectHandle, input: Input<'_>, counter: u8) -> Result<Self, TokenError> {
        let message = [input.before, &[counter], input.after].concat();
        let full = message.len().saturating_sub(1) / BLOCK * BLOCK;
        let (front, rest) = message.split_at(full);
        let mut subkey = bench.zeros(base)?;
        double(&mut subkey);
        let mut block = Zeroizing::new([0; BLOCK]);
        block[..rest.len()].copy_from_slice(rest);
        if rest.len() < BLOCK {
            double(&mut subkey);
            block[rest.len()] = 0x80;
        }
        block.iter_mut().zip(subkey.iter()).for_each(|(byte, key)| *byte ^= key);
        let mut chain = Zeroizing::new([0; BLOCK]);
        if !front.is_empty() {
            let mut front = Zeroizing::new(front.to_vec());
            bench.cbc(base, [0; BLOCK], &mut front)?;
            let (_, last) = front.split_at(full - BLOCK);
            chain.copy_from_slice(last);
        }
        Ok(Self { chain, block })
    }

    fn derive(&self, bench: &Bench, base: ObjectHandle, template: &[Attribute]) -> Result<ObjectHandle, TokenError> {
        let parameters = AesCbcDeriveParams::new(*self.chain, self.block.as_slice());
        bench.derive(&Mechanism::AesCbcEncryptData(parameters), base, template)
    }
}

/// Doubling in GF(2^128) (SP 800-38B, 6.1), without a branch on the key.
fn double(block: &mut Block) {
    let carry = block[0] >> 7;
    let shifted = u128::from_be_bytes(*block) << 1;
    *block = (shifted ^ (u128::from(carry) * 0x87)).to_be_bytes();
}
