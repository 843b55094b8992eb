//! Boxes: what only one card, or one HSM, can open.

use super::Point;
use super::tag::Kind;
use alloc::vec::Vec;
use core::fmt;

/// The most bytes of a content.
pub const MAX_CONTENT: usize = 48;

/// Bytes of the point before the content, and of the tag behind it.
const AROUND: usize = 65 + 16;

/// What is in a box, from whom to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoxKind {
    /// 0B: a share, from the dealer to a custodian.
    Share,
    /// 0C: a contribution, from a custodian to the dealer.
    Contribution,
    /// 0D: a share, from a custodian to the combiner.
    Release,
    /// 0E: the secret, from the combiner to an HSM.
    Export,
}

impl BoxKind {
    /// The kind in its tag.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Share => Kind::ShareBox,
            Self::Contribution => Kind::ContributionBox,
            Self::Release => Kind::ReleaseBox,
            Self::Export => Kind::ExportBox,
        }
    }

    /// Bytes of its content: 48 for a share with its salt, else 32.
    #[must_use]
    pub const fn content_len(self) -> usize {
        match self {
            Self::Share | Self::Release => 48,
            Self::Contribution | Self::Export => 32,
        }
    }

    /// Bytes of the box: 129 for a share, else 113.
    #[must_use]
    pub const fn box_len(self) -> usize {
        AROUND + self.content_len()
    }
}

/// A box: E 65, C, tag 16. Nothing in it is checked but its length.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealedBox {
    kind: BoxKind,
    point: Point,
    /// Zeros behind what the kind has.
    content: [u8; MAX_CONTENT],
    tag: [u8; 16],
}

/// A box of another length than its kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a box of this kind has {expected} bytes, and not {given}")]
pub struct BoxLength {
    /// Bytes that there are.
    pub given: usize,
    /// Bytes that there have to be.
    pub expected: usize,
}

impl SealedBox {
    /// From its parts: E, C, tag. What C has behind [`BoxKind::content_len`] is left out.
    #[must_use]
    pub fn new(kind: BoxKind, point: Point, mut content: [u8; MAX_CONTENT], tag: [u8; 16]) -> Self {
        content[kind.content_len()..].fill(0);
        Self { kind, point, content, tag }
    }

    /// Reads a box of a kind: 129 or 113 bytes.
    ///
    /// # Errors
    /// [`BoxLength`]
    pub fn parse(kind: BoxKind, bytes: &[u8]) -> Result<Self, BoxLength> {
        let wrong = BoxLength { given: bytes.len(), expected: kind.box_len() };
        let (point, rest) = bytes.split_first_chunk().ok_or(wrong)?;
        let (given, tag) = rest.split_last_chunk().ok_or(wrong)?;
        if given.len() != kind.content_len() {
            return Err(wrong);
        }
        let mut content = [0; MAX_CONTENT];
        content[..given.len()].copy_from_slice(given);
        Ok(Self { kind, point: *point, content, tag: *tag })
    }

    /// The box as it travels.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.point.as_slice(), self.content(), &self.tag].concat()
    }

    /// What is in it.
    #[must_use]
    pub const fn kind(&self) -> BoxKind {
        self.kind
    }

    /// E: the point that was made for this box. Whether it is on the curve is not checked here.
    #[must_use]
    pub const fn point(&self) -> &Point {
        &self.point
    }

    /// C: the content, encrypted.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content[..self.kind.content_len()]
    }

    /// The MAC of C.
    #[must_use]
    pub const fn tag(&self) -> &[u8; 16] {
        &self.tag
    }
}

impl fmt::Debug for SealedBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBox({:?}, {} bytes)", self.kind, self.kind.box_len())
    }
}
