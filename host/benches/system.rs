//! The whole way of a command, on each kind of link, beside the bare cost of the same bytes on the same way.
//!
//! Ours and bare run in turns; what is compared are medians. The run fails where a figure misses its mark. With
//! `CARDWRIGHT_BENCH_READER=pcsc:...` naming a card with our echo applet, PC/SC is measured too.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by stopping")]

use cardwright::books::{Books, Forgetful, Memory};
use cardwright::card::{Card, Long};
use cardwright::identify::greet;
use cardwright::session::{Choices, Session, initialize};
use cardwright::world::Os;
use cardwright_hsm::SoftVault;
use cardwright_keys::key::KeyMaterial;
use cardwright_link::vpcd::{Stop, serve};
use cardwright_link::{OpenOptions, SmartCard, Torn, Transport, VirtualCard, Vpcd, open};
use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::scp::SoftCipher;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SAMPLES: usize = 101;
const BATCH: u32 = 200;
const DATA: [u8; 200] = [0x5A; 200];
/// The echo applet's AID and its command.
const ECHO_AID: &[u8] = b"\xF0CWECHO";
const ECHO: Command<'_> = Command {
    header: Header::new(0x80, 0xEC, 0, 0),
    data: &DATA,
    ne: Some(Ne::SHORT_MAX),
    form: cardwright_proto::apdu::Form::Short,
};

/// Opens a session at level 33 with the test keys, and hands it to `work`.
fn with_session<T: Transport, R>(link: T, work: impl FnOnce(&mut Session<'_, T, SoftCipher>) -> R) -> R {
    let key = "gp-test".parse().unwrap();
    let mut vault = SoftVault::new();
    vault.load(&key, KeyMaterial::gp_test());
    let (mut journal, mut audit) = (Memory::default(), Forgetful);
    let mut books = Books::new(&mut journal, &mut audit, &Os);
    let choices = Choices { aid: ECHO_AID.to_vec(), mode: None, level: None, accept_risk: false };
    let mut card = Card::new(link);
    let greeting = greet(&mut card, ECHO_AID).unwrap();
    let initialized = initialize(&mut card, &mut Os, None, None, &greeting).unwrap();
    let candidate = initialized.try_key(&vault, &key).unwrap();
    let opened = initialized.open(&mut card, candidate, &choices, &mut books, (&[], &[])).unwrap();
    let mut session = opened.session.with_long(Long::Extended);
    work(&mut session)
}

/// Seconds for one call, over a batch.
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..BATCH).for_each(|_| call());
    start.elapsed().as_secs_f64() / f64::from(BATCH)
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Prints a figure beside its mark, and says whether it is met.
fn mark(name: &str, figure: &str, met: bool) -> bool {
    println!("{name:<52} {figure}{}", if met { "" } else { "  MISSED" });
    met
}

fn simulated() -> bool {
    let samples = with_session(VirtualCard::from_profile("").unwrap(), |session| {
        let mut send = || {
            black_box(session.send("ECHO", black_box(&ECHO)).unwrap());
        };
        (0..SAMPLES).map(|_| time(&mut send)).collect()
    });
    let rate = 1.0 / median(samples);
    let figure = format!("{rate:>10.0} /s (at least 300000)");
    mark("sim: 200 bytes and their answer, level 33, both sides", &figure, rate >= 300_000.0)
}

/// Answers with what it got, as a bare echo does.
struct Mirror;

impl SmartCard for Mirror {
    fn power_on(&mut self) {}

    fn power_off(&mut self) {}

    fn atr(&self) -> &[u8] {
        &[0x3B, 0x80]
    }

