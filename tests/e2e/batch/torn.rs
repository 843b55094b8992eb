//! Cards that lose power at every write of their memory, cards that a torn PUT KEY ruins, and cards that are not the ones
//! that are waited for.

use super::{
    AGAIN, Book, EXTERNAL_AUTHENTICATE, INITIALIZE_UPDATE, PUT_KEY, RUN, all_made, attempts, balance, blank, desk,
    is_as_recorded, job, of_delivery, put, registry, through_deck,
};
use cardwright_keys::job::RecordState;
use cardwright_link::feeder::make_deck;
use cardwright_link::vpcd::{Ended, Stop, serve};
use cardwright_link::{SmartCard, Torn, VirtualCard};
use cardwright_proto::scp::Mode;
use cardwright_tests::altered::InProcess;
use cardwright_tests::cli::{Desk, Listening};
use cardwright_tests::gate::{Gate, Moment};
use cardwright_tests::host::{Host, Keys};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

fn put_in(program: &Listening, card: &mut dyn SmartCard) -> Ended {
    serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), card).expect("it listened")
}

#[test]
fn torn_at_every_write() {
    let (mut points, mut unknown) = (0, 0);
    loop {
        let desk = desk(&job(1, ""));
        let (mut card, _) = blank(1);
        card.tear_after(points);
        let mut chip = Book::new(card);
        let program = Listening::start(desk.command(&RUN));
        let torn = put_in(&program, &mut chip) == Ended::Torn;
        chip.card.tear_after(u64::MAX);
        if torn {
            put_in(&program, &mut chip);
        }
        let outcome = program.finish();
        assert_eq!(outcome.code(), 0, "torn at {points}: {outcome:#?}");
        let told = ["put it into a reader again", "nothing was changed"].map(|words| outcome.stderr.contains(words));
        assert_eq!(told.contains(&true), torn, "{outcome:#?}");
        unknown += u32::from(told[0]);
        all_made(&desk, 1, &format!("torn at {points}"));
        assert!(chip.done(PUT_KEY) <= 1 && chip.refused(PUT_KEY) == 0, "torn at {points}: {:X?}", chip.done);
        assert_eq!(chip.refused(EXTERNAL_AUTHENTICATE), 0, "torn at {points}: {:X?}", chip.done);
        assert!(chip.done(INITIALIZE_UPDATE) <= 4, "torn at {points}: {:X?}", chip.done);
        let registry = registry(&desk);
        is_as_recorded(&registry, &attempts(&registry)[0].card, chip);
        if !torn {
            break;
        }
        points += 1;
    }
    println!(
        "torn at {points} points, put back into the same run: {points} made, {unknown} of them unknown in between"
    );
    assert!(points > 20 && unknown > 0, "{points} {unknown}");
}

/// A card whose PUT KEY is not whole: power is lost on the way, and it has keys that nobody knows.
struct Ruined {
    card: VirtualCard,
    then: Option<VirtualCard>,
}

impl SmartCard for Ruined {
    cardwright_tests::powered_as!(card);

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        if command.get(1) == Some(&PUT_KEY)
            && let Some(then) = self.then.take()
        {
            self.card = then;
            self.card.power_off();
            return Err(Torn);
        }
        self.card.process(command, response)
    }
}

/// The card of this serial with keys in this set that are not the job's.
fn with_other_keys(serial: usize, kvn: u8) -> VirtualCard {
    let (card, _) = blank(serial);
    let mut host = Host::new(InProcess(card));
    let test = Keys::test(16);
    host.open(&test, 0xFF, Mode::S8, 0x33).expect("a session");
    host.call(&Keys::made(7, 16).put(&test.0.dek, None, kvn)).expect("other keys");
    host.link.0
}

