//! GlobalPlatform commands: their bytes, and the answers that they take and refuse.

use cardwright_proto::apdu::Response;
use cardwright_proto::gp::delete_key::DeleteKey;
use cardwright_proto::gp::external_authenticate::ExternalAuthenticate;
use cardwright_proto::gp::get_data::{Cplc, GetData, KeyInformation, Object, parse_key_information};
use cardwright_proto::gp::get_status::{Entry, GetStatus, Scope, Status};
use cardwright_proto::gp::initialize_update::InitializeUpdate;
use cardwright_proto::gp::key::{Kcv, KeySet, Kvn, KvnError};
use cardwright_proto::gp::put_key::{BlockForm, KeyBlock, PutKey, PutKeyEcho, ReceivedKey, parse_blocks};
use cardwright_proto::gp::select::Select;
use cardwright_proto::gp::set_status::{CardState, SetStatus};
use cardwright_proto::gp::store_data::{Dgi, DgiError, Dgis, StoreData, blocks};
use cardwright_proto::gp::{Command, GpError};
use cardwright_proto::scp::{ScpError, SecurityLevel, Token};
use cardwright_proto::status::StatusWord;
use cardwright_proto::tlv::TlvError;

fn coded(command: &impl Command) -> String {
    // What was in the buffer before must not come along.
    let mut data = vec![0xEE; 5];
    hex::encode(command.apdu(&mut data).encode().unwrap())
}

fn answer<C: Command>(command: &C, data: &str, sw: u16) -> Result<C::Response, GpError> {
    command.response(Response { data: &hex::decode(data).unwrap(), sw: StatusWord(sw) })
}

fn kvn(number: u8) -> Kvn {
    Kvn::target(number).unwrap()
}

#[test]
fn bytes_of_commands() {
    assert_eq!(coded(&Select { aid: &[] }), "00a4040000");
    assert_eq!(coded(&Select { aid: &[0xA0, 0, 0, 1, 0x51] }), "00a4040005a00000015100");
    assert_eq!(coded(&DeleteKey { kvn: kvn(0x30) }), "80e4000003d2013000");
    for (object, tag) in [
        (Object::Cplc, "9f7f"),
        (Object::Iin, "0042"),
        (Object::Cin, "0045"),
        (Object::Kdd, "00cf"),
        (Object::KeyInformation, "00e0"),
        (Object::CardData, "0066"),
    ] {
        assert_eq!(coded(&GetData { object }), format!("80ca{tag}00"));
    }
    for (scope, p1) in [(Scope::IssuerSecurityDomain, "80"), (Scope::Applications, "40"), (Scope::LoadFiles, "20")] {
        assert_eq!(coded(&GetStatus { scope, next: false }), format!("80f2{p1}02024f0000"));
        assert_eq!(coded(&GetStatus { scope, next: true }), format!("80f2{p1}03024f0000"));
    }
    let token = Token::new(&[7; 8]).unwrap();
    let mut authenticate = ExternalAuthenticate::new(SecurityLevel::FULL, &token);
    authenticate.set_mac(&Token::new(&[9; 8]).unwrap());
    let expected = format!("8482330010{}{}", "07".repeat(8), "09".repeat(8));
    assert_eq!(coded(&authenticate), expected);
    assert_eq!(hex::encode(authenticate.command().encode().unwrap()), expected);
}

