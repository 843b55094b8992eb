//! A table with simulated cards, and people who do as they are told.

use crate::advice::Failure;
use cardwright::card::Card;
use cardwright::ceremony::people::{By, Compared, Delivery, People, Question, Wanted};
use cardwright::ceremony::{CeremonyError, HsmKey, NotThis};
use cardwright::error::Error;
use cardwright::world::{Entropy, Os};
use cardwright_keys::ceremony::plan::{Person, Plan};
use cardwright_keys::custody::import::ImportKey;
use cardwright_keys::custody::signing::KeyPair;
use cardwright_keys::key::Algorithm;
use cardwright_link::{LinkError, Transport, VirtualCard};
use cardwright_proto::custody::{Hash, Pin};
use cardwright_proto::gp::key::Kcv;
use indicatif::ProgressBar;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Every card's. It guards nothing that outlives the demonstration.
const PIN: &[u8] = b"314159";

/// The cards of a plan, and a vault that a key can be released to.
pub(super) struct Table {
    cards: BTreeMap<String, Rc<RefCell<VirtualCard>>>,
    /// Stands for the vault.
    vault: KeyPair,
    commands: Rc<Cell<u64>>,
    bar: ProgressBar,
    /// What people would have compared of the CA's key.
    pub(super) ca: Option<Hash>,
    /// The check value of what the vault has got.
    pub(super) recovered: Option<Kcv>,
}

impl Table {
    /// New cards, each with randomness of its own, and a vault with a new key.
    pub(super) fn new(plan: &Plan) -> Result<Self, Failure> {
        let card = |(serial, label): (usize, &String)| {
            let card = VirtualCard::from_profile(&format!("serial={serial:08X}"))?;
            Ok((label.clone(), Rc::new(RefCell::new(card))))
        };
        let cards = (1..).zip(plan.cards.iter().map(|card| &card.label)).map(card).collect::<Result<_, Failure>>()?;
        let (vault, bar) = (KeyPair::generate(|bytes| Os.fill(bytes))?, super::bar("visits"));
        Ok(Self { cards, vault, commands: Rc::default(), bar, ca: None, recovered: None })
    }

    /// What the CA certifies of the vault.
    pub(super) fn vault(&self) -> HsmKey {
        let public = *self.vault.public();
        HsmKey::new(&ImportKey::P256(public), public.point().to_vec())
    }

    /// A card is gone for good.
    pub(super) fn lose(&mut self, label: &str) {
        self.cards.remove(label);
    }

    /// How many commands cards were sent.
    pub(super) fn commands(&self) -> u64 {
        self.commands.get()
    }

    /// All visits are made.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// For `map_err`: a ceremony's error as this program's.
fn stop(error: CeremonyError) -> Failure {
    Error::from(error).into()
}

impl People for Table {
    type Error = Failure;

    fn put_in(&mut self, wanted: &Wanted, not_this: Option<&NotThis>) -> Result<Card<Box<dyn Transport>>, Failure> {
        if let Some(why) = not_this {
            return Err(stop(CeremonyError::WrongCard { wanted: wanted.label.clone(), why: why.clone() }));
        }
        self.bar.set_length(wanted.of as u64);
        self.bar.set_position(wanted.number as u64);
        self.bar.set_message(format!("({}, {})", wanted.holder, wanted.purpose));
        let card = self.cards.get(&wanted.label).ok_or_else(|| stop(CeremonyError::Nobody("that card is lost")))?;
        card.borrow_mut().reset()?;
        Ok(Card::new(Box::new(Line { card: Rc::clone(card), commands: Rc::clone(&self.commands) })))
    }

    fn pin(&mut self, wanted: &Wanted, left: Option<u8>) -> Result<Option<Pin>, Failure> {
        if left.is_some() { Ok(None) } else { self.new_pin(wanted).map(Some) }
    }

    fn new_pin(&mut self, _: &Wanted) -> Result<Pin, Failure> {
        Pin::new(PIN).map_err(|error| Failure::Pin { from: "the demonstration".to_owned(), error })
    }

    fn compare(&mut self, what: Compared, fingerprint: &Hash, _: &[Person]) -> Result<By, Failure> {
        if what == Compared::Ca {
            self.ca = Some(*fingerprint);
        }
        Ok(By::Nobody)
    }

    fn agree(&mut self, _: Question) -> Result<(), Failure> {
        Ok(())
    }

    /// The vault opens it. That the check value is the dealt one is the ceremony's to see.
    fn deliver(&mut self, delivery: &Delivery<'_>) -> Result<Option<Kcv>, Failure> {
        let secret = delivery.open(&self.vault).map_err(stop)?;
        self.recovered = Some(secret.kcv(Algorithm::Aes).map_err(|_| Failure::NoCheckValue)?);
        Ok(self.recovered)
    }
}

/// One card in the one reader.
struct Line {
    card: Rc<RefCell<VirtualCard>>,
    commands: Rc<Cell<u64>>,
}

impl Transport for Line {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        self.commands.set(self.commands.get() + 1);
        self.card.borrow_mut().transmit(command, response)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.card.borrow_mut().reset()
    }

    fn atr(&self) -> &[u8] {
        &[0x3B, 0]
    }

    fn name(&self) -> &'static str {
        "the table"
    }
}
