//! Speed of the host with the Java card: handshakes and wrapped commands, beside plain commands on the same route in the
//! same run; and how long a JVM with 16 cards takes to start.

// A benchmark fails by panicking, with what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use cardwright_link::{Pcsc, Transport, Vpcd};
use cardwright_tests::cli::Desk;
use cardwright_tests::java::{APPLETS, JavaCard, Jvm, jars};
use cardwright_tests::rig::Rig;
use cardwright_tests::speed::{Bench, each, echo, median, verdict};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

const INSIDE: &str = "--inside-the-rig";
const READER: &str = "Virtual PCD 00 00";
const CARDS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    if std::env::args().any(|arg| arg == INSIDE) {
        return measure("Java card, pcscd", Pcsc::connect(READER, PATIENCE).expect("a card"));
    }
    let Some(card) = JavaCard::start("speed of the Java card", "") else { return };
    measure("Java card, vpcd", card);
    through_pcscd();
    sixteen_cards();
}

/// Medians of interleaved rounds, behind a warm-up that lets the JVM compile.
fn measure(route: &str, link: impl Transport) {
    let mut bench = Bench::new(link);
    let (mut handshakes, mut wrapped, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..25 {
        let handshake = each(100, || bench.session(|_| {}));
        let mut echoes = 0.0;
        bench.session(|mut session| echoes = each(500, || echo(&mut session)));
        bench.reselect();
        let bare = each(500, || bench.plain());
        if round >= 5 {
            handshakes.push(handshake);
            wrapped.push(echoes);
            plain.push(bare);
        }
    }
    let (handshake, wrapped, plain) = (median(handshakes), median(wrapped), median(plain));
    println!(
        "{route:<18} {:>6.0} handshakes/s  {:>6.0} wrapped 200-byte commands/s  {:>6.0} plain/s; one wrapped is {:.2} plain, \
         one handshake {:.2}",
        1e6 / handshake,
        1e6 / wrapped,
        1e6 / plain,
        wrapped / plain,
        handshake / plain
    );
}

fn through_pcscd() {
    let Some((_, classes)) = jars("the Java card through pcscd") else { return };
    let mut options = vec!["--cards", "java", "--classpath", &classes];
    options.extend(APPLETS.iter().flat_map(|applet| ["--applet", applet]));
    let Some(rig) = Rig::with("the Java card through pcscd", &options) else {
        return println!("Java card, pcscd   not measured");
    };
    let desk = Desk::new();
    let mut inside = rig.command(desk.path(), std::env::current_exe().expect("a path"));
    let output = inside.arg(INSIDE).output().expect("it runs");
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

/// From the start of the JVM to the answer of the last of its cards.
fn sixteen_cards() {
    let took = |_| {
        let listeners: Vec<_> =
            (0..CARDS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")).collect();
        let ports: Vec<_> = listeners.iter().map(|l| l.local_addr().expect("an address").port()).collect();
        let started = Instant::now();
        let jvm = Jvm::start("sixteen Java cards", &ports, "").expect("it started before");
        let mut cards: Vec<_> =
            listeners.into_iter().map(|l| Vpcd::on(l, PATIENCE, PATIENCE).expect("the card dials in")).collect();
        for card in &mut cards {
            let mut answer = Vec::new();
            card.transmit(&[0, 0xA4, 4, 0, 0], &mut answer).expect("an answer");
            assert!(answer.ends_with(&[0x90, 0]));
        }
        let took = started.elapsed().as_secs_f64();
        drop(jvm);
        took
    };
    let seconds = median((0..5).map(took).collect());
    println!(
        "JVM with {CARDS} cards  {seconds:.2} s from start to every card's answer, wanted: under 3{}",
        verdict(seconds < 3.0)
    );
}
