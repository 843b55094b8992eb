//! What the lists of the commands have in common.

use super::Call;
use super::kept;
use super::model::{Hand, Offer, Pair, Party};
use crate::virtual_card::Stop;
use cardwright_proto::custody::blocks::LAST;
use cardwright_proto::custody::manifest::{MAX_CUSTODIANS, Operation, Place};
use cardwright_proto::custody::share::MAX_LEN;
use cardwright_proto::custody::{SELECTABLE, signature};
use cardwright_proto::scp::SecurityLevel;
use cardwright_proto::status::StatusWord;
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// Data on its way in.
pub(super) struct Collecting {
    pub(super) ins: u8,
    /// STORE SHARE's, else 0.
    mode: u8,
    bytes: Zeroizing<Vec<u8>>,
    /// The number of the next block. Behind 255 there is none.
    next: u16,
}

/// A check of a list.
pub(super) fn require(met: bool, sw: StatusWord) -> Result<(), Stop> {
    if met { Ok(()) } else { Err(sw.into()) }
}

/// The lengths of so many bytes and a signature behind them.
pub(super) const fn signed(fields: usize) -> RangeInclusive<usize> {
    fields + signature::MIN_LEN..=fields + signature::MAX_LEN
}

/// P1 as the x of a custodian: 6A86 for what is none.
pub(super) fn custodian(p1: u8) -> Result<u8, Stop> {
    require((1..=MAX_CUSTODIANS).contains(&p1), StatusWord::WRONG_P1P2).map(|()| p1)
}

impl<'a> Call<'a> {
    pub(super) const fn p1p2(&self) -> (u8, u8) {
        (self.command.header.p1, self.command.header.p2)
    }

    pub(super) const fn data(&self) -> &'a [u8] {
        self.command.data
    }

    pub(super) fn p1p2_zero(&self) -> Result<(), Stop> {
        require(self.p1p2() == (0, 0), StatusWord::WRONG_P1P2)
    }

    /// "Data: 6700".
    pub(super) fn no_data(&self) -> Result<(), Stop> {
        require(self.command.data.is_empty(), StatusWord::WRONG_LENGTH)
    }

    /// Data of other lengths: 6700.
    pub(super) fn length(&self, lengths: RangeInclusive<usize>) -> Result<(), Stop> {
        require(lengths.contains(&self.command.data.len()), StatusWord::WRONG_LENGTH)
    }

    pub(super) fn has_pin(&self) -> bool {
        kept::life_cycle(self.nvm) != SELECTABLE
    }

    /// "Level 33" in a list.
    pub(super) fn at_level_33(&self) -> Result<(), Stop> {
        require(self.level == Some(SecurityLevel::FULL), StatusWord::SECURITY_STATUS)
    }

    /// "PIN" in a list, without using it up.
    pub(super) fn pin_verified(&self) -> Result<(), Stop> {
        require(self.ram.verified, StatusWord::SECURITY_STATUS)
    }

    /// "PIN" in a list: whoever gets past it has used it up.
    pub(super) fn use_pin(&mut self) -> Result<(), Stop> {
        require(std::mem::take(&mut self.ram.verified), StatusWord::SECURITY_STATUS)
    }

    /// "In blocks": all of the data behind the last block.
    pub(super) fn in_blocks(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, Stop> {
        self.at_level_33()?;
        require(self.p1p2().0 & !LAST == 0, StatusWord::WRONG_P1P2)?;
        self.block_is_due(0)?;
        require(!self.command.data.is_empty(), StatusWord::WRONG_LENGTH)?;
        self.append()
    }

    /// Number 0 begins anew; another one has to be the next, and of the first one's mode: 6A86.
    pub(super) fn block_is_due(&mut self, mode: u8) -> Result<(), Stop> {
        let number = self.p1p2().1;
        if number == 0 {
            let bytes = Zeroizing::new(Vec::with_capacity(MAX_LEN));
            self.ram.collecting = Some(Collecting { ins: self.command.header.ins, mode, bytes, next: 0 });
        }
        let due = |it: &Collecting| it.next == u16::from(number) && it.mode == mode;
        require(self.ram.collecting.as_ref().is_some_and(due), StatusWord::WRONG_P1P2)
    }

    /// Keeps a block, 6A84 beyond 512 bytes; behind the last one, all of them.
    pub(super) fn append(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, Stop> {
        let (p1, block) = (self.p1p2().0, self.command.data);
        let collecting = self.ram.collecting.as_mut().ok_or(StatusWord::WRONG_P1P2)?;
        require(collecting.bytes.len() + block.len() <= MAX_LEN, StatusWord::NO_MEMORY)?;
        collecting.bytes.extend_from_slice(block);
        collecting.next += 1;
        if p1 & LAST == 0 { Ok(None) } else { Ok(self.ram.collecting.take().map(|all| all.bytes)) }
    }

    /// The manifest in hand: 6985 without one.
    pub(super) fn hand(&self) -> Result<Hand, Stop> {
        Ok(self.ceremony.hand.clone().ok_or(StatusWord::CONDITIONS)?)
    }

    /// "As the combiner in ..." or "as the dealer in ...": 6985 where the card is not.
    pub(super) fn hand_as(&self, place: Place, operations: &[Operation]) -> Result<Hand, Stop> {
        Ok(self.hand().ok().filter(|hand| hand.is(operations, place)).ok_or(StatusWord::CONDITIONS)?)
    }

    /// "As a custodian in ...": 6985 where the card is none; else with its x.
    pub(super) fn hand_as_custodian(&self, operations: &[Operation]) -> Result<(Hand, u8), Stop> {
        let hand = self.hand()?;
        let x = hand.x().filter(|_| operations.contains(&hand.manifest.operation)).ok_or(StatusWord::CONDITIONS)?;
        Ok((hand, x))
    }

    /// "Party" in a list: 6985 where it is not there.
    pub(super) fn party(&self, place: Place) -> Result<Party, Stop> {
        Ok(*self.ceremony.party(place).ok_or(StatusWord::CONDITIONS)?)
    }

    /// "No offer that is there: 6985".
    pub(super) fn offer(&self) -> Result<Pair, Stop> {
        match &self.ceremony.offer {
            Offer::There(pair) => Ok(pair.clone()),
            Offer::None | Offer::Used => Err(StatusWord::CONDITIONS.into()),
        }
    }
}
