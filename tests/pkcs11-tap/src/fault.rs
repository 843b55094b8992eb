//! What goes wrong, and when: `TAP_FAIL=N:KIND`.
//!
//! | KIND | |
//! |---|---|
//! | `error`, `error=30` | the call is not made, and returns CKR_FUNCTION_FAILED, or what the hexadecimal number says |
//! | `session` | the call's session is closed, and the call returns CKR_SESSION_HANDLE_INVALID |
//! | `removed` | this call and all later ones but `C_Finalize` return CKR_DEVICE_REMOVED |
//! | `short`, `long`, `empty` | the call is made, and each length in its results is one less, one more, or none |
//! | `kill-before`, `kill-after` | the process is killed before or after the call is made |
//! | `pin` | from this call on, every `C_Login` returns CKR_PIN_INCORRECT, and is not made |
//!
//! A kind that does not fit the N-th call does nothing: `session` at a call without one, lengths where there are none.

use cryptoki_sys::{CK_RV, CK_SESSION_HANDLE, CK_ULONG, CK_UNAVAILABLE_INFORMATION, CKR_FUNCTION_FAILED};
use std::str::FromStr;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Error(CK_RV),
    Session,
    Removed,
    Length(Wrong),
    KillBefore,
    KillAfter,
    Pin,
}

/// How a length is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wrong {
    Short,
    Long,
    Empty,
}

/// The fault, and the number of the call that it is for.
#[derive(Debug)]
pub(crate) struct Rule {
    number: u64,
    fault: Fault,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("TAP_FAIL: {text} is no N:KIND");
        let (number, kind) = text.split_once(':').ok_or_else(wrong)?;
        let fault = match kind {
            "error" => Fault::Error(CKR_FUNCTION_FAILED),
            "session" => Fault::Session,
            "removed" => Fault::Removed,
            "short" => Fault::Length(Wrong::Short),
            "long" => Fault::Length(Wrong::Long),
            "empty" => Fault::Length(Wrong::Empty),
            "kill-before" => Fault::KillBefore,
            "kill-after" => Fault::KillAfter,
            "pin" => Fault::Pin,
            _ => {
                let rv = kind.strip_prefix("error=").ok_or_else(wrong)?;
                Fault::Error(CK_RV::from_str_radix(rv, 16).map_err(|_| wrong())?)
            }
        };
        Ok(Self { number: number.parse().map_err(|_| wrong())?, fault })
    }
}

impl Rule {
    /// What goes wrong with this call.
    pub(crate) fn at(&self, number: u64, name: &str, session: Option<CK_SESSION_HANDLE>) -> Option<Fault> {
        let hit = match self.fault {
            Fault::Removed => number >= self.number && name != "C_Finalize",
            Fault::Pin => number >= self.number && name == "C_Login",
            Fault::Session => number == self.number && session.is_some(),
            _ => number == self.number,
        };
        hit.then_some(self.fault)
    }
}

/// Where a length in the results will be.
#[derive(Debug)]
pub(crate) struct Length {
    place: *mut CK_ULONG,
    /// How much the caller has room for; `None` where it only asks for the length.
    room: Option<CK_ULONG>,
}

impl Length {
    /// Of the data at `data`, in `place`, which holds how much room there is until the call is made.
    ///
    /// # Safety
    ///
    /// `place` is not null, and can be read and written until after the call.
    pub(crate) unsafe fn new<T>(data: *const T, place: *mut CK_ULONG) -> Self {
        // SAFETY: the caller of this function says so.
        Self { place, room: (!data.is_null()).then(|| unsafe { *place }) }
    }

    /// Whether there is a place for data, and no room in it.
    pub(crate) fn is_full(&self) -> bool {
        self.room == Some(0)
    }

    /// Changes it after the call. It never says more than there is room for: the caller would read beyond it.
    pub(crate) fn misstate(&self, wrong: Wrong) {
        // SAFETY: see `new`.
        let length = unsafe { &mut *self.place };
        if *length == CK_UNAVAILABLE_INFORMATION {
            return;
        }
        *length = match wrong {
            Wrong::Short => length.saturating_sub(1),
            Wrong::Long if self.room.is_none_or(|room| *length < room) => *length + 1,
            Wrong::Long => *length,
            Wrong::Empty => 0,
        };
    }
}
