//! What `vault unlock` hands down to the commands that run in it: the key of an opened vault file, through a pipe.
//!
//! The pipe's reading end is inherited; `CARDWRIGHT_UNLOCKED` has its number and its inode as `NAME=N:INODE` (more, with
//! commas between). Whoever reads 32 bytes has the key; a thread of the process that holds it writes them again and again,
//! so that every command finds them. When the command has ended the pipe is emptied, so that nothing is left to read for
//! whatever it started in the background.

use crate::advice::Failure;
use cardwright_hsm::FileKey;
use cardwright_keys::keyref::Name;
use rustix::fs::OFlags;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use signal_hook::consts::{SIGINT, SIGQUIT};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

const VARIABLE: &str = "CARDWRIGHT_UNLOCKED";

/// The key of that vault, where a process above this one has it unlocked, and its pipe came down to here.
pub(crate) fn key(name: &Name) -> Result<Option<FileKey>, Failure> {
    let listed = std::env::var(VARIABLE).unwrap_or_default();
    let mut pipes = listed.split(',').filter_map(|entry| entry.split_once('='));
    let Some((_, pipe)) = pipes.rfind(|(vault, _)| *vault == name.as_str()) else {
        return Ok(None);
    };
    let Some(mut pipe) = inherited(pipe) else { return Ok(None) };
    let mut bytes = Zeroizing::new([0; 32]);
    pipe.read_exact(&mut *bytes).map_err(|_| Failure::NotUnlocked(name.clone()))?;
    Ok(Some(FileKey::new(&bytes)))
}

/// The pipe of an entry `N:INODE`, unless the number stands for something else here.
fn inherited(entry: &str) -> Option<File> {
    let (fd, inode) = entry.split_once(':')?;
    let (fd, inode): (u32, u64) = (fd.parse().ok()?, inode.parse().ok()?);
    let path = format!("/dev/fd/{fd}");
    // Looked at before it is opened: the opening of a terminal or another pipe may wait, or take something.
    let meta = std::fs::metadata(&path).ok()?;
    let same = meta.file_type().is_fifo() && meta.ino() == inode;
    if same { File::open(path).ok() } else { None }
}

/// Runs the command, or the user's shell, and gives its exit code; 128 and the signal's number where one ended it.
pub(crate) fn run(name: &Name, key: FileKey, command: &[OsString]) -> Result<u8, Failure> {
    let pipe = Pipe::new(key).map_err(Failure::Unlock)?;
    // Ctrl-C is for the command: this process stays until that has ended.
    for signal in [SIGINT, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::default()).map_err(Failure::Unlock)?;
    }
    let shell = || vec![std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())];
    let command = if command.is_empty() { shell() } else { command.to_vec() };
    let [program, args @ ..] = command.as_slice() else { return Ok(0) };
    let above = std::env::var(VARIABLE).map(|listed| listed + ",").unwrap_or_default();
    let listed = format!("{above}{name}={}", pipe.entry);
    let ended = Command::new(program).args(args).env(VARIABLE, listed).status();
    pipe.close();
    let status = ended.map_err(Failure::Unlock)?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

/// The pipe, and the thread that keeps it full.
struct Pipe {
    /// `N:INODE`
    entry: String,
    /// For emptying it: a reading end of its own, which never waits.
    drain: File,
    _inherited: OwnedFd,
    stop: Arc<AtomicBool>,
    writer: std::thread::JoinHandle<()>,
}

impl Pipe {
    fn new(key: FileKey) -> std::io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        // No more copies of the key in the kernel than one page holds.
        fcntl_setpipe_size(&writer, 4096)?;
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let drain = OpenOptions::new().read(true).custom_flags(flags).open(&path)?;
        let entry = format!("{}:{}", reader.as_raw_fd(), drain.metadata()?.ino());
        fcntl_setfd(&reader, FdFlags::empty())?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            let mut pipe = File::from(writer);
            while !stopped.load(Ordering::SeqCst) && pipe.write_all(key.expose()).is_ok() {}
        });
        Ok(Self { entry, drain, _inherited: reader, stop, writer })
    }

    /// Stops the writer, which wipes its key, and takes out what nobody has read.
    fn close(self) {
        let empty = || {
            let mut page = Zeroizing::new([0; 4096]);
            while (&self.drain).read(&mut *page).is_ok_and(|read| read > 0) {}
        };
        self.stop.store(true, Ordering::SeqCst);
        // The writer may be waiting for room: then it gets some, and looks.
        empty();
        drop(self.writer.join());
        empty();
    }
}
