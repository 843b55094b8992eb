//! A journal in a file, as versions before the registry kept it, is taken over.

use super::{FAULTS, PUT, as_it_stands, desk, facts, in_good_order, spread};
use cardwright_keys::journal::{CardId, Record, SetId};
use cardwright_link::VirtualCard;
use cardwright_tests::cli::Desk;
use cardwright_tests::disk::Disk;
use cardwright_tests::gate::Gate;
use std::path::PathBuf;

/// The card that [`desk`] gives.
const CARD: &str = "43575254000000000001-435752540000000000010001";
/// Its initial keys, the public test keys.
const INITIAL: &str = "504A77504A77504A77";

/// A journal with counters of another card and of this one, in this order, one line each.
fn journal(counters: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let line = |counter| {
        let record = |card: &str, counter| {
            let set = SetId { kvn: 0xFF, kcvs: INITIAL.to_owned() };
            Record::Counter { card: CardId(card.to_owned()), set, counter }
        };
        let json = serde_json::to_string(&[record("00000000000000000009", 7), record(CARD, counter)]).expect("JSON");
        format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
    };
    counters.into_iter().flat_map(|counter| line(counter).into_bytes()).collect()
}

/// A desk whose state is of such a version.
fn old(bytes: &[u8]) -> (Desk, Gate<VirtualCard>, PathBuf) {
    let (desk, card) = desk();
    std::fs::create_dir(desk.path().join("state")).expect("made");
    let path = desk.path().join("state/journal.log");
    std::fs::write(&path, bytes).expect("written");
    (desk, card, path)
}

#[test]
fn what_it_says_holds() {
    // The card's counter is at 0: it was rolled back.
    let (desk, mut card, path) = old(&journal([1, 2, 3000]));
    let outcome = desk.run_with(&mut card, PUT).expect(7);
    assert!(outcome.stdout.contains("roll"), "{outcome:#?}");
    assert!(!path.exists());
    let facts = facts(&desk.path().join("state"), CARD).expect("on record");
    assert_eq!(facts.counters.iter().map(|counter| counter.1).collect::<Vec<_>>(), [3000]);
}

#[test]
fn damaged() {
    let whole = journal([0, 0]);
    let mut damaged = whole.clone();
    damaged[12] ^= 1;
    let (desk, mut card, path) = old(&damaged);
    let outcome = desk.run_with(&mut card, PUT).expect(9);
    assert!(outcome.stdout.contains("line 1"), "{outcome:#?}");
    assert!(card.seen.is_empty());
    assert_eq!(std::fs::read(&path).expect("still there"), damaged);
    // A last line that breaks off is no damage: it was never acknowledged.
    std::fs::write(&path, &whole[..whole.len() - 3]).expect("written");
    let outcome = desk.run_with(&mut card, PUT).expect(0);
    assert!(outcome.stderr.contains("never whole"), "{outcome:#?}");
    assert!(!path.exists());
}

/// Whatever happens to the disk, the next run knows all that the journal said, and it is not taken over twice.
#[test]
fn at_every_operation() {
    let args = ["--json", "apdu", "--secure", "gp-test", "80F28002024F0000"];
    let bytes = journal([0, 0, 0]);
    let (desk, mut card, _) = old(&bytes);
    let plain = Disk::of_state(&desk).run_with(&mut card, &args, None);
    assert_eq!(plain.outcome.code(), 0, "{plain:#?}");
    assert!(plain.operations.iter().any(|done| done.name == "rename"), "{plain:#?}");
    let points = spread(plain.points(&FAULTS), 100);
    println!("{} points of {}", points.len(), plain.points(&FAULTS).len());
    for (number, fault) in points {
        let what = format!("{fault:?} at {:?}", plain.operations[number]);
        let (desk, mut card, path) = old(&bytes);
        let run = Disk::of_state(&desk).run_with(&mut card, &args, Some((number, fault)));
        in_good_order(&run, (number, fault), &what);
        let copy = as_it_stands(&desk);
        assert!(path.exists() || facts(copy.path(), "00000000000000000009").is_some(), "{what}: forgotten");
        card.forget();
        let again = desk.run_with(&mut card, &args);
        assert_eq!(again.code(), 0, "{what}: {again:#?}");
        assert!(!path.exists(), "{what}");
        let other = facts(&desk.path().join("state"), "00000000000000000009").expect("on record");
        assert_eq!(other.counters.iter().map(|counter| counter.1).collect::<Vec<_>>(), [7], "{what}");
    }
}
