//! The arguments of `batch`.

use super::life::why;
use cardwright_keys::job::{Fate, RecordState};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::Name;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// Check a job and all its files, and print what each card would get; no card is touched
    Plan(BatchPlanArgs),
    /// Make cards; what an earlier run began is gone on with
    Run(BatchRunArgs),
    /// Show how far jobs are, and what is open in their balance
    Status(BatchStatusArgs),
    /// Hold a job back: every reader ends its present card
    Pause(BatchHoldArgs),
    /// Open a job again that was paused or stopped
    Resume(BatchHoldArgs),
    /// Stop a job, from any computer that shares the registry
    Stop(BatchHoldArgs),
    /// End a run that was cut off, without readers: the cards in its middle are unknown then
    Recover(BatchRecoverArgs),
    /// Let the same chip be tried once more
    Retry(BatchCardArgs),
    /// Reject a card, and tell what became of it
    Reject(RejectArgs),
    /// Have a rejected card made once more, with another chip
    Remake(RemakeArgs),
    /// Do without a card
    Cancel(BatchCardArgs),
    /// Show what people are to sign about a job, or sign it
    Sign(BatchSignArgs),
    /// End a job: with nothing open in its balance, or with a variance that two people sign
    Close(CloseArgs),
    /// Write the report of a job: a page, and files for programs and for the issuer
    Report(BatchReportArgs),
    /// Encrypt fields of a data file under a vault's key, for one job
    Seal(SealArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BatchPlanArgs {
    /// The job: a TOML file
    #[arg(value_name = "JOB.toml", required_unless_present = "example")]
    pub(crate) job: Option<PathBuf>,
    /// Print a commented job to begin with
    #[arg(long, conflicts_with = "job")]
    pub(crate) example: bool,
    /// Readers, for the estimate of the time [default: those that the job names, or 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) readers: Option<u32>,
    /// Milliseconds that a card takes for one APDU, in place of what real cards take
    #[arg(long, value_name = "MS")]
    pub(crate) apdu: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct BatchRunArgs {
    /// The job: a TOML file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: PathBuf,
    /// A reader; may be given again. Left out: the job's, or that of --reader. sim:deck=DIR is a directory of cards
    #[arg(long, value_name = "URI")]
    pub(crate) on: Vec<String>,
    /// Open each reader so many times, for decks of simulated cards
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) times: u32,
    /// What this computer is called in the records [default: its host name]
    #[arg(long, env = "CARDWRIGHT_STATION", value_name = "NAME", value_parser = why)]
    pub(crate) station: Option<String>,
    /// Who works here, in the records; wanted where an earlier run was cut off
    #[arg(long, value_name = "NAME", value_parser = why)]
    pub(crate) operator: Option<String>,
    /// Check everything, and print what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BatchStatusArgs {
    /// The job; left out: all
    #[arg(value_name = "JOB")]
    pub(crate) job: Option<Name>,
    /// List the cards in this state; may be given again
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) list: Vec<RecordState>,
}

#[derive(Debug, Args)]
pub(crate) struct BatchHoldArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: Name,
    /// Why, for the records
    #[arg(long, value_name = "REASON", value_parser = why)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct BatchRecoverArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: Name,
    /// The computer whose run was cut off [default: this one's host name]
    #[arg(long, env = "CARDWRIGHT_STATION", value_name = "NAME", value_parser = why)]
    pub(crate) station: Option<String>,
    /// Who has looked what became of it, for the records
    #[arg(long, value_name = "NAME", value_parser = why)]
    pub(crate) operator: String,
}

/// A card of a job: its identity, or `#N` for its record.
#[derive(Clone, Debug)]
pub(crate) enum WhichCard {
    Card(CardId),
    Record(u64),
}

#[derive(Debug, Args)]
pub(crate) struct BatchCardArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: Name,
    /// The card: its identity as in the report, or #N for record N
    #[arg(value_name = "CARD", value_parser = which_card)]
    pub(crate) card: WhichCard,
    /// Why, for the records
    #[arg(long, value_name = "REASON", value_parser = why)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct RejectArgs {
    #[command(flatten)]
    pub(crate) card: BatchCardArgs,
    /// destroyed, quarantined, returned, sample or handed-over; left out: told later, by the same command
    #[arg(long, value_name = "FATE", value_parser = fate)]
    pub(crate) fate: Option<Fate>,
    /// The chip never was in a reader, as one that is dead on arrival: it takes a record that waits for any card
    #[arg(long)]
    pub(crate) unseen: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemakeArgs {
    #[command(flatten)]
    pub(crate) card: BatchCardArgs,
    /// For a card of a list: the chip that is to take its place
    #[arg(long, value_name = "CARD", value_parser = card)]
    pub(crate) spare: Option<CardId>,
}

#[derive(Debug, Args)]
pub(crate) struct BatchSignArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: Name,
    /// Number of the statement; left out: all are shown
    #[arg(value_name = "N")]
    pub(crate) statement: Option<i64>,
    /// You have read the words and agree
    #[arg(long, requires = "statement")]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: Name,
    /// Close although so many cards are not accounted for: two people sign that
    #[arg(long, value_name = "N", allow_negative_numbers = true, requires = "reason")]
    pub(crate) variance: Option<i64>,
    /// Why, for the records
    #[arg(long, value_name = "REASON", value_parser = why)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BatchReportArgs {
    /// The job
    #[arg(value_name = "JOB")]
    pub(crate) job: Name,
    /// A new directory for report.html, cards.csv, report.json and response.csv
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SealArgs {
    /// The job that the fields are for: a TOML file whose [data] names the key
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: PathBuf,
    /// Data groupings to be sealed, 4 hex digits each
    #[arg(long, value_name = "DGI", required = true, value_parser = dgi)]
    pub(crate) dgi: Vec<u16>,
    /// Read the data file from here, with the fields in clear
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
}

fn state(text: &str) -> Result<RecordState, String> {
    let names = RecordState::ALL.map(RecordState::name).join(", ");
    text.parse().map_err(|_| format!("the states are {names}"))
}

fn fate(text: &str) -> Result<Fate, String> {
    text.parse().map_err(|error: cardwright_keys::vault::UnknownWord| error.to_string())
}

fn card(text: &str) -> Result<CardId, &'static str> {
    cardwright_registry::cards::card_id(&text.to_ascii_uppercase())
        .ok_or("a card is named by 20 hex digits, and maybe `-` and 24 more")
}

fn which_card(text: &str) -> Result<WhichCard, &'static str> {
    match text.strip_prefix('#') {
        Some(number) => number.parse().map(WhichCard::Record).map_err(|_| "behind # stands the number of a record"),
        None => card(text).map(WhichCard::Card),
    }
}

fn dgi(text: &str) -> Result<u16, &'static str> {
    let digits = text.len() == 4 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(text, 16).ok().filter(|_| digits).ok_or("a DGI has 4 hex digits")
}
