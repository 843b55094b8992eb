//! `sim:deck=DIR`: the simulated cards of a directory, through as many readers as there are.

use super::Feeder;
use super::reader::{Faults, Reader};
use crate::{LinkError, Transport, VirtualCard};
use cardwright_keys::journal::CardId;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// What a card of a deck is called behind its serial.
const EXTENSION: &str = "card";
/// How often a card that failed is put back.
const RETURNS: u8 = 5;
/// The longest time that a command may be made to take, in milliseconds.
const LATENCY_MAX: u64 = 60_000;

/// Writes `count` cards into a directory, each in a file that its serial names, and tells their names in the order in
/// which they are fed. The directory is made where it is missing.
///
/// `words` is what all of them are, as [`VirtualCard::from_profile`] has it. Serials begin with `first`. Of a `kdd` the
/// first 6 bytes are the vendor's; the serial takes the place of the others.
///
/// # Errors
/// [`LinkError::Uri`] for words that there are not, or that give each card a serial, custodian or state;
/// [`LinkError::CardState`] where the serials run out; [`LinkError::Io`] where a file cannot be written or is there
/// already. Cards made before that stay.
pub fn make_deck(dir: &Path, count: u32, words: &str, first: u32) -> Result<Vec<CardId>, LinkError> {
    let failed = |error| LinkError::Io { what: format!("making the deck {}", dir.display()), error };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let past_last = u64::from(first) + u64::from(count);
    if past_last > u64::from(u32::MAX) + 1 {
        return Err(LinkError::CardState(format!(
            "{count} cards from serial {first:08X} on: serials end with FFFFFFFF"
        )));
    }
    let card = |serial: u32| VirtualCard::create(words, serial, &dir.join(format!("{serial:08X}.{EXTENSION}")));
    (0..count).map(|n| card(first + n)).collect()
}

/// Whether the text behind `sim:` means a deck.
pub(super) fn is_named(text: &str) -> bool {
    text.split(',').any(|word| word.trim().starts_with("deck="))
}

/// The cards of a directory that no reader has had yet.
struct Deck {
    waiting: Mutex<VecDeque<PathBuf>>,
    /// Readers that were opened for it.
    readers: AtomicU32,
}

/// The decks that are in use. One that no reader has any more is dealt anew.
static DECKS: Mutex<BTreeMap<PathBuf, Weak<Deck>>> = Mutex::new(BTreeMap::new());

impl Deck {
    /// The deck of this directory, the same one for all readers.
    fn of(dir: &Path) -> io::Result<Arc<Self>> {
        let dir = dir.canonicalize()?;
        let mut decks = DECKS.lock().unwrap_or_else(PoisonError::into_inner);
        decks.retain(|_, deck| deck.strong_count() > 0);
        if let Some(deck) = decks.get(&dir).and_then(Weak::upgrade) {
            return Ok(deck);
        }
        let mut cards = Vec::new();
        for entry in dir.read_dir()? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                cards.push(path);
            }
        }
        cards.sort_unstable();
        let deck = Arc::new(Self { waiting: Mutex::new(cards.into()), readers: AtomicU32::new(0) });
        decks.insert(dir, Arc::downgrade(&deck));
        Ok(deck)
    }

    fn next(&self) -> Option<PathBuf> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

pub(super) struct DeckFeeder {
    name: String,
    deck: Arc<Deck>,
    reader: Reader,
    /// How often the card that is in the reader was put back.
    returned: u8,
}

impl DeckFeeder {
    /// Reads the words behind `sim:` and looks what the directory has.
    pub(super) fn open(text: &str) -> Result<Self, LinkError> {
        let words = Words::parse(text).map_err(|reason| LinkError::Uri { uri: format!("sim:{text}"), reason })?;
        let io = |error| LinkError::Io { what: format!("the deck {}", words.dir.display()), error };
        let deck = Deck::of(&words.dir).map_err(io)?;
        // Readers with one seed would misbehave together.
        let number = deck.readers.fetch_add(1, Ordering::Relaxed);
        let seed = words.seed.as_deref().map(|seed| [seed, &number.to_be_bytes()].concat());
        let faults = Faults::new(words.faults, seed.as_deref())?;
        Ok(Self { name: format!("sim:{text}"), deck, reader: Reader::new(words.latency, faults), returned: 0 })
    }

    /// The card in this file; `None` where another process has it.
    fn take_up(&self, path: &Path) -> Result<Option<VirtualCard>, LinkError> {
        let io = |error| LinkError::Io { what: format!("the card's state file {}", path.display()), error };
        let file: File = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let card = VirtualCard::resume(self.name.clone(), file).map_err(|error| match error {
            LinkError::CardState(why) => LinkError::CardState(format!("{}: {why}", path.display())),
            other => other,
        })?;
        Ok(Some(card))
    }
}

impl Feeder for DeckFeeder {
    fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Option<Box<dyn Transport>>, LinkError> {
        if stop() {
            return Ok(None);
        }
        // As a person would put back a card that failed.
        if let Some(failed) = self.reader.take_out()
            && self.returned < RETURNS
        {
            self.returned += 1;
            return self.reader.put_in(failed).map(|card| Some(Box::new(card) as _));
        }
        self.returned = 0;
        while let Some(path) = self.deck.next() {
            if let Some(card) = self.take_up(&path)? {
                return self.reader.put_in(card).map(|card| Some(Box::new(card) as _));
            }
        }
        Ok(None)
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// The words behind `sim:` for a deck.
struct Words {
    dir: PathBuf,
    latency: Duration,
    /// Of a hundred commands.
    faults: u8,
    seed: Option<Vec<u8>>,
}

impl Words {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut dir, mut latency, mut faults, mut seed) = (None, None, None, None);
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let again = match word.split_once('=') {
                Some(("deck", path)) if !path.is_empty() => dir.replace(PathBuf::from(path)).is_some(),
                Some(("latency", number)) => latency.replace(limited(word, number, LATENCY_MAX)?).is_some(),
                Some(("faults", number)) => faults.replace(limited(word, number, 100)?).is_some(),
                Some(("seed", digits)) => {
                    let bytes = hex::decode(digits).map_err(|error| format!("`{word}`: {error}"))?;
                    seed.replace(bytes).is_some()
                }
                _ => {
                    return Err(format!(
                        "`{word}` is no word of a deck; there are: deck=DIR, latency=MS, faults=PERCENT, seed=HEX"
                    ));
                }
            };
            if again {
                return Err(format!("`{word}` comes second: its place is taken"));
            }
        }
        let dir = dir.ok_or("`deck=DIR` is missing")?;
        let latency = Duration::from_millis(latency.unwrap_or(0));
        Ok(Self { dir, latency, faults: faults.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(0), seed })
    }
}

fn limited(word: &str, number: &str, most: u64) -> Result<u64, String> {
    number.parse().ok().filter(|number| *number <= most).ok_or_else(|| format!("`{word}`: 0 to {most}"))
}
