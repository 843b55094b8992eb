//! The commands between cards on Java and Rust cards: two ceremonies side by side, in which every card that is Java's in one
//! is Rust's in the other, so that boxes and signatures of each kind go to the other as well.
//!
//! What is random differs between the two. So each side gets the same command made of what its own cards said, wrong in the
//! same way where it is wrong; status words and states are equal, signatures good, boxes open, and what is random here
//! stands for the same thing there ("What is random in an answer", `docs/protocol/custody-commands.md`).
//!
//! `SEQUENCES` in the environment says how often a card is put in; 10,000 is what the numbers below were made for.

mod compare;
mod course;
mod order;
mod side;

use cardwright_link::VirtualCard;
use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::custody::manifest::{Manifest, Operation, Place};
use cardwright_proto::custody::share::{KeyType, Scheme};
use cardwright_tests::chance::rng;
use cardwright_tests::custody::{Card, Ceremony, Seen};
use cardwright_tests::java::JavaCard;
use compare::Symbols;
use order::{Order, Spoil, Step};
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;
use side::{Line, Seat, Side};
use std::collections::BTreeMap;

/// How often a card is put in, where nobody says it.
const SEQUENCES: usize = 2_000;
/// Of so many sequences, one at least has to get each command accepted: 200 times in 10,000.
const PER_SUCCESS: usize = 50;
/// Seats: the CA, dealer, combiner, three custodians.
const CARDS: u8 = 6;
/// Commands of this family, all of which have to be accepted.
const COMMANDS: usize = 41;

/// Both ceremonies, and who decides what happens in them.
struct Driver {
    sides: [Side; 2],
    symbols: Symbols,
    rng: TestRng,
    sequences: usize,
    /// By name: accepted, refused.
    counts: BTreeMap<&'static str, [usize; 2]>,
    /// Status words, of all that was sent.
    words: BTreeMap<u16, usize>,
    /// Commands that were spoiled, and those of them that were accepted.
    spoiled: [usize; 2],
    /// What was done since the cards were wiped, for a person to follow.
    history: Vec<String>,
}

/// What both manifests have in common.
#[derive(Clone, Copy, Debug)]
struct Terms {
    set: [u8; 16],
    generation: u32,
    scheme: Scheme,
    m: u8,
    n: u8,
    key_type: KeyType,
    key_length: u8,
    usage: u8,
}

