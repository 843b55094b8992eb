//! Many values counted in little room: which classes there are follows from the values, not from their order.

use std::collections::BTreeMap;

/// A plot has no more bins than this.
const BINS: u64 = 120;

/// Widths of bins in seconds, each a multiple of the one before, so that bins can be put together.
const WIDTHS: [u64; 14] = [1, 2, 10, 30, 60, 120, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 604_800];

/// How often something happened, over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bins {
    /// Seconds.
    width: u64,
    /// By where they begin, in widths since 1970-01-01 UTC.
    counts: BTreeMap<u64, u64>,
}

impl Default for Bins {
    fn default() -> Self {
        Self { width: WIDTHS[0], counts: BTreeMap::new() }
    }
}

impl Bins {
    /// Once more, at this second.
    pub(super) fn add(&mut self, at: u64) {
        *self.counts.entry(at / self.width).or_default() += 1;
        while self.len() > BINS {
            let wider = WIDTHS.into_iter().find(|width| *width > self.width);
            let times = wider.unwrap_or(self.width.saturating_mul(2)) / self.width;
            self.width = self.width.saturating_mul(times);
            let mut counts = BTreeMap::new();
            for (bin, count) in &self.counts {
                *counts.entry(bin / times).or_default() += count;
            }
            self.counts = counts;
        }
    }

    /// Bins from the first to the last.
    fn len(&self) -> u64 {
        let ends = self.counts.first_key_value().zip(self.counts.last_key_value());
        ends.map_or(0, |((first, _), (last, _))| (last - first).saturating_add(1))
    }

    /// Seconds.
    pub(super) const fn width(&self) -> u64 {
        self.width
    }

    /// From the first bin to the last, those too in which nothing happened: when it begins, and how often.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, u64)> {
        let first = self.counts.first_key_value().map_or(1, |(first, _)| *first);
        let last = self.counts.last_key_value().map_or(0, |(last, _)| *last);
        let count = |bin| self.counts.get(&bin).copied().unwrap_or(0);
        (first..=last).map(move |bin| (bin * self.width, count(bin)))
    }
}

/// How long something took, over many times: four classes from one power of two to the next, so that a median is not wrong
/// by more than a quarter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spread {
    /// How often.
    pub(super) count: u64,
    /// Microseconds together.
    pub(super) total_us: u64,
    /// The longest, in microseconds.
    pub(super) max_us: u64,
    classes: BTreeMap<u64, u64>,
}

impl Spread {
    /// Once more.
    pub(super) fn add(&mut self, us: u64) {
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
        *self.classes.entry(class(us)).or_default() += 1;
    }

    /// From the shortest to the longest, empty ones too: where each class begins and ends, in microseconds, and how many.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let first = self.classes.first_key_value().map_or(1, |(first, _)| *first);
        let last = self.classes.last_key_value().map_or(0, |(last, _)| *last);
        let count = |class| self.classes.get(&class).copied().unwrap_or(0);
        (first..=last).map(move |class| (begin(class), begin(class + 1), count(class)))
    }

    /// An upper end, in microseconds, of what so many of a hundred took at the most.
    pub(super) fn percentile(&self, percent: u64) -> u64 {
        let wanted = self.count.saturating_mul(percent).div_ceil(100);
        let mut so_far = 0;
        let reached = self.all().find(|(.., count)| {
            so_far += count;
            so_far >= wanted
        });
        reached.map_or(self.max_us, |(_, end, _)| end.min(self.max_us))
    }
}

/// The class of a duration. What is shorter than 4 microseconds has a class of its own for each.
fn class(us: u64) -> u64 {
    let Some(shift) = us.checked_ilog2().and_then(|octave| octave.checked_sub(2)) else { return us };
    // Behind the leading bit, two bits choose the class.
    u64::from(shift) * 4 + (us >> shift)
}

/// Where a class begins, in microseconds.
fn begin(class: u64) -> u64 {
    match (class / 4).checked_sub(1) {
        None | Some(0) => class,
        Some(shift) => {
            let step = u32::try_from(shift).ok().and_then(|shift| 1_u64.checked_shl(shift));
            step.and_then(|step| step.checked_mul(4 + class % 4)).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BINS, Bins, Spread, begin, class};
    use proptest::prelude::{any, proptest};
    use proptest::{collection, prop_assert, prop_assert_eq};

    #[test]
    fn classes_are_in_order_without_gaps() {
        for us in (0..5000).chain([u64::from(u32::MAX), u64::MAX >> 1, u64::MAX >> 2]) {
            let class = class(us);
            assert!(begin(class) <= us && us < begin(class + 1), "{us}: class {class}");
            assert!(us < 4 || (begin(class + 1) - begin(class)) * 4 <= begin(class), "{us}");
        }
        assert!(begin(class(u64::MAX)) > u64::MAX / 2);
    }

    #[test]
    fn a_median_and_the_rest() {
        let mut spread = Spread::default();
        (1..=100).for_each(|n| spread.add(n * 1000));
        assert_eq!((spread.count, spread.total_us, spread.max_us), (100, 5_050_000, 100_000));
        assert!((50_000..63_000).contains(&spread.percentile(50)), "{}", spread.percentile(50));
        assert_eq!(spread.percentile(100), 100_000);
        assert_eq!(spread.all().map(|(.., count)| count).sum::<u64>(), 100);
        assert_eq!((Spread::default().percentile(50), Spread::default().all().count()), (0, 0));
    }

    #[test]
    fn an_hour_in_bins() {
        let mut bins = Bins::default();
        (0..3600).for_each(|second| bins.add(7200 + second));
        assert_eq!((bins.width(), bins.all().count()), (30, 120));
        assert!(bins.all().all(|(_, count)| count == 30));
        bins.add(7200 + 3600);
        assert_eq!((bins.width(), bins.all().next(), bins.all().last()), (60, Some((7200, 60)), Some((10800, 1))));
    }

    proptest! {
        #[test]
        fn the_order_makes_no_difference(mut at in collection::vec(any::<u32>(), 0..200), last in any::<u64>()) {
            let of = |at: &[u32]| {
                let mut bins = Bins::default();
                at.iter().for_each(|at| bins.add((*at).into()));
                bins
            };
            let bins = of(&at);
            at.reverse();
            prop_assert_eq!(&bins, &of(&at));
            at.sort_unstable();
            prop_assert_eq!(&bins, &of(&at));
            prop_assert_eq!(bins.all().map(|(_, count)| count).sum::<u64>(), at.len() as u64);
            let mut wide = bins;
            wide.add(last);
            prop_assert!(wide.len() <= BINS);
        }
    }
}
