//! Sessions: every key size, mode, challenge and level; tries, counters, order.

use super::host::{ECHO, Failure, Host, Keys, level, pattern};
use cardwright_link::virtual_card::SmartCard;
use cardwright_proto::apdu::Form;
use cardwright_proto::scp::{Mode, Options, ScpError, SecurityLevel};

#[test]
fn every_key_size_mode_and_level() {
    let mut opened = 0;
    for (word, len) in [("aes128", 16), ("aes192", 24), ("aes256", 32)] {
        for i in [0x00, 0x10, 0x20, 0x30, 0x60, 0x70, 0x01, 0x11, 0x21, 0x31, 0x61, 0x71] {
            let mode = if i & 1 == 1 { Mode::S16 } else { Mode::S8 };
            let mut host = Host::new(&format!("{word},i={i:02X}"));
            host.select(ECHO);
            for level in SecurityLevel::ALL.into_iter().filter(|level| Options::new(i).unwrap().allows(*level)) {
                let mut session = host.open(&Keys::test(len), 0, mode, level).unwrap();
                exchange(&mut host, &mut session, level.short_capacity(mode));
                opened += 1;
            }
        }
    }
    assert_eq!(opened, 3 * 2 * 2 * (3 + 5 + 6));
}

/// Data of many lengths, warnings, errors, empty and long answers, in one session.
fn exchange(host: &mut Host, session: &mut super::host::Session, capacity: usize) {
    for len in [0, 1, 15, 16, 17, 200, capacity] {
        assert_eq!(session.echo(host, 0, &pattern(len)).unwrap(), (pattern(len), 0x9000));
    }
    assert_eq!(session.echo(host, 0x6283, b"warned").unwrap(), (b"warned".to_vec(), 0x6283));
    assert_eq!(session.echo(host, 0x63C3, b"").unwrap(), (vec![], 0x63C3));
    assert_eq!(session.echo(host, 0x6A80, b"refused").unwrap(), (vec![], 0x6A80));
    for len in [0, 1, 255, 256, 257, 1000] {
        assert_eq!(session.pattern(host, len, Form::Short).unwrap(), (pattern(len.into()), 0x9000));
    }
    assert_eq!(session.pattern(host, 3000, Form::Extended).unwrap(), (pattern(3000), 0x9000));
    assert_eq!(session.echo(host, 0, &pattern(3000)).unwrap(), (pattern(3000), 0x9000));
}

#[test]
fn the_challenge_names_the_selected_application() {
    let mut host = Host::new("");
    host.select(ECHO);
    let need = host.initialize(0, Mode::S8).unwrap();
    assert!(Keys::test(16).fit(&need, ECHO));
    assert!(!Keys::test(16).fit(&need, super::host::ISD));
}

#[test]
fn random_challenges_differ_and_seeded_ones_repeat() {
    let challenge = |profile: &str| *Host::new(profile).initialize(0, Mode::S16).unwrap().card();
    assert_ne!(challenge("s16,i=61").challenge, challenge("s16,i=61").challenge);
    assert_eq!(challenge("i=61,seed=01"), challenge("i=61,seed=01"));
    assert_ne!(challenge("i=61,seed=01").challenge, challenge("i=61,seed=02").challenge);
}

#[test]
fn an_answer_with_le_and_without() {
    let mut host = Host::new("");
    assert_eq!(host.hex("8050 0000 08 0001020304050607").0.len(), 32);
    assert_eq!(host.hex("8050 0000 08 0001020304050607 00").0.len(), 32);
    assert_eq!(host.hex("8050 0000 000008 0001020304050607 0000").0.len(), 32);
}

#[test]
fn external_authenticate_with_le() {
    let mut host = Host::new("");
    let need = host.initialize(0, Mode::S8).unwrap();
    let keys = Keys::test(16);
    let (check, cipher) = (keys.check(&need, host.aid), keys.cipher(&need));
    let auth = need.authenticate(cipher, check, level(0x33)).unwrap();
    let mut command = auth.command().encode().unwrap();
    command.push(0);
    assert_eq!(host.raw(&command).unwrap(), [0x90, 0]);
}

