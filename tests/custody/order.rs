//! Every command's checks in the order of its list: a command that is wrong in several ways is refused for the first.

use crate::target::{Line, card, cards};
use cardwright_keys::custody::signing::KeyPair;
use cardwright_proto::custody::certificate::CertifiedKey;
use cardwright_proto::custody::enrol::GenerateIdentity;
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::Statement;
use cardwright_proto::scp::Mode;
use cardwright_tests::custody::{Card, Ceremony, Deal};
use cardwright_tests::host::Keys;

const FIRST: Place = Place::Custodian(1);

/// INS of the commands between cards.
const BETWEEN: [u8; 26] = [
    0x38, 0x3A, 0x3C, 0x3E, 0x40, 0x42, 0x44, 0x46, 0x48, 0x4A, 0x4C, 0x4E, 0x52, 0x54, 0x56, 0x58, 0x5A, 0x5C, 0x5E,
    0xA0, 0xA2, 0xA6, 0xA8, 0xAA, 0xAC, 0xAE,
];

/// INS of those in blocks.
const IN_BLOCKS: [u8; 4] = [0x42, 0x58, 0x5A, 0xAA];

/// A command: INS, P1, P2, bytes of zeros as data, and the word.
type Row = (u8, u8, u8, usize, u16);

#[track_caller]
fn all(card: &mut Card<Line>, rows: &[Row]) {
    for &(ins, p1, p2, len, sw) in rows {
        let answer = card.sw([0x80, ins, p1, p2], &vec![0; len]);
        assert_eq!(answer, sw, "{ins:02X} {p1:02X} {p2:02X} with {len} bytes: {answer:04X}, not {sw:04X}");
    }
}

/// Without an identity; with a PIN if it is wanted.
fn new(pin: bool) -> Option<Card<Line>> {
    let mut card = Card::new(card(0x77)?);
    if pin {
        card.first_pin();
    }
    Some(card)
}

/// 2 of 3, approved by everybody.
fn approved(operation: Operation) -> Option<Ceremony<Line>> {
    let mut ceremony = cards(3)?;
    ceremony.plan(operation, Some(Deal::aes256(2)));
    for place in (1..=3).map(Place::Custodian).chain([Place::Combiner, Place::Dealer]) {
        let _ = ceremony.approve(place);
    }
    Some(ceremony)
}

#[test]
fn level_33_comes_first() {
    for level in [0x00, 0x01, 0x03, 0x11, 0x13] {
        let Some(mut card) = new(true) else { return };
        for ins in BETWEEN {
            card.host.open(&Keys::test(16), 0, Mode::S8, level).unwrap();
            assert_eq!(card.sw([0x80, ins, 0xFE, 0xFE], &[]), 0x6982, "{ins:02X} at {level:02X}");
        }
    }
    let Some(mut card) = new(true) else { return };
    card.host.reset().unwrap();
    card.host.select(cardwright_tests::host::CUSTODIAN).unwrap();
    for ins in BETWEEN {
        assert_eq!(card.host.raw(&[0x80, ins, 0xFE, 0xFE]).unwrap().1, 0x6982, "{ins:02X} in plain");
        assert_eq!(card.host.raw(&[0x00, ins, 0, 0]).unwrap().1, 0x6E00, "{ins:02X} of the other class");
        assert_eq!(card.host.raw(&[0x80, ins | 1, 0, 0]).unwrap().1, 0x6D00, "{:02X}", ins | 1);
    }
}

#[test]
fn then_p1_and_p2() {
    let Some(mut card) = new(false) else { return };
    for ins in BETWEEN.into_iter().filter(|ins| *ins != 0xA6) {
        let wrong = card.sw([0x80, ins, 0x7F, 0x7F], &[]);
        assert_eq!(wrong, 0x6A86, "{ins:02X}");
    }
    let wrong: [Row; 19] = [
        (0x3A, 0, 1, 0, 0x6A86),
        (0x3A, 2, 0, 0, 0x6A86),
        (0x4C, 0, 0, 0, 0x6A86),
        (0x4C, 0x0B, 0, 0, 0x6A86),
        (0x4C, 0x0F, 0, 0, 0x6A86),
        (0x4C, 1, 1, 0, 0x6A86),
        (0x4E, 0x0B, 1, 0, 0x6A86),
        (0x4E, 1, 0, 0, 0x6A86),
        (0x4E, 1, 4, 0, 0x6A86),
        (0x52, 0, 0, 0, 0x6A86),
        (0x54, 1, 1, 0, 0x6A86),
        (0x5C, 1, 0, 0, 0x6A86),
        (0x5C, 1, 0x0B, 0, 0x6A86),
        (0x5C, 2, 1, 0, 0x6A86),
        (0x5E, 2, 0, 0, 0x6A86),
        (0xA2, 0x0B, 0, 0, 0x6A86),
        (0xAC, 1, 1, 0, 0x6A86),
        (0xAC, 2, 0, 0, 0x6A86),
        (0x34, 3, 0, 0, 0x6A86),
    ];
    all(&mut card, &wrong);
}

