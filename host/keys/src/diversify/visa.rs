//! `visa`: 3DES-ECB over X F0 k X 0F k, where X is bytes 0 to 3, 8 and 9 of the KDD.
//!
//! GlobalPlatformPro's form of that name, as it stands there today; its older releases had 01 in place of k, and so the
//! same key three times.

/// The two blocks for key number `k`.
pub(super) fn blocks(k: u8, kdd: &[u8; 10]) -> [[u8; 8]; 2] {
    let [a, b, c, d, _, _, _, _, e, f] = *kdd;
    [[a, b, c, d, e, f, 0xF0, k], [a, b, c, d, e, f, 0x0F, k]]
}
