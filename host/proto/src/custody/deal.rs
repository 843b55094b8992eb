//! The dealer's commands, but for those of [`super::take_part`]: from the start of a deal to its end.

use super::message::Outcome;
use super::receive::Committed;
use super::sealed::{BoxKind, SealedBox};
use super::signature::Signature;
use super::subset::Bitmap;
use super::take_part::{Approval, Offer};
use super::{Hash, command, done, field, signature};
use crate::apdu::{self, Response};
use crate::gp::key::Kcv;
use crate::gp::{Command, GpError, accepted};
use alloc::vec::Vec;

/// Begins a deal: `80 4A 00 00`. Wants the PIN.
#[derive(Clone, Copy, Debug)]
pub struct BeginDeal;

impl Command for BeginDeal {
    type Response = ();
    const NAME: &'static str = "BEGIN DEAL";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x4A, 0, 0], &[], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// What a dealer wants of every custodian before it deals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// 01
    Approval(Approval),
    /// 02
    Commitment(Committed),
    /// 03
    Offer(Offer),
}

/// Shows the dealer what a custodian signed: `80 4E x what Lc data`.
#[derive(Clone, Copy, Debug)]
pub struct Admit {
    /// The custodian.
    pub x: u8,
    /// What it signed.
    pub what: Admitted,
}

impl Command for Admit {
    type Response = ();
    const NAME: &'static str = "ADMIT";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        let (what, bytes) = match &self.what {
            Admitted::Approval(approval) => (1, approval.to_bytes()),
            Admitted::Commitment(committed) => (2, committed.to_bytes()),
            Admitted::Offer(offer) => (3, offer.to_bytes()),
        };
        command([0x4E, self.x, what], &[&bytes], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// Hands the dealer a contribution, in ascending order of x: `80 52 x 00 71 box`.
#[derive(Clone, Copy, Debug)]
pub struct TakeContribution<'a> {
    /// The custodian.
    pub x: u8,
    /// Its box of kind 0C.
    pub sealed: &'a SealedBox,
}

impl Command for TakeContribution<'_> {
    type Response = ();
    const NAME: &'static str = "TAKE CONTRIBUTION";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x52, self.x, 0], &[&self.sealed.to_bytes()], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// Asks the dealer for a custodian's box, another one each time: `80 54 x 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct DealBox {
    /// The custodian.
    pub x: u8,
}

/// A share on its way to a custodian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dealt {
    /// A box of kind 0B.
    pub sealed: SealedBox,
    /// c(x), the commitment to what is in it.
    pub commitment: Hash,
}

impl Command for DealBox {
    type Response = Dealt;
    const NAME: &'static str = "DEAL BOX";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x54, self.x, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Dealt, GpError> {
        let malformed = GpError::Malformed { command: Self::NAME, what: "a box and a commitment have 161 bytes" };
        let (sealed, commitment) = accepted(Self::NAME, response)?.split_last_chunk().ok_or(malformed)?;
        let sealed = SealedBox::parse(BoxKind::Share, sealed).map_err(|_| malformed)?;
        Ok(Dealt { sealed, commitment: *commitment })
    }
}

/// Asks the dealer for its statement, of which the host has the rest: `80 56 00 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct StateDeal;

/// What only the dealer knows of its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The secret's check value.
    pub kcv: Kcv,
    /// The dealer's signature of the statement.
    pub signature: Signature,
}

impl Command for StateDeal {
    type Response = Stated;
    const NAME: &'static str = "STATE DEAL";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x56, 0, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Stated, GpError> {
        let (kcv, rest) = field(Self::NAME, accepted(Self::NAME, response)?)?;
        Ok(Stated { kcv: Kcv(*kcv), signature: signature(Self::NAME, rest)? })
    }
}

/// Shows the dealer that its deal is done, a part at a time: `80 5C P1 P2 Lc data`.
#[derive(Clone, Copy, Debug)]
pub enum Confirm<'a> {
    /// 01 x: a custodian has its share.
    Receipt {
        /// The custodian.
        x: u8,
        /// Its signature of the receipt.
        signature: &'a Signature,
    },
    /// 02 00: all subsets of shares give the key.
    Drill {
        /// The subsets that do.
        bitmap: &'a Bitmap,
        /// The combiner's signature of the verdict.
        signature: &'a Signature,
    },
}

impl Command for Confirm<'_> {
    type Response = ();
    const NAME: &'static str = "CONFIRM";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        match self {
            Self::Receipt { x, signature } => command([0x5C, 1, *x], &[&signature.to_der()], false, data),
            Self::Drill { bitmap, signature } => command([0x5C, 2, 0], &[&bitmap.0, &signature.to_der()], false, data),
        }
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// The dealer forgets the secret: `80 5E outcome 00 00`. To abandon a deal wants the PIN.
#[derive(Clone, Copy, Debug)]
pub struct Forget {
    /// Whether the deal is done, or abandoned.
    pub outcome: Outcome,
}

impl Command for Forget {
    /// The dealer's signature of the forget statement.
    type Response = Signature;
    const NAME: &'static str = "FORGET";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x5E, self.outcome.byte(), 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Signature, GpError> {
        signature(Self::NAME, accepted(Self::NAME, response)?)
    }
}
