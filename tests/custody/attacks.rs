//! The attacks of `docs/protocol/custody-objects.md`, each by the words that it has there.

mod people;
mod shares;

use crate::target::{Line, cards};
use cardwright_keys::custody::hash;
use cardwright_keys::custody::signing::KeyPair;
use cardwright_proto::custody::Hash;
use cardwright_proto::custody::certificate::{Certificate, CertificateBody, CertifiedKey, Roles, possession};
use cardwright_proto::custody::enrol::SignCertificate;
use cardwright_proto::custody::manifest::{Manifest, Operation};
use cardwright_proto::custody::message::{Fields, Message};
use cardwright_proto::custody::signature::Signature;
use cardwright_tests::custody::{Ceremony, Deal};

type Cards = Ceremony<Line>;

/// 2 of 3, to where the dealer waits for the custodians' signatures.
fn prepared() -> Option<Cards> {
    let mut ceremony = cards(3)?;
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    Some(ceremony)
}

/// The same, to where the statement is made.
fn stated() -> Option<Cards> {
    let mut ceremony = prepared()?;
    ceremony.contribute();
    ceremony.state();
    Some(ceremony)
}

/// The same, to its end.
fn dealt() -> Option<Cards> {
    let mut ceremony = cards(3)?;
    ceremony.deal(Deal::aes256(2));
    Some(ceremony)
}

/// Somebody with a certificate and a will of their own.
struct Rogue {
    key: KeyPair,
    certificate: Certificate,
}

impl Rogue {
    /// Certified by the ceremony's CA.
    fn certified(ceremony: &mut Cards, seed: u8, roles: Roles) -> Self {
        let key = KeyPair::new(&[seed; 32]).unwrap();
        let body =
            CertificateBody { identity: [seed; 8], roles, applet: [0; 32], key: CertifiedKey::P256(key.point()) };
        let proof = key.sign(&possession(&body.identity, &key.point()));
        ceremony.ca.insert();
        ceremony.ca.verify();
        let signature = ceremony.ca.ok(&SignCertificate { body: &body, possession: Some(&proof) });
        Self { key, certificate: Certificate { body, signature } }
    }

    fn hash(&self) -> Hash {
        hash::certificate(&self.certificate.body)
    }

    /// Its signature of a message under a manifest.
    fn signs(&self, manifest: &Manifest, fields: Fields) -> Signature {
        let message = Message { manifest: hash::manifest(manifest), signer: self.hash(), fields };
        self.key.sign(&message.to_bytes())
    }
}
