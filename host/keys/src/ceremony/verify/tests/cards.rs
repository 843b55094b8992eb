//! Cards in software, and transcripts of what they say. The same in every run.

use super::super::super::plan::Plan;
use super::super::super::transcript::{CeremonyMode, End, Record};
use super::super::super::words::Fingerprint;
use super::super::Given;
use super::told::Told;
use crate::custody::hash::{self, sha256};
use crate::custody::import::ImportKey;
use crate::custody::sealing::Route;
use crate::custody::secret::{self, Contribution};
use crate::custody::signing::{KeyPair, PublicKey};
use crate::key::SecretKey;
use crate::share::{Binding, Quorum, Share, split};
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles, possession};
use cardwright_proto::custody::combine;
use cardwright_proto::custody::deal::Dealt;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::{Export, Fields, Held, Message, Outcome, Receipt, Statement};
use cardwright_proto::custody::receive::{Committed, Released, SignedReceipt};
use cardwright_proto::custody::share::Scheme;
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::{Mask, Subsets};
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::custody::{Hash, Point};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Bytes that look random: SHA-256 over a counter.
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&sha256(&[b"ceremony", &self.0.to_be_bytes()])[..chunk.len()]);
        }
        Ok(())
    }

    pub(super) fn pair(&mut self) -> KeyPair {
        let Ok(pair) = KeyPair::generate(|bytes| self.fill(bytes));
        pair
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let Ok(()) = self.fill(&mut bytes);
        bytes
    }
}

/// A card, or an HSM whose key is P-256.
pub(super) struct Member {
    pub(super) key: KeyPair,
    pub(super) certificate: Certificate,
}

impl Member {
    pub(super) fn hash(&self) -> Hash {
        hash::certificate(&self.certificate.body)
    }

    /// Its `enrol`.
    pub(super) fn enrol(&self) -> Record {
        let CertificateBody { identity, roles, .. } = self.certificate.body;
        let shown = self.key.sign(&possession(&identity, &self.key.point()));
        Record::Enrol { certificate: self.certificate, possession: (roles != Roles::HSM).then_some(shown) }
    }
}

/// What goes to the HSM, and in which form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    P256,
    Rsa,
}

/// All that a ceremony takes.
pub(super) struct Cards {
    pub(super) seed: Seeded,
    pub(super) plan: Vec<u8>,
    pub(super) scheme: Scheme,
    pub(super) m: u8,
    pub(super) n: u8,
    pub(super) ca: Member,
    pub(super) dealer: Member,
    pub(super) combiner: Member,
    pub(super) hsm: Member,
    /// Of the HSM with an RSA key.
    pub(super) rsa: Certificate,
    pub(super) to: To,
    pub(super) custodians: Vec<Member>,
    /// Approvals so far, by certificate hash.
    counters: BTreeMap<Hash, u32>,
    pub(super) sequence: u32,
    /// Head of the last transcript.
    pub(super) head: Hash,
    /// M of the manifest in hand.
    pub(super) m_hash: Hash,
    pub(super) manifest: Option<Manifest>,
    /// Of the last deal.
    pub(super) deal: Option<(Manifest, Statement, Signature)>,
    secret: Option<SecretKey>,
    shares: Vec<(Share, [u8; 16])>,
}

pub(super) const MODULUS: [u8; 256] = [0xFF; 256];

impl Cards {
    pub(super) fn new(scheme: Scheme, m: u8, n: u8) -> Self {
        let mut seed = Seeded(u64::from(n));
        let ca = seed.pair();
        let mut certified = |identity: u8, roles: Roles, key: Option<KeyPair>| {
            let key = key.unwrap_or_else(|| seed.pair());
            let applet = if roles == Roles::HSM { [0; 32] } else { [0xA9; 32] };
            let point = CertifiedKey::P256(key.point());
            let body = CertificateBody { identity: [identity; 8], roles, applet, key: point };
            Member { certificate: Certificate { body, signature: ca.sign(&body.encode()) }, key }
        };
        let own = KeyPair::new(&ca.expose()).unwrap();
        let own = certified(0xCA, Roles::CA, Some(own));
        let (dealer, combiner) = (certified(0xDD, Roles::DEALER, None), certified(0xBB, Roles::COMBINER, None));
        let hsm = certified(0x45, Roles::HSM, None);
        let custodians = (1..=n).map(|x| certified(x, Roles::CUSTODIAN, None)).collect();
        let key = ImportKey::new(cardwright_proto::custody::certificate::KeyAlgorithm::Rsa2048, &MODULUS).unwrap();
        let body = CertificateBody { identity: [0x46; 8], roles: Roles::HSM, applet: [0; 32], key: key.certified() };
        let rsa = Certificate { body, signature: ca.sign(&body.encode()) };
        let plan = Plan::example(scheme, m, n).unwrap().replace(&"00".repeat(32), &"a9".repeat(32)).into_bytes();
        Self {
            seed,
            plan,
            scheme,
            m,
            n,
            ca: own,
            dealer,
            combiner,
            hsm,
            rsa,
            to: To::P256,
            custodians,
            counters: BTreeMap::new(),
            sequence: 0,
            head: [0; 32],
            m_hash: [0; 32],
            manifest: None,
            deal: None,
            secret: None,
            shares: Vec::new(),
        }
    }

