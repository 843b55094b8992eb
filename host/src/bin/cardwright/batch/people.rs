//! What people say of single cards, and of a job's end: `cardwright batch retry | reject | remake | cancel | sign | close`.
//!
//! What two people have to sign becomes a statement: words that are kept in the registry with the signatures under them.
//! The second signature carries it out. Where there is no policy, nobody else has to sign, and that is said.

use super::advice::JobFailure;
use super::job::of_issuer;
use super::run::tell;
use super::status::{write, write_all};
use crate::advice::Failure;
use crate::advice::approval::OperatorFailure;
use crate::args::{BatchCardArgs, BatchSignArgs, CloseArgs, RejectArgs, RemakeArgs, WhichCard};
use crate::config::Settings;
use crate::{output, registers};
use cardwright::audit_file::FileAudit;
use cardwright::world::{Clock, Os};
use cardwright_keys::approval::{Operators, Rules, time};
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::statement::{Doubt, Statement, What, judge, message};
use cardwright_keys::job::{Balance, Fate, Job, RecordState, Step};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::Name;
use cardwright_registry::Registry as _;
use cardwright_registry::jobs::{
    AttemptEntry, Facts, JobEntry, JobState, JobWrite, Jobs, NewAttempt, NotBlank, RecordEntry, Statement as Kept,
};
use cardwright_registry::sqlite::SqliteRegistry;
use serde_json::json;
use std::fmt::Write;

/// What every command here works with.
struct Table<'s> {
    settings: &'s Settings,
    registry: SqliteRegistry,
    audit: FileAudit,
    entry: JobEntry,
}

impl<'s> Table<'s> {
    fn open(settings: &'s Settings, job: &Name) -> Result<Self, Failure> {
        let registry = registers::open_registry(settings)?;
        let entry = of_issuer(settings, &registry, job)?;
        if entry.state == JobState::Closed {
            return Err(JobFailure::NotOpen { state: entry.state, reason: entry.reason }.into());
        }
        Ok(Self { settings, registry, audit: registers::open_audit(settings)?, entry })
    }

    fn tell(&mut self, what: &str, detail: String) -> Result<(), Failure> {
        tell(&mut self.audit, &self.entry, what, detail)
    }

    fn write(&mut self, one: JobWrite) -> Result<(), Failure> {
        write(&mut self.registry, &self.entry, one)
    }

    /// The record that is meant, and the chip's attempt.
    fn card(&self, which: &WhichCard) -> Result<(RecordEntry, Option<AttemptEntry>), Failure> {
        let id = self.entry.id;
        match which {
            WhichCard::Record(number) => {
                let record = self.registry.record(id, *number)?.ok_or(JobFailure::NoCard)?;
                let last = self.registry.attempts_of(id, *number)?.pop();
                Ok((record, last))
            }
            WhichCard::Card(card) => {
                let here = self.registry.chip(card)?.into_iter().rev().find(|(job, _)| *job == id);
                let record = match &here {
                    Some((_, attempt)) => self.registry.record(id, attempt.record)?,
                    None => self.registry.record_of(id, card)?,
                };
                Ok((record.ok_or(JobFailure::NoCard)?, here.map(|(_, attempt)| attempt)))
            }
        }
    }

    fn done(&self, record: u64, what: &str) -> Result<(), Failure> {
        if self.settings.json {
            return output::json(&json!({ "job": self.entry.name.to_string(), "record": record, "result": what }));
        }
        output::text(&format!("record {record} of job {}: {what}\n", self.entry.name))
    }
}

pub(super) fn retry(settings: &Settings, args: &BatchCardArgs) -> Result<(), Failure> {
    let mut table = Table::open(settings, &args.job)?;
    let (record, attempt) = table.card(&args.card)?;
    let attempt = attempt.ok_or(JobFailure::NoChip { record: record.number })?;
    if attempt.state != RecordState::Rejected || attempt.fate.is_some() {
        return Err(JobFailure::State { record: record.number, state: record.state }.into());
    }
    table.tell("batch.retry", format!("record {}, {}: {}", record.number, attempt.card, args.reason))?;
    let reason = format!("to be tried once more: {}", args.reason);
    table.decide(&attempt, RecordState::Unknown, &reason)?;
    table.done(record.number, "its chip is settled when it is in a reader again")
}

