//! The transcript as it is written: each answer is checked, made durable, and counted, in this order.
//!
//! What a card signed is checked while the card is in the reader, so that it can be named; a transcript never gets a line
//! that a verifier refuses.

use super::directory::{Log, named};
use super::error::CeremonyError;
use super::progress::{Named, Progress, Stated};
use crate::world::Clock;
use cardwright_keys::ceremony::plan::Plan;
use cardwright_keys::ceremony::transcript::{End, Record};
use cardwright_keys::custody::hash;
use cardwright_keys::custody::signing::{PublicKey, verify, verify_certificate};
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, possession};
use cardwright_proto::custody::combine::{Verdict, result_len};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Export, Fields, Held, Message, Outcome, Receipt};
use cardwright_proto::custody::receive::SignedReceipt;
use cardwright_proto::custody::sealed::SealedBox;
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Subsets;
use cardwright_proto::custody::take_part::{Approval, Offer};

/// What is written down of one operation.
pub(super) struct Minutes<'a> {
    /// What is planned.
    pub(super) plan: &'a Plan,
    /// What is written down by now.
    pub(super) progress: Progress,
    log: Log,
    clock: &'a dyn Clock,
}

impl std::fmt::Debug for Minutes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minutes").field("log", &self.log).finish_non_exhaustive()
    }
}

/// What is not good about an answer.
type Check = Result<(), &'static str>;

impl<'a> Minutes<'a> {
    /// Goes on with what the log holds.
    pub(super) fn new(plan: &'a Plan, log: Log, progress: Progress, clock: &'a dyn Clock) -> Self {
        Self { plan, progress, log, clock }
    }

    /// The transcript's file.
    #[must_use]
    pub(super) const fn log(&self) -> &Log {
        &self.log
    }

