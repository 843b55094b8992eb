//! Why a ceremony stops.

use super::people::Dice;
use crate::error::Error;
use cardwright_hsm::KeyLoadError;
use cardwright_keys::ceremony::plan::PlanError;
use cardwright_keys::ceremony::transcript::{Malformed, TranscriptError};
use cardwright_keys::ceremony::verify::Refusal;
use cardwright_keys::custody::sealing::OpenError;
use cardwright_keys::share::JoinError;
use cardwright_proto::custody::manifest::{ManifestError, Operation};
use cardwright_proto::custody::share::ShareError;
use std::path::PathBuf;

/// Why a ceremony stops. What was written down before it stays, and the ceremony goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// The system refused something about a file of the ceremony.
    #[error("{} could not be {attempt}: {error}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted, as in "could not be ...".
        attempt: &'static str,
        /// The system's answer.
        error: std::io::Error,
    },
    /// Another process has the directory.
    #[error("another process works with the ceremony in {}", .0.display())]
    InUse(PathBuf),
    /// There is no plan, and none was given.
    #[error("there is no ceremony in {}", .0.display())]
    NoPlan(PathBuf),
    /// The ceremony has another plan than the one given.
    #[error("the ceremony in {} has another plan", .0.display())]
    OtherPlan(PathBuf),
    /// The plan is none.
    #[error("{}: {error}", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: PlanError,
    },
    /// Cards deal among themselves in blind mode alone.
    #[error("the plan's mode is host: cards deal in mode blind only")]
    HostMode,
    /// The host deals in host mode alone.
    #[error("the plan's mode is blind: no share passes through this computer")]
    BlindMode,
    /// Shares make no key, or none that was dealt here.
    #[error(transparent)]
    Shares(#[from] JoinError),
    /// A share cannot be made so.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// What the combiner made is no box of the length that there has to be.
    #[error("what the combiner made is no box")]
    NoBox,
    /// The box does not open.
    #[error("the box with the key does not open: {0}")]
    Box(OpenError),
    /// A key that is to be split has another length than the plan says.
    #[error("the key has {given} bytes, and the plan says {planned}")]
    KeyLength {
        /// What the plan says.
        planned: u8,
        /// What was given.
        given: usize,
    },
    /// A transcript is none.
    #[error("{name}: {error}")]
    Transcript {
        /// The transcript's file.
        name: String,
        /// What is wrong with it.
        error: Malformed,
    },
    /// A transcript that a verifier refuses.
    #[error("{name}: {error}")]
    Refused {
        /// The transcript's file.
        name: String,
        /// Why.
        error: Refusal,
    },
    /// The transcripts are not one chain.
    #[error("{0} does not follow the transcript before it")]
    Chain(String),
    /// A line cannot be written.
    #[error(transparent)]
    Line(#[from] TranscriptError),
    /// An earlier line was not written, so no other one is.
    #[error("an earlier line was not written, so nothing more is")]
    Failed,
    /// The manifest is not well-formed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The plan has no CA's card, and no test CA was asked for.
    #[error("the plan has no card for the CA")]
    NoCa,
    /// The plan has a CA's card, and a test CA was asked for.
    #[error("the plan has a card for the CA, `{0}`: a test CA is for plans without one")]
    TwoCas(String),
    /// The ceremony was begun with the other kind of CA.
    #[error("the ceremony has {} CA", if *test_ca { "a test" } else { "no test" })]
    OtherCa {
        /// What it has.
        test_ca: bool,
    },
    /// The test CA's key is not to be had.
    #[error(transparent)]
    TestCa(#[from] KeyLoadError),
    /// The test CA's file holds no key.
    #[error("{} holds no key of a test CA", .0.display())]
    NoTestCaKey(PathBuf),
    /// An operation that the plan does not have.
    #[error("the plan has no step `{0}`")]
    NotPlanned(Operation),
    /// Nothing was dealt that could be drilled, released or destroyed.
    #[error("nothing has been dealt here")]
    NothingDealt,
    /// A deal is done.
    #[error("the key is dealt already")]
    DealtAlready,
    /// Another operation has not come to its end.
    #[error("{name} is not finished: it is a {operation}")]
    Unfinished {
        /// Its transcript.
        name: String,
        /// What it is.
        operation: Operation,
    },
    /// There is nothing to be given up.
    #[error("no transcript here is unfinished")]
    NothingUnfinished,
    /// All is done of what is to be given up, but for its last line.
    #[error("the {0} is carried out already: only its last line is missing")]
    DoneAfterAll(Operation),
    /// In host mode: a share of another set than the one that is to be destroyed. It stays.
    #[error("{place} has a share of another set")]
    OtherSet {
        /// Where it is.
        place: String,
    },
    /// A deal in host mode stopped: whoever knew the key is gone.
    #[error("{0} was cut off: a deal in host mode cannot be gone on with")]
    CutOff(String),
    /// A key to release to, where nothing is released.
    #[error("an HSM's key is for a release, and this is a {0}")]
    NoRelease(Operation),
    /// Fewer custodians are named than make the key.
    #[error("{named} custodians are named, and it takes {m}")]
    FewNamed {
        /// How many.
        named: usize,
        /// How many make the key.
        m: u8,
    },
    /// What there has to be on record by now, and is not.
    #[error("the transcript does not have what comes before this: {0}")]
    Missing(&'static str),
    /// The combiner's card refuses what a custodian's card sealed to it.
    #[error("the share of custodian {0} is not the one that was dealt, says the combiner's card")]
    BadShare(u8),
    /// A card has gone on to another ceremony meanwhile.
    #[error("card {0}: it approved this manifest, and has another one in hand now")]
    OtherManifest(String),
    /// A release without a key that it goes to.
    #[error("the release has no HSM's key to go to")]
    NoHsm,
    /// The release that was begun is to another key.
    #[error("the release that was begun is to another HSM's key")]
    OtherHsm,
    /// A person did not agree.
    #[error("{0}")]
    Declined(&'static str),
    /// Nobody is there who could be asked.
    #[error("nobody answers: {0}")]
    Nobody(&'static str),
    /// What was typed are no throws of dice, or too few.
    #[error("throws of dice are at least {} digits, 1 to 6", Dice::MIN)]
    Dice,
    /// The card that was put in is another one than the one that was asked for.
    #[error("card {wanted} was asked for: {why}")]
    WrongCard {
        /// The label of the card that was asked for.
        wanted: String,
        /// What is known of the one that was put in.
        why: NotThis,
    },
    /// A card failed, or refused.
    #[error("card {label} ({holder}): {error}")]
    Card {
        /// The card.
        label: String,
        /// Whose it is.
        holder: String,
        /// What failed.
        error: Box<Error>,
    },
    /// What a card said is not good.
    #[error("card {label} ({holder}): {what}")]
    Evidence {
        /// The card.
        label: String,
        /// Whose it is.
        holder: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A card has approved a manifest elsewhere that is as young as this one, or younger.
    #[error("card {label}: it has approved manifest {has} elsewhere, and this one is {manifest}")]
    Sequence {
        /// The card.
        label: String,
        /// Its sequence.
        has: u32,
        /// The manifest's.
        manifest: u32,
    },
    /// A manifest is too far above what a card approved before.
    #[error("card {label}: it is at manifest {has}, and takes none as high as {manifest}")]
    SequenceTooHigh {
        /// The card.
        label: String,
        /// Its sequence.
        has: u32,
        /// The manifest's.
        manifest: u32,
    },
    /// A certificate is on the plan's list of revoked ones.
    #[error("card {0}: its certificate is revoked")]
    Revoked(String),
    /// Too few cards gave their shares. The transcript says so, and is ended.
    #[error("{have} of the {m} shares that are needed: {without}")]
    TooFew {
        /// How many there are.
        have: usize,
        /// How many make the key.
        m: u8,
        /// Who gave none, and what its card says.
        without: String,
    },
    /// A custodian is named that there is not.
    #[error("there is no custodian {0}")]
    NoCustodian(u8),
    /// The key came out with another check value than it was dealt with.
    #[error("the key came out with check value {got}, and was dealt with {dealt}")]
    Kcv {
        /// As whoever took it says.
        got: String,
        /// As the dealer stated.
        dealt: String,
    },
}

/// What is known of a card that was not asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotThis {
    /// It is another card of the plan.
    #[error("this is card {0}")]
    Other(String),
    /// It is none of the plan's cards that are known by now.
    #[error("this card ({}) is another one", hex::encode_upper(.0))]
    Unknown([u8; 8]),
    /// It has no applet.
    #[error("this card has no custodian applet")]
    NoApplet,
}
