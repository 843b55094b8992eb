//! Answers that get lost on their way: the same command again finds out what became of it. The card is in this process's
//! hands, and dials in to the program over vpcd.

use crate::card::OWN;
use crate::target::{Target, not_here};
use cardwright_link::{SmartCard, Torn, Transport, VirtualCard};
use cardwright_tests::cli::Desk;
use cardwright_tests::java::JavaCard;

const PUT_KEY: u8 = 0xD8;
const PUT: [&str; 10] =
    ["card", "keys", "put", "--json", "--key", "gp-test@0x30", "--new", "file:new.hex", "--kvn", "0x31"];

/// A Java card as a card, not as what is behind a reader.
struct Java {
    card: JavaCard,
    /// The tear point, counted from power-on, at which it loses its power; once.
    tear: Option<u64>,
}

impl SmartCard for Java {
    fn power_on(&mut self) {
        self.card.reset().expect("the card dials in");
        if let Some(point) = self.tear {
            self.card.tear(point);
        }
    }

    fn power_off(&mut self) {}

    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        self.card.transmit(command, response).map_err(|_| {
            self.tear = None;
            Torn
        })
    }
}

/// A card that carries PUT KEY out, and loses its power before it says so.
struct Silent<'c, C>(&'c mut C);

impl<C: SmartCard> SmartCard for Silent<'_, C> {
    cardwright_tests::powered_as!(0);

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        self.0.process(command, response)?;
        if command.get(1) == Some(&PUT_KEY) { Err(Torn) } else { Ok(()) }
    }
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.key_file("new.hex", "0F1E2D3C4B5A69788796A5B4C3D2E1F0");
    desk
}

/// The key change, with a card that does not answer at some point.
#[track_caller]
fn lose<C: SmartCard + Send>(desk: &Desk, card: &mut C) {
    let lost = desk.run_with(card, &PUT).expect(3);
    assert!(lost.stderr.contains("nobody knows"), "{lost:#?}");
}

/// The same command again: the card has both sets afterwards. Whether the new one was there already.
#[track_caller]
fn completes<C: SmartCard + Send>(desk: &Desk, card: &mut C) -> bool {
    let report = desk.run_with(card, &PUT).expect(0).json();
    let result = report["result"].as_str().expect("a word");
    assert!(["loaded", "finished"].contains(&result), "{report}");
    for key in ["file:new.hex@0x31", "gp-test@0x30"] {
        desk.run_with(card, &["card", "keys", "check", "--key", key]).expect(0);
    }
    result == "finished"
}

fn lost_and_found(card: &mut (impl SmartCard + Send)) {
    let desk = desk();
    lose(&desk, &mut Silent(card));
    assert!(completes(&desk, card), "the new keys were there");
}

fn java(what: &str) -> Option<Java> {
    Some(Java { card: JavaCard::start(what, OWN)?, tear: None })
}

#[test]
fn a_change_whose_answer_was_lost_is_finished() {
    let what = "a lost answer";
    match Target::of_environment() {
        Target::Sim => lost_and_found(&mut VirtualCard::from_profile(OWN).expect("a card")),
        Target::Java => {
            let Some(mut card) = java(what) else { return };
            lost_and_found(&mut card);
        }
        Target::Pcsc | Target::Real(_) => not_here(what, "a card behind PC/SC is not in this process's hands"),
    }
}

/// The simulated card's turn is in `e2e/interrupted.rs`.
#[test]
fn a_change_is_finished_wherever_a_java_card_lost_its_power() {
    let what = "power lost at every write";
    if Target::of_environment() != Target::Java {
        return not_here(what, "with CARD=java only");
    }
    let Some(mut card) = java(what) else { return };
    // As far as a change goes that nothing interrupts.
    card.power_on();
    let start = card.card.points();
    desk().run_with(&mut card, &PUT).expect(0);
    let points = card.card.points() - start;
    let mut found = 0;
    for point in 0..points {
        let desk = desk();
        card.card.fresh(OWN);
        card.tear = Some(point);
        lose(&desk, &mut card);
        found += u64::from(completes(&desk, &mut card));
    }
    println!("{points} points: {} old / {found} new / 0 other", points - found);
    assert!(0 < found && found < points, "both sides of the change were reached");
}
