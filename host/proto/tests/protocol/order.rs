//! Wrong orders do not compile.

#[test]
fn wrong_orders() {
    trybuild::TestCases::new().compile_fail("tests/order/*.rs");
}
