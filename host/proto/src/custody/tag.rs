//! What every signed or hashed thing begins with, so that none is taken for one of another kind.

/// The version of the objects, behind "CW".
const START: [u8; 3] = [0x43, 0x57, 0x02];

/// A kind of thing that is signed, hashed or sealed: the last byte of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A certificate's body.
    Certificate = 0x01,
    /// Possession of an identity key.
    Possession = 0x02,
    /// A manifest.
    Manifest = 0x03,
    /// Approval of a manifest.
    Approval = 0x04,
    /// Commitment to a contribution.
    Commitment = 0x05,
    /// The message with that commitment.
    Committed = 0x06,
    /// A one-time point.
    Offer = 0x07,
    /// A contribution.
    Contribution = 0x08,
    /// The start of the secret.
    Start = 0x09,
    /// Commitment to a share.
    Share = 0x0A,
    /// Box with a share, from the dealer.
    ShareBox = 0x0B,
    /// Box with a contribution.
    ContributionBox = 0x0C,
    /// Box with a share, to the combiner.
    ReleaseBox = 0x0D,
    /// Box to an HSM.
    ExportBox = 0x0E,
    /// List of box hashes.
    BoxList = 0x0F,
    /// Deal statement.
    Statement = 0x10,
    /// Share receipt.
    Receipt = 0x11,
    /// Release of a share.
    Release = 0x12,
    /// Drill verdict.
    Verdict = 0x13,
    /// Forget statement.
    Forget = 0x14,
    /// Export statement.
    Export = 0x15,
    /// One box.
    OneBox = 0x16,
    /// Step of the secret.
    Step = 0x17,
    /// Line of a transcript.
    Line = 0x20,
}

impl Kind {
    /// T(k): 43 57 02 and the kind.
    #[must_use]
    pub const fn tag(self) -> [u8; 4] {
        let [a, b, c] = START;
        [a, b, c, self as u8]
    }
}