impl Driver {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u32()).expect("32 bits") % bound
    }

    fn byte(&mut self) -> u8 {
        self.rng.next_u32().to_le_bytes()[0]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Puts a card in: a reset, or another selection and session only.
    fn insert(&mut self, seat: Seat) {
        let reset = !self.one_in(6);
        self.sequences += 1;
        self.history.push(format!("{seat:?} put in, reset: {reset}"));
        for side in &mut self.sides {
            if reset { side.card(seat).insert() } else { side.card(seat).open() }
        }
    }

    /// A command for both, and perhaps something else before and after it. The status word.
    fn step(&mut self, seat: Seat, step: Step) -> u16 {
        while self.one_in(4) {
            self.noise(seat, step);
        }
        let sw = self.send(seat, step, None);
        if self.one_in(30) { self.send(seat, step, None) } else { sw }
    }

    /// The same, with a PIN before it.
    fn with_pin(&mut self, seat: Seat, step: Step) -> u16 {
        while self.one_in(4) {
            self.noise(seat, step);
        }
        if self.one_in(20) {
            self.send(seat, step, None);
        }
        self.send(seat, Step::Verify, None);
        let sw = self.send(seat, step, None);
        if self.one_in(20) {
            self.send(seat, step, None);
        }
        sw
    }

    /// Something that is out of place.
    fn noise(&mut self, seat: Seat, step: Step) {
        match self.below(17) {
            0..=7 => {
                let spoil = self.spoil(seat, step);
                self.send(seat, step, spoil);
            }
            8 => {
                // A PIN may be there, or not.
                let spoil = self.spoil(seat, step);
                self.send(seat, Step::Verify, None);
                self.send(seat, step, spoil);
            }
            9 | 10 => {
                let stray = self.stray();
                self.send(seat, stray, None);
            }
            11 => self.tear_off(seat, step),
            12..=14 => {
                let p1 = self.pick(&[0, 1]);
                self.send(seat, Step::State(p1), None);
            }
            15 => self.select_nobody(seat),
            _ => self.insert(seat),
        }
    }

    /// A SELECT in plain that is refused: of nobody, or not by AID. The session goes on, with what it has begun.
    fn select_nobody(&mut self, seat: Seat) {
        let (p1, aid) = self.pick(&[(4, b"\xF0CWNONE"), (4, b"\xF0CWCUS\0"), (0, b"\xF0CWCUST")]);
        let order = || Order { header: [0, 0xA4, p1, 0], data: aid.to_vec(), fixed: aid.len() };
        self.exchange(
            seat,
            "SELECT of nobody",
            &[order(), order()],
            |card, Order { header: [cla, ins, p1, p2], data, .. }| {
                let select = Command::new(Header::new(*cla, *ins, *p1, *p2), data, Some(Ne::SHORT_MAX));
                card.host.raw(&select.encode().expect("a short command")).expect("an answer")
            },
        );
    }

    /// A command of somebody else, or of another time.
    fn stray(&mut self) -> Step {
        let x = self.pick(&[1, 2, 3]);
        let place = self.pick(&[Place::Custodian(x), Place::Dealer, Place::Combiner, Place::Hsm]);
        let steps = [
            Step::GenerateIdentity,
            Step::GetIdentity(x & 1),
            Step::PutCaKey,
            Step::PutCertificate,
            Step::Party(place),
            Step::Commit,
            Step::MakeOffer,
            Step::Reveal(place),
            Step::Begin,
            Step::Admit(x, 1),
            Step::Admit(x, 3),
            Step::TakeContribution(x),
            Step::DealBox(x),
            Step::StateDeal,
            Step::TakeStatement,
            Step::StoreBox(x),
            Step::Confirm(x),
            Step::ConfirmDrill,
            Step::Forget(x & 1),
            Step::Release(place),
            Step::TakeShare(x),
            Step::Drill(u16::from(x) << 1),
            Step::Verdict,
            Step::Export,
            Step::ReadResult(x),
            Step::ReadExport,
            Step::Receipt,
            Step::Approve,
        ];
        self.pick(&steps)
    }

    fn spoil(&mut self, seat: Seat, step: Step) -> Option<Spoil> {
        let order = step.order(&self.sides[0], seat)?;
        let (byte, bit, signed) = (self.byte(), self.byte() % 8, order.data.len() > order.fixed);
        let spoil = match self.below(10) {
            0 => Spoil::P1(byte),
            1 => Spoil::P2(self.pick(&[byte, 1, 2, 3])),
            2 => Spoil::P1(self.pick(&[0, 1, 2, 3, 4, 0x0A, 0x0B, 0x80, 0x81])),
            3 if self.one_in(4) => Spoil::Ins(self.pick(&[0x38, 0x44, 0x4E, 0x5C, 0x5E, 0xA2, 0xA6, 0xAE, 0x39, 0x60])),
            3 | 4 if signed => Spoil::Resize(self.pick(&[-1, 0, 7, 8, 40, 73])),
            3 | 4 => Spoil::Resize(self.pick(&[-1, 1, 16])),
            5 => Spoil::Empty,
            6 => Spoil::Data(step.swapped()),
            7 if signed => Spoil::FlipSigned(self.below(5), bit),
            _ => Spoil::Flip(self.below(order.fixed.max(1)), bit),
        };
        Some(spoil)
    }

    /// The first block, and then perhaps something that ends or interrupts it.
    fn tear_off(&mut self, seat: Seat, step: Step) {
        let Some(mut orders) = self.orders(seat, step).filter(|orders| orders[0].in_blocks()) else { return };
        orders.iter_mut().for_each(|order| order.data.truncate(60));
        self.exchange(seat, "a torn-off command", &orders, |card, order| card.send(order.header, &order.data));
        match self.below(4) {
            0 => self.insert(seat),
            1 => drop(self.send(seat, Step::State(1), None)),
            _ => {}
        }
        // It does not go on, or it does, and then with too little.
        orders.iter_mut().for_each(|order| (order.header[2], order.header[3]) = (0x80, 1));
        self.exchange(seat, "the rest of a torn-off command", &orders, |card, order| {
            card.send(order.header, &order.data[..8])
        });
    }

    /// The command for each side; `None` where their cards have not said yet what it takes.
    fn orders(&self, seat: Seat, step: Step) -> Option<[Order; 2]> {
        let [one, other] = self.sides.each_ref().map(|side| step.order(side, seat));
        assert_eq!(one.is_some(), other.is_some(), "{step:?}: one side knows more\n{}", self.history.join("\n"));
        Some([one?, other?])
    }

    /// Sends it to both cards at the seat.
    fn send(&mut self, seat: Seat, step: Step, spoil: Option<Spoil>) -> u16 {
        let Some(mut orders) = self.orders(seat, step) else { return 0 };
        if let Some(spoil) = spoil {
            for (order, side) in orders.iter_mut().zip(&self.sides) {
                spoil.on(order, side, seat);
            }
        }
        let size = 60 + self.below(141);
        let what = spoil.map_or_else(|| format!("{step:?}"), |spoil| format!("{step:?}, {spoil:?}"));
        let (sw, answers) = self.exchange(seat, &what, &orders, |card, order| whole(card, order, size));
        if spoil.is_some() {
            self.spoiled[0] += 1;
            self.spoiled[1] += usize::from(sw == 0x9000);
        } else {
            self.counts.entry(step.name()).or_default()[usize::from(sw != 0x9000)] += 1;
        }
        if sw == 0x9000 {
            let [one, other] = &mut self.sides;
            let [here, there] = [one.took(seat, &orders[0], &answers[0]), other.took(seat, &orders[1], &answers[1])];
            let agreed = self.symbols.agree(&here, &there);
            assert!(agreed, "{here:02X?}\n{there:02X?}\n{}", self.history.join("\n"));
        }
        sw
    }

    fn exchange(
        &mut self,
        seat: Seat,
        what: &str,
        orders: &[Order; 2],
        mut send: impl FnMut(&mut Card<Line>, &Order) -> (Vec<u8>, u16),
    ) -> (u16, [Vec<u8>; 2]) {
        let [one, other] = &mut self.sides;
        let ((here, sw), (there, too)) = (send(one.card(seat), &orders[0]), send(other.card(seat), &orders[1]));
        self.history.push(format!("{seat:?} {what}: {sw:04X}"));
        let kinds = [one, other].map(|side| side.card(seat).host.link.name().to_owned());
        assert_eq!(
            format!("{sw:04X}"),
            format!("{too:04X}"),
            "{kinds:?}: {:02X?} {:02X?}\n{}",
            orders[0],
            orders[1],
            self.history.join("\n")
        );
        *self.words.entry(sw).or_default() += 1;
        (sw, [here, there])
    }

    /// The next manifest of both sides.
    fn plan(&mut self, operation: Operation, terms: Terms) {
        let sequence = self.sides.iter().map(Side::sequence).max().unwrap_or_default().saturating_add(1);
        self.history.push(format!("{operation} {sequence} {terms:02X?}"));
        for side in &mut self.sides {
            let hash = |place| {
                let certificate = side.certificate(place);
                certificate.map(|certificate| cardwright_keys::custody::hash::certificate(&certificate.body))
            };
            let partner = match operation {
                Operation::Deal => hash(Place::Dealer),
                Operation::Release => hash(Place::Hsm),
                Operation::Drill | Operation::Destroy => None,
            };
            let combiner = hash(Place::Combiner).filter(|_| operation != Operation::Destroy);
            let custodians = (1..=terms.n).filter_map(|x| hash(Place::Custodian(x))).collect();
            side.ceremony.manifest = Manifest {
                operation,
                ceremony: [0xCE; 16],
                set: terms.set,
                generation: terms.generation,
                scheme: terms.scheme,
                m: terms.m,
                key_type: terms.key_type,
                key_length: terms.key_length,
                usage: terms.usage,
                sequence,
                plan: [0x91; 32],
                head: [0; 32],
                partner,
                combiner,
                custodians,
            };
            side.ceremony.seen = Seen::default();
        }
    }
}

