//! The custodian applet as `docs/protocol/custody.md` has it, step by step: the order of the checks is the document's.
//!
//! This file: which command it is, the PIN, GET STATE. `share`: STORE SHARE, READ SHARE, WIPE. `kept`: what outlives
//! the power.

pub(super) mod kept;
mod share;

use super::Stop;
use super::nvm::Nvm;
use cardwright_proto::apdu::Command;
use cardwright_proto::apdu::class::Class;
use cardwright_proto::custody::fci::Fci;
use cardwright_proto::custody::get_state::State;
use cardwright_proto::custody::share::ShareObject;
use cardwright_proto::custody::{MAX_TRIES, Mode, Pin, SELECTABLE, VERSION, change_pin};
use cardwright_proto::scp::SecurityLevel;
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

pub(super) use cardwright_proto::custody::AID;

pub(super) const VERIFY: u8 = 0x20;
const CHANGE_PIN: u8 = 0x24;
const STORE_SHARE: u8 = 0x30;
const READ_SHARE: u8 = 0x32;
const WIPE: u8 = 0x34;
pub(super) const GET_STATE: u8 = 0x36;

/// What a logical channel forgets with a reset or a deselection, in part with the end of its session.
#[derive(Default)]
pub(super) struct Volatile {
    /// A PIN has been verified and not used since.
    verified: bool,
    storing: Option<Storing>,
    /// The number of the next block, while a share is being read.
    reading: Option<u8>,
}

impl Volatile {
    /// The session is over: what it began, no other one goes on with.
    pub(super) fn end_transfers(&mut self) {
        self.storing = None;
        self.reading = None;
    }
}

/// A share object on its way in.
struct Storing {
    mode: Mode,
    bytes: Zeroizing<Vec<u8>>,
    /// The number of the next block. Behind 255 there is none.
    next: u16,
}

/// One command in clear, with what it works on.
struct Call<'a> {
    nvm: &'a mut Nvm,
    ram: &'a mut Volatile,
    /// The level of the session under which the command came; `None` for a plain one.
    level: Option<SecurityLevel>,
    command: &'a Command<'a>,
}

/// Answers a command in clear, from step 5 of "Every command" on. `level` is `None` where it came plain.
pub(super) fn process(
    (nvm, ram): (&mut Nvm, &mut Volatile),
    level: Option<SecurityLevel>,
    class: Class,
    command: &Command<'_>,
    out: &mut Vec<u8>,
) -> Result<StatusWord, Stop> {
    let ins = command.header.ins;
    if !matches!(ins, VERIFY | CHANGE_PIN | STORE_SHARE | READ_SHARE | WIPE | GET_STATE) {
        return Err(StatusWord::INS_NOT_SUPPORTED.into());
    }
    if class.proprietary == (ins == VERIFY) {
        return Err(StatusWord::CLA_NOT_SUPPORTED.into());
    }
    if ins != STORE_SHARE {
        ram.storing = None;
    }
    if ins != READ_SHARE {
        ram.reading = None;
    }
    let mut call = Call { nvm, ram, level, command };
    match ins {
        VERIFY => call.verify(),
        CHANGE_PIN => call.change_pin(),
        STORE_SHARE => call.store().inspect_err(|_| call.ram.storing = None),
        READ_SHARE => call.read(out).inspect_err(|_| call.ram.reading = None),
        WIPE => call.wipe(),
        _ => call.get_state(out),
    }
}

/// What SELECT tells.
pub(super) fn fci(nvm: &Nvm) -> Fci {
    Fci { version: VERSION, life_cycle: kept::life_cycle(nvm), identity: kept::identity(nvm) }
}

