//! `pcsc:NAME-PART` for many cards: the card goes, another one comes.
//!
//! `SCardGetStatusChange` waits, and can hang with the service. So it waits on a thread of its own, which tells every now
//! and then that nothing has happened, and whoever is told asks in between whether to stop.

use super::Feeder;
use crate::pcsc::{LIST_LIMIT, find, readable, spawn};
use crate::{LinkError, Pcsc, Transport, readers};
use pcsc::{Context, Error, ReaderState, Scope, State};
use std::ffi::CString;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Between two signs of life of the thread, and between two questions whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// How many cards the service has seen come and go in a reader: odd or even, another number is another card.
type Event = u32;

/// What the thread has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// There is no card, or still the one before.
    Nothing,
    /// Another card is in the reader.
    Card(Event),
    /// The reader is gone.
    Gone,
}

impl Seen {
    /// `before`: the event with which the last card came.
    fn of(state: State, event: Event, before: Option<Event>) -> Self {
        if state.intersects(State::UNKNOWN | State::UNAVAILABLE | State::IGNORE) {
            Self::Gone
        } else if state.contains(State::PRESENT) && before != Some(event) {
            Self::Card(event)
        } else {
            Self::Nothing
        }
    }
}

pub(super) struct PcscFeeder {
    reader: CString,
    name: String,
    time_limit: Duration,
    before: Option<Event>,
}

impl PcscFeeder {
    pub(super) fn open(name_part: &str, time_limit: Duration) -> Result<Self, LinkError> {
        let reader = find(name_part)?;
        let name = readable(&reader);
        Ok(Self { reader, name, time_limit, before: None })
    }

    /// The reader is not among those that there are.
    fn gone(&self) -> LinkError {
        match readers() {
            Ok(all) => {
                let available = all.into_iter().map(|reader| reader.name).collect();
                LinkError::NoReader { name: self.name.clone(), available }
            }
            Err(error) => error,
        }
    }
}

impl Feeder for PcscFeeder {
    fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Option<Box<dyn Transport>>, LinkError> {
        loop {
            let (tell, told) = sync_channel(1);
            let (reader, before) = (self.reader.clone(), self.before);
            spawn(move || watch(reader, before, &tell))?;
            let event = match wait(&told, stop)? {
                Seen::Nothing => return Ok(None),
                Seen::Card(event) => event,
                Seen::Gone => return Err(self.gone()),
            };
            match Pcsc::connect(&self.name, self.time_limit) {
                Ok(card) => {
                    self.before = Some(event);
                    return Ok(Some(Box::new(card)));
                }
                // It was pulled out again.
                Err(LinkError::NoCard(_)) => self.before = Some(event),
                Err(LinkError::Pcsc(Error::UnresponsiveCard | Error::UnpoweredCard | Error::UnsupportedCard)) => {
                    self.before = Some(event);
                    return Err(LinkError::Mute(self.name.clone()));
                }
                Err(other) => return Err(other),
            }
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// The thread: looks until there is something to tell, or nobody listens.
fn watch(reader: CString, before: Option<Event>, tell: &SyncSender<Result<Seen, Error>>) {
    let mut states = [ReaderState::new(reader, State::UNAWARE)];
    let context = match Context::establish(Scope::User) {
        Ok(context) => context,
        Err(error) => {
            // Nobody listens any more: then nobody wants to know. The same below.
            let _ = tell.send(Err(error));
            return;
        }
    };
    loop {
        let seen = match context.get_status_change(TICK, &mut states) {
            Ok(()) => Ok(Seen::of(states[0].event_state(), states[0].event_count(), before)),
            Err(Error::Timeout) => Ok(Seen::Nothing),
            Err(Error::UnknownReader | Error::ReaderUnavailable) => Ok(Seen::Gone),
            Err(error) => Err(error),
        };
        states[0].sync_current_state();
        let last = seen != Ok(Seen::Nothing);
        if tell.send(seen).is_err() || last {
            return;
        }
    }
}

/// Waits for the thread to tell of a card or that the reader is gone; [`Seen::Nothing`] where `stop` said so.
fn wait(told: &Receiver<Result<Seen, Error>>, stop: &dyn Fn() -> bool) -> Result<Seen, LinkError> {
    let mut heard = Instant::now();
    loop {
        if stop() {
            return Ok(Seen::Nothing);
        }
        match told.recv_timeout(TICK) {
            Ok(Ok(Seen::Nothing)) => heard = Instant::now(),
            Ok(Ok(seen)) => return Ok(seen),
            Ok(Err(error)) => return Err(LinkError::Pcsc(error)),
            Err(RecvTimeoutError::Timeout) if heard.elapsed() < LIST_LIMIT => {}
            Err(_) => return Err(LinkError::PcscBusy(LIST_LIMIT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Seen, wait};
    use crate::LinkError;
    use pcsc::{Error, State};
    use std::cell::Cell;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn another_event_is_another_card() {
        let (present, empty) = (State::PRESENT | State::CHANGED, State::EMPTY | State::CHANGED);
        assert_eq!(Seen::of(present, 0, None), Seen::Card(0), "one that was in when the run began");
        assert_eq!(Seen::of(present | State::EXCLUSIVE, 5, Some(5)), Seen::Nothing, "the one before is still in");
        assert_eq!(Seen::of(empty, 6, Some(5)), Seen::Nothing);
        assert_eq!(Seen::of(present, 7, Some(5)), Seen::Card(7), "changed too fast to be seen empty");
        assert_eq!(Seen::of(present | State::MUTE, 7, Some(5)), Seen::Card(7));
        for gone in [State::UNKNOWN, State::UNAVAILABLE, State::IGNORE] {
            assert_eq!(Seen::of(gone | State::CHANGED, 8, Some(5)), Seen::Gone);
        }
    }

    #[test]
    fn stop_is_asked_before_and_between_the_signs_of_life() {
        let (tell, told) = sync_channel(9);
        tell.send(Ok(Seen::Nothing)).unwrap();
        tell.send(Ok(Seen::Nothing)).unwrap();
        tell.send(Ok(Seen::Card(4))).unwrap();
        let asked = Cell::new(0);
        let stop_at = |n| {
            let asked = &asked;
            move || {
                asked.set(asked.get() + 1);
                asked.get() == n
            }
        };
        assert_eq!(wait(&told, &stop_at(2)).unwrap(), Seen::Nothing);
        assert_eq!(asked.get(), 2);
        assert_eq!(wait(&told, &|| false).unwrap(), Seen::Card(4));
        assert_eq!(wait(&told, &|| true).unwrap(), Seen::Nothing);
    }

    #[test]
    fn a_service_that_is_gone_is_an_error() {
        let (tell, told) = sync_channel(2);
        tell.send(Err(Error::NoService)).unwrap();
        assert!(matches!(wait(&told, &|| false), Err(LinkError::Pcsc(Error::NoService))));
        drop(tell);
        assert!(matches!(wait(&told, &|| false), Err(LinkError::PcscBusy(_))), "a thread that died");
    }
}
