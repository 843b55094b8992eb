//! States, moves, chips accounted for.

use crate::approval::reason;
use crate::job::{Balance, Domain, EDGES, Fate, LifeCycle, NoEdge, RecordState, Step, after};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, proptest};
use proptest::{prop_assert, prop_assert_eq, sample};
use std::fmt::Display;
use std::str::FromStr;

/// Every word is read as it is written, and no other.
fn words<T: Copy + PartialEq + Display + FromStr>(all: &[T], names: &[&str]) {
    assert_eq!(all.len(), names.len());
    for (one, name) in all.iter().zip(names) {
        assert_eq!(one.to_string(), *name);
        assert!(name.parse().is_ok_and(|read: T| read == *one));
        for other in [name.to_uppercase(), format!("{name} "), name[1..].to_owned()] {
            assert!(other.parse::<T>().is_err(), "{other}");
        }
    }
}

#[test]
fn words_come_back() {
    words(&Domain::ALL, &["test", "live"]);
    let states = ["pending", "claimed", "writing", "verified", "accepted", "rejected", "unknown", "cancelled"];
    words(&RecordState::ALL, &states);
    words(&Fate::ALL, &["destroyed", "quarantined", "returned", "sample", "handed-over"]);
    words(&Step::ALL, &["identify", "keys", "data", "retire", "finish", "verify", "done"]);
    words(&LifeCycle::ALL, &["op-ready", "initialized", "secured"]);
    assert!(Step::ALL.is_sorted() && LifeCycle::ALL.is_sorted());
    assert_eq!(LifeCycle::ALL.map(LifeCycle::byte), [0x01, 0x07, 0x0F], "CS table 11-6");
    assert!(Fate::ALL.into_iter().all(Fate::closes));
    assert_eq!(Fate::ALL.into_iter().filter(|fate| fate.wants_signatures()).collect::<Vec<_>>(), [Fate::Destroyed]);
}

/// Written a second time by hand: a row from here, a column to there, in the order of `ALL`.
#[test]
fn these_are_the_moves() {
    let table = [
        "-x-----x", // pending
        "x-x--xx-", // claimed
        "---x-xx-", // writing
        "----xxx-", // verified
        "-----x--", // accepted
        "-x----xx", // rejected
        "x-xx-x--", // unknown
        "--------", // cancelled
    ];
    for (from, row) in RecordState::ALL.into_iter().zip(table) {
        for (to, cell) in RecordState::ALL.into_iter().zip(row.bytes()) {
            let wanted = if cell == b'x' { Ok(()) } else { Err(NoEdge { from, to }) };
            assert_eq!(after(from, to), wanted, "{from} to {to}");
        }
    }
    assert_eq!(EDGES.len(), 20, "none stands twice");
    let live = RecordState::ALL.map(RecordState::is_live);
    assert_eq!(live, [false, true, true, true, true, false, true, false]);
    let none = after(RecordState::Cancelled, RecordState::Pending).unwrap_err();
    assert_eq!(none.to_string(), "a record that is cancelled cannot become pending");
}

#[test]
fn chips_are_accounted_for() {
    let all = Balance { records: 10, states: [10, 0, 0, 0, 0, 0, 0, 0], ..Balance::default() };
    assert_eq!((all.issued(), all.open(), all.balances()), (10, 10, false));
    // One remade twice: destroyed, quarantined, then accepted. One rejected, and returned. One cancelled.
    let done = Balance {
        records: 10,
        spares: 2,
        states: [0, 0, 0, 0, 8, 1, 0, 1],
        fates: [1, 1, 1, 0, 0],
        unfated: 0,
        cancelled_blanks: 1,
        remade: 0,
    };
    assert_eq!((done.issued(), done.accepted(), done.rejected(), done.returned()), (12, 8, 2, 2));
    assert_eq!((done.samples(), done.handed_over(), done.open(), done.balances()), (0, 0, 0, true));
    let line = "issued 12 (2 spares), accepted 8, destroyed 1, quarantined 1, samples 0, returned 2, handed over 0, \
                rejected without a fate 0, open 0";
    assert_eq!(done.to_string(), line);
    let given = Balance { fates: [0, 0, 0, 2, 1], ..done };
    assert_eq!((given.samples(), given.handed_over(), given.open()), (2, 1, 0));
    // One missing; one too many.
    assert_eq!(Balance { fates: [1, 0, 1, 0, 0], unfated: 1, ..done }.open(), 1);
    assert_eq!(Balance { fates: [2, 1, 1, 0, 0], ..done }.open(), -1);
    // Two slips that make up for each other.
    for slip in [
        Balance { states: [1, 0, 0, 0, 7, 1, 0, 1], fates: [2, 1, 1, 0, 0], ..done },
        Balance { states: [0, 0, 0, 0, 7, 1, 1, 1], fates: [2, 1, 1, 0, 0], ..done },
        Balance { unfated: 1, ..done },
        Balance { states: [0, 0, 0, 0, 8, 0, 0, 1], ..done },
    ] {
        assert_eq!((slip.open(), slip.balances()), (0, false), "{slip:?}");
    }
}

