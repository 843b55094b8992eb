//! The vault on Kryoptic, the real module: see `pkcs11/mod.rs` for how.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod pkcs11;

tests!(Kryoptic);
