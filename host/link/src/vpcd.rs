//! `vpcd:PORT`: virtual cards that dial in over TCP, without pcscd.
//!
//! [`Vpcd`] is the reader: it listens, and jCardSim, vicc or any other vpcd card connects. [`serve`] is the card's end:
//! it puts a [`SmartCard`](crate::SmartCard) behind any vpcd reader, ours or the one of pcscd. [`frame`] has the bytes.

pub mod frame;
mod serve;
mod wire;

pub use serve::{Ended, Stop, serve};

use crate::{LinkError, Lost, Transport, check_length};
use frame::{Control, MAX_BODY};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use wire::Wire;

/// Between two questions whether anybody still waits.
const ASK: Duration = Duration::from_millis(100);

/// A virtual reader on a loopback port, with the card that dialled in.
///
/// After a lost answer it refuses commands until [`Transport::reset`], because a late answer would be taken for the
/// next one's.
#[derive(Debug)]
pub struct Vpcd {
    /// Where a card can dial in again; `None` where another one would come instead of it.
    again: Option<TcpListener>,
    port: u16,
    name: String,
    wait: Duration,
    time_limit: Duration,
    link: Result<Wire, Lost>,
    atr: Vec<u8>,
}

impl Vpcd {
    /// Listens on 127.0.0.1 and waits up to `wait` for a card. `time_limit` is for each command.
    ///
    /// # Errors
    /// [`LinkError::Io`] where the port is taken, [`LinkError::NoVirtualCard`] where no card comes.
    pub fn listen(port: u16, wait: Duration, time_limit: Duration) -> Result<Self, LinkError> {
        Self::on(bind(port)?, wait, time_limit)
    }

    /// As [`Self::listen`], on a socket that listens already. vpcd has no authentication: the socket should be bound to
    /// a loopback address.
    ///
    /// # Errors
    /// [`LinkError::Io`], [`LinkError::NoVirtualCard`].
    pub fn on(listener: TcpListener, wait: Duration, time_limit: Duration) -> Result<Self, LinkError> {
        let port = prepare(&listener)?;
        let mut vpcd = Self::empty(port, wait, time_limit);
        vpcd.wait_again(&listener)?;
        vpcd.again = Some(listener);
        Ok(vpcd)
    }

    /// The next card that dials in on a socket that [`prepare`] has seen; `None` where `stop` said so, which is asked
    /// all the while. After a lost answer it cannot be reset: who dials in then is the next card.
    pub(crate) fn next(
        (listener, port): (&TcpListener, u16),
        wait: Duration,
        time_limit: Duration,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, LinkError> {
        let mut vpcd = Self::empty(port, wait, time_limit);
        let wire = vpcd.accept(listener, Patience { until: None, stop })?;
        Ok(wire.map(|wire| {
            vpcd.link = Ok(wire);
            vpcd
        }))
    }

    /// The connection, for hanging up from elsewhere.
    pub(crate) fn line(&self) -> io::Result<Option<TcpStream>> {
        self.link.as_ref().ok().map(|wire| wire.stream().try_clone()).transpose()
    }

    fn empty(port: u16, wait: Duration, time_limit: Duration) -> Self {
        let link = Err(Lost::Broken("no card has dialled in".to_owned()));
        Self { again: None, port, name: format!("vpcd:{port}"), wait, time_limit, link, atr: Vec::new() }
    }

    /// Takes the card that dials in within the wait.
    fn wait_again(&mut self, listener: &TcpListener) -> Result<(), LinkError> {
        let until = Instant::now().checked_add(self.wait);
        let wire = self.accept(listener, Patience { until, stop: &|| false })?;
        let nobody = LinkError::NoVirtualCard { port: self.port, waited: self.wait };
        self.link = Ok(wire.ok_or(nobody)?);
        Ok(())
    }

    /// Waits for a card that answers. One that dials in and does not (because it gave up since) makes room for the next.
    fn accept(&mut self, listener: &TcpListener, patience: Patience<'_>) -> Result<Option<Wire>, LinkError> {
        let port = self.port;
        let failed = |error| LinkError::Io { what: format!("waiting for a card on port {port}"), error };
        while let Some(slice) = patience.slice() {
            if !ready(listener, slice).map_err(failed)? {
                continue;
            }
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                // The card may have hung up since.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => continue,
                Err(error) => return Err(failed(error)),
            };
            stream.set_nonblocking(false).map_err(failed)?;
            let mut wire = Wire::new(stream, Some(ASK)).map_err(failed)?;
            if first_power(&mut wire, patience.at_most(self.wait), &mut self.atr).is_ok() {
                wire.set_limit(Some(self.time_limit)).map_err(failed)?;
                return Ok(Some(wire));
            }
        }
        Ok(None)
    }

