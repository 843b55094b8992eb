//! Power lost at every write of every command: the card is as before the command or as after it, bit for bit.

use cardwright_keys::custody::signing::KeyPair;
use cardwright_link::{LinkError, Transport, VirtualCard};
use cardwright_proto::custody::certificate::CertifiedKey;
use cardwright_proto::custody::deal::Forget;
use cardwright_proto::custody::manifest::Operation;
use cardwright_proto::custody::message::Outcome;
use cardwright_tests::custody::{Card, Ceremony, Deal, Sent};
use cardwright_tests::host::Failure;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What the custodian applet keeps, in a card's image.
const KEPT: std::ops::Range<usize> = 1920..10_240;

/// A card in a file. A reset is another process that takes it up: with a seed, each one draws the same numbers.
#[derive(Debug)]
struct Filed {
    card: Option<VirtualCard>,
    path: PathBuf,
    /// The image at each reset.
    images: Vec<Vec<u8>>,
}

impl Filed {
    fn new(dir: &Path, at: u8) -> Self {
        let path = dir.join(format!("card{at}"));
        let mut filed = Self { card: None, path, images: Vec::new() };
        filed.power(at);
        filed
    }

    fn power(&mut self, serial: u8) {
        self.card = None;
        let state = self.path.display();
        let serial = if serial == 0 { String::new() } else { format!("serial={serial:02X},") };
        self.card = Some(VirtualCard::from_profile(&format!("seed=00,{serial}state={state}")).unwrap());
    }

    /// With this image.
    fn at(path: &Path, image: &[u8]) -> Self {
        fs::write(path, image).unwrap();
        let mut filed = Self { card: None, path: path.to_owned(), images: Vec::new() };
        filed.power(0);
        filed
    }

    fn card(&mut self) -> &mut VirtualCard {
        self.card.as_mut().unwrap()
    }

    fn kept(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()[KEPT].to_vec()
    }
}

impl Transport for Filed {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        self.card().transmit(command, response)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.power(0);
        self.images.push(fs::read(&self.path).unwrap());
        Ok(())
    }

    fn atr(&self) -> &[u8] {
        &[]
    }

    fn name(&self) -> &'static str {
        "a card in a file"
    }
}

/// Old, new and other, by INS and P1 of those that have several meanings.
type Counts = BTreeMap<String, [usize; 3]>;

/// A command: INS, and what else it means by P1 or P2.
fn name([_, ins, p1, p2]: [u8; 4]) -> String {
    match ins {
        0x34 | 0x5C | 0x5E => format!("{ins:02X} {p1:02X}"),
        0x4E => format!("{ins:02X} {p2:02X}"),
        _ => format!("{ins:02X}"),
    }
}

/// The card that was put in with `image` and sent `before`, behind that.
fn replayed(path: &Path, image: &[u8], before: &[Sent]) -> Card<Filed> {
    let mut card = Card::new(Filed::at(path, image));
    for sent in before {
        assert_eq!(card.sw(sent.header, &sent.data), sent.sw, "{:02X?}", sent.header);
    }
    card
}

/// Tears a command at each of its points, and at some of the power-ups behind it. `old` and `new` are what the card keeps
/// before it and after it.
fn torn(path: &Path, image: &[u8], before: &[Sent], act: &Sent, counts: &mut Counts) {
    let mut card = replayed(path, image, before);
    let (old, points) = (card.host.link.kept(), card.host.link.card().tear_points());
    assert_eq!(card.sw(act.header, &act.data), act.sw);
    let points = card.host.link.card().tear_points() - points;
    let new = card.host.link.kept();
    drop(card);
    let name = name(act.header);
    for n in 0..points {
        let mut card = replayed(path, image, before);
        card.host.link.card().tear_after(n);
        let lost = card.try_send(act.header, &act.data);
        assert!(matches!(lost, Err(Failure::Lost)), "{name}, point {n}: {lost:?}");
        // Power comes, and is lost again on the way.
        card.host.link.card().tear_after(n % 5);
        let _ = card.host.link.card().reset();
        drop(card);
        let mut card = Filed { card: None, path: path.to_owned(), images: Vec::new() };
        card.power(0);
        let kept = card.kept();
        let at = if kept == old {
            0
        } else if kept == new {
            1
        } else {
            2
        };
        counts.entry(name.clone()).or_default()[at] += 1;
        assert!(at < 2, "{name}, point {n}: neither old nor new");
    }
}

