//! The arguments of what moves a key through its life.

use super::KeyText;
use cardwright_keys::approval::{day, reason, span};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// A key, and why.
#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// vault:NAME/KEY, or vault:NAME/KEY:VERSION where more than one version could be meant
    #[arg(value_name = "KEYREF")]
    pub(crate) key: KeyText,
    /// Why, in one line: it is kept with the key's history, and approvers read it
    #[arg(long, value_name = "TEXT", default_value = "not given", hide_default_value = true, value_parser = why)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct ActivateArgs {
    #[command(flatten)]
    pub(crate) key: MoveArgs,
    /// Not before this day (UTC), e.g. 2027-01-31; left out: now
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) on: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    pub(crate) key: MoveArgs,
    /// Activate the next version on this day (UTC), e.g. 2027-01-31; left out: now
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) on: Option<u64>,
    /// Write the cards that have older keys into this new file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) job: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CompromiseArgs {
    #[command(flatten)]
    pub(crate) key: MoveArgs,
    /// Write the cards that have keys from it into this new file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) job: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    pub(crate) key: MoveArgs,
    /// Destroy it although cards have keys from it that nothing reaches any more then
    #[arg(long)]
    pub(crate) orphan_cards: bool,
    /// Do not ask whether this is meant
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WrappedArgs {
    #[command(flatten)]
    pub(crate) key: MoveArgs,
    /// The key that it is wrapped under: vault:NAME/KEY
    #[arg(long, value_name = "KEYREF")]
    pub(crate) under: KeyText,
}

#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// vault:NAME/KEY for all versions that are not active, or vault:NAME/KEY:VERSION
    #[arg(value_name = "KEYREF")]
    pub(crate) key: KeyText,
    /// The new file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DueArgs {
    /// How far to look ahead: 30d, 12h
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = ahead)]
    pub(crate) within: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Keys: inventory, states over time, what is due, who approved what
    Keys(KeysReportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct KeysReportArgs {
    /// The new file, mode 0600
    #[arg(long, value_name = "FILE", default_value = "keys.html")]
    pub(crate) out: PathBuf,
}

/// One line of plain text. What is wrong is not repeated: it may be anything.
pub(super) fn why(text: &str) -> Result<String, &'static str> {
    let good = reason(text).ok().filter(|text| !text.is_empty());
    good.map(str::to_owned).ok_or("what is wanted is one line of 1 to 400 bytes, without control characters")
}

fn date(text: &str) -> Result<u64, &'static str> {
    day(text).ok_or("a day is written as 2027-01-31")
}

fn ahead(text: &str) -> Result<u64, &'static str> {
    span(text).ok_or("a time is written as 30d, 12h or 90m")
}
