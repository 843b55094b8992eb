//! One card after the other: decks of simulated cards with faults, virtual cards that dial in.
#![allow(clippy::unwrap_used, clippy::panic)]

use cardwright_keys::journal::CardId;
use cardwright_link::feeder::{Feeder, feeder, make_deck};
use cardwright_link::vpcd::{Stop, serve};
use cardwright_link::{LinkError, Lost, OpenOptions, Transport, VirtualCard};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const KDD: [u8; 5] = [0x80, 0xCA, 0x00, 0xCF, 0x00];
const CPLC: [u8; 5] = [0x80, 0xCA, 0x9F, 0x7F, 0x00];
/// An INITIALIZE UPDATE, which moves the card's sequence counter.
const INITIALIZE: [u8; 14] = [0x80, 0x50, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0];
const LONG: Duration = Duration::from_secs(20);

fn deck(count: u32) -> (TempDir, Vec<CardId>) {
    let dir = TempDir::new().unwrap();
    let cards = make_deck(dir.path(), count, "", 0x10).unwrap();
    (dir, cards)
}

fn reader(dir: &TempDir, words: &str) -> Box<dyn Feeder> {
    feeder(&format!("sim:deck={}{words}", dir.path().display()), &OpenOptions::default()).unwrap()
}

fn next(feeder: &mut dyn Feeder) -> Option<Box<dyn Transport>> {
    feeder.next(&|| false).unwrap()
}

fn transmit(card: &mut dyn Transport, command: &[u8]) -> Result<Vec<u8>, LinkError> {
    let mut response = vec![0xEE; 3];
    let result = card.transmit(command, &mut response);
    assert!(result.is_ok() || response.is_empty(), "no half answer may be taken for one");
    result.map(|()| response)
}

/// What the card says that it is.
fn id(card: &mut dyn Transport) -> CardId {
    let kdd: [u8; 10] = transmit(card, &KDD).unwrap()[2..12].try_into().unwrap();
    let cplc = transmit(card, &CPLC).unwrap()[3..45].try_into().unwrap();
    CardId::new(&kdd, Some(&cardwright_proto::gp::get_data::Cplc { bytes: cplc }.chip()))
}

fn refusal(uri: &str) -> LinkError {
    feeder(uri, &OpenOptions::default()).err().unwrap()
}

#[test]
fn the_cards_of_a_deck_come_once_in_the_order_of_their_names() {
    let (dir, cards) = deck(5);
    fs::write(dir.path().join("cards.csv"), "no card").unwrap();
    let mut feeder = reader(&dir, "");
    assert_eq!(feeder.name(), format!("sim:deck={}", dir.path().display()));
    let mut came = Vec::new();
    while let Some(mut card) = next(&mut *feeder) {
        assert_eq!(card.name(), feeder.name());
        assert_eq!(card.atr()[0], 0x3B);
        came.push(id(&mut *card));
    }
    assert_eq!(came, cards);
    assert!(next(&mut *feeder).is_none());
    assert_eq!(cards.iter().collect::<BTreeSet<_>>().len(), 5);
    let names: BTreeSet<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.contains(std::ffi::OsStr::new("00000010.card")), "{names:?}");
}

#[test]
fn readers_share_a_deck_and_the_next_run_has_it_whole() {
    let (dir, cards) = deck(40);
    let deal = || -> Vec<Vec<CardId>> {
        let readers: Vec<_> = (0..4).map(|_| reader(&dir, "")).collect();
        let work = |mut reader: Box<dyn Feeder>| {
            thread::spawn(move || {
                let mut came = Vec::new();
                while let Some(mut card) = next(&mut *reader) {
                    came.push(id(&mut *card));
                }
                came
            })
        };
        let threads: Vec<_> = readers.into_iter().map(work).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    };
    for _ in 0..2 {
        let mut came = deal().concat();
        came.sort();
        assert_eq!(came, cards);
    }
    let mut one = reader(&dir, "");
    let mut other = reader(&dir, "");
    assert_eq!(id(&mut *next(&mut *one).unwrap()), cards[0]);
    assert_eq!(id(&mut *next(&mut *other).unwrap()), cards[1]);
}

#[test]
fn a_card_that_is_elsewhere_is_passed_over() {
    let (dir, cards) = deck(3);
    let elsewhere = format!("state={}", dir.path().join("00000010.card").display());
    let elsewhere = VirtualCard::from_profile(&elsewhere).unwrap();
    let mut feeder = reader(&dir, "");
    assert_eq!(id(&mut *next(&mut *feeder).unwrap()), cards[1]);
    drop(elsewhere);
    assert_eq!(id(&mut *next(&mut *feeder).unwrap()), cards[2]);
    assert!(next(&mut *feeder).is_none());
}

