//! What stands in a transcript before its manifest, and the manifest.

use super::course::Seat;
use super::directory::Directory;
use super::enrol::Seen;
use super::error::CeremonyError;
use super::minutes::Minutes;
use super::people::{Compared, People, Question};
use super::progress::{Enrolled, Progress};
use super::seated::stop;
use super::written::compared;
use super::{Ceremony, World, fingerprint, members};
use crate::error::Error;
use cardwright_keys::ceremony::transcript::Record;
use cardwright_keys::vault::Vault;
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::certificate::Certificate;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};

/// Whether the CA is a test CA: what is on record decides, else the wish, and whether the plan has a card for a CA.
pub(super) fn test_ca(directory: &Directory, operation: Operation, wished: bool) -> Result<bool, CeremonyError> {
    let recorded = match operation {
        Operation::Deal => directory.unfinished(),
        _ => directory.last_deal(),
    };
    match (recorded.map(|past| past.progress.test_ca()), directory.plan.ca()) {
        (Some(false), _) if wished => Err(CeremonyError::OtherCa { test_ca: false }),
        (Some(test_ca), _) => Ok(test_ca),
        (None, Some(card)) if wished => Err(CeremonyError::TwoCas(card.label.clone())),
        (None, None) if !wished => Err(CeremonyError::NoCa),
        (None, _) => Ok(wished),
    }
}

/// The first lines of a new transcript: people have compared the plan before there is one.
pub(super) fn start<'d, 'w: 'd, P: People, V: Vault>(
    world: &mut World<'w, '_, P, V>,
    directory: &'d Directory,
    operation: Operation,
    test_ca: bool,
) -> Result<Minutes<'d>, P::Error> {
    let plan = &directory.plan;
    let note = compared(world.people, (Compared::Plan, &plan.hash()), plan, &Progress::default())?;
    if operation == Operation::Destroy {
        world.people.agree(Question::Destroy)?;
    }
    let log = directory.begin(operation).map_err(stop)?;
    let mut minutes = Minutes::new(plan, log, Progress::default(), world.clock);
    let plan = plan.source().to_vec();
    minutes.say(&Record::Start { test_ca, operation, plan }).map_err(stop)?;
    note.map_or(Ok(()), |note| minutes.say(&note)).map_err(stop)?;
    Ok(minutes)
}

impl<'w: 'd, 'k: 'd, 'd, P: People, V: Vault> Ceremony<'w, 'k, 'd, P, V> {
    /// What is written down before any card is put in, as far as it is not.
    pub(super) fn preamble(&mut self, resumed: bool) -> Result<(), P::Error> {
        if self.minutes.progress.manifest.is_some() {
            self.deals_statement()?;
            let released = self.minutes.progress.imported.is_some();
            return if self.operation == Operation::Release && !released { self.hsm() } else { Ok(()) };
        }
        self.tell("start")?;
        // Whoever begins has just compared it.
        if resumed {
            self.compare(Compared::Plan, self.plan().hash())?;
        }
        match self.operation {
            Operation::Deal => self.own_ca()?,
            _ => self.dealt_before()?,
        }
        for revoked in self.plan().revoked.iter().skip(self.minutes.progress.revoked) {
            self.minutes.say(&Record::Revoked(revoked.clone())).map_err(stop)?;
        }
        if self.operation == Operation::Release { self.hsm() } else { Ok(()) }
    }

    /// Two people compare a fingerprint, unless it is on record that they did.
    fn compare(&mut self, what: Compared, fingerprint: Hash) -> Result<(), P::Error> {
        let note = compared(self.world.people, (what, &fingerprint), self.plan(), &self.minutes.progress)?;
        note.map_or(Ok(()), |note| self.minutes.say(&note)).map_err(stop)
    }

    /// A test CA's point; a card's comes when that is put in.
    fn own_ca(&mut self) -> Result<(), P::Error> {
        let Some(test_ca) = &self.test_ca else { return Ok(()) };
        match self.minutes.progress.ca {
            None => self.minutes.say(&Record::Ca { key: test_ca.point() }).map_err(stop),
            Some(point) if point == test_ca.point() => Ok(()),
            Some(_) => Err(stop(CeremonyError::OtherCa { test_ca: true })),
        }
    }

    /// CA and certificates of the operation before, as they stand there. Those behind that of a new combiner wait for it.
    fn dealt_before(&mut self) -> Result<(), P::Error> {
        let before = self.directory.last_enrolled().ok_or(CeremonyError::NothingDealt).map_err(stop)?;
        if let (None, Some(key)) = (self.minutes.progress.ca, before.progress.ca) {
            self.minutes.say(&Record::Ca { key }).map_err(stop)?;
        }
        if let (None, Some(Enrolled { certificate, possession, .. })) =
            (self.minutes.progress.ca_certificate(), before.progress.ca_certificate().cloned())
        {
            self.minutes.say(&Record::Enrol { certificate, possession }).map_err(stop)?;
        }
        let known = |place| before.progress.certificate(place).map(Seen::of);
        let cards = members(self.plan().n()).filter(|place| *place != Place::Combiner || !self.wish.new_combiner);
        self.seen.extend(cards.filter_map(|place| Some((Seat::At(place), known(place)?))));
        self.settle_enrolled().map(drop)
    }

