//! VERIFY and CHANGE PIN.

use super::super::host::{CUSTODIAN, ECHO};
use super::{PIN, fresh, open, state, with_pin};

#[test]
fn verify_step_by_step() {
    let mut host = fresh();
    assert_eq!(host.sw("0020 0100 04 38363432"), 0x6A86);
    assert_eq!(host.sw("0020 0000 04 38363432"), 0x6985, "no PIN yet");
    assert_eq!(host.sw("0020 0000"), 0x6985);
    let (mut host, _) = with_pin();
    assert_eq!(host.sw("0020 0000"), 0x63C3);
    for (command, sw) in [
        ("0020 0001 04 38363432", 0x6A86),
        ("0020 0000 03 383634", 0x6700),
        ("0020 0000 0D 38363432383634323836343238", 0x6700),
        ("0020 0000 04 3836343A", 0x6A80),
        ("0020 0000 04 2F363432", 0x6A80),
    ] {
        assert_eq!(host.sw(command), sw, "{command}");
        assert_eq!(state(&mut host).tries, 3, "{command} costs no try");
    }
    assert_eq!(host.sw("0020 0000 04 38363432"), 0x9000);
    assert_eq!(host.sw("0020 0000 03 383634"), 0x6700);
    assert_eq!(host.sw("0020 0000"), 0x9000, "steps 1 to 6 leave it as it is");
    assert_eq!(host.sw("0020 0000 05 3836343230"), 0x63C2);
    assert_eq!(host.sw("0020 0000"), 0x63C2, "a wrong one takes it away");
    assert_eq!(host.sw("0020 0000 04 31313131"), 0x63C1);
    assert_eq!(host.sw("0020 0000 04 38363432"), 0x9000);
    assert_eq!(state(&mut host).tries, 3, "all are given back");
    for left in [2, 1, 0] {
        assert_eq!(host.sw("0020 0000 04 31313131"), 0x63C0 | left);
    }
    assert_eq!(host.sw("0020 0000 04 38363432"), 0x6983, "the right one comes too late");
    assert_eq!(host.sw("0020 0000 03 383634"), 0x6700);
    assert_eq!(host.sw("0020 0000"), 0x6983);
    assert_eq!(state(&mut host).tries, 0);
}

#[test]
fn verify_under_every_level() {
    for at in [0x01, 0x03, 0x11, 0x13, 0x33] {
        let (mut host, _) = with_pin();
        let mut session = open(&mut host, at);
        assert_eq!(session.verify(&mut host, b"11111"), 0x63C2, "{at:02X}");
        assert_eq!(session.verify(&mut host, PIN), 0x9000, "{at:02X}");
        assert_eq!(session.verify(&mut host, &[]), 0x9000);
    }
}

#[test]
fn a_deselection_forgets_that_the_pin_was_right() {
    for aid in [ECHO, CUSTODIAN] {
        let (mut host, _) = with_pin();
        assert_eq!(host.sw("0020 0000 04 38363432"), 0x9000);
        host.select(aid);
        host.select(CUSTODIAN);
        assert_eq!(host.sw("0020 0000"), 0x63C3);
    }
    let (mut host, _) = with_pin();
    assert_eq!(host.sw("0020 0000 04 38363432"), 0x9000);
    assert_eq!(host.sw("00A4 0400 05 F000000000"), 0x6A82);
    assert_eq!(host.sw("0020 0000"), 0x9000, "the applet stays selected");
}

#[test]
fn change_pin_step_by_step() {
    let mut host = fresh();
    let mut session = open(&mut host, 0x33);
    let mut sw = |p1, p2, data: &[u8]| session.sw(&mut host, [0x80, 0x24, p1, p2], data);
    assert_eq!(sw(1, 1, b""), 0x6A86);
    assert_eq!(sw(2, 0, b""), 0x6A86);
    assert_eq!(sw(0, 0, b""), 0x6985, "there is none to change");
    assert_eq!(sw(1, 0, b"123"), 0x6700);
    assert_eq!(sw(1, 0, b"1234567890123"), 0x6700);
    assert_eq!(sw(1, 0, b"12a4"), 0x6A80);
    assert_eq!(sw(1, 0, PIN), 0x9000);
    assert_eq!(sw(1, 0, b""), 0x6985, "there is one already");
    for (data, wanted) in [
        (&b""[..], 0x6700),
        (b"\x048642", 0x6700),
        (b"\x048642123", 0x6700),
        (b"\x03864123456", 0x6700),
        (b"\x0586421", 0x6700),
        (b"\xFF86421234", 0x6700),
        (b"\x048642123x", 0x6A80),
        (b"\x048x421234", 0x6A80),
    ] {
        assert_eq!(sw(0, 0, data), wanted, "{data:02X?}");
    }
    assert_eq!(sw(0, 0, b"\x0486411234"), 0x63C2);
    assert_eq!(sw(0, 0, b"\x0486421234"), 0x9000);
    assert_eq!(session.verify(&mut host, PIN), 0x63C2);
    assert_eq!(session.verify(&mut host, b"1234"), 0x9000);
    assert_eq!(session.sw(&mut host, [0x80, 0x24, 0, 0], b"\x041234123456789012"), 0x9000);
    assert_eq!(session.verify(&mut host, &[]), 0x63C3, "a new PIN is not verified");
    assert_eq!(session.verify(&mut host, b"123456789012"), 0x9000);
    for left in [2, 1, 0] {
        assert_eq!(session.sw(&mut host, [0x80, 0x24, 0, 0], b"\x0411111234"), 0x63C0 | left);
        assert_eq!(session.verify(&mut host, &[]), if left == 0 { 0x6983 } else { 0x63C0 | left });
    }
    assert_eq!(session.sw(&mut host, [0x80, 0x24, 0, 0], b"\x041234123456789012"), 0x6983);
}
