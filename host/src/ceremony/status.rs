//! Where a ceremony is: of each card what is on record, and what comes next.

use super::Wish;
use super::course::{Certified, From, Seat, Visit, agenda};
use super::directory::{Directory, Past};
use super::members;
use super::progress::Progress;
use cardwright_keys::ceremony::plan::{CeremonyMode, PlannedCard};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::Held;

/// A card, and what the last transcript says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardStatus {
    /// Its label.
    pub label: String,
    /// Whose it is.
    pub holder: String,
    /// Its place; `None` for the CA's.
    pub place: Option<Place>,
    /// It has a certificate.
    pub enrolled: bool,
    /// With which counter it approved.
    pub approved: Option<u32>,
    /// It offered a one-time key.
    pub offered: bool,
    /// What it says of its share.
    pub share: Option<Held>,
    /// It released its share.
    pub released: bool,
    /// The subsets that its share was tried in, by the verdict.
    pub drilled: u32,
}

/// Where a ceremony is.
#[derive(Clone, Debug)]
pub struct Status {
    /// The transcript that it is about; `None` before the first.
    pub current: Option<Past>,
    /// The cards, in the order in which they are enrolled.
    pub cards: Vec<CardStatus>,
    /// Of host mode: where each share was made or read, x = 1 first; none in blind mode.
    pub shares: Vec<(u8, Option<String>)>,
    /// What comes next, with its number and how many visits there are; `None` where nothing is unfinished.
    pub next: Option<(Visit, usize, usize)>,
}

impl Status {
    /// Of a directory that was read.
    #[must_use]
    pub fn of(directory: &Directory) -> Self {
        let plan = &directory.plan;
        let current = directory.past.iter().rev().find(|past| past.progress.start.is_some());
        let none = Progress::default();
        let progress = current.map_or(&none, |past| &past.progress);
        let seats = plan.ca().map(|_| Seat::Ca).into_iter().chain(members(plan.n()).map(Seat::At));
        let cards = seats.filter_map(|seat| Some(card(seat, seat.card(plan)?, progress))).collect();
        let host = plan.mode == CeremonyMode::Host;
        let shares = (1..=plan.n()).filter(|_| host).map(|x| (x, progress.shared.get(&x).cloned())).collect();
        let next = directory.unfinished().filter(|_| !host).and_then(|past| next(directory, past));
        Self { current: current.cloned(), cards, shares, next }
    }
}

/// The first visit that the transcript does not show to be done.
fn next(directory: &Directory, past: &Past) -> Option<(Visit, usize, usize)> {
    let operation = past.progress.operation()?;
    let on_record = |place| past.progress.certificate(place).is_some();
    let certified = Certified { hsm: on_record(Place::Hsm), combiner: on_record(Place::Combiner) };
    let visits = agenda(operation, &directory.plan, &past.progress, &From::default(), certified);
    let at = visits.iter().position(|visit| !visit.is_done(&past.progress))?;
    Some((visits[at], at + 1, visits.len()))
}

fn card(seat: Seat, card: &PlannedCard, progress: &Progress) -> CardStatus {
    let (label, holder) = (card.label.clone(), card.holder.clone());
    let Seat::At(place) = seat else {
        let enrolled = progress.ca_certificate().is_some();
        let (approved, share) = (None, None);
        return CardStatus {
            label,
            holder,
            place: None,
            enrolled,
            approved,
            offered: false,
            share,
            released: false,
            drilled: 0,
        };
    };
    let x = match place {
        Place::Custodian(x) => x,
        _ => 0,
    };
    let subsets = progress.subsets();
    let tried = |verdict: &cardwright_proto::custody::combine::Verdict| {
        let with = subsets.iter().filter(|(number, mask)| mask.has(place) && verdict.bitmap.has(*number));
        u32::try_from(with.count()).unwrap_or(u32::MAX)
    };
    CardStatus {
        label,
        holder,
        place: Some(place),
        enrolled: progress.certificate(place).is_some(),
        approved: progress.approvals.get(&place).map(|approval| approval.counter),
        offered: progress.offers.contains_key(&place),
        share: progress.receipts.get(&x).map(|receipt| receipt.status),
        released: progress.releases.contains_key(&x),
        drilled: progress.verdict.as_ref().map_or(0, tried),
    }
}

/// The visits of an operation that nothing is on record of yet, or what is left of it: for a dry run.
#[must_use]
pub fn visits_left(directory: &Directory, operation: Operation, wish: &Wish) -> Vec<Visit> {
    let none = Progress::default();
    let begun = directory.unfinished().filter(|past| past.progress.operation() == Some(operation));
    let progress = begun.map_or(&none, |past| &past.progress);
    let hsm = progress.test_ca()
        || progress.certificate(Place::Hsm).is_some()
        || directory.last_deal().is_some_and(|deal| deal.progress.test_ca());
    let combiner = progress.certificate(Place::Combiner).is_some() || !wish.new_combiner;
    let visits = agenda(operation, &directory.plan, progress, &wish.from, Certified { hsm, combiner });
    visits.into_iter().filter(|visit| !visit.is_done(progress)).collect()
}
