//! What custodian cards sign and seal, as bytes: written by hand from the tables, refused in every way, never a panic.

use super::pair::bytes;
use cardwright_proto::custody::certificate::{
    Certificate, CertificateBody, CertificateError, CertifiedKey, KeyAlgorithm, Roles, possession,
};
use cardwright_proto::custody::manifest::{Manifest, Place};
use cardwright_proto::custody::message::{Export, Fields, Held, Message, Outcome, Receipt, Statement, StatementError};
use cardwright_proto::custody::sealed::{BoxKind, SealedBox};
use cardwright_proto::custody::signature::Signature;
use cardwright_proto::custody::subset::{Bitmap, Mask, Subsets};
use cardwright_proto::custody::tag::Kind;
use cardwright_proto::gp::key::Kcv;
use proptest::prelude::*;

const POINT: [u8; 65] = [4; 65];

fn signature() -> Signature {
    Signature::new([0x7F; 32], [0x80; 32])
}

fn body() -> CertificateBody {
    CertificateBody { identity: [1; 8], roles: Roles::CUSTODIAN, applet: [2; 32], key: CertifiedKey::P256(POINT) }
}

pub(crate) fn hex(parts: &[&str]) -> Vec<u8> {
    hex::decode(parts.concat().replace(' ', "")).unwrap()
}

#[test]
fn tags() {
    assert_eq!(Kind::Certificate.tag(), *b"CW\x02\x01");
    let kinds = [
        Kind::Certificate,
        Kind::Possession,
        Kind::Manifest,
        Kind::Approval,
        Kind::Commitment,
        Kind::Committed,
        Kind::Offer,
        Kind::Contribution,
        Kind::Start,
        Kind::Share,
        Kind::ShareBox,
        Kind::ContributionBox,
        Kind::ReleaseBox,
        Kind::ExportBox,
        Kind::BoxList,
        Kind::Statement,
        Kind::Receipt,
        Kind::Release,
        Kind::Verdict,
        Kind::Forget,
        Kind::Export,
        Kind::OneBox,
        Kind::Step,
        Kind::Line,
    ];
    let bytes: Vec<u8> = kinds.iter().map(|kind| kind.tag()[3]).collect();
    assert_eq!(bytes, (0x01..=0x17).chain([0x20]).collect::<Vec<u8>>());
}

#[test]
fn certificates_as_the_table_has_them() {
    let coded = hex(&["43570201", &"01".repeat(8), "04 01", &"02".repeat(32), &"04".repeat(65)]);
    assert_eq!((body().encode(), coded.len()), (coded.clone(), 111));
    assert_eq!(CertificateBody::parse(&coded), Ok(body()));
    let certificate = Certificate { body: body(), signature: signature() };
    let whole = [coded, signature().to_der()].concat();
    assert_eq!(certificate.encode(), whole);
    assert_eq!(Certificate::parse(&whole), Ok(certificate));
    let hsm = CertificateBody { roles: Roles::HSM, key: CertifiedKey::Rsa3072([7; 32]), ..body() };
    let coded = hex(&["43570201", &"01".repeat(8), "10 03", &"02".repeat(32), &"07".repeat(32)]);
    assert_eq!((hsm.encode(), coded.len(), hsm.key.algorithm().key_len()), (coded.clone(), 78, 384));
    assert_eq!(CertificateBody::parse(&coded), Ok(hsm));
    assert_eq!(possession(&[1; 8], &POINT), hex(&["43570202", &"01".repeat(8), &"04".repeat(65)]));
}

/// Roles and algorithm against the sentence: 01, or an even number from 02 to 0E, with algorithm 01, or 10 with any.
#[test]
fn every_role_with_every_algorithm() {
    for roles in 0..=0xFF_u8 {
        for algorithm in 0..=0xFF_u8 {
            let len = if algorithm == 1 { 111 } else { 78 };
            let mut coded = vec![0; len];
            coded[..4].copy_from_slice(&Kind::Certificate.tag());
            (coded[12], coded[13]) = (roles, algorithm);
            let card = roles == 1 || roles % 2 == 0 && (2..=0x0E).contains(&roles);
            let well_formed = card && algorithm == 1 || roles == 0x10 && (1..=4).contains(&algorithm);
            let parsed = CertificateBody::parse(&coded);
            assert_eq!(parsed.is_ok(), well_formed, "{roles:02X} {algorithm:02X}");
            assert!(parsed.is_err() || parsed.unwrap().encode() == coded);
            assert_eq!(
                KeyAlgorithm::from_byte(algorithm).map(KeyAlgorithm::byte),
                (1..=4).contains(&algorithm).then_some(algorithm)
            );
            assert_eq!(Roles::from_byte(roles).map(Roles::byte), (card || roles == 0x10).then_some(roles));
        }
    }
    assert!(Roles::from_byte(0x0E).unwrap().have(Roles::COMBINER) && !Roles::CUSTODIAN.have(Roles::COMBINER));
    assert_eq!(Roles::DEALER.and(Roles::COMBINER).map(|roles| roles.to_string()), Some("dealer, combiner".into()));
    assert_eq!(Roles::CA.and(Roles::CUSTODIAN), None);
}

