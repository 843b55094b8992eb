//! The Java cards: the host against the Java security domain, an independent peer of the Rust card's, and the custodian
//! applet under it. Each test prints what it counted; where the Java cards are not built, that it was skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod custody;
mod differential;
mod fuzz;
mod order;
mod sessions;
mod tears;
