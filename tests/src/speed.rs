//! Measuring: medians, sessions, and the same work without us. For benchmarks.

use crate::host::ECHO;
use cardwright::books::{Books, Forgetful, Memory};
use cardwright::card::Card;
use cardwright::identify::{Greeting, greet};
use cardwright::session::{Choices, Session, initialize};
use cardwright::world::Os;
use cardwright_hsm::SoftVault;
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::KeyRef;
use cardwright_keys::vault::Vault;
use cardwright_link::Transport;
use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::scp::SessionCipher;
use std::time::Instant;

/// What the echo applet gets and gives back.
const DATA: [u8; 200] = [0x5A; 200];

/// Bytes of a wrapped command with its header, Lc, MAC and Le, and of its answer with MAC and status word.
pub const WIRE: (usize, usize) = (5 + 208 + 8 + 1, 208 + 8 + 2);

/// The middle one.
#[must_use]
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Microseconds for each of `count` runs.
pub fn each(count: u32, mut run: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..count).for_each(|_| run());
    started.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

/// Behind a figure that is not what was wanted.
#[must_use]
pub const fn verdict(good: bool) -> &'static str {
    if good { "" } else { "  MISSED" }
}

/// Our host with the echo applet of a card selected.
#[derive(Debug)]
pub struct Bench<T, V = SoftVault> {
    card: Card<T>,
    greeting: Greeting,
    vault: V,
    key: KeyRef,
    journal: Memory,
}

impl<T: Transport> Bench<T> {
    /// Selects the applet of a card with the public test key.
    pub fn new(link: T) -> Self {
        let key: KeyRef = "gp-test".parse().expect("a reference");
        let mut vault = SoftVault::new();
        vault.load(&key, KeyMaterial::gp_test());
        Self::with(link, vault, key)
    }
}

impl<T: Transport, V: Vault> Bench<T, V> {
    /// Selects the applet of a card whose keys are in a vault under this reference.
    pub fn with(link: T, vault: V, key: KeyRef) -> Self {
        let mut card = Card::new(link);
        let greeting = greet(&mut card, ECHO).expect("the echo applet");
        Self { card, greeting, vault, key, journal: Memory::default() }
    }

    /// Opens a session at level 33, with all of the host's checks, and hands it over.
    pub fn session(&mut self, work: impl FnOnce(Session<'_, T, V::Session>)) {
        let mut audit = Forgetful;
        let mut books = Books::new(&mut self.journal, &mut audit, &Os);
        let choices = Choices { aid: ECHO.to_vec(), mode: None, level: None, accept_risk: false };
        let initialized = initialize(&mut self.card, &mut Os, None, None, &self.greeting).expect("INITIALIZE UPDATE");
        let candidate = initialized.try_key(&self.vault, &self.key).expect("a candidate");
        let opened = initialized.open(&mut self.card, candidate, &choices, &mut books, (&[], &[])).expect("open");
        assert_eq!(opened.session.level().map(|level| level.byte()), Some(0x33));
        work(opened.session);
    }

    /// Ends the session on the card, so that it takes plain commands.
    pub fn reselect(&mut self) {
        greet(&mut self.card, ECHO).expect("the echo applet");
    }

    /// The echo applet in clear: as many bytes both ways as a wrapped exchange has, and nothing computed.
    pub fn plain(&mut self) {
        let data = [0x5A; WIRE.1 - 2];
        let command = Command::new(Header::new(0x80, 0xEC, 0, 0), &data, Some(Ne::SHORT_MAX));
        let response = self.card.transmit("echo", &command).expect("an answer");
        assert_eq!(response.data.len() + 2, WIRE.1);
    }
}

/// One wrapped exchange of 200 bytes each way.
pub fn echo<T: Transport, C: SessionCipher>(session: &mut Session<'_, T, C>) {
    let command = Command::new(Header::new(0x80, 0xEC, 0, 0), &DATA, Some(Ne::SHORT_MAX));
    let response = session.send("echo", &command).expect("an answer");
    assert_eq!(response.data, DATA);
}
