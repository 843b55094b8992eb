//! Wrong length, wrong order, wrong level, another applet's channel, a reset in the middle of a chain: the status word of
//! the specification, and nothing changed.

use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::scp::Mode;
use cardwright_tests::host::{CUSTODIAN, ECHO, Host, Keys};
use cardwright_tests::java::JavaCard;
use cardwright_tests::share::object;

type Java = Host<JavaCard>;

const PIN: &[u8] = b"123456";

fn send(host: &mut Java, header: [u8; 4], data: &[u8]) -> u16 {
    let [cla, ins, p1, p2] = header;
    let command = Command::new(Header::new(cla, ins, p1, p2), data, Some(Ne::SHORT_MAX));
    if host.level().is_none() {
        return host.raw(&command.encode().unwrap()).unwrap().1;
    }
    match host.send(&command) {
        Ok((_, sw)) => sw,
        Err(failure) => failure.sw(),
    }
}

fn open(host: &mut Java, level: u8) {
    host.select(CUSTODIAN).unwrap();
    host.open(&Keys::test(16), 0, Mode::S8, level).unwrap();
}

fn state(host: &mut Java) -> Vec<u8> {
    host.forget();
    host.select(CUSTODIAN).unwrap();
    host.hex("80360000 00").0
}

fn verify(host: &mut Java) {
    assert_eq!(send(host, [0, 0x20, 0, 0], PIN), 0x9000);
}

/// A card with a PIN and a session at level 33.
fn ready(what: &str) -> Option<Java> {
    let mut host = Host::new(JavaCard::start(what, "tries=255")?);
    open(&mut host, 0x33);
    assert_eq!(send(&mut host, [0x80, 0x24, 1, 0], PIN), 0x9000);
    Some(host)
}

fn store(host: &mut Java, mode: u8, share: &[u8]) {
    verify(host);
    let blocks: Vec<_> = share.chunks(150).collect();
    for (number, block) in blocks.iter().enumerate() {
        let last = if number + 1 == blocks.len() { 0x80 } else { 0 };
        assert_eq!(send(host, [0x80, 0x30, mode | last, u8::try_from(number).unwrap()], block), 0x9000);
    }
}

fn read(host: &mut Java) -> Vec<u8> {
    let mut share = Vec::new();
    for block in 0.. {
        let command = Command::new(Header::new(0x80, 0x32, 0, block), &[], Some(Ne::SHORT_MAX));
        match host.send(&command).unwrap() {
            (data, 0x9000) => share.extend(data),
            (_, 0x6A86 | 0x6982) => break,
            other => panic!("{other:02X?}"),
        }
        if share.len() % 192 != 0 {
            break;
        }
    }
    share
}

#[test]
fn a_share_in_host_mode_comes_back_as_it_went() {
    let Some(mut host) = ready("a share in host mode") else { return };
    for seed in 0..40 {
        let share = object(seed * 0x0123_4567_89AB_CDEF, seed % 2 == 0);
        store(&mut host, 1, &share);
        verify(&mut host);
        assert_eq!(read(&mut host), share, "share {seed}");
        verify(&mut host);
        assert_eq!(send(&mut host, [0x80, 0x34, 0, 0], &[]), 0x9000);
    }
}

#[test]
fn a_blind_share_is_never_read() {
    let Some(mut host) = ready("a blind share") else { return };
    store(&mut host, 2, &object(5, true));
    for _ in 0..10 {
        verify(&mut host);
        assert_eq!(send(&mut host, [0x80, 0x32, 0, 0], &[]), 0x6985);
        host.reset().unwrap();
        open(&mut host, 0x33);
    }
    let told = state(&mut host);
    assert!(told.windows(3).any(|tag| tag == [0x84, 1, 2]), "GET STATE shows the mode");
}

#[test]
fn levels_below_33() {
    let Some(mut host) = ready("levels below 33") else { return };
    let before = state(&mut host);
    let share = object(5, false);
    for level in [0x00, 0x01, 0x03, 0x11, 0x13] {
        for (header, data) in [
            ([0x80, 0x24, 0, 0], &[&[6], PIN, b"999999"].concat()),
            ([0x80, 0x30, 0x81, 0], &share),
            ([0x80, 0x32, 0, 0], &Vec::new()),
            ([0x80, 0x34, 0, 0], &Vec::new()),
            ([0x80, 0x34, 1, 0], &Vec::new()),
        ] {
            open(&mut host, level);
            verify(&mut host);
            assert_eq!(send(&mut host, header, data), 0x6982, "level {level:02X}, {header:02X?}");
        }
    }
    assert_eq!(state(&mut host), before);
}

