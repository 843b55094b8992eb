//! How bytes reach a card: PC/SC readers, vpcd sockets, simulated cards in process.
//!
//! [`open`] takes the URI of `--reader`. Every way is a [`Transport`]. [`feeder`] gives one card after the other. [`edge`] is
//! for programs that hold `apdu-core` types.

pub mod edge;
mod error;
pub mod feeder;
mod pcsc;
mod uri;
pub mod virtual_card;
pub mod vpcd;

pub use error::{LinkError, Lost};
pub use pcsc::{Pcsc, ReaderInfo, readers};
pub use virtual_card::{SmartCard, Torn, VirtualCard};
pub use vpcd::Vpcd;

use std::time::Duration;
use uri::Uri;

/// A card behind a reader, powered and ready for commands.
pub trait Transport {
    /// Sends one command APDU and waits for its response APDU, data and status word, in `response` (cleared first).
    ///
    /// # Errors
    /// [`LinkError::Lost`] where nobody knows whether the card carried the command out; any other variant says that
    /// it did not reach the card.
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError>;

    /// Resets the card: every session and selection on it is gone.
    ///
    /// # Errors
    /// [`LinkError`] where the card does not come back.
    fn reset(&mut self) -> Result<(), LinkError>;

    /// Answer to reset, as last seen.
    fn atr(&self) -> &[u8];

    /// The reader as a person would name it.
    fn name(&self) -> &str;
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        (**self).transmit(command, response)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        (**self).reset()
    }

    fn atr(&self) -> &[u8] {
        (**self).atr()
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        (**self).transmit(command, response)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        (**self).reset()
    }

    fn atr(&self) -> &[u8] {
        (**self).atr()
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}

/// How long [`open`] and what it opens may take.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// For each command. Simulated cards in process have no need of it.
    pub time_limit: Duration,
    /// For a virtual card to dial in.
    pub wait: Duration,
    /// Told the port of `vpcd:` as soon as a card can dial in there.
    pub listening: fn(port: u16),
}

impl Default for OpenOptions {
    /// 60 s for a command (generating an RSA key takes many cards more than ten), 30 s for a card to dial in.
    fn default() -> Self {
        Self { time_limit: Duration::from_secs(60), wait: Duration::from_secs(30), listening: |_| {} }
    }
}

/// Opens `pcsc:NAME-PART`, `vpcd:PORT` (on 127.0.0.1; 0 for any that is free) or `sim:PROFILE`, and powers the card.
///
/// # Errors
/// [`LinkError::Uri`] for any other text; the rest as [`Pcsc::connect`], [`Vpcd::listen`] and
/// [`VirtualCard::from_profile`] say.
pub fn open(uri: &str, options: &OpenOptions) -> Result<Box<dyn Transport>, LinkError> {
    Ok(match uri.parse()? {
        Uri::Pcsc(name_part) => Box::new(Pcsc::connect(&name_part, options.time_limit)?),
        Uri::Vpcd(port) => {
            let listener = vpcd::bind(port)?;
            // The address of a bound socket can be had.
            (options.listening)(listener.local_addr().map_or(port, |address| address.port()));
            Box::new(Vpcd::on(listener, options.wait, options.time_limit)?)
        }
        Uri::Sim(profile) => Box::new(VirtualCard::from_profile(&profile)?),
    })
}

/// Refuses what is no command and what the link cannot carry, before anything is sent.
fn check_length(command: &[u8], max: usize) -> Result<(), LinkError> {
    match command.len() {
        len @ 0..4 => Err(LinkError::TooShort(len)),
        len if len > max => Err(LinkError::TooLong(len)),
        _ => Ok(()),
    }
}
