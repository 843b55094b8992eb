//! What has been seen so far, and each line against it.

mod complete;
mod enrolment;
mod host;
mod messages;

use super::Given;
use super::refusal::{Failed, Why, ensure};
use super::together::{Approved, Before, Dealt, Shown};
use super::verdict::{Completion, Verdict};
use crate::ceremony::plan::{CeremonyMode, Plan};
use crate::ceremony::transcript::{End, Line, Record};
use cardwright_proto::custody::certificate::CertificateBody;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome, Statement};
use cardwright_proto::custody::subset::{Bitmap, Subsets};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;
use std::collections::{BTreeMap, BTreeSet};

/// What `start` says.
struct Started {
    mode: CeremonyMode,
    test_ca: bool,
    operation: Operation,
    plan: Plan,
}

/// What cards and host said under the manifest.
#[derive(Default)]
struct Seen {
    /// Counters, and the lines that they are in.
    approvals: BTreeMap<Place, (u32, usize)>,
    commitments: BTreeMap<u8, Hash>,
    offers: BTreeMap<Place, Point>,
    contributions: BTreeSet<u8>,
    /// Box hash and commitment to the share.
    boxes: BTreeMap<u8, (Hash, Hash)>,
    statement: Option<(Statement, Hash)>,
    receipts: BTreeMap<u8, (Held, Hash)>,
    releases: BTreeSet<u8>,
    verdict: Option<Bitmap>,
    /// How the dealer forgot, and whether all was there before.
    forgotten: Option<(Outcome, bool)>,
    result: Option<Vec<u8>>,
    imported: Option<Kcv>,
    /// Host mode: commitments to the shares.
    shared: BTreeMap<u8, Hash>,
    /// Host mode: the check value of the shares.
    shared_kcv: Option<Kcv>,
}

/// Checks lines.
pub(super) struct Checker<'g> {
    given: &'g Given<'g>,
    before: &'g Before,
    started: Option<Started>,
    ca: Option<Point>,
    /// By certificate hash.
    enrolled: BTreeMap<Hash, CertificateBody>,
    /// Hashes of all keys and points that there may be once only.
    keys: BTreeSet<Hash>,
    revoked: BTreeSet<Hash>,
    /// With its hash.
    manifest: Option<(Manifest, Hash)>,
    seen: Seen,
    notes: Vec<String>,
    ended: Option<End>,
}

impl<'g> Checker<'g> {
    pub(super) fn new(given: &'g Given<'g>, before: &'g Before) -> Self {
        Self {
            given,
            before,
            started: None,
            ca: None,
            enrolled: BTreeMap::new(),
            keys: BTreeSet::new(),
            revoked: given.revoked.iter().copied().collect(),
            manifest: None,
            seen: Seen::default(),
            notes: Vec::new(),
            ended: None,
        }
    }

    /// The next line; `number` counts from 1.
    pub(super) fn line(&mut self, line: &Line, number: usize) -> Result<(), Failed> {
        let kind = line.record.kind();
        ensure(self.ended.is_none(), 1, Why::BehindEnd(kind))?;
        let Some(Started { mode, operation, .. }) = &self.started else {
            return self.start(line);
        };
        ensure(kind != "start", 2, Why::Second("start"))?;
        match &line.record {
            Record::Note { text } => {
                self.notes.push(text.clone());
                return Ok(());
            }
            Record::End { outcome } => {
                self.ended = Some(*outcome);
                return if *outcome == End::Done { self.complete() } else { Ok(()) };
            }
            _ => {}
        }
        match mode {
            CeremonyMode::Host => self.host(&line.record),
            CeremonyMode::Blind => {
                let operation = *operation;
                ensure(allowed(&line.record, operation), 1, Why::NotInOperation { kind, operation })?;
                self.blind(line, number)
            }
        }
    }

