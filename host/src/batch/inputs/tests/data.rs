//! Personalisation data.

use super::{CHIP, KDD, OTHER, Written, card, hostile, regular_files_alone, told};
use crate::batch::inputs::{CardData, DataIndex, Dgi, FieldError, InputError, Owner, Pinned, VALUE_MAX, Value};
use cardwright_hsm::sealed_field::{FieldPlace, seal};
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::journal::CardId;
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Name;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::{Strategy, any, proptest};
use proptest::{option, prop_assert, prop_assert_eq};

const SECRET: &str = "5F1C3A99D2604E0B";

fn index(name: &'static str, text: impl AsRef<[u8]>) -> Result<(Written, DataIndex), InputError> {
    let file = Written::new(name, text);
    DataIndex::check(&file.path()).map(|index| (file, index))
}

fn csv(text: impl AsRef<[u8]>) -> String {
    told(&index("data.csv", text).unwrap_err())
}

fn jsonl(text: impl AsRef<[u8]>) -> String {
    told(&index("data.jsonl", text).unwrap_err())
}

fn clear(tag: u16, value: &[u8]) -> Dgi {
    Dgi { tag, value: Value::Clear(value.to_vec()) }
}

fn key(byte: u8) -> KeyMaterial {
    KeyMaterial::One(SecretKey::new(&[byte; 32]).unwrap())
}

fn job(name: &str) -> Name {
    name.parse().unwrap()
}

fn sealed(owner: Owner<'_>, dgi: u16, value: &[u8]) -> String {
    hex::encode(seal(&key(1), &FieldPlace { job: &job("acme"), owner, dgi }, value).unwrap())
}

#[test]
fn as_issuers_write() {
    let hidden = "AB".repeat(28);
    let text = format!(
        "{{\"card\":\"{KDD}\",\"sealed\":{{\"8201\":\"{hidden}\"}},\"dgi\":{{\"0201\":\"0a0B\",\"0101\":\"\"}}}}\n\
         {{\"dgi\":{{\"0101\":\"01\"}},\"card\":\"{}\"}}\n",
        OTHER.to_lowercase()
    );
    let (_file, data) = index("data.jsonl", &text).unwrap();
    assert_eq!(data.pinned(), Pinned { sha256: sha256(&[text.as_bytes()]), cards: 2 });
    assert!(data.sealed() && data.names_cards() && data.has(&card(KDD)) && !data.has(&card(&KDD.replace('9', "8"))));
    let value = Value::Sealed { nonce: [0xAB; 12], sealed: vec![0xAB; 16] };
    let blocks = vec![Dgi { tag: 0x8201, value }, clear(0x0201, &[10, 11]), clear(0x0101, &[])];
    let first = CardData { card: Some(card(KDD)), row: 1, blocks };
    assert_eq!(data.read(&card(KDD)).unwrap(), Some(first), "in the order of the file");
    let second = CardData { card: Some(card(OTHER)), row: 2, blocks: vec![clear(0x0101, &[1])] };
    assert_eq!(data.read(&card(OTHER)).unwrap(), Some(second));
    assert_eq!(data.read_row(1).unwrap(), None);

    let text = format!("dgi 0201,card,sealed 8201,dgi 00FF\n,{KDD},{hidden},01\n0A0b,{OTHER},,\n");
    let (_file, data) = index("data.csv", &text).unwrap();
    let value = Value::Sealed { nonce: [0xAB; 12], sealed: vec![0xAB; 16] };
    let blocks = vec![Dgi { tag: 0x8201, value }, clear(0x00FF, &[1])];
    assert_eq!(data.read(&card(KDD)).unwrap(), Some(CardData { card: Some(card(KDD)), row: 1, blocks }));
    let second = CardData { card: Some(card(OTHER)), row: 2, blocks: vec![clear(0x0201, &[10, 11])] };
    assert_eq!(data.read(&card(OTHER)).unwrap(), Some(second));
}

