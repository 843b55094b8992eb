//! Runs of stations, and what people sign.

use super::{add, claim, conflict, counted, fate, record, step, write};
use crate::RegistryError;
use crate::conformance::requests::conflict as refused;
use crate::conformance::{Open, card, sound};
use crate::jobs::{JobId, JobWrite, RunEntry};
use cardwright_keys::job::{Fate, RecordState, Step};

pub(in crate::conformance) fn runs(make: &dyn Fn() -> Open) {
    let open = make();
    let (mut registry, mut other) = (open(), open());
    let (job, second) = (add(&mut *registry, &counted("job", 1), &[]), add(&mut *registry, &counted("second", 1), &[]));
    let one = registry.run_began(job, "north", "alice", 10).unwrap();
    refused(other.run_began(job, "north", "bob", 11));
    let two = other.run_began(job, "south", "bob", 12).unwrap();
    other.run_began(second, "north", "bob", 12).unwrap();
    for bad in ["{\n}", "\u{202E}", &" ".repeat((1 << 20) + 1)] {
        assert!(matches!(registry.run_ended(two, 13, bad), Err(RegistryError::Unfit(_))));
    }
    registry.run_ended(two, 13, "{\"took\":7}").unwrap();
    // Who starts again after a crash sees what was not ended, and ends it.
    let entry = |id, station: &str, operator: &str, began, ended: Option<_>| RunEntry {
        id,
        station: station.to_owned(),
        operator: operator.to_owned(),
        began,
        ended,
        figures: ended.map(|_| "{\"took\":7}".to_owned()).unwrap_or_default(),
    };
    let seen = [entry(one, "north", "alice", 10, None), entry(two, "south", "bob", 12, Some(13))];
    assert_eq!(open().runs(job).unwrap(), seen);
    refused(other.run_ended(two, 14, "{}"));
    refused(other.run_ended(two + 99, 14, "{}"));
    other.run_ended(one, 14, "").unwrap();
    let three = other.run_began(job, "north", "carol", 15).unwrap();
    assert_eq!(registry.runs(job).unwrap()[2], entry(three, "north", "carol", 15, None));
    let first = registry.runs(job).unwrap().remove(0);
    assert_eq!((first.ended, first.figures), (Some(14), String::new()));
    refused(other.run_began(JobId(job.0 + 99), "north", "carol", 15));
    for bad in ["a\nb", "\u{1b}[2J"] {
        assert!(matches!(other.run_began(job, bad, "carol", 15), Err(RegistryError::Unfit(_))));
        assert!(matches!(other.run_began(job, "west", bad, 15), Err(RegistryError::Unfit(_))));
    }
    sound(&*registry);
}

