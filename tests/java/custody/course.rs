//! The life of six cards from their first PIN to WIPE, as random as it may be while it gets somewhere.

use super::order::Step;
use super::side::{Seat, Side};
use super::{Driver, Terms};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_proto::custody::subset::Subsets;

const DEALER: Seat = Seat::At(Place::Dealer);
const COMBINER: Seat = Seat::At(Place::Combiner);

const fn custodian(x: u8) -> Seat {
    Seat::At(Place::Custodian(x))
}

impl Driver {
    /// From new cards to new cards. Whether a key came out to an HSM with P-256, and to one with RSA.
    pub(super) fn world(&mut self) -> [bool; 2] {
        self.deal_the_cards();
        let terms = self.terms();
        self.enrol(terms.n);
        let until = self.below(4);
        self.deal(terms, Some(until));
        self.abandon();
        let mut dealt = false;
        for _ in 0..3 {
            if !dealt {
                self.empty(terms.n);
                dealt = self.deal(terms, None);
                if !dealt {
                    self.abandon();
                }
            }
        }
        if self.one_in(8) {
            self.drill(terms);
        }
        self.mistake(terms);
        let opened = [true, false].map(|p256| dealt && self.release(terms, p256));
        self.destroy(terms);
        self.wipe(terms.n);
        opened
    }

    /// Who is Java's in which of the two ceremonies.
    fn deal_the_cards(&mut self) {
        let swapped = self.byte();
        let [one, other] = &mut self.sides;
        let (one, other) = (&mut one.ceremony, &mut other.ceremony);
        let ones = [&mut one.ca, &mut one.dealer, &mut one.combiner].into_iter().chain(&mut one.custodians);
        let others = [&mut other.ca, &mut other.dealer, &mut other.combiner].into_iter().chain(&mut other.custodians);
        for (at, (one, other)) in ones.zip(others).enumerate() {
            if swapped >> at & 1 == 1 {
                std::mem::swap(one, other);
            }
            (one.sent, other.sent) = (vec![Vec::new()], vec![Vec::new()]);
        }
        self.sides.iter_mut().for_each(Side::forget);
        self.symbols = Default::default();
        self.history = vec![format!("cards swapped: {swapped:02X}")];
    }

    fn terms(&mut self) -> Terms {
        let n = self.pick(&[2, 2, 2, 3]);
        let (scheme, m) = self.pick(&[(Scheme::Shamir, 2), (Scheme::Shamir, 2), (Scheme::Shamir, n), (Scheme::Xor, n)]);
        let keys = [
            (KeyType::Aes, 16),
            (KeyType::Aes, 24),
            (KeyType::Aes, 32),
            (KeyType::TripleDes, 16),
            (KeyType::TripleDes, 24),
        ];
        let (key_type, key_length) = self.pick(&keys);
        Terms { set: [self.byte(); 16], generation: 1, scheme, m, n, key_type, key_length, usage: self.byte() }
    }

    fn enrol(&mut self, n: u8) {
        let members: Vec<_> = [DEALER, COMBINER].into_iter().chain((1..=n).map(custodian)).collect();
        for &seat in [Seat::Ca].iter().chain(&members) {
            self.insert(seat);
            self.send(seat, Step::State(0), None);
            // Another one, by somebody's luck, would be the end of it.
            self.send(seat, Step::FirstPin, None);
            self.with_pin(seat, Step::GenerateIdentity);
            self.step(seat, Step::GetIdentity(0));
            self.with_pin(seat, Step::PutCaKey);
        }
        self.insert(Seat::Ca);
        for &seat in [Seat::Ca].iter().chain(&members) {
            self.with_pin(Seat::Ca, Step::Sign(seat));
        }
        for p256 in [true, false] {
            self.with_pin(Seat::Ca, Step::SignHsm(p256));
        }
        for &seat in [Seat::Ca].iter().chain(&members) {
            self.step(seat, Step::PutCertificate);
            self.step(seat, Step::GetIdentity(1));
            self.send(seat, Step::State(1), None);
        }
    }

