//! The custodian applet's commands: their bytes, and the answers that they take and refuse; share objects.

use cardwright_proto::apdu::Response;
use cardwright_proto::custody::change_pin::{self, ChangePin};
use cardwright_proto::custody::fci::Fci;
use cardwright_proto::custody::get_state::{GetState, State};
use cardwright_proto::custody::read_share::{Blocks, ReadShare};
use cardwright_proto::custody::share::{Commitments, KeyType, MAX_LEN, Scheme, ShareError, ShareInfo, ShareObject};
use cardwright_proto::custody::store_share::{StoreShare, blocks};
use cardwright_proto::custody::verify::Verify;
use cardwright_proto::custody::wipe::{Extent, Wipe};
use cardwright_proto::custody::{AID, Mode, Pin, PinError, PinRefused};
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::gp::{Command, GpError};
use cardwright_proto::status::StatusWord;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use zeroize::Zeroizing;

fn coded(command: &impl Command) -> String {
    // What was in the buffer before must not come along.
    let mut data = vec![0xEE; 5];
    hex::encode(command.apdu(&mut data).encode().unwrap())
}

fn answer<C: Command>(command: &C, data: &str, sw: u16) -> Result<C::Response, GpError> {
    command.response(Response { data: &hex::decode(data).unwrap(), sw: StatusWord(sw) })
}

fn pin(digits: &str) -> Pin {
    Pin::new(digits.as_bytes()).unwrap()
}

const INFO: ShareInfo = ShareInfo {
    scheme: Scheme::Shamir,
    set: [0x5E; 16],
    ceremony: [0xCE; 16],
    generation: 1,
    x: 2,
    m: 2,
    n: 3,
    key_type: KeyType::Aes,
    key_length: 16,
    usage: 7,
    kcv: Kcv([1, 2, 3]),
    statement: None,
};

/// INFO's objects, written by hand from the table.
const INFO_HEX: &str = "800101 810101 82105e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e 8310cececececececececececececececece \
    840400000001 850102 860102 870103 880188 890110 8a0107 8b03010203";

fn info_hex() -> String {
    INFO_HEX.replace(' ', "")
}

fn share(info: ShareInfo) -> ShareObject {
    ShareObject::new(info, Zeroizing::new(vec![0x99; usize::from(info.key_length)]), None).unwrap()
}

#[test]
fn bytes_of_commands() {
    let (old, new) = (pin("1234"), pin("567890"));
    assert_eq!(coded(&Verify { pin: &old }), "002000000431323334");
    assert_eq!(coded(&ChangePin { old: None, new: &old }), "802401000431323334");
    assert_eq!(coded(&ChangePin { old: Some(&old), new: &new }), "802400000b0431323334353637383930");
    let block = |number, last| StoreShare { mode: Mode::Blind, number, last, block: &[0xAA] };
    assert_eq!(coded(&block(3, false)), "8030020301aa");
    assert_eq!(coded(&block(3, true)), "8030820301aa");
    assert_eq!(coded(&StoreShare { mode: Mode::Host, number: 0, last: true, block: &[1] }), "803081000101");
    assert_eq!(coded(&ReadShare { number: 1 }), "8032000100");
    assert_eq!(coded(&Wipe { extent: Extent::Share }), "80340000");
    assert_eq!(coded(&Wipe { extent: Extent::All }), "80340100");
    assert_eq!(coded(&GetState), "8036000000");
}

#[test]
fn the_card_reads_a_change_back() {
    let (old, new) = (pin("1234"), pin("567890123456"));
    let mut data = Vec::new();
    ChangePin { old: Some(&old), new: &new }.apdu(&mut data);
    assert_eq!(change_pin::split(&data), Some((&b"1234"[..], &b"567890123456"[..])));
    assert_eq!(change_pin::split(&[]), None);
    assert_eq!(change_pin::split(&[5, 1, 2, 3, 4]), None);
}

#[test]
fn pins() {
    for (digits, expected) in [
        ("123", Err(PinError::Length)),
        ("1234", Ok(())),
        ("123456789012", Ok(())),
        ("1234567890123", Err(PinError::Length)),
        ("12a4", Err(PinError::NotADigit)),
        ("12 4", Err(PinError::NotADigit)),
        ("", Err(PinError::Length)),
    ] {
        assert_eq!(Pin::new(digits.as_bytes()).map(|pin| assert_eq!(pin.expose(), digits.as_bytes())), expected);
    }
    assert_eq!(format!("{:?}", pin("8642")), "Pin(..)");
    assert!(pin("8642") == pin("8642"));
    for other in ["8643", "7642", "86420", "864200"] {
        assert!(pin("8642") != pin(other) && pin(other) != pin("8642"), "{other}");
    }
}