/// A command, in blocks of this size where it goes in blocks: the last answer.
fn whole(card: &mut Card<Line>, order: &Order, size: usize) -> (Vec<u8>, u16) {
    let [cla, ins, p1, p2] = order.header;
    if !order.in_blocks() || order.data.is_empty() {
        return card.send(order.header, &order.data);
    }
    let count = order.data.len().div_ceil(size);
    let mut answer = (Vec::new(), 0x9000);
    for (number, block) in (0_u8..).zip(order.data.chunks(size)) {
        if answer.1 != 0x9000 {
            break;
        }
        let last = if usize::from(number) + 1 == count { 0x80 } else { 0 };
        answer = card.send([cla, ins, p1 | last, p2.wrapping_add(number)], block);
    }
    answer
}

fn ceremony(mut lines: impl Iterator<Item = Line>) -> Side {
    let mut card = || Card::new(lines.next().expect("six"));
    let (ca, dealer, combiner) = (card(), card(), card());
    let custodians = (1..=3).map(|_| card()).collect();
    let manifest = Manifest {
        operation: Operation::Destroy,
        ceremony: [0; 16],
        set: [0; 16],
        generation: 1,
        scheme: Scheme::Shamir,
        m: 2,
        key_type: KeyType::Aes,
        key_length: 16,
        usage: 0,
        sequence: 0,
        plan: [0; 32],
        head: [0; 32],
        partner: None,
        combiner: None,
        custodians: Vec::new(),
    };
    let (seen, hsm, statement) = (Seen::default(), None, None);
    Side::new(Ceremony { ca, dealer, combiner, custodians, hsm, manifest, seen, statement })
}

