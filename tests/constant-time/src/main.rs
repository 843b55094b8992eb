//! Whether the time that an operation takes depends on a secret.
//!
//! Valgrind's memcheck follows every bit that comes from undefined memory, and reports each branch and each address that
//! depends on one. Here the undefined memory is secrets. What everybody gets to see (a ciphertext, a MAC, a check value)
//! is declared defined where it is sent. The first operations are controls: they have to be caught.

#[cfg(target_arch = "x86_64")]
mod channel;
#[cfg(target_arch = "x86_64")]
mod checks;
#[cfg(target_arch = "x86_64")]
mod ciphers;
#[cfg(target_arch = "x86_64")]
mod controls;
#[cfg(target_arch = "x86_64")]
mod diversify;
#[cfg(target_arch = "x86_64")]
mod keys;
#[cfg(target_arch = "x86_64")]
mod pin;
#[cfg(target_arch = "x86_64")]
mod share;
#[cfg(target_arch = "x86_64")]
mod valgrind;
#[cfg(target_arch = "x86_64")]
mod vault;

use std::process::ExitCode;

#[cfg(target_arch = "x86_64")]
fn main() -> ExitCode {
    if !valgrind::running() {
        eprintln!("this is to be run by scripts/constant-time.sh, under valgrind");
        return ExitCode::FAILURE;
    }
    let mut checks = checks::Checks::default();
    controls::run(&mut checks);
    keys::run(&mut checks);
    ciphers::run(&mut checks);
    channel::run(&mut checks);
    pin::run(&mut checks);
    diversify::run(&mut checks);
    share::run(&mut checks);
    vault::run(&mut checks);
    if checks.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(not(target_arch = "x86_64"))]
fn main() -> ExitCode {
    println!("SKIPPED: valgrind is asked in machine code, which is written for x86_64 only");
    ExitCode::SUCCESS
}
