//! Personalisation data: STORE DATA on the card, and what it tells of it.
//!
//! Blocks are collected in the session. With the last one all of it is kept, in one transaction, or nothing.

use super::layout::PERSONAL;
use super::nvm::{Entry, Nvm};
use super::{Stop, domain};
use cardwright_keys::custody::hash::sha256;
use cardwright_proto::apdu::Command;
use cardwright_proto::gp::store_data::{Dgi, Dgis, StoreData};
use cardwright_proto::status::StatusWord;
use std::ops::Range;
use zeroize::Zeroizing;

/// The data object that tells how much is kept: a speciality of this card.
pub(super) const DIGEST: u16 = 0xFF40;

/// Bytes that there are for it.
const ROOM: usize = PERSONAL.end - PERSONAL.start;

/// Bytes of the length that stands in front of what is kept.
const HEAD: usize = 2;

/// The blocks that came so far.
#[derive(Default)]
pub(super) struct Blocks {
    /// The next one's number.
    next: usize,
    data: Zeroizing<Vec<u8>>,
}

impl Blocks {
    /// STORE DATA (CS 11.11). Number 0 begins anew.
    ///
    /// 6A86 another format than data groupings in clear; 6A80 a number that is not the next, an empty block, or data that
    /// is not data groupings; 6A84 more than there is room for. After any of them the next block is number 0.
    pub(super) fn store(&mut self, nvm: &mut Nvm, command: &Command<'_>) -> Result<StatusWord, Stop> {
        let mut so_far = std::mem::take(self);
        let block = StoreData::from_command(command).ok_or(StatusWord::WRONG_P1P2)?;
        if block.number == 0 {
            so_far = Self { next: 0, data: Zeroizing::new(Vec::with_capacity(ROOM)) };
        }
        if usize::from(block.number) != so_far.next || block.data.is_empty() {
            return Err(StatusWord::WRONG_DATA.into());
        }
        if so_far.data.len() + block.data.len() > ROOM - HEAD {
            return Err(StatusWord::NO_MEMORY.into());
        }
        so_far.next += 1;
        so_far.data.extend_from_slice(block.data);
        if block.last {
            keep(nvm, &so_far.data)?;
        } else {
            *self = so_far;
        }
        Ok(StatusWord::OK)
    }
}

/// Whether this is what a card leaves behind.
pub(super) fn sound(nvm: &Nvm) -> bool {
    kept(nvm).is_some_and(|kept| Dgis::new(kept).all(|dgi| dgi.is_ok()))
}

/// Tells how many data groupings are kept (80), and SHA-256 over all of them, coded one after another (81). 6A88 where there
/// is none.
pub(super) fn digest(nvm: &Nvm) -> Result<Vec<u8>, Stop> {
    let kept = kept(nvm).filter(|kept| !kept.is_empty()).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    let [.., high, low] = Dgis::new(kept).count().to_be_bytes();
    let mut value = Vec::new();
    domain::object(&mut value, 0x80, &[high, low])?;
    domain::object(&mut value, 0x81, &sha256(&[kept]))?;
    Ok(value)
}

/// What is kept, coded; `None` where the length is wrong.
fn kept(nvm: &Nvm) -> Option<&[u8]> {
    let (len, all) = nvm.read(PERSONAL).split_first_chunk::<HEAD>()?;
    all.get(..usize::from(u16::from_be_bytes(*len)))
}

/// Each data grouping in the place of the one with its identifier, or behind all others.
fn keep(nvm: &mut Nvm, data: &[u8]) -> Result<(), Stop> {
    // What is kept and what came: neither is longer than the room.
    let mut all = Zeroizing::new(Vec::with_capacity(2 * ROOM));
    // Memory that no card leaves behind.
    all.extend_from_slice(kept(nvm).ok_or(StatusWord(0x6400))?);
    for dgi in Dgis::new(data) {
        let dgi = dgi.map_err(|_| StatusWord::WRONG_DATA)?;
        let place = place(&all, dgi.tag);
        let mut coded = Zeroizing::new(Vec::with_capacity(2 * ROOM));
        coded.extend_from_slice(&all[..place.start]);
        dgi.encode_into(&mut coded).map_err(|_| StatusWord::WRONG_DATA)?;
        coded.extend_from_slice(&all[place.end..]);
        all = coded;
    }
    if all.len() > ROOM - HEAD {
        return Err(StatusWord::NO_MEMORY.into());
    }
    let mut written = Zeroizing::new(vec![0; ROOM]);
    let [.., high, low] = all.len().to_be_bytes();
    written[..HEAD].copy_from_slice(&[high, low]);
    written[HEAD..][..all.len()].copy_from_slice(&all);
    Ok(nvm.commit(&[Entry { at: PERSONAL.start, bytes: &written }])?)
}

/// Where the data grouping with this identifier stands; the end where there is none.
fn place(all: &[u8], tag: u16) -> Range<usize> {
    let mut begin = 0;
    for Dgi { tag: other, value } in Dgis::new(all).flatten() {
        let end = begin + 2 + if value.len() < 0xFF { 1 } else { 3 } + value.len();
        if other == tag {
            return begin..end;
        }
        begin = end;
    }
    all.len()..all.len()
}
