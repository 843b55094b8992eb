//! A share of a master key on a custodian card (`docs/protocol/custody.md`).
//!
//! [`about`] asks in plain, without keys. Everything else goes through a session of level 33 over the applet, which
//! [`Custodian::open`] opens.
//!
//! No MAC protects an error status word, so a refusal proves nothing. What the card says of itself in the session
//! decides, before a PIN is shown ([`Operation::check`]) and again behind a refusal.

use crate::books::Books;
use crate::card::{Card, command_data, plain};
use crate::error::Error;
use crate::identify::{Greeting, chip, select};
use crate::session::{Choices, Session, open_greeted};
use crate::world::Entropy;
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::vault::Vault;
use cardwright_link::Transport;
pub use cardwright_proto::custody::AID;
use cardwright_proto::custody::change_pin::ChangePin;
use cardwright_proto::custody::fci::Fci;
use cardwright_proto::custody::get_state::{GetState, State};
use cardwright_proto::custody::read_share::{BLOCK, Blocks, ReadShare};
use cardwright_proto::custody::share::{ShareInfo, ShareObject};
use cardwright_proto::custody::store_share::blocks;
use cardwright_proto::custody::verify::Verify;
use cardwright_proto::custody::wipe::{Extent, Wipe};
use cardwright_proto::custody::{Mode, PERSONALIZED, Pin, PinRefused, VERSION};
use cardwright_proto::gp::select::{Select, Selected};
use cardwright_proto::gp::{self, Command as _, GpError};
use cardwright_proto::scp::{SecurityLevel, SessionCipher};
use cardwright_proto::status::StatusWord;

/// Bytes of a share in one command: as many as the card gives back in one. They fit a short command with the MAC and
/// padding of S8 and of S16.
const STORE_BLOCK: u8 = 192;
const _: () = assert!(STORE_BLOCK as usize == BLOCK);

/// What a custodian card is asked for and what it is do not go together.
///
/// All but the first two and [`Self::Unproved`] rest on what the card said of itself under the session's protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustodianError {
    /// SELECT found no application of this AID.
    #[error("there is no custodian applet on this card")]
    NoApplet,
    /// An applet of another major version.
    #[error("the card's custodian applet has version {}.{}, and this program works with version 2", .0[0], .0[1])]
    Version([u8; 2]),
    /// It has no PIN.
    #[error("the card has no PIN yet")]
    NoPin,
    /// It has a PIN.
    #[error("the card has a PIN already")]
    PinThere,
    /// No try is left.
    #[error("the PIN is blocked: that share is lost")]
    Blocked,
    /// It keeps a share.
    #[error("the card keeps a share already")]
    ShareThere,
    /// It keeps none.
    #[error("there is no share on the card")]
    NoShare,
    /// Its share is for cards only.
    #[error("the share was stored in blind mode: the card never gives it out")]
    Blind,
    /// A refusal that nothing in the card's state explains.
    #[error("{command} was refused: {}; nothing that the card says of itself explains it, and the refusal is not authenticated", sw.described())]
    Unproved {
        /// The command.
        command: &'static str,
        /// The status word that came.
        sw: StatusWord,
    },
    /// The card took a share, and says afterwards that it has none or another one.
    #[error("the card took the share, and says afterwards that it keeps none, or another one")]
    OtherShare,
}

/// What is asked of a card.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// The first PIN.
    SetPin {
        /// From now on.
        new: &'a Pin,
    },
    /// Another PIN.
    ChangePin {
        /// The present one.
        old: &'a Pin,
        /// From now on.
        new: &'a Pin,
    },
    /// A share stored.
    Store {
        /// The PIN.
        pin: &'a Pin,
        /// What is stored.
        share: &'a ShareObject,
        /// For good.
        mode: Mode,
    },
    /// A share read that was stored in host mode.
    Read {
        /// The PIN.
        pin: &'a Pin,
    },
    /// The share destroyed.
    Wipe {
        /// The PIN.
        pin: &'a Pin,
    },
    /// Share and PIN destroyed.
    WipeAll,
}

