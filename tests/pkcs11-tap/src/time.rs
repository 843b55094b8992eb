//! Time spent in the module behind: `TAP_TIME`.

use cryptoki_sys::CK_RV;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Adds up in memory, so that a call costs two looks at the clock. `C_GetInfo`, which does nothing else that a benchmark
/// wants, writes the sums down, and is not among the calls.
pub(crate) struct Time {
    file: File,
    calls: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Time {
    pub(crate) fn new(file: File) -> Self {
        Self { file, calls: AtomicU64::new(0), nanoseconds: AtomicU64::new(0) }
    }

    /// Does a call.
    pub(crate) fn measure(&self, name: &str, forward: impl FnOnce() -> CK_RV) -> CK_RV {
        if name == "C_GetInfo" {
            self.write();
            return forward();
        }
        let started = Instant::now();
        let rv = forward();
        let nanoseconds = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        rv
    }

    fn write(&self) {
        let (calls, nanoseconds) = (self.calls.load(Ordering::Relaxed), self.nanoseconds.load(Ordering::Relaxed));
        // The digits never become fewer, so that nothing of old numbers stays behind.
        self.file.write_all_at(format!("{calls} {nanoseconds}").as_bytes(), 0).expect("TAP_TIME can be written");
    }
}
