//! The rules that people, cards and steps of a plan keep, each with an error of its own.

use super::{CardRole, CeremonyMode, Person, PersonRole, Plan, PlanError, PlannedCard};
use cardwright_proto::custody::manifest::{MAX_CUSTODIANS, Operation};
use cardwright_proto::custody::share::Scheme;

pub(super) fn check(plan: &Plan) -> Result<(), PlanError> {
    steps(&plan.steps)?;
    people(plan)?;
    cards(plan)?;
    holders(plan)?;
    quorum(plan)
}

fn steps(steps: &[Operation]) -> Result<(), PlanError> {
    match steps.first() {
        None => return Err(PlanError::NoSteps),
        Some(Operation::Deal) => {}
        Some(first) => return Err(PlanError::FirstStep(*first)),
    }
    twice(steps, |a, b| a == b).map_or(Ok(()), |(_, step)| Err(PlanError::StepTwice(*step)))
}

fn people(plan: &Plan) -> Result<(), PlanError> {
    if let Some((_, Person { name, .. })) = twice(&plan.people, |a, b| folded(&a.name) == folded(&b.name)) {
        return Err(PlanError::PersonTwice(name.clone()));
    }
    let witnessed = plan.people.iter().any(|person| person.role == PersonRole::Witness);
    if witnessed { Ok(()) } else { Err(PlanError::NoWitness) }
}

fn cards(plan: &Plan) -> Result<(), PlanError> {
    let Plan { cards, mode, .. } = plan;
    if let Some((_, PlannedCard { label, .. })) = twice(cards, |a, b| a.label == b.label) {
        return Err(PlanError::LabelTwice(label.clone()));
    }
    if let Some((a, b)) = twice(cards, |a, b| a.identity.is_some() && a.identity == b.identity) {
        return Err(PlanError::IdentityTwice { first: a.label.clone(), second: b.label.clone() });
    }
    match mode {
        CeremonyMode::Blind => {
            let bounds = [
                (CardRole::Ca, 0..=1),
                (CardRole::Dealer, 1..=1),
                (CardRole::Combiner, 1..=1),
                (CardRole::Custodian, 2..=usize::from(MAX_CUSTODIANS)),
            ];
            let counted = bounds.map(|(role, bound)| (role, bound, plan.with_role(role).count()));
            let wrong = counted.into_iter().find(|(_, bound, found)| !bound.contains(found));
            wrong.map_or(Ok(()), |(role, _, found)| Err(PlanError::Cards { role, found }))
        }
        CeremonyMode::Host => {
            let other = cards.iter().find(|card| card.role != CardRole::Custodian);
            other.map_or(Ok(()), |card| Err(PlanError::HostCard { label: card.label.clone(), role: card.role }))
        }
    }
}

fn holders(plan: &Plan) -> Result<(), PlanError> {
    for PlannedCard { label, role: card, holder, .. } in &plan.cards {
        let Some(person) = plan.people.iter().find(|person| person.name == *holder) else {
            return Err(PlanError::Stranger { label: label.clone(), holder: holder.clone() });
        };
        if person.role != card.holder() {
            let (label, holder) = (label.clone(), holder.clone());
            return Err(PlanError::Holder { label, card: *card, holder, role: person.role });
        }
    }
    let shares: Vec<_> = plan.with_role(CardRole::Custodian).collect();
    if let Some((a, b)) = twice(&shares, |a, b| a.holder == b.holder) {
        let (first, second) = (a.label.clone(), b.label.clone());
        return Err(PlanError::TwoShares { holder: a.holder.clone(), first, second });
    }
    // Without cards, shares go to files, and nothing is said of who has which.
    let mut custodians = plan.people.iter().filter(|person| person.role == PersonRole::Custodian && !shares.is_empty());
    let without = custodians.find(|person| shares.iter().all(|card| card.holder != person.name));
    without.map_or(Ok(()), |person| Err(PlanError::NoShare(person.name.clone())))
}

fn quorum(plan: &Plan) -> Result<(), PlanError> {
    let Plan { scheme, m, n, .. } = *plan;
    scheme.check(m, n).map_err(|source| PlanError::Quorum { m, n, source })?;
    match (scheme, &plan.waiver) {
        (Scheme::Xor, None) => Err(PlanError::NoWaiver),
        (Scheme::Shamir, Some(_)) => Err(PlanError::Waiver),
        _ => Ok(()),
    }
}

/// A name without what people do not hear: capitals, and which space it is.
fn folded(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The first two that are the same.
fn twice<T>(all: &[T], same: impl Fn(&T, &T) -> bool) -> Option<(&T, &T)> {
    all.iter().enumerate().find_map(|(at, b)| all[..at].iter().find(|a| same(a, b)).map(|a| (a, b)))
}
