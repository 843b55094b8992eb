//! Chips that are taken up: each once, and the right one.

use super::{add, again, attempt, claim, conflict, counted, fate, listed, made, record, step, write};
use crate::CardEntry;
use crate::RegistryError;
use crate::conformance::{Open, card, set, sound};
use crate::jobs::{Facts, JobAnswer, JobWrite, NewAttempt};
use cardwright_keys::job::RecordState::{Accepted, Claimed, Pending, Rejected, Unknown, Verified, Writing};
use cardwright_keys::job::{Fate, Step};
use cardwright_keys::journal::{CardId, Record};

fn kdd(number: u8, chip: Option<u8>) -> CardId {
    CardId::new(&[number; 10], chip.map(|chip| [chip; 12]).as_ref())
}

pub(in crate::conformance) fn once(make: &dyn Fn() -> Open) {
    let open = make();
    let (mut one, mut two) = (open(), open());
    let (job, other) = (add(&mut *one, &counted("job", 9), &[]), add(&mut *two, &counted("other", 9), &[]));
    write(&mut *one, job, vec![claim(1, card(2))]);
    for to in [Claimed, Writing, Unknown, Verified, Accepted] {
        if to != Claimed {
            write(&mut *one, job, vec![step(1, 1, to, Step::Keys)]);
        }
        let what = conflict(&mut *two, job, vec![claim(2, card(2))]);
        assert!(what.contains("record 1 of job job") && what.contains(to.name()), "{what}");
        conflict(&mut *two, other, vec![claim(1, card(2))]);
        conflict(&mut *two, job, vec![claim(1, card(3))]);
        assert_eq!(record(&*two, job, 2).attempts, 0);
        if to == Unknown {
            write(&mut *one, job, vec![step(1, 1, Writing, Step::Keys)]);
        }
    }
    // Nothing was written to it: it can be taken up by anybody.
    write(&mut *one, job, vec![claim(3, card(3)), step(3, 1, Pending, Step::Identify)]);
    write(&mut *two, other, vec![claim(1, card(3)), step(1, 1, Rejected, Step::Keys)]);
    conflict(&mut *one, job, vec![claim(4, card(3))]);
    for (record, fated) in (2..).zip(Fate::ALL) {
        let chip = card(10 + u8::try_from(record).unwrap());
        write(&mut *two, other, vec![claim(record, chip.clone()), step(record, 1, Rejected, Step::Identify)]);
        let free = record + 3;
        conflict(&mut *one, job, vec![claim(free, chip.clone())]);
        write(&mut *two, other, vec![fate(record, 1, fated)]);
        let claimed = one.write_all(job, &[vec![claim(free, chip.clone())]]).unwrap().remove(0);
        assert_eq!(claimed.is_ok(), fated == Fate::Returned, "{fated}: {claimed:?}");
        let places: Vec<_> = one.chip(&chip).unwrap().iter().map(|(job, one)| (*job, one.record, one.state)).collect();
        let mut wanted = vec![(other, record, Rejected)];
        wanted.extend((fated == Fate::Returned).then_some((job, free, Claimed)));
        wanted.sort();
        assert_eq!(places, wanted);
    }
    assert_eq!(one.chip(&card(99)).unwrap(), []);
    sound(&*one);
}

