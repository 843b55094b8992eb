//! Commands, responses, chaining, and the 61xx and 6Cxx rules.

use super::pair::bytes;
use cardwright_proto::apdu::chain::split;
use cardwright_proto::apdu::exchange::{Exchange, Step};
use cardwright_proto::apdu::{ApduError, Command, Form, Header, Ne, Response};
use cardwright_proto::status::StatusWord;
use proptest::prelude::*;

const HEADER: Header = Header::new(0x80, 0xCA, 0x9F, 0x7F);

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(1), 1..=255usize, Just(256), 257..=2000usize, Just(65_535)]
}

fn expected_lengths() -> impl Strategy<Value = Option<Ne>> {
    prop_oneof![
        Just(None),
        any::<u8>().prop_map(|le| Some(Ne::from_short(le))),
        any::<u16>().prop_map(|le| Some(Ne::from_extended(le))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn encode_then_parse(header: [u8; 4], len in lengths(), ne in expected_lengths(), extended: bool) {
        let [cla, ins, p1, p2] = header;
        let data = bytes(len as u64, len);
        let shortest = Command::new(Header::new(cla, ins, p1, p2), &data, ne);
        let fits_short = len <= 255 && ne.is_none_or(|ne| ne.get() <= 256);
        prop_assert_eq!(shortest.form, if fits_short { Form::Short } else { Form::Extended });
        let command = if extended && (len > 0 || ne.is_some()) { Command { form: Form::Extended, ..shortest } } else { shortest };
        let coded = command.encode().unwrap();
        prop_assert_eq!(Command::parse(&coded).unwrap(), command);
        let mut appended = vec![0xEE];
        command.encode_into(&mut appended).unwrap();
        prop_assert_eq!(&appended[1..], &coded[..]);
        let too_short = Command { form: Form::Short, ..command };
        prop_assert_eq!(too_short.encode().is_ok(), fits_short);
    }

    #[test]
    fn parse_then_encode(raw in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(command) = Command::parse(&raw) {
            prop_assert_eq!(command.encode().unwrap(), raw);
        }
    }

    #[test]
    fn split_and_put_together(header: [u8; 4], len in lengths(), ne in expected_lengths()) {
        let header = Header { cla: header[0] & !0x10, ins: header[1], p1: header[2], p2: header[3] };
        let data = bytes(len as u64, len);
        let pieces: Vec<_> = split(&Command::new(header, &data, ne)).collect();
        prop_assert_eq!(pieces.len(), len.div_ceil(255).max(1));
        let (last, before) = pieces.split_last().unwrap();
        for piece in before {
            prop_assert_eq!(piece.header, Header { cla: header.cla | 0x10, ..header });
            prop_assert_eq!((piece.data.len(), piece.ne, piece.form), (255, None, Form::Short));
        }
        prop_assert_eq!((last.header, last.form), (header, Form::Short));
        prop_assert_eq!(last.ne, ne.map(|ne| if ne.get() > 256 { Ne::SHORT_MAX } else { ne }));
        prop_assert!(last.encode().is_ok());
        prop_assert_eq!(pieces.iter().flat_map(|piece| piece.data).copied().collect::<Vec<_>>(), data);
    }
}

/// The seven cases, byte for byte.
#[test]
fn cases() {
    let body = [0xAB; 3];
    let cases: [(&[u8], Option<Ne>, Form, &str); 7] = [
        (&[], None, Form::Short, ""),
        (&[], Some(Ne::SHORT_MAX), Form::Short, "00"),
        (&body, None, Form::Short, "03ababab"),
        (&body, Some(Ne::from_short(5)), Form::Short, "03ababab05"),
        (&[], Some(Ne::EXTENDED_MAX), Form::Extended, "000000"),
        (&body, None, Form::Extended, "000003ababab"),
        (&body, Some(Ne::from_extended(0x1234)), Form::Extended, "000003ababab1234"),
    ];
    for (data, ne, form, rest) in cases {
        let command = Command { header: HEADER, data, ne, form };
        let expected = [HEADER.bytes().to_vec(), hex::decode(rest).unwrap()].concat();
        assert_eq!(command.encode().unwrap(), expected);
        assert_eq!(Command::parse(&expected).unwrap(), command);
        assert_eq!(command.capacity(), if form == Form::Short { 255 } else { 65_535 });
    }
}

#[test]
fn malformed_commands() {
    for len in 0..4 {
        assert_eq!(Command::parse(&[0; 3][..len.min(3)]), Err(ApduError::NoHeader(len.min(3))));
    }
    let bad = [
        "00 05",
        "0001",
        "02ab",
        "01abcdef",
        "000001",
        "000000aa",
        "0000000001",
        "000002ab",
        "000001ab00",
        "000001abcdefff",
    ];
    for rest in bad {
        let raw = [HEADER.bytes().to_vec(), hex::decode(rest.replace(' ', "")).unwrap()].concat();
        let got = Command::parse(&raw);
        if rest == "000001" {
            assert_eq!(got.unwrap().ne, Some(Ne::from_extended(1)), "case 2 extended");
        } else {
            assert_eq!(got, Err(ApduError::Lengths(raw.len())), "{rest}");
        }
    }
    let long = Command { header: HEADER, data: &[0; 65_536], ne: None, form: Form::Extended };
    assert_eq!(long.encode(), Err(ApduError::TooLong { len: 65_536, max: 65_535 }));
    let asks_for_more = Command { header: HEADER, data: &[], ne: Some(Ne::from_extended(257)), form: Form::Short };
    assert_eq!(asks_for_more.encode(), Err(ApduError::TooLong { len: 0, max: 255 }));
}

#[test]
fn response_lengths() {
    for len in [0, 1] {
        assert_eq!(Response::parse(&[0x90; 2][..len]), Err(ApduError::NoStatusWord(len)));
    }
    let raw = [vec![7; 65_537], vec![0x62, 0x83]].concat();
    for len in [2, 3, 258, 65_538] {
        let got = Response::parse(&raw[raw.len() - len..]).unwrap();
        assert_eq!((got.data, got.sw), (&vec![7; len - 2][..], StatusWord(0x6283)));
    }
    assert_eq!(Response::parse(&raw), Err(ApduError::ResponseTooLong));
}

/// Plays a card that gives these answers, and returns what the host does.
fn play(ne: Option<Ne>, cla: u8, answers: &[&[u8]]) -> (Vec<Result<Step, ApduError>>, Vec<u8>) {
    let command = Command { header: Header { cla, ..HEADER }, ..Command::new(HEADER, &[], ne) };
    let mut exchange = Exchange::new(&command);
    let mut data = Vec::new();
    let steps = answers.iter().map(|raw| exchange.receive(raw, &mut data)).collect();
    (steps, data)
}

#[test]
fn fetching_and_correcting() {
    let get_response = |cla| Header::new(cla, 0xC0, 0, 0);
    let (done, le) = (Ok(Step::Done(StatusWord::OK)), Some(Ne::SHORT_MAX));
    let (steps, data) = play(le, 0x80, &[&[1, 2, 0x61, 3], &[3, 0x61, 0], &[4, 5, 0x90, 0]]);
    let fetch = |cla, ne| Ok(Step::Fetch(get_response(cla), Ne::from_short(ne)));
    assert_eq!(steps, [fetch(0, 3), fetch(0, 0), done]);
    assert_eq!(data, [1, 2, 3, 4, 5]);
    // On the command's channel, without its secure messaging.
    for (cla, expected) in [(0x00, 0x00), (0x83, 0x03), (0x84, 0x00), (0xC0, 0x40), (0xEF, 0x4F), (0x91, 0x01)] {
        assert_eq!(play(le, cla, &[&[0x61, 1]]).0, [fetch(expected, 1)]);
    }
    let again = Ok(Step::Again(Ne::from_short(0x10)));
    let wrong_le: &[u8] = &[0x6C, 0x10];
    assert_eq!(play(le, 0, &[wrong_le, &[0x90, 0]]).0, [again, done]);
    // Not a second time, and not where there was no Le to correct.
    let refused = Ok(Step::Done(StatusWord(0x6C10)));
    assert_eq!(play(le, 0, &[wrong_le, wrong_le]).0, [again, refused]);
    assert_eq!(play(None, 0, &[wrong_le]).0, [refused]);
    // Each GET RESPONSE may be corrected once.
    let more: &[u8] = &[0x61, 0x20];
    let (steps, _) = play(None, 0, &[more, wrong_le, more, wrong_le, wrong_le]);
    assert_eq!(steps, [fetch(0, 0x20), fetch(0, 0x10), fetch(0, 0x20), fetch(0, 0x10), refused]);
    for len in [0, 1] {
        assert_eq!(play(le, 0, &[&[0x90; 2][..len]]).0, [Err(ApduError::NoStatusWord(len))]);
    }
    // Classes of other standards fetch under themselves.
    for cla in [0xA0, 0xFF] {
        let mut exchange = Exchange::new(&Command::new(Header { cla, ..HEADER }, &[], None));
        let fetched = Step::Fetch(Header::new(cla, 0xC0, 0, 0), Ne::from_short(0x20));
        assert_eq!(exchange.receive(more, &mut Vec::new()), Ok(fetched));
    }
}

#[test]
fn endless_answers_end() {
    let endless = |raw: &[u8]| {
        let mut exchange = Exchange::new(&Command::new(HEADER, &[], Some(Ne::SHORT_MAX)));
        let mut data = Vec::new();
        for round in 0u32.. {
            match exchange.receive(raw, &mut data) {
                Ok(Step::Done(sw)) => return (round, Ok(sw)),
                Ok(_) => assert!(round < 10_000),
                Err(error) => return (round, Err(error)),
            }
        }
        unreachable!()
    };
    assert_eq!(endless(&[0x61, 0]), (512, Err(ApduError::EndlessRounds(StatusWord(0x6100)))));
    assert_eq!(endless(&[0x6C, 1]), (1, Ok(StatusWord(0x6C01))));
    let full = [&[0; 256][..], &[0x61, 0]].concat();
    assert_eq!(endless(&full), (256, Err(ApduError::ResponseTooLong)));
    // 61xx and 6Cxx in turns.
    let mut exchange = Exchange::new(&Command::new(HEADER, &[], Some(Ne::SHORT_MAX)));
    let mut turns = [[0x61, 1], [0x6C, 1]].iter().cycle().take(10_000);
    let end = turns.find_map(|raw| exchange.receive(raw, &mut Vec::new()).err());
    assert_eq!(end, Some(ApduError::EndlessRounds(StatusWord(0x6101))));
}
