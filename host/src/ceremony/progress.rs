//! How far an operation is: what its transcript says, and nothing else.

use cardwright_keys::ceremony::transcript::{End, Record, Transcript};
use cardwright_keys::custody::hash;
use cardwright_proto::custody::certificate::{Certificate, Roles};
use cardwright_proto::custody::combine::Verdict;
use cardwright_proto::custody::deal::Dealt;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome, Statement};
use cardwright_proto::custody::receive::{Committed, Released, SignedReceipt};
use cardwright_proto::custody::sealed::SealedBox;
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::{Bitmap, Mask, Subsets};
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::status::StatusWord;
use std::collections::BTreeMap;

/// A certificate on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The certificate.
    pub certificate: Certificate,
    /// Its hash.
    pub hash: Hash,
    /// That the card has the key; none of an HSM.
    pub possession: Option<Signature>,
}

/// A manifest on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The manifest.
    pub manifest: Manifest,
    /// M.
    pub hash: Hash,
}

/// A deal's statement on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The deal's manifest.
    pub manifest: Manifest,
    /// The statement.
    pub statement: Statement,
    /// Its hash.
    pub hash: Hash,
    /// The dealer's signature.
    pub signature: Signature,
}

/// What one transcript says, line after line. Of what stands twice the last counts.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The operation, and whether its CA is a test CA.
    pub start: Option<(Operation, bool)>,
    /// The CA's point.
    pub ca: Option<Point>,
    /// In the order of their lines: the CA's card where there is one, dealer, combiner, custodians, HSM.
    pub enrolled: Vec<Enrolled>,
    /// How many certificates are named as revoked.
    pub revoked: usize,
    /// What the cards sign.
    pub manifest: Option<Named>,
    /// By place.
    pub approvals: BTreeMap<Place, Approval>,
    /// By x.
    pub commitments: BTreeMap<u8, Committed>,
    /// By place.
    pub offers: BTreeMap<Place, Offer>,
    /// By x.
    pub contributions: BTreeMap<u8, SealedBox>,
    /// By x.
    pub boxes: BTreeMap<u8, Dealt>,
    /// Of the deal that made the shares.
    pub statement: Option<Stated>,
    /// By x.
    pub receipts: BTreeMap<u8, SignedReceipt>,
    /// By x.
    pub releases: BTreeMap<u8, Released>,
    /// Who refused a release, by x.
    pub refused: BTreeMap<u8, StatusWord>,
    /// Which subsets gave the key.
    pub verdict: Option<Verdict>,
    /// How the dealer ended the deal.
    pub forget: Option<Outcome>,
    /// What was made for the HSM.
    pub export: Option<Vec<u8>>,
    /// What whoever took the key says of it.
    pub imported: Option<Kcv>,
    /// Where a share was made or read in host mode, by x.
    pub shared: BTreeMap<u8, String>,
    /// What people had to say.
    pub notes: Vec<String>,
    /// How it ended.
    pub end: Option<End>,
}

impl Progress {
    /// What a transcript says.
    #[must_use]
    pub fn of(transcript: &Transcript) -> Self {
        let mut progress = Self::default();
        transcript.lines.iter().for_each(|line| progress.apply(&line.record));
        progress
    }