#[test]
fn a_transport_that_was_kept_talks_to_nobody() {
    let (dir, cards) = deck(2);
    let mut feeder = reader(&dir, "");
    let mut first = next(&mut *feeder).unwrap();
    let mut second = next(&mut *feeder).unwrap();
    assert!(matches!(transmit(&mut *first, &KDD), Err(LinkError::NoCard(_))));
    assert!(matches!(first.reset(), Err(LinkError::NoCard(_))));
    assert_eq!(id(&mut *second), cards[1]);
    assert!(next(&mut *feeder).is_none());
    assert!(matches!(transmit(&mut *second, &KDD), Err(LinkError::NoCard(_))), "it was taken out");
    // Its file is free for others.
    VirtualCard::from_profile(&format!("state={}", dir.path().join("00000011.card").display())).unwrap();
}

#[test]
fn stop_costs_no_card() {
    let (dir, cards) = deck(1);
    let mut feeder = reader(&dir, "");
    assert!(feeder.next(&|| true).unwrap().is_none());
    assert_eq!(id(&mut *next(&mut *feeder).unwrap()), cards[0]);
}

#[test]
fn a_file_that_is_no_card_is_named_and_the_next_one_comes() {
    let (dir, cards) = deck(1);
    let bad = dir.path().join("00000001.card");
    fs::write(&bad, "CWRTCARD").unwrap();
    let mut feeder = reader(&dir, "");
    let error = feeder.next(&|| false).err().unwrap();
    assert!(matches!(&error, LinkError::CardState(why) if why.contains("00000001.card")), "{error}");
    assert_eq!(id(&mut *next(&mut *feeder).unwrap()), cards[0]);
}

#[test]
fn every_command_takes_its_time() {
    let (dir, _) = deck(1);
    let mut feeder = reader(&dir, ",latency=15");
    let mut card = next(&mut *feeder).unwrap();
    let started = Instant::now();
    transmit(&mut *card, &KDD).unwrap();
    transmit(&mut *card, &KDD).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(30));
}

/// How often the sequence counter of the card in this file has moved; asking moves it as well.
fn counter(dir: &Path) -> u32 {
    let mut card = VirtualCard::from_profile(&format!("state={}", dir.join("00000010.card").display())).unwrap();
    let response = transmit(&mut card, &INITIALIZE).unwrap();
    response[29..32].iter().fold(0, |counter, byte| counter << 8 | u32::from(*byte))
}

/// Each kind of fault does to the card what it says, and the link is to be reset after a loss.
#[test]
fn faults_are_what_they_are_called() {
    let (dir, _) = deck(1);
    let (mut not_sent, mut answer_lost, mut torn) = (0, 0, [0, 0]);
    let mut before = counter(dir.path());
    for seed in 0..96 {
        let mut feeder = reader(&dir, &format!(",faults=100,seed={seed:02X}"));
        let mut card = next(&mut *feeder).unwrap();
        let error = transmit(&mut *card, &INITIALIZE).unwrap_err();
        let lost = matches!(error, LinkError::Lost(_));
        if lost {
            assert!(matches!(transmit(&mut *card, &KDD), Err(LinkError::Down(_))));
            card.reset().unwrap();
        }
        assert!(!matches!(transmit(&mut *card, &KDD), Err(LinkError::Down(_) | LinkError::NoCard(_))));
        drop(feeder);
        drop(card);
        let now = counter(dir.path());
        let moved = now - before - 1;
        before = now;
        match error {
            LinkError::Io { .. } => {
                assert_eq!(moved, 0);
                not_sent += 1;
            }
            LinkError::Lost(Lost::Broken(_)) => {
                assert_eq!(moved, 1);
                answer_lost += 1;
            }
            LinkError::Lost(Lost::Torn) => torn[usize::try_from(moved).unwrap()] += 1,
            other => panic!("{other}"),
        }
    }
    println!("{not_sent} not sent, {answer_lost} answers lost, torn: {} old, {} new", torn[0], torn[1]);
    assert!(not_sent > 16 && answer_lost > 16 && torn[0] > 4 && torn[1] > 4);
}