#[test]
fn certificates_cut_tagged_otherwise_or_longer() {
    let whole = Certificate { body: body(), signature: signature() }.encode();
    for len in 0..whole.len() {
        assert!(Certificate::parse(&whole[..len]).is_err(), "{len}");
    }
    for len in 0..111 {
        assert_eq!(CertificateBody::parse(&whole[..len]), Err(CertificateError::Length(len)));
    }
    assert_eq!(CertificateBody::parse(&whole[..112]), Err(CertificateError::Length(112)));
    assert!(Certificate::parse(&[whole.clone(), vec![0]].concat()).is_err());
    for at in 0..4 {
        let mut other = whole.clone();
        other[at] ^= 1;
        assert_eq!(Certificate::parse(&other), Err(CertificateError::Tag));
    }
}

#[test]
fn messages_as_the_table_has_them() {
    let [a, b, c] = [[0xA0; 32], [0xB0; 32], [0xC0; 32]];
    let (a_hex, b_hex, c_hex) = ("a0".repeat(32), "b0".repeat(32), "c0".repeat(32));
    let mut bitmap = Bitmap::default();
    bitmap.insert(8);
    let receipt = Receipt { set: [0x5E; 16], generation: 1, x: 3, status: Held::Destroyed, statement: a };
    let export = Export { statement: a, kcv: Kcv([1, 2, 3]), hsm: b, result: c };
    let cases: [(Fields, String); 8] = [
        (Fields::Approval { counter: 0x0102_0304 }, "04 01020304".into()),
        (Fields::Committed { commitment: a }, format!("06 {a_hex}")),
        (Fields::Offer { point: POINT }, format!("07 {}", "04".repeat(65))),
        (Fields::Receipt(receipt), format!("11 {} 00000001 03 02 {a_hex}", "5e".repeat(16))),
        (Fields::Release { x: 2, statement: a, sealed: b }, format!("12 02 {a_hex} {b_hex}")),
        (Fields::Verdict { statement: a, bitmap }, format!("13 {a_hex} 0080 {}", "00".repeat(30))),
        (Fields::Forget { statement: a, outcome: Outcome::Abandoned }, format!("14 {a_hex} 01")),
        (Fields::Export(export), format!("15 {a_hex} 010203 {b_hex} {c_hex}")),
    ];
    for (fields, coded) in cases {
        let (kind, rest) = coded.split_once(' ').unwrap();
        let expected = hex(&["435702", kind, &"11".repeat(32), &"22".repeat(32), rest]);
        assert_eq!(Message { manifest: [0x11; 32], signer: [0x22; 32], fields }.to_bytes(), expected, "{fields:?}");
    }
}

#[test]
fn a_statement_as_the_table_has_it() {
    let statement =
        Statement { manifest: [1; 32], dealer: [2; 32], kcv: Kcv([3; 3]), shares: vec![[4; 32]; 2], boxes: [5; 32] };
    let coded = hex(&["43570210", &"01".repeat(32), &"02".repeat(32), "030303", &"04".repeat(64), &"05".repeat(32)]);
    assert_eq!((statement.to_bytes(), Statement::len_of(2)), (coded.clone(), coded.len()));
    assert_eq!((Statement::parse(&coded), Statement::len_of(10)), (Ok(statement.clone()), 423));
    for n in 0..=12_u8 {
        let bytes = Statement { shares: vec![[4; 32]; n.into()], ..statement.clone() }.to_bytes();
        assert_eq!(Statement::parse(&bytes).is_ok(), (2..=10).contains(&n), "{n}");
    }
    for len in 0..coded.len() {
        assert_eq!(Statement::parse(&coded[..len]), Err(StatementError::Length(len)));
    }
    let mut other = coded;
    other[3] = 0x11;
    assert_eq!(Statement::parse(&other), Err(StatementError::Tag));
}