const fn in_a_reader(state: RecordState) -> bool {
    matches!(state, RecordState::Claimed | RecordState::Writing | RecordState::Verified)
}

fn step((record, attempt): (u64, u32), to: RecordState, step: Step, reason: &str) -> JobWrite {
    let reason = reason.chars().take(200).collect();
    JobWrite::Step { record, attempt, to, step, reason, facts: Facts::default(), at: Os.now() }
}

pub(super) fn reject(settings: &Settings, args: &RejectArgs) -> Result<(), Failure> {
    let RejectArgs { card: BatchCardArgs { job, card, reason }, fate } = args;
    let mut table = Table::open(settings, job)?;
    let (record, attempt) = match (table.card(card), card) {
        // A chip that no list has, in a delivery that is only counted: it takes a record with it.
        (Err(Failure::Batch(JobFailure::NoCard)), WhichCard::Card(chip)) => (table.any_pending(chip)?, None),
        (found, _) => found?,
    };
    let number = match &attempt {
        Some(attempt) if attempt.state == RecordState::Rejected => attempt.number,
        Some(attempt) if in_a_reader(attempt.state) => {
            return Err(JobFailure::State { record: record.number, state: attempt.state }.into());
        }
        Some(attempt) if attempt.state != RecordState::Pending => {
            table.tell("batch.rejected", format!("record {}, {}: {reason}", record.number, attempt.card))?;
            table.decide(attempt, RecordState::Rejected, reason)?;
            attempt.number
        }
        _ => table.reject_blank(&record, card, reason)?,
    };
    let chip = table.registry.attempts_of(table.entry.id, record.number)?;
    let chip = chip.into_iter().find(|one| one.number == number).ok_or(JobFailure::Gone)?;
    if let Some(fate) = chip.fate {
        return Err(JobFailure::Fated(fate).into());
    }
    let Some(fate) = fate else {
        return table.done(record.number, "rejected; what became of the chip is to be told");
    };
    if *fate == Fate::Returned
        && let Some(facts) = table.registry.card(&chip.card)?
        && let Some(why) = NotBlank::of(&chip, &facts)
    {
        return Err(JobFailure::NotBlank { record: record.number, why }.into());
    }
    if fate.wants_signatures() {
        return table.state(What::Fate { rejected: chip.ended.unwrap_or(0), card: chip.card, fate: *fate }, reason);
    }
    table.fate(&chip, *fate, None)?;
    table.done(record.number, &format!("its chip is {fate}"))
}

