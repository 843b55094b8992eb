//! What people say of single cards, and of a job's end: `cardwright batch retry | reject | remake | cancel | close`. What
//! two of them have to say together is in [`sign`](super::sign).

use super::advice::JobFailure;
use super::job::of_issuer;
use super::run::tell;
use super::status::{write, write_all};
use crate::advice::Failure;
use crate::args::{BatchCardArgs, CloseArgs, RejectArgs, RemakeArgs, WhichCard};
use crate::config::Settings;
use crate::{output, registers};
use cardwright::audit_file::FileAudit;
use cardwright::world::{Clock, Os};
use cardwright_keys::approval::REASON_MAX;
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::statement::What;
use cardwright_keys::job::{Balance, Fate, Job, RecordState, Step};
use cardwright_keys::journal::{CardId, Journal as _, Outcome, Record};
use cardwright_keys::keyref::Name;
use cardwright_registry::Registry as _;
use cardwright_registry::cards::CardQuery;
use cardwright_registry::jobs::{
    AttemptEntry, Facts, JobEntry, JobState, JobWrite, Jobs, NewAttempt, NotBlank, RecordEntry,
};
use cardwright_registry::sqlite::SqliteRegistry;
use serde_json::json;
use std::time::Duration;

/// What every command here works with.
pub(super) struct Table<'s> {
    pub(super) settings: &'s Settings,
    pub(super) registry: SqliteRegistry,
    audit: FileAudit,
    pub(super) entry: JobEntry,
}

impl<'s> Table<'s> {
    pub(super) fn open(settings: &'s Settings, job: &Name) -> Result<Self, Failure> {
        let registry = registers::open_registry(settings)?;
        let entry = of_issuer(settings, &registry, job)?;
        if entry.state == JobState::Closed {
            return Err(JobFailure::NotOpen { state: entry.state, reason: entry.reason }.into());
        }
        Ok(Self { settings, registry, audit: registers::open_audit(settings)?, entry })
    }

    pub(super) fn tell(&mut self, what: &str, detail: String) -> Result<(), Failure> {
        tell(&mut self.audit, &self.entry, what, detail)
    }

    pub(super) fn write(&mut self, one: JobWrite) -> Result<(), Failure> {
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
                if let Some((_, attempt)) = here {
                    let record = self.registry.record(id, attempt.record)?;
                    return Ok((record.ok_or(JobFailure::NoCard)?, Some(attempt)));
                }
                let record = self.registry.record_of(id, card)?.ok_or(JobFailure::NoCard)?;
                // A list's KDD means the chip that has served it.
                let last = self.registry.attempts_of(id, record.number)?.pop();
                let by_kdd = card.chip().is_none();
                Ok((record, last.filter(|last| last.card == *card || (by_kdd && last.card.kdd() == card.kdd()))))
            }
        }
    }

    pub(super) fn done(&self, record: u64, what: &str) -> Result<(), Failure> {
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
    another_second(&attempt);
    table.tell("batch.retry", format!("record {}, {}: {}", record.number, attempt.card, args.reason))?;
    let reason = format!("to be tried once more: {}", args.reason);
    table.decide(&attempt, RecordState::Unknown, &reason)?;
    table.done(record.number, "its chip is settled when it is in a reader again")
}

/// The station of chips that never were in a reader.
const BY_HAND: &str = "by hand";

/// Whether the chip was given back, or rejected without a reader: the same may be said of it once more, with its fate.
fn is_by_hand(attempt: &AttemptEntry) -> bool {
    attempt.state == RecordState::Pending || attempt.station == BY_HAND
}

/// A statement names a rejection by its second: the next one of this chip is of another one.
fn another_second(rejected: &AttemptEntry) {
    if rejected.ended == Some(Os.now()) {
        std::thread::sleep(Duration::from_secs(1));
    }
}

const fn in_a_reader(state: RecordState) -> bool {
    matches!(state, RecordState::Claimed | RecordState::Writing | RecordState::Verified)
}

/// As much of a reason as the registry keeps: all of it, where a person gave it as it is.
fn shortened(reason: &str) -> String {
    let mut text = reason.to_owned();
    while text.len() > REASON_MAX {
        text.pop();
    }
    text.trim_end().to_owned()
}

