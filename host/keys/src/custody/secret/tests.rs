use super::{Chain, Contribution};
use crate::custody::hash;

const M: [u8; 32] = [0xAA; 32];

/// Computed with Python's `hashlib`.
#[test]
fn values_from_elsewhere() {
    let r = [1, 2, 3].map(|i: u8| Contribution::mix(&[i; 32], &b"dice"[..i.into()]));
    assert_eq!(hex::encode(r[0].expose()), "8a6b8480005ce1aa1386a4596e6458b8f761f1108f05290f9c6b4e6c6c020dde");
    let commitment = r[0].commit(&M, 1);
    assert_eq!(hex::encode(commitment), "397ec0d210e58367f7b6e2d18dc1b7dd6bac5fda04cb8bacb5e29e85724e9a26");
    let end = r.iter().fold(Chain::start(&M, &[0xDD; 32]), |chain, r| chain.then(r));
    let secret = "14030139a6835c8c5cd04122d3bbc6bd2a2b239102717a5c0690109c1fdbb6d1";
    assert_eq!(hex::encode(end.expose()), secret);
    for len in [16, 24, 32] {
        assert_eq!(hex::encode(end.secret(len).unwrap().expose()), secret[..2 * usize::from(len)]);
    }
    assert!(end.secret(0).is_err() && end.secret(8).is_err() && end.secret(33).is_err());
    assert_eq!(
        hex::encode(hash::boxes(&[[1; 32], [2; 32]])),
        "a318a6724f0b5c23499ae3450c0f8991608b5d47fc0de5dd6137811bce7a204d"
    );
    assert_eq!(hex::encode(hash::line(b"{}")), "d27042774fa7881d3c9965f164632a10241e019727b80d0c649c2495b62d07f9");
}

#[test]
fn a_commitment_binds_manifest_place_and_value() {
    let r = Contribution::mix(&[1; 32], &[]);
    let commitment = r.commit(&M, 2);
    assert!(r.fits(&M, 2, &commitment));
    assert!(!r.fits(&[0xAB; 32], 2, &commitment) && !r.fits(&M, 3, &commitment));
    assert!(!Contribution::mix(&[2; 32], &[]).fits(&M, 2, &commitment));
    assert!(Contribution::mix(&[1; 32], &[0]) != r, "a die of 0 is one");
    assert!(Contribution::new(r.expose()) == r);
}

#[test]
fn order_counts() {
    let [a, b] = [1, 2].map(|i| Contribution::mix(&[i; 32], &[]));
    let start = Chain::start(&M, &[0; 32]);
    assert_ne!(start.then(&a).then(&b).expose(), start.then(&b).then(&a).expose());
    assert_ne!(Chain::start(&[0xAB; 32], &[0; 32]).expose(), start.expose());
    assert_eq!(Chain::new(start.expose()).then(&a).expose(), start.then(&a).expose());
}

#[test]
fn nothing_is_shown() {
    let r = Contribution::new(&[0x42; 32]);
    assert_eq!(format!("{r:?} {:?}", Chain::new(&[0x42; 32])), "Contribution(..) Chain(..)");
}
