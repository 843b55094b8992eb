//! One of the two ceremonies: its cards, what they said, and that it is good.

use super::compare::{Part, state};
use super::order::{Order, hsm};
use cardwright_keys::custody::hash;
use cardwright_keys::custody::sealing::Route;
use cardwright_keys::custody::signing::{KeyPair, verify, verify_certificate};
use cardwright_keys::key::{Algorithm, SecretKey};
use cardwright_link::Transport;
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles, possession};
use cardwright_proto::custody::combine::Verdict;
use cardwright_proto::custody::deal::Dealt;
use cardwright_proto::custody::enrol::Identity;
use cardwright_proto::custody::manifest::{Manifest, Place};
use cardwright_proto::custody::message::{Export, Fields, Held, Message, Outcome, Receipt, Statement};
use cardwright_proto::custody::receive::{Committed, Released, SignedReceipt};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::share::KeyType;
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Bitmap;
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;
use cardwright_tests::custody::{Card, Ceremony, rsa};
use std::collections::BTreeMap;

pub(super) type Line = Box<dyn Transport>;

/// Where a card sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seat {
    Ca,
    At(Place),
}

impl Seat {
    const fn roles(self) -> Roles {
        match self {
            Self::Ca => Roles::CA,
            Self::At(place) => place.role(),
        }
    }
}

/// The HSM's key, where it is of P-256.
pub(super) fn hsm_pair() -> KeyPair {
    KeyPair::new(&[0x7A; 32]).unwrap()
}

/// A ceremony.
pub(super) struct Side {
    pub(super) ceremony: Ceremony<Line>,
    /// The cards' 8 bytes.
    names: BTreeMap<Seat, [u8; 8]>,
    pub(super) identities: BTreeMap<Seat, Identity>,
    /// All that the CA signed.
    certificates: Vec<Certificate>,
    /// What each card has in hand.
    hands: BTreeMap<Seat, Manifest>,
    /// Hash of the statement that a card took, the dealer's own too.
    statements: BTreeMap<Seat, Hash>,
    /// Hash of the statement of a custodian's share.
    shares: BTreeMap<Seat, Hash>,
    pub(super) verdict: Option<Verdict>,
    /// The combiner's manifest in hand has been carried out.
    exported: bool,
    /// Of the result, by number.
    blocks: BTreeMap<u8, Vec<u8>>,
}

impl Side {
    pub(super) fn new(ceremony: Ceremony<Line>) -> Self {
        Self {
            ceremony,
            names: BTreeMap::new(),
            identities: BTreeMap::new(),
            certificates: Vec::new(),
            hands: BTreeMap::new(),
            statements: BTreeMap::new(),
            shares: BTreeMap::new(),
            verdict: None,
            exported: false,
            blocks: BTreeMap::new(),
        }
    }

    /// Everything is as new but the cards.
    pub(super) fn forget(&mut self) {
        let seats: Vec<_> = self.identities.keys().copied().collect();
        seats.into_iter().for_each(|seat| self.wiped(seat));
        self.certificates.clear();
        (self.ceremony.hsm, self.ceremony.statement, self.verdict) = (None, None, None);
        self.ceremony.seen = Default::default();
    }

    fn wiped(&mut self, seat: Seat) {
        self.identities.remove(&seat);
        self.hands.remove(&seat);
        self.statements.remove(&seat);
        self.shares.remove(&seat);
    }

    pub(super) fn card(&mut self, seat: Seat) -> &mut Card<Line> {
        match seat {
            Seat::Ca => &mut self.ceremony.ca,
            Seat::At(place) => self.ceremony.card(place),
        }
    }

    /// The highest sequence that a card has seen.
    pub(super) fn sequence(&self) -> u32 {
        self.hands.values().map(|hand| hand.sequence).max().unwrap_or_default()
    }

    /// What the CA is to sign of a card.
    pub(super) fn body(&self, seat: Seat) -> Option<CertificateBody> {
        let key = CertifiedKey::P256(self.identities.get(&seat)?.point);
        Some(CertificateBody { identity: *self.names.get(&seat)?, roles: seat.roles(), applet: [0xA9; 32], key })
    }

