//! The custodian applet, clause by clause of `docs/protocol/custody.md`.

mod pin;
mod share;
mod tears;

use super::host::{CUSTODIAN, Failure, Host, Keys, Session, level};
use cardwright_link::virtual_card::SmartCard;
use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::custody::get_state::{GetState, State};
use cardwright_proto::custody::share::{Commitments, KeyType, Scheme, ShareInfo, ShareObject};
use cardwright_proto::gp::Command as _;
use cardwright_proto::gp::key::Kcv;
use cardwright_proto::scp::Mode;
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

const PIN: &[u8] = b"8642";

/// A new card with the applet selected.
fn fresh() -> Host {
    let mut host = Host::new("");
    host.select(CUSTODIAN);
    host
}

/// A session of this level over the applet.
fn open(host: &mut Host, at: u8) -> Session {
    host.open(&Keys::test(16), 0, Mode::S8, level(at)).unwrap()
}

/// A card with a PIN, and a session of level 33.
fn with_pin() -> (Host, Session) {
    let mut host = fresh();
    let mut session = open(&mut host, 0x33);
    assert_eq!(session.sw(&mut host, [0x80, 0x24, 1, 0], PIN), 0x9000);
    (host, session)
}

/// The same with a share in this mode, the PIN used up.
fn with_share(mode: u8) -> (Host, Session) {
    let (mut host, mut session) = with_pin();
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    store(&mut host, &mut session, mode, &object());
    (host, session)
}

/// Stores in blocks of 100 bytes.
fn store(host: &mut Host, session: &mut Session, mode: u8, object: &[u8]) {
    let count = object.chunks(100).count();
    for (number, block) in (0..).zip(object.chunks(100)) {
        let last = if usize::from(number) + 1 == count { 0x80 } else { 0 };
        assert_eq!(session.sw(host, [0x80, 0x30, mode | last, number], block), 0x9000);
    }
}

/// A share with commitments, of three blocks of 192 bytes at most.
fn object() -> Vec<u8> {
    let commitments = Commitments { salt: Zeroizing::new([0x5A; 16]), hashes: vec![[0xC0; 32]; 8] };
    ShareObject::new(info(), Zeroizing::new(vec![0x99; 32]), Some(commitments)).unwrap().encode().to_vec()
}

fn info() -> ShareInfo {
    ShareInfo {
        scheme: Scheme::Shamir,
        set: [0x5E; 16],
        ceremony: [0xCE; 16],
        generation: 1,
        x: 2,
        m: 3,
        n: 8,
        key_type: KeyType::Aes,
        key_length: 32,
        usage: 0,
        kcv: Kcv([1, 2, 3]),
        statement: None,
    }
}

/// GET STATE in plain.
fn state(host: &mut Host) -> State {
    let (data, sw) = host.hex("8036 0000 00");
    GetState.response(cardwright_proto::apdu::Response { data: &data, sw: StatusWord(sw) }).unwrap()
}

impl Session {
    fn sw(&mut self, host: &mut Host, header: [u8; 4], data: &[u8]) -> u16 {
        self.all(host, header, data).1
    }

    /// A refusal that ends the session leaves this one without its channel.
    fn all(&mut self, host: &mut Host, [cla, ins, p1, p2]: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
        match self.send(host, &Command::new(Header::new(cla, ins, p1, p2), data, Some(Ne::SHORT_MAX))) {
            Ok(answer) => answer,
            Err(refused @ Failure::Scp(_)) => (Vec::new(), refused.sw()),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn verify(&mut self, host: &mut Host, pin: &[u8]) -> u16 {
        self.sw(host, [0x00, 0x20, 0, 0], pin)
    }
}

/// With a seed one image leads to the same keys, and a later one of the same card to others, even where all is wiped.
#[test]
fn later_lives_have_other_keys() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("card");
    let profile = format!("seed=00,serial=1,state={}", path.display());
    let key = || {
        let mut host = Host::new(&profile);
        host.select(CUSTODIAN);
        let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(0x33)).unwrap();
        assert_eq!(session.sw(&mut host, [0x80, 0x24, 1, 0], PIN), 0x9000);
        assert_eq!(session.verify(&mut host, PIN), 0x9000);
        assert_eq!(session.sw(&mut host, [0x80, 0x38, 0, 0], &[]), 0x9000);
        let (identity, sw) = session.all(&mut host, [0x80, 0x3A, 0, 0], &[]);
        assert_eq!(sw, 0x9000);
        assert_eq!(session.sw(&mut host, [0x80, 0x34, 1, 0], &[]), 0x9000);
        identity[..65].to_vec()
    };
    drop(Host::new(&profile));
    let new = std::fs::read(&path).unwrap();
    let first = key();
    assert_ne!(key(), first);
    std::fs::write(&path, new).unwrap();
    assert_eq!(key(), first);
}

