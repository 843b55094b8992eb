//! A new job with its records.

use super::count::{Count, Tally};
use super::text;
use crate::RegistryError;
use crate::jobs::{JobId, JobKey, ListError, Listed, NewJob};
use crate::sqlite::row::{Wrong, card_bytes, first, run, seconds, word};
use cardwright_keys::approval::one_line;
use cardwright_keys::job::{Domain, RecordState};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::Name;
use rusqlite::{Connection, Params, params};

/// The longest job file, in bytes.
const FILE_MAX: usize = 1 << 20;

/// The longest path of an input, in bytes.
const PATH_MAX: usize = 4096;

/// The most cards of a job.
const CARDS_MAX: u64 = 10_000_000;

/// So many cards of a list are held at once.
const PIECE: u64 = 16_384;

/// The cards of all lists, one after the other.
type Expected<'a> = &'a mut dyn Iterator<Item = Result<Listed, ListError>>;

fn unfit(what: &str) -> RegistryError {
    RegistryError::Unfit(what.to_owned())
}

pub(super) fn add(db: &Connection, new: &NewJob, expected: Expected<'_>) -> Result<JobId, RegistryError> {
    let cards = sound(new)?;
    let sql = "INSERT INTO jobs
               (name, issuer, domain, profile, file, sha256, target, state, reason, made_at, made_by, changed)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', '', ?8, ?9, ?8) ON CONFLICT DO NOTHING";
    let (name, issuer, at) = (new.name.as_str(), new.issuer.as_str(), seconds(new.at)?);
    let target = new.target.map(|kcvs| [kcvs.enc.0, kcvs.mac.0, kcvs.dek.0].concat());
    let values = params![name, issuer, new.domain.name(), new.profile, new.file, new.sha256, target, at, new.who];
    if run(db, sql, values)? == 0 {
        return Err(RegistryError::Conflict(format!("there is a job {name} already")));
    }
    let job = db.last_insert_rowid();
    for (number, (path, sha256)) in (0_i64..).zip(&new.inputs) {
        let sql = "INSERT INTO job_inputs (job, number, path, sha256) VALUES (?1, ?2, ?3, ?4)";
        run(db, sql, params![job, number, path, sha256])?;
    }
    new.keys.iter().try_for_each(|key| own(db, job, key))?;
    let mut records = Records { db, job, at, next: 1 };
    for (number, delivery) in (0_u32..).zip(&new.deliveries) {
        let sql = "INSERT INTO job_deliveries (job, number, name, listed, count) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO NOTHING";
        let count = i64::try_from(delivery.count).map_err(|_| unfit("a delivery of so many cards"))?;
        if run(db, sql, params![job, number, delivery.name.as_str(), delivery.listed, count])? == 0 {
            return Err(RegistryError::Conflict(format!("there are two deliveries {}", delivery.name)));
        }
        if delivery.listed {
            records.listed(number, delivery.count, expected)?;
        } else {
            (0..delivery.count).try_for_each(|_| records.add(number, None).map(drop))?;
        }
    }
    if expected.next().transpose().map_err(RegistryError::Input)?.is_some() {
        return Err(unfit("the lists have more cards than the deliveries"));
    }
    let mut tally = Tally::default();
    tally.add(Count::Record(RecordState::Pending), cards);
    tally.begin(db, job)?;
    Ok(JobId(job))
}

/// How many cards it is to make, if it can be kept.
fn sound(new: &NewJob) -> Result<i64, RegistryError> {
    crate::cards::profile(&new.profile).map_err(unfit)?;
    text(&new.who)?;
    if new.file.len() > FILE_MAX || new.file.contains('\0') {
        return Err(unfit("a job file is text of at most 1 MiB"));
    }
    let path = |(path, _): &(String, _)| (1..=PATH_MAX).contains(&path.len()) && one_line(path);
    if !new.inputs.iter().all(path) {
        return Err(unfit("the path of an input is one line of at most 4096 bytes"));
    }
    let cards = new.deliveries.iter().try_fold(0_u64, |sum, delivery| sum.checked_add(delivery.count));
    cards
        .filter(|cards| (1..=CARDS_MAX).contains(cards))
        .and_then(|cards| i64::try_from(cards).ok())
        .ok_or_else(|| unfit("a job makes 1 to 10,000,000 cards"))
}

