//! Host mode: the shares passed through a computer, and nobody signed anything. What its records say has to fit together.

use super::{Checker, Started};
use crate::ceremony::transcript::Record;
use crate::ceremony::verify::refusal::{Failed, Why, ensure};
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::gp::key::Kcv;

impl Checker<'_> {
    /// One record, which may be `shared`, or in a release `imported`.
    pub(super) fn host(&mut self, record: &Record) -> Result<(), Failed> {
        let Some(Started { mode, plan, operation, .. }) = &self.started else {
            return ensure(false, 2, Why::NoStart);
        };
        match record {
            Record::Shared { x, m, count, kcv, share, .. } => {
                ensure((*m, *count) == (plan.m, plan.n()), 5, Why::NotPlanned("m or n"))?;
                ensure(x <= count, 6, Why::X(*x))?;
                self.shared(*x, *share, *kcv)
            }
            Record::Imported { kcv } => {
                let (kind, operation) = (record.kind(), *operation);
                ensure(operation == Operation::Release, 1, Why::NotInOperation { kind, operation })?;
                let mut others = [self.seen.shared_kcv, self.seen.imported].into_iter().flatten();
                ensure(others.all(|other| other == *kcv), 14, Why::Kcv(kind))?;
                self.seen.imported = Some(*kcv);
                Ok(())
            }
            _ => ensure(false, 1, Why::NotInMode { kind: record.kind(), mode: *mode }),
        }
    }

    /// A share that was made or read: one check value for all of them, one commitment for each x.
    fn shared(&mut self, x: u8, commitment: Hash, kcv: Kcv) -> Result<(), Failed> {
        ensure(*self.seen.shared_kcv.get_or_insert(kcv) == kcv, 1, Why::Differs("shared"))?;
        ensure(*self.seen.shared.entry(x).or_insert(commitment) == commitment, 1, Why::Differs("shared"))?;
        ensure(self.seen.imported.is_none_or(|imported| imported == kcv), 14, Why::Kcv("shared"))?;
        let deals = self.started.as_ref().is_some_and(|started| started.operation == Operation::Deal);
        let dealt = self.before.shared.get(&x).filter(|_| !deals);
        ensure(dealt.is_none_or(|dealt| *dealt == commitment), 10, Why::OtherThanDealt("commitment to the share"))
    }
}