    /// Another CA, which certifies the same keys: their certificates have the same hashes as before.
    pub(super) fn change_ca(&mut self) {
        let key = self.seed.pair();
        let body =
            CertificateBody { identity: [0xCB; 8], key: CertifiedKey::P256(key.point()), ..self.ca.certificate.body };
        self.ca = Member { certificate: Certificate { body, signature: key.sign(&body.encode()) }, key };
        let members = [&mut self.dealer, &mut self.combiner, &mut self.hsm].into_iter().chain(&mut self.custodians);
        for Member { certificate, .. } in members {
            certificate.signature = self.ca.key.sign(&certificate.body.encode());
        }
    }

    /// The approvals in these records were never given.
    pub(super) fn uncount(&mut self, records: &[Record]) {
        for record in records {
            if let Record::Approval { place, .. } = record {
                *self.counters.get_mut(&self.member(*place).hash()).unwrap() -= 1;
            }
        }
    }

    /// The combiner's card was lost, and is another one.
    pub(super) fn replace_combiner(&mut self) {
        let key = self.seed.pair();
        let body = CertificateBody {
            identity: [0xBC; 8],
            key: CertifiedKey::P256(key.point()),
            ..self.combiner.certificate.body
        };
        self.combiner = Member { certificate: Certificate { body, signature: self.ca.key.sign(&body.encode()) }, key };
    }

    /// The dealer signs a second statement, of another key.
    pub(super) fn state_again(&mut self, change: impl FnOnce(&mut Manifest, &mut Statement)) {
        let (mut manifest, mut statement, _) = self.deal.take().unwrap();
        change(&mut manifest, &mut statement);
        let signature = self.dealer.key.sign(&statement.to_bytes());
        self.deal = Some((manifest, statement, signature));
    }

    pub(super) fn member(&self, place: Place) -> &Member {
        match place {
            Place::Custodian(x) => &self.custodians[usize::from(x) - 1],
            Place::Combiner => &self.combiner,
            Place::Dealer => &self.dealer,
            Place::Hsm => &self.hsm,
        }
    }

    /// What a place says under the manifest in hand.
    pub(super) fn sign(&self, place: Place, fields: Fields) -> Signature {
        let member = self.member(place);
        member.key.sign(&Message { manifest: self.m_hash, signer: member.hash(), fields }.to_bytes())
    }

    pub(super) fn hsm_hash(&self) -> Hash {
        match self.to {
            To::P256 => self.hsm.hash(),
            To::Rsa => hash::certificate(&self.rsa.body),
        }
    }

    /// What is before the manifest.
    fn before(&self, operation: Operation) -> Vec<Record> {
        let mut records = vec![
            Record::Start { test_ca: false, operation, plan: self.plan.clone() },
            Record::Ca { key: self.ca.key.point() },
            self.ca.enrol(),
            self.dealer.enrol(),
            Record::Note { text: "the room is \"closed\"".to_owned() },
            self.combiner.enrol(),
        ];
        records.extend(self.custodians.iter().map(Member::enrol));
        if operation == Operation::Release {
            records.push(match self.to {
                To::P256 => self.hsm.enrol(),
                To::Rsa => Record::Enrol { certificate: self.rsa, possession: None },
            });
        }
        let certificate = [0xEE; 32];
        records.push(Record::Revoked(super::super::super::plan::Revoked { certificate, reason: "lost".to_owned() }));
        records
    }

