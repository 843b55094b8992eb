//! The Java card and the Rust card get the same bytes and give the same answers, byte for byte.
//!
//! With a pseudo-random card challenge nothing about a session is left to chance: the same keys, counter and host
//! challenge make the same session on both, so that one host can talk to both at once.

use cardwright_link::{LinkError, Transport, VirtualCard};
use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::scp::{Mode, ScpError};
use cardwright_tests::chance::rng;
use cardwright_tests::host::{CUSTODIAN, ECHO, Failure, Host, ISD, Keys};
use cardwright_tests::java::JavaCard;
use cardwright_tests::share::object;
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;
use std::collections::BTreeMap;

const SEQUENCES: usize = 10_000;
/// Sequences that one pair of cards gets.
const EACH: usize = 25;
const LEAST: usize = 200;
/// The pairs of cards in turn: words for both, the length of the initial keys, mode, and the levels on offer.
const KINDS: [(&str, u8, Mode, &[u8]); 5] = [
    ("aes128,s8,i=70", 16, Mode::S8, ALL_LEVELS),
    ("aes256,s16,i=71", 32, Mode::S16, ALL_LEVELS),
    ("aes192,s8,i=70", 24, Mode::S8, ALL_LEVELS),
    ("aes128,s8,i=30", 16, Mode::S8, &[0x13, 0x13, 0x11, 0x03, 0x01, 0x00]),
    ("aes192,s16,i=11", 24, Mode::S16, &[0x03, 0x03, 0x01, 0x00]),
];
const ALL_LEVELS: &[u8] = &[0x33, 0x33, 0x33, 0x33, 0x33, 0x13, 0x11, 0x03, 0x01, 0x00];
const IDENTITY: &str = "tries=5,kdd=43575254000000000001,serial=00000001";
/// Everything that has to be accepted often enough.
const COMMANDS: [&str; 20] = [
    "CHANGE PIN",
    "CHANGE PIN, first",
    "DELETE",
    "EXTERNAL AUTHENTICATE",
    "GET DATA",
    "GET STATE",
    "GET STATUS",
    "INITIALIZE UPDATE",
    "PUT KEY, add",
    "PUT KEY, replace",
    "READ SHARE",
    "SELECT",
    "STORE SHARE, block",
    "STORE SHARE, last block",
    "VERIFY",
    "VERIFY, status",
    "WIPE, all",
    "WIPE, share",
    "echo",
    "pattern",
];
const PIN: &[u8] = b"123456";
const OTHER_PIN: &[u8] = b"8642";

/// Both cards as one.
#[derive(Debug)]
struct Pair {
    java: JavaCard,
    rust: VirtualCard,
    /// What was sent since the cards were new, for a person to follow.
    history: Vec<String>,
}

impl Pair {
    fn start(mut java: JavaCard) -> Self {
        let rust = twin(&mut java, "");
        Self { java, rust, history: Vec::new() }
    }

    fn fresh(&mut self, words: &str) {
        self.java.fresh(&format!("{words},{IDENTITY}"));
        self.rust = twin(&mut self.java, words);
        self.history.clear();
    }
}

/// A Rust card with the identity of the Java card's custodian applet, the one thing that is random.
fn twin(java: &mut JavaCard, words: &str) -> VirtualCard {
    let mut host = Host::new(java);
    let fci = host.select(CUSTODIAN).expect("the applet");
    let at = fci.windows(2).position(|tag| tag == [0x82, 8]).expect("the identity") + 2;
    host.reset().expect("a reset");
    VirtualCard::from_profile(&format!("{words},{IDENTITY},custodian={}", hex::encode(&fci[at..at + 8])))
        .expect("a card")
}

impl Transport for Pair {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        let mut other = Vec::new();
        self.rust.transmit(command, response)?;
        self.java.transmit(command, &mut other)?;
        // The example applet has no data to tell about itself, the Rust card's has.
        let echo = command.strip_prefix(&[0, 0xA4, 4, 0, 7]).is_some_and(|data| data.starts_with(ECHO));
        if echo && other == [0x90, 0] && response.ends_with(&other) {
            other.clone_from(response);
        }
        self.history.push(format!("{} -> {}", hex::encode(command), hex::encode(&response)));
        assert!(*response == other, "the Java card answers {}:\n{}", hex::encode(other), self.history.join("\n"),);
        Ok(())
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.history.push("reset".to_owned());
        self.rust.reset()?;
        self.java.reset()
    }

    fn atr(&self) -> &[u8] {
        self.rust.atr()
    }

    fn name(&self) -> &'static str {
        "both"
    }
}