impl Table<'_> {
    fn any_pending(&self, chip: &CardId) -> Result<RecordEntry, Failure> {
        if self.registry.chip(chip)?.iter().any(|(job, _)| *job == self.entry.id) {
            return Err(JobFailure::NoCard.into());
        }
        for number in 0..u32::try_from(self.entry.deliveries.len()).unwrap_or(u32::MAX) {
            if let Some(record) = self.registry.next_pending(self.entry.id, number)? {
                return Ok(record);
            }
        }
        Err(JobFailure::NoCard.into())
    }

    /// What a person says of a chip, if it still is as the person saw it: a reader may have it by now.
    fn decide(&mut self, seen: &AttemptEntry, to: RecordState, reason: &str) -> Result<(), Failure> {
        let &AttemptEntry { record, number: attempt, state, step: at, .. } = seen;
        let expect = JobWrite::Expect { record, attempt, state };
        write_all(&mut self.registry, &self.entry, vec![expect, step((record, attempt), to, at, reason)])
    }

    /// A chip that never was in a reader: it is taken up by hand, and rejected at once.
    fn reject_blank(&mut self, record: &RecordEntry, which: &WhichCard, reason: &str) -> Result<u32, Failure> {
        let card = match (&record.expected, which) {
            (Some(card), _) | (None, WhichCard::Card(card)) => card.clone(),
            (None, WhichCard::Record(_)) => return Err(JobFailure::NoChip { record: record.number }.into()),
        };
        if !matches!(record.state, RecordState::Pending) {
            return Err(JobFailure::State { record: record.number, state: record.state }.into());
        }
        let keys = self.keys(record)?;
        self.tell("batch.rejected", format!("record {}, {card}, never in a reader: {reason}", record.number))?;
        let attempt = NewAttempt {
            card,
            atr: Vec::new(),
            station: "by hand".to_owned(),
            reader: "none".to_owned(),
            operator: who(self.settings)?.to_string(),
            profile: sha256(&[self.entry.profile.as_bytes()]),
            current: keys.0,
            target: keys.1,
        };
        let number = record.attempts + 1;
        let claim = JobWrite::Claim { record: record.number, remake: false, attempt, at: Os.now() };
        let rejected = step((record.number, number), RecordState::Rejected, Step::Identify, reason);
        write_all(&mut self.registry, &self.entry, vec![claim, rejected])?;
        Ok(number)
    }

    /// The keys that the chip came with, and those that it was to get.
    fn keys(&self, record: &RecordEntry) -> Result<(String, String), Failure> {
        let job = Job::parse(self.entry.file.as_bytes()).map_err(|_| JobFailure::Gone)?;
        let delivery =
            usize::try_from(record.delivery).ok().and_then(|at| job.deliveries.get(at)).ok_or(JobFailure::Gone)?;
        Ok((delivery.key.to_string(), job.target.key.to_string()))
    }

    fn fate(&mut self, chip: &AttemptEntry, fate: Fate, statement: Option<i64>) -> Result<(), Failure> {
        self.tell("batch.fate", format!("record {}, {}: {fate}", chip.record, chip.card))?;
        let (record, attempt) = (chip.record, chip.number);
        self.write(JobWrite::Fate { record, attempt, fate, statement, at: Os.now() })
    }

    /// Puts words down that two people have to sign, and signs them; where nobody else has to, it is done at once.
    fn state(&mut self, what: What, reason: &str) -> Result<(), Failure> {
        let JobEntry { name, issuer, .. } = &self.entry;
        if let Some(id) = self.waiting(&what)? {
            return Err(JobFailure::Waits { id }.into());
        }
        let (by, at) = (who(self.settings)?, Os.now());
        let statement =
            Statement { job: name.clone(), issuer: issuer.clone(), what, reason: reason.to_owned(), by, at };
        let text = statement.text();
        if matches!(registers::rules(self.settings)?, Rules::Alone) {
            eprintln!("there is no policy, and so no dual control: nobody else has to sign this");
            let id = self.registry.add_statement(self.entry.id, &text)?;
            return self.carry_out(id, &statement);
        }
        // Whoever cannot sign leaves no words behind.
        let key = registers::operator_key(self.settings)?;
        let signature = key.sign(&message(&text, &statement.by, at)).map_err(sign_failed)?;
        let id = self.registry.add_statement(self.entry.id, &text)?;
        self.registry.sign_statement(id, &statement.by, at, signature)?;
        let by = &statement.by;
        self.tell("batch.statement", format!("{id}, signed by {by}"))?;
        Err(JobFailure::Waits { id }.into())
    }

    /// The statement that says the same, and has not served. One of a clock that was ahead nobody can sign now.
    fn waiting(&self, what: &What) -> Result<Option<i64>, Failure> {
        let now = Os.now();
        let serves = |said: &Statement| said.what == *what && said.is_signed_from(now);
        let says_so = |one: &Kept| !one.used && Statement::parse(&one.text).as_ref().is_ok_and(serves);
        Ok(self.registry.statements(self.entry.id)?.into_iter().find(says_so).map(|one| one.id))
    }

    fn carry_out(&mut self, id: i64, statement: &Statement) -> Result<(), Failure> {
        match &statement.what {
            What::Fate { card, fate, .. } => {
                let chips = self.registry.chip(card)?.into_iter().rev().filter(|(job, _)| *job == self.entry.id);
                let chip = chips.map(|(_, chip)| chip).find(|chip| chip.state == RecordState::Rejected);
                let chip = chip.ok_or(JobFailure::BadStatement(id))?;
                self.fate(&chip, *fate, Some(id))?;
                self.done(chip.record, &format!("its chip is {fate}"))
            }
            What::Cancel { record, .. } => {
                self.tell("batch.cancelled", format!("record {record}: {}", statement.reason))?;
                self.write(JobWrite::Cancel { record: *record, statement: Some(id), at: Os.now() })?;
                self.done(*record, "cancelled")
            }
            What::Variance { variance, balance: signed } => {
                let balance = self.at_rest()?;
                let (found, said) = (balance.open(), *variance);
                if found != said {
                    return Err(JobFailure::OtherVariance { found, said }.into());
                }
                // As many may be missing, and not the same: all figures were signed.
                let (found, signed) = (balance.to_string(), signed.clone());
                if found != signed {
                    return Err(JobFailure::OtherFigures { found, signed }.into());
                }
                self.close(&balance, Some((signed, id)))
            }
        }
    }

    /// The balance of a job that nobody works on: the registry closes no other.
    fn at_rest(&self) -> Result<Balance, Failure> {
        if self.registry.runs(self.entry.id)?.iter().any(|run| run.ended.is_none()) {
            return Err(JobFailure::RunOpen.into());
        }
        let balance = self.registry.balance(self.entry.id)?;
        let middle = RecordState::ALL.into_iter().filter(|state| in_a_reader(*state));
        match middle.map(|state| balance.state(state)).sum() {
            0 => Ok(balance),
            count => Err(JobFailure::Middle(count).into()),
        }
    }

    fn close(&mut self, balance: &Balance, variance: Option<(String, i64)>) -> Result<(), Failure> {
        self.tell("batch.closed", balance.to_string())?;
        self.write(JobWrite::Close { variance, at: Os.now() })?;
        if self.settings.json {
            let balance = super::status::balance_json(balance);
            return output::json(&json!({ "job": self.entry.name.to_string(), "state": "closed", "balance": balance }));
        }
        output::text(&format!("job {} is closed\n{balance}\n", self.entry.name))
    }

    fn statement(&self, id: i64) -> Result<(Kept, Statement), Failure> {
        let kept = self.registry.statements(self.entry.id)?.into_iter().find(|one| one.id == id);
        let kept = kept.ok_or(JobFailure::NoStatement(id))?;
        let statement = Statement::parse(&kept.text).map_err(|_| JobFailure::BadStatement(id))?;
        if statement.job != self.entry.name || statement.issuer != self.entry.issuer {
            return Err(JobFailure::BadStatement(id).into());
        }
        Ok((kept, statement))
    }
}