/// Where the commands of an operation go: to the card, or onto a list.
trait Line {
    /// `None` where nobody answers.
    fn pass<C: gp::Command>(&mut self, command: &C) -> Result<Option<C::Response>, Error>;
}

impl<T: Transport, C: SessionCipher> Line for Session<'_, T, C> {
    fn pass<G: gp::Command>(&mut self, command: &G) -> Result<Option<G::Response>, Error> {
        self.call(command).map(Some)
    }
}

/// Commands in plain form.
#[derive(Default)]
struct List(Vec<String>);

impl Line for List {
    fn pass<C: gp::Command>(&mut self, command: &C) -> Result<Option<C::Response>, Error> {
        self.0.push(plain(&command.apdu(&mut command_data())));
        Ok(None)
    }
}

impl Operation<'_> {
    /// Its name in the audit log.
    const fn name(&self) -> &'static str {
        match self {
            Self::SetPin { .. } => "pin.set",
            Self::ChangePin { .. } => "pin.change",
            Self::Store { .. } => "share.store",
            Self::Read { .. } => "share.read",
            Self::Wipe { .. } => "share.wipe",
            Self::WipeAll => "card.wipe",
        }
    }

    /// The share that it is about.
    fn share(&self, state: &State) -> Option<ShareInfo> {
        match self {
            Self::Store { share, .. } => Some(*share.info()),
            _ => state.share.map(|(_, share)| share),
        }
    }

    /// Whether a card in this state can do it. What is refused here costs no try, and shows no PIN.
    ///
    /// # Errors
    /// [`CustodianError`]: why not.
    pub fn check(&self, state: &State) -> Result<(), CustodianError> {
        let has_pin = state.card.life_cycle == PERSONALIZED;
        match self {
            Self::WipeAll => return Ok(()),
            Self::SetPin { .. } if has_pin => return Err(CustodianError::PinThere),
            Self::SetPin { .. } => return Ok(()),
            _ if !has_pin => return Err(CustodianError::NoPin),
            _ if state.tries == 0 => return Err(CustodianError::Blocked),
            _ => {}
        }
        match (self, state.share) {
            (Self::Store { .. }, Some(_)) => Err(CustodianError::ShareThere),
            (Self::Read { .. } | Self::Wipe { .. }, None) => Err(CustodianError::NoShare),
            (Self::Read { .. }, Some((Mode::Blind, _))) => Err(CustodianError::Blind),
            _ => Ok(()),
        }
    }

    /// Whether this state shows that it was carried out, on a card that could do it before.
    fn is_done(&self, state: &State) -> bool {
        match self {
            Self::SetPin { .. } => state.card.life_cycle == PERSONALIZED,
            Self::Store { share, mode, .. } => state.share == Some((*mode, *share.info())),
            Self::Wipe { .. } => state.share.is_none(),
            Self::WipeAll => state.share.is_none() && state.card.life_cycle != PERSONALIZED,
            // A PIN does not show, and reading leaves nothing.
            Self::ChangePin { .. } | Self::Read { .. } => false,
        }
    }

    /// Its commands, one after another; a share comes back where one is read.
    fn send(&self, line: &mut impl Line) -> Result<Option<ShareObject>, Error> {
        if let Self::Store { pin, .. } | Self::Read { pin } | Self::Wipe { pin } = self {
            line.pass(&Verify { pin })?;
        }
        match self {
            Self::SetPin { new } => line.pass(&ChangePin { old: None, new })?,
            Self::ChangePin { old, new } => line.pass(&ChangePin { old: Some(old), new })?,
            Self::Wipe { .. } => line.pass(&Wipe { extent: Extent::Share })?,
            Self::WipeAll => line.pass(&Wipe { extent: Extent::All })?,
            Self::Store { share, mode, .. } => {
                for block in blocks(&share.encode(), *mode, STORE_BLOCK) {
                    line.pass(&block)?;
                }
                None
            }
            Self::Read { .. } => {
                let mut reading = Blocks::default();
                while let Some(block) = line.pass(&reading.next())? {
                    if let Some(share) = reading.receive(&block)? {
                        return Ok(Some(share));
                    }
                }
                None
            }
        };
        Ok(None)
    }

    /// The commands that are sent behind EXTERNAL AUTHENTICATE, in plain form; of READ SHARE the first one, as the share's
    /// length says how many there are.
    #[must_use]
    pub fn plan(&self) -> Vec<String> {
        let mut list = List::default();
        let read = matches!(self, Self::Read { .. });
        // A list fails at nothing.
        let listed = list.pass(&GetState).and_then(|_| self.send(&mut list));
        let listed = if read { listed.map(|_| ()) } else { listed.and_then(|_| list.pass(&GetState)).map(|_| ()) };
        debug_assert!(listed.is_ok());
        list.0
    }
}

