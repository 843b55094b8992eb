//! A host, or someone between, that cheats our card.

use super::pair::{Setup, bytes};
use cardwright_proto::apdu::{ApduError, Command, Header, Ne};
use cardwright_proto::scp::{Mode, ScpError, SecurityLevel, SessionCipher};

fn command(data: &[u8]) -> Command<'_> {
    Command::new(Header::new(0x80, 0xE2, 1, 2), data, Some(Ne::SHORT_MAX))
}

/// A wrapped command of a fresh session.
fn wrapped(setup: &Setup, data: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    setup.open().0.wrap(&command(data), &mut wire).unwrap();
    wire
}

fn refusal(setup: &Setup, mut wire: Vec<u8>) -> ScpError {
    setup.open().1.unwrap(&mut wire).map(|_| ()).unwrap_err()
}

#[test]
fn every_flipped_bit_of_a_command() {
    for (mode, level) in [(Mode::S8, 0x01), (Mode::S8, 0x33), (Mode::S16, 0x03)] {
        let setup = Setup::new(mode, level);
        let good = wrapped(&setup, &bytes(1, 20));
        // All but Le, which no MAC covers.
        for bit in 0..(good.len() - 1) * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let got = setup.open().1.unwrap(&mut bad).map(|got| got.data.to_vec());
            // The MAC leaves out the channel and the chaining bit, so that it can be computed before they are known.
            if matches!(bit, 0 | 1 | 4) {
                assert_eq!(got, Ok(bytes(1, 20)), "bit {bit}");
                continue;
            }
            let expected = match bit {
                2 => ScpError::NotSecured,
                // Bit 40 turns 84 into C4: channel 8, whose secure messaging bit is 20.
                6 => ScpError::NotSecured,
                3 | 5 => ApduError::Class(bad[0]).into(),
                32..40 => ApduError::Lengths(good.len()).into(),
                _ => ScpError::CommandMac,
            };
            if bit / 8 != 4 {
                assert_eq!(got, Err(expected), "bit {bit}");
            } else {
                assert!(got.is_err(), "bit {bit}");
            }
        }
    }
}

#[test]
fn replayed_reordered_and_stripped_commands() {
    let setup = Setup::new(Mode::S8, 0x33);
    let (host, mut card) = setup.open();
    let mut first = Vec::new();
    let sent = host.wrap(&command(b"first"), &mut first).unwrap();
    card.unwrap(&mut first.clone()).unwrap();
    let mut answer = Vec::new();
    card.wrap(&mut answer, cardwright_proto::status::StatusWord::OK).unwrap();
    let host = sent.unwrap(&mut answer).unwrap().0;
    let mut second = Vec::new();
    host.wrap(&command(b"second"), &mut second).unwrap();
    assert_eq!(card.unwrap(&mut first).unwrap_err(), ScpError::CommandMac, "replayed");
    assert_eq!(refusal(&setup, second), ScpError::CommandMac, "the second without the first");

    for len in 0..8 {
        let short = Command { header: Header::new(0x84, 0xE2, 1, 2), ..command(&[7; 7][..len.min(7)]) };
        assert_eq!(refusal(&setup, short.encode().unwrap()), ScpError::CommandMac, "{len}");
    }
    assert_eq!(refusal(&setup, command(b"plain").encode().unwrap()), ScpError::NotSecured);
    for wire in [&[][..], &[0x84], &[0x84, 0xE2, 0], &[0x84, 0xE2, 0, 0, 5, 1]] {
        assert!(matches!(refusal(&setup, wire.to_vec()), ScpError::Apdu(_)));
    }
}

/// In S16 the whole MAC of EXTERNAL AUTHENTICATE is on the wire: the chaining value of the first command.
fn forged(setup: &Setup, plain: &[u8], encrypt: bool) -> Result<Vec<u8>, ScpError> {
    let (host, card) = setup.authenticating();
    let sent = host.command().encode().unwrap();
    let mut card = card.receive(&Command::parse(&sent).unwrap()).unwrap();
    let mut cipher = setup.cipher();
    let mut data = plain.to_vec();
    if encrypt {
        let mut counter = [0; 16];
        counter[15] = 1;
        cipher.encrypt(counter, &mut data).unwrap();
    }
    let lc = u8::try_from(data.len() + 16).unwrap();
    let mac = cipher.mac(&[&sent[sent.len() - 16..], &[0x84, 0xE2, 0, 0, lc], &data]).unwrap();
    let mut wire = [&[0x84, 0xE2, 0, 0, lc], &data[..], &mac].concat();
    card.unwrap(&mut wire).map(|got| got.data.to_vec())
}

