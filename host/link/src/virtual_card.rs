//! `sim:` a GlobalPlatform card in process.
//!
//! An issuer security domain with SCP03, an echo applet and a custodian applet behind the same secure channel, on 20
//! logical channels. Its memory is journaled and can lose power at any write; it may live in a file. From the outside in:
//!
//! - this file: power, one command in and one answer out, secure messaging around it;
//! - `channels`: logical channels, chaining, GET RESPONSE; `secure`: the session;
//! - `domain`, `put_key`, `personal`, `echo`, `custodian`: commands;
//! - `profile`: which card; `store`: key sets, counters, tries; `layout`: where they stand; `nvm`: how they are written.

mod challenge;
mod channels;
mod custodian;
mod domain;
mod echo;
mod layout;
mod nvm;
mod personal;
mod profile;
mod put_key;
mod secure;
mod store;

use crate::error::Lost;
use crate::{LinkError, Transport};
use cardwright_keys::journal::CardId;
use cardwright_proto::apdu::Command;
use cardwright_proto::apdu::class::Class;
use cardwright_proto::status::StatusWord;
use cardwright_proto::tlv;
use challenge::{Generator, OsRandom};
use channels::{Application, Chain, Channels, Rest, most, most_of};
use profile::Profile;
use secure::Secure;
use std::fmt;
use std::fs::File;
use std::mem;
use std::path::Path;
use store::Store;
use zeroize::Zeroizing;

pub(crate) use challenge::Seeded;

const SELECT: u8 = 0xA4;
const MANAGE_CHANNEL: u8 = 0x70;
const GET_RESPONSE: u8 = 0xC0;
const INITIALIZE_UPDATE: u8 = 0x50;
const EXTERNAL_AUTHENTICATE: u8 = 0x82;

/// T=1; chaining, extended length, 8 logical channels and more.
const ATR: [u8; 9] = [0x3B, 0x85, 0x01, 0x80, 0x73, 0x80, 0x21, 0xD7, 0x01];

/// The card lost power in the middle: there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the card lost power")]
pub struct Torn;

/// A card's own side of the contacts.
pub trait SmartCard {
    /// Power comes, or the card is reset: what was volatile is gone.
    fn power_on(&mut self);

    /// Power goes.
    fn power_off(&mut self);

    /// Answer to reset.
    fn atr(&self) -> &[u8];

    /// Takes any bytes for a command APDU; `response` is cleared and holds data and status word, two bytes or more.
    ///
    /// # Errors
    /// [`Torn`] where power is lost on the way, or is not there.
    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn>;
}

/// Why a command ends early.
enum Stop {
    /// With this status word and no data.
    Refused(StatusWord),
    /// With nothing.
    Torn,
}

impl From<StatusWord> for Stop {
    fn from(sw: StatusWord) -> Self {
        Self::Refused(sw)
    }
}

impl From<Torn> for Stop {
    fn from(Torn: Torn) -> Self {
        Self::Torn
    }
}

/// A simulated card. It has power from the start.
pub struct VirtualCard {
    name: String,
    store: Store,
    challenges: Box<dyn Generator + Send>,
    /// The custodian applet's.
    random: Box<dyn Generator + Send>,
    powered: bool,
    ram: Ram,
    /// The command in hand, decrypted in place; kept between commands for its room.
    work: Zeroizing<Vec<u8>>,
}

/// What is gone without power.
#[derive(Default)]
struct Ram {
    channels: Channels,
    chain: Chain,
    rest: Rest,
    secure: Secure,
    /// What the custodian applet keeps in RAM while it is selected.
    custodian: custodian::Volatile,
    /// The session ends when the command in hand has been answered, under its protection.
    ends: bool,
}

