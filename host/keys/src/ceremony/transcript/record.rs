//! The members of each kind of record, read and written in one order.

use super::members::{Reader, Writer};
use super::{End, FORMAT, Fault, Record, Revoked};
use cardwright_proto::custody::certificate::{Certificate, CertificateBody};
use cardwright_proto::custody::combine::Verdict;
use cardwright_proto::custody::deal::Dealt;
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome, Statement};
use cardwright_proto::custody::receive::{Committed, Released, SignedReceipt};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::Bitmap;
use cardwright_proto::custody::take_part::{Approval, Offer};
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::status::StatusWord;

impl Record {
    /// The word for its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Ca { .. } => "ca",
            Self::Enrol { .. } => "enrol",
            Self::Revoked(_) => "revoked",
            Self::Manifest(_) => "manifest",
            Self::Approval { .. } => "approval",
            Self::Commitment { .. } => "commitment",
            Self::Offer { .. } => "offer",
            Self::Contribution { .. } => "contribution",
            Self::Box { .. } => "box",
            Self::Statement { .. } => "statement",
            Self::Receipt { .. } => "receipt",
            Self::Release { .. } => "release",
            Self::Refused { .. } => "refused",
            Self::Verdict(_) => "verdict",
            Self::Forget { .. } => "forget",
            Self::Export { .. } => "export",
            Self::Imported { .. } => "imported",
            Self::Shared { .. } => "shared",
            Self::Note { .. } => "note",
            Self::End { .. } => "end",
        }
    }
}

/// Writes what is behind the kind.
pub(super) fn write(record: &Record, line: &mut Writer) {
    match record {
        Record::Start { test_ca, operation, plan } => {
            line.number("format", FORMAT).number("test_ca", *test_ca).number("operation", operation.byte());
            line.bytes("plan", plan)
        }
        Record::Ca { key } => line.bytes("key", key),
        Record::Enrol { certificate: Certificate { body, signature }, possession } => {
            line.bytes("body", &body.encode());
            line.bytes("possession", &possession.map_or_else(Vec::new, |signature| signature.to_der()));
            line.signature(signature)
        }
        Record::Revoked(Revoked { certificate, reason }) => {
            line.bytes("certificate", certificate).text("reason", reason)
        }
        Record::Manifest(manifest) => line.bytes("manifest", &manifest.encode()),
        Record::Refused { x, word } => line.number("x", *x).bytes("word", &word.0.to_be_bytes()),
        Record::Imported { kcv } => line.bytes("kcv", &kcv.0),
        Record::Shared { x, m, count, kcv, share, place } => {
            line.number("x", *x).number("m", *m).number("count", *count).bytes("kcv", &kcv.0);
            line.bytes("share", share).text("where", place)
        }
        Record::Note { text } => line.text("text", text),
        Record::End { outcome: End::Done } => line.text("outcome", "done"),
        Record::End { outcome: End::Abandoned } => line.text("outcome", "abandoned"),
        _ => signed(record, line),
    };
}

/// What cards answer under a manifest.
fn signed<'w>(record: &Record, line: &'w mut Writer) -> &'w mut Writer {
    match record {
        Record::Approval { place, approval: Approval { counter, signature } } => {
            line.number("place", place.byte()).number("counter", *counter).signature(signature)
        }
        Record::Commitment { x, committed: Committed { commitment, signature } } => {
            line.number("x", *x).bytes("commitment", commitment).signature(signature)
        }
        Record::Offer { place, offer: Offer { point, signature } } => {
            line.number("place", place.byte()).bytes("point", point).signature(signature)
        }
        Record::Contribution { x, sealed } => line.number("x", *x).bytes("box", &sealed.to_bytes()),
        Record::Box { x, dealt: Dealt { sealed, commitment } } => {
            line.number("x", *x).bytes("box", &sealed.to_bytes()).bytes("share", commitment)
        }
        Record::Statement { manifest, statement, signature } => {
            line.bytes("manifest", &manifest.encode()).bytes("message", &statement.to_bytes()).signature(signature)
        }
        Record::Receipt { x, receipt: SignedReceipt { x: share, status, statement, signature } } => {
            line.number("x", *x).number("status", status.byte()).bytes("share", &[*share]);
            line.bytes("statement", statement).signature(signature)
        }
        Record::Release { x, released: Released { sealed, signature } } => {
            line.number("x", *x).bytes("box", &sealed.to_bytes()).signature(signature)
        }
        Record::Verdict(Verdict { bitmap, signature }) => line.bytes("bitmap", &bitmap.0).signature(signature),
        Record::Forget { outcome, statement, signature } => {
            line.number("status", outcome.byte()).bytes("statement", statement).signature(signature)
        }
        Record::Export { result, signature } => line.bytes("result", result).signature(signature),
        _ => line,
    }
}

