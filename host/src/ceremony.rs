//! A ceremony: a master key dealt to cards, drilled, released, destroyed (`docs/protocol/custody-commands.md`).
//!
//! The host relays, and writes down what it relays (`docs/protocol/transcript.md`): each line is on disk before the next
//! command is sent. Whatever stops it, it goes on from there: what is done is in the [`directory`]'s last transcript and in
//! what the card in the reader says of itself.
//!
//! - [`directory`]: the plan, and a transcript for each manifest.
//! - [`progress`]: what a transcript says. [`course`]: which card is to be put in next, and for what.
//! - [`people`]: who puts in cards, types PINs, compares words: a port.
//! - [`host_mode`]: the same where shares pass through this computer.
//! - [`Ceremony`]: carries an operation out.

mod combiner;
pub mod course;
mod dealer;
pub mod directory;
mod ending;
mod enrol;
mod error;
mod holder;
pub mod host_mode;
pub mod hsm_key;
mod minutes;
pub mod people;
mod preamble;
pub mod progress;
mod seated;
pub mod status;
mod test_ca;
mod visits;
mod written;

pub use error::{CeremonyError, NotThis};
pub use test_ca::FILE as TEST_CA_FILE;

use crate::books::Books;
use crate::world::{Clock, Entropy};
use cardwright_keys::ceremony::plan::{CeremonyMode, Plan};
use cardwright_keys::ceremony::transcript::End;
use cardwright_keys::ceremony::verify::Verdict;
use cardwright_keys::custody::import::ImportKey;
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::vault::Vault;
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::certificate::{CertificateBody, CertifiedKey, Roles};
use cardwright_proto::custody::manifest::{Operation, Place};
use course::{Certified, From, Seat, Stage, Visit, agenda};
use directory::Directory;
use enrol::{Request, Seen};
use minutes::Minutes;
use people::{People, Question};
use seated::stop;
use std::collections::BTreeMap;
use test_ca::TestCa;

/// The key that a release goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HsmKey {
    /// The key, as EXPORT takes it: a point, or a modulus.
    pub bytes: Vec<u8>,
    /// What its certificate has of it.
    pub certified: CertifiedKey,
    /// What the ceremony calls the HSM.
    pub identity: [u8; 8],
    /// As the ceremony defines it: zeros where there is nothing to be said.
    pub applet: Hash,
}

impl HsmKey {
    /// A key whose HSM is called by the first 8 bytes of its fingerprint.
    #[must_use]
    pub fn new(key: &ImportKey, bytes: Vec<u8>) -> Self {
        let certified = key.certified();
        let mut identity = [0; 8];
        identity.copy_from_slice(&fingerprint(&certified)[..8]);
        Self { bytes, certified, identity, applet: [0; 32] }
    }

    fn body(&self) -> CertificateBody {
        let Self { certified, identity, applet, .. } = self;
        CertificateBody { identity: *identity, roles: Roles::HSM, applet: *applet, key: *certified }
    }
}

/// What people compare of a key: SHA-256 of the point, or of the modulus.
#[must_use]
pub fn fingerprint(key: &CertifiedKey) -> Hash {
    match key {
        CertifiedKey::P256(point) => cardwright_keys::custody::hash::sha256(&[point]),
        CertifiedKey::Rsa2048(hash) | CertifiedKey::Rsa3072(hash) | CertifiedKey::Rsa4096(hash) => *hash,
    }
}

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// `None`: whatever is unfinished, or else the deal.
    pub operation: Option<Operation>,
    /// Which custodians a drill or a release asks.
    pub from: From,
    /// Where a release goes.
    pub hsm: Option<HsmKey>,
    /// The CA is a test CA.
    pub test_ca: bool,
    /// The combiner's card is a new one: it is enrolled, and certified.
    pub new_combiner: bool,
    /// The manifest's sequence is this one at least: 0 where none is wished for.
    pub sequence: u32,
}

/// What a ceremony works with.
pub struct World<'w, 'k, P, V> {
    /// Who puts in cards.
    pub people: &'w mut P,
    /// Whoever holds the keys of the cards' secure channels.
    pub vault: &'w V,
    /// Which these are.
    pub key: &'w KeyRef,
    /// Authenticate although earlier failures on record say that it may block a card.
    pub accept_risk: bool,
    /// Journal and audit log.
    pub books: &'w mut Books<'k>,
    /// Randomness.
    pub entropy: &'w mut dyn Entropy,
    /// Time.
    pub clock: &'w dyn Clock,
}