    /// What the CA signed of a card.
    pub(super) fn certified(&self, seat: Seat) -> Option<Certificate> {
        self.with_key(CertifiedKey::P256(self.identities.get(&seat)?.point))
    }

    fn with_key(&self, key: CertifiedKey) -> Option<Certificate> {
        self.certificates.iter().rfind(|certificate| certificate.body.key == key).copied()
    }

    /// The certificate of a place.
    pub(super) fn certificate(&self, place: Place) -> Option<Certificate> {
        if place == Place::Hsm { self.ceremony.hsm } else { self.certified(Seat::At(place)) }
    }

    /// Whether a custodian stored one.
    pub(super) fn has_share(&self, seat: Seat) -> bool {
        self.shares.contains_key(&seat)
    }

    /// Whether the combiner has one to read.
    pub(super) const fn has_result(&self) -> bool {
        self.exported
    }

    /// From now on the HSM has a key of this kind.
    pub(super) fn choose_hsm(&mut self, p256: bool) {
        self.ceremony.hsm = self.with_key(hsm(p256).key);
    }

    /// Whether a card's signature of a message is good.
    fn signed(&self, seat: Seat, fields: Fields, der: &[u8]) -> Signature {
        let (signer, key) = self.signer(seat);
        let message = Message { manifest: hash::manifest(&self.hands[&seat]), signer, fields };
        verify(&key, &message.to_bytes(), der).unwrap_or_else(|_| panic!("{seat:?} did not sign {fields:?}"));
        Signature::parse(der).unwrap()
    }

    fn signer(&self, seat: Seat) -> (Hash, Point) {
        let certificate = self.certified(seat).expect("certified");
        (hash::certificate(&certificate.body), self.identities[&seat].point)
    }
}

/// What cards answer.
impl Side {
    /// Notes an answer to a command that was accepted, checks what is signed in it, and takes it apart. That a box opens is
    /// for its recipient to say.
    pub(super) fn took(&mut self, seat: Seat, order: &Order, answer: &[u8]) -> Vec<Part> {
        let [_, ins, p1, p2] = order.header;
        match (ins, p1) {
            (0x36, _) => {
                if p1 == 0 {
                    let at = answer.windows(2).position(|tag| tag == [0x82, 8]).expect("an identity") + 2;
                    self.names.insert(seat, answer[at..at + 8].try_into().unwrap());
                }
                state(p1, answer)
            }
            (0x3A, 0) => {
                let (point, signature) = answer.split_first_chunk().unwrap();
                verify(point, &possession(&self.names[&seat], point), signature).expect("possession");
                let possession = Signature::parse(signature).unwrap();
                self.identities.insert(seat, Identity { point: *point, possession });
                vec![random(point)]
            }
            (0x3A, _) => {
                let certificate = Certificate::parse(answer).unwrap();
                verify_certificate(&self.identities[&Seat::Ca].point, &certificate).expect("the CA's");
                vec![random(&hash::certificate(&certificate.body))]
            }
            (0x3E, _) => {
                let (body, _) = CertificateBody::split(&[&order.data[..], answer].concat()).unwrap();
                let certificate = Certificate { body, signature: Signature::parse(answer).unwrap() };
                verify_certificate(&self.identities[&Seat::Ca].point, &certificate).expect("the CA's");
                self.certificates.push(certificate);
                vec![]
            }
            (0x34, 0) => {
                self.shares.remove(&seat);
                vec![same(answer)]
            }
            (0x34, 1) => {
                self.wiped(seat);
                vec![same(answer)]
            }
            (0x34, 2) | (0x5A | 0xAE, _) => self.receipt(seat, answer, ins == 0x5A),
            (0x42, _) => {
                let manifest = Manifest::parse(&order.data).unwrap();
                let new = self.hands.insert(seat, manifest.clone()) != Some(manifest);
                if new {
                    self.statements.remove(&seat);
                    self.exported &= seat != Seat::At(Place::Combiner);
                }
                let (counter, signature) = answer.split_first_chunk().unwrap();
                let count = u32::from_be_bytes(*counter);
                let signature = self.signed(seat, Fields::Approval { counter: count }, signature);
                self.ceremony.seen.approvals.insert(place(seat), Approval { counter: count, signature });
                vec![same(counter)]
            }
            (0x44 | 0x46 | 0x48 | 0xA0, _) => self.custodian(seat, ins, answer),
            (0x54 | 0x56 | 0x5E, _) => self.dealer(seat, [ins, p1], answer),
            (0x58, _) => {
                let len = Statement::len_of(self.hands[&seat].n());
                self.statements.insert(seat, hash::sha256(&[&order.data[..len]]));
                vec![same(answer)]
            }
            (0xA8 | 0xAA | 0xAC, _) => self.combiner(seat, [ins, p1, p2], answer),
            _ => vec![same(answer)],
        }
    }

