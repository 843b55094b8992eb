//! Sessions of every kind between our host and the Java card.

use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::scp::{Mode, Options, SecurityLevel};
use cardwright_tests::chance::rng;
use cardwright_tests::host::{ECHO, Host, Keys};
use cardwright_tests::java::JavaCard;
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;
use std::collections::BTreeMap;

const SESSIONS: usize = 1_000;
const LEVELS: [u8; 6] = [0x00, 0x01, 0x03, 0x11, 0x13, 0x33];

/// A card of each kind: key length, "i", and the levels that it offers.
fn kinds() -> impl Iterator<Item = (u8, u8, Vec<u8>)> {
    let options = [0x00, 0x10, 0x20, 0x30, 0x60, 0x70].into_iter().flat_map(|i| [i, i | 1]);
    options.flat_map(|i| [16, 24, 32].map(|len| (len, i))).map(|(len, i)| {
        let options = Options::new(i).unwrap();
        let offered = |level: &u8| options.allows(SecurityLevel::new(*level).unwrap());
        (len, i, LEVELS.into_iter().filter(offered).collect())
    })
}

fn below(rng: &mut TestRng, bound: usize) -> usize {
    usize::try_from(rng.next_u32()).unwrap() % bound
}

/// One session with a few exchanges: data of any length, answers of any length, an error in between.
fn session(host: &mut Host<JavaCard>, keys: &Keys, mode: Mode, level: u8, rng: &mut TestRng) -> usize {
    host.select(ECHO).unwrap();
    host.open(keys, 0, mode, level).unwrap();
    let room = SecurityLevel::new(level).unwrap().short_capacity(mode);
    let count = 1 + below(rng, 6);
    for _ in 0..count {
        let mut data = vec![0; below(rng, room + 1)];
        rng.fill_bytes(&mut data);
        // What fits one short answer with R-MAC and padding.
        data.truncate(223);
        let echo = Command::new(Header::new(0x80, 0xEC, 0, 0), &data, Some(Ne::SHORT_MAX));
        assert_eq!(host.send(&echo).unwrap(), (data.clone(), 0x9000));
        let refused = Command::new(Header::new(0x80, 0xEC, 0x6A, 0x80), &data, Some(Ne::SHORT_MAX));
        assert_eq!(host.send(&refused).unwrap(), (Vec::new(), 0x6A80));
        let warned = Command::new(Header::new(0x80, 0xEC, 0x63, 0x10), &data, Some(Ne::SHORT_MAX));
        assert_eq!(host.send(&warned).unwrap(), (data, 0x6310));
        let length = below(rng, 224);
        let pattern = Command::new(Header::new(0x80, 0xEE, 0, u8::try_from(length).unwrap()), &[], Some(Ne::SHORT_MAX));
        let expected: Vec<u8> = (0..=250).cycle().take(length).collect();
        assert_eq!(host.send(&pattern).unwrap(), (expected, 0x9000));
    }
    4 * count
}

#[test]
fn a_thousand_random_sessions() {
    let Some(card) = JavaCard::start("sessions with the Java card", "") else { return };
    let mut host = Host::new(card);
    let mut rng = rng("sessions");
    let kinds: Vec<_> = kinds().collect();
    let mut seen = BTreeMap::new();
    let (mut sessions, mut commands) = (0, 0);
    while sessions < SESSIONS {
        for (len, i, levels) in &kinds {
            host.link.fresh(&format!("aes{},i={i:02X}", u32::from(*len) * 8));
            for _ in 0..7 {
                // The levels in turn, so that none is left out.
                let level = levels[sessions % levels.len()];
                let mode = Options::new(*i).unwrap().mode();
                commands += session(&mut host, &Keys::test(*len), mode, level, &mut rng);
                *seen.entry((*len, mode.width(), level)).or_insert(0) += 1;
                sessions += 1;
            }
        }
    }
    println!("{sessions} sessions, {commands} commands; key length x mode x level: {seen:?}");
    assert_eq!(seen.len(), 3 * 2 * 6, "every key length, mode and level");
    assert_eq!(host.link.faults(), 0);
}
