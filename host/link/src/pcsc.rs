//! `pcsc:NAME-PART`: readers of the PC/SC service.
//!
//! `SCardTransmit` cannot be interrupted: a card that never answers blocks its caller for ever. So the card lives on a
//! thread of its own, and the caller waits for that thread no longer than the time limit.

mod worker;

use crate::{LinkError, Lost, Transport, check_length};
use pcsc::{Context, Error, ReaderState, Scope, State};
use std::ffi::{CStr, CString};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;
use worker::{Job, Kind, Worker};

/// The longest extended command: header, Lc, 65,535 bytes, Le.
const MAX_COMMAND: usize = 4 + 3 + 65_535 + 2;
/// The longest response: 65,536 bytes and the status word.
const MAX_RESPONSE: usize = 65_538;
/// How long the service may take to say which readers there are.
pub(crate) const LIST_LIMIT: Duration = Duration::from_secs(10);

/// A reader of the PC/SC service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderInfo {
    /// As the service names it.
    pub name: String,
    /// Whether a card is in it.
    pub has_card: bool,
    /// The card's ATR; empty without a card, or with one that gave none.
    pub atr: Vec<u8>,
}

/// The readers that the service knows; none is an empty list. Nothing is sent to a card.
///
/// # Errors
/// [`LinkError::Pcsc`] where the service is not running, [`LinkError::PcscBusy`] where it does not answer.
pub fn readers() -> Result<Vec<ReaderInfo>, LinkError> {
    within_limit(list)?.map_err(LinkError::Pcsc)
}

/// The whole name of the one reader whose name contains `name_part`, whatever the case.
pub(crate) fn find(name_part: &str) -> Result<CString, LinkError> {
    let names = within_limit(|| names(&Context::establish(Scope::User)?))?.map_err(LinkError::Pcsc)?;
    worker::choose(name_part, names)
}

/// Asks the service on a thread of its own, because it can hang.
fn within_limit<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> Result<T, LinkError> {
    let (sender, answer) = sync_channel(1);
    spawn(move || {
        // Nobody waits any more: then nobody wants the answer.
        let _ = sender.send(ask());
    })?;
    answer.recv_timeout(LIST_LIMIT).map_err(|_| LinkError::PcscBusy(LIST_LIMIT))
}

fn list() -> Result<Vec<ReaderInfo>, Error> {
    let context = Context::establish(Scope::User)?;
    let mut states: Vec<ReaderState> =
        names(&context)?.into_iter().map(|name| ReaderState::new(name, State::UNAWARE)).collect();
    if !states.is_empty() {
        context.get_status_change(Duration::ZERO, &mut states)?;
    }
    let info = |state: &ReaderState| ReaderInfo {
        name: readable(state.name()),
        has_card: state.event_state().contains(State::PRESENT),
        atr: state.atr().to_vec(),
    };
    Ok(states.iter().map(info).collect())
}

fn names(context: &Context) -> Result<Vec<CString>, Error> {
    match context.list_readers_owned() {
        Err(Error::NoReadersAvailable) => Ok(Vec::new()),
        other => other,
    }
}

pub(crate) fn readable(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

pub(crate) fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), LinkError> {
    let builder = thread::Builder::new().name("pcsc".to_owned());
    builder.spawn(run).map(drop).map_err(|error| LinkError::Io { what: "starting a thread".to_owned(), error })
}

/// A card in a PC/SC reader, connected exclusively, T=0 or T=1.
///
/// After a lost answer it refuses commands until [`Transport::reset`]; after one that was lost to the time limit, for
/// good, because PC/SC still waits for the card. Dropping it resets the card.
#[derive(Debug)]
pub struct Pcsc {
    name: String,
    atr: Vec<u8>,
    time_limit: Duration,
    down: Option<Lost>,
    /// `None` when the thread is stuck in PC/SC or gone. A stuck one lets go of the card when the card answers.
    worker: Option<Worker>,
    /// The command's memory, kept from one to the next.
    spare: Vec<u8>,
}

impl Pcsc {
    /// Connects to the card in the one reader whose name contains `name_part`, whatever the case. `time_limit` is for
    /// each command, for a reset, and for connecting.
    ///
    /// # Errors
    /// [`LinkError::NoReader`], [`LinkError::Ambiguous`], [`LinkError::NoCard`]; [`LinkError::Pcsc`] for all else that
    /// the service refuses (a card in use by another program among it); [`LinkError::PcscBusy`] where it hangs.
    pub fn connect(name_part: &str, time_limit: Duration) -> Result<Self, LinkError> {
        let (worker, opened) = Worker::start(name_part, time_limit)?;
        let (name, atr) = (opened.name, opened.atr);
        Ok(Self { name, atr, time_limit, down: None, worker: Some(worker), spare: Vec::new() })
    }