#[test]
fn every_command_passes_a_refusal_on() {
    let sw = StatusWord(0x6A88);
    let refused = |command| Err(GpError::Refused { command, sw });
    assert_eq!(answer(&Select { aid: &[] }, "", sw.0).map(|_| ()), refused("SELECT"));
    assert_eq!(answer(&DeleteKey { kvn: kvn(1) }, "", sw.0), refused("DELETE KEY"));
    assert_eq!(answer(&GetData { object: Object::Iin }, "", sw.0).map(|_| ()), refused("GET DATA"));
    let list = GetStatus { scope: Scope::Applications, next: false };
    assert_eq!(answer(&list, "", sw.0).map(|_| ()), refused("GET STATUS"));
    assert_eq!(answer(&set(BlockForm::Bare, 16), "", sw.0).map(|_| ()), refused("PUT KEY"));
    assert_eq!(answer(&SetStatus { aid: &[], state: CardState::Secured }, "", sw.0), refused("SET STATUS"));
    assert_eq!(answer(&StoreData { last: true, number: 0, data: &[] }, "", sw.0), refused("STORE DATA"));
    let token = Token::new(&[7; 8]).unwrap();
    let authenticate = ExternalAuthenticate::new(SecurityLevel::NONE, &token);
    assert_eq!(answer(&authenticate, "", sw.0), refused("EXTERNAL AUTHENTICATE"));
    let initialize = InitializeUpdate { kvn: 0, challenge: token };
    assert_eq!(answer(&initialize, "", sw.0).map(|_| ()), Err(ScpError::InitializeRefused(sw).into()));
    let text = GpError::Refused { command: "PUT KEY", sw }.to_string();
    assert_eq!(text, "PUT KEY refused: 6A88 (referenced data not found)");
}

fn set(form: BlockForm, key_len: u8) -> PutKey {
    let block = |byte| {
        let ciphertext = vec![byte; usize::from(key_len).next_multiple_of(16)];
        KeyBlock::new(form, key_len, &ciphertext, Kcv([byte; 3]))
    };
    PutKey { replace: None, kvn: kvn(0x31), blocks: KeySet { enc: 1, mac: 2, dek: 3 }.map(block) }
}

#[test]
fn put_key_in_both_forms() {
    for (form, key_len, head) in [
        (BlockForm::WithLength, 16, "881110"),
        (BlockForm::WithLength, 24, "882118"),
        (BlockForm::WithLength, 32, "882120"),
        (BlockForm::Bare, 16, "8810"),
        (BlockForm::Bare, 24, "8820"),
        (BlockForm::Bare, 32, "8820"),
    ] {
        let padded = usize::from(key_len).next_multiple_of(16);
        let block = |byte: &str| format!("{head}{}03{}", byte.repeat(padded), byte.repeat(3));
        let body = format!("31{}{}{}", block("01"), block("02"), block("03"));
        let put = set(form, key_len);
        assert_eq!(coded(&put), format!("80d80081{:02x}{body}00", body.len() / 2));
        let replace = PutKey { replace: Some(kvn(0x30)), ..put };
        assert!(coded(&replace).starts_with("80d83081"));

        let raw = hex::decode(&body[2..]).unwrap();
        let keys = parse_blocks(&raw).unwrap();
        assert_eq!(keys.len(), 3);
        for (key, byte) in keys.iter().zip(1..) {
            let key_len = (form == BlockForm::WithLength).then_some(key_len);
            let ciphertext = &vec![byte; padded][..];
            assert_eq!(*key, ReceivedKey { key_len, ciphertext, kcv: Some(Kcv([byte; 3])) });
        }
        for cut in 1..raw.len() {
            assert_eq!(parse_blocks(&raw[..cut]).is_some(), cut.is_multiple_of(raw.len() / 3), "{cut}");
        }
    }
    assert_eq!(BlockForm::default(), BlockForm::WithLength);
    // No check value is allowed, another type or length is not.
    let ciphertext = "ab".repeat(16);
    let parse = |text: String| parse_blocks(&hex::decode(text).unwrap()).map(|keys| keys[0].kcv);
    assert_eq!(parse(format!("8810{ciphertext}00")), Some(None));
    for bad in [
        format!("8010{ciphertext}00"),
        format!("8810{ciphertext}02abab"),
        format!("8810{ciphertext}04abababab"),
        format!("880f{}00", &ciphertext[2..]),
        format!("8812{ciphertext}abab00"),
        "880000".into(),
    ] {
        assert_eq!(parse(bad.clone()), None, "{bad}");
    }
}

#[test]
fn put_key_echo() {
    let put = set(BlockForm::WithLength, 16);
    let expected = PutKeyEcho { kvn: 0x31, kcvs: KeySet { enc: Kcv([1; 3]), mac: Kcv([2; 3]), dek: Kcv([3; 3]) } };
    assert_eq!(put.expected(), expected);
    assert_eq!(answer(&put, "31010101020202030303", 0x9000), Ok(expected));
    assert_ne!(answer(&put, "31010101020202030304", 0x9000), Ok(expected));
    for short in ["", "31", "310101010202020303", "3101010102020203030300"] {
        assert!(matches!(answer(&put, short, 0x9000), Err(GpError::Malformed { command: "PUT KEY", .. })));
    }
}

