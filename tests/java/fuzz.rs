//! Streams of commands that somebody spoiled: whatever comes, an answer, no 6F00, and no exception that leaves an applet.

use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::scp::{Mode, ScpError};
use cardwright_tests::chance::rng;
use cardwright_tests::host::{CUSTODIAN, ECHO, Failure, Host, ISD, Keys};
use cardwright_tests::java::JavaCard;
use cardwright_tests::share::object;
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;
use std::collections::BTreeMap;

const COMMANDS: u32 = 100_000;

/// Headers that applets and security domain know.
const KNOWN: &[[u8; 4]] = &[
    [0x00, 0xA4, 0x04, 0x00],
    [0x80, 0x50, 0x00, 0x00],
    [0x84, 0x82, 0x33, 0x00],
    [0x80, 0xCA, 0x00, 0xE0],
    [0x80, 0xCA, 0x9F, 0x7F],
    [0x80, 0xF2, 0x40, 0x02],
    [0x80, 0xF0, 0x40, 0x87],
    [0x80, 0xF0, 0x80, 0x0F],
    [0x80, 0xD8, 0x00, 0x81],
    [0x80, 0xE4, 0x00, 0x00],
    [0x80, 0xE6, 0x0C, 0x00],
    [0x80, 0xE6, 0x04, 0x00],
    [0x80, 0xE6, 0x08, 0x00],
    [0x00, 0xC0, 0x00, 0x00],
    [0x00, 0x20, 0x00, 0x00],
    [0x80, 0x24, 0x00, 0x00],
    [0x80, 0x24, 0x01, 0x00],
    [0x80, 0x30, 0x01, 0x00],
    [0x80, 0x30, 0x81, 0x00],
    [0x80, 0x30, 0x82, 0x01],
    [0x80, 0x32, 0x00, 0x00],
    [0x80, 0x34, 0x00, 0x00],
    [0x80, 0x34, 0x01, 0x00],
    [0x80, 0x36, 0x00, 0x00],
    [0x80, 0xEC, 0x00, 0x00],
    [0x80, 0xEE, 0x00, 0x80],
];

struct Fuzzer {
    host: Host<JavaCard>,
    rng: TestRng,
    answers: BTreeMap<u16, u32>,
    sent: u32,
}

impl Fuzzer {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u32()).unwrap() % bound
    }

    fn data(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => Vec::new(),
            1 => b"123456".to_vec(),
            2 => [&[6][..], b"123456", b"123456"].concat(),
            3 => object(self.rng.next_u64(), false),
            4 => [&[0x4F, 7][..], [ECHO, CUSTODIAN][self.below(2)]].concat(),
            5 => {
                let mut install = vec![0, 7];
                install.extend_from_slice(ECHO);
                install.push(7);
                install.extend_from_slice(b"\xF0CWECH");
                install.extend_from_slice(&[b'0' + u8::try_from(self.below(10)).unwrap(), 1, 0, 2, 0xC9, 0, 0]);
                install
            }
            6 => {
                let new = Keys::made(self.rng.next_u32().to_le_bytes()[0], 16);
                let mut data = Vec::new();
                let kvn = 0x30 + u8::try_from(self.below(4)).unwrap();
                cardwright_proto::gp::Command::apdu(&new.put(&[0x40; 16], None, kvn), &mut data);
                data
            }
            _ => {
                let mut bytes = vec![0; self.below(240)];
                self.rng.fill_bytes(&mut bytes);
                bytes
            }
        }
    }

    /// Any bytes, or a command that an applet knows with a byte or two changed.
    fn plain(&mut self) -> (Header, Vec<u8>) {
        let mut header = KNOWN[self.below(KNOWN.len())];
        let mut data = self.data();
        if self.below(3) == 0 {
            let at = self.below(4);
            header[at] ^= 1 << self.below(8);
        }
        if self.below(3) == 0 && !data.is_empty() {
            let at = self.below(data.len());
            data[at] ^= self.rng.next_u32().to_le_bytes()[0];
        }
        if self.below(6) == 0 {
            let len = self.below(data.len() + 1);
            data.truncate(len);
        }
        // A card that is terminated would answer the rest of the stream in one way.
        if header[1] == 0xF0 && header[3] == 0xFF {
            header[3] = 0x0F;
        }
        (Header::new(header[0], header[1], header[2], header[3]), data)
    }

    fn answered<T>(&mut self, answer: Result<T, Failure>) {
        let sw = match answer {
            Ok(_) => 0x9000,
            // The host refuses to send what it cannot wrap.
            Err(Failure::Scp(ScpError::Apdu(_) | ScpError::LevelNotSupported { .. })) => return,
            // The keys were replaced by somebody's luck, and the host saw it before it sent anything.
            Err(Failure::Scp(ScpError::CardCryptogram)) => return,
            // A failed check of an answer is a finding, as is a card that is gone.
            Err(failure) => failure.sw(),
        };
        self.count(sw);
    }

    fn count(&mut self, sw: u16) {
        self.sent += 1;
        assert_ne!(sw, 0x6F00);
        *self.answers.entry(sw).or_default() += 1;
    }

    fn stream(&mut self) {
        self.host.link.fresh("tries=255");
        self.host.forget();
        for _ in 0..500 {
            if self.below(12) == 0 {
                let aid = [ISD, ECHO, CUSTODIAN][self.below(3)];
                let selected = self.host.select(aid);
                let level = [0x33, 0x33, 0x13, 0x11, 0x03, 0x01, 0x00][self.below(7)];
                let is_there = selected.is_ok();
                self.answered(selected);
                if is_there {
                    let opened = self.host.open(&Keys::test(16), 0, Mode::S8, level);
                    self.answered(opened);
                }
            }
            let (header, data) = self.plain();
            let command = Command::new(header, &data, Some(Ne::SHORT_MAX).filter(|_| self.below(2) == 0));
            if self.host.level().is_some() && self.below(8) > 0 {
                match self.host.send(&command) {
                    Ok((_, sw)) => self.count(sw),
                    other => self.answered(other),
                }
            } else {
                let mut bytes = command.encode().unwrap();
                if self.below(10) == 0 {
                    let len = self.below(bytes.len()) + 1;
                    bytes.truncate(len.max(4));
                }
                let (_, sw) = self.host.raw(&bytes).expect("an answer");
                self.count(sw);
            }
        }
    }
}

#[test]
fn a_hundred_thousand_spoiled_commands() {
    let Some(card) = JavaCard::start("fuzzing the Java card", "tries=255") else { return };
    let mut fuzzer = Fuzzer { host: Host::new(card), rng: rng("the fuzzer"), answers: BTreeMap::new(), sent: 0 };
    let mut faults = 0;
    while fuzzer.sent < COMMANDS {
        fuzzer.stream();
        faults += fuzzer.host.link.faults();
    }
    let answers: Vec<_> = fuzzer.answers.iter().map(|(sw, count)| format!("{sw:04X}: {count}")).collect();
    println!("{} commands; answers {}", fuzzer.sent, answers.join(", "));
    assert_eq!(faults, 0, "exceptions that left an applet");
    assert!(fuzzer.answers[&0x9000] > COMMANDS / 50, "too few got anywhere");
}