#[test]
fn badly_padded_commands_with_a_good_mac() {
    let setup = Setup::new(Mode::S16, 0x03);
    let mut block = [0; 16];
    assert_eq!(forged(&setup, &block, true), Err(ScpError::Padding));
    block[4] = 0x80;
    assert_eq!(forged(&setup, &block, true), Ok(vec![0; 4]), "the forger's own work is right");
    block[5] = 1;
    assert_eq!(forged(&setup, &block, true), Err(ScpError::Padding));
    for len in [1, 15, 17, 31] {
        assert_eq!(forged(&setup, &bytes(1, len), false), Err(ScpError::Padding));
    }
    // A widely used host pads and encrypts empty data, too.
    let mut empty = [0; 16];
    empty[0] = 0x80;
    assert_eq!(forged(&setup, &empty, true), Ok(vec![]));
    assert_eq!(forged(&setup, &[], true), Ok(vec![]));
}

#[test]
fn external_authenticate_tampered_with() {
    for mode in [Mode::S8, Mode::S16] {
        let setup = Setup::new(mode, 0x33);
        let good = setup.authenticating().0.command().encode().unwrap();
        let receive =
            |raw: &[u8]| setup.authenticating().1.receive(&Command::parse(raw).unwrap()).map(|card| card.level());
        assert_eq!(receive(&good), Ok(SecurityLevel::FULL));
        for bit in (8..32).chain(40..good.len() * 8) {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let expected = match bad[2] {
                level @ (0x00 | 0x01 | 0x03 | 0x11 | 0x13 | 0x33) => {
                    assert!(setup.options().allows(SecurityLevel::new(level).unwrap()));
                    ScpError::CommandMac
                }
                level => ScpError::Level(level),
            };
            assert_eq!(receive(&bad), Err(expected), "bit {bit}");
        }
        let mut plain = good.clone();
        plain[0] = 0x80;
        assert_eq!(receive(&plain), Err(ScpError::NotSecured));
        for len in 0..2 * mode.width() {
            let cut = Command { data: &good[5..5 + len], ..Command::parse(&good).unwrap() };
            assert_eq!(setup.authenticating().1.receive(&cut).map(|_| ()), Err(ScpError::CommandMac));
        }
        let long = [&good[5..], &[0]].concat();
        let long = Command { data: &long, ..Command::parse(&good).unwrap() };
        assert_eq!(setup.authenticating().1.receive(&long).map(|_| ()), Err(ScpError::CommandMac));
        // A recorded session, played to a card with a new challenge.
        let later = Setup { seed: setup.seed, counter: 8, pseudo_random: true, ..setup };
        let replayed = later.authenticating().1.receive(&Command::parse(&good).unwrap());
        assert_eq!(replayed.map(|_| ()), Err(ScpError::CommandMac));
    }
}

#[test]
fn a_level_beyond_the_cards_options() {
    use cardwright_proto::scp::Options;
    use cardwright_proto::scp::card::CardHello;
    let setup = Setup::new(Mode::S8, 0x33);
    let good = setup.authenticating().0.command().encode().unwrap();
    let options = Options::new(0x20).unwrap();
    let hello = CardHello { kdd: [0; 10], kvn: 1, options, challenge: setup.card_challenge(), counter: None };
    let card = hello.answer(&setup.host_challenge(), setup.cipher(), &mut Vec::new()).unwrap();
    let error = card.receive(&Command::parse(&good).unwrap()).map(|_| ()).unwrap_err();
    assert_eq!(error, ScpError::LevelNotSupported { level: 0x33, i: 0x20 });
}

/// EXTERNAL AUTHENTICATE on another logical channel: its MAC is over channel 0, so the host's bytes hold.
#[test]
fn external_authenticate_on_other_channels() {
    let setup = Setup::new(Mode::S8, 0x33);
    let good = setup.authenticating().0.command().encode().unwrap();
    for cla in [0x84, 0x87, 0xE0, 0xEF] {
        let mut moved = good.clone();
        moved[0] = cla;
        assert!(setup.authenticating().1.receive(&Command::parse(&moved).unwrap()).is_ok(), "{cla:02X}");
    }
}