/// What the card has not, before what is wrong with the data.
#[test]
fn then_what_the_card_has() {
    let rows: [Row; 29] = [
        (0x3A, 0, 0, 1, 0x6700),
        (0x3A, 0, 0, 0, 0x6A88),
        (0x3A, 1, 0, 0, 0x6A88),
        (0x3C, 0, 0, 1, 0x6985),
        (0x3E, 0, 0, 1, 0x6985),
        (0x40, 0, 0, 1, 0x6985),
        (0x42, 0x80, 0, 1, 0x6985),
        (0x44, 0, 0, 33, 0x6985),
        (0x46, 0, 0, 1, 0x6985),
        (0x48, 0, 0, 1, 0x6985),
        (0x4A, 0, 0, 1, 0x6985),
        (0x4C, 1, 0, 1, 0x6985),
        (0x4E, 1, 1, 1, 0x6985),
        (0x52, 1, 0, 1, 0x6985),
        (0x54, 1, 0, 1, 0x6985),
        (0x56, 0, 0, 1, 0x6985),
        (0x58, 0x80, 0, 1, 0x6985),
        (0x5A, 0x80, 0, 1, 0x6985),
        (0x5C, 1, 1, 1, 0x6985),
        (0x5C, 2, 0, 1, 0x6985),
        (0x5E, 0, 0, 1, 0x6985),
        (0xA0, 0, 0, 1, 0x6985),
        (0xA2, 1, 0, 1, 0x6985),
        (0xA6, 0xFF, 0xFF, 1, 0x6985),
        (0xA8, 0, 0, 1, 0x6985),
        (0xAA, 0x80, 0, 1, 0x6985),
        (0xAC, 0, 0, 1, 0x6985),
        (0xAE, 0, 0, 1, 0x6985),
        (0x34, 2, 0, 0, 0x6985),
    ];
    let (Some(mut card), Some(mut without_pin)) = (new(true), new(false)) else { return };
    all(&mut card, &rows);
    all(&mut without_pin, &[(0x38, 0, 0, 1, 0x6985)]);
}

/// Data: before the check that P1 = 02 of WIPE makes.
#[test]
fn data_of_wipe_comes_early() {
    let Some(mut card) = new(true) else { return };
    all(&mut card, &[(0x34, 2, 0, 1, 0x6700), (0x34, 0, 0, 0, 0x6A88)]);
}

#[test]
fn blocks() {
    for ins in IN_BLOCKS {
        let Some(mut card) = new(true) else { return };
        all(
            &mut card,
            &[
                (ins, 0x01, 0, 0, 0x6A86),
                (ins, 0x81, 0, 0, 0x6A86),
                (ins, 0, 1, 0, 0x6A86),
                (ins, 0, 0, 0, 0x6700),
                (ins, 0, 0, 200, 0x9000),
                (ins, 0, 2, 0, 0x6A86),
                (ins, 0, 1, 200, 0x6A86), // what was refused has ended it
                (ins, 0, 0, 200, 0x9000),
                (ins, 0, 1, 200, 0x9000),
                (ins, 0, 2, 113, 0x6A84),
                (ins, 0, 0, 200, 0x9000),
                (0x36, 0, 0, 0, 0x9000),
                (ins, 0, 1, 200, 0x6A86), // another command has
                (ins, 0, 0, 200, 0x9000),
                (ins, 0, 0, 200, 0x9000), // begins anew
                (ins, 0, 1, 200, 0x9000),
                (ins, 0, 2, 112, 0x9000),
                (ins, 0x80, 3, 1, 0x6A84),
                (ins, 0x80, 0, 1, 0x6985),
            ],
        );
        // A byte each: 256 numbers are not enough for more.
        for number in 0..=255 {
            all(&mut card, &[(ins, 0, number, 1, 0x9000)]);
        }
        all(&mut card, &[(ins, 0x80, 1, 1, 0x6A86)]);
        // One session's blocks are nothing to the next.
        all(&mut card, &[(ins, 0, 0, 1, 0x9000)]);
        card.open();
        all(&mut card, &[(ins, 0, 1, 1, 0x6A86)]);
    }
}