#[test]
fn data_objects_without_their_wrapping() {
    let get = GetData { object: Object::Cplc };
    let value = "4790".to_owned() + &"00".repeat(8) + "0102030405060708" + &"00".repeat(24);
    let cplc = answer(&get, &format!("9f7f2a{value}"), 0x9000).unwrap();
    assert_eq!(hex::encode(&cplc), value);
    assert_eq!(hex::encode(Cplc::parse(&cplc).unwrap().chip()), "479000000102030405060708");
    for len in [0, 41, 43] {
        assert!(matches!(Cplc::parse(&vec![0; len]), Err(GpError::Malformed { .. })));
    }
    let missing = GpError::Tlv { command: "GET DATA", error: TlvError::Missing(0x9F7F) };
    assert_eq!(answer(&get, "4201aa", 0x9000), Err(missing));
}

#[test]
fn key_information() {
    let read = |text: &str| parse_key_information(&hex::decode(text).unwrap());
    let key = |id, kvn, kind, len| KeyInformation { id, kvn: Kvn::on_card(kvn).unwrap(), kind, len };
    let plain = read("c00401308810c00402308810c104aaaaaaaac00403ff8010").unwrap();
    assert_eq!(plain, [key(1, 0x30, 0x88, 16), key(2, 0x30, 0x88, 16), key(3, 0xFF, 0x80, 16)]);
    // The extended format: FF, type, length in two bytes, then what the key is for.
    assert_eq!(read("c00a0130ff88002001180104").unwrap(), [key(1, 0x30, 0x88, 32)]);
    for bad in ["c003013088", "c00401008810", "c00401808810", "c0040130ff88", "c0050130ff8800", "c004013088"] {
        assert!(read(bad).is_err(), "{bad}");
    }
    assert_eq!(read("").unwrap(), []);
}

#[test]
fn status_lists() {
    let list = GetStatus { scope: Scope::Applications, next: false };
    let entry = "e3104f05a0000000039f700107c503800000";
    let expected = Entry { aid: vec![0xA0, 0, 0, 0, 3], life_cycle: 7, privileges: vec![0x80, 0, 0] };
    let whole = answer(&list, entry, 0x9000).unwrap();
    assert_eq!(whole, Status { entries: vec![expected.clone()], more: false });
    let part = answer(&list, &format!("{entry}{entry}"), 0x6310).unwrap();
    assert_eq!(part, Status { entries: vec![expected.clone(), expected], more: true });
    assert_eq!(answer(&list, "", 0x9000).unwrap().entries, []);
    for bad in ["e3054f03a00000", "e3049f700107", "e3064f01aa9f7000", "e3ff"] {
        assert!(answer(&list, bad, 0x9000).is_err(), "{bad}");
    }
}

#[test]
fn selecting() {
    let select = Select { aid: &[] };
    let fci = "6f0a8405a000000003a501aa";
    for sw in [0x9000, 0x6283] {
        let selected = answer(&select, fci, sw).unwrap();
        assert_eq!(selected.aid, Some(vec![0xA0, 0, 0, 0, 3]));
        assert_eq!(hex::encode(selected.fci), fci);
    }
    assert_eq!(answer(&select, "", 0x9000).unwrap().aid, None);
}

#[test]
fn a_card_s_life_goes_on_step_by_step() {
    let aid = &[0xA0, 0, 0, 1, 0x51];
    assert_eq!(coded(&SetStatus { aid, state: CardState::Initialized }), "80f0800705a000000151");
    assert_eq!(coded(&SetStatus { aid, state: CardState::Secured }), "80f0800f05a000000151");
    assert_eq!(answer(&SetStatus { aid, state: CardState::Secured }, "", 0x9000), Ok(()));
    let (initialized, secured) = (CardState::Initialized, CardState::Secured);
    for state in 0..=u8::MAX {
        let ways = [initialized, secured].map(|to| to.way_from(state));
        let expected: [Option<&[CardState]>; 2] = match state {
            0x01 => [Some(&[initialized]), Some(&[initialized, secured])],
            0x07 => [Some(&[]), Some(&[secured])],
            0x0F => [None, Some(&[])],
            _ => [None, None],
        };
        assert_eq!(ways, expected, "{state:02X}");
    }
}

