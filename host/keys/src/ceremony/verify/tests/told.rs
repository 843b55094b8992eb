//! A transcript as records, to be changed before they are chained.

use super::cards::Cards;
use crate::ceremony::transcript::{CeremonyMode, Chain, Record};
use crate::ceremony::verify::{Refusal, Verdict, verify};
use cardwright_proto::custody::Hash;
use jiff::{SignedDuration, Timestamp};

/// Records, to be changed and chained.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) prev: Hash,
    pub(super) mode: CeremonyMode,
    pub(super) records: Vec<Record>,
}

impl Told {
    /// The file, and its head.
    pub(super) fn chained(&self) -> (Vec<u8>, Hash) {
        let mut chain = Chain::new(self.mode, self.prev);
        let start: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let lines = (0..)
            .zip(&self.records)
            .map(|(second, record)| chain.append(start + SignedDuration::from_secs(second), record).unwrap());
        (lines.collect::<Vec<_>>().concat(), chain.head())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.chained().0
    }

    /// Where the first record of a kind is, from 0.
    pub(super) fn at(&self, kind: &str) -> usize {
        self.records.iter().position(|record| record.kind() == kind).unwrap()
    }

    /// Where the last one is.
    pub(super) fn last(&self, kind: &str) -> usize {
        self.records.iter().rposition(|record| record.kind() == kind).unwrap()
    }

    pub(super) fn verify(&self, cards: &Cards) -> Result<Verdict, Refusal> {
        verify(&self.bytes(), &cards.given())
    }
}