#[test]
fn what_initialize_update_refuses() {
    let mut host = Host::new("");
    assert_eq!(host.sw("8050 0000 10 000102030405060708090A0B0C0D0E0F 00"), 0x6700);
    assert_eq!(host.sw("8050 0000 07 00010203040506 00"), 0x6700);
    assert_eq!(host.sw("8050 3000 08 0001020304050607 00"), 0x6A88);
    assert_eq!(host.sw("8050 0001 08 0001020304050607 00"), 0x6A86);
    assert_eq!(host.sw("0050 0000 08 0001020304050607 00"), 0x6E00);
    assert_eq!(host.counter(0), 1, "none of these moved the counter");
    assert_eq!(Host::new("s16").sw("8050 0000 08 0001020304050607 00"), 0x6700);
}

#[test]
fn out_of_order() {
    let mut host = Host::new("");
    let authenticate = "8482 0100 10 00000000000000000000000000000000";
    assert_eq!(host.sw(authenticate), 0x6985);
    host.initialize(0, Mode::S8).unwrap();
    assert_eq!(host.sw("8482 0200 10 00000000000000000000000000000000"), 0x6A86, "no such level");
    assert_eq!(host.sw(authenticate), 0x6985, "the challenge is used up");
    host.initialize(0, Mode::S8).unwrap();
    assert_eq!(host.sw("8482 0100 0F 000000000000000000000000000000"), 0x6700);
    host.initialize(0, Mode::S8).unwrap();
    assert_eq!(host.sw("8082 0100 10 00000000000000000000000000000000"), 0x6982);
    host.initialize(0, Mode::S8).unwrap();
    host.select(ECHO);
    assert_eq!(host.sw(authenticate), 0x6985, "SELECT ends what was begun");
    assert_eq!(host.tries(0, Mode::S8), 10, "none of these cost a try");
}

#[test]
fn a_level_beyond_i_is_refused() {
    let mut host = Host::new("i=10");
    host.initialize(0, Mode::S8).unwrap();
    assert_eq!(host.sw("8482 1100 10 00000000000000000000000000000000"), 0x6A86);
}

#[test]
fn tries_run_out_and_come_back_with_success() {
    let mut host = Host::new("tries=3");
    let keys = Keys::test(16);
    for _ in 0..3 {
        assert_eq!((host.fail(0, Mode::S8), host.fail(0, Mode::S8)), (0x6300, 0x6300));
        host.open(&keys, 0, Mode::S8, level(1)).unwrap();
    }
    assert_eq!(host.fail(0, Mode::S8), 0x6300);
    host.card.power_on();
    assert_eq!(host.tries(0, Mode::S8), 2, "a reset gives no try back");
    host.card.power_on();
    assert_eq!(host.open(&keys, 0, Mode::S8, level(1)).err().unwrap().sw(), 0x6983, "blocked for good");
}

#[test]
fn the_last_try_may_be_the_right_one() {
    let mut host = Host::new("tries=2");
    assert_eq!(host.fail(0, Mode::S8), 0x6300);
    host.open(&Keys::test(16), 0, Mode::S8, level(0x33)).unwrap();
    assert_eq!(host.tries(0, Mode::S8), 2);
}

#[test]
fn counters_only_go_up() {
    let mut host = Host::new("");
    let mut last = 0;
    for round in 0..20 {
        if round % 3 == 0 {
            host.card.power_off();
            host.card.power_on();
        }
        let counter = host.counter(0);
        assert_eq!(counter, last + 1);
        last = counter;
    }
}

