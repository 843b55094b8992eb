//! The registry of 1,000,000 cards: how fast they are added and found, what a card takes on disk, how long a key
//! change's record takes to be durable, and how long until all cards of a compromised master stand in a job file. With
//! `CI` set there are 10,000 cards: that it runs, and no figures.

// A benchmark fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_keys::journal::{CardId, Journal, Record, SetId};
use cardwright_keys::keyref::VaultKey;
use cardwright_keys::lifecycle::{Act, Step};
use cardwright_keys::vault::{KeyType, Purpose};
use cardwright_registry::lines::{self, write_jobs};
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_registry::{CardEntry, CardQuery, KeySetEntry, NewVersion, Registry};
use cardwright_tests::speed::{each, median, verdict};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

/// Cards that are added in one transaction, as an import does.
const BATCH: usize = lines::BATCH;
const POINTS: u64 = 10;

fn main() {
    let count = if std::env::var_os("CI").is_some() { 10_000 } else { 1_000_000 };
    // On the disk that everything is built on, where fsync takes its time.
    let dir = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = dir.path().join("registry.db");
    let mut delivered = SqliteRegistry::open(&dir.path().join("delivered.db")).expect("a registry");
    let ratio = insert(&mut delivered, count, delivery);
    println!(
        "registry    as they are delivered: the slowest tenth at {ratio:.2} of the first one's rate, wanted: 0.75 or more{}",
        verdict(ratio >= 0.75)
    );
    drop(delivered);
    let mut registry = SqliteRegistry::open(&path).expect("a registry");
    let ratio = insert(&mut registry, count, card);
    println!("registry    in no order: the slowest tenth at {ratio:.2} of the first one's rate");
    // Whatever is in the log goes into the file.
    drop(registry);
    let size = path.metadata().expect("a file").len();
    println!("registry    {count} cards: {} MB, {} bytes a card", size / 1_000_000, size / count);
    let mut registry = SqliteRegistry::open(&path).expect("a registry");
    find(&registry, count);
    append(&mut registry);
    compromise(&mut registry, count, dir.path());
}

/// SplitMix64 (Steele, Lea, Flood 2014) of a number.
fn mixed(number: u64) -> [u8; 8] {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)).to_be_bytes()
}

/// With these bytes in both of its names.
fn named(serial: &[u8; 8]) -> CardId {
    let (mut kdd, mut chip) = ([0; 10], [0x47; 12]);
    kdd[2..].copy_from_slice(serial);
    chip[4..].copy_from_slice(serial);
    CardId::new(&kdd, Some(&chip))
}

/// Names in no order, as the worst that an import can have.
fn card(number: u64) -> CardId {
    named(&mixed(number))
}

/// Names as they are delivered: deliveries of 10,000 in no order, serial numbers in each that count up.
fn delivery(number: u64) -> CardId {
    let mut serial = mixed(number / 10_000);
    serial[4..].copy_from_slice(&((number % 10_000) as u32).to_be_bytes());
    named(&serial)
}

fn set() -> SetId {
    SetId { kvn: 0x30, kcvs: "504A77504A77504A77".to_owned() }
}

fn entry(card: CardId) -> CardEntry {
    let kept_in = "kdf3+vault:office/kmc:1".to_owned();
    let set = KeySetEntry::new(set(), "AES".to_owned(), kept_in, 1_790_000_000).expect("a key set");
    CardEntry { card, profile: Some("payment".to_owned()), sets: vec![set] }
}

/// Prints the rate of each tenth from the first hundredth on. The slowest one's, beside the first one's.
fn insert(registry: &mut SqliteRegistry, count: u64, name: fn(u64) -> CardId) -> f64 {
    let mut add = |from: u64, to: u64| {
        let cards: Vec<_> = (from..to).map(|number| entry(name(number))).collect();
        let new = cards.len() as u64;
        each(1, || assert_eq!(registry.put_cards(&cards).expect("added").new, new)) / 1e6
    };
    let few = count / 100;
    add(0, few);
    let mut rates = Vec::new();
    let (mut from, mut at, mut spent) = (few, few, 0.0);
    while at < count {
        let next = count.min(at + BATCH as u64);
        spent += add(at, next);
        at = next;
        if at - from >= count / POINTS || at == count {
            let rate = (at - from) as f64 / spent;
            println!("registry    {from:>7} to {at:>7} cards: {rate:>6.0} more in a second");
            rates.push(rate);
            (from, spent) = (at, 0.0);
        }
    }
    rates[1..].iter().copied().fold(f64::INFINITY, f64::min) / rates[0]
}

/// The identity, key sets, counters, failures and key changes of cards all over the file.
fn find(registry: &SqliteRegistry, count: u64) {
    let mut times: Vec<f64> = (0..10_000)
        .map(|n| card(n * 7919 % count))
        .map(|card| each(1, || assert!(registry.card(&card).expect("it is read").is_some())))
        .collect();
    times.sort_by(f64::total_cmp);
    let part = |thousandths| times[(times.len() - 1) * thousandths / 1000];
    println!(
        "registry    a card is found in {:.0} us, 99 of 100 in {:.0} us, wanted: under 1000; at the worst of {} in \
         {:.0} us{}",
        part(500),
        part(990),
        times.len(),
        part(1000),
        verdict(part(990) < 1000.0)
    );
    let query = CardQuery { begins: Some(card(1).0[..12].to_owned()), ..CardQuery::default() };
    let took = each(100, || registry.cards(&query, &mut |_| true).expect("found"));
    println!("registry    cards whose names begin so are found in {took:.0} us");
}

/// Beside the same bytes appended to a bare file.
fn append(registry: &mut SqliteRegistry) {
    let dir = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut bare = File::create(dir.path().join("bare")).expect("a file");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for counter in 0..500 {
        let card = card(u64::from(counter) * 97);
        let records =
            [Record::Counter { card: card.clone(), set: set(), counter }, Record::Authenticating { card, set: set() }];
        ours.push(each(1, || registry.append(&records, 1_790_000_000).expect("durable")));
        theirs.push(each(1, || {
            bare.write_all(&[0x5A; 4096]).expect("written");
            bare.sync_data().expect("durable");
        }));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "registry    records are durable in {ours:.0} us, {:.0} in a second; a page in a bare file in \
         {theirs:.0} us, ratio {:.2}",
        1e6 / ours,
        ours / theirs
    );
}

/// The step, and the job file with all cards that have keys from the version.
fn compromise(registry: &mut SqliteRegistry, count: u64, dir: &Path) {
    let key: VaultKey = "office/kmc:1".parse().expect("a key");
    let step = |act| Step { act, at: 1_790_000_000, who: "alice".to_owned(), reason: String::new(), request: None };
    let kcvs = Some("504A77".to_owned());
    let (purpose, key_type) = (Purpose::Master, KeyType::Aes256);
    let version = NewVersion { key: key.clone(), purpose, key_type, kcvs, first: step(Act::Adopt) };
    registry.add_version(&version).expect("registered");
    let started = Instant::now();
    registry.add_step(&key, 1, &step(Act::Compromise)).expect("done");
    assert_eq!(registry.count_dependants(&key).expect("counted"), count);
    let file = File::create(dir.join("jobs")).expect("a file");
    let next = key.at(2);
    let written = write_jobs(registry, &key, Some(&next), BufWriter::new(&file)).expect("written");
    file.sync_all().expect("durable");
    let took = started.elapsed().as_secs_f64();
    assert_eq!(written, count);
    println!(
        "registry    a master with {count} cards is compromised: all in a job file in {took:.2} s, wanted: under 10{}",
        verdict(took < 10.0)
    );
}
