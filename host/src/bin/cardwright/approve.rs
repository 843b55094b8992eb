//! `cardwright approve`: requests that wait for others, their words, and signatures under them.
//!
//! Approvals are asynchronous: each operator signs alone, whenever it suits. Nobody is asked to sit at one table.

use crate::advice::Failure;
use crate::advice::approval::OperatorFailure;
use crate::args::{ApproveCommand, ApproveListArgs, KeyText, SignArgs};
use crate::config::Settings;
use crate::{operator, output, registers, setup};
use cardwright::world::{Clock, Os};
use cardwright_hsm::OperatorKey;
use cardwright_keys::approval::{Approval, Operators, Policy, Refusal, Reject, Tally, judge, tally, time};
use cardwright_keys::audit::{AuditSink, Event};
use cardwright_keys::keyref::Name;
use cardwright_registry::{Registry, RequestEntry};
use serde_json::{Value, json};
use std::fmt::Write;

/// The fewest digits that name a request.
pub(crate) const LEAST: usize = 4;

/// Said wherever approvals are listed.
const ASYNCHRONOUS: &str = "approvals are asynchronous: each operator signs alone";

pub(crate) fn run(settings: &Settings, command: &ApproveCommand) -> Result<(), Failure> {
    match command {
        ApproveCommand::List(args) => list(settings, args),
        ApproveCommand::Show(args) => show(settings, &args.request),
        ApproveCommand::Sign(args) => sign(settings, args),
    }
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// More approvals are needed.
    Waiting,
    /// Whoever asked can do it now.
    Approved,
    /// It was done, or begun.
    Served,
    /// Its time is over, or the clock is behind.
    OutOfTime,
    /// The key has moved since: these words will not come again.
    Overtaken,
    /// It counts for nothing: damaged, or not signed by who asks.
    Void,
}

impl Standing {
    const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Served => "served",
            Self::OutOfTime => "out-of-time",
            Self::Overtaken => "overtaken",
            Self::Void => "void",
        }
    }

    const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Approved)
    }
}

/// A request with what the policy makes of it now.
struct Judged {
    entry: RequestEntry,
    standing: Standing,
    /// What the signatures come to; why there is nothing to count.
    tally: Result<Tally, Refusal>,
    /// Why it cannot be done now.
    refusal: Option<Refusal>,
}

/// Policy, operators, requests.
struct Desk {
    policy: Policy,
    operators: Operators,
    registry: cardwright_registry::sqlite::SqliteRegistry,
}

impl Desk {
    fn open(settings: &Settings) -> Result<Self, Failure> {
        let (policy, operators) = registers::policy(settings)?.ok_or(OperatorFailure::Alone)?;
        Ok(Self { policy, operators, registry: registers::open_registry(settings)? })
    }

    fn requests(&self) -> Result<Vec<Judged>, Failure> {
        self.registry.requests()?.into_iter().map(|entry| self.judge(entry)).collect()
    }

    fn judge(&self, entry: RequestEntry) -> Result<Judged, Failure> {
        let rules = (&self.policy, &self.operators);
        // A row that carries another request's words is as good as damaged.
        let tally = tally(rules, &entry.filed)
            .and_then(|tally| if tally.request.nonce == entry.nonce { Ok(tally) } else { Err(Refusal::Damaged) });
        let (standing, refusal) = match &tally {
            Err(refusal) => (Standing::Void, Some(refusal.clone())),
            Ok(counted) => match judge(rules, &entry.filed, Os.now()) {
                Err(refusal @ Refusal::Spent(_)) => (Standing::Served, Some(refusal)),
                _ if self.is_overtaken(counted)? => (Standing::Overtaken, None),
                Ok(()) => (Standing::Approved, None),
                Err(refusal @ Refusal::Missing { .. }) => (Standing::Waiting, Some(refusal)),
                Err(refusal) => (Standing::OutOfTime, Some(refusal)),
            },
        };
        Ok(Judged { entry, standing, tally, refusal })
    }

    /// Whether the key's history has gone on since the request was made.
    fn is_overtaken(&self, tally: &Tally) -> Result<bool, Failure> {
        let operation = &tally.request.operation;
        let versions = self.registry.key(&operation.key)?.map_or(Vec::new(), |entry| entry.versions);
        let version = versions.into_iter().find(|version| Some(version.version) == operation.key.version);
        Ok(version.map_or(operation.steps != 0, |version| version.history.head() != operation.head))
    }

