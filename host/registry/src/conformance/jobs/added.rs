//! Jobs as they are added.

use super::{add, counted, list, listed, records};
use crate::RegistryError;
use crate::conformance::{Open, Store, card, sound};
use crate::jobs::{JobId, JobKey, JobState, ListError, NewDelivery, NewJob};
use cardwright_keys::job::{Domain, RecordState};
use cardwright_keys::journal::CardId;
use cardwright_proto::gp::key::{Kcv, KeySet};

pub(in crate::conformance) fn as_written(make: &dyn Fn() -> Open) {
    let open = make();
    let mut registry = open();
    let mut new = listed("second", &[card(5), card(3), card(0)], 2);
    new.target = Some(KeySet { enc: Kcv([1, 2, 3]), mac: Kcv([4, 5, 6]), dek: Kcv([7, 8, 9]) });
    new.inputs = vec![("box.csv".to_owned(), [1; 32]), ("../data.jsonl".to_owned(), [2; 32])];
    new.deliveries.push(NewDelivery { name: "last".parse().unwrap(), listed: true, count: 1 });
    let mut cards = list(0, &[card(5), card(3), card(0)]);
    cards.extend(list(2, &[card(4)]));
    assert_eq!(add(&mut *registry, &counted("first", 1), &[]), registry.jobs().unwrap()[0].id);
    let id = registry.add_job(&new, &mut cards.into_iter()).unwrap();
    let entry = open().job(&new.name).unwrap().unwrap();
    assert_eq!((entry.id, &entry.name, &entry.issuer, entry.domain), (id, &new.name, &new.issuer, Domain::Live));
    assert_eq!((&entry.profile, &entry.file, entry.sha256), (&new.profile, &new.file, new.sha256));
    assert_eq!((entry.target, registry.jobs().unwrap()[0].target), (new.target, None));
    assert_eq!((&entry.inputs, entry.made_at, &entry.made_by), (&new.inputs, 100, &new.who));
    assert_eq!((entry.state, entry.reason.as_str(), entry.variance, entry.statement), (JobState::Open, "", None, None));
    let deliveries = new.deliveries.iter().map(|one| (one.name.clone(), one.listed, one.count));
    assert_eq!(entry.deliveries, deliveries.collect::<Vec<_>>());
    assert_eq!(registry.jobs().unwrap()[1], entry, "in the order in which they were added");
    assert_eq!(registry.job(&"third".parse().unwrap()).unwrap(), None);
    let found = records(&*registry, id, 0, &[]);
    let waits: Vec<_> = found.iter().map(|record| (record.number, record.delivery, record.expected.clone())).collect();
    let listed = |number, delivery, of| (number, delivery, Some(card(of)));
    let wanted = [listed(1, 0, 5), listed(2, 0, 3), listed(3, 0, 0), (4, 1, None), (5, 1, None), listed(6, 2, 4)];
    assert_eq!(waits, wanted);
    let fresh = |record: &crate::jobs::RecordEntry| {
        record.state == RecordState::Pending && !record.remade && record.attempts == 0 && record.changed == 100
    };
    assert!(found.iter().all(fresh), "{found:?}");
    assert_eq!(records(&*registry, id, 4, &[RecordState::Pending]), found[4..]);
    assert_eq!(records(&*registry, id, 0, &[RecordState::Claimed, RecordState::Unknown]), []);
    let mut taken = 0;
    let take = &mut |_| {
        taken += 1;
        taken < 2
    };
    registry.records(id, 0, &[], take).unwrap();
    assert_eq!(taken, 2, "until it is enough");
    assert_eq!(registry.balance(id).unwrap().records, 6);
    assert_eq!((registry.record(id, 7).unwrap(), registry.record(id, u64::MAX).unwrap()), (None, None));
    let nowhere = JobId(id.0 + 1);
    assert_eq!(records(&*registry, nowhere, 0, &[]), []);
    assert!(matches!(registry.balance(nowhere), Err(RegistryError::Conflict(_))));
    assert!(matches!(registry.write_all(nowhere, &[Vec::new()]), Err(RegistryError::Conflict(_))));
    sound(&*registry);
}

