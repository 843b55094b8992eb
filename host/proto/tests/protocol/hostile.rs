//! A card, or someone between, that answers wrapped commands wrongly: always an error, and the session is gone.

use super::pair::{Setup, bytes};
use cardwright_proto::apdu::{ApduError, Command, Header, Ne, Response};
use cardwright_proto::scp::scp03::{AwaitResponse, Open};
use cardwright_proto::scp::{CipherFailed, Mode, ScpError, SessionCipher, SoftCipher};
use cardwright_proto::status::StatusWord;

const OK: StatusWord = StatusWord::OK;

fn command() -> Command<'static> {
    Command::new(Header::new(0x80, 0xCA, 0, 0x66), &[], Some(Ne::SHORT_MAX))
}

/// A host that has sent a command, and the card's honest answer to it.
fn asked(setup: &Setup, answer: &[u8], sw: StatusWord) -> (AwaitResponse<SoftCipher>, Vec<u8>) {
    let (host, mut card) = setup.open();
    let mut wire = Vec::new();
    let sent = host.wrap(&command(), &mut wire).unwrap();
    card.unwrap(&mut wire).unwrap();
    let mut answer = answer.to_vec();
    card.wrap(&mut answer, sw).unwrap();
    (sent, answer)
}

fn error(sent: AwaitResponse<SoftCipher>, mut raw: Vec<u8>) -> ScpError {
    sent.unwrap(&mut raw).map(|_| ()).unwrap_err()
}

#[test]
fn every_flipped_bit() {
    for (mode, level) in [(Mode::S8, 0x11), (Mode::S8, 0x33), (Mode::S16, 0x13), (Mode::S16, 0x33)] {
        let setup = Setup::new(mode, level);
        for sw in [OK, StatusWord(0x6310), StatusWord(0x6283)] {
            let len = asked(&setup, &bytes(1, 20), sw).1.len();
            for bit in 0..len * 8 {
                let (sent, mut answer) = asked(&setup, &bytes(1, 20), sw);
                answer[bit / 8] ^= 1 << (bit % 8);
                let got = StatusWord(u16::from_be_bytes([answer[len - 2], answer[len - 1]]));
                let expected =
                    if got.carries_rmac() { ScpError::ResponseMac } else { ScpError::UnauthenticatedData(got) };
                assert_eq!(error(sent, answer), expected, "bit {bit}");
            }
        }
    }
}

#[test]
fn mac_stripped_moved_cut_or_from_elsewhere() {
    for mode in [Mode::S8, Mode::S16] {
        let width = mode.width();
        let setup = Setup::new(mode, 0x33);
        let ask = || asked(&setup, &bytes(1, 20), OK);
        let (sent, answer) = ask();
        let (body, tail) = answer.split_at(answer.len() - 2 - width);
        let (mac, sw) = tail.split_at(width);
        assert_eq!(error(sent, [body, sw].concat()), ScpError::ResponseMac, "stripped");
        assert_eq!(error(ask().0, [mac, body, sw].concat()), ScpError::ResponseMac, "moved to the front");
        assert_eq!(error(ask().0, [body, &mac[1..], sw].concat()), ScpError::ResponseMac, "cut");
        assert_eq!(error(ask().0, [body, mac, &[0], sw].concat()), ScpError::ResponseMac, "longer");
        assert_eq!(error(ask().0, [mac, sw].concat()), ScpError::ResponseMac, "data dropped");
        for len in 0..width {
            let answer = [&mac[..len], sw].concat();
            assert_eq!(error(ask().0, answer), ScpError::ResponseMacMissing(OK), "{len} bytes in place of a MAC");
        }
        // The answer to the command before.
        let (host, mut card) = setup.open();
        let mut wire = Vec::new();
        let sent = host.wrap(&command(), &mut wire).unwrap();
        card.unwrap(&mut wire).unwrap();
        let mut old = bytes(1, 20);
        card.wrap(&mut old, OK).unwrap();
        let host = sent.unwrap(&mut old.clone()).unwrap().0;
        assert_eq!(error(host.wrap(&command(), &mut wire).unwrap(), old), ScpError::ResponseMac, "replayed");
    }
}

#[test]
fn bare_success_is_refused_at_every_level_with_r_mac() {
    for level in [0x11, 0x13, 0x33] {
        for sw in [0x9000u16, 0x6200, 0x62FF, 0x6300, 0x63CF] {
            let sent = asked(&Setup::new(Mode::S8, level), &[], OK).0;
            let expected = ScpError::ResponseMacMissing(StatusWord(sw));
            assert_eq!(error(sent, sw.to_be_bytes().to_vec()), expected);
        }
    }
}

