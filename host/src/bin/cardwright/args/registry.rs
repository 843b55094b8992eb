//! The arguments of `registry` and `cards`.

use super::KeyText;
use super::life::JobArgs;
use cardwright_keys::keyref::parse_byte;
use cardwright_keys::lifecycle::State;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Take on cards and their key sets from a file
    Import(RegistryImportArgs),
    /// Write cards and their key sets to standard output or a new file
    Export(ExportArgs),
    /// Take on keys that a vault had before they were registered: they are active
    Adopt(AdoptArgs),
    /// Look at every row, and compare the registry with the vaults
    Check(RegistryCheckArgs),
}

/// How cards are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// RFC 4180, with the names of the columns in the first line
    Csv,
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct RegistryImportArgs {
    /// The file: one key set of a card a line
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// csv or jsonl; left out: as the file's name ends
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Check every line, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// csv or jsonl
    #[arg(long, value_enum, default_value = "jsonl")]
    pub(crate) format: Format,
    /// A new file, mode 0600; left out: standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// vault:NAME for all keys in it, or vault:NAME/KEY
    #[arg(value_name = "VAULT")]
    pub(crate) vault: KeyText,
    /// Why, in one line
    #[arg(long, value_name = "TEXT", default_value = "not given", hide_default_value = true, value_parser = super::life::why)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct RegistryCheckArgs {
    /// Do not open the vaults
    #[arg(long)]
    pub(crate) no_vaults: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CardsCommand {
    /// List the cards on record
    Find(FindArgs),
    /// Show everything that is on record of one card
    Show(CardArgs),
    /// List the cards that have keys from versions of a key that are not active: a job file
    Job(JobArgs),
}

/// Which cards are meant: what is given has to fit, all of it.
#[derive(Debug, Args)]
pub(crate) struct WhichArgs {
    /// Their identity begins with these hex digits
    #[arg(long, value_name = "HEX", value_parser = begins)]
    pub(crate) begins: Option<String>,
    /// They have this profile
    #[arg(long, value_name = "TEXT", value_parser = super::life::why)]
    pub(crate) profile: Option<String>,
    /// They have a key set of this number
    #[arg(long, value_name = "KVN", value_parser = number)]
    pub(crate) kvn: Option<u8>,
    /// They have keys from vault:NAME/KEY, or from one version of it: vault:NAME/KEY:VERSION
    #[arg(long, value_name = "KEYREF")]
    pub(crate) from: Option<KeyText>,
}

#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// Only cards whose keys come from a key in this state
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<State>,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) limit: std::num::NonZeroUsize,
}

#[derive(Debug, Args)]
pub(crate) struct CardArgs {
    /// Its identity, or the beginning of it that only one card has
    #[arg(value_name = "HEX", value_parser = begins)]
    pub(crate) card: String,
}

fn begins(text: &str) -> Result<String, &'static str> {
    let good = !text.is_empty() && text.len() <= 45 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if good {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("a card is named by the hex digits that `cardwright info` prints")
    }
}

fn number(text: &str) -> Result<u8, &'static str> {
    parse_byte(text).ok_or("a key version number is written as 48 or 0x30")
}
