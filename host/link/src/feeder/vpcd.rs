//! `vpcd:PORT` for many cards: one listening socket, and each connection is the next card.

use super::Feeder;
use crate::vpcd::{bind, prepare};
use crate::{LinkError, OpenOptions, Transport, Vpcd};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

pub(super) struct VpcdFeeder {
    listener: TcpListener,
    port: u16,
    name: String,
    wait: Duration,
    time_limit: Duration,
    /// The connection of the card before.
    line: Option<TcpStream>,
}

impl VpcdFeeder {
    pub(super) fn open(port: u16, options: &OpenOptions) -> Result<Self, LinkError> {
        let listener = bind(port)?;
        let port = prepare(&listener)?;
        (options.listening)(port);
        let (wait, time_limit) = (options.wait, options.time_limit);
        Ok(Self { listener, port, name: format!("vpcd:{port}"), wait, time_limit, line: None })
    }
}

impl Feeder for VpcdFeeder {
    fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Option<Box<dyn Transport>>, LinkError> {
        if let Some(line) = self.line.take() {
            // An error says that the line is down already.
            let _ = line.shutdown(Shutdown::Both);
        }
        let Some(card) = Vpcd::next((&self.listener, self.port), self.wait, self.time_limit, stop)? else {
            return Ok(None);
        };
        let line = card.line();
        self.line = line.map_err(|error| LinkError::Io { what: "the connection to the card".to_owned(), error })?;
        Ok(Some(Box::new(card)))
    }

    fn name(&self) -> &str {
        &self.name
    }
}
