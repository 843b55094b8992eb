//! Keys in memory and as text.

use crate::checks::{Checks, Expect};
use crate::valgrind::{published, secret};
use cardwright_keys::key::{KeyMaterial, SecretKey};
use std::hint::black_box;

/// So many secret bytes, the same ones at every call.
pub fn bytes(len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = black_box((0..len).map(|place| 0xA5_u8.wrapping_mul(place as u8) ^ 0x3C).collect());
    secret(&mut bytes);
    bytes
}

/// A secret key.
pub fn key(len: usize) -> SecretKey {
    SecretKey::new(&bytes(len)).expect("a length of keys")
}

pub fn run(checks: &mut Checks) {
    for len in [16, 24, 32] {
        let mut other = bytes(len);
        other[len - 1] ^= 1;
        let (one, same, other) = (key(len), key(len), SecretKey::new(&other).expect("a length of keys"));
        let name = |what| format!("SecretKey of {len} bytes: {what}");
        let equal = checks.clean(&name("== with the same key"), || one == same);
        assert!(published(equal));
        let equal = checks.clean(&name("== with another key"), || one == other);
        assert!(!published(equal));
    }
    for (keys, len) in [(1, 16), (1, 24), (1, 32), (3, 16), (3, 24), (3, 32)] {
        text(checks, keys, len);
    }
}

/// Where commas stand is public, and where the text ends. The digits are not.
fn text(checks: &mut Checks, keys: usize, len: usize) {
    let digits = black_box("40C5aF7e".repeat(len / 4));
    let mut text = [digits.as_str()].repeat(keys).join(",").into_bytes();
    text.push(b'\n');
    text.chunks_mut(2 * len + 1).for_each(|key| secret(&mut key[..2 * len]));
    let name = |what| format!("KeyMaterial::{what}, {keys} of {len} bytes");
    let expect = Expect::public(1 + keys, "no white space at the end; each key is hex");
    let read = checks.run(&name("parse"), expect, || KeyMaterial::parse(&text));
    let read = read.expect("good text");
    assert_eq!(read.key_len(), len);
    let written = checks.clean(&name("text"), || read.text());
    assert_eq!(written.len(), text.len());
}