pub(in crate::conformance) fn by_kdd(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    // One of them is named with its chip, too.
    let cards = [kdd(1, None), kdd(2, None), kdd(2, Some(7)), kdd(3, Some(7))];
    let job = add(&mut *registry, &listed("job", &cards, 1), &cards);
    let found = |of: CardId| registry.record_of(job, &of).unwrap().map(|record| record.number);
    assert_eq!(found(kdd(1, None)), Some(1));
    assert_eq!(found(kdd(1, Some(9))), Some(1), "the card tells its chip, the list does not");
    assert_eq!(found(kdd(2, Some(7))), Some(3));
    assert_eq!(found(kdd(2, Some(8))), Some(2));
    assert_eq!((found(kdd(3, Some(7))), found(kdd(3, Some(8))), found(kdd(3, None))), (Some(4), None, None));
    assert_eq!(found(kdd(4, Some(7))), None);
    let named = |number| registry.listed(job, &[number; 10]).unwrap();
    assert_eq!(named(3), Some(kdd(3, Some(7))));
    assert_eq!((named(1), named(2), named(4)), (None, None, None), "no chip, two cards, none");
    let stranger = CardEntry { card: kdd(3, Some(8)), profile: None, sets: Vec::new() };
    registry.put_cards(&[stranger]).unwrap();
    assert_eq!(registry.listed(job, &[3; 10]).unwrap(), None, "another chip has that KDD, too");
    for (wrong, of) in [(1, kdd(3, Some(7))), (2, kdd(2, Some(7))), (4, kdd(3, None)), (5, kdd(1, Some(9)))] {
        conflict(&mut *registry, job, vec![claim(wrong, of)]);
    }
    write(&mut *registry, job, vec![claim(1, kdd(1, Some(9))), claim(2, kdd(2, Some(8))), claim(3, kdd(2, Some(7)))]);
    conflict(&mut *registry, job, vec![claim(1, kdd(1, Some(8)))]);
    write(&mut *registry, job, vec![step(3, 1, Rejected, Step::Keys), fate(3, 1, Fate::Sample)]);
    let what =
        conflict(&mut *registry, job, vec![JobWrite::Remake { record: 3, spare: Some(kdd(2, Some(9))), at: 600 }]);
    assert!(what.contains("record 2 waits"), "{what}");
    let number = |of: CardId| registry.record_of(job, &of).unwrap().map(|record| record.number);
    assert_eq!((number(kdd(1, Some(9))), number(kdd(1, Some(8)))), (Some(1), Some(1)));
    assert_eq!(registry.next_pending(job, 0).unwrap(), None, "each waits for its card");
    assert_eq!(registry.next_pending(job, 1).unwrap().map(|record| record.number), Some(5));
    write(&mut *registry, job, vec![claim(5, kdd(4, None))]);
    assert_eq!(registry.next_pending(job, 1).unwrap(), None);
    assert_eq!(registry.record_of(job, &kdd(4, None)).unwrap().map(|record| record.number), Some(5));
    sound(&*registry);
}

pub(in crate::conformance) fn remakes(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let registry = &mut *registry;
    let job = add(registry, &listed("job", &[card(2), card(3)], 1), &[card(2), card(3)]);
    let remake = |record, spare: Option<CardId>| JobWrite::Remake { record, spare, at: 600 };
    conflict(registry, job, vec![remake(1, None)]);
    write(registry, job, vec![claim(1, card(2)), step(1, 1, Rejected, Step::Keys)]);
    conflict(registry, job, vec![remake(1, Some(card(4)))]);
    conflict(registry, job, vec![again(1, card(4))]);
    write(registry, job, vec![fate(1, 1, Fate::Destroyed)]);
    conflict(registry, job, vec![again(1, card(4))]);
    let what = conflict(registry, job, vec![remake(1, Some(card(3)))]);
    assert!(what.contains("record 2 waits"), "{what}");
    conflict(registry, job, vec![remake(1, Some(CardId::new(&[3; 10], None)))]);
    write(registry, job, vec![remake(1, Some(card(4)))]);
    write(registry, job, vec![remake(1, Some(card(5)))]);
    conflict(registry, job, vec![remake(1, None)]);
    write(registry, job, vec![remake(1, Some(card(4)))]);
    let waits = record(registry, job, 1);
    assert_eq!((waits.state, waits.remade, waits.expected, waits.changed), (Rejected, true, Some(card(4)), 600));
    conflict(registry, job, vec![claim(1, card(4))]);
    conflict(registry, job, vec![again(2, card(3))]);
    conflict(registry, job, vec![again(1, card(2))]);
    conflict(registry, job, vec![again(1, card(5))]);
    let answers = write(registry, job, vec![again(1, card(4))]);
    assert_eq!(answers, [JobAnswer::Claimed { attempt: 2 }]);
    conflict(registry, job, vec![step(1, 1, Writing, Step::Keys)]);
    // Given back, it waits for a chip as any other.
    write(registry, job, vec![step(1, 2, Pending, Step::Identify), claim(1, card(4))]);
    write(registry, job, vec![step(1, 3, Rejected, Step::Data), fate(1, 3, Fate::Quarantined), remake(1, None)]);
    assert_eq!(registry.next_pending(job, 0).unwrap().map(|record| record.number), Some(1), "any may serve now");
    write(registry, job, vec![again(1, card(6))]);
    assert_eq!(registry.next_pending(job, 0).unwrap(), None);
    write(registry, job, vec![claim(3, card(5)), step(3, 1, Rejected, Step::Keys), fate(3, 1, Fate::Returned)]);
    conflict(registry, job, vec![remake(3, Some(card(7)))]);
    write(registry, job, vec![remake(3, None)]);
    assert_eq!(registry.next_pending(job, 1).unwrap().map(|record| record.number), Some(3));
    write(registry, job, vec![again(3, card(5))]);
    let balance = registry.balance(job).unwrap();
    assert_eq!((balance.records, balance.spares, balance.issued(), balance.open()), (3, 3, 6, 3));
    // The chip that was brought in is a blank again when the record is done without.
    write(registry, job, vec![step(3, 2, Rejected, Step::Keys), fate(3, 2, Fate::Sample), remake(3, None)]);
    write(registry, job, vec![JobWrite::Cancel { record: 3, statement: None, at: 700 }]);
    let balance = registry.balance(job).unwrap();
    assert_eq!((balance.issued(), balance.cancelled_blanks, balance.open()), (7, 1, 2));
    assert_eq!(registry.next_pending(job, 1).unwrap(), None);
    let states: Vec<_> = registry.attempts_of(job, 1).unwrap().iter().map(|one| (one.number, one.state)).collect();
    assert_eq!(states, [(1, Rejected), (2, Pending), (3, Rejected), (4, Claimed)]);
    sound(registry);
}

