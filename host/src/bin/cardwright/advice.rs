//! What a failure means for the shell (an exit code) and for a person (what to do next).

pub(crate) mod approval;
mod life;
mod vault;

use crate::batch::advice::{self as batch, JobFailure};
use crate::ceremony::advice as ceremony;
use crate::custodian::advice as custodian;
use crate::output;
use cardwright::audit_file::LineError;
use cardwright::ceremony::hsm_key::HsmKeyError;
use cardwright::control::ControlError;
use cardwright::control::job::JobError;
use cardwright::custodian::CustodianError;
use cardwright::error::{Error, RequestError};
use cardwright::share_file::ShareFileError;
use cardwright_hsm::pkcs11::{TokenError, UriError};
use cardwright_hsm::{KeyLoadError, NoRandomness, VaultFileError};
use cardwright_keys::ceremony::verify::Refusal as TranscriptRefusal;
use cardwright_keys::diversify::{InputError, MethodError, RunError};
use cardwright_keys::journal::JournalError;
use cardwright_keys::keyref::{KeyRefError, Name, NameError, VaultKey};
use cardwright_keys::vault::VaultError;
use cardwright_link::LinkError;
use cardwright_proto::apdu::ApduError;
use cardwright_proto::custody::{PinError, PinRefused};
use cardwright_proto::gp::key::Kvn;
use cardwright_proto::gp::put_key::PutKey;
use cardwright_proto::gp::{Command as _, GpError};
use cardwright_proto::scp::ScpError;
use cardwright_proto::status::StatusWord;
use cardwright_registry::lines::LineError as CardLineError;
use cardwright_registry::{Added, RegistryError};
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
    ShareFile(#[from] ShareFileError),
    /// The text is not repeated: it may be a PIN typed by mistake.
    #[error("no source of a PIN: write prompt, fd:N or file:PATH; a PIN itself is never given on the command line")]
    PinSource,
    #[error("{from}: {error}")]
    Pin { from: String, error: PinError },
    #[error("the new PIN was not typed twice the same")]
    PinsDiffer,
    #[error("no source of a passphrase: write prompt, fd:N or file:PATH; a passphrase itself is never given")]
    Passphrase,
    #[error("the new passphrase was not typed twice the same")]
    PassphrasesDiffer,
    #[error("--memory and --passes belong to --kdf argon2id, --iterations to --kdf pbkdf2")]
    MixedKdf,
    #[error("the configuration names no vault `{0}`")]
    NoVault(Name),
    #[error("the configuration's `[vault.{0}]` has no fit name: {NameError}")]
    VaultName(String),
    #[error("vault {0} is a token, not a file: it has no passphrase")]
    NotSoft(Name),
    #[error("`{0}` names no place for a key here")]
    NotAPlace(String),
    #[error("no diversification is named")]
    NoScheme,
    #[error("two diversifications are named: one in front of the key reference, one with --scheme")]
    TwoSchemes,
    #[error("the algorithm has no check value for keys of that length")]
    NoCheckValue,
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Method(#[from] MethodError),
    #[error(transparent)]
    Derive(#[from] RunError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("there is no key `vault:{0}`")]
    NoKey(VaultKey),
    #[error("vault {0} was unlocked by a process that is gone")]
    NotUnlocked(Name),
    #[error("the command could not be run with the vault unlocked: {0}")]
    Unlock(std::io::Error),
    /// The command has said what it had to say.
    #[error("the command ended with {0}")]
    Child(u8),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    VaultFile(#[from] VaultFileError),
    #[error(transparent)]
    Operator(#[from] approval::OperatorFailure),
    #[error(transparent)]
    Batch(#[from] JobFailure),
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Printed already.
    #[error("the token does not hold the profile `{0}`")]
    ProfileBroken(&'static str),
    #[error(transparent)]
    TokenUri(#[from] UriError),
    #[error("nothing was destroyed: that it is meant was not confirmed")]
    NotConfirmed,
    /// The card still has it.
    #[error("the share was read, and could not be kept: {0}")]
    NotWritten(ShareFileError),
    /// What was asked for is done, and printed.
    #[error("done; the card's state afterwards is unknown: {0}")]
    Partly(Error),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Job(#[from] JobError),
    /// What went before it is made.
    #[error("done; the cards could not be listed: {0}")]
    NotListed(JobError),
    #[error("{error}; {} new and {} changed cards were written before it", added.new, added.changed)]
    ImportStopped { added: Added, error: Box<Failure> },
    #[error("journal file {} is in use by another process, of an earlier version", .0.display())]
    JournalInUse(PathBuf),
    #[error("journal file {}: {error}", path.display())]
    OldJournal { path: PathBuf, error: LineError },
    #[error("`vault:{0}` names a version: they are numbered by themselves")]
    Numbered(VaultKey),
    #[error("{} is no regular file: it is read twice, so that nothing is written before every line is good", .0.display())]
    NoFile(PathBuf),
    #[error("the file changed while it was read")]
    FileChanged,
    #[error("the file cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error("no card on record begins so")]
    NoCard,
    #[error("more than one card on record begins so")]
    ManyCards,
    #[error(transparent)]
    CardLine(#[from] CardLineError),
    #[error("`vault:{key}` cannot be taken on before `vault:{next}`")]
    Gap { key: VaultKey, next: VaultKey },
    /// They are printed already.
    #[error("{0} findings: registry and vaults do not agree, or something is unfinished")]
    Findings(usize),
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
    #[error("the candidates name more than one key set: one INITIALIZE UPDATE asks for one")]
    MixedSets,
    #[error("the new keys are named with @{0}: the set that they go to is what --kvn says")]
    KvnOfNew(Kvn),
    #[error("the card has none of the keys that were tried")]
    NoCandidate,
    /// Responses have been printed already; the last refusal decides.
    #[error("the card refused: {0}")]
    Refused(StatusWord),
    #[error("{} exists already: the demo wants a new directory", .0.display())]
    Exists(PathBuf),
    /// Printed with the responses that came before it, where the output is JSON.
    #[error("{0}")]
    Stopped(Error),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("standard output: {0}")]
    Output(std::io::Error),
    #[error("the simulated card lost its power")]
    CardTorn,
    /// A ceremony that stopped in the middle. What is done stays, and is on record.
    #[error("{0}")]
    Unfinished(Box<Failure>),
    #[error("the plan has no card `{0}`")]
    NoSuchCard(String),
    #[error("the plan has no card for this custodian, and no directory of share files is named")]
    NoShares,
    #[error("the plan has cards of custodians, and no keys of their secure channels are named")]
    NoCardKey,
    #[error("no vault is named for the key")]
    NoTarget,
    #[error("three keys cannot be split as one")]
    KeySet,
    #[error("{}: {error}", path.display())]
    HsmKey { path: PathBuf, error: HsmKeyError },
    #[error("{} exists already: a file is never overwritten", .0.display())]
    FileExists(PathBuf),
    #[error("{0} wants 64 hexadecimal digits, or 13 words where it is a fingerprint")]
    Fingerprint(&'static str),
    #[error("{}: {refusal}", path.display())]
    TranscriptRefused { path: PathBuf, refusal: TranscriptRefusal },
}

impl Failure {
    /// Tells the person, or with `--json` the caller, and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if let Self::Child(code) = self {
            return ExitCode::from(*code);
        }
        // Names of readers and files, and what cards and journals say, are other people's text.
        let safe = self.to_string().lines().map(output::harmless).collect::<Vec<_>>().join("\n");
        eprintln!("error: {safe}");
        if let Some(advice) = self.advice() {
            eprintln!("  next: {advice}");
        }
        // These have printed their object already.
        let printed = matches!(self, Self::Batch(failure) if failure.is_printed());
        if json
            && !printed
            && !matches!(
                self,
                Self::ProfileBroken(_)
                    | Self::Refused(_)
                    | Self::Stopped(_)
                    | Self::Output(_)
                    | Self::NoCandidate
                    | Self::Findings(_)
                    | Self::Partly(_)
            )
        {
            // Nothing more can be done where standard output is gone as well.
            let _ = output::json(&serde_json::json!({ "error": self.json() }));
        }
        ExitCode::from(self.exit_code())
    }

    /// The same for a program.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "code": self.exit_code(), "message": self.to_string(), "next": self.advice() })
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Use(error) | Self::Interrupted(error) | Self::Stopped(error) => code_of(error),
            Self::KeyRef(_) | Self::NotKept(_) | Self::NoReader | Self::NoStateDir | Self::Config { .. } => 2,
            Self::Hex(_) | Self::BadCommand { .. } | Self::MixedSets | Self::KvnOfNew(_) | Self::Exists(_) => 2,
            Self::Passphrase | Self::PassphrasesDiffer | Self::MixedKdf | Self::NotAPlace(_) => 2,
            Self::NoVault(_) | Self::VaultName(_) | Self::NotSoft(_) | Self::TokenUri(_) => 2,
            Self::NoScheme | Self::TwoSchemes | Self::NoCheckValue => 2,
            Self::Input(_) | Self::Method(_) | Self::Derive(_) => 2,
            Self::Randomness(_) => 8,
            Self::NoKey(_) | Self::NotUnlocked(_) | Self::Unlock(_) => 8,
            Self::Vault(error) => vault::exit_code(error),
            Self::VaultFile(error) => vault::exit_code_of_file(error),
            Self::Token(_) | Self::ProfileBroken(_) => 8,
            Self::Operator(error) => error.exit_code(),
            Self::Batch(error) => error.exit_code(),
            Self::Child(code) => *code,
            Self::PinSource | Self::Pin { .. } | Self::PinsDiffer | Self::NotConfirmed => 2,
            Self::Link(LinkError::Uri { .. }) => 2,
            Self::Link(_) | Self::CardTorn => 3,
            Self::Refused(_) => 4,
            Self::NoCandidate => 5,
            Self::KeyLoad(KeyLoadError::Exists(_) | KeyLoadError::InVault(_)) => 2,
            Self::ShareFile(ShareFileError::File(_)) | Self::KeyLoad(_) => 8,
            Self::ShareFile(_) => 2,
            Self::NotWritten(_) => 8,
            Self::Journal(_)
            | Self::File { .. }
            | Self::Output(_)
            | Self::OldJournal { .. }
            | Self::JournalInUse(_) => 9,
            Self::Registry(_) | Self::Job(_) | Self::Findings(_) => 9,
            Self::NoFile(_) | Self::FileChanged | Self::Unreadable(_) => 2,
            Self::NoCard | Self::ManyCards | Self::CardLine(_) | Self::Gap { .. } => 2,
            Self::Control(error) => life::exit_code(error),
            Self::Numbered(_) => 2,
            // A card that is lost, and evidence that is not good, are not gone on with in the same way.
            Self::Unfinished(error) => match error.exit_code() {
                code @ (6 | 7) => code,
                _ => 10,
            },
            Self::NoShares | Self::NoCardKey | Self::NoTarget | Self::KeySet => 2,
            Self::NoSuchCard(_) | Self::HsmKey { .. } | Self::FileExists(_) | Self::Fingerprint(_) => 2,
            Self::TranscriptRefused { .. } => 7,
            Self::Partly(_) | Self::NotListed(_) => 10,
            Self::ImportStopped { added, error } => {
                if *added == Added::default() {
                    error.exit_code()
                } else {
                    10
                }
            }
        }
    }

    fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Use(error) | Self::Stopped(error) => return advice_on(error),
            Self::Link(error) => return link_advice(error),
            Self::Interrupted(_) => INTERRUPTED,
            Self::NotKept(_) => "write them to a file of mode 0600 and pass file:PATH",
            Self::Vault(error) => return vault::advice(error),
            Self::VaultFile(error) => return vault::advice_on_file(error),
            Self::Operator(error) => return error.advice(),
            Self::Batch(error) => return error.advice(),
            Self::Token(error) => return vault::advice_on_token(error),
            Self::NoScheme | Self::Method(_) => "`cardwright key derive --help` lists the methods",
            Self::NoVault(_) => vault::NO_VAULT,
            Self::NotUnlocked(_) => "run `cardwright vault unlock` again",
            Self::NoReader => NO_READER,
            Self::NoStateDir => "pass --state-dir DIR",
            Self::NotConfirmed => "type `yes` at the terminal, or pass --yes",
            Self::Partly(_) => {
                "it is done, and not to be done again; `cardwright custodian info` shows the card's state"
            }
            Self::NotWritten(_) => "the card still has it: run the same command again with another --out",
            Self::MixedSets => "check one key set at a time",
            Self::NoCandidate => NO_CANDIDATE,
            Self::Journal(_) | Self::JournalInUse(_) => IN_USE,
            Self::Registry(error) => return life::advice_on_registry(error),
            Self::Job(JobError::Registry(error)) => return life::advice_on_registry(error),
            Self::Control(error) => return life::advice(error),
            Self::NotListed(_) => "it is not to be done again: `cardwright cards job KEY --out FILE` lists them",
            Self::ImportStopped { .. } => "mend the file and import it again: what is known already does no harm",
            Self::Numbered(_) => "leave the number out: `cardwright key rotate` makes the next version",
            Self::Unfinished(error) => {
                return error.advice().or(Some(
                    "the same command again goes on from there; `cardwright ceremony status` shows how far it is",
                ));
            }
            Self::NoShares => "pass --shares DIR, or put cards of custodians into the plan",
            Self::NoCardKey => "pass --key KEYREF",
            Self::NoTarget => "pass --into vault:NAME/KEY",
            Self::HsmKey { .. } => "export the HSM's public key as SubjectPublicKeyInfo, in PEM or DER",
            Self::TranscriptRefused { .. } => {
                "do not rely on what was done: find out who changed the transcript, or which card"
            }
            Self::NoSuchCard(_) => "`cardwright ceremony plan FILE` shows the labels of a plan",
            Self::CardTorn => "start it again with the same state= to power the card up",
            _ => return None,
        })
    }
}

const INTERRUPTED: &str = "check the reader and the card, then run the same command again: it finds out from one INITIALIZE \
    UPDATE, offline, which keys the card has";
const NO_READER: &str = "pass --reader pcsc:NAME-PART, vpcd:PORT or sim:, or set CARDWRIGHT_READER; `cardwright readers` \
    lists PC/SC readers";
const NO_CANDIDATE: &str = "nothing was sent after INITIALIZE UPDATE; add candidates with --key, or ask whoever delivered \
    the card";
const IN_USE: &str =
    "nothing was sent. Where another cardwright uses it: wait, or give this one a --state-dir of its own";

pub(crate) fn code_of(error: &Error) -> u8 {
    match error {
        Error::Batch(error) => batch::exit_code(error),
        Error::Ceremony(error) => ceremony::exit_code(error),
        Error::Link { error: LinkError::Uri { .. }, .. } | Error::Request(_) => 2,
        Error::Link { .. } => 3,
        Error::Gp(GpError::Pin { refused: PinRefused::WrongAndBlocked, .. }) => 6,
        Error::Custodian(error) => code_of_custodian(error),
        Error::Gp(GpError::Pin { .. } | GpError::Refused { .. }) | Error::SessionOver => 4,
        Error::NoMatch { .. } => 5,
        Error::AtRisk { .. } | Error::Blocked(_) => 6,
        Error::Apdu { .. } | Error::Gp(_) | Error::NotProved { .. } => 7,
        Error::EchoMismatch { .. } | Error::MismatchOnRecord { .. } => 7,
        Error::Vault(error) => vault::exit_code(error),
        Error::Control(error) => life::exit_code(error),
        Error::Signer(_) => 8,
        Error::Entropy(_) => 8,
        Error::Journal(_) | Error::OtherChangePending { .. } => 9,
        Error::Scp { error, .. } => match error {
            ScpError::LevelNotSupported { .. } | ScpError::Level(_) => 2,
            ScpError::Apdu(ApduError::TooLong { .. } | ApduError::AlreadySecured(_) | ApduError::Class(_)) => 2,
            ScpError::InitializeRefused(_) | ScpError::Ended(_) => 4,
            ScpError::CardCryptogram => 5,
            ScpError::AuthenticateRefused(_) => 6,
            ScpError::Cipher(_) => 8,
            _ => 7,
        },
        _ => 1,
    }
}

const fn code_of_custodian(error: &CustodianError) -> u8 {
    match error {
        CustodianError::Version(_) => 2,
        CustodianError::Blocked => 6,
        CustodianError::OtherShare => 7,
        _ => 4,
    }
}

pub(crate) fn advice_on(error: &Error) -> Option<&'static str> {
    if let Some(advice) = custodian::after_a_lost_answer(error) {
        return Some(advice);
    }
    Some(match error {
        Error::Link { error, .. } => return link_advice(error),
        Error::Request(error) => return request_advice(error),
        Error::Scp { error, .. } => return channel_advice(error),
        Error::NoMatch { .. } => {
            "nothing was sent after INITIALIZE UPDATE; `cardwright card keys check --key ...` tries other candidates offline"
        }
        Error::Gp(GpError::Refused { command: PutKey::NAME, .. }) => {
            "keep the new keys: a refusal is not authenticated, though the card still answers with the old ones"
        }
        Error::Gp(GpError::Pin { refused, .. }) => custodian::wrong_pin(*refused),
        Error::Custodian(error) => return custodian::advice(error),
        Error::Batch(error) => return batch::advice(error),
        Error::Ceremony(error) => return ceremony::advice(error),
        Error::Vault(error) => return vault::advice(error),
        Error::Control(error) => return life::advice(error),
        Error::AtRisk { .. } => "find out why it was refused; if the keys are right beyond doubt, pass --accept-risk",
        Error::Blocked(_) => "set the card aside: no host can unblock a key set",
        Error::EchoMismatch { .. } => {
            "set the card aside; the journal keeps both answers. The same command again finds out offline which keys it has"
        }
        Error::MismatchOnRecord { .. } => {
            "set the card aside; to try once more although nobody knows why, pass --abandon-pending"
        }
        Error::NotProved { .. } => {
            "the journal keeps the change open; the same command again finds out offline which keys the card has"
        }
        Error::OtherChangePending { .. } => {
            "finish that change first, with the keys named above as --new; or give it up with --abandon-pending"
        }
        Error::Journal(_) => "nothing more was sent; free the disk or mend the file, then run the same command again",
        _ => return None,
    })
}

pub(crate) const SAME_SIZE: &str = "this card's keys cannot wrap stronger ones: choose new keys of the same size";

fn request_advice(error: &RequestError) -> Option<&'static str> {
    Some(match error {
        RequestError::Indistinct => "choose new keys with another Key-MAC, or another --kvn",
        RequestError::SetExists(_) => "pass --replace to replace it, or choose another --kvn",
        RequestError::ReplaceInitial => {
            "leave --replace out: the first set that is added takes the initial keys' place"
        }
        RequestError::SizeChange { old, new } if new > old => SAME_SIZE,
        RequestError::SizeChange { .. } => "add the new set under another --kvn, without --replace",
        _ => return None,
    })
}

fn channel_advice(error: &ScpError) -> Option<&'static str> {
    Some(match error {
        ScpError::Counter { .. } => {
            "do not use the card: it was rolled back, or this is a copy of it. If the journal is another card's, check its --state-dir"
        }
        ScpError::AuthenticateRefused(_) => {
            "it cost the card a try, and is on record; do not repeat it before the cause is known"
        }
        ScpError::InitializeRefused(StatusWord::REFERENCE_NOT_FOUND) => {
            "the card has no key set of that number; `cardwright info` lists those it has"
        }
        ScpError::LevelNotSupported { .. } => {
            "choose a lower --level, or leave it out for the highest that the card offers"
        }
        ScpError::Ended(_) => "open a new session: this one is over, and its keys are wiped",
        ScpError::Apdu(ApduError::TooLong { .. }) => {
            "a longer command goes as an extended-length APDU (Lc in three bytes), with --chain where the card knows no extended length"
        }
        _ => return None,
    })
}

fn link_advice(error: &LinkError) -> Option<&'static str> {
    Some(match error {
        LinkError::Lost(_) => {
            "check the reader and the card, and look what the card has before the command is repeated"
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
    })
}
