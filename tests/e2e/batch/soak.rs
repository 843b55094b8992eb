//! Thousands of cards through eight readers with faults at one of a hundred commands, until all are made.

use super::{all_made, attempts, balance, desk, is_as_recorded, job, many, registry, through_deck};
use cardwright_keys::job::RecordState;
use cardwright_link::VirtualCard;
use cardwright_link::feeder::make_deck;
use cardwright_tests::chance::rng;
use proptest::prelude::Rng;
use std::collections::BTreeMap;

const READERS: usize = 8;
/// What the faults ask for is that cards come again, not that somebody looks.
const STOP: &str = "[stop]\nin_row = 100\npercent = 100\n";

#[test]
fn faults_cost_time_and_no_cards() {
    let cards = many("SOAK", 200);
    let desk = desk(&job(cards, STOP));
    let deck = desk.path().join("deck");
    let names = make_deck(&deck, u32::try_from(cards).expect("a number"), "", 1).expect("a deck");
    let mut chance = rng("soak");
    let mut runs = 0;
    loop {
        runs += 1;
        let words = format!(",faults=1,seed={:016X}", chance.next_u64());
        let outcome = through_deck(&desk, &words, READERS);
        if outcome.code() == 0 {
            break;
        }
        assert_eq!(outcome.code(), 10, "{outcome:#?}");
        assert!(runs < 20, "it comes to no end: {outcome:#?}");
        assert_eq!(balance(&desk).state(RecordState::Rejected), 0, "no fault is the card's: {outcome:#?}");
    }
    all_made(&desk, cards, "soak");
    let registry = registry(&desk);
    let mut accepted = BTreeMap::new();
    let all = attempts(&registry);
    for attempt in all.iter().filter(|attempt| attempt.state == RecordState::Accepted) {
        assert_eq!(accepted.insert(attempt.card.clone(), attempt.record), None, "{}", attempt.card);
    }
    for name in &names {
        assert!(accepted.contains_key(name), "{name}");
        let serial = name.0[12..20].to_owned();
        let state = deck.join(format!("{serial}.card"));
        let chip = VirtualCard::from_profile(&format!("state={}", state.display())).expect("a card");
        is_as_recorded(&registry, name, chip);
    }
    println!("{cards} cards, {READERS} readers, {runs} runs, {} attempts: all proved their keys", all.len());
    assert!(all.len() > cards || runs > 1, "nothing went wrong: there were no faults");
}