pub(in crate::conformance) fn statements(make: &dyn Fn() -> Open) {
    let open = make();
    let mut registry = open();
    let registry = &mut *registry;
    let (job, other) = (add(registry, &counted("job", 3), &[]), add(registry, &counted("other", 1), &[]));
    for bad in ["", "a\r\n", "a\u{1b}[2J\n", &"a".repeat((16 << 10) + 1)] {
        assert!(matches!(registry.add_statement(job, bad), Err(RegistryError::Unfit(_))));
    }
    refused(registry.add_statement(JobId(other.0 + 99), "a\n"));
    let one = registry.add_statement(job, "cardwright statement 1\nit is gone\n").unwrap();
    let two = registry.add_statement(job, "another\n").unwrap();
    let elsewhere = registry.add_statement(other, "of another job\n").unwrap();
    let (zoe, bob) = ("zoe".parse().unwrap(), "bob".parse().unwrap());
    registry.sign_statement(one, &zoe, 7, [1; 64]).unwrap();
    registry.sign_statement(one, &bob, 6, [2; 64]).unwrap();
    refused(registry.sign_statement(one, &zoe, 8, [3; 64]));
    refused(registry.sign_statement(elsewhere + 99, &zoe, 8, [3; 64]));
    let found = open().statements(job).unwrap();
    assert_eq!(found.iter().map(|found| found.id).collect::<Vec<_>>(), [one, two]);
    assert_eq!(found[0].text, "cardwright statement 1\nit is gone\n");
    assert_eq!(found[0].signatures, [(zoe.clone(), 7, [1; 64]), (bob, 6, [2; 64])], "in the order in which they came");
    let told = |record, statement| JobWrite::Fate { record, attempt: 1, fate: Fate::Destroyed, statement, at: 9 };
    for record in 1..=2 {
        let chip = card(u8::try_from(record).unwrap() + 1);
        write(registry, job, vec![claim(record, chip), step(record, 1, RecordState::Rejected, Step::Keys)]);
    }
    conflict(registry, job, vec![told(1, Some(elsewhere))]);
    conflict(registry, job, vec![told(1, Some(elsewhere + 99))]);
    write(registry, job, vec![told(1, Some(one))]);
    conflict(registry, job, vec![told(2, Some(one))]);
    refused(registry.sign_statement(one, &"carol".parse().unwrap(), 9, [4; 64]));
    let attempt = registry.attempts_of(job, 1).unwrap().remove(0);
    assert_eq!((attempt.fate, attempt.fated, attempt.statement), (Some(Fate::Destroyed), Some(9), Some(one)));
    write(registry, job, vec![fate(2, 1, Fate::Sample), JobWrite::Cancel { record: 2, statement: Some(two), at: 10 }]);
    assert_eq!(registry.record(job, 2).unwrap().unwrap().statement, Some(two));
    conflict(registry, job, vec![JobWrite::Cancel { record: 3, statement: Some(two), at: 10 }]);
    let used: Vec<_> = registry.statements(job).unwrap().iter().map(|one| one.used).collect();
    assert_eq!((used, registry.statements(other).unwrap()[0].used), (vec![true, true], false));
    sound(registry);
}

/// What a person says of a card is carried out on what the person saw, and on nothing else.
pub(in crate::conformance) fn decided(make: &dyn Fn() -> Open) {
    use RecordState::{Accepted, Claimed, Pending, Rejected, Unknown, Verified, Writing};
    let open = make();
    let (mut registry, mut other) = (open(), open());
    let job = add(&mut *registry, &counted("job", 2), &[]);
    let expect = |attempt, state| JobWrite::Expect { record: 1, attempt, state };
    let seen = |state, to| vec![expect(1, state), step(1, 1, to, Step::Keys)];
    conflict(&mut *registry, job, vec![expect(0, Pending)]);
    write(
        &mut *registry,
        job,
        vec![claim(1, card(2)), step(1, 1, Writing, Step::Keys), step(1, 1, Unknown, Step::Keys)],
    );
    // Seen as unknown; by then it is in a reader again, and everything that is sent changes it.
    for to in [Writing, Verified] {
        write(&mut *other, job, vec![step(1, 1, to, Step::Keys)]);
        let what = conflict(&mut *registry, job, seen(Unknown, Rejected));
        assert!(what.contains(&format!("record 1 is {to} by now, not unknown")), "{what}");
        assert_eq!(record(&*registry, job, 1).state, to);
    }
    write(&mut *other, job, vec![step(1, 1, Rejected, Step::Keys)]);
    conflict(&mut *registry, job, seen(Accepted, Rejected));
    // To be tried once more, and that was done, and is going on.
    write(&mut *other, job, seen(Rejected, Unknown));
    write(&mut *other, job, vec![step(1, 1, Writing, Step::Keys)]);
    conflict(&mut *registry, job, seen(Rejected, Unknown));
    assert_eq!(record(&*registry, job, 1).state, Writing);
    // Another chip has the record since.
    write(&mut *other, job, vec![step(1, 1, Unknown, Step::Keys), step(1, 1, Pending, Step::Keys), claim(1, card(3))]);
    conflict(&mut *registry, job, vec![expect(1, Claimed)]);
    write(&mut *registry, job, vec![expect(2, Claimed)]);
    conflict(&mut *registry, job, vec![JobWrite::Expect { record: 2, attempt: 1, state: Pending }]);
    conflict(&mut *registry, job, vec![JobWrite::Expect { record: 3, attempt: 1, state: Pending }]);
    sound(&*registry);
}
