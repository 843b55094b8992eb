//! The transcript of a ceremony (`docs/protocol/transcript.md`): all public messages in order, a JSON object a line, each
//! with the hash of the line before.
//!
//! Here is the form of lines, and their chain. Whether they make a ceremony is [`super::verify`]'s.

mod fault;
mod members;
mod record;

pub use super::plan::{CeremonyMode, Revoked};
use crate::custody::hash;
use cardwright_proto::custody::certificate::Certificate;
use cardwright_proto::custody::combine;
use cardwright_proto::custody::deal::Dealt;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::{Outcome, Statement};
use cardwright_proto::custody::receive::{Committed, Released, SignedReceipt};
use cardwright_proto::custody::sealed::SealedBox;
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::status::StatusWord;
pub use fault::{Fault, Malformed};
use jiff::Timestamp;
use members::{Reader, Writer};

/// The version of the form that is written and read.
pub const FORMAT: u32 = 2;

/// The most bytes of a line, its line feed not counted.
pub const MAX_LINE: usize = 65_536;

/// What one line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// What is about to be done.
    Start {
        /// Whether the CA is one for tests, its key in a file.
        test_ca: bool,
        /// What is done.
        operation: Operation,
        /// The plan's file.
        plan: Vec<u8>,
    },
    /// The CA's point, as the cards have it.
    Ca {
        /// The point.
        key: Point,
    },
    /// What the CA certified.
    Enrol {
        /// Body and signature.
        certificate: Certificate,
        /// The card's signature that it has the key; none for an HSM.
        possession: Option<Signature>,
    },
    /// A certificate that is not to be used, from the plan's list.
    Revoked(Revoked),
    /// What is to be approved.
    Manifest(Manifest),
    /// APPROVE MANIFEST.
    Approval {
        /// Whose.
        place: Place,
        /// Counter and signature.
        approval: Approval,
    },
    /// COMMIT CONTRIBUTION.
    Commitment {
        /// The custodian's x.
        x: u8,
        /// Commitment and signature.
        committed: Committed,
    },
    /// MAKE OFFER.
    Offer {
        /// Whose.
        place: Place,
        /// Point and signature.
        offer: Offer,
    },
    /// REVEAL CONTRIBUTION.
    Contribution {
        /// The custodian's x.
        x: u8,
        /// A box of kind 0C.
        sealed: SealedBox,
    },
    /// DEAL BOX; of several for one x the last counts.
    Box {
        /// The custodian's x.
        x: u8,
        /// A box of kind 0B, and c(x).
        dealt: Dealt,
    },
    /// STATE DEAL; in drill and release from the transcript of the deal.
    Statement {
        /// The deal's.
        manifest: Manifest,
        /// What the dealer signed.
        statement: Statement,
        /// Its signature.
        signature: Signature,
    },
    /// STORE BOX, RECEIPT, WIPE.
    Receipt {
        /// The custodian's x.
        x: u8,
        /// What it says of its share, and its signature.
        receipt: SignedReceipt,
    },
    /// RELEASE SHARE.
    Release {
        /// The custodian's x.
        x: u8,
        /// A box of kind 0D, and the signature.
        released: Released,
    },
    /// RELEASE SHARE refused. Nobody signs it.
    Refused {
        /// The custodian's x.
        x: u8,
        /// Why.
        word: StatusWord,
    },
    /// VERDICT.
    Verdict(combine::Verdict),
    /// FORGET.
    Forget {
        /// How the deal ended.
        outcome: Outcome,
        /// Hash of the dealer's statement; zeros where it made none.
        statement: Hash,
        /// The dealer's signature.
        signature: Signature,
    },
    /// READ RESULT.
    Export {
        /// What goes to the HSM.
        result: Vec<u8>,
        /// The combiner's signature.
        signature: Signature,
    },
    /// A vault has the key, by what the host says.
    Imported {
        /// Check value of what the vault has.
        kcv: Kcv,
    },
    /// Host mode: a share made or used.
    Shared {
        /// Its x.
        x: u8,
        /// How many shares make the key.
        m: u8,
        /// n, how many there are.
        count: u8,
        /// The key's check value.
        kcv: Kcv,
        /// c(x), the commitment to the share.
        share: Hash,
        /// Where it is.
        place: String,
    },
    /// What people say.
    Note {
        /// Without control characters.
        text: String,
    },
    /// The last line.
    End {
        /// How it ended.
        outcome: End,
    },
}

/// How a ceremony ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// All is done.
    Done,
    /// It was given up.
    Abandoned,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 0.
    pub n: u32,
    /// Hash of the line before; in line 0 the head of the transcript before, or zeros.
    pub prev: Hash,
    /// When it was written, by the host's clock, in whole seconds.
    pub at: Timestamp,
    /// The same in all lines.
    pub mode: CeremonyMode,
    /// What it says.
    pub record: Record,
}

/// Why a record cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// Its line would be too long.
    #[error("the line has {0} bytes, and no more than {MAX_LINE} are allowed")]
    TooLong(usize),
    /// A control character in a string.
    #[error("there is a control character in the {0}")]
    Control(&'static str),
    /// A time before year 0.
    #[error("{0} cannot be written as a time")]
    Time(Timestamp),
    /// There are 2^32 lines.
    #[error("the transcript is full")]
    Full,
}

/// What the next line hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    mode: CeremonyMode,
    /// The next line's number; `None` where there is none left.
    n: Option<u32>,
    head: Hash,
    at: Timestamp,
}