#[test]
fn lengths_of_responses() {
    for level in [0x00, 0x01, 0x33] {
        let setup = Setup::new(Mode::S8, level);
        for len in [0, 1] {
            let sent = asked(&setup, &[], OK).0;
            assert_eq!(error(sent, vec![0x90; len]), ApduError::NoStatusWord(len).into());
        }
        let raw = |len: usize| [vec![0xAA; len - 2], vec![0x90, 0]].concat();
        assert_eq!(error(asked(&setup, &[], OK).0, raw(65_539)), ApduError::ResponseTooLong.into());
        for len in [2, 258, 65_538] {
            let mut raw = raw(len);
            let got = asked(&setup, &[], OK).0.unwrap(&mut raw).map(|(_, response)| response.data.len());
            let expected = match (level, len) {
                (0x33, 2) => Err(ScpError::ResponseMacMissing(OK)),
                (0x33, _) => Err(ScpError::ResponseMac),
                _ => Ok(len - 2),
            };
            assert_eq!(got, expected);
        }
    }
}

#[test]
fn errors_security_errors_and_errors_with_data() {
    for level in [0x00, 0x01, 0x03, 0x11, 0x13, 0x33] {
        let setup = Setup::new(Mode::S8, level);
        let (c_mac, r_mac) = (setup.level.c_mac(), setup.level.r_mac());
        for sw in 0x6400..=0x6FFFu16 {
            let ends = c_mac && matches!(sw, 0x6982 | 0x6987 | 0x6988);
            if !sw.is_multiple_of(61) && !ends {
                continue;
            }
            let sw = StatusWord(sw);
            let bare = asked(&setup, &[], OK).0.unwrap(&mut sw.0.to_be_bytes()).map(|(_, got)| got.sw);
            assert_eq!(bare, if ends { Err(ScpError::Ended(sw)) } else { Ok(sw) });
            let mut with_data = [&[1, 2, 3][..], &sw.0.to_be_bytes()].concat();
            let with_data = asked(&setup, &[], OK).0.unwrap(&mut with_data).map(|(_, got)| got.data.len());
            let expected = match () {
                () if ends => Err(ScpError::Ended(sw)),
                () if r_mac => Err(ScpError::UnauthenticatedData(sw)),
                () => Ok(3),
            };
            assert_eq!(with_data, expected, "{sw} at {level:02X}");
        }
    }
}

/// A card that has the keys and MACs what it should not: built from the card's primitives. In S16 the whole C-MAC is
/// on the wire, and it is the chaining value of the answer.
#[test]
fn badly_padded_answers_with_a_good_mac() {
    let setup = Setup::new(Mode::S16, 0x33);
    let answer_with = |plain: &[u8], encrypt: bool| {
        let mut wire = Vec::new();
        let sent = setup.open().0.wrap(&command(), &mut wire).unwrap();
        let wrapped = Command::parse(&wire).unwrap();
        let mut cipher = setup.cipher();
        let mut data = plain.to_vec();
        if encrypt {
            let mut counter = [0; 16];
            (counter[0], counter[15]) = (0x80, 1);
            cipher.encrypt(counter, &mut data).unwrap();
        }
        let mac = cipher.rmac(&[wrapped.data, &data, &[0x90, 0]]).unwrap();
        let mut raw = [&data[..], &mac, &[0x90, 0]].concat();
        sent.unwrap(&mut raw).map(|(_, response)| response.data.to_vec())
    };
    let block = |text: &[u8]| {
        let mut block = vec![0; 16];
        block[..text.len()].copy_from_slice(text);
        block
    };
    assert_eq!(answer_with(&block(b"data\x80"), true), Ok(b"data".to_vec()), "the forger's own work is right");
    assert_eq!(answer_with(&block(b"\x80"), true), Ok(vec![]), "nothing but padding");
    for bad in
        [block(b""), block(b"data"), block(b"data\x81"), block(b"data\x80\x01"), [block(b"d\x80"), block(b"")].concat()]
    {
        assert_eq!(answer_with(&bad, true), Err(ScpError::Padding), "{bad:02X?}");
    }
    let full_block_of_padding = [block(b"0123456789abcdef"), block(b"\x80")].concat();
    assert_eq!(answer_with(&full_block_of_padding, true), Ok(b"0123456789abcdef".to_vec()));
    for len in [1, 15, 17, 31] {
        assert_eq!(answer_with(&bytes(1, len), false), Err(ScpError::Padding), "{len} bytes are no blocks");
    }
}

