//! Keys of one purpose do not compile where another is wanted.

// A test fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::panic)]

/// Every compiler words its errors anew: the snapshots in `tests/misuse` are this one's.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn misuse() {
    let version = std::process::Command::new("rustc").arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    if !version.starts_with(COMPILER) {
        assert!(std::env::var_os("CI").is_none(), "CI runs {COMPILER}x, this is {version}");
        println!("SKIPPED: the snapshots are of {COMPILER}x, this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
