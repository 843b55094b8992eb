//! The check of signatures, at the moment of use.

use super::{Nonce, Operation, Operator, Operators, Policy, Request, Rule, time};
use crate::keyref::Name;
use crate::lifecycle::{Act, Role};
use std::fmt;

/// One signature under a request, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who signed.
    pub operator: Name,
    /// When, as the signer says. Seconds since 1970-01-01 UTC.
    pub at: u64,
    /// Ed25519 over [`Approval::message`].
    pub signature: [u8; 64],
}

/// A request with its signatures, as it is kept. Nothing of it is believed unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// [`Request::text`]
    pub text: String,
    /// The requester's Ed25519 over [`Filed::message`].
    pub signature: [u8; 64],
    /// The approvals.
    pub approvals: Vec<Approval>,
    /// It has served.
    pub spent: bool,
}

impl Filed {
    /// What the requester signs.
    #[must_use]
    pub fn message(text: &str) -> Vec<u8> {
        [b"cardwright: I request\0", text.as_bytes()].concat()
    }
}

impl Approval {
    /// What an approver signs: all that the requester did, with the own name and time.
    #[must_use]
    pub fn message(text: &str, operator: &Name, at: u64) -> Vec<u8> {
        let by = format!("approved by: {operator}\napproved at: {}\n", time(at));
        [b"cardwright: I approve\0", text.as_bytes(), by.as_bytes()].concat()
    }
}

/// Leave to do one operation once. [`Rules::permit`](super::Rules::permit) gives it; vaults ask for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    operation: Operation,
    reason: Option<String>,
    request: Option<Nonce>,
    requester: Option<Name>,
    approvers: Vec<Name>,
}

impl Permit {
    /// Where there is no dual control: one person decides alone.
    pub(super) const fn alone(operation: Operation) -> Self {
        Self { operation, reason: None, request: None, requester: None, approvers: Vec::new() }
    }

    /// What it is for.
    #[must_use]
    pub const fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The reason that the approvers read.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The request that it comes from.
    #[must_use]
    pub const fn request(&self) -> Option<Nonce> {
        self.request
    }

    /// Who asked, where there is dual control.
    #[must_use]
    pub const fn requester(&self) -> Option<&Name> {
        self.requester.as_ref()
    }

    /// Who approved.
    #[must_use]
    pub fn approvers(&self) -> &[Name] {
        &self.approvers
    }
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reject {
    /// Nobody of that name is in the operators file.
    Unknown,
    /// The operator is retired.
    Retired,
    /// The operator has none of the roles.
    Role,
    /// The one who asks cannot approve.
    Own,
    /// The person has approved already, perhaps with another key.
    Again,
    /// The signature is not of these words.
    Signature,
    /// It was given after the time was over, or before the request.
    Late,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "nobody of that name is in the operators file",
            Self::Retired => "retired",
            Self::Role => "has none of the roles",
            Self::Own => "nobody approves the own request",
            Self::Again => "a person counts once",
            Self::Signature => "the signature is not of these words",
            Self::Late => "not given within the time",
        })
    }
}

/// Why an operation is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody has asked for it yet.
    #[error("`{0}` needs approval, and no request for just this is on file")]
    NotRequested(Act),
    /// There is dual control, and nobody is named who runs this program.
    #[error("there is dual control, and the configuration does not say who you are")]
    Nobody,
    /// The words on file are no request.
    #[error("a request on file is damaged: nobody can have signed it so")]
    Damaged,
    /// The one who asks may not, or did not sign this.
    #[error("the request of {requester} does not count: {why}")]
    Requester {
        /// Who.
        requester: Name,
        /// Why not.
        why: Reject,
    },
    /// Not enough approvals that count.
    #[error("`{act}` needs {needed} approvals, {have} count{}", because(.rejected))]
    Missing {
        /// The operation.
        act: Act,
        /// The request.
        request: Nonce,
        /// Approvals needed.
        needed: usize,
        /// Approvals that count.
        have: usize,
        /// Those that do not, and why.
        rejected: Vec<(Name, Reject)>,
    },
    /// The time that the policy gives is over.
    #[error("the request was made at {}, and its time was over at {}", time(*.at), time(*.until))]
    Expired {
        /// When it was made.
        at: u64,
        /// When it ended.
        until: u64,
    },
    /// The clock says that the request is yet to be made.
    #[error("the request was made at {}, and the clock says {}: set the clock", time(*.at), time(*.now))]
    Early {
        /// When it was made.
        at: u64,
        /// What the clock says.
        now: u64,
    },
    /// An approval serves once.
    #[error("request {0} has served already")]
    Spent(Nonce),
}

