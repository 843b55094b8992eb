//! A custodian's visits.

use super::error::CeremonyError;
use super::people::People;
use super::seated::{Seated, stop};
use cardwright_keys::ceremony::transcript::Record;
use cardwright_keys::custody::hash;
use cardwright_keys::vault::Vault;
use cardwright_proto::custody::get_ceremony::Contributed;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::Held;
use cardwright_proto::custody::receive::{
    CommitContribution, Destroy, GetReceipt, ReleaseShare, RevealContribution, StoreBox, listed_box,
};
use cardwright_proto::gp;
use cardwright_proto::status::StatusWord;

impl<P: People, V: Vault> Seated<'_, '_, '_, '_, '_, P, V> {
    /// It approves, commits to its contribution, and offers a one-time key.
    pub(super) fn join(&mut self, x: u8) -> Result<(), P::Error> {
        let place = Place::Custodian(x);
        self.approve(place)?;
        if !self.minutes.progress.commitments.contains_key(&x) {
            let dice = match self.part()?.contribution {
                Contributed::Gone => {
                    return Err(self.evidence("its contribution is gone, and was never committed to"));
                }
                // It stays as it was made: there is nothing to mix in any more.
                Contributed::Made => None,
                Contributed::None => self.people.dice(self.wanted)?,
            };
            let dice = dice.as_ref().map_or(&[][..], |dice| dice.expose());
            let committed = self.call(&CommitContribution { dice })?;
            self.note(place, &Record::Commitment { x, committed })?;
        }
        self.offer(place)
    }

    /// It reveals its contribution to the dealer.
    pub(super) fn reveal(&mut self, x: u8) -> Result<(), P::Error> {
        let dealer = self.minutes.progress.offers.get(&Place::Dealer).copied();
        let offer = dealer.ok_or_else(|| stop(CeremonyError::Missing("the dealer's offer")))?;
        self.put_party(Place::Dealer)?;
        let sealed = self.call(&RevealContribution { offer: &offer })?;
        self.note(Place::Custodian(x), &Record::Contribution { x, sealed })
    }

    /// It stores its share, and releases it to the drill.
    pub(super) fn store(&mut self, x: u8) -> Result<(), P::Error> {
        let place = Place::Custodian(x);
        let set = self.minutes.manifest().map_err(stop)?.manifest.set;
        if !self.minutes.progress.holds(x) {
            let there = self.state().share.is_some_and(|(_, share)| share.set == set);
            let receipt = if there {
                self.part()?;
                self.call(&GetReceipt)?
            } else {
                self.put_party(Place::Dealer)?;
                self.take_statement()?;
                let boxes = &self.minutes.progress.boxes;
                let hashes: Vec<_> = boxes.values().map(|dealt| hash::sealed(&dealt.sealed)).collect();
                let own = boxes.get(&x).map(|dealt| listed_box(&hashes, &dealt.sealed));
                let listed = own.ok_or_else(|| stop(CeremonyError::Missing("a box for this card")))?;
                let answer = self.in_blocks(&listed, |block| StoreBox { block })?;
                answer.ok_or_else(|| self.missing(<StoreBox<'_> as gp::Command>::NAME))?
            };
            if receipt.status != Held::Yes {
                return Err(self.evidence("it stored its share, and says that it has none"));
            }
            self.note(place, &Record::Receipt { x, receipt })?;
        }
        self.release_to_combiner(x)
    }

    /// It approves, and releases its share. A card without the share says so in a receipt, and that is no failure here.
    pub(super) fn release(&mut self, x: u8) -> Result<(), P::Error> {
        self.approve(Place::Custodian(x))?;
        self.release_to_combiner(x)
    }

    fn release_to_combiner(&mut self, x: u8) -> Result<(), P::Error> {
        let place = Place::Custodian(x);
        if self.minutes.progress.releases.contains_key(&x) {
            return Ok(());
        }
        let combiner = self.minutes.progress.offers.get(&Place::Combiner).copied();
        let offer = combiner.ok_or_else(|| stop(CeremonyError::Missing("the combiner's offer")))?;
        self.put_party(Place::Combiner)?;
        let operation = self.minutes.manifest().map_err(stop)?.manifest.operation;
        if operation == Operation::Release {
            self.put_party(Place::Hsm)?;
        }
        self.verify()?;
        let answer = self.session.call(&ReleaseShare { offer: &offer });
        // In a deal it has stored its share by now.
        let gone = |sw| sw == StatusWord::REFERENCE_NOT_FOUND && operation != Operation::Deal;
        match self.unless_refused(answer, gone)? {
            Some(released) => self.note(place, &Record::Release { x, released }),
            None => self.without_share(x),
        }
    }

    /// The refusal proves nothing; the receipt does.
    fn without_share(&mut self, x: u8) -> Result<(), P::Error> {
        let place = Place::Custodian(x);
        let receipt = self.call(&GetReceipt)?;
        if receipt.status == Held::Yes {
            return Err(self.evidence("it refuses to release a share that it says it has"));
        }
        self.note(place, &Record::Refused { x, word: StatusWord::REFERENCE_NOT_FOUND })?;
        self.note(place, &Record::Receipt { x, receipt })
    }

    /// Its share is destroyed; or it says that there is none.
    pub(super) fn destroy(&mut self, x: u8) -> Result<(), P::Error> {
        let place = Place::Custodian(x);
        self.approve(place)?;
        let set = self.minutes.manifest().map_err(stop)?.manifest.set;
        let there = self.state().share.is_some_and(|(_, share)| share.set == set);
        let receipt = if there { self.with_pin(&Destroy)? } else { self.call(&GetReceipt)? };
        self.note(place, &Record::Receipt { x, receipt })
    }
}
