//! Selection, logical channels, chaining, long answers, classes.

use super::host::{ECHO, Host, Keys, level, pattern};
use cardwright_link::virtual_card::SmartCard;
use cardwright_proto::apdu::chain::split;
use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::scp::Mode;

#[test]
fn selecting() {
    let mut host = Host::new("");
    let isd = hex::decode("6F10 8408A000000151000000 A5049F6501FF".replace(' ', "")).unwrap();
    assert_eq!(host.hex("00A4 0400 00"), (isd.clone(), 0x9000));
    assert_eq!(host.hex("00A4 0400"), (isd.clone(), 0x9000));
    assert_eq!(host.hex("00A4 0400 08 A000000151000000 00"), (isd, 0x9000));
    assert_eq!(host.hex("00A4 0400 07 F043574543484F").0[4..11], *ECHO);
    assert_eq!(host.sw("00A4 0400 05 A000000151 00"), 0x6A82, "no part of an AID");
    assert_eq!(host.sw("80EC 0000 01 55"), 0x9000, "the selection stays");
    assert_eq!(host.sw("00A4 0000 02 3F00"), 0x6A86);
    assert_eq!(host.sw("80A4 0400 00"), 0x6E00);
    host.card.power_on();
    assert_eq!(host.sw("80EC 0000 01 55"), 0x6D00, "the security domain is selected after reset");
}

#[test]
fn malformed_and_unknown() {
    let mut host = Host::new("");
    for (command, sw) in [
        ("", 0x6700),
        ("00A404", 0x6700),
        ("00A4040008A0", 0x6700),
        ("20A40400", 0x6E00),
        ("A0A40400", 0x6E00),
        ("FFA40400", 0x6E00),
        ("00FF0000", 0x6D00),
        ("80FF0000", 0x6D00),
        ("00D80081", 0x6E00),
        ("01A40400", 0x6881),
        ("CFCA9F7F00", 0x6881),
        ("04CA9F7F00", 0x6882),
        ("00C0000000", 0x6985),
    ] {
        assert_eq!(host.sw(command), sw, "{command}");
    }
}

#[test]
fn logical_channels() {
    let mut host = Host::new("");
    for channel in 1..20 {
        assert_eq!(host.hex("0070 0000 01"), (vec![channel], 0x9000));
    }
    assert_eq!(host.sw("0070 0000 01"), 0x6A81, "all are open");
    assert_eq!(host.sw("0070 800F"), 0x9000);
    assert_eq!(host.sw("4BA4 0400 00"), 0x6881);
    assert_eq!(host.sw("0070 000F"), 0x9000);
    assert_eq!(host.sw("4BA4 0400 07 F043574543484F"), 0x9000);
    assert_eq!(host.sw("CBEC 0000 01 55"), 0x9000, "channel 15 has the applet");
    assert_eq!(host.sw("80EC 0000 01 55"), 0x6D00, "channel 0 has not");
    assert_eq!(host.sw("0070 8000"), 0x6A86, "the basic channel stays");
    host.card.power_on();
    assert_eq!(host.sw("01A4 0400 00"), 0x6881, "a reset closes them");
}

#[test]
fn a_session_belongs_to_its_channel() {
    let mut host = Host::new("");
    assert_eq!(host.sw("0070 0000 01"), 0x9000);
    host.channel = 1;
    host.select(ECHO);
    let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(0x33)).unwrap();
    assert_eq!(session.echo(&mut host, 0, b"one").unwrap(), (b"one".to_vec(), 0x9000));
    assert_eq!(host.sw("8050 0000 08 0001020304050607"), 0x6985, "one session at a time");
    assert_eq!(host.sw("80CA 9F7F 00"), 0x9000, "channel 0 is in clear");
    assert_eq!(host.sw("00A4 0400 00"), 0x9000);
    assert_eq!(session.echo(&mut host, 0, b"two").unwrap(), (b"two".to_vec(), 0x9000));
    assert_eq!(host.sw("0070 8001"), 0x9000);
    assert_eq!(host.sw("8050 0000 08 0001020304050607"), 0x9000, "closing the channel has ended it");
}

#[test]
fn long_answers_in_pieces() {
    let mut host = Host::new("");
    host.select(ECHO);
    assert_eq!(host.hex("80EE 0258 00"), (pattern(256), 0x6100));
    assert_eq!(host.sw("0070 0001"), 0x9000);
    assert_eq!(host.hex("80EE 0258 00").1, 0x6100);
    assert_eq!(host.sw("01C0 0000 00"), 0x6985, "it waits on channel 0");
    assert_eq!(host.hex("00C0 0000 00").1, 0x6158);
    assert_eq!(host.hex("00C0 0000 10").1, 0x6148);
    assert_eq!(host.hex("00C0 0000 48"), (pattern(600)[528..].to_vec(), 0x9000));
    assert_eq!(host.sw("00C0 0000 00"), 0x6985, "nothing is left");
    assert_eq!(host.hex("80EE 0258 00").1, 0x6100);
    assert_eq!(host.sw("80EC 0000"), 0x9000);
    assert_eq!(host.sw("00C0 0000 00"), 0x6985, "another command drops the rest");
    assert_eq!(host.hex("80EE 0258 000000"), (pattern(600), 0x9000));
    assert_eq!(host.hex("80EE 0258 000100").1, 0x6100, "an extended Le of 256");
    assert_eq!(host.hex("80EE FFFF 000000").0.len(), 65_535);
    assert_eq!(host.hex("80EC 6283 02 AABB 01"), (vec![0xAA], 0x6101));
    assert_eq!(host.hex("00C0 0000 01"), (vec![0xBB], 0x6283), "the status word comes last");
}