impl VirtualCard {
    /// Makes the card that a profile describes, or takes up the one in its state file.
    ///
    /// A profile is a list of words, all optional, with commas between them: `aes128` (or 192, 256), `s8` or `s16`, `i=70`
    /// (hex), `kvn=255` (of the initial keys, 404142..), `tries=10`, `kdd=` (20 hex digits), `serial=` (up to 8; random
    /// for a new card, 1 with `seed`), `custodian=` (16 hex digits: the custodian applet's identity), `state=PATH` (memory
    /// in a file, made where missing, used by one process at a time; no comma in the path), `seed=HEX` (repeatable
    /// challenges and custodian's keys), `bare` (PUT KEY without the clear length byte only; otherwise both forms).
    /// Words about a card that exists already have to be true.
    ///
    /// # Errors
    /// [`LinkError::Uri`] for a word that there is not; [`LinkError::CardState`] for a state file that is none, is in
    /// use, or holds another card than the words describe; [`LinkError::Io`] where it cannot be read or written.
    pub fn from_profile(text: &str) -> Result<Self, LinkError> {
        let profile = Profile::parse(text)?;
        let store = Store::open(&profile)?;
        Ok(Self::with(format!("sim:{text}"), store, profile.seed.as_deref()))
    }

    /// Makes a card of its own serial in a new file, for a deck, and tells its name. Where the words have a `kdd`, its
    /// first 6 bytes are the vendor's, and the serial stands behind them.
    pub(crate) fn create(words: &str, serial: u32, path: &Path) -> Result<CardId, LinkError> {
        let profile = Profile::parse(words)?.with_serial(words, serial)?;
        let store = Store::create(&profile, path)?;
        let identity = store.identity();
        Ok(CardId::new(&identity.kdd, Some(&domain::chip(identity.serial))))
    }

    /// Takes up the card in a state file that the caller has locked. `name` is the reader's.
    pub(crate) fn resume(name: String, file: File) -> Result<Self, LinkError> {
        Ok(Self::with(name, Store::resume(file)?, None))
    }

    fn with(name: String, store: Store, seed: Option<&[u8]>) -> Self {
        let mut seeded = seed.and_then(Seeded::new);
        let identity = custodian::kept::identity(store.memory());
        let own = seeded.as_mut().and_then(|seeded| seeded.of_card(&identity, store.checksum()));
        let generator = |seeded: Option<Seeded>| -> Box<dyn Generator + Send> {
            seeded.map_or_else(|| Box::new(OsRandom) as _, |seeded| Box::new(seeded) as _)
        };
        Self {
            name,
            store,
            challenges: generator(seeded),
            random: generator(own),
            powered: true,
            ram: Ram::default(),
            work: Zeroizing::default(),
        }
    }

    /// Arms a loss of power at the `n`-th tear point from now, 0 being the next one. Every raw write to the card's memory
    /// has three: before it, with its first half written, after it.
    pub const fn tear_after(&mut self, n: u64) {
        self.store.nvm().tear_after(n);
    }

    /// How many tear points have been passed since the card was made or taken up.
    #[must_use]
    pub const fn tear_points(&self) -> u64 {
        self.store.points()
    }

    /// One command, up to the status word of a refusal.
    fn run(&mut self, raw: &[u8], work: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), Stop> {
        let Some(&[cla, ins, ..]) = raw.first_chunk::<4>() else {
            return Err(StatusWord::WRONG_LENGTH.into());
        };
        let class = Class::parse(cla).map_err(|_| StatusWord::CLA_NOT_SUPPORTED)?;
        let selected = self.ram.channels.selected(class.channel)?;
        let custodian = selected == Application::Custodian;
        if custodian && class.chained {
            return Err(StatusWord::CLA_NOT_SUPPORTED.into());
        }
        let piece = Command::parse(raw).map_err(|_| StatusWord::WRONG_LENGTH)?;
        // Of the proprietary class it is an applet's command.
        let applets = custodian && class.proprietary;
        if ins == GET_RESPONSE && !applets && !class.secured && !class.chained && !self.ram.chain.begun() {
            return self.ram.rest.fetch(class.channel, &piece, out);
        }
        self.ram.rest.clear();
        if !self.ram.chain.collect(class, raw, &piece, work)? {
            out.extend_from_slice(&StatusWord::OK.0.to_be_bytes());
            return Ok(());
        }
        let answered = self.answer(class, selected, work, out);
        if let Err(Stop::Refused(sw)) = answered
            && sw.ends_session()
        {
            self.ram.end_session(class.channel);
        }
        answered
    }