fn sign_failed(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    cardwright::error::Error::Signer(Box::new(error)).into()
}

/// Whoever works here, by the name that is signed with.
fn who(settings: &Settings) -> Result<Name, Failure> {
    if let Some(operator) = &settings.operator {
        return Ok(operator.name.clone());
    }
    let user = format!("uid-{}", rustix::process::getuid().as_raw());
    user.parse().map_err(|_| Failure::VaultName(user))
}

pub(super) fn remake(settings: &Settings, args: &RemakeArgs) -> Result<(), Failure> {
    let RemakeArgs { card: BatchCardArgs { job, card, reason }, spare } = args;
    let mut table = Table::open(settings, job)?;
    let (record, attempt) = table.card(card)?;
    if record.state != RecordState::Rejected || record.remade {
        return Err(JobFailure::State { record: record.number, state: record.state }.into());
    }
    if attempt.is_some_and(|attempt| attempt.fate.is_none()) {
        return Err(JobFailure::NoFate { record: record.number }.into());
    }
    let listed = table.entry.deliveries.get(usize::try_from(record.delivery).unwrap_or(usize::MAX));
    if spare.is_none() && listed.is_some_and(|(_, listed, _)| *listed) {
        return Err(JobFailure::Spare { record: record.number }.into());
    }
    table.tell("batch.remake", format!("record {}: {reason}", record.number))?;
    table.write(JobWrite::Remake { record: record.number, spare: spare.clone(), at: Os.now() })?;
    table.done(record.number, "to be made once more, with another chip")
}

