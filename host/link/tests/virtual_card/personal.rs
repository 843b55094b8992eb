//! SET STATUS and STORE DATA: how a card's life goes on, and what it keeps of its holder.

use super::host::{Failure, Host, Keys, Session, level};
use cardwright_keys::custody::hash::sha256;
use cardwright_link::virtual_card::SmartCard;
use cardwright_proto::apdu::{Command, Header};
use cardwright_proto::gp::get_status::{GetStatus, Scope};
use cardwright_proto::gp::set_status::{CardState, SetStatus};
use cardwright_proto::gp::store_data::{Dgi, StoreData, blocks};
use cardwright_proto::scp::{Mode, SecurityLevel};
use cardwright_proto::tlv;
use tempfile::TempDir;

fn opened(profile: &str, at: u8) -> (Host, Session) {
    let mut host = Host::new(profile);
    let session = session(&mut host, at);
    (host, session)
}

fn session(host: &mut Host, at: u8) -> Session {
    host.open(&Keys::test(16), 0, Mode::S8, level(at)).unwrap()
}

fn life_cycle(host: &mut Host, session: &mut Session) -> u8 {
    let domain = GetStatus { scope: Scope::IssuerSecurityDomain, next: false };
    session.command(host, &domain).unwrap().entries[0].life_cycle
}

fn set(host: &mut Host, session: &mut Session, p1: u8, p2: u8) -> u16 {
    session.send(host, &Command::new(Header::new(0x80, 0xF0, p1, p2), super::host::ISD, None)).unwrap().1
}

#[test]
fn the_card_s_life_goes_one_step_forward_at_a_time() {
    let (mut host, mut session) = opened("", 0x33);
    let step = |host: &mut Host, session: &mut Session, words: [u16; 4]| {
        // The one that is there, the one after it, and those that lock and terminate are tried in an order that shows.
        for (p2, word) in [0x7F, 0xFF, 0x0F, 0x07].into_iter().zip(words) {
            assert_eq!(set(host, session, 0x80, p2), word, "{p2:02X}");
        }
    };
    step(&mut host, &mut session, [0x6985, 0x6985, 0x6985, 0x9000]);
    assert_eq!(life_cycle(&mut host, &mut session), 0x07);
    step(&mut host, &mut session, [0x6985, 0x6985, 0x9000, 0x6985]);
    assert_eq!(life_cycle(&mut host, &mut session), 0x0F);
    step(&mut host, &mut session, [0x6985; 4]);
    assert_eq!(life_cycle(&mut host, &mut session), 0x0F);
    for (p1, p2) in [(0x80, 0x01), (0x80, 0x00), (0x80, 0x83), (0x40, 0x07), (0x60, 0x0F), (0x00, 0x07)] {
        assert_eq!(set(&mut host, &mut session, p1, p2), 0x6A86, "{p1:02X} {p2:02X}");
    }
}

#[test]
fn a_state_outlives_the_power_and_is_checked_in_a_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("card");
    let profile = format!("state={}", path.display());
    let (mut host, mut first) = opened(&profile, 1);
    for state in CardState::Secured.way_from(1).unwrap() {
        first.command(&mut host, &SetStatus { aid: super::host::ISD, state: *state }).unwrap();
    }
    drop(host);
    let (mut host, mut again) = opened(&profile, 1);
    assert_eq!(life_cycle(&mut host, &mut again), 0x0F);
    drop(host);
    let good = std::fs::read(&path).unwrap();
    // The life cycle; the length of what is kept.
    for at in [64, 10_240] {
        let mut bad = good.clone();
        bad[at] ^= 0x70;
        std::fs::write(&path, &bad).unwrap();
        let error = cardwright_link::VirtualCard::from_profile(&profile).unwrap_err();
        assert!(error.to_string().contains("life cycle or personalisation"), "{error}");
    }
}

