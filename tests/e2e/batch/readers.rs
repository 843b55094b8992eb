//! A job through many readers: Java cards in sixteen readers of pcscd, each of which gets the next card when the one before is
//! made; and cards that are pulled out of two readers again and again, at every moment.

use super::{
    Book, EXTERNAL_AUTHENTICATE, INITIALIZE_UPDATE, PUT_KEY, all_made, attempts, blank, desk, is_as_recorded, job,
    many, registry,
};
use cardwright_keys::job::RecordState;
use cardwright_link::vpcd::{Ended, Stop, serve};
use cardwright_link::{SmartCard, Torn, VirtualCard};
use cardwright_tests::chance::rng;
use cardwright_tests::cli::{Desk, Outcome, finish};
use cardwright_tests::gate::Moment;
use cardwright_tests::java::{Jvm, jars};
use cardwright_tests::rig::{PORT, Rig, reader};
use pcsc::{Context, ReaderState, Scope, State};
use proptest::prelude::Rng;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr};
use std::time::{Duration, Instant};

/// What goes wrong here is that cards are pulled, and that is no reason to stop.
const STOP: &str = "[stop]\nin_row = 100\npercent = 100\n";

/// Set where a test runs beside the readers, in their rig.
const INSIDE: &str = "CARDWRIGHT_TESTS_INSIDE";

/// How long the service is waited for; then it is looked whether a card was accepted meanwhile.
const TICK: Duration = Duration::from_millis(50);

/// pcscd looks at its readers every 400 ms. Where it has not seen a card go and come for so long, it never will: another part of
/// it met the line that was down, and took the new one for the old.
const UNNOTICED: Duration = Duration::from_secs(2);

/// A card that is in no use for so long, and that nothing is on record of, was met by the program while another one was put in
/// for it: it waits for the next one since.
const UNTAKEN: Duration = Duration::from_secs(10);

/// Longer than a round of cards takes on a loaded machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `test` once more in a rig with so many empty readers; `true` in there, where the test has to do its work.
#[track_caller]
fn beside_readers(what: &str, test: &str, readers: usize) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let Some(rig) = Rig::with(what, &["--readers", &readers.to_string()]) else { return false };
    let here = Desk::new();
    let mut again = rig.command(here.path(), std::env::current_exe().expect("a path"));
    again.args([test, "--exact", "--nocapture"]).env(INSIDE, "");
    let outcome = finish(again.spawn().expect("a shell")).expect(0);
    assert!(outcome.stdout.contains("test result: ok. 1 passed"), "{outcome:#?}");
    print!("{}", outcome.stdout);
    false
}

/// A reader and the Java card in it.
struct Slot {
    name: CString,
    serial: u32,
    /// When the card was put in, and how many had come and gone before, as pcscd counts.
    put_in: Option<(Instant, u32)>,
}

impl Slot {
    fn new(index: usize, serial: u32) -> Self {
        Self { name: CString::new(reader(index)).expect("no NUL"), serial, put_in: None }
    }

    /// As the card names itself: the first 10 bytes.
    fn kdd(&self) -> String {
        format!("43574A430000{:08X}", self.serial)
    }
}

/// Readers that get the next card when theirs is made.
struct Hall {
    jvm: Jvm,
    slots: Vec<Slot>,
    states: Vec<ReaderState>,
    /// How many cards are given out.
    given: u32,
    /// How many of them were put in once more, because pcscd did not notice them.
    again: u32,
}

impl Hall {
    /// A card in each reader.
    fn fill(readers: usize) -> Option<Self> {
        let first: u16 = PORT.parse().expect("a port");
        let ports: Vec<_> = (first..).take(readers).collect();
        let jvm = Jvm::start("Java cards", &ports, "serial=00000001")?;
        let slots: Vec<_> = (1..).zip(0..readers).map(|(serial, index)| Slot::new(index, serial)).collect();
        let states = slots.iter().map(|slot| ReaderState::new(slot.name.clone(), State::UNAWARE)).collect();
        let given = u32::try_from(readers).expect("a few");
        Some(Self { jvm, slots, states, given, again: 0 })
    }

