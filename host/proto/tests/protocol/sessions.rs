//! Our host against our card: what one end sends is, byte for byte, what the other end gets.

use super::pair::{KVN, Setup, bytes};
use cardwright_proto::apdu::class::Class;
use cardwright_proto::apdu::{ApduError, Command, Form, Header, Ne, Response};
use cardwright_proto::scp::card::CardSession;
use cardwright_proto::scp::scp03::{Open, Scp03};
use cardwright_proto::scp::{Mode, ScpError, SecurityLevel, SoftCipher};
use cardwright_proto::status::StatusWord;
use proptest::prelude::*;

/// One command and its answer.
#[derive(Clone, Copy, Debug)]
struct Turn {
    class: Class,
    ins_p1_p2: [u8; 3],
    form: Form,
    /// Cut to what the form and level can carry.
    data_len: usize,
    ne: Option<Ne>,
    answer_len: usize,
    sw: StatusWord,
    seed: u64,
}

fn setups() -> impl Strategy<Value = Setup> {
    let key_len = prop_oneof![Just(16), Just(24), Just(32)];
    let mode = prop_oneof![Just(Mode::S8), Just(Mode::S16)];
    let level = prop::sample::select(SecurityLevel::ALL.to_vec());
    (key_len, mode, level, any::<bool>(), 0..0xFF_FFFFu32, any::<u64>()).prop_map(
        |(key_len, mode, level, pseudo_random, counter, seed)| Setup {
            key_len,
            mode,
            level,
            pseudo_random,
            counter,
            seed,
        },
    )
}

fn status_words() -> impl Strategy<Value = StatusWord> {
    prop_oneof![
        4 => Just(0x9000u16),
        2 => 0x6200..=0x63FFu16,
        2 => 0x6400..=0x6FFFu16,
        1 => prop::sample::select(vec![0x6982, 0x6987, 0x6988, 0x9001, 0x9FFF]),
    ]
    .prop_map(StatusWord)
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 6 => 1..=256usize, 1 => 257..=3000usize]
}

fn turns() -> impl Strategy<Value = Turn> {
    let class = (any::<bool>(), 0..20u8);
    let short_ne = prop::option::of(any::<u8>().prop_map(Ne::from_short));
    let extended_ne = prop::option::of(any::<u16>().prop_map(Ne::from_extended));
    let form_ne = prop_oneof![
        2 => short_ne.prop_map(|ne| (Form::Short, ne)),
        1 => extended_ne.prop_map(|ne| (Form::Extended, ne)),
    ];
    (class, any::<[u8; 3]>(), form_ne, lengths(), lengths(), status_words(), any::<u64>()).prop_map(
        |((proprietary, channel), ins_p1_p2, (form, ne), data_len, answer_len, sw, seed)| Turn {
            class: Class { proprietary, channel, secured: false, chained: false },
            ins_p1_p2,
            form,
            data_len,
            ne,
            answer_len,
            sw,
            seed,
        },
    )
}

