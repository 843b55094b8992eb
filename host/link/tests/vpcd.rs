//! The virtual reader against scripted cards, and our card's end against it and against scripted readers.
#![allow(clippy::unwrap_used, clippy::panic)]

use cardwright_link::vpcd::frame::{read_frame, write_frame};
use cardwright_link::vpcd::{Ended, Stop, serve};
use cardwright_link::{LinkError, Lost, SmartCard, Torn, Transport, Vpcd};
use rustix::net::{AddressFamily, SocketType};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const ATR: [u8; 3] = [0x3B, 0x80, 0x01];
const COMMAND: [u8; 5] = [0x80, 0x50, 0, 0, 0];
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A loopback port that is taken and refuses connections, as long as the socket lives.
fn deaf() -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
    (socket, address)
}

fn send(stream: &mut TcpStream, body: &[u8]) {
    write_frame(stream, &mut Vec::new(), body).unwrap();
}

/// The next frame; `None` where the peer hung up.
fn receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    matches!(read_frame(stream, &mut body), Ok(true)).then_some(body)
}

/// Dials in and lets itself be powered up.
fn dial_in(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    assert_eq!(receive(&mut stream).unwrap(), [1], "power on");
    assert_eq!(receive(&mut stream).unwrap(), [4], "ATR");
    send(&mut stream, &ATR);
    stream
}

/// A reader, and a card on a thread that does `script` once it is powered.
fn scripted<T: Send + 'static>(
    time_limit: Duration,
    script: impl FnOnce(TcpStream, SocketAddr) -> T + Send + 'static,
) -> (Vpcd, JoinHandle<T>) {
    let (listener, address) = listener();
    let card = thread::spawn(move || script(dial_in(address), address));
    (Vpcd::on(listener, LONG, time_limit).unwrap(), card)
}

fn transmit(reader: &mut Vpcd) -> Result<Vec<u8>, LinkError> {
    let mut response = vec![0xEE; 7];
    let result = reader.transmit(&COMMAND, &mut response);
    assert!(result.is_ok() || response.is_empty(), "no half answer may be taken for one");
    result.map(|()| response)
}

fn lost(result: Result<Vec<u8>, LinkError>) -> Lost {
    match result {
        Err(LinkError::Lost(lost)) => lost,
        other => panic!("not lost: {other:?}"),
    }
}

#[test]
fn a_card_is_powered_and_answers() {
    let (mut reader, card) = scripted(LONG, |mut stream, _| {
        let command = receive(&mut stream).unwrap();
        send(&mut stream, &[1, 2, 3, 0x90, 0x00]);
        command
    });
    assert_eq!(reader.atr(), ATR);
    assert_eq!(reader.name(), format!("vpcd:{}", reader.port()));
    assert_eq!(transmit(&mut reader).unwrap(), [1, 2, 3, 0x90, 0x00]);
    assert_eq!(card.join().unwrap(), COMMAND);
}

#[test]
fn answers_of_every_size_that_a_frame_carries_come_whole() {
    let sizes = [2, 3, 255, 258, 8_190, 8_192, 8_194, 65_534, 65_535];
    let (mut reader, card) = scripted(LONG, move |mut stream, _| {
        for size in sizes {
            receive(&mut stream).unwrap();
            send(&mut stream, &vec![u8::try_from(size % 251).unwrap(); size]);
        }
    });
    for size in sizes {
        let response = transmit(&mut reader).unwrap();
        assert_eq!(response, vec![u8::try_from(size % 251).unwrap(); size]);
    }
    card.join().unwrap();
}

#[test]
fn answers_under_two_bytes_are_lost_and_nothing_more_is_sent() {
    for size in [0, 1] {
        let (mut reader, card) = scripted(LONG, move |mut stream, _| {
            receive(&mut stream).unwrap();
            send(&mut stream, &vec![0x90; size]);
            receive(&mut stream)
        });
        assert!(matches!(lost(transmit(&mut reader)), Lost::Short(got) if got == size));
        assert!(matches!(transmit(&mut reader), Err(LinkError::Down(Lost::Short(_)))));
        drop(reader);
        assert_eq!(card.join().unwrap(), None, "the second command must not reach the card");
    }
}

#[test]
fn a_card_that_hangs_up_instead_of_answering_or_within_its_answer() {
    for answer in [&[][..], &[0], &[0, 5], &[0, 5, 1, 2, 3, 0x90]] {
        let (mut reader, card) = scripted(LONG, move |mut stream, _| {
            receive(&mut stream).unwrap();
            stream.write_all(answer).unwrap();
        });
        assert!(matches!(lost(transmit(&mut reader)), Lost::Broken(_)), "{answer:?}");
        card.join().unwrap();
    }
}

