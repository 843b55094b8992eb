//! A library for LD_PRELOAD: it stands in front of the functions of libc that change files, counts the calls that concern
//! files below a directory, and lets one of them go wrong. The environment says what it does:
//!
//! - `DISK_FAULTS_BELOW`: the directory, as `/proc` shows it: absolute, without links. Left out: nothing is done.
//! - `DISK_FAULTS_LOG`: a file somewhere else that gets a line for every operation ([`setup`]).
//! - `DISK_FAULT`: `N:KIND`, what goes wrong at the N-th operation, from 0 ([`fault`]). Left out: all goes well.
//!
//! Operations are: making or emptying a file by opening it, every kind of write, fsync, truncation, new room, new and
//! removed names, new directories, and fsync of a directory. Each call is numbered in the process that makes it.
//!
//! What it does not see: writes to memory that a file is mapped to (SQLite's `-shm` is written so, which need not be
//! durable), and system calls that a program makes past libc, as rustix does.
//!
//! The operations themselves are made as system calls: nothing here calls back into what it stands in front of, takes
//! memory from the heap, or holds a lock. So it may be called at any time, from any thread.

mod fault;
mod place;
mod setup;

use fault::Deed;
use libc::{
    AT_FDCWD, EFAULT, EINVAL, O_CREAT, O_EXCL, O_TRUNC, O_WRONLY, SIGKILL, SYS_copy_file_range, SYS_faccessat,
    SYS_fallocate, SYS_fdatasync, SYS_fsync, SYS_ftruncate, SYS_getpid, SYS_kill, SYS_linkat, SYS_mkdirat, SYS_openat,
    SYS_pwrite64, SYS_pwritev2, SYS_renameat2, SYS_sendfile, SYS_unlinkat, SYS_write, SYS_writev, c_char, c_int,
    c_long, c_uint, c_void, iovec, loff_t, mode_t, off_t, off64_t, size_t, ssize_t,
};
use place::Place;
use setup::setup;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an operation does, as far as faults tell them apart.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Takes new room: a file, a name, a directory, blocks.
    Make,
    /// Writes so many bytes.
    Write(usize),
    /// Makes durable.
    Sync,
    /// Anything else.
    Other,
}

/// Does an operation on the first of these places that is watched, or what is to happen in its place. `run` does it for
/// so many bytes, and comes back as a system call does through libc: -1, and errno.
fn operation(name: &str, act: Act, places: &[&dyn Fn() -> Place], run: impl Fn(usize) -> c_long) -> c_long {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let whole = if let Act::Write(len) = act { len } else { 0 };
    let Some(setup) = setup() else { return run(whole) };
    for place in places {
        let place = place();
        let Some(file) = place.below(&setup.directory) else { continue };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let hit = setup.rule.and_then(|rule| rule.at(number, act));
        setup.log(number, name.as_bytes(), act, hit.map(|(fault, _)| fault), file);
        return match hit.map_or(Deed::Whole, |(_, deed)| deed) {
            Deed::Whole => run(whole),
            Deed::Half => run(whole / 2),
            Deed::Kill => kill(),
            Deed::WholeAndKill => {
                run(whole);
                kill()
            }
            Deed::HalfAndKill => {
                run(whole / 2);
                kill()
            }
            Deed::Fail(error) => fail(error),
        };
    }
    run(whole)
}

fn kill() -> ! {
    loop {
        // SAFETY: the process has no say in it.
        unsafe { libc::syscall(SYS_kill, libc::syscall(SYS_getpid), SIGKILL) };
    }
}

fn fail(error: c_int) -> c_long {
    // SAFETY: the place is this thread's.
    unsafe { *libc::__errno_location() = error };
    -1
}

/// Makes functions of libc, each under all of its names. SAFETY, for all of them: the arguments are the caller's, who
/// answers for them as to libc.
macro_rules! functions {
    ($($($name:ident)+ ($($args:tt)*) -> $result:ty = $call:ident;)*) => {
        $(functions!(@each [$($name)+] ($($args)*) $result, $call);)*
    };
    (@each [$($name:ident)+] $args:tt $result:ty, $call:ident) => {
        $(functions!(@one $name $args $result, $call);)+
    };
    (@one $name:ident ($($arg:ident: $type:ty),*) $result:ty, $call:ident) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($arg: $type),*) -> $result {
            // SAFETY: see above.
            unsafe { $call(stringify!($name), $($arg),*) as $result }
        }
    };
}

