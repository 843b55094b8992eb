//! SEED, encryption only (RFC 4269).
//!
//! Written here because the crate for it, `kisaseed` 0.1.3, writes 32-bit words through unaligned pointers, hands its
//! unwiped key schedule around by value, and needs an older cipher trait.

use zeroize::Zeroizing;

/// Rounds; each takes two words of the schedule.
const ROUNDS: usize = 16;

/// A SEED key, expanded. Wiped on drop.
pub(crate) struct Seed(Zeroizing<[[u32; 2]; ROUNDS]>);

/// S1 and S2: a power in GF(2^8), then a linear map, then a constant (RFC 4269, appendix A).
const S: [[u8; 256]; 2] = [
    sbox(247, [0x2C, 0xD0, 0x69, 0xC2, 0x41, 0x44, 0x58, 0xE2], 0xA9),
    sbox(251, [0xD0, 0x2A, 0xE1, 0x2C, 0x21, 0x30, 0xA2, 0x6C], 0x38),
];

/// `map` holds what becomes of bit 0, bit 1, ...
const fn sbox(power: usize, map: [u8; 8], constant: u8) -> [u8; 256] {
    let mut table = [constant; 256];
    let mut x = 0;
    while x < 256 {
        let mut value = 1;
        let mut n = 0;
        while n < power {
            value = times(value, x);
            n += 1;
        }
        let mut bit = 0;
        while bit < 8 {
            if value >> bit & 1 == 1 {
                table[x] ^= map[bit];
            }
            bit += 1;
        }
        x += 1;
    }
    table
}

/// The product in GF(2^8) over x^8 + x^6 + x^5 + x + 1.
const fn times(mut a: usize, mut b: usize) -> usize {
    let mut product = 0;
    while b > 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a <<= 1;
        if a > 0xFF {
            a ^= 0x163;
        }
        b >>= 1;
    }
    product
}

/// G: each byte through its S-box, then into all four, with two bits of it masked out in each.
fn g(word: u32) -> u32 {
    let mut sum = 0;
    for (place, byte) in (0_u32..).zip(word.to_le_bytes()) {
        let s = S[place as usize & 1][usize::from(byte)];
        sum ^= u32::from_ne_bytes([s; 4]) & 0x3FCF_F3FC_u32.rotate_right(8 * place);
    }
    sum
}

fn words(block: &[u8; 16]) -> [u32; 4] {
    let (words, _) = block.as_chunks();
    [0, 1, 2, 3].map(|place: usize| u32::from_be_bytes(words[place]))
}

impl Seed {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        let [mut a, mut b, mut c, mut d] = words(key);
        let mut schedule = Zeroizing::new([[0; 2]; ROUNDS]);
        for (round, keys) in (0_u32..).zip(schedule.iter_mut()) {
            // The fractional part of the golden ratio, turned by a bit each round.
            let constant = 0x9E37_79B9_u32.rotate_left(round);
            let keyed = (a.wrapping_add(c).wrapping_sub(constant), b.wrapping_sub(d).wrapping_add(constant));
            *keys = [g(keyed.0), g(keyed.1)];
            if round % 2 == 0 {
                (a, b) = (a >> 8 | b << 24, b >> 8 | a << 24);
            } else {
                (c, d) = (c << 8 | d >> 24, d << 8 | c >> 24);
            }
        }
        Self(schedule)
    }

    pub(super) fn encrypt_block(&self, block: &mut [u8; 16]) {
        let [mut l0, mut l1, mut r0, mut r1] = words(block);
        for [k0, k1] in self.0.iter() {
            let (c, d) = (r0 ^ k0, r1 ^ k1);
            let d = g(c ^ d);
            let c = g(c.wrapping_add(d));
            let d = g(c.wrapping_add(d));
            let c = c.wrapping_add(d);
            (l0, l1, r0, r1) = (r0, r1, l0 ^ c, l1 ^ d);
        }
        // The halves are not exchanged after the last round.
        for (bytes, word) in block.as_chunks_mut().0.iter_mut().zip([r0, r1, l0, l1]) {
            *bytes = word.to_be_bytes();
        }
    }
}