#[test]
fn what_ends_a_session() {
    let keys = Keys::test(16);
    for ending in
        ["00A4 0400 00", "80EC 0000 01 00", "84EC 0000 09 000000000000000000", "84EC 0000 01 00", "8050 0000 00"]
    {
        let mut host = Host::new("");
        host.select(ECHO);
        let mut session = host.open(&keys, 0, Mode::S8, level(0x33)).unwrap();
        let sw = host.sw(ending);
        let expected = match &ending[..4] {
            "00A4" => 0x9000,
            "8050" => 0x6700,
            _ => 0x6982,
        };
        assert_eq!(sw, expected, "{ending}");
        host.select(ECHO);
        assert_eq!(host.sw("84EC 0000 08 0000000000000000"), 0x6882, "{ending}");
        assert_eq!(session.echo(&mut host, 0, b"x").unwrap(), (vec![], 0x6882), "{ending}");
    }
}

#[test]
fn reset_ends_a_session_and_a_replay_is_refused() {
    let mut host = Host::new("");
    host.select(ECHO);
    let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(1)).unwrap();
    let command = cardwright_proto::apdu::Command::parse(&[0x80, 0xEC, 0, 0, 1, 7]).unwrap();
    let mut wrapped = Vec::new();
    session.0.take().unwrap().wrap(&command, &mut wrapped).unwrap();
    assert_eq!(host.raw(&wrapped).unwrap(), [7, 0x90, 0]);
    assert_eq!(host.raw(&wrapped).unwrap(), [0x69, 0x82], "the chaining value moved on");
    assert_eq!(host.raw(&wrapped).unwrap(), [0x68, 0x82], "and the session is over");
    host.open(&Keys::test(16), 0, Mode::S8, level(1)).unwrap();
    host.card.power_on();
    assert_eq!(host.raw(&wrapped).unwrap(), [0x68, 0x82]);
}

#[test]
fn a_security_status_word_of_the_application_ends_the_session() {
    let mut host = Host::new("");
    host.select(ECHO);
    let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(0x33)).unwrap();
    let ended = session.echo(&mut host, 0x6982, b"").unwrap_err();
    assert!(matches!(ended, Failure::Scp(ScpError::Ended(_))));
    assert_eq!(host.sw("80EC 0000 01 01"), 0x9000, "in clear again");
}

#[test]
fn level_00_authenticates_and_protects_nothing() {
    let mut host = Host::new("");
    let mut session = host.open(&Keys::test(16), 0, Mode::S8, level(0)).unwrap();
    assert_eq!(host.sw("80F2 8002 02 4F00 00"), 0x9000);
    let new = super::host::put_key(&Keys::test(16).0.dek, None, 0x30, &Keys::made(1, 16));
    assert_eq!(session.command(&mut host, &new).unwrap_err().sw(), 0x6982);
    assert_eq!(host.sw("80F2 8002 02 4F00 00"), 0x6982, "and no session any more");
}

#[test]
fn empty_data_may_come_padded_and_encrypted() {
    let mut host = Host::new("");
    host.select(ECHO);
    let need = host.initialize(0, Mode::S8).unwrap();
    let keys = Keys::test(16);
    let mut twin = keys.cipher(&need);
    let (check, cipher) = (keys.check(&need, ECHO), keys.cipher(&need));
    let auth = need.authenticate(cipher, check, level(0x03)).unwrap();
    let command = auth.command().encode().unwrap();
    assert_eq!(host.raw(&command).unwrap(), [0x90, 0]);
    // What that host sends: 80 00.. encrypted with the first counter, MACed behind EXTERNAL AUTHENTICATE's MAC.
    use cardwright_proto::scp::SessionCipher;
    let chain = twin.mac(&[&[0; 16], &command[..5], &command[5..13]]).unwrap();
    let mut padding = [0; 16];
    padding[0] = 0x80;
    let mut counter = [0; 16];
    counter[15] = 1;
    twin.encrypt(counter, &mut padding).unwrap();
    let mut wrapped = vec![0x84, 0xEC, 0, 0, 24];
    wrapped.extend_from_slice(&padding);
    let mac = twin.mac(&[&chain, &wrapped]).unwrap();
    wrapped.extend_from_slice(&mac[..8]);
    assert_eq!(host.raw(&wrapped).unwrap(), [0x90, 0]);
}