/// What is refused leaves nothing, and the same job can be added rightly then.
pub(super) fn refused(
    registry: &mut dyn Store,
    new: &NewJob,
    cards: Vec<Result<(u32, CardId), ListError>>,
) -> RegistryError {
    let before = registry.jobs().unwrap();
    let error = registry.add_job(new, &mut cards.into_iter()).unwrap_err();
    assert_eq!(registry.jobs().unwrap(), before, "{error}");
    assert!(error.to_string().len() < 200 && !error.to_string().contains('\u{1b}'), "{error:?}");
    error
}

pub(in crate::conformance) fn all_or_nothing(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let cards = [card(2), card(3), card(4)];
    let new = listed("job", &cards, 1);
    let mut broken = list(0, &cards[..2]);
    broken.push(Err("line 3: odd".into()));
    match refused(&mut *registry, &new, broken) {
        RegistryError::Input(why) => assert_eq!(why.to_string(), "line 3: odd"),
        other => panic!("{other:?}"),
    }
    let mut late = list(0, &cards);
    late.push(Err("line 4: odd".into()));
    assert!(matches!(refused(&mut *registry, &new, late), RegistryError::Input(_)));
    let twice = list(0, &[card(2), card(3), card(2)]);
    match refused(&mut *registry, &new, twice) {
        RegistryError::Conflict(what) => assert!(what.contains(&card(2).0), "{what}"),
        other => panic!("{other:?}"),
    }
    let no_card = list(0, &[card(2), CardId("\u{1b}[2J".to_owned()), card(3)]);
    for bad in [list(0, &cards[..2]), list(0, &[&cards[..], &[card(5)]].concat()), list(1, &cards), no_card] {
        assert!(matches!(refused(&mut *registry, &new, bad), RegistryError::Unfit(_)));
    }
    let other_issuer = NewJob { issuer: "other".parse().unwrap(), ..new.clone() };
    add(&mut *registry, &other_issuer, &cards);
    let again = NewJob { keys: Vec::new(), ..counted("job", 1) };
    assert!(matches!(refused(&mut *registry, &again, Vec::new()), RegistryError::Conflict(_)), "the name is given");
    sound(&*registry);
}

pub(in crate::conformance) fn unfit(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let with = |change: &dyn Fn(&mut NewJob)| {
        let mut new = counted("job", 1);
        change(&mut new);
        new
    };
    for bad in [
        with(&|new| new.profile = String::new()),
        with(&|new| new.profile = "a".repeat(101)),
        with(&|new| new.profile = "\u{1b}[2J".to_owned()),
        with(&|new| new.who = "a\nb".to_owned()),
        with(&|new| new.who = "a".repeat(201)),
        with(&|new| new.file = "a".repeat((1 << 20) + 1)),
        with(&|new| new.file.push('\0')),
        with(&|new| new.inputs = vec![(String::new(), [0; 32])]),
        with(&|new| new.inputs = vec![("a\u{202E}b".to_owned(), [0; 32])]),
        with(&|new| new.deliveries.clear()),
        with(&|new| new.deliveries[0].count = 0),
        with(&|new| new.deliveries[0].count = 10_000_001),
        with(&|new| new.deliveries[0].count = u64::MAX),
        with(&|new| {
            let more = NewDelivery { count: u64::MAX, ..new.deliveries[0].clone() };
            new.deliveries.push(more);
        }),
        with(&|new| new.keys = vec![JobKey::Kept("404142434445464748494A4B4C4D4E4F".to_owned())]),
        with(&|new| new.keys = vec![JobKey::Kept("gp-test".to_owned())]),
        with(&|new| new.keys = vec![JobKey::Kept("prompt".to_owned())]),
        with(&|new| new.at = u64::MAX),
    ] {
        match refused(&mut *registry, &bad, Vec::new()) {
            RegistryError::Unfit(what) => assert!(!what.contains("4041"), "{what}"),
            other => panic!("{other:?}"),
        }
    }
    let two = with(&|new| new.deliveries = vec![new.deliveries[0].clone(), new.deliveries[0].clone()]);
    assert!(matches!(refused(&mut *registry, &two, Vec::new()), RegistryError::Conflict(_)));
    add(&mut *registry, &counted("job", 1), &[]);
    sound(&*registry);
}