    /// Writes down what people and the host have to say, which nobody signed.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub(super) fn say(&mut self, record: &Record) -> Result<(), CeremonyError> {
        self.log.append(self.clock.now(), record)?;
        self.progress.apply(record);
        Ok(())
    }

    /// Writes down what the card at this place answered, once it is checked.
    ///
    /// # Errors
    /// [`CeremonyError::Evidence`]; as [`Log::append`].
    pub(super) fn take(&mut self, place: Place, record: &Record) -> Result<(), CeremonyError> {
        self.check(place, record).map_err(|what| {
            let (label, holder) = named(self.plan, place);
            CeremonyError::Evidence { label, holder, what }
        })?;
        self.say(record)
    }

    /// The operation's end.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub(super) fn end(&mut self, outcome: End) -> Result<(), CeremonyError> {
        self.say(&Record::End { outcome })
    }

    /// The manifest, from when there is one.
    ///
    /// # Errors
    /// [`CeremonyError::NothingDealt`] before there is one.
    pub(super) fn manifest(&self) -> Result<&Named, CeremonyError> {
        self.progress.manifest.as_ref().ok_or(CeremonyError::NothingDealt)
    }

    /// The deal's statement, from when there is one.
    ///
    /// # Errors
    /// [`CeremonyError::NothingDealt`] before there is one.
    pub(super) fn statement(&self) -> Result<&Stated, CeremonyError> {
        self.progress.statement.as_ref().ok_or(CeremonyError::NothingDealt)
    }

    fn check(&self, place: Place, record: &Record) -> Check {
        match record {
            Record::Approval { approval, .. } => self.approval(place, approval),
            Record::Commitment { committed, .. } => {
                let fields = Fields::Committed { commitment: committed.commitment };
                self.signed(place, fields, &committed.signature, "its signature of the commitment is not good")
            }
            Record::Offer { offer, .. } => self.offer(place, offer),
            Record::Contribution { sealed, .. } => self.fresh(sealed),
            Record::Box { dealt, .. } => self.fresh(&dealt.sealed),
            Record::Statement { statement, signature, .. } => {
                let key = self.point(Place::Dealer).ok_or("it has no certificate")?;
                let signed = verify(&key, &statement.to_bytes(), &signature.to_der());
                signed.map_err(|_| "its signature of the statement is not good")
            }
            Record::Receipt { receipt, .. } => self.receipt(place, receipt),
            Record::Release { x, released } => {
                self.fresh(&released.sealed)?;
                let (statement, sealed) = (self.stated().unwrap_or_default(), hash::sealed(&released.sealed));
                let fields = Fields::Release { x: *x, statement, sealed };
                self.signed(place, fields, &released.signature, "its signature of the release is not good")
            }
            Record::Verdict(verdict) => self.verdict(place, verdict),
            Record::Forget { outcome, statement, signature } => self.forget(place, (*outcome, *statement), signature),
            Record::Export { result, signature } => self.export(place, result, signature),
            _ => Ok(()),
        }
    }

    /// Hash of the statement on record.
    fn stated(&self) -> Option<Hash> {
        self.progress.statement.as_ref().map(|stated| stated.hash)
    }

    fn approval(&self, place: Place, approval: &Approval) -> Check {
        let named = self.progress.manifest.as_ref().ok_or("it approves a manifest that there is not")?;
        let Approval { counter, signature } = approval;
        if *counter == 0 || *counter > named.manifest.sequence {
            return Err("its counter is none, or higher than the sequence");
        }
        let fields = Fields::Approval { counter: *counter };
        self.signed(place, fields, signature, "its signature of the approval is not good")
    }

    /// A one-time key is offered once, and another one by each.
    fn offer(&self, place: Place, offer: &Offer) -> Check {
        PublicKey::new(&offer.point).map_err(|_| "its one-time key is no point")?;
        let mut others = self.progress.offers.iter();
        if !others.all(|(other, there)| (*other == place) == (there.point == offer.point)) {
            return Err("its offer is another than before, or somebody else's");
        }
        let fields = Fields::Offer { point: offer.point };
        self.signed(place, fields, &offer.signature, "its signature of the offer is not good")
    }

    /// A box has a point of its own.
    fn fresh(&self, sealed: &SealedBox) -> Check {
        let Progress { contributions, boxes, releases, .. } = &self.progress;
        let dealt = boxes.values().map(|dealt| &dealt.sealed);
        let released = releases.values().map(|released| &released.sealed);
        if contributions.values().chain(dealt).chain(released).any(|there| there.point() == sealed.point()) {
            return Err("its box has a point that another box had");
        }
        PublicKey::new(sealed.point()).map(|_| ()).map_err(|_| "its box has no point")
    }

    fn verdict(&self, place: Place, verdict: &Verdict) -> Check {
        let named = self.progress.manifest.as_ref().ok_or("it has a verdict, and there is no manifest")?;
        let subsets = Subsets::new(named.manifest.m, named.manifest.n());
        if !subsets.is_ok_and(|subsets| verdict.bitmap.within(&subsets.full())) {
            return Err("its verdict has subsets that there are not");
        }
        if self.progress.verdict.is_some_and(|there| there.bitmap != verdict.bitmap) {
            return Err("its verdict is another one than before");
        }
        let fields = Fields::Verdict { statement: self.stated().unwrap_or_default(), bitmap: verdict.bitmap };
        self.signed(place, fields, &verdict.signature, "its signature of the verdict is not good")
    }

    fn forget(&self, place: Place, (outcome, statement): (Outcome, Hash), signature: &Signature) -> Check {
        let fits = match self.stated() {
            Some(stated) => statement == stated,
            None => outcome == Outcome::Abandoned && statement == [0; 32],
        };
        if !fits {
            return Err("it forgets another deal");
        }
        let fields = Fields::Forget { statement, outcome };
        self.signed(place, fields, signature, "its word that it forgot is not signed well")
    }

    fn receipt(&self, place: Place, receipt: &SignedReceipt) -> Check {
        let named = self.progress.manifest.as_ref().ok_or("it has a receipt, and there is no manifest")?;
        let SignedReceipt { x, status, statement, signature } = *receipt;
        let own = Place::Custodian(x) == place;
        let stated = self.stated();
        let fits = match status {
            Held::No => x == 0 && statement == [0; 32],
            Held::Yes => own && named.manifest.operation != Operation::Destroy && stated == Some(statement),
            Held::Destroyed => own && self.destroyed(named.manifest.operation, statement),
        };
        if !fits {
            return Err("its receipt is of another share");
        }
        let (set, generation) = (named.manifest.set, named.manifest.generation);
        let fields = Fields::Receipt(Receipt { set, generation, x, status, statement });
        self.signed(place, fields, &signature, "its signature of the receipt is not good")
    }

    /// Whether a share that was destroyed is of the same statement as the others: a destruction's transcript does not have it.
    fn destroyed(&self, operation: Operation, statement: Hash) -> bool {
        let mut others = self.progress.receipts.values().filter(|other| other.status == Held::Destroyed);
        match operation {
            Operation::Destroy => others.all(|other| other.statement == statement),
            _ => self.stated() == Some(statement),
        }
    }

    fn export(&self, place: Place, result: &[u8], signature: &Signature) -> Check {
        let (Some(stated), Some(hsm)) = (&self.progress.statement, self.progress.certificate(Place::Hsm)) else {
            return Err("it exports without a statement or an HSM");
        };
        if result.len() != result_len(hsm.certificate.body.key.algorithm()) {
            return Err("what it made for the HSM has another length");
        }
        let (statement, kcv) = (stated.hash, stated.statement.kcv);
        let fields = Fields::Export(Export { statement, kcv, hsm: hsm.hash, result: hash::sha256(&[result]) });
        self.signed(place, fields, signature, "its signature of the export is not good")
    }

    /// Whether the card at this place signed that.
    fn signed(&self, place: Place, fields: Fields, signature: &Signature, what: &'static str) -> Check {
        let message = self.message(place, fields).ok_or("it has no certificate")?;
        let key = self.point(place).ok_or("it has no certificate")?;
        verify(&key, &message.to_bytes(), &signature.to_der()).map_err(|_| what)
    }

    fn message(&self, place: Place, fields: Fields) -> Option<Message> {
        let manifest = self.progress.manifest.as_ref()?.hash;
        Some(Message { manifest, signer: self.progress.certificate(place)?.hash, fields })
    }

    fn point(&self, place: Place) -> Option<[u8; 65]> {
        match self.progress.certificate(place)?.certificate.body.key {
            CertifiedKey::P256(point) => Some(point),
            _ => None,
        }
    }
}

/// Whether a card has the key that it wants to have certified.
pub(super) fn has_key(identity: &[u8; 8], point: &[u8; 65], signature: &Signature) -> bool {
    PublicKey::new(point).is_ok() && verify(point, &possession(identity, point), &signature.to_der()).is_ok()
}

/// Whether a CA signed this body.
pub(super) fn is_certified(ca: &[u8; 65], body: &CertificateBody, signature: &Signature) -> bool {
    verify_certificate(ca, &Certificate { body: *body, signature: *signature }).is_ok()
}
