//! A job, card by card: how many cards a second with everything durable, what that costs beside the key changes alone,
//! how much memory it takes, how busy slow cards keep their readers, and what a million cards on record cost. With `CI`
//! set there are few cards: that it runs, and no figures.

// A benchmark fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright::audit_file::FileAudit;
use cardwright::batch::Hands;
use cardwright::batch::ahead::{A_READER, Ahead};
use cardwright::batch::run::{Ended, Halt, Progress, Run, run};
use cardwright::batch::station::{Handled, Outcome, Station};
use cardwright::books::{Books, Forgetful, Memory};
use cardwright::card::Card;
use cardwright::rotate::{KeptKey, Request, Rotation};
use cardwright::session::Choices;
use cardwright::world::Os;
use cardwright_hsm::Keyring;
use cardwright_keys::job::Job;
use cardwright_keys::journal::CardId;
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::KeyRef;
use cardwright_link::feeder::Feeder;
use cardwright_link::{LinkError, Transport, VirtualCard};
use cardwright_proto::gp::put_key::BlockForm;
use cardwright_registry::jobs::{JobKey, Jobs, NewDelivery, NewJob};
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{CardEntry, Registry};
use cardwright_tests::speed::verdict;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Readers of in-process cards: as many as one fsync can serve together.
const READERS: usize = 64;

fn main() {
    let few = std::env::var_os("CI").is_some();
    speed(if few { 200 } else { 20_000 });
    memory(if few { 400 } else { 100_000 });
    busy(if few { Duration::from_millis(2) } else { Duration::from_millis(200) });
    curve(if few { &[100] } else { &[10_000, 100_000, 1_000_000] });
}

/// Cards that are made when they are asked for, and gone when they are done.
struct Fresh {
    next: Arc<AtomicU32>,
    end: u32,
    latency: Duration,
}

impl Feeder for Fresh {
    fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Option<Box<dyn Transport>>, LinkError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.end || stop() {
            return Ok(None);
        }
        let card = fresh(number);
        Ok(Some(if self.latency.is_zero() { Box::new(card) } else { Box::new(Slow(card, self.latency)) }))
    }

    fn name(&self) -> &str {
        "in process"
    }
}

fn fresh(number: u32) -> VirtualCard {
    VirtualCard::from_profile(&format!("kdd=4357525400{number:010X},serial={number:08X}")).expect("a card")
}

/// A card that takes its time.
struct Slow(VirtualCard, Duration);

impl Transport for Slow {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        std::thread::sleep(self.1);
        self.0.transmit(command, response)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.0.reset()
    }

    fn atr(&self) -> &[u8] {
        self.0.atr()
    }

    fn name(&self) -> &str {
        Transport::name(&self.0)
    }
}

struct Quiet;

impl Progress for Quiet {
    fn handled(&self, _: usize, handled: &Handled) {
        assert!(matches!(handled.outcome, Outcome::Accepted), "{:?}", handled.outcome);
    }

    fn trouble(&self, _: usize, error: &LinkError, _: bool) {
        panic!("{error}");
    }
}

/// A registry with a job, and the keys.
struct Works {
    job: Job,
    keyring: Keyring,
    request: Request,
}

impl Works {
    fn new() -> Self {
        let text = "format = \"cardwright-job-1\"\nname = \"bench\"\nissuer = \"acme\"\ndomain = \"test\"\nprofile = \"sim\"\n\
             [target]\nkey = \"kdf3+file:/new.hex\"\nkvn = \"0x30\"\n\
             [[delivery]]\nname = \"box\"\nkey = \"gp-test@0xFF\"\nfile = \"box.csv\"\n";
        let job = Job::parse(text.as_bytes()).expect("a job");
        let mut keyring = Keyring::new();
        keyring.load(&"gp-test".parse().expect("a reference"), KeyMaterial::gp_test());
        keyring.load(&job.target.key, KeyMaterial::One(SecretKey::new(&[0x5A; 16]).expect("a key")));
        let new = KeptKey::after(job.target.key.clone(), |_| Ok::<_, ()>(())).expect("kept");
        let current: KeyRef = job.deliveries[0].key.clone();
        let (target, form) = (job.target.kvn, BlockForm::WithLength);
        let request = Request { current, new, target, replace: false, abandon_pending: false, form };
        Self { job, keyring, request }
    }

