//! What custodian cards sign, hash and seal (`docs/protocol/custody-objects.md`): the cryptography on the objects of
//! [`cardwright_proto::custody`], for the card's side and for whoever checks it.
//!
//! - [`hash`]: the hashes that name certificates, manifests, statements, boxes.
//! - [`signing`]: P-256 points, key pairs, signatures.
//! - [`secret`]: how a secret comes of contributions.
//! - [`sealing`]: boxes. [`import`]: an HSM's key, and what goes to it.
//!
//! Randomness comes from the caller. Shares, their commitments and their joining are in [`crate::share`], check values in
//! [`crate::key`].

pub mod hash;
pub mod import;
pub mod sealing;
pub mod secret;
pub mod signing;