/// A row without cards serves a record by its number.
#[test]
fn rows_that_name_no_card() {
    for (name, text) in [
        ("data.jsonl", "{\"dgi\":{\"0101\":\"01\"}}\n{\"dgi\":{\"0101\":\"02\"}}\n"),
        ("data.csv", "dgi 0101\n01\n02\n"),
    ] {
        let (_file, data) = index(name, text).unwrap();
        assert!(!data.names_cards() && !data.sealed() && !data.has(&card(KDD)));
        let row = |row, value| Some(CardData { card: None, row, blocks: vec![clear(0x0101, &[value])] });
        assert_eq!(data.read_row(1).unwrap(), row(1, 1));
        assert_eq!(data.read_row(2).unwrap(), row(2, 2));
        assert_eq!((data.read_row(0).unwrap(), data.read_row(3).unwrap()), (None, None));
        assert_eq!(data.read(&card(KDD)).unwrap(), None);
    }
}

#[test]
fn a_chip_is_found_by_its_kdd() {
    let chips = CHIP.replace("-00", "-FF");
    let row = |card: &str, value: u8| format!("{{\"card\":\"{card}\",\"dgi\":{{\"0101\":\"{value:02X}\"}}}}\n");
    let (_file, data) = index("data.jsonl", row(KDD, 1) + &row(OTHER, 2)).unwrap();
    let found = |data: &DataIndex, one: &str| data.read(&card(one)).unwrap().map(|found| found.card.unwrap());
    assert_eq!(found(&data, CHIP), Some(card(KDD)), "as the file names it, which sealed fields are bound to");
    let (_file, data) = index("data.jsonl", row(CHIP, 1) + &row(OTHER, 2)).unwrap();
    assert_eq!(found(&data, CHIP), Some(card(CHIP)));
    assert_eq!((found(&data, KDD), found(&data, &chips), found(&data, "evil")), (None, None, None));
}

#[test]
fn no_file_that_hides_something() {
    hostile(&format!("card,dgi 0101\n{KDD},00\n"), &format!("{OTHER},00"), csv);
    let row = |card| format!("{{\"card\":\"{card}\",\"dgi\":{{\"0101\":\"00\"}}}}");
    hostile(&(row(KDD) + "\n"), &row(OTHER), jsonl);
    regular_files_alone(|path| DataIndex::check(path).unwrap_err());
    assert_eq!(csv("card,dgi 0101\n"), "there is no card in it");
}

#[test]
fn csv_refused() {
    let after = |line: &str| csv(format!("card,dgi 0101,sealed 8201\n{KDD},00,\n{line}\n"));
    let header = |names: &str| csv(format!("{names}\n"));
    let full = "AB".repeat(VALUE_MAX + 28);
    for (message, wanted) in [
        (header("card,evil"), "line 1 does not name columns: number 2 is none of card, `dgi XXXX`"),
        (header("card,dgi"), "line 1 does not name columns: number 2"),
        (header("card,dgi 101"), "line 1 does not name columns: number 2"),
        (header("card,dgi 00101"), "line 1 does not name columns: number 2"),
        (header("card,dgi \u{FF10}101"), "line 1 does not name columns: number 2"),
        (header("card,dgi  0101"), "line 1 does not name columns: number 2"),
        (header("card,dgi 0101,dgi 0101"), "line 1 does not name columns: number 3"),
        (header("card,dgi 00aa,sealed 00AA"), "line 1 does not name columns: number 3"),
        (header("card,dgi 0101,card"), "line 1 does not name columns: number 3"),
        (after(&format!("{OTHER},00")), "line 3 has 2 cells"),
        (after(&format!("{OTHER},\"00,")), "line 3 is no CSV"),
        (after(",00,"), "line 3: `card`"),
        (after("evil,00,"), "line 3: `card`"),
        (after(&format!("{OTHER},,")), "line 3: there are no data"),
        (after(&format!("{OTHER},0,")), "line 3: a value is bytes in hex"),
        (after(&format!("{OTHER},{SECRET}X,")), "line 3: a value is bytes in hex"),
        (after(&format!("{OTHER},\u{FF10}0,")), "line 3: a value is bytes in hex"),
        (after(&format!("{OTHER},=1,")), "line 3: a value is bytes in hex"),
        (after(&format!("{OTHER},{},", &full[..2 * VALUE_MAX + 2])), "line 3: a value has 4096 bytes at most"),
        (after(&format!("{OTHER},00,{}", &full[..2 * 27])), "line 3: a sealed value has 28 bytes at least"),
        (after(&format!("{OTHER},00,{}", &full[..2 * 11])), "line 3: a sealed value has 28 bytes at least"),
        (after(&format!("{OTHER},00,{full}00")), "line 3: a value has 4096 bytes at most"),
        (after(&format!("{KDD},01,")), "line 3 is about the card of line 2"),
        (after(&format!("{CHIP},01,")), "line 3 is about the card of line 2"),
    ] {
        assert!(message.starts_with(wanted), "{message}, not {wanted}");
    }
    for good in [format!("{},", &full[..2 * VALUE_MAX]), format!(",{full}"), format!(",{}", &full[..56])] {
        index("data.csv", format!("card,dgi 0101,sealed 8201\n{KDD},{good}\n")).unwrap();
    }
}