    /// Which readers have a card that nobody works with.
    fn idle(&mut self, context: &Context) -> Vec<usize> {
        // Where nothing changes in that time, all is as it was.
        let _ = context.get_status_change(TICK, &mut self.states);
        self.states.iter_mut().for_each(ReaderState::sync_current_state);
        let idle = |state: &ReaderState| {
            let now = state.event_state();
            now.contains(State::PRESENT) && !now.intersects(State::EXCLUSIVE | State::INUSE)
        };
        self.states.iter().enumerate().filter(|(_, state)| idle(state)).map(|(at, _)| at).collect()
    }

    /// A new card with the slot's serial takes the place of the one in this reader.
    fn put_in(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        // The runner counts serials from the one that it is told, by reader.
        let told = slot.serial - u32::try_from(at).expect("a few");
        slot.put_in = Some((Instant::now(), self.states[at].event_count()));
        self.jvm.fresh(at, &format!("serial={told:08X}"));
    }

    /// The cards that are not made, with what pcscd says of their readers.
    fn left(&self, made: &BTreeSet<String>) -> Vec<String> {
        let all = self.slots.iter().zip(&self.states).filter(|(slot, _)| !made.contains(&slot.kdd()));
        let left = |(slot, state): (&Slot, &ReaderState)| {
            let (now, put_in) = (state.event_state(), slot.put_in.map(|(since, event)| (since.elapsed(), event)));
            format!("{} {now:?}, event {}, put in {put_in:?}", slot.kdd(), state.event_count())
        };
        all.map(left).collect()
    }

    /// Gives each reader that has let go of a card which is made the next one, as long as there are any.
    fn serve(&mut self, context: &Context, (made, begun): (&BTreeSet<String>, &BTreeSet<String>), cards: u32) {
        for at in self.idle(context) {
            let (slot, now) = (&mut self.slots[at], self.states[at].event_count());
            let untaken = !begun.contains(&slot.kdd());
            let missed = |(since, event): (Instant, u32)| {
                (event == now && since.elapsed() > UNNOTICED) || (untaken && since.elapsed() > UNTAKEN)
            };
            if made.contains(&slot.kdd()) {
                if self.given < cards {
                    self.given += 1;
                    slot.serial = self.given;
                    self.put_in(at);
                }
            } else if slot.put_in.is_some_and(missed) {
                self.again += 1;
                self.put_in(at);
            }
        }
    }
}

/// The job is on record before its run, so that somebody can look into it from the beginning.
fn on_record(desk: &Desk) {
    std::fs::create_dir(desk.path().join("none")).expect("a directory");
    let none = format!("sim:deck={}", desk.path().join("none").display());
    desk.run(&["batch", "run", "job.toml", "--on", &none]).expect(10);
}

/// The first 10 bytes of the cards that are accepted.
fn accepted(desk: &Desk) -> BTreeSet<String> {
    let all = attempts(&registry(desk)).into_iter().filter(|attempt| attempt.state == RecordState::Accepted);
    all.map(|attempt| attempt.card.0[..20].to_owned()).collect()
}

/// Those of all cards that are on record.
fn begun(desk: &Desk) -> BTreeSet<String> {
    attempts(&registry(desk)).into_iter().map(|attempt| attempt.card.0[..20].to_owned()).collect()
}

/// What went wrong with cards, for people.
fn not_made(desk: &Desk) -> Vec<(String, String)> {
    let all = attempts(&registry(desk)).into_iter().filter(|attempt| attempt.state != RecordState::Accepted);
    all.map(|attempt| (format!("{} {}", attempt.card, attempt.state), attempt.reason)).collect()
}

/// A run through readers of pcscd.
fn run_through(desk: &Desk, readers: usize) -> Child {
    let mut command = desk.command(&["batch", "run", "job.toml"]);
    for index in 0..readers {
        command.args(["--on", &format!("pcsc:{}", reader(index))]);
    }
    command.spawn().expect("the program starts")
}

