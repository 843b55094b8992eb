//! Jobs through the real program: killed at every command, torn at every write, on disks that fail, with hostile files and
//! people in its way. A card is never lost, never made twice, and what the registry says of it is what it is.

mod chips;
mod clock;
mod contents;
mod deliveries;
mod disk;
mod hostile;
mod killed;
mod people;
mod readers;
mod soak;
mod stations;
mod tokens;
mod torn;
mod verify;
mod words;

use cardwright_keys::diversify;
use cardwright_keys::job::{Balance, RecordState};
use cardwright_keys::journal::{CardId, Journal};
use cardwright_keys::key::{KeyMaterial, SecretKey};
use cardwright_keys::keyref::Scheme;
use cardwright_link::vpcd::{Ended, Stop, serve};
use cardwright_link::{SmartCard, Torn, VirtualCard};
use cardwright_proto::block::AesKey;
use cardwright_proto::gp::key::KeySet;
use cardwright_proto::scp::Mode;
use cardwright_registry::Registry;
use cardwright_registry::jobs::{AttemptEntry, JobEntry, Jobs};
use cardwright_registry::sqlite::SqliteRegistry;
use cardwright_tests::altered::InProcess;
use cardwright_tests::cli::{Desk, Listening, Outcome};
use cardwright_tests::host::{Host, Keys};
use std::collections::BTreeSet;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const NEW: &str = "B7192FD46A83E05CC14D7B3698F20AE5";
const KVN: u8 = 0x30;
const INITIALIZE_UPDATE: u8 = 0x50;
const EXTERNAL_AUTHENTICATE: u8 = 0x82;
const PUT_KEY: u8 = 0xD8;
const RUN: [&str; 3] = ["batch", "run", "job.toml"];
/// After a run that was cut off.
const AGAIN: [&str; 5] = ["batch", "run", "job.toml", "--operator", "anna"];

/// A job for so many cards with the public test keys. `more` is what stands behind its deliveries.
fn job(cards: usize, more: &str) -> String {
    of_delivery(&format!("count = {cards}"), more)
}

/// The same for a delivery of its own: a count or a list.
fn of_delivery(cards: &str, more: &str) -> String {
    format!(
        "format = \"cardwright-job-1\"\nname = \"trial\"\nissuer = \"acme\"\ndomain = \"test\"\nprofile = \"sim\"\n\
         [target]\nkey = \"kdf3+file:new.hex\"\nkvn = \"0x30\"\n\
         [[delivery]]\nname = \"box\"\nkey = \"gp-test@0xFF\"\n{cards}\n{more}"
    )
}

/// A desk with the master key and this job.
fn desk(job: &str) -> Desk {
    let desk = Desk::new();
    desk.key_file("new.hex", NEW);
    put(&desk, "job.toml", job);
    desk
}

/// A desk with a job for these cards.
fn of_listed(cards: &[String], more: &str) -> Desk {
    let desk = desk(&of_delivery("file = \"box.csv\"", more));
    put(&desk, "box.csv", format!("card\n{}\n", cards.join("\n")));
    desk
}

fn put(desk: &Desk, file: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(desk.path().join(file), bytes).expect("written");
}

fn registry(desk: &Desk) -> SqliteRegistry {
    SqliteRegistry::open(&desk.path().join("state/registry.db")).expect("a registry")
}

fn entry(registry: &SqliteRegistry) -> JobEntry {
    registry.job(&"trial".parse().expect("a name")).expect("an answer").expect("the job")
}

fn balance(desk: &Desk) -> Balance {
    let registry = registry(desk);
    registry.balance(entry(&registry).id).expect("a balance")
}

fn attempts(registry: &SqliteRegistry) -> Vec<AttemptEntry> {
    let mut all = Vec::new();
    let take = &mut |attempt| {
        all.push(attempt);
        true
    };
    registry.attempts(entry(registry).id, (0, 0), take).expect("attempts");
    all
}

/// Every card is made, nothing is open, the registry has nothing wrong in it, and the job can be closed.
#[track_caller]
fn all_made(desk: &Desk, cards: usize, what: &str) {
    let found = balance(desk);
    let cards = u64::try_from(cards).expect("a number");
    assert_eq!((found.accepted(), found.state(RecordState::Unknown)), (cards, 0), "{what}: {found}");
    assert!(found.balances(), "{what}: {found}");
    assert_eq!(registry(desk).open_changes().expect("changes"), [], "{what}");
    let checked = desk.run(&["registry", "check"]);
    assert_eq!(checked.code(), 0, "{what}: {checked:#?}");
    let closed = desk.run(&["batch", "close", "trial"]);
    assert_eq!(closed.code(), 0, "{what}: {closed:#?}");
}

/// The keys that a card gets.
fn keys_of(kdd: &[u8; 10]) -> Keys {
    keys_from(NEW, kdd)
}