/// Reads what is behind the kind.
pub(super) fn read(kind: &str, line: &mut Reader<'_>) -> Result<Record, Fault> {
    Ok(match kind {
        "start" => {
            let format = line.number("format")?;
            if format != FORMAT {
                return Err(Fault::Format(format));
            }
            let (test_ca, operation) = (line.number("test_ca")?, line.byte("operation")?);
            let test_ca = (test_ca < 2).then_some(test_ca == 1).ok_or(Fault::Value("test_ca"))?;
            let operation = Operation::from_byte(operation).ok_or(Fault::Value("operation"))?;
            Record::Start { test_ca, operation, plan: line.bytes("plan")? }
        }
        "ca" => Record::Ca { key: line.array("key")? },
        "enrol" => {
            let body = CertificateBody::parse(&line.bytes("body")?).map_err(Fault::Body)?;
            let possession = line.bytes("possession")?;
            let possession = if possession.is_empty() { None } else { Some(Signature::parse(&possession)?) };
            Record::Enrol { certificate: Certificate { body, signature: line.signature()? }, possession }
        }
        "revoked" => Record::Revoked(Revoked { certificate: line.array("certificate")?, reason: line.text("reason")? }),
        "manifest" => Record::Manifest(Manifest::parse(&line.bytes("manifest")?).map_err(Fault::Manifest)?),
        "refused" => Record::Refused { x: x(line)?, word: StatusWord(u16::from_be_bytes(line.array("word")?)) },
        "imported" => Record::Imported { kcv: Kcv(line.array("kcv")?) },
        "shared" => Record::Shared {
            x: x(line)?,
            m: line.byte("m")?,
            count: line.byte("count")?,
            kcv: Kcv(line.array("kcv")?),
            share: line.array("share")?,
            place: line.text("where")?,
        },
        "note" => Record::Note { text: line.text("text")? },
        "end" => Record::End {
            outcome: match line.text("outcome")?.as_str() {
                "done" => End::Done,
                "abandoned" => End::Abandoned,
                _ => return Err(Fault::Value("outcome")),
            },
        },
        _ => return answered(kind, line),
    })
}

/// What cards answer under a manifest.
fn answered(kind: &str, line: &mut Reader<'_>) -> Result<Record, Fault> {
    Ok(match kind {
        "approval" => {
            let (place, counter) = (place(line)?, line.number("counter")?);
            Record::Approval { place, approval: Approval { counter, signature: line.signature()? } }
        }
        "commitment" => {
            let (x, commitment) = (x(line)?, line.array("commitment")?);
            Record::Commitment { x, committed: Committed { commitment, signature: line.signature()? } }
        }
        "offer" => {
            let (place, point) = (place(line)?, line.array("point")?);
            Record::Offer { place, offer: Offer { point, signature: line.signature()? } }
        }
        "contribution" => Record::Contribution { x: x(line)?, sealed: sealed(BoxKind::Contribution, line)? },
        "box" => {
            let (x, sealed) = (x(line)?, sealed(BoxKind::Share, line)?);
            Record::Box { x, dealt: Dealt { sealed, commitment: line.array("share")? } }
        }
        "statement" => {
            let manifest = Manifest::parse(&line.bytes("manifest")?).map_err(Fault::DealManifest)?;
            let statement = Statement::parse(&line.bytes("message")?)?;
            Record::Statement { manifest, statement, signature: line.signature()? }
        }
        "receipt" => {
            let (x, status) = (x(line)?, line.byte("status")?);
            let status = Held::from_byte(status).ok_or(Fault::Value("status"))?;
            let ([share], statement) = (line.array("share")?, line.array("statement")?);
            Record::Receipt { x, receipt: SignedReceipt { x: share, status, statement, signature: line.signature()? } }
        }
        "release" => {
            let (x, sealed) = (x(line)?, sealed(BoxKind::Release, line)?);
            Record::Release { x, released: Released { sealed, signature: line.signature()? } }
        }
        "verdict" => Record::Verdict(Verdict { bitmap: Bitmap(line.array("bitmap")?), signature: line.signature()? }),
        "forget" => {
            let (status, statement) = (line.byte("status")?, line.array("statement")?);
            let outcome = Outcome::from_byte(status).ok_or(Fault::Value("status"))?;
            Record::Forget { outcome, statement, signature: line.signature()? }
        }
        "export" => Record::Export { result: line.bytes("result")?, signature: line.signature()? },
        _ => return Err(Fault::Kind(kind.to_owned())),
    })
}

/// A custodian's x. That it is at most n is for the verifier to see.
fn x(line: &mut Reader<'_>) -> Result<u8, Fault> {
    Some(line.byte("x")?).filter(|x| *x != 0).ok_or(Fault::Value("x"))
}

fn place(line: &mut Reader<'_>) -> Result<Place, Fault> {
    Place::from_byte(line.byte("place")?).ok_or(Fault::Value("place"))
}

fn sealed(kind: BoxKind, line: &mut Reader<'_>) -> Result<SealedBox, Fault> {
    Ok(SealedBox::parse(kind, &line.bytes("box")?)?)
}