#[test]
fn json_refused() {
    let row = |members: &str| jsonl(format!("{{\"card\":\"{KDD}\",{members}}}\n"));
    let no_json = "line 1 is no JSON object with the members card, dgi, sealed";
    for (message, wanted) in [
        (jsonl("evil\n"), no_json),
        (jsonl(format!("[\"{KDD}\"]\n")), no_json),
        (jsonl("{}\n"), "line 1: there are no data"),
        (row("\"dgi\":{}"), "line 1: there are no data"),
        (row("\"evil\":{}"), no_json),
        (row("\"dgi\":{\"0101\":\"00\"},\"dgi\":{\"0102\":\"00\"}"), no_json),
        (row(&format!("\"card\":\"{OTHER}\",\"dgi\":{{\"0101\":\"00\"}}")), no_json),
        (row("\"dgi\":[\"00\"]"), no_json),
        (row("\"dgi\":{\"0101\":0}"), no_json),
        (row("\"dgi\":{\"0101\":\"00\"}} {\"x\":1"), no_json),
        (row("\"dgi\":{\"101\":\"00\"}"), no_json),
        (row("\"dgi\":{\"evil\":\"00\"}"), no_json),
        (row("\"dgi\":{\"0101\":\"00\",\"0101\":\"01\"}"), "line 1: a DGI stands there twice"),
        (row("\"dgi\":{\"00aa\":\"00\",\"00AA\":\"01\"}"), "line 1: a DGI stands there twice"),
        (row(&format!("\"dgi\":{{\"0101\":\"00\"}},\"sealed\":{{\"0101\":\"{}\"}}", "AB".repeat(28))), "line 1: a DGI"),
        (row(&format!("\"dgi\":{{\"0101\":\"{SECRET}X\"}}")), "line 1: a value is bytes in hex"),
        (row(&format!("\"sealed\":{{\"0101\":\"{SECRET}\"}}")), "line 1: a sealed value has 28 bytes"),
        (row("\"dgi\":{\"0101\":\"\\u0000\"}"), "line 1: a value is bytes in hex"),
        (jsonl("{\"card\":\"evil\",\"dgi\":{\"0101\":\"00\"}}\n"), "line 1: `card`"),
        (jsonl("{\"card\":null,\"dgi\":{\"0101\":\"00\"}}\n"), no_json),
    ] {
        assert!(message.starts_with(wanted), "{message}, not {wanted}");
    }
    let (named, not) =
        (format!("{{\"card\":\"{KDD}\",\"dgi\":{{\"0101\":\"00\"}}}}\n"), "{\"dgi\":{\"0101\":\"00\"}}\n");
    let mixed = "line 2: a file names a card in every row, or in none";
    assert_eq!((jsonl(format!("{named}{not}")), jsonl(format!("{not}{named}"))), (mixed.to_owned(), mixed.to_owned()));
}