#[test]
fn a_card_that_failed_is_put_back_five_times_and_no_more() {
    let (dir, _) = deck(3);
    let mut feeder = reader(&dir, ",faults=100,seed=07");
    let mut came = 0;
    while let Some(mut card) = next(&mut *feeder) {
        came += 1;
        transmit(&mut *card, &KDD).unwrap_err();
    }
    assert_eq!(came, 3 * 6);
    drop(feeder);
    let mut feeder = reader(&dir, ",faults=100,seed=07");
    while let Some(card) = next(&mut *feeder) {
        came += 1;
        drop(card);
    }
    assert_eq!(came, 3 * 7, "nothing was sent, so nothing went wrong");
}

/// Whatever happened to it, the card that comes back is the same one, with power.
#[test]
fn the_card_that_comes_back_is_the_same() {
    let (dir, cards) = deck(30);
    let mut feeder = reader(&dir, ",faults=25,seed=0102");
    let mut came = Vec::new();
    let mut failed = false;
    while let Some(mut card) = next(&mut *feeder) {
        let answers = [&KDD[..], &CPLC].map(|command| transmit(&mut *card, command));
        assert!(!answers.iter().any(|answer| matches!(answer, Err(LinkError::NoCard(_)))));
        let (Ok(kdd), before) = (&answers[0], failed) else {
            failed = true;
            continue;
        };
        let kdd = hex::encode_upper(&kdd[2..12]);
        if !before || came.last() != Some(&kdd) {
            came.push(kdd);
        }
        failed = answers[1].is_err();
    }
    let all: Vec<_> = cards.iter().map(|card| card.0[..20].to_owned()).collect();
    assert_eq!(came, all);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed: &str| {
        let (dir, _) = deck(20);
        let mut feeder = reader(&dir, &format!(",faults=30{seed}"));
        let mut told = Vec::new();
        while let Some(mut card) = next(&mut *feeder) {
            told.push(transmit(&mut *card, &INITIALIZE).map_err(|error| error.to_string()).map(|answer| answer.len()));
        }
        told
    };
    assert_eq!(run(",seed=AA"), run(",seed=AA"));
    assert_ne!(run(",seed=AA"), run(",seed=AB"));
    assert_ne!(run(""), run(""));
}

#[test]
fn words_of_a_deck() {
    let (dir, _) = deck(1);
    let dir = dir.path().display();
    for words in [
        "deck=",
        "deck",
        "latency=5,deck=",
        &format!("deck={dir},latency=-1"),
        &format!("deck={dir},latency=60001"),
        &format!("deck={dir},faults=101"),
        &format!("deck={dir},faults=1.5"),
        &format!("deck={dir},seed=1"),
        &format!("deck={dir},deck={dir}"),
        &format!("deck={dir},aes256"),
    ] {
        let error = refusal(&format!("sim:{words}"));
        assert!(matches!(&error, LinkError::Uri { .. }), "{error}");
    }
    assert!(matches!(refusal("sim:deck=/nowhere/at/all"), LinkError::Io { .. }));
    let open = cardwright_link::open(&format!("sim:deck={dir}"), &OpenOptions::default());
    assert!(matches!(open.err(), Some(LinkError::Uri { .. })), "a deck is no single card");
    feeder(&format!("sim:seed=00, faults=0,deck={dir},latency=0"), &OpenOptions::default()).unwrap();
}

#[test]
fn making_a_deck() {
    let dir = TempDir::new().unwrap();
    let place = dir.path().join("made");
    let cards = make_deck(&place, 2, "s16,aes256,kdd=A1A2A3A4A5A600000000", 0xFFFF_FFFE).unwrap();
    assert_eq!(
        cards.iter().map(|card| card.0.as_str()).collect::<Vec<_>>(),
        ["A1A2A3A4A5A6FFFFFFFE-435752540000FFFFFFFE0001", "A1A2A3A4A5A6FFFFFFFF-435752540000FFFFFFFF0001"]
    );
    let error = make_deck(&place, 1, "", 0xFFFF_FFFF).unwrap_err();
    assert!(matches!(error, LinkError::Io { .. }), "it is there already");
    assert!(matches!(make_deck(&place, 2, "", 0xFFFF_FFFF), Err(LinkError::CardState(_))));
    for words in ["serial=1", "state=x", "custodian=0011223344556677", "aes512", "deck=x"] {
        assert!(matches!(make_deck(&place, 1, words, 1), Err(LinkError::Uri { .. })), "{words}");
    }
    assert_eq!(make_deck(&place, 0, "", 7).unwrap(), []);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 2);
    // Each is the card that the words say.
    let file = place.join("FFFFFFFE.card");
    VirtualCard::from_profile(&format!("s16,aes256,serial=FFFFFFFE,state={}", file.display())).unwrap();
}