#[test]
fn without_a_pin_just_verified() {
    let Some(mut host) = ready("no PIN verified") else { return };
    let share = object(5, false);
    assert_eq!(send(&mut host, [0x80, 0x30, 0x81, 0], &share), 0x6982);
    open(&mut host, 0x33);
    store(&mut host, 1, &share);
    let before = state(&mut host);
    for ins in [0x32, 0x34] {
        open(&mut host, 0x33);
        assert_eq!(send(&mut host, [0x80, ins, 0, 0], &[]), 0x6982, "{ins:02X} without a PIN");
        open(&mut host, 0x33);
        verify(&mut host);
        // One operation uses it up.
        assert_eq!(send(&mut host, [0x80, 0x32, 0, 0], &[]), 0x9000);
        assert_eq!(send(&mut host, [0x80, ins, 0, 0], &[]), 0x6982, "{ins:02X} with a used PIN");
        open(&mut host, 0x33);
        verify(&mut host);
        open(&mut host, 0x33);
        assert_eq!(send(&mut host, [0x80, ins, 0, 0], &[]), 0x6982, "{ins:02X} after another selection");
    }
    assert_eq!(state(&mut host), before);
}

#[test]
fn another_applets_channel() {
    let Some(mut host) = ready("another applet's channel") else { return };
    let before = state(&mut host);
    host.select(ECHO).unwrap();
    host.open(&Keys::test(16), 0, Mode::S8, 0x33).unwrap();
    // Selected behind the host's back: it goes on wrapping for the session that it had.
    assert_eq!(host.hex("00A4040007 F0435743555354").1, 0x9000);
    let share = object(5, false);
    assert_eq!(send(&mut host, [0x80, 0x30, 0x81, 0], &share), 0x6882);
    assert_eq!(state(&mut host), before);
}

#[test]
fn a_reset_in_the_middle_of_a_chain() {
    let Some(mut host) = ready("a reset in the middle of a chain") else { return };
    let before = state(&mut host);
    let share = object(9, true);
    open(&mut host, 0x33);
    verify(&mut host);
    assert_eq!(send(&mut host, [0x80, 0x30, 1, 0], &share[..150]), 0x9000);
    host.reset().unwrap();
    open(&mut host, 0x33);
    verify(&mut host);
    assert_eq!(send(&mut host, [0x80, 0x30, 0x81, 1], &share[150..]), 0x6A86);
    assert_eq!(state(&mut host), before);
}

#[test]
fn wrong_lengths_and_orders() {
    let Some(mut host) = ready("wrong lengths and orders") else { return };
    open(&mut host, 0x33);
    let before = state(&mut host);
    open(&mut host, 0x33);
    for (header, data, sw) in [
        ([0x80, 0x24, 1, 0], &b"1234"[..], 0x6985),
        ([0x80, 0x24, 0, 0], &[6, 0x31], 0x6700),
        ([0x80, 0x24, 0, 0], &[], 0x6700),
        ([0x80, 0x24, 2, 0], &[], 0x6A86),
        ([0x00, 0x20, 0, 0], b"123", 0x6700),
        ([0x00, 0x20, 0, 0], b"1234567890123", 0x6700),
        ([0x00, 0x20, 0, 0], b"12E4", 0x6A80),
        ([0x00, 0x20, 1, 0], b"1234", 0x6A86),
        ([0x80, 0x30, 0x01, 1], &[0], 0x6A86),
        ([0x80, 0x30, 0x03, 0], &[0], 0x6A86),
        ([0x80, 0x30, 0x01, 0], &[], 0x6700),
        ([0x80, 0x32, 0, 0], &[], 0x6A88),
        ([0x80, 0x32, 0, 0], &[1], 0x6700),
        ([0x80, 0x34, 0, 0], &[], 0x6A88),
        ([0x80, 0x34, 2, 0], &[], 0x6985),
        ([0x80, 0x34, 3, 0], &[], 0x6A86),
        ([0x80, 0x36, 0, 1], &[], 0x6A86),
        ([0x80, 0x36, 0, 0], &[1], 0x6700),
        ([0x80, 0x20, 0, 0], PIN, 0x6E00),
        ([0x00, 0x36, 0, 0], &[], 0x6E00),
        ([0x80, 0x99, 0, 0], &[], 0x6D00),
    ] {
        assert_eq!(send(&mut host, header, data), sw, "{header:02X?} {data:02X?}");
    }
    assert_eq!(state(&mut host), before);
}