/// Numbers in DER, as contents of 02: whether they are positive, shortest, and of at most 32 bytes.
#[test]
fn numbers_of_a_signature() {
    let long = |first: &[u8], len: usize| [first, &vec![0x11; len - first.len()]].concat();
    let cases: [(&str, Vec<u8>, bool); 14] = [
        ("one", vec![1], true),
        ("127", vec![0x7F], true),
        ("128", vec![0, 0x80], true),
        ("32 bytes", long(&[0x7F], 32), true),
        ("33 bytes with a sign", long(&[0, 0xFF], 33), true),
        ("empty", vec![], false),
        ("zero", vec![0], false),
        ("zero in two bytes", vec![0, 0], false),
        ("negative", vec![0x80], false),
        ("minus one", vec![0xFF], false),
        ("a sign too many", vec![0, 0x7F], false),
        ("two signs", vec![0, 0, 0x80], false),
        ("33 bytes without a sign", long(&[0x01], 33), false),
        ("34 bytes", long(&[0, 0x80], 34), false),
    ];
    for (what, number, good) in cases {
        let coded = |r: &[u8], s: &[u8]| {
            let [r_len, s_len] = [r, s].map(|number| u8::try_from(number.len()).unwrap());
            [&[0x30, r_len + s_len + 4, 2, r_len], r, &[2, s_len], s].concat()
        };
        for der in [coded(&number, &[1]), coded(&[1], &number), coded(&number, &number)] {
            let parsed = Signature::parse(&der);
            assert_eq!(parsed.is_ok(), good, "{what}");
            assert!(parsed.is_err() || parsed.unwrap().to_der() == der, "{what}");
        }
    }
}

#[test]
fn forms_of_a_signature() {
    let good = "3006 0201 01 0201 02";
    assert!(Signature::parse(&hex(&[good])).is_ok());
    let longest = Signature::new([0xFF; 32], [0xFF; 32]).to_der();
    assert_eq!((longest.len(), Signature::parse(&longest).is_ok()), (72, true));
    for bad in [
        "",
        "30",
        "3000",
        "3003 0201 01",
        "3005 0201 01 0201",
        "3006 0201 01 0201",
        "3006 0201 01 0201 02 00",
        "3007 0201 01 0201 02 00",
        "3007 0201 01 0201 02",
        "3005 0201 01 0201 02",
        "308106 0201 01 0201 02",
        "3080 0201 01 0201 02 0000",
        "3106 0201 01 0201 02",
        "3006 0301 01 0201 02",
        "3006 0201 01 0301 02",
        "3007 028101 01 0201 02",
        "3006 0202 01 0201 02",
        "3006 0200 0202 0102",
        "3006 0201 01 0202 02",
        "3009 0201 01 0201 02 0201 03",
        "3008 3006 0201 01 0201 02",
    ] {
        assert!(Signature::parse(&hex(&[bad])).is_err(), "{bad}");
    }
    for zero in [Signature::new([0; 32], [1; 32]), Signature::new([1; 32], [0; 32])] {
        assert!(Signature::parse(&zero.to_der()).is_err());
    }
}

#[test]
fn subsets_against_brute_force() {
    for n in 2..=10 {
        for m in 2..=n {
            let subsets = Subsets::new(m, n).unwrap();
            let masks: Vec<Mask> = (0..1_u16 << n).filter(|mask| mask.count_ones() == u32::from(m)).map(Mask).collect();
            assert_eq!(subsets.iter().collect::<Vec<_>>(), masks);
            assert_eq!(usize::from(subsets.count()), masks.len());
            for mask in (0..=u16::MAX).map(Mask) {
                let number = masks.iter().position(|other| *other == mask);
                assert_eq!(subsets.number(mask).map(usize::from), number, "{mask:?} of {m} of {n}");
            }
            let full = subsets.full();
            assert!((0..=255_u8).all(|number| full.has(number) == (usize::from(number) < masks.len())));
            assert_eq!(full.count(), u32::from(subsets.count()));
        }
    }
    assert_eq!(Subsets::new(5, 10).unwrap().count(), 252);
    for (m, n) in [(1, 2), (3, 2), (2, 11), (0, 0), (11, 11), (2, 1)] {
        assert!(Subsets::new(m, n).is_err());
    }
    let mut bitmap = Bitmap::default();
    bitmap.insert(0);
    bitmap.insert(8);
    assert_eq!(bitmap.0[..3], [0x80, 0x80, 0]);
    assert!(bitmap.within(&Subsets::new(2, 5).unwrap().full()) && !bitmap.within(&Subsets::new(2, 3).unwrap().full()));
}

