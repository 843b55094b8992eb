//! AES and CMAC, what is derived with them, and the check values.

use crate::checks::{Checks, Expect};
use crate::keys::{bytes, key};
use cardwright_keys::key::Algorithm;
use cardwright_proto::block::{AesKey, CmacKey};

/// Why 3DES, ARIA and SEED are not clean.
pub const TABLES: Expect = Expect::Excepted("its S-boxes are tables");

pub fn run(checks: &mut Checks) {
    for len in [16, 24, 32] {
        let secret_key = bytes(len);
        let name = |what| format!("AES-{}: {what}", 8 * len);
        let aes = checks.clean(&name("key expansion"), || AesKey::new(&secret_key)).expect("a length of keys");
        let mut data = bytes(160);
        checks.clean(&name("one block"), || aes.encrypt_block(data[..16].as_mut().try_into().expect("16 bytes")));
        checks.clean(&name("CBC encryption"), || aes.cbc_encrypt(&[0; 16], &mut data));
        checks.clean(&name("CBC decryption"), || aes.cbc_decrypt(&[0; 16], &mut data));
        let cmac = checks.clean(&name("CMAC, key expansion"), || CmacKey::new(&secret_key));
        let mut cmac = cmac.expect("a length of keys");
        checks.clean(&name("CMAC over whole blocks"), || cmac.mac(&[&data]));
        checks.clean(&name("CMAC over a broken one"), || cmac.mac(&[&data[..31], b"!"]));
    }
    let algorithms = [
        (Algorithm::Aes, 16),
        (Algorithm::Aes, 24),
        (Algorithm::Aes, 32),
        (Algorithm::TripleDes, 16),
        (Algorithm::TripleDes, 24),
        (Algorithm::Aria, 16),
        (Algorithm::Aria, 24),
        (Algorithm::Aria, 32),
        (Algorithm::Seed, 16),
    ];
    for (algorithm, len) in algorithms {
        let (key, expect) = (key(len), if algorithm == Algorithm::Aes { Expect::Clean } else { TABLES });
        let kcv =
            checks.run(&format!("check value, {} of {len} bytes", algorithm.name()), expect, || key.kcv(algorithm));
        assert!(kcv.is_ok());
    }
}
