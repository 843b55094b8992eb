//! INITIALIZE UPDATE from cards that lie, and what the host refuses before it sends anything more.

use super::pair::{AID, KVN, Setup, bytes};
use cardwright_proto::apdu::{Command, Response};
use cardwright_proto::block::CmacKey;
use cardwright_proto::gp::Command as _;
use cardwright_proto::gp::initialize_update::InitializeUpdate;
use cardwright_proto::scp::kdf;
use cardwright_proto::scp::scp03::{ChallengeCheck, Match, Scp03};
use cardwright_proto::scp::{Mode, Options, ScpError, SecurityLevel, Token};
use cardwright_proto::status::StatusWord;

/// The defined "i" bytes: no reserved bit, and R-ENC only with R-MAC.
fn defined(i: u8) -> bool {
    i & 0x8E == 0 && i & 0x60 != 0x40
}

#[test]
fn every_length_and_every_option_byte() {
    for mode in [Mode::S8, Mode::S16] {
        let host = Token::new(&bytes(1, mode.width())).unwrap();
        for len in 0..=60usize {
            for i in 0..=u8::MAX {
                let mut data = bytes(2, len);
                for (at, byte) in [(10, KVN), (11, 3), (12, i)] {
                    if let Some(to) = data.get_mut(at) {
                        *to = byte;
                    }
                }
                let fits = match (i & 0x01, i & 0x10) {
                    (0, 0) => 29,
                    (0, _) => 32,
                    (_, 0) => 45,
                    _ => 48,
                };
                let mode_fits = (i & 1 != 0) == (mode == Mode::S16);
                let expected = match len {
                    29 | 32 | 45 | 48 if !defined(i) => Err(ScpError::Options(i)),
                    29 | 32 | 45 | 48 if len != fits => Err(ScpError::InitializeMismatch { len, i }),
                    29 | 32 | 45 | 48 if !mode_fits => Err(ScpError::Mode),
                    29 | 32 | 45 | 48 => Ok(()),
                    _ => Err(ScpError::InitializeLength(len)),
                };
                let got = Scp03::start(host, KVN).receive(Response { data: &data, sw: StatusWord::OK });
                assert_eq!(got.map(|_| ()), expected, "len {len} i {i:02X}");
            }
        }
    }
}

#[test]
fn all_fields_are_read() {
    for (mode, pseudo_random) in [(Mode::S8, false), (Mode::S8, true), (Mode::S16, false), (Mode::S16, true)] {
        let setup = Setup { pseudo_random, counter: 0x01_0203, ..Setup::new(mode, 0x33) };
        let (answer, _) = setup.hello();
        let need_keys = setup.initialized(&answer).unwrap();
        let card = need_keys.card();
        assert_eq!(&card.kdd, b"0123456789");
        assert_eq!((card.kvn, card.options, card.mode()), (KVN, setup.options(), mode));
        assert_eq!(card.challenge, setup.card_challenge());
        assert_eq!(card.cryptogram.bytes(), &answer[13 + mode.width()..13 + 2 * mode.width()]);
        assert_eq!(card.counter, pseudo_random.then_some(0x01_0203));
        let mut again = Vec::new();
        card.encode_into(&mut again);
        assert_eq!(again, answer);
        let context = [setup.host_challenge().bytes(), setup.card_challenge().bytes()].concat();
        assert_eq!(need_keys.context().bytes(), context);
    }
}

