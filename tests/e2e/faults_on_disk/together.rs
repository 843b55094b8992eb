//! Two processes at once with one state directory.

use super::{NEW, NEXT, facts, registry};
use cardwright::audit_file::FileAudit;
use cardwright_link::VirtualCard;
use cardwright_tests::cli::Desk;
use cardwright_tests::gate::Gate;
use std::sync::Barrier;

const CHANGES: usize = 20;

/// Changes a card's keys to and fro, and gives the card's identity.
fn to_and_fro(desk: &Desk, profile: &str, begin: &Barrier) -> String {
    let mut card = Gate::new(VirtualCard::from_profile(profile).expect("a card"));
    let mut id = String::new();
    begin.wait();
    for n in 0..CHANGES {
        let (now, next) =
            if n % 2 == 0 { ("file:next.hex", "file:new.hex") } else { ("file:new.hex", "file:next.hex") };
        let now = if n == 0 { "gp-test" } else { now };
        let mut args = vec!["--json", "card", "keys", "put", "--key", now, "--new", next, "--kvn", "0x30"];
        if n > 0 {
            args.push("--replace");
        }
        let outcome = desk.run_with(&mut card, &args);
        assert_eq!(outcome.code(), 0, "{profile}, change {n}: {outcome:#?}");
        let report = outcome.json();
        assert_eq!(report["result"], "loaded", "{profile}, change {n}: {outcome:#?}");
        report["card"].as_str().expect("text").clone_into(&mut id);
    }
    id
}

#[test]
fn two_cards_twenty_changes_each() {
    let desk = Desk::new();
    desk.key_file("new.hex", NEW);
    desk.key_file("next.hex", NEXT);
    let begin = Barrier::new(2);
    let cards = std::thread::scope(|scope| {
        ["kdd=00000000000000000001,serial=1", "kdd=00000000000000000002,serial=2"]
            .map(|profile| scope.spawn(|| to_and_fro(&desk, profile, &begin)))
            .map(|card| card.join().expect("all changes are made"))
    });
    let state = desk.path().join("state");
    for card in &cards {
        let facts = facts(&state, card).expect("on record");
        assert_eq!((facts.ended.len(), facts.open), (CHANGES, None), "{card}");
        assert!(facts.entry.sets.iter().any(|set| set.kept_in.ends_with("next.hex")), "{:#?}", facts.entry);
    }
    drop(registry(&state));
    let mut told = Vec::new();
    let audit = FileAudit::open(&state.join("audit.log")).expect("an audit log");
    assert_eq!(audit.torn(), 0);
    audit.events(&mut |event| told.push((event.subject.clone(), event.what.clone()))).expect("whole");
    for card in &cards {
        let of = |what: &str| told.iter().filter(|event| event.0 == *card && event.1 == what).count();
        assert_eq!((of("put-key.intended"), of("put-key.loaded")), (CHANGES, CHANGES), "{card}");
    }
}
