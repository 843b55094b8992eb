//! What a transcript shows that passes all checks.

use super::super::plan::CeremonyMode;
use super::super::words::{Fingerprint, words};
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::Held;
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;
use std::collections::BTreeMap;
use std::fmt;

/// How a ceremony ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Completion {
    /// All is done.
    Done,
    /// It was given up.
    Abandoned,
    /// There is no end. What is there was checked.
    NotFinished,
}

/// What a transcript shows. Its `Display` is plain sentences, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Who saw the shares.
    pub mode: CeremonyMode,
    /// The plan's title.
    pub title: String,
    /// The plan's name for the key.
    pub key: String,
    /// What was done.
    pub operation: Operation,
    /// How it ended.
    pub outcome: Completion,
    /// Whether the CA is one for tests, its key in a file.
    pub test_ca: bool,
    /// The CA; `None` in host mode, and where the transcript ends before.
    pub ca: Option<Point>,
    /// Whether the CA was given from elsewhere.
    pub vouched: bool,
    /// How the key is split.
    pub scheme: Scheme,
    /// How many shares make the key.
    pub m: u8,
    /// How many shares there are.
    pub n: u8,
    /// Set, generation, sequence, and the rest that cards approved; `None` in host mode, and where the transcript ends before.
    pub manifest: Option<Manifest>,
    /// M.
    pub manifest_hash: Option<Hash>,
    /// Statement hash of the set, where it is shown.
    pub statement: Option<Hash>,
    /// The key's check value, where it is shown.
    pub kcv: Option<Kcv>,
    /// SHA-256 of the plan's file.
    pub plan: Hash,
    /// Hash of the last line.
    pub head: Hash,
    /// Whether the head was given from elsewhere, or is what the next transcript hangs on that was verified with it. Where
    /// it is not, what is behind the last signature is the host's word.
    pub head_known: bool,
    /// Who approved, with which counter.
    pub approvals: Vec<(Place, u32)>,
    /// Drilled subsets, and of how many.
    pub drilled: Option<(u32, u8)>,
    /// What custodians say of their shares, by x.
    pub receipts: BTreeMap<u8, Held>,
    /// Certificate hash of the HSM that the key was sealed to.
    pub exported: Option<Hash>,
    /// Whether the host says that a vault has the key.
    pub imported: bool,
    /// What people say, in order. Nobody signs it.
    pub notes: Vec<String>,
}

impl Verdict {
    /// How many custodians say this of their share.
    #[must_use]
    pub fn held(&self, status: Held) -> usize {
        self.receipts.values().filter(|held| **held == status).count()
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Abandoned => "ABANDONED",
            Self::NotFinished => "NOT FINISHED",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, key, operation, outcome, plan, head, .. } = self;
        match self.mode {
            CeremonyMode::Host => {
                writeln!(f, "Host mode: shares passed through this computer, and nobody signed anything.")?;
            }
            CeremonyMode::Blind => {
                writeln!(f, "Blind mode: shares went from card to card, and cards signed what is said here.")?;
            }
        }
        writeln!(f, "{title}: {operation} of {key}, {outcome}.")?;
        if self.test_ca {
            writeln!(f, "TEST CA: its key is in a file, and anybody who reads that can certify anything.")?;
        }
        if let Some(ca) = &self.ca {
            let whose = if self.vouched { "which is the one that was given" } else { "A CA THAT NOBODY VOUCHED FOR" };
            writeln!(f, "CA: {}, {whose}.", Fingerprint::of(ca))?;
        }
        self.set(f)?;
        writeln!(f, "Plan: {}.", words(plan))?;
        self.cards(f)?;
        for note in &self.notes {
            writeln!(f, "Note, signed by nobody: {note}")?;
        }
        if !self.head_known {
            writeln!(f, "{}", self.without_head())?;
        }
        write!(f, "Head: {}.", words(head))
    }
}

impl Verdict {
    /// What nobody vouches for.
    const fn without_head(&self) -> &'static str {
        match self.mode {
            CeremonyMode::Blind => "No head was given: what is behind the last signature is the host's word.",
            CeremonyMode::Host => "No head was given: all of this may have been written anew.",
        }
    }

    fn set(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Shamir => "Shamir",
            Scheme::Xor => "XOR",
        };
        write!(f, "{} of {} shares make the key ({scheme}); ", self.m, self.n)?;
        match &self.kcv {
            Some(kcv) => writeln!(f, "check value {kcv}.")?,
            None => writeln!(f, "its check value is not shown.")?,
        }
        let Some(Manifest { set, generation, sequence, key_type, key_length, usage, .. }) = &self.manifest else {
            return Ok(());
        };
        let key_type = match key_type {
            KeyType::Aes => "AES",
            KeyType::TripleDes => "3DES",
        };
        let bits = u32::from(*key_length) * 8;
        writeln!(f, "Set {}, generation {generation}, {key_type} {bits} bits, usage {usage}.", hex::encode_upper(set))?;
        writeln!(f, "Sequence {sequence}.")
    }

    fn cards(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.approvals.is_empty() {
            let approved: Vec<_> =
                self.approvals.iter().map(|(place, counter)| format!("{place} (counter {counter})")).collect();
            writeln!(f, "Approved by {}.", approved.join(", "))?;
        }
        if let Some((drilled, of)) = self.drilled {
            writeln!(f, "Drilled: {drilled} of {of} subsets gave the key.")?;
        }
        let (held, destroyed, none) = (self.held(Held::Yes), self.held(Held::Destroyed), self.held(Held::No));
        match self.operation {
            Operation::Destroy if !self.receipts.is_empty() => {
                writeln!(f, "Destroyed by {destroyed} of {} cards, {none} had no such set.", self.n)?;
            }
            _ if !self.receipts.is_empty() => writeln!(f, "Held by {held} of {} cards.", self.n)?,
            _ => {}
        }
        if let Some(hsm) = &self.exported {
            let imported = if self.imported { "the host says that it is imported" } else { "no word of its import" };
            writeln!(f, "Sealed to the HSM with the certificate {}; {imported}.", words(hsm))?;
        }
        Ok(())
    }
}