#[test]
fn a_refused_pin_has_a_type() {
    let pin = pin("1234");
    let refused = |sw| answer(&Verify { pin: &pin }, "", sw).unwrap_err();
    let command = "VERIFY";
    assert_eq!(refused(0x63C2), GpError::Pin { command, refused: PinRefused::Wrong { left: 2 } });
    assert_eq!(refused(0x63C0), GpError::Pin { command, refused: PinRefused::WrongAndBlocked });
    assert_eq!(refused(0x6983), GpError::Pin { command, refused: PinRefused::Blocked });
    assert_eq!(refused(0x6985), GpError::Refused { command, sw: StatusWord(0x6985) });
    assert_eq!(refused(0x6300), GpError::Refused { command, sw: StatusWord(0x6300) });
    assert_eq!(refused(0x63C1).to_string(), "VERIFY: the PIN is wrong, 1 try is left");
    assert_eq!(refused(0x63C0).to_string(), "VERIFY: the PIN is wrong, and is blocked now: that share is lost");
    assert_eq!(refused(0x6983).to_string(), "VERIFY: the card says that the PIN is blocked");
    let change = ChangePin { old: Some(&pin), new: &pin };
    let wrong = GpError::Pin { command: "CHANGE PIN", refused: PinRefused::Wrong { left: 1 } };
    assert_eq!(answer(&change, "", 0x63C1), Err(wrong));
    assert_eq!(answer(&change, "", 0x9000), Ok(()));
    for sw in [0x6982, 0x63C1, 0x6A84] {
        let sw = StatusWord(sw);
        assert_eq!(answer(&GetState, "", sw.0), Err(GpError::Refused { command: "GET STATE", sw }));
        assert_eq!(answer(&Wipe { extent: Extent::All }, "", sw.0), Err(GpError::Refused { command: "WIPE", sw }));
        let refused = answer(&ReadShare { number: 0 }, "", sw.0);
        assert_eq!(refused.unwrap_err(), GpError::Refused { command: "READ SHARE", sw });
    }
}

#[test]
fn what_select_answers() {
    let bytes = hex::decode("6f1c8407f043574355535 4a511800201008101078208 0102030405060708".replace(' ', "")).unwrap();
    let fci = Fci { version: [1, 0], life_cycle: 7, identity: [1, 2, 3, 4, 5, 6, 7, 8] };
    assert_eq!(Fci::parse(&bytes), Ok(fci));
    let mut again = Vec::new();
    fci.encode_into(&mut again).unwrap();
    assert_eq!(again, bytes);
    for len in 0..bytes.len() {
        assert!(Fci::parse(&bytes[..len]).is_err(), "{len}");
    }
    for life_cycle in [0x00, 0x03, 0x0E, 0x87, 0x8F] {
        let mut locked = bytes.clone();
        locked[19] = life_cycle;
        assert!(matches!(Fci::parse(&locked), Err(GpError::Malformed { command: "SELECT", .. })), "{life_cycle:02X}");
    }
    let mut other = bytes;
    other[4 + AID.len() - 1] ^= 1;
    assert!(matches!(Fci::parse(&other), Err(GpError::Malformed { command: "SELECT", .. })));
}

#[test]
fn states() {
    let empty = "e117 80020100 810107 82080102030405060708 830103 840100".replace(' ', "");
    let card = Fci { version: [1, 0], life_cycle: 7, identity: [1, 2, 3, 4, 5, 6, 7, 8] };
    let state = State { card, tries: 3, share: None };
    assert_eq!(answer(&GetState, &empty, 0x9000), Ok(state));
    let full = format!("e160 80020100 81010f 82080102030405060708 830101 840102 e047{}", info_hex()).replace(' ', "");
    let card = Fci { life_cycle: 0x0F, ..card };
    let state = State { card, tries: 1, share: Some((Mode::Blind, INFO)) };
    assert_eq!(answer(&GetState, &full, 0x9000), Ok(state));
    let mut again = Vec::new();
    state.encode_into(&mut again).unwrap();
    assert_eq!(hex::encode(again), full);
    // Four tries, a third mode, a share that is announced and not there, or there and not announced, a locked applet.
    for (from, to) in [
        ("830101", "830104"),
        ("840102", "840103"),
        ("e047", "e147"),
        ("870103", "870101"),
        ("840102", "840100"),
        ("81010f", "81018f"),
    ] {
        assert!(full.contains(from), "{from}");
        assert!(answer(&GetState, &full.replace(from, to), 0x9000).is_err(), "{to}");
    }
}

