//! Which card is to be put in next, and for what: the table "The course of a ceremony"
//! (`docs/protocol/custody-commands.md`), one reader, few visits.

use super::error::CeremonyError;
use super::progress::Progress;
use cardwright_keys::ceremony::plan::{Plan, PlannedCard};
use cardwright_proto::custody::manifest::{Operation, Place};

/// A card of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seat {
    /// The CA's.
    Ca,
    /// One with a place in manifests.
    At(Place),
}

impl Seat {
    /// Its card in the plan.
    #[must_use]
    pub fn card(self, plan: &Plan) -> Option<&PlannedCard> {
        match self {
            Self::Ca => plan.ca(),
            Self::At(place) => plan.card(place),
        }
    }
}

/// What a card is put in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Its key is made, if it has none; the CA's key is put onto it.
    Enrol,
    /// The CA certifies all cards that have no certificate yet.
    Certify,
    /// The CA certifies the HSM's key.
    CertifyHsm,
    /// It approves the manifest, and offers a one-time key; in a deal a custodian commits to its contribution.
    Join,
    /// The dealer approves, and admits what the custodians signed.
    Begin,
    /// A custodian reveals its contribution.
    Reveal,
    /// The dealer takes the contributions, and deals.
    Deal,
    /// A custodian stores its share, and releases it to the drill.
    Store,
    /// A custodian approves, and releases its share.
    Release,
    /// The combiner tries every subset.
    Drill,
    /// The dealer is shown that all is done, and forgets.
    Forget,
    /// The combiner puts the key together for the HSM.
    Export,
    /// A custodian's share is destroyed.
    Destroy,
}

impl Stage {
    /// What the holder is told.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Enrol => "to be enrolled",
            Self::Certify => "to certify the other cards",
            Self::CertifyHsm => "to certify the HSM's key",
            Self::Join => "to approve the manifest",
            Self::Begin => "to approve the manifest, and to begin the deal",
            Self::Reveal => "to reveal its contribution",
            Self::Deal => "to deal",
            Self::Store => "to store its share, and to release it to the drill",
            Self::Release => "to approve the manifest, and to release its share",
            Self::Drill => "to try the shares",
            Self::Forget => "to forget the secret",
            Self::Export => "to put the key together for the HSM",
            Self::Destroy => "to destroy its share",
        }
    }

    /// The commands, as the specification names them. Those that the card has carried out already are not sent again.
    #[must_use]
    pub const fn commands(self, operation: Operation, seat: Seat) -> &'static [&'static str] {
        match (self, seat) {
            (Self::Enrol, Seat::Ca) => &[
                "CHANGE PIN",
                "GENERATE IDENTITY",
                "GET IDENTITY",
                "PUT CA KEY",
                "SIGN CERTIFICATE",
                "PUT CERTIFICATE",
            ],
            (Self::Enrol, _) => &["CHANGE PIN", "GENERATE IDENTITY", "GET IDENTITY", "PUT CA KEY"],
            (Self::Certify | Self::CertifyHsm, _) => &["SIGN CERTIFICATE"],
            (Self::Join, Seat::At(Place::Custodian(_))) => {
                &["PUT CERTIFICATE", "APPROVE MANIFEST", "COMMIT CONTRIBUTION", "MAKE OFFER"]
            }
            (Self::Join, _) if matches!(operation, Operation::Deal) => {
                &["PUT CERTIFICATE", "APPROVE MANIFEST", "MAKE OFFER"]
            }
            (Self::Join, _) => &["APPROVE MANIFEST", "MAKE OFFER"],
            (Self::Begin, _) => {
                &["PUT CERTIFICATE", "APPROVE MANIFEST", "MAKE OFFER", "PUT PARTY", "BEGIN DEAL", "ADMIT"]
            }
            (Self::Reveal, _) => &["PUT PARTY", "REVEAL CONTRIBUTION"],
            (Self::Deal, _) => &["TAKE CONTRIBUTION", "DEAL BOX", "STATE DEAL"],
            (Self::Store, _) => &["TAKE STATEMENT", "STORE BOX", "PUT PARTY", "RELEASE SHARE"],
            (Self::Release, _) => &["APPROVE MANIFEST", "PUT PARTY", "RELEASE SHARE"],
            (Self::Drill, _) => &["PUT PARTY", "TAKE STATEMENT", "TAKE SHARE", "DRILL", "VERDICT"],
            (Self::Forget, _) => &["CONFIRM", "FORGET"],
            (Self::Export, _) => &["PUT PARTY", "TAKE STATEMENT", "TAKE SHARE", "EXPORT", "READ RESULT"],
            (Self::Destroy, _) => &["APPROVE MANIFEST", "WIPE"],
        }
    }
}