impl Call<'_> {
    const fn p1p2(&self) -> (u8, u8) {
        (self.command.header.p1, self.command.header.p2)
    }

    fn has_pin(&self) -> bool {
        kept::life_cycle(self.nvm) != SELECTABLE
    }

    /// "level 33" in a list.
    fn at_level_33(&self) -> Result<(), Stop> {
        require(self.level == Some(SecurityLevel::FULL), StatusWord::SECURITY_STATUS)
    }

    /// "PIN" in a list: whoever gets past it has used it up.
    fn use_pin(&mut self) -> Result<(), Stop> {
        require(std::mem::take(&mut self.ram.verified), StatusWord::SECURITY_STATUS)
    }

    /// VERIFY.
    fn verify(&mut self) -> Result<StatusWord, Stop> {
        let pin = self.command.data;
        require(self.p1p2() == (0, 0), StatusWord::WRONG_P1P2)?;
        require(self.has_pin(), StatusWord::CONDITIONS)?;
        if pin.is_empty() {
            let tries = kept::tries(self.nvm);
            return Ok(match (self.ram.verified, tries) {
                (true, _) => StatusWord::OK,
                (false, 0) => StatusWord::BLOCKED,
                (false, left) => wrong_pin(left),
            });
        }
        well_formed(&[pin])?;
        let left = self.compare(pin)?;
        if let Some(left) = left {
            return Ok(wrong_pin(left));
        }
        kept::give_tries_back(self.nvm)?;
        self.ram.verified = true;
        Ok(StatusWord::OK)
    }

    /// VERIFY from step 6 up to the comparison: the tries left where the PIN is wrong.
    fn compare(&mut self, pin: &[u8]) -> Result<Option<u8>, Stop> {
        let left = kept::tries(self.nvm).checked_sub(1).ok_or(StatusWord::BLOCKED)?;
        kept::set_tries(self.nvm, left)?;
        self.ram.verified = false;
        Ok((!kept::is_pin(self.nvm, pin)).then_some(left))
    }

    /// CHANGE PIN.
    fn change_pin(&mut self) -> Result<StatusWord, Stop> {
        self.at_level_33()?;
        let (p1, p2) = self.p1p2();
        require(p1 <= 1 && p2 == 0, StatusWord::WRONG_P1P2)?;
        let first = p1 == 1;
        require(first != self.has_pin(), StatusWord::CONDITIONS)?;
        let new = if first {
            well_formed(&[self.command.data])?;
            self.command.data
        } else {
            let (old, new) = change_pin::split(self.command.data).ok_or(StatusWord::WRONG_LENGTH)?;
            well_formed(&[old, new])?;
            if let Some(left) = self.compare(old)? {
                return Ok(wrong_pin(left));
            }
            new
        };
        kept::set_pin(self.nvm, new)?;
        self.ram.verified = false;
        Ok(StatusWord::OK)
    }

    /// GET STATE.
    fn get_state(&self, out: &mut Vec<u8>) -> Result<StatusWord, Stop> {
        require(self.p1p2() == (0, 0), StatusWord::WRONG_P1P2)?;
        require(self.command.data.is_empty(), StatusWord::WRONG_LENGTH)?;
        let share = kept::share(self.nvm).map(|(mode, object)| ShareObject::parse(object).map(|it| (mode, *it.info())));
        let share = share.transpose().map_err(|_| StatusWord(0x6400))?;
        let state = State { card: fci(self.nvm), tries: kept::tries(self.nvm), share };
        state.encode_into(out).map_err(|_| StatusWord(0x6400))?;
        Ok(StatusWord::OK)
    }
}

/// 63CX.
fn wrong_pin(left: u8) -> StatusWord {
    StatusWord(0x63C0 | u16::from(left.min(MAX_TRIES)))
}

/// First the lengths of all, 6700, then their digits, 6A80.
fn well_formed(pins: &[&[u8]]) -> Result<(), Stop> {
    require(pins.iter().all(|pin| (Pin::MIN..=Pin::MAX).contains(&pin.len())), StatusWord::WRONG_LENGTH)?;
    // All of them, also behind one that is none.
    let digits = pins.iter().copied().flatten().fold(true, |all, digit| all & digit.is_ascii_digit());
    require(digits, StatusWord::WRONG_DATA)
}

/// A check of a list.
fn require(met: bool, sw: StatusWord) -> Result<(), Stop> {
    if met { Ok(()) } else { Err(sw.into()) }
}
