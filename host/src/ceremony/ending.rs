//! How an operation ends: what it made goes where it belongs, or it is given up; then all of it is verified once more.

use super::course::Seat;
use super::directory::Directory;
use super::error::CeremonyError;
use super::minutes::Minutes;
use super::people::{Delivery, People, Question};
use super::seated::stop;
use super::{Ceremony, Certified, Done, Wish, World};
use crate::error::Error;
use cardwright_keys::ceremony::transcript::{End, Record};
use cardwright_keys::ceremony::verify::{Given, Verdict, verify};
use cardwright_keys::ceremony::words::Fingerprint;
use cardwright_keys::vault::Vault;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::Outcome;
use std::collections::BTreeMap;

impl<'w: 'd, 'k: 'd, 'd, P: People, V: Vault> Ceremony<'w, 'k, 'd, P, V> {
    /// What was made goes where it belongs, the last line is written, and all of it verified once more.
    pub(super) fn finish(mut self) -> Result<Done, P::Error> {
        if self.operation == Operation::Release && self.minutes.progress.imported.is_none() {
            self.deliver()?;
        }
        self.end("done", End::Done)
    }

    fn end(mut self, what: &str, end: End) -> Result<Done, P::Error> {
        self.minutes.end(end).map_err(stop)?;
        self.tell(what)?;
        let verdict = self.verified()?;
        let log = self.minutes.log();
        Ok(Done { name: log.name.clone(), number: log.number, verdict, visits: self.visits })
    }

    /// What the transcript shows by now.
    pub(super) fn verified(&self) -> Result<Verdict, P::Error> {
        let log = self.minutes.log();
        let given = Given {
            ca: self.minutes.progress.ca.as_ref().map(Fingerprint::of),
            plan: Some(self.plan().hash().into()),
            prev: Some(self.directory.before(log.number)),
            head: Some(log.head().into()),
            revoked: &[],
        };
        let verdict = log.bytes().map(|bytes| verify(&bytes, &given)).map_err(stop)?;
        verdict.map_err(|error| stop(CeremonyError::Refused { name: log.name.clone(), error }))
    }

    fn deliver(&mut self) -> Result<(), P::Error> {
        let progress = &self.minutes.progress;
        let missing = || stop(CeremonyError::Missing("what the combiner made for the HSM"));
        let (Some(result), Some(named), Some(stated)) = (&progress.export, &progress.manifest, &progress.statement)
        else {
            return Err(missing());
        };
        let (Some(combiner), Some(hsm)) = (progress.certificate(Place::Combiner), progress.certificate(Place::Hsm))
        else {
            return Err(missing());
        };
        let delivery = Delivery {
            result,
            manifest: &named.hash,
            combiner: &combiner.hash,
            hsm: &hsm.hash,
            algorithm: hsm.certificate.body.key.algorithm(),
            key_length: named.manifest.key_length,
            kcv: stated.statement.kcv,
            number: self.minutes.log().number,
        };
        let dealt = stated.statement.kcv;
        let Some(kcv) = self.world.people.deliver(&delivery)? else { return Ok(()) };
        if kcv != dealt {
            return Err(stop(CeremonyError::Kcv { got: kcv.to_string(), dealt: dealt.to_string() }));
        }
        self.minutes.say(&Record::Imported { kcv }).map_err(stop)
    }

    /// Gives up what is unfinished. A card that may have approved without its approval being on record is asked for it:
    /// else there would be a gap in what it signed. The dealer's card forgets what it has pending. `without_card`: neither
    /// is to be had.
    ///
    /// # Errors
    /// [`CeremonyError::NothingUnfinished`], [`CeremonyError::DoneAfterAll`]; what people say; as [`Self::run`].
    pub fn abandon(world: World<'w, 'k, P, V>, directory: &'d Directory, without_card: bool) -> Result<Done, P::Error> {
        directory.verify().map_err(stop)?;
        let (log, progress) = directory.resume().map_err(stop)?;
        let operation = progress.operation().ok_or(CeremonyError::NothingUnfinished).map_err(stop)?;
        if progress.forget == Some(Outcome::Confirmed) || progress.imported.is_some() {
            return Err(stop(CeremonyError::DoneAfterAll(operation)));
        }
        world.people.agree(Question::Abandon)?;
        let minutes = Minutes::new(&directory.plan, log, progress, world.clock);
        let certified = Certified { hsm: false, combiner: false };
        let (wish, seen, test_ca, visits) = (Wish::default(), BTreeMap::new(), None, 0);
        let mut ceremony = Self { world, directory, minutes, wish, operation, test_ca, seen, certified, visits };
        if !without_card {
            ceremony.ask_for_approval()?;
            let progress = &ceremony.minutes.progress;
            let pending = progress.approvals.contains_key(&Place::Dealer) && progress.forget.is_none();
            if pending && !ceremony.give_up(Place::Dealer, "to give up the deal", |seated| seated.abandon())? {
                return Err(stop(CeremonyError::DoneAfterAll(operation)));
            }
        }
        ceremony.end("abandoned", End::Abandoned)
    }

    /// Of the card that was asked for its approval last, if it is not on record.
    fn ask_for_approval(&mut self) -> Result<(), P::Error> {
        let asked = self.minutes.log().asked().map_err(stop)?;
        let plan = self.plan();
        let of = |label: &String| {
            super::members(plan.n()).find(|place| plan.card(*place).is_some_and(|card| card.label == *label))
        };
        let Some(place) = asked.as_ref().and_then(of) else { return Ok(()) };
        if self.minutes.progress.approvals.contains_key(&place) {
            return Ok(());
        }
        self.give_up(place, "to show whether it approved", |seated| seated.approve_again(place))
    }

    /// A visit of something that is given up.
    fn give_up<R>(
        &mut self,
        place: Place,
        purpose: &'static str,
        work: impl FnOnce(&mut super::seated::Seated<'_, '_, '_, '_, '_, P, V>) -> Result<R, P::Error>,
    ) -> Result<R, P::Error> {
        self.visits += 1;
        self.seated(Seat::At(place), purpose, (self.visits, self.visits), |seated, _| work(seated))
    }

    /// Tells the audit log: ids, check value, head.
    pub(super) fn tell(&mut self, what: &str) -> Result<(), Error> {
        let progress = &self.minutes.progress;
        let log = self.minutes.log();
        let mut detail = format!("{}, transcript {}, head {}", self.operation, log.name, hex::encode_upper(log.head()));
        if let Some(named) = &progress.manifest {
            let manifest = &named.manifest;
            let (ceremony, set) = (hex::encode_upper(manifest.ceremony), hex::encode_upper(manifest.set));
            detail += &format!(", ceremony {ceremony}, set {set}, sequence {}", manifest.sequence);
        }
        if let Some(stated) = &progress.statement {
            detail += &format!(", KCV {}", stated.statement.kcv);
        }
        let subject = format!("ceremony {}", hex::encode_upper(self.plan().hash()));
        self.world.books.tell_of(&format!("ceremony.{what}"), &subject, detail)
    }
}
