//! What a verifier refuses, and why.

use super::super::plan::{CeremonyMode, PlanError};
use super::super::transcript::{Fault, Malformed};
use cardwright_proto::custody::certificate::Roles;
use cardwright_proto::custody::manifest::{Operation, Place};

/// The first failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, check {check}: {why}")]
pub struct Refusal {
    /// The line, from 1.
    pub line: usize,
    /// The check, 1 to 16 ("What a verifier checks" in `docs/protocol/transcript.md`).
    pub check: u8,
    /// What is wrong.
    pub why: Why,
}

/// The first failure in several transcripts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("transcript {transcript}, {refusal}")]
pub struct AmongAll {
    /// Which transcript, from 1.
    pub transcript: usize,
    /// The failure.
    pub refusal: Refusal,
}

impl From<Malformed> for Refusal {
    fn from(Malformed { line, fault }: Malformed) -> Self {
        Self { line, check: fault.check(), why: Why::Malformed(fault) }
    }
}

/// A failure in the line at hand.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) check: u8,
    pub(super) why: Why,
}

/// Fails a check unless something holds.
pub(super) fn ensure(holds: bool, check: u8, why: Why) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(Failed { check, why }) }
}

/// Fails a check for the first that does not hold.
pub(super) fn first<const N: usize>(
    held: [(bool, &'static str); N],
    check: u8,
    why: fn(&'static str) -> Why,
) -> Result<(), Failed> {
    held.into_iter().find(|(held, _)| !held).map_or(Ok(()), |(_, what)| ensure(false, check, why(what)))
}

/// What is wrong. Kinds are those of records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// The line by itself, or its place in the chain.
    #[error(transparent)]
    Malformed(Fault),
    /// It hangs together, and is not the one that the people saw.
    #[error("the head is not the one that was given: a line was changed, added, or left out")]
    Head,
    /// The first line is something else.
    #[error("it does not begin with `start`")]
    NoStart,
    /// It hangs on another transcript.
    #[error("it does not hang on the transcript before")]
    Prev,
    /// What there is only one of.
    #[error("there is a second `{0}`")]
    Second(&'static str),
    /// Something behind the end.
    #[error("`{0}` is behind the end")]
    BehindEnd(&'static str),
    /// What the mode does not have.
    #[error("`{kind}` is not for mode {mode}")]
    NotInMode {
        /// The kind.
        kind: &'static str,
        /// The mode.
        mode: CeremonyMode,
    },
    /// What the operation does not have.
    #[error("`{kind}` is not for the operation {operation}")]
    NotInOperation {
        /// The kind.
        kind: &'static str,
        /// The operation.
        operation: Operation,
    },
    /// What comes too early.
    #[error("`{kind}` is before `{wanted}`{}", of(*.place))]
    Before {
        /// The kind.
        kind: &'static str,
        /// What it has to be behind.
        wanted: &'static str,
        /// Whose.
        place: Option<Place>,
    },
    /// What comes too late.
    #[error("`{kind}` is behind `{barrier}`")]
    Behind {
        /// The kind.
        kind: &'static str,
        /// What it has to be before.
        barrier: &'static str,
    },
    /// What was asked for again, and says something else.
    #[error("`{0}` says something else than the one before")]
    Differs(&'static str),
    /// 65 bytes, and not on the curve.
    #[error("the point in `{0}` is not on the curve")]
    Point(&'static str),
    /// What has to be another one each time.
    #[error("the key or point in `{0}` was there before")]
    KeyTwice(&'static str),
    /// Another CA than the one that was vouched for.
    #[error("the CA is not the one that was given")]
    OtherCa,
    /// A certificate that the CA did not sign.
    #[error("the CA's signature on the certificate is not good")]
    CaSignature,
    /// A key that the card did not show to have.
    #[error("the card's signature for possession of its key is not good, or missing")]
    Possession,
    /// An HSM's certificate with a signature for possession.
    #[error("an HSM signs no possession")]
    HsmPossession,
    /// Two certificates for one identity.
    #[error("the identity is certified already")]
    IdentityTwice,
    /// The role of a CA for another key, or another role for the CA's.
    #[error("a CA's role is for the CA's own key, and no other is: the certificate says {0}")]
    CaRole(Roles),
    /// The file in `start` is no plan.
    #[error("the plan: {0}")]
    Plan(PlanError),
    /// Another plan than the one that was given.
    #[error("the plan is not the one that was given")]
    OtherPlan,
    /// An operation that the plan does not have.
    #[error("the plan has no step {0}")]
    NoStep(Operation),
    /// Something else than the plan says.
    #[error("{0} is not what the plan says")]
    NotPlanned(&'static str),
    /// The manifest does not fit what is before it.
    #[error("the manifest's {0} is another")]
    Manifest(&'static str),
    /// A certificate that is not shown.
    #[error("the certificate of the {0} is not enrolled here")]
    NotEnrolled(Place),
    /// A certificate without the role.
    #[error("the certificate of the {place} has not its role, but {roles}")]
    Role {
        /// Whose.
        place: Place,
        /// What it has.
        roles: Roles,
    },
    /// A certificate that is not to be used.
    #[error("the certificate of the {0} is revoked")]
    Revoked(Place),
    /// Another card than planned.
    #[error("the certificate of the {place} has another {what} than the plan")]
    OtherCard {
        /// Whose.
        place: Place,
        /// What differs.
        what: &'static str,
    },
    /// The plan has a card for the CA, and that is not shown.
    #[error("the CA's card is in the plan, and no certificate of it is enrolled here")]
    NoCaCard,
    /// Another card of the CA than planned.
    #[error("the certificate of the CA's card has another identity than the plan")]
    OtherCaCard,
    /// A signature that is not good over what it has to be over, under the key of its place.
    #[error("the signature of the {place} in `{kind}` is not good")]
    Signature {
        /// The kind.
        kind: &'static str,
        /// Whose.
        place: Place,
    },
    /// A custodian that there is not.
    #[error("there is no custodian {0}")]
    X(u8),
    /// A place that the manifest does not have, or that signs nothing.
    #[error("there is no {0} in the manifest who could sign")]
    NoPlace(Place),
    /// A counter that no card has.
    #[error("the counter {counter} is 0, or above the sequence {sequence}")]
    Counter {
        /// The counter.
        counter: u32,
        /// The manifest's sequence.
        sequence: u32,
    },
    /// A sequence that did not rise.
    #[error("the {place} approved the sequence {sequence}, and {before} before it")]
    Sequence {
        /// Whose.
        place: Place,
        /// The sequence.
        sequence: u32,
        /// That of its approval before.
        before: u32,
    },
    /// A counter that did not rise by 1.
    #[error("the counter of the {place} is {counter}, and was {before}: it approved something that is not shown here")]
    CounterGap {
        /// Whose.
        place: Place,
        /// The counter.
        counter: u32,
        /// That of its approval before.
        before: u32,
    },
    /// The manifest of the deal is of something else.
    #[error("the deal's manifest has another {0}")]
    OtherDeal(&'static str),
    /// It is not of what was dealt in the transcripts before.
    #[error("the {0} is another than that of what was dealt in the transcripts before")]
    OtherThanDealt(&'static str),
    /// The statement says something else.
    #[error("the statement has another {0}")]
    Statement(&'static str),
    /// The dealer of the set is not known as one.
    #[error("the dealer of the statement is not enrolled here as a dealer")]
    NoDealer,
    /// A receipt that says something else.
    #[error("the receipt's {0} is not what it has to be")]
    Receipt(&'static str),
    /// Bits for subsets that there are not.
    #[error("the verdict has bits for subsets that there are not")]
    Subsets,
    /// Another check value.
    #[error("the check value in `{0}` is another")]
    Kcv(&'static str),
    /// A result of another length than the HSM's key gives.
    #[error("the result has {given} bytes, and {expected} go to this HSM")]
    ResultLength {
        /// Its bytes.
        given: usize,
        /// Bytes that there have to be.
        expected: usize,
    },
    /// Another statement hash in what the dealer forgot.
    #[error("the dealer forgot something else")]
    Forgotten,
    /// It is said to be done, and something is not.
    #[error("it is not done: `{kind}` is missing{}", of(*.place))]
    Missing {
        /// The kind.
        kind: &'static str,
        /// Whose.
        place: Option<Place>,
    },
    /// It is said to be done, and too few took part.
    #[error("it is not done: {found} custodians took part, and m is {m}")]
    TooFew {
        /// How many there are.
        found: usize,
        /// How many there have to be.
        m: u8,
    },
    /// It is said to be done, and not all subsets were drilled.
    #[error("it is not done: the verdict has not every subset")]
    NotDrilled,
    /// The dealer forgot before all was done.
    #[error("the dealer forgot before all was there")]
    ForgotEarly,
}

/// ` of the ...`, where somebody is known.
fn of(place: Option<Place>) -> String {
    place.map_or_else(String::new, |place| format!(" of the {place}"))
}
