//! SHA-256 of one thing or another. What is hashed begins with the tag of what it is, but for a key and an export's result.

use cardwright_proto::custody::Hash;
use cardwright_proto::custody::certificate::{CertificateBody, CertifiedKey};
use cardwright_proto::custody::manifest::Manifest;
use cardwright_proto::custody::message::Statement;
use cardwright_proto::custody::sealed::SealedBox;
use cardwright_proto::custody::tag::Kind;
use sha2::{Digest, Sha256};

/// SHA-256 of the parts, one after another.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// A certificate's hash: of its body alone, so that a second signature makes no second certificate.
#[must_use]
pub fn certificate(body: &CertificateBody) -> Hash {
    sha256(&[&body.encode()])
}

/// What a CA remembers of a key that it certified: the hash of the key field.
#[must_use]
pub fn key(key: &CertifiedKey) -> Hash {
    sha256(&[key.bytes()])
}

/// M, a manifest's hash.
#[must_use]
pub fn manifest(manifest: &Manifest) -> Hash {
    sha256(&[&manifest.encode()])
}

/// A statement's hash: of the whole message, without its signature.
#[must_use]
pub fn statement(statement: &Statement) -> Hash {
    sha256(&[&statement.to_bytes()])
}

/// A box's hash: SHA-256(T(16) | box).
#[must_use]
pub fn sealed(sealed: &SealedBox) -> Hash {
    sha256(&[&Kind::OneBox.tag(), &sealed.to_bytes()])
}

/// B: SHA-256(T(0F) | box hash 1 | ... | box hash n).
#[must_use]
pub fn boxes(hashes: &[Hash]) -> Hash {
    sha256(&[&Kind::BoxList.tag(), hashes.as_flattened()])
}

/// The hash of a transcript's line, SHA-256(T(20) | its bytes without line feed).
#[must_use]
pub fn line(line: &[u8]) -> Hash {
    sha256(&[&Kind::Line.tag(), line])
}