#[test]
fn the_table_of_a_share() {
    let plain = format!("e059{}8c10{}", info_hex(), "99".repeat(16));
    assert_eq!(hex::encode(share(INFO).encode()), plain);
    let parsed = |text: &str| ShareObject::parse(&hex::decode(text).unwrap());
    assert_eq!(parsed(&plain), Ok(share(INFO)));
    let hashes = "c1".repeat(32) + &"c2".repeat(32) + &"c3".repeat(32);
    let committed = format!("e081cd{}8c10{}8d10{}8e60{hashes}", info_hex(), "99".repeat(16), "5a".repeat(16));
    let full = parsed(&committed).unwrap();
    assert_eq!(full.commitments().unwrap().hashes, [[0xC1; 32], [0xC2; 32], [0xC3; 32]]);
    assert_eq!((full.info(), full.value()), (&INFO, &[0x99; 16][..]));
    assert_eq!(hex::encode(full.encode()), committed);
    for (wrong, from, to) in [
        ("version", "e059800101", "e059800102"),
        ("scheme", "810101", "810103"),
        ("XOR wants all", "810101", "810102"),
        ("generation", "840400000001", "840400000000"),
        ("x = 0", "850102", "850100"),
        ("x > n", "850102", "850104"),
        ("m = 1", "860102", "860101"),
        ("m > n", "860102", "860104"),
        ("n > 16", "870103", "870111"),
        ("key type", "880188", "880181"),
        ("key length", "890110", "890111"),
        ("another than the value's", "890110", "890118"),
        ("order", "850102860102", "860102850102"),
        ("a long length", "e059", "e08159"),
        ("a tag", "8a01", "8f01"),
        ("the template", "e059", "e159"),
    ] {
        let text = plain.replacen(from, to, 1);
        assert_ne!(text, plain, "{wrong}");
        assert!(parsed(&text).is_err(), "{wrong}: {text}");
    }
    assert!(parsed(&format!("{plain}00")).is_err(), "something behind it");
    let salt_alone = format!("e06b{}8c10{}8d10{}", info_hex(), "99".repeat(16), "5a".repeat(16));
    assert_eq!(parsed(&salt_alone), Err(ShareError::Coding));
    let alone = format!("e081bb{}8c10{}8e60{hashes}", info_hex(), "99".repeat(16));
    assert_eq!(parsed(&alone), Err(ShareError::Coding));
    let two = format!("e081ad{}8c10{}8d10{}8e40{}", info_hex(), "99".repeat(16), "5a".repeat(16), &hashes[..128]);
    assert!(matches!(parsed(&two), Err(ShareError::Value(_))), "two commitments for three shares");
}

#[test]
fn bounds() {
    share(ShareInfo { n: 16, m: 16, x: 16, ..INFO });
    share(ShareInfo { scheme: Scheme::Xor, n: 3, m: 3, ..INFO });
    share(ShareInfo { key_length: 24, key_type: KeyType::TripleDes, generation: u32::MAX, ..INFO });
    share(ShareInfo { key_length: 32, ..INFO });
    let long = ShareInfo { key_length: 32, key_type: KeyType::TripleDes, ..INFO };
    let error = ShareObject::new(long, Zeroizing::new(vec![0; 32]), None).unwrap_err();
    assert_eq!(error, ShareError::Value("a 3DES key has 16 or 24 bytes"));
    let refused = |info| ShareObject::new(info, Zeroizing::new(vec![0; 16]), None).is_err();
    assert!(refused(ShareInfo { n: 17, ..INFO }) && refused(ShareInfo { n: 1, m: 1, x: 1, ..INFO }));
    assert!(refused(ShareInfo { key_length: 24, ..INFO }), "a value of 16 bytes");
    let commitments = |n: usize| Some(Commitments { salt: Zeroizing::new([0; 16]), hashes: vec![[0; 32]; n] });
    let ten = ShareInfo { n: 10, key_length: 32, ..INFO };
    let largest = ShareObject::new(ten, Zeroizing::new(vec![0; 32]), commitments(10)).unwrap();
    assert_eq!(largest.encode().len(), 451);
    assert!(ShareObject::parse(&[0xE0; MAX_LEN + 1]) == Err(ShareError::TooLong));
    let eleven = ShareInfo { n: 11, ..INFO };
    assert!(ShareObject::new(eleven, Zeroizing::new(vec![0; 16]), commitments(11)).is_err());
}