    /// A whole command: secure messaging off, carried out, secure messaging on.
    fn answer(&mut self, class: Class, selected: Application, work: &mut [u8], out: &mut Vec<u8>) -> Result<(), Stop> {
        self.ram.ends = false;
        let wrapped = self.is_wrapped(class, selected, work)?;
        let command = match self.ram.secure.open_on(class.channel).filter(|_| wrapped) {
            Some(session) => session.messages.unwrap(work).map_err(|_| StatusWord::SECURITY_STATUS)?,
            None => Command::parse(work).map_err(|_| StatusWord::WRONG_LENGTH)?,
        };
        let sw = match self.dispatch(class, wrapped, selected, &command, out) {
            Ok(sw) => sw,
            Err(Stop::Refused(sw)) => {
                out.clear();
                sw
            }
            Err(Stop::Torn) => return Err(Stop::Torn),
        };
        let mut ne = most(&command);
        match self.ram.secure.open_on(class.channel).filter(|_| wrapped) {
            Some(session) => {
                session.messages.wrap(out, sw).map_err(|_| StatusWord::SECURITY_STATUS)?;
                if session.messages.level().r_mac() {
                    // Ne speaks of plain data; MAC and padding come on top.
                    ne = most_of(command.form);
                }
            }
            None => out.extend_from_slice(&sw.0.to_be_bytes()),
        }
        if mem::take(&mut self.ram.ends) || sw.ends_session() {
            self.ram.end_session(class.channel);
        }
        self.ram.rest.keep(class.channel, ne, out);
        Ok(())
    }

    /// Whether the command is under the session's protection. 6982 where it has to be and is not, 6882 where there is
    /// no session to protect it.
    fn is_wrapped(&self, class: Class, selected: Application, raw: &[u8]) -> Result<bool, Stop> {
        let ins = raw.get(1).copied().unwrap_or_default();
        let custodian = selected == Application::Custodian;
        let protected = self.ram.secure.level_on(class.channel).is_some_and(|level| level.c_mac());
        match (protected, class.secured) {
            (true, true) => Ok(true),
            // These are the runtime's, or begin anew.
            (true, false) if matches!(ins, SELECT | INITIALIZE_UPDATE) => Ok(false),
            (true, false) if ins == MANAGE_CHANNEL && !(custodian && class.proprietary) => Ok(false),
            // A reader with a PIN pad knows no session.
            (true, false) if custodian && matches!(ins, custodian::VERIFY | custodian::GET_STATE) => Ok(false),
            (true, false) => Err(StatusWord::SECURITY_STATUS.into()),
            (false, true) if ins != EXTERNAL_AUTHENTICATE => Err(StatusWord::SECURE_MESSAGING_NOT_SUPPORTED.into()),
            (false, _) => Ok(false),
        }
    }

    /// Carries out a command in clear.
    fn dispatch(
        &mut self,
        class: Class,
        wrapped: bool,
        selected: Application,
        command: &Command<'_>,
        out: &mut Vec<u8>,
    ) -> Result<StatusWord, Stop> {
        let channel = class.channel;
        let ram = &mut self.ram;
        match (class.proprietary, command.header.ins) {
            (false, SELECT) => ram.select(&self.store, channel, command, out),
            (false, MANAGE_CHANNEL) => {
                if let Some(closed) = ram.channels.manage(command.header, out)? {
                    ram.clear_on_deselect();
                    if closed == channel {
                        ram.ends = true;
                    } else {
                        ram.secure.end_on(closed);
                    }
                }
                Ok(StatusWord::OK)
            }
            // A session begins outside of any other.
            (true, INITIALIZE_UPDATE) if wrapped => Err(StatusWord::CONDITIONS.into()),
            (true, INITIALIZE_UPDATE) => {
                ram.end_session(channel);
                let card = (&mut self.store, &mut *self.challenges as &mut dyn Generator);
                ram.secure.initialize(card, (channel, selected.aid()), command, out)
            }
            (true, EXTERNAL_AUTHENTICATE) => ram.secure.authenticate(&mut self.store, class, command),
            (true, MANAGE_CHANNEL) if selected == Application::Custodian => Err(StatusWord::INS_NOT_SUPPORTED.into()),
            (true, SELECT | MANAGE_CHANNEL) | (false, INITIALIZE_UPDATE | EXTERNAL_AUTHENTICATE) => {
                Err(StatusWord::CLA_NOT_SUPPORTED.into())
            }
            _ => match selected {
                Application::Echo => echo::process(class, command, out),
                Application::Custodian => {
                    let level = ram.secure.level_on(channel).filter(|_| wrapped);
                    let card = (self.store.nvm(), &mut ram.custodian, &mut *self.random as &mut dyn Generator);
                    custodian::process(card, level, class, command, out)
                }
                Application::SecurityDomain => {
                    domain::process(&mut self.store, ram.secure.open_on(channel), class, command, out)
                }
            },
        }
    }
}

