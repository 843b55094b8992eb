//! What must not be done with a secret, so that it is known that it would be seen.

use crate::checks::{Checks, Expect};
use crate::valgrind::{published, secret};
use std::hint::black_box;

const TABLE: [u8; 256] = [0x63; 256];

pub fn run(checks: &mut Checks) {
    let mut bytes = black_box([0x5A; 16]);
    secret(&mut bytes);
    checks.run("control: branch on a secret bit", Expect::Caught, || {
        if bytes[3] & 1 == 1 { black_box(1) } else { black_box(2) }
    });
    checks.run("control: table indexed by a secret", Expect::Caught, || black_box(&TABLE)[usize::from(bytes[3])]);
    let (len, same) = (black_box(16), black_box([0x5A; 16]));
    checks.run("control: slices compared with ==", Expect::Caught, || bytes[..len] == same[..len]);
    checks.run("control: digits of a secret looked up", Expect::Caught, || {
        bytes.map(|byte| black_box(b"0123456789ABCDEF")[usize::from(byte >> 4)])
    });
    checks.clean("control: a secret that was published", || {
        let bytes = published(bytes);
        if bytes[3] & 1 == 1 { black_box(1) } else { black_box(2) }
    });
    checks.clean("control: arithmetic on a secret", || bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_mul(3) ^ byte));
}
