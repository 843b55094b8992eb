//! What a user sees of a card, the same on every target. The environment variable CARD names it:
//!
//! - `sim` (where it is not set): simulated cards that live in files;
//! - `java`: Java cards that dial in over vpcd;
//! - `pcsc`: Java cards behind a pcscd of their own, with vsmartcard's virtual readers;
//! - `pcsc:READER`: a real card. What will change on it is listed first, and somebody has to say yes.
//!
//! `docs/guides/test-rigs.md` says how to run it.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod by_hand;
mod card;
mod custodian;
mod keys;
mod lost;
mod ports;
mod real;
mod sessions;
mod target;