#[test]
fn selecting() {
    let mut host = Host::new("seed=00,serial=1");
    let (fci, sw) = host.hex("00A4 0400 07 F0435743555354 00");
    assert_eq!(sw, 0x9000);
    assert_eq!(hex::encode(&fci[..22]), "6f1c8407f0435743555354a511800202008101078208");
    let identity = state(&mut host).card.identity;
    assert_eq!(fci[fci.len() - 8..], identity);
    assert_ne!(identity, [0; 8]);
    let again = |profile: &str| {
        let mut host = Host::new(profile);
        host.select(CUSTODIAN);
        state(&mut host).card.identity
    };
    assert_eq!(again("seed=00,serial=1"), identity);
    assert_ne!(again("seed=00,serial=2"), identity);
    assert_ne!(again("seed=01,serial=1"), identity);
    assert_ne!(again("serial=1"), again("serial=1"));
}

#[test]
fn classes_and_instructions() {
    let mut host = fresh();
    for (command, sw) in [
        // 1. CLA
        ("90360000", 0x6E00),
        ("10A40400", 0x6E00),
        ("A0360000", 0x6E00),
        ("08200000", 0x6E00),
        // 2. secure messaging without a session
        ("84360000", 0x6882),
        ("04FF0000", 0x6882),
        // 4. the security domain's and the runtime's
        ("00500000", 0x6E00),
        ("00820000", 0x6E00),
        ("04820000", 0x6E00),
        ("84823300", 0x6985),
        ("80A40400", 0x6E00),
        // 5. INS, then the kind of class
        ("00010000", 0x6D00),
        ("80010000", 0x6D00),
        ("80CA9F7F00", 0x6D00),
        ("80700000", 0x6D00),
        ("80C0000000", 0x6D00),
        ("80200000", 0x6E00),
        ("00240000", 0x6E00),
        ("00300000", 0x6E00),
        ("00320000", 0x6E00),
        ("00340000", 0x6E00),
        ("00360000", 0x6E00),
    ] {
        assert_eq!(host.sw(command), sw, "{command}");
    }
}

/// Step 3: by INS alone, and what is taken leaves the session as it is.
#[test]
fn plain_commands_in_a_session() {
    for (command, sw) in [
        ("00200000", 0x63C3),
        ("8036000000", 0x9000),
        ("80200000", 0x6E00),
        ("00360000", 0x6E00),
        ("8036000100", 0x6A86),
        ("8036010000", 0x9000),
        ("0020000003313233", 0x6700),
    ] {
        let (mut host, mut session) = with_pin();
        assert_eq!(host.sw(command), sw, "{command}");
        assert_eq!(session.sw(&mut host, [0x80, 0x36, 0, 0], &[]), 0x9000, "behind {command}");
    }
    for command in ["80240000", "80300000", "80320000", "80340000", "00FF0000", "80700000", "80C00000", "84360000"] {
        let (mut host, mut session) = with_pin();
        assert_eq!(host.sw(command), 0x6982, "{command}");
        assert_eq!(session.sw(&mut host, [0x80, 0x36, 0, 0], &[]), 0x6882, "over behind {command}");
    }
    let (mut host, mut session) = with_pin();
    assert_eq!(session.sw(&mut host, [0x80, 0x50, 0, 0], &[1; 8]), 0x6985, "INITIALIZE UPDATE under the session");
    assert_eq!(session.sw(&mut host, [0x80, 0x82, 0, 0], &[1; 8]), 0x6985);
    assert_eq!(session.sw(&mut host, [0x00, 0xA4, 4, 0], CUSTODIAN), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, 0x36, 0, 0], &[]), 0x6882, "selecting ends it");
}

