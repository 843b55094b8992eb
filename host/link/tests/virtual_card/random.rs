//! Whatever bytes come: an answer of two bytes or more, or a torn card; never a panic.

use super::host::{Host, Keys, level};
use cardwright_link::virtual_card::SmartCard;
use cardwright_proto::scp::Mode;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

/// One thing that happens to a card.
#[derive(Clone, Debug)]
enum Event {
    Command(Vec<u8>),
    Open(u8, u8),
    Tear(u64),
    Reset,
}

fn between(ins: u8, one: bool, last: bool) -> [u8; 4] {
    [0x80, ins & 0xFE, u8::from(one) | if last { 0x80 } else { 0 }, 0]
}

/// Headers that the card knows, on channels that it may have, with data that may fit.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        Just([0x00, 0xA4, 0x04, 0x00]),
        Just([0x80, 0x50, 0x00, 0x00]),
        Just([0x84, 0x82, 0x33, 0x00]),
        Just([0x00, 0x70, 0x00, 0x00]),
        Just([0x00, 0x70, 0x80, 0x01]),
        Just([0x00, 0xC0, 0x00, 0x00]),
        Just([0x80, 0xD8, 0x00, 0x81]),
        Just([0x80, 0xE4, 0x00, 0x00]),
        Just([0x80, 0xF2, 0x80, 0x02]),
        Just([0x80, 0xCA, 0x9F, 0x7F]),
        Just([0x80, 0xEC, 0x00, 0x00]),
        Just([0x80, 0xEE, 0x01, 0x80]),
        Just([0x00, 0x20, 0x00, 0x00]),
        Just([0x80, 0x24, 0x01, 0x00]),
        Just([0x80, 0x30, 0x81, 0x00]),
        Just([0x80, 0x36, 0x00, 0x00]),
        Just([0x80, 0x36, 0x01, 0x00]),
        // The commands between cards: even numbers, of which a few are none.
        (0x38..0x60_u8, any::<[bool; 2]>()).prop_map(|(ins, [one, last])| between(ins, one, last)),
        (0xA0..0xB0_u8, any::<[bool; 2]>()).prop_map(|(ins, [one, last])| between(ins, one, last)),
    ];
    let data = prop_oneof![
        Just(b"\xF0CWECHO".to_vec()),
        Just(b"\xF0CWCUST".to_vec()),
        Just(vec![0x4F, 0x00]),
        Just(vec![0xD2, 0x01, 0x30]),
        vec(any::<u8>(), 8),
        vec(any::<u8>(), 16),
        vec(any::<u8>(), 0..255),
    ];
    let flip = prop_oneof![4 => Just(0), 1 => Just(0x01), 1 => Just(0x04), 1 => Just(0x10), 1 => any::<u8>()];
    (header, data, flip, any::<Option<u8>>()).prop_map(|(mut header, data, flip, le)| {
        header[0] ^= flip;
        let lc = u8::try_from(data.len()).ok().filter(|lc| *lc > 0);
        [&header[..], lc.as_slice(), &data, le.as_slice()].concat()
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => plausible().prop_map(Event::Command),
        4 => vec(any::<u8>(), 0..40).prop_map(Event::Command),
        2 => (proptest::sample::select(vec![0, 1, 3, 0x11, 0x13, 0x33]), any::<u8>()).prop_map(|(level, kvn)| Event::Open(level, kvn & 0x30)),
        1 => (0..60u64).prop_map(Event::Tear),
        1 => Just(Event::Reset),
    ]
}

#[test]
fn random_sequences() {
    let mut runner = TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() });
    let (mut torn, mut opened) = (0, 0);
    let (torn, opened) = (std::cell::Cell::from_mut(&mut torn), std::cell::Cell::from_mut(&mut opened));
    runner
        .run(&vec(event(), 1..40), |events| {
            let mut host = Host::new("seed=00,tries=200");
            for event in &events {
                match event {
                    // `raw` checks that there are two bytes.
                    Event::Command(command) => {
                        if host.raw(command).is_err() {
                            torn.set(torn.get() + 1);
                            host.card.power_on();
                        }
                    }
                    Event::Open(bits, kvn) => {
                        opened.set(
                            opened.get() + u32::from(host.open(&Keys::test(16), *kvn, Mode::S8, level(*bits)).is_ok()),
                        );
                    }
                    Event::Tear(n) => host.card.tear_after(*n),
                    Event::Reset => host.card.power_on(),
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(
        torn.get() > 50 && opened.get() > 500,
        "{} torn, {} opened: the events reach deep",
        torn.get(),
        opened.get()
    );
}