// The functions that take a mode only sometimes are defined as if they always took one: on the machines that this is
// built for it comes in a register, whose content does not matter where no mode was given.
functions! {
    open open64(name: *const c_char, flags: c_int, mode: mode_t) -> c_int = in_current_directory;
    openat openat64(directory: c_int, name: *const c_char, flags: c_int, mode: mode_t) -> c_int = opening;
    creat creat64(name: *const c_char, mode: mode_t) -> c_int = creating;
    write(fd: c_int, data: *const c_void, len: size_t) -> ssize_t = writing;
    pwrite pwrite64(fd: c_int, data: *const c_void, len: size_t, at: off64_t) -> ssize_t = writing_at;
    writev(fd: c_int, pieces: *const iovec, count: c_int) -> ssize_t = writing_pieces;
    pwritev pwritev64(fd: c_int, pieces: *const iovec, count: c_int, at: off64_t) -> ssize_t = writing_pieces_at;
    pwritev2 pwritev64v2(fd: c_int, pieces: *const iovec, count: c_int, at: off64_t, flags: c_int) -> ssize_t
        = writing_pieces_with_flags;
    copy_file_range(from: c_int, from_at: *mut loff_t, to: c_int, to_at: *mut loff_t, len: size_t, flags: c_uint)
        -> ssize_t = copying;
    sendfile sendfile64(to: c_int, from: c_int, at: *mut off_t, len: size_t) -> ssize_t = sending;
    fsync(fd: c_int) -> c_int = syncing;
    fdatasync(fd: c_int) -> c_int = syncing_data;
    ftruncate ftruncate64(fd: c_int, len: off64_t) -> c_int = truncating;
    fallocate fallocate64(fd: c_int, mode: c_int, at: off64_t, len: off64_t) -> c_int = allocating;
    posix_fallocate posix_fallocate64(fd: c_int, at: off64_t, len: off64_t) -> c_int = allocating_or_number;
    rename(from: *const c_char, to: *const c_char) -> c_int = renaming_in_current_directory;
    renameat(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char) -> c_int = renaming_without_flags;
    renameat2(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char, flags: c_uint) -> c_int = renaming;
    link(from: *const c_char, to: *const c_char) -> c_int = linking_in_current_directory;
    linkat(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char, flags: c_int) -> c_int = linking;
    unlink(name: *const c_char) -> c_int = unlinking_in_current_directory;
    unlinkat(directory: c_int, name: *const c_char, flags: c_int) -> c_int = unlinking;
    mkdir(name: *const c_char, mode: mode_t) -> c_int = making_directory_in_current_directory;
    mkdirat(directory: c_int, name: *const c_char, mode: mode_t) -> c_int = making_directory;
}

unsafe fn in_current_directory(call: &str, name: *const c_char, flags: c_int, mode: mode_t) -> c_long {
    unsafe { opening(call, AT_FDCWD, name, flags, mode) }
}

unsafe fn creating(call: &str, name: *const c_char, mode: mode_t) -> c_long {
    unsafe { opening(call, AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode) }
}

/// Opening is an operation only where it makes a file or empties one.
unsafe fn opening(call: &str, directory: c_int, name: *const c_char, flags: c_int, mode: mode_t) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_openat, directory, name, flags, mode) };
    let missing = || unsafe { libc::syscall(SYS_faccessat, directory, name, libc::F_OK) } != 0;
    // Only O_CREAT is looked at: O_TMPFILE has no name, and is nowhere until it gets one.
    if flags & O_TRUNC != 0 || flags & O_CREAT != 0 && (flags & O_EXCL != 0 || missing()) {
        let place = || unsafe { Place::of_name(directory, name) };
        return operation(call, Act::Make, &[&place], run);
    }
    run(0)
}

unsafe fn writing(call: &str, fd: c_int, data: *const c_void, len: size_t) -> c_long {
    let run = |len: usize| unsafe { libc::syscall(SYS_write, fd, data, len) };
    operation(call, Act::Write(len), &[&|| Place::of_descriptor(fd)], run)
}

unsafe fn writing_at(call: &str, fd: c_int, data: *const c_void, len: size_t, at: off64_t) -> c_long {
    let run = |len: usize| unsafe { libc::syscall(SYS_pwrite64, fd, data, len, at) };
    operation(call, Act::Write(len), &[&|| Place::of_descriptor(fd)], run)
}

unsafe fn writing_pieces(call: &str, fd: c_int, pieces: *const iovec, count: c_int) -> c_long {
    let write = |data: *mut c_void, len: usize, _| unsafe { libc::syscall(SYS_write, fd, data, len) };
    let whole = || unsafe { libc::syscall(SYS_writev, fd, pieces, count) };
    unsafe { pieces_of(call, fd, pieces, count, &whole, &write) }
}

unsafe fn writing_pieces_at(call: &str, fd: c_int, pieces: *const iovec, count: c_int, at: off64_t) -> c_long {
    if at < 0 {
        return fail(EINVAL);
    }
    unsafe { writing_pieces_with_flags(call, fd, pieces, count, at, 0) }
}

/// At -1, this one writes where the descriptor stands.
unsafe fn writing_pieces_with_flags(
    call: &str,
    fd: c_int,
    pieces: *const iovec,
    count: c_int,
    at: off64_t,
    flags: c_int,
) -> c_long {
    let write = |data: *mut c_void, len: usize, behind: usize| unsafe {
        match at {
            -1 => libc::syscall(SYS_write, fd, data, len),
            at => libc::syscall(SYS_pwrite64, fd, data, len, at + behind as off64_t),
        }
    };
    // The call takes the place in two halves, and the first one has all bits here.
    let whole = || unsafe { libc::syscall(SYS_pwritev2, fd, pieces, count, at, 0, flags) };
    unsafe { pieces_of(call, fd, pieces, count, &whole, &write) }
}

