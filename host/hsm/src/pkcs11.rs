//! Keys in a token behind PKCS #11, and the derivation chain inside it.
//!
//! - [`uri`]: which module and token (RFC 7512).
//! - [`module`]: modules, each loaded once in a process, and the tokens that they show.
//! - `pin`, `connection`, `bench`: logging in; sessions in a pool; one session at work, which leaves nothing behind.
//! - [`capabilities`]: what the token can do, by trying.
//! - `template`, `hardening`, `objects`, `store`: attributes of keys, keys found again by them, keys made and destroyed.
//! - `derive`, `card_keys`, `session`, `put_key`: master, card keys, session keys, the blocks of PUT KEY.
//! - [`probe`]: what a token can do, and what the same PIN can do to it.
//! - `signer`: an operator's Ed25519 key.
//! - [`error`]: what went wrong in which call to which token.
//!
//! How keys are kept, for what the same PIN can still do:
//!
//! - A master may derive and do nothing else, is sensitive and not extractable; where the token knows
//!   CKA_ALLOWED_MECHANISMS it derives by two mechanisms alone, and where it honours CKA_DERIVE_TEMPLATE it lets nothing
//!   readable be derived. Whether what is derived is extractable is left open, for
//!   the new keys of a card have to be, or C_WrapKey refuses them: so whoever is logged in can have a card's keys
//!   wrapped under a key that he knows. `portable` makes a master that a key can wrap which the security officer
//!   trusts.
//! - A card's keys live for as long as they are worked with, and are not extractable; those for PUT KEY are derived
//!   once more for the wrapping, and destroyed at once. A set that is kept in the token is extractable, for the same
//!   reason.
//! - 3DES masters may encrypt and nothing else: their cards' keys pass through the host.

mod bench;
pub mod capabilities;
mod card_keys;
mod connection;
mod derive;
pub mod error;
mod hardening;
pub mod module;
mod objects;
mod pin;
pub mod probe;
mod put_key;
mod session;
mod signer;
mod store;
mod template;
pub mod uri;

pub use capabilities::Capabilities;
pub use card_keys::TokenKeys;
pub use derive::{LengthForm, Way};
pub use error::TokenError;
pub use module::{Module, TokenName};
pub use put_key::NewKeys;
pub use session::TokenSession;
pub use signer::{SignerError, TokenSigner};
pub use uri::{Uri, UriError};

use crate::key_file::Prompt;
use bench::Bench;
use cardwright_keys::keyref::Name;
use cardwright_keys::vault::VaultError;
use connection::Connection;
use module::locked;
use objects::{Filter, Found};
use pin::Pin;
use std::sync::{Arc, Weak};
use uri::Class;

/// Where session keys are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionKeys {
    /// In the token, where it can work with them there.
    #[default]
    Handles,
    /// In memory, for speed.
    Readable,
}

/// How a token is worked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenOptions {
    /// Where session keys are.
    pub session_keys: SessionKeys,
    /// Log in even where a wrong PIN would lock the token.
    pub last_try: bool,
}

/// A token that is logged in to. Threads can share it; each works on a session of its own.
#[derive(Debug)]
pub struct Token {
    connection: Arc<Connection>,
    options: TokenOptions,
    filter: Filter,
}

fn failed(error: TokenError) -> VaultError {
    VaultError::Failed(Box::new(error))
}

fn token_error(error: &VaultError) -> Option<&TokenError> {
    match error {
        VaultError::Failed(error) => error.downcast_ref(),
        _ => None,
    }
}

/// Finds the token and logs in, unless this process is logged in to it already.
fn connect(uri: &Uri, last_try: bool, prompt: &mut dyn Prompt) -> Result<Arc<Connection>, TokenError> {
    let module = Module::load(uri)?;
    let present = module.find(uri)?;
    // Held until the login is done: two threads that open one token ask for one PIN.
    let mut connections = locked(&module.connections);
    connections.retain(|connection| connection.strong_count() > 0);
    let known = connections.iter().filter_map(Weak::upgrade).find(|known| known.name == present.name);
    let connection = match known {
        Some(known) => known,
        None => {
            let pin = Pin::read(uri, &module, &present, last_try, prompt)?;
            let connection = Arc::new(Connection::open(Arc::clone(&module), present, pin)?);
            connections.push(Arc::downgrade(&connection));
            connection
        }
    };
    Ok(connection)
}

impl Token {
    /// Finds the token and logs in, unless this process is logged in to it already.
    ///
    /// The PIN comes from `pin-source`, from the token's own keypad, or from `prompt`. It is tried once: after a
    /// wrong one nothing in this process logs in to the token again.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn open(uri: &Uri, options: TokenOptions, prompt: &mut dyn Prompt) -> Result<Self, TokenError> {
        if let Some(other) = uri.class.filter(|class| *class != Class::SecretKey) {
            return Err(TokenError::NotAKey(other));
        }
        let connection = connect(uri, options.last_try, prompt)?;
        Ok(Self { connection, options, filter: Filter { label: uri.object.clone(), id: uri.id.clone() } })
    }

    /// What the token says of itself.
    #[must_use]
    pub fn name(&self) -> &TokenName {
        &self.connection.name
    }

    /// What the token can do: tried with throw-away keys the first time, then remembered.
    ///
    /// # Errors
    /// [`TokenError`]
    pub fn capabilities(&self) -> Result<Arc<Capabilities>, TokenError> {
        self.capabilities_on(&Bench::new(&self.connection)?)
    }

    /// Tries what the token can do, and attacks on throw-away keys. No object is left behind.
    ///
    /// # Errors
    /// [`TokenError`] where the token went away.
    pub fn probe(&self) -> Result<probe::Report, TokenError> {
        probe::run(|| Bench::new(&self.connection))
    }

    fn capabilities_on(&self, bench: &Bench) -> Result<Arc<Capabilities>, TokenError> {
        let mut known = locked(&self.connection.capabilities);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        // On a session of its own: refusals are expected, and a session with one is closed.
        let found = Arc::new(Capabilities::probe(&Bench::new(&bench.connection)?)?);
        *known = Some(Arc::clone(&found));
        Ok(found)
    }

    fn found(&self, bench: &Bench, name: &Name) -> Result<Found, VaultError> {
        let key = (self.filter.clone(), name.clone());
        if let Some(known) = locked(&self.connection.found).get(&key) {
            return Ok(known.clone());
        }
        let found = self.filter.find(bench, name).map_err(failed)?;
        let found = found.ok_or_else(|| VaultError::UnknownKey(name.to_string()))?;
        locked(&self.connection.found).insert(key, found.clone());
        Ok(found)
    }

    /// Does what can be done twice without harm, and does it once more where the session was lost, or an object's
    /// handle is no longer good.
    fn again<T>(&self, job: impl Fn() -> Result<T, VaultError>) -> Result<T, VaultError> {
        let result = job();
        match result.as_ref().err().and_then(token_error) {
            Some(error) if error.is_lost() => self.connection.forget(),
            Some(error) if error.is_stale() => locked(&self.connection.found).clear(),
            _ => return result,
        }
        job()
    }
}
