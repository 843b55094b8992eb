//! Checks 6 to 15: what cards say under the manifest.

use super::Checker;
use crate::ceremony::verify::refusal::{Failed, Why, ensure, first};
use crate::custody::hash;
use crate::custody::signing::{PublicKey, verify};
use cardwright_proto::custody::certificate::{CertifiedKey, Roles};
use cardwright_proto::custody::combine::{Verdict, result_len};
use cardwright_proto::custody::deal::Dealt;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::{self, Fields, Held, Message, Outcome, Statement};
use cardwright_proto::custody::receive::{Committed, Released, SignedReceipt};
use cardwright_proto::custody::sealed::SealedBox;
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Subsets;
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;

impl Checker<'_> {
    /// The manifest and its hash. All records of this file are behind it.
    fn under(&self, kind: &'static str) -> Result<(&Manifest, Hash), Failed> {
        let wanted = Why::Before { kind, wanted: "manifest", place: None };
        self.manifest.as_ref().map(|(manifest, hash)| (manifest, *hash)).ok_or(Failed { check: 1, why: wanted })
    }

    /// The statement and its hash, where it has to be before.
    fn stated(&self, kind: &'static str, check: u8) -> Result<(Statement, Hash), Failed> {
        let wanted = Why::Before { kind, wanted: "statement", place: None };
        self.seen.statement.clone().ok_or(Failed { check, why: wanted })
    }

    /// Check 6: a custodian that there is.
    pub(super) fn x(&self, x: u8) -> Result<(), Failed> {
        let found = self.manifest.as_ref().is_some_and(|(manifest, _)| x <= manifest.n());
        ensure(found, 6, Why::X(x))
    }

    /// Check 6: the message of a place. An HSM signs none.
    fn signed(&self, kind: &'static str, place: Place, fields: Fields, signature: &Signature) -> Result<(), Failed> {
        let (manifest, hash) = self.under(kind)?;
        let signer = manifest.party(place).filter(|_| place != Place::Hsm);
        let body = signer.and_then(|signer| Some((signer, self.enrolled.get(signer)?)));
        let Some((signer, body)) = body else {
            return match place {
                Place::Custodian(x) => ensure(false, 6, Why::X(x)),
                _ => ensure(false, 6, Why::NoPlace(place)),
            };
        };
        let message = Message { manifest: hash, signer: *signer, fields }.to_bytes();
        let good = match &body.key {
            CertifiedKey::P256(point) => verify(point, &message, &signature.to_der()).is_ok(),
            _ => false,
        };
        ensure(good, 6, Why::Signature { kind, place })
    }

    /// A point that has to be on the curve, and another one each time.
    fn fresh(&mut self, kind: &'static str, check: u8, point: &Point) -> Result<(), Failed> {
        ensure(PublicKey::new(point).is_ok(), check, Why::Point(kind))?;
        ensure(self.keys.insert(hash::sha256(&[point])), check, Why::KeyTwice(kind))
    }

    /// Checks 6 and 7.
    pub(super) fn approval(&mut self, place: Place, approval: &Approval, line: usize) -> Result<(), Failed> {
        let Approval { counter, signature } = *approval;
        self.signed("approval", place, Fields::Approval { counter }, &signature)?;
        let sequence = self.under("approval")?.0.sequence;
        ensure((1..=sequence).contains(&counter), 7, Why::Counter { counter, sequence })?;
        let (first, _) = *self.seen.approvals.entry(place).or_insert((counter, line));
        ensure(first == counter, 1, Why::Differs("approval"))
    }

    /// Check 6.
    pub(super) fn commitment(&mut self, x: u8, committed: &Committed) -> Result<(), Failed> {
        let Committed { commitment, signature } = *committed;
        self.signed("commitment", Place::Custodian(x), Fields::Committed { commitment }, &signature)?;
        let first = *self.seen.commitments.entry(x).or_insert(commitment);
        ensure(first == commitment, 1, Why::Differs("commitment"))
    }

    /// Checks 6 and 8.
    pub(super) fn offer(&mut self, place: Place, offer: &Offer) -> Result<(), Failed> {
        let Offer { point, signature } = *offer;
        self.signed("offer", place, Fields::Offer { point }, &signature)?;
        if let Some(first) = self.seen.offers.get(&place) {
            return ensure(*first == point, 8, Why::Differs("offer"));
        }
        self.fresh("offer", 8, &point)?;
        self.seen.offers.insert(place, point);
        Ok(())
    }

    /// Check 9. Nobody signs it: the commitment is to what is in it.
    pub(super) fn contribution(&mut self, x: u8, sealed: &SealedBox) -> Result<(), Failed> {
        let kind = "contribution";
        self.x(x)?;
        let before = |wanted, place| Failed { check: 9, why: Why::Before { kind, wanted, place } };
        if !self.seen.offers.contains_key(&Place::Dealer) {
            return Err(before("offer", Some(Place::Dealer)));
        }
        for other in 1..=self.under(kind)?.0.n() {
            let place = Place::Custodian(other);
            if !self.seen.approvals.contains_key(&place) {
                return Err(before("approval", Some(place)));
            }
            if !self.seen.commitments.contains_key(&other) {
                return Err(before("commitment", Some(place)));
            }
        }
        self.fresh(kind, 9, sealed.point())?;
        self.seen.contributions.insert(x);
        Ok(())
    }

    /// Check 9. The statement is what makes it the dealer's.
    pub(super) fn dealt(&mut self, x: u8, dealt: &Dealt) -> Result<(), Failed> {
        let kind = "box";
        self.x(x)?;
        let missing = (1..=self.under(kind)?.0.n()).find(|other| !self.seen.contributions.contains(other));
        if let Some(other) = missing {
            let place = Some(Place::Custodian(other));
            return ensure(false, 9, Why::Before { kind, wanted: "contribution", place });
        }
        ensure(self.seen.statement.is_none(), 9, Why::Behind { kind, barrier: "statement" })?;
        self.fresh(kind, 9, dealt.sealed.point())?;
        self.seen.boxes.insert(x, (hash::sealed(&dealt.sealed), dealt.commitment));
        Ok(())
    }

    /// Check 10; the signature is 6's.
    pub(super) fn statement(
        &mut self,
        deal: &Manifest,
        statement: &Statement,
        signature: &Signature,
    ) -> Result<(), Failed> {
        let (manifest, hash) = self.under("statement")?;
        let same_deal = [
            (deal.operation == Operation::Deal, "operation"),
            (deal.set == manifest.set, "set id"),
            (deal.generation == manifest.generation, "generation"),
            (deal.scheme == manifest.scheme, "scheme"),
            (deal.m == manifest.m, "m"),
            (deal.key_type == manifest.key_type, "key type"),
            (deal.key_length == manifest.key_length, "key length"),
            (deal.usage == manifest.usage, "key usage"),
            (deal.custodians == manifest.custodians, "list of custodians"),
            (manifest.operation != Operation::Deal || deal == manifest, "content"),
        ];
        first(same_deal, 10, Why::OtherDeal)?;
        let own = [
            (statement.manifest == hash::manifest(deal), "manifest"),
            (Some(statement.dealer) == deal.partner, "dealer"),
            (statement.shares.len() == usize::from(deal.n()), "number of shares"),
        ];
        first(own, 10, Why::Statement)?;
        if let Some(dealt) = self.dealt_before() {
            let shown = hash::statement(statement);
            let same = [
                (dealt.manifest.is_none_or(|manifest| manifest == statement.manifest), "deal's manifest"),
                (dealt.statement.is_none_or(|statement| statement == shown), "statement"),
            ];
            first(same, 10, Why::OtherThanDealt)?;
        }
        let dealer = self.enrolled.get(&statement.dealer).filter(|body| body.roles.have(Roles::DEALER));
        let Some(CertifiedKey::P256(key)) = dealer.map(|body| &body.key) else {
            return ensure(false, 10, Why::NoDealer);
        };
        let good = verify(key, &statement.to_bytes(), &signature.to_der()).is_ok();
        ensure(good, 6, Why::Signature { kind: "statement", place: Place::Dealer })?;
        if statement.manifest == hash {
            let (boxes, shares): (Vec<_>, Vec<_>) = self.seen.boxes.values().copied().unzip();
            let of_boxes = [
                (shares == statement.shares, "list of commitments"),
                (hash::boxes(&boxes) == statement.boxes, "hash of the boxes"),
            ];
            first(of_boxes, 10, Why::Statement)?;
        }
        let known = self.seen.statement.get_or_insert_with(|| (statement.clone(), hash::statement(statement)));
        ensure(known.0 == *statement, 1, Why::Differs("statement"))
    }

    /// Checks 6 and 11, and of 10 the hash of the deal's statement.
    pub(super) fn receipt(&mut self, x: u8, receipt: &SignedReceipt) -> Result<(), Failed> {
        let SignedReceipt { x: share, status, statement, signature } = *receipt;
        let manifest = self.under("receipt")?.0;
        let (set, generation, operation) = (manifest.set, manifest.generation, manifest.operation);
        let said = message::Receipt { set, generation, x: share, status, statement };
        self.signed("receipt", Place::Custodian(x), Fields::Receipt(said), &signature)?;
        ensure(share == if status == Held::No { 0 } else { x }, 11, Why::Receipt("x"))?;
        let destroyed = operation == Operation::Destroy;
        let wanted = match status {
            Held::No => [0; 32],
            Held::Yes => {
                ensure(!destroyed, 11, Why::Receipt("status"))?;
                self.stated("receipt", 11)?.1
            }
            // A destruction shows no statement: all cards have to name one, the deal's where that is known.
            Held::Destroyed if destroyed => {
                let dealt = self.dealt_before().and_then(|dealt| dealt.statement);
                ensure(dealt.is_none_or(|dealt| dealt == statement), 10, Why::OtherThanDealt("statement hash"))?;
                let mut others = self.seen.receipts.values().filter(|(held, _)| *held == Held::Destroyed);
                others.next().map_or(statement, |(_, first)| *first)
            }
            Held::Destroyed => self.stated("receipt", 11)?.1,
        };
        ensure(statement == wanted, 11, Why::Receipt("statement hash"))?;
        let first = *self.seen.receipts.entry(x).or_insert((status, statement));
        ensure(first == (status, statement), 1, Why::Differs("receipt"))
    }

    /// Checks 6, 9 and 12: the signature is over the statement's hash and the box's.
    pub(super) fn release(&mut self, x: u8, released: &Released) -> Result<(), Failed> {
        let Released { sealed, signature } = released;
        let (_, statement) = self.stated("release", 12)?;
        let fields = Fields::Release { x, statement, sealed: hash::sealed(sealed) };
        self.signed("release", Place::Custodian(x), fields, signature)?;
        self.fresh("release", 9, sealed.point())?;
        self.seen.releases.insert(x);
        Ok(())
    }

    /// Checks 6 and 13.
    pub(super) fn drilled(&mut self, verdict: &Verdict) -> Result<(), Failed> {
        let Verdict { bitmap, signature } = *verdict;
        let (_, statement) = self.stated("verdict", 13)?;
        self.signed("verdict", Place::Combiner, Fields::Verdict { statement, bitmap }, &signature)?;
        let manifest = self.under("verdict")?.0;
        let subsets = Subsets::new(manifest.m, manifest.n());
        ensure(subsets.is_ok_and(|subsets| bitmap.within(&subsets.full())), 13, Why::Subsets)?;
        let first = *self.seen.verdict.get_or_insert(bitmap);
        ensure(first == bitmap, 1, Why::Differs("verdict"))
    }

    /// Checks 6 and 14.
    pub(super) fn export(&mut self, result: &[u8], signature: &Signature) -> Result<(), Failed> {
        let (stated, statement) = self.stated("export", 14)?;
        let manifest = self.under("export")?.0;
        let hsm = manifest.partner.and_then(|hsm| Some((hsm, self.enrolled.get(&hsm)?)));
        let Some((hsm, body)) = hsm else {
            return ensure(false, 5, Why::NotEnrolled(Place::Hsm));
        };
        let expected = result_len(body.key.algorithm());
        let given = result.len();
        let said = message::Export { statement, kcv: stated.kcv, hsm, result: hash::sha256(&[result]) };
        self.signed("export", Place::Combiner, Fields::Export(said), signature)?;
        ensure(given == expected, 14, Why::ResultLength { given, expected })?;
        let first = self.seen.result.get_or_insert_with(|| result.to_vec());
        ensure(first == result, 1, Why::Differs("export"))
    }

    /// Check 14. Nobody signs it.
    pub(super) fn imported(&mut self, kcv: &Kcv) -> Result<(), Failed> {
        let (statement, _) = self.stated("imported", 14)?;
        ensure(statement.kcv == *kcv, 14, Why::Kcv("imported"))?;
        self.seen.imported = Some(*kcv);
        Ok(())
    }

    /// Checks 6 and 15.
    pub(super) fn forget(&mut self, outcome: Outcome, statement: &Hash, signature: &Signature) -> Result<(), Failed> {
        self.signed("forget", Place::Dealer, Fields::Forget { statement: *statement, outcome }, signature)?;
        let stated = self.seen.statement.as_ref().map(|(_, hash)| *hash);
        let wanted = stated.or((outcome == Outcome::Abandoned).then_some([0; 32]));
        ensure(wanted == Some(*statement), 15, Why::Forgotten)?;
        let complete = self.deal_is_there().is_ok();
        let (first, _) = *self.seen.forgotten.get_or_insert((outcome, complete));
        ensure(first == outcome, 1, Why::Differs("forget"))
    }
}