/// A host that knows what the cards should know, and at times does the wrong thing.
struct Driver {
    host: Host<Pair>,
    rng: TestRng,
    kind: usize,
    sets: Vec<(u8, Keys)>,
    /// Key-DEK of the set that the last session was opened with.
    dek: Vec<u8>,
    pin: Option<&'static [u8]>,
    counts: BTreeMap<&'static str, [usize; 2]>,
}

impl Driver {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u32()).expect("32 bits") % bound
    }

    fn seed(&mut self) -> u64 {
        u64::from(self.rng.next_u32()) << 32 | u64::from(self.rng.next_u32())
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.below(most + 1)];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn fresh(&mut self) {
        self.kind = (self.kind + 1) % KINDS.len();
        let (words, len, ..) = KINDS[self.kind];
        self.host.link.fresh(words);
        self.host.aid = ISD.to_vec();
        self.host.forget();
        self.sets = vec![(0xFF, Keys::test(len))];
        self.dek = Keys::test(len).0.dek;
        self.pin = None;
    }

    /// Sends a command, in the session if there is one and mostly as it should be. Whether it was accepted.
    fn send(&mut self, name: &'static str, header: [u8; 4], data: &[u8]) -> bool {
        let [cla, ins, p1, p2] = header;
        let (mut header, mut data) = (Header::new(cla, ins, p1, p2), data.to_vec());
        if self.one_in(12) {
            self.spoil(&mut header, &mut data);
        }
        let le = if self.one_in(4) { None } else { Some(Ne::SHORT_MAX) };
        let command = Command::new(header, &data, le);
        let plain =
            self.host.level().is_none() || matches!(header.ins, 0x20 | 0x36) && self.one_in(3) || self.one_in(40);
        let sw = if plain {
            // A session with C-MAC that the card ends is over for the host as well.
            let sw = self.host.raw(&command.encode().expect("short")).expect("an answer").1;
            if matches!(sw, 0x6982 | 0x6987 | 0x6988) {
                self.host.forget();
            }
            sw
        } else {
            match self.host.send(&command) {
                Ok((_, sw)) => sw,
                // A class byte that no host can wrap.
                Err(Failure::Scp(ScpError::Apdu(_))) => return false,
                Err(failure) => failure.sw(),
            }
        };
        self.counts.entry(name).or_default()[usize::from(sw != 0x9000)] += 1;
        sw == 0x9000
    }

    /// One byte of the header, or the length of the data. The result stays within what both cards have.
    fn spoil(&mut self, header: &mut Header, data: &mut Vec<u8>) {
        let byte = self.rng.next_u32().to_le_bytes()[0];
        match self.below(5) {
            0 => header.cla = self.pick(&[0x00, 0x80, 0x84, 0x04, 0x20, 0xFF]),
            1 if !matches!(byte, 0xA4 | 0x70 | 0xC0 | 0xE2 | 0xF0 | 0xE6) => header.ins = byte,
            2 => header.p1 = byte,
            3 => header.p2 = byte,
            _ if self.one_in(2) => {
                data.pop();
            }
            _ => data.push(byte),
        }
        data.truncate(200);
        if header.ins == 0xEE {
            header.p1 = 0;
            header.p2 &= 0x7F;
        }
    }

    fn select(&mut self) {
        let aid = self.pick(&[ISD, ECHO, CUSTODIAN, CUSTODIAN, CUSTODIAN, &[][..], b"\xF0CWNONE"]);
        let selected = self.host.select(aid);
        self.count("SELECT", selected.is_ok());
        if selected.is_ok() && aid.is_empty() {
            self.host.aid = ISD.to_vec();
        }
    }

    fn count(&mut self, name: &'static str, good: bool) {
        self.counts.entry(name).or_default()[usize::from(!good)] += 1;
    }

    /// Opens a session, or fails to.
    fn open(&mut self) {
        let set = self.below(self.sets.len());
        let mut kvn = self.sets[set].0;
        if self.one_in(20) {
            kvn = self.pick(&[0, 0x01, 0x77, 0xFE]);
        }
        let (_, _, mode, levels) = KINDS[self.kind];
        let other = if mode == Mode::S8 { Mode::S16 } else { Mode::S8 };
        let mode = if self.one_in(30) { other } else { mode };
        let need = match self.host.initialize(kvn, mode) {
            Ok(need) => need,
            Err(refused) => {
                assert_ne!(refused.sw(), 0x9000);
                return self.count("INITIALIZE UPDATE", false);
            }
        };
        self.count("INITIALIZE UPDATE", true);
        let Some((_, keys)) = self.sets.iter().find(|(kvn, _)| *kvn == need.card().kvn).cloned() else {
            // A spoiled PUT KEY put it there.
            return;
        };
        if self.one_in(25) {
            let len = self.pick(&[2 * mode.width(), 2 * mode.width(), 16, 8, 0, 32]);
            let mut wrong = vec![0; len];
            self.rng.fill_bytes(&mut wrong);
            let cla = self.pick(&[0x84, 0x84, 0x80]);
            let command = Command::new(Header::new(cla, 0x82, self.pick(&[0x33, 0x01, 0x02]), 0), &wrong, None);
            let sw = self.host.raw(&command.encode().expect("short")).expect("an answer").1;
            return self.count("EXTERNAL AUTHENTICATE", sw == 0x9000);
        }
        let level = self.pick(levels);
        let opened = self.host.authenticate(need, &keys, level);
        self.dek = keys.0.dek;
        self.count("EXTERNAL AUTHENTICATE", opened.is_ok());
    }

    fn put_key(&mut self) {
        let tag = self.rng.next_u32().to_le_bytes()[0];
        let new = Keys::made(tag, self.pick(&[16, 16, 24, 32]));
        let kvn = self.pick(&[0x30, 0x31, 0x32, 0x33]);
        let replace = self.sets.iter().map(|(kvn, _)| *kvn).rfind(|kvn| *kvn < 0x80);
        let replace = replace.filter(|_| self.one_in(2));
        let mut data = Vec::new();
        let command = cardwright_proto::gp::Command::apdu(&new.put(&self.dek, replace, kvn), &mut data);
        let name = if replace.is_some() { "PUT KEY, replace" } else { "PUT KEY, add" };
        let header = [0x80, 0xD8, command.header.p1, command.header.p2];
        if self.send(name, header, command.data) {
            let gone = replace.unwrap_or(0xFF);
            self.sets.retain(|(kvn, _)| *kvn != gone);
            self.sets.push((kvn, new));
        }
    }

    fn delete(&mut self) {
        let kvn = self.pick(&[0x30, 0x31, 0x32, 0x33]);
        if self.send("DELETE", [0x80, 0xE4, 0, 0], &[0xD2, 1, kvn]) {
            self.sets.retain(|(known, _)| *known != kvn);
        }
    }

    fn domain(&mut self) {
        match self.below(6) {
            0 => {
                let tag: u16 = self.pick(&[0x9F7F, 0x42, 0x45, 0xCF, 0xE0, 0x66, 0xFFFF]);
                let [p1, p2] = tag.to_be_bytes();
                self.send("GET DATA", [0x80, 0xCA, p1, p2], &[]);
            }
            1 => {
                let p1 = self.pick(&[0x80, 0x40, 0x40, 0x20, 0x10]);
                let aid = self.pick(&[&[0x4F, 0][..], &[0x4F, 1, 0xF0], &[0x4F, 1, 0xA0], &[]]);
                self.send("GET STATUS", [0x80, 0xF2, p1, 2], aid);
            }
            2 | 3 => self.put_key(),
            _ => self.delete(),
        }
    }

    fn echo(&mut self) {
        let data = self.bytes(100);
        let sw: u16 = self.pick(&[0, 0, 0, 0x6A80, 0x6310, 0x6982]);
        let [p1, p2] = sw.to_be_bytes();
        self.send("echo", [0x80, 0xEC, p1, p2], &data);
        let length = u8::try_from(self.below(128)).expect("below 128");
        self.send("pattern", [0x80, 0xEE, 0, length], &[]);
    }
}

