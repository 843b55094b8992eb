//! Cards on a table, people who do as they are told, and a line that fails when it should.

use cardwright::books::{Books, Forgetful, Memory};
use cardwright::card::Card;
use cardwright::ceremony::directory::Directory;
use cardwright::ceremony::people::{By, Compared, Delivery, People, Question, Wanted};
use cardwright::ceremony::{Ceremony, Done, NotThis, Wish, World};
use cardwright::error::Error;
use cardwright::world::{Clock, Entropy};
use cardwright_hsm::{Keyring, Prompt, load_key};
use cardwright_keys::ceremony::plan::{Person, Plan};
use cardwright_keys::keyref::KeyRef;
use cardwright_link::{LinkError, Lost, Transport, VirtualCard};
use cardwright_proto::custody::share::Scheme;
use cardwright_proto::custody::{Hash, Pin};
use cardwright_proto::gp::key::Kcv;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use zeroize::Zeroizing;

/// What happens to one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Power is lost before the card sees it.
    Before,
    /// The card carries it out, and power is lost before its answer gets anywhere.
    Behind,
}

/// When the line fails, counted in commands to all cards.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    pub(crate) sent: Cell<usize>,
    pub(crate) at: Cell<Option<(usize, Failure)>>,
}

/// A card's end of the line.
struct Line {
    card: Rc<RefCell<VirtualCard>>,
    fate: Rc<Fate>,
}

impl Transport for Line {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        let number = self.fate.sent.get();
        self.fate.sent.set(number + 1);
        match self.fate.at.get() {
            Some((at, Failure::Before)) if at == number => Err(LinkError::Lost(Lost::Torn)),
            Some((at, Failure::Behind)) if at == number => {
                self.card.borrow_mut().transmit(command, response)?;
                Err(LinkError::Lost(Lost::Torn))
            }
            _ => self.card.borrow_mut().transmit(command, response),
        }
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.card.borrow_mut().reset()
    }

    fn atr(&self) -> &[u8] {
        &[0x3B, 0]
    }

    fn name(&self) -> &'static str {
        "a card on the table"
    }
}

/// All cards of a plan, and who handles them.
pub(crate) struct Table {
    cards: BTreeMap<String, Rc<RefCell<VirtualCard>>>,
    pub(crate) fate: Rc<Fate>,
    pub(crate) delivered: Option<Vec<u8>>,
}

impl Table {
    pub(crate) fn new(plan: &Plan) -> Self {
        let card = |(serial, label): (usize, &String)| {
            let card = VirtualCard::from_profile(&format!("seed=00,serial={serial:08X}")).expect("a card");
            (label.clone(), Rc::new(RefCell::new(card)))
        };
        let cards = plan.cards.iter().map(|card| &card.label).enumerate().map(card).collect();
        Self { cards, fate: Rc::default(), delivered: None }
    }
}

impl People for Table {
    type Error = Error;

    fn put_in(&mut self, wanted: &Wanted, not_this: Option<&NotThis>) -> Result<Card<Box<dyn Transport>>, Error> {
        assert_eq!(not_this, None, "{wanted:?}");
        let card = Rc::clone(&self.cards[&wanted.label]);
        card.borrow_mut().reset().expect("power");
        Ok(Card::new(Box::new(Line { card, fate: Rc::clone(&self.fate) })))
    }

    fn pin(&mut self, wanted: &Wanted, left: Option<u8>) -> Result<Option<Pin>, Error> {
        assert_eq!(left, None, "{wanted:?}");
        Ok(Some(Pin::new(b"8642").expect("a PIN")))
    }

    fn new_pin(&mut self, _: &Wanted) -> Result<Pin, Error> {
        Ok(Pin::new(b"8642").expect("a PIN"))
    }

    fn compare(&mut self, _: Compared, _: &Hash, _: &[Person]) -> Result<By, Error> {
        Ok(By::Nobody)
    }

    fn agree(&mut self, _: Question) -> Result<(), Error> {
        Ok(())
    }

    fn deliver(&mut self, delivery: &Delivery<'_>) -> Result<Option<Kcv>, Error> {
        self.delivered = Some(delivery.result.to_vec());
        Ok(None)
    }
}

/// Bytes that differ, and are the same in each run.
struct Counted(u64);

impl Entropy for Counted {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes()[0];
        }
        Ok(())
    }
}

/// Noon.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> u64 {
        1_800_000_000
    }
}

/// Nobody types anything.
struct Nobody;

impl Prompt for Nobody {
    fn secret(&mut self, what: &str) -> std::io::Result<Zeroizing<String>> {
        panic!("{what} is asked for")
    }

    fn notice(&mut self, _: &str) {}
}

/// m of n.
pub(crate) fn plan(m: u8, n: u8) -> Plan {
    let text = Plan::example(Scheme::Shamir, m, n).expect("a plan").replace("bits = 256", "bits = 128");
    Plan::parse(text.as_bytes()).expect("a plan")
}

/// The keys of the cards, and what is known of these.
pub(crate) struct Office {
    vault: Keyring,
    key: KeyRef,
    journal: Memory,
    entropy: Counted,
}

impl Office {
    pub(crate) fn new() -> Self {
        let key: KeyRef = "gp-test".parse().expect("a reference");
        let mut vault = Keyring::new();
        vault.load(&key, load_key(&key, &mut Nobody).expect("the test key"));
        Self { vault, key, journal: Memory::default(), entropy: Counted(1) }
    }

    /// Carries out what is wished for, or goes on with what is unfinished.
    pub(crate) fn carry_out(&mut self, dir: &Path, plan: &Plan, table: &mut Table, wish: &Wish) -> Result<Done, Error> {
        let directory = Directory::open(dir, Some(plan))?;
        self.with(table, |world| Ceremony::begin(world, &directory, wish.clone())?.run())
    }

    /// Gives up what is unfinished.
    pub(crate) fn abandon(&mut self, dir: &Path, table: &mut Table) -> Result<Done, Error> {
        let directory = Directory::open(dir, None)?;
        self.with(table, |world| Ceremony::abandon(world, &directory, false))
    }

    fn with<R>(&mut self, table: &mut Table, work: impl FnOnce(World<'_, '_, Table, Keyring>) -> R) -> R {
        let mut forgetful = Forgetful;
        let mut books = Books::new(&mut self.journal, &mut forgetful, &Noon);
        let world = World {
            people: table,
            vault: &self.vault,
            key: &self.key,
            accept_risk: false,
            books: &mut books,
            entropy: &mut self.entropy,
            clock: &Noon,
        };
        work(world)
    }
}
