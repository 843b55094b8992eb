//! Several boxes without a list: which of them a card is from, its keys say.

use super::{
    PATIENCE, RUN, all_made, attempts, balance, blank, desk, is_as_recorded, keys_from, keys_of, of_delivery, put,
    registry, together,
};
use crate::approvals::run;
use crate::attacks::alone;
use cardwright_keys::job::RecordState;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_link::{SmartCard, VirtualCard};
use cardwright_proto::scp::Mode;
use cardwright_tests::altered::{Altered, InProcess};
use cardwright_tests::cli::{Desk, Listening};
use cardwright_tests::host::{Host, Keys};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const VENDOR: &str = "0F1E2D3C4B5A69788796A5B4C3D2E1F0";

/// A job for two cards with the public keys, and one with a vendor's.
fn two_boxes() -> Desk {
    let more = "[[delivery]]\nname = \"vendor\"\nkey = \"kdf3+file:vendor.hex\"\ncount = 1\n";
    let desk = desk(&of_delivery("count = 2", more).replace("gp-test@0xFF", "gp-test"));
    desk.key_file("vendor.hex", VENDOR);
    desk
}

/// A card of the vendor's box: its keys are in set 0x20.
fn of_vendor(serial: usize) -> VirtualCard {
    let mut kdd = [0; 10];
    hex::decode_to_slice(&blank(serial).1[..20], &mut kdd).expect("a KDD");
    with_keys(serial, 0x20, &keys_from(VENDOR, &kdd))
}

fn with_keys(serial: usize, kvn: u8, keys: &Keys) -> VirtualCard {
    let (card, _) = blank(serial);
    let mut host = Host::new(InProcess(card));
    let test = Keys::test(16);
    host.open(&test, 0xFF, Mode::S8, 0x33).expect("a session");
    host.call(&keys.put(&test.0.dek, None, kvn)).expect("its keys");
    host.link.0
}

/// In whichever order they come, each gets a record of its own box.
#[test]
fn cards_of_two_boxes() {
    let desk = two_boxes();
    let (mut first, mut vendors, mut last) = (blank(1).0, of_vendor(2), blank(3).0);
    together(&desk, &RUN, &mut [&mut vendors, &mut first, &mut last]).expect(0);
    all_made(&desk, 3, "two boxes");
    let registry = registry(&desk);
    let made: Vec<_> = attempts(&registry).into_iter().map(|one| (one.record, one.card, one.current)).collect();
    let names = [1, 3, 2].map(|serial| blank(serial).1);
    for ((record, card, key), (number, name)) in made.iter().zip((1..).zip(names)) {
        assert_eq!((*record, &card.0), (number, &name));
        assert_eq!(key == "gp-test", number < 3, "{key}");
    }
    for ((_, card, _), chip) in made.iter().zip([first, last]) {
        is_as_recorded(&registry, card, chip);
    }
}

/// When a box is made, no other box's records are given to its cards.
#[test]
fn a_card_too_many_of_one_box() {
    let desk = two_boxes();
    let (mut one, mut more) = (of_vendor(1), of_vendor(2));
    let (mut first, mut last) = (blank(3).0, blank(4).0);
    let run = together(&desk, &RUN, &mut [&mut one, &mut more, &mut first, &mut last]).expect(0);
    assert!(run.stderr.contains("put it aside"), "{run:#?}");
    assert_eq!(balance(&desk).state(RecordState::Accepted), 3);
    assert!(attempts(&registry(&desk)).iter().all(|one| one.card.0 != blank(2).1), "nothing was begun with it");
}

/// Of neither box: that is what is said of it, and it gets nothing.
#[test]
fn a_card_of_no_box() {
    let desk = two_boxes();
    let mut stranger = with_keys(9, 0x20, &Keys::made(7, 16));
    let (mut first, mut vendors, mut last) = (blank(1).0, of_vendor(2), blank(3).0);
    let run = together(&desk, &RUN, &mut [&mut stranger, &mut vendors, &mut first, &mut last]);
    assert!(run.stderr.contains("nothing was changed") && run.stderr.contains("has other keys"), "{run:#?}");
    all_made(&desk, 3, "a stranger among them");
}

