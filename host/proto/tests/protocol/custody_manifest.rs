//! Manifests: written by hand from the table, and each case of its well-formed column.

use super::custody_objects::hex;
use cardwright_proto::custody::manifest::{Manifest, ManifestError, Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome};
use cardwright_proto::custody::share::{KeyType, Scheme};
use proptest::prelude::*;

fn manifest() -> Manifest {
    Manifest {
        operation: Operation::Deal,
        ceremony: [0xCE; 16],
        set: [0x5E; 16],
        generation: 1,
        scheme: Scheme::Shamir,
        m: 2,
        key_type: KeyType::Aes,
        key_length: 16,
        usage: 7,
        sequence: 9,
        plan: [0xA1; 32],
        head: [0xA2; 32],
        partner: Some([0xDD; 32]),
        combiner: Some([0xCC; 32]),
        custodians: vec![[1; 32], [2; 32], [3; 32]],
    }
}

#[test]
fn a_manifest_as_the_table_has_it() {
    let coded = hex(&[
        "43570203 01",
        &"ce".repeat(16),
        &"5e".repeat(16),
        "00000001 01 02 03 88 10 07 00000009",
        &"a1".repeat(32),
        &"a2".repeat(32),
        &"dd".repeat(32),
        &"cc".repeat(32),
        &"01".repeat(32),
        &"02".repeat(32),
        &"03".repeat(32),
    ]);
    assert_eq!((manifest().encode(), coded.len()), (coded.clone(), 179 + 96));
    assert_eq!(Manifest::parse(&coded), Ok(manifest()));
    assert_eq!(destroy().encode()[115..179], [0; 64]);
}

fn drill() -> Manifest {
    Manifest { operation: Operation::Drill, partner: None, ..manifest() }
}

fn release() -> Manifest {
    Manifest { operation: Operation::Release, ..manifest() }
}

fn destroy() -> Manifest {
    Manifest { operation: Operation::Destroy, partner: None, combiner: None, ..manifest() }
}

/// Whether a manifest is well-formed, by its fields and by its bytes.
fn well_formed(manifest: Manifest) -> bool {
    let (checked, parsed) = (manifest.check().is_ok(), Manifest::parse(&manifest.encode()));
    assert_eq!(checked, parsed.is_ok(), "{manifest:?}");
    assert!(!checked || parsed == Ok(manifest));
    checked
}

#[test]
fn numbers_of_a_manifest() {
    assert!([manifest(), drill(), release(), destroy()].into_iter().all(well_formed));
    for (generation, deal, later) in [(0, false, false), (1, true, true), (2, false, true), (u32::MAX, false, true)] {
        assert_eq!(well_formed(Manifest { generation, ..manifest() }), deal);
        assert!(
            [drill(), release(), destroy()].into_iter().all(|it| well_formed(Manifest { generation, ..it }) == later)
        );
    }
    for m in 0..=255 {
        assert_eq!(well_formed(Manifest { m, ..manifest() }), m == 2 || m == 3, "{m} of 3");
        assert_eq!(well_formed(Manifest { m, scheme: Scheme::Xor, ..manifest() }), m == 3, "XOR, {m} of 3");
    }
    for key_length in 0..=255 {
        assert_eq!(well_formed(Manifest { key_length, ..manifest() }), matches!(key_length, 16 | 24 | 32));
        let des = Manifest { key_length, key_type: KeyType::TripleDes, ..manifest() };
        assert_eq!(well_formed(des), matches!(key_length, 16 | 24));
    }
    for n in 0..=12_u8 {
        let custodians = (1..=n).map(|x| [x; 32]).collect();
        assert_eq!(well_formed(Manifest { custodians, ..manifest() }), (2..=10).contains(&n), "{n}");
    }
}

#[test]
fn people_of_a_manifest() {
    let other = Some([9; 32]);
    let custodians = |second: u8| vec![[1; 32], [second; 32], [3; 32]];
    let wrong = [
        ("deal without a dealer", Manifest { partner: None, ..manifest() }),
        ("deal without a combiner", Manifest { combiner: None, ..manifest() }),
        ("drill with a partner", Manifest { partner: other, ..drill() }),
        ("drill without a combiner", Manifest { combiner: None, ..drill() }),
        ("release without an HSM", Manifest { partner: None, ..release() }),
        ("release without a combiner", Manifest { combiner: None, ..release() }),
        ("destroy with a partner", Manifest { partner: other, ..destroy() }),
        ("destroy with a combiner", Manifest { combiner: other, ..destroy() }),
        ("a custodian of zeros", Manifest { custodians: custodians(0), ..manifest() }),
        ("a custodian twice", Manifest { custodians: custodians(3), ..manifest() }),
        ("a custodian as the combiner", Manifest { custodians: custodians(0xCC), ..manifest() }),
        ("a custodian as the dealer", Manifest { custodians: custodians(0xDD), ..manifest() }),
        ("the dealer as the combiner", Manifest { combiner: Some([0xDD; 32]), ..manifest() }),
        ("the HSM as the combiner", Manifest { combiner: Some([0xDD; 32]), ..release() }),
    ];
    for (what, manifest) in wrong {
        assert!(!well_formed(manifest), "{what}");
    }
    for manifest in
        [Manifest { partner: Some([0; 32]), ..manifest() }, Manifest { combiner: Some([0; 32]), ..manifest() }]
    {
        assert!(manifest.check().is_err(), "zeros that are somebody");
    }
}

