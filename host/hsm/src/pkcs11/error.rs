//! What can go wrong between this process and a token.

use super::module::TokenName;
use super::uri::{Class, Uri};
use crate::key_file::KeyLoadError;
use cardwright_keys::keyref::Name;
use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a token did not do as asked. No PIN and no key is ever in one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The URI says nothing about a library.
    #[error("`{0}` names no PKCS #11 module: add ?module-path=FILE")]
    NoModule(Box<Uri>),
    /// The library is not there, or is no PKCS #11 module.
    #[error("the PKCS #11 module `{}` cannot be loaded: {reason}", .module.display())]
    Load {
        /// As the URI names it.
        module: PathBuf,
        /// What the loader says.
        reason: String,
    },
    /// The URI is narrowed to objects that are no secret keys.
    #[error("a vault holds secret keys, and the URI asks for type={}", .0.name())]
    NotAKey(Class),
    /// No initialised token fits the URI.
    #[error("no token fits `{uri}`; the module shows {}", listed(.present))]
    NoToken {
        /// As asked for.
        uri: Box<Uri>,
        /// What there is.
        present: Vec<Arc<TokenName>>,
    },
    /// More than one does.
    #[error("`{uri}` fits more than one token: {}; name one by its serial", listed(.matching))]
    ManyTokens {
        /// As asked for.
        uri: Box<Uri>,
        /// Those that fit.
        matching: Vec<Arc<TokenName>>,
    },
    /// The slot holds another token than the one that was opened: the PIN is not given to it.
    #[error("{expected} is no longer in its slot, another token is")]
    OtherToken {
        /// The token that was opened.
        expected: Arc<TokenName>,
    },
    /// `pin-source` is neither `file:PATH` nor `fd:N`.
    #[error("pin-source is neither file:PATH nor fd:N")]
    PinSource,
    /// The PIN could not be read.
    #[error("the PIN of {token} cannot be read: {error}")]
    Pin {
        /// Whose PIN.
        token: Arc<TokenName>,
        /// Why not.
        error: KeyLoadError,
    },
    /// No token has an empty PIN: it would cost a try.
    #[error("the PIN of {0} is empty: it is not tried")]
    PinEmpty(Arc<TokenName>),
    /// The token says that the PIN is wrong. It is not tried again.
    #[error("{0} refused the PIN; it is not tried again")]
    PinWrong(Arc<TokenName>),
    /// It said so before: nothing in this process logs in to it any more.
    #[error("{0} refused a PIN earlier in this run: no other is tried")]
    PinSpent(Arc<TokenName>),
    /// Too many wrong PINs.
    #[error("the user PIN of {0} is locked; its security officer can set a new one")]
    PinLocked(Arc<TokenName>),
    /// One more wrong PIN would lock it.
    #[error("{0} has one try left: a wrong PIN would lock it")]
    PinLastTry(Arc<TokenName>),
    /// The token has no user PIN yet.
    #[error("{0} has no user PIN yet: its security officer has to set one")]
    NoPin(Arc<TokenName>),
    /// Somebody else in this process was logged in, and no longer is; there is no PIN that was seen to work.
    #[error("{0} is logged out, and there is no PIN to log in with again")]
    LoggedOut(Arc<TokenName>),
    /// A call failed.
    #[error("{token}: {}", failed_call(*.function, *.code))]
    Call {
        /// The token.
        token: Arc<TokenName>,
        /// What was called.
        function: Function,
        /// What it gave.
        code: RvError,
    },
    /// A call failed, and the session turned out to be gone, or no longer logged in.
    #[error("{token}: {}, and the session is gone", failed_call(*.function, *.code))]
    Lost {
        /// The token.
        token: Arc<TokenName>,
        /// What was called.
        function: Function,
        /// What it gave.
        code: RvError,
    },
    /// The module's answer is no answer to the call.
    #[error("{token} answered nonsense: {what}")]
    Nonsense {
        /// The token.
        token: Arc<TokenName>,
        /// What came, as in "answered nonsense: ...".
        what: String,
    },
    /// Several objects under one label.
    #[error("{token} has {count} keys with the label `{label}`: which one is meant cannot be told")]
    Ambiguous {
        /// The token.
        token: Arc<TokenName>,
        /// CKA_LABEL.
        label: String,
        /// How many.
        count: usize,
    },
    /// A set of card keys without one of its three, or with keys of several lengths.
    #[error("the set `{key}` in {token} is not whole: {key}.enc, {key}.mac and {key}.dek are needed, of one length")]
    NotWhole {
        /// The token.
        token: Arc<TokenName>,
        /// The set.
        key: Name,
    },
    /// An object whose attributes bind it to no single purpose.
    #[error("`{key}` in {token} is bound to no purpose, its attributes let it {may}")]
    Unbound {
        /// The token.
        token: Arc<TokenName>,
        /// The key.
        key: Name,
        /// What it may do.
        may: String,
    },
    /// An object is still there after C_DestroyObject.
    #[error("`{label}` is still in {token} after it was destroyed")]
    NotDestroyed {
        /// The token.
        token: Arc<TokenName>,
        /// CKA_LABEL.
        label: String,
    },
}

