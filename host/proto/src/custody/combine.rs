//! The combiner's commands, but for those of [`super::take_part`]: shares taken, drilled, put together for an HSM.

use super::blocks::Block;
use super::certificate::KeyAlgorithm;
use super::read_share::BLOCK;
use super::receive::Released;
use super::signature::Signature;
use super::subset::{Bitmap, Mask};
use super::{command, done, field, signature};
use crate::apdu::{self, Response};
use crate::gp::{Command, GpError, accepted};
use alloc::vec::Vec;

/// Hands the combiner a share: `80 A2 x 00 Lc box signature`.
#[derive(Clone, Copy, Debug)]
pub struct TakeShare<'a> {
    /// The custodian.
    pub x: u8,
    /// What it released.
    pub released: &'a Released,
}

impl Command for TakeShare<'_> {
    type Response = ();
    const NAME: &'static str = "TAKE SHARE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0xA2, self.x, 0], &[&self.released.to_bytes()], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// Tries a subset of the shares taken: `80 A6 mask`.
#[derive(Clone, Copy, Debug)]
pub struct Drill {
    /// Which.
    pub subset: Mask,
}

impl Command for Drill {
    type Response = ();
    const NAME: &'static str = "DRILL";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        let [p1, p2] = self.subset.0.to_be_bytes();
        command([0xA6, p1, p2], &[], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// Asks which subsets gave the key: `80 A8 00 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct GetVerdict;

/// Which subsets gave the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Their numbers.
    pub bitmap: Bitmap,
    /// The combiner's signature of the verdict.
    pub signature: Signature,
}

impl Command for GetVerdict {
    type Response = Verdict;
    const NAME: &'static str = "VERDICT";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0xA8, 0, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Verdict, GpError> {
        let (bitmap, rest) = field(Self::NAME, accepted(Self::NAME, response)?)?;
        Ok(Verdict { bitmap: Bitmap(*bitmap), signature: signature(Self::NAME, rest)? })
    }
}

/// A block of the HSM's key, a point or a modulus: `80 AA P1 number Lc block`. Wants the PIN.
#[derive(Clone, Copy, Debug)]
pub struct ExportSecret<'a> {
    /// The block.
    pub block: Block<'a>,
}

impl Command for ExportSecret<'_> {
    type Response = ();
    const NAME: &'static str = "EXPORT";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0xAA, self.block.p1(), self.block.number], &[self.block.bytes], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// Bytes of what EXPORT makes for an HSM with such a key: a box of kind 0E, or as many as the modulus has.
#[must_use]
pub const fn result_len(algorithm: KeyAlgorithm) -> usize {
    match algorithm {
        KeyAlgorithm::P256 => super::sealed::BoxKind::Export.box_len(),
        rsa => rsa.key_len(),
    }
}

/// Asks for a block of what EXPORT made: `80 AC 00 number 00`.
#[derive(Clone, Copy, Debug)]
pub struct ReadResult {
    /// The block's number, from 0.
    pub number: u8,
}

impl ReadResult {
    /// The commands that read all of a result, in order.
    pub fn all(algorithm: KeyAlgorithm) -> impl Iterator<Item = Self> {
        (0..=u8::MAX).take(result_len(algorithm).div_ceil(BLOCK)).map(|number| Self { number })
    }
}

impl Command for ReadResult {
    /// 1 to 192 bytes: all but the last one have 192.
    type Response = Vec<u8>;
    const NAME: &'static str = "READ RESULT";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0xAC, 0, self.number], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Vec<u8>, GpError> {
        let block = accepted(Self::NAME, response)?;
        if block.is_empty() || block.len() > BLOCK {
            return Err(GpError::Malformed { command: Self::NAME, what: "a block of the result has 1 to 192 bytes" });
        }
        Ok(block.to_vec())
    }
}

/// Asks for the combiner's signature of the export statement: `80 AC 01 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct ReadExport;

impl Command for ReadExport {
    type Response = Signature;
    const NAME: &'static str = ReadResult::NAME;

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0xAC, 1, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Signature, GpError> {
        signature(Self::NAME, accepted(Self::NAME, response)?)
    }
}