#[test]
fn answers_to_external_authenticate() {
    let setup = Setup::new(Mode::S8, 0x33);
    for sw in [0x6300u16, 0x6982, 0x6283, 0x6100, 0x9001] {
        let sw = StatusWord(sw);
        let got = setup.authenticating().0.receive(Response { data: &[], sw });
        assert_eq!(got.map(|_| ()), Err(ScpError::AuthenticateRefused(sw)));
    }
    let got = setup.authenticating().0.receive(Response { data: &[1], sw: OK });
    assert_eq!(got.map(|_| ()), Err(ScpError::AuthenticateData(1)));
}

#[test]
fn commands_that_cannot_be_wrapped() {
    let setup = Setup::new(Mode::S8, 0x33);
    let wrap = |cla| {
        let mut out = vec![1, 2, 3];
        let host: Open<SoftCipher> = setup.open().0;
        host.wrap(&Command::new(Header::new(cla, 0xCA, 0, 0), &[], None), &mut out).map(|_| ()).unwrap_err()
    };
    for secured in [0x04, 0x84, 0x87, 0x60, 0xE5, 0xEF] {
        assert_eq!(wrap(secured), ApduError::AlreadySecured(secured).into());
    }
    for chained in [0x10, 0x90, 0x50, 0xD3] {
        assert_eq!(wrap(chained), ApduError::Class(chained).into());
    }
    for none in [0x20, 0xA0, 0x08, 0x8C, 0xFF] {
        assert_eq!(wrap(none), ApduError::Class(none).into());
    }
}

/// A token that is pulled out in the middle.
#[derive(Debug)]
struct Failing<'a> {
    inner: SoftCipher,
    left: &'a std::cell::Cell<u32>,
}

impl Failing<'_> {
    fn spend(&self) -> Result<(), CipherFailed> {
        self.left.set(self.left.get().checked_sub(1).ok_or(CipherFailed)?);
        Ok(())
    }
}

impl SessionCipher for Failing<'_> {
    fn mac(&mut self, parts: &[&[u8]]) -> Result<[u8; 16], CipherFailed> {
        self.spend()?;
        self.inner.mac(parts)
    }

    fn rmac(&mut self, parts: &[&[u8]]) -> Result<[u8; 16], CipherFailed> {
        self.spend()?;
        self.inner.rmac(parts)
    }

    fn encrypt(&mut self, counter: [u8; 16], data: &mut [u8]) -> Result<(), CipherFailed> {
        self.spend()?;
        self.inner.encrypt(counter, data)
    }

    fn decrypt(&mut self, counter: [u8; 16], data: &mut [u8]) -> Result<(), CipherFailed> {
        self.spend()?;
        self.inner.decrypt(counter, data)
    }
}

/// Seven uses of the keys carry one whole session with one command; with fewer, wherever it stops, it is an error.
#[test]
fn keys_that_fail_at_any_use() {
    let setup = Setup::new(Mode::S8, 0x33);
    let run = |uses| -> Result<Vec<u8>, ScpError> {
        let left = std::cell::Cell::new(uses);
        let (answer, card) = setup.hello();
        let need_keys = setup.initialized(&answer)?;
        // In a box, as a vault hands it out.
        let cipher: Box<dyn SessionCipher + '_> = Box::new(Failing { inner: setup.cipher(), left: &left });
        let host = need_keys.authenticate(cipher, setup.check(None), setup.level)?;
        let sent = host.command().encode()?;
        let mut card = card.receive(&Command::parse(&sent)?)?;
        let host = host.receive(Response { data: &[], sw: OK })?;
        let mut wire = Vec::new();
        let sent = host.wrap(&Command::new(Header::new(0x80, 0xE2, 0, 0), b"data", None), &mut wire)?;
        card.unwrap(&mut wire)?;
        let mut answer = b"answer".to_vec();
        card.wrap(&mut answer, OK)?;
        let (_, response) = sent.unwrap(&mut answer)?;
        Ok(response.data.to_vec())
    };
    for uses in 0..7 {
        assert_eq!(run(uses), Err(ScpError::Cipher(CipherFailed)), "{uses}");
    }
    assert_eq!(run(7), Ok(b"answer".to_vec()));
}
