//! What the cards of a ceremony sign: T(k), the manifest's hash, the signer's certificate hash, fields.

use super::subset::Bitmap;
use super::tag::Kind;
use super::{Hash, Id, Point};
use crate::gp::key::Kcv;
use alloc::vec::Vec;
use core::fmt;

/// A message but for the deal statement, which is [`Statement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// M, the manifest's hash.
    pub manifest: Hash,
    /// S, the signer's certificate hash.
    pub signer: Hash,
    /// What it says.
    pub fields: Fields,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// 04, from any place: the manifest is approved, the card's approvals are this many.
    Approval {
        /// The card's counter behind it.
        counter: u32,
    },
    /// 06, from a custodian.
    Committed {
        /// The commitment to its contribution.
        commitment: Hash,
    },
    /// 07, from any place.
    Offer {
        /// The one-time point.
        point: Point,
    },
    /// 11, from a custodian.
    Receipt(Receipt),
    /// 12, from a custodian.
    Release {
        /// The custodian's x.
        x: u8,
        /// Statement hash of the share.
        statement: Hash,
        /// Hash of the box.
        sealed: Hash,
    },
    /// 13, from the combiner.
    Verdict {
        /// Hash of the statement whose check value the subsets gave.
        statement: Hash,
        /// The subsets that did.
        bitmap: Bitmap,
    },
    /// 14, from the dealer.
    Forget {
        /// Hash of its statement; zeros where it made none.
        statement: Hash,
        /// How the deal ended.
        outcome: Outcome,
    },
    /// 15, from the combiner.
    Export(Export),
}

/// What a custodian says about a set of shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The set.
    pub set: Id,
    /// Its generation.
    pub generation: u32,
    /// The share's x; 0 where there is none.
    pub x: u8,
    /// Whether the card has a share of it.
    pub status: Held,
    /// The share's statement hash; zeros where it has none.
    pub statement: Hash,
}

/// Whether a card has a share of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// 00: no such set.
    No,
    /// 01
    Yes,
    /// 02: it had one, and destroyed it.
    Destroyed,
}

/// How a deal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 00: all is confirmed.
    Confirmed,
    /// 01: abandoned.
    Abandoned,
}

/// What a combiner says of the key that it sealed to an HSM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// Hash of the statement of the key's deal.
    pub statement: Hash,
    /// The key's check value.
    pub kcv: Kcv,
    /// The HSM's certificate hash.
    pub hsm: Hash,
    /// SHA-256 of what goes to the HSM.
    pub result: Hash,
}

impl Held {
    /// 00 to 02.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::No => 0,
            Self::Yes => 1,
            Self::Destroyed => 2,
        }
    }

    /// From its byte; `None` for any other than 00 to 02.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::No),
            1 => Some(Self::Yes),
            2 => Some(Self::Destroyed),
            _ => None,
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "no such set",
            Self::Yes => "held",
            Self::Destroyed => "destroyed",
        })
    }
}

impl Outcome {
    /// 00 or 01.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Confirmed => 0,
            Self::Abandoned => 1,
        }
    }

    /// From its byte; `None` for any other than 00 and 01.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Confirmed),
            1 => Some(Self::Abandoned),
            _ => None,
        }
    }
}

impl Fields {
    /// The kind of the message.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Approval { .. } => Kind::Approval,
            Self::Committed { .. } => Kind::Committed,
            Self::Offer { .. } => Kind::Offer,
            Self::Receipt(_) => Kind::Receipt,
            Self::Release { .. } => Kind::Release,
            Self::Verdict { .. } => Kind::Verdict,
            Self::Forget { .. } => Kind::Forget,
            Self::Export(_) => Kind::Export,
        }
    }
}

impl Message {
    /// The bytes that are signed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let fields: &[&[u8]] = match &self.fields {
            Fields::Approval { counter } => &[&counter.to_be_bytes()],
            Fields::Committed { commitment } => &[commitment],
            Fields::Offer { point } => &[point],
            Fields::Receipt(Receipt { set, generation, x, status, statement }) => {
                &[set, &generation.to_be_bytes(), &[*x, status.byte()], statement]
            }
            Fields::Release { x, statement, sealed } => &[&[*x], statement, sealed],
            Fields::Verdict { statement, bitmap } => &[statement, &bitmap.0],
            Fields::Forget { statement, outcome } => &[statement, &[outcome.byte()]],
            Fields::Export(Export { statement, kcv, hsm, result }) => &[statement, &kcv.0, hsm, result],
        };
        bytes(self.fields.kind(), &self.manifest, &self.signer, fields)
    }
}

/// T(k) | M | S | fields.
fn bytes(kind: Kind, manifest: &Hash, signer: &Hash, fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = [&kind.tag(), manifest.as_slice(), signer].concat();
    fields.iter().for_each(|field| bytes.extend_from_slice(field));
    bytes
}

/// Bytes of a statement but for the commitments: T(10), M, S, KCV, B.
const STATEMENT: usize = 4 + 32 + 32 + 3 + 32;

/// 10, from the dealer: what it dealt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// M of the deal.
    pub manifest: Hash,
    /// S, the dealer's certificate hash.
    pub dealer: Hash,
    /// The secret's check value.
    pub kcv: Kcv,
    /// c(x), the commitments to the shares, x = 1 first: n of them.
    pub shares: Vec<Hash>,
    /// B, the hash of the boxes' hashes.
    pub boxes: Hash,
}

/// Why bytes are no deal statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Other than 103 bytes and 32 for each of 2 to 10 custodians.
    #[error("a deal statement has not {0} bytes")]
    Length(usize),
    /// It begins otherwise than a deal statement.
    #[error("it is not tagged as a deal statement")]
    Tag,
}

impl Statement {
    /// Bytes of a statement about n shares: 423 at most.
    #[must_use]
    pub const fn len_of(n: u8) -> usize {
        STATEMENT + 32 * n as usize
    }

    /// The bytes that are signed, and that the statement hash is made of.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(Kind::Statement, &self.manifest, &self.dealer, &[&self.kcv.0, self.shares.as_flattened(), &self.boxes])
    }

    /// Reads a statement. Each has one coding only.
    ///
    /// # Errors
    /// [`StatementError`], the length first.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let wrong = StatementError::Length(bytes.len());
        let (tag, rest) = bytes.split_first_chunk::<4>().ok_or(wrong)?;
        let (manifest, rest) = rest.split_first_chunk().ok_or(wrong)?;
        let (dealer, rest) = rest.split_first_chunk().ok_or(wrong)?;
        let (kcv, rest) = rest.split_first_chunk().ok_or(wrong)?;
        let (shares, boxes) = rest.split_last_chunk().ok_or(wrong)?;
        let (shares, rest) = shares.as_chunks();
        if !rest.is_empty() || !matches!(shares.len(), 2..=10) {
            return Err(wrong);
        }
        if *tag != Kind::Statement.tag() {
            return Err(StatementError::Tag);
        }
        let (manifest, dealer, kcv, boxes) = (*manifest, *dealer, Kcv(*kcv), *boxes);
        Ok(Self { manifest, dealer, kcv, shares: shares.to_vec(), boxes })
    }
}