    /// The port that is listened on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Listens on 127.0.0.1; port 0 takes any that is free.
pub(crate) fn bind(port: u16) -> Result<TcpListener, LinkError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| LinkError::Io { what: format!("listening on 127.0.0.1:{port}"), error })
}

impl Transport for Vpcd {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        response.clear();
        check_length(command, MAX_BODY)?;
        let wire = self.link.as_mut().map_err(|lost| LinkError::Down(lost.clone()))?;
        let result = exchange(wire, command, response, self.time_limit);
        match &result {
            Ok(()) => {}
            Err(LinkError::Lost(lost)) => self.link = Err(lost.clone()),
            Err(other) => self.link = Err(Lost::Broken(other.to_string())),
        }
        result
    }

    /// Resets the card on the line; where the link is down, hangs up and waits for a card to dial in again.
    fn reset(&mut self) -> Result<(), LinkError> {
        if let Ok(wire) = &mut self.link
            && power(wire, Control::Reset, &mut self.atr).is_ok()
        {
            return Ok(());
        }
        let Some(listener) = self.again.take() else {
            let lost = Lost::Broken("the card did not take a reset".to_owned());
            return Err(LinkError::Down(self.link.as_ref().err().cloned().unwrap_or(lost)));
        };
        self.link = Err(Lost::Broken("no card has dialled in again".to_owned()));
        let came = self.wait_again(&listener);
        self.again = Some(listener);
        came
    }

    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// One command and its answer.
fn exchange(wire: &mut Wire, command: &[u8], response: &mut Vec<u8>, limit: Duration) -> Result<(), LinkError> {
    if wire.has_surplus() {
        return Err(LinkError::Down(Lost::Broken("the card sent an answer that nobody asked for".to_owned())));
    }
    wire.send(command).map_err(|error| LinkError::Io { what: "sending to the virtual card".to_owned(), error })?;
    let lost = match wire.receive(response) {
        Ok(true) if response.len() >= 2 => return Ok(()),
        Ok(true) => Lost::Short(response.len()),
        Ok(false) => Lost::Broken("the virtual card hung up".to_owned()),
        Err(error) if error.kind() == ErrorKind::TimedOut => Lost::Timeout(limit),
        Err(error) => Lost::Broken(error.to_string()),
    };
    // What came is no answer, or a part of one.
    response.clear();
    Err(LinkError::Lost(lost))
}

/// How long somebody waits for a card.
#[derive(Clone, Copy)]
struct Patience<'a> {
    /// `None`: until somebody says stop.
    until: Option<Instant>,
    stop: &'a dyn Fn() -> bool,
}

impl Patience<'_> {
    /// How long to wait before the next question; `None`: no longer at all.
    fn slice(self) -> Option<Duration> {
        if (self.stop)() {
            return None;
        }
        let left = self.until.map_or(ASK, |until| until.saturating_duration_since(Instant::now()).min(ASK));
        (!left.is_zero()).then_some(left)
    }

    /// The same, but for no longer than this from now on.
    fn at_most(self, wait: Duration) -> Self {
        let until = [self.until, Instant::now().checked_add(wait)].into_iter().flatten().min();
        Self { until, ..self }
    }
}

/// The port of a listening socket, which does not block from now on: a card may be gone before it is let in.
pub(crate) fn prepare(listener: &TcpListener) -> Result<u16, LinkError> {
    listener
        .local_addr()
        .and_then(|address| listener.set_nonblocking(true).map(|()| address.port()))
        .map_err(|error| LinkError::Io { what: "the listening socket".to_owned(), error })
}

/// Waits until a card knocks, or says something; `false` when the time is over.
fn ready(socket: &impl AsFd, wait: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(wait).map_err(|_| ErrorKind::InvalidInput)?;
    match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        // The caller counts the time and comes back.
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Powers up a card that has just dialled in, and may be slow to answer.
fn first_power(wire: &mut Wire, patience: Patience<'_>, atr: &mut Vec<u8>) -> io::Result<()> {
    ask_for_atr(wire, Control::PowerOn)?;
    loop {
        let slice = patience.slice().ok_or(ErrorKind::TimedOut)?;
        if ready(wire.stream(), slice)? {
            return take_atr(wire, atr);
        }
    }
}

/// Powers up or resets, and fetches the ATR.
fn power(wire: &mut Wire, control: Control, atr: &mut Vec<u8>) -> io::Result<()> {
    ask_for_atr(wire, control)?;
    take_atr(wire, atr)
}

fn ask_for_atr(wire: &mut Wire, control: Control) -> io::Result<()> {
    wire.send(&control.body())?;
    wire.send(&Control::Atr.body())
}

fn take_atr(wire: &mut Wire, atr: &mut Vec<u8>) -> io::Result<()> {
    if !wire.receive(atr)? {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
