//! Check 16: what has to be there where the host says that all is done.

use super::Checker;
use crate::ceremony::plan::CeremonyMode;
use crate::ceremony::verify::refusal::{Failed, Why, ensure};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome};
use cardwright_proto::custody::subset::{Bitmap, Mask, Subsets};

impl Checker<'_> {
    /// Whether all is there that the operation wants. In host mode nothing is wanted: nobody could show it.
    pub(super) fn complete(&self) -> Result<(), Failed> {
        if self.started.as_ref().is_some_and(|started| started.mode == CeremonyMode::Host) {
            return Ok(());
        }
        let (manifest, _) = self.manifest.as_ref().ok_or(missing("manifest", None))?;
        match manifest.operation {
            Operation::Deal => self.dealt_and_forgotten(),
            Operation::Drill => self.drill_is_there(),
            Operation::Release => self.release_is_there(),
            Operation::Destroy => self.custodians().try_for_each(|x| {
                let place = Place::Custodian(x);
                has(self.seen.approvals.contains_key(&place), "approval", Some(place))?;
                has(self.seen.receipts.contains_key(&x), "receipt", Some(place))
            }),
        }
    }

    fn dealt_and_forgotten(&self) -> Result<(), Failed> {
        self.deal_is_there()?;
        match self.seen.forgotten {
            Some((Outcome::Confirmed, behind_all)) => ensure(behind_all, 16, Why::ForgotEarly),
            _ => Err(missing("forget", None)),
        }
    }

    /// All of a deal but that the dealer forgot.
    pub(super) fn deal_is_there(&self) -> Result<(), Failed> {
        let seen = &self.seen;
        for place in self.custodians().map(Place::Custodian).chain([Place::Dealer, Place::Combiner]) {
            has(seen.approvals.contains_key(&place), "approval", Some(place))?;
            has(seen.offers.contains_key(&place), "offer", Some(place))?;
        }
        for x in self.custodians() {
            let place = Some(Place::Custodian(x));
            has(seen.commitments.contains_key(&x), "commitment", place)?;
            has(seen.contributions.contains(&x), "contribution", place)?;
            has(seen.boxes.contains_key(&x), "box", place)?;
            let held = seen.receipts.get(&x).is_some_and(|(status, _)| *status == Held::Yes);
            has(held, "receipt", place)?;
        }
        // A receipt of a share is behind the statement: that is there.
        self.drilled_all(Mask::all(self.n()))
    }

    fn drill_is_there(&self) -> Result<(), Failed> {
        has(self.seen.approvals.contains_key(&Place::Combiner), "approval", Some(Place::Combiner))?;
        has(self.seen.statement.is_some(), "statement", None)?;
        let released: Mask = self.seen.releases.iter().map(|x| Place::Custodian(*x)).collect();
        self.enough(self.seen.releases.len())?;
        self.drilled_all(released)
    }

    fn release_is_there(&self) -> Result<(), Failed> {
        has(self.seen.approvals.contains_key(&Place::Combiner), "approval", Some(Place::Combiner))?;
        let approved = |x: &&u8| self.seen.approvals.contains_key(&Place::Custodian(**x));
        self.enough(self.seen.releases.iter().filter(approved).count())?;
        has(self.seen.result.is_some(), "export", None)
    }

    /// At least m custodians.
    fn enough(&self, found: usize) -> Result<(), Failed> {
        let m = self.manifest.as_ref().map_or(0, |(manifest, _)| manifest.m);
        ensure(found >= usize::from(m), 16, Why::TooFew { found, m })
    }

    /// A verdict with every subset of these custodians.
    fn drilled_all(&self, of: Mask) -> Result<(), Failed> {
        let verdict = self.seen.verdict.ok_or(missing("verdict", None))?;
        let m = self.manifest.as_ref().map_or(0, |(manifest, _)| manifest.m);
        let mut wanted = Bitmap::default();
        if let Ok(subsets) = Subsets::new(m, self.n()) {
            let within = subsets.iter().filter(|subset| subset.0 & !of.0 == 0);
            within.filter_map(|subset| subsets.number(subset)).for_each(|number| wanted.insert(number));
        }
        ensure(wanted.within(&verdict), 16, Why::NotDrilled)
    }

    fn n(&self) -> u8 {
        self.manifest.as_ref().map_or(0, |(manifest, _)| manifest.n())
    }

    fn custodians(&self) -> std::ops::RangeInclusive<u8> {
        1..=self.n()
    }
}

const fn missing(kind: &'static str, place: Option<Place>) -> Failed {
    Failed { check: 16, why: Why::Missing { kind, place } }
}

fn has(there: bool, kind: &'static str, place: Option<Place>) -> Result<(), Failed> {
    if there { Ok(()) } else { Err(missing(kind, place)) }
}
