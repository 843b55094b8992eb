//! Chips accounted for.

use super::{Fate, RecordState};
use std::fmt;

/// What a job's records and chips come to. Every record brings in one chip, and every remake one more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Records of the job.
    pub records: u64,
    /// Chips brought in by remakes.
    pub spares: u64,
    /// Records in each state, as [`RecordState::ALL`] has them.
    pub states: [u64; 8],
    /// Chips of rejected attempts by fate, as [`Fate::ALL`] has them.
    pub fates: [u64; 5],
    /// Chips of rejected attempts without a fate.
    pub unfated: u64,
    /// Cancelled records whose last chip has no fate of its own, because none was taken up, or the spare was not: it
    /// counts as returned.
    pub cancelled_blanks: u64,
    /// Rejected records that wait for another chip.
    pub remade: u64,
}

impl Balance {
    /// Records in a state.
    #[must_use]
    pub fn state(&self, state: RecordState) -> u64 {
        RecordState::ALL.iter().zip(self.states).filter(|(one, _)| **one == state).map(|(_, count)| count).sum()
    }

    /// Rejected chips of a fate.
    #[must_use]
    pub fn fate(&self, fate: Fate) -> u64 {
        Fate::ALL.iter().zip(self.fates).filter(|(one, _)| **one == fate).map(|(_, count)| count).sum()
    }

    /// Chips that the job has used, or is to use.
    #[must_use]
    pub const fn issued(&self) -> u64 {
        self.records.saturating_add(self.spares)
    }

    /// Cards made.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.state(RecordState::Accepted)
    }

    /// Chips destroyed or quarantined.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.fate(Fate::Destroyed).saturating_add(self.fate(Fate::Quarantined))
    }

    /// Chips kept as samples.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.fate(Fate::Sample)
    }

    /// Chips given back: rejected ones, and the blanks of cancelled records.
    #[must_use]
    pub fn returned(&self) -> u64 {
        self.fate(Fate::Returned).saturating_add(self.cancelled_blanks)
    }

    /// Chips given to somebody outside.
    #[must_use]
    pub fn handed_over(&self) -> u64 {
        self.fate(Fate::HandedOver)
    }

    /// Chips issued that nobody has accounted for; below zero where more were accounted for than issued. This is the
    /// variance that a job is closed with.
    #[must_use]
    pub fn open(&self) -> i64 {
        let accounted = [self.accepted(), self.rejected(), self.samples(), self.returned(), self.handed_over()];
        let accounted: i128 = accounted.into_iter().map(i128::from).sum();
        let open = i128::from(self.issued()) - accounted;
        i64::try_from(open).unwrap_or(if open < 0 { i64::MIN } else { i64::MAX })
    }

    /// Whether every chip is accounted for, and no record is under way. Two slips that make up for each other do not
    /// balance.
    #[must_use]
    pub fn balances(&self) -> bool {
        let under_way = [
            RecordState::Pending,
            RecordState::Claimed,
            RecordState::Writing,
            RecordState::Verified,
            RecordState::Unknown,
        ];
        let counted: u128 = self.states.into_iter().map(u128::from).sum();
        self.open() == 0
            && self.unfated == 0
            && counted == u128::from(self.records)
            && under_way.into_iter().all(|state| self.state(state) == 0)
    }
}

/// One line of figures, as people sign it.
impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "issued {} ({} spares), accepted {}, destroyed {}, quarantined {}, samples {}, returned {}, handed over {}, \
             rejected without a fate {}, open {}",
            self.issued(),
            self.spares,
            self.accepted(),
            self.fate(Fate::Destroyed),
            self.fate(Fate::Quarantined),
            self.samples(),
            self.returned(),
            self.handed_over(),
            self.unfated,
            self.open(),
        )
    }
}
