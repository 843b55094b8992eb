//! The dealer's visits.

use super::error::CeremonyError;
use super::people::People;
use super::seated::{Seated, stop};
use cardwright_keys::ceremony::transcript::Record;
use cardwright_keys::custody::hash;
use cardwright_keys::vault::Vault;
use cardwright_proto::custody::deal::{
    Admit, Admitted, BeginDeal, Confirm, DealBox, Forget, StateDeal, TakeContribution,
};
use cardwright_proto::custody::get_ceremony::{At, Deal, Phase};
use cardwright_proto::custody::manifest::Place;
use cardwright_proto::custody::message::{Outcome, Statement};

impl<P: People, V: Vault> Seated<'_, '_, '_, '_, '_, P, V> {
    fn deal_state(&self) -> Result<Deal, P::Error> {
        match self.part()?.place {
            At::Dealer(deal) => Ok(deal),
            _ => Err(self.evidence("it says that it is not the dealer")),
        }
    }

    /// It approves, offers a one-time key, and admits what the custodians signed.
    pub(super) fn begin(&mut self) -> Result<(), P::Error> {
        self.approve(Place::Dealer)?;
        self.offer(Place::Dealer)?;
        self.admit_all()
    }

    /// What the dealer has to be shown before contributions; what it has admitted is in its state.
    fn admit_all(&mut self) -> Result<(), P::Error> {
        let n = self.minutes.plan.n();
        for place in (1..=n).map(Place::Custodian).chain([Place::Combiner]) {
            self.put_party(place)?;
        }
        if self.deal_state()?.phase == Phase::None {
            self.with_pin(&BeginDeal)?;
            self.refresh()?;
        }
        let deal = self.deal_state()?;
        if deal.phase != Phase::Begun {
            return Ok(());
        }
        for x in 1..=n {
            let place = Place::Custodian(x);
            let seen = &self.minutes.progress;
            let admitted = [
                (deal.approvals, seen.approvals.get(&place).copied().map(Admitted::Approval)),
                (deal.commitments, seen.commitments.get(&x).copied().map(Admitted::Commitment)),
                (deal.offers, seen.offers.get(&place).copied().map(Admitted::Offer)),
            ];
            for what in admitted.into_iter().filter(|(mask, _)| !mask.has(place)).filter_map(|(_, what)| what) {
                self.call(&Admit { x, what })?;
            }
        }
        Ok(())
    }

    /// It takes the contributions, makes the boxes, and states what it dealt.
    pub(super) fn deal(&mut self) -> Result<(), P::Error> {
        self.admit_all()?;
        let n = self.minutes.plan.n();
        let deal = self.deal_state()?;
        if deal.phase == Phase::Begun {
            for x in deal.next..=n {
                let sealed = self.minutes.progress.contributions.get(&x).copied();
                let sealed = sealed.ok_or_else(|| stop(CeremonyError::Missing("a contribution")))?;
                self.call(&TakeContribution { x, sealed: &sealed })?;
            }
            self.refresh()?;
        }
        for x in 1..=n {
            if !self.minutes.progress.boxes.contains_key(&x) {
                if self.deal_state()?.phase != Phase::Split {
                    return Err(self.evidence("it has stated its deal, and one of its boxes is not on record"));
                }
                let dealt = self.call(&DealBox { x })?;
                self.note(Place::Dealer, &Record::Box { x, dealt })?;
            }
        }
        self.state_deal()
    }

    /// The statement: check value and signature are the card's, the rest is on record.
    fn state_deal(&mut self) -> Result<(), P::Error> {
        let stated = self.call(&StateDeal)?;
        let named = self.minutes.manifest().map_err(stop)?.clone();
        let progress = &self.minutes.progress;
        let dealer = progress.certificate(Place::Dealer).map(|enrolled| enrolled.hash).unwrap_or_default();
        let hashes: Vec<_> = progress.boxes.values().map(|dealt| hash::sealed(&dealt.sealed)).collect();
        let shares = progress.boxes.values().map(|dealt| dealt.commitment).collect();
        let boxes = hash::boxes(&hashes);
        let statement = Statement { manifest: named.hash, dealer, kcv: stated.kcv, shares, boxes };
        let record = Record::Statement { manifest: named.manifest, statement, signature: stated.signature };
        self.note(Place::Dealer, &record)
    }

    /// It is shown that all shares are stored and drilled, and forgets.
    pub(super) fn forget(&mut self) -> Result<(), P::Error> {
        let deal = self.deal_state()?;
        if deal.phase == Phase::Stated {
            for x in (1..=self.minutes.plan.n()).filter(|x| !deal.receipts.has(Place::Custodian(*x))) {
                if let Some(receipt) = self.minutes.progress.receipts.get(&x).copied() {
                    self.call(&Confirm::Receipt { x, signature: &receipt.signature })?;
                }
            }
            if let Some(verdict) = self.minutes.progress.verdict.filter(|_| !deal.drill) {
                self.call(&Confirm::Drill { bitmap: &verdict.bitmap, signature: &verdict.signature })?;
            }
        }
        self.forgotten(Outcome::Confirmed)
    }

    /// FORGET, and what the card says of it.
    fn forgotten(&mut self, outcome: Outcome) -> Result<(), P::Error> {
        let statement = self.minutes.progress.statement.as_ref().map_or([0; 32], |stated| stated.hash);
        let forget = Forget { outcome };
        let signature = if outcome == Outcome::Abandoned { self.with_pin(&forget)? } else { self.call(&forget)? };
        self.note(Place::Dealer, &Record::Forget { outcome, statement, signature })
    }

    /// The deal is given up. Not where the card has ended it already, with all confirmed.
    pub(super) fn abandon(&mut self) -> Result<bool, P::Error> {
        // A card that never got to the manifest, or has left it, has nothing of this deal.
        if self.part().is_err() {
            return Ok(true);
        }
        let deal = self.deal_state()?;
        match deal.phase {
            Phase::None => return Ok(true),
            Phase::Forgotten => return Ok(false),
            // A statement that the card has made is on record before it forgets.
            Phase::Stated if self.minutes.progress.statement.is_none() => self.deal()?,
            _ => {}
        }
        self.forgotten(Outcome::Abandoned)?;
        Ok(true)
    }
}
