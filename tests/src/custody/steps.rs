//! The steps of a ceremony. Each may be taken alone; a whole one is [`Ceremony::deal`], [`Ceremony::drill`],
//! [`Ceremony::release`], [`Ceremony::destroy`].

use super::{Ceremony, Deal};
use cardwright_keys::custody::hash;
use cardwright_link::Transport;
use cardwright_proto::custody::certificate::KeyAlgorithm;
use cardwright_proto::custody::combine::{Drill, ExportSecret, GetVerdict, ReadResult, TakeShare, Verdict};
use cardwright_proto::custody::deal::{
    Admit, Admitted, BeginDeal, Confirm, DealBox, Forget, StateDeal, TakeContribution,
};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Outcome, Statement};
use cardwright_proto::custody::receive::{
    CommitContribution, Destroy, ReleaseShare, RevealContribution, SignedReceipt, StoreBox, listed_box,
};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Subsets;
use cardwright_proto::custody::take_part::{ApproveManifest, MakeOffer, PutParty, TakeStatement, signed_statement};

impl<T: Transport> Ceremony<T> {
    /// All x.
    pub fn all(&self) -> impl Iterator<Item = u8> + use<T> {
        1..=self.n()
    }

    /// One card approves the manifest.
    ///
    /// # Errors
    /// The status word of a refusal; so with all that follows.
    pub fn approve(&mut self, place: Place) -> Result<(), u16> {
        let bytes = self.manifest.encode();
        let card = self.card(place);
        card.verify();
        let approval = card.in_blocks(&bytes, |block| ApproveManifest { block })?.expect("behind the last block");
        self.seen.approvals.insert(place, approval);
        Ok(())
    }

    /// One card makes an offer.
    pub fn offer(&mut self, place: Place) -> Result<(), u16> {
        let offer = self.card(place).call(&MakeOffer)?;
        self.seen.offers.insert(place, offer);
        Ok(())
    }

    /// One card is told of another one.
    pub fn put_party(&mut self, to: Place, party: Place) -> Result<(), u16> {
        let certificate = self.certificate(party);
        self.card(to).call(&PutParty { place: party, certificate: &certificate })
    }

    /// Deal, to where the dealer has all that it wants of the custodians before contributions.
    ///
    /// # Panics
    /// Where a card refuses; so with all that follows without an error of its own.
    pub fn prepare(&mut self) {
        for x in self.all() {
            let place = Place::Custodian(x);
            self.card(place).insert();
            self.approve(place).expect("approval");
            let dice = [x; 7];
            let committed = self.card(place).ok(&CommitContribution { dice: &dice });
            self.seen.commitments.insert(x, committed);
            self.offer(place).expect("an offer");
        }
        self.dealer.insert();
        self.approve(Place::Dealer).expect("approval");
        self.offer(Place::Dealer).expect("an offer");
        for x in self.all() {
            self.put_party(Place::Dealer, Place::Custodian(x)).expect("a party");
        }
        self.put_party(Place::Dealer, Place::Combiner).expect("a party");
        self.dealer.verify();
        self.dealer.ok(&BeginDeal);
    }

    /// The dealer is shown what a custodian signed.
    pub fn admit(&mut self, x: u8) -> Result<(), u16> {
        let place = Place::Custodian(x);
        let (approval, committed) = (self.seen.approvals[&place], self.seen.commitments[&x]);
        let whats =
            [Admitted::Approval(approval), Admitted::Commitment(committed), Admitted::Offer(self.seen.offers[&place])];
        whats.into_iter().try_for_each(|what| self.dealer.call(&Admit { x, what }))
    }

    /// A custodian that was put in reveals its contribution.
    pub fn reveal(&mut self, x: u8) -> Result<(), u16> {
        let (place, offer) = (Place::Custodian(x), self.seen.offers[&Place::Dealer]);
        self.put_party(place, Place::Dealer)?;
        let sealed = self.card(place).call(&RevealContribution { offer: &offer })?;
        self.seen.contributions.insert(x, sealed);
        Ok(())
    }

