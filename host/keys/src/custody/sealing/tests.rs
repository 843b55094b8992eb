use super::{Expected, OpenError, Route};
use crate::custody::hash;
use crate::custody::secret::Contribution;
use crate::custody::signing::KeyPair;
use crate::key::SecretKey;
use crate::share::{Binding, Share};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use proptest::array::{uniform16, uniform32};
use proptest::prelude::{any, prop_assert_eq, proptest};
use std::convert::Infallible;

const ROUTE: Route = Route { manifest: [0xAA; 32], x: 3, sender: [0xBB; 32], recipient: [0xCC; 32] };
const SALT: [u8; 16] = [0x5A; 16];
const BINDING: Binding = Binding { set: [0x5E; 16], generation: 1 };

/// Computed with the Python package `cryptography` 48: one-time key 11.., recipient's key 22...
const DEALT: &str = "040217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4ed194a7debcb97712d2dda3ca85aa8765a56f4\
    5fc758599652f2897c65306e57945c79f78379199630e8398585802c4015b1f7be02ddc13e2007a5e6be85eb607e96d4af5348397944be1882c4\
    ad41f68a9c13ba810af41dc050fc43f9ddbb61fa";
const RELEASED: &str = "bc866f67b793fb9a0330ebe7d7d4cb8c65e80f29d18128c501979a0fe77c56f6a75d9bcdfe78ca26caa7b742510b88393cc3119\
    ec3e886adf78d35cc1ef7c8dc";
const CONTRIBUTED: &str =
    "86091aabfe57fb68b6774e0d6c936b319b7f11ee16d4cb935c16211a659d3e91876cff1932a8ed29a59c18964abc89fe";
const EXPORTED: &str =
    "37404ce57a6c959c410962342572ce0f9351a0aedab8cd6d6a8b84ef2a9656de800051665066a70192deee4c3203f0cc";
/// As DEALT, but with a 1 behind the share.
const OVERLONG: &str = "040217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4ed194a7debcb97712d2dda3ca85aa8765a56f4\
    5fc758599652f2897c65306e57945c79f78379199630e8398585802c40158e9fc0b10cc1286976e1eed1d41e8265988ec67dfaed82927c191f6e5\
    c3d59c349a2b105ae17c8940282a57793e7b896";

fn fill(bytes: &mut [u8]) -> Result<(), Infallible> {
    bytes.fill(0x11);
    Ok(())
}

fn recipient() -> KeyPair {
    KeyPair::new(&[0x22; 32]).unwrap()
}

fn share() -> Share {
    Share::new(3, &(0..16).collect::<Vec<u8>>())
}

fn expected() -> Expected {
    Expected { binding: BINDING, commitment: BINDING.commit(&share(), &SALT), key_length: 16 }
}

fn dealt() -> SealedBox {
    ROUTE.deal(&share(), &SALT, recipient().public(), fill).unwrap()
}

fn parsed(kind: BoxKind, hex: &str) -> SealedBox {
    SealedBox::parse(kind, &hex::decode(hex).unwrap()).unwrap()
}

#[test]
fn values_from_elsewhere() {
    let q = recipient();
    assert_eq!(hex::encode(dealt().to_bytes()), DEALT);
    let hash = "fae24fa4ab42d9bf5eaa09872ea63607ca550399b9b6f68554149b69c782888f";
    assert_eq!(hex::encode(hash::sealed(&dealt())), hash);
    let commitment = "7d12208d9d6091ed0a246bba20e404b2fd0fa0a94ec982cdf752d8d8b4d35356";
    assert_eq!(hex::encode(expected().commitment), commitment);
    let released = ROUTE.release(&share(), &SALT, q.public(), fill).unwrap();
    assert_eq!(hex::encode(&released.to_bytes()[65..]), RELEASED);
    let contributed = ROUTE.contribute(&Contribution::new(&[0x77; 32]), q.public(), fill).unwrap();
    assert_eq!(hex::encode(&contributed.to_bytes()[65..]), CONTRIBUTED);
    let secret = SecretKey::new(&(0..24).collect::<Vec<u8>>()).unwrap();
    let exported = Route { x: 0, ..ROUTE }.export(&secret, q.public(), fill).unwrap();
    assert_eq!(hex::encode(&exported.to_bytes()[65..]), EXPORTED);
    let (opened, salt) = ROUTE.open_share(&parsed(BoxKind::Share, DEALT), &q, &expected()).unwrap();
    assert_eq!((opened.x(), opened.y(), *salt), (3, share().y(), SALT));
    let overlong = ROUTE.open_share(&parsed(BoxKind::Share, OVERLONG), &q, &expected());
    assert_eq!(overlong.unwrap_err(), OpenError::Content, "zeros that are none");
    let opened = Route { x: 0, ..ROUTE }.open_secret(&exported, &q, 24);
    assert_eq!(opened, Ok(secret));
    assert_eq!(Route { x: 0, ..ROUTE }.open_secret(&exported, &q, 16), Err(OpenError::Content), "a longer key");
    assert_eq!(Route { x: 0, ..ROUTE }.open_secret(&exported, &q, 33), Err(OpenError::Content));
}

/// The point first, then the tag, for each bit of each byte. A flipped point is still one in no case that a bit can make.
#[test]
fn every_flipped_bit() {
    let sealed = dealt().to_bytes();
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let opened = ROUTE.open_share(&SealedBox::parse(BoxKind::Share, &flipped).unwrap(), &recipient(), &expected());
        let cause = if bit < 65 * 8 { OpenError::Point } else { OpenError::Tag };
        assert_eq!(opened.unwrap_err(), cause, "bit {bit}");
    }
}