/// A bad last row is found before the first card, and a bad card behind a good one.
#[test]
fn checked_whole_before_the_first_card() {
    let good = format!("{{\"card\":\"{KDD}\",\"dgi\":{{\"0101\":\"00\"}}}}\n");
    let many: String = (0..1000).map(|n| good.replace(KDD, &format!("{n:020X}"))).collect();
    let (_file, data) = index("data.jsonl", &many).unwrap();
    for n in [0, 1, 500, 999] {
        assert_eq!(data.read(&card(&format!("{n:020X}"))).unwrap().unwrap().row, n + 1);
    }
    assert_eq!(jsonl(format!("{many}{}", good.replace("\"00\"", "\"0\""))), "line 1001: a value is bytes in hex");
    let again = jsonl(format!("{many}{}", good.replace(KDD, &format!("{:020X}", 7))));
    assert!(again.starts_with("line 1001 is about the card of line 8"), "{again}");
}

/// What a row says cannot be exchanged between check and use, byte for byte; rows that nobody touched still serve.
#[test]
fn a_row_that_changed_is_refused() {
    let row = |card: &str, value: &str| format!("{{\"card\":\"{card}\",\"dgi\":{{\"0101\":\"{value}\"}}}}\n");
    let text = row(KDD, "0A") + &row(OTHER, "02");
    let (file, data) = index("data.jsonl", &text).unwrap();
    for (other, unharmed) in [
        (row(KDD, "0B") + &row(OTHER, "02"), true),
        (row(KDD, "0a") + &row(OTHER, "02"), true),
        (row(OTHER, "0A") + &row(KDD, "02"), false),
        (row(KDD, "0A0B") + &row(OTHER, "02"), false),
        ("evil".to_owned(), false),
        (String::new(), false),
        (text[..60].replace('\n', " "), false),
    ] {
        file.again(&other);
        assert!(matches!(data.read(&card(KDD)), Err(InputError::Changed)), "{other}");
        assert_eq!(data.read(&card(OTHER)).is_ok(), unharmed, "{other}");
    }
    file.again(&text);
    assert!(data.read(&card(KDD)).is_ok());
    // Another file under the name is none of the index's.
    std::fs::rename(file.path(), file.dir.path().join("kept")).unwrap();
    file.again("evil");
    assert!(data.read(&card(KDD)).is_ok());
}

#[test]
fn sealed_fields_open_in_their_own_place() {
    let (own, other) = (card(KDD), card(OTHER));
    let row = |card: &CardId, sealed: &str| {
        format!("{{\"card\":\"{card}\",\"dgi\":{{\"0101\":\"01\"}},\"sealed\":{{\"8201\":\"{sealed}\"}}}}\n")
    };
    let (good, moved) = (sealed(Owner::Card(&own), 0x8201, b"PIN"), sealed(Owner::Card(&own), 0x8202, b"PIN"));
    let open = |card: &CardId, sealed: &str, job_name: &str, key: Option<&KeyMaterial>| {
        let (_file, data) = index("data.jsonl", row(card, sealed)).unwrap();
        data.read(card).unwrap().unwrap().open(&job(job_name), key)
    };
    let opened = open(&own, &good, "acme", Some(&key(1))).unwrap();
    assert_eq!(opened.iter().map(|dgi| dgi.tag).collect::<Vec<_>>(), [0x0101, 0x8201]);
    assert_eq!((opened[0].value.as_slice(), opened[1].value.as_slice()), (&[1][..], &b"PIN"[..]));
    assert!(matches!(open(&own, &good, "acme", None), Err(InputError::NoKey)));
    let mut flipped = hex::decode(&good).unwrap();
    flipped[13] ^= 0x20;
    let flipped = hex::encode(flipped);
    let by_row = sealed(Owner::Row(1), 0x8201, b"PIN");
    for (why, refused) in [
        ("another card", open(&other, &good, "acme", Some(&key(1)))),
        ("another job", open(&own, &good, "acme2", Some(&key(1)))),
        ("another key", open(&own, &good, "acme", Some(&key(2)))),
        ("another DGI", open(&own, &moved, "acme", Some(&key(1)))),
        ("a row's", open(&own, &by_row, "acme", Some(&key(1)))),
        ("a flipped bit", open(&own, &flipped, "acme", Some(&key(1)))),
    ] {
        assert!(matches!(refused, Err(InputError::Field(FieldError::Tag { .. }))), "{why}");
    }
    // Rows that name no cards are bound to their number.
    let (first, second) = (sealed(Owner::Row(1), 0x8201, b"A"), sealed(Owner::Row(2), 0x8201, b"B"));
    let rows = |first: &str, second: &str| {
        let (_file, data) = index("data.csv", format!("sealed 8201\n{first}\n{second}\n")).unwrap();
        data.read_row(2).unwrap().unwrap().open(&job("acme"), Some(&key(1)))
    };
    assert_eq!(rows(&first, &second).unwrap()[0].value.as_slice(), b"B");
    assert!(rows(&second, &first).is_err(), "exchanged");
}