#[test]
fn one_hundred_java_cards_on_sixteen_readers() {
    const WHAT: &str = "a hundred Java cards in sixteen readers";
    const TEST: &str = "batch::readers::one_hundred_java_cards_on_sixteen_readers";
    let (cards, readers) = (many("READER_CARDS", 100), many("READERS", 16));
    if jars(WHAT).is_none() || !beside_readers(WHAT, TEST, readers) {
        return;
    }
    let desk = desk(&job(cards, STOP));
    on_record(&desk);
    let Some(mut hall) = Hall::fill(readers) else { return };
    let started = Instant::now();
    let run = run_through(&desk, readers);
    let run = std::thread::spawn(move || finish(run));
    let context = Context::establish(Scope::User).expect("pcscd");
    let (mut made, mut last) = (BTreeSet::new(), Instant::now());
    let limit = u32::try_from(cards).expect("a number");
    while !run.is_finished() {
        hall.serve(&context, (&made, &begun(&desk)), limit);
        let now = accepted(&desk);
        if now.len() > made.len() {
            (made, last) = (now, Instant::now());
        }
        assert!(
            last.elapsed() < PATIENCE,
            "{} of {cards}, and no more: {:#?}, {:#?}",
            made.len(),
            not_made(&desk),
            hall.left(&made)
        );
    }
    let took = started.elapsed();
    let outcome = run.join().expect("it does not panic").expect(0);
    all_made(&desk, cards, WHAT);
    assert_eq!(accepted(&desk).len(), cards, "{outcome:#?}");
    let by_reader = (0..readers).map(|index| format!("pcsc:{}", reader(index)));
    // Those that are still in there prove their new keys once more, to another process.
    for (at, name) in by_reader.enumerate() {
        let check = ["--reader", &name, "card", "keys", "check", "--key", "kdf3+file:new.hex@0x30"];
        desk.run(&check).expect(0);
        assert_eq!(hall.jvm.faults(at), 0, "{name}");
    }
    println!(
        "{cards} Java cards through {readers} readers of pcscd in {:.1} s; {} were put in twice, because pcscd did not notice \
         them; {} lines of trouble",
        took.as_secs_f64(),
        hall.again,
        outcome.stderr.lines().count()
    );
}

/// A card that is pulled at a command.
struct Pulled<'c> {
    card: &'c mut Book<VirtualCard>,
    plan: Option<(usize, Moment)>,
    seen: usize,
    stop: Stop,
}

