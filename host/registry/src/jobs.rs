//! Jobs: cards to be made, the chips that were taken up for them, and how they are accounted for.
//!
//! A record is one card to be made; an attempt is one chip that was taken up for it. Both go along
//! [`EDGES`](cardwright_keys::job::EDGES). Whatever a run does to cards is written through [`Jobs::write_all`], in batches:
//! each all or nothing, and all of them one transaction, one fsync. That a record has one card, and that a chip is taken
//! up for one record in all jobs, the database itself enforces.
//!
//! A job that is not there has no records; what else is asked or written of it is a [`RegistryError::Conflict`].

mod entry;
mod key;
mod write;

pub use entry::{
    AttemptEntry, JobEntry, JobId, JobState, NewDelivery, NewJob, NoJobState, RecordEntry, RunEntry, Statement,
};
pub use key::{JobKey, NotBlank};
pub use write::{Facts, JobAnswer, JobWrite, NewAttempt};

use crate::RegistryError;
use cardwright_keys::job::{Balance, Domain, RecordState, Step};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::Name;

/// A step of attempts: how many came to it, and how many came away from it, to a later one or by their end.
pub type StepCount = (Step, u64, u64);

/// A card that a delivery's list names: index into [`NewJob::deliveries`], and the card.
pub type Listed = (u32, CardId);

/// What stands in the way of reading the next card of a list.
pub type ListError = Box<dyn std::error::Error + Send + Sync>;

/// Where jobs are kept. As with [`Registry`](crate::Registry): what a call has returned from is durable, a call does all
/// or nothing, and after a write that failed nothing more is written.
pub trait Jobs {
    /// Adds a job with all its records, pending, in the order of its deliveries. `expected` gives the cards of all lists,
    /// one delivery after the other; it is taken as it comes, and not held.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where there is a job of that name, a card is listed twice, or a key belongs to another
    /// issuer or the other domain; [`RegistryError::Unfit`] where lists do not have as many cards as they should;
    /// [`RegistryError::Input`] with what the lists came to.
    fn add_job(
        &mut self,
        job: &NewJob,
        expected: &mut dyn Iterator<Item = Result<Listed, ListError>>,
    ) -> Result<JobId, RegistryError>;

    /// The job of that name.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn job(&self, name: &Name) -> Result<Option<JobEntry>, RegistryError>;

    /// All jobs, in the order in which they were added.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn jobs(&self) -> Result<Vec<JobEntry>, RegistryError>;

    /// Writes batches, in one transaction. What a batch is refused for takes that batch back, and no other: its answer
    /// is [`RegistryError::Conflict`] or [`RegistryError::Unfit`] then, in its place.
    ///
    /// # Errors
    /// [`RegistryError`] where nothing of it was written.
    fn write_all(
        &mut self,
        job: JobId,
        batches: &[Vec<JobWrite>],
    ) -> Result<Vec<Result<Vec<JobAnswer>, RegistryError>>, RegistryError>;

    /// The record that a card is for: the one that has the chip now, the one that waits for this card, the last that had
    /// it. A list that names a card by its KDD alone means the card that tells its chip, too, if no entry names that one.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn record_of(&self, job: JobId, card: &CardId) -> Result<Option<RecordEntry>, RegistryError>;

    /// The card that the job's lists name with this KDD and its chip; `None` where none begins so, or several do, or the
    /// one that does is named by its KDD alone, or a card with another chip and this KDD is on record.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn listed(&self, job: JobId, kdd: &[u8; 10]) -> Result<Option<CardId>, RegistryError>;

    /// The first record of a delivery that a chip can be taken up for and that waits for no card in particular.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn next_pending(&self, job: JobId, delivery: u32) -> Result<Option<RecordEntry>, RegistryError>;

    /// The record of that number.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn record(&self, job: JobId, number: u64) -> Result<Option<RecordEntry>, RegistryError>;

    /// Hands out records behind that number that are in one of these states, or all where none is named, until `take`
    /// says `false`. Unless accepted ones are asked for, nothing goes through all records for it.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn records(
        &self,
        job: JobId,
        after: u64,
        states: &[RecordState],
        take: &mut dyn FnMut(RecordEntry) -> bool,
    ) -> Result<(), RegistryError>;

    /// Hands out attempts by record and number, behind that one, until `take` says `false`.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn attempts(
        &self,
        job: JobId,
        after: (u64, u32),
        take: &mut dyn FnMut(AttemptEntry) -> bool,
    ) -> Result<(), RegistryError>;

    /// All attempts of a record.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn attempts_of(&self, job: JobId, record: u64) -> Result<Vec<AttemptEntry>, RegistryError>;

    /// Where a chip was ever taken up, in any job, the first time first.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn chip(&self, card: &CardId) -> Result<Vec<(JobId, AttemptEntry)>, RegistryError>;

    /// How the cards of a job are accounted for. Cheap.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn balance(&self, job: JobId) -> Result<Balance, RegistryError>;

    /// All steps in order, with the attempts that came to each and away from it. Cheap.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn steps(&self, job: JobId) -> Result<Vec<StepCount>, RegistryError>;

    /// Notes that a station begins to work on a job, and names the run.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where the job is closed, or a run of this station on it has begun and not ended:
    /// [`Self::runs`] shows it, and a person who has looked ends it.
    fn run_began(&mut self, job: JobId, station: &str, operator: &str, at: u64) -> Result<i64, RegistryError>;

    /// All runs on a job, in the order in which they began.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn runs(&self, job: JobId) -> Result<Vec<RunEntry>, RegistryError>;

    /// Notes that a run has ended, and what it took, in whatever form: one line of at most 1 MiB; empty where nobody knows.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where there is none that goes on; [`RegistryError::Unfit`] for other figures.
    fn run_ended(&mut self, run: i64, at: u64, figures: &str) -> Result<(), RegistryError>;

    /// Keeps what people are to sign about a job: at most 16 KiB of lines. It names it.
    ///
    /// # Errors
    /// [`RegistryError::Unfit`]
    fn add_statement(&mut self, job: JobId, text: &str) -> Result<i64, RegistryError>;

    /// Adds a signature.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where this operator's is there, the statement has served, or there is none.
    fn sign_statement(
        &mut self,
        statement: i64,
        operator: &Name,
        at: u64,
        signature: [u8; 64],
    ) -> Result<(), RegistryError>;

    /// Notes keys that a job has had since it was added: they belong to its issuer and domain, too. All of them, or none.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where one belongs to another issuer or the other domain; [`RegistryError::Unfit`] for text that is no reference of a kept key.
    fn add_keys(&mut self, job: JobId, keys: &[JobKey]) -> Result<(), RegistryError>;

    /// Whose that key is, and of which domain; `None` where no job has had it.
    ///
    /// # Errors
    /// [`RegistryError::Unfit`] for text that is no reference of a kept key.
    fn owner(&self, key: &JobKey) -> Result<Option<(Name, Domain)>, RegistryError>;

    /// All statements about a job, in the order in which they were added.
    ///
    /// # Errors
    /// [`RegistryError`]
    fn statements(&self, job: JobId) -> Result<Vec<Statement>, RegistryError>;
}
