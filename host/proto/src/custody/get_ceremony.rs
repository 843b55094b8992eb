//! GET STATE with P1 = 01: where a card is in a ceremony.

use super::get_state::GetState;
use super::manifest::{MAX_CUSTODIANS, Operation, Place};
use super::subset::Mask;
use super::{Hash, Point, command};
use crate::apdu::{self, Response};
use crate::gp::{Command, GpError, accepted, malformed};
use crate::tlv::{self, Item, Items, TlvError};
use alloc::vec::Vec;
use core::iter::Peekable;

/// Asks: `80 36 01 00 00`.
#[derive(Clone, Copy, Debug)]
pub struct GetCeremony;

/// Where a card is in a ceremony. Authenticated only where it came through a session with R-MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeremonyState {
    /// It has an identity key.
    pub identity_key: bool,
    /// It knows its CA.
    pub ca_key: bool,
    /// It is a CA: the CA's key is its own.
    pub is_ca: bool,
    /// The highest sequence that it approved.
    pub sequence: u32,
    /// How many manifests it approved.
    pub counter: u32,
    /// How many certificates it signed.
    pub signed: u32,
    /// Its certificate's hash, where it has a certificate.
    pub certificate: Option<Hash>,
    /// Its part, where a manifest is in hand.
    pub part: Option<Part>,
}

/// A card's part in a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// M, the manifest's hash.
    pub manifest: Hash,
    /// What the manifest is for.
    pub operation: Operation,
    /// Whose certificates the card has.
    pub parties: Mask,
    /// A custodian's contribution in a deal.
    pub contribution: Contributed,
    /// The one-time key.
    pub offer: Offered,
    /// The statement's hash, where there is a statement; the dealer's own from when it was stated.
    pub statement: Option<Hash>,
    /// The card's place, and what only a card of this place tells.
    pub place: At,
}

/// What became of a contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contributed {
    /// 00: none was made.
    None,
    /// 01
    Made,
    /// 02: it was, and is gone.
    Gone,
}

/// What became of a one-time key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// 00: none was made.
    None,
    /// 01: it is there; its point Q.
    There(Point),
    /// 02: its private key is destroyed.
    Used,
}

/// A card's place, and what only a card of this place tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// 01 to 0A: the custodian with this x.
    Custodian(u8),
    /// 0C
    Combiner {
        /// How many subsets gave the key.
        drilled: u8,
        /// Whose shares are taken.
        taken: Mask,
        /// Bytes of what EXPORT made, where it made something.
        result: Option<u16>,
    },
    /// 0D
    Dealer(Deal),
}

/// Where a deal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deal {
    /// How far it is.
    pub phase: Phase,
    /// x of the next contribution; 0 in phase 0, n + 1 from phase 2.
    pub next: u8,
    /// Whose approvals were admitted.
    pub approvals: Mask,
    /// Whose commitments.
    pub commitments: Mask,
    /// Whose offers.
    pub offers: Mask,
    /// Whose boxes were made.
    pub boxes: Mask,
    /// Whose receipts are confirmed.
    pub receipts: Mask,
    /// Whether the drill is.
    pub drill: bool,
}

/// How far a deal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// 0: nothing is begun.
    None,
    /// 1
    Begun,
    /// 2: the secret is made and split.
    Split,
    /// 3: the statement is made.
    Stated,
    /// 4: all is confirmed, and the secret is gone.
    Forgotten,
    /// 5: given up.
    Abandoned,
}

impl Phase {
    /// 0 to 5.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Begun => 1,
            Self::Split => 2,
            Self::Stated => 3,
            Self::Forgotten => 4,
            Self::Abandoned => 5,
        }
    }

    /// From its byte; `None` for any other than 0 to 5.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::None),
            1 => Some(Self::Begun),
            2 => Some(Self::Split),
            3 => Some(Self::Stated),
            4 => Some(Self::Forgotten),
            5 => Some(Self::Abandoned),
            _ => None,
        }
    }
}

impl At {
    /// The place alone.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::Custodian(x) => Place::Custodian(*x),
            Self::Combiner { .. } => Place::Combiner,
            Self::Dealer(_) => Place::Dealer,
        }
    }
}

