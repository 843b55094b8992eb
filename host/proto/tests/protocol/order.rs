//! Wrong orders do not compile.

/// Every compiler words its errors anew: the snapshots in `tests/order` are this one's.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn wrong_orders() {
    let version = std::process::Command::new("rustc").arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    if !version.starts_with(COMPILER) {
        assert!(std::env::var_os("CI").is_none(), "CI runs {COMPILER}x, this is {version}");
        println!("SKIPPED: the snapshots are of {COMPILER}x, this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/order/*.rs");
}
