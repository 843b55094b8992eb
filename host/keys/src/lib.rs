//! Keys and the rules about them, without I/O.
//!
//! - [`keyref`]: how a person names keys on the command line.
//! - [`key`]: keys in memory, the text that they are read from, check values.
//! - [`diversify`]: a card's keys from a master.
//! - [`vault`]: the port to whatever holds keys: files now, HSMs later.
//! - [`job`]: which cards are made of which blanks, what becomes of each chip, what two people sign.
//! - [`journal`]: what is written down before a card is changed, and what is read back after a crash.
//! - [`audit`]: what is written down for other people.
//! - [`lifecycle`]: a key's states, who moves it from one to the next, what it serves for in each.
//! - [`approval`]: dual control: requests, signatures, the policy that asks for them.
//! - [`share`]: a secret split into shares, and joined again.
//! - [`custody`]: what custodian cards sign, hash and seal.
//! - [`ceremony`]: its plan, its transcript, and who checks it.

pub mod approval;
pub mod audit;
pub mod ceremony;
mod cipher;
pub mod custody;
pub mod diversify;
pub mod job;
pub mod journal;
pub mod key;
pub mod keyref;
pub mod lifecycle;
pub mod share;
pub mod vault;
#[cfg(test)]
mod vectors;
mod words;