#[test]
fn a_single_card_comes_once() {
    let mut feeder = feeder("sim:serial=5", &OpenOptions::default()).unwrap();
    assert_eq!(feeder.name(), "sim:serial=5");
    assert!(feeder.next(&|| true).unwrap().is_none());
    transmit(&mut *next(&mut *feeder).unwrap(), &KDD).unwrap();
    assert!(next(&mut *feeder).is_none());
    assert!(matches!(refusal("sim:aes512"), LinkError::Uri { .. }));
    assert!(matches!(refusal("usb:1"), LinkError::Uri { .. }));
}

/// A feeder on a free port, and the address to dial. The port is told to a function, so that tests take turns.
fn vpcd(options: OpenOptions) -> (Box<dyn Feeder>, SocketAddr) {
    static PORT: AtomicU16 = AtomicU16::new(0);
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap();
    let options = OpenOptions { listening: |port| PORT.store(port, Ordering::SeqCst), ..options };
    let feeder = feeder("vpcd:0", &options).unwrap();
    let port = PORT.load(Ordering::SeqCst);
    assert_eq!(feeder.name(), format!("vpcd:{port}"));
    (feeder, (Ipv4Addr::LOCALHOST, port).into())
}

/// Dials in with this card, once.
fn served(address: SocketAddr, serial: u32) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut card = VirtualCard::from_profile(&format!("serial={serial:X}")).unwrap();
        serve(address, LONG, &Stop::default(), &mut card).unwrap();
    })
}

fn serial(card: &mut dyn Transport) -> u8 {
    transmit(card, &KDD).unwrap()[11]
}

#[test]
fn each_card_that_dials_in_is_the_next() {
    let (mut feeder, address) = vpcd(OpenOptions::default());
    let mut kept = Vec::new();
    for number in 1..=3 {
        let card = served(address, number);
        let mut transport = next(&mut *feeder).unwrap();
        assert_eq!(u32::from(serial(&mut *transport)), number);
        if let Some((former, card)) = kept.pop() {
            let (mut former, card): (Box<dyn Transport>, JoinHandle<()>) = (former, card);
            assert!(transmit(&mut *former, &KDD).is_err(), "the connection before was closed");
            card.join().unwrap();
        }
        kept.push((transport, card));
    }
    // Without another `next` as well.
    let (transport, card) = kept.remove(0);
    drop(transport);
    card.join().unwrap();
}

#[test]
fn a_card_that_is_lost_cannot_be_reset_into_the_next() {
    let (mut feeder, address) = vpcd(OpenOptions::default());
    let stop = Stop::default();
    let first = {
        let stop = stop.clone();
        thread::spawn(move || {
            serve(address, LONG, &stop, &mut VirtualCard::from_profile("serial=1").unwrap()).unwrap();
        })
    };
    let mut card = next(&mut *feeder).unwrap();
    stop.stop();
    first.join().unwrap();
    transmit(&mut *card, &KDD).unwrap_err();
    let second = served(address, 2);
    for _ in 0..2 {
        assert!(matches!(card.reset(), Err(LinkError::Down(_))));
    }
    let mut card = next(&mut *feeder).unwrap();
    assert_eq!(serial(&mut *card), 2);
    drop(card);
    second.join().unwrap();
}

#[test]
fn waiting_for_a_card_ends_when_somebody_says_so() {
    let (mut feeder, address) = vpcd(OpenOptions::default());
    let asked = Cell::new(0);
    let third = || {
        asked.set(asked.get() + 1);
        asked.get() >= 3
    };
    let started = Instant::now();
    assert!(feeder.next(&third).unwrap().is_none());
    assert!(started.elapsed() < Duration::from_secs(2), "asked every 200 ms at least: {:?}", started.elapsed());
    // Also while one that dialled in gives no answer to reset.
    let _silent = TcpStream::connect(address).unwrap();
    asked.set(-3);
    let started = Instant::now();
    assert!(feeder.next(&third).unwrap().is_none());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_card_that_says_nothing_makes_room() {
    let options = OpenOptions { wait: Duration::from_millis(50), ..OpenOptions::default() };
    let (mut feeder, address) = vpcd(options);
    let _silent = TcpStream::connect(address).unwrap();
    let card = served(address, 9);
    let mut transport = next(&mut *feeder).unwrap();
    assert_eq!(serial(&mut *transport), 9);
    drop(transport);
    card.join().unwrap();
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let (_feeder, address) = vpcd(OpenOptions::default());
    let error = refusal(&format!("vpcd:{}", address.port()));
    assert!(matches!(&error, LinkError::Io { error, .. } if error.kind() == std::io::ErrorKind::AddrInUse), "{error}");
}