/// One card, put in once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Visit {
    /// Which.
    pub seat: Seat,
    /// For what.
    pub stage: Stage,
}

impl Visit {
    const fn new(place: Place, stage: Stage) -> Self {
        Self { seat: Seat::At(place), stage }
    }

    /// Whether the transcript shows that it is done. Before the manifest it shows nothing: cards are looked at again.
    #[must_use]
    pub fn is_done(&self, progress: &Progress) -> bool {
        let joined = |place| progress.approvals.contains_key(&place) && progress.offers.contains_key(&place);
        match (self.stage, self.seat) {
            (Stage::Enrol | Stage::Certify | Stage::CertifyHsm, _) => progress.manifest.is_some(),
            (Stage::Join, Seat::At(place @ Place::Custodian(x))) => {
                joined(place) && progress.commitments.contains_key(&x)
            }
            (Stage::Join | Stage::Begin, Seat::At(place)) => joined(place),
            (Stage::Reveal, Seat::At(Place::Custodian(x))) => progress.contributions.contains_key(&x),
            (Stage::Deal, _) => progress.statement.is_some(),
            (Stage::Store, Seat::At(Place::Custodian(x))) => progress.holds(x) && progress.releases.contains_key(&x),
            (Stage::Release, Seat::At(Place::Custodian(x))) => {
                progress.releases.contains_key(&x) || progress.is_without(x)
            }
            (Stage::Drill, _) => progress.verdict.is_some_and(|verdict| progress.is_drilled(&verdict.bitmap)),
            (Stage::Forget, _) => progress.forget.is_some(),
            (Stage::Export, _) => progress.export.is_some(),
            (Stage::Destroy, Seat::At(Place::Custodian(x))) => progress.receipts.contains_key(&x),
            // No visit of the agenda.
            _ => true,
        }
    }
}

/// Which custodians an operation asks, beside those who have released their shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// All in a drill, m of them in a release.
    #[default]
    Enough,
    /// These.
    Only(Vec<u8>),
}

impl From {
    /// # Errors
    /// [`CeremonyError::NoCustodian`] for one that there is not, [`CeremonyError::FewNamed`] for fewer than make the key.
    pub fn check(&self, plan: &Plan) -> Result<(), CeremonyError> {
        let Self::Only(chosen) = self else { return Ok(()) };
        if let Some(x) = chosen.iter().find(|x| !(1..=plan.n()).contains(*x)) {
            return Err(CeremonyError::NoCustodian(*x));
        }
        let named = (1..=plan.n()).filter(|x| chosen.contains(x)).count();
        if named < usize::from(plan.m) { Err(CeremonyError::FewNamed { named, m: plan.m }) } else { Ok(()) }
    }

    /// Their x, in ascending order.
    #[must_use]
    pub fn custodians(&self, operation: Operation, plan: &Plan, progress: &Progress) -> Vec<u8> {
        let asked = |x: &u8| progress.approvals.contains_key(&Place::Custodian(*x)) || progress.refused.contains_key(x);
        let all = 1..=plan.n();
        // What was put together stays as it is.
        let together = progress.verdict.is_some() || progress.export.is_some();
        match (self, operation) {
            (_, Operation::Drill | Operation::Release) if together => all.filter(asked).collect(),
            (Self::Only(chosen), _) => {
                all.filter(|x| chosen.contains(x) || progress.releases.contains_key(x)).collect()
            }
            (Self::Enough, Operation::Release) => {
                let mut missing = usize::from(plan.m);
                missing = missing.saturating_sub(all.clone().filter(|x| asked(x) && !progress.is_without(*x)).count());
                let mut more = |x: &u8| {
                    let take = asked(x) || missing > 0;
                    missing -= usize::from(take && !asked(x));
                    take
                };
                all.filter(|x| more(x)).collect()
            }
            (Self::Enough, _) => all.collect(),
        }
    }
}

/// Who has a certificate before an operation on a set that is dealt already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The HSM's key.
    pub hsm: bool,
    /// The combiner's card; not where it is a new one.
    pub combiner: bool,
}

