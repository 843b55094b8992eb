//! Lists of cards.

use super::{CHIP, KDD, OTHER, Written, card, hostile, regular_files_alone, told};
use crate::batch::inputs::{CardList, InputError, Pinned, read_cards};
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::journal::CardId;
use proptest::collection::{btree_set, vec};
use proptest::prelude::{Strategy, any, proptest};
use proptest::{option, prop_assert, prop_assert_eq};

fn read(name: &'static str, text: impl AsRef<[u8]>) -> Result<(Vec<(CardId, u64)>, Pinned), InputError> {
    let file = Written::new(name, text);
    let mut cards = Vec::new();
    let pinned = read_cards(&file.path(), &mut |card, line| {
        cards.push((card, line));
        Ok(())
    });
    match pinned {
        Ok(pinned) => Ok((cards, pinned)),
        Err(error) => {
            assert!(cards.is_empty(), "nothing of a bad file is handed out");
            Err(error)
        }
    }
}

fn csv(text: impl AsRef<[u8]>) -> String {
    told(&read("list.csv", text).unwrap_err())
}

fn jsonl(text: impl AsRef<[u8]>) -> String {
    told(&read("list.jsonl", text).unwrap_err())
}

#[test]
fn as_vendors_write() {
    let text = format!("note,card,batch\n\"a, \"\"b\"\"\",{KDD},7\n,aabbccddeeff00112233-00112233445566778899aabb,\n");
    let (cards, pinned) = read("list.csv", &text).unwrap();
    let other = card("AABBCCDDEEFF00112233-00112233445566778899AABB");
    assert_eq!(cards, [(card(KDD), 2), (other.clone(), 3)]);
    assert_eq!(pinned, Pinned { sha256: sha256(&[text.as_bytes()]), cards: 2 });
    let json = format!("{{\"card\":\"{KDD}\",\"note\":\"\u{e4}\"}}\n{{\"batch\":\"7\",\"card\":\"{other}\"}}\n");
    let (cards, pinned) = read("list.jsonl", &json).unwrap();
    assert_eq!(cards, [(card(KDD), 1), (other, 2)]);
    assert_eq!(pinned, Pinned { sha256: sha256(&[json.as_bytes()]), cards: 2 });
}

#[test]
fn no_file_that_hides_something() {
    hostile(&format!("card\n{KDD}\n"), OTHER, csv);
    hostile(&format!("{{\"card\":\"{KDD}\"}}\n"), &format!("{{\"card\":\"{OTHER}\"}}"), jsonl);
    regular_files_alone(|path| CardList::check(path).unwrap_err());
    assert_eq!(csv("card\n"), "there is no card in it");
}

#[test]
fn csv_refused() {
    let after = |line: &str| csv(format!("card,note\n{KDD},\n{line}\n"));
    for (message, wanted) in [
        (csv("card,evil\n"), "line 1 does not name columns: number 2"),
        (csv("card,note,card\n"), "line 1 does not name columns: number 3"),
        (csv(format!("note\n{KDD}\n")), "line 1 does not name the column `card`"),
        (csv(format!("{KDD}\n")), "line 1 does not name columns: number 1"),
        (csv("\"card\n"), "line 1 is no CSV"),
        (after(OTHER), "line 3 has 1 cells, and there are 2 columns"),
        (after(&format!("{OTHER},,")), "line 3 has 3 cells"),
        (after(&format!("{OTHER},e\"vil")), "line 3 is no CSV"),
        (after(&format!("{OTHER},\"evil")), "line 3 is no CSV"),
        (after(","), "line 3: `card`"),
        (after("evil,"), "line 3: `card`"),
        (after(&format!("{},", &OTHER[1..])), "line 3: `card`"),
        (after(&format!("{OTHER}-,")), "line 3: `card`"),
        (after(&format!("{OTHER}-0011223344,")), "line 3: `card`"),
        (after(&format!(" {OTHER},")), "line 3: `card`"),
        // Full-width digits, and a letter that looks like an A.
        (after("\u{FF10}011223344556677889,"), "line 3: `card`"),
        (after(&format!("\u{410}{},", &OTHER[1..])), "line 3: `card`"),
        (after(&format!("{OTHER},=evil()")), "line 3: a cell begins as a formula"),
        (after(&format!("{OTHER},\"=evil()\"")), "line 3: a cell begins as a formula"),
        (after(&format!("{OTHER},+1")), "line 3: a cell begins as a formula"),
        (after(&format!("{OTHER},-1")), "line 3: a cell begins as a formula"),
        (after(&format!("{OTHER},@evil")), "line 3: a cell begins as a formula"),
        (after(&format!("{OTHER},\tevil")), "line 3: there are control"),
        (after(&format!("=\"{OTHER}\",")), "line 3 is no CSV"),
        (after(&format!("{KDD},")), "line 3 is about the card of line 2"),
        (after(&format!("{CHIP},")), "line 3 is about the card of line 2"),
    ] {
        assert!(message.starts_with(wanted), "{message}, not {wanted}");
    }
}

