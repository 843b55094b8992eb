//! The use case `cardwright::ceremony`, in process: simulated cards whose line, power or answers fail wherever they can.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod power;
