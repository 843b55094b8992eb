//! The custodian applet as `docs/protocol/custody.md` has it, step by step: the order of the checks is the documents'.
//!
//! This file: which command it is. `checks`: what lists have in common; `pin`: VERIFY, CHANGE PIN; `share`: STORE SHARE, READ
//! SHARE, WIPE; `state`: GET STATE. Of the commands between cards, `enrolment`: keys and certificates; `manifest`: the
//! manifest and its parties; `offers`: contributions and one-time keys; `dealer`, `holder`, `combiner`: those of one place.
//! `model`: what a ceremony leaves on the card, `coded` how; `kept`: what outlives the power; `crypto`: signatures and boxes
//! in the card's words.

mod checks;
mod coded;
mod combiner;
mod crypto;
mod dealer;
mod enrolment;
mod holder;
pub(super) mod kept;
mod manifest;
mod model;
mod offers;
mod pin;
mod share;
mod state;

use super::Stop;
use super::challenge::Generator;
use super::nvm::Nvm;
use cardwright_proto::apdu::Command;
use cardwright_proto::apdu::class::Class;
use cardwright_proto::custody::VERSION;
use cardwright_proto::custody::fci::Fci;
use cardwright_proto::scp::SecurityLevel;
use cardwright_proto::status::StatusWord;
use checks::{Collecting, require};
use model::{Ceremony, Enrolment};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

pub(super) use cardwright_proto::custody::AID;

pub(super) const VERIFY: u8 = 0x20;
pub(super) const GET_STATE: u8 = 0x36;
const READ_SHARE: u8 = 0x32;

/// What is forgotten with a reset or a deselection, in part with the end of the session.
#[derive(Default)]
pub(super) struct Volatile {
    /// A PIN has been verified and not used since.
    verified: bool,
    collecting: Option<Collecting>,
    /// The number of the next block, while a share is being read.
    reading: Option<u8>,
    /// The values of the shares that a combiner took, by x: zeros behind them to 32 bytes.
    taken: BTreeMap<u8, Zeroizing<[u8; 32]>>,
}

impl Volatile {
    /// The session is over: what it began, no other one goes on with.
    pub(super) fn end_transfers(&mut self) {
        self.collecting = None;
        self.reading = None;
        self.taken.clear();
    }
}

/// One command in clear, with what it works on.
struct Call<'a> {
    nvm: &'a mut Nvm,
    ram: &'a mut Volatile,
    random: &'a mut dyn Generator,
    /// The level of the session under which the command came; `None` for a plain one.
    level: Option<SecurityLevel>,
    command: &'a Command<'a>,
    /// As it is kept, until a command saves it changed.
    enrolment: Enrolment,
    /// In the same way.
    ceremony: Ceremony,
    out: &'a mut Vec<u8>,
}

/// How a command is carried out: an answer in `out`, and 9000 or the word of a wrong PIN.
type Handler = fn(&mut Call<'_>) -> Result<StatusWord, Stop>;

/// A command's list; `None` where there is no such command.
fn handler(ins: u8) -> Option<Handler> {
    let handler: Handler = match ins {
        VERIFY => |call| call.verify(),
        0x24 => |call| call.change_pin(),
        0x30 => |call| call.store_share(),
        READ_SHARE => |call| call.read_share(),
        0x34 => |call| call.wipe(),
        GET_STATE => |call| call.get_state(),
        0x38 => |call| call.generate_identity(),
        0x3A => |call| call.get_identity(),
        0x3C => |call| call.put_ca_key(),
        0x3E => |call| call.sign_certificate(),
        0x40 => |call| call.put_certificate(),
        0x42 => |call| call.approve_manifest(),
        0x44 => |call| call.commit_contribution(),
        0x46 => |call| call.make_offer(),
        0x48 => |call| call.reveal_contribution(),
        0x4A => |call| call.begin_deal(),
        0x4C => |call| call.put_party(),
        0x4E => |call| call.admit(),
        0x52 => |call| call.take_contribution(),
        0x54 => |call| call.deal_box(),
        0x56 => |call| call.state_deal(),
        0x58 => |call| call.take_statement(),
        0x5A => |call| call.store_box(),
        0x5C => |call| call.confirm(),
        0x5E => |call| call.forget(),
        0xA0 => |call| call.release_share(),
        0xA2 => |call| call.take_share(),
        0xA6 => |call| call.drill(),
        0xA8 => |call| call.verdict(),
        0xAA => |call| call.export(),
        0xAC => |call| call.read_result(),
        0xAE => |call| call.receipt(),
        _ => return None,
    };
    Some(handler)
}

/// Answers a command in clear, from step 5 of "Every command" on. `level` is `None` where it came plain.
pub(super) fn process(
    (nvm, ram, random): (&mut Nvm, &mut Volatile, &mut dyn Generator),
    level: Option<SecurityLevel>,
    class: Class,
    command: &Command<'_>,
    out: &mut Vec<u8>,
) -> Result<StatusWord, Stop> {
    let ins = command.header.ins;
    let handler = handler(ins).ok_or(StatusWord::INS_NOT_SUPPORTED)?;
    require(class.proprietary != (ins == VERIFY), StatusWord::CLA_NOT_SUPPORTED)?;
    if ram.collecting.as_ref().is_some_and(|collecting| collecting.ins != ins) {
        ram.collecting = None;
    }
    if ins != READ_SHARE {
        ram.reading = None;
    }
    // Memory that no card leaves behind.
    let broken = StatusWord(0x6400);
    let (enrolment, ceremony) = (kept::enrolment(nvm).ok_or(broken)?, kept::ceremony(nvm).ok_or(broken)?);
    let mut call = Call { nvm, ram, random, level, command, enrolment, ceremony, out };
    let done = handler(&mut call);
    if done.is_err() {
        (ram.collecting, ram.reading) = (None, None);
    }
    done
}

/// What SELECT tells.
pub(super) fn fci(nvm: &Nvm) -> Fci {
    Fci { version: VERSION, life_cycle: kept::life_cycle(nvm), identity: kept::identity(nvm) }
}