    /// Takes in one more line.
    pub fn apply(&mut self, record: &Record) {
        match record.clone() {
            Record::Start { test_ca, operation, .. } => self.start = Some((operation, test_ca)),
            Record::Ca { key } => self.ca = Some(key),
            Record::Enrol { certificate, possession } => {
                let hash = hash::certificate(&certificate.body);
                self.enrolled.push(Enrolled { certificate, hash, possession });
            }
            Record::Revoked(_) => self.revoked += 1,
            Record::Manifest(manifest) => {
                let hash = hash::manifest(&manifest);
                self.manifest = Some(Named { manifest, hash });
            }
            Record::Approval { place, approval } => {
                self.approvals.insert(place, approval);
            }
            Record::Commitment { x, committed } => {
                self.commitments.insert(x, committed);
            }
            Record::Offer { place, offer } => {
                self.offers.insert(place, offer);
            }
            Record::Contribution { x, sealed } => {
                self.contributions.insert(x, sealed);
            }
            Record::Box { x, dealt } => {
                self.boxes.insert(x, dealt);
            }
            Record::Statement { manifest, statement, signature } => {
                let hash = hash::statement(&statement);
                self.statement = Some(Stated { manifest, statement, hash, signature });
            }
            Record::Receipt { x, receipt } => {
                self.receipts.insert(x, receipt);
            }
            Record::Release { x, released } => {
                self.refused.remove(&x);
                self.releases.insert(x, released);
            }
            Record::Refused { x, word } => {
                self.refused.insert(x, word);
            }
            Record::Verdict(verdict) => self.verdict = Some(verdict),
            Record::Forget { outcome, .. } => self.forget = Some(outcome),
            Record::Export { result, .. } => self.export = Some(result),
            Record::Imported { kcv } => self.imported = Some(kcv),
            Record::Note { text } => self.notes.push(text),
            Record::End { outcome } => self.end = Some(outcome),
            Record::Shared { x, place, .. } => {
                self.shared.insert(x, place);
            }
        }
    }

    /// The operation, from the first line on.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.start.map(|(operation, _)| operation)
    }

    /// Whether the CA is a test CA.
    #[must_use]
    pub fn test_ca(&self) -> bool {
        self.start.is_some_and(|(_, test_ca)| test_ca)
    }

    /// The certificate of a place, by the order of their lines.
    #[must_use]
    pub fn certificate(&self, place: Place) -> Option<&Enrolled> {
        let cards = self.enrolled.iter().filter(|enrolled| {
            let roles = enrolled.certificate.body.roles;
            roles != Roles::CA && roles != Roles::HSM
        });
        match place {
            Place::Dealer => cards.clone().next(),
            Place::Combiner => cards.clone().nth(1),
            Place::Custodian(x) => cards.clone().nth(usize::from(x) + 1),
            Place::Hsm => self.enrolled.iter().find(|enrolled| enrolled.certificate.body.roles == Roles::HSM),
        }
    }

    /// The CA card's own certificate.
    #[must_use]
    pub fn ca_certificate(&self) -> Option<&Enrolled> {
        self.enrolled.iter().find(|enrolled| enrolled.certificate.body.roles == Roles::CA)
    }

    /// Whether this custodian's share is known to be there.
    #[must_use]
    pub fn holds(&self, x: u8) -> bool {
        self.receipts.get(&x).is_some_and(|receipt| receipt.status == Held::Yes)
    }

    /// Whether this custodian's card has refused, and said in a receipt that it has no such share.
    #[must_use]
    pub fn is_without(&self, x: u8) -> bool {
        self.refused.contains_key(&x) && self.receipts.get(&x).is_some_and(|receipt| receipt.status != Held::Yes)
    }

    /// The subsets of those who released their shares: what a drill has to try.
    #[must_use]
    pub fn subsets(&self) -> Vec<(u8, Mask)> {
        let Some(Named { manifest, .. }) = &self.manifest else { return Vec::new() };
        let Ok(subsets) = Subsets::new(manifest.m, manifest.n()) else { return Vec::new() };
        let released: Mask = self.releases.keys().map(|x| Place::Custodian(*x)).collect();
        (0..).zip(subsets.iter()).filter(|(_, mask)| mask.0 & !released.0 == 0).collect()
    }

    /// Whether a bitmap has all of them.
    #[must_use]
    pub fn is_drilled(&self, bitmap: &Bitmap) -> bool {
        let subsets = self.subsets();
        !subsets.is_empty() && subsets.iter().all(|(number, _)| bitmap.has(*number))
    }
}