/// Lengths before the PIN, the PIN before what is in the data.
#[test]
fn enrolment() {
    let Some(mut card) = new(true) else { return };
    all(&mut card, &[(0x38, 0, 0, 1, 0x6700), (0x38, 0, 0, 0, 0x6982)]);
    card.verify();
    card.ok(&GenerateIdentity);
    all(&mut card, &[(0x38, 0, 0, 1, 0x6985), (0x3C, 0, 0, 64, 0x6700), (0x3C, 0, 0, 65, 0x6982)]);
    card.verify();
    all(&mut card, &[(0x3C, 0, 0, 65, 0x6A80), (0x3C, 0, 0, 65, 0x6982)]);
    card.verify();
    let other = KeyPair::new(&[3; 32]).unwrap().point();
    assert_eq!(card.sw([0x80, 0x3C, 0, 0], &other), 0x9000);
    all(&mut card, &[(0x3C, 0, 0, 1, 0x6985), (0x3E, 0, 0, 1, 0x6985)]);
    all(&mut card, &[(0x40, 0, 0, 118, 0x6700), (0x40, 0, 0, 184, 0x6700), (0x40, 0, 0, 119, 0x6A80)]);
    let Some(mut ceremony) = cards(2) else { return };
    let lengths = [0, 77, 79, 110, 112, 118, 184];
    all(&mut ceremony.ca, &lengths.map(|len| (0x3E, 0, 0, len, 0x6700)));
    for len in [78, 111, 119, 183] {
        all(&mut ceremony.ca, &[(0x3E, 0, 0, len, 0x6982)]);
        ceremony.ca.verify();
        all(&mut ceremony.ca, &[(0x3E, 0, 0, len, 0x6A80)]);
    }
    all(&mut ceremony.ca, &[(0x40, 0, 0, 1, 0x6985)]);
}

#[test]
fn manifests_and_parties() {
    let Some(mut ceremony) = cards(2) else { return };
    let card = ceremony.card(FIRST);
    // 243 bytes are more than a command carries here: two blocks.
    let manifest = |card: &mut Card<Line>, len: usize| {
        assert_eq!(card.sw([0x80, 0x42, 0, 0], &[0; 100]), 0x9000);
        card.sw([0x80, 0x42, 0x80, 1], &vec![0; len - 100])
    };
    assert_eq!(manifest(card, 242), 0x6700);
    assert_eq!(manifest(card, 211), 0x6700, "k = 1");
    assert_eq!(manifest(card, 243), 0x6982);
    card.verify();
    assert_eq!(manifest(card, 243), 0x6A80);

    let Some(mut ceremony) = approved(Operation::Deal) else { return };
    let rows: [Row; 7] = [
        (0x4C, 4, 0, 1, 0x6985),
        (0x4C, 0x0E, 0, 1, 0x6985),
        (0x4C, 1, 0, 85, 0x6700),
        (0x4C, 1, 0, 184, 0x6700),
        (0x4C, 1, 0, 86, 0x6A80),
        (0x4C, 1, 0, 183, 0x6A80),
        (0x4C, 0x0D, 0, 183, 0x6A80),
    ];
    all(ceremony.card(FIRST), &rows);
    let mut long = ceremony.certificate(Place::Dealer).body.encode();
    long.resize(111 + 7, 0);
    assert_eq!(ceremony.card(FIRST).sw([0x80, 0x4C, 1, 0], &long), 0x6A80, "7 bytes are no signature");
    long.push(0);
    assert_eq!(ceremony.card(FIRST).sw([0x80, 0x4C, 1, 0], &long), 0x6603);
    assert_eq!(ceremony.card(FIRST).sw([0x80, 0x4C, 0x0D, 0], &long), 0x6602);
    let Some(mut ceremony) = approved(Operation::Destroy) else { return };
    all(ceremony.card(FIRST), &[(0x4C, 0x0C, 0, 1, 0x6985), (0x4C, 0x0D, 0, 1, 0x6985), (0x4C, 1, 0, 1, 0x6700)]);
}