    /// From there to where all contributions are revealed.
    pub fn contribute(&mut self) {
        for x in self.all() {
            self.admit(x).expect("admitted");
        }
        for x in self.all() {
            self.card(Place::Custodian(x)).insert();
            self.reveal(x).expect("revealed");
        }
    }

    /// The dealer takes a contribution.
    pub fn take_contribution(&mut self, x: u8) -> Result<(), u16> {
        let sealed = self.seen.contributions[&x];
        self.dealer.call(&TakeContribution { x, sealed: &sealed })
    }

    /// The dealer takes the contributions, makes the boxes, and its statement.
    pub fn state(&mut self) {
        self.dealer.insert();
        for x in self.all() {
            self.take_contribution(x).expect("taken");
        }
        for x in self.all() {
            let dealt = self.dealer.ok(&DealBox { x });
            self.seen.dealt.insert(x, dealt);
        }
        let stated = self.dealer.ok(&StateDeal);
        let boxes: Vec<_> = self.seen.dealt.values().map(|dealt| hash::sealed(&dealt.sealed)).collect();
        let statement = Statement {
            manifest: self.hash(),
            dealer: self.dealer.certificate_hash(),
            kcv: stated.kcv,
            shares: self.seen.dealt.values().map(|dealt| dealt.commitment).collect(),
            boxes: hash::boxes(&boxes),
        };
        self.statement = Some((statement, stated.signature));
    }

    /// The statement and its signature, as cards take it.
    ///
    /// # Panics
    /// Before there is one.
    #[must_use]
    pub fn signed_statement(&self) -> Vec<u8> {
        let (statement, signature) = self.statement.as_ref().expect("stated");
        signed_statement(statement, signature)
    }

    /// A card takes the statement.
    pub fn take_statement(&mut self, place: Place) -> Result<(), u16> {
        let bytes = self.signed_statement();
        self.card(place).in_blocks(&bytes, |block| TakeStatement { block })
    }

    /// What STORE BOX takes.
    ///
    /// # Panics
    /// Before all boxes are made.
    #[must_use]
    pub fn listed_box(&self, x: u8) -> Vec<u8> {
        let hashes: Vec<_> = self.seen.dealt.values().map(|dealt| hash::sealed(&dealt.sealed)).collect();
        listed_box(&hashes, &self.seen.dealt[&x].sealed)
    }

    /// A custodian stores its box.
    pub fn store_box(&mut self, x: u8) -> Result<(), u16> {
        let bytes = self.listed_box(x);
        let receipt = self.card(Place::Custodian(x)).in_blocks(&bytes, |block| StoreBox { block })?;
        self.seen.receipts.insert(x, receipt.expect("behind the last block"));
        Ok(())
    }

    /// The combiner approves and makes its offer.
    pub fn seat_combiner(&mut self) {
        self.combiner.insert();
        self.approve(Place::Combiner).expect("approval");
        self.offer(Place::Combiner).expect("an offer");
    }

    /// A custodian that was put in releases its share.
    pub fn release_share(&mut self, x: u8) -> Result<(), u16> {
        let (place, offer) = (Place::Custodian(x), self.seen.offers[&Place::Combiner]);
        self.put_party(place, Place::Combiner)?;
        if self.manifest.operation == Operation::Release {
            self.put_party(place, Place::Hsm)?;
        }
        let card = self.card(place);
        card.verify();
        let released = card.call(&ReleaseShare { offer: &offer })?;
        self.seen.released.insert(x, released);
        Ok(())
    }

    /// The combiner is told of everybody, and takes the statement.
    pub fn inform_combiner(&mut self) {
        self.combiner.insert();
        let custodians = self.all().map(Place::Custodian);
        let hsm = (self.manifest.operation == Operation::Release).then_some(Place::Hsm);
        for party in custodians.chain([Place::Dealer]).chain(hsm) {
            self.put_party(Place::Combiner, party).expect("a party");
        }
        self.take_statement(Place::Combiner).expect("the statement");
    }

