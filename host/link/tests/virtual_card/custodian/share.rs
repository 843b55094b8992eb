//! STORE SHARE, READ SHARE, WIPE.

use super::super::host::{CUSTODIAN, Host, Session};
use super::{PIN, fresh, object, open, state, store, with_pin, with_share};
use cardwright_link::virtual_card::{SmartCard, VirtualCard};

const STORE: u8 = 0x30;
const READ: u8 = 0x32;
const WIPE: u8 = 0x34;

fn verified() -> (Host, Session) {
    let (mut host, mut session) = with_pin();
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    (host, session)
}

fn read_all(host: &mut Host, session: &mut Session) -> Vec<u8> {
    assert_eq!(session.verify(host, PIN), 0x9000);
    let mut read = Vec::new();
    for number in 0..object().chunks(192).count() {
        let (block, sw) = session.all(host, [0x80, READ, 0, u8::try_from(number).unwrap()], &[]);
        assert_eq!(sw, 0x9000);
        read.extend(block);
    }
    read
}

#[test]
fn stored_and_read_back() {
    let (mut host, mut session) = with_share(1);
    assert_eq!(session.verify(&mut host, &[]), 0x63C3, "storing used the PIN up");
    assert_eq!(read_all(&mut host, &mut session), object());
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 3], &[]), 0x6A86, "nothing behind the last block");
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 1], &[]), 0x6A86);
    host.card.power_on();
    host.select(CUSTODIAN);
    let mut session = open(&mut host, 0x33);
    assert_eq!(read_all(&mut host, &mut session), object());
}

#[test]
fn store_step_by_step() {
    let mut host = fresh();
    let mut session = open(&mut host, 0x33);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 9, 9], &[]), 0x6985, "life cycle before P1");
    let (mut host, mut session) = verified();
    for p1 in [0, 3, 0x80, 0x83, 0x41, 0xFF] {
        assert_eq!(session.sw(&mut host, [0x80, STORE, p1, 0], &[]), 0x6A86, "{p1:02X}");
    }
    for p2 in [1, 255] {
        assert_eq!(session.sw(&mut host, [0x80, STORE, 1, p2], &[1]), 0x6A86, "nothing has begun");
    }
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &[]), 0x6700);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &[1]), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 2, 1], &[1]), 0x6A86, "another mode");
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 1], &[1]), 0x6A86, "refused, it is over");
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &[0xE0; 200]), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 1], &[0xE0; 200]), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 0x81, 2], &[0xE0; 113]), 0x6A84);
    assert_eq!(session.verify(&mut host, &[]), 0x9000, "up to here the PIN is not used up");
    assert_eq!(session.sw(&mut host, [0x80, STORE, 0x81, 0], &object()[..200]), 0x6A80);
    assert_eq!(session.verify(&mut host, &[]), 0x63C3, "now it is");
    assert_eq!(state(&mut host).share, None);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &[1]), 0x6982, "no PIN");
    assert_eq!(host.sw("8436 0000 00"), 0x6882, "6982 ends the session");
}

/// So that the PIN which the last block uses up is the one that the first block was let in with.
#[test]
fn a_verify_in_between_ends_storing() {
    let (mut host, mut session) = verified();
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &object()[..200]), 0x9000);
    assert_eq!(session.verify(&mut host, b"1111"), 0x63C2);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 0x81, 1], &object()[200..]), 0x6A86);
}

/// Keys of another set must not go on with what a PIN was given for.
#[test]
fn what_one_session_began_no_other_one_goes_on_with() {
    let (mut host, mut session) = verified();
    let object = object();
    assert_eq!(session.sw(&mut host, [0x80, STORE, 2, 0], &object[..200]), 0x9000);
    let mut session = open(&mut host, 0x33);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 0x82, 1], &object[200..]), 0x6A86);
    assert!(state(&mut host).share.is_none());

    let (mut host, mut session) = with_share(1);
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 0], &[]), 0x9000);
    // Plain, so refused, and the session is over.
    assert_eq!(host.sw("80240000"), 0x6982);
    let mut session = open(&mut host, 0x33);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 1], &[]), 0x6A86);
}