impl<P, V> std::fmt::Debug for World<'_, '_, P, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What was done, when all is done.
#[derive(Clone, Debug)]
pub struct Done {
    /// The transcript's file.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// What it shows.
    pub verdict: Verdict,
    /// How often a card was put in.
    pub visits: usize,
}

/// One operation under way.
pub struct Ceremony<'w, 'k, 'd, P, V> {
    world: World<'w, 'k, P, V>,
    directory: &'d Directory,
    minutes: Minutes<'d>,
    wish: Wish,
    operation: Operation,
    test_ca: Option<TestCa>,
    seen: BTreeMap<Seat, Seen>,
    /// Before any card was put in.
    certified: Certified,
    visits: usize,
}

impl<P, V> std::fmt::Debug for Ceremony<'_, '_, '_, P, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ceremony").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// What is going on: the operation that is unfinished, or that the wish names.
///
/// # Errors
/// [`CeremonyError::Unfinished`] where another one is; [`CeremonyError::NotPlanned`], [`CeremonyError::DealtAlready`],
/// [`CeremonyError::NothingDealt`].
pub fn operation(directory: &Directory, wished: Option<Operation>) -> Result<Operation, CeremonyError> {
    if directory.plan.mode == CeremonyMode::Host {
        return Err(CeremonyError::HostMode);
    }
    if let Some(unfinished) = directory.unfinished() {
        let operation = unfinished.progress.operation().ok_or(CeremonyError::NothingUnfinished)?;
        if wished.is_some_and(|wished| wished != operation) {
            return Err(CeremonyError::Unfinished { name: unfinished.name.clone(), operation });
        }
        return Ok(operation);
    }
    let operation = wished.unwrap_or(Operation::Deal);
    if !directory.plan.steps.contains(&operation) {
        return Err(CeremonyError::NotPlanned(operation));
    }
    let dealt = directory.last_deal().map(|deal| (deal.progress.end, deal.progress.manifest.is_some()));
    match (operation, dealt) {
        (Operation::Deal, Some((Some(End::Done), _))) => Err(CeremonyError::DealtAlready),
        (Operation::Deal, _) => Ok(operation),
        // Of an abandoned deal some cards may have their shares.
        (Operation::Destroy, Some((_, true))) | (_, Some((Some(End::Done), _))) => Ok(operation),
        _ => Err(CeremonyError::NothingDealt),
    }
}

impl<'w: 'd, 'k: 'd, 'd, P: People, V: Vault> Ceremony<'w, 'k, 'd, P, V> {
    /// Begins an operation, or goes on with it; nothing is sent yet.
    ///
    /// # Errors
    /// As [`operation`]; [`CeremonyError::NoCa`], [`CeremonyError::TwoCas`], [`CeremonyError::OtherCa`]; those of files;
    /// what people say.
    pub fn begin(mut world: World<'w, 'k, P, V>, directory: &'d Directory, wish: Wish) -> Result<Self, P::Error> {
        let operation = operation(directory, wish.operation).map_err(stop)?;
        directory.verify().map_err(stop)?;
        let resumed = directory.unfinished().is_some();
        let test_ca = preamble::test_ca(directory, operation, wish.test_ca).map_err(stop)?;
        wish.from.check(&directory.plan).map_err(stop)?;
        if wish.hsm.is_some() && operation != Operation::Release {
            return Err(stop(CeremonyError::NoRelease(operation)));
        }
        let test_ca = match (test_ca, operation) {
            (false, _) => None,
            (true, Operation::Deal) => Some(TestCa::open(directory.path(), world.entropy)?),
            (true, _) => Some(TestCa::load(directory.path()).map_err(stop)?),
        };
        if resumed && operation == Operation::Destroy {
            world.people.agree(Question::Destroy)?;
        }
        let minutes = if resumed {
            let (log, progress) = directory.resume().map_err(stop)?;
            Minutes::new(&directory.plan, log, progress, world.clock)
        } else {
            preamble::start(&mut world, directory, operation, test_ca.is_some())?
        };
        let (seen, certified) = (BTreeMap::new(), Certified { hsm: false, combiner: false });
        let mut ceremony = Self { world, directory, minutes, wish, operation, test_ca, seen, certified, visits: 0 };
        ceremony.preamble(resumed)?;
        let on_record = |place| ceremony.minutes.progress.certificate(place).is_some();
        ceremony.certified = Certified { hsm: on_record(Place::Hsm), combiner: on_record(Place::Combiner) };
        Ok(ceremony)
    }