    pub(super) fn planned(&mut self, operation: Operation, head: Hash) -> Manifest {
        self.sequence += 3;
        let plan = Plan::parse(&self.plan).unwrap();
        let (ceremony, set) = (self.seed.bytes(), self.seed.bytes());
        let set = self.deal.as_ref().filter(|_| operation != Operation::Deal).map_or(set, |(deal, ..)| deal.set);
        Manifest {
            operation,
            ceremony,
            set,
            generation: 1,
            scheme: self.scheme,
            m: self.m,
            key_type: plan.key.key_type,
            key_length: plan.key.key_length,
            usage: plan.key.usage,
            sequence: self.sequence,
            plan: plan.hash(),
            head,
            partner: match operation {
                Operation::Deal => Some(self.dealer.hash()),
                Operation::Release => Some(self.hsm_hash()),
                _ => None,
            },
            combiner: (operation != Operation::Destroy).then(|| self.combiner.hash()),
            custodians: self.custodians.iter().map(Member::hash).collect(),
        }
    }

    /// A whole transcript.
    pub(super) fn tell(&mut self, operation: Operation) -> Told {
        self.retell(operation, |_, _| {}, |_, _| {})
    }

    /// One with something else before the manifest, or another manifest; what is behind is signed under that.
    pub(super) fn retell(
        &mut self,
        operation: Operation,
        before: impl FnOnce(&mut Self, &mut Vec<Record>),
        other: impl FnOnce(&mut Self, &mut Manifest),
    ) -> Told {
        let mut records = self.before(operation);
        before(self, &mut records);
        let mut told = Told { prev: self.head, mode: CeremonyMode::Blind, records };
        let mut manifest = self.planned(operation, told.chained().1);
        other(self, &mut manifest);
        self.m_hash = hash::manifest(&manifest);
        told.records.push(Record::Manifest(manifest.clone()));
        self.manifest = Some(manifest.clone());
        match operation {
            Operation::Deal => self.tell_deal(&manifest, &mut told.records),
            Operation::Drill => self.tell_drill(&mut told.records),
            Operation::Release => self.tell_release(&mut told.records),
            Operation::Destroy => self.tell_destroy(&mut told.records),
        }
        told.records.push(Record::End { outcome: End::Done });
        self.head = told.chained().1;
        told
    }

    fn all(&self) -> std::ops::RangeInclusive<u8> {
        1..=self.n
    }

    fn approve(&mut self, place: Place) -> Record {
        let counter = self.counters.entry(self.member(place).hash()).or_default();
        *counter += 1;
        let counter = *counter;
        let signature = self.sign(place, Fields::Approval { counter });
        Record::Approval { place, approval: Approval { counter, signature } }
    }

    pub(super) fn offered(&mut self, place: Place) -> (KeyPair, Record) {
        let key = self.seed.pair();
        let record = self.offer_of(place, key.point());
        (key, record)
    }

    pub(super) fn offer_of(&self, place: Place, point: Point) -> Record {
        Record::Offer { place, offer: Offer { point, signature: self.sign(place, Fields::Offer { point }) } }
    }

    fn route(&self, x: u8, sender: Hash, recipient: Hash) -> Route {
        Route { manifest: self.m_hash, x, sender, recipient }
    }

    pub(super) fn contributed(&mut self, x: u8, dealer: &PublicKey, contribution: &Contribution) -> Record {
        let route = self.route(x, self.member(Place::Custodian(x)).hash(), self.dealer.hash());
        let Ok(sealed) = route.contribute(contribution, dealer, |bytes| self.seed.fill(bytes));
        Record::Contribution { x, sealed }
    }