#[test]
fn both_need_a_session_with_c_mac() {
    let mut host = Host::new("");
    assert_eq!(host.sw("80F0 8007 08 A000000151000000"), 0x6982);
    assert_eq!(host.sw("80E2 8800 04 01010100"), 0x6982);
    assert_eq!(host.sw("00E2 8800 04 01010100"), 0x6E00);
    assert_eq!(host.sw("00F0 8007"), 0x6E00);
    let mut plain = host.open(&Keys::test(16), 0, Mode::S8, SecurityLevel::NONE).unwrap();
    assert_eq!(host.sw("80F0 8007 08 A000000151000000"), 0x6982);
    plain.0 = None;
    host.open(&Keys::test(16), 0, Mode::S8, SecurityLevel::NONE).unwrap();
    assert_eq!(host.sw("80E2 8800 04 01010100"), 0x6982);
    let mut with_mac = session(&mut host, 1);
    assert_eq!(life_cycle(&mut host, &mut with_mac), 1);
    assert_eq!(digest(&mut host), None);
}

fn coded(all: &[(u16, &[u8])]) -> Vec<u8> {
    let mut coded = Vec::new();
    for &(tag, value) in all {
        Dgi { tag, value }.encode_into(&mut coded).unwrap();
    }
    coded
}

/// Stores all of it, as a host does; the last status word.
fn store(host: &mut Host, session: &mut Session, all: &[u8], max: usize) -> u16 {
    let mut last = 0;
    for block in blocks(all, max).unwrap() {
        last = one(host, session, block);
        if last != 0x9000 {
            break;
        }
    }
    last
}

fn one(host: &mut Host, session: &mut Session, block: StoreData<'_>) -> u16 {
    match session.command(host, &block) {
        Ok(()) => 0x9000,
        Err(refused) => refused.sw(),
    }
}

/// Count and digest of what is kept, asked for on channel 1, so that a session goes on; `None` where there is nothing.
fn digest(host: &mut Host) -> Option<(u16, Vec<u8>)> {
    host.sw("0070 0001");
    let (data, sw) = host.hex("81CA FF40 00");
    if sw == 0x6A88 {
        assert!(data.is_empty());
        return None;
    }
    assert_eq!(sw, 0x9000);
    let value = tlv::find(&data, 0xFF40).unwrap();
    let count = u16::from_be_bytes(tlv::find(value, 0x80).unwrap().try_into().unwrap());
    Some((count, tlv::find(value, 0x81).unwrap().to_vec()))
}

fn expected(all: &[(u16, &[u8])]) -> Option<(u16, Vec<u8>)> {
    Some((u16::try_from(all.len()).unwrap(), sha256(&[&coded(all)]).to_vec()))
}

#[test]
fn what_is_stored_is_what_the_digest_says() {
    let long = super::host::pattern(500);
    let first: &[(u16, &[u8])] = &[(0x0101, b"one"), (0x0102, &long), (0x9F10, b"")];
    for (at, max) in [(0x01, 247), (0x03, 239), (0x33, 239), (0x33, 1), (0x13, 7)] {
        // 517 bytes are too many for blocks of one.
        let first = if max == 1 { &first[..1] } else { first };
        let (mut host, mut session) = opened("", at);
        assert_eq!(digest(&mut host), None);
        assert_eq!(store(&mut host, &mut session, &coded(first), max), 0x9000);
        assert_eq!(digest(&mut host), expected(first), "{at:02X} {max}");
    }
    // One that is there is replaced where it stands, by a longer or a shorter one; a new one goes behind.
    let (mut host, mut session) = opened("", 0x33);
    store(&mut host, &mut session, &coded(first), 239);
    let next = [(0x0203, &b"new"[..]), (0x0102, b"short"), (0x0101, &long[..300])];
    assert_eq!(store(&mut host, &mut session, &coded(&next), 239), 0x9000);
    let all: &[(u16, &[u8])] = &[(0x0101, &long[..300]), (0x0102, b"short"), (0x9F10, b""), (0x0203, b"new")];
    assert_eq!(digest(&mut host), expected(all));
    // The same identifier twice: the last one counts.
    let (mut host, mut session) = opened("", 0x33);
    store(&mut host, &mut session, &coded(&[(1, b"a"), (2, b"b"), (1, b"c")]), 239);
    assert_eq!(digest(&mut host), expected(&[(1, b"c"), (2, b"b")]));
}

