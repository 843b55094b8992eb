//! Cards and their key sets.

use super::journal::{CARDS, change, record};
use super::{KEPT_IN, Open, SETS, all_cards, card, random, set, sound};
use crate::cards::card_id;
use crate::{Added, CardEntry, CardQuery, Dependant, KeySetEntry, Registry, RegistryError};
use cardwright_keys::journal::{CardId, Outcome, Record};
use cardwright_keys::keyref::VaultKey;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof};
use proptest::proptest;
use std::collections::BTreeMap;

fn key_set(which: usize, kept: usize, at: u64) -> KeySetEntry {
    KeySetEntry::new(set(which), "AES".to_owned(), KEPT_IN[kept].to_owned(), at).unwrap()
}

fn entry() -> impl Strategy<Value = CardEntry> {
    let sets = vec((0..SETS.len(), 0..KEPT_IN.len(), 0..9_u64), 0..3);
    (0..CARDS, option::of("[ab]"), sets).prop_map(|(of, profile, sets)| {
        let sets = sets.into_iter().map(|(which, kept, at)| key_set(which, kept, at)).collect();
        CardEntry { card: card(of), profile, sets }
    })
}

#[derive(Clone, Debug)]
enum Write {
    Put(Vec<CardEntry>),
    Append(Vec<Record>),
}

fn write() -> impl Strategy<Value = Write> {
    let loaded = change().prop_map(|change| Record::Ended { change, outcome: Outcome::Loaded });
    prop_oneof![
        vec(entry(), 0..3).prop_map(Write::Put),
        vec(prop_oneof![record(), loaded], 0..4).prop_map(Write::Append),
    ]
}

/// What is known of cards, in the plainest way that does the same.
#[derive(Clone, Default)]
struct Model(BTreeMap<CardId, (Option<String>, BTreeMap<u8, KeySetEntry>)>);

impl Model {
    /// `None` where something contradicts.
    fn put(&self, cards: &[CardEntry]) -> Option<(Self, Added)> {
        let (mut model, mut added) = (self.clone(), Added::default());
        for entry in cards {
            let new = !model.0.contains_key(&entry.card);
            let (profile, sets) = model.0.entry(entry.card.clone()).or_default();
            let before = (profile.clone(), sets.clone());
            if profile.is_some() && entry.profile.is_some() && *profile != entry.profile {
                return None;
            }
            *profile = profile.take().or_else(|| entry.profile.clone());
            for set in &entry.sets {
                let known = sets.entry(set.set.kvn).or_insert_with(|| set.clone());
                if (&known.set, &known.kept_in) != (&set.set, &set.kept_in) {
                    return None;
                }
            }
            let changed = before != (profile.clone(), sets.clone());
            added.new += u64::from(new);
            added.changed += u64::from(!new && changed);
            added.known += u64::from(!new && !changed);
        }
        Some((model, added))
    }

    fn append(&mut self, records: &[Record], at: u64) {
        for record in records {
            let (_, sets) = self.0.entry(record.card().clone()).or_default();
            if let Record::Deleted { kvn, .. } = record {
                sets.remove(kvn);
            }
            if let Record::Ended { change, outcome: Outcome::Loaded } = record {
                if change.replace || change.old.kvn == 0xFF {
                    sets.remove(&change.old.kvn);
                }
                let (new, kept_in) = (change.new.clone(), change.kept_in.clone());
                sets.insert(new.kvn, KeySetEntry::new(new, "AES".to_owned(), kept_in, at).unwrap());
            }
        }
    }

    fn cards(&self, fits: impl Fn(&CardEntry) -> bool) -> Vec<CardEntry> {
        let entry = |(card, (profile, sets)): (&CardId, &(Option<String>, BTreeMap<_, KeySetEntry>))| CardEntry {
            card: card.clone(),
            profile: profile.clone(),
            sets: sets.values().cloned().collect(),
        };
        self.0.iter().map(entry).filter(fits).collect()
    }
}

fn comes_from(set: &KeySetEntry, key: &VaultKey) -> bool {
    set.from.as_ref().is_some_and(|from| {
        from == key || (key.version.is_none() && VaultKey { version: None, ..from.clone() } == *key)
    })
}