pub(in crate::conformance) fn apart(make: &dyn Fn() -> Open) {
    let open = make();
    let mut registry = open();
    let job = add(&mut *registry, &counted("job", 4), &[]);
    let counter = |of, counter| JobWrite::Journal(vec![Record::Counter { card: card(of), set: set(0), counter }], 7);
    let unfit = JobWrite::Journal(vec![Record::Counter { card: card(9), set: set(0), counter: 1 << 24 }], 7);
    // The second takes a name of a reader into use that is the third's, too, and goes with it.
    let elsewhere = |record, of| {
        let attempt = NewAttempt { reader: "reader 2".to_owned(), ..attempt(card(of)) };
        JobWrite::Claim { record, remake: false, attempt, at: 200 }
    };
    let batches = [
        vec![claim(1, card(2)), counter(2, 1)],
        vec![elsewhere(2, 3), counter(3, 1), claim(2, card(4))],
        vec![elsewhere(2, 5), counter(5, 1)],
        vec![
            claim(3, card(6)),
            JobWrite::Job { state: crate::jobs::JobState::Paused, reason: String::new(), at: 8 },
            unfit,
        ],
        [made(3, card(7)), vec![counter(7, 1)]].concat(),
    ];
    let answers = registry.write_all(job, &batches).unwrap();
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true], "{answers:?}");
    assert!(
        matches!(answers[1], Err(RegistryError::Conflict(_))) && matches!(answers[3], Err(RegistryError::Unfit(_)))
    );
    assert_eq!(answers[4].as_ref().unwrap()[0], JobAnswer::Claimed { attempt: 1 });
    let other = open();
    let states: Vec<_> = super::records(&*other, job, 0, &[]).iter().map(|record| record.state).collect();
    assert_eq!(states, [Claimed, Claimed, Accepted, Pending]);
    let seen = |of| !other.ledger(&card(of)).unwrap().counters.is_empty();
    assert_eq!([2, 3, 5, 7].map(seen), [true, false, true, true]);
    assert_eq!(other.attempts_of(job, 2).unwrap()[0].reader, "reader 2");
    assert!(other.chip(&card(3)).unwrap().is_empty() && other.chip(&card(6)).unwrap().is_empty());
    // A batch alone is all or nothing, too.
    conflict(&mut *registry, job, vec![claim(4, card(8)), counter(8, 1), claim(4, card(9))]);
    assert!(registry.chip(&card(8)).unwrap().is_empty());
    assert_eq!(registry.ledger(&card(8)).unwrap().counters.len(), 0);
    assert_eq!(registry.write_all(job, &[]).unwrap().len(), 0);
    sound(&*registry);
}

