//! Edges, jobs that are held back, and how a job ends.

use super::{add, claim, conflict, counted, fate, figures, made, record, step, write};
use crate::conformance::{Open, Store, card, sound};
use crate::jobs::{JobId, JobState, JobWrite};
use cardwright_keys::job::RecordState::{Accepted, Cancelled, Claimed, Pending, Rejected, Unknown, Verified, Writing};
use cardwright_keys::job::{Fate, RecordState, Step, after};
use cardwright_keys::journal::Record;

/// Every state is tried after every state.
pub(in crate::conformance) fn edges(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let ways: [&[RecordState]; 6] =
        [&[], &[Writing], &[Writing, Verified], &[Writing, Verified, Accepted], &[Rejected], &[Writing, Unknown]];
    let tries = ways.len() * RecordState::ALL.len();
    let job = add(&mut *registry, &counted("job", tries as u64), &[]);
    let mut number = 0;
    for way in ways {
        let from = way.last().copied().unwrap_or(Claimed);
        for to in RecordState::ALL {
            number += 1;
            let mut batch = vec![claim(number, card(u8::try_from(number).unwrap()))];
            batch.extend(way.iter().map(|to| step(number, 1, *to, Step::Keys)));
            write(&mut *registry, job, batch);
            assert_eq!(record(&*registry, job, number).state, from);
            let made = registry.write_all(job, &[vec![step(number, 1, to, Step::Data)]]).unwrap().remove(0);
            let goes_on = from == to && !matches!(from, Accepted | Rejected);
            let by_step = after(from, to).is_ok() && !matches!(to, Claimed | Cancelled);
            assert_eq!(made.is_ok(), goes_on || by_step, "{from} {to}: {made:?}");
            let now = if made.is_ok() { to } else { from };
            assert_eq!(record(&*registry, job, number).state, now);
            let attempt = registry.attempts_of(job, number).unwrap().remove(0);
            assert_eq!((attempt.state, attempt.ended.is_some()), (now, matches!(now, Pending | Accepted | Rejected)));
        }
    }
    sound(&*registry);
}

fn become_state(state: JobState) -> JobWrite {
    JobWrite::Job { state, reason: "too many".to_owned(), at: 700 }
}

fn close(variance: Option<(String, i64)>) -> JobWrite {
    JobWrite::Close { variance, at: 800 }
}

fn cancel(record: u64) -> JobWrite {
    JobWrite::Cancel { record, statement: None, at: 750 }
}

fn state(registry: &dyn Store, job: JobId) -> JobState {
    registry.jobs().unwrap().iter().find(|entry| entry.id == job).unwrap().state
}

pub(in crate::conformance) fn held_back(make: &dyn Fn() -> Open) {
    use JobState::{Open as Goes, Paused, Stopped};
    let mut registry = make()();
    let registry = &mut *registry;
    let job = add(registry, &counted("job", 7), &[]);
    write(registry, job, vec![claim(1, card(2))]);
    let moves = [(Goes, Paused), (Paused, Goes), (Goes, Stopped), (Stopped, Goes), (Goes, Paused), (Paused, Stopped)];
    for (number, (from, to)) in (2..).zip(moves) {
        assert_eq!(state(registry, job), from);
        conflict(registry, job, vec![become_state(from)]);
        write(registry, job, vec![become_state(to)]);
        let entry = registry.jobs().unwrap().remove(0);
        let reason = if to == Goes { "" } else { "too many" };
        assert_eq!((entry.state, entry.reason.as_str(), entry.changed), (to, reason, 700));
        let batch = vec![claim(number, card(3)), step(number, 1, Pending, Step::Identify)];
        let claimed = registry.write_all(job, &[batch]).unwrap();
        assert_eq!(claimed[0].is_ok(), to == Goes);
    }
    conflict(registry, job, vec![become_state(Paused)]);
    // What has begun is brought to its end all the same.
    write(registry, job, made(1, card(2)).split_off(1));
    assert_eq!(record(registry, job, 1).state, Accepted);
    sound(registry);
}

