//! The card's end of vpcd: dials in to a reader and answers.

use super::frame::{Control, MAX_BODY};
use super::wire::Wire;
use crate::LinkError;
use crate::virtual_card::{SmartCard, Torn};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two attempts to reach a reader.
const REDIAL: Duration = Duration::from_millis(20);

/// Why [`serve`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The reader hung up, or never listened to the end of a frame.
    ReaderGone,
    /// The card lost its power in the middle of a command. The reader got no answer. The card is off. Before it dials
    /// in again it should stay away for 1.5 s ([`Stop::pause`]), or pcscd may not notice.
    Torn,
    /// [`Stop::stop`] was called.
    Stopped,
}

/// Ends [`serve`] from another thread; clones stop the same card.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    line: Option<TcpStream>,
}

impl Stop {
    /// Hangs up and stays stopped.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        if let Some(line) = state.line.take() {
            // An error says that the line is down already.
            let _ = line.shutdown(Shutdown::Both);
        }
        self.0.1.notify_all();
    }

    /// Waits for `time`, or until stopped: `true` if so.
    #[must_use]
    pub fn pause(&self, time: Duration) -> bool {
        let waited = self.0.1.wait_timeout_while(self.state(), time, |state| !state.stopped);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    /// Remembers the line to hang up; `false` if already stopped.
    fn watch(&self, line: TcpStream) -> bool {
        let mut state = self.state();
        if !state.stopped {
            state.line = Some(line);
        }
        !state.stopped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dials in to the reader at `address`, trying for up to `wait`, and answers until one side goes. The card is off
/// afterwards. Called again, it dials in again.
///
/// # Errors
/// [`LinkError::NoVirtualReader`] where nobody listens; [`LinkError::TooLong`] for an answer that no frame carries: the
/// reader gets none; [`LinkError::Io`] where the socket refuses its options.
pub fn serve(address: SocketAddr, wait: Duration, stop: &Stop, card: &mut dyn SmartCard) -> Result<Ended, LinkError> {
    let Some(stream) = dial(address, wait, stop)? else { return Ok(Ended::Stopped) };
    let failed = |error| LinkError::Io { what: format!("the connection to {address}"), error };
    if !stop.watch(stream.try_clone().map_err(failed)?) {
        return Ok(Ended::Stopped);
    }
    let mut wire = Wire::new(stream, None).map_err(failed)?;
    let result = answer_all(&mut wire, card);
    // Both handles have to go, or the reader does not see that the card went.
    drop(wire);
    let stopped = {
        let mut state = stop.state();
        state.line = None;
        state.stopped
    };
    card.power_off();
    match result? {
        Ended::ReaderGone if stopped => Ok(Ended::Stopped),
        ended => Ok(ended),
    }
}

/// Connects, again and again; `None` if stopped.
fn dial(address: SocketAddr, wait: Duration, stop: &Stop) -> Result<Option<TcpStream>, LinkError> {
    let started = Instant::now();
    loop {
        let left = wait.saturating_sub(started.elapsed()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(Some(stream)),
            Err(_) if started.elapsed() >= wait => {
                return Err(LinkError::NoVirtualReader { address, waited: wait });
            }
            Err(_) if stop.pause(REDIAL) => return Ok(None),
            Err(_) => {}
        }
    }
}

/// Serves one connection to its end.
fn answer_all(wire: &mut Wire, card: &mut dyn SmartCard) -> Result<Ended, LinkError> {
    let mut body = Vec::new();
    let mut response = Vec::new();
    // A frame that breaks off is a reader that went, as is a connection that was reset.
    while let Ok(true) = wire.receive(&mut body) {
        let sent = match body[..] {
            [] => Ok(()),
            [byte] => control(wire, card, Control::from_byte(byte)),
            _ => match card.process(&body, &mut response) {
                Ok(()) if response.len() > MAX_BODY => return Err(LinkError::TooLong(response.len())),
                Ok(()) => wire.send(&response),
                Err(Torn) => return Ok(Ended::Torn),
            },
        };
        if sent.is_err() {
            break;
        }
    }
    Ok(Ended::ReaderGone)
}

/// Obeys a control message. One that vpcd does not define is passed over, as other virtual cards do.
fn control(wire: &mut Wire, card: &mut dyn SmartCard, control: Option<Control>) -> io::Result<()> {
    match control {
        Some(Control::PowerOff) => card.power_off(),
        Some(Control::PowerOn | Control::Reset) => card.power_on(),
        Some(Control::Atr) => wire.send(card.atr())?,
        None => {}
    }
    Ok(())
}