#[test]
fn every_command_that_wants_level_33() {
    for at in [0x00, 0x01, 0x03, 0x11, 0x13] {
        for header in [[0x80, 0x24, 9, 9], [0x80, 0x30, 9, 9], [0x80, 0x32, 9, 9], [0x80, 0x34, 9, 9]] {
            let (mut host, _) = with_share(1);
            let mut session = open(&mut host, at);
            assert_eq!(session.sw(&mut host, header, &[]), 0x6982, "{header:02X?} at {at:02X}");
            let mut session = open(&mut host, 0x33);
            let under_33 = session.sw(&mut host, header, &[]);
            assert_eq!(under_33, 0x6A86, "{header:02X?}: its own list goes on at level 33");
        }
    }
    let mut host = fresh();
    for command in ["80240100", "80308100", "80320000", "80340100"] {
        assert_eq!(host.sw(command), 0x6982, "{command} in plain");
    }
}

#[test]
fn states_of_a_card() {
    let mut host = fresh();
    let new = state(&mut host);
    assert_eq!((new.card.version, new.card.life_cycle, new.tries, new.share), ([2, 0], 7, 3, None));
    let (mut host, _) = with_pin();
    assert_eq!((state(&mut host).card.life_cycle, state(&mut host).share), (0x0F, None));
    for (byte, mode) in [(1, cardwright_proto::custody::Mode::Host), (2, cardwright_proto::custody::Mode::Blind)] {
        let (mut host, mut session) = with_share(byte);
        assert_eq!(state(&mut host).share, Some((mode, info())));
        let (answer, _) = session.all(&mut host, [0x80, 0x36, 0, 0], &[]);
        assert!(
            !answer
                .windows(4)
                .any(|four| [[0x99; 4], [0x5A; 4], [0xC0; 4]].contains(&<[u8; 4]>::try_from(four).unwrap()))
        );
        assert_eq!(session.sw(&mut host, [0x80, 0x36, 2, 0], &[7]), 0x6A86);
        assert_eq!(session.sw(&mut host, [0x80, 0x36, 1, 1], &[7]), 0x6A86);
        assert_eq!(session.sw(&mut host, [0x80, 0x36, 1, 0], &[7]), 0x6700);
        assert_eq!(session.sw(&mut host, [0x80, 0x36, 0, 0], &[7]), 0x6700);
    }
}

/// No two channels have it, and what it keeps in RAM goes with the one that has.
#[test]
fn one_channel_at_a_time() {
    const SELECT_ON_1: &str = "01A4 0400 07 F0435743555354 00";
    let (mut host, mut session) = with_pin();
    assert_eq!(session.verify(&mut host, PIN), 0x9000);
    assert_eq!(host.sw("0070 0001"), 0x9000);
    assert_eq!(host.sw(SELECT_ON_1), 0x6985);
    assert_eq!(host.sw("0120 0000"), 0x6D00, "the other channel has what it had");
    assert_eq!(host.sw("0020 0000"), 0x9000, "and this one what was verified");
    assert_eq!(session.sw(&mut host, [0x80, 0x36, 0, 0], &[7]), 0x6700, "in its session");
    assert_eq!(host.sw("00A4 0400 00"), 0x9000);
    assert_eq!(host.sw(SELECT_ON_1), 0x9000);
    assert_eq!(host.sw("0120 0000"), 0x63C3, "another selection forgets it");
    assert_eq!(host.sw("0120 0000 04 38363432"), 0x9000);
    assert_eq!(host.sw("00A4 0400 07 F0435743555354 00"), 0x6985);
    assert_eq!(host.sw("0120 0000"), 0x9000);
    assert_eq!(host.sw(SELECT_ON_1), 0x9000);
    assert_eq!(host.sw("0120 0000"), 0x63C3, "so does the same one again");
    assert_eq!(host.sw("0120 0000 04 38363432"), 0x9000);
    assert_eq!(host.sw("0070 8001"), 0x9000);
    assert_eq!(host.sw("0070 0001"), 0x9000);
    assert_eq!(host.sw(SELECT_ON_1), 0x9000);
    assert_eq!(host.sw("0120 0000"), 0x63C3, "and closing the channel");
    assert_eq!(host.sw("0120 0000 04 38363432"), 0x9000);
    host.card.power_on();
    host.select(CUSTODIAN);
    assert_eq!(host.sw("0020 0000"), 0x63C3, "so does a reset");
}
