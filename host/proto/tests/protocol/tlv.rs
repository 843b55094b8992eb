//! Data objects: against the parser of `iso7816-tlv`, and from cards that lie.

use super::pair::bytes;
use cardwright_proto::tlv::{Item, Items, Tag, TlvError, find, push};
use iso7816_tlv::ber::{Tlv, Value};
use proptest::prelude::*;

fn items(bytes: &[u8]) -> Result<Vec<Item<'_>>, TlvError> {
    Items::new(bytes).collect()
}

/// A tree of data objects, coded.
fn trees() -> impl Strategy<Value = Vec<u8>> {
    let primitive = prop::sample::select(vec![0x4Fu32, 0x84, 0xC5, 0x9F70, 0x9F7F, 0x5F20, 0xDF8101]);
    let leaf = (primitive, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(tag, value)| object(tag, &value));
    leaf.prop_recursive(4, 40, 5, |inner| {
        let constructed = prop::sample::select(vec![0x6Fu32, 0x66, 0xE3, 0xE0, 0x7F21, 0xBF0C]);
        (constructed, prop::collection::vec(inner, 0..5)).prop_map(|(tag, parts)| object(tag, &parts.concat()))
    })
}

fn object(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, tag, value).unwrap();
    out
}

/// Compares one level with what the other parser makes of it, and goes down.
fn same(ours: &Item<'_>, theirs: &Tlv) {
    assert_eq!(&ours.tag, theirs.tag());
    match theirs.value() {
        Value::Primitive(value) => assert_eq!(ours.value, value),
        Value::Constructed(parts) => {
            let inner = items(ours.value).unwrap();
            assert_eq!(inner.len(), parts.len());
            inner.iter().zip(parts).for_each(|(ours, theirs)| same(ours, theirs));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_are_read_alike(trees in prop::collection::vec(trees(), 1..4)) {
        let coded = trees.concat();
        let ours = items(&coded).unwrap();
        let theirs = Tlv::parse_all(&coded);
        prop_assert_eq!(ours.len(), trees.len());
        prop_assert_eq!(theirs.len(), trees.len());
        ours.iter().zip(&theirs).for_each(|(ours, theirs)| same(ours, theirs));
    }

    /// Where both accept anything at all, they agree on it.
    #[test]
    fn noise_is_read_alike(noise in prop::collection::vec(any::<u8>(), 0..40)) {
        let (theirs, rest) = Tlv::parse(&noise);
        if let (Some(Ok(ours)), Ok(theirs)) = (Items::new(&noise).next(), theirs) {
            prop_assert_eq!(&ours.tag, theirs.tag());
            prop_assert_eq!(ours.value.as_ptr() as usize + ours.value.len(), rest.as_ptr() as usize);
            if let Value::Primitive(value) = theirs.value() {
                prop_assert_eq!(ours.value, &value[..]);
            }
        }
    }

    #[test]
    fn what_is_pushed_is_found(tags in prop::sample::subsequence(vec![0x42u32, 0x66, 0x9F7F, 0xDF8101], 1..4), len in 0..300usize) {
        let mut out = Vec::new();
        for tag in &tags {
            push(&mut out, *tag, &bytes(u64::from(*tag), len)).unwrap();
        }
        for tag in &tags {
            prop_assert_eq!(find(&out, *tag).unwrap(), bytes(u64::from(*tag), len));
        }
        prop_assert_eq!(find(&out, 0x45), Err(TlvError::Missing(0x45)));
    }
}

#[test]
fn lengths_in_every_form() {
    for (len, field) in [
        (0, "00"),
        (1, "01"),
        (0x7F, "7f"),
        (0x80, "8180"),
        (0xFF, "81ff"),
        (0x100, "820100"),
        (0xFFFF, "82ffff"),
        (0x1_0000, "83010000"),
    ] {
        let value = bytes(1, len);
        let out = object(0x53, &value);
        assert_eq!(hex::encode(&out[..out.len() - len]), format!("53{field}"));
        assert_eq!(find(&out, 0x53), Ok(&value[..]));
    }
    // Cards send lengths longer than need be.
    for coded in ["5301aa", "538101aa", "53820001aa", "5383000001aa", "538400000001aa"] {
        assert_eq!(find(&hex::decode(coded).unwrap(), 0x53), Ok(&[0xAA][..]), "{coded}");
    }
}

#[test]
fn hostile_bytes() {
    let cases = [
        ("00", TlvError::Tag(0)),
        ("1f", TlvError::Tag(0)),
        ("9f", TlvError::Tag(0)),
        ("9f81", TlvError::Tag(0)),
        ("9f818101", TlvError::Tag(0)),
        ("9fffffff01", TlvError::Tag(0)),
        ("53", TlvError::Length(1)),
        ("9f7f", TlvError::Length(2)),
        ("5380", TlvError::Length(1)),
        ("5381", TlvError::Length(1)),
        ("538201", TlvError::Length(1)),
        ("5385ffffffffff", TlvError::Length(1)),
        ("53ff", TlvError::Length(1)),
        ("5301", TlvError::Truncated(2)),
        ("5384ffffffff", TlvError::Truncated(6)),
        ("53847fffffff00", TlvError::Truncated(6)),
        ("53820005aabbccdd", TlvError::Truncated(4)),
        ("4200530200", TlvError::Truncated(4)),
    ];
    for (raw, error) in cases {
        let raw = hex::decode(raw).unwrap();
        assert_eq!(items(&raw).unwrap_err(), error, "{raw:02x?}");
        let mut walk = Items::new(&raw);
        assert!(walk.by_ref().any(|item| item.is_err()));
        assert_eq!(walk.next(), None, "nothing comes after an error");
    }
    assert_eq!(find(&[0x53, 1, 7, 0x53], 0x53), Ok(&[7][..]), "what is found first is found");
    assert_eq!(items(&[]).unwrap(), []);
}

#[test]
fn nesting_costs_no_stack() {
    let mut deep = Vec::new();
    for _ in 0..2000 {
        deep = object(0x6F, &deep);
    }
    let mut depth = 0;
    let mut level = &deep[..];
    while let Ok(inner) = find(level, 0x6F) {
        level = inner;
        depth += 1;
    }
    assert_eq!(depth, 2000);
}

#[test]
fn tags_that_cannot_be_pushed() {
    let mut out = vec![1];
    assert_eq!(push(&mut out, 0, &[]), Err(TlvError::Tag(0)));
    assert_eq!(push(&mut out, 0x9F, &[]), Err(TlvError::Tag(0)));
    assert_eq!(out, [1]);
    let item = Item { tag: Tag::try_from(0x9F7Fu32).unwrap(), value: &[] };
    assert!(item.is(0x9F7F) && !item.is(0x7F) && !item.is(0x9F));
}
