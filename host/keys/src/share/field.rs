//! GF(2^8) with the polynomial x^8 + x^4 + x^3 + x + 1 (0x11B, that of AES).
//!
//! No tables, and no branch that depends on an operand. Masks alone do not see to that: the compiler makes branches of them
//! where one operand stays the same for many products. So every bit goes through [`Choice`], which it does not see through.

use subtle::{Choice, ConditionallySelectable};

/// What x^8 is: the polynomial without its highest term.
const REDUCED: u8 = 0x1B;

/// The value where the lowest bit is set, else 0.
fn where_set(bit: u8, value: u8) -> u8 {
    u8::conditional_select(&0, &value, Choice::from(bit & 1))
}

/// The product. The sum is XOR.
#[must_use]
pub fn mul(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= where_set(b, a);
        a = (a << 1) ^ where_set(a >> 7, REDUCED);
        b >>= 1;
    }
    product
}

/// The inverse; 0 for 0, which has none.
#[must_use]
pub fn invert(a: u8) -> u8 {
    // a^254, as a^255 is 1: by way of the powers 2, 3, 12, 15, 14 and 240.
    let a2 = mul(a, a);
    let a12 = square_twice(mul(a2, a));
    let a15 = mul(a12, mul(a2, a));
    let a240 = square_twice(square_twice(a15));
    mul(a240, mul(a12, a2))
}

fn square_twice(a: u8) -> u8 {
    let square = mul(a, a);
    mul(square, square)
}