fn dgis(all: &[(u16, usize)]) -> Vec<u8> {
    let mut coded = Vec::new();
    for (tag, len) in all {
        Dgi { tag: *tag, value: &vec![tag.to_be_bytes()[1]; *len] }.encode_into(&mut coded).unwrap();
    }
    coded
}

#[test]
fn data_groupings() {
    assert_eq!(hex::encode(dgis(&[(0x0101, 2), (0x8201, 0)])), "0101020101820100");
    assert_eq!(hex::encode(&dgis(&[(0x0101, 254)])[..4]), "0101fe01");
    assert_eq!(hex::encode(&dgis(&[(0x0101, 255)])[..6]), "0101ff00ff01");
    assert_eq!(hex::encode(&dgis(&[(0x0101, Dgi::MAX)])[..6]), "0101fffffe01");
    for len in [Dgi::MAX + 1, Dgi::MAX + 2] {
        let mut out = vec![7];
        let error = Dgi { tag: 0x0101, value: &vec![0; len] }.encode_into(&mut out).unwrap_err();
        assert_eq!((error, out), (DgiError::TooLong { tag: 0x0101, len }, vec![7]));
    }
    for lens in [[0, 1], [254, 255], [256, 65_534]] {
        let coded = dgis(&[(0x0101, lens[0]), (0x9F02, lens[1])]);
        let read: Result<Vec<_>, _> = Dgis::new(&coded).collect();
        let read: Vec<_> = read.unwrap().iter().map(|dgi| (dgi.tag, dgi.value.len())).collect();
        assert_eq!(read, [(0x0101, lens[0]), (0x9F02, lens[1])]);
    }
    // A longer length than need be is read, as other hosts write it.
    assert_eq!(Dgis::new(&[1, 2, 0xFF, 0, 1, 9]).collect::<Vec<_>>(), [Ok(Dgi { tag: 0x0102, value: &[9] })]);
    let coded = dgis(&[(0x0101, 3), (0x0102, 300)]);
    for cut in 1..coded.len() {
        let read: Vec<_> = Dgis::new(&coded[..cut]).collect();
        let at = if cut < 6 { 0 } else { 6 };
        let whole = read.iter().filter(|dgi| dgi.is_ok()).count();
        match cut {
            6 => assert_eq!(whole, read.len()),
            _ => assert_eq!(read.last(), Some(&Err(DgiError::Malformed(at)))),
        }
        assert_eq!(whole, usize::from(cut >= 6));
    }
    assert_eq!(Dgis::new(&[1, 1, 0xFF, 0xFF, 0xFF]).collect::<Vec<_>>(), [Err(DgiError::Malformed(0))]);
    let secret = Dgi { tag: 0x8201, value: &[0xAB, 0xCD] };
    let shown = format!("{secret:?} {:?}", StoreData { last: true, number: 0, data: &[0xAB, 0xCD] });
    assert!(!shown.contains("171") && !shown.to_lowercase().contains("ab,"), "{shown}");
    assert!(shown.contains("len: 2"));
}

