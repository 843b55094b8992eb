//! What cards of several places do: the manifest approved, parties made known, one-time keys offered, the deal's statement
//! taken.

use super::blocks::Block;
use super::certificate::Certificate;
use super::manifest::Place;
use super::message::Statement;
use super::signature::Signature;
use super::{Point, command, done, field, signature};
use crate::apdu::{self, Response};
use crate::gp::{Command, GpError, accepted};
use alloc::vec::Vec;

/// A block of [`Manifest::encode`](super::manifest::Manifest::encode): `80 42 P1 number Lc block`. Wants the PIN.
#[derive(Clone, Copy, Debug)]
pub struct ApproveManifest<'a> {
    /// The block.
    pub block: Block<'a>,
}

/// That a card approved a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// How many manifests it has approved.
    pub counter: u32,
    /// Its signature of the approval.
    pub signature: Signature,
}

impl Approval {
    /// Counter 4 and signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.counter.to_be_bytes().as_slice(), &self.signature.to_der()].concat()
    }
}

impl Command for ApproveManifest<'_> {
    /// The approval, behind the last block.
    type Response = Option<Approval>;
    const NAME: &'static str = "APPROVE MANIFEST";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x42, self.block.p1(), self.block.number], &[self.block.bytes], self.block.last, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Option<Approval>, GpError> {
        if !self.block.last {
            return done(Self::NAME, response).map(|()| None);
        }
        let (counter, rest) = field(Self::NAME, accepted(Self::NAME, response)?)?;
        Ok(Some(Approval { counter: u32::from_be_bytes(*counter), signature: signature(Self::NAME, rest)? }))
    }
}

/// Makes a party of the manifest known to a card: `80 4C place 00 Lc certificate`.
#[derive(Clone, Copy, Debug)]
pub struct PutParty<'a> {
    /// Where it is in the manifest; for drill and release, [`Place::Dealer`] is the dealer of the set.
    pub place: Place,
    /// Its certificate.
    pub certificate: &'a Certificate,
}

impl Command for PutParty<'_> {
    type Response = ();
    const NAME: &'static str = "PUT PARTY";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x4C, self.place.byte(), 0], &[&self.certificate.encode()], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}

/// Asks a card for its one-time key, made now if there is none: `80 46 00 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct MakeOffer;

/// A one-time key that boxes are sealed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its point Q.
    pub point: Point,
    /// The card's signature of the offer.
    pub signature: Signature,
}

impl Offer {
    /// Point 65 and signature.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.point.as_slice(), &self.signature.to_der()].concat()
    }
}

impl Command for MakeOffer {
    type Response = Offer;
    const NAME: &'static str = "MAKE OFFER";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x46, 0, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<Offer, GpError> {
        let (point, rest) = field(Self::NAME, accepted(Self::NAME, response)?)?;
        Ok(Offer { point: *point, signature: signature(Self::NAME, rest)? })
    }
}

/// A block of [`signed_statement`]: `80 58 P1 number Lc block`. For custodians in a deal, and combiners.
#[derive(Clone, Copy, Debug)]
pub struct TakeStatement<'a> {
    /// The block.
    pub block: Block<'a>,
}

/// What TAKE STATEMENT takes in blocks: the statement, and the dealer's signature of it.
#[must_use]
pub fn signed_statement(statement: &Statement, signature: &Signature) -> Vec<u8> {
    [statement.to_bytes(), signature.to_der()].concat()
}

impl Command for TakeStatement<'_> {
    type Response = ();
    const NAME: &'static str = "TAKE STATEMENT";

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x58, self.block.p1(), self.block.number], &[self.block.bytes], false, data)
    }

    fn response(&self, response: Response<'_>) -> Result<(), GpError> {
        done(Self::NAME, response)
    }
}