#[test]
fn masks() {
    let places = [
        (Place::Custodian(1), 1),
        (Place::Custodian(10), 0x200),
        (Place::Combiner, 0x400),
        (Place::Dealer, 0x800),
        (Place::Hsm, 0x1000),
    ];
    for (place, bit) in places {
        let mut mask = Mask::default();
        mask.insert(place);
        assert_eq!((mask, mask.has(place), [place].into_iter().collect::<Mask>()), (Mask(bit), true, Mask(bit)));
        assert!(!Mask(!bit).has(place));
    }
    for none in [0, 11, 255] {
        assert!(!Mask(0xFFFF).has(Place::Custodian(none)));
    }
    assert_eq!((Mask::all(3), Mask::all(10)), (Mask(7), Mask(0x3FF)));
    assert_eq!(Mask(0x1E05).custodians().collect::<Vec<_>>(), [1, 3, 10]);
}

#[test]
fn boxes() {
    for (kind, len) in
        [(BoxKind::Share, 129), (BoxKind::Contribution, 113), (BoxKind::Release, 129), (BoxKind::Export, 113)]
    {
        assert_eq!(kind.box_len(), len);
        let coded = bytes(3, len);
        let sealed = SealedBox::parse(kind, &coded).unwrap();
        assert_eq!(sealed.to_bytes(), coded);
        assert_eq!(
            (&sealed.point()[..], sealed.content(), &sealed.tag()[..]),
            (&coded[..65], &coded[65..len - 16], &coded[len - 16..])
        );
        for other in (0..200).filter(|other| *other != len) {
            assert!(SealedBox::parse(kind, &bytes(3, other)).is_err());
        }
        let made = SealedBox::new(kind, [1; 65], [2; 48], [3; 16]);
        assert_eq!(SealedBox::parse(kind, &made.to_bytes()), Ok(made));
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600), kind in 0_u8..4, tagged in any::<bool>()) {
        // With the tag in front, so that more than the tag is looked at.
        let tag = |kind: Kind| {
            let mut bytes = bytes.clone();
            if tagged && bytes.len() >= 4 {
                bytes[..4].copy_from_slice(&kind.tag());
            }
            bytes
        };
        let (certificate, manifest, statement) = (tag(Kind::Certificate), tag(Kind::Manifest), tag(Kind::Statement));
        if let Ok(parsed) = Certificate::parse(&certificate) {
            prop_assert_eq!(parsed.encode(), certificate);
        }
        if let Ok(parsed) = Manifest::parse(&manifest) {
            prop_assert_eq!(parsed.encode(), manifest);
        }
        if let Ok(parsed) = Statement::parse(&statement) {
            prop_assert_eq!(parsed.to_bytes(), statement);
        }
        if let Ok(parsed) = Signature::parse(&bytes) {
            prop_assert_eq!(parsed.to_der(), &bytes[..]);
        }
        let kind = [BoxKind::Share, BoxKind::Contribution, BoxKind::Release, BoxKind::Export][usize::from(kind)];
        if let Ok(parsed) = SealedBox::parse(kind, &bytes) {
            prop_assert_eq!(parsed.to_bytes(), bytes);
        }
    }

    #[test]
    fn every_signature_comes_back(r in any::<[u8; 32]>(), s in any::<[u8; 32]>(), (cut_r, cut_s) in (0_usize..32, 0_usize..32)) {
        let (mut r, mut s) = (r, s);
        r[..cut_r].fill(0);
        s[..cut_s].fill(0);
        (r[31], s[31]) = (r[31] | 1, s[31] | 1);
        let signature = Signature::new(r, s);
        let der = signature.to_der();
        prop_assert!((8..=72).contains(&der.len()));
        prop_assert_eq!(Signature::parse(&der), Ok(signature));
    }
}