    /// The one request whose digits begin so.
    fn find(&self, prefix: &str) -> Result<Judged, Failure> {
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if !(LEAST..=32).contains(&prefix.len()) || !prefix.bytes().all(digits) {
            return Err(OperatorFailure::Prefix.into());
        }
        let mut found = self.registry.requests()?;
        found.retain(|entry| entry.nonce.to_string().starts_with(prefix));
        match (found.pop(), found.len()) {
            (Some(entry), 0) => self.judge(entry),
            (Some(_), more) => Err(OperatorFailure::ManyRequests { prefix: prefix.to_owned(), count: more + 1 }.into()),
            (None, _) => Err(OperatorFailure::NoRequest(prefix.to_owned()).into()),
        }
    }
}

impl Judged {
    fn json(&self) -> Value {
        let approvals: Vec<_> = self.entry.filed.approvals.iter().map(|it| approval_json(&self.tally, it)).collect();
        let mut object = json!({
            "request": self.entry.nonce.to_string(), "standing": self.standing.name(), "approvals": approvals,
            "why": self.refusal.as_ref().map(ToString::to_string),
        });
        if let Ok(tally) = &self.tally {
            let Tally { request, rule, approvers, .. } = tally;
            object["operation"] = request.operation.act.name().into();
            object["key"] = format!("vault:{}", request.operation.key).into();
            object["requester"] = request.requester.as_str().into();
            object["reason"] = request.reason.clone().into();
            object["at"] = time(request.at).into();
            object["until"] = time(tally.until()).into();
            object["needed"] = rule.approvals.into();
            object["counting"] = approvers.len().into();
        }
        object
    }

    /// Two lines and what does not count.
    fn brief(&self) -> String {
        let mut out = format!("{}  {}", self.entry.nonce, self.standing.name());
        let Ok(tally) = &self.tally else {
            let why = self.refusal.as_ref().map(ToString::to_string).unwrap_or_default();
            return format!("{out}: {}\n", output::harmless(&why));
        };
        let Tally { request, rule, approvers, rejected } = tally;
        let _ = writeln!(out, ": {} of {} approvals count", approvers.len(), rule.approvals);
        let (act, key, who) = (request.operation.act, &request.operation.key, &request.requester);
        let (at, until) = (time(request.at), time(tally.until()));
        let _ = writeln!(out, "  {act} vault:{key}, asked by {who} at {at}, to be done by {until}");
        for (name, why) in rejected {
            let _ = writeln!(out, "  {name} does not count: {why}");
        }
        out
    }
}

fn approval_json(tally: &Result<Tally, Refusal>, approval: &Approval) -> Value {
    let name = &approval.operator;
    let rejected = tally.as_ref().map_or(&[][..], |tally| &tally.rejected);
    let counts = tally.as_ref().is_ok_and(|tally| tally.approvers.contains(name));
    let why = rejected.iter().find(|(who, _)| who == name).map(|(_, why)| why.to_string());
    json!({ "operator": name.as_str(), "at": time(approval.at), "counts": counts, "why": why })
}

fn list(settings: &Settings, args: &ApproveListArgs) -> Result<(), Failure> {
    let mut requests = Desk::open(settings)?.requests()?;
    requests.retain(|judged| args.all || judged.standing.is_open() || judged.standing == Standing::Void);
    if settings.json {
        let requests: Vec<_> = requests.iter().map(Judged::json).collect();
        return output::json(&json!({ "requests": requests, "asynchronous": true }));
    }
    let mut out: String = requests.iter().map(Judged::brief).collect();
    if requests.is_empty() {
        out.push_str("no request waits\n");
    } else {
        let _ = writeln!(out, "{ASYNCHRONOUS}");
    }
    output::text(&out)
}

fn show(settings: &Settings, prefix: &str) -> Result<(), Failure> {
    let judged = Desk::open(settings)?.find(prefix)?;
    if settings.json {
        let mut object = judged.json();
        object["text"] = judged.entry.filed.text.clone().into();
        return output::json(&object);
    }
    let mut out = words(&judged);
    out.push('\n');
    for approval in &judged.entry.filed.approvals {
        let counts = judged.tally.as_ref().is_ok_and(|tally| tally.approvers.contains(&approval.operator));
        let counts = if counts { "counts" } else { "does not count" };
        let _ = writeln!(out, "signed by {} at {}: {counts}", approval.operator, time(approval.at));
    }
    out.push_str(&judged.brief());
    let _ = writeln!(out, "{ASYNCHRONOUS}");
    output::text(&out)
}

