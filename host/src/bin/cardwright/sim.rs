//! `cardwright sim serve`: a simulated card behind somebody else's reader.

use crate::advice::Failure;
use crate::args::ServeArgs;
use cardwright_link::VirtualCard;
use cardwright_link::vpcd::{Ended, Stop, serve as dial};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// pcscd polls: a card that comes back sooner may never have been missed.
const AWAY: Duration = Duration::from_millis(1500);

/// Dials in and answers, until the reader goes away or, with `--reconnect`, until stopped.
pub(crate) fn serve(args: &ServeArgs, wait: Duration) -> Result<(), Failure> {
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
