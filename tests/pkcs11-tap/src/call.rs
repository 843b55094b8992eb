//! One call: counted, written down, and done by the module behind, or not.

use crate::fault::{Fault, Length, Rule};
use crate::item::Item;
use crate::log::Line;
use crate::time::Time;
use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_RV, CK_SESSION_HANDLE, CKR_BUFFER_TOO_SMALL, CKR_DEVICE_REMOVED, CKR_OK, CKR_PIN_INCORRECT,
    CKR_SESSION_HANDLE_INVALID, Pkcs11,
};
use rustix::process::{Signal, getpid, kill_process};
use std::env::var_os;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the environment says, and how far it has come.
struct Tap {
    module: &'static CK_FUNCTION_LIST,
    log: Option<File>,
    count: Option<File>,
    time: Option<Time>,
    rule: Option<Rule>,
    calls: AtomicU64,
}

static TAP: OnceLock<Tap> = OnceLock::new();

/// Reads the environment and loads the module behind, the first time.
pub(crate) fn setup() -> Result<(), String> {
    if TAP.get().is_none() {
        // Another thread may have been faster; then what this one made goes.
        let _ = TAP.set(Tap::new()?);
    }
    Ok(())
}

impl Tap {
    fn new() -> Result<Self, String> {
        let create = |path: OsString| OpenOptions::new().create(true).append(true).open(path);
        let truncate = |path: OsString| OpenOptions::new().create(true).truncate(true).write(true).open(path);
        let time = var_os("TAP_TIME").map(truncate).transpose().map_err(|error| format!("TAP_TIME: {error}"))?;
        Ok(Self {
            module: load(&var_os("TAP_MODULE").ok_or("there is no TAP_MODULE")?)?,
            log: var_os("TAP_LOG").map(create).transpose().map_err(|error| format!("TAP_LOG: {error}"))?,
            count: var_os("TAP_COUNT").map(truncate).transpose().map_err(|error| format!("TAP_COUNT: {error}"))?,
            time: time.map(Time::new),
            rule: std::env::var("TAP_FAIL").ok().map(|text| text.parse()).transpose()?,
            calls: AtomicU64::new(0),
        })
    }

    /// Does a call with `forward`.
    fn forward(&self, name: &str, forward: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
        match &self.time {
            Some(time) => time.measure(name, || forward(self.module)),
            None => forward(self.module),
        }
    }

    /// The number of the call that begins now.
    fn count(&self) -> u64 {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(file) = &self.count {
            // The digits never become fewer, so that nothing of an old number stays behind.
            file.write_all_at(number.to_string().as_bytes(), 0).expect("TAP_COUNT can be written");
        }
        number
    }
}

/// Loads a module for good.
fn load(path: &OsString) -> Result<&'static CK_FUNCTION_LIST, String> {
    let mut list = std::ptr::null_mut();
    // SAFETY: whoever names a module answers for the code in it.
    unsafe {
        let library = Pkcs11::new(path).map_err(|error| format!("TAP_MODULE: {error}"))?;
        let rv = library.C_GetFunctionList(&raw mut list);
        std::mem::forget(library);
        list.as_ref().filter(|_| rv == CKR_OK).ok_or_else(|| format!("TAP_MODULE: C_GetFunctionList says {rv:#x}"))
    }
}

/// Forwards a call with `forward`. `given` is what goes in, `got` where its results are to be.
pub(crate) fn run(
    name: &str,
    session: Option<CK_SESSION_HANDLE>,
    given: &[Item],
    got: &[Item],
    forward: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV,
) -> CK_RV {
    let tap = TAP.get().expect("C_GetFunctionList comes first");
    let number = tap.count();
    let fault = tap.rule.as_ref().and_then(|rule| rule.at(number, name, session));
    // What goes in is read before the call: its results may take the same place.
    let mut line = tap.log.as_ref().map(|log| Line::new(log, number, name, session, given));
    let rv = match fault {
        None | Some(Fault::KillAfter | Fault::Length(_)) => {
            let lengths: Vec<_> = got.iter().flat_map(Item::lengths).collect();
            // Kryoptic wraps where there is no room, if it said before that it needs none, as a rule here may have done.
            let no_room = name == "C_WrapKey" && lengths.iter().any(Length::is_full);
            let rv = if no_room { CKR_BUFFER_TOO_SMALL } else { tap.forward(name, forward) };
            line = line.map(|line| line.results(rv, got));
            if let Some(Fault::Length(wrong)) = fault
                && rv == CKR_OK
            {
                lengths.iter().for_each(|length| length.misstate(wrong));
            }
            rv
        }
        Some(Fault::KillBefore) => CKR_OK,
        Some(Fault::Error(rv)) => rv,
        Some(Fault::Removed) => CKR_DEVICE_REMOVED,
        Some(Fault::Pin) => CKR_PIN_INCORRECT,
        Some(Fault::Session) => {
            if let (Some(close), Some(session)) = (tap.module.C_CloseSession, session) {
                // SAFETY: any number may be handed in as a session.
                unsafe { close(session) };
            }
            CKR_SESSION_HANDLE_INVALID
        }
    };
    if let Some(line) = line {
        line.write(rv, fault);
    }
    if matches!(fault, Some(Fault::KillBefore | Fault::KillAfter)) {
        kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
    }
    rv
}