#[test]
fn values_are_not_printed() {
    let (_file, data) = index("data.csv", format!("card,dgi 0101\n{KDD},5F1C3A99\n")).unwrap();
    let data = data.read(&card(KDD)).unwrap().unwrap();
    let shown = format!("{data:?} {:?}", data.open(&job("acme"), None).unwrap());
    assert!(shown.contains("OpenDgi(0101, 4 bytes)"), "{shown}");
    assert!(shown.contains("Clear(4 bytes)") && !shown.contains("95, 28"), "{shown}");
}

/// A card, and its values by tag.
type Row = (CardId, Vec<(u16, Vec<u8>)>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let card = (any::<[u8; 10]>(), option::of(any::<[u8; 12]>()));
    let card = card.prop_map(|(kdd, chip)| CardId::new(&kdd, chip.as_ref()));
    let blocks = btree_map(any::<u16>(), vec(any::<u8>(), 1..40), 1..6);
    btree_set(card, 1..12)
        .prop_flat_map(move |cards| {
            let len = cards.len();
            (proptest::strategy::Just(cards), vec(blocks.clone(), len))
        })
        .prop_map(|(cards, blocks)| {
            cards.into_iter().zip(blocks).map(|(card, blocks)| (card, blocks.into_iter().rev().collect())).collect()
        })
}

proptest! {
    #[test]
    fn there_and_back(rows in rows()) {
        let write = |(card, blocks): &Row| {
            let blocks: Vec<_> =
                blocks.iter().map(|(tag, value)| format!("\"{tag:04x}\":\"{}\"", hex::encode(value))).collect();
            format!("{{\"card\":\"{card}\",\"dgi\":{{{}}}}}\n", blocks.join(","))
        };
        let (_file, data) = index("data.jsonl", rows.iter().map(write).collect::<String>()).unwrap();
        prop_assert_eq!(data.pinned().cards, rows.len() as u64);
        for (row, (card, blocks)) in (1..).zip(rows) {
            let blocks = blocks.iter().map(|(tag, value)| clear(*tag, value)).collect();
            prop_assert_eq!(data.read(&card).unwrap(), Some(CardData { card: Some(card), row, blocks }));
        }
    }

    #[test]
    fn one_byte_is_another_file(rows in rows(), at in any::<proptest::sample::Index>(), flip in 1_u8..) {
        let write = |(card, blocks): &Row| format!("{card},{}\n", hex::encode(&blocks[0].1));
        let text = format!("card,dgi 0101\n{}", rows.iter().map(write).collect::<String>());
        let (file, data) = index("data.csv", &text).unwrap();
        let mut bytes = text.into_bytes();
        let header = "card,dgi 0101\n".len();
        let at = header + at.index(bytes.len() - header);
        bytes[at] ^= flip;
        file.again(&bytes);
        let changed = rows.iter().filter(|(card, _)| matches!(data.read(card), Err(InputError::Changed))).count();
        prop_assert_eq!(changed, 1, "the row that has the byte, and no other");
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), json in any::<bool>()) {
        let name = if json { "data.jsonl" } else { "data.csv" };
        if let Err(error) = index(name, [b"card,dgi 0101\n".as_slice(), &bytes].concat()) {
            prop_assert!(error.to_string().len() < 300);
        }
    }
}