/// All questions that can be asked of a few cards.
fn agree(registry: &dyn Registry, model: &Model) {
    for begins in [None, Some(""), Some("F"), Some("FFFFFFFFFFFFFFFFFFFF-"), Some("020"), Some("02-"), Some("x\u{e4}")]
    {
        let query = CardQuery { begins: begins.map(str::to_owned), ..CardQuery::default() };
        let fits = |entry: &CardEntry| begins.is_none_or(|begins| entry.card.0.starts_with(begins));
        assert_eq!(all_cards(registry, &query), model.cards(fits), "{begins:?}");
    }
    for kvn in [0x30, 0x31, 0xFF, 0x7F] {
        let query = CardQuery { kvn: Some(kvn), profile: Some("a".to_owned()), ..CardQuery::default() };
        let fits = |entry: &CardEntry| {
            entry.profile.as_deref() == Some("a") && entry.sets.iter().any(|set| set.set.kvn == kvn)
        };
        assert_eq!(all_cards(registry, &query), model.cards(fits), "{kvn}");
    }
    for key in ["office/kmc", "office/kmc:1", "office/kmc:2", "office/kmc:3", "annex/kmc:1"] {
        let key: VaultKey = key.parse().unwrap();
        let query = CardQuery { from: Some(key.clone()), ..CardQuery::default() };
        let wanted = model.cards(|entry| entry.sets.iter().any(|set| comes_from(set, &key)));
        assert_eq!(registry.count_dependants(&key).unwrap(), wanted.len() as u64, "{key}");
        assert_eq!(all_cards(registry, &query), wanted, "{key}");
        let mut found = Vec::new();
        registry
            .dependants(&key, &mut |one| {
                found.push((one.card, one.set));
                true
            })
            .unwrap();
        found.sort_by(|a, b| (&a.0, &a.1.set).cmp(&(&b.0, &b.1.set)));
        let sets = wanted
            .into_iter()
            .flat_map(|CardEntry { card, sets, .. }| sets.into_iter().map(move |set| (card.clone(), set)));
        assert_eq!(found, sets.filter(|(_, set)| comes_from(set, &key)).collect::<Vec<_>>(), "{key}");
    }
}

pub(super) fn as_the_model(make: &dyn Fn() -> Open) {
    proptest!(random(48), |(writes in vec((any::<bool>(), write()), 0..12))| {
        let open = make();
        let mut handles = [open(), open()];
        let mut model = Model::default();
        for (at, (which, write)) in (10..).zip(writes) {
            let handle = &mut handles[usize::from(which)];
            match write {
                Write::Append(records) => {
                    handle.append(&records, at).unwrap();
                    model.append(&records, at);
                }
                Write::Put(cards) => match (handle.put_cards(&cards), model.put(&cards)) {
                    (Ok(added), Some((next, wanted))) => {
                        prop_assert_eq!(added, wanted);
                        model = next;
                    }
                    (Err(RegistryError::Conflict(_)), None) => {}
                    (seen, wanted) => prop_assert!(false, "{:?} {:?}", seen, wanted.map(|(_, added)| added)),
                },
            }
        }
        agree(&*handles[0], &model);
        agree(&*open(), &model);
        sound(&*handles[1]);
    });
}

