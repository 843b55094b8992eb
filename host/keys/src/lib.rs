//! Keys and the rules about them, without I/O.
//!
//! - [`keyref`]: how a person names keys on the command line.
//! - [`vault`]: the port to whatever holds keys: files now, HSMs later.
//! - [`journal`]: what is written down before a card is changed, and what is read back after a crash.
//! - [`audit`]: what is written down for other people.

pub mod audit;
pub mod journal;
pub mod keyref;
pub mod vault;