/// The applet selected, of a version that this program works with.
fn select_applet<T: Transport>(card: &mut Card<T>) -> Result<(Selected, Fci), Error> {
    let selected = select(card, AID).map_err(|error| match error {
        Error::Gp(GpError::Refused { command: Select::NAME, sw: StatusWord::NOT_FOUND }) => {
            CustodianError::NoApplet.into()
        }
        other => other,
    })?;
    let fci = Fci::parse(&selected.fci)?;
    if fci.version[0] != VERSION[0] {
        return Err(CustodianError::Version(fci.version).into());
    }
    Ok((selected, fci))
}

/// What GET STATE tells has to be of the card that SELECT told of.
fn agree(fci: &Fci, state: State) -> Result<State, Error> {
    if (fci.version, fci.identity) == (state.card.version, state.card.identity) {
        return Ok(state);
    }
    Err(GpError::Malformed { command: GetState::NAME, what: "another version or identity than SELECT told" }.into())
}

/// What a custodian card tells anyone: SELECT and GET STATE, in plain. Nothing of it is authenticated.
///
/// # Errors
/// [`Error::Link`], [`Error::Apdu`]; [`CustodianError::NoApplet`], [`CustodianError::Version`]; [`Error::Gp`] for an
/// answer that is malformed or contradicts itself.
pub fn about<T: Transport>(card: &mut Card<T>) -> Result<State, Error> {
    let (_, fci) = select_applet(card)?;
    agree(&fci, card.call(&GetState)?)
}

/// A custodian card with a session of level 33 open over its applet.
pub struct Custodian<'c, 'b, 'k, T, V: Vault> {
    session: Session<'c, T, V::Session>,
    books: &'b mut Books<'k>,
    card: CardId,
    state: State,
    /// The card has a sequence counter, and this is the first value on record.
    pub first_sight: bool,
}

impl<T, V: Vault> std::fmt::Debug for Custodian<'_, '_, '_, T, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custodian").field("card", &self.card).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A change that the card has made.
#[derive(Debug)]
pub struct Done {
    /// The card's state afterwards; what failed where it was not to be had. The change is made all the same.
    pub state: Result<State, Error>,
}

/// A share that has left the card.
#[derive(Debug)]
pub struct Read {
    /// The share.
    pub share: ShareObject,
    /// What failed where that could not be written down.
    pub recorded: Result<(), Error>,
}

impl<'c, 'b, 'k, T: Transport, V: Vault> Custodian<'c, 'b, 'k, T, V> {
    /// Selects the applet, opens a session, and asks for the card's state in it.
    ///
    /// # Errors
    /// [`CustodianError::NoApplet`], [`CustodianError::Version`]; as [`crate::session::open`]; [`Error::Gp`] where the
    /// state contradicts the answer to SELECT.
    pub fn open(
        card: &'c mut Card<T>,
        entropy: &mut impl Entropy,
        (vault, key): (&V, &KeyRef),
        accept_risk: bool,
        books: &'b mut Books<'k>,
    ) -> Result<Self, Error> {
        let (selected, fci) = select_applet(card)?;
        let greeting = Greeting { chip: chip(card)?, ..Greeting::unnamed(selected, AID) };
        let choices = Choices { aid: AID.to_vec(), mode: None, level: Some(SecurityLevel::FULL), accept_risk };
        let opened = open_greeted(card, entropy, (vault, key), &choices, books, &greeting)?;
        let (mut session, card, first_sight) = (opened.session, opened.card, opened.first_sight);
        let state = agree(&fci, session.call(&GetState)?)?;
        Ok(Self { session, books, card, state, first_sight })
    }

