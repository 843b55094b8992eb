//! A ceremony between custodian cards, step by step, with a host that only relays (`docs/protocol/custody-commands.md`).
//!
//! The cards may be of any kind: whatever a [`Transport`] leads to. What has been relayed is kept for tests that change it.

mod card;
pub mod rsa;
mod steps;

pub use card::{Card, FIRST_PIN, Sent};

use cardwright_keys::custody::hash;
use cardwright_link::Transport;
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles};
use cardwright_proto::custody::deal::Dealt;
use cardwright_proto::custody::enrol::{GenerateIdentity, GetIdentity, PutCaKey, PutCertificate, SignCertificate};
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::Statement;
use cardwright_proto::custody::receive::{Committed, Released, SignedReceipt};
use cardwright_proto::custody::sealed::SealedBox;
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::custody::{Hash, Point};
use std::collections::BTreeMap;

/// What is dealt, and to how many.
#[derive(Clone, Copy, Debug)]
pub struct Deal {
    /// Shamir, or XOR with m = n.
    pub scheme: Scheme,
    /// How many shares make the secret.
    pub m: u8,
    /// What the secret is for.
    pub key_type: KeyType,
    /// Its bytes.
    pub key_length: u8,
}

impl Deal {
    /// An AES key of 32 bytes by Shamir's scheme.
    #[must_use]
    pub const fn aes256(m: u8) -> Self {
        Self { scheme: Scheme::Shamir, m, key_type: KeyType::Aes, key_length: 32 }
    }
}

/// The cards, and what the host has seen.
#[derive(Debug)]
pub struct Ceremony<T> {
    /// Certifies the others.
    pub ca: Card<T>,
    /// The dealer.
    pub dealer: Card<T>,
    /// The combiner.
    pub combiner: Card<T>,
    /// x = 1 first.
    pub custodians: Vec<Card<T>>,
    /// The HSM's certificate, where there is an HSM.
    pub hsm: Option<Certificate>,
    /// The manifest that is carried out.
    pub manifest: Manifest,
    /// What came of the last manifest.
    pub seen: Seen,
    /// The statement of the last deal, and the dealer's signature.
    pub statement: Option<(Statement, Signature)>,
}

/// What the host relays under one manifest.
#[derive(Debug, Default)]
pub struct Seen {
    /// By place.
    pub approvals: BTreeMap<Place, Approval>,
    /// By x.
    pub commitments: BTreeMap<u8, Committed>,
    /// By place.
    pub offers: BTreeMap<Place, Offer>,
    /// By x.
    pub contributions: BTreeMap<u8, SealedBox>,
    /// By x.
    pub dealt: BTreeMap<u8, Dealt>,
    /// By x.
    pub receipts: BTreeMap<u8, SignedReceipt>,
    /// By x.
    pub released: BTreeMap<u8, Released>,
}

impl<T: Transport> Ceremony<T> {
    /// Cards with a PIN, an identity and a certificate. `new` makes the lines to `n` + 3 new cards: CA, dealer, combiner,
    /// custodians.
    pub fn enrolled(n: u8, mut new: impl FnMut(u8) -> T) -> Self {
        let mut ca = Card::new(new(0));
        ca.first_pin();
        identify(&mut ca, None, Roles::CA);
        let mut member = |at, roles| {
            let mut card = Card::new(new(at));
            card.first_pin();
            identify(&mut card, Some(&mut ca), roles);
            card
        };
        let (dealer, combiner) = (member(1, Roles::DEALER), member(2, Roles::COMBINER));
        let custodians: Vec<_> = (0..n).map(|x| member(3 + x, Roles::CUSTODIAN)).collect();
        let mut ceremony = Self {
            ca,
            dealer,
            combiner,
            custodians,
            hsm: None,
            manifest: empty(),
            seen: Seen::default(),
            statement: None,
        };
        ceremony.manifest.custodians = ceremony.custodians.iter().map(Card::certificate_hash).collect();
        ceremony
    }

    /// How many custodians there are.
    #[must_use]
    pub fn n(&self) -> u8 {
        self.manifest.n()
    }

