//! Proofs of the protocol crate: values from elsewhere, our host against our card, and cards that cheat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests stop the test")]

mod allocation;
mod apdu;
mod card_side;
mod class;
mod custody;
mod custody_commands;
mod custody_manifest;
mod custody_objects;
mod gp;
mod hostile;
mod initialize;
mod keys;
mod order;
mod pair;
mod sessions;
mod tlv;
mod vectors;
mod wycheproof;