    fn blind(&mut self, line: &Line, number: usize) -> Result<(), Failed> {
        let kind = line.record.kind();
        let before = matches!(line.record, Record::Ca { .. } | Record::Enrol { .. } | Record::Revoked(_));
        match (&line.record, &self.manifest) {
            (Record::Manifest(_), Some(_)) => return ensure(false, 5, Why::Second(kind)),
            (Record::Manifest(manifest), None) => return self.manifest(manifest, &line.prev),
            (_, Some(_)) => ensure(!before, 1, Why::Behind { kind, barrier: "manifest" })?,
            (_, None) => ensure(before, 1, Why::Before { kind, wanted: "manifest", place: None })?,
        }
        match &line.record {
            Record::Ca { key } => self.certifier(key),
            Record::Enrol { certificate, possession } => self.enrol(certificate, possession.as_ref()),
            Record::Revoked(revoked) => {
                self.revoked.insert(revoked.certificate);
                Ok(())
            }
            Record::Approval { place, approval } => self.approval(*place, approval, number),
            Record::Commitment { x, committed } => self.commitment(*x, committed),
            Record::Offer { place, offer } => self.offer(*place, offer),
            Record::Contribution { x, sealed } => self.contribution(*x, sealed),
            Record::Box { x, dealt } => self.dealt(*x, dealt),
            Record::Statement { manifest, statement, signature } => self.statement(manifest, statement, signature),
            Record::Receipt { x, receipt } => self.receipt(*x, receipt),
            Record::Release { x, released } => self.release(*x, released),
            Record::Refused { x, .. } => self.x(*x),
            Record::Verdict(verdict) => self.drilled(verdict),
            Record::Forget { outcome, statement, signature } => self.forget(*outcome, statement, signature),
            Record::Export { result, signature } => self.export(result, signature),
            Record::Imported { kcv } => self.imported(kcv),
            // `shared`. All else is before this.
            _ => ensure(false, 1, Why::NotInMode { kind, mode: line.mode }),
        }
    }

    /// For the transcripts behind it.
    pub(super) fn shown(&self) -> Shown {
        Shown { approved: self.approved(), shared: self.seen.shared.clone() }
    }

    /// The set that this has to be of, by the transcripts before; a deal makes its own.
    fn dealt_before(&self) -> Option<&'g Dealt> {
        let deals = self.started.as_ref().is_some_and(|started| started.operation == Operation::Deal);
        self.before.dealt.as_ref().filter(|_| !deals)
    }

    /// What was approved, in the order of places.
    fn approved(&self) -> Vec<Approved> {
        let Some((manifest, _)) = &self.manifest else { return Vec::new() };
        let approved = self.seen.approvals.iter().filter_map(|(place, (counter, line))| {
            let certificate = *manifest.party(*place)?;
            let (place, counter, line) = (*place, *counter, *line);
            Some(Approved { certificate, place, sequence: manifest.sequence, counter, line })
        });
        approved.collect()
    }

    /// What there is to say; `None` where there was no line.
    pub(super) fn verdict(&self, head: Hash) -> Option<Verdict> {
        let Started { mode, test_ca, operation, plan } = self.started.as_ref()?;
        let seen = &self.seen;
        let manifest = self.manifest.as_ref();
        let subsets = Subsets::new(plan.m, plan.n()).ok();
        Some(Verdict {
            mode: *mode,
            title: plan.title.clone(),
            key: plan.key.name.clone(),
            operation: *operation,
            outcome: match self.ended {
                Some(End::Done) => Completion::Done,
                Some(End::Abandoned) => Completion::Abandoned,
                None => Completion::NotFinished,
            },
            test_ca: *test_ca,
            ca: self.ca,
            vouched: self.ca.is_some() && self.given.ca.is_some(),
            scheme: plan.scheme,
            m: plan.m,
            n: plan.n(),
            manifest: manifest.map(|(manifest, _)| manifest.clone()),
            manifest_hash: manifest.map(|(_, hash)| *hash),
            statement: seen.statement.as_ref().map(|(_, hash)| *hash),
            kcv: seen.statement.as_ref().map(|(statement, _)| statement.kcv).or(seen.shared_kcv),
            plan: plan.hash(),
            head,
            head_known: self.given.head.is_some(),
            approvals: seen.approvals.iter().map(|(place, (counter, _))| (*place, *counter)).collect(),
            drilled: seen.verdict.zip(subsets).map(|(bitmap, subsets)| (bitmap.count(), subsets.count())),
            receipts: seen.receipts.iter().map(|(x, (held, _))| (*x, *held)).collect(),
            exported: manifest.filter(|_| seen.result.is_some()).and_then(|(manifest, _)| manifest.partner),
            imported: seen.imported.is_some(),
            notes: self.notes.clone(),
        })
    }
}

/// Whether an operation has records of this kind. What is before the manifest, notes and the end are in all.
const fn allowed(record: &Record, operation: Operation) -> bool {
    match record {
        Record::Commitment { .. } | Record::Contribution { .. } | Record::Box { .. } | Record::Forget { .. } => {
            matches!(operation, Operation::Deal)
        }
        Record::Offer { .. } | Record::Statement { .. } | Record::Release { .. } => {
            !matches!(operation, Operation::Destroy)
        }
        Record::Verdict(_) => matches!(operation, Operation::Deal | Operation::Drill),
        Record::Refused { .. } => matches!(operation, Operation::Drill | Operation::Release),
        Record::Export { .. } | Record::Imported { .. } => matches!(operation, Operation::Release),
        _ => true,
    }
}
