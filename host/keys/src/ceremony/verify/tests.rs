mod bits;
mod cards;
mod end;
mod enrolment;
mod lines;
mod messages;
mod several;
mod told;
mod whole;

use super::{Given, Refusal, Why, verify};
use cards::Cards;
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::custody::share::Scheme;
use told::Told;

/// A change, and what it changes.
type Change<T> = (fn(&mut T), &'static str);

/// 2 of 3.
fn cards() -> Cards {
    Cards::new(Scheme::Shamir, 2, 3)
}

/// A deal of 2 of 3.
fn deal() -> (Cards, Told) {
    told(Operation::Deal)
}

/// A deal of 2 of 3, and behind it something else.
fn told(operation: Operation) -> (Cards, Told) {
    let mut cards = cards();
    let deal = cards.tell(Operation::Deal);
    let told = if operation == Operation::Deal { deal } else { cards.tell(operation) };
    (cards, told)
}

/// A transcript is refused for the record `at`, counted from 0.
#[track_caller]
fn refused(cards: &Cards, told: &Told, at: usize, check: u8, why: Why) {
    refused_with(&cards.given(), told, at, check, why);
}

#[track_caller]
fn refused_with(given: &Given<'_>, told: &Told, at: usize, check: u8, why: Why) {
    assert_eq!(verify(&told.bytes(), given), Err(Refusal { line: at + 1, check, why }));
}
