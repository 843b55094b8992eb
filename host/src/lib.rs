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
//! - [`control`]: the life of keys: states, approvals, what is due; whom the vaults ask before each use.
//! - [`report`]: one style for every HTML report.
//! - [`batch`]: cards made by the thousand: what a job's files say.
//! - [`rotate`]: the key change: durable, journaled, verified, resumable.
//! - [`custodian`]: a share of a master key on a card, and [`share_file`], where it is kept off a card.
//! - [`ceremony`]: a master key dealt to cards, drilled, released, destroyed, with the people and cards of a plan.
//! - [`books`]: journal and audit sink as the use cases call them. [`audit_file`]: the sink that is a file, and
//!   [`journal_file`], what is left of the journal that was one.
//! - [`world`]: time and randomness, which tests replace.
//! - [`error`]: all that can go wrong, one enum.
//!
//! The crates below: `cardwright-proto` (bytes on the wire, no I/O), `cardwright-keys` (policy, no I/O),
//! `cardwright-link` (readers), `cardwright-hsm` (vaults). The command line is in `src/bin/cardwright/`.

pub mod audit_file;
pub mod batch;
pub mod books;
pub mod candidates;
pub mod card;
pub mod ceremony;
pub mod control;
pub mod custodian;
pub mod error;
pub mod identify;
pub mod journal_file;
pub mod report;
pub mod rotate;
pub mod session;
pub mod share_file;
pub mod world;