pub(super) fn all_or_nothing(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let known = CardEntry { card: card(0), profile: Some("a".to_owned()), sets: vec![key_set(0, 0, 1)] };
    registry.put_cards(std::slice::from_ref(&known)).unwrap();
    let fresh = CardEntry { card: card(2), ..known.clone() };
    for contradicts in [
        CardEntry { profile: Some("b".to_owned()), ..known.clone() },
        CardEntry { sets: vec![key_set(0, 1, 1)], ..known.clone() },
        CardEntry { sets: vec![KeySetEntry { kcv_algorithm: "3DES".to_owned(), ..key_set(0, 0, 1) }], ..known.clone() },
        CardEntry { sets: vec![key_set(1, 0, 1), key_set(2, 0, 1)], ..known.clone() },
    ] {
        match registry.put_cards(&[fresh.clone(), contradicts]) {
            Err(RegistryError::Conflict(what)) => assert!(what.contains(&known.card.0), "{what}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(all_cards(&*registry, &CardQuery::default()), std::slice::from_ref(&known));
    }
    let later = CardEntry { sets: vec![key_set(0, 0, 9)], profile: None, ..known.clone() };
    assert_eq!(registry.put_cards(&[later]).unwrap(), Added { known: 1, ..Added::default() });
    assert_eq!(all_cards(&*registry, &CardQuery::default()), [known]);
}

pub(super) fn unfit(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let good = CardEntry { card: card(0), profile: Some("\u{e4}".repeat(50)), sets: vec![key_set(0, 1, 1)] };
    let with_set = |change: &dyn Fn(&mut KeySetEntry)| {
        let mut set = key_set(0, 1, 1);
        change(&mut set);
        CardEntry { sets: vec![set], ..good.clone() }
    };
    let profile = |profile: &str| CardEntry { profile: Some(profile.to_owned()), ..good.clone() };
    for bad in [
        CardEntry { card: CardId(String::new()), ..good.clone() },
        CardEntry { card: CardId(format!("{}-", card(0))), ..good.clone() },
        CardEntry { card: CardId("x".repeat(1 << 20)), ..good.clone() },
        profile(""),
        profile(&"a".repeat(101)),
        profile(" a"),
        profile("a\nb"),
        profile("a\u{202E}b"),
        with_set(&|set| set.set.kvn = 0x80),
        with_set(&|set| set.set.kcvs = "AB".repeat(8)),
        with_set(&|set| set.set.kcvs = "ab".repeat(9)),
        with_set(&|set| set.kcv_algorithm = "ROT13".to_owned()),
        with_set(&|set| set.kept_in = "404142434445464748494A4B4C4D4E4F".to_owned()),
        with_set(&|set| set.kept_in = "file:\u{1b}[2J".to_owned()),
        with_set(&|set| set.from = None),
        with_set(&|set| set.at = u64::MAX),
    ] {
        match registry.put_cards(&[good.clone(), bad]) {
            Err(RegistryError::Unfit(what)) => assert!(what.len() < 200 && !what.contains('\u{1b}'), "{what:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(all_cards(&*registry, &CardQuery::default()), []);
    registry.put_cards(&[good]).unwrap();
    sound(&*registry);
}

pub(super) fn enough(make: &dyn Fn() -> Open) {
    let open = make();
    let (mut registry, mut other) = (open(), open());
    let entry = |n: u64| {
        let mut kdd = [0; 10];
        kdd[2..].copy_from_slice(&n.to_be_bytes());
        CardEntry { card: CardId::new(&kdd, None), profile: None, sets: vec![key_set(0, 2, n), key_set(1, 2, n)] }
    };
    let entries: Vec<_> = (0..10).map(entry).collect();
    registry.put_cards(&entries).unwrap();
    for count in 1..=entries.len() {
        let mut taken = Vec::new();
        // What is asked meanwhile is of the same moment, whatever others write.
        registry
            .cards(&CardQuery::default(), &mut |entry| {
                other.put_cards(&[entry_behind(&entry)]).unwrap();
                assert!(registry.card(&entry.card).unwrap().is_some());
                taken.push(entry);
                taken.len() < count
            })
            .unwrap();
        assert_eq!(taken, entries[..count]);
    }
    let mut taken: Vec<Dependant> = Vec::new();
    registry
        .dependants(&"office/kmc:1".parse().unwrap(), &mut |one| {
            taken.push(one);
            taken.len() < 3
        })
        .unwrap();
    assert_eq!(taken.len(), 3);
    assert_eq!(all_cards(&*registry, &CardQuery::default()).len(), 20);
}

/// A card whose name comes behind all of these.
fn entry_behind(entry: &CardEntry) -> CardEntry {
    let card = card_id(&entry.card.0.replacen('0', "F", 1)).unwrap();
    CardEntry { card, profile: None, sets: Vec::new() }
}

pub(super) fn facts(make: &dyn Fn() -> Open) {
    let open = make();
    let mut registry = open();
    assert_eq!(registry.card(&card(2)).unwrap(), None);
    let entry = CardEntry { card: card(2), profile: Some("payment".to_owned()), sets: vec![key_set(3, 3, 5)] };
    registry.put_cards(std::slice::from_ref(&entry)).unwrap();
    let kept_in = KEPT_IN[3].to_owned();
    let change = cardwright_keys::journal::Change { card: card(2), old: set(3), new: set(0), replace: false, kept_in };
    let counter = Record::Counter { card: card(2), set: set(3), counter: 0xFF_FFFF };
    let attempt = Record::Authenticating { card: card(2), set: set(3) };
    registry.append(&[counter, attempt, Record::Sending(change.clone())], 6).unwrap();
    let ledger = registry.ledger(&card(2)).unwrap();
    let facts = open().card(&card(2)).unwrap().unwrap();
    assert_eq!((facts.entry, facts.counters), (entry, vec![(set(3), 0xFF_FFFF)]));
    assert_eq!((facts.failures, facts.open), (ledger.failures, ledger.open));
    assert_eq!(facts.ended, []);
    registry.append(&[Record::Ended { change, outcome: Outcome::Loaded }], 7).unwrap();
    let facts = open().card(&card(2)).unwrap().unwrap();
    assert_eq!(facts.entry.sets, [key_set(0, 3, 7)], "initial keys go when others come");
    assert_eq!((facts.open, facts.ended.len()), (None, 1));
}
