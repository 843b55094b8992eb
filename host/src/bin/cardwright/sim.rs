//! `cardwright sim`: a simulated card behind somebody else's reader, and decks of many.

use crate::advice::Failure;
use crate::args::{DeckArgs, ServeArgs, SimCommand};
use crate::config::Settings;
use crate::output;
use cardwright_link::VirtualCard;
use cardwright_link::feeder::make_deck;
use cardwright_link::vpcd::{Ended, Stop, serve as dial};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// pcscd polls: a card that comes back sooner may never have been missed.
const AWAY: Duration = Duration::from_millis(1500);

pub(crate) fn run(settings: &Settings, command: &SimCommand) -> Result<(), Failure> {
    match command {
        SimCommand::Serve(args) => serve(args, settings.wait),
        SimCommand::Deck(args) => deck(settings, args),
    }
}

/// Makes the cards, and the list that a vendor would send with them.
fn deck(settings: &Settings, args: &DeckArgs) -> Result<(), Failure> {
    let mut list = None;
    if let Some(path) = &args.list {
        let failed = |error| Failure::File { path: path.clone(), error };
        list = Some((
            BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?),
            path,
        ));
    }
    let cards = make_deck(&args.dir, args.count, &args.profile, args.first)?;
    if let Some((mut out, path)) = list {
        let written = writeln!(out, "card")
            .and_then(|()| cards.iter().try_for_each(|card| writeln!(out, "{card}")))
            .and_then(|()| out.flush());
        written.map_err(|error| Failure::File { path: path.clone(), error })?;
    }
    let dir = args.dir.display().to_string();
    if settings.json {
        return output::json(&json!({ "deck": dir, "cards": cards.len() }));
    }
    output::text(&format!(
        "{} cards in {}; a reader for them: sim:deck={}\n",
        cards.len(),
        output::harmless(&dir),
        output::harmless(&dir)
    ))
}

/// Dials in and answers, until the reader goes away or, with `--reconnect`, until stopped.
fn serve(args: &ServeArgs, wait: Duration) -> Result<(), Failure> {
    let mut card = VirtualCard::from_profile(&args.profile)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    // Nothing stops it but a signal, which leaves the card's state whole.
    let stop = Stop::default();
    loop {
        eprintln!("card powered off; dialling {address}");
        match dial(address, wait, &stop, &mut card)? {
            Ended::Torn if !args.reconnect => return Err(Failure::CardTorn),
            Ended::ReaderGone if !args.reconnect => return Ok(()),
            Ended::Stopped => return Ok(()),
            ended => {
                tracing::info!("{ended:?}; the card stays away for {AWAY:?}");
                if stop.pause(AWAY) {
                    return Ok(());
                }
            }
        }
    }
}
