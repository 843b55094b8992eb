//! Simulated Java cards in a JVM of their own: `applet-java/simulator` with the custodian and the example applet.

use crate::rig::{Rig, repository, skip};
use cardwright_link::{LinkError, Transport, Vpcd};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than anything here takes on a loaded machine; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The applets on each card, as the runner wants them: hex AID, class.
pub const APPLETS: [&str; 2] =
    ["F043574543484F=cardwright.example.EchoApplet", "F0435743555354=cardwright.custodian.CustodianApplet"];

/// The runner, and the class path of the applets; `None`, with words, where they are not built.
#[must_use]
#[track_caller]
pub fn jars(what: &str) -> Option<(PathBuf, String)> {
    let java = repository().join("applet-java");
    let runner = java.join("simulator/target/cardwright-simulator.jar");
    let applets =
        ["example/target/cardwright-example.jar", "card/target/cardwright-card.jar"].map(|jar| java.join(jar));
    if !runner.exists() || !applets.iter().all(|jar| jar.exists()) {
        skip(what, "the Java cards are not built: run make java");
        return None;
    }
    Some((runner, applets.map(|jar| jar.display().to_string()).join(":")))
}

/// A rig with a Java card in each of two readers, with these applets.
#[must_use]
#[track_caller]
pub fn rig(what: &str, profile: &str, applets: &[&str]) -> Option<Rig> {
    let (_, classes) = jars(what)?;
    let mut options = vec!["--cards", "java", "--classpath", &classes, "--profile", profile];
    options.extend(applets.iter().flat_map(|applet| ["--applet", applet]));
    Rig::with(what, &options)
}

/// A running JVM; it ends with this value.
#[derive(Debug)]
pub struct Jvm {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Jvm {
    /// Starts a card for each port, which dials in there on 127.0.0.1. `profile` is the runner's.
    #[must_use]
    #[track_caller]
    pub fn start(what: &str, ports: &[u16], profile: &str) -> Option<Self> {
        let (runner, classes) = jars(what)?;
        let mut command = Command::new("java");
        command.arg("-jar").arg(runner).args(["--control", "--classpath", &classes]);
        command.args(APPLETS.iter().flat_map(|applet| ["--applet", applet])).args(["--profile", profile]);
        command.args(ports.iter().flat_map(|port| ["--port".to_owned(), port.to_string()]));
        let Ok(mut child) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
            skip(what, "there is no java: run scripts/setup.sh java");
            return None;
        };
        let orders = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().expect("a pipe"));
        for port in ports {
            let mut line = String::new();
            answers.read_line(&mut line).expect("a line");
            assert!(line.trim_end().ends_with(&format!(":{port}")), "the runner says {line:?}");
        }
        Some(Self { child, orders, answers })
    }

    /// Arms a loss of power at the card's `point`-th tear point from now, 0 being the next.
    pub fn tear(&mut self, card: usize, point: u64) {
        assert_eq!(self.order(&format!("tear {card} {point}")), "ok");
    }

    /// How many tear points the card has passed.
    pub fn points(&mut self, card: usize) -> u64 {
        self.order(&format!("points {card}")).parse().expect("a number")
    }

    /// A new card of this profile takes the place of this one, which hangs up.
    pub fn fresh(&mut self, card: usize, profile: &str) {
        assert_eq!(self.order(&format!("fresh {card} {profile}")), "ok");
    }

    /// How many exceptions have left applets, and were answered with 6F00.
    pub fn faults(&mut self, card: usize) -> u64 {
        self.order(&format!("faults {card}")).parse().expect("a number")
    }

    fn order(&mut self, line: &str) -> String {
        let orders = self.orders.as_mut().expect("it runs");
        writeln!(orders, "{line}").expect("the JVM listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("a line");
        answer.trim_end().to_owned()
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        // It ends with its orders.
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// A Java card in a virtual reader of this process.
#[derive(Debug)]
pub struct JavaCard {
    link: Vpcd,
    jvm: Arc<Mutex<Jvm>>,
    /// Which of the JVM's cards it is.
    number: usize,
}

impl JavaCard {
    /// Makes one, alone in its JVM; `None`, with words, where the Java cards are not built.
    #[must_use]
    #[track_caller]
    pub fn start(what: &str, profile: &str) -> Option<Self> {
        Self::several(what, profile, 1)?.pop()
    }

    /// Makes so many in one JVM, which ends with the last of them.
    #[must_use]
    #[track_caller]
    pub fn several(what: &str, profile: &str, count: usize) -> Option<Vec<Self>> {
        let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let listeners: Vec<_> = (0..count).map(bind).collect();
        let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
        let ports: Vec<_> = listeners.iter().map(port).collect();
        let jvm = Arc::new(Mutex::new(Jvm::start(what, &ports, profile)?));
        let cards = listeners.into_iter().enumerate().map(|(number, listener)| {
            let link = Vpcd::on(listener, PATIENCE, PATIENCE).expect("the card dials in");
            Self { link, jvm: Arc::clone(&jvm), number }
        });
        Some(cards.collect())
    }

    fn jvm(&self) -> MutexGuard<'_, Jvm> {
        // A test that failed while it had the JVM leaves no order half done.
        self.jvm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Jvm::tear`].
    pub fn tear(&mut self, point: u64) {
        self.jvm().tear(self.number, point);
    }

    /// As [`Jvm::points`].
    pub fn points(&mut self) -> u64 {
        self.jvm().points(self.number)
    }

    /// As [`Jvm::faults`].
    pub fn faults(&mut self) -> u64 {
        self.jvm().faults(self.number)
    }

    /// Takes a new card of this profile into the reader. A host sees it after a lost answer, and a reset.
    pub fn fresh(&mut self, profile: &str) {
        self.jvm().fresh(self.number, profile);
        // The line is down, which shows with the next command only.
        let _ = self.link.transmit(&[0, 0xA4, 4, 0], &mut Vec::new());
        self.link.reset().expect("the card dials in");
    }
}

impl Transport for JavaCard {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        self.link.transmit(command, response)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.link.reset()
    }

    fn atr(&self) -> &[u8] {
        self.link.atr()
    }

    fn name(&self) -> &str {
        self.link.name()
    }
}
