//! A card in the reader, the right one, with a session open: what one visit works with.
//!
//! What a card has carried out already is seen in what it says of itself, and not sent again; an answer that was lost is
//! asked for again.

use super::error::CeremonyError;
use super::minutes::Minutes;
use super::people::{People, Wanted};
use crate::custodian::{Custodian, CustodianError};
use crate::error::Error;
use cardwright_keys::ceremony::transcript::Record;
use cardwright_keys::vault::Vault;
use cardwright_link::Transport;
use cardwright_proto::custody::Pin;
use cardwright_proto::custody::PinRefused;
use cardwright_proto::custody::blocks::{Block, blocks};
use cardwright_proto::custody::get_ceremony::{CeremonyState, GetCeremony, Offered, Part};
use cardwright_proto::custody::get_state::State;
use cardwright_proto::custody::manifest::Place;
use cardwright_proto::custody::read_share::BLOCK;
use cardwright_proto::custody::take_part::{ApproveManifest, MakeOffer, PutParty, TakeStatement, signed_statement};
use cardwright_proto::custody::verify::Verify;
use cardwright_proto::gp::{self, GpError};
use cardwright_proto::status::StatusWord;

/// Bytes of a block: as many as fit a short command with the MAC and padding of S8 and of S16.
const BLOCK_MAX: u8 = 192;
const _: () = assert!(BLOCK_MAX as usize == BLOCK);

/// A card refuses a manifest whose sequence is more than this above its own.
const SEQUENCE_STEP: u32 = 65_536;

/// A card behind whatever reader.
pub(super) type Opened<'c, 'b, 'k, V> = Custodian<'c, 'b, 'k, Box<dyn Transport>, V>;

/// For `map_err`: a ceremony's error as people's.
pub(super) fn stop<E: From<Error>>(error: CeremonyError) -> E {
    Error::from(error).into()
}

/// The right card, in a session.
pub(super) struct Seated<'s, 'm, 'c, 'b, 'k, P: People, V: Vault> {
    pub(super) session: Opened<'c, 'b, 'k, V>,
    pub(super) people: &'s mut P,
    pub(super) minutes: &'s mut Minutes<'m>,
    pub(super) wanted: &'s Wanted,
    /// What it says of itself in this session.
    pub(super) ceremony: CeremonyState,
    /// Asked for once in a visit; shown before each command that wants it.
    pub(super) pin: Option<Pin>,
}

