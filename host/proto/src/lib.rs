//! What travels between a host and a card, and nothing else.
//!
//! No I/O, no clock, no randomness, no `std`: bytes in, bytes out. Read in this order:
//!
//! 1. [`apdu`] and [`status`]: commands, responses, status words (ISO/IEC 7816-4).
//! 2. [`tlv`]: BER-TLV data objects.
//! 3. [`scp`]: GlobalPlatform secure channels, the host's side and the card's.
//! 4. [`gp`]: one file a command, each an implementation of [`gp::Command`].
//! 5. [`custody`]: the same for the custodian applet.
//!
//! Clause numbers: "CS" is the GlobalPlatform Card Specification 2.3.1, "AmdD" its Amendment D 1.2 (SCP03).
#![no_std]

extern crate alloc;

pub mod apdu;
pub mod block;
pub mod custody;
pub mod gp;
pub mod scp;
pub mod status;
pub mod tlv;