pub(super) fn cancel(settings: &Settings, args: &BatchCardArgs) -> Result<(), Failure> {
    let mut table = Table::open(settings, &args.job)?;
    let (record, attempt) = table.card(&args.card)?;
    match record.state {
        RecordState::Pending => {}
        RecordState::Rejected if attempt.is_some_and(|attempt| attempt.fate.is_some()) => {}
        RecordState::Rejected => return Err(JobFailure::NoFate { record: record.number }.into()),
        state => return Err(JobFailure::State { record: record.number, state }.into()),
    }
    table.state(What::Cancel { record: record.number, since: record.changed }, &args.reason)
}

pub(super) fn close(settings: &Settings, args: &CloseArgs) -> Result<(), Failure> {
    let mut table = Table::open(settings, &args.job)?;
    let balance = table.at_rest()?;
    match (args.variance, &args.reason) {
        (Some(said), Some(reason)) => {
            let found = balance.open();
            if found != said {
                return Err(JobFailure::OtherVariance { found, said }.into());
            }
            table.state(What::Variance { variance: said, balance: balance.to_string() }, reason)
        }
        _ if !balance.balances() => Err(JobFailure::Open(balance.open()).into()),
        _ => table.close(&balance, None),
    }
}

pub(super) fn sign(settings: &Settings, args: &BatchSignArgs) -> Result<(), Failure> {
    let Some(id) = args.statement else { return list(settings, &args.job) };
    let mut table = Table::open(settings, &args.job)?;
    let (kept, statement) = table.statement(id)?;
    if !args.yes {
        let shown = json!({ "statement": id, "text": kept.text });
        return if settings.json { output::json(&shown) } else { output::text(&kept.text) };
    }
    let (_, operators) = registers::policy(settings)?.ok_or(OperatorFailure::Alone)?;
    let (me, at) = (who(settings)?, Os.now());
    // Whoever has signed before goes on with what was signed.
    if !kept.signatures.iter().any(|(who, ..)| *who == me) {
        let signature = registers::operator_key(settings)?.sign(&message(&kept.text, &me, at)).map_err(sign_failed)?;
        counts(&kept, (me.clone(), at, signature), &operators)?;
        table.registry.sign_statement(id, &me, at, signature)?;
        table.tell("batch.statement", format!("{id}, signed by {me}"))?;
    }
    let (kept, _) = table.statement(id)?;
    match judge(&kept.text, &kept.signatures, &operators) {
        Ok(_) => table.carry_out(id, &statement),
        Err(Doubt::Missing { .. }) => Err(JobFailure::Waits { id }.into()),
        Err(_) => Err(JobFailure::BadStatement(id).into()),
    }
}

/// A signature that would not count is not kept.
fn counts(kept: &Kept, mine: (Name, u64, [u8; 64]), operators: &Operators) -> Result<(), Failure> {
    let me = mine.0.clone();
    let all: Vec<_> = kept.signatures.iter().cloned().chain([mine]).collect();
    let Err(Doubt::Missing { rejected, .. }) = judge(&kept.text, &all, operators) else { return Ok(()) };
    let mine = rejected.into_iter().find(|(name, _)| *name == me);
    mine.map_or(Ok(()), |(_, why)| Err(JobFailure::Uncounted { id: kept.id, why }.into()))
}

fn list(settings: &Settings, job: &Name) -> Result<(), Failure> {
    let registry = registers::open_registry(settings)?;
    let entry = of_issuer(settings, &registry, job)?;
    let statements = registry.statements(entry.id)?;
    if settings.json {
        let shown = |one: &Kept| {
            let signed: Vec<_> = one.signatures.iter().map(|(who, ..)| who.to_string()).collect();
            json!({ "statement": one.id, "text": one.text, "signed_by": signed, "used": one.used })
        };
        return output::json(&json!({ "statements": statements.iter().map(shown).collect::<Vec<_>>() }));
    }
    let mut out = String::new();
    for one in &statements {
        let state = if one.used { "carried out" } else { "waits" };
        let _ = writeln!(out, "statement {} ({state})", one.id);
        for line in one.text.lines() {
            let _ = writeln!(out, "  {}", output::harmless(line));
        }
        for (who, at, _) in &one.signatures {
            let _ = writeln!(out, "  signed by {who} at {}", time(*at));
        }
    }
    output::text(if out.is_empty() { "there are no statements about this job\n" } else { &out })
}
