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
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};
use wire::Wire;

/// A virtual reader on a loopback port, with the card that dialled in.
///
/// After a lost answer it refuses commands until [`Transport::reset`], because a late answer would be taken for the
/// next one's.
#[derive(Debug)]
pub struct Vpcd {
    listener: TcpListener,
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
        let port = listener
            .local_addr()
            .and_then(|address| listener.set_nonblocking(true).map(|()| address.port()))
            .map_err(|error| LinkError::Io { what: "the listening socket".to_owned(), error })?;
        let mut atr = Vec::new();
        let wire = accept(&listener, port, wait, time_limit, &mut atr)?;
        Ok(Self { listener, port, name: format!("vpcd:{port}"), wait, time_limit, link: Ok(wire), atr })
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
        self.link = Err(Lost::Broken("no card has dialled in again".to_owned()));
        self.link = Ok(accept(&self.listener, self.port, self.wait, self.time_limit, &mut self.atr)?);
        Ok(())
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

/// Waits for a card that answers. One that dials in and does not (because it gave up since) makes room for the next.
fn accept(
    listener: &TcpListener,
    port: u16,
    wait: Duration,
    time_limit: Duration,
    atr: &mut Vec<u8>,
) -> Result<Wire, LinkError> {
    let failed = |error| LinkError::Io { what: format!("waiting for a card on port {port}"), error };
    let started = Instant::now();
    loop {
        let left = wait.saturating_sub(started.elapsed());
        if left.is_zero() || !ready(listener, left).map_err(failed)? {
            return Err(LinkError::NoVirtualCard { port, waited: wait });
        }
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            // The card may have hung up since.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => continue,
            Err(error) => return Err(failed(error)),
        };
        stream.set_nonblocking(false).map_err(failed)?;
        let left = wait.saturating_sub(started.elapsed());
        let mut wire = Wire::new(stream, Some(left)).map_err(failed)?;
        if power(&mut wire, Control::PowerOn, atr).is_ok() {
            wire.set_limit(Some(time_limit)).map_err(failed)?;
            return Ok(wire);
        }
    }
}

/// Waits until a card knocks; `false` when the time is over.
fn ready(listener: &TcpListener, wait: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(wait).map_err(|_| ErrorKind::InvalidInput)?;
    match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        // The caller counts the time and comes back.
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Powers up or resets, and fetches the ATR.
fn power(wire: &mut Wire, control: Control, atr: &mut Vec<u8>) -> io::Result<()> {
    wire.send(&control.body())?;
    wire.send(&Control::Atr.body())?;
    if !wire.receive(atr)? {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