    fn receipt(&mut self, seat: Seat, answer: &[u8], stored: bool) -> Vec<Part> {
        let (fields, signature) = answer.split_first_chunk::<34>().unwrap();
        let statement: Hash = fields[2..].try_into().unwrap();
        let (x, status) = (fields[0], Held::from_byte(fields[1]).expect("a status"));
        let Manifest { set, generation, .. } = self.hands[&seat];
        let said = Fields::Receipt(Receipt { set, generation, x, status, statement });
        let signature = self.signed(seat, said, signature);
        if stored {
            self.shares.insert(seat, statement);
            self.ceremony.seen.receipts.insert(x, SignedReceipt { x, status, statement, signature });
        }
        vec![same(&fields[..2]), random(&statement)]
    }

    /// COMMIT CONTRIBUTION, MAKE OFFER, REVEAL CONTRIBUTION, RELEASE SHARE.
    fn custodian(&mut self, seat: Seat, ins: u8, answer: &[u8]) -> Vec<Part> {
        let place = place(seat);
        match (ins, place) {
            (0x44, Place::Custodian(x)) => {
                let (commitment, signature) = answer.split_first_chunk().unwrap();
                let signature = self.signed(seat, Fields::Committed { commitment: *commitment }, signature);
                self.ceremony.seen.commitments.insert(x, Committed { commitment: *commitment, signature });
                vec![random(commitment)]
            }
            (0x46, _) => {
                let (point, signature) = answer.split_first_chunk().unwrap();
                let signature = self.signed(seat, Fields::Offer { point: *point }, signature);
                self.ceremony.seen.offers.insert(place, Offer { point: *point, signature });
                vec![random(point)]
            }
            (0x48, Place::Custodian(x)) => {
                let sealed = SealedBox::parse(BoxKind::Contribution, answer).unwrap();
                self.ceremony.seen.contributions.insert(x, sealed);
                vec![random(answer)]
            }
            (_, Place::Custodian(x)) => {
                let (sealed, signature) = answer.split_at(BoxKind::Release.box_len());
                let parsed = SealedBox::parse(BoxKind::Release, sealed).unwrap();
                let fields = Fields::Release { x, statement: self.shares[&seat], sealed: hash::sealed(&parsed) };
                let signature = self.signed(seat, fields, signature);
                self.ceremony.seen.released.insert(x, Released { sealed: parsed, signature });
                vec![random(sealed)]
            }
            other => panic!("{other:?} is no custodian's"),
        }
    }

