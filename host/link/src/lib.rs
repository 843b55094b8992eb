//! How bytes reach a card: PC/SC readers, vpcd sockets, simulated cards in process.
//!
//! [`open`] takes the URI of `--reader`. Every way is a [`Transport`].

mod error;

pub use error::LinkError;

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