    fn approve(&mut self, seat: Seat) -> bool {
        self.insert(seat);
        let sw = self.with_pin(seat, Step::Approve);
        self.send(seat, Step::State(1), None);
        sw == 0x9000 || self.send(seat, Step::Receipt, None) == 0x9000
    }

    /// A deal up to where it is abandoned, or to its end. Whether it got there.
    fn deal(&mut self, terms: Terms, until: Option<usize>) -> bool {
        self.plan(Operation::Deal, terms);
        for x in 1..=terms.n {
            if !self.approve(custodian(x)) {
                return false;
            }
            self.step(custodian(x), Step::Commit);
            self.step(custodian(x), Step::MakeOffer);
        }
        self.approve(DEALER);
        self.step(DEALER, Step::MakeOffer);
        for place in (1..=terms.n).map(Place::Custodian).chain([Place::Combiner]) {
            self.step(DEALER, Step::Party(place));
        }
        self.with_pin(DEALER, Step::Begin);
        if until == Some(0) {
            return false;
        }
        for x in 1..=terms.n {
            for what in 1..=3 {
                self.step(DEALER, Step::Admit(x, what));
            }
        }
        for x in 1..=terms.n {
            self.insert(custodian(x));
            self.step(custodian(x), Step::Party(Place::Dealer));
            self.step(custodian(x), Step::Reveal(Place::Dealer));
        }
        if until == Some(1) {
            return false;
        }
        self.insert(DEALER);
        for x in 1..=terms.n {
            self.step(DEALER, Step::TakeContribution(x));
        }
        self.send(DEALER, Step::State(1), None);
        for x in 1..=terms.n {
            self.step(DEALER, Step::DealBox(x));
        }
        if until == Some(2) {
            return false;
        }
        // What was made again by a stray command has another hash.
        if self.step(DEALER, Step::StateDeal) != 0x9000 {
            return false;
        }
        self.send(DEALER, Step::State(1), None);
        until.is_none() && self.store(terms) && self.drill_dealt(terms) && self.forget(terms)
    }

    fn store(&mut self, terms: Terms) -> bool {
        self.approve(COMBINER);
        self.step(COMBINER, Step::MakeOffer);
        for x in 1..=terms.n {
            let seat = custodian(x);
            self.insert(seat);
            self.step(seat, Step::TakeStatement);
            self.step(seat, Step::StoreBox(x));
            self.send(seat, Step::State(0), None);
            self.step(seat, Step::Receipt);
            self.release_share(x);
        }
        self.sides.iter().all(|side| side.ceremony.seen.receipts.len() == usize::from(terms.n))
    }

    fn release_share(&mut self, x: u8) {
        self.step(custodian(x), Step::Party(Place::Combiner));
        self.with_pin(custodian(x), Step::Release(Place::Combiner));
    }

    /// The combiner is told of everybody, and of the statement.
    fn inform(&mut self, terms: Terms) {
        self.insert(COMBINER);
        for place in (1..=terms.n).map(Place::Custodian).chain([Place::Dealer, Place::Hsm]) {
            self.step(COMBINER, Step::Party(place));
        }
        self.step(COMBINER, Step::TakeStatement);
    }

    /// It takes the shares, again where noise has ended its session, and tries all subsets.
    fn drill_dealt(&mut self, terms: Terms) -> bool {
        self.inform(terms);
        let subsets = Subsets::new(terms.m, terms.n).expect("a manifest's");
        for _ in 0..3 {
            for x in 1..=terms.n {
                self.step(COMBINER, Step::TakeShare(x));
            }
            self.send(COMBINER, Step::State(1), None);
            let drilled = subsets.iter().map(|subset| self.step(COMBINER, Step::Drill(subset.0))).collect::<Vec<_>>();
            self.step(COMBINER, Step::Verdict);
            if drilled.iter().all(|sw| *sw == 0x9000) {
                break;
            }
        }
        self.send(COMBINER, Step::State(1), None);
        self.sides[0].verdict.as_ref().is_some_and(|verdict| verdict.bitmap == subsets.full())
    }

