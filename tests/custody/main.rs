//! Ceremonies between custodian cards, the simulated ones or Java's ([`target`]): the course, the order of every command's
//! checks, the attacks of `docs/protocol/custody-objects.md`; and on simulated ones power lost at every write.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attacks;
mod course;
mod order;
mod settled;
mod target;
mod tears;
