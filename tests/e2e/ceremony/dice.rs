//! Throws of dice: they reach the card whose custodian threw them, under the secure channel, and no other.

use cardwright_link::VirtualCard;
use cardwright_tests::ceremony::Room;
use cardwright_tests::cli::Outcome;
use cardwright_tests::seats::{Event, Seats};

const THROWS: &str = "6214 3355 1264 3526 1142 6351 2453 6162 3341 5256 4132 6635 14";

/// Lengths of the COMMIT CONTRIBUTION commands, per card.
type Commitments = Vec<(String, u8)>;

/// Deals to cards that dial in, and looks on.
fn deal(room: &Room, args: &[&str]) -> (Outcome, Commitments) {
    let cards = room.labels.iter().map(|label| (label.clone(), VirtualCard::from_profile("").expect("a card")));
    let args = room.seated_args("run", args);
    let command = room.desk.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let mut commitments = Vec::new();
    let outcome = Seats::new(cards.collect()).run(command, |_, event| {
        if let Event::Answered { card, command: [0x84, 0x44, _, _, len, ..], .. } = event {
            commitments.push(((*card).to_owned(), *len));
        }
    });
    (outcome, commitments)
}

/// 32 bytes, and the padding of one block more than nothing has: none, as the specification has it, for who threw none.
#[test]
fn dice_go_to_the_card_that_they_were_thrown_for() {
    let room = Room::with_test_ca(2, 2);
    room.desk.key_file("throws", THROWS);
    let (dealt, commitments) = deal(&room, &["--dice", "C1=file:throws"]);
    dealt.expect(0);
    let [(first, with), (second, without)] = &commitments[..] else { panic!("{commitments:?}") };
    assert_eq!((first.as_str(), second.as_str(), with - without), ("C1", "C2", 48));
}

/// Too few throws stop the deal before the card commits to anything, and it goes on with enough of them.
#[test]
fn too_few_throws_are_none() {
    let room = Room::with_test_ca(2, 2);
    room.desk.key_file("throws", &THROWS[..40]);
    let refused = room.run("run", &["--dice", "C2=file:throws"]).expect(10);
    assert!(refused.stderr.contains("throws of dice are at least 50 digits, 1 to 6"), "{refused:#?}");
    room.desk.key_file("throws", THROWS);
    room.run("run", &["--dice", "C2=file:throws"]).expect(0);
}

/// Only custodians' cards take dice; and no throws are repeated.
#[test]
fn dice_are_of_custodians() {
    let room = Room::with_test_ca(2, 2);
    for (wrong, says) in [("D=file:throws", "the plan has no card `D`"), (THROWS, "fd:N or file:PATH")] {
        let refused = room.run("run", &["--dice", wrong]).expect(2);
        assert!(refused.stderr.contains(says) && !refused.stderr.contains("6214"), "{refused:#?}");
    }
}