/// Plays one turn; `None` where the session ends with it, as it has to.
fn play(
    host: Open<SoftCipher>,
    card: &mut CardSession<SoftCipher>,
    setup: &Setup,
    turn: &Turn,
) -> Option<Open<SoftCipher>> {
    let level = setup.level;
    let longest = if turn.form == Form::Short { level.short_capacity(setup.mode) } else { turn.data_len };
    let data = bytes(turn.seed, turn.data_len.min(longest));
    let [ins, p1, p2] = turn.ins_p1_p2;
    // An extended command with neither data nor Le has no length field: without a MAC it looks like a short one.
    let form = if !level.c_mac() && data.is_empty() && turn.ne.is_none() { Form::Short } else { turn.form };
    let command = Command { header: Header::new(turn.class.byte(), ins, p1, p2), data: &data, ne: turn.ne, form };
    let mut wire = Vec::new();
    let sent = host.wrap(&command, &mut wire).unwrap();
    let on_wire = Class::parse(wire[0]).unwrap();
    assert_eq!(on_wire, Class { secured: level.c_mac(), ..turn.class });
    assert_eq!(wire[1..4], turn.ins_p1_p2);
    if !level.c_enc() || data.len() >= 8 {
        assert_eq!(contains(&wire, &data), !level.c_enc());
    }
    assert_eq!(card.unwrap(&mut wire).unwrap(), command);

    let answer = bytes(!turn.seed, turn.answer_len);
    let mut wire = answer.clone();
    card.wrap(&mut wire, turn.sw).unwrap();
    let has_mac = level.r_mac() && turn.sw.carries_rmac();
    assert_eq!(wire[wire.len() - 2..], turn.sw.0.to_be_bytes());
    let wire_len = match (has_mac, level.r_enc() && !answer.is_empty()) {
        (true, true) => (answer.len() / 16 + 1) * 16 + setup.mode.width(),
        (true, false) => answer.len() + setup.mode.width(),
        (false, _) if level.r_mac() => 0,
        (false, _) => answer.len(),
    };
    assert_eq!(wire.len(), wire_len + 2);
    let result = sent.unwrap(&mut wire);
    if level.c_mac() && matches!(turn.sw.0, 0x6982 | 0x6987 | 0x6988) {
        assert_eq!(result.unwrap_err(), ScpError::Ended(turn.sw));
        return None;
    }
    let (open, response) = result.unwrap();
    let expected: &[u8] = if level.r_mac() && !has_mac { &[] } else { &answer };
    assert_eq!((response.data, response.sw), (expected, turn.sw));
    Some(open)
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || hay.windows(needle.len()).any(|window| window == needle)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Key size x level x mode x kind of challenge, with errors, warnings and empty answers among the turns.
    #[test]
    fn ten_thousand_sessions(setup in setups(), turns in prop::collection::vec(turns(), 1..6)) {
        let (host, mut card) = setup.open();
        prop_assert_eq!(host.level(), setup.level);
        prop_assert_eq!(host.mode(), setup.mode);
        let mut host = Some(host);
        for turn in &turns {
            let Some(open) = host else { break };
            host = play(open, &mut card, &setup, turn);
        }
    }
}

/// Every combination once, so that none is left to chance.
#[test]
fn every_combination() {
    for key_len in [16, 24, 32] {
        for level in SecurityLevel::ALL {
            for (mode, pseudo_random) in [(Mode::S8, false), (Mode::S8, true), (Mode::S16, false), (Mode::S16, true)] {
                let setup = Setup { key_len, mode, level, pseudo_random, counter: 1, seed: 99 };
                let (mut host, mut card) = setup.open();
                for channel in 0..20 {
                    for (data_len, ne) in [(0, None), (0, Some(Ne::SHORT_MAX)), (255, None), (16, Some(Ne::SHORT_MAX))]
                    {
                        let class = Class { proprietary: true, channel, secured: false, chained: false };
                        let ins_p1_p2 = [0xE2, 0, 0];
                        let (form, sw) = (Form::Short, StatusWord::OK);
                        let turn = Turn { class, ins_p1_p2, form, data_len, ne, answer_len: data_len, sw, seed: 5 };
                        host = play(host, &mut card, &setup, &turn).unwrap();
                    }
                }
            }
        }
    }
}

/// The figures of scp.md, and one byte more.
#[test]
fn most_data_in_a_short_command() {
    let cases = [
        (Mode::S8, 0x00, 255),
        (Mode::S8, 0x01, 247),
        (Mode::S8, 0x11, 247),
        (Mode::S8, 0x03, 239),
        (Mode::S8, 0x33, 239),
        (Mode::S16, 0x01, 239),
        (Mode::S16, 0x03, 223),
        (Mode::S16, 0x33, 223),
    ];
    for (mode, level, most) in cases {
        let setup = Setup::new(mode, level);
        assert_eq!(setup.level.short_capacity(mode), most);
        let data = bytes(3, most + 1);
        let mut wire = Vec::new();
        let command =
            |len| Command { header: Header::new(0x80, 0xE2, 0, 0), data: &data[..len], ne: None, form: Form::Short };
        setup.open().0.wrap(&command(most), &mut wire).unwrap();
        let error = setup.open().0.wrap(&command(most + 1), &mut wire).unwrap_err();
        assert_eq!(error, ApduError::TooLong { len: most + 1, max: most }.into());
    }
}