#[test]
fn both_kinds_of_cards_hold_the_same_ceremonies() {
    let what = "ceremonies of Java and Rust cards side by side";
    let Some(java) = JavaCard::several(what, "tries=255", CARDS.into()) else { return };
    let sequences = std::env::var("SEQUENCES").map_or(SEQUENCES, |count| count.parse().expect("a number"));
    let rust = |at: u8| VirtualCard::from_profile(&format!("seed=D1,tries=255,serial={at:02X}")).unwrap();
    let java = ceremony(java.into_iter().map(|card| Box::new(card) as Line));
    let rust = ceremony((0..CARDS).map(|at| Box::new(rust(at)) as Line));
    let mut driver = Driver {
        sides: [java, rust],
        symbols: Symbols::default(),
        rng: rng(what),
        sequences: 0,
        counts: BTreeMap::new(),
        words: BTreeMap::new(),
        spoiled: [0; 2],
        history: Vec::new(),
    };
    let (mut worlds, mut opened) = (0, [0; 2]);
    while driver.sequences < sequences {
        let [p256, rsa] = driver.world();
        worlds += 1;
        opened = [opened[0] + usize::from(p256), opened[1] + usize::from(rsa)];
    }
    println!(
        "{} sequences, {worlds} times from new cards; accepted and refused: {:#?}",
        driver.sequences, driver.counts
    );
    let words: Vec<_> = driver.words.iter().map(|(sw, count)| format!("{sw:04X}: {count}")).collect();
    println!("answers {}", words.join(", "));
    println!("{:?} spoiled commands sent and accepted; keys opened with P-256 and RSA: {opened:?}", driver.spoiled);
    assert_eq!(driver.counts.len(), COMMANDS, "{:?}", driver.counts.keys());
    for (name, [accepted, _]) in &driver.counts {
        assert!(accepted * PER_SUCCESS >= sequences, "{name} succeeded {accepted} times");
    }
    assert!(opened.into_iter().all(|count| count * PER_SUCCESS >= sequences), "{opened:?}");
}
