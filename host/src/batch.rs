//! Thousands of cards over many readers: nothing lost, nothing done twice.
//!
//! A [`run`](run::run) has a thread for each reader, which takes one card after the other from its feeder, and one thread
//! that writes for all of them. From the outside in:
//!
//! - [`inputs`]: the files of a job, checked before the first card;
//! - [`run`](mod@run): readers, breaker, the end of a run; [`figures`]: what it took;
//! - [`ahead`]: keys ready before the card is;
//! - [`station`]: one card; `admission`: which record it is for; `contents`: what it gets besides keys;
//! - [`desk`]: what readers have to say, made durable together; [`exchanged`]: what went over the contacts.

mod admission;
pub mod ahead;
pub mod breaker;
mod contents;
pub mod desk;
mod error;
pub mod exchanged;
mod failure;
pub mod figures;
pub mod inputs;
pub mod run;
pub mod statements;
pub mod station;

pub use admission::Hands;
pub use contents::Contents;
pub use error::{Aside, BatchError};
pub use run::run;

#[cfg(test)]
pub(crate) mod tests;
