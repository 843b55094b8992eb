//! Random tests: the same numbers in each run, or those of a seed.

use proptest::test_runner::{RngAlgorithm, TestRng};

/// A generator for a test. The environment variable `SEED`, a number, gives other numbers than the usual ones; what is used
/// is printed.
#[must_use]
pub fn rng(what: &str) -> TestRng {
    let seed = std::env::var("SEED").ok().map_or(0, |text| text.parse::<u64>().expect("SEED is a number"));
    println!("{what}: SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