    fn begin(&self, dir: &Path, cards: u32) -> SqliteRegistry {
        let new = NewJob {
            name: self.job.name.clone(),
            issuer: self.job.issuer.clone(),
            domain: self.job.domain,
            profile: self.job.profile.clone(),
            file: "bench".to_owned(),
            sha256: [1; 32],
            inputs: Vec::new(),
            deliveries: vec![NewDelivery { name: "box".parse().expect("a name"), listed: true, count: cards.into() }],
            keys: vec![JobKey::Kept("file:/new.hex".to_owned())],
            target: None,
            at: 1,
            who: "bench".to_owned(),
        };
        let mut registry = SqliteRegistry::open(&dir.join("registry.db")).expect("a registry");
        let mut listed = (0..cards).map(|number| Ok((0, name(number))));
        registry.add_job(&new, &mut listed).expect("a job");
        registry
    }

    /// Through so many readers, cards of these serial numbers.
    fn run(&self, dir: &Path, readers: usize, (first, end): (u32, u32), latency: Duration) -> Ended {
        let path = dir.join("registry.db");
        let registry = SqliteRegistry::open(&path).expect("a registry");
        let entry = registry.job(&self.job.name).expect("a job").expect("a job");
        let vault = &Ahead::new(&self.keyring, A_READER * readers);
        let station = Station {
            job: &self.job,
            id: entry.id,
            terms: vec![self.request.clone()],
            vault,
            choices: choices(),
            contents: None,
            names_chips: true,
            name: "bench".to_owned(),
            operator: "bench".to_owned(),
            profile: [0; 32],
            clock: &Os,
            hands: Hands::default(),
        };
        let next = Arc::new(AtomicU32::new(first));
        let feeders =
            (0..readers).map(|_| Box::new(Fresh { next: Arc::clone(&next), end, latency }) as Box<dyn Feeder>);
        let (progress, halt) = (Quiet, Halt::default());
        let open = || SqliteRegistry::open(&path);
        let audit = FileAudit::open(&dir.join("audit.log")).expect("an audit log");
        let all = Run {
            station: &station,
            entry: &entry,
            open: &open,
            ahead: Some(vault),
            registry,
            audit,
            entropy: Os,
            progress: &progress,
            halt: &halt,
        };
        run(all, feeders.collect()).2.expect("a run")
    }
}

const fn choices() -> Choices {
    Choices { aid: Vec::new(), mode: None, level: None, accept_risk: false }
}

/// On the disk that everything is built on, where fsync takes its time.
fn directory() -> tempfile::TempDir {
    tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

/// Cards a second, everything durable; beside it the key changes alone, and an fsync.
fn speed(cards: u32) {
    let (works, dir) = (Works::new(), directory());
    works.begin(dir.path(), cards);
    let ended = works.run(dir.path(), READERS, (0, cards), Duration::ZERO);
    let rate = f64::from(cards) / (ended.figures.took_us as f64 / 1e6);
    let sound = SqliteRegistry::open(&dir.path().join("registry.db")).expect("a registry").check().expect("a look");
    assert_eq!((ended.figures.accepted(), sound), (u64::from(cards), Vec::new()));
    let alone = alone(&works, cards.min(5_000));
    println!(
        "batch       {cards} cards, {READERS} readers in process, all durable: {rate:.0} cards/s, wanted: 2000 or more{}",
        verdict(rate >= 2000.0)
    );
    println!(
        "batch       key changes alone, both cores, nothing written: {alone:.0} cards/s: {:.2} times",
        alone / rate
    );
    println!("batch       one fsync of a page on that disk: {:.0} us", fsync(dir.path()));
    for (name, times) in &ended.figures.commands {
        let each = times.total_us as f64 / times.count as f64;
        println!("batch       {name}: {:.2} a card, {each:.0} us", times.count as f64 / f64::from(cards));
    }
}

/// The same key changes on two threads, with books that forget.
fn alone(works: &Works, cards: u32) -> f64 {
    let next = AtomicU32::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= cards {
                        break;
                    }
                    let mut card = Card::new(fresh(number));
                    let (mut journal, mut audit) = (Memory::default(), Forgetful);
                    let mut books = Books::new(&mut journal, &mut audit, &Os);
                    let mut rotation = Rotation {
                        card: &mut card,
                        vault: &works.keyring,
                        books: &mut books,
                        entropy: &mut Os,
                        choices: &choices(),
                    };
                    rotation.run(&works.request).expect("a key change");
                }
            });
        }
    });
    f64::from(cards) / began.elapsed().as_secs_f64()
}