impl CeremonyState {
    /// Card side: appends the answer, a template E2.
    ///
    /// # Errors
    /// None: the tags are constants, and the values short.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), TlvError> {
        let flags = [self.identity_key, self.ca_key, self.certificate.is_some(), self.is_ca];
        let flags = flags.iter().rev().fold(0, |flags, flag| flags << 1 | u8::from(*flag));
        let mut state = Vec::new();
        tlv::push(&mut state, 0x80, &[flags])?;
        tlv::push(&mut state, 0x81, &self.sequence.to_be_bytes())?;
        tlv::push(&mut state, 0x82, &self.counter.to_be_bytes())?;
        tlv::push(&mut state, 0x83, &self.signed.to_be_bytes())?;
        if let Some(hash) = &self.certificate {
            tlv::push(&mut state, 0x84, hash)?;
        }
        if let Some(part) = &self.part {
            part.encode_into(&mut state)?;
        }
        tlv::push(out, 0xE2, &state)
    }

    fn parse(answer: &[u8]) -> Result<Self, GpError> {
        let mut outer = Fields::new(answer);
        let mut fields = Fields::new(outer.next(0xE2)?);
        outer.end()?;
        let [flags] = fields.fixed(0x80)?;
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let state = Self {
            identity_key: flag(0),
            ca_key: flag(1),
            is_ca: flag(3),
            sequence: u32::from_be_bytes(fields.fixed(0x81)?),
            counter: u32::from_be_bytes(fields.fixed(0x82)?),
            signed: u32::from_be_bytes(fields.fixed(0x83)?),
            certificate: fields.optional(0x84)?,
            part: fields.optional(0x85)?.map(|manifest| Part::read(manifest, &mut fields)).transpose()?,
        };
        fields.end()?;
        let fits = flags < 0x10
            && flag(2) == state.certificate.is_some()
            && (state.ca_key || !state.is_ca && state.certificate.is_none())
            && (state.identity_key || !state.ca_key)
            && (state.certificate.is_some() || state.part.is_none());
        if fits { Ok(state) } else { Err(wrong("what the card has does not fit together")) }
    }
}

impl Part {
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), TlvError> {
        let contribution = match self.contribution {
            Contributed::None => 0,
            Contributed::Made => 1,
            Contributed::Gone => 2,
        };
        let (offer, point) = match &self.offer {
            Offered::None => (0, None),
            Offered::There(point) => (1, Some(point)),
            Offered::Used => (2, None),
        };
        tlv::push(out, 0x85, &self.manifest)?;
        tlv::push(out, 0x86, &[self.operation.byte(), self.place.place().byte()])?;
        tlv::push(out, 0x87, &self.parties.0.to_be_bytes())?;
        tlv::push(out, 0x88, &[contribution])?;
        tlv::push(out, 0x89, &[offer])?;
        if let Some(point) = point {
            tlv::push(out, 0x8A, point)?;
        }
        match &self.place {
            At::Custodian(_) => {}
            At::Dealer(deal) => deal.encode_into(out)?,
            At::Combiner { drilled, .. } => tlv::push(out, 0x8D, &[*drilled])?,
        }
        if let Some(hash) = &self.statement {
            tlv::push(out, 0x8E, hash)?;
        }
        if let At::Combiner { taken, result, .. } = &self.place {
            tlv::push(out, 0x8F, &taken.0.to_be_bytes())?;
            if let Some(len) = result {
                tlv::push(out, 0x90, &len.to_be_bytes())?;
            }
        }
        Ok(())
    }

    fn read(manifest: Hash, fields: &mut Fields<'_>) -> Result<Self, GpError> {
        let [operation, place] = fields.fixed(0x86)?;
        let operation = Operation::from_byte(operation).ok_or(wrong("an operation that there is not"))?;
        let parties = Mask(u16::from_be_bytes(fields.fixed(0x87)?));
        let contribution = match fields.fixed(0x88)? {
            [0] => Contributed::None,
            [1] => Contributed::Made,
            [2] => Contributed::Gone,
            _ => return Err(wrong("a contribution is none, made or gone")),
        };
        let offer = match fields.fixed(0x89)? {
            [0] => Offered::None,
            [1] => Offered::There(fields.fixed(0x8A)?),
            [2] => Offered::Used,
            _ => return Err(wrong("an offer is none, there or used")),
        };
        let place = Place::from_byte(place).ok_or(wrong("a place that there is not"))?;
        let deal = if place == Place::Dealer { Some(Deal::read(fields)?) } else { None };
        let drilled = if place == Place::Combiner { Some(fields.fixed::<1>(0x8D)?) } else { None };
        let statement = fields.optional(0x8E)?;
        let place = match (place, deal, drilled) {
            (Place::Custodian(x), ..) => At::Custodian(x),
            (_, Some(deal), _) if operation == Operation::Deal => At::Dealer(deal),
            (_, _, Some([drilled])) if operation != Operation::Destroy => At::Combiner {
                drilled,
                taken: custodians(fields.fixed(0x8F)?)?,
                result: fields.optional(0x90)?.map(u16::from_be_bytes),
            },
            _ => return Err(wrong("a place that this operation does not have")),
        };
        if parties.0 >= 0x2000 {
            return Err(wrong("a party that there is not"));
        }
        Ok(Self { manifest, operation, parties, contribution, offer, statement, place })
    }
}