/// Notes that it is this job's issuer's and of its domain, where it is nobody's; another's is none of this job's.
pub(super) fn own(db: &Connection, job: i64, key: &JobKey) -> Result<(), RegistryError> {
    let known_as = key.known_as()?;
    let sql = "INSERT INTO job_keys (key, issuer, domain, job) SELECT ?1, issuer, domain, id FROM jobs WHERE id = ?2
               ON CONFLICT DO NOTHING";
    if run(db, sql, params![known_as, job])? == 1 {
        return Ok(());
    }
    let own = whose(db, "SELECT issuer, domain FROM jobs WHERE id = ?1", [job], "jobs")?;
    match owner(db, key)? {
        owner if owner.is_some() && owner == own => Ok(()),
        Some((issuer, domain)) => {
            Err(RegistryError::Conflict(format!("{known_as} belongs to issuer {issuer}, domain {domain}")))
        }
        None => Err(RegistryError::Conflict("there is no such job".to_owned())),
    }
}

/// Whose a key is, and of which domain, where a job has named it.
pub(super) fn owner(db: &Connection, key: &JobKey) -> Result<Option<(Name, Domain)>, RegistryError> {
    whose(db, "SELECT issuer, domain FROM job_keys WHERE key = ?1", [key.known_as()?], "job_keys")
}

/// Issuer and domain from the only row.
fn whose(db: &Connection, sql: &str, of: impl Params, place: &str) -> Result<Option<(Name, Domain)>, RegistryError> {
    first(db, sql, of, |row| {
        let read = || Ok((word(row, 0)?, word(row, 1)?));
        read().map_err(|wrong: Wrong| wrong.at(place))
    })
}

/// Records, numbered as they come.
struct Records<'a> {
    db: &'a Connection,
    job: i64,
    at: i64,
    next: i64,
}

impl Records<'_> {
    /// One more; `false` where another record waits for that card.
    fn add(&mut self, delivery: u32, expected: Option<&[u8]>) -> Result<bool, RegistryError> {
        let number = self.next;
        self.next += 1;
        self.insert(number, delivery, expected)
    }

    fn insert(&self, number: i64, delivery: u32, expected: Option<&[u8]>) -> Result<bool, RegistryError> {
        let sql = "INSERT INTO records (job, number, delivery, expected, state, remade, attempts, reason, changed)
                   VALUES (?1, ?2, ?3, ?4, 'pending', 0, 0, '', ?5) ON CONFLICT DO NOTHING";
        Ok(run(self.db, sql, params![self.job, number, delivery, expected, self.at])? == 1)
    }

    /// As many as are listed. Piece by piece, and of each piece neighbours in the index one after the other.
    fn listed(&mut self, delivery: u32, count: u64, expected: Expected<'_>) -> Result<(), RegistryError> {
        let mut left = count;
        while left > 0 {
            let mut piece = Vec::new();
            for _ in 0..left.min(PIECE) {
                piece.push((self.card(delivery, expected)?, self.next));
                self.next += 1;
                left -= 1;
            }
            piece.sort_unstable_by(|(a, _), (b, _)| a.0.cmp(&b.0));
            for (card, number) in &piece {
                if !self.insert(*number, delivery, Some(&card_bytes(card)?))? {
                    return Err(RegistryError::Conflict(format!("card {card} is listed twice")));
                }
            }
        }
        Ok(())
    }

    fn card(&self, delivery: u32, expected: Expected<'_>) -> Result<CardId, RegistryError> {
        let next = expected.next().transpose().map_err(RegistryError::Input)?;
        match next {
            Some((of, card)) if of == delivery => {
                // What is no card is refused before it is sorted, or shown.
                card_bytes(&card)?;
                Ok(card)
            }
            _ => {
                Err(RegistryError::Unfit(format!("the list of delivery {delivery} has fewer cards than the delivery")))
            }
        }
    }
}
