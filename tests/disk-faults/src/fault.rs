//! What goes wrong, and when: `DISK_FAULT=N:KIND`.
//!
//! | KIND | at | |
//! |---|---|---|
//! | `kill` | all | the process is killed before the operation |
//! | `kill-after` | all | the process is killed behind the operation |
//! | `short` | writes | half of the bytes are written, then the process is killed |
//! | `full` | all | from this operation on the disk is full: a write that it begins at is done by half, and all later writes, new files and new room are refused with ENOSPC |
//! | `sync-error` | fsync | the operation is not done, and returns EIO; the next one of its kind succeeds |
//! | `io` | all | the same at any operation |
//!
//! A kind that does not fit the N-th operation does nothing. Half of a copy is half of what is asked for, which may be more
//! than there is.

use crate::Act;
use libc::{EIO, ENOSPC, c_int};

/// What goes wrong with an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Kill,
    KillAfter,
    Short,
    Full,
    SyncError,
    Io,
}

/// What is done in the place of an operation.
#[derive(Clone, Copy)]
pub(crate) enum Deed {
    /// As if nothing were there.
    Whole,
    /// A write, of half of its bytes.
    Half,
    Kill,
    WholeAndKill,
    HalfAndKill,
    Fail(c_int),
}

/// The fault, and the number of the operation that it is for.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    number: u64,
    fault: Fault,
}

impl Fault {
    /// By name.
    fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"kill" => Self::Kill,
            b"kill-after" => Self::KillAfter,
            b"short" => Self::Short,
            b"full" => Self::Full,
            b"sync-error" => Self::SyncError,
            b"io" => Self::Io,
            _ => return None,
        })
    }

    /// By which the log calls it.
    pub(crate) const fn name(self) -> &'static [u8] {
        match self {
            Self::Kill => b"kill",
            Self::KillAfter => b"kill-after",
            Self::Short => b"short",
            Self::Full => b"full",
            Self::SyncError => b"sync-error",
            Self::Io => b"io",
        }
    }
}

impl Rule {
    /// Reads `N:KIND`.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let colon = text.iter().position(|byte| *byte == b':')?;
        let number = str::from_utf8(&text[..colon]).ok()?.parse().ok()?;
        Some(Self { number, fault: Fault::parse(&text[colon + 1..])? })
    }

    /// What goes wrong with this operation, and what is done in its place.
    pub(crate) fn at(self, number: u64, act: Act) -> Option<(Fault, Deed)> {
        let first = number == self.number;
        let deed = match self.fault {
            Fault::Kill if first => Deed::Kill,
            Fault::KillAfter if first => Deed::WholeAndKill,
            Fault::Short if first && matches!(act, Act::Write(_)) => Deed::HalfAndKill,
            Fault::Full if first && matches!(act, Act::Write(len) if len > 1) => Deed::Half,
            Fault::Full if number >= self.number && matches!(act, Act::Write(_) | Act::Make) => Deed::Fail(ENOSPC),
            Fault::SyncError if first && matches!(act, Act::Sync) => Deed::Fail(EIO),
            Fault::Io if first => Deed::Fail(EIO),
            _ => return None,
        };
        Some((self.fault, deed))
    }
}
