//! The user PIN: where it comes from, and when it may be tried.

use super::error::TokenError;
use super::module::{Module, Present, TokenName};
use super::uri::Uri;
use crate::key_file::{Prompt, SecretSource};
use cryptoki::slot::TokenInfo;
use cryptoki::types::RawAuthPin;
use std::sync::Arc;

/// What a token is logged in with.
pub(super) enum Pin {
    /// The token asks for none.
    NotNeeded,
    /// Somebody else in this process is logged in: nothing to log in with again.
    Foreign,
    /// A PIN. Wiped on drop.
    Typed {
        pin: RawAuthPin,
        /// Whether the token has taken it.
        worked: bool,
        /// Whether it may be tried where a wrong one would lock the token.
        last_try: bool,
    },
    /// Typed at the token itself.
    Pinpad {
        /// As in [`Self::Typed`].
        last_try: bool,
    },
}

impl Pin {
    /// Reads the PIN; asks for it where the URI says nothing of a source.
    pub(super) fn read(
        uri: &Uri,
        module: &Module,
        present: &Present,
        last_try: bool,
        prompt: &mut dyn Prompt,
    ) -> Result<Self, TokenError> {
        let (token, name) = (&present.token, &present.name);
        if !token.login_required() {
            return Ok(Self::NotNeeded);
        }
        check_flags(token, name, module, last_try)?;
        if token.protected_authentication_path() {
            prompt.notice(&format!("Type the PIN of {name} at its own keypad"));
            return Ok(Self::Pinpad { last_try });
        }
        let source = match uri.pin_source.as_deref().map(str::parse) {
            None => SecretSource::Prompt,
            Some(Ok(source @ (SecretSource::File(_) | SecretSource::Fd(_)))) => source,
            Some(_) => return Err(TokenError::PinSource),
        };
        if token.user_pin_count_low() {
            prompt.notice(&format!("{name} was given a wrong PIN since the last right one"));
        }
        let read = source.read(&format!("PIN of {name}"), prompt);
        let mut read = read.map_err(|error| TokenError::Pin { token: Arc::clone(name), error })?;
        if read.is_empty() {
            return Err(TokenError::PinEmpty(Arc::clone(name)));
        }
        let pin = RawAuthPin::new(Box::new(std::mem::take(&mut *read)));
        Ok(Self::Typed { pin, worked: false, last_try })
    }

    pub(super) const fn may_be_last(&self) -> bool {
        matches!(self, Self::Typed { last_try: true, .. } | Self::Pinpad { last_try: true })
    }

    /// The token has taken it.
    pub(super) const fn worked(&mut self) {
        if let Self::Typed { worked, .. } = self {
            *worked = true;
        }
    }

    /// An untested PIN may be wrong: it is not kept for later.
    pub(super) fn forget_untested(&mut self) {
        if matches!(self, Self::Typed { worked: false, .. }) {
            *self = Self::Foreign;
        }
    }
}

/// Whether logging in can be tried at all.
pub(super) fn check_flags(
    token: &TokenInfo,
    name: &Arc<TokenName>,
    module: &Module,
    last_try: bool,
) -> Result<(), TokenError> {
    let name = || Arc::clone(name);
    if module.has_refused(&name()) {
        return Err(TokenError::PinSpent(name()));
    }
    if !token.user_pin_initialized() {
        return Err(TokenError::NoPin(name()));
    }
    if token.user_pin_locked() {
        return Err(TokenError::PinLocked(name()));
    }
    if token.user_pin_final_try() && !last_try {
        return Err(TokenError::PinLastTry(name()));
    }
    Ok(())
}
