//! What a failure means for the shell (an exit code) and for a person (what to do next).

use crate::output;
use cardwright::error::{Error, RequestError};
use cardwright_hsm::KeyLoadError;
use cardwright_keys::journal::JournalError;
use cardwright_keys::keyref::KeyRefError;
use cardwright_link::LinkError;
use cardwright_proto::apdu::ApduError;
use cardwright_proto::gp::put_key::PutKey;
use cardwright_proto::gp::{Command as _, GpError};
use cardwright_proto::scp::ScpError;
use cardwright_proto::status::StatusWord;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Use(#[from] Error),
    /// A key change whose answer was lost: the journal has it.
    #[error("{0}")]
    Interrupted(Error),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    KeyRef(#[from] KeyRefError),
    #[error(transparent)]
    KeyLoad(#[from] KeyLoadError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the new keys are in {0}, which nothing keeps: they would be lost with this process")]
    NotKept(String),
    #[error("no reader was named")]
    NoReader,
    #[error("there is no home directory to keep the journal in")]
    NoStateDir,
    #[error("configuration file {}: {reason}", path.display())]
    Config { path: PathBuf, reason: String },
    #[error("command {0} is no hex: an even number of the digits 0 to 9, A to F")]
    Hex(usize),
    #[error("command {number}: {error}")]
    BadCommand { number: usize, error: ApduError },
    #[error("the card has none of the keys that were tried")]
    NoCandidate,
    /// Responses have been printed already; the last refusal decides.
    #[error("the card refused: {0}")]
    Refused(StatusWord),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("standard output: {0}")]
    Output(std::io::Error),
    #[error("the simulated card lost its power")]
    CardTorn,
}

impl Failure {
    /// Tells the person, or with `--json` the caller, and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        let code = self.exit_code();
        let advice = self.advice();
        eprintln!("error: {self}");
        if let Some(advice) = &advice {
            eprintln!("  next: {advice}");
        }
        // `apdu` has printed its object already, the refused responses in it.
        if json && !matches!(self, Self::Refused(_) | Self::Output(_) | Self::NoCandidate) {
            let error = serde_json::json!({ "code": code, "message": self.to_string(), "next": advice });
            // Nothing more can be done where standard output is gone as well.
            let _ = output::json(&serde_json::json!({ "error": error }));
        }
        ExitCode::from(code)
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Use(error) | Self::Interrupted(error) => code_of(error),
            Self::Link(_) | Self::CardTorn => 3,
            Self::KeyLoad(_) => 8,
            Self::Journal(_) => 9,
            Self::KeyRef(_) | Self::NotKept(_) | Self::NoReader | Self::NoStateDir | Self::Config { .. } => 2,
            Self::Hex(_) | Self::BadCommand { .. } => 2,
            Self::File { .. } | Self::Output(_) => 9,
            Self::NoCandidate => 5,
            Self::Refused(_) => 4,
        }
    }

    fn advice(&self) -> Option<String> {
        let text = match self {
            Self::Use(error) => return advice_on(error),
            Self::Link(error) => return link_advice(error),
            Self::Interrupted(_) => {
                "check the reader and the card, then run the same command again: it finds out from one INITIALIZE UPDATE, offline, which keys the card has"
            }
            Self::NotKept(_) => "write them to a file of mode 0600 and pass file:PATH",
            Self::NoReader => {
                "pass --reader pcsc:NAME-PART, vpcd:PORT or sim:, or set CARDWRIGHT_READER; `cardwright readers` lists PC/SC readers"
            }
            Self::NoStateDir => "pass --state-dir DIR",
            Self::NoCandidate => {
                "nothing was sent after INITIALIZE UPDATE; add candidates with --key, or ask whoever delivered the card"
            }
            Self::Journal(_) => {
                "nothing was sent. Where another cardwright uses it: wait, or give this one a --state-dir of its own"
            }
            Self::CardTorn => "start it again with the same state= to power the card up",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

fn code_of(error: &Error) -> u8 {
    match error {
        Error::Link { .. } => 3,
        Error::Apdu { .. } | Error::EchoMismatch { .. } | Error::NotProved { .. } => 7,
        Error::Gp(error) => match error {
            GpError::Refused { .. } => 4,
            _ => 7,
        },
        Error::Scp { error, .. } => match error {
            ScpError::InitializeRefused(_) | ScpError::Ended(_) => 4,
            ScpError::AuthenticateRefused(_) => 6,
            ScpError::CardCryptogram => 5,
            ScpError::LevelNotSupported { .. } | ScpError::Level(_) | ScpError::Apdu(_) => 2,
            ScpError::Cipher(_) => 8,
            _ => 7,
        },
        Error::SessionOver => 4,
        Error::Vault(_) | Error::Entropy(_) => 8,
        Error::Journal(_) | Error::OtherChangePending { .. } => 9,
        Error::NoMatch { .. } => 5,
        Error::AtRisk { .. } | Error::Blocked(_) => 6,
        Error::Request(_) => 2,
        _ => 1,
    }
}

fn advice_on(error: &Error) -> Option<String> {
    let text = match error {
        Error::Link { error, .. } => return link_advice(error),
        Error::NoMatch { .. } => {
            "nothing was sent after INITIALIZE UPDATE; `cardwright card keys check --key ...` tries other candidates offline"
        }
        Error::Gp(GpError::Refused { command: PutKey::NAME, .. }) => {
            "keep the new keys: a refusal is not authenticated, though the card still answers with the old ones"
        }
        Error::AtRisk { .. } => "find out why it was refused; if the keys are right beyond doubt, pass --accept-risk",
        Error::Blocked(_) => "set the card aside: no host can unblock a key set",
        Error::EchoMismatch { .. } => {
            "set the card aside; the journal keeps both answers. The same command again finds out offline which keys it has"
        }
        Error::NotProved { .. } => {
            "the journal keeps the change open; the same command again finds out offline which keys the card has"
        }
        Error::OtherChangePending { .. } => {
            "finish that change first, with the keys named above as --new; then start this one"
        }
        Error::Request(RequestError::Indistinct) => "choose new keys with another Key-MAC, or another --kvn",
        Error::Request(RequestError::SetExists(_)) => "pass --replace to replace it, or choose another --kvn",
        Error::Request(RequestError::ReplaceInitial) => {
            "leave --replace out: the first set that is added takes the initial keys' place"
        }
        Error::Request(RequestError::SizeChange { .. }) => "add the new set under another --kvn, without --replace",
        Error::Scp { error: ScpError::Counter { .. }, .. } => {
            "do not use the card: it was rolled back, or this is a copy of it. If the journal is another card's, check its --state-dir"
        }
        Error::Scp { error: ScpError::AuthenticateRefused(_), .. } => {
            "it cost the card a try, and is on record; do not repeat it before the cause is known"
        }
        Error::Scp { error: ScpError::InitializeRefused(StatusWord::REFERENCE_NOT_FOUND), .. } => {
            "the card has no key set of that number; `cardwright info` lists those it has"
        }
        Error::Scp { error: ScpError::LevelNotSupported { .. }, .. } => {
            "choose a lower --level, or leave it out for the highest that the card offers"
        }
        Error::Scp { error: ScpError::Apdu(_), .. } => {
            "a longer command goes as an extended-length APDU (Lc in three bytes), with --chain where the card knows no extended length"
        }
        Error::Journal(_) => "nothing more was sent; free the disk or mend the file, then run the same command again",
        _ => return None,
    };
    Some(text.to_owned())
}

fn link_advice(error: &LinkError) -> Option<String> {
    let text = match error {
        LinkError::Lost(_) => {
            "check the reader and the card, then run the same command again: it finds out offline what the card has"
        }
        LinkError::NoReader { .. } => "check the cable and the name; `cardwright readers` lists what there is",
        LinkError::Ambiguous { .. } => "name more of it",
        LinkError::NoCard(_) => "insert a card",
        LinkError::NoVirtualCard { .. } => {
            "start one: `cardwright sim serve --port PORT`, or any vpcd card; --wait says how long to wait"
        }
        LinkError::Pcsc(_) => "is pcscd running? `systemctl start pcscd`",
        LinkError::Uri { .. } => "readers are pcsc:NAME-PART, vpcd:PORT and sim:PROFILE",
        _ => return None,
    };
    Some(text.to_owned())
}