impl Chain {
    /// Before line 0. `prev` is the head of the transcript before, or zeros.
    #[must_use]
    pub const fn new(mode: CeremonyMode, prev: Hash) -> Self {
        Self { mode, n: Some(0), head: prev, at: Timestamp::MIN }
    }

    /// The next line, with its line feed. Its time is `at` in whole seconds, but not before that of the line before.
    ///
    /// # Errors
    /// [`TranscriptError`], and the chain stays as it was.
    pub fn append(&mut self, at: Timestamp, record: &Record) -> Result<Vec<u8>, TranscriptError> {
        // Rounding a time down to seconds stays in the range of times.
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at).max(self.at);
        let n = self.n.ok_or(TranscriptError::Full)?;
        let mut bytes = encode(n, &self.head, at, self.mode, record)?;
        if bytes.len() > MAX_LINE {
            return Err(TranscriptError::TooLong(bytes.len()));
        }
        self.follow(n, at, &bytes);
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Hash of the last line; before line 0, what that will hang on.
    #[must_use]
    pub const fn head(&self) -> Hash {
        self.head
    }

    /// The mode of all lines.
    #[must_use]
    pub const fn mode(&self) -> CeremonyMode {
        self.mode
    }

    /// After a line, without its line feed.
    fn follow(&mut self, n: u32, at: Timestamp, line: &[u8]) {
        (self.n, self.at, self.head) = (n.checked_add(1), at, hash::line(line));
    }
}

/// A line without its line feed, of any length.
fn encode(n: u32, prev: &Hash, at: Timestamp, mode: CeremonyMode, record: &Record) -> Result<Vec<u8>, TranscriptError> {
    let mut line = Writer::default();
    line.number("n", n).bytes("prev", prev).text("at", &time(at).ok_or(TranscriptError::Time(at))?);
    line.text("mode", mode.name()).text("kind", record.kind());
    record::write(record, &mut line);
    line.finish()
}

/// As it is written: `2026-01-31T12:00:00Z`.
fn time(at: Timestamp) -> Option<String> {
    let text = at.to_string();
    (text.len() == 20 && !text.starts_with('-')).then_some(text)
}

/// All lines of a file, well-formed and chained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Line 0 first.
    pub lines: Vec<Line>,
    chain: Option<Chain>,
}

impl Transcript {
    /// Reads a file, to its end.
    ///
    /// # Errors
    /// [`Malformed`] for the first line that is not as it has to be, also where the last one is cut off.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut lines = Lines::new(bytes);
        let read = lines.by_ref().collect::<Result<_, _>>()?;
        Ok(Self { lines: read, chain: lines.chain })
    }

    /// Reads a file that may have been cut off in its last line, which is left out then: what is there, and how many bytes
    /// of the file that is.
    ///
    /// # Errors
    /// [`Malformed`] for any other line.
    pub fn recover(bytes: &[u8]) -> Result<(Self, usize), Malformed> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Self::parse(&bytes[..whole]).map(|transcript| (transcript, whole))
    }

    /// What the next line hangs on; `None` where there is no line.
    #[must_use]
    pub const fn chain(&self) -> Option<Chain> {
        self.chain
    }

    /// Hash of the last line; `None` where there is no line.
    #[must_use]
    pub fn head(&self) -> Option<Hash> {
        self.chain.map(|chain| chain.head)
    }
}

/// The lines of a file, one after another, up to the first that is malformed.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    /// Lines that were read.
    read: usize,
    chain: Option<Chain>,
}

impl<'a> Lines<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, read: 0, chain: None }
    }

    /// Hash of the last line that was read.
    pub(super) fn head(&self) -> Option<Hash> {
        self.chain.map(|chain| chain.head)
    }

    fn line(&mut self) -> Result<Line, Fault> {
        let end = self.rest.iter().position(|byte| *byte == b'\n').ok_or(Fault::Cut)?;
        let (bytes, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        if bytes.len() > MAX_LINE {
            return Err(Fault::TooLong(bytes.len()));
        }
        let line = read(str::from_utf8(bytes).map_err(|_| Fault::NotText)?)?;
        let mut chain = self.chain.unwrap_or_else(|| Chain::new(line.mode, line.prev));
        if chain.n != Some(line.n) {
            return Err(Fault::Number { found: line.n, expected: chain.n });
        }
        if line.prev != chain.head {
            return Err(Fault::Prev);
        }
        if line.at < chain.at {
            return Err(Fault::Time { at: line.at, before: chain.at });
        }
        if line.mode != chain.mode {
            return Err(Fault::Mode(line.mode));
        }
        chain.follow(line.n, line.at, bytes);
        (self.rest, self.chain, self.read) = (rest, Some(chain), self.read + 1);
        Ok(line)
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.line().map_err(|fault| Malformed { line: self.read + 1, fault });
        if line.is_err() {
            self.rest = &[];
        }
        Some(line)
    }
}

/// Reads one line.
fn read(line: &str) -> Result<Line, Fault> {
    let mut members = Reader::new(line);
    let (n, prev, at) = (members.number("n")?, members.array("prev")?, members.text("at")?);
    let at = at.parse().ok().filter(|parsed| time(*parsed).as_ref() == Some(&at)).ok_or(Fault::Value("at"))?;
    let mode = match members.text("mode")?.as_str() {
        "blind" => CeremonyMode::Blind,
        "host" => CeremonyMode::Host,
        _ => return Err(Fault::Value("mode")),
    };
    let kind = members.text("kind")?;
    let record = record::read(&kind, &mut members)?;
    members.end()?;
    Ok(Line { n, prev, at, mode, record })
}

#[cfg(test)]
mod tests;
