//! Every method of diversification, as `cardwright key derive` runs it.

use crate::checks::{Checks, Expect};
use crate::ciphers::TABLES;
use crate::keys::key;
use crate::valgrind::secret;
use cardwright_keys::diversify::{Inputs, METHODS, Method, Secret, run as derive};
use cardwright_keys::key::KeyMaterial;
use std::hint::black_box;

/// What has keys of these lengths, and which are clean.
const CLEAN: [(&str, &[usize]); 12] = [
    ("kdf3", &[16, 24, 32]),
    ("an10922", &[16, 24, 32]),
    ("emv-c", &[16, 24, 32]),
    ("sp800-108:prf=hmac-sha1", &[16, 32]),
    ("sp800-108:prf=hmac-sha224", &[16, 32]),
    ("sp800-108:prf=hmac-sha256", &[16, 24, 32]),
    ("sp800-108:prf=hmac-sha384", &[16, 32]),
    ("sp800-108:prf=hmac-sha512", &[16, 32]),
    ("sp800-108:prf=aes-cmac", &[16, 24, 32]),
    ("template:cipher=aes-ecb,blocks=kdd serial 0000", &[16]),
    ("template:cipher=aes-cbc,blocks=kdd serial 0000", &[16]),
    ("template:cipher=aes-cmac,blocks=kdd", &[16]),
];

/// What works with 3DES, ARIA or SEED.
const TABLED: [(&str, usize); 14] = [
    ("kdf3-aria", 16),
    ("kdf3-seed", 16),
    ("visa", 16),
    ("visa2", 16),
    ("emv", 16),
    ("an10922:cipher=3des", 16),
    ("emv-a", 16),
    ("emv-b", 16),
    ("scp02", 16),
    ("sp800-108:prf=3des-cmac", 16),
    ("sp800-108:prf=aria-cmac", 16),
    ("sp800-108:prf=seed-cmac", 16),
    ("template:cipher=3des-ecb,blocks=kdd serial 0000", 16),
    ("template:cipher=3des-cbc,blocks=kdd serial 0000", 16),
];

const ARGON2ID: Expect = Expect::Excepted("it reads memory where what it computed says, RFC 9106 3.4.1.3");

pub fn run(checks: &mut Checks) {
    for (method, lens) in CLEAN {
        lens.iter().for_each(|len| master(checks, method, *len, Expect::Clean));
    }
    for (method, len) in TABLED {
        master(checks, method, len, TABLES);
    }
    let pins = [("pin-pbkdf2:iterations=100000", Expect::Clean), ("pin-argon2id", ARGON2ID)];
    for (method, expect) in pins {
        let mut pin = black_box(b"271828".to_vec());
        secret(&mut pin);
        one(checks, method, Secret::Pin(&pin), expect);
    }
    let tried = CLEAN.map(|(method, _)| method).into_iter().chain(TABLED.map(|(method, _)| method));
    let tried: Vec<_> = tried.chain(pins.map(|(method, _)| method)).collect();
    for method in METHODS {
        assert!(tried.iter().any(|tried| tried.split(':').next() == Some(method.name)), "{} is left out", method.name);
    }
}

fn master(checks: &mut Checks, method: &str, len: usize, expect: Expect) {
    let material = KeyMaterial::One(key(len));
    one(checks, method, Secret::Keys(&material), expect);
}

fn one(checks: &mut Checks, text: &str, from: Secret<'_>, expect: Expect) {
    let method: Method = text.parse().expect("a method");
    let inputs = if text == "scp02" {
        "0001"
    } else {
        "kdd=00010203040506070809,serial=0A0B0C0D,pan=4000000000000002,input=A0A1A2A3A4A5A6A7"
    };
    let inputs: Inputs = inputs.parse().expect("inputs");
    let name = format!(
        "{text} from {}",
        match from {
            Secret::Keys(material) => format!("{} bytes", material.key_len()),
            Secret::Pin(_) => "a PIN".to_owned(),
        }
    );
    checks.run(&name, expect, || derive(&method, from, &inputs)).expect("a key");
}
