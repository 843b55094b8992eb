//! A card is put in, known by its certificate or its identity, and does what it was put in for.

use super::Ceremony;
use super::course::{Seat, Stage, Visit};
use super::enrol::{Request, Seen};
use super::error::{CeremonyError, NotThis};
use super::members;
use super::people::{People, Wanted};
use super::progress::{Enrolled, Progress};
use super::seated::{Seated, stop};
use crate::custodian::{Custodian, CustodianError};
use crate::error::Error;
use cardwright_keys::ceremony::plan::Plan;
use cardwright_keys::vault::Vault;
use cardwright_proto::custody::get_ceremony::{CeremonyState, GetCeremony};
use cardwright_proto::custody::manifest::Place;
use std::collections::BTreeMap;

/// What is known of the cards of a plan.
struct Known<'a> {
    plan: &'a Plan,
    progress: &'a Progress,
    seen: &'a BTreeMap<Seat, Seen>,
}

impl Known<'_> {
    fn enrolled(&self, seat: Seat) -> Option<&Enrolled> {
        match seat {
            Seat::Ca => self.progress.ca_certificate(),
            Seat::At(place) => self.progress.certificate(place),
        }
    }

    /// Whether a card that says this of itself is known to be in that seat.
    fn is(&self, seat: Seat, identity: [u8; 8], ceremony: &CeremonyState) -> bool {
        let seen = self.seen.get(&seat).is_some_and(|seen| seen.identity == identity);
        self.enrolled(seat).map_or(seen, |known| match ceremony.certificate {
            Some(certificate) => certificate == known.hash,
            None => identity == known.certificate.body.identity,
        })
    }

    /// Refuses a card that is another one than that of the seat, or may be.
    fn check(&self, seat: Seat, identity: [u8; 8], ceremony: &CeremonyState) -> Result<(), NotThis> {
        let planned = seat.card(self.plan).and_then(|card| card.identity);
        let fits = planned.is_none_or(|planned| planned == identity);
        let seats = members(self.plan.n()).map(Seat::At).chain([Seat::Ca]);
        let other = seats.filter(|other| *other != seat).find(|other| self.is(*other, identity, ceremony));
        let unknown = self.enrolled(seat).is_none() && !self.seen.contains_key(&seat);
        match other.and_then(|other| other.card(self.plan)) {
            Some(card) => Err(NotThis::Other(card.label.clone())),
            None if fits && (unknown || self.is(seat, identity, ceremony)) => Ok(()),
            None => Err(NotThis::Unknown(identity)),
        }
    }
}

impl<'w: 'd, 'k: 'd, 'd, P: People, V: Vault> Ceremony<'w, 'k, 'd, P, V> {
    /// One visit: the card that is wanted, and what it is wanted for.
    pub(super) fn visit(&mut self, visit: Visit, (number, of): (usize, usize)) -> Result<(), P::Error> {
        self.seated(visit.seat, visit.stage.purpose(), (number, of), |seated, ceremony| ceremony.work(visit, seated))
    }

