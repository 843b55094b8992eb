//! Speed of the whole: a session on each kind of link, beside the same bytes without us; and the program from start to
//! exit. Medians of interleaved rounds.

// A benchmark fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_link::vpcd::{Stop, serve};
use cardwright_link::{Pcsc, VirtualCard, Vpcd};
use cardwright_tests::cli::{Desk, program};
use cardwright_tests::host::ECHO;
use cardwright_tests::rig::{Killed, PORT, Rig};
use cardwright_tests::speed::{Bench, WIRE, each, echo, median, verdict};
use std::ffi::CString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const READER: &str = "Virtual PCD 00 00";
const INSIDE: &str = "--inside-the-rig";
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    if std::env::args().any(|arg| arg == INSIDE) {
        return through_pcscd();
    }
    in_process();
    through_vpcd();
    match Rig::start("pcscd") {
        Some(rig) => in_rig(&rig),
        None => println!("pcscd                not measured"),
    }
    start_to_exit();
}

/// The core of the host's end, and that of the card's, as two processes have on an idle machine. Left to the scheduler, the
/// ends share a core at times, and the figures jump.
const HOST: usize = 0;
const CARD: usize = 1;

/// Keeps this thread, and those that it starts, on one core.
fn pin(end: usize) {
    let all = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    let cores: Vec<_> = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).collect();
    let mut one = rustix::thread::CpuSet::new();
    one.set(cores.get(end).or(cores.first()).copied().unwrap_or_default());
    if let Err(error) = rustix::thread::sched_setaffinity(None, &one) {
        println!("not pinned to a core ({error}): figures will vary");
    }
}

fn in_process() {
    let mut rates = Vec::new();
    for _ in 0..15 {
        // A session ends after 2^20 commands.
        Bench::new(VirtualCard::from_profile("").expect("a card")).session(|mut session| {
            rates.push(1e6 / each(20_000, || echo(&mut session)));
        });
    }
    let rate = median(rates);
    println!("sim:                 {rate:>9.0} /s  wanted: 300000 or more{}", verdict(rate >= 300_000.0));
}

/// Both ends of a connection on loopback that does not wait for more to send.
fn socket_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    let (far, _) = listener.accept().expect("accepted");
    near.set_nodelay(true).expect("set");
    far.set_nodelay(true).expect("set");
    (near, far)
}

/// Answers `WIRE.0` bytes behind a length with `WIRE.1`, until the other end hangs up.
fn answer_bare(mut far: TcpStream) {
    let (mut command, answer) = ([0; 2 + WIRE.0], [0; 2 + WIRE.1]);
    while far.read_exact(&mut command).is_ok() && far.write_all(&answer).is_ok() {}
}

fn through_vpcd() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = Stop::default();
    let (mut near, far) = socket_pair();
    std::thread::scope(|scope| {
        let mut card = VirtualCard::from_profile("").expect("a card");
        let stop = &stop;
        scope.spawn(|| {
            pin(CARD);
            answer_bare(far);
        });
        scope.spawn(move || {
            pin(CARD);
            serve(address, PATIENCE, stop, &mut card)
        });
        let everywhere = rustix::thread::sched_getaffinity(None).expect("a set of cores");
        pin(HOST);
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        let link = Vpcd::on(listener, PATIENCE, PATIENCE).expect("a card dials in");
        Bench::new(link).session(|mut session| {
            for _ in 0..41 {
                ours.push(each(1000, || echo(&mut session)));
                bare.push(each(1000, || {
                    near.write_all(&[0; 2 + WIRE.0]).expect("sent");
                    near.read_exact(&mut [0; 2 + WIRE.1]).expect("received");
                }));
            }
        });
        rustix::thread::sched_setaffinity(None, &everywhere).expect("back on every core");
        stop.stop();
        near.shutdown(std::net::Shutdown::Both).expect("hung up");
        let (ours, bare) = (median(ours), median(bare));
        let ratio = ours / bare;
        println!(
            "vpcd:                {ours:>9.2} us  bare socket echo {bare:.2} us, ratio {ratio:.2}, wanted: 1.3 or less{}",
            verdict(ratio <= 1.3)
        );
    });
}

/// Runs this program again where pcscd is.
fn in_rig(rig: &Rig) {
    let desk = Desk::new();
    let mut card = rig.command(desk.path(), program());
    let card = Killed(card.args(["sim", "serve", "--port", PORT]).spawn().expect("the program starts"));
    let mut inside = rig.command(desk.path(), std::env::current_exe().expect("a path"));
    let output = inside.arg(INSIDE).output().expect("it runs");
    drop(card);
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

fn through_pcscd() {
    let context = pcsc::Context::establish(pcsc::Scope::User).expect("pcscd");
    let name = CString::new(READER).expect("a name");
    let mut states = [pcsc::ReaderState::new(name.clone(), pcsc::State::UNAWARE)];
    while !states[0].event_state().contains(pcsc::State::PRESENT) {
        context.get_status_change(PATIENCE, &mut states).expect("the card comes");
        states[0].sync_current_state();
    }
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // The echo applet in clear: the same number of bytes both ways, and nothing computed.
    let mut plain = vec![0x80, 0xEC, 0, 0, 216];
    plain.extend_from_slice(&[0x5A; 216]);
    plain.push(0);
    assert_eq!(plain.len(), WIRE.0);
    for _ in 0..11 {
        let link = Pcsc::connect(READER, PATIENCE).expect("a card");
        Bench::new(link).session(|mut session| ours.push(each(200, || echo(&mut session))));
        let card = context.connect(&name, pcsc::ShareMode::Shared, pcsc::Protocols::ANY).expect("connected");
        let mut answer = [0; 300];
        let select = [&[0x00, 0xA4, 0x04, 0x00, 0x07][..], ECHO].concat();
        card.transmit(&select, &mut answer).expect("selected");
        bare.push(each(200, || {
            assert_eq!(card.transmit(&plain, &mut answer).expect("an answer").len(), WIRE.1);
        }));
    }
    let (ours, bare) = (median(ours), median(bare));
    println!("pcscd                {ours:>9.2} us  plain SCardTransmit {bare:.2} us, ratio {:.2}", ours / bare);
}

fn start_to_exit() {
    let desk = Desk::new();
    for (what, args) in
        [("apdu", &["apdu", "80CA006600"][..]), ("apdu --secure", &["apdu", "--secure", "gp-test", "80F28002024F0000"])]
    {
        let run = || {
            let mut command = desk.command(args);
            let started = Instant::now();
            let status = command.env("CARDWRIGHT_READER", "sim:").env_remove("CARDWRIGHT_STATE_DIR").output();
            assert!(status.expect("it runs").status.success());
            started.elapsed().as_secs_f64() * 1e3
        };
        let took = median((0..50).map(|_| run()).collect());
        println!("cardwright {what:<15}{took:>4.1} ms  from start to exit, wanted: under 10{}", verdict(took < 10.0));
    }
}