    fn process(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Torn> {
        response.clear();
        response.extend_from_slice(command);
        Ok(())
    }
}

/// On the core of the caller and of all threads that it starts: which core a thread wakes up on would be measured
/// otherwise.
fn pin_to_one_core() {
    let mut core = rustix::thread::CpuSet::new();
    core.set(rustix::thread::sched_getcpu());
    if let Err(error) = rustix::thread::sched_setaffinity(None, &core) {
        println!("not pinned to one core ({error}): the ratio of vpcd will vary");
    }
}

fn over_vpcd() -> bool {
    let wait = Duration::from_secs(10);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::default();
    let card = thread::spawn({
        let stop = stop.clone();
        move || serve(address, wait, &stop, &mut Mirror)
    });
    let mut link = Vpcd::on(listener, wait, wait).unwrap();
    let (mut near, far) = bare_echo();
    let mut answer = Vec::new();
    let mut buffer = [0; DATA.len()];
    let mut ours = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..SAMPLES {
        ours.push(time(|| link.transmit(&DATA, &mut answer).unwrap()));
        bare.push(time(|| {
            near.write_all(&DATA).unwrap();
            near.read_exact(&mut buffer).unwrap();
        }));
    }
    stop.stop();
    card.join().unwrap().unwrap();
    drop(near);
    far.join().unwrap();
    let (ours, bare) = (median(ours), median(bare));
    let ratio = ours / bare;
    let figure = format!("{:>7.2} us, bare {:.2} us, ratio {ratio:.2} (limit 1.3)", ours * 1e6, bare * 1e6);
    mark("vpcd: 200 bytes each way, beside a socket echo", &figure, ratio <= 1.3)
}

/// A socket whose other end sends back what it gets.
fn bare_echo() -> (TcpStream, thread::JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let echo = thread::spawn(move || {
        let mut buffer = [0; DATA.len()];
        while far.read_exact(&mut buffer).is_ok() {
            far.write_all(&buffer).unwrap();
        }
    });
    (near, echo)
}

/// Ours through PC/SC, beside a plain SCardTransmit of the bytes that ours sends.
fn over_pcsc() {
    let name = "pcsc: 200 bytes and their answer, level 33";
    let Ok(uri) = std::env::var("CARDWRIGHT_BENCH_READER") else {
        println!("{name:<52} SKIPPED: CARDWRIGHT_BENCH_READER names no reader (pcsc:NAME-PART)");
        return;
    };
    let link = open(&uri, &OpenOptions::default()).unwrap();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let part = uri.strip_prefix("pcsc:").unwrap_or(&uri).to_owned();
    for _ in 0..5 {
        with_session(open(&uri, &OpenOptions::default()).unwrap(), |session| {
            ours.push(time(|| {
                black_box(session.send("ECHO", &ECHO).unwrap());
            }));
        });
        bare.push(plain_transmit(&part));
    }
    drop(link);
    println!("{name:<52} {:>7.1} us, plain SCardTransmit {:.1} us", median(ours) * 1e6, median(bare) * 1e6);
}

/// SELECT of the echo applet, then as many bytes as a wrapped command has, in clear.
fn plain_transmit(part: &str) -> f64 {
    let context = pcsc::Context::establish(pcsc::Scope::User).unwrap();
    let mut names = [0; 4096];
    let reader = context.list_readers(&mut names).unwrap().find(|name| name.to_string_lossy().contains(part)).unwrap();
    let card = context.connect(reader, pcsc::ShareMode::Exclusive, pcsc::Protocols::ANY).unwrap();
    let mut answer = [0; 300];
    card.transmit(b"\x00\xA4\x04\x00\x07\xF0CWECHO", &mut answer).unwrap();
    let command = Command { data: &[0x5A; 216], ..ECHO }.encode().unwrap();
    time(|| {
        card.transmit(&command, &mut answer).unwrap();
    })
}

/// From the start of the process to its end.
fn process() -> bool {
    let run = || {
        let start = Instant::now();
        let program = std::process::Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .args(["--reader", "sim:", "apdu", "00A4040000"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(program.unwrap().success());
        start.elapsed().as_secs_f64()
    };
    let took = median((0..51).map(|_| run()).collect()) * 1e3;
    mark("cardwright apdu on sim:, start to exit", &format!("{took:>10.2} ms (under 10)"), took < 10.0)
}

fn main() -> ExitCode {
    pin_to_one_core();
    let met = [simulated(), over_vpcd(), process()];
    over_pcsc();
    if met.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
