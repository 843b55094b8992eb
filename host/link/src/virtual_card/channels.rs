//! Logical channels, command chaining, GET RESPONSE: what a card's runtime does below its applications.

use super::{Stop, custodian, domain, echo};
use cardwright_proto::apdu::class::Class;
use cardwright_proto::apdu::{Command, Form, Header, Ne};
use cardwright_proto::status::StatusWord;
use zeroize::Zeroizing;

/// The most bytes that a chain may bring: what fits one extended command.
const CHAIN_MAX: usize = 65_535;

/// The CLA bit of a command that another one of its chain follows.
const MORE: u8 = 0x10;

/// What can be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Application {
    /// The issuer security domain, selected by default.
    SecurityDomain,
    /// The echo applet.
    Echo,
    /// The custodian applet.
    Custodian,
}

impl Application {
    pub(super) const fn aid(self) -> &'static [u8] {
        match self {
            Self::SecurityDomain => domain::AID,
            Self::Echo => echo::AID,
            Self::Custodian => custodian::AID,
        }
    }

    /// By its whole AID; none at all is the default one.
    pub(super) fn with_aid(aid: &[u8]) -> Option<Self> {
        match aid {
            [] | domain::AID => Some(Self::SecurityDomain),
            echo::AID => Some(Self::Echo),
            custodian::AID => Some(Self::Custodian),
            _ => None,
        }
    }
}

/// Channels 0 to 19 and what is selected on each; `None` is closed.
pub(super) struct Channels([Option<Application>; 20]);

impl Default for Channels {
    fn default() -> Self {
        let mut channels = [None; 20];
        channels[0] = Some(Application::SecurityDomain);
        Self(channels)
    }
}

impl Channels {
    /// What is selected; 6881 where the channel is not open.
    pub(super) fn selected(&self, channel: u8) -> Result<Application, Stop> {
        let selected = self.0.get(usize::from(channel)).copied().flatten();
        Ok(selected.ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?)
    }

    /// The first channel on which this is selected.
    pub(super) fn find(&self, application: Application) -> Option<u8> {
        (0..).zip(&self.0).find_map(|(number, selected)| (*selected == Some(application)).then_some(number))
    }

    /// Selects on an open channel.
    pub(super) fn select(&mut self, channel: u8, application: Application) {
        if let Some(selected) = self.0.get_mut(usize::from(channel)) {
            *selected = Some(application);
        }
    }

    /// MANAGE CHANNEL (ISO/IEC 7816-4 11.1.2): `00 70 00 n` opens n, or with n = 0 the first free one, which the answer
    /// names; `00 70 80 n` closes n. Returns the channel that was closed.
    ///
    /// 6A81 no channel is free, 6A86 P1 or P2.
    pub(super) fn manage(&mut self, header: Header, out: &mut Vec<u8>) -> Result<Option<u8>, Stop> {
        let number = header.p2;
        match (header.p1, number) {
            (0x00, 0) => {
                let free = (1..20u8).find(|n| self.0[usize::from(*n)].is_none());
                let free = free.ok_or(StatusWord::FUNCTION_NOT_SUPPORTED)?;
                self.select(free, Application::SecurityDomain);
                out.push(free);
                Ok(None)
            }
            (0x00, 1..=19) if self.0[usize::from(number)].is_none() => {
                self.select(number, Application::SecurityDomain);
                Ok(None)
            }
            (0x80, 1..=19) => {
                self.0[usize::from(number)] = None;
                Ok(Some(number))
            }
            _ => Err(StatusWord::WRONG_P1P2.into()),
        }
    }
}

/// A chain of commands being received.
#[derive(Default)]
pub(super) struct Chain {
    begun: Option<(u8, u8)>,
    data: Zeroizing<Vec<u8>>,
}

impl Chain {
    /// Whether the last command of a chain is due.
    pub(super) const fn begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Takes a command; where it is whole, `work` holds it afterwards, unsplit, in the shortest form, and the answer is
    /// true. P1 and P2 are those of the last piece.
    ///
    /// 6883 a command of another chain or of none, 6700 more than 65,535 bytes; either ends the chain.
    pub(super) fn collect(
        &mut self,
        class: Class,
        raw: &[u8],
        piece: &Command<'_>,
        work: &mut Vec<u8>,
    ) -> Result<bool, Stop> {
        let name = (piece.header.cla & !MORE, piece.header.ins);
        match self.begun {
            None if !class.chained => {
                work.clear();
                work.extend_from_slice(raw);
                return Ok(true);
            }
            Some(begun) if begun != name => {
                *self = Self::default();
                return Err(StatusWord::LAST_OF_CHAIN_EXPECTED.into());
            }
            _ => {}
        }
        if self.data.len() + piece.data.len() > CHAIN_MAX {
            *self = Self::default();
            return Err(StatusWord::WRONG_LENGTH.into());
        }
        self.data.extend_from_slice(piece.data);
        if class.chained {
            self.begun = Some(name);
            return Ok(false);
        }
        let whole = Command::new(piece.header, &self.data, piece.ne);
        work.clear();
        whole.encode_into(work).map_err(|_| StatusWord::WRONG_LENGTH)?;
        *self = Self::default();
        Ok(true)
    }
}

/// The part of an answer that did not fit, waiting for GET RESPONSE.
#[derive(Default)]
pub(super) struct Rest {
    channel: u8,
    bytes: Vec<u8>,
    at: usize,
}

impl Rest {
    /// Nothing waits any more.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.at = 0;
    }

    /// Cuts an answer, data and status word, to `ne` bytes of data and 61xx; keeps what is left.
    pub(super) fn keep(&mut self, channel: u8, ne: usize, out: &mut Vec<u8>) {
        if out.len() <= ne + 2 {
            return;
        }
        self.clear();
        self.channel = channel;
        self.bytes.extend_from_slice(&out[ne..]);
        out.truncate(ne);
        self.announce(out);
    }

    /// GET RESPONSE: 6985 where nothing waits on this channel, 6A86 P1 or P2.
    pub(super) fn fetch(&mut self, channel: u8, command: &Command<'_>, out: &mut Vec<u8>) -> Result<(), Stop> {
        if (command.header.p1, command.header.p2) != (0, 0) {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        let waiting = self.bytes.get(self.at..).unwrap_or_default();
        if waiting.is_empty() || self.channel != channel {
            return Err(StatusWord::CONDITIONS.into());
        }
        let ne = most(command);
        if waiting.len() <= ne + 2 {
            out.extend_from_slice(waiting);
            self.clear();
        } else {
            out.extend_from_slice(&waiting[..ne]);
            self.at += ne;
            self.announce(out);
        }
        Ok(())
    }

    /// 61xx: how many bytes of data wait, 00 for 256 and more.
    fn announce(&self, out: &mut Vec<u8>) {
        let data = self.bytes.len() - self.at - 2;
        out.extend_from_slice(&[0x61, u8::try_from(data).unwrap_or(0)]);
    }
}

/// The most bytes of data that a command takes: Ne, or where it says nothing what its form allows.
pub(super) fn most(command: &Command<'_>) -> usize {
    command.ne.map_or_else(|| most_of(command.form), |ne| ne.get() as usize)
}

/// The most bytes of data that a form allows.
pub(super) const fn most_of(form: Form) -> usize {
    match form {
        Form::Short => Ne::SHORT_MAX.get() as usize,
        Form::Extended => Ne::EXTENDED_MAX.get() as usize,
    }
}
