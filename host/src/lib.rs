//! Cardwright: loads, splits, rotates and proves smart-card keys.
//!
//! # Reading guide
//!
//! Start with [`session`]: the only loop, which drives the channel's state machine (`cardwright_proto::scp::scp03`)
//! over a link (`cardwright_link::Transport`) with keys from a vault (`cardwright_keys::vault::Vault`). Then:
//!
//! - [`card`]: one command and its whole answer, chaining and 61xx included.
//! - [`identify`]: what a card says about itself without authentication.
//! - [`candidates`]: which keys a card has, found out offline.
//! - [`rotate`]: the key change: durable, journaled, verified, resumable.
//! - [`custodian`]: a share of a master key on a card, and [`share_file`], where it is kept off a card.
//! - [`books`]: journal and audit sink as the use cases call them; [`journal_file`] is their first implementation.
//! - [`world`]: time and randomness, which tests replace.
//! - [`error`]: all that can go wrong, one enum.
//!
//! The crates below: `cardwright-proto` (bytes on the wire, no I/O), `cardwright-keys` (policy, no I/O),
//! `cardwright-link` (readers), `cardwright-hsm` (vaults). The command line is in `src/bin/cardwright/`.

pub mod books;
pub mod candidates;
pub mod card;
pub mod custodian;
pub mod error;
pub mod identify;
pub mod journal_file;
pub mod rotate;
pub mod session;
pub mod share_file;
pub mod world;