impl Refusal {
    /// How far a request came.
    const fn reach(&self) -> u8 {
        match self {
            Self::NotRequested(_) | Self::Nobody => 0,
            Self::Damaged => 1,
            Self::Spent(_) => 2,
            Self::Expired { .. } => 3,
            Self::Early { .. } => 4,
            Self::Requester { .. } => 5,
            Self::Missing { .. } => 6,
        }
    }

    /// The other, unless this one came further.
    fn or_further(self, other: Self) -> Self {
        if self.reach() > other.reach() { self } else { other }
    }
}

fn because(rejected: &[(Name, Reject)]) -> String {
    rejected.iter().map(|(name, why)| format!("; {name}: {why}")).collect()
}

/// Clocks of two computers may differ by so many seconds.
const SKEW: u64 = 300;

/// Leave to do `operation` now, from what is filed for it.
///
/// # Errors
/// [`Refusal`]: of several requests for the same, the reason of the one that came furthest.
pub(super) fn authorise(
    (policy, operators): (&Policy, &Operators),
    operation: &Operation,
    filed: &[Filed],
    now: u64,
) -> Result<Permit, Refusal> {
    let rule = policy.rule(operation.act);
    let mut refusal = Refusal::NotRequested(operation.act);
    for one in filed {
        let Ok(request) = Request::parse(&one.text) else {
            refusal = refusal.or_further(Refusal::Damaged);
            continue;
        };
        if request.operation != *operation {
            continue;
        }
        let until = request.at.saturating_add(rule.within);
        let judged = if one.spent {
            Err(Refusal::Spent(request.nonce))
        } else if now.saturating_add(SKEW) < request.at {
            Err(Refusal::Early { at: request.at, now })
        } else if now > until {
            Err(Refusal::Expired { at: request.at, until })
        } else {
            count(operators, rule.clone(), request, one, Retired::Ever).and_then(enough)
        };
        match judged {
            Ok(permit) => return Ok(permit),
            Err(why) => refusal = refusal.or_further(why),
        }
    }
    Err(refusal)
}

/// Leave to do what needs nobody else: whoever runs the program is an operator with a role for it.
pub(super) fn on_the_own(operators: &Operators, operation: &Operation, me: Option<&Name>) -> Result<Permit, Refusal> {
    let me = me.ok_or(Refusal::Nobody)?;
    let refused = |why| Refusal::Requester { requester: me.clone(), why };
    allowed(operators, me, operation.act.roles(), None).map_err(refused)?;
    Ok(Permit { requester: Some(me.clone()), ..Permit::alone(operation.clone()) })
}

/// The operator of that name, who has one of the roles and is not retired; with `past`, was not then.
fn allowed<'o>(
    operators: &'o Operators,
    name: &Name,
    roles: &[Role],
    past: Option<u64>,
) -> Result<&'o Operator, Reject> {
    let operator = operators.get(name).ok_or(Reject::Unknown)?;
    if operator.retired.is_some_and(|retired| past.is_none_or(|past| retired <= past)) {
        return Err(Reject::Retired);
    }
    if operator.roles.iter().any(|role| roles.contains(role)) { Ok(operator) } else { Err(Reject::Role) }
}

/// Whether what was done before had its approvals: as [`authorise`], except that time has gone on since, that it has
/// served, and that people may have retired after they signed.
///
/// # Errors
/// [`Refusal`]
pub(super) fn vouch(rules: (&Policy, &Operators), operation: &Operation, filed: &Filed) -> Result<(), Refusal> {
    again(rules, operation, filed, Retired::Since).map(drop)
}

/// Whether there would be leave to do what is filed, for people to look at.
///
/// # Errors
/// As [`Rules::permit`](super::Rules::permit).
pub fn judge(rules: (&Policy, &Operators), filed: &Filed, now: u64) -> Result<(), Refusal> {
    let operation = Request::parse(&filed.text).map_err(|_| Refusal::Damaged)?.operation;
    authorise(rules, &operation, std::slice::from_ref(filed), now).map(drop)
}

