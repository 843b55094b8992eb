//! A ceremony on paper: what is planned, what was written down, and whether that is what the cards signed.
//!
//! - [`plan`]: who does what with which card, in a file that its people agree on.
//! - [`transcript`]: what the host writes down, line by line (`docs/protocol/transcript.md`).
//! - [`verify`]: checks a transcript with the CA's point alone.
//! - [`words`]: fingerprints that people can read aloud.

pub mod plan;
pub mod transcript;
pub mod verify;
pub mod words;