/// The longest command and the longest answer that extended length can carry.
#[test]
fn most_data_in_an_extended_command() {
    for (mode, most) in [(Mode::S8, 65_535 - 8 - 7 - 1), (Mode::S16, 65_535 - 16 - 15 - 1)] {
        let setup = Setup::new(mode, 0x33);
        let (host, mut card) = setup.open();
        let data = bytes(4, most + 1);
        let command = |len| Command::new(Header::new(0x80, 0xE2, 0, 0), &data[..len], Some(Ne::EXTENDED_MAX));
        let mut wire = Vec::new();
        let sent = host.wrap(&command(most), &mut wire).unwrap();
        assert_eq!(card.unwrap(&mut wire).unwrap(), command(most));
        let answer_len = 65_536 - 16 - 1;
        let mut answer = bytes(5, answer_len);
        card.wrap(&mut answer, StatusWord::OK).unwrap();
        let (host, response) = sent.unwrap(&mut answer).unwrap();
        assert_eq!(response.data, bytes(5, answer_len));
        assert!(matches!(host.wrap(&command(most + 1), &mut wire), Err(ScpError::Apdu(_))));
    }
}

/// A long command, MACed once in extended form, sent as a chain of short ones and put together by the card.
#[test]
fn chained_after_wrapping() {
    let setup = Setup::new(Mode::S16, 0x33);
    let (host, mut card) = setup.open();
    let data = bytes(6, 1000);
    let command = Command::new(Header::new(0x80, 0xE2, 0x90, 7), &data, Some(Ne::SHORT_MAX));
    let mut wire = Vec::new();
    host.wrap(&command, &mut wire).unwrap();
    let wrapped = Command::parse(&wire).unwrap();
    let mut body = Vec::new();
    let mut last = wrapped.header;
    for piece in cardwright_proto::apdu::chain::split(&wrapped) {
        let piece = piece.encode().unwrap();
        let piece = Command::parse(&piece).unwrap();
        body.extend_from_slice(piece.data);
        last = piece.header;
    }
    let whole = Command { header: last, data: &body, ne: Some(Ne::SHORT_MAX), form: Form::Extended };
    assert_eq!(card.unwrap(&mut whole.encode().unwrap()).unwrap(), command);
}

/// 2^20 commands and not one more, on either side. Level 01 with empty commands is the fastest way there.
#[test]
fn command_cap() {
    let (mut host, mut card) = Setup::new(Mode::S8, 0x01).open();
    let command = Command::new(Header::new(0x80, 0xF2, 0, 0), &[], None);
    let mut wire = Vec::new();
    for _ in 0..1 << 20 {
        let sent = host.wrap(&command, &mut wire).unwrap();
        card.unwrap(&mut wire).unwrap();
        host = sent.unwrap(&mut [0x90, 0]).unwrap().0;
    }
    assert_eq!(card.unwrap(&mut wire).unwrap_err(), ScpError::Exhausted);
    assert_eq!(host.wrap(&command, &mut wire).unwrap_err(), ScpError::Exhausted);
}

/// A session opened on any logical channel: both commands name it, and neither MAC covers it.
#[test]
fn handshake_on_every_channel() {
    let setup = Setup::new(Mode::S8, 0x33);
    let (answer, _) = setup.hello();
    let first = setup.authenticating().0.command().encode().unwrap();
    for channel in 0..20 {
        let host = Scp03::start(setup.host_challenge(), KVN).on_channel(channel).unwrap();
        let class = |secured| Class { proprietary: true, channel, secured, chained: false }.byte();
        assert_eq!(host.command().header.cla, class(false));
        assert_eq!(host.command().data, setup.host_challenge().bytes());
        let need_keys = host.receive(Response { data: &answer, sw: StatusWord::OK }).unwrap();
        let host = need_keys.authenticate(setup.cipher(), setup.check(None), setup.level).unwrap();
        let sent = host.command().encode().unwrap();
        assert_eq!(sent[0], class(true));
        assert_eq!(sent[1..], first[1..]);
        let card = setup.authenticating().1.receive(&Command::parse(&sent).unwrap()).unwrap();
        assert_eq!(card.level(), setup.level);
    }
    let beyond = Scp03::start(setup.host_challenge(), KVN).on_channel(20);
    assert_eq!(beyond.unwrap_err(), ApduError::Channel(20));
}
