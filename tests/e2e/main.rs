//! End-to-end tests: the real program, cards in other processes.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod approvals;
mod attacks;
mod batch;
mod ceremony;
mod command_line;
mod custodian;
mod demo;
mod diversify;
mod documents;
mod faults_on_disk;
mod hostile;
mod hsm;
mod interrupted;
mod lifecycle;
mod peers;
mod pending;
mod readers;
mod replay;
mod secrets;
mod tokens;
mod vault_peer;
mod vaults;
