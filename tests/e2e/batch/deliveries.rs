//! Several boxes without a list: which of them a card is from, its keys say.

use super::{
    RUN, all_made, attempts, balance, blank, desk, is_as_recorded, keys_from, keys_of, of_delivery, put, registry,
    together,
};
use crate::approvals::run;
use crate::attacks::alone;
use cardwright_keys::job::RecordState;
use cardwright_link::VirtualCard;
use cardwright_proto::scp::Mode;
use cardwright_tests::altered::InProcess;
use cardwright_tests::cli::Desk;
use cardwright_tests::host::{Host, Keys};

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
    assert!(run.stderr.contains("no delivery of the job expects this card"), "{run:#?}");
    all_made(&desk, 3, "one from elsewhere among them");
}

/// A card of the first version could be from either box.
#[test]
fn boxes_with_some_keys_in_common() {
    let desk = alone();
    desk.key_file("new.hex", super::NEW);
    run(&desk, &["key", "rotate", "vault:office/kmc"]).expect(0);
    for (keys, code) in [(["kmc", "kmc:1"], 2), (["kmc:2", "kmc:1"], 0), (["kmc", "kmc"], 0)] {
        let [first, second] = keys.map(|key| format!("kdf3+vault:office/{key}"));
        let more = format!("[[delivery]]\nname = \"vendor\"\nkey = \"{second}\"\ncount = 1\n");
        put(&desk, "job.toml", of_delivery("count = 2", &more).replace("gp-test@0xFF", &first));
        let plan = run(&desk, &["batch", "plan", "job.toml"]).expect(code);
        assert_eq!(plan.stderr.contains("some of their keys in common"), code == 2, "{plan:#?}");
    }
}
