//! Nothing but `core` and `alloc` below the protocol crate: see Cargo.toml.
#![no_std]

extern crate alloc;

use alloc::vec::Vec;
use cardwright_proto::apdu::{Command, Response};
use cardwright_proto::scp::scp03::{ChallengeCheck, Scp03};
use cardwright_proto::scp::{ScpError, SecurityLevel, SoftCipher, Token};
use cardwright_proto::status::StatusWord;
use cardwright_proto::{gp, tlv};
use core::alloc::{GlobalAlloc, Layout};

/// Gives no memory. What counts is that everything links.
struct Nothing;

// SAFETY: `alloc` may fail by returning null, and then `dealloc` is never called.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Nothing = Nothing;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Reaches into every module, so that the linker keeps it.
#[unsafe(no_mangle)]
pub extern "C" fn cardwright_no_std(seed: u8) -> bool {
    session(&[seed; 64]).is_ok() && gp::key::Kvn::target(seed).is_ok() && tlv::find(&[seed], 0x66).is_ok()
}

fn session(bytes: &[u8]) -> Result<usize, ScpError> {
    let host = Scp03::start(Token::new(&bytes[..8]).ok_or(ScpError::Mode)?, 0);
    let need_keys = host.receive(Response { data: bytes, sw: StatusWord::OK })?;
    let cipher = SoftCipher::derive(&bytes[..16], &bytes[..16], &need_keys.context()).map_err(|_| ScpError::Mode)?;
    let authenticate = need_keys.authenticate(cipher, ChallengeCheck::Random, SecurityLevel::FULL)?;
    let open = authenticate.receive(Response { data: &[], sw: StatusWord::OK })?;
    let mut out = Vec::new();
    let sent = open.wrap(&Command::parse(bytes)?, &mut out)?;
    Ok(sent.unwrap(&mut out)?.1.data.len())
}