/// A write of several pieces: all at once, or as many bytes as are wanted, piece by piece.
unsafe fn pieces_of(
    call: &str,
    fd: c_int,
    pieces: *const iovec,
    count: c_int,
    whole: &dyn Fn() -> c_long,
    write: &dyn Fn(*mut c_void, usize, usize) -> c_long,
) -> c_long {
    let Ok(count) = usize::try_from(count) else { return fail(EINVAL) };
    if pieces.is_null() {
        return if count == 0 { whole() } else { fail(EFAULT) };
    }
    let pieces = unsafe { core::slice::from_raw_parts(pieces, count) };
    let total = pieces.iter().map(|piece| piece.iov_len).sum();
    let run = |len: usize| {
        if len == total {
            return whole();
        }
        let mut done = 0;
        for piece in pieces {
            let part = piece.iov_len.min(len - done);
            let written = write(piece.iov_base, part, done).max(0) as usize;
            done += written;
            if written < part {
                break;
            }
        }
        done as c_long
    };
    operation(call, Act::Write(total), &[&|| Place::of_descriptor(fd)], run)
}

unsafe fn copying(
    call: &str,
    from: c_int,
    from_at: *mut loff_t,
    to: c_int,
    to_at: *mut loff_t,
    len: size_t,
    flags: c_uint,
) -> c_long {
    let run = |len: usize| unsafe { libc::syscall(SYS_copy_file_range, from, from_at, to, to_at, len, flags) };
    operation(call, Act::Write(len), &[&|| Place::of_descriptor(to)], run)
}

unsafe fn sending(call: &str, to: c_int, from: c_int, at: *mut off_t, len: size_t) -> c_long {
    let run = |len: usize| unsafe { libc::syscall(SYS_sendfile, to, from, at, len) };
    operation(call, Act::Write(len), &[&|| Place::of_descriptor(to)], run)
}

unsafe fn syncing(call: &str, fd: c_int) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_fsync, fd) };
    operation(call, Act::Sync, &[&|| Place::of_descriptor(fd)], run)
}

unsafe fn syncing_data(call: &str, fd: c_int) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_fdatasync, fd) };
    operation(call, Act::Sync, &[&|| Place::of_descriptor(fd)], run)
}

unsafe fn truncating(call: &str, fd: c_int, len: off64_t) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_ftruncate, fd, len) };
    operation(call, Act::Other, &[&|| Place::of_descriptor(fd)], run)
}

unsafe fn allocating(call: &str, fd: c_int, mode: c_int, at: off64_t, len: off64_t) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_fallocate, fd, mode, at, len) };
    operation(call, Act::Make, &[&|| Place::of_descriptor(fd)], run)
}

/// The one that returns its error. Where a file system cannot do it, libc would write zeros; this says so instead.
unsafe fn allocating_or_number(call: &str, fd: c_int, at: off64_t, len: off64_t) -> c_long {
    match unsafe { allocating(call, fd, 0, at, len) } {
        0 => 0,
        _ => unsafe { *libc::__errno_location() }.into(),
    }
}

unsafe fn renaming_in_current_directory(call: &str, from: *const c_char, to: *const c_char) -> c_long {
    unsafe { renaming(call, AT_FDCWD, from, AT_FDCWD, to, 0) }
}

unsafe fn renaming_without_flags(
    call: &str,
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
) -> c_long {
    unsafe { renaming(call, from_dir, from, to_dir, to, 0) }
}

unsafe fn renaming(
    call: &str,
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_renameat2, from_dir, from, to_dir, to, flags) };
    let new = || unsafe { Place::of_name(to_dir, to) };
    let old = || unsafe { Place::of_name(from_dir, from) };
    operation(call, Act::Other, &[&new, &old], run)
}

unsafe fn linking_in_current_directory(call: &str, from: *const c_char, to: *const c_char) -> c_long {
    unsafe { linking(call, AT_FDCWD, from, AT_FDCWD, to, 0) }
}

unsafe fn linking(
    call: &str,
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_linkat, from_dir, from, to_dir, to, flags) };
    operation(call, Act::Make, &[&|| unsafe { Place::of_name(to_dir, to) }], run)
}

unsafe fn unlinking_in_current_directory(call: &str, name: *const c_char) -> c_long {
    unsafe { unlinking(call, AT_FDCWD, name, 0) }
}

unsafe fn unlinking(call: &str, directory: c_int, name: *const c_char, flags: c_int) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_unlinkat, directory, name, flags) };
    operation(call, Act::Other, &[&|| unsafe { Place::of_name(directory, name) }], run)
}

unsafe fn making_directory_in_current_directory(call: &str, name: *const c_char, mode: mode_t) -> c_long {
    unsafe { making_directory(call, AT_FDCWD, name, mode) }
}

unsafe fn making_directory(call: &str, directory: c_int, name: *const c_char, mode: mode_t) -> c_long {
    let run = |_| unsafe { libc::syscall(SYS_mkdirat, directory, name, mode) };
    operation(call, Act::Make, &[&|| unsafe { Place::of_name(directory, name) }], run)
}