/// What is signed, line by line. Words that are no request may be anything.
fn words(judged: &Judged) -> String {
    judged.entry.filed.text.lines().map(|line| format!("{}\n", output::harmless(line))).collect()
}

fn sign(settings: &Settings, args: &SignArgs) -> Result<(), Failure> {
    let mut desk = Desk::open(settings)?;
    let judged = desk.find(&args.request.request)?;
    let own = settings.operator.as_ref();
    let name = args.operator.clone().or_else(|| own.map(|own| own.name.clone())).ok_or(OperatorFailure::Nobody)?;
    // Whoever cannot approve is told so before a passphrase is asked for.
    let counted = check(&desk.operators, &judged, &name)?;
    eprint!("{}", words(&judged));
    if !args.yes {
        setup::confirmed().map_err(|_| OperatorFailure::NotConfirmed)?;
    }
    let at = Os.now();
    let message = Approval::message(&judged.entry.filed.text, &name, at);
    let signature = setup::with_keys(|| {
        let key = key(settings, args, &name)?;
        registers::check_key(&desk.operators, &name, &key)?;
        Ok(key.sign(&message).map_err(OperatorFailure::Key)?)
    })?;
    let (nonce, approval) = (judged.entry.nonce, Approval { operator: name.clone(), at, signature });
    let operation = &counted.request.operation;
    let detail = format!("{} request {nonce}, as asked by {}; by {name}", operation.act, counted.request.requester);
    let subject = format!("vault:{}", operation.key);
    registers::open_audit(settings)?.record(&Event { at, what: "approval.signed".to_owned(), subject, detail })?;
    desk.registry.approve(nonce, &approval)?;
    let judged = desk.find(&nonce.to_string())?;
    if settings.json {
        let mut object = judged.json();
        object["result"] = "signed".into();
        object["operator"] = name.as_str().into();
        return output::json(&object);
    }
    output::text(&format!("signed by {name}\n{}", judged.brief()))
}

/// Whether this operator's signature would count.
fn check<'j>(operators: &Operators, judged: &'j Judged, name: &Name) -> Result<&'j Tally, Failure> {
    let tally = judged.tally.as_ref().map_err(|refusal| OperatorFailure::Over(refusal.clone()))?;
    let cannot = |why| Err(OperatorFailure::CannotApprove { name: name.clone(), why }.into());
    match (judged.standing, &judged.refusal) {
        (Standing::Served | Standing::OutOfTime | Standing::Void, Some(refusal)) => {
            return Err(OperatorFailure::Over(refusal.clone()).into());
        }
        (Standing::Overtaken, _) => {
            return Err(OperatorFailure::Over(Refusal::NotRequested(tally.request.operation.act)).into());
        }
        _ => {}
    }
    let Some(operator) = operators.get(name) else { return cannot(Reject::Unknown) };
    let person = |name: &Name| operators.get(name).map(|operator| &operator.person);
    if operator.retired.is_some() {
        return cannot(Reject::Retired);
    }
    if !operator.roles.iter().any(|role| tally.rule.of.contains(role)) {
        return cannot(Reject::Role);
    }
    if person(&tally.request.requester) == Some(&operator.person) {
        return cannot(Reject::Own);
    }
    if judged.entry.filed.approvals.iter().any(|approval| approval.operator == *name) {
        return Err(OperatorFailure::Signed(name.clone()).into());
    }
    if tally.approvers.iter().any(|approver| person(approver) == Some(&operator.person)) {
        return cannot(Reject::Again);
    }
    Ok(tally)
}

/// The key of the one who signs: as the command says, or the configuration where it is about the same operator.
fn key(settings: &Settings, args: &SignArgs, name: &Name) -> Result<OperatorKey, Failure> {
    let own = settings.operator.as_ref().filter(|own| own.name == *name);
    let given = |text: &Option<KeyText>| text.as_ref().map(|text| text.0.clone());
    match (&args.key, own) {
        (Some(key), _) => registers::open_key(&operator::key_ref(key)?, operator::text(args.passphrase.as_ref())),
        (None, Some(own)) => {
            let passphrase = given(&args.passphrase).or_else(|| own.passphrase.clone());
            registers::own_key(&crate::config::OperatorConfig { passphrase, ..own.clone() })
        }
        (None, None) => Err(OperatorFailure::NoKey.into()),
    }
}