#[test]
fn protocol_key_version_reflection_refusal() {
    let setup = Setup::new(Mode::S8, 0x33);
    let (good, _) = setup.hello();
    let tamper = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        setup.initialized(&bad).map(|_| ())
    };
    for protocol in (0..=u8::MAX).filter(|p| *p != 3) {
        assert_eq!(tamper(11, protocol), Err(ScpError::Protocol(protocol)));
    }
    for kvn in (0..=u8::MAX).filter(|kvn| *kvn != KVN) {
        assert_eq!(tamper(10, kvn), Err(ScpError::Kvn { asked: KVN, got: kvn }));
    }
    let mut echo = good.clone();
    echo[13..21].copy_from_slice(setup.host_challenge().bytes());
    assert_eq!(setup.initialized(&echo).unwrap_err(), ScpError::EchoedChallenge);
    let refused = StatusWord(0x6A88);
    let answer = Scp03::start(setup.host_challenge(), KVN).receive(Response { data: &good, sw: refused });
    assert_eq!(answer.unwrap_err(), ScpError::InitializeRefused(refused));

    // With KVN 0 the card chooses, but only a number that a set can have.
    for kvn in 0..=u8::MAX {
        let mut answer = good.clone();
        answer[10] = kvn;
        let got = Scp03::start(setup.host_challenge(), 0).receive(Response { data: &answer, sw: StatusWord::OK });
        assert_eq!(got.is_ok(), matches!(kvn, 0x01..=0x7F | 0xFF), "{kvn:02X}");
    }
}

/// Every bit of the answer that the keys are over: flipped, the host sends no EXTERNAL AUTHENTICATE.
#[test]
fn every_flipped_bit_of_challenge_cryptogram_and_counter() {
    for mode in [Mode::S8, Mode::S16] {
        let setup = Setup { pseudo_random: true, ..Setup::new(mode, 0x33) };
        let (good, _) = setup.hello();
        for bit in 13 * 8..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let need_keys = setup.initialized(&bad).unwrap();
            let cipher = setup.cipher_over(&need_keys.context());
            // The vault computes the challenge from the counter that the card sent.
            let mut key_enc = CmacKey::new(&setup.key_enc()).unwrap();
            let counter = need_keys.card().counter.unwrap();
            let expected = kdf::card_challenge(&mut key_enc, counter, &AID, mode);
            let check = ChallengeCheck::PseudoRandom { expected, last_counter: None };
            let error = need_keys.authenticate(cipher, check, setup.level).unwrap_err();
            let in_counter = bit >= (13 + 2 * mode.width()) * 8;
            assert_eq!(error, if in_counter { ScpError::CardChallenge } else { ScpError::CardCryptogram });
        }
    }
}

#[test]
fn counter_and_kind_of_challenge() {
    let setup = Setup { pseudo_random: true, counter: 100, ..Setup::new(Mode::S8, 0x33) };
    let (answer, _) = setup.hello();
    let authenticate = |check| {
        let need_keys = setup.initialized(&answer).unwrap();
        let cipher = setup.cipher();
        need_keys.authenticate(cipher, check, setup.level).map(|_| ())
    };
    assert_eq!(authenticate(setup.check(None)), Ok(()));
    assert_eq!(authenticate(setup.check(Some(99))), Ok(()));
    assert_eq!(authenticate(setup.check(Some(100))), Err(ScpError::Counter { last: 100, got: 100 }));
    assert_eq!(authenticate(setup.check(Some(101))), Err(ScpError::Counter { last: 101, got: 100 }));
    assert_eq!(authenticate(ChallengeCheck::Random), Err(ScpError::CardChallenge));
    let other = ChallengeCheck::PseudoRandom { expected: setup.host_challenge(), last_counter: None };
    assert_eq!(authenticate(other), Err(ScpError::CardChallenge));

    let random = Setup::new(Mode::S8, 0x33);
    let need_keys = random.initialized(&random.hello().0).unwrap();
    assert_eq!(need_keys.authenticate(random.cipher(), other, random.level).unwrap_err(), ScpError::CardChallenge);
}