impl Deal {
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), TlvError> {
        let Self { phase, next, approvals, commitments, offers, boxes, receipts, drill } = *self;
        let mut deal = Vec::from([phase.byte(), next]);
        [approvals, commitments, offers, boxes].iter().for_each(|mask| deal.extend(mask.0.to_be_bytes()));
        let [high, low] = receipts.0.to_be_bytes();
        tlv::push(out, 0x8B, &deal)?;
        tlv::push(out, 0x8C, &[high, low, u8::from(drill)])
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, GpError> {
        let [phase, next, a0, a1, c0, c1, o0, o1, b0, b1] = fields.fixed(0x8B)?;
        let [r0, r1, drill] = fields.fixed(0x8C)?;
        let phase = Phase::from_byte(phase).ok_or(wrong("a phase that there is not"))?;
        if (phase == Phase::None) != (next == 0) || next > MAX_CUSTODIANS + 1 || drill > 1 {
            return Err(wrong("what the dealer waits for does not fit together"));
        }
        Ok(Self {
            phase,
            next,
            approvals: custodians([a0, a1])?,
            commitments: custodians([c0, c1])?,
            offers: custodians([o0, o1])?,
            boxes: custodians([b0, b1])?,
            receipts: custodians([r0, r1])?,
            drill: drill == 1,
        })
    }
}

impl Command for GetCeremony {
    type Response = CeremonyState;
    const NAME: &'static str = GetState::NAME;

    fn apdu<'d>(&self, data: &'d mut Vec<u8>) -> apdu::Command<'d> {
        command([0x36, 1, 0], &[], true, data)
    }

    fn response(&self, response: Response<'_>) -> Result<CeremonyState, GpError> {
        CeremonyState::parse(accepted(Self::NAME, response)?)
    }
}

/// Data objects that come in one order.
struct Fields<'a>(Peekable<Items<'a>>);

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self(Items::new(bytes).peekable())
    }

    /// The object that has to come next.
    fn next(&mut self, tag: u32) -> Result<&'a [u8], GpError> {
        match self.0.next().transpose().map_err(malformed(GetCeremony::NAME))? {
            Some(item) if item.is(tag) => Ok(item.value),
            _ => Err(malformed(GetCeremony::NAME)(TlvError::Missing(tag))),
        }
    }

    fn fixed<const N: usize>(&mut self, tag: u32) -> Result<[u8; N], GpError> {
        self.next(tag)?.try_into().map_err(|_| wrong("a data object has another length"))
    }

    /// The object with this tag, if it comes next.
    fn optional<const N: usize>(&mut self, tag: u32) -> Result<Option<[u8; N]>, GpError> {
        let there = |next: &Result<Item<'_>, _>| next.as_ref().is_ok_and(|item| item.is(tag));
        if self.0.peek().is_some_and(there) { self.fixed(tag).map(Some) } else { Ok(None) }
    }

    /// Nothing comes next.
    fn end(&mut self) -> Result<(), GpError> {
        self.0.next().map_or(Ok(()), |_| Err(wrong("a data object too many, or out of order")))
    }
}

/// A mask of custodians, and of nobody else.
fn custodians(bytes: [u8; 2]) -> Result<Mask, GpError> {
    let mask = Mask(u16::from_be_bytes(bytes));
    if mask.0 & !Mask::all(MAX_CUSTODIANS).0 == 0 { Ok(mask) } else { Err(wrong("a custodian that there is not")) }
}

const fn wrong(what: &'static str) -> GpError {
    GpError::Malformed { command: GetCeremony::NAME, what }
}