#[test]
fn json_refused() {
    for (line, wanted) in [
        ("evil".to_owned(), "line 1 is no JSON object with the members card, batch, note"),
        (format!("[\"{KDD}\"]"), "line 1 is no JSON object"),
        ("{}".to_owned(), "line 1 is no JSON object"),
        (format!("{{\"card\":\"{KDD}\",\"evil\":\"x\"}}"), "line 1 is no JSON object"),
        (format!("{{\"card\":\"{KDD}\",\"card\":\"{KDD}\"}}"), "line 1 is no JSON object"),
        (format!("{{\"card\":\"{KDD}\"}} {{}}"), "line 1 is no JSON object"),
        (format!("{{\"card\":{KDD}}}"), "line 1 is no JSON object"),
        (format!("{{\"card\":\"{KDD}\",\"note\":\"\\u001b[2Jevil\"}}"), "line 1: there are control"),
        (format!("{{\"card\":\"{KDD}\",\"note\":\"\\nevil\"}}"), "line 1: there are control"),
        (format!("{{\"card\":\"{KDD}\",\"note\":\"\\u003devil\"}}"), "line 1: a cell begins as a formula"),
        (format!("{{\"card\":\"{KDD}\\u0000\"}}"), "line 1: there are control"),
    ] {
        let message = jsonl(format!("{line}\n"));
        assert!(message.starts_with(wanted), "{line}: {message}");
    }
}

/// A KDD alone stands for every chip that has it; chips with one KDD are different cards.
#[test]
fn a_card_stands_there_once() {
    let second = "00112233445566778899-FF112233445566778899AABB";
    read("list.csv", format!("card\n{second}\n{OTHER}\n{CHIP}\n")).unwrap();
    assert!(csv(format!("card\n{CHIP}\n{OTHER}\n{second}\n{KDD}\n")).starts_with("line 5 is about the card of line 2"));
    let twice = csv(format!("card\n{OTHER}\n{CHIP}\n{second}\n{}\n", CHIP.to_lowercase()));
    assert!(twice.starts_with("line 5 is about the card of line 3"), "{twice}");
    // All zeros for a chip is a chip, too.
    let zeros = format!("{KDD}-{}", "0".repeat(24));
    assert!(csv(format!("card\n{zeros}\n{KDD}\n")).starts_with("line 3 is about the card of line 2"));
}

#[test]
fn a_file_that_changed_is_refused() {
    let text = format!("card\n{KDD}\n{OTHER}\n");
    let file = Written::new("list.csv", &text);
    let list = CardList::check(&file.path()).unwrap();
    let cards = || list.cards().unwrap().collect::<Result<Vec<_>, _>>();
    assert_eq!(cards().unwrap(), [(card(KDD), 2), (card(OTHER), 3)]);
    assert_eq!(cards().unwrap().len(), 2, "as often as one likes");
    for other in [
        text.replace("99", "98"),
        text.replace(OTHER, "evil"),
        format!("{text}{CHIP}\n"),
        format!("card\n{KDD}\n"),
        "card\n".to_owned(),
        String::new(),
        // The same cards all the same.
        text.to_lowercase(),
    ] {
        file.again(&other);
        assert!(matches!(cards(), Err(InputError::Changed)), "{other}");
    }
    // Another file under the name is none of the list's.
    file.again(&text);
    std::fs::rename(file.path(), file.dir.path().join("kept")).unwrap();
    file.again("evil");
    assert_eq!(cards().unwrap().len(), 2);
}

#[test]
fn whoever_takes_cards_may_stop() {
    let file = Written::new("list.csv", format!("card\n{KDD}\n{OTHER}\n"));
    let mut taken = 0;
    let stopped = read_cards(&file.path(), &mut |_, _| {
        taken += 1;
        Err(InputError::Taker("full".into()))
    });
    assert!(matches!(stopped, Err(InputError::Taker(_))));
    assert_eq!(taken, 1);
}

fn card_id() -> impl Strategy<Value = CardId> {
    (any::<[u8; 10]>(), option::of(any::<[u8; 12]>())).prop_map(|(kdd, chip)| CardId::new(&kdd, chip.as_ref()))
}

proptest! {
    #[test]
    fn there_and_back(cards in btree_set(card_id(), 1..30), json in any::<bool>(), lower in any::<bool>()) {
        let write = |card: &CardId| {
            let card = if lower { card.0.to_lowercase() } else { card.0.clone() };
            if json { format!("{{\"card\":\"{card}\"}}\n") } else { format!("{card}\n") }
        };
        let lines: String = cards.iter().map(write).collect();
        let (name, text) = if json { ("list.jsonl", lines) } else { ("list.csv", format!("card\n{lines}")) };
        let (read, pinned) = read(name, text).unwrap();
        prop_assert_eq!(pinned.cards, cards.len() as u64);
        prop_assert!(read.iter().map(|(card, _)| card).eq(&cards));
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), json in any::<bool>()) {
        let name = if json { "list.jsonl" } else { "list.csv" };
        prop_assert!(read(name, [b"card\n".as_slice(), &bytes].concat()).is_err() || bytes.ends_with(b"\n"));
    }
}
