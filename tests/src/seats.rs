//! Several cards in this process, and a program that listens for one after the other: each dials in whenever the program
//! asks for it.

use crate::cli::{Outcome, finish};
use cardwright_link::vpcd::{Stop, serve};
use cardwright_link::{SmartCard, Torn, VirtualCard};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// Longer than any of these tests takes on a loaded machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens on the lines to the cards, while the program waits.
#[derive(Debug)]
pub enum Event<'e> {
    /// A card has carried out a command; its answer is not sent yet.
    Answered {
        /// The card's label.
        card: &'e str,
        /// As sent.
        command: &'e [u8],
        /// As it will be sent.
        answer: &'e [u8],
    },
    /// The program has hung up on the last card that it wanted.
    Over,
}

/// Cards by label.
#[derive(Debug, Default)]
pub struct Seats(BTreeMap<String, VirtualCard>);

impl Seats {
    /// These cards.
    #[must_use]
    pub fn new(cards: BTreeMap<String, VirtualCard>) -> Self {
        Self(cards)
    }

    /// Runs `cardwright ceremony`, whose readers are all `vpcd:0`. `watch` gets the program's process id and each event.
    ///
    /// # Panics
    /// Where the program asks for a card that is not here.
    pub fn run(&mut self, mut command: Command, mut watch: impl FnMut(u32, &Event<'_>) + Send) -> Outcome {
        let mut program = command.spawn().expect("the program starts");
        // It holds the program's end of what was redirected.
        drop(command);
        let pid = program.id();
        let watch: Watch<'_> = &Mutex::new(move |event: &Event<'_>| watch(pid, event));
        let mut stderr = BufReader::new(program.stderr.take().expect("piped"));
        let (mut said, mut at, mut wanted) = (String::new(), 0, None);
        std::thread::scope(|scope| {
            let mut seated: BTreeMap<String, ScopedJoinHandle<'_, VirtualCard>> = BTreeMap::new();
            while stderr.read_line(&mut said).expect("UTF-8") > 0 {
                let line = said[at..].trim_end();
                wanted = visit(line).or(wanted.take());
                if let Some((_, address)) = line.rsplit_once("a virtual card can dial in at ") {
                    let address = address.parse().expect("an address");
                    let (label, last) = wanted.take().expect("a card was asked for");
                    // It has hung up on this card before it asks for it again.
                    let back = seated.remove(&label).map(|visit| visit.join().expect("no card panics"));
                    let card = back.or_else(|| self.0.remove(&label)).expect("a card of that label");
                    let card = Seated { label: label.clone(), card, watch };
                    seated.insert(label, scope.spawn(move || card.visit(address, last)));
                }
                at = said.len();
            }
            self.0.extend(seated.into_iter().map(|(label, visit)| (label, visit.join().expect("no card panics"))));
        });
        Outcome { stderr: said, ..finish(program) }
    }
}

/// "visit 4 of 21: card C1 (Custodian 1), to be enrolled": which card, and whether it is the last visit.
fn visit(line: &str) -> Option<(String, bool)> {
    let (visit, card) = line.strip_prefix("visit ")?.split_once(": card ")?;
    let (number, of) = visit.split_once(" of ")?;
    Some((card.split(' ').next()?.to_owned(), number == of))
}

type Watch<'w> = &'w Mutex<dyn FnMut(&Event<'_>) + Send + 'w>;

/// A card that is in a reader.
struct Seated<'w> {
    label: String,
    card: VirtualCard,
    watch: Watch<'w>,
}

impl Seated<'_> {
    /// Dials in, and comes back when the program has hung up.
    fn visit(mut self, address: SocketAddr, last: bool) -> VirtualCard {
        serve(address, PATIENCE, &Stop::default(), &mut self).expect("the program listened");
        if last {
            self.tell(&Event::Over);
        }
        self.card
    }

    fn tell(&self, event: &Event<'_>) {
        (self.watch.lock().expect("no panic"))(event);
    }
}

impl SmartCard for Seated<'_> {
    crate::powered_as!(card);

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        self.card.process(command, response)?;
        self.tell(&Event::Answered { card: &self.label, command, answer: response });
        Ok(())
    }
}