#[test]
fn chained_commands_are_one_command() {
    let mut host = Host::new("");
    host.select(ECHO);
    for (levels, len) in [(0x01, 300), (0x33, 1000), (0x33, 60_000), (0x11, 65_000)] {
        let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(levels)).unwrap();
        let data = pattern(len);
        let command = Command::new(Header::new(0x80, 0xEC, 0, 0), &data, Some(Ne::EXTENDED_MAX));
        let mut wrapped = Vec::new();
        let awaiting = session.0.take().unwrap().wrap(&command, &mut wrapped).unwrap();
        let whole = Command::parse(&wrapped).unwrap();
        let mut answer = Vec::new();
        for piece in split(&whole) {
            answer = host.send(&piece.encode().unwrap()).unwrap();
        }
        let (_, response) = awaiting.unwrap(&mut answer).unwrap();
        assert_eq!((response.data, response.sw.0), (data.as_slice(), 0x9000));
    }
}

#[test]
fn a_short_chain_is_a_short_command() {
    let mut host = Host::new("");
    host.select(ECHO);
    let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(1)).unwrap();
    let mut wrapped = Vec::new();
    let command = Command::new(Header::new(0x80, 0xEC, 0, 0), b"twenty bytes of data", None);
    let awaiting = session.0.take().unwrap().wrap(&command, &mut wrapped).unwrap();
    let (first, second) = wrapped[5..].split_at(9);
    assert_eq!(host.raw(&[&[0x94, 0xEC, 0, 0, 9], first].concat()).unwrap(), [0x90, 0]);
    let mut answer = host.raw(&[&[0x84, 0xEC, 0, 0, 19], second].concat()).unwrap();
    assert_eq!(awaiting.unwrap(&mut answer).unwrap().1.data, b"twenty bytes of data");
}

#[test]
fn broken_chains() {
    let mut host = Host::new("");
    host.select(ECHO);
    assert_eq!(host.sw("90EC 0000 01 01"), 0x9000);
    assert_eq!(host.sw("80EE 0001 00"), 0x6883, "another instruction");
    assert_eq!(host.hex("80EC 0000 01 02"), (vec![2], 0x9000), "and the chain is forgotten");
    assert_eq!(host.sw("90EC 0000 01 01"), 0x9000);
    assert_eq!(host.sw("00C0 0000 00"), 0x6883);
    let piece = Command::new(Header::new(0x90, 0xEC, 0, 0), &[7; 40_000], None).encode().unwrap();
    assert_eq!(host.raw(&piece).unwrap(), [0x90, 0]);
    assert_eq!(host.raw(&piece).unwrap(), [0x67, 0], "more than 65,535 bytes");
    assert_eq!(host.hex("80EC 0000 01 02"), (vec![2], 0x9000));
    assert_eq!(host.sw("90EC 0000 01 01"), 0x9000);
    host.card.power_on();
    host.select(ECHO);
    assert_eq!(host.hex("80EC 0000 01 02"), (vec![2], 0x9000), "a reset forgets it too");
}

#[test]
fn a_refused_select_leaves_the_session() {
    let mut host = Host::new("");
    host.select(ECHO);
    let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(0x33)).unwrap();
    assert_eq!(host.sw("00A4 0400 07 F043574E4F4E45 00"), 0x6A82);
    assert_eq!(host.sw("00A4 0000 02 3F00"), 0x6A86);
    assert_eq!(session.echo(&mut host, 0, b"x").unwrap(), (b"x".to_vec(), 0x9000));
    let nobody = Command::new(Header::new(0x00, 0xA4, 4, 0), b"\xF0CWNONE", Some(Ne::SHORT_MAX));
    assert_eq!(session.send(&mut host, &nobody).unwrap().1, 0x6A82);
    assert_eq!(session.echo(&mut host, 0, b"x").unwrap(), (b"x".to_vec(), 0x9000));
}

#[test]
fn a_wrapped_select_is_answered_under_the_session_it_ends() {
    let mut host = Host::new("");
    let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(0x33)).unwrap();
    let select = Command::new(Header::new(0x00, 0xA4, 4, 0), ECHO, Some(Ne::SHORT_MAX));
    assert_eq!(session.send(&mut host, &select).unwrap().1, 0x9000);
    assert_eq!(session.echo(&mut host, 0, b"").unwrap().1, 0x6882);
    assert_eq!(host.hex("80EC 0000 01 02"), (vec![2], 0x9000));
}