    /// Has the worker do one thing, with `command` and the memory of `answer`.
    fn run(&mut self, kind: Kind, command: &[u8], answer: &mut Vec<u8>) -> Result<Result<(), Error>, Lost> {
        let Some(worker) = &self.worker else {
            return Err(Lost::Broken("the connection to PC/SC is gone".to_owned()));
        };
        let mut job = Job { kind, command: std::mem::take(&mut self.spare), answer: std::mem::take(answer) };
        job.command.clear();
        job.command.extend_from_slice(command);
        let lost = match worker.run(job, self.time_limit) {
            Ok((job, result)) => {
                (self.spare, *answer) = (job.command, job.answer);
                return Ok(result);
            }
            Err(RecvTimeoutError::Timeout) => Lost::Timeout(self.time_limit),
            Err(RecvTimeoutError::Disconnected) => Lost::Broken("the PC/SC library failed".to_owned()),
        };
        self.worker = None;
        Err(lost)
    }

    /// The service returned an error for a command.
    fn refused(&mut self, error: Error) -> LinkError {
        let (lost, link_error): (_, fn(Lost) -> LinkError) = match Fate::of(error) {
            Fate::NotSent => return LinkError::Pcsc(error),
            Fate::PoweredAnew => (Lost::Broken("PC/SC powered the card anew".to_owned()), LinkError::Down),
            Fate::Unknown => (Lost::Broken(error.to_string()), LinkError::Lost),
        };
        self.down = Some(lost.clone());
        link_error(lost)
    }
}

impl Transport for Pcsc {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), LinkError> {
        response.clear();
        check_length(command, MAX_COMMAND)?;
        if let Some(lost) = &self.down {
            return Err(LinkError::Down(lost.clone()));
        }
        let lost = match self.run(Kind::Transmit, command, response) {
            Ok(Ok(())) if response.len() >= 2 => return Ok(()),
            Ok(Ok(())) => Lost::Short(response.len()),
            Ok(Err(error)) => return Err(self.refused(error)),
            Err(lost) => lost,
        };
        response.clear();
        self.down = Some(lost.clone());
        Err(LinkError::Lost(lost))
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        if let (None, Some(lost)) = (&self.worker, &self.down) {
            return Err(LinkError::Down(lost.clone()));
        }
        let mut atr = Vec::new();
        match self.run(Kind::Reset, &[], &mut atr) {
            Ok(Ok(())) => {
                (self.atr, self.down) = (atr, None);
                Ok(())
            }
            Ok(Err(error)) => {
                self.down.get_or_insert_with(|| Lost::Broken(error.to_string()));
                Err(worker::no_card(error, &self.name))
            }
            Err(lost) => {
                self.down = Some(lost);
                Err(LinkError::PcscBusy(self.time_limit))
            }
        }
    }

    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Pcsc {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.end(self.time_limit);
        }
    }
}

/// What an error of a transmit says of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The service refused it before the card saw it.
    NotSent,
    /// The same, and the card was powered anew since the last command: its sessions are gone.
    PoweredAnew,
    /// It may have reached the card. That goes for a card that was reset or removed, too.
    Unknown,
}

impl Fate {
    fn of(error: Error) -> Self {
        match error {
            Error::InvalidHandle | Error::InvalidParameter | Error::InvalidValue | Error::SharingViolation => {
                Self::NotSent
            }
            // We send with the protocol that was agreed on. pcscd forgets it when it notices late, up to half a second
            // after a connection, that the card had been put in.
            Error::ProtoMismatch => Self::PoweredAnew,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fate;
    use pcsc::Error;

    #[test]
    fn doubtful_errors_count_as_lost() {
        let doubtful = [
            Error::CommError,
            Error::NotTransacted,
            Error::ResetCard,
            Error::RemovedCard,
            Error::UnpoweredCard,
            Error::UnresponsiveCard,
            Error::ReaderUnavailable,
            Error::NoService,
            Error::InsufficientBuffer,
            Error::NoSmartcard,
            Error::UnknownError,
            Error::Timeout,
        ];
        assert_eq!(doubtful.map(Fate::of), [Fate::Unknown; 12]);
        assert_eq!(Fate::of(Error::SharingViolation), Fate::NotSent);
        assert_eq!(Fate::of(Error::ProtoMismatch), Fate::PoweredAnew);
    }
}