impl<P: People, V: Vault> Seated<'_, '_, '_, '_, '_, P, V> {
    /// This card's failure.
    pub(super) fn failed(&self, error: Error) -> P::Error {
        let Wanted { label, holder, .. } = self.wanted;
        stop(CeremonyError::Card { label: label.clone(), holder: holder.clone(), error: Box::new(error) })
    }

    /// What this card says is not good.
    pub(super) fn evidence(&self, what: &'static str) -> P::Error {
        let Wanted { label, holder, .. } = self.wanted;
        stop(CeremonyError::Evidence { label: label.clone(), holder: holder.clone(), what })
    }

    /// What the card keeps, beside the ceremony.
    pub(super) fn state(&self) -> &State {
        self.session.state()
    }

    /// Sends a command.
    pub(super) fn call<G: gp::Command>(&mut self, command: &G) -> Result<G::Response, P::Error> {
        self.session.call(command).map_err(|error| self.failed(error))
    }

    /// Sends a command that wants the PIN.
    pub(super) fn with_pin<G: gp::Command>(&mut self, command: &G) -> Result<G::Response, P::Error> {
        self.verify()?;
        self.call(command)
    }

    /// Sends data in blocks; the answer to the last one.
    pub(super) fn in_blocks<'d, G: gp::Command>(
        &mut self,
        data: &'d [u8],
        command: impl Fn(Block<'d>) -> G,
    ) -> Result<G::Response, P::Error> {
        let mut answer = None;
        for block in blocks(data, BLOCK_MAX) {
            answer = Some(self.call(&command(block))?);
        }
        answer.ok_or_else(|| self.missing(G::NAME))
    }

    /// An answer in which something is missing.
    pub(super) fn missing(&self, command: &'static str) -> P::Error {
        self.failed(GpError::Malformed { command, what: "nothing came behind the last block" }.into())
    }

    /// Shows the card its PIN, good for one operation.
    pub(super) fn verify(&mut self) -> Result<(), P::Error> {
        if self.pin.is_none() && self.state().tries == 0 {
            return Err(self.failed(CustodianError::Blocked.into()));
        }
        let mut wrong: Option<PinRefused> = None;
        loop {
            let left = match wrong {
                Some(PinRefused::Wrong { left }) => Some(left),
                _ => None,
            };
            let pin = match self.pin.take() {
                Some(pin) => pin,
                None => match self.people.pin(self.wanted, left)? {
                    Some(pin) => pin,
                    None => {
                        let refused = wrong.unwrap_or(PinRefused::Blocked);
                        let command = <Verify<'_> as gp::Command>::NAME;
                        return Err(self.failed(GpError::Pin { command, refused }.into()));
                    }
                },
            };
            match self.session.call(&Verify { pin: &pin }) {
                Ok(()) => {
                    self.pin = Some(pin);
                    return Ok(());
                }
                Err(Error::Gp(GpError::Pin { refused: refused @ PinRefused::Wrong { .. }, .. })) => {
                    wrong = Some(refused);
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Asks again where the card is in the ceremony.
    pub(super) fn refresh(&mut self) -> Result<(), P::Error> {
        self.ceremony = self.call(&GetCeremony)?;
        self.session.refresh().map(|_| ()).map_err(|error| self.failed(error))
    }

    /// Its part in the manifest in hand, which is this one's.
    pub(super) fn part(&self) -> Result<Part, P::Error> {
        let hash = self.minutes.manifest().map_err(stop)?.hash;
        let part = self.ceremony.part.filter(|part| part.manifest == hash);
        part.ok_or_else(|| stop(CeremonyError::OtherManifest(self.wanted.label.clone())))
    }

    /// Writes down what the card answered.
    pub(super) fn note(&mut self, place: Place, record: &Record) -> Result<(), P::Error> {
        self.minutes.take(place, record).map_err(stop)
    }

    /// APPROVE MANIFEST, unless it has.
    pub(super) fn approve(&mut self, place: Place) -> Result<(), P::Error> {
        let named = self.minutes.manifest().map_err(stop)?.clone();
        if self.minutes.progress.approvals.contains_key(&place) {
            return self.part().map(drop);
        }
        let in_hand = self.ceremony.part.is_some_and(|part| part.manifest == named.hash);
        let (has, manifest) = (self.ceremony.sequence, named.manifest.sequence);
        if !in_hand && has >= manifest {
            let label = self.wanted.label.clone();
            return Err(stop(CeremonyError::Sequence { label, has, manifest }));
        }
        if manifest.saturating_sub(has) > SEQUENCE_STEP {
            let label = self.wanted.label.clone();
            return Err(stop(CeremonyError::SequenceTooHigh { label, has, manifest }));
        }
        self.verify()?;
        self.minutes.log().asks(&self.wanted.label).map_err(stop)?;
        let answer = self.in_blocks(&named.manifest.encode(), |block| ApproveManifest { block })?;
        let approval = answer.ok_or_else(|| self.missing(<ApproveManifest<'_> as gp::Command>::NAME))?;
        self.note(place, &Record::Approval { place, approval })?;
        self.minutes.log().answered().map_err(stop)?;
        self.refresh()
    }

    /// An approval whose answer was lost, of what is given up; none where the card did not get to it.
    pub(super) fn approve_again(&mut self, place: Place) -> Result<(), P::Error> {
        let hash = self.minutes.manifest().map_err(stop)?.hash;
        match self.ceremony.part.is_some_and(|part| part.manifest == hash) {
            true => self.approve(place),
            false => self.minutes.log().answered().map_err(stop),
        }
    }

    /// MAKE OFFER, unless it has made one that is on record.
    pub(super) fn offer(&mut self, place: Place) -> Result<(), P::Error> {
        if self.minutes.progress.offers.contains_key(&place) {
            return Ok(());
        }
        if self.part()?.offer == Offered::Used {
            return Err(self.evidence("its one-time key was used, and never offered"));
        }
        let offer = self.call(&MakeOffer)?;
        self.note(place, &Record::Offer { place, offer })
    }

    /// PUT PARTY, unless it knows it.
    pub(super) fn put_party(&mut self, place: Place) -> Result<(), P::Error> {
        if self.part()?.parties.has(place) {
            return Ok(());
        }
        let party = self.minutes.progress.certificate(place).map(|enrolled| enrolled.certificate);
        let certificate = party.ok_or_else(|| stop(CeremonyError::Missing("a party's certificate")))?;
        self.call(&PutParty { place, certificate: &certificate })
    }

    /// TAKE STATEMENT, unless it has this one.
    pub(super) fn take_statement(&mut self) -> Result<(), P::Error> {
        let stated = self.minutes.statement().map_err(stop)?;
        if self.part()?.statement == Some(stated.hash) {
            return Ok(());
        }
        let bytes = signed_statement(&stated.statement, &stated.signature);
        self.in_blocks(&bytes, |block| TakeStatement { block })
    }

    /// The answer; `None` for a refusal with a status word that `means` something here. Every other failure is one.
    pub(super) fn unless_refused<R>(
        &self,
        answer: Result<R, Error>,
        means: impl FnOnce(StatusWord) -> bool,
    ) -> Result<Option<R>, P::Error> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Gp(GpError::Refused { sw, .. })) if means(sw) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }
}