#[test]
fn store_data_in_blocks() {
    let one = |all: &[u8], max| -> Vec<String> { blocks(all, max).unwrap().map(|block| coded(&block)).collect() };
    assert_eq!(one(&dgis(&[(0x0101, 2)]), 5), ["80e28800050101020101"]);
    assert_eq!(one(&dgis(&[(0x0101, 2)]), 4), ["80e2080004".to_owned() + "01010201", "80e288010101".into()]);
    assert_eq!(one(&[], 5), [""; 0]);
    assert_eq!(answer(&StoreData { last: true, number: 0, data: &[] }, "", 0x9000), Ok(()));

    // Of 5, 5, 10 and 5 bytes: what fits a block stays whole, what does not has its blocks to itself.
    let all = dgis(&[(0x0101, 2), (0x0102, 2), (0x0103, 7), (0x0104, 2)]);
    let sizes = |max| -> Vec<usize> { blocks(&all, max).unwrap().map(|block| block.data.len()).collect() };
    assert_eq!(sizes(25), [25]);
    assert_eq!(sizes(24), [20, 5]);
    assert_eq!(sizes(14), [10, 10, 5]);
    assert_eq!(sizes(9), [5, 5, 9, 1, 5]);
    assert_eq!(sizes(4), [4, 1, 4, 1, 4, 4, 2, 4, 1]);
    for max in 1..30 {
        let all_blocks: Vec<_> = blocks(&all, max).unwrap().collect();
        assert_eq!(all_blocks.iter().map(|block| block.data).collect::<Vec<_>>().concat(), all);
        for (number, block) in all_blocks.iter().enumerate() {
            assert_eq!(usize::from(block.number), number);
            assert_eq!(block.last, number + 1 == all_blocks.len());
            assert!(!block.data.is_empty() && block.data.len() <= max);
            let mut data = Vec::new();
            assert_eq!(StoreData::from_command(&block.apdu(&mut data)), Some(*block));
        }
    }
    let long = dgis(&[(0x0101, 251)]);
    assert_eq!(blocks(&long, 1).unwrap().last().unwrap().number, 253);
    let long = dgis(&[(0x0101, 251), (0x0102, 0)]);
    assert_eq!(blocks(&long, 1).err(), Some(DgiError::TooManyBlocks(257)));
    assert_eq!(blocks(&long[..256], 1).err(), Some(DgiError::Malformed(254)));
    assert_eq!(blocks(&[], 0).err(), Some(DgiError::NoRoom));
    assert_eq!(blocks(&[1, 1, 5, 0], 9).err(), Some(DgiError::Malformed(0)));
    // Another format, or encrypted data.
    for p1 in [0x00, 0x80, 0x10, 0x90, 0x89, 0x28, 0x68, 0x48] {
        let command =
            cardwright_proto::apdu::Command::new(cardwright_proto::apdu::Header::new(0x80, 0xE2, p1, 0), &[], None);
        assert_eq!(StoreData::from_command(&command), None, "{p1:02X}");
    }
}

#[test]
fn key_version_numbers() {
    for number in 0..=u8::MAX {
        let good = matches!(number, 1..=0x7F);
        assert_eq!(Kvn::target(number).map(Kvn::byte), if good { Ok(number) } else { Err(KvnError(number)) });
        assert_eq!(Kvn::on_card(number).is_ok(), good || number == 0xFF);
    }
    assert_eq!(Kvn::on_card(0xFF), Ok(Kvn::INITIAL));
    assert_eq!((format!("{}", kvn(48)), format!("{:?}", kvn(5))), ("0x30".into(), "0x05".into()));
    assert_eq!(format!("{} {:?}", Kcv([0, 0xA, 0xFF]), Kcv([1, 2, 3])), "000AFF 010203");
}

#[test]
fn status_words() {
    for number in 0..=u16::MAX {
        let sw = StatusWord(number);
        let [sw1, sw2] = number.to_be_bytes();
        assert_eq!((sw.sw1(), sw.sw2(), StatusWord::from([sw1, sw2])), (sw1, sw2, sw));
        assert_eq!(sw.is_ok(), number == 0x9000);
        assert_eq!(sw.is_warning(), sw1 == 0x62 || sw1 == 0x63);
        assert_eq!(sw.carries_rmac(), number == 0x9000 || sw1 == 0x62 || sw1 == 0x63);
        assert_eq!(sw.ends_session(), [0x6982, 0x6987, 0x6988].contains(&number));
    }
    let meaning = |sw| StatusWord(sw).meaning();
    assert_eq!(meaning(0x6A88), Some("referenced data not found"));
    assert_eq!(meaning(0x6A89), Some("wrong parameters"));
    assert_eq!(meaning(0x63C2), Some("warning: tries left in the last digit"));
    assert_eq!(meaning(0x6301), Some("warning: memory changed"));
    assert_eq!(meaning(0x9F00), None);
    assert_eq!(format!("{} {:?}", StatusWord(0x6A88), StatusWord::OK), "6A88 StatusWord(9000)");
}