    /// The visits of this operation, those that are done among them.
    #[must_use]
    pub fn agenda(&self) -> Vec<Visit> {
        agenda(self.operation, self.plan(), &self.minutes.progress, &self.wish.from, self.certified)
    }

    fn plan(&self) -> &'d Plan {
        &self.directory.plan
    }

    /// Carries it out, to its end.
    ///
    /// # Errors
    /// What people say; [`CeremonyError::WrongCard`], [`CeremonyError::Card`], [`CeremonyError::Evidence`] and those of
    /// files, behind which it can be gone on with. [`CeremonyError::TooFew`] where too few cards have a share: that ends it.
    pub fn run(mut self) -> Result<Done, P::Error> {
        while let Some((number, visit)) = self.next()? {
            if matches!(visit.stage, Stage::Drill | Stage::Export) && self.operation != Operation::Deal {
                self.enough_shares()?;
            }
            let of = self.agenda().len();
            self.visit(visit, (number, of))?;
            self.visits += 1;
        }
        self.finish()
    }

    /// The visit that is to be made now, and its number.
    fn next(&mut self) -> Result<Option<(usize, Visit)>, P::Error> {
        loop {
            let visits = self.agenda();
            let next = visits.iter().enumerate().find(|(_, visit)| !self.is_done(visit));
            let next = next.map(|(at, visit)| (at + 1, *visit));
            match next {
                Some((_, Visit { stage: Stage::Certify, .. })) if self.settle_enrolled()? => {}
                Some((_, Visit { stage: Stage::Enrol | Stage::Certify | Stage::CertifyHsm, .. })) => return Ok(next),
                _ if self.minutes.progress.manifest.is_none() => {
                    self.settle_enrolled()?;
                    self.make_manifest()?;
                }
                _ => return Ok(next),
            }
        }
    }

    fn is_done(&self, visit: &Visit) -> bool {
        let progress = &self.minutes.progress;
        visit.is_done(progress)
            || match visit.stage {
                Stage::Enrol => self.seen.contains_key(&visit.seat),
                Stage::Certify => progress.certificate(Place::Custodian(self.plan().n())).is_some(),
                Stage::CertifyHsm => progress.certificate(Place::Hsm).is_some(),
                _ => false,
            }
    }

    /// Writes down what needs no signature of the CA any more, in order. Whether that was all.
    fn settle_enrolled(&mut self) -> Result<bool, P::Error> {
        for place in members(self.plan().n()) {
            if self.minutes.progress.certificate(place).is_some() {
                continue;
            }
            let request = self.seen.get(&Seat::At(place)).and_then(|seen| seen.request);
            match request.as_ref().and_then(Request::record) {
                Some(record) => self.minutes.say(&record).map_err(stop)?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Before shares are put together: whether they are enough. Where they are not, the operation ends here.
    fn enough_shares(&mut self) -> Result<(), P::Error> {
        let progress = &self.minutes.progress;
        let (have, m) = (progress.releases.len(), self.plan().m);
        if have >= usize::from(m) {
            return Ok(());
        }
        let without = progress.refused.keys().map(|x| {
            let status = progress.receipts.get(x).map(|receipt| receipt.status.to_string()).unwrap_or_default();
            format!("custodian {x}: no such set ({status})")
        });
        let without = without.collect::<Vec<_>>().join(", ");
        let without = if without.is_empty() { "no more custodians were asked".to_owned() } else { without };
        self.minutes.end(End::Abandoned).map_err(stop)?;
        self.tell("failed")?;
        Err(stop(CeremonyError::TooFew { have, m, without }))
    }
}

/// The cards with a place, in the order in which their certificates are written down.
fn members(n: u8) -> impl Iterator<Item = Place> {
    [Place::Dealer, Place::Combiner].into_iter().chain((1..=n).map(Place::Custodian))
}