/// All that a card was sent is torn where it writes: of each command the first two times that the card was put in.
fn all_torn(path: &Path, card: &Card<Filed>, counts: &mut Counts) {
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for (image, sent) in card.host.link.images.iter().zip(&card.sent) {
        for (at, act) in sent.iter().enumerate() {
            let ins = act.header[1];
            // VERIFY moves a try, which is neither; it is torn in a test of its own, as what changes the PIN.
            if matches!(ins, 0x20 | 0x24) || act.sw != 0x9000 {
                continue;
            }
            let times = done.entry(name(act.header)).or_default();
            if *times == 2 {
                continue;
            }
            let points = {
                let mut card = replayed(path, image, &sent[..at]);
                let before = card.host.link.card().tear_points();
                card.sw(act.header, &act.data);
                card.host.link.card().tear_points() - before
            };
            if points > 0 {
                *times += 1;
                torn(path, image, &sent[..at], act, counts);
            }
        }
    }
}

#[test]
fn every_command_is_torn_at_every_write() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut ceremony = Ceremony::enrolled(2, |at| Filed::new(dir.path(), at + 1));
    ceremony.deal(Deal::aes256(2));
    let hsm = KeyPair::new(&[0x7A; 32]).unwrap().point();
    ceremony.certify_hsm(CertifiedKey::P256(hsm));
    ceremony.release(&[1, 2], &hsm);
    ceremony.destroy();
    // Another deal is given up.
    ceremony.plan(Operation::Deal, Some(Deal::aes256(2)));
    ceremony.prepare();
    ceremony.dealer.verify();
    ceremony.dealer.ok(&Forget { outcome: Outcome::Abandoned });
    // One card holds a host's share in between, and forgets everything in the end.
    let card = &mut ceremony.custodians[0];
    card.insert();
    card.verify();
    let share = cardwright_tests::share::object(7, true);
    for (number, block) in (0..).zip(share.chunks(200)) {
        let last = if share.len() <= 200 * (usize::from(number) + 1) { 0x80 } else { 0 };
        assert_eq!(card.sw([0x80, 0x30, 1 | last, number], block), 0x9000);
    }
    card.verify();
    assert_eq!(card.sw([0x80, 0x34, 0, 0], &[]), 0x9000);
    assert_eq!(card.sw([0x80, 0x34, 1, 0], &[]), 0x9000);
    let path = dir.path().join("torn");
    let mut counts = Counts::new();
    for card in [&ceremony.ca, &ceremony.dealer, &ceremony.combiner, &ceremony.custodians[0]] {
        all_torn(&path, card, &mut counts);
    }
    let points: usize = counts.values().flatten().sum();
    println!("{} commands, {points} tear points: old, new, other by INS (and P1): {counts:?}", counts.len());
    assert!(counts.values().all(|[old, new, other]| *old > 0 && *new > 0 && *other == 0), "{counts:?}");
    let commands: Vec<_> = counts.keys().map(String::as_str).collect();
    assert_eq!(
        commands,
        [
            "30", "34 00", "34 01", "34 02", "38", "3C", "3E", "40", "42", "44", "46", "4A", "4C", "4E 01", "4E 02",
            "4E 03", "52", "54", "56", "58", "5A", "5C 01", "5C 02", "5E 00", "5E 01", "A6", "AA"
        ]
    );
}