    /// The combiner takes a share.
    pub fn take_share(&mut self, x: u8) -> Result<(), u16> {
        let released = self.seen.released[&x].clone();
        self.combiner.call(&TakeShare { x, released: &released })
    }

    /// All subsets are drilled.
    pub fn drill_all(&mut self) -> Verdict {
        let subsets = Subsets::new(self.manifest.m, self.n()).expect("a manifest's");
        subsets.iter().for_each(|subset| self.combiner.ok(&Drill { subset }));
        self.combiner.ok(&GetVerdict)
    }

    /// From the statement to the verdict: boxes are stored, shares released and drilled.
    pub fn store_and_drill(&mut self) -> Verdict {
        self.seat_combiner();
        for x in self.all() {
            let place = Place::Custodian(x);
            self.card(place).insert();
            self.take_statement(place).expect("the statement");
            self.store_box(x).expect("stored");
            self.release_share(x).expect("released");
        }
        self.inform_combiner();
        for x in self.all() {
            self.take_share(x).expect("taken");
        }
        self.drill_all()
    }

    /// The dealer is shown that all is done, and forgets.
    pub fn forget(&mut self, verdict: &Verdict) -> Signature {
        self.dealer.insert();
        for (x, receipt) in &self.seen.receipts {
            self.dealer.ok(&Confirm::Receipt { x: *x, signature: &receipt.signature });
        }
        self.dealer.ok(&Confirm::Drill { bitmap: &verdict.bitmap, signature: &verdict.signature });
        self.dealer.ok(&Forget { outcome: Outcome::Confirmed })
    }

    /// A whole deal, with its drill.
    pub fn deal(&mut self, deal: Deal) -> Verdict {
        self.plan(Operation::Deal, Some(deal));
        self.prepare();
        self.contribute();
        self.state();
        let verdict = self.store_and_drill();
        self.forget(&verdict);
        verdict
    }

    /// Under a new manifest, to where the combiner has taken the shares of `of`.
    pub fn gather(&mut self, operation: Operation, of: &[u8]) {
        self.plan(operation, None);
        self.seat_combiner();
        for &x in of {
            let place = Place::Custodian(x);
            self.card(place).insert();
            self.approve(place).expect("approval");
            self.release_share(x).expect("released");
        }
        self.inform_combiner();
        for &x in of {
            self.take_share(x).expect("taken");
        }
    }

    /// A later drill, of all shares.
    pub fn drill(&mut self) -> Verdict {
        let all: Vec<_> = self.all().collect();
        self.gather(Operation::Drill, &all);
        self.drill_all()
    }

    /// EXPORT.
    pub fn export(&mut self, key: &[u8]) -> Result<(), u16> {
        self.combiner.verify();
        self.combiner.in_blocks(key, |block| ExportSecret { block })
    }

    /// The shares of `of` go to the HSM with this public key: what it gets.
    pub fn release(&mut self, of: &[u8], key: &[u8]) -> Vec<u8> {
        self.gather(Operation::Release, of);
        self.export(key).expect("exported");
        self.read_result()
    }

    /// What EXPORT made.
    pub fn read_result(&mut self) -> Vec<u8> {
        let algorithm: KeyAlgorithm = self.hsm.expect("an HSM").body.key.algorithm();
        ReadResult::all(algorithm).flat_map(|block| self.combiner.ok(&block)).collect()
    }

    /// All shares are destroyed.
    pub fn destroy(&mut self) -> Vec<SignedReceipt> {
        self.plan(Operation::Destroy, None);
        let receipts = self.all().map(|x| {
            let place = Place::Custodian(x);
            self.card(place).insert();
            self.approve(place).expect("approval");
            self.card(place).verify();
            self.card(place).ok(&Destroy)
        });
        receipts.collect()
    }
}
