//! One card of a ceremony, in the one reader.

use crate::host::{CUSTODIAN, Failure, Host, Keys};
use cardwright_keys::custody::hash;
use cardwright_link::Transport;
use cardwright_proto::apdu::{Command, Header, Ne, Response};
use cardwright_proto::custody::blocks::{Block, blocks};
use cardwright_proto::custody::certificate::{Certificate, CertifiedKey};
use cardwright_proto::custody::get_ceremony::{CeremonyState, GetCeremony};
use cardwright_proto::custody::get_state::{GetState, State};
use cardwright_proto::custody::{Hash, Point};
use cardwright_proto::gp;
use cardwright_proto::scp::{Mode, ScpError};
use cardwright_proto::status::StatusWord;

/// Every card's PIN.
pub const FIRST_PIN: &[u8] = b"8642";

/// A command as it was before secure messaging, and how it was answered.
#[derive(Clone, Debug)]
pub struct Sent {
    /// CLA INS P1 P2.
    pub header: [u8; 4],
    /// Its data.
    pub data: Vec<u8>,
    /// The status word.
    pub sw: u16,
    /// Bytes on the line, both ways.
    pub bytes: usize,
}

/// A card, its certificate, and all that it was sent.
#[derive(Debug)]
pub struct Card<T> {
    /// The host on its line.
    pub host: Host<T>,
    /// Its certificate, from enrolment on.
    pub certificate: Option<Certificate>,
    /// What it was sent since it was put in, for each time that it was.
    pub sent: Vec<Vec<Sent>>,
}

impl<T: Transport> Card<T> {
    /// A card that is put in for the first time.
    pub fn new(link: T) -> Self {
        let mut card = Self { host: Host::new(link), certificate: None, sent: Vec::new() };
        card.insert();
        card
    }

    /// Puts it in again: reset, applet selected, session of level 33 open.
    pub fn insert(&mut self) {
        self.host.reset().expect("a card");
        self.sent.push(Vec::new());
        self.open();
    }

    /// Selects the applet and opens a session of level 33.
    pub fn open(&mut self) {
        self.host.select(CUSTODIAN).expect("the applet");
        self.host.open(&Keys::test(16), 0, Mode::S8, 0x33).expect("a session");
    }

    /// Gives it its first PIN.
    pub fn first_pin(&mut self) {
        assert_eq!(self.send([0x80, 0x24, 1, 0], FIRST_PIN).1, 0x9000);
    }

    /// VERIFY.
    pub fn verify(&mut self) {
        assert_eq!(self.send([0, 0x20, 0, 0], FIRST_PIN).1, 0x9000);
    }

    /// A command in the session; data and status word. Where the answer ends the session, another one is opened.
    ///
    /// # Panics
    /// Where the card is lost.
    pub fn send(&mut self, header: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
        match self.try_send(header, data) {
            Ok(answer) => answer,
            Err(refused @ Failure::Scp(ScpError::Ended(_))) => {
                self.open();
                (Vec::new(), refused.sw())
            }
            Err(failure) => panic!("{header:02X?}: {failure:?}"),
        }
    }

    /// The same, for a card that may lose its power.
    ///
    /// # Errors
    /// [`Failure`]
    pub fn try_send(&mut self, header: [u8; 4], data: &[u8]) -> Result<(Vec<u8>, u16), Failure> {
        let [cla, ins, p1, p2] = header;
        let answer = self.host.send(&Command::new(Header::new(cla, ins, p1, p2), data, Some(Ne::SHORT_MAX)));
        let (bytes, sw) = match &answer {
            Ok((answer, sw)) => (data.len() + answer.len(), *sw),
            Err(Failure::Scp(ScpError::Ended(sw))) => (data.len(), sw.0),
            Err(_) => (data.len(), 0),
        };
        let sent = Sent { header, data: data.to_vec(), sw, bytes };
        self.sent.last_mut().expect("put in").push(sent);
        answer
    }

    /// The status word alone.
    pub fn sw(&mut self, header: [u8; 4], data: &[u8]) -> u16 {
        self.send(header, data).1
    }

    /// A command of the protocol crate: its answer, or the status word of a refusal.
    ///
    /// # Errors
    /// The status word.
    pub fn call<C: gp::Command>(&mut self, command: &C) -> Result<C::Response, u16> {
        let mut data = Vec::new();
        let Command { header, data, .. } = command.apdu(&mut data);
        let (answer, sw) = self.send([header.cla, header.ins, header.p1, header.p2], data);
        match command.response(Response { data: &answer, sw: StatusWord(sw) }) {
            Ok(answer) => Ok(answer),
            Err(gp::GpError::Refused { .. } | gp::GpError::Pin { .. }) => Err(sw),
            Err(malformed) => panic!("{malformed}"),
        }
    }

    /// The same, which is not refused.
    #[track_caller]
    pub fn ok<C: gp::Command>(&mut self, command: &C) -> C::Response {
        self.call(command).unwrap_or_else(|sw| panic!("{}: {sw:04X}", C::NAME))
    }

    /// A command in blocks: the answer to the last one, or the first refusal.
    ///
    /// # Errors
    /// The status word.
    pub fn in_blocks<'d, C: gp::Command>(
        &mut self,
        data: &'d [u8],
        command: impl Fn(Block<'d>) -> C,
    ) -> Result<C::Response, u16> {
        blocks(data, 200).map(|block| self.call(&command(block))).reduce(Result::and).expect("data")
    }

    /// GET STATE.
    pub fn state(&mut self) -> State {
        self.ok(&GetState)
    }

    /// GET STATE with P1 = 01.
    pub fn ceremony(&mut self) -> CeremonyState {
        self.ok(&GetCeremony)
    }

    /// The hash of its certificate.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn certificate_hash(&self) -> Hash {
        hash::certificate(&self.certificate.expect("enrolled").body)
    }

    /// The point of its certificate.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn point(&self) -> Point {
        match self.certificate.expect("enrolled").body.key {
            CertifiedKey::P256(point) => point,
            other => panic!("{other:?} is no card's"),
        }
    }
}