    fn tell_deal(&mut self, manifest: &Manifest, records: &mut Vec<Record>) {
        let (mut contributions, mut offers) = (Vec::new(), Vec::new());
        for x in self.all() {
            let place = Place::Custodian(x);
            records.push(self.approve(place));
            let contribution = Contribution::mix(&self.seed.bytes(), b"dice");
            let commitment = contribution.commit(&self.m_hash, x);
            let signature = self.sign(place, Fields::Committed { commitment });
            records.push(Record::Commitment { x, committed: Committed { commitment, signature } });
            let (key, offer) = self.offered(place);
            records.push(offer);
            offers.push(key);
            contributions.push(contribution);
        }
        records.push(self.approve(Place::Dealer));
        let (dealer, offer) = self.offered(Place::Dealer);
        records.push(offer);
        for (x, contribution) in (1..).zip(&contributions) {
            let record = self.contributed(x, dealer.public(), contribution);
            records.push(record);
        }
        self.split(manifest, &contributions);
        let mut dealt = Vec::new();
        for (x, offer) in (1..).zip(&offers) {
            dealt.push(self.boxed(x, offer.public(), manifest));
            records.push(Record::Box { x, dealt: dealt[usize::from(x) - 1].clone() });
        }
        let statement = self.stated(manifest, &dealt);
        records.push(self.statement());
        records.push(self.approve(Place::Combiner));
        let (combiner, offer) = self.offered(Place::Combiner);
        records.push(offer);
        for x in self.all() {
            records.push(self.receipt(x, Held::Yes, statement));
            records.push(self.released(x, combiner.public()));
        }
        records.push(self.verdict(Mask::all(self.n)));
        records.push(self.forget(Outcome::Confirmed, statement));
    }

    fn split(&mut self, manifest: &Manifest, contributions: &[Contribution]) {
        let mut chain = secret::Chain::start(&self.m_hash, &self.seed.bytes());
        contributions.iter().for_each(|contribution| chain = chain.then(contribution));
        let secret = chain.secret(manifest.key_length).unwrap();
        let quorum = Quorum::new(self.scheme, self.m, self.n).unwrap();
        let Ok(shares) = split(&secret, quorum, |bytes| self.seed.fill(bytes));
        self.shares = shares.into_iter().map(|share| (share, self.seed.bytes())).collect();
        self.secret = Some(secret);
    }

    pub(super) fn boxed(&mut self, x: u8, offer: &PublicKey, manifest: &Manifest) -> Dealt {
        let route = self.route(x, self.dealer.hash(), self.member(Place::Custodian(x)).hash());
        let (share, salt) = &self.shares[usize::from(x) - 1];
        let Ok(sealed) = route.deal(share, salt, offer, |bytes| self.seed.fill(bytes));
        let binding = Binding { set: manifest.set, generation: 1 };
        Dealt { sealed, commitment: binding.commit(share, salt) }
    }

    /// The statement hash.
    fn stated(&mut self, manifest: &Manifest, dealt: &[Dealt]) -> Hash {
        let boxes: Vec<_> = dealt.iter().map(|dealt| hash::sealed(&dealt.sealed)).collect();
        let kcv = self.secret.as_ref().unwrap().kcv(manifest.key_type.into()).unwrap();
        let shares = dealt.iter().map(|dealt| dealt.commitment).collect();
        let (dealer, boxes) = (self.dealer.hash(), hash::boxes(&boxes));
        let statement = Statement { manifest: self.m_hash, dealer, kcv, shares, boxes };
        let signature = self.dealer.key.sign(&statement.to_bytes());
        let hash = hash::statement(&statement);
        self.deal = Some((manifest.clone(), statement, signature));
        hash
    }

    pub(super) fn statement(&self) -> Record {
        let (manifest, statement, signature) = self.deal.clone().unwrap();
        Record::Statement { manifest, statement, signature }
    }

    pub(super) fn statement_hash(&self) -> Hash {
        hash::statement(&self.deal.as_ref().unwrap().1)
    }

    pub(super) fn receipt(&self, x: u8, status: Held, statement: Hash) -> Record {
        let share = if status == Held::No { 0 } else { x };
        self.receipt_of(x, share, status, statement)
    }

    pub(super) fn receipt_of(&self, x: u8, share: u8, status: Held, statement: Hash) -> Record {
        let Manifest { set, generation, .. } = *self.manifest.as_ref().unwrap();
        let said = Receipt { set, generation, x: share, status, statement };
        let signature = self.sign(Place::Custodian(x), Fields::Receipt(said));
        Record::Receipt { x, receipt: SignedReceipt { x: share, status, statement, signature } }
    }

    pub(super) fn released(&mut self, x: u8, combiner: &PublicKey) -> Record {
        let route = self.route(x, self.member(Place::Custodian(x)).hash(), self.combiner.hash());
        let (share, salt) = &self.shares[usize::from(x) - 1];
        let Ok(sealed) = route.release(share, salt, combiner, |bytes| self.seed.fill(bytes));
        let fields = Fields::Release { x, statement: self.statement_hash(), sealed: hash::sealed(&sealed) };
        Record::Release { x, released: Released { sealed, signature: self.sign(Place::Custodian(x), fields) } }
    }