    /// The HSM's certificate: there already, known from an earlier release, by a test CA; else the CA's card is asked.
    fn hsm(&mut self) -> Result<(), P::Error> {
        let wished = self.wish.hsm.as_ref().ok_or(CeremonyError::NoHsm).map_err(stop)?;
        let (body, key) = (wished.body(), fingerprint(&wished.certified));
        if let Some(there) = self.minutes.progress.certificate(Place::Hsm) {
            let same = there.certificate.body == body;
            return if same { Ok(()) } else { Err(stop(CeremonyError::OtherHsm)) };
        }
        self.compare(Compared::Hsm, key)?;
        let ca = self.minutes.progress.ca.unwrap_or([0; 65]);
        let known = self.directory.certified(&ca, &body);
        if let Some(signature) = known.or_else(|| self.test_ca.as_ref().map(|test_ca| test_ca.sign(&body))) {
            let certificate = Certificate { body, signature };
            self.minutes.say(&Record::Enrol { certificate, possession: None }).map_err(stop)?;
        }
        Ok(())
    }

    /// The manifest, once all who take part are on record.
    pub(super) fn make_manifest(&mut self) -> Result<(), P::Error> {
        let manifest = self.manifest()?;
        manifest.check().map_err(CeremonyError::from).map_err(stop)?;
        self.minutes.say(&Record::Manifest(manifest)).map_err(stop)?;
        // What a verifier would refuse is found before a card approves it.
        self.verified()?;
        self.tell("manifest")?;
        self.deals_statement()
    }

    fn manifest(&mut self) -> Result<Manifest, P::Error> {
        let plan = self.plan();
        let progress = &self.minutes.progress;
        let mut hashes = Vec::new();
        for place in members(plan.n()).chain([Place::Hsm]) {
            let Some(enrolled) = progress.certificate(place) else { continue };
            if plan.revoked.iter().any(|revoked| revoked.certificate == enrolled.hash) {
                let label = plan.card(place).map_or_else(|| place.to_string(), |card| card.label.clone());
                return Err(stop(CeremonyError::Revoked(label)));
            }
            hashes.push((place, enrolled.hash));
        }
        let hash = |wanted| hashes.iter().find(|(place, _)| *place == wanted).map(|(_, hash)| *hash);
        let operation = self.operation;
        let partner = match operation {
            Operation::Deal => hash(Place::Dealer),
            Operation::Release => hash(Place::Hsm),
            Operation::Drill | Operation::Destroy => None,
        };
        let seen = self.seen.values().map(|seen| seen.sequence).max().unwrap_or(0);
        let sequence = seen.max(self.directory.sequence()).saturating_add(1).max(self.wish.sequence);
        let (set, generation) = match (operation, self.directory.last_deal()) {
            (Operation::Deal, _) | (_, None) => (random(&mut self.world.entropy)?, 1),
            (_, Some(deal)) => {
                let dealt = deal.progress.manifest.as_ref().ok_or(CeremonyError::NothingDealt).map_err(stop)?;
                (dealt.manifest.set, dealt.manifest.generation)
            }
        };
        Ok(Manifest {
            operation,
            ceremony: random(&mut self.world.entropy)?,
            set,
            generation,
            scheme: plan.scheme,
            m: plan.m,
            key_type: plan.key.key_type,
            key_length: plan.key.key_length,
            usage: plan.key.usage,
            sequence,
            plan: plan.hash(),
            head: self.minutes.log().head(),
            partner,
            combiner: if operation == Operation::Destroy { None } else { hash(Place::Combiner) },
            custodians: (1..=plan.n()).filter_map(|x| hash(Place::Custodian(x))).collect(),
        })
    }

    /// What the dealer stated, for whoever checks shares against it later.
    fn deals_statement(&mut self) -> Result<(), P::Error> {
        let later = matches!(self.operation, Operation::Drill | Operation::Release);
        if !later || self.minutes.progress.statement.is_some() {
            return Ok(());
        }
        let stated = self.directory.last_deal().and_then(|deal| deal.progress.statement.clone());
        let stated = stated.ok_or(CeremonyError::NothingDealt).map_err(stop)?;
        let (manifest, statement, signature) = (stated.manifest, stated.statement, stated.signature);
        self.minutes.say(&Record::Statement { manifest, statement, signature }).map_err(stop)
    }
}

/// An id that nobody can foresee.
fn random(entropy: &mut dyn crate::world::Entropy) -> Result<[u8; 16], Error> {
    let mut id = [0; 16];
    entropy.fill(&mut id)?;
    Ok(id)
}
