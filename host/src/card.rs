//! One command and its whole answer: chaining, 61xx and 6Cxx are settled here, between the protocol and the link.

use crate::error::Error;
use cardwright_link::Transport;
use cardwright_proto::apdu::exchange::{Exchange, Step};
use cardwright_proto::apdu::{Command, Response, chain};
use cardwright_proto::gp;
use tracing::debug;
use zeroize::Zeroizing;

/// A card behind a reader. Its buffers are used again and again, so that a short command allocates nothing.
#[derive(Debug)]
pub struct Card<T> {
    link: T,
    /// What was received last, one response APDU.
    raw: Vec<u8>,
    /// What has been put together so far, status word last when complete. A session decrypts it in place.
    answer: Zeroizing<Vec<u8>>,
    /// What is sent when it is not the caller's own bytes: pieces of a chain, GET RESPONSE.
    piece: Vec<u8>,
}

/// How a command too long for one short APDU travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Long {
    /// As one APDU of extended length.
    #[default]
    Extended,
    /// As a chain of short ones (CLA bit 10).
    Chained,
}

impl<T: Transport> Card<T> {
    /// Over a link.
    pub fn new(link: T) -> Self {
        // Room for any short answer: a buffer that grows leaves copies of what it held.
        Self { link, raw: Vec::new(), answer: Zeroizing::new(Vec::with_capacity(258)), piece: Vec::new() }
    }

    /// The link below.
    pub const fn link(&self) -> &T {
        &self.link
    }

    /// Resets the card: every session and selection on it is gone.
    ///
    /// # Errors
    /// [`Error::Link`]
    pub fn reset(&mut self) -> Result<(), Error> {
        self.link.reset().map_err(Error::link("a reset"))
    }

    /// Sends a command in clear and gets its whole answer.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Apdu`].
    pub fn transmit(&mut self, name: &'static str, command: &Command<'_>) -> Result<Response<'_>, Error> {
        debug!("> {}", plain(command));
        let mut wire = std::mem::take(&mut self.piece);
        wire.clear();
        command.encode_into(&mut wire).map_err(Error::apdu(name))?;
        let sent = self.exchange(name, &wire, Long::Extended).map(|_| ());
        self.piece = wire;
        sent?;
        let response = Response::parse(&self.answer).map_err(Error::apdu(name))?;
        debug!("< {} bytes, {}", response.data.len(), response.sw);
        Ok(response)
    }

    /// Sends a GlobalPlatform command in clear and reads its answer.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Apdu`], [`Error::Gp`].
    pub fn call<C: gp::Command>(&mut self, command: &C) -> Result<C::Response, Error> {
        let mut data = command_data();
        let apdu = command.apdu(&mut data);
        Ok(command.response(self.transmit(C::NAME, &apdu)?)?)
    }

    /// Sends bytes as they are, wrapped ones for instance. The whole answer comes back, status word last, to be
    /// unwrapped in place.
    ///
    /// # Errors
    /// [`Error::Link`], [`Error::Apdu`].
    pub fn exchange(&mut self, name: &'static str, wire: &[u8], long: Long) -> Result<&mut [u8], Error> {
        let command = Command::parse(wire).map_err(Error::apdu(name))?;
        let mut exchange = Exchange::new(&command);
        self.answer.clear();
        if long == Long::Chained && command.data.len() > 255 {
            self.send_chain(name, &command)?;
        } else {
            self.link.transmit(wire, &mut self.raw).map_err(Error::link(name))?;
        }
        loop {
            match exchange.receive(&self.raw, &mut self.answer).map_err(Error::apdu(name))? {
                Step::Done(sw) => {
                    self.answer.extend_from_slice(&sw.0.to_be_bytes());
                    return Ok(&mut self.answer);
                }
                Step::Again(ne) => self.send_piece(name, &Command { ne: Some(ne), ..command })?,
                Step::Fetch(header, ne) => self.send_piece(name, &Command::new(header, &[], Some(ne)))?,
            }
        }
    }

    /// Sends all pieces; the answer to the last one is the command's. A piece before it that is not answered with a
    /// bare 9000 ends the chain, and its answer is the command's.
    fn send_chain(&mut self, name: &'static str, command: &Command<'_>) -> Result<(), Error> {
        for piece in chain::split(command) {
            self.send_piece(name, &piece)?;
            if self.raw != [0x90, 0x00] {
                break;
            }
        }
        Ok(())
    }

    fn send_piece(&mut self, name: &'static str, command: &Command<'_>) -> Result<(), Error> {
        let mut piece = std::mem::take(&mut self.piece);
        piece.clear();
        command.encode_into(&mut piece).map_err(Error::apdu(name))?;
        let sent = self.link.transmit(&piece, &mut self.raw);
        self.piece = piece;
        sent.map_err(Error::link(name))
    }
}

/// Room for a short command's data, wiped when dropped: it may be a PIN. It does not grow, which would leave copies.
pub(crate) fn command_data() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(255))
}

/// A command for a trace. Data is shown only of commands that are known to carry nothing secret: SELECT, GET DATA,
/// INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, GET STATUS, DELETE, MANAGE CHANNEL, GET RESPONSE.
pub(crate) fn plain(command: &Command<'_>) -> String {
    let [cla, ins, p1, p2] = command.header.bytes();
    let data = match ins {
        _ if command.data.is_empty() => String::new(),
        // How long a PIN is would be something to know.
        0x20 | 0x24 => " [blanked]".to_owned(),
        0xA4 | 0xCA | 0x50 | 0x82 | 0xF2 | 0xE4 | 0x70 | 0xC0 => format!(" {}", hex::encode_upper(command.data)),
        _ => format!(" [{} bytes, blanked]", command.data.len()),
    };
    format!("{cla:02X} {ins:02X} {p1:02X} {p2:02X}{data}")
}
