//! Share objects for the custodian applet's tests.

use cardwright_proto::tlv;

/// A well-formed share object (`docs/protocol/custody.md`), another one for each seed: 3-of-5, or XOR, AES or 3DES.
/// With commitments it takes more than one command to store.
#[must_use]
pub fn object(seed: u64, commitments: bool) -> Vec<u8> {
    let [a, b, c, d, ..] = seed.to_le_bytes();
    let xor = a % 4 == 0;
    let shares = 2 + b % if commitments { 9 } else { 15 };
    let needed = if xor { shares } else { 2 + c % (shares - 1) };
    let key_len = [0x10, 0x18, 0x20][usize::from(d % 3)];
    let fill = |len: usize, tag: u8| {
        (0..len)
            .map(|at| seed.rotate_left(u32::try_from(at % 64).unwrap_or(0)).to_le_bytes()[0] ^ tag)
            .collect::<Vec<u8>>()
    };
    let mut fields = vec![
        (0x80, vec![1]),
        (0x81, vec![if xor { 2 } else { 1 }]),
        (0x82, fill(16, 0x82)),
        (0x83, fill(16, 0x83)),
        (0x84, vec![0, 0, 0, 1 + a / 2]),
        (0x85, vec![1 + d % shares]),
        (0x86, vec![needed]),
        (0x87, vec![shares]),
        (0x88, vec![if c % 2 == 0 || key_len == 0x20 { 0x88 } else { 0x80 }]),
        (0x89, vec![key_len]),
        (0x8A, vec![b]),
        (0x8B, fill(3, 0x8B)),
        (0x8C, fill(usize::from(key_len), 0x8C)),
    ];
    if commitments {
        fields.push((0x8D, fill(16, 0x8D)));
        fields.push((0x8E, fill(32 * usize::from(shares), 0x8E)));
    }
    let mut value = Vec::new();
    for (tag, content) in &fields {
        tlv::push(&mut value, *tag, content).expect("a tag");
    }
    let mut object = Vec::new();
    tlv::push(&mut object, 0xE0, &value).expect("a tag");
    object
}