#[test]
fn a_card_that_never_answers_costs_the_time_limit_and_no_more() {
    let (done, wait_for_reader) = mpsc::channel::<()>();
    let (mut reader, card) = scripted(SHORT, move |stream, _| {
        // Held open until the reader is done.
        let _ = wait_for_reader.recv();
        drop(stream);
    });
    let started = Instant::now();
    assert!(matches!(lost(transmit(&mut reader)), Lost::Timeout(limit) if limit == SHORT));
    assert!(started.elapsed() >= SHORT);
    assert!(matches!(transmit(&mut reader), Err(LinkError::Down(Lost::Timeout(_)))));
    drop(done);
    card.join().unwrap();
}

#[test]
fn what_is_no_command_or_too_long_is_not_sent() {
    let (mut reader, card) = scripted(LONG, |mut stream, _| {
        let got = receive(&mut stream).unwrap();
        send(&mut stream, &[0x90, 0x00]);
        got
    });
    let mut response = Vec::new();
    for len in 0..4 {
        let result = reader.transmit(&COMMAND[..len], &mut response);
        assert!(matches!(result, Err(LinkError::TooShort(got)) if got == len));
    }
    assert!(matches!(reader.transmit(&[0; 65_536], &mut response), Err(LinkError::TooLong(65_536))));
    reader.transmit(&[0; 65_535], &mut response).unwrap();
    assert_eq!(card.join().unwrap(), [0; 65_535], "the first thing that the card saw");
}

#[test]
fn an_answer_that_nobody_asked_for_is_not_taken_for_the_next() {
    let (mut reader, card) = scripted(LONG, |mut stream, _| {
        receive(&mut stream).unwrap();
        // Both frames at once.
        stream.write_all(&[0, 2, 0x6A, 0x82, 0, 2, 0x90, 0x00]).unwrap();
        receive(&mut stream)
    });
    assert_eq!(transmit(&mut reader).unwrap(), [0x6A, 0x82]);
    assert!(matches!(transmit(&mut reader), Err(LinkError::Down(Lost::Broken(_)))));
    drop(reader);
    assert_eq!(card.join().unwrap(), None);
}

#[test]
fn reset_speaks_to_a_card_that_is_there() {
    let (mut reader, card) = scripted(LONG, |mut stream, _| {
        assert_eq!(receive(&mut stream).unwrap(), [2], "reset");
        assert_eq!(receive(&mut stream).unwrap(), [4], "ATR");
        send(&mut stream, &[0x3B, 0x00]);
    });
    reader.reset().unwrap();
    assert_eq!(reader.atr(), [0x3B, 0x00]);
    card.join().unwrap();
}

#[test]
fn after_a_loss_reset_takes_the_card_that_dials_in_again() {
    let (mut reader, card) = scripted(LONG, |mut stream, address| {
        receive(&mut stream).unwrap();
        drop(stream);
        // One that gave up before anybody answered it, then the card.
        drop(TcpStream::connect(address).unwrap());
        let mut stream = dial_in(address);
        receive(&mut stream).unwrap();
        send(&mut stream, &[0x90, 0x00]);
    });
    assert!(matches!(lost(transmit(&mut reader)), Lost::Broken(_)));
    reader.reset().unwrap();
    assert_eq!(transmit(&mut reader).unwrap(), [0x90, 0x00]);
    card.join().unwrap();
}

#[test]
fn no_card_within_the_wait() {
    let (empty, _) = listener();
    assert!(matches!(Vpcd::on(empty, SHORT, LONG), Err(LinkError::NoVirtualCard { waited, .. }) if waited == SHORT));
    // A card that connects and gives no ATR is none.
    let (mute, address) = listener();
    let _card = TcpStream::connect(address).unwrap();
    assert!(matches!(Vpcd::on(mute, SHORT, LONG), Err(LinkError::NoVirtualCard { .. })));
}

#[test]
fn a_port_that_is_taken_is_said_to_be() {
    let (_taken, address) = listener();
    let error = Vpcd::listen(address.port(), SHORT, LONG).unwrap_err();
    assert!(matches!(&error, LinkError::Io { error, .. } if error.kind() == std::io::ErrorKind::AddrInUse), "{error}");
}

/// Records what happens to it; INS tells it what to do.
#[derive(Default)]
struct Echo {
    seen: Vec<String>,
}

const TEAR: u8 = 0xEE;
const HUGE: u8 = 0xEF;

impl SmartCard for Echo {
    fn power_on(&mut self) {
        self.seen.push("on".to_owned());
    }

    fn power_off(&mut self) {
        self.seen.push("off".to_owned());
    }

