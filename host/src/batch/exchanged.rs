//! What goes over the contacts, counted, timed and hashed.

use cardwright_link::{LinkError, Transport};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Upper ends of the classes that durations are counted in, in microseconds: each twice the one before. The last class has
/// no end.
pub const CLASSES: [u64; 20] = [
    64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576,
    2_097_152, 4_194_304, 8_388_608, 16_777_216, 33_554_432,
];

/// How long something took, over many times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How often.
    pub count: u64,
    /// Microseconds together.
    pub total_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
    /// How many in each of [`CLASSES`]; behind them those that took longer.
    pub classes: [u64; CLASSES.len() + 1],
}

impl Times {
    /// Takes one more into account.
    pub fn add(&mut self, took: Duration) {
        let us = micros(took);
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
        let class = CLASSES.iter().position(|end| us < *end).unwrap_or(CLASSES.len());
        self.classes[class] += 1;
    }

    /// Takes others into account.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.max_us = self.max_us.max(other.max_us);
        self.classes.iter_mut().zip(other.classes).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// Microseconds, as many as fit.
pub(super) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// Times of the APDUs of each kind, by INS.
pub type ByCommand = BTreeMap<u8, Times>;

/// A link that keeps account of what it carries. The hash is over each command and its answer, as they travel, each
/// behind its length (4 bytes, big endian): of the session's commands what is protected in them stays so. Where there was
/// no answer, its length is FFFFFFFF.
pub struct Exchanged<T> {
    link: T,
    hash: Sha256,
    apdus: u32,
    times: ByCommand,
    busy: Duration,
}

impl<T> std::fmt::Debug for Exchanged<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchanged").field("apdus", &self.apdus).finish_non_exhaustive()
    }
}

impl<T: Transport> Exchanged<T> {
    /// Over a link.
    pub fn new(link: T) -> Self {
        Self { link, hash: Sha256::new(), apdus: 0, times: ByCommand::new(), busy: Duration::ZERO }
    }

    /// How many APDUs were sent.
    pub const fn apdus(&self) -> u32 {
        self.apdus
    }

    /// SHA-256 so far.
    pub fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// Times of each kind of command.
    pub const fn times(&self) -> &ByCommand {
        &self.times
    }

    /// How long the card was waited for.
    pub const fn busy(&self) -> Duration {
        self.busy
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.hash.update(bytes);
    }
}

impl<T: Transport> Transport for Exchanged<T> {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        let began = Instant::now();
        let sent = self.link.transmit(command, response);
        let took = began.elapsed();
        self.busy += took;
        self.apdus = self.apdus.saturating_add(1);
        self.times.entry(command.get(1).copied().unwrap_or(0)).or_default().add(took);
        self.add(command);
        match &sent {
            Ok(()) => self.add(response),
            Err(_) => self.hash.update(u32::MAX.to_be_bytes()),
        }
        sent
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        let began = Instant::now();
        let reset = self.link.reset();
        self.busy += began.elapsed();
        reset
    }

    fn atr(&self) -> &[u8] {
        self.link.atr()
    }

    fn name(&self) -> &str {
        self.link.name()
    }
}