/// Neither the keys that it had nor those that it was to have: it is kept out, whatever is tried, until people tell what
/// became of it.
#[test]
fn a_card_that_put_key_ruins_is_kept_out() {
    for kvn in [super::KVN, 0x31] {
        let desk = desk(&job(1, ""));
        let mut card = Ruined { card: blank(1).0, then: Some(with_other_keys(1, kvn)) };
        for again in [false, true] {
            let rejected = again && balance(&desk).state(RecordState::Rejected) == 1;
            let program = Listening::start(desk.command(&RUN));
            if !rejected {
                // Torn, and put back.
                put_in(&program, &mut card);
                put_in(&program, &mut card);
                kill_process(Pid::from_child(&program.child), Signal::TERM).expect("it waits for a card");
            }
            let outcome = program.finish();
            assert!(!rejected || outcome.stdout.contains("no card is left to be made"), "{outcome:#?}");
            let found = balance(&desk);
            let kept_out = found.state(RecordState::Unknown) + found.state(RecordState::Rejected);
            assert_eq!((kept_out, found.accepted(), found.open()), (1, 0, 1), "{outcome:#?}");
        }
        let attempt = attempts(&registry(&desk)).pop().expect("an attempt");
        assert!(!attempt.reason.is_empty(), "{attempt:#?}");
        println!("other keys in set {kvn:02X}: {}: {}", attempt.state, attempt.reason);
        let close = desk.run(&["batch", "close", "trial"]).expect(2);
        assert!(close.stderr.contains("1 cards are not accounted for"), "{close:#?}");
        desk.run(&["batch", "reject", "trial", "#1", "--fate", "quarantined", "--reason", "ruined"]).expect(0);
        desk.run(&["batch", "close", "trial"]).expect(0);
    }
}

#[test]
fn another_card_put_back_in_its_place() {
    let desk = desk(&job(1, ""));
    let (mut chip, mut other) = (Gate::new(Book::new(blank(1).0)), Book::new(blank(2).0));
    let program = Listening::start(desk.command(&RUN));
    chip.kill_at(4, Moment::During, Pid::from_child(&program.child));
    put_in(&program, &mut chip);
    assert_eq!(program.finish().code(), -1);
    chip.forget();
    let program = Listening::start(desk.command(&AGAIN));
    put_in(&program, &mut other);
    put_in(&program, &mut chip);
    let outcome = program.finish().expect(0);
    assert!(outcome.stderr.contains("no card of its delivery is left to be made"), "{outcome:#?}");
    assert_eq!(other.done(EXTERNAL_AUTHENTICATE) + other.done(PUT_KEY), 0);
    all_made(&desk, 1, "another card");
}

#[test]
fn a_card_of_no_delivery() {
    let desk = desk(&of_delivery("file = \"box.csv\"", ""));
    let deck = desk.path().join("deck");
    let names = make_deck(&deck, 4, "", 1).expect("a deck");
    let listed: String = names.iter().skip(1).map(|name| format!("{name}\n")).collect();
    put(&desk, "box.csv", format!("card\n{listed}"));
    let outcome = through_deck(&desk, "", 1).expect(0);
    assert!(outcome.stderr.contains("no delivery of the job expects this card"), "{outcome:#?}");
    all_made(&desk, 3, "the listed ones");
    has_its_old_keys(&desk, "deck/00000001.card");
}

fn has_its_old_keys(desk: &Desk, file: &str) {
    let state = desk.path().join(file);
    let card = VirtualCard::from_profile(&format!("state={}", state.display())).expect("a card");
    let mut host = Host::new(InProcess(card));
    host.reset().expect("power");
    host.open(&Keys::test(16), 0xFF, Mode::S8, 0x33).expect("the keys that it came with");
}

/// Each card is in two readers at once, because somebody copied all of them: one of each is made, the other one is not.
#[test]
fn cards_that_are_in_two_readers() {
    let desk = desk(&job(20, "[stop]\nin_row = 100\npercent = 100\n"));
    make_deck(&desk.path().join("deck"), 20, "", 1).expect("a deck");
    let copied = std::process::Command::new("cp").args(["-a", "deck", "copy"]).current_dir(desk.path()).status();
    assert!(copied.expect("cp runs").success());
    let [deck, copy] = ["deck", "copy"].map(|dir| format!("sim:deck={}", desk.path().join(dir).display()));
    let outcome = desk.run(&[&RUN[..], &["--on", &deck, "--on", &copy]].concat()).expect(0);
    all_made(&desk, 20, "copied");
    let (mut made, registry) = (0, registry(&desk));
    let accepted: Vec<_> = attempts(&registry).into_iter().filter(|one| one.state == RecordState::Accepted).collect();
    assert_eq!(accepted.len(), 20, "{outcome:#?}");
    for attempt in accepted {
        for dir in ["deck", "copy"] {
            let state = desk.path().join(dir).join(format!("{}.card", &attempt.card.0[12..20]));
            let card = VirtualCard::from_profile(&format!("state={}", state.display())).expect("a card");
            let mut host = Host::new(InProcess(card));
            host.reset().expect("power");
            let keys = super::keys_of(hex::decode(&attempt.card.0[..20]).expect("hex").first_chunk().expect("a KDD"));
            made += usize::from(host.open(&keys, super::KVN, Mode::S8, 0x33).is_ok());
        }
    }
    assert_eq!(made, 20, "one of each pair has the keys");
}