    /// Asks for a card until it is the right one, and works with it.
    pub(super) fn seated<R>(
        &mut self,
        seat: Seat,
        purpose: &'static str,
        (number, of): (usize, usize),
        work: impl FnOnce(&mut Seated<'_, '_, '_, '_, '_, P, V>, &mut Rest<'_>) -> Result<R, P::Error>,
    ) -> Result<R, P::Error> {
        let card = seat.card(self.plan()).ok_or(CeremonyError::Missing("a card of the plan")).map_err(stop)?;
        let wanted = &Wanted { label: card.label.clone(), holder: card.holder.clone(), purpose, number, of };
        let Self { world, directory, minutes, wish, test_ca, seen, .. } = self;
        let mut not_this = None;
        loop {
            let mut card = world.people.put_in(wanted, not_this.as_ref())?;
            let failed = |error| {
                let (label, holder) = (wanted.label.clone(), wanted.holder.clone());
                stop(CeremonyError::Card { label, holder, error: Box::new(error) })
            };
            let keys = (world.vault, world.key);
            let opened = Custodian::open(&mut card, &mut world.entropy, keys, world.accept_risk, world.books);
            let mut session = match opened {
                Ok(session) => session,
                Err(Error::Custodian(CustodianError::NoApplet)) => {
                    not_this = Some(NotThis::NoApplet);
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            let ceremony = session.call(&GetCeremony).map_err(failed)?;
            let known = Known { plan: &directory.plan, progress: &minutes.progress, seen };
            if let Err(why) = known.check(seat, session.state().card.identity, &ceremony) {
                not_this = Some(why);
                continue;
            }
            let people = &mut *world.people;
            let mut seated = Seated { session, people, minutes, wanted, ceremony, pin: None };
            let mut rest = Rest { directory, hsm: wish.hsm.as_ref(), test_ca: test_ca.as_ref(), seen };
            return work(&mut seated, &mut rest);
        }
    }
}

/// What a visit works with beside the card and the transcript.
pub(super) struct Rest<'a> {
    directory: &'a super::Directory,
    hsm: Option<&'a super::HsmKey>,
    test_ca: Option<&'a super::TestCa>,
    seen: &'a mut BTreeMap<Seat, Seen>,
}

impl Rest<'_> {
    fn work<P: People, V: Vault>(
        &mut self,
        visit: Visit,
        card: &mut Seated<'_, '_, '_, '_, '_, P, V>,
    ) -> Result<(), P::Error> {
        match (visit.stage, visit.seat) {
            (Stage::Enrol, Seat::Ca) => {
                let seen = card.enrol_ca()?;
                self.seen.insert(visit.seat, seen);
                Ok(())
            }
            (Stage::Enrol, Seat::At(place)) => {
                let seen = card.enrol(place, self.test_ca)?;
                self.seen.insert(visit.seat, seen);
                Ok(())
            }
            (Stage::Certify, _) => self.certify_all(card),
            (Stage::CertifyHsm, _) => {
                let hsm = self.hsm.ok_or(CeremonyError::NoHsm).map_err(stop)?;
                self.certify(Request { body: hsm.body(), possession: None, signature: None }, card)
            }
            (stage, Seat::At(place)) => {
                card.put_certificate(visit.seat)?;
                self.part(stage, place, card)
            }
            (_, Seat::Ca) => Err(stop(CeremonyError::Missing("anything that the CA's card does then"))),
        }
    }

    /// All who wait for a certificate get one, in order.
    fn certify_all<P: People, V: Vault>(&self, card: &mut Seated<'_, '_, '_, '_, '_, P, V>) -> Result<(), P::Error> {
        for place in members(self.directory.plan.n()) {
            if card.minutes.progress.certificate(place).is_some() {
                continue;
            }
            if let Some(request) = self.seen.get(&Seat::At(place)).and_then(|seen| seen.request) {
                self.certify(request, card)?;
            }
        }
        Ok(())
    }

    /// A CA certifies a key once: what it certified in an earlier transcript is taken from there.
    fn certify<P: People, V: Vault>(
        &self,
        mut request: Request,
        card: &mut Seated<'_, '_, '_, '_, '_, P, V>,
    ) -> Result<(), P::Error> {
        let ca = card.minutes.progress.ca.unwrap_or([0; 65]);
        let known = request.signature.or_else(|| self.directory.certified(&ca, &request.body));
        request.signature = Some(known.map_or_else(|| card.certify(&request), Ok)?);
        card.enrolled(&request)
    }

    /// A card's part under the manifest.
    fn part<P: People, V: Vault>(
        &self,
        stage: Stage,
        place: Place,
        card: &mut Seated<'_, '_, '_, '_, '_, P, V>,
    ) -> Result<(), P::Error> {
        match (stage, place) {
            (Stage::Join, Place::Custodian(x)) => card.join(x),
            (Stage::Join, _) => card.join_as_combiner(),
            (Stage::Begin, _) => card.begin(),
            (Stage::Reveal, Place::Custodian(x)) => card.reveal(x),
            (Stage::Deal, _) => card.deal(),
            (Stage::Store, Place::Custodian(x)) => card.store(x),
            (Stage::Release, Place::Custodian(x)) => card.release(x),
            (Stage::Drill, _) => card.drill(),
            (Stage::Forget, _) => card.forget(),
            (Stage::Export, _) => {
                let hsm = self.hsm.ok_or(CeremonyError::NoHsm).map_err(stop)?;
                card.export(&hsm.bytes)
            }
            (Stage::Destroy, Place::Custodian(x)) => card.destroy(x),
            _ => Err(stop(CeremonyError::Missing("anything that this card does then"))),
        }
    }
}
