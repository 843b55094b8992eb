//! Key changes that are pending, settled, or only look like it: what is reported is what is known.

use cardwright_link::VirtualCard;
use cardwright_tests::cli::{Desk, Outcome};
use cardwright_tests::gate::{Gate, Moment};

const SET: &str = "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF,B0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF,C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF";
/// The same but for Key-DEK.
const OTHER_DEK: &str =
    "A0A1A2A3A4A5A6A7A8A9AAABACADAEAF,B0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF,D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF";
const THIRD: &str = "E0E1E2E3E4E5E6E7E8E9EAEBECEDEEEF";
const PUT_KEY: u8 = 0xD8;

fn put<'a>(key: &'a str, new: &'a str, kvn: &'a str) -> Vec<&'a str> {
    vec!["card", "keys", "put", "--key", key, "--new", new, "--kvn", kvn]
}

fn set_up() -> (Desk, Gate<VirtualCard>) {
    let desk = Desk::new();
    desk.key_file("set.hex", SET);
    desk.key_file("dek.hex", OTHER_DEK);
    desk.key_file("third.hex", THIRD);
    (desk, Gate::new(VirtualCard::from_profile("").unwrap()))
}

/// Kills the program when PUT KEY arrives, before the card sees it.
fn killed_before_put_key(desk: &Desk, card: &mut Gate<VirtualCard>, args: &[&str]) {
    let put_key = desk_commands_before_put_key(card, args);
    let outcome: Outcome = desk.run_watched(card, args, |card, program| card.kill_at(put_key, Moment::Before, program));
    assert_eq!(outcome.status.code(), None, "{outcome:#?}");
    assert_eq!(card.count(PUT_KEY), 1);
    card.forget();
}

/// SELECT, GET DATA, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE; one INITIALIZE UPDATE more beside another set.
fn desk_commands_before_put_key(card: &mut Gate<VirtualCard>, args: &[&str]) -> usize {
    card.forget();
    if args.iter().any(|arg| arg.ends_with("@0x30")) { 5 } else { 4 }
}

#[test]
fn a_key_dek_that_the_card_does_not_have_is_not_claimed() {
    let (desk, mut card) = set_up();
    desk.run_with(&mut card, &put("gp-test", "file:set.hex", "0x30")).expect(0);
    card.forget();
    let again = desk.run_with(&mut card, &put("gp-test", "file:dek.hex", "0x30")).expect(0);
    assert!(again.stdout.contains("nothing was changed"), "{again:#?}");
    let dek = again.stdout.lines().find(|line| line.contains("Key-DEK")).unwrap();
    assert!(dek.contains("not verified by the card"), "{dek}");
    assert_eq!(card.count(PUT_KEY), 0);
}

#[test]
fn a_set_that_is_there_beside_another_is_not_sent_again() {
    let (desk, mut card) = set_up();
    desk.run_with(&mut card, &put("gp-test", "file:set.hex", "0x30")).expect(0);
    desk.run_with(&mut card, &put("file:set.hex@0x30", "file:third.hex", "0x31")).expect(0);
    card.forget();
    let again = desk.run_with(&mut card, &put("file:set.hex@0x30", "file:third.hex", "0x31")).expect(0);
    assert!(again.stdout.contains("nothing was changed"), "{again:#?}");
    let other = desk.run_with(&mut card, &put("file:set.hex@0x30", "gp-test", "0x31")).expect(2);
    assert!(other.stderr.contains("has a key set 0x31 already"), "{other:#?}");
    assert_eq!(card.count(PUT_KEY), 0);
}

#[test]
fn another_change_waits_for_the_pending_one_or_for_a_word() {
    let (desk, mut card) = set_up();
    desk.run_with(&mut card, &put("gp-test", "file:set.hex", "0x30")).expect(0);
    killed_before_put_key(&desk, &mut card, &put("file:set.hex@0x30", "file:third.hex", "0x31"));
    let other = put("file:set.hex@0x30", "file:dek.hex", "0x32");
    let refused = desk.run_with(&mut card, &other).expect(9);
    assert!(refused.stderr.contains("unfinished key change: set 0x31"), "{refused:#?}");
    assert_eq!(card.count(PUT_KEY), 0);
    let abandoned: Vec<_> = other.iter().copied().chain(["--abandon-pending"]).collect();
    desk.run_with(&mut card, &abandoned).expect(0);
    // The one given up is open no more: it can be begun anew.
    let anew = desk.run_with(&mut card, &put("file:set.hex@0x30", "file:third.hex", "0x31")).expect(0);
    assert!(anew.stdout.contains("set 0x31 loaded"), "{anew:#?}");
}

#[test]
fn a_replacement_that_did_not_happen_stands_in_no_way() {
    let (desk, mut card) = set_up();
    desk.run_with(&mut card, &put("gp-test", "file:set.hex", "0x30")).expect(0);
    let replace = |new| {
        let mut args = put("file:set.hex", new, "0x30");
        args.push("--replace");
        args
    };
    killed_before_put_key(&desk, &mut card, &replace("file:third.hex"));
    // The card proves the old keys, so that nothing of the first change can have happened.
    desk.run_with(&mut card, &replace("gp-test")).expect(0);
}

#[test]
fn a_key_file_that_was_moved_is_the_same_change() {
    let (desk, mut card) = set_up();
    killed_before_put_key(&desk, &mut card, &put("gp-test", "file:set.hex", "0x30"));
    std::fs::rename(desk.path().join("set.hex"), desk.path().join("moved.hex")).unwrap();
    let finished = desk.run_with(&mut card, &put("gp-test", "file:moved.hex", "0x30")).expect(0);
    assert!(finished.stdout.contains("set 0x30 loaded"), "{finished:#?}");
    assert_eq!(card.count(PUT_KEY), 1);
}

#[test]
fn an_unrelated_pending_change_stays_open() {
    let (desk, mut card) = set_up();
    desk.run_with(&mut card, &put("gp-test", "file:set.hex", "0x30")).expect(0);
    killed_before_put_key(&desk, &mut card, &put("file:set.hex@0x30", "file:third.hex", "0x31"));
    let first = desk.run_with(&mut card, &put("gp-test", "file:set.hex", "0x30")).expect(0);
    assert!(first.stdout.contains("nothing was changed"), "{first:#?}");
    desk.run_with(&mut card, &put("file:set.hex@0x30", "file:dek.hex", "0x32")).expect(9);
}