#[test]
fn a_custodian_in_a_deal() {
    let Some(mut ceremony) = approved(Operation::Deal) else { return };
    let rows: [Row; 13] = [
        (0x44, 0, 0, 33, 0x6700),
        (0x46, 0, 0, 1, 0x6700),
        (0x48, 0, 0, 1, 0x6985), // no contribution
        (0x44, 0, 0, 32, 0x9000),
        (0x48, 0, 0, 1, 0x6985), // no dealer
        (0x58, 0x80, 0, 1, 0x6985),
        (0x46, 0, 0, 0, 0x9000),
        (0x58, 0x80, 0, 1, 0x6985),
        (0x5A, 0x80, 0, 1, 0x6985),
        (0xA0, 0, 0, 1, 0x6985),
        (0xAE, 0, 0, 1, 0x6700),
        (0x4A, 0, 0, 0, 0x6985),
        (0xA2, 1, 0, 0, 0x6985),
    ];
    all(ceremony.card(FIRST), &rows);
    ceremony.put_party(FIRST, Place::Dealer).unwrap();
    ceremony.put_party(FIRST, Place::Combiner).unwrap();
    let rows: [Row; 9] = [
        (0x48, 0, 0, 72, 0x6700),
        (0x48, 0, 0, 138, 0x6700),
        (0x48, 0, 0, 73, 0x6601),
        (0x58, 0x80, 0, 1, 0x6700),
        (0x58, 0x80, 0, Statement::len_of(3) + 8, 0x6A80),
        (0x5A, 0x80, 0, 1, 0x6985), // no statement
        (0xA0, 0, 0, 72, 0x6700),
        (0xA0, 0, 0, 73, 0x6A88), // no share, and no PIN
        (0xA6, 0, 0, 0, 0x6985),
    ];
    all(ceremony.card(FIRST), &rows);
}

#[test]
fn a_dealer() {
    let Some(mut ceremony) = approved(Operation::Deal) else { return };
    all(&mut ceremony.dealer, &[(0x4A, 0, 0, 1, 0x6985)]);
    ceremony.offer(Place::Dealer).unwrap();
    all(&mut ceremony.dealer, &[(0x4A, 0, 0, 1, 0x6700), (0x4A, 0, 0, 0, 0x6982), (0x4E, 1, 1, 0, 0x6985)]);
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    ceremony.dealer.insert();
    let rows: [Row; 20] = [
        (0x4A, 0, 0, 1, 0x6985),
        (0x4E, 4, 1, 1, 0x6985),
        (0x4E, 1, 1, 11, 0x6700),
        (0x4E, 1, 1, 77, 0x6700),
        (0x4E, 1, 2, 39, 0x6700),
        (0x4E, 1, 2, 105, 0x6700),
        (0x4E, 1, 3, 72, 0x6700),
        (0x4E, 1, 3, 138, 0x6700),
        (0x4E, 1, 1, 76, 0x6601),
        (0x4E, 1, 2, 40, 0x6601),
        (0x4E, 1, 3, 137, 0x6601),
        (0x52, 2, 0, 1, 0x6985), // before the order: not all is admitted
        (0x54, 1, 0, 1, 0x6985),
        (0x56, 0, 0, 1, 0x6985),
        (0x5C, 1, 1, 1, 0x6985),
        (0x5E, 0, 0, 1, 0x6985),
        (0x5E, 1, 0, 1, 0x6700),
        (0x5E, 1, 0, 0, 0x6982),
        (0xAE, 0, 0, 0, 0x6985),
        (0x44, 0, 0, 0, 0x6985),
    ];
    all(&mut ceremony.dealer, &rows);
    ceremony.dealer.verify();
    assert_eq!(ceremony.dealer.sw([0x80, 0x42, 0, 0], &[0; 200]), 0x9000);
    assert_eq!(ceremony.dealer.sw([0x80, 0x42, 0x80, 1], &[0; 75]), 0x6985, "a deal is pending");
    ceremony.contribute();
    all(&mut ceremony.dealer, &[(0x4E, 1, 1, 1, 0x6985), (0x52, 2, 0, 1, 0x6A86), (0x52, 1, 0, 112, 0x6700)]);
    all(&mut ceremony.dealer, &[(0x52, 1, 0, 113, 0x6A80)]);
    ceremony.state();
    let rows: [Row; 9] = [
        (0x52, 1, 0, 1, 0x6985),
        (0x54, 1, 0, 1, 0x6985),
        (0x56, 0, 0, 1, 0x6700),
        (0x5C, 1, 4, 1, 0x6985),
        (0x5C, 1, 1, 7, 0x6700),
        (0x5C, 1, 1, 8, 0x6601),
        (0x5C, 2, 0, 39, 0x6700),
        (0x5C, 2, 0, 104, 0x6601),
        (0x5E, 0, 0, 1, 0x6985),
    ];
    all(&mut ceremony.dealer, &rows);
}