mod custody {
    //! The custodian applet's part of the driver.

    use super::{Driver, OTHER_PIN, PIN, object};

    impl Driver {
        pub(super) fn custodian(&mut self) {
            if self.host.level().is_none() && self.one_in(2) {
                self.open();
            }
            match self.below(12) {
                0 => {
                    self.send("GET STATE", [0x80, 0x36, 0, 0], &[]);
                }
                1 | 2 => self.change_pin(),
                3 => self.verify(),
                4..=6 => self.store(),
                7 | 8 => self.read(),
                9 => {
                    self.verify();
                    self.send("WIPE, share", [0x80, 0x34, 0, 0], &[]);
                }
                10 if self.one_in(3) => {
                    if self.send("WIPE, all", [0x80, 0x34, 1, 0], &[]) {
                        self.pin = None;
                    }
                }
                _ => {
                    self.send("VERIFY, status", [0x00, 0x20, 0, 0], &[]);
                }
            }
        }

        /// What one session began, no other one goes on with.
        fn perhaps_another_session(&mut self) {
            if self.one_in(25) {
                self.open();
            }
        }

        fn verify(&mut self) {
            let pin = self.pin.unwrap_or(PIN);
            let sent = if self.one_in(12) { b"0000".as_slice() } else { pin };
            self.send("VERIFY", [0x00, 0x20, 0, 0], sent);
        }

