//! A reader with a simulated card in it: as slow as asked for, and with faults.

use crate::virtual_card::{Seeded, SmartCard, VirtualCard};
use crate::{LinkError, Lost, Transport};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Among how many tear points the one of a power loss is: a command that keeps a set of keys has 21, and one that moves a
/// counter 15, of which the first third comes before the change.
const TEAR_POINTS: [u8; 4] = [4, 8, 16, 24];

/// What goes wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It does not reach the card.
    NotSent,
    /// The card carries it out, and the answer is lost.
    AnswerLost,
    /// The card loses its power at this tear point, or after the command where that has fewer.
    PowerLost(u8),
}

/// When something goes wrong.
pub(super) struct Faults {
    percent: u8,
    random: Seeded,
}

impl Faults {
    /// So many of a hundred commands, the same ones again with the same seed; `None` for none at all.
    pub(super) fn new(percent: u8, seed: Option<&[u8]>) -> Result<Option<Self>, LinkError> {
        if percent == 0 {
            return Ok(None);
        }
        let mut own = [0; 16];
        getrandom::fill(&mut own).map_err(|error| LinkError::CardState(error.to_string()))?;
        Ok(Seeded::new(seed.unwrap_or(&own)).map(|random| Self { percent, random }))
    }

    /// The next command's.
    fn draw(&mut self) -> Option<Fault> {
        let [a, b, c, d, which, points, point, ..] = self.random.draw();
        if u32::from_be_bytes([a, b, c, d]) % 100 >= u32::from(self.percent) {
            return None;
        }
        Some(match which % 3 {
            0 => Fault::NotSent,
            1 => Fault::AnswerLost,
            _ => Fault::PowerLost(point % TEAR_POINTS[usize::from(points) % TEAR_POINTS.len()]),
        })
    }
}

/// The reader, from the feeder's side.
pub(super) struct Reader {
    latency: Duration,
    slot: Arc<Mutex<Slot>>,
}

/// What the feeder and the card's transport share.
struct Slot {
    card: Option<VirtualCard>,
    /// Which card this is: a transport of an earlier one talks to nobody.
    turn: u64,
    faults: Option<Faults>,
    /// Something has gone wrong with this card.
    failed: bool,
    /// Since when no command is taken before a reset.
    down: Option<Lost>,
}

impl Reader {
    pub(super) fn new(latency: Duration, faults: Option<Faults>) -> Self {
        let slot = Slot { card: None, turn: 0, faults, failed: false, down: None };
        Self { latency, slot: Arc::new(Mutex::new(slot)) }
    }

    /// Takes the card out; returns it where something went wrong with it.
    pub(super) fn take_out(&self) -> Option<VirtualCard> {
        let mut slot = lock(&self.slot);
        let failed = slot.failed;
        slot.card.take().filter(|_| failed)
    }

    /// Puts a card in and powers it.
    pub(super) fn put_in(&self, mut card: VirtualCard) -> Result<CardInReader, LinkError> {
        card.reset()?;
        let mut slot = lock(&self.slot);
        slot.turn += 1;
        (slot.failed, slot.down) = (false, None);
        let (name, atr) = (Transport::name(&card).to_owned(), Transport::atr(&card).to_vec());
        slot.card = Some(card);
        Ok(CardInReader { name, atr, turn: slot.turn, latency: self.latency, slot: Arc::clone(&self.slot) })
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The card, from the host's side.
pub(super) struct CardInReader {
    name: String,
    atr: Vec<u8>,
    turn: u64,
    latency: Duration,
    slot: Arc<Mutex<Slot>>,
}

impl CardInReader {
    fn with_slot<T>(&self, run: impl FnOnce(&mut Slot) -> Result<T, LinkError>) -> Result<T, LinkError> {
        let mut slot = lock(&self.slot);
        if slot.turn == self.turn { run(&mut slot) } else { Err(LinkError::NoCard(self.name.clone())) }
    }
}

impl Slot {
    fn transmit(&mut self, name: &str, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        let Some(card) = &mut self.card else { return Err(LinkError::NoCard(name.to_owned())) };
        if let Some(lost) = &self.down {
            return Err(LinkError::Down(lost.clone()));
        }
        let Some(fault) = self.faults.as_mut().and_then(Faults::draw) else {
            return card.transmit(command, response);
        };
        self.failed = true;
        let lost = match fault {
            Fault::NotSent => {
                let what = "a fault that was asked for: the command did not reach the card".to_owned();
                return Err(LinkError::Io { what, error: ErrorKind::NotConnected.into() });
            }
            Fault::AnswerLost => {
                card.transmit(command, response)?;
                Lost::Broken("a fault that was asked for".to_owned())
            }
            Fault::PowerLost(point) => {
                card.tear_after(u64::from(point));
                // Torn on the way or not, the power is gone afterwards.
                let _ = card.process(command, response);
                card.tear_after(u64::MAX);
                card.power_off();
                Lost::Torn
            }
        };
        response.clear();
        self.down = Some(lost.clone());
        Err(LinkError::Lost(lost))
    }
}

impl Transport for CardInReader {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        response.clear();
        thread::sleep(self.latency);
        self.with_slot(|slot| slot.transmit(&self.name, command, response))
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.with_slot(|slot| {
            let Some(card) = &mut slot.card else { return Err(LinkError::NoCard(self.name.clone())) };
            card.reset()?;
            slot.down = None;
            Ok(())
        })
    }

    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn name(&self) -> &str {
        &self.name
    }
}
