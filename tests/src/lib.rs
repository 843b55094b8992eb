//! The harness of the end-to-end tests: the real program in a process of its own, against a card in this one, which a
//! vpcd socket connects. So the program can be killed while the card lives on, and the card torn while the program does.
//!
//! - [`altered`]: a card whose answers somebody changes on their way.
//! - [`ceremony`]: a plan, its cards, and the program that carries it out.
//! - [`chance`]: random numbers that a seed repeats.
//! - [`custody`]: ceremonies between custodian cards.
//! - [`cli`]: the program, its files and its output.
//! - [`disk`]: a disk that fails where a test wants it to.
//! - [`expected`]: output as a test file has it, with wildcards.
//! - [`gate`]: a card that counts commands, and does something at a chosen one.
//! - [`host`]: a host that sends what a test wants.
//! - [`hsm`]: tokens in software, and what stands between them and the program.
//! - [`image`]: what is secret in a simulated card.
//! - [`java`]: Java cards in a JVM.
//! - [`seats`]: several cards, and a program that asks for one after the other.
//! - [`share`]: share objects for the custodian applet.
//! - [`speed`]: what benchmarks measure with.
//! - [`rig`]: pcscd with virtual readers in a namespace of its own.

// A harness fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod altered;
pub mod ceremony;
pub mod chance;
pub mod cli;
pub mod custody;
pub mod disk;
pub mod expected;
pub mod gate;
pub mod host;
pub mod hsm;
pub mod image;
pub mod java;
pub mod rig;
pub mod seats;
pub mod share;
pub mod speed;