/// Version 02: what STORE BOX makes of a dealt share.
#[test]
fn a_dealt_share() {
    let parsed = |text: &str| ShareObject::parse(&hex::decode(text).unwrap());
    let start = info_hex().replacen("800101", "800102", 1);
    let (value, hash) = (format!("8c10{}", "99".repeat(16)), format!("8f20{}", "8f".repeat(32)));
    let commitments = format!("8d10{}8e60{}", "5a".repeat(16), "c1".repeat(96));
    let coded = format!("e081ef{start}{value}{commitments}{hash}");
    let share = parsed(&coded).unwrap();
    assert_eq!(
        (share.info(), hex::encode(share.encode())),
        (&ShareInfo { statement: Some([0x8F; 32]), ..INFO }, coded)
    );
    let first = info_hex();
    for wrong in [
        format!("e059{start}{value}"),
        format!("e07b{start}{value}{hash}"),
        format!("e081cd{start}{value}{commitments}"),
        format!("e081ef{first}{value}{commitments}{hash}"),
        format!("e081ef{start}{value}{hash}{commitments}"),
        format!("e081ef{start}{hash}{value}{commitments}"),
        format!("e08200ef{start}{value}{commitments}{hash}"),
    ] {
        assert!(parsed(&wrong).is_err(), "{wrong}");
    }
    assert!(ShareObject::new(*share.info(), Zeroizing::new(vec![0x99; 16]), None).is_err(), "without commitments");
    // GET STATE tells the statement's hash.
    let card = Fci { version: [2, 0], life_cycle: 0x0F, identity: [1; 8] };
    let state = State { card, tries: 3, share: Some((Mode::Blind, *share.info())) };
    let mut told = Vec::new();
    state.encode_into(&mut told).unwrap();
    assert!(hex::encode(&told).ends_with(&format!("e069{start}{hash}")));
    assert_eq!(answer(&GetState, &hex::encode(&told), 0x9000), Ok(state));
    let ten = ShareInfo { n: 10, key_length: 32, ..*share.info() };
    let commitments = Commitments { salt: Zeroizing::new([0; 16]), hashes: vec![[0; 32]; 10] };
    let largest = ShareObject::new(ten, Zeroizing::new(vec![0; 32]), Some(commitments)).unwrap();
    assert_eq!(largest.encode().len(), 485);
}

#[test]
fn equal_means_all_of_it() {
    let commitments = || Commitments { salt: Zeroizing::new([0xB7; 16]), hashes: vec![[3; 32]; 3] };
    let make = |info, value, commitments| ShareObject::new(info, Zeroizing::new(vec![value; 16]), commitments).unwrap();
    let one = make(INFO, 1, Some(commitments()));
    assert!(one == one.clone());
    assert!(one != make(INFO, 2, Some(commitments())));
    assert!(one != make(ShareInfo { x: 1, ..INFO }, 1, Some(commitments())));
    assert!(one != make(INFO, 1, None));
    let (mut salt, mut hash) = (commitments(), commitments());
    salt.salt[15] ^= 1;
    hash.hashes[2][31] ^= 1;
    assert!(one != make(INFO, 1, Some(salt)) && one != make(INFO, 1, Some(hash)));
}

#[test]
fn nothing_secret_is_shown() {
    let commitments = Commitments { salt: Zeroizing::new([0xB7; 16]), hashes: vec![[3; 32]; 3] };
    let share = ShareObject::new(INFO, Zeroizing::new(vec![0xA6; 16]), Some(commitments)).unwrap();
    let object = share.encode();
    let mut blocks_back = Blocks::default();
    blocks_back.receive(&object[..192]).unwrap();
    let store = blocks(&object, Mode::Host, 255).next().unwrap();
    let shown = format!("{share:?} {:?} {blocks_back:?} {store:?}", share.commitments());
    for secret in ["166, 166", "183, 183", "a6a6", "b7b7"] {
        assert!(!shown.to_lowercase().contains(secret), "{shown}");
    }
}

