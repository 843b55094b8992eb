//! `emv`: 3DES-ECB over X F0 k X 0F k, where X is bytes 4 to 9 of the KDD.

/// The two blocks for key number `k`.
pub(super) fn blocks(k: u8, kdd: &[u8; 10]) -> [[u8; 8]; 2] {
    let [_, _, _, _, a, b, c, d, e, f] = *kdd;
    [[a, b, c, d, e, f, 0xF0, k], [a, b, c, d, e, f, 0x0F, k]]
}
