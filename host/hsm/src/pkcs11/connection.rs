//! A login to one token, and the sessions under it.

use super::capabilities::Capabilities;
use super::error::TokenError;
use super::module::{Module, Present, TokenName, locked};
use super::objects::{Filter, Found};
use super::pin::{Pin, check_flags};
use cardwright_keys::keyref::Name;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Sessions that nobody works with.
#[derive(Default)]
struct Idle {
    sessions: Vec<Session>,
    /// How often the sessions were forgotten: one that was taken before is not given back.
    generation: u64,
}

/// A token that is logged in to. All vaults on one token in this process share it.
pub(super) struct Connection {
    pub(super) module: Arc<Module>,
    slot: Slot,
    pub(super) name: Arc<TokenName>,
    /// SoftHSM 2.6.1 has races: one call at a time.
    one_at_a_time: bool,
    /// Whether there is a login at all.
    logs_in: bool,
    pin: Mutex<Pin>,
    /// With its last session a token is logged out: this one stays open.
    anchor: Mutex<Option<Session>>,
    idle: Mutex<Idle>,
    /// Token objects by name, as far as a URI shows them. Handles of token objects are good in all sessions.
    pub(super) found: Mutex<HashMap<(Filter, Name), Found>>,
    pub(super) capabilities: Mutex<Option<Arc<Capabilities>>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("token", &self.name).finish_non_exhaustive()
    }
}

impl Connection {
    /// Logs in. `pin` was never tried before; where the token does not take it, nothing in this process tries another.
    pub(super) fn open(module: Arc<Module>, present: Present, pin: Pin) -> Result<Self, TokenError> {
        let connection = Self {
            module,
            slot: present.slot,
            one_at_a_time: present.name.manufacturer.starts_with("SoftHSM"),
            name: present.name,
            logs_in: !matches!(pin, Pin::NotNeeded),
            pin: Mutex::new(pin),
            anchor: Mutex::default(),
            idle: Mutex::default(),
            found: Mutex::default(),
            capabilities: Mutex::default(),
        };
        let (session, generation) = connection.take()?;
        connection.give_back(session, generation);
        Ok(connection)
    }

    /// The right to call the module now. Not to be asked for by one who has it.
    pub(super) fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        self.one_at_a_time.then(|| self.module.turn())
    }

    pub(super) fn failed(&self, error: Error) -> TokenError {
        TokenError::new(&self.name, error, || false)
    }

    /// The error of a call on a session. Tokens do not agree on what they say to one who was logged out (Kryoptic: a
    /// general error), so the session is asked.
    pub(super) fn failed_on(&self, session: &Session, error: Error) -> TokenError {
        TokenError::new(&self.name, error, || !self.is_logged_in(session))
    }

    pub(super) fn is_logged_in(&self, session: &Session) -> bool {
        let state = || session.get_session_info().map(|info| info.session_state());
        !self.logs_in || matches!(state(), Ok(SessionState::RwUser))
    }

    /// A session that is logged in, as far as is known here, and its generation.
    pub(super) fn take(&self) -> Result<(Session, u64), TokenError> {
        let mut idle = locked(&self.idle);
        let generation = idle.generation;
        if let Some(session) = idle.sessions.pop() {
            return Ok((session, generation));
        }
        drop(idle);
        let open = || {
            let _turn = self.turn();
            let session = self.module.pkcs11().open_rw_session(self.slot).map_err(|error| self.failed(error))?;
            self.log_in(&session).map(|()| session)
        };
        let mut anchor = locked(&self.anchor);
        if anchor.is_none() {
            *anchor = Some(open()?);
        }
        drop(anchor);
        open().map(|session| (session, generation))
    }

    /// A session from before the last [`Self::forget`] is closed instead.
    pub(super) fn give_back(&self, session: Session, generation: u64) {
        let mut idle = locked(&self.idle);
        if idle.generation == generation {
            idle.sessions.push(session);
        } else {
            drop(idle);
            self.close(session);
        }
    }

    /// Closes a session that is of no use any more, and with it whatever was made in it.
    pub(super) fn close(&self, session: Session) {
        let _turn = self.turn();
        // It may be gone already, which is why it is closed.
        drop(session.close());
    }

    /// After a lost session: nothing that was known of the token is, and the next session logs in again.
    pub(super) fn forget(&self) {
        let idle = {
            let mut idle = locked(&self.idle);
            idle.generation += 1;
            std::mem::take(&mut idle.sessions)
        };
        let anchor = locked(&self.anchor).take();
        idle.into_iter().chain(anchor).for_each(|session| self.close(session));
        locked(&self.found).clear();
    }

    /// Logs the token in, where it is not: with a PIN that has worked, or at the very first with one that is not known.
    fn log_in(&self, session: &Session) -> Result<(), TokenError> {
        let failed = |error| self.failed(error);
        let mut pin = locked(&self.pin);
        if self.is_logged_in(session) {
            pin.forget_untested();
            return Ok(());
        }
        let token = self.module.pkcs11().get_token_info(self.slot).map_err(failed)?;
        if TokenName::new(&token) != *self.name {
            return Err(TokenError::OtherToken { expected: Arc::clone(&self.name) });
        }
        check_flags(&token, &self.name, &self.module, pin.may_be_last())?;
        let result = match &*pin {
            Pin::NotNeeded => return Ok(()),
            Pin::Foreign => return Err(TokenError::LoggedOut(Arc::clone(&self.name))),
            Pin::Typed { pin, .. } => session.login_with_raw(UserType::User, pin),
            Pin::Pinpad { .. } => session.login(UserType::User, None),
        };
        match result {
            Ok(()) => {
                pin.worked();
                Ok(())
            }
            // By somebody else in this process, a moment ago: this PIN was not looked at.
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                pin.forget_untested();
                Ok(())
            }
            Err(Error::Pkcs11(code, _)) if is_refusal(code) => {
                *pin = Pin::Foreign;
                self.module.refuse(&self.name);
                Err(TokenError::PinWrong(Arc::clone(&self.name)))
            }
            Err(other) => {
                // What became of the PIN nobody knows, and the token may have counted a try: it is not tried again.
                *pin = Pin::Foreign;
                Err(failed(other))
            }
        }
    }
}

/// Whether the token may have counted a try.
const fn is_refusal(code: RvError) -> bool {
    matches!(
        code,
        RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange | RvError::PinLocked | RvError::PinExpired
    )
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.forget();
    }
}