/// A card's keys from this master.
fn keys_from(master: &str, kdd: &[u8; 10]) -> Keys {
    let master = SecretKey::new(&hex::decode(master).expect("hex")).expect("16 bytes");
    let KeySet { enc, mac, dek } =
        diversify::derive(Scheme::Kdf3, &KeyMaterial::One(master), kdd).expect("an AES master");
    Keys(KeySet { enc: enc.expose().to_vec(), mac: mac.expose().to_vec(), dek: dek.expose().to_vec() })
}

fn kcvs(keys: &Keys) -> String {
    let KeySet { enc, mac, dek } = &keys.0;
    let kcv = |key: &Vec<u8>| {
        let mut check = [1; 16];
        AesKey::new(key).expect("a key").encrypt_block(&mut check);
        hex::encode_upper(&check[..3])
    };
    [enc, mac, dek].map(kcv).concat()
}

/// The card proves its new keys and has no others, and the registry says the same of it.
#[track_caller]
fn is_as_recorded<C: SmartCard>(registry: &SqliteRegistry, card: &CardId, chip: C) {
    let mut kdd = [0; 10];
    hex::decode_to_slice(&card.0[..20], &mut kdd).expect("a KDD");
    let keys = keys_of(&kdd);
    let facts = registry.card(card).expect("an answer").expect("it is on record");
    let sets: Vec<_> = facts.entry.sets.iter().map(|set| (set.set.kvn, set.set.kcvs.to_uppercase())).collect();
    assert_eq!(sets, [(KVN, kcvs(&keys))], "{card}");
    assert_eq!(facts.open, None, "{card}");
    let last = facts.counters.iter().find(|(set, _)| set.kvn == KVN).expect("a counter").1;
    let mut host = Host::new(InProcess(chip));
    host.reset().expect("power");
    // Key information (GP CS table H-14): C0, length, identifier, version number, type and length of each key.
    let (information, sw) = host.hex("80CA00E000");
    assert_eq!(sw, 0x9000, "{card}");
    let versions: BTreeSet<_> = information[2..].chunks(6).map(|key| key[3]).collect();
    assert_eq!(versions, BTreeSet::from([KVN]), "{card}: {information:02X?}");
    let need = host.initialize(KVN, Mode::S8).expect("a challenge");
    let counter = need.card().counter.expect("a counter");
    assert!(counter > last, "{card}: {counter} after {last}");
    host.authenticate(need, &keys, 0x33).expect("the new keys");
}

/// A card that writes down what it carried out: INS and status word.
struct Book<C> {
    card: C,
    done: Vec<(u8, u16)>,
}

impl<C> Book<C> {
    const fn new(card: C) -> Self {
        Self { card, done: Vec::new() }
    }

    /// What it was sent, by INS.
    fn sent(&self) -> Vec<u8> {
        self.done.iter().map(|(ins, _)| *ins).collect()
    }

    /// How many commands with this INS it carried out.
    fn done(&self, ins: u8) -> usize {
        self.done.iter().filter(|done| **done == (ins, 0x9000)).count()
    }

    /// How many it refused.
    fn refused(&self, ins: u8) -> usize {
        self.done.iter().filter(|(known, sw)| *known == ins && *sw != 0x9000).count()
    }
}

impl<C: SmartCard> SmartCard for Book<C> {
    cardwright_tests::powered_as!(card);

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        self.card.process(command, response)?;
        let (Some(ins), Some(sw)) = (command.get(1), response.last_chunk()) else { return Ok(()) };
        self.done.push((*ins, u16::from_be_bytes(*sw)));
        Ok(())
    }
}

/// A blank of this serial, and its name.
fn blank(serial: usize) -> (VirtualCard, String) {
    let card = VirtualCard::from_profile(&format!("serial={serial:08X}")).expect("a card");
    (card, format!("43575254{serial:012X}-435752540000{serial:08X}0001"))
}

/// All of them put into the reader of one run, one after the other; one that is lost there is put in again.
fn together(desk: &Desk, args: &[&str], cards: &mut [&mut dyn SmartCard]) -> Outcome {
    let program = Listening::start(desk.command(args));
    let address = program.address.expect("it listens");
    for card in cards {
        while serve(address, PATIENCE, &Stop::default(), *card).expect("it listened") == Ended::Torn {}
    }
    program.finish()
}

/// How many to try: the number in the environment, else the few that every run of the tests takes.
fn many(variable: &str, few: usize) -> usize {
    std::env::var(variable).map_or(few, |text| text.parse().expect("a number"))
}

/// Runs the job through readers of the deck.
fn through_deck(desk: &Desk, words: &str, readers: usize) -> Outcome {
    let (deck, readers) = (format!("sim:deck={}{words}", desk.path().join("deck").display()), readers.to_string());
    desk.run(&[&RUN[..], &["--on", &deck, "--times", &readers]].concat())
}