impl TokenError {
    /// From the binding's error, which does not know the token. `lost` says what became of the session.
    pub(super) fn new(token: &Arc<TokenName>, error: Error, lost: impl FnOnce() -> bool) -> Self {
        let token = Arc::clone(token);
        match error {
            Error::Pkcs11(code, function) if is_lost(code) || lost() => Self::Lost { token, function, code },
            Error::Pkcs11(code, function) => Self::Call { token, function, code },
            other => Self::Nonsense { token, what: other.to_string() },
        }
    }

    /// The code that a call gave, where one did.
    #[must_use]
    pub fn code(&self) -> Option<RvError> {
        match self {
            Self::Call { code, .. } | Self::Lost { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the session or the device went away, so that logging in again may help.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// Whether an object's handle is not, or no longer, good.
    pub(super) fn is_stale(&self) -> bool {
        let stale = [RvError::ObjectHandleInvalid, RvError::KeyHandleInvalid, RvError::WrappingKeyHandleInvalid];
        self.code().is_some_and(|code| stale.contains(&code))
    }

    /// Whether the token says that it does not allow something, or does not know it. Anything else leaves open whether
    /// it does.
    pub(super) fn is_refusal(&self) -> bool {
        use RvError as Rv;
        let Self::Call { code, .. } = self else { return false };
        matches!(
            code,
            Rv::ActionProhibited
                | Rv::AttributeReadOnly
                | Rv::AttributeSensitive
                | Rv::AttributeTypeInvalid
                | Rv::AttributeValueInvalid
                | Rv::FunctionNotSupported
                | Rv::KeyFunctionNotPermitted
                | Rv::KeyNotWrappable
                | Rv::KeyTypeInconsistent
                | Rv::KeyUnextractable
                | Rv::MechanismInvalid
                | Rv::MechanismParamInvalid
                | Rv::TemplateInconsistent
                | Rv::UnwrappingKeyTypeInconsistent
                // What Kryoptic says to a wrapping key that is not trusted.
                | Rv::WrappingKeyHandleInvalid
                | Rv::WrappingKeyTypeInconsistent
        )
    }

    /// Whether the token takes no key with such attributes.
    pub(super) fn is_template(&self) -> bool {
        self.code().is_some_and(|code| {
            matches!(
                code,
                RvError::AttributeTypeInvalid
                    | RvError::AttributeValueInvalid
                    | RvError::AttributeReadOnly
                    | RvError::TemplateInconsistent
            )
        })
    }
}

const fn is_lost(code: RvError) -> bool {
    matches!(
        code,
        RvError::SessionHandleInvalid
            | RvError::SessionClosed
            | RvError::UserNotLoggedIn
            | RvError::DeviceRemoved
            | RvError::TokenNotPresent
    )
}

fn listed(tokens: &[Arc<TokenName>]) -> String {
    if tokens.is_empty() {
        return "none".to_owned();
    }
    tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The call and its code, by their names in the standard.
pub(super) fn failed_call(function: Function, code: RvError) -> String {
    format!("C_{function:?} gave {}", code_name(code))
}

/// The code by its name in the standard.
pub(super) fn code_name(code: RvError) -> String {
    match code {
        RvError::VendorDefined(value) => format!("the vendor's own code {value:#010X}"),
        RvError::UnknownErrorCode(value) => format!("the unknown code {value:#010X}"),
        known => {
            let mut name = String::from("CKR");
            for letter in format!("{known:?}").chars() {
                if letter.is_ascii_uppercase() {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
            }
            name
        }
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token `{}` (serial {}, {})", self.label, self.serial, self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::failed_call;
    use cryptoki::context::Function;
    use cryptoki::error::RvError;

    #[test]
    fn names_are_those_of_the_standard() {
        let cases = [
            (RvError::PinIncorrect, "C_Login gave CKR_PIN_INCORRECT"),
            (RvError::SessionReadWriteSoExists, "C_Login gave CKR_SESSION_READ_WRITE_SO_EXISTS"),
            (RvError::VendorDefined(0x8000_0001), "C_Login gave the vendor's own code 0x80000001"),
        ];
        for (code, text) in cases {
            assert_eq!(failed_call(Function::Login, code), text);
        }
    }
}
