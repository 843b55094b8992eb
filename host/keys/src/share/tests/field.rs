use crate::share::field::{invert, mul};

/// As it is learnt: all partial products first, then the polynomial taken off from the highest bit down.
fn reference(a: u8, b: u8) -> u8 {
    let mut product = (0..8).filter(|bit| b >> bit & 1 == 1).fold(0_u16, |sum, bit| sum ^ u16::from(a) << bit);
    for bit in (8..16).rev() {
        if product >> bit & 1 == 1 {
            product ^= 0x11B << (bit - 8);
        }
    }
    u8::try_from(product).unwrap()
}

#[test]
fn all_products() {
    for (a, b) in (0..=255).flat_map(|a| (0..=255).map(move |b| (a, b))) {
        assert_eq!(mul(a, b), reference(a, b), "{a:02X} * {b:02X}");
    }
    // FIPS 197, 4.2.
    assert_eq!(mul(0x57, 0x83), 0xC1);
    assert_eq!(mul(0x57, 0x13), 0xFE);
}

#[test]
fn all_inverses() {
    for a in 1..=255 {
        let inverse = (1..=255).find(|b| reference(a, *b) == 1).unwrap();
        assert_eq!(invert(a), inverse, "{a:02X}");
    }
    assert_eq!(invert(0), 0);
}