#[test]
fn a_refused_block_ends_the_data_and_nothing_is_kept() {
    let all = coded(&[(0x0101, &[7; 20])]);
    let block = |number, last, data| StoreData { number, last, data };
    let (mut host, mut session) = opened("", 0x33);
    let mut send = |block| one(&mut host, &mut session, block);
    assert_eq!(send(block(1, true, &all)), 0x6A80, "the first one is number 0");
    assert_eq!(send(block(0, false, &all[..5])), 0x9000);
    assert_eq!(send(block(2, true, &all[5..])), 0x6A80, "a gap");
    assert_eq!(send(block(1, true, &all[5..])), 0x6A80, "the gap has ended it");
    assert_eq!(send(block(0, false, &all[..5])), 0x9000);
    assert_eq!(send(block(0, false, &all[..6])), 0x9000, "number 0 begins anew");
    assert_eq!(send(block(0, true, &all[..6])), 0x6A80, "no whole data grouping");
    assert_eq!(send(block(0, true, &[])), 0x6A80);
    assert_eq!(send(block(0, false, &all[..5])), 0x9000);
    for p1 in [0x80, 0x90, 0x89, 0xE8, 0x00] {
        let command = Command::new(Header::new(0x80, 0xE2, p1, 1), &all[5..], None);
        assert_eq!(session.send(&mut host, &command).unwrap().1, 0x6A86, "{p1:02X}");
    }
    assert_eq!(digest(&mut host), None);
    // What one session began, no other one goes on with.
    assert_eq!(one(&mut host, &mut session, block(0, false, &all[..5])), 0x9000);
    let mut other = self::session(&mut host, 0x33);
    assert_eq!(one(&mut host, &mut other, block(1, true, &all[5..])), 0x6A80);
    assert_eq!(store(&mut host, &mut other, &all, 9), 0x9000);
    assert_eq!(digest(&mut host), expected(&[(0x0101, &[7; 20])]));
}

#[test]
fn there_is_room_for_1022_bytes() {
    let (mut host, mut session) = opened("", 0x01);
    let fits = super::host::pattern(1017);
    assert_eq!(store(&mut host, &mut session, &coded(&[(1, &fits)]), 247), 0x9000);
    assert_eq!(digest(&mut host), expected(&[(1, &fits)]));
    assert_eq!(store(&mut host, &mut session, &coded(&[(1, &fits), (2, b"")]), 247), 0x6A84, "in one go");
    assert_eq!(store(&mut host, &mut session, &coded(&[(2, b"")]), 247), 0x6A84, "with what is there");
    assert_eq!(digest(&mut host), expected(&[(1, &fits)]), "and nothing has changed");
    assert_eq!(store(&mut host, &mut session, &coded(&[(1, b""), (2, b"")]), 247), 0x9000);
    assert_eq!(digest(&mut host), expected(&[(1, b""), (2, b"")]));
}

/// Power lost at every write of both: the card is as before or as after.
#[test]
fn torn_at_every_point() {
    let (old, new) = (coded(&[(1, b"old"), (2, b"kept")]), coded(&[(1, b"the new one"), (3, b"more")]));
    let after: &[(u16, &[u8])] = &[(1, b"the new one"), (2, b"kept"), (3, b"more")];
    let (mut olds, mut news) = (0, 0);
    for n in 0.. {
        let (mut host, mut session) = opened("", 1);
        store(&mut host, &mut session, &old, 247);
        let before = digest(&mut host);
        host.card.tear_after(n);
        let block = blocks(&new, 247).unwrap().next().unwrap();
        let torn = match session.command(&mut host, &block) {
            Ok(()) => break,
            Err(failure) => failure,
        };
        assert_eq!(torn, Failure::Torn);
        host.card.power_on();
        match digest(&mut host) {
            now if now == before => olds += 1,
            now if now == expected(after) => news += 1,
            other => panic!("point {n}: {other:?}"),
        }
    }
    println!("STORE DATA: {olds} old / {news} new / 0 other");
    assert!(olds > 0 && news > 0);
    for n in 0.. {
        let (mut host, mut first) = opened("", 1);
        host.card.tear_after(n);
        let done = first.command(&mut host, &SetStatus { aid: &[], state: CardState::Initialized });
        if done.is_ok() {
            assert_eq!(n, 15);
            return;
        }
        host.card.power_on();
        let mut again = session(&mut host, 1);
        assert_eq!(life_cycle(&mut host, &mut again), if n < 5 { 0x01 } else { 0x07 }, "point {n}");
    }
}