    /// The card at a place.
    ///
    /// # Panics
    /// For an HSM.
    #[must_use]
    pub fn card(&mut self, place: Place) -> &mut Card<T> {
        match place {
            Place::Custodian(x) => &mut self.custodians[usize::from(x) - 1],
            Place::Combiner => &mut self.combiner,
            Place::Dealer => &mut self.dealer,
            Place::Hsm => panic!("an HSM is no card"),
        }
    }

    /// The certificate of a place.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn certificate(&mut self, place: Place) -> Certificate {
        match place {
            Place::Hsm => self.hsm.expect("an HSM"),
            _ => self.card(place).certificate.expect("enrolled"),
        }
    }

    /// The CA certifies an HSM's key.
    pub fn certify_hsm(&mut self, key: CertifiedKey) {
        let body = CertificateBody { identity: *b"\0\0\0\0\0HSM", roles: Roles::HSM, applet: [0; 32], key };
        self.ca.insert();
        self.ca.verify();
        let signature = self.ca.ok(&SignCertificate { body: &body, possession: None });
        self.hsm = Some(Certificate { body, signature });
    }

    /// Another manifest over the same custodians: what it says of partner and combiner follows from the operation. A deal
    /// makes a new set.
    ///
    /// # Panics
    /// Where it is not well-formed.
    pub fn plan(&mut self, operation: Operation, deal: Option<Deal>) {
        let before = hash::manifest(&self.manifest);
        if let Some(Deal { scheme, m, key_type, key_length }) = deal {
            let manifest = &mut self.manifest;
            (manifest.scheme, manifest.m, manifest.key_type, manifest.key_length) = (scheme, m, key_type, key_length);
            manifest.set.copy_from_slice(&before[..16]);
        }
        let partner = match operation {
            Operation::Deal => Some(self.dealer.certificate_hash()),
            Operation::Release => self.hsm.map(|hsm| hash::certificate(&hsm.body)),
            Operation::Drill | Operation::Destroy => None,
        };
        let combiner = (operation != Operation::Destroy).then(|| self.combiner.certificate_hash());
        let manifest = &mut self.manifest;
        (manifest.operation, manifest.partner, manifest.combiner) = (operation, partner, combiner);
        manifest.sequence += 1;
        manifest.ceremony.copy_from_slice(&before[16..]);
        manifest.head = before;
        manifest.check().expect("well-formed");
        self.seen = Seen::default();
    }

    /// M.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash::manifest(&self.manifest)
    }
}

/// The manifest before the first one.
const fn empty() -> Manifest {
    Manifest {
        operation: Operation::Deal,
        ceremony: [0xCE; 16],
        set: [0x5E; 16],
        generation: 1,
        scheme: Scheme::Shamir,
        m: 2,
        key_type: KeyType::Aes,
        key_length: 16,
        usage: 0x0C,
        sequence: 0,
        plan: [0x91; 32],
        head: [0; 32],
        partner: None,
        combiner: None,
        custodians: Vec::new(),
    }
}

/// A key, the CA's, and a certificate; by itself where there is no CA to ask.
fn identify<T: Transport>(card: &mut Card<T>, ca: Option<&mut Card<T>>, roles: Roles) {
    card.verify();
    card.ok(&GenerateIdentity);
    let identity = card.ok(&GetIdentity);
    let point: Point = ca.as_ref().map_or(identity.point, |ca| ca.point());
    card.verify();
    card.ok(&PutCaKey { point: &point });
    let key = CertifiedKey::P256(identity.point);
    let body = CertificateBody { identity: card.state().card.identity, roles, applet: [0xA9; 32], key };
    let request = SignCertificate { body: &body, possession: Some(&identity.possession) };
    let signature = match ca {
        Some(ca) => {
            ca.insert();
            ca.verify();
            ca.ok(&request)
        }
        None => {
            card.verify();
            card.ok(&request)
        }
    };
    let certificate = Certificate { body, signature };
    card.insert();
    card.ok(&PutCertificate { certificate: &certificate });
    card.certificate = Some(certificate);
}
