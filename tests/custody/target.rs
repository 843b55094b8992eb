//! Which cards the tests run on. The environment variable CARD names them: `sim` (where it is not set), simulated cards of
//! this process; `java`, Java cards in a JVM.

use cardwright_link::{LinkError, Transport, VirtualCard};
use cardwright_tests::custody::Ceremony;
use cardwright_tests::java::JavaCard;
use std::sync::{Mutex, PoisonError};

/// A line to a card of either kind.
pub(crate) type Line = Box<dyn Transport>;

/// Cards that a JVM starts with: more than any test wants at once.
const CARDS: usize = 16;

/// Java cards that no test has at the moment.
static IDLE: Mutex<Vec<JavaCard>> = Mutex::new(Vec::new());

/// New cards with certificates; `None`, with words, where there are none of this kind.
pub(crate) fn cards(n: u8) -> Option<Ceremony<Line>> {
    let mut lines: Vec<_> = (0..n + 3).map(card).collect::<Option<_>>()?;
    lines.reverse();
    Some(Ceremony::enrolled(n, |_| lines.pop().unwrap()))
}

/// A new card; simulated ones repeat themselves, each number in its own way.
pub(crate) fn card(number: u8) -> Option<Line> {
    if is_java() {
        return Some(Box::new(Lent::new()?));
    }
    Some(Box::new(VirtualCard::from_profile(&format!("seed=00,serial={number:02X}")).unwrap()))
}

/// Whether CARD says so.
pub(crate) fn is_java() -> bool {
    match std::env::var("CARD").unwrap_or_default().as_str() {
        "" | "sim" => false,
        "java" => true,
        other => panic!("CARD is sim or java, not {other:?}"),
    }
}

/// A Java card that is back among the others when a test is done with it.
struct Lent(Option<JavaCard>);

impl Lent {
    fn new() -> Option<Self> {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.is_empty() {
            *idle = JavaCard::several("custody on Java cards", "", CARDS)?;
        }
        let mut card = idle.pop()?;
        drop(idle);
        card.fresh("");
        Some(Self(Some(card)))
    }

    fn card(&mut self) -> &mut JavaCard {
        self.0.as_mut().unwrap()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).extend(self.0.take());
    }
}

impl Transport for Lent {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        self.card().transmit(command, response)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.card().reset()
    }

    fn atr(&self) -> &[u8] {
        self.0.as_ref().unwrap().atr()
    }

    fn name(&self) -> &str {
        self.0.as_ref().unwrap().name()
    }
}
