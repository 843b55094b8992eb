//! What keeps a process's memory out of core files, other processes and swap.

use cardwright_proto::block::AesKey;
use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use zeroize::Zeroize;

/// A protection that this system does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unprotected {
    /// The limit on core files could not be set to zero.
    #[error("core files could not be switched off (RLIMIT_CORE): {0}")]
    CoreLimit(Errno),
    /// The process can still be dumped, and attached to by its own user.
    #[error("the process could not be made undumpable (PR_SET_DUMPABLE): {0}")]
    Dumpable(Errno),
    /// Keys may be written to swap, because only so much memory may be locked.
    ///
    /// Locking under a limit would be worse: the process would die where its stack or heap grows over it.
    #[error(
        "keys may reach the swap: the limit on locked memory is {limit} bytes and could not be lifted (RLIMIT_MEMLOCK)"
    )]
    MemoryLockLimit {
        /// RLIMIT_MEMLOCK
        limit: u64,
    },
    /// Keys may be written to swap: the system refused to lock memory.
    #[error("keys may reach the swap: memory could not be locked (mlockall): {0}")]
    MemoryLock(Errno),
}

/// Switches core files off, makes the process undumpable, locks its memory. To be called before the first key is read.
///
/// Gives what could not be done; nothing is left undone because of something else that failed.
#[must_use]
pub fn protect_process() -> Vec<Unprotected> {
    [no_core_files(), no_dumps(), no_swap()].into_iter().filter_map(Result::err).collect()
}

/// Overwrites the stack below the caller, 128 KiB deep, and the processor's registers, which a core file has in it too. To
/// be called when the work with keys is done.
///
/// Keys are wiped where they live, but an expanded key is handed from function to function before it gets there, and
/// every hand-over leaves a copy in a frame that is dead by now. 128 KiB is several times what the deepest of them use.
#[inline(never)]
pub fn scrub_stack() {
    let mut dead = [0_u8; 128 * 1024];
    dead.zeroize();
    std::hint::black_box(&dead);
    [16, 24, 32].iter().for_each(|len| overwrite_registers(*len));
}

/// The registers that a cipher keeps round keys in hold them until it needs these registers again: for a key of zeros.
fn overwrite_registers(key_len: usize) {
    let mut data = [0; 1024];
    if let Ok(key) = AesKey::new(&[0; 32][..key_len]) {
        key.cbc_encrypt(&[0; 16], &mut data);
        key.cbc_decrypt(&[0; 16], &mut data);
        key.encrypt_block(&mut [0; 16]);
    }
    std::hint::black_box(&data);
}

fn no_core_files() -> Result<(), Unprotected> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(Unprotected::CoreLimit)
}

fn no_dumps() -> Result<(), Unprotected> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(Unprotected::Dumpable)
}

fn no_swap() -> Result<(), Unprotected> {
    let limit = getrlimit(Resource::Memlock);
    if let Some(bytes) = limit.current {
        let lifted = [Rlimit { current: None, maximum: None }, Rlimit { current: None, ..limit }];
        if !lifted.into_iter().any(|lifted| setrlimit(Resource::Memlock, lifted).is_ok()) {
            return Err(Unprotected::MemoryLockLimit { limit: bytes });
        }
    }
    // On fault: pages that are never touched, of thread stacks above all, are not made real.
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    mlockall(all).map_err(Unprotected::MemoryLock)
}

#[cfg(test)]
mod tests {
    use super::protect_process;

    /// One test, for it changes the process that runs it: what the system says afterwards is what was promised.
    #[test]
    fn the_system_confirms_what_was_done() {
        let undone = protect_process();
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
        assert_eq!(rustix::process::dumpable_behavior(), Ok(rustix::process::DumpableBehavior::NotDumpable));
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap().trim();
        assert_eq!(locked == "0 kB", !undone.is_empty(), "{locked}, {undone:?}");
        // A second call finds everything done.
        assert_eq!(protect_process(), undone);
    }
}