pub(in crate::conformance) fn refused(make: &dyn Fn() -> Open) {
    let open = make();
    let mut registry = open();
    let job = add(&mut *registry, &counted("job", 2), &[]);
    let with = |change: &dyn Fn(&mut NewAttempt)| {
        let mut attempt = attempt(card(2));
        change(&mut attempt);
        JobWrite::Claim { record: 1, remake: false, attempt, at: 200 }
    };
    let told = |reason: &str, facts| JobWrite::Step {
        record: 2,
        attempt: 1,
        to: Rejected,
        step: Step::Keys,
        reason: reason.to_owned(),
        facts,
        at: 5,
    };
    write(&mut *registry, job, vec![claim(2, card(3))]);
    for bad in [
        with(&|attempt| attempt.card = CardId("\u{1b}[2J".to_owned())),
        with(&|attempt| attempt.atr = vec![0; 34]),
        with(&|attempt| attempt.station = "a\nb".to_owned()),
        with(&|attempt| attempt.reader = "a".repeat(201)),
        with(&|attempt| attempt.operator = "\u{202E}".to_owned()),
        with(&|attempt| attempt.current = "404142434445464748494A4B4C4D4E4F".to_owned()),
        with(&|attempt| attempt.target = "file:\u{1b}[2J".to_owned()),
        told("", Facts::default()),
        told("a\nb", Facts::default()),
        told(&"a".repeat(401), Facts::default()),
        told("a", Facts { kcvs: Some("AB".to_owned()), ..Facts::default() }),
        told("a", Facts { kcvs: Some("ab".repeat(9)), ..Facts::default() }),
        told("a", Facts { took_us: u64::MAX, ..Facts::default() }),
    ] {
        match registry.write_all(job, &[vec![bad]]).unwrap().remove(0) {
            Err(RegistryError::Unfit(what)) => assert!(what.len() < 200 && !what.contains("4041"), "{what}"),
            other => panic!("{other:?}"),
        }
    }
    for missing in [0, 3, u64::MAX] {
        conflict(&mut *registry, job, vec![claim(missing, card(4))]);
        conflict(&mut *registry, job, vec![step(missing, 1, Writing, Step::Keys)]);
    }
    sound(&*registry);
}

pub(in crate::conformance) fn facts(make: &dyn Fn() -> Open) {
    let open = make();
    let mut registry = open();
    let job = add(&mut *registry, &counted("job", 2), &[]);
    write(&mut *registry, job, vec![claim(2, card(3))]);
    let facts = |kcvs: Option<&str>, exchanged, apdus, took_us| Facts {
        kcvs: kcvs.map(|kcv| kcv.repeat(3)),
        exchanged,
        apdus,
        took_us,
    };
    let tell =
        |to, step, facts| JobWrite::Step { record: 2, attempt: 1, to, step, reason: String::new(), facts, at: 900 };
    let writes = [
        tell(Writing, Step::Data, facts(Some("504A77"), None, 3, 1000)),
        tell(Writing, Step::Keys, facts(None, Some([4; 32]), u32::MAX, 500)),
        tell(Verified, Step::Verify, facts(Some("504A78"), None, 0, 0)),
    ];
    write(&mut *registry, job, writes[..2].to_vec());
    let seen = registry.attempts_of(job, 2).unwrap().remove(0);
    assert_eq!((seen.step, seen.apdus, seen.took_us, seen.ended), (Step::Data, u32::MAX, 1500, None));
    assert_eq!((seen.kcvs, seen.exchanged), ("504A77".repeat(3), Some([4; 32])));
    write(&mut *registry, job, vec![writes[2].clone(), tell(Accepted, Step::Done, Facts::default())]);
    let seen = open().attempts_of(job, 2).unwrap().remove(0);
    assert_eq!((seen.kcvs, seen.began, seen.ended), ("504A78".repeat(3), 200, Some(900)));
    let NewAttempt { card, atr, station, reader, operator, profile, current, target } = attempt(card(3));
    assert_eq!((seen.card, seen.atr, seen.station, seen.reader), (card, atr, station, reader));
    assert_eq!((seen.operator, seen.profile, seen.current, seen.target), (operator, profile, current, target));
    sound(&*registry);
}