/// All visits of an operation, in order.
#[must_use]
pub fn agenda(operation: Operation, plan: &Plan, progress: &Progress, from: &From, certified: Certified) -> Vec<Visit> {
    let all = || (1..=plan.n()).map(Place::Custodian);
    let of = |stage| all().map(move |place| Visit::new(place, stage));
    let chosen = || from.custodians(operation, plan, progress).into_iter().map(Place::Custodian);
    let release = || chosen().map(|place| Visit::new(place, Stage::Release));
    let ca = |stage| plan.ca().map(|_| Visit { seat: Seat::Ca, stage });
    let mut visits = Vec::new();
    if matches!(operation, Operation::Drill | Operation::Release) && !certified.combiner {
        visits.push(Visit::new(Place::Combiner, Stage::Enrol));
        visits.extend(ca(Stage::Certify));
    }
    match operation {
        Operation::Deal => {
            visits.extend(ca(Stage::Enrol));
            visits.extend([Place::Dealer, Place::Combiner].map(|place| Visit::new(place, Stage::Enrol)));
            visits.extend(of(Stage::Enrol));
            visits.extend(ca(Stage::Certify));
            visits.extend(of(Stage::Join));
            visits.push(Visit::new(Place::Dealer, Stage::Begin));
            visits.extend(of(Stage::Reveal));
            visits.push(Visit::new(Place::Dealer, Stage::Deal));
            visits.push(Visit::new(Place::Combiner, Stage::Join));
            visits.extend(of(Stage::Store));
            visits.push(Visit::new(Place::Combiner, Stage::Drill));
            visits.push(Visit::new(Place::Dealer, Stage::Forget));
        }
        Operation::Drill => {
            visits.push(Visit::new(Place::Combiner, Stage::Join));
            visits.extend(release());
            visits.push(Visit::new(Place::Combiner, Stage::Drill));
        }
        Operation::Release => {
            visits.extend(ca(Stage::CertifyHsm).filter(|_| !certified.hsm));
            visits.push(Visit::new(Place::Combiner, Stage::Join));
            visits.extend(release());
            visits.push(Visit::new(Place::Combiner, Stage::Export));
        }
        Operation::Destroy => visits.extend(of(Stage::Destroy)),
    }
    visits
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwright_keys::ceremony::transcript::Record;
    use cardwright_proto::custody::message::Held;
    use cardwright_proto::custody::receive::SignedReceipt;
    use cardwright_proto::custody::share::Scheme;
    use cardwright_proto::custody::signature::Signature;
    use cardwright_proto::status::StatusWord;

    fn plan(m: u8, n: u8) -> Plan {
        Plan::parse(Plan::example(Scheme::Shamir, m, n).unwrap().as_bytes()).unwrap()
    }

    /// This custodian says that it has no such set.
    fn without(progress: &mut Progress, x: u8) {
        progress.apply(&Record::Refused { x, word: StatusWord::REFERENCE_NOT_FOUND });
        let signature = Signature::new([1; 32], [1; 32]);
        let receipt = SignedReceipt { x: 0, status: Held::No, statement: [0; 32], signature };
        progress.apply(&Record::Receipt { x, receipt });
    }

    /// A release asks as many as it takes, and another one for each that has no share.
    #[test]
    fn a_release_asks_enough() {
        let (plan, mut progress) = (plan(3, 5), Progress::default());
        let asked = |progress: &Progress, from: &From| from.custodians(Operation::Release, &plan, progress);
        assert_eq!(asked(&progress, &From::Enough), [1, 2, 3]);
        without(&mut progress, 2);
        assert_eq!(asked(&progress, &From::Enough), [1, 2, 3, 4]);
        without(&mut progress, 1);
        without(&mut progress, 4);
        assert_eq!(asked(&progress, &From::Enough), [1, 2, 3, 4, 5]);
        // Who is named is asked, and nobody else who has given nothing.
        assert_eq!(asked(&progress, &From::Only(vec![5])), [5]);
        assert_eq!(From::Enough.custodians(Operation::Drill, &plan, &progress), [1, 2, 3, 4, 5]);
    }

    /// Each card of a deal is put in as often as the specification's table has it.
    #[test]
    fn the_visits_of_a_deal() {
        let plan = plan(3, 5);
        let visits = agenda(
            Operation::Deal,
            &plan,
            &Progress::default(),
            &From::Enough,
            Certified { hsm: false, combiner: false },
        );
        let of = |seat| visits.iter().filter(|visit| visit.seat == seat).count();
        let at = |place| of(Seat::At(place));
        assert_eq!((of(Seat::Ca), at(Place::Dealer), at(Place::Combiner), at(Place::Custodian(5))), (2, 4, 3, 4));
        assert_eq!(visits.len(), 2 + 4 + 3 + 5 * 4);
        assert!(visits.iter().all(|visit| !visit.is_done(&Progress::default())));
    }
}
