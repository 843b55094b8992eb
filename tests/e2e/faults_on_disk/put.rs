//! `card keys put`.

use super::{EXTERNAL_AUTHENTICATE, FAULTS, PUT, PUT_KEY, as_it_stands, desk, facts, in_good_order, spread};
use cardwright_link::VirtualCard;
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::disk::{Disk, Fault};
use cardwright_tests::gate::Gate;
use std::collections::BTreeMap;

/// What the registry has before the key change.
struct Scenario {
    name: &'static str,
    prepare: fn(&Desk, &mut Gate<VirtualCard>),
    put: &'static [&'static str],
    /// References under which exactly one of the card's states can be opened.
    old: &'static str,
    new: &'static str,
}

/// Changes the keys once, in a run that nothing disturbs.
fn changed_once(desk: &Desk, card: &mut Gate<VirtualCard>) {
    desk.run_with(card, PUT).expect(0);
}

const SCENARIOS: [Scenario; 2] = [
    Scenario { name: "nothing there yet", prepare: |_, _| {}, put: PUT, old: "gp-test@0xFF", new: "file:new.hex@0x30" },
    Scenario {
        name: "a second change",
        prepare: changed_once,
        put: &[
            "--json",
            "card",
            "keys",
            "put",
            "--key",
            "file:new.hex",
            "--new",
            "file:next.hex",
            "--kvn",
            "0x30",
            "--replace",
        ],
        old: "file:new.hex@0x30",
        new: "file:next.hex@0x30",
    },
];

impl Scenario {
    fn set_up(&self) -> (Desk, Gate<VirtualCard>) {
        let (desk, mut card) = desk();
        (self.prepare)(&desk, &mut card);
        card.forget();
        (desk, card)
    }

    /// What the registry on the disk says is no less than what the card has seen, and what was acknowledged.
    fn is_on_record(&self, desk: &Desk, card: &Gate<VirtualCard>, id: &str, outcome: &Outcome, what: &str) {
        let copy = as_it_stands(desk);
        let facts = facts(copy.path(), id);
        if card.count(EXTERNAL_AUTHENTICATE) > 0 {
            let facts = facts.as_ref().unwrap_or_else(|| panic!("{what}: the card is not on record"));
            assert!(!facts.counters.is_empty(), "{what}: {facts:#?}");
        }
        if card.count(PUT_KEY) > 0 {
            let facts = facts.as_ref().unwrap_or_else(|| panic!("{what}: the card is not on record"));
            let sent = facts.open.as_ref().is_some_and(|open| open.sent);
            assert!(sent || self.has_ended(facts), "{what}: {facts:#?}");
        }
        if outcome.code() == 0 {
            let facts = facts.as_ref().unwrap_or_else(|| panic!("{what}: the card is not on record"));
            assert!(facts.open.is_none() && self.has_ended(facts), "{what}: {facts:#?}");
        }
    }

    /// The last change that ended is this one.
    fn has_ended(&self, facts: &cardwright_registry::CardFacts) -> bool {
        let file = self.new.split('@').next().expect("a reference").trim_start_matches("file:");
        facts.entry.sets.iter().any(|set| set.set.kvn == 0x30 && set.kept_in.ends_with(file))
    }

    /// The same command again completes: the card has the new keys and not the old ones, and the registry says so.
    fn completes(&self, desk: &Desk, card: &mut Gate<VirtualCard>, what: &str) -> String {
        let outcome = desk.run_with(card, self.put);
        assert_eq!(outcome.code(), 0, "{what}: {outcome:#?}");
        let report = outcome.json();
        let id = report["card"].as_str().expect("text").to_owned();
        let facts = facts(&desk.path().join("state"), &id).unwrap_or_else(|| panic!("{what}: not on record"));
        assert!(facts.open.is_none() && self.has_ended(&facts), "{what}: {facts:#?}");
        for (key, code) in [(self.new, 0), (self.old, 5)] {
            let args = ["apdu", "--state-dir", "look", "--secure", key, "80F28002024F0000"];
            let looked = desk.run_with(card, &args).code();
            assert!(looked == code || code == 5 && looked == 4, "{what}: {key}: exit {looked}");
        }
        report["result"].as_str().expect("text").to_owned()
    }
}