/// A share that was stored on another logical channel in between is not replaced.
#[test]
fn two_channels_store_one_share() {
    let (mut host, mut session) = verified();
    let object = object();
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &object[..200]), 0x9000);
    // The applet is of one channel at a time: this ends storing.
    assert_eq!(host.sw("00A4 0400 00"), 0x9000);
    assert_eq!(host.sw("0070 0001"), 0x9000);
    host.channel = 1;
    host.select(CUSTODIAN);
    let mut second = open(&mut host, 0x33);
    assert_eq!(second.verify(&mut host, PIN), 0x9000);
    store(&mut host, &mut second, 2, &object);
    assert_eq!(host.sw("0070 8001"), 0x9000);
    host.channel = 0;
    host.select(CUSTODIAN);
    let mut first = open(&mut host, 0x33);
    assert_eq!(first.sw(&mut host, [0x80, STORE, 1, 1], &object[200..300]), 0x6A86, "no block is taken");
    assert_eq!(first.verify(&mut host, PIN), 0x9000);
    assert_eq!(first.sw(&mut host, [0x80, STORE, 1, 0], &object[..200]), 0x6985, "nor a first one");
    assert_eq!(state(&mut host).share.unwrap().0, cardwright_proto::custody::Mode::Blind);
}

#[test]
fn what_ends_storing() {
    let object = object();
    let others: [(&[u8; 4], &[u8]); 6] = [
        (&[0x00, 0x20, 0, 0], b""),
        (&[0x80, 0x24, 9, 0], b""),
        (&[0x80, READ, 0, 0], b""),
        (&[0x80, WIPE, 9, 0], b""),
        (&[0x80, 0x36, 0, 0], b""),
        (&[0x80, 0x36, 9, 0], b""),
    ];
    for (header, data) in others {
        let (mut host, mut session) = verified();
        assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &object[..200]), 0x9000);
        session.sw(&mut host, *header, data);
        assert_eq!(session.sw(&mut host, [0x80, STORE, 0x81, 1], &object[200..]), 0x6A86, "{header:02X?}");
    }
    // What does not get to step 6 does not.
    for header in [[0x80, 0x01, 0, 0], [0x00, 0x36, 0, 0], [0x80, 0x20, 0, 0]] {
        let (mut host, mut session) = verified();
        assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &object[..200]), 0x9000);
        session.sw(&mut host, header, &[]);
        assert_eq!(session.sw(&mut host, [0x80, STORE, 0x81, 1], &object[200..]), 0x9000, "{header:02X?}");
    }
    let (mut host, mut session) = verified();
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &object[..200]), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 2, 0], &object[..200]), 0x9000, "begun anew, the other mode");
    assert_eq!(session.sw(&mut host, [0x80, STORE, 0x82, 1], &object[200..]), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &[]), 0x6700, "no data before: a share is there");
    assert_eq!(session.sw(&mut host, [0x80, STORE, 1, 0], &[1]), 0x6985);
}

#[test]
fn more_blocks_than_numbers() {
    let (mut host, mut session) = verified();
    for number in 0..=255 {
        assert_eq!(session.sw(&mut host, [0x80, STORE, 1, number], &[0xE0]), 0x9000);
    }
    assert_eq!(session.sw(&mut host, [0x80, STORE, 0x81, 255], &[0xE0]), 0x6A86);
}

#[test]
fn read_step_by_step() {
    let (mut host, mut session) = verified();
    assert_eq!(session.sw(&mut host, [0x80, READ, 1, 0], &[1]), 0x6A86);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 0], &[1]), 0x6700);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 0], &[]), 0x6A88);
    let (mut host, mut session) = with_share(1);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 1], &[]), 0x6A86, "nothing has begun");
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 0], &[]), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 2], &[]), 0x6A86);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 1], &[]), 0x6A86, "refused, it is over");
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 0], &[]), 0x9000);
    assert_eq!(session.verify(&mut host, &[]), 0x63C3, "the first block uses the PIN up");
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 1], &[]), 0x6A86, "another command ends it");
    assert_eq!(session.sw(&mut host, [0x80, READ, 0, 0], &[]), 0x6982);
}