    fn forget(&mut self, terms: Terms) -> bool {
        self.insert(DEALER);
        for x in 1..=terms.n {
            self.step(DEALER, Step::Confirm(x));
        }
        self.step(DEALER, Step::ConfirmDrill);
        let forgotten = self.step(DEALER, Step::Forget(0)) == 0x9000;
        self.send(DEALER, Step::State(1), None);
        forgotten
    }

    fn abandon(&mut self) {
        self.insert(DEALER);
        self.with_pin(DEALER, Step::Forget(1));
        self.send(DEALER, Step::State(1), None);
    }

    /// Shares of a deal that came to nothing are in the way of the next one.
    fn empty(&mut self, n: u8) {
        for x in 1..=n {
            if self.sides[0].has_share(custodian(x)) {
                self.insert(custodian(x));
                self.with_pin(custodian(x), Step::Wipe(0));
            }
        }
    }

    fn drill(&mut self, terms: Terms) {
        self.plan(Operation::Drill, terms);
        self.gather(terms);
        self.drill_dealt(terms);
    }

    fn gather(&mut self, terms: Terms) {
        self.approve(COMBINER);
        self.step(COMBINER, Step::MakeOffer);
        for x in 1..=terms.n {
            self.approve(custodian(x));
            self.step(custodian(x), Step::Party(Place::Hsm));
            self.release_share(x);
        }
    }

    /// A manifest that does not fit the share.
    fn mistake(&mut self, terms: Terms) {
        let other = match self.below(16) {
            0 => Terms { set: [!terms.set[0]; 16], ..terms },
            1 => Terms { generation: 2, ..terms },
            2 => Terms { usage: !terms.usage, ..terms },
            3 => Terms { key_type: KeyType::Aes, key_length: 48 - terms.key_length.min(32), ..terms },
            4 if terms.n == 2 => {
                Terms { scheme: if terms.scheme == Scheme::Xor { Scheme::Shamir } else { Scheme::Xor }, ..terms }
            }
            _ => return,
        };
        self.plan(Operation::Drill, other);
        self.approve(COMBINER);
        self.step(COMBINER, Step::MakeOffer);
        self.approve(custodian(1));
        self.release_share(1);
        self.step(custodian(1), Step::Receipt);
        self.plan(Operation::Destroy, other);
        self.approve(custodian(1));
        if other.set != terms.set || other.generation != 1 {
            self.with_pin(custodian(1), Step::Wipe(2));
        }
    }

    fn release(&mut self, terms: Terms, p256: bool) -> bool {
        self.sides.iter_mut().for_each(|side| side.choose_hsm(p256));
        self.plan(Operation::Release, terms);
        self.gather(terms);
        self.inform(terms);
        let mut exported = false;
        for _ in 0..3 {
            if !exported {
                for x in 1..=terms.n {
                    self.step(COMBINER, Step::TakeShare(x));
                }
                exported = self.with_pin(COMBINER, Step::Export) == 0x9000 || self.sides[0].has_result();
            }
        }
        self.send(COMBINER, Step::State(1), None);
        for block in 0..=u8::from(!p256) {
            self.step(COMBINER, Step::ReadResult(block));
            self.send(COMBINER, Step::ReadResult(block), None);
        }
        self.step(COMBINER, Step::ReadExport);
        if exported {
            assert!(self.sides.iter().all(Side::opens), "{}", self.history.join("\n"));
        }
        exported
    }

    fn destroy(&mut self, terms: Terms) {
        self.plan(Operation::Destroy, terms);
        for x in 1..=terms.n {
            let seat = custodian(x);
            self.approve(seat);
            let p1 = self.pick(&[0, 2]);
            self.with_pin(seat, Step::Wipe(p1));
            self.send(seat, Step::State(0), None);
            self.step(seat, Step::Receipt);
        }
    }

    fn wipe(&mut self, n: u8) {
        for seat in (1..=n).map(custodian).chain([Seat::Ca, DEALER, COMBINER]) {
            self.send(seat, Step::Wipe(1), None);
            self.send(seat, Step::State(0), None);
            self.send(seat, Step::State(1), None);
        }
    }
}