#[test]
fn at_every_operation() {
    for scenario in &SCENARIOS {
        let (desk, mut card) = scenario.set_up();
        let plain = Disk::of_state(&desk).run_with(&mut card, scenario.put, None);
        assert_eq!(plain.outcome.code(), 0, "{plain:#?}");
        let id = plain.outcome.json()["card"].as_str().expect("text").to_owned();
        assert!(plain.operations.iter().any(|done| done.file == "registry.db-wal" && done.is_sync()), "{plain:#?}");
        assert!(plain.operations.iter().any(|done| done.file == "audit.log" && done.is_sync()), "{plain:#?}");
        let points = plain.points(&FAULTS);
        let all = points.len();
        let mut tally: BTreeMap<String, u32> = BTreeMap::new();
        let tried = spread(points, 150);
        for (number, fault) in &tried {
            let what = format!("{}: {fault:?} at {:?}", scenario.name, plain.operations[*number]);
            let (desk, mut card) = scenario.set_up();
            let run = Disk::of_state(&desk).run_with(&mut card, scenario.put, Some((*number, *fault)));
            in_good_order(&run, (*number, *fault), &what);
            let denied = card.count(PUT_KEY) > 0 && run.outcome.stdout.contains("nothing was sent");
            assert!(!denied, "{what}: something was sent: {:#?}", run.outcome);
            scenario.is_on_record(&desk, &card, &id, &run.outcome, &what);
            card.forget();
            *tally.entry(scenario.completes(&desk, &mut card, &what)).or_default() += 1;
        }
        let operations = plain.operations.len();
        println!(
            "{}: {operations} operations, {} of {all} points: {tally:?} by the next run",
            scenario.name,
            tried.len()
        );
        assert!(["loaded", "finished", "already-there"].iter().all(|result| tally.contains_key(*result)), "{tally:?}");
    }
}

/// An fsync that fails once and would succeed the next time is not tried again, and the program says that it stopped.
#[test]
fn a_failed_fsync_is_said() {
    let (desk, mut card) = SCENARIOS[1].set_up();
    let plain = Disk::of_state(&desk).run_with(&mut card, SCENARIOS[1].put, None);
    for file in ["registry.db-wal", "audit.log"] {
        let of_file: Vec<_> = plain.operations.iter().filter(|done| done.file == file).collect();
        let written =
            of_file.windows(2).rfind(|two| two[0].len > 0 && two[1].is_sync()).expect("an fsync of something");
        let (desk, mut card) = SCENARIOS[1].set_up();
        let point = Some((written[1].number, Fault::SyncError));
        let run = Disk::of_state(&desk).run_with(&mut card, SCENARIOS[1].put, point);
        assert_eq!(run.outcome.code(), 9, "{file}: {run:#?}");
        assert!(
            run.outcome.json()["error"]["message"].as_str().is_some_and(|said| said.contains(&file[..5])),
            "{run:#?}"
        );
    }
}

/// A limit on the size of files: with the signal ignored, writes beyond it fail as on a full disk, but the program, SQLite
/// and the system go through it by themselves. PUT KEY is never sent unrecorded.
#[test]
fn files_that_cannot_grow() {
    for blocks in (0..).step_by(16) {
        let (desk, mut card) = SCENARIOS[0].set_up();
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let outcome = desk.run_wrapped("/bin/sh", &["-c".to_owned(), script], &mut card, PUT);
        assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
        if outcome.code() == 0 {
            assert!(blocks > 0);
            return;
        }
        assert_eq!(outcome.code(), 9, "{outcome:#?}");
        let id = "43575254000000000001-435752540000000000010001";
        SCENARIOS[0].is_on_record(&desk, &card, id, &outcome, &format!("{blocks} blocks"));
        card.forget();
        SCENARIOS[0].completes(&desk, &mut card, &format!("{blocks} blocks"));
    }
}