fn balance() -> impl Strategy<Value = Balance> {
    let number = any::<u64>;
    (number(), number(), any::<[u64; 8]>(), any::<[u64; 5]>(), number(), number()).prop_map(
        |(records, spares, states, fates, unfated, cancelled_blanks)| {
            // Sums of real counts are below 2^64.
            let (states, fates) = (states.map(|count| count >> 4), fates.map(|count| count >> 4));
            Balance { records, spares, states, fates, unfated, cancelled_blanks: cancelled_blanks >> 4, remade: 0 }
        },
    )
}

/// A chip's life in a job, and what it does to the figures.
#[derive(Clone, Copy, Debug)]
enum Move {
    To(RecordState),
    Fate(Fate),
    Remake,
}

fn moves() -> impl Strategy<Value = (usize, Move)> {
    let to = sample::select(&RecordState::ALL[..]).prop_map(Move::To);
    let fate = sample::select(&Fate::ALL[..]).prop_map(Move::Fate);
    let one = proptest::prop_oneof![4 => to, 2 => fate, 1 => proptest::strategy::Just(Move::Remake)];
    (0..3_usize, one)
}

proptest! {
    /// A line that people sign is a reason as any.
    #[test]
    fn figures_fit_into_a_statement(balance in balance()) {
        let line = balance.to_string();
        prop_assert_eq!(reason(&line), Ok(line.as_str()));
    }

    /// Chips that are open are those in somebody's hands, whatever happens, as long as records move along the edges.
    #[test]
    fn no_chip_is_lost(moves in vec(moves(), 0..60)) {
        let mut balance = Balance { records: 3, states: [3, 0, 0, 0, 0, 0, 0, 0], ..Balance::default() };
        // The state, whether the last chip's fate is told, whether a spare waits.
        let mut records = [(RecordState::Pending, false, false); 3];
        let place = |state| RecordState::ALL.iter().position(|one| *one == state).unwrap();
        for (number, step) in moves {
            let (state, fated, spare) = &mut records[number];
            match step {
                Move::To(to) => {
                    let remake = *state == RecordState::Rejected;
                    let fits = match to {
                        RecordState::Claimed => !remake || *spare,
                        RecordState::Cancelled => !remake || *fated,
                        RecordState::Unknown => !remake || !*fated,
                        _ => true,
                    };
                    if after(*state, to).is_err() || !fits {
                        continue;
                    }
                    balance.states[place(*state)] -= 1;
                    balance.states[place(to)] += 1;
                    if to == RecordState::Cancelled && (!remake || *spare) {
                        balance.cancelled_blanks += 1;
                    }
                    balance.unfated += u64::from(to == RecordState::Rejected);
                    balance.unfated -= u64::from(remake && to == RecordState::Unknown);
                    (*fated, *spare) = (*fated && to == RecordState::Cancelled, false);
                    *state = to;
                }
                Move::Fate(fate) if *state == RecordState::Rejected && !*fated => {
                    balance.unfated -= 1;
                    balance.fates[Fate::ALL.iter().position(|one| *one == fate).unwrap()] += 1;
                    *fated = true;
                }
                Move::Remake if *state == RecordState::Rejected && *fated && !*spare => {
                    balance.spares += 1;
                    *spare = true;
                }
                Move::Fate(_) | Move::Remake => {}
            }
            let settled = [RecordState::Accepted, RecordState::Cancelled];
            let open = records.iter().filter(|(state, fated, spare)| !settled.contains(state) && (!fated || *spare));
            prop_assert_eq!(balance.open(), i64::try_from(open.count()).unwrap());
            prop_assert!(!balance.balances() || balance.open() == 0);
        }
    }
}