#[test]
fn all_that_a_box_is_bound_to() {
    let open = |route: Route, key: &KeyPair, kind| {
        let sealed = SealedBox::parse(kind, &dealt().to_bytes()).unwrap();
        route.open_share(&sealed, key, &expected()).map(|_| ())
    };
    let (q, tag) = (recipient(), Err(OpenError::Tag));
    assert_eq!(open(ROUTE, &q, BoxKind::Share), Ok(()));
    assert_eq!(open(Route { manifest: [0xAB; 32], ..ROUTE }, &q, BoxKind::Share), tag, "manifest");
    assert_eq!(open(Route { x: 2, ..ROUTE }, &q, BoxKind::Share), tag, "index");
    assert_eq!(open(Route { sender: [0xCC; 32], ..ROUTE }, &q, BoxKind::Share), tag, "sender");
    assert_eq!(open(Route { recipient: [0xBB; 32], ..ROUTE }, &q, BoxKind::Share), tag, "recipient");
    assert_eq!(open(ROUTE, &KeyPair::new(&[0x23; 32]).unwrap(), BoxKind::Share), tag, "offer");
    assert_eq!(open(ROUTE, &q, BoxKind::Release), tag, "kind");
    // The other point with the same X agrees on the same Z: E itself is bound.
    let mut mirrored = *dealt().point();
    let prime = hex::decode("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff").unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let digit = i16::from(prime[at]) - i16::from(mirrored[33 + at]) - borrow;
        borrow = i16::from(digit < 0);
        mirrored[33 + at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    let sealed = [&mirrored, &dealt().to_bytes()[65..]].concat();
    let opened = ROUTE.open_share(&SealedBox::parse(BoxKind::Share, &sealed).unwrap(), &q, &expected());
    assert_eq!(opened.unwrap_err(), OpenError::Tag, "mirrored point");
}

#[test]
fn content_that_does_not_fit() {
    let open = |expected: &Expected| ROUTE.open_share(&dealt(), &recipient(), expected).map(|_| ());
    let content = Err(OpenError::Content);
    assert_eq!(open(&Expected { commitment: [0; 32], ..expected() }), content);
    assert_eq!(open(&Expected { binding: Binding { generation: 2, ..BINDING }, ..expected() }), content);
    assert_eq!(open(&Expected { binding: Binding { set: [0; 16], ..BINDING }, ..expected() }), content);
    assert_eq!(open(&Expected { key_length: 24, ..expected() }), content, "zeros as a part of the share");
    assert_eq!(open(&Expected { key_length: 8, ..expected() }), content);
    assert_eq!(open(&Expected { key_length: 255, ..expected() }), content);
    let contribution = Contribution::new(&[0x77; 32]);
    let sealed = ROUTE.contribute(&contribution, recipient().public(), fill).unwrap();
    let open = |commitment| ROUTE.open_contribution(&sealed, &recipient(), &commitment);
    assert_eq!(open(contribution.commit(&ROUTE.manifest, ROUTE.x)), Ok(contribution.clone()));
    assert_eq!(open(contribution.commit(&ROUTE.manifest, 4)), Err(OpenError::Content));
    // A box of another kind is another box, whatever is in it.
    assert_eq!(ROUTE.open_contribution(&dealt(), &recipient(), &[0; 32]), Err(OpenError::Tag));
    assert_eq!(ROUTE.open_secret(&dealt(), &recipient(), 32), Err(OpenError::Tag));
    assert_eq!(ROUTE.open_share(&sealed, &recipient(), &expected()).map(|_| ()), Err(OpenError::Tag));
}

#[test]
fn causes_have_their_words() {
    let words = [OpenError::Point, OpenError::Tag, OpenError::Content].map(|cause| cause.status().0);
    assert_eq!(words, [0x6A80, 0x6607, 0x6608]);
}

#[test]
fn no_randomness_no_box() {
    let sealed = ROUTE.deal(&share(), &SALT, recipient().public(), |_| Err("none"));
    assert_eq!(sealed, Err("none"));
}

proptest! {
    #[test]
    fn sealed_and_opened(
        random in uniform32(1_u8..0xFF),
        own in uniform32(1_u8..0xFF),
        value in uniform32(any::<u8>()),
        salt in uniform16(any::<u8>()),
        hashes in any::<[[u8; 32]; 3]>(),
        (x, generation, length) in (1_u8..=10, any::<u32>(), 0_usize..3),
    ) {
        let length = [16, 24, 32][length];
        let [manifest, sender, to] = hashes;
        let (route, q) = (Route { manifest, x, sender, recipient: to }, KeyPair::new(&own).unwrap());
        let mut fill = |bytes: &mut [u8]| { bytes.copy_from_slice(&random); Ok::<_, Infallible>(()) };
        let share = Share::new(x, &value[..length]);
        let binding = Binding { set: salt, generation };
        let key_length = u8::try_from(length).unwrap();
        let expected = Expected { binding, commitment: binding.commit(&share, &salt), key_length };
        for sealed in [route.deal(&share, &salt, q.public(), &mut fill), route.release(&share, &salt, q.public(), &mut fill)] {
            let (opened, kept) = route.open_share(&sealed.unwrap(), &q, &expected).unwrap();
            prop_assert_eq!((opened.x(), opened.y(), *kept), (x, share.y(), salt));
        }
        let r = Contribution::new(&value);
        let sealed = route.contribute(&r, q.public(), &mut fill).unwrap();
        prop_assert_eq!(route.open_contribution(&sealed, &q, &r.commit(&manifest, x)), Ok(r));
        let secret = SecretKey::new(&value[..length]).unwrap();
        let sealed = route.export(&secret, q.public(), &mut fill).unwrap();
        prop_assert_eq!(route.open_secret(&sealed, &q, key_length), Ok(secret));
    }
}