        fn change_pin(&mut self) {
            let new = self.pick(&[PIN, OTHER_PIN]);
            match self.pin {
                None => {
                    if self.send("CHANGE PIN, first", [0x80, 0x24, 1, 0], new) {
                        self.pin = Some(new);
                    }
                }
                Some(old) => {
                    let old = if self.one_in(10) { b"0000".as_slice() } else { old };
                    let length = u8::try_from(old.len()).expect("12 at most");
                    if self.send("CHANGE PIN", [0x80, 0x24, 0, 0], &[&[length], old, new].concat()) {
                        self.pin = Some(new);
                    }
                }
            }
        }

        fn store(&mut self) {
            let commitments = self.one_in(3);
            let mut share = object(self.seed(), commitments);
            if self.one_in(6) {
                let at = self.below(share.len());
                share[at] ^= 1 << self.below(8);
            }
            let mode = self.pick(&[1, 1, 1, 2]);
            self.verify();
            let cut = 1 + self.below(180);
            let blocks: Vec<Vec<u8>> = share.chunks(cut).map(<[u8]>::to_vec).collect();
            for (number, block) in blocks.iter().enumerate() {
                let last = number + 1 == blocks.len();
                let p1 = mode | if last { 0x80 } else { 0 };
                let name = if last { "STORE SHARE, last block" } else { "STORE SHARE, block" };
                let p2 = u8::try_from(number & 0xFF).expect("a byte");
                self.perhaps_another_session();
                if self.one_in(60) || !self.send(name, [0x80, 0x30, p1, p2], block) {
                    return;
                }
            }
        }

        fn read(&mut self) {
            self.verify();
            for block in 0..3 {
                self.perhaps_another_session();
                if !self.send("READ SHARE", [0x80, 0x32, 0, block], &[]) {
                    return;
                }
            }
        }
    }
}

#[test]
fn both_cards_give_the_same_answers() {
    let Some(java) = JavaCard::start("the Java and the Rust card side by side", IDENTITY) else { return };
    let (host, rng) = (Host::new(Pair::start(java)), rng("both cards"));
    let mut driver =
        Driver { host, rng, kind: 0, sets: Vec::new(), dek: Vec::new(), pin: None, counts: BTreeMap::new() };
    for sequence in 0..SEQUENCES {
        if sequence % EACH == 0 {
            driver.fresh();
        }
        driver.select();
        if !driver.one_in(8) {
            driver.open();
        }
        for _ in 0..3 + driver.below(8) {
            match driver.host.aid.as_slice() {
                CUSTODIAN => driver.custodian(),
                ECHO => driver.echo(),
                _ => driver.domain(),
            }
        }
        if driver.one_in(10) {
            let garbage = driver.bytes(40);
            // Chaining, other channels, and what only one of the cards has are left out.
            if garbage.len() >= 4
                && garbage[0] & 0x50 == 0
                && !matches!(garbage[1], 0xA4 | 0x70 | 0xC0 | 0xE2 | 0xF0 | 0xE6)
            {
                driver.host.forget();
                let answered = driver.host.raw(&garbage);
                assert!(!matches!(answered, Err(Failure::Lost)));
            }
        }
        if driver.one_in(6) {
            driver.host.reset().expect("a reset");
        }
    }
    println!("{SEQUENCES} sequences; accepted and refused: {:#?}", driver.counts);
    assert!(driver.counts.keys().copied().eq(COMMANDS), "{:?}", driver.counts.keys());
    for (name, [accepted, _]) in &driver.counts {
        assert!(*accepted >= LEAST, "{name} succeeded {accepted} times");
    }
    assert_eq!(driver.host.link.java.faults(), 0, "exceptions that left an applet");
}