pub(in crate::conformance) fn closed(make: &dyn Fn() -> Open) {
    let mut registry = make()();
    let registry = &mut *registry;
    let job = add(registry, &counted("job", 4), &[]);
    conflict(registry, job, vec![close(None)]);
    let mut batch = made(1, card(2));
    batch.extend([claim(2, card(3)), step(2, 1, Rejected, Step::Keys), cancel(3)]);
    write(registry, job, batch);
    conflict(registry, job, vec![cancel(1)]);
    conflict(registry, job, vec![cancel(2)]);
    conflict(registry, job, vec![cancel(3)]);
    conflict(registry, job, vec![fate(1, 1, Fate::Destroyed)]);
    conflict(registry, job, vec![fate(2, 2, Fate::Destroyed)]);
    let balance = registry.balance(job).unwrap();
    assert_eq!((balance.open(), balance.unfated, balance.cancelled_blanks), (2, 1, 1));
    write(registry, job, vec![fate(2, 1, Fate::Destroyed)]);
    conflict(registry, job, vec![fate(2, 1, Fate::Returned)]);
    write(registry, job, vec![cancel(2)]);
    let blanks = registry.balance(job).unwrap();
    assert_eq!((blanks.open(), blanks.cancelled_blanks), (1, 1), "it had no blank any more");
    conflict(registry, job, vec![close(None)]);
    let statement = registry.add_statement(job, "one is missing\n").unwrap();
    let signed = figures(registry, job);
    // As many are open, and others than were signed.
    let other = signed.replace("accepted 1, destroyed 1", "accepted 2, destroyed 0");
    assert_ne!(signed, other);
    for other in [other, String::new(), signed.replace("open 1", "open 2")] {
        assert!(conflict(registry, job, vec![close(Some((other, statement)))]).contains("others were signed"));
    }
    conflict(registry, job, vec![close(Some((signed.clone(), statement + 1)))]);
    conflict(registry, job, vec![claim(4, card(4)), become_state(JobState::Closed)]);
    // In the same batch: what was written before counts.
    let other = add(registry, &counted("other", 1), &[]);
    write(registry, other, [made(1, card(5)), vec![become_state(JobState::Closed)]].concat());
    write(registry, job, vec![claim(4, card(4)), step(4, 1, Unknown, Step::Keys), close(Some((signed, statement)))]);
    for (job, variance, signed) in [(job, 1, Some(statement)), (other, 0, None)] {
        let entry = registry.jobs().unwrap().into_iter().find(|entry| entry.id == job).unwrap();
        assert_eq!((entry.state, entry.variance, entry.statement), (JobState::Closed, Some(variance), signed));
    }
    let over = |registry: &mut dyn Store, write| {
        assert!(conflict(registry, job, vec![write]).contains("closed"));
    };
    for late in [
        step(4, 1, Verified, Step::Keys),
        step(1, 1, Rejected, Step::Keys),
        cancel(4),
        become_state(JobState::Open),
        close(None),
    ] {
        over(registry, late);
    }
    let counter = Record::Counter { card: card(4), set: crate::conformance::set(0), counter: 1 };
    write(registry, job, vec![JobWrite::Journal(vec![counter], 9)]);
    assert!(registry.run_began(job, "north", "bob", 9).is_err());
    conflict(registry, other, vec![claim(1, card(4))]);
    assert_eq!(record(registry, job, 2).state, Cancelled);
    assert_eq!(registry.record_of(job, &card(4)).unwrap().unwrap().state, Unknown);
    assert!(registry.write_all(other, &[vec![step(1, 1, Writing, Step::Keys)]]).unwrap()[0].is_err());
    sound(registry);
}

/// Whoever signed the figures signed those of a job on which nobody works.
pub(in crate::conformance) fn at_rest(make: &dyn Fn() -> Open) {
    let open = make();
    let (mut registry, mut other) = (open(), open());
    let registry = &mut *registry;
    let job = add(registry, &counted("job", 4), &[]);
    add(registry, &counted("other", 1), &[]);
    let statement = registry.add_statement(job, "three are missing\n").unwrap();
    write(registry, job, made(1, card(2)));
    let third = open();
    let signed = || close(Some((figures(&*third, job), statement)));
    let run = other.run_began(job, "north", "bob", 9).unwrap();
    let what = conflict(registry, job, vec![signed()]);
    assert!(what.contains("a run of station north has begun and not ended"), "{what}");
    other.run_ended(run, 10, "").unwrap();
    write(registry, job, vec![claim(2, card(3))]);
    for to in [Claimed, Writing, Verified] {
        write(registry, job, vec![step(2, 1, to, Step::Keys)]);
        let what = conflict(registry, job, vec![signed()]);
        assert!(what.contains("1 cards of the job are in the middle"), "{to}: {what}");
        assert_eq!(state(registry, job), JobState::Open);
    }
    // What is unknown is in no reader.
    write(registry, job, vec![step(2, 1, Unknown, Step::Keys), claim(3, card(4))]);
    conflict(registry, job, vec![signed()]);
    write(registry, job, vec![step(3, 1, Pending, Step::Identify)]);
    write(registry, job, vec![signed()]);
    assert_eq!(registry.jobs().unwrap()[0].variance, Some(3));
    // A job with nothing open waits for its run, too.
    let second = registry.jobs().unwrap()[1].id;
    let run = other.run_began(second, "north", "bob", 9).unwrap();
    write(registry, second, made(1, card(5)));
    assert!(conflict(registry, second, vec![become_state(JobState::Closed)]).contains("not ended"));
    assert!(conflict(registry, second, vec![close(None)]).contains("not ended"));
    other.run_ended(run, 10, "").unwrap();
    write(registry, second, vec![close(None)]);
    sound(registry);
}
