//! What `vault unlock` hands down to the commands that run in it: the key of an opened vault file, through a pipe.
//!
//! The pipe's reading end is inherited, its number stands in `CARDWRIGHT_UNLOCKED` as `NAME=N` (more, with commas
//! between). Whoever reads 32 bytes has the key; a thread of the process that holds it writes them again and again, so
//! that every command finds them. With that process they are gone.

use crate::advice::Failure;
use cardwright_hsm::FileKey;
use cardwright_keys::keyref::Name;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pipe::{fcntl_setpipe_size, pipe_with};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use zeroize::Zeroizing;

const VARIABLE: &str = "CARDWRIGHT_UNLOCKED";

/// The key of that vault, where a process above this one has it unlocked.
pub(crate) fn key(name: &Name) -> Result<Option<FileKey>, Failure> {
    let listed = std::env::var(VARIABLE).unwrap_or_default();
    let mut pipes = listed.split(',').filter_map(|entry| entry.split_once('='));
    let Some((_, fd)) = pipes.rfind(|(vault, _)| *vault == name.as_str()) else {
        return Ok(None);
    };
    let gone = |_| Failure::NotUnlocked(name.clone());
    let fd: u32 = fd.parse().map_err(|_| Failure::NotUnlocked(name.clone()))?;
    let mut bytes = Zeroizing::new([0; 32]);
    File::open(format!("/dev/fd/{fd}")).and_then(|mut pipe| pipe.read_exact(&mut *bytes)).map_err(gone)?;
    Ok(Some(FileKey::new(&bytes)))
}

/// Runs the command, or the user's shell, and gives its exit code; 128 and the signal's number where one ended it.
pub(crate) fn run(name: &Name, key: FileKey, command: &[OsString]) -> Result<u8, Failure> {
    let failed = |error: rustix::io::Errno| Failure::Unlock(error.into());
    let (reader, writer) = pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(failed)?;
    // No more copies of the key in the kernel than one page holds.
    fcntl_setpipe_size(&writer, 4096).map_err(failed)?;
    fcntl_setfd(&reader, FdFlags::empty()).map_err(failed)?;
    let shell = || vec![std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())];
    let command = if command.is_empty() { shell() } else { command.to_vec() };
    let [program, args @ ..] = command.as_slice() else { return Ok(0) };
    let above = std::env::var(VARIABLE).map(|listed| listed + ",").unwrap_or_default();
    let listed = format!("{above}{name}={}", reader.as_raw_fd());
    let child = Command::new(program).args(args).env(VARIABLE, listed).spawn();
    let mut child = child.map_err(Failure::Unlock)?;
    drop(reader);
    // Ends when the last reader is gone, or with this process: something in the background may hold the pipe for long.
    std::thread::spawn(move || {
        let mut pipe = File::from(writer);
        while pipe.write_all(key.expose()).is_ok() {}
    });
    let status = child.wait().map_err(Failure::Unlock)?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}