#[test]
fn a_blind_share_is_never_read() {
    let (mut host, mut session) = with_share(2);
    for _ in 0..2 {
        assert_eq!(session.sw(&mut host, [0x80, READ, 0, 0], &[]), 0x6985);
        assert_eq!(session.verify(&mut host, PIN), 0x9000);
        assert_eq!(session.sw(&mut host, [0x80, READ, 0, 0], &[]), 0x6985);
        assert_eq!(session.sw(&mut host, [0x80, READ, 0, 1], &[]), 0x6985);
        assert_eq!(session.verify(&mut host, &[]), 0x9000, "it uses up no PIN");
        host.card.power_on();
        host.select(CUSTODIAN);
        session = open(&mut host, 0x33);
    }
}

#[test]
fn wipe_step_by_step() {
    let (mut host, mut session) = verified();
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 3, 0], &[1]), 0x6A86);
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 0, 1], &[1]), 0x6A86);
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 0, 0], &[1]), 0x6700);
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 0, 0], &[]), 0x6A88);
    assert_eq!(session.verify(&mut host, &[]), 0x9000, "nothing used the PIN up");
    let (mut host, mut session) = with_share(2);
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 0, 0], &[]), 0x6982);
    let mut session = open(&mut host, 0x33);
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 0, 0], &[]), 0x9000);
    assert_eq!((state(&mut host).share, state(&mut host).card.life_cycle), (None, 0x0F));
    assert_eq!(session.verify(&mut host, PIN), 0x9000, "the PIN is still there");
    store(&mut host, &mut session, 1, &object());
    assert_eq!(read_all(&mut host, &mut session), object(), "and there is room for another");
}

#[test]
fn wiping_all_is_the_way_out_of_a_blocked_pin() {
    let (mut host, mut session) = with_share(1);
    let identity = state(&mut host).card.identity;
    for left in [2, 1, 0] {
        assert_eq!(session.verify(&mut host, b"1111"), 0x63C0 | left);
    }
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 1, 0], &[]), 0x9000);
    let state = state(&mut host);
    assert_eq!((state.card.life_cycle, state.tries, state.share), (7, 3, None));
    assert_eq!(state.card.identity, identity);
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 1, 0], &[]), 0x9000, "of nothing, too");
    assert_eq!(session.verify(&mut host, PIN), 0x6985);
    assert_eq!(session.sw(&mut host, [0x80, 0x24, 1, 0], b"99999"), 0x9000);
}

/// The applet takes no share before a PIN, and takes no PIN away from a share.
#[test]
fn a_share_without_a_pin_is_no_state() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("card");
    let profile = format!("state={}", path.display());
    let mut host = Host::new(&profile);
    host.select(CUSTODIAN);
    let mut session = open(&mut host, 0x33);
    assert_eq!(session.sw(&mut host, [0x80, 0x24, 1, 0], PIN), 0x9000);
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    store(&mut host, &mut session, 1, &object());
    drop(host);
    drop(Host::new(&profile));
    let mut image = std::fs::read(&path).unwrap();
    let len_of_pin = 1920 + 8;
    assert_eq!(image[len_of_pin..][..5], *b"\x048642");
    image[len_of_pin..][..5].fill(0);
    std::fs::write(&path, &image).unwrap();
    assert!(VirtualCard::from_profile(&profile).is_err());
}

/// In the state file nothing is left of a share that was wiped, or of a PIN that was changed.
#[test]
fn nothing_is_left_in_memory() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("card");
    let mut host = Host::new(&format!("state={}", path.display()));
    let holds = |what: &[u8]| std::fs::read(&path).unwrap().windows(what.len()).any(|window| window == what);
    host.select(CUSTODIAN);
    let mut session = open(&mut host, 0x33);
    assert_eq!(session.sw(&mut host, [0x80, 0x24, 1, 0], b"864286428642"), 0x9000);
    assert_eq!(session.verify(&mut host, b"864286428642"), 0x9000);
    store(&mut host, &mut session, 2, &object());
    assert!(holds(&object()) && holds(b"864286428642"));
    assert_eq!(session.sw(&mut host, [0x80, 0x24, 0, 0], b"\x0C8642864286421234"), 0x9000);
    assert!(!holds(b"86428642") && holds(b"1234"));
    assert_eq!(session.verify(&mut host, b"1234"), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, WIPE, 0, 0], &[]), 0x9000);
    assert!(!holds(&object()[..16]) && !holds(&[0x99; 8]) && !holds(&[0xC0; 8]));
}
