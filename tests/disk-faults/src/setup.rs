//! What the environment asks for, and the log.
//!
//! The log has a line for each operation, written before it is done:
//!
//! ```text
//! 17 pwrite 4096 short registry.db-wal
//! ```
//!
//! that is its number, its name, how many bytes, what goes wrong with it (`-`: nothing), and the file below the
//! directory.

use crate::Act;
use crate::fault::{Fault, Rule};
use crate::place::{Digits, Place};
use libc::{
    AT_FDCWD, F_DUPFD_CLOEXEC, O_APPEND, O_CLOEXEC, O_CREAT, O_WRONLY, SYS_close, SYS_fcntl, SYS_openat, SYS_write,
    c_int, c_long, iovec,
};
use std::ffi::CStr;
use std::sync::OnceLock;

/// The log's descriptor is none that a program is given by its number.
const FAR: c_int = 200;

/// What is watched, and what goes wrong there.
pub(crate) struct Setup {
    pub(crate) directory: Place,
    pub(crate) rule: Option<Rule>,
    log: c_int,
}

/// What the environment asks for; `None` where it asks for nothing.
pub(crate) fn setup() -> Option<&'static Setup> {
    static SETUP: OnceLock<Option<Setup>> = OnceLock::new();
    SETUP.get_or_init(read).as_ref()
}

fn read() -> Option<Setup> {
    let directory = Place::new(variable(c"DISK_FAULTS_BELOW")?.to_bytes());
    let Some(log) = variable(c"DISK_FAULTS_LOG") else { give_up(b"DISK_FAULTS_LOG is missing") };
    let rule = variable(c"DISK_FAULT").map(|text| match Rule::parse(text.to_bytes()) {
        Some(rule) => rule,
        None => give_up(b"DISK_FAULT is no N:KIND"),
    });
    // SAFETY: system calls with a path that ends in a zero, and descriptors of our own.
    let log = unsafe {
        let near = libc::syscall(SYS_openat, AT_FDCWD, log.as_ptr(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600);
        let far = libc::syscall(SYS_fcntl, near, F_DUPFD_CLOEXEC, FAR);
        libc::syscall(SYS_close, near);
        far
    };
    match c_int::try_from(log) {
        Ok(log) if log >= 0 => Some(Setup { directory, rule, log }),
        _ => give_up(b"DISK_FAULTS_LOG cannot be written"),
    }
}

fn variable(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: the name ends in a zero. What comes back is the environment's, which no program under test changes.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value))
    }
}

/// A test that asks wrongly must not go on as if it had asked.
fn give_up(why: &[u8]) -> ! {
    let said = [b"disk-faults: ".as_slice(), why, b"\n"];
    for piece in said {
        // SAFETY: the bytes are ours.
        unsafe { libc::syscall(SYS_write, 2, piece.as_ptr(), piece.len()) };
    }
    // SAFETY: it can always be called.
    unsafe { libc::abort() }
}

impl Setup {
    /// Adds a line with one write, so that lines of other threads do not mix with it.
    pub(crate) fn log(&self, number: u64, name: &[u8], act: Act, fault: Option<Fault>, file: &[u8]) {
        let len = if let Act::Write(len) = act { len as u64 } else { 0 };
        let (number, len) = (Digits::of(number), Digits::of(len));
        let fault = fault.map_or(b"-".as_slice(), Fault::name);
        let pieces = [number.text(), b" ", name, b" ", len.text(), b" ", fault, b" ", file, b"\n"];
        let pieces = pieces.map(|piece| iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() });
        // SAFETY: the pieces live until the call is over, and are only read.
        let written: c_long = unsafe { libc::syscall(libc::SYS_writev, self.log, pieces.as_ptr(), pieces.len()) };
        if written < 0 {
            give_up(b"DISK_FAULTS_LOG cannot be written");
        }
    }
}
