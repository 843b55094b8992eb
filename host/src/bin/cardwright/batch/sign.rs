//! Statements about a job: `cardwright batch sign`.
//!
//! What two people have to sign becomes a statement: words that are kept in the registry with the signatures under them.
//! The second signature carries it out. Where there is no policy, nobody else has to sign, and that is said. A statement is
//! about the chip, the record or the figures as they were: when they have changed, it is void.

use super::advice::JobFailure;
use super::job::of_issuer;
use super::people::{Table, who};
use crate::advice::Failure;
use crate::advice::approval::OperatorFailure;
use crate::args::BatchSignArgs;
use crate::config::Settings;
use crate::{output, registers};
use cardwright::batch::statements::{Standing, is_so};
use cardwright::world::{Clock, Os};
use cardwright_keys::approval::{Operators, Rules, time};
use cardwright_keys::job::statement::{Doubt, Statement, What, judge, message};
use cardwright_keys::keyref::Name;
use cardwright_registry::jobs::{JobEntry, JobWrite, Jobs, Statement as Kept};
use serde_json::json;
use std::fmt::Write;

impl Table<'_> {
    /// Puts words down that two people have to sign, and signs them; where nobody else has to, it is done at once.
    pub(super) fn state(&mut self, what: What, reason: &str) -> Result<(), Failure> {
        let JobEntry { name, issuer, .. } = &self.entry;
        let alone = matches!(registers::rules(self.settings)?, Rules::Alone);
        if alone {
            eprintln!("there is no policy, and so no dual control: nobody else has to sign this");
        }
        match self.waiting(&what)? {
            // Nobody else has to sign what could not be carried out before.
            Some(id) if alone => {
                let (_, statement) = self.statement(id)?;
                eprintln!("statement {id} says so already, of {} by {}", time(statement.at), statement.by);
                return self.carry_out(id, &statement);
            }
            Some(id) => return Err(JobFailure::Waits { id }.into()),
            None => {}
        }
        let (by, at) = (who(self.settings)?, Os.now());
        let statement =
            Statement { job: name.clone(), issuer: issuer.clone(), what, reason: reason.to_owned(), by, at };
        let text = statement.text();
        if alone {
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

    /// Before anybody signs it, and before it is carried out: what was stated is still so, and can be done.
    fn holds(&self, id: i64, what: &What) -> Result<(), Failure> {
        if let What::Variance { variance, balance: signed } = what {
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
        }
        if is_so(&self.registry, &self.entry, what)? { Ok(()) } else { Err(JobFailure::Void(id).into()) }
    }

    fn carry_out(&mut self, id: i64, statement: &Statement) -> Result<(), Failure> {
        self.holds(id, &statement.what)?;
        match &statement.what {
            What::Fate { card, fate, rejected } => {
                let chips = self.registry.chip(card)?.into_iter().filter(|(job, _)| *job == self.entry.id);
                let chip =
                    chips.map(|(_, chip)| chip).find(|chip| chip.ended == Some(*rejected) && chip.fate.is_none());
                let chip = chip.ok_or(JobFailure::Void(id))?;
                self.fate(&chip, *fate, (&statement.reason, Some(id)))?;
                self.done(chip.record, &format!("its chip is {fate}"))
            }
            What::Cancel { record, .. } => {
                self.tell("batch.cancelled", format!("record {record}: {}", statement.reason))?;
                self.write(JobWrite::Cancel { record: *record, statement: Some(id), at: Os.now() })?;
                self.done(*record, "cancelled")
            }
            What::Variance { balance, .. } => self.close(Some((balance.clone(), id))),
        }
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

pub(super) fn sign(settings: &Settings, args: &BatchSignArgs) -> Result<(), Failure> {
    let Some(id) = args.statement else { return list(settings, &args.job) };
    let mut table = Table::open(settings, &args.job)?;
    let (kept, statement) = table.statement(id)?;
    if !args.yes {
        let shown = json!({ "statement": id, "text": kept.text });
        return if settings.json { output::json(&shown) } else { output::text(&kept.text) };
    }
    let (_, operators) = registers::policy(settings)?.ok_or(OperatorFailure::Alone)?;
    if kept.used {
        return Err(JobFailure::Served(id).into());
    }
    table.holds(id, &statement.what)?;
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
    let mut statements = Vec::new();
    for one in registry.statements(entry.id)? {
        let standing = Standing::of(&registry, &entry, &one)?;
        statements.push((one, standing));
    }
    if settings.json {
        let shown = |(one, standing): &(Kept, Standing)| {
            let signed: Vec<_> = one.signatures.iter().map(|(who, ..)| who.to_string()).collect();
            json!({ "statement": one.id, "text": one.text, "signed_by": signed, "used": one.used, "standing": standing.name() })
        };
        return output::json(&json!({ "statements": statements.iter().map(shown).collect::<Vec<_>>() }));
    }
    let mut out = String::new();
    for (one, standing) in &statements {
        let _ = writeln!(out, "statement {} ({})", one.id, standing.name());
        for line in one.text.lines() {
            let _ = writeln!(out, "  {}", output::harmless(line));
        }
        for (who, at, _) in &one.signatures {
            let _ = writeln!(out, "  signed by {who} at {}", time(*at));
        }
    }
    output::text(if out.is_empty() { "there are no statements about this job\n" } else { &out })
}
