//! Secrets split into shares, and joined again. Which shares there are is public; their values are not.

use crate::checks::{Checks, Expect};
use crate::keys::{bytes, key};
use crate::valgrind::{published, secret};
use cardwright_keys::share::{Binding, Quorum, Share, field, interpolate, join, split};
use cardwright_proto::custody::share::Scheme;
use std::hint::black_box;

pub fn run(checks: &mut Checks) {
    products(checks);
    for (scheme, m, n) in
        [(Scheme::Shamir, 2, 3), (Scheme::Shamir, 3, 5), (Scheme::Shamir, 16, 16), (Scheme::Xor, 4, 4)]
    {
        for len in [16, 24, 32] {
            quorum(checks, (scheme, m, n), len);
        }
    }
}

/// The field, with both operands secret, and with either.
fn products(checks: &mut Checks) {
    let secrets = bytes(16);
    for (one, other) in secrets.iter().zip(secrets.iter().rev()) {
        let product = checks.clean("GF(2^8): a product of secrets", || field::mul(*one, *other));
        black_box(product);
    }
    for known in [0, 1, 0x80, 0xFF] {
        checks.clean("GF(2^8): a secret times a known", || field::mul(secrets[1], black_box(known)));
        checks.clean("GF(2^8): a known times a secret", || field::mul(black_box(known), secrets[1]));
    }
    checks.clean("GF(2^8): the inverse of a secret", || field::invert(secrets[2]));
}

fn quorum(checks: &mut Checks, (scheme, m, n): (Scheme, u8, u8), len: usize) {
    let quorum = Quorum::new(scheme, m, n).expect("a quorum");
    let name = format!("{scheme:?}, {m} of {n}, {len} bytes");
    let whole = key(len);
    let draw = |random: &mut [u8]| {
        random.iter_mut().zip(0_u8..).for_each(|(byte, at)| *byte = at.wrapping_mul(0x9D) ^ 0x71);
        secret(random);
        Ok::<_, std::convert::Infallible>(())
    };
    let Ok(shares) = checks.clean(&format!("{name}: split"), || split(&whole, quorum, draw));
    let salt: [u8; 16] = bytes(16).try_into().expect("16 bytes");
    let binding = Binding { set: [0x5E; 16], generation: 1 };
    let committed = checks.clean(&format!("{name}: commitment"), || binding.commit(&shares[0], &salt));
    let commitment = published(committed);
    let fits = Expect::public(1, "whether it fits");
    let kept =
        checks.run(&format!("{name}: commitment compared"), fits, || binding.check(&shares[0], &salt, &commitment));
    assert!(kept.is_ok());
    let at = checks.clean(&format!("{name}: interpolation at 0 and 200"), || {
        (interpolate(&shares, 0).expect("a value"), interpolate(&shares, 200).expect("a value"))
    });
    black_box(at);
    // Each share beyond the first m is compared with what these say.
    let more = Expect::public(usize::from(n - m), "whether the others fit");
    let joined = checks.run(&format!("{name}: join"), more, || join(quorum, &shares)).expect("a key");
    assert!(published(joined == whole), "{name}");
    black_box(shares.iter().map(Share::x).sum::<u8>());
}