impl SmartCard for Pulled<'_> {
    cardwright_tests::powered_as!(card);

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        let now = self.plan.take_if(|(at, _)| *at == self.seen).map(|(_, moment)| moment);
        self.seen += 1;
        if now == Some(Moment::Before) {
            return Err(Torn);
        }
        self.card.process(command, response)?;
        match now {
            Some(Moment::During) => Err(Torn),
            Some(_) => {
                // The answer leaves when this returns; the line is cut around that time, a little sooner or later.
                let stop = self.stop.clone();
                std::thread::spawn(move || stop.stop());
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The cards of one reader, one after the other, each put back as often as it is pulled. How often that was.
fn pull(address: SocketAddr, chips: &mut [Book<VirtualCard>], pulls: usize, random: Vec<usize>) -> usize {
    let mut random = random.into_iter();
    let mut draw = |below| random.next().expect("two for each time that a card is put in") % below;
    let (mut done, mut left) = (0, chips.len());
    for chip in chips {
        // Three authentications of a card without an answer, and the program refuses the next one.
        let most = if left == 1 { usize::MAX } else { 2 };
        let mut of_card = (pulls - done).div_ceil(left).min(most);
        // The last one takes all that is left, at commands that every flow has.
        let (commands, moments) = if left == 1 { (3, 2) } else { (8, 3) };
        left -= 1;
        loop {
            let moment = [Moment::Before, Moment::During, Moment::After][draw(moments)];
            let plan = (of_card > 0).then(|| (draw(commands), moment));
            let stop = Stop::default();
            let mut card = Pulled { card: &mut *chip, plan, seen: 0, stop: stop.clone() };
            match serve(address, PATIENCE, &stop, &mut card).expect("the program listens") {
                Ended::ReaderGone => break,
                Ended::Torn | Ended::Stopped => (done, of_card) = (done + 1, of_card - 1),
            }
        }
    }
    done
}

/// A run through readers that virtual cards dial in to, and where these listen.
fn listening(desk: &Desk, readers: usize) -> (Child, BufReader<ChildStderr>, Vec<SocketAddr>) {
    let readers_word = readers.to_string();
    let mut command = desk.command(&["batch", "run", "job.toml", "--on", "vpcd:0", "--times", &readers_word]);
    let mut child = command.spawn().expect("the program starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut addresses = Vec::new();
    while addresses.len() < readers {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).expect("UTF-8") > 0, "it ended");
        let (_, address) = line.trim_end().rsplit_once("dial in at ").expect(&line);
        addresses.push(address.parse().expect("an address"));
    }
    (child, stderr, addresses)
}

#[test]
fn cards_are_pulled_a_hundred_times() {
    const READERS: usize = 2;
    let (cards, pulls) = (many("PULLED_CARDS", 50), many("PULLS", 100));
    let (desk, started) = (desk(&job(cards, STOP)), Instant::now());
    let (mut chips, names): (Vec<_>, Vec<_>) =
        (1..=cards).map(blank).map(|(card, name)| (Book::new(card), name)).unzip();
    let (child, mut stderr, addresses) = listening(&desk, READERS);
    let (mut said, mut chance) = (String::new(), rng("pulled"));
    let pulled: usize = std::thread::scope(|scope| {
        let parts = chips.chunks_mut(cards.div_ceil(READERS)).zip(addresses).map(|(chips, address)| {
            let random = (0..2 * (pulls + cards)).map(|_| usize::try_from(chance.next_u64()).expect("64 bits"));
            let random = random.collect();
            scope.spawn(move || pull(address, chips, pulls / READERS, random))
        });
        let parts: Vec<_> = parts.collect();
        stderr.read_to_string(&mut said).expect("UTF-8");
        parts.into_iter().map(|part| part.join().expect("no card panics")).sum()
    });
    let outcome = Outcome { stderr: said, ..finish(child) }.expect(0);
    all_made(&desk, cards, "pulled");
    assert_eq!(pulled, pulls, "{outcome:#?}");
    let registry = registry(&desk);
    let all = attempts(&registry);
    let (mut begun, mut authenticated) = (0, 0);
    for (chip, name) in chips.into_iter().zip(names) {
        assert_eq!((chip.done(PUT_KEY), chip.refused(PUT_KEY)), (1, 0), "{name} {:X?}", chip.done);
        assert_eq!(chip.refused(EXTERNAL_AUTHENTICATE), 0, "{name} {:X?}", chip.done);
        begun += chip.done(INITIALIZE_UPDATE);
        authenticated += chip.done(EXTERNAL_AUTHENTICATE);
        let of_chip: Vec<_> = all.iter().filter(|attempt| attempt.card.0.starts_with(&name)).collect();
        let made = of_chip.iter().filter(|attempt| attempt.state == RecordState::Accepted).count();
        assert_eq!(made, 1, "{name}: {of_chip:#?}");
        is_as_recorded(&registry, &of_chip[0].card, chip);
    }
    let told = |words: &str| outcome.stderr.matches(words).count();
    println!(
        "{cards} cards in {READERS} readers pulled {pulled} times, in {:.1} s: {cards} PUT KEYs, {begun} INITIALIZE UPDATEs, \
         {authenticated} EXTERNAL AUTHENTICATEs, {} attempts; {} times unknown, {} times nothing was changed, {} times made \
         already",
        started.elapsed().as_secs_f64(),
        all.len(),
        told(": unknown: "),
        told("nothing was changed"),
        told("it is made already")
    );
    assert!(told(": unknown: ") > 0 && told("nothing was changed") > 0, "{outcome:#?}");
}
