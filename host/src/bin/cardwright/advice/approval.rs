//! What goes wrong with operators and approvals, for the shell and for a person.

use cardwright_hsm::operator_key::{FileError, NoOperatorKeyRef};
use cardwright_hsm::{KeyLoadError, OperatorKeyError};
use cardwright_keys::approval::{OperatorError, PolicyError, PublicKey, Refusal, Reject};
use cardwright_keys::keyref::Name;
use std::path::PathBuf;

/// Why a command about operators or approvals ends without success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperatorFailure {
    #[error("the configuration names no operators file")]
    NoOperatorsFile,
    /// The policy or the operators: both are believed, and so looked at before.
    #[error("`{}` is not believed: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("`{}` could not be written: {error}", path.display())]
    Write { path: PathBuf, error: std::io::Error },
    #[error("the operators could not be written: {0}")]
    Encode(toml::ser::Error),
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error("without {name} the policy cannot be kept: {}", listed(.unkept))]
    Needed { name: Name, unkept: Vec<PolicyError> },
    #[error("the configuration does not say who you are")]
    Nobody,
    #[error("nothing says which key it is to be signed with")]
    NoKey,
    #[error(transparent)]
    KeyRef(NoOperatorKeyRef),
    #[error(transparent)]
    Key(OperatorKeyError),
    #[error("there is no operator {0}")]
    Unknown(Name),
    #[error("this is not the key of operator {name}: that is {expected}, and this {found}")]
    OtherKey { name: Name, expected: PublicKey, found: PublicKey },
    #[error("there is no policy, and so no dual control: nothing waits for approval")]
    Alone,
    #[error("a request is named by at least {least} of its 32 digits, 0 to 9 and a to f", least = super::super::approve::LEAST)]
    Prefix,
    #[error("no request begins with {0}")]
    NoRequest(String),
    #[error("{count} requests begin with {prefix}")]
    ManyRequests { prefix: String, count: usize },
    #[error("{name} cannot approve this: {why}")]
    CannotApprove { name: Name, why: Reject },
    #[error("{0} has signed this request already")]
    Signed(Name),
    #[error("this request can no longer be approved: {0}")]
    Over(Refusal),
    #[error("nothing was signed: that it is meant was not confirmed")]
    NotConfirmed,
}

fn listed(unkept: &[PolicyError]) -> String {
    unkept.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl OperatorFailure {
    pub(crate) fn from_file(error: FileError) -> Self {
        Self::Key(error.into())
    }

    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::Key(OperatorKeyError::File(FileError::File(KeyLoadError::Exists(_)) | FileError::TooShort(_))) => 2,
            Self::Key(_) | Self::OtherKey { .. } => 8,
            Self::File { .. } | Self::Write { .. } => 9,
            Self::CannotApprove { .. } | Self::Signed(_) | Self::Over(_) => 11,
            _ => 2,
        }
    }

    pub(super) const fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoOperatorsFile => "write `[approvals]` with `operators = \"FILE\"` into the configuration file",
            Self::File { .. } => "put it right, and look who may write it: whoever can decides who approves",
            Self::Needed { .. } => "add somebody first; where the key is in wrong hands, pass --yes",
            Self::Nobody => {
                "write `[operator]` with `name` and `key` into the configuration file, or pass --as and --key"
            }
            Self::NoKey => "pass --key, or write `key` into `[operator]` of the configuration file",
            Self::Unknown(_) => "`cardwright operator list` lists them",
            Self::OtherKey { .. } => "name the operator's own key with --key; nothing signed with another would count",
            Self::NoRequest(_) | Self::ManyRequests { .. } | Self::Prefix => "`cardwright approve list` lists them",
            Self::CannotApprove { .. } => "ask somebody else; `cardwright operator list` shows who has which role",
            Self::Over(_) => "whoever needs it asks again, by the same command",
            Self::NotConfirmed => "type `yes` at the terminal, or pass --yes",
            Self::Key(OperatorKeyError::File(FileError::WrongPassphrase(_))) => {
                "type it again; nothing counts wrong ones"
            }
            Self::Key(OperatorKeyError::File(FileError::NotEncrypted(_))) => {
                "put it under one: `openssl pkcs8 -topk8 -iter 600000 -in FILE -out NEW`, and destroy the old file"
            }
            _ => return None,
        })
    }
}
