//! The arguments of `sim`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum SimCommand {
    /// Put a simulated card behind vpcd: it dials 127.0.0.1:PORT, where a reader listens
    Serve(ServeArgs),
    /// Make a deck of simulated cards: a directory that batch runs read as sim:deck=DIR
    Deck(DeckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DeckArgs {
    /// The directory, made where it is missing
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// How many cards
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,
    /// Serial number of the first one
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) first: u32,
    /// What all of them are: words of a sim: profile, as in aes256,s16,kvn=0x20
    #[arg(long, value_name = "PROFILE", default_value = "", hide_default_value = true)]
    pub(crate) profile: String,
    /// Write the list of the cards, as a vendor sends it, into a new file
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The port on which the reader listens: vpcd's 35963, or that of --reader vpcd:PORT
    #[arg(long)]
    pub(crate) port: u16,
    /// The card: words as in --reader sim:PROFILE, e.g. aes256,s16,state=card.img
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) profile: String,
    /// Dial again when the reader goes away, until stopped
    #[arg(long)]
    pub(crate) reconnect: bool,
}
