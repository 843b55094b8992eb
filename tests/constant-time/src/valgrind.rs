//! What a program can ask of the valgrind that it runs under (valgrind.h, memcheck.h). Without valgrind, all of it does
//! nothing.

use std::arch::asm;

const RUNNING: usize = 0x1001;
const COUNT_ERRORS: usize = 0x1201;
const MAKE_MEM_UNDEFINED: usize = 0x4D43_0001;
const MAKE_MEM_DEFINED: usize = 0x4D43_0002;

/// A request and its arguments; gives valgrind's answer, and zero without valgrind.
fn ask(request: usize, at: *mut u8, len: usize) -> usize {
    let question = [request, at.expose_provenance(), len, 0, 0, 0];
    let answer: usize;
    // SAFETY: for the machine, nothing happens: the rotations come to 128 bits, and rbx changes places with itself.
    // Valgrind takes the sequence for a question, at which it reads `question` and notes what is defined. It writes
    // nothing into memory.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") question.as_ptr(),
            inout("rdx") 0_usize => answer,
            options(nostack),
        );
    }
    answer
}

/// Whether there is a valgrind.
pub fn running() -> bool {
    ask(RUNNING, std::ptr::null_mut(), 0) != 0
}

/// How many errors it has seen, the same one again counted again.
pub fn errors() -> usize {
    ask(COUNT_ERRORS, std::ptr::null_mut(), 0)
}

/// From here on these bytes are a secret.
pub fn secret(bytes: &mut [u8]) {
    ask(MAKE_MEM_UNDEFINED, bytes.as_mut_ptr(), bytes.len());
}

/// The same where nothing but a look at them is to be had.
pub fn secret_in_place(bytes: &[u8]) {
    ask(MAKE_MEM_UNDEFINED, bytes.as_ptr().cast_mut(), bytes.len());
}

/// From here on these bytes are everybody's: they were sent, or shown. Takes away what they got from a secret.
pub fn public(bytes: &mut [u8]) {
    ask(MAKE_MEM_DEFINED, bytes.as_mut_ptr(), bytes.len());
}

/// The same for any value itself, without what it points to.
pub fn published<T>(mut value: T) -> T {
    ask(MAKE_MEM_DEFINED, (&raw mut value).cast(), size_of::<T>());
    value
}
