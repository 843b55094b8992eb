//! What was recorded is worth nothing, a card's past is noticed, and a card in danger is left alone.

use cardwright_link::{LinkError, SmartCard, VirtualCard};
use cardwright_tests::altered::Altered;
use cardwright_tests::cli::Desk;
use cardwright_tests::gate::Gate;
use std::time::{Duration, Instant};

const OPEN: &[&str] = &["apdu", "--secure", "gp-test", "80F28002024F0000"];
const PATIENCE: Duration = Duration::from_secs(60);
const INITIALIZE_UPDATE: u8 = 0x50;
const EXTERNAL_AUTHENTICATE: u8 = 0x82;

fn card(profile: &str) -> Gate<VirtualCard> {
    let started = Instant::now();
    loop {
        match VirtualCard::from_profile(profile) {
            Ok(card) => return Gate::new(card),
            // A process that another test is starting may hold a copy of the last card's state file for a moment.
            Err(LinkError::CardState(_)) if started.elapsed() < PATIENCE => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Plays commands to a card that was just powered up; the status words that come back.
fn play(card: &mut VirtualCard, commands: &[Vec<u8>]) -> Vec<String> {
    card.power_on();
    let mut answer = Vec::new();
    commands
        .iter()
        .map(|command| {
            card.process(command, &mut answer).expect("it has power");
            hex::encode_upper(&answer[answer.len() - 2..])
        })
        .collect()
}

#[test]
fn a_recorded_session_is_refused_by_the_card() {
    for profile in ["i=70", "i=60", "i=71"] {
        let mut card = card(profile);
        Desk::new().run_with(&mut card, OPEN).expect(0);
        let played = play(&mut card.card, &card.seen.clone());
        let refused = played.iter().zip(&card.seen).filter(|(_, command)| command[0] & 0x04 != 0);
        let refused: Vec<_> = refused.map(|(sw, _)| sw.as_str()).collect();
        // EXTERNAL AUTHENTICATE, and the command in the session that there is not.
        assert_eq!(refused, ["6300", "6882"], "{profile}: {played:?}");
    }
}

/// The control of the test above: what is refused there is the repetition. A card in the same state as the recorded
/// one was takes the record for the host.
#[test]
fn a_card_that_repeats_itself_takes_a_recording() {
    for profile in ["i=70", "i=60,seed=01"] {
        let mut recorded = card(profile);
        Desk::new().run_with(&mut recorded, OPEN).expect(0);
        let played = play(&mut card(profile).card, &recorded.seen);
        assert!(played.iter().all(|sw| sw == "9000"), "{profile}: {played:?}");
    }
}

#[test]
fn a_card_whose_counter_went_back_is_refused_by_the_host() {
    let desk = Desk::new();
    let (image, copy) = (desk.path().join("my.card"), desk.path().join("copy.card"));
    let profile = format!("state={}", image.display());
    let mut first = card(&profile);
    desk.run_with(&mut first, OPEN).expect(0);
    drop(first);
    std::fs::copy(&image, &copy).expect("copied");
    let mut second = card(&profile);
    desk.run_with(&mut second, OPEN).expect(0);
    drop(second);
    std::fs::copy(&copy, &image).expect("restored");

    let mut rolled_back = card(&profile);
    let outcome = desk.run_with(&mut rolled_back, OPEN).expect(7);
    assert!(outcome.stderr.contains("rolled back or cloned"), "{outcome:#?}");
    assert_eq!(rolled_back.count(EXTERNAL_AUTHENTICATE), 0);
    // The attempt has moved its counter on to where the real card's was; the next one is above that.
    rolled_back.forget();
    desk.run_with(&mut rolled_back, OPEN).expect(0);
    // A host without this card's history cannot know.
    std::fs::copy(&copy, &image).expect("restored");
    let elsewhere = [OPEN, &["--state-dir", "elsewhere"]].concat();
    drop(rolled_back);
    desk.run_with(&mut card(&profile), &elsewhere).expect(0);
}

#[test]
fn a_wrong_key_costs_nothing() {
    let desk = Desk::new();
    let wrong = desk.key_file("wrong.hex", "00112233445566778899AABBCCDDEEFF");
    let new = desk.key_file("new.hex", "11223344556677889900AABBCCDDEEFF");
    let put = ["card", "keys", "put", "--key", &wrong, "--new", &new, "--kvn", "0x30"];
    for args in
        [&["apdu", "--secure", &wrong, "80F28002024F0000"][..], &put, &["card", "keys", "check", "--key", &wrong]]
    {
        let mut card = card("tries=1");
        let outcome = desk.run_with(&mut card, args).expect(5);
        assert!(outcome.stderr.contains("nothing was sent after INITIALIZE UPDATE"), "{outcome:#?}");
        assert_eq!(card.seen.last().map(|command| command[1]), Some(INITIALIZE_UPDATE), "{args:?}");
        // The one try is still there.
        desk.run_with(&mut card, &[OPEN, &["--state-dir", "other"]].concat()).expect(0);
        std::fs::remove_dir_all(desk.path().join("other")).expect("books of another card");
    }
}

#[test]
fn a_refused_authentication_is_on_record() {
    let desk = Desk::new();
    let refuse = |command: &[u8], response: &mut Vec<u8>| {
        if command[1] == EXTERNAL_AUTHENTICATE {
            *response = vec![0x63, 0x00];
        }
    };
    let mut card = Gate::new(Altered::new(VirtualCard::from_profile("").expect("a card"), refuse));
    let outcome = desk.run_with(&mut card, OPEN).expect(6);
    assert!(outcome.stderr.contains("EXTERNAL AUTHENTICATE: the card refused: 6300"), "{outcome:#?}");
    assert_eq!(card.count(EXTERNAL_AUTHENTICATE), 1);

    card.card.alter_by(|_, _| {});
    card.forget();
    let outcome = desk.run_with(&mut card, OPEN).expect(6);
    assert!(outcome.stderr.contains("1 refused"), "{outcome:#?}");
    assert_eq!(card.count(EXTERNAL_AUTHENTICATE), 0);

    desk.run_with(&mut card, &[OPEN, &["--accept-risk"]].concat()).expect(0);
    // A success clears the record.
    desk.run_with(&mut card, OPEN).expect(0);
}

#[test]
fn a_blocked_set_is_left_alone() {
    let desk = Desk::new();
    let mut card = card("tries=1");
    let select = [0x00, 0xA4, 0x04, 0x00, 0x00].to_vec();
    let initialize = [0x80, 0x50, 0x00, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x00].to_vec();
    let mut wrong = [0x84, 0x82, 0x33, 0x00, 0x10].to_vec();
    wrong.resize(5 + 16, 0xA5);
    assert_eq!(play(&mut card.card, &[select, initialize, wrong])[..2], ["9000", "9000"]);
    let outcome = desk.run_with(&mut card, OPEN).expect(6);
    assert!(outcome.stderr.contains("blocked"), "{outcome:#?}");
    assert_eq!(card.count(EXTERNAL_AUTHENTICATE), 0);
}
