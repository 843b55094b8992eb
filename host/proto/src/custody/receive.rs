//! A custodian's commands, but for those of [`super::take_part`]: its contribution, its share, its receipts.

use super::blocks::Block;
use super::message::Held;
use super::sealed::{BoxKind, SealedBox};
use super::signature::Signature;
use super::take_part::Offer;
use super::{Hash, command, done, field, signature};
use crate::apdu::{self, Response};
use crate::gp::{Command, GpError, accepted};
use alloc::vec::Vec;
use core::fmt;

/// Asks for the commitment to the custodian's contribution, made now if there is none: `80 44 00 00 Lc dice 00`.
#[derive(Clone, Copy)]
pub struct CommitContribution<'a> {
    /// 0 to 32 bytes from outside, good for nothing but mixing.
    pub dice: &'a [u8],
}

impl fmt::Debug for CommitContribution<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitContribution({} bytes of dice)", self.dice.len())
    }
}

/// That a custodian has chosen its contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The commitment to it.
    pub commitment: Hash,
    /// The custodian's signature of the message with it.
    pub signature: Signature,
}

impl Committed {
    /// Commitment 32 and signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.commitment.as_slice(), &self.signature.to_der()].concat()
    }
}

impl Command for CommitContribution<'_> {
    type Response = Committed;
    const NAME: &'static str = "COMMIT CONTRIBUTION";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x44, 0, 0], &[self.dice], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Committed, GpError> {
        let (commitment, rest) = field(Self::NAME, accepted(Self::NAME, response)?)?;
        Ok(Committed { commitment: *commitment, signature: signature(Self::NAME, rest)? })
    }
}

/// Asks for the contribution, sealed to the dealer: `80 48 00 00 Lc offer 00`.
#[derive(Clone, Copy, Debug)]
pub struct RevealContribution<'a> {
    /// The dealer's.
    pub offer: &'a Offer,
}

impl Command for RevealContribution<'_> {
    /// A box of kind 0C.
    type Response = SealedBox;
    const NAME: &'static str = "REVEAL CONTRIBUTION";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x48, 0, 0], &[&self.offer.to_bytes()], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<SealedBox, GpError> {
        let malformed = GpError::Malformed { command: Self::NAME, what: "a box with a contribution has 113 bytes" };
        SealedBox::parse(BoxKind::Contribution, accepted(Self::NAME, response)?).map_err(|_| malformed)
    }
}

/// A block of [`listed_box`]: `80 5A P1 number Lc block`.
#[derive(Clone, Copy, Debug)]
pub struct StoreBox<'a> {
    /// The block.
    pub block: Block<'a>,
}

/// What STORE BOX takes in blocks: the hashes of all boxes, x = 1 first, and this custodian's box.
#[must_use]
pub fn listed_box(hashes: &[Hash], sealed: &SealedBox) -> Vec<u8> {
    [hashes.as_flattened(), &sealed.to_bytes()].concat()
}

impl Command for StoreBox<'_> {
    /// The receipt, behind the last block.
    type Response = Option<SignedReceipt>;
    const NAME: &'static str = "STORE BOX";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x5A, self.block.p1(), self.block.number], &[self.block.bytes], self.block.last, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Option<SignedReceipt>, GpError> {
        if !self.block.last {
            return done(Self::NAME, response).map(|()| None);
        }
        SignedReceipt::read(Self::NAME, accepted(Self::NAME, response)?).map(Some)
    }
}

/// What a custodian answers about the manifest's set and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    /// The share's x; 0 where there is none.
    pub x: u8,
    /// Whether the card has a share of it.
    pub status: Held,
    /// The share's statement hash; zeros where it has none.
    pub statement: Hash,
    /// The custodian's signature of the receipt.
    pub signature: Signature,
}

impl SignedReceipt {
    /// x 1, status 1, statement hash 32, signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[self.x, self.status.byte()], self.statement.as_slice(), &self.signature.to_der()].concat()
    }

    fn read(command: &'static str, answer: &[u8]) -> Result<Self, GpError> {
        let wrong = |what| GpError::Malformed { command, what };
        let ([x, status], rest) = field(command, answer)?;
        let (statement, rest) = field(command, rest)?;
        let status = Held::from_byte(*status).ok_or(wrong("a status that there is not"))?;
        // No such set: nothing to tell of it.
        if (status == Held::No) != (*x == 0) || *x > super::share::MAX_SHARES || *x == 0 && *statement != [0; 32] {
            return Err(wrong("the share and the status do not fit"));
        }
        Ok(Self { x: *x, status, statement: *statement, signature: signature(command, rest)? })
    }
}

/// Asks what the card has of the manifest's set: `80 AE 00 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct GetReceipt;

impl Command for GetReceipt {
    type Response = SignedReceipt;
    const NAME: &'static str = "RECEIPT";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0xAE, 0, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<SignedReceipt, GpError> {
        SignedReceipt::read(Self::NAME, accepted(Self::NAME, response)?)
    }
}

/// Destroys the share under a manifest: `80 34 02 00 00`. Wants the PIN. Without a manifest: [`super::wipe`].
#[derive(Clone, Copy, Debug)]
pub struct Destroy;

impl Command for Destroy {
    type Response = SignedReceipt;
    const NAME: &'static str = "WIPE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x34, 2, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<SignedReceipt, GpError> {
        SignedReceipt::read(Self::NAME, accepted(Self::NAME, response)?)
    }
}

/// Asks for the share, sealed to the combiner: `80 A0 00 00 Lc offer 00`. Wants the PIN.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseShare<'a> {
    /// The combiner's.
    pub offer: &'a Offer,
}

/// A share on its way to the combiner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// A box of kind 0D.
    pub sealed: SealedBox,
    /// The custodian's signature of the release.
    pub signature: Signature,
}

impl Released {
    /// Box 129 and signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.sealed.to_bytes(), self.signature.to_der()].concat()
    }
}

impl Command for ReleaseShare<'_> {
    type Response = Released;
    const NAME: &'static str = "RELEASE SHARE";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0xA0, 0, 0], &[&self.offer.to_bytes()], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Released, GpError> {
        let (sealed, rest) = field::<129>(Self::NAME, accepted(Self::NAME, response)?)?;
        let malformed = GpError::Malformed { command: Self::NAME, what: "a box with a share has 129 bytes" };
        let sealed = SealedBox::parse(BoxKind::Release, sealed).map_err(|_| malformed)?;
        Ok(Released { sealed, signature: signature(Self::NAME, rest)? })
    }
}