/// As [`vouch`], for what was approved and is yet to be done: whoever is retired by now does not count.
pub(super) fn vouch_ahead(
    rules: (&Policy, &Operators),
    operation: &Operation,
    filed: &Filed,
) -> Result<Permit, Refusal> {
    again(rules, operation, filed, Retired::Ever)
}

fn again(
    (policy, operators): (&Policy, &Operators),
    operation: &Operation,
    filed: &Filed,
    retired: Retired,
) -> Result<Permit, Refusal> {
    let request = Request::parse(&filed.text).map_err(|_| Refusal::Damaged)?;
    if request.operation != *operation {
        return Err(Refusal::NotRequested(operation.act));
    }
    count(operators, policy.rule(operation.act), request, filed, retired).and_then(enough)
}

/// Whose signature counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retired {
    /// Nobody's who is retired.
    Ever,
    /// Also that of whoever retired after signing, by the time that is signed with it.
    Since,
}

/// What the signatures under a request come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The request.
    pub request: Request,
    /// What it needs.
    pub rule: Rule,
    /// Who approved, each another person.
    pub approvers: Vec<Name>,
    /// Whose approvals do not count, and why.
    pub rejected: Vec<(Name, Reject)>,
}

impl Tally {
    /// Until when it has to be done. Seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn until(&self) -> u64 {
        self.request.at.saturating_add(self.rule.within)
    }
}

/// Counts the approvals of one request, for people to look at. Whether it is still the time for it, and whether it has
/// served, is another question, which [`judge`] asks as well.
///
/// # Errors
/// [`Refusal::Damaged`], [`Refusal::Requester`].
pub fn tally((policy, operators): (&Policy, &Operators), filed: &Filed) -> Result<Tally, Refusal> {
    let request = Request::parse(&filed.text).map_err(|_| Refusal::Damaged)?;
    let rule = policy.rule(request.operation.act);
    count(operators, rule, request, filed, Retired::Ever)
}

/// Enough of them are leave.
fn enough(tally: Tally) -> Result<Permit, Refusal> {
    let Tally { request: Request { operation, reason, requester, nonce, .. }, rule, approvers, rejected } = tally;
    if approvers.len() < rule.approvals {
        let (needed, have) = (rule.approvals, approvers.len());
        return Err(Refusal::Missing { act: operation.act, request: nonce, needed, have, rejected });
    }
    Ok(Permit { operation, reason: Some(reason), request: Some(nonce), requester: Some(requester), approvers })
}

/// Counts the persons who approved.
fn count(
    operators: &Operators,
    rule: Rule,
    request: Request,
    filed: &Filed,
    retired: Retired,
) -> Result<Tally, Refusal> {
    let refused = |why| Refusal::Requester { requester: request.requester.clone(), why };
    let then = |at| Some(at).filter(|_| retired == Retired::Since);
    let asks =
        allowed(operators, &request.requester, request.operation.act.roles(), then(request.at)).map_err(refused)?;
    if !asks.key.signed(&Filed::message(&filed.text), &filed.signature) {
        return Err(refused(Reject::Signature));
    }
    let (mut persons, mut approvers, mut rejected) = (vec![&asks.person], Vec::new(), Vec::new());
    for approval in &filed.approvals {
        let Approval { operator: name, at, signature } = approval;
        let judged = allowed(operators, name, &rule.of, then(*at)).and_then(|operator| {
            if !operator.key.signed(&Approval::message(&filed.text, name, *at), signature) {
                Err(Reject::Signature)
            } else if operator.person == asks.person {
                Err(Reject::Own)
            } else if persons.contains(&&operator.person) {
                Err(Reject::Again)
            } else if at.saturating_add(SKEW) < request.at || *at > request.at.saturating_add(rule.within) {
                Err(Reject::Late)
            } else {
                Ok(operator)
            }
        });
        match judged {
            Ok(operator) => {
                persons.push(&operator.person);
                approvers.push(name.clone());
            }
            Err(why) => rejected.push((name.clone(), why)),
        }
    }
    Ok(Tally { request, rule, approvers, rejected })
}