/// It has the new keys already, from elsewhere: no box can be told, and none is charged with it.
#[test]
fn a_card_that_has_the_new_keys() {
    let desk = two_boxes();
    let mut kdd = [0; 10];
    hex::decode_to_slice(&blank(9).1[..20], &mut kdd).expect("a KDD");
    let mut done = with_keys(9, 0x30, &keys_of(&kdd));
    let (mut first, mut vendors, mut last) = (blank(1).0, of_vendor(2), blank(3).0);
    let run = together(&desk, &RUN, &mut [&mut done, &mut first, &mut vendors, &mut last]).expect(0);
    assert!(run.stderr.contains("it has the job's keys already"), "{run:#?}");
    all_made(&desk, 3, "one from elsewhere among them");
}

/// One that is made, and does not say which chip it is when it comes again: it gets no record that waits for another card.
#[test]
fn a_made_card_that_hides_its_chip() {
    let desk = desk(&of_delivery("count = 2", ""));
    let hidden = Arc::new(AtomicBool::new(false));
    let hides = Arc::clone(&hidden);
    let mut chip = Altered::new(blank(1).0, move |command, answer| {
        if hides.load(Ordering::Relaxed) && command.starts_with(&[0x80, 0xCA, 0x9F, 0x7F]) {
            *answer = vec![0x6A, 0x88];
        }
    });
    let program = Listening::start(desk.command(&RUN));
    let put_in = |card: &mut dyn SmartCard| {
        serve(program.address.expect("it listens"), PATIENCE, &Stop::default(), card).expect("it listened");
    };
    put_in(&mut chip);
    hidden.store(true, Ordering::Relaxed);
    put_in(&mut chip);
    put_in(&mut blank(2).0);
    let outcome = program.finish().expect(0);
    assert!(outcome.stderr.contains("it has the job's keys already"), "{outcome:#?}");
    let made: Vec<_> = attempts(&registry(&desk)).into_iter().map(|one| one.card.0).collect();
    assert_eq!(made, [1, 2].map(|serial| blank(serial).1));
    all_made(&desk, 2, "one of them twice in the reader");
}

/// It has another set with that number, says so, and proves its old keys: nothing is open, and it may go back.
#[test]
fn a_card_that_refuses_the_keys() {
    let desk = desk(&of_delivery("count = 1", "").replace("gp-test@0xFF", "kdf3+file:vendor.hex@0x20"));
    desk.key_file("vendor.hex", VENDOR);
    let (mut host, mut kdd) = (Host::new(InProcess(of_vendor(1))), [0; 10]);
    hex::decode_to_slice(&blank(1).1[..20], &mut kdd).expect("a KDD");
    let vendors = keys_from(VENDOR, &kdd);
    host.open(&vendors, 0x20, Mode::S8, 0x33).expect("a session");
    host.call(&Keys::made(7, 16).put(&vendors.0.dek, None, 0x30)).expect("another set");
    let outcome = desk.run_with(&mut host.link.0, &RUN).expect(0);
    assert!(outcome.stderr.contains("REJECTED") && outcome.stderr.contains("PUT KEY"), "{outcome:#?}");
    assert_eq!(balance(&desk).state(RecordState::Rejected), 1);
    desk.run(&["batch", "reject", "trial", "#1", "--fate", "returned", "--reason", "the vendor's mistake"]).expect(0);
    desk.run(&["batch", "close", "trial"]).expect(0);
}

/// A card of the first version could be from either box.
#[test]
fn boxes_with_some_keys_in_common() {
    let desk = alone();
    desk.key_file("new.hex", super::NEW);
    run(&desk, &["key", "rotate", "vault:office/kmc"]).expect(0);
    for (keys, code) in [
        (["kmc", "kmc@0x21"], 2),
        (["kmc@0x20", "kmc@0x21"], 0),
        (["kmc", "kmc:1"], 2),
        (["kmc:2", "kmc:1"], 0),
        (["kmc", "kmc"], 0),
    ] {
        let [first, second] = keys.map(|key| format!("kdf3+vault:office/{key}"));
        let more = format!("[[delivery]]\nname = \"vendor\"\nkey = \"{second}\"\ncount = 1\n");
        put(&desk, "job.toml", of_delivery("count = 2", &more).replace("gp-test@0xFF", &first));
        let plan = run(&desk, &["batch", "plan", "job.toml"]).expect(code);
        assert_eq!(plan.stderr.contains("some of their keys in common"), code == 2, "{plan:#?}");
    }
}