    /// DEAL BOX, STATE DEAL, FORGET.
    fn dealer(&mut self, seat: Seat, [ins, p1]: [u8; 2], answer: &[u8]) -> Vec<Part> {
        match ins {
            0x54 => {
                let (sealed, commitment) = answer.split_at(BoxKind::Share.box_len());
                let parsed = SealedBox::parse(BoxKind::Share, sealed).unwrap();
                let commitment: Hash = commitment.try_into().unwrap();
                self.ceremony.seen.dealt.insert(p1, Dealt { sealed: parsed, commitment });
                vec![random(sealed), random(&commitment)]
            }
            0x56 => {
                let (kcv, der) = answer.split_first_chunk().unwrap();
                let dealt = self.ceremony.seen.dealt.values();
                let boxes: Vec<_> = dealt.clone().map(|dealt| hash::sealed(&dealt.sealed)).collect();
                let (dealer, key) = self.signer(seat);
                let statement = Statement {
                    manifest: hash::manifest(&self.hands[&seat]),
                    dealer,
                    kcv: Kcv(*kcv),
                    shares: dealt.map(|dealt| dealt.commitment).collect(),
                    boxes: hash::boxes(&boxes),
                };
                verify(&key, &statement.to_bytes(), der).expect("the dealer's statement");
                self.statements.insert(seat, hash::statement(&statement));
                self.ceremony.statement = Some((statement, Signature::parse(der).unwrap()));
                vec![random(kcv)]
            }
            _ => {
                let outcome = if p1 == 0 { Outcome::Confirmed } else { Outcome::Abandoned };
                let statement = self.statements.get(&seat).copied().unwrap_or_default();
                self.signed(seat, Fields::Forget { statement, outcome }, answer);
                vec![]
            }
        }
    }

    /// VERDICT, EXPORT, READ RESULT.
    fn combiner(&mut self, seat: Seat, [ins, p1, p2]: [u8; 3], answer: &[u8]) -> Vec<Part> {
        match (ins, p1) {
            (0xA8, _) => {
                let (bitmap, signature) = answer.split_first_chunk().unwrap();
                let fields = Fields::Verdict { statement: self.statements[&seat], bitmap: Bitmap(*bitmap) };
                let signature = self.signed(seat, fields, signature);
                self.verdict = Some(Verdict { bitmap: Bitmap(*bitmap), signature });
                vec![same(bitmap)]
            }
            (0xAA, _) => {
                (self.exported, self.blocks) = (true, BTreeMap::new());
                vec![same(answer)]
            }
            (_, 0) => {
                self.blocks.insert(p2, answer.to_vec());
                vec![random(answer)]
            }
            _ => {
                let (statement, hsm) = (self.statements[&seat], self.ceremony.hsm.expect("an HSM"));
                let read = self.result();
                if read.len() == cardwright_proto::custody::combine::result_len(hsm.body.key.algorithm()) {
                    let kcv = self.ceremony.statement.as_ref().expect("stated").0.kcv;
                    let (result, hsm) = (hash::sha256(&[&read]), hash::certificate(&hsm.body));
                    self.signed(seat, Fields::Export(Export { statement, kcv, hsm, result }), answer);
                }
                vec![]
            }
        }
    }

    /// What was read of it.
    fn result(&self) -> Vec<u8> {
        self.blocks.values().flatten().copied().collect()
    }

    /// The result opens to the key that was dealt.
    pub(super) fn opens(&self) -> bool {
        let result = self.result();
        let seat = Seat::At(Place::Combiner);
        let manifest = &self.hands[&seat];
        let secret = if result.len() == 256 {
            SecretKey::new(&rsa::decrypt(&result)).unwrap()
        } else {
            let recipient = hash::certificate(&self.ceremony.hsm.expect("an HSM").body);
            let route = Route { manifest: hash::manifest(manifest), x: 0, sender: self.signer(seat).0, recipient };
            let sealed = SealedBox::parse(BoxKind::Export, &result).unwrap();
            route.open_secret(&sealed, &hsm_pair(), manifest.key_length).unwrap()
        };
        let algorithm = if manifest.key_type == KeyType::Aes { Algorithm::Aes } else { Algorithm::TripleDes };
        secret.kcv(algorithm).unwrap() == self.ceremony.statement.as_ref().expect("stated").0.kcv
    }
}

fn place(seat: Seat) -> Place {
    match seat {
        Seat::At(place) => place,
        Seat::Ca => panic!("a CA has no place"),
    }
}

fn same(bytes: &[u8]) -> Part {
    Part::Same(bytes.to_vec())
}

fn random(bytes: &[u8]) -> Part {
    Part::Random(bytes.to_vec())
}
