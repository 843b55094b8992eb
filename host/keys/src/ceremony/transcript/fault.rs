//! What can be wrong with a line by itself, and with its place in the chain.

use super::{CeremonyMode, FORMAT, MAX_LINE};
use cardwright_proto::custody::certificate::CertificateError;
use cardwright_proto::custody::manifest::ManifestError;
use cardwright_proto::custody::message::StatementError;
use cardwright_proto::custody::sealed::BoxLength;
use cardwright_proto::custody::signature::SignatureForm;
use jiff::Timestamp;

/// A line that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Malformed {
    /// Which one, from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// There is no line feed behind it.
    #[error("it is cut off")]
    Cut,
    /// Too many bytes.
    #[error("it has {0} bytes, and no more than {MAX_LINE} are allowed")]
    TooLong(usize),
    /// No UTF-8.
    #[error("it is no UTF-8")]
    NotText,
    /// Something else where this member has to be.
    #[error("there is something else where the member `{0}` has to be")]
    Member(&'static str),
    /// Something behind the last member.
    #[error("there is something behind its last member")]
    Behind,
    /// A value that this member cannot have, or not written like this.
    #[error("`{0}` has a value that it cannot have, or one that is written otherwise")]
    Value(&'static str),
    /// A kind that is not known.
    #[error("there is no kind {0:?}")]
    Kind(String),
    /// Another number.
    #[error("its number is {found}, and has to be {}", expected.map_or("none".to_owned(), |n| n.to_string()))]
    Number {
        /// What it says.
        found: u32,
        /// What comes next.
        expected: Option<u32>,
    },
    /// It hangs on another line.
    #[error("it does not hang on the line before: that line was changed, or this one, or lines are missing between")]
    Prev,
    /// A time before that of the line before.
    #[error("its time {at} is before that of the line before, {before}")]
    Time {
        /// What it says.
        at: Timestamp,
        /// What the line before says.
        before: Timestamp,
    },
    /// Another mode than the lines before.
    #[error("its mode is {0}, and that of the lines before is not")]
    Mode(CeremonyMode),
    /// Another version of the form.
    #[error("its format is {0}, and this version reads {FORMAT}")]
    Format(u32),
    /// Not the body of a certificate.
    #[error("the certificate: {0}")]
    Body(CertificateError),
    /// Not a manifest.
    #[error("the manifest: {0}")]
    Manifest(ManifestError),
    /// Not the manifest of the statement.
    #[error("the manifest of the deal: {0}")]
    DealManifest(ManifestError),
    /// Not a deal statement.
    #[error("the statement: {0}")]
    Statement(#[from] StatementError),
    /// Not in the form of a signature.
    #[error(transparent)]
    Signature(#[from] SignatureForm),
    /// Not a box.
    #[error(transparent)]
    Box(#[from] BoxLength),
}

impl Fault {
    /// The check that refuses it, 1 to 16 ("What a verifier checks" in `docs/protocol/transcript.md`).
    #[must_use]
    pub const fn check(&self) -> u8 {
        match self {
            Self::Format(_) => 2,
            Self::Body(_) => 4,
            Self::Manifest(_) => 5,
            Self::Signature(_) => 6,
            Self::Box(_) => 9,
            Self::DealManifest(_) | Self::Statement(_) => 10,
            _ => 1,
        }
    }
}
