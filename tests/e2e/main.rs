//! End-to-end tests: the real program, cards in other processes.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command_line;
mod custodian;
mod diversify;
mod documents;
mod hostile;
mod hsm;
mod interrupted;
mod peers;
mod pending;
mod readers;
mod replay;
mod secrets;
mod tokens;
mod vault_peer;
mod vaults;
