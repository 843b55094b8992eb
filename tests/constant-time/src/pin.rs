//! PINs, and the card that compares them.

use crate::checks::{Checks, Expect};
use crate::valgrind::{published, secret};
use cardwright_link::{SmartCard, VirtualCard};
use cardwright_proto::apdu::Response;
use cardwright_proto::custody::change_pin::ChangePin;
use cardwright_proto::custody::{AID, Pin};
use cardwright_proto::gp::Command as _;
use cardwright_proto::scp::scp03::{ChallengeCheck, Scp03};
use cardwright_proto::scp::{Mode, SecurityLevel, SoftCipher, Token};
use std::hint::black_box;

const RIGHT: &[u8] = b"271828";

fn digits(text: &[u8]) -> Vec<u8> {
    let mut text = black_box(text.to_vec());
    secret(&mut text);
    text
}

pub fn run(checks: &mut Checks) {
    let expect = Expect::public(1, "it is digits");
    let mut pin = |text| {
        let text = digits(text);
        checks.run("PIN: read", expect, || Pin::new(&text)).expect("digits")
    };
    let (one, same, other, longer) = (pin(RIGHT), pin(RIGHT), pin(b"271829"), pin(b"2718280"));
    for (with, equal) in [(&same, true), (&other, false), (&longer, false)] {
        let found = checks.clean("PIN: ==", || &one == with);
        assert_eq!(published(found), equal);
    }
    let mut card = with_pin();
    let expect = Expect::public(3, "twice, that it is digits; it is the right one or not");
    for (pin, sw) in [(RIGHT, [0x90, 0x00]), (b"271829", [0x63, 0xC2]), (b"371828", [0x63, 0xC1])] {
        let command = [&[0x00, 0x20, 0x00, 0x00, 6], digits(pin).as_slice()].concat();
        let mut answer = Vec::with_capacity(16);
        checks.run("PIN: VERIFY on the simulated card", expect, || card.process(&command, &mut answer)).expect("power");
        assert_eq!(answer, sw);
    }
}

/// A card whose custodian applet has the PIN. None of this is counted.
fn with_pin() -> VirtualCard {
    let mut card = VirtualCard::from_profile("i=60").expect("a profile");
    let mut answer = Vec::new();
    let mut send = |command: &[u8]| {
        card.process(command, &mut answer).expect("power");
        answer.clone()
    };
    let select = [&[0x00, 0xA4, 0x04, 0x00, 7], AID].concat();
    assert!(send(&select).ends_with(&[0x90, 0x00]));
    let start = Scp03::start(Token::cut([0x11; 16], Mode::S8), 0);
    let answer = send(&start.command().encode().expect("short"));
    let need_keys = start.receive(Response::parse(&answer).expect("a status word")).expect("SCP03");
    let test = b"@ABCDEFGHIJKLMNO";
    let keys = SoftCipher::derive(test, test, &need_keys.context()).expect("16 bytes");
    let authenticate = need_keys.authenticate(keys, ChallengeCheck::Random, SecurityLevel::FULL).expect("test keys");
    let answer = send(&authenticate.command().encode().expect("short"));
    let open = authenticate.receive(Response::parse(&answer).expect("a status word")).expect("test keys");
    let pin = Pin::new(RIGHT).expect("digits");
    let (mut data, mut wire) = (Vec::new(), Vec::new());
    let sent = open.wrap(&ChangePin { old: None, new: &pin }.apdu(&mut data), &mut wire).expect("room");
    let mut answer = send(&wire);
    assert!(sent.unwrap(&mut answer).expect("a MAC").1.sw.is_ok());
    card
}