    pub(super) fn verdict(&self, of: Mask) -> Record {
        let subsets = Subsets::new(self.m, self.n).unwrap();
        let mut bitmap =
            combine::Verdict { bitmap: subsets.full(), signature: self.dealer.certificate.signature }.bitmap;
        bitmap.0 = [0; 32];
        let within = subsets.iter().filter(|subset| subset.0 & !of.0 == 0);
        within.for_each(|subset| bitmap.insert(subsets.number(subset).unwrap()));
        self.verdict_of(bitmap.0)
    }

    pub(super) fn verdict_of(&self, bitmap: [u8; 32]) -> Record {
        let bitmap = cardwright_proto::custody::subset::Bitmap(bitmap);
        let fields = Fields::Verdict { statement: self.statement_hash(), bitmap };
        Record::Verdict(combine::Verdict { bitmap, signature: self.sign(Place::Combiner, fields) })
    }

    pub(super) fn forget(&self, outcome: Outcome, statement: Hash) -> Record {
        let signature = self.sign(Place::Dealer, Fields::Forget { statement, outcome });
        Record::Forget { outcome, statement, signature }
    }

    fn gather(&mut self, of: &[u8], records: &mut Vec<Record>) {
        records.push(self.approve(Place::Combiner));
        let (combiner, offer) = self.offered(Place::Combiner);
        records.extend([offer, self.statement()]);
        for &x in of {
            records.push(self.approve(Place::Custodian(x)));
            records.push(self.released(x, combiner.public()));
        }
    }

    fn tell_drill(&mut self, records: &mut Vec<Record>) {
        let all: Vec<_> = self.all().collect();
        self.gather(&all, records);
        records.push(self.receipt(1, Held::Yes, self.statement_hash()));
        records.push(self.verdict(Mask::all(self.n)));
    }

    fn tell_release(&mut self, records: &mut Vec<Record>) {
        let some: Vec<_> = (self.n - self.m + 1..=self.n).collect();
        if self.m < self.n {
            records.push(Record::Refused { x: 1, word: cardwright_proto::status::StatusWord::REFERENCE_NOT_FOUND });
        }
        self.gather(&some, records);
        records.push(self.exported());
        records.push(Record::Imported { kcv: self.deal.as_ref().unwrap().1.kcv });
    }

    fn exported(&mut self) -> Record {
        let secret = self.secret.as_ref().unwrap();
        let result = match self.to {
            To::P256 => {
                let route =
                    Route { manifest: self.m_hash, x: 0, sender: self.combiner.hash(), recipient: self.hsm.hash() };
                let Ok(sealed) = route.export(secret, self.hsm.key.public(), |bytes| self.seed.fill(bytes));
                sealed.to_bytes()
            }
            To::Rsa => {
                let algorithm = self.rsa.body.key.algorithm();
                let ImportKey::Rsa(modulus) = ImportKey::new(algorithm, &MODULUS).unwrap() else { unreachable!() };
                let Ok(result) = modulus.oaep(secret, |bytes| self.seed.fill(bytes));
                result
            }
        };
        self.export_of(result)
    }

    pub(super) fn export_of(&self, result: Vec<u8>) -> Record {
        let (statement, kcv) = (self.statement_hash(), self.deal.as_ref().unwrap().1.kcv);
        let said = Export { statement, kcv, hsm: self.hsm_hash(), result: sha256(&[&result]) };
        let signature = self.sign(Place::Combiner, Fields::Export(said));
        Record::Export { result, signature }
    }

    fn tell_destroy(&mut self, records: &mut Vec<Record>) {
        for x in self.all() {
            records.push(self.approve(Place::Custodian(x)));
            // The last one had lost it before.
            let (status, statement) =
                if x == self.n { (Held::No, [0; 32]) } else { (Held::Destroyed, self.statement_hash()) };
            records.push(self.receipt(x, status, statement));
        }
    }

    /// What a witness has.
    pub(super) fn given(&self) -> Given<'static> {
        Given { ca: Some(Fingerprint::of(&self.ca.key.point())), ..Given::default() }
    }
}
