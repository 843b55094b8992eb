//! What all cards of a job come to.

use super::bins::{Bins, Spread};
use cardwright_keys::job::{Balance, Fate, RecordState};
use cardwright_registry::jobs::{AttemptEntry, RecordEntry};
use std::collections::BTreeMap;

/// So many different texts are told apart.
const APART: usize = 500;

/// Counts by text, of which there may be too many: the others are counted together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Apart<T> {
    /// Those that are told apart.
    pub(super) by: BTreeMap<String, T>,
    /// All others.
    pub(super) others: Option<T>,
}

impl<T: Default> Apart<T> {
    fn of(&mut self, text: String) -> &mut T {
        if self.by.len() < APART || self.by.contains_key(&text) {
            self.by.entry(text).or_default()
        } else {
            self.others.get_or_insert_default()
        }
    }
}

/// A reader of a station.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OfReader {
    /// Chips accepted.
    pub(super) accepted: u64,
    /// Chips not accepted.
    pub(super) others: u64,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records in each state, as [`RecordState::ALL`] has them.
    states: [u64; 8],
    /// Attempts in each state.
    verdicts: [u64; 8],
    /// As [`Balance::fates`].
    fates: [u64; 5],
    /// As [`Balance::unfated`].
    unfated: u64,
    /// Records that no chip was ever taken up for, and that wait for one.
    pub(super) untouched: u64,
    /// When cards were accepted.
    pub(super) accepted: Bins,
    /// How long those took that were accepted.
    pub(super) took: Spread,
    /// Why chips were rejected, given back, or are unknown.
    pub(super) causes: Apart<u64>,
    /// By station and reader.
    pub(super) readers: Apart<OfReader>,
    /// Keys that chips had, by reference.
    pub(super) had: Apart<u64>,
    /// Keys that chips have proved, by reference; also those of chips that were rejected later.
    pub(super) have: Apart<u64>,
    /// Hashes of card profiles.
    pub(super) profiles: Apart<u64>,
}

fn place(state: RecordState) -> usize {
    RecordState::ALL.iter().position(|one| *one == state).unwrap_or_default()
}

impl Tally {
    /// One more record.
    pub(super) fn add(&mut self, record: &RecordEntry, attempts: &[AttemptEntry]) {
        self.states[place(record.state)] += 1;
        self.untouched += u64::from(is_untouched(record));
        attempts.iter().for_each(|attempt| self.attempt(attempt));
    }

    fn attempt(&mut self, attempt: &AttemptEntry) {
        let AttemptEntry { state, reason, station, reader, current, target, kcvs, .. } = attempt;
        self.verdicts[place(*state)] += 1;
        let of_reader = self.readers.of(format!("{station}: {reader}"));
        if *state == RecordState::Accepted {
            of_reader.accepted += 1;
            self.took.add(attempt.took_us);
            attempt.ended.into_iter().for_each(|at| self.accepted.add(at));
        } else {
            of_reader.others += 1;
        }
        if matches!(state, RecordState::Pending | RecordState::Rejected | RecordState::Unknown) {
            *self.causes.of(cause(reason)) += 1;
        }
        if *state == RecordState::Rejected {
            match attempt.fate.and_then(|fate| Fate::ALL.iter().position(|one| *one == fate)) {
                Some(fate) => self.fates[fate] += 1,
                None => self.unfated += 1,
            }
        }
        *self.had.of(current.clone()) += 1;
        if !kcvs.is_empty() {
            *self.have.of(target.clone()) += 1;
        }
        *self.profiles.of(hex::encode(attempt.profile)) += 1;
    }

    /// Attempts in a state.
    pub(super) fn attempts(&self, state: RecordState) -> u64 {
        self.verdicts[place(state)]
    }

    /// Whether these are the cards that are balanced.
    pub(super) fn agrees(&self, balance: &Balance) -> bool {
        let Self { states, fates, unfated, .. } = self;
        let records: u64 = states.iter().sum();
        (states, fates, *unfated, records) == (&balance.states, &balance.fates, balance.unfated, balance.records)
            && self.attempts(RecordState::Accepted) == balance.accepted()
    }
}

/// Whether nobody has taken up a chip for it yet, nor is it done without.
pub(super) fn is_untouched(record: &RecordEntry) -> bool {
    record.state == RecordState::Pending && record.attempts == 0
}

/// A reason without what is of one card alone: identities and hashes are left out.
fn cause(reason: &str) -> String {
    let alone = |word: &str| {
        let digits = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
        digits.len() >= 16 && digits.chars().all(hex) && digits.contains(|c: char| c.is_ascii_digit())
    };
    let words: Vec<_> = reason.split(' ').map(|word| if alone(word) { "(...)" } else { word }).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{APART, Apart, cause};

    #[test]
    fn causes_are_those_of_many_cards() {
        for (reason, group) in [
            ("card 00112233445566778899-00112233445566778899AABB: no answer", "card (...) no answer"),
            ("PUT KEY: status word 6A80", "PUT KEY: status word 6A80"),
            ("defaced", "defaced"),
            ("", ""),
        ] {
            assert_eq!(cause(reason), group);
        }
    }

    #[test]
    fn what_nobody_can_tell_apart_is_counted_together() {
        let mut apart = Apart::<u64>::default();
        for n in 0..APART + 7 {
            *apart.of(n.to_string()) += 1;
        }
        *apart.of("0".to_owned()) += 1;
        assert_eq!((apart.by.len(), apart.by["0"], apart.others), (APART, 2, Some(7)));
    }
}
