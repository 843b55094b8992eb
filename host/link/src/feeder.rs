//! One card after the other through one reader: what a batch of cards is made with.
//!
//! [`feeder`] takes the same URIs as [`open`](crate::open), and a deck of simulated cards besides:
//!
//! - `pcsc:NAME-PART`: a person, or a machine, puts in the next card;
//! - `vpcd:PORT`: the next card dials in;
//! - `sim:deck=DIR`: a directory of simulated cards ([`make_deck`]), slow and faulty if asked for;
//! - `sim:PROFILE`: one card, once.

mod deck;
mod pcsc;
mod reader;
mod vpcd;

pub use deck::make_deck;

use crate::uri::Uri;
use crate::{LinkError, OpenOptions, Transport, VirtualCard};
use deck::DeckFeeder;
use pcsc::PcscFeeder;
use vpcd::VpcdFeeder;

/// One card after the other.
pub trait Feeder: Send {
    /// Waits for the next card and gives it powered. `None`: there are no more, or `stop` said so, which is asked at least
    /// every 200 ms while this waits.
    ///
    /// The card before is taken away first: a transport that was kept for it talks to nobody any more. (One of `pcsc:` has
    /// to be dropped before: it holds the reader.)
    ///
    /// # Errors
    /// [`LinkError::Mute`] and [`LinkError::CardState`] are about this one card: called again, it goes on with the
    /// next. Any other is about the reader.
    fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Option<Box<dyn Transport>>, LinkError>;

    /// The reader as a person would name it.
    fn name(&self) -> &str;
}

/// Whether it can be the URI of a reader at all.
#[must_use]
pub fn is_reader(uri: &str) -> bool {
    uri.parse::<Uri>().is_ok()
}

/// Opens a reader for many cards. It waits for none of them yet.
///
/// Readers of one deck that are open at the same time share it: each card goes through one of them. So all of them
/// should be opened before the first card is asked for.
///
/// # Errors
/// [`LinkError::Uri`] for a text that names no reader; [`LinkError::NoReader`], [`LinkError::Ambiguous`],
/// [`LinkError::Pcsc`] and [`LinkError::PcscBusy`] as [`Pcsc::connect`](crate::Pcsc::connect) says; [`LinkError::Io`] for a
/// port that is taken or a directory that cannot be read; for `sim:PROFILE` as [`VirtualCard::from_profile`].
pub fn feeder(uri: &str, options: &OpenOptions) -> Result<Box<dyn Feeder>, LinkError> {
    Ok(match uri.parse()? {
        Uri::Pcsc(name_part) => Box::new(PcscFeeder::open(&name_part, options.time_limit)?),
        Uri::Vpcd(port) => Box::new(VpcdFeeder::open(port, options)?),
        Uri::Sim(text) if deck::is_named(&text) => Box::new(DeckFeeder::open(&text)?),
        Uri::Sim(profile) => {
            let card = VirtualCard::from_profile(&profile)?;
            Box::new(Once { name: card.name().to_owned(), card: Some(card) })
        }
    })
}

/// One card and no other.
struct Once {
    name: String,
    card: Option<VirtualCard>,
}

impl Feeder for Once {
    fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Option<Box<dyn Transport>>, LinkError> {
        if stop() {
            return Ok(None);
        }
        Ok(self.card.take().map(|card| Box::new(card) as _))
    }

    fn name(&self) -> &str {
        &self.name
    }
}
