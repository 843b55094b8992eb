//! What is signed is what is read, and every attack on the check of signatures.

mod attacks;
mod files;
mod past;
mod words;

use super::{Approval, Filed, Nonce, Operation, Operator, Operators, Policy, PublicKey, Request};
use crate::keyref::Name;
use crate::lifecycle::{Act, Role};
use ed25519_dalek::{Signer, SigningKey};

/// 2026-11-22 12:00:00 UTC.
const NOON: u64 = 1_795_348_800;
const HOUR: u64 = 3600;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The key of an operator: everybody has one that is made of the name.
fn signing(operator: &str) -> SigningKey {
    let mut seed = [0x5A; 32];
    seed[..operator.len()].copy_from_slice(operator.as_bytes());
    SigningKey::from_bytes(&seed)
}

fn public(operator: &str) -> PublicKey {
    PublicKey::new(signing(operator).verifying_key().as_bytes()).unwrap()
}

fn operator(who: &str, person: &str, roles: &[Role]) -> Operator {
    Operator { person: name(person), roles: roles.to_vec(), key: public(who), retired: None }
}

/// Anna manages keys; Ben, Cem and Dora are custodians, Ben under two names; Eve runs the cards.
fn operators() -> Operators {
    let mut operators = Operators::default();
    for (who, person, role) in [
        ("anna", "anna", Role::KeyManager),
        ("anna2", "anna", Role::Custodian),
        ("ben", "ben", Role::Custodian),
        ("ben2", "ben", Role::Custodian),
        ("cem", "cem", Role::Custodian),
        ("dora", "dora", Role::Custodian),
        ("eve", "eve", Role::CardManager),
    ] {
        operators.add(name(who), operator(who, person, &[role])).unwrap();
    }
    operators
}

/// Two custodians within a day for the end of a key.
fn policy() -> Policy {
    let rule = serde_json::json!({ "operation": "destroy", "approvals": 2, "of": ["custodian"], "within": "24h" });
    serde_json::from_value(serde_json::json!({ "rule": [rule] })).unwrap()
}

fn operation() -> Operation {
    Operation {
        act: Act::Destroy,
        key: "office/kmc:2".parse().unwrap(),
        what: "AES 8BAF47".to_owned(),
        steps: 3,
        head: [0xC4; 32],
        not_before: None,
    }
}

fn request() -> Request {
    Request {
        operation: operation(),
        reason: "the cards of this year have expired".to_owned(),
        requester: name("anna"),
        at: NOON,
        nonce: Nonce([0x17; 16]),
    }
}

/// A request signed by the one who it says asks.
fn filed(request: &Request) -> Filed {
    signed_by(request.requester.as_str(), request)
}

fn signed_by(who: &str, request: &Request) -> Filed {
    let text = request.text();
    let signature = signing(who).sign(&Filed::message(&text)).to_bytes();
    Filed { text, signature, approvals: Vec::new(), spent: false }
}

fn approval(filed: &Filed, who: &str, at: u64) -> Approval {
    let signature = signing(who).sign(&Approval::message(&filed.text, &name(who), at)).to_bytes();
    Approval { operator: name(who), at, signature }
}

/// The request with approvals an hour later.
fn approved(request: &Request, by: &[&str]) -> Filed {
    let mut filed = filed(request);
    filed.approvals = by.iter().map(|who| approval(&filed, who, request.at + HOUR)).collect();
    filed
}