fn fsync(dir: &Path) -> f64 {
    use std::io::Write;
    let mut file = std::fs::File::create(dir.join("page")).expect("a file");
    cardwright_tests::speed::each(100, || {
        file.write_all(&[0; 4096]).expect("a page");
        file.sync_all().expect("an fsync");
    })
}

/// Resident now, in MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident");
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().expect("a number") / 1024.0
}

/// Memory after the first hundredth of the cards and after all.
fn memory(cards: u32) {
    let (works, dir) = (Works::new(), directory());
    works.begin(dir.path(), cards);
    let few = cards / 100;
    works.run(dir.path(), 8, (0, few), Duration::ZERO);
    let before = resident();
    works.run(dir.path(), 8, (few, cards), Duration::ZERO);
    let after = resident();
    println!(
        "batch       memory: {before:.0} MB after {few} cards, {after:.0} MB after {cards}, wanted: 100 at most{}",
        verdict(after <= 100.0)
    );
}

/// How much of the time readers wait for their cards, and not for us.
fn busy(latency: Duration) {
    const EACH: u32 = 5;
    let (works, dir) = (Works::new(), directory());
    works.begin(dir.path(), 8 * EACH);
    let ended = works.run(dir.path(), 8, (0, 8 * EACH), latency);
    let readers = &ended.figures.readers;
    let (busy, with): (u64, u64) =
        readers.iter().fold((0, 0), |(busy, with), reader| (busy + reader.busy_us, with + reader.with_cards_us));
    let share = 100.0 * busy as f64 / with as f64;
    let all = 100.0 * busy as f64 / readers.iter().map(|reader| reader.open_us).sum::<u64>() as f64;
    println!(
        "batch       cards that take {latency:?} an APDU, 8 readers: busy {share:.2} % of the time with a card, {all:.2} % of all, wanted: 99 or more{}",
        verdict(all >= 99.0)
    );
}

/// The cost of a card where so many others are on record, and in the job.
fn curve(sizes: &[u32]) {
    // Many enough that what each reader has to load into its cache first does not count.
    const CARDS: u32 = 10_000;
    let mut rates = Vec::new();
    for size in sizes {
        let cards = CARDS.min(*size);
        let (works, dir) = (Works::new(), directory());
        let mut registry = works.begin(dir.path(), *size);
        let numbers: Vec<u32> = (1_000_000_000..1_000_000_000 + size).collect();
        for some in numbers.chunks(10_000) {
            let entry = |number: &u32| CardEntry { card: other(*number), profile: None, sets: Vec::new() };
            registry.put_cards(&some.iter().map(entry).collect::<Vec<_>>()).expect("cards");
        }
        drop(registry);
        let ended = works.run(dir.path(), READERS, (0, cards), Duration::ZERO);
        let rate = f64::from(cards) / (ended.figures.took_us as f64 / 1e6);
        println!("batch       {size} cards on record and in the job: {rate:.0} cards/s");
        rates.push(rate);
    }
    if let (Some(first), Some(last)) = (rates.first(), rates.last()) {
        println!(
            "batch       the last at {:.2} of the first, wanted: 0.75 or more{}",
            last / first,
            verdict(last / first >= 0.75)
        );
    }
}

/// The card as a list has it: KDD, and of CPLC fabricator and type, no date, the serial, batch 1.
fn name(number: u32) -> CardId {
    CardId(format!("4357525400{number:010X}-435752540000{number:08X}0001"))
}

fn other(number: u32) -> CardId {
    let (mut kdd, mut chip) = ([0; 10], [0x47; 12]);
    kdd[6..].copy_from_slice(&number.to_be_bytes());
    chip[8..].copy_from_slice(&number.to_be_bytes());
    CardId::new(&kdd, Some(&chip))
}
