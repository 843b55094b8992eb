//! The intent journal.

use super::{KEPT_IN, Open, SETS, card, random, set, sound};
use cardwright_keys::journal::{CardId, Change, Failures, Ledger, Ledgers, Outcome, Record, SetId};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof};
use proptest::proptest;

pub(super) const CARDS: u8 = 3;

pub(super) fn change() -> impl Strategy<Value = Change> {
    (0..CARDS, 0..SETS.len(), 0..SETS.len(), any::<bool>(), 0..KEPT_IN.len()).prop_map(
        |(of, old, new, replace, kept)| Change {
            card: card(of),
            old: set(old),
            new: set(new),
            replace,
            kept_in: KEPT_IN[kept].to_owned(),
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        2 => Just(Outcome::Loaded),
        1 => Just(Outcome::NotLoaded),
        1 => any::<u16>().prop_map(|sw| Outcome::Refused { sw }),
        1 => any::<u8>().prop_map(|kvn| Outcome::EchoMismatch { kvn, kcvs: "000000".repeat(3) }),
    ]
}

pub(super) fn record() -> impl Strategy<Value = Record> {
    let about = || (0..CARDS, 0..SETS.len()).prop_map(|(of, which)| (card(of), set(which)));
    prop_oneof![
        3 => (about(), 0..0x100_0000_u32).prop_map(|((card, set), counter)| Record::Counter { card, set, counter }),
        2 => about().prop_map(|(card, set)| Record::Authenticating { card, set }),
        1 => about().prop_map(|(card, set)| Record::Authenticated { card, set }),
        1 => (about(), any::<u16>()).prop_map(|((card, set), sw)| Record::AuthenticationRefused { card, set, sw }),
        1 => about().prop_map(|(card, set)| Record::Deleted { card, kvn: set.kvn }),
        1 => change().prop_map(Record::Intent),
        1 => change().prop_map(Record::Sending),
        2 => (change(), outcome()).prop_map(|(change, outcome)| Record::Ended { change, outcome }),
    ]
}

/// Two processes append in turn; each sees what the other did.
pub(super) fn adds_up(make: &dyn Fn() -> Open) {
    proptest!(random(48), |(appends in vec((any::<bool>(), vec(record(), 0..8)), 0..12))| {
        let open = make();
        let mut handles = [open(), open()];
        let mut ledgers = Ledgers::default();
        for (which, records) in &appends {
            handles[usize::from(*which)].append(records, 7).unwrap();
            records.iter().for_each(|record| ledgers.apply(record));
        }
        for handle in handles.iter().chain(&[open()]) {
            for of in (0..=CARDS).map(card) {
                prop_assert_eq!(handle.ledger(&of).unwrap(), ledgers.of(&of));
            }
            let mut changes: Vec<_> = ledgers.open_changes().cloned().collect();
            changes.sort_by(|a, b| a.change.card.cmp(&b.change.card));
            prop_assert_eq!(handle.open_changes().unwrap(), changes);
        }
        prop_assert!(handles[0].check().unwrap().is_empty());
    });
}

pub(super) fn all_or_nothing(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let good = Record::Authenticating { card: card(0), set: set(0) };
    let counter = |card, set, counter| Record::Counter { card, set, counter };
    let change = |kept_in: &str| {
        Record::Intent(Change { card: card(1), old: set(0), new: set(1), replace: true, kept_in: kept_in.to_owned() })
    };
    for bad in [
        counter(CardId("\u{1b}[2J".to_owned()), set(0), 1),
        counter(CardId("00".repeat(11)), set(0), 1),
        counter(CardId("ab".repeat(10)), set(0), 1),
        counter(card(0), SetId { kvn: 0, kcvs: set(0).kcvs }, 1),
        counter(card(0), SetId { kvn: 0x30, kcvs: "AB".to_owned() }, 1),
        counter(card(0), set(0), 0x100_0000),
        change("a\nline"),
        change("no reference"),
        change(&format!("file:{}", "a".repeat(1 << 20))),
    ] {
        let error = registry.append(&[good.clone(), bad.clone()], 7).unwrap_err().to_string();
        assert!(error.len() < 400 && !error.contains('\u{1b}'), "{error:?}");
        assert_eq!(registry.ledger(&card(0)).unwrap(), Ledger::default(), "{bad:?}");
        assert_eq!(registry.card(&card(1)).unwrap(), None);
    }
    registry.append(&[good], 1 << 37).unwrap();
    assert_eq!(registry.ledger(&card(0)).unwrap().failures, Failures { refused: 0, unanswered: 1 });
    assert!(registry.open_changes().unwrap().is_empty());
    sound(&*registry);
}

pub(super) fn ends(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let kept_in = KEPT_IN[3].to_owned();
    let change = Change { card: card(2), old: set(3), new: set(0), replace: false, kept_in };
    let ended = |outcome| Record::Ended { change: change.clone(), outcome };
    registry.append(&[Record::Intent(change.clone()), ended(Outcome::Refused { sw: 0x6A80 })], 100).unwrap();
    registry.append(&[ended(Outcome::NotLoaded)], 50).unwrap();
    registry.append(&[ended(Outcome::EchoMismatch { kvn: 0x31, kcvs: "0F".to_owned() })], 101).unwrap();
    registry.append(&[ended(Outcome::Loaded)], 102).unwrap();
    let facts = registry.card(&card(2)).unwrap().unwrap();
    let times: Vec<_> = facts.ended.iter().map(|(at, ..)| *at).collect();
    assert_eq!(times, [102, 101, 50, 100], "in the order in which they were told");
    assert!(facts.ended.iter().all(|(_, aim, _)| *aim == set(0)));
    let words: Vec<_> = facts.ended.iter().map(|(.., how)| how.as_str()).collect();
    assert!(words[1].contains("0x31, 0F") && words[3].contains("6A80"), "{words:?}");
    assert_eq!((facts.open, facts.entry.sets.len()), (None, 1));
    sound(&*registry);
}