#[test]
fn boxes_of_a_dealer() {
    let Some(mut ceremony) = approved(Operation::Deal) else { return };
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    ceremony.contribute();
    ceremony.dealer.insert();
    (1..=3).for_each(|x| ceremony.take_contribution(x).unwrap());
    let rows: [Row; 7] = [
        (0x54, 4, 0, 1, 0x6985),
        (0x54, 1, 0, 1, 0x6700),
        (0x54, 1, 0, 0, 0x9000),
        (0x54, 1, 0, 0, 0x9000),
        (0x54, 2, 0, 0, 0x9000),
        (0x56, 0, 0, 1, 0x6985), // one is missing
        (0x46, 0, 0, 0, 0x6985),
    ];
    all(&mut ceremony.dealer, &rows);
}

#[test]
fn a_combiner() {
    let Some(mut ceremony) = cards(3) else { return };
    ceremony.deal(Deal::aes256(2));
    let point = KeyPair::new(&[0x7A; 32]).unwrap().point();
    ceremony.gather(Operation::Drill, &[1]);
    let rows: [Row; 12] = [
        (0xA2, 1, 0, 1, 0x6985),
        (0xA2, 2, 0, 136, 0x6700),
        (0xA2, 2, 0, 202, 0x6700),
        (0xA2, 2, 0, 137, 0x6601),
        (0xA6, 0, 1, 1, 0x6A86),
        (0xA6, 0, 3, 1, 0x6700),
        (0xA6, 0, 3, 0, 0x6A88),
        (0xA8, 0, 0, 1, 0x6700),
        (0xA8, 0, 0, 0, 0x9000),
        (0xAA, 0x80, 0, 1, 0x6985),
        (0xAC, 0, 0, 1, 0x6985),
        (0xAE, 0, 0, 1, 0x6985),
    ];
    all(&mut ceremony.combiner, &rows);
    ceremony.certify_hsm(CertifiedKey::P256(point));
    ceremony.gather(Operation::Release, &[1]);
    let rows: [Row; 6] = [
        (0xA6, 0, 3, 0, 0x6985),
        (0xA8, 0, 0, 0, 0x6985),
        (0xAC, 0, 0, 1, 0x6985),
        (0xAA, 0x80, 0, 64, 0x6700),
        (0xAA, 0x80, 0, 65, 0x6982),
        (0x36, 1, 0, 0, 0x9000),
    ];
    all(&mut ceremony.combiner, &rows);
    ceremony.combiner.verify();
    all(&mut ceremony.combiner, &[(0xAA, 0x80, 0, 65, 0x6A80)]);
    assert_eq!(ceremony.export(&point), Err(0x6A88), "6982 has taken the shares away");
    ceremony.gather(Operation::Release, &[1, 2]);
    ceremony.export(&point).unwrap();
    let rows: [Row; 5] = [
        (0xAC, 0, 0, 1, 0x6700),
        (0xAC, 0, 1, 0, 0x6A86),
        (0xAC, 0, 0, 0, 0x9000),
        (0xAC, 1, 0, 0, 0x9000),
        (0xA2, 3, 0, 0, 0x6985),
    ];
    all(&mut ceremony.combiner, &rows);
}