fn step((record, attempt): (u64, u32), to: RecordState, step: Step, reason: &str) -> JobWrite {
    let reason = shortened(reason);
    JobWrite::Step { record, attempt, to, step, reason, facts: Facts::default(), at: Os.now() }
}

pub(super) fn reject(settings: &Settings, args: &RejectArgs) -> Result<(), Failure> {
    let RejectArgs { card: BatchCardArgs { job, card, reason }, fate, unseen } = args;
    let mut table = Table::open(settings, job)?;
    let (record, attempt) = match (table.card(card), card) {
        // A chip that no list has, in a delivery that is only counted: it takes a record with it.
        (Err(Failure::Batch(JobFailure::NoCard)), WhichCard::Card(chip)) if *unseen => (table.any_pending(chip)?, None),
        (Err(Failure::Batch(JobFailure::NoCard)), WhichCard::Card(_)) if table.counts() => {
            return Err(JobFailure::Unseen.into());
        }
        (found, _) => found?,
    };
    let number = match &attempt {
        Some(attempt) if *unseen && !is_by_hand(attempt) => return Err(JobFailure::Seen.into()),
        Some(attempt) if attempt.state == RecordState::Rejected && fate.is_none() && attempt.fate.is_none() => {
            return Err(JobFailure::NoFate { record: record.number }.into());
        }
        Some(attempt) if attempt.state == RecordState::Rejected => attempt.number,
        Some(attempt) if in_a_reader(attempt.state) => {
            return Err(JobFailure::State { record: record.number, state: attempt.state }.into());
        }
        Some(attempt) if attempt.state != RecordState::Pending => {
            table.can_have(attempt, *fate)?;
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
    table.can_have(&chip, Some(*fate))?;
    if fate.wants_signatures() {
        return table.state(What::Fate { rejected: chip.ended.unwrap_or(0), card: chip.card, fate: *fate }, reason);
    }
    table.fate(&chip, *fate, (reason, None))?;
    table.done(record.number, &format!("its chip is {fate}"))
}

impl Table<'_> {
    /// Whether a delivery has no list.
    fn counts(&self) -> bool {
        self.entry.deliveries.iter().any(|(_, listed, _)| !listed)
    }

    /// A record for a chip that never was in a reader. One whose KDD is on record, or in a list, was or will be, as far as
    /// anybody can tell.
    fn any_pending(&self, chip: &CardId) -> Result<RecordEntry, Failure> {
        let kdd = chip.kdd().ok_or(JobFailure::NoCard)?;
        let by_kdd = CardId::new(&kdd, None);
        let mut is_listed = false;
        self.registry.records(self.entry.id, 0, &[], &mut |record| {
            is_listed = record.expected.is_some_and(|expected| expected.kdd() == Some(kdd));
            !is_listed
        })?;
        if is_listed || !self.chips_named(&by_kdd)?.is_empty() {
            return Err(JobFailure::Seen.into());
        }
        for number in 0..u32::try_from(self.entry.deliveries.len()).unwrap_or(u32::MAX) {
            if let Some(record) = self.registry.next_pending(self.entry.id, number)? {
                return Ok(record);
            }
        }
        Err(JobFailure::NoCard.into())
    }

    /// The cards on record whose names begin so.
    fn chips_named(&self, begins: &CardId) -> Result<Vec<CardId>, Failure> {
        let query = CardQuery { begins: Some(begins.0.clone()), ..CardQuery::default() };
        let mut all = Vec::new();
        self.registry.cards(&query, &mut |card| {
            all.push(card.card);
            true
        })?;
        Ok(all)
    }

    /// Refuses to have a chip among the blanks that is none; the registry would.
    fn can_have(&self, chip: &AttemptEntry, fate: Option<Fate>) -> Result<(), Failure> {
        if fate != Some(Fate::Returned) {
            return Ok(());
        }
        let facts = self.registry.card(&chip.card)?;
        match facts.and_then(|facts| NotBlank::of(chip, &facts)) {
            Some(why) => Err(JobFailure::NotBlank { record: chip.record, why }.into()),
            None => Ok(()),
        }
    }

    /// A spare is a chip that no record has had: what became of those is in the balance already.
    fn is_fresh(&self, spare: &CardId) -> Result<(), Failure> {
        let used =
            |(_, chip): &(_, AttemptEntry)| chip.state != RecordState::Pending && chip.fate != Some(Fate::Returned);
        for card in self.chips_named(spare)? {
            if let Some((_, chip)) = self.registry.chip(&card)?.iter().find(|one| used(one)) {
                return Err(JobFailure::UsedSpare { record: chip.record, state: chip.state }.into());
            }
        }
        Ok(())
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
        if !record.waits() {
            return Err(JobFailure::State { record: record.number, state: record.state }.into());
        }
        let keys = self.keys(record)?;
        self.tell("batch.rejected", format!("record {}, {card}, never in a reader: {reason}", record.number))?;
        let attempt = NewAttempt {
            card,
            atr: Vec::new(),
            station: BY_HAND.to_owned(),
            reader: "none".to_owned(),
            operator: who(self.settings)?.to_string(),
            profile: sha256(&[self.entry.profile.as_bytes()]),
            current: keys.0,
            target: keys.1,
        };
        let number = record.attempts + 1;
        let claim = JobWrite::Claim {
            record: record.number,
            remake: record.state == RecordState::Rejected,
            attempt,
            at: Os.now(),
        };
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

    pub(super) fn fate(
        &mut self,
        chip: &AttemptEntry,
        fate: Fate,
        (reason, statement): (&str, Option<i64>),
    ) -> Result<(), Failure> {
        self.tell("batch.fate", format!("record {}, {}: {fate}: {reason}", chip.record, chip.card))?;
        let (record, attempt, at) = (chip.record, chip.number, Os.now());
        let mut writes = vec![JobWrite::Fate { record, attempt, fate, statement, at }];
        // A blank that goes back: what was meant for it, and never sent, is over.
        if fate == Fate::Returned
            && let Some(open) = self.registry.ledger(&chip.card)?.open.filter(|open| !open.sent)
        {
            let ended = Record::Ended { change: open.change, outcome: Outcome::NotLoaded };
            writes.push(JobWrite::Journal(vec![ended], at));
        }
        write_all(&mut self.registry, &self.entry, writes)
    }

    /// The balance of a job that nobody works on: the registry closes no other.
    pub(super) fn at_rest(&self) -> Result<Balance, Failure> {
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

    pub(super) fn close(&mut self, variance: Option<(String, i64)>) -> Result<(), Failure> {
        let balance = self.at_rest()?;
        self.tell("batch.closed", balance.to_string())?;
        self.write(JobWrite::Close { variance, at: Os.now() })?;
        if self.settings.json {
            let balance = super::status::balance_json(&balance);
            return output::json(&json!({ "job": self.entry.name.to_string(), "state": "closed", "balance": balance }));
        }
        output::text(&format!("job {} is closed\n{balance}\n", self.entry.name))
    }
}

/// Whoever works here, by the name that is signed with.
pub(super) fn who(settings: &Settings) -> Result<Name, Failure> {
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
    if record.state != RecordState::Rejected {
        return Err(JobFailure::State { record: record.number, state: record.state }.into());
    }
    if record.remade && spare.is_none() {
        return Err(JobFailure::Remade { record: record.number }.into());
    }
    if attempt.is_some_and(|attempt| attempt.fate.is_none()) {
        return Err(JobFailure::NoFate { record: record.number }.into());
    }
    let listed = table.entry.deliveries.get(usize::try_from(record.delivery).unwrap_or(usize::MAX));
    if spare.is_none() && listed.is_some_and(|(_, listed, _)| *listed) {
        return Err(JobFailure::Spare { record: record.number }.into());
    }
    if let Some(spare) = spare {
        table.is_fresh(spare)?;
    }
    let with = spare.as_ref().map_or_else(String::new, |spare| format!(" with {spare}"));
    table.tell("batch.remake", format!("record {}{with}: {reason}", record.number))?;
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
        _ => table.close(None),
    }
}