impl Ram {
    /// The session of this channel is over, and with it what an application had begun under its protection.
    fn end_session(&mut self, channel: u8) {
        self.secure.end_on(channel);
        if self.channels.find(Application::Custodian) == Some(channel) {
            self.custodian.end_transfers();
        }
    }

    /// What the custodian applet keeps in RAM is gone where no channel has it any more.
    fn clear_on_deselect(&mut self) {
        if self.channels.find(Application::Custodian).is_none() {
            self.custodian = custodian::Volatile::default();
        }
    }

    /// SELECT by AID (CS 11.9). One that selects ends the channel's session; a refused one changes nothing. 6A86 P1 or P2,
    /// 6A82 no such AID, 6985 the custodian applet while another channel has it: it is not multiselectable (Java Card RE
    /// 4.5.2).
    fn select(
        &mut self,
        store: &Store,
        channel: u8,
        command: &Command<'_>,
        out: &mut Vec<u8>,
    ) -> Result<StatusWord, Stop> {
        if (command.header.p1, command.header.p2) != (4, 0) {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        let application = Application::with_aid(command.data).ok_or(StatusWord::NOT_FOUND)?;
        if application == Application::Custodian {
            if self.channels.find(application).is_some_and(|other| other != channel) {
                return Err(StatusWord::CONDITIONS.into());
            }
            self.custodian = custodian::Volatile::default();
        }
        self.ends = true;
        self.channels.select(channel, application);
        self.clear_on_deselect();
        if application == Application::Custodian {
            custodian::fci(store.memory()).encode_into(out).map_err(|_| StatusWord(0x6400))?;
            return Ok(StatusWord::OK);
        }
        let mut fci = Vec::new();
        let pushed = tlv::push(&mut fci, 0x84, application.aid())
            // Proprietary data: at most 255 bytes of data in one command.
            .and_then(|()| tlv::push(&mut fci, 0xA5, &[0x9F, 0x65, 1, 0xFF]))
            .and_then(|()| tlv::push(out, 0x6F, &fci));
        Ok(pushed.map(|()| StatusWord::OK).map_err(|_| StatusWord(0x6400))?)
    }
}

impl SmartCard for VirtualCard {
    fn power_on(&mut self) {
        self.power_off();
        self.powered = !self.store.failed() && self.store.recover().is_ok();
    }

    fn power_off(&mut self) {
        self.ram = Ram::default();
        self.powered = false;
    }

    fn atr(&self) -> &[u8] {
        &ATR
    }

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        response.clear();
        if !self.powered {
            return Err(Torn);
        }
        let mut work = mem::take(&mut self.work);
        let done = self.run(command, &mut work, response);
        self.work = work;
        match done {
            Ok(()) => Ok(()),
            Err(Stop::Refused(sw)) => {
                response.clear();
                response.extend_from_slice(&sw.0.to_be_bytes());
                Ok(())
            }
            Err(Stop::Torn) => {
                response.clear();
                self.power_off();
                Err(Torn)
            }
        }
    }
}

impl Transport for VirtualCard {
    /// A card without power is [`LinkError::NoCard`] until it is reset.
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        if !self.powered {
            return Err(LinkError::NoCard(self.name.clone()));
        }
        self.process(command, response).map_err(|Torn| LinkError::Lost(Lost::Torn))
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.power_on();
        match self.powered {
            true => Ok(()),
            false if self.store.failed() => Err(self.store.broken()),
            false => Err(LinkError::Lost(Lost::Torn)),
        }
    }

    fn atr(&self) -> &[u8] {
        &ATR
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for VirtualCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualCard").field("name", &self.name).field("powered", &self.powered).finish_non_exhaustive()
    }
}