    fn atr(&self) -> &[u8] {
        &ATR
    }

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        self.seen.push(format!("{} bytes", command.len()));
        response.clear();
        match command.get(1) {
            Some(&TEAR) => return Err(Torn),
            Some(&HUGE) => response.resize(65_538, 0),
            _ => response.extend_from_slice(command),
        }
        response.extend_from_slice(&[0x90, 0x00]);
        Ok(())
    }
}

/// Serves an [`Echo`] once, on a thread.
fn served(address: SocketAddr, stop: &Stop) -> JoinHandle<(Result<Ended, LinkError>, Vec<String>)> {
    let stop = stop.clone();
    thread::spawn(move || {
        let mut card = Echo::default();
        let ended = serve(address, LONG, &stop, &mut card);
        (ended, card.seen)
    })
}

#[test]
fn our_card_behind_our_reader() {
    let (listener, address) = listener();
    let card = served(address, &Stop::default());
    let mut reader = Vpcd::on(listener, LONG, LONG).unwrap();
    assert_eq!(reader.atr(), ATR);
    assert_eq!(transmit(&mut reader).unwrap(), [&COMMAND[..], &[0x90, 0x00]].concat());
    reader.reset().unwrap();
    drop(reader);
    let (ended, seen) = card.join().unwrap();
    assert_eq!(ended.unwrap(), Ended::ReaderGone);
    assert_eq!(seen, ["on", "5 bytes", "on", "off"]);
}

#[test]
fn a_torn_card_gives_no_answer_and_comes_back() {
    let (listener, address) = listener();
    // Held on to, as `sim serve` does: it must not keep the line open.
    let stop = Stop::default();
    let card = served(address, &stop);
    let mut reader = Vpcd::on(listener, LONG, LONG).unwrap();
    let result = reader.transmit(&[0x80, TEAR, 0, 0], &mut Vec::new());
    assert!(matches!(result, Err(LinkError::Lost(Lost::Broken(_)))), "{result:?}");
    let (ended, seen) = card.join().unwrap();
    assert_eq!(ended.unwrap(), Ended::Torn);
    assert_eq!(seen, ["on", "4 bytes", "off"]);

    let card = served(address, &stop);
    reader.reset().unwrap();
    transmit(&mut reader).unwrap();
    stop.stop();
    assert_eq!(card.join().unwrap().0.unwrap(), Ended::Stopped);
}

#[test]
fn our_card_survives_frames_that_make_no_sense() {
    let (listener, address) = listener();
    let card = served(address, &Stop::default());
    let (mut reader, _) = listener.accept().unwrap();
    for frame in [&[][..], &[3], &[0xFF], &[4], &[9, 9], &[9, 9, 9]] {
        send(&mut reader, frame);
    }
    assert_eq!(receive(&mut reader).unwrap(), ATR);
    assert_eq!(receive(&mut reader).unwrap(), [9, 9, 0x90, 0x00]);
    assert_eq!(receive(&mut reader).unwrap(), [9, 9, 9, 0x90, 0x00]);
    // A frame that breaks off.
    reader.write_all(&[0, 9, 1]).unwrap();
    drop(reader);
    let (ended, seen) = card.join().unwrap();
    assert_eq!(ended.unwrap(), Ended::ReaderGone);
    assert_eq!(seen, ["2 bytes", "3 bytes", "off"]);
}

#[test]
fn an_answer_that_no_frame_carries_is_not_cut() {
    let (listener, address) = listener();
    let card = served(address, &Stop::default());
    let (mut reader, _) = listener.accept().unwrap();
    send(&mut reader, &[0x80, HUGE, 0, 0]);
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    assert!(got.is_empty());
    assert!(matches!(card.join().unwrap().0, Err(LinkError::TooLong(65_540))));
}

#[test]
fn stop_ends_a_card_that_waits_for_a_command_and_one_that_dials() {
    let (listening, address) = listener();
    let stop = Stop::default();
    let card = served(address, &stop);
    let mut reader = Vpcd::on(listening, LONG, LONG).unwrap();
    stop.stop();
    assert_eq!(card.join().unwrap().0.unwrap(), Ended::Stopped);
    assert!(matches!(lost(transmit(&mut reader)), Lost::Broken(_)));
    assert!(stop.pause(LONG), "stopped for good");

    let (_nobody, address) = deaf();
    let stop = Stop::default();
    let card = served(address, &stop);
    stop.stop();
    assert_eq!(card.join().unwrap().0.unwrap(), Ended::Stopped);
}

#[test]
fn a_card_without_a_reader_gives_up_after_its_wait() {
    let (_nobody, address) = deaf();
    let error = serve(address, SHORT, &Stop::default(), &mut Echo::default()).unwrap_err();
    assert!(matches!(error, LinkError::NoVirtualReader { waited, .. } if waited == SHORT), "{error}");
}