#[test]
fn bytes_that_are_no_manifest() {
    let good = manifest().encode();
    for len in (0..600).filter(|len| *len != good.len()) {
        let bytes: Vec<u8> = good.iter().copied().cycle().take(len).collect();
        let expected = match len.checked_sub(179) {
            Some(hashes) if hashes % 32 == 0 && (2..=10).contains(&(hashes / 32)) => {
                ManifestError::Value("there are other than n custodians")
            }
            _ => ManifestError::Length(len),
        };
        assert_eq!(Manifest::parse(&bytes), Err(expected), "{len}");
    }
    let with = |at: usize, byte: u8| {
        let mut other = good.clone();
        other[at] = byte;
        Manifest::parse(&other)
    };
    for at in 0..4 {
        assert_eq!(with(at, 0xFF), Err(ManifestError::Tag));
    }
    for byte in 0..=255 {
        assert_eq!(with(41, byte).is_ok(), byte == 1, "scheme {byte}, with m = 2 of 3");
        assert_eq!(with(43, byte).is_ok(), byte == 3, "n {byte}");
        assert_eq!(with(44, byte).is_ok(), byte == 0x80 || byte == 0x88, "key type {byte}");
        assert_eq!(with(4, byte).is_ok(), byte == 1 || byte == 3, "operation {byte}, with a partner and a combiner");
    }
}

#[test]
fn places() {
    let deal = manifest();
    for (x, hash) in (1..).zip(&deal.custodians) {
        assert_eq!(deal.place(hash), Some(Place::Custodian(x)));
        assert_eq!(deal.party(Place::Custodian(x)), Some(hash));
    }
    assert_eq!((deal.place(&[0xCC; 32]), deal.place(&[0xDD; 32])), (Some(Place::Combiner), Some(Place::Dealer)));
    assert_eq!((deal.place(&[9; 32]), deal.place(&[0; 32])), (None, None));
    assert_eq!(
        (deal.party(Place::Custodian(4)), deal.party(Place::Custodian(0)), deal.party(Place::Hsm)),
        (None, None, None)
    );
    let (release, destroy) = (release(), destroy());
    assert_eq!(release.place(&[0xDD; 32]), None, "an HSM is no card");
    assert_eq!((release.party(Place::Hsm), release.party(Place::Dealer)), (Some(&[0xDD; 32]), None));
    assert_eq!((destroy.place(&[0; 32]), destroy.place(&[1; 32])), (None, Some(Place::Custodian(1))));
    for byte in 0..=255 {
        let place = matches!(byte, 1..=0x0A | 0x0C | 0x0D | 0x0E);
        assert_eq!(Place::from_byte(byte).map(Place::byte), place.then_some(byte));
        assert_eq!(Operation::from_byte(byte).map(Operation::byte), (1..=4).contains(&byte).then_some(byte));
        assert_eq!(Held::from_byte(byte).map(Held::byte), (byte <= 2).then_some(byte));
        assert_eq!(Outcome::from_byte(byte).map(Outcome::byte), (byte <= 1).then_some(byte));
    }
    let roles = [Place::Custodian(5), Place::Combiner, Place::Dealer, Place::Hsm].map(|place| place.role().byte());
    assert_eq!(roles, [0x04, 0x08, 0x02, 0x10]);
}

proptest! {
    #[test]
    fn every_manifest_comes_back(
        ids in any::<[[u8; 16]; 2]>(),
        hashes in any::<[[u8; 32]; 2]>(),
        (operation, generation, sequence, usage) in (1_u8..=4, 1_u32.., any::<u32>(), any::<u8>()),
        (n, m, xor, des, length) in (2_u8..=10, 2_u8..=10, any::<bool>(), any::<bool>(), 0_usize..3),
    ) {
        let operation = Operation::from_byte(operation).unwrap();
        let (deal, with_partner) = (operation == Operation::Deal, matches!(operation, Operation::Deal | Operation::Release));
        let (scheme, m) = if xor { (Scheme::Xor, n) } else { (Scheme::Shamir, m.min(n)) };
        let (key_type, key_length) = if des { (KeyType::TripleDes, [16, 24, 24][length]) } else { (KeyType::Aes, [16, 24, 32][length]) };
        let made = Manifest {
            operation,
            ceremony: ids[0],
            set: ids[1],
            generation: if deal { 1 } else { generation },
            scheme,
            m,
            key_type,
            key_length,
            usage,
            sequence,
            plan: hashes[0],
            head: hashes[1],
            partner: with_partner.then_some([0xDD; 32]),
            combiner: (operation != Operation::Destroy).then_some([0xCC; 32]),
            custodians: (1..=n).map(|x| [x; 32]).collect(),
        };
        prop_assert_eq!(Manifest::parse(&made.encode()), Ok(made));
    }
}
