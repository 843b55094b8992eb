//! A card whose answers somebody changes on their way.

use cardwright_link::{LinkError, Lost, SmartCard, Torn, Transport};

/// Power and ATR of a [`SmartCard`] that is another one, in this field, with a difference.
#[macro_export]
macro_rules! powered_as {
    ($card:tt) => {
        fn power_on(&mut self) {
            self.$card.power_on();
        }

        fn power_off(&mut self) {
            self.$card.power_off();
        }

        fn atr(&self) -> &[u8] {
            self.$card.atr()
        }
    };
}

/// Gets the command, and the card's answer to change.
type Alter = Box<dyn FnMut(&[u8], &mut Vec<u8>) + Send>;

/// A card with somebody in between.
pub struct Altered<C> {
    card: C,
    alter: Alter,
}

impl<C> Altered<C> {
    /// `alter` is called after each command that the card has carried out.
    pub fn new(card: C, alter: impl FnMut(&[u8], &mut Vec<u8>) + Send + 'static) -> Self {
        Self { card, alter: Box::new(alter) }
    }

    /// From now on this one is in between.
    pub fn alter_by(&mut self, alter: impl FnMut(&[u8], &mut Vec<u8>) + Send + 'static) {
        self.alter = Box::new(alter);
    }
}

impl<C> std::fmt::Debug for Altered<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Altered").finish_non_exhaustive()
    }
}

impl<C: SmartCard> SmartCard for Altered<C> {
    crate::powered_as!(card);

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        self.card.process(command, response)?;
        (self.alter)(command, response);
        Ok(())
    }
}

/// Any card as a link, in process: for answers that are longer than a vpcd frame carries.
#[derive(Debug)]
pub struct InProcess<C>(pub C);

impl<C: SmartCard> Transport for InProcess<C> {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        self.0.process(command, response).map_err(|Torn| LinkError::Lost(Lost::Torn))?;
        if response.len() < 2 { Err(LinkError::Lost(Lost::Short(response.len()))) } else { Ok(()) }
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.0.power_on();
        Ok(())
    }

    fn atr(&self) -> &[u8] {
        self.0.atr()
    }

    fn name(&self) -> &'static str {
        "a card in process"
    }
}
