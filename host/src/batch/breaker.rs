//! When a run stops by itself: something is wrong that is no single card's fault.

use cardwright_keys::job::Stop;
use std::fmt;

/// Counts good cards and others.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    stop: Stop,
    in_row: u32,
    attempts: u64,
    failed: u64,
}

/// Why it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tripped {
    /// So many cards in a row were not made.
    InRow(u32),
    /// Too many were not made.
    Percent {
        /// Cards that were not made.
        failed: u64,
        /// All that were tried.
        attempts: u64,
    },
    /// A card refused to be authenticated to: it has lost a try, and the next one would as well.
    Authentication,
}

impl fmt::Display for Tripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InRow(count) => write!(f, "{count} cards in a row were not made"),
            Self::Percent { failed, attempts } => write!(f, "{failed} of {attempts} cards were not made"),
            Self::Authentication => f.write_str("a card refused to be authenticated to, and has lost a try"),
        }
    }
}

impl Breaker {
    /// With a job's rules; it begins anew with each run.
    #[must_use]
    pub const fn new(stop: Stop) -> Self {
        Self { stop, in_row: 0, attempts: 0, failed: 0 }
    }

    /// One more card, made or not.
    pub fn count(&mut self, made: bool) -> Option<Tripped> {
        self.attempts += 1;
        if made {
            self.in_row = 0;
            return None;
        }
        self.in_row += 1;
        self.failed += 1;
        let Self { in_row, attempts, failed, .. } = *self;
        if in_row >= self.stop.in_row {
            return Some(Tripped::InRow(in_row));
        }
        let many = failed.saturating_mul(100) > attempts.saturating_mul(self.stop.percent.into());
        (many && attempts >= Stop::PERCENT_AFTER).then_some(Tripped::Percent { failed, attempts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(in_row: u32, percent: u8) -> Breaker {
        Breaker::new(Stop { in_row, percent })
    }

    #[test]
    fn so_many_in_a_row() {
        let mut breaker = breaker(3, 100);
        for made in [false, false, true, false, false] {
            assert_eq!(breaker.count(made), None);
        }
        assert_eq!(breaker.count(false), Some(Tripped::InRow(3)));
    }

    #[test]
    fn too_many_of_a_hundred() {
        let mut breaker = breaker(u32::MAX, 5);
        for n in 0..99 {
            assert_eq!(breaker.count(n % 10 != 0), None, "nothing is judged before a hundred");
        }
        assert_eq!(breaker.count(false), Some(Tripped::Percent { failed: 11, attempts: 100 }));
    }

    #[test]
    fn exactly_so_many_percent_is_not_too_many() {
        let mut breaker = breaker(u32::MAX, 5);
        for n in 0..100 {
            assert_eq!(breaker.count(n % 20 != 19), None, "{n}");
        }
        assert_eq!(breaker.count(false), Some(Tripped::Percent { failed: 6, attempts: 101 }));
    }
}
