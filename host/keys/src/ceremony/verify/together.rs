//! What holds between transcripts that are verified together: of checks 7 and 10, what one of them cannot show by itself.

use super::refusal::{Refusal, Why};
use super::verdict::{Completion, Verdict};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::{Hash, Id, Point};
use std::collections::BTreeMap;

/// One card's approval of one manifest.
#[derive(Clone, Copy)]
pub(super) struct Approved {
    pub(super) certificate: Hash,
    pub(super) place: Place,
    pub(super) sequence: u32,
    pub(super) counter: u32,
    /// Where it is, from 1.
    pub(super) line: usize,
}

/// What a transcript shows beside its verdict, for those behind it.
pub(super) struct Shown {
    pub(super) approved: Vec<Approved>,
    /// Host mode: commitments to shares, by x.
    pub(super) shared: BTreeMap<u8, Hash>,
}

/// The set that an operation behind it is of.
#[derive(Clone)]
pub(super) struct Dealt {
    pub(super) ca: Point,
    pub(super) set: Id,
    pub(super) generation: u32,
    /// M of the deal; `None` where no deal was verified before.
    pub(super) manifest: Option<Hash>,
    /// Statement hash, where it was shown.
    pub(super) statement: Option<Hash>,
}

/// What the transcripts before show.
#[derive(Default)]
pub(super) struct Before {
    /// What each card approved last, by the hash of its certificate.
    approved: BTreeMap<Hash, Approved>,
    /// Of the last deal with a manifest; where there is no deal, of the first operation with one.
    pub(super) dealt: Option<Dealt>,
    /// Host mode: of the last deal that came to its end, commitments to its shares, by x.
    pub(super) shared: BTreeMap<u8, Hash>,
}

impl Before {
    /// Takes in the next transcript, which passed all checks by itself. Check 7: the counter of each card rises by 1.
    pub(super) fn follow(&mut self, verdict: &Verdict, shown: Shown) -> Result<(), Refusal> {
        self.counters(&shown.approved)?;
        let deal = verdict.operation == Operation::Deal;
        if deal && verdict.outcome == Completion::Done {
            self.shared = shown.shared;
        }
        let (Some(manifest), Some(ca)) = (&verdict.manifest, verdict.ca) else { return Ok(()) };
        match &mut self.dealt {
            Some(dealt) if !deal => dealt.statement = dealt.statement.or(verdict.statement),
            dealt => {
                *dealt = Some(Dealt {
                    ca,
                    set: manifest.set,
                    generation: manifest.generation,
                    manifest: verdict.manifest_hash.filter(|_| deal),
                    statement: verdict.statement,
                });
            }
        }
        Ok(())
    }

    fn counters(&mut self, approvals: &[Approved]) -> Result<(), Refusal> {
        for approved in approvals {
            let Approved { place, sequence, counter, line, .. } = *approved;
            if let Some(before) = self.approved.insert(approved.certificate, *approved) {
                let refused = |why| Err(Refusal { line, check: 7, why });
                if sequence <= before.sequence {
                    return refused(Why::Sequence { place, sequence, before: before.sequence });
                }
                if before.counter.checked_add(1) != Some(counter) {
                    return refused(Why::CounterGap { place, counter, before: before.counter });
                }
            }
        }
        Ok(())
    }
}
