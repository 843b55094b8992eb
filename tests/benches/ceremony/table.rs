//! Cards on a table, one reader, and people who do as they are told.

use crate::meter::{Line, Meter, Metered};
use cardwright::books::{Books, Forgetful, Memory};
use cardwright::card::Card;
use cardwright::ceremony::directory::Directory;
use cardwright::ceremony::people::{By, Compared, Delivery, People, Question, Wanted};
use cardwright::ceremony::{Ceremony, Done, NotThis, Wish, World};
use cardwright::error::Error;
use cardwright::world::Os;
use cardwright_hsm::SoftVault;
use cardwright_keys::ceremony::plan::{Person, Plan};
use cardwright_keys::key::KeyMaterial;
use cardwright_keys::keyref::KeyRef;
use cardwright_link::Transport;
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::custody::{Hash, Pin};
use cardwright_proto::gp::key::Kcv;
use cardwright_tests::custody::FIRST_PIN;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// The cards of a plan, by label.
pub(crate) struct Table<T> {
    cards: BTreeMap<String, Rc<RefCell<T>>>,
    meter: Rc<RefCell<Meter>>,
}

impl<T: Transport + 'static> Table<T> {
    pub(crate) fn new(plan: &Plan, cards: impl IntoIterator<Item = T>, meter: &Rc<RefCell<Meter>>) -> Self {
        let labels = plan.cards.iter().map(|card| card.label.clone());
        let cards: BTreeMap<_, _> = labels.zip(cards.into_iter().map(|card| Rc::new(RefCell::new(card)))).collect();
        assert_eq!(cards.len(), plan.cards.len());
        Self { cards, meter: Rc::clone(meter) }
    }
}

impl<T: Transport + 'static> People for Table<T> {
    type Error = Error;

    fn put_in(&mut self, wanted: &Wanted, not_this: Option<&NotThis>) -> Result<Card<Box<dyn Transport>>, Error> {
        assert_eq!(not_this, None, "{wanted:?}");
        self.meter.borrow_mut().seat(&wanted.label);
        let card = Rc::clone(&self.cards[&wanted.label]);
        card.borrow_mut().reset().expect("power");
        Ok(Card::new(Box::new(Line { card, meter: Rc::clone(&self.meter) })))
    }

    fn pin(&mut self, wanted: &Wanted, left: Option<u8>) -> Result<Option<Pin>, Error> {
        assert_eq!(left, None, "{wanted:?}");
        self.new_pin(wanted).map(Some)
    }

    fn new_pin(&mut self, _: &Wanted) -> Result<Pin, Error> {
        Ok(Pin::new(FIRST_PIN).expect("a PIN"))
    }

    fn compare(&mut self, _: Compared, _: &Hash, _: &[Person]) -> Result<By, Error> {
        Ok(By::Nobody)
    }

    fn agree(&mut self, question: Question) -> Result<(), Error> {
        panic!("{question:?} is asked")
    }

    fn deliver(&mut self, delivery: &Delivery<'_>) -> Result<Option<Kcv>, Error> {
        panic!("{delivery:?} is released")
    }
}

/// Enrolment, deal, drill.
pub(crate) fn deal<T: Transport + 'static>(
    dir: &Path,
    plan: &Plan,
    table: &mut Table<T>,
    meter: &Rc<RefCell<Meter>>,
) -> Done {
    let key: KeyRef = "gp-test".parse().expect("a reference");
    let mut vault = SoftVault::new();
    vault.load(&key, KeyMaterial::gp_test());
    let vault = Metered { vault, meter: Rc::clone(meter) };
    let directory = Directory::open(dir, Some(plan)).expect("a directory");
    let (mut journal, mut forgetful) = (Memory::default(), Forgetful);
    let mut books = Books::new(&mut journal, &mut forgetful, &Os);
    let world = World {
        people: table,
        vault: &vault,
        key: &key,
        accept_risk: false,
        books: &mut books,
        entropy: &mut Os,
        clock: &Os,
    };
    let wish = Wish { operation: Some(Operation::Deal), ..Wish::default() };
    Ceremony::begin(world, &directory, wish).and_then(Ceremony::run).expect("a ceremony")
}