#[test]
fn blocks_that_are_no_share() {
    let object = share(INFO).encode();
    assert!(Blocks::default().receive(&[]).is_err());
    assert!(Blocks::default().receive(&object[1..]).is_err());
    assert!(Blocks::default().receive(&object[..50]).is_err(), "a short block in the middle");
    assert!(Blocks::default().receive(&[&object[..], &[0]].concat()).is_err());
    let mut endless = Blocks::default();
    assert!(endless.receive(&[&[0xE0, 0x82, 0xFF, 0xFF][..], &[0; 188]].concat()).is_err());
    assert!(answer(&ReadShare { number: 0 }, "", 0x9000).is_err(), "an empty block");
    assert!(answer(&ReadShare { number: 0 }, &"00".repeat(193), 0x9000).is_err(), "a long block");
}

fn shares() -> impl Strategy<Value = ShareObject> {
    let header = (any::<[u8; 16]>(), any::<[u8; 16]>(), 1..=u32::MAX, any::<bool>(), any::<bool>(), any::<u8>());
    let counts = prop_oneof![2..=10u8, 2..=16u8].prop_flat_map(|n| (2..=n, 1..=n, proptest::strategy::Just(n)));
    let value = prop_oneof![vec(any::<u8>(), 16), vec(any::<u8>(), 24), vec(any::<u8>(), 32)];
    let salt = proptest::option::of(any::<[u8; 16]>());
    (header, counts, value, salt, any::<[u8; 3]>()).prop_map(|(header, (m, x, n), value, salt, kcv)| {
        let (set, ceremony, generation, xor, aes, usage) = header;
        let key_length = u8::try_from(value.len()).unwrap();
        let (scheme, m) = if xor { (Scheme::Xor, n) } else { (Scheme::Shamir, m) };
        let key_type = if aes || key_length == 32 { KeyType::Aes } else { KeyType::TripleDes };
        let kcv = Kcv(kcv);
        let statement = salt.filter(|_| n <= 10 && usage % 2 == 0).map(|salt| [salt[0]; 32]);
        let info =
            ShareInfo { scheme, set, ceremony, generation, x, m, n, key_type, key_length, usage, kcv, statement };
        let commitments = salt.filter(|_| n <= 10).map(|salt| {
            let hashes = (0..n).map(|i| [i ^ usage; 32]).collect();
            Commitments { salt: Zeroizing::new(salt), hashes }
        });
        ShareObject::new(info, Zeroizing::new(value), commitments).unwrap()
    })
}

/// Refused, or the only coding of what was read.
fn canonical(bytes: &[u8]) -> bool {
    ShareObject::parse(bytes).is_ok_and(|share| {
        assert_eq!(share.encode().as_slice(), bytes);
        true
    })
}

proptest! {
    #[test]
    fn what_is_coded_is_read_back(share in shares()) {
        let bytes = share.encode();
        prop_assert!(bytes.len() <= MAX_LEN);
        prop_assert_eq!(ShareObject::parse(&bytes), Ok(share));
    }

    #[test]
    fn every_truncation_is_refused(share in shares()) {
        let bytes = share.encode();
        for len in 0..bytes.len() {
            prop_assert!(ShareObject::parse(&bytes[..len]).is_err(), "{}", len);
        }
    }

    #[test]
    fn every_changed_bit_is_refused_or_canonical(share in shares()) {
        let mut bytes = share.encode();
        let mut taken = 0;
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            taken += usize::from(canonical(&bytes));
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        // Set, ceremony, check value and the share's value are anything.
        prop_assert!(taken >= 8 * (16 + 16 + 3 + share.value().len()), "{}", taken);
    }

    #[test]
    fn blocks_of_any_size_are_the_object(share in shares(), max: u8) {
        let object = share.encode();
        let cut: Vec<_> = blocks(&object, Mode::Host, max).collect();
        prop_assert_eq!(cut.iter().flat_map(|block| block.block).copied().collect::<Vec<_>>(), object.to_vec());
        for (number, block) in cut.iter().enumerate() {
            prop_assert_eq!(usize::from(block.number), number);
            prop_assert_eq!(block.last, number + 1 == cut.len());
            prop_assert!(!block.block.is_empty() && block.block.len() <= usize::from(max.max(2)));
        }
    }

    #[test]
    fn blocks_come_back_together(share in shares()) {
        let object = share.encode();
        let mut reading = Blocks::default();
        let mut read = None;
        for (number, block) in object.chunks(192).enumerate() {
            prop_assert!(read.is_none());
            prop_assert_eq!(usize::from(reading.next().number), number);
            read = reading.receive(block).unwrap();
        }
        prop_assert_eq!(read, Some(share));
    }
}