#[test]
fn candidates_offline() {
    let setup = Setup { pseudo_random: true, ..Setup::new(Mode::S8, 0x33) };
    let need_keys = setup.initialized(&setup.hello().0).unwrap();
    let wrong = Setup { seed: 2, ..setup };
    let right = Some(setup.card_challenge());
    let other = Some(setup.host_challenge());
    let cases = [
        (setup.cipher(), right, Match { key_mac: true, key_enc: Some(true) }, true),
        (setup.cipher(), other, Match { key_mac: true, key_enc: Some(false) }, false),
        (setup.cipher(), None, Match { key_mac: true, key_enc: None }, true),
        (wrong.cipher_over(&need_keys.context()), right, Match { key_mac: false, key_enc: Some(true) }, false),
        (wrong.cipher_over(&need_keys.context()), None, Match { key_mac: false, key_enc: None }, false),
    ];
    for (mut cipher, expected, result, accepted) in cases {
        assert_eq!(need_keys.try_keys(&mut cipher, expected.as_ref()).unwrap(), result);
        assert_eq!(result.accepted(), accepted);
    }
    // A card with a random challenge says nothing about Key-ENC.
    let random = Setup::new(Mode::S8, 0x33);
    let need_keys = random.initialized(&random.hello().0).unwrap();
    let found = need_keys.try_keys(&mut random.cipher(), Some(&random.card_challenge())).unwrap();
    assert_eq!(found, Match { key_mac: true, key_enc: None });
}

#[test]
fn levels_that_options_allow() {
    for i in 0..=u8::MAX {
        let Ok(options) = Options::new(i) else {
            assert!(!defined(i), "{i:02X}");
            assert_eq!(Options::new(i), Err(ScpError::Options(i)));
            continue;
        };
        assert!(defined(i), "{i:02X}");
        assert_eq!((options.byte(), options.pseudo_random()), (i, i & 0x10 != 0));
        let allowed: Vec<_> = SecurityLevel::ALL.into_iter().filter(|level| options.allows(*level)).collect();
        let highest = match i & 0x60 {
            0 => 3,
            0x20 => 5,
            _ => 6,
        };
        let by_r = if highest == 3 { vec![0x00, 0x01, 0x03] } else { vec![0x00, 0x01, 0x03, 0x11, 0x13, 0x33] };
        let by_r: Vec<_> = by_r[..highest].iter().map(|level| SecurityLevel::new(*level).unwrap()).collect();
        assert_eq!(allowed, by_r);
        assert_eq!(options.highest(), by_r[highest - 1]);
    }
    for level in 0..=u8::MAX {
        match SecurityLevel::new(level) {
            Ok(known) => {
                assert!(SecurityLevel::ALL.contains(&known) && known.byte() == level);
                let bits = [known.c_mac(), known.c_enc(), known.r_mac(), known.r_enc()];
                assert_eq!(bits, [0x01, 0x02, 0x10, 0x20].map(|bit| level & bit != 0));
            }
            Err(error) => assert_eq!(error, ScpError::Level(level)),
        }
    }
    assert_eq!(SecurityLevel::ALL.map(SecurityLevel::byte), [0x00, 0x01, 0x03, 0x11, 0x13, 0x33]);
}

#[test]
fn a_level_that_the_card_cannot() {
    let setup = Setup::new(Mode::S8, 0x33);
    let (mut answer, _) = setup.hello();
    answer[12] = 0x20;
    let need_keys = setup.initialized(&answer).unwrap();
    let error = need_keys.authenticate(setup.cipher(), ChallengeCheck::Random, setup.level).unwrap_err();
    assert_eq!(error, ScpError::LevelNotSupported { level: 0x33, i: 0x20 });
}

#[test]
fn as_a_command() {
    for (mode, lc) in [(Mode::S8, 8), (Mode::S16, 16)] {
        let challenge = Token::new(&bytes(1, mode.width())).unwrap();
        let initialize = InitializeUpdate { kvn: 0x31, challenge };
        let expected = [&[0x80, 0x50, 0x31, 0, lc], challenge.bytes(), &[0]].concat();
        let mut data = vec![0xEE; 3];
        assert_eq!(initialize.apdu(&mut data).encode().unwrap(), expected);
        assert_eq!(initialize.command().encode().unwrap(), expected);
        let parsed = InitializeUpdate::from_command(&Command::parse(&expected).unwrap()).unwrap();
        assert_eq!((parsed.kvn, parsed.challenge), (0x31, challenge));
        assert_eq!((challenge.mode(), format!("{challenge:?}")), (mode, hex::encode_upper(challenge.bytes())));
    }
    for len in (0..=20).filter(|len| !matches!(len, 8 | 16)) {
        assert_eq!(Token::new(&bytes(1, len)), None);
    }
}