    /// What the card said of itself last, under the session's protection.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Asks for the card's state again.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub fn refresh(&mut self) -> Result<&State, Error> {
        self.state = self.session.call(&GetState)?;
        Ok(&self.state)
    }

    /// One command of a ceremony. What it means and what becomes of its answer is the caller's to write down.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub fn call<G: gp::Command>(&mut self, command: &G) -> Result<G::Response, Error> {
        self.session.call(command)
    }

    /// Makes a change. It is in the audit log before it is sent, and its outcome afterwards.
    ///
    /// # Errors
    /// [`CustodianError`] where the card's state forbids it, before or behind a refusal; [`GpError::Pin`] for a wrong
    /// PIN; [`CustodianError::OtherShare`] where the card says afterwards that it has another share than was stored; as
    /// [`Session::call`]. With [`Error::Journal`] nothing was sent.
    pub fn change(&mut self, operation: &Operation<'_>) -> Result<Done, Error> {
        self.perform(operation)?;
        let state = self.tell(operation, "", None).and_then(|()| self.session.call(&GetState));
        if let (Operation::Store { .. }, Ok(state)) = (operation, &state)
            && !operation.is_done(state)
        {
            return Err(self.failed(operation, CustodianError::OtherShare.into()));
        }
        Ok(Done { state })
    }

    /// Reads the share. That is in the audit log before, and its outcome afterwards.
    ///
    /// # Errors
    /// As [`Self::change`]; [`GpError::Malformed`] where what comes is no share, or another one than the card tells of.
    pub fn read(&mut self, pin: &Pin) -> Result<Read, Error> {
        let operation = Operation::Read { pin };
        let malformed = |what| Error::from(GpError::Malformed { command: ReadShare::NAME, what });
        let share = self.perform(&operation)?.ok_or(malformed("no block of the share came"))?;
        let recorded = self.tell(&operation, "", None);
        if operation.share(&self.state) != Some(*share.info()) {
            return Err(self.failed(&operation, malformed("another share than GET STATE tells of")));
        }
        Ok(Read { share, recorded })
    }

    fn perform(&mut self, operation: &Operation<'_>) -> Result<Option<ShareObject>, Error> {
        operation.check(&self.state)?;
        self.tell(operation, ".intended", None)?;
        let refused = match operation.send(&mut self.session) {
            Ok(share) => return Ok(share),
            Err(Error::Gp(GpError::Refused { command, sw })) => self.judge(operation, command, sw),
            Err(Error::Gp(GpError::Pin { command, refused: PinRefused::Blocked })) => {
                self.judge(operation, command, StatusWord::BLOCKED)
            }
            Err(error) => Some(error),
        };
        refused.map_or(Ok(None), |error| Err(self.failed(operation, error)))
    }

    /// What a refusal comes to, which has no MAC: the card's state decides. `None` where the operation was carried out.
    fn judge(&mut self, operation: &Operation<'_>, command: &'static str, sw: StatusWord) -> Option<Error> {
        let unproved = CustodianError::Unproved { command, sw };
        let Ok(now) = self.session.call(&GetState) else { return Some(unproved.into()) };
        if operation.is_done(&now) {
            return None;
        }
        Some(operation.check(&now).err().unwrap_or(unproved).into())
    }

    /// Tells the audit sink of a failure, as far as it can be told, and gives the error back.
    fn failed(&mut self, operation: &Operation<'_>, error: Error) -> Error {
        // The failure is the one to report, not that it could not be written down: that it was intended is on record.
        drop(self.tell(operation, ".failed", Some(&error)));
        error
    }

    fn tell(&mut self, operation: &Operation<'_>, outcome: &str, error: Option<&Error>) -> Result<(), Error> {
        let mut detail = format!("identity {}", hex::encode_upper(self.state.card.identity));
        if let Some(share) = operation.share(&self.state) {
            detail += &format!(", set {}, x {}", hex::encode_upper(share.set), share.x);
        }
        if let Some(error) = error {
            detail += &format!(": {error}");
        }
        self.books.tell(&format!("{}{outcome}", operation.name()), &self.card, detail)
    }
}
