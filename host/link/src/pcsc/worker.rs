//! The thread that owns a card and blocks in the service's stead.

use super::{MAX_RESPONSE, names, readable, spawn};
use crate::LinkError;
use pcsc::{Card, Context, Disposition, Error, Protocols, Scope, ShareMode};
use std::ffi::CString;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// What a job is to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Send the command; the answer is the response APDU.
    Transmit,
    /// Reset the card; the answer is the ATR.
    Reset,
}

/// Travels to the thread and back, so that the memory is used again.
pub(super) struct Job {
    pub(super) kind: Kind,
    pub(super) command: Vec<u8>,
    pub(super) answer: Vec<u8>,
}

type Done = (Job, Result<(), Error>);

/// The card that was found.
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) atr: Vec<u8>,
}

/// The caller's end of the thread. Dropped, it leaves the thread to end when PC/SC lets it.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: SyncSender<Job>,
    done: Receiver<Done>,
}

impl Worker {
    /// Starts the thread and waits until it has connected.
    pub(super) fn start(name_part: &str, time_limit: Duration) -> Result<(Self, Opened), LinkError> {
        let (jobs, inbox) = sync_channel(1);
        let (outbox, done) = sync_channel(1);
        let (hello, opened) = sync_channel(1);
        let name_part = name_part.to_owned();
        spawn(move || match open(&name_part) {
            Ok((card, opened)) => {
                // If nobody waits any more, the inbox is closed as well and the card is let go.
                let _ = hello.send(Ok(opened));
                work(card, &inbox, &outbox);
            }
            Err(error) => {
                let _ = hello.send(Err(error));
            }
        })?;
        let opened = opened.recv_timeout(time_limit).map_err(|_| LinkError::PcscBusy(time_limit))??;
        Ok((Self { jobs, done }, opened))
    }

    /// Hands over one job and waits for it.
    pub(super) fn run(&self, job: Job, time_limit: Duration) -> Result<Done, RecvTimeoutError> {
        self.jobs.send(job).map_err(|_| RecvTimeoutError::Disconnected)?;
        self.done.recv_timeout(time_limit)
    }

    /// Lets go of the card and waits until that is done, so that the next connection finds the reader free.
    pub(super) fn end(self, time_limit: Duration) {
        drop(self.jobs);
        // Nothing arrives: the thread closes its end when the card is disconnected.
        let _ = self.done.recv_timeout(time_limit);
    }
}

/// The thread's life after connecting.
fn work(mut card: Card, inbox: &Receiver<Job>, outbox: &SyncSender<Done>) {
    let mut buffer = vec![0; MAX_RESPONSE];
    while let Ok(mut job) = inbox.recv() {
        job.answer.clear();
        let result = match job.kind {
            Kind::Transmit => {
                card.transmit(&job.command, &mut buffer).map(|response| job.answer.extend_from_slice(response))
            }
            Kind::Reset => card
                .reconnect(ShareMode::Exclusive, Protocols::T0 | Protocols::T1, Disposition::ResetCard)
                .and_then(|()| card.status2_owned())
                .map(|status| job.answer.extend_from_slice(status.atr())),
        };
        if outbox.send((job, result)).is_err() {
            break;
        }
    }
    // Explicitly here, before the caller sees the channel close. An error leaves nothing to do.
    let _ = card.disconnect(Disposition::ResetCard);
}

fn open(name_part: &str) -> Result<(Card, Opened), LinkError> {
    let context = Context::establish(Scope::User).map_err(LinkError::Pcsc)?;
    let reader = choose(name_part, names(&context).map_err(LinkError::Pcsc)?)?;
    let name = readable(&reader);
    let card = context
        .connect(&reader, ShareMode::Exclusive, Protocols::T0 | Protocols::T1)
        .map_err(|error| no_card(error, &name))?;
    let atr = card.status2_owned().map_err(|error| no_card(error, &name))?.atr().to_vec();
    Ok((card, Opened { name, atr }))
}

/// The one reader that matches. A reader whose whole name was given wins over longer names that contain it.
pub(super) fn choose(name_part: &str, readers: Vec<CString>) -> Result<CString, LinkError> {
    let wanted = name_part.to_lowercase();
    let all: Vec<String> = readers.iter().map(|name| readable(name)).collect();
    let fits = |test: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..all.len()).filter(|&index| test(&all[index].to_lowercase())).collect()
    };
    let exact = fits(&|name| name == wanted);
    let matching = if exact.is_empty() { fits(&|name| name.contains(&wanted)) } else { exact };
    match matching[..] {
        [index] => Ok(readers[index].clone()),
        [] => Err(LinkError::NoReader { name: name_part.to_owned(), available: all }),
        _ => Err(LinkError::Ambiguous {
            name: name_part.to_owned(),
            matching: matching.iter().map(|&index| all[index].clone()).collect(),
        }),
    }
}

/// Says "no card" where that is what the service means.
pub(super) fn no_card(error: Error, reader: &str) -> LinkError {
    match error {
        Error::NoSmartcard | Error::RemovedCard => LinkError::NoCard(reader.to_owned()),
        other => LinkError::Pcsc(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{choose, no_card};
    use crate::LinkError;
    use pcsc::Error;
    use std::ffi::CString;

    fn pick(part: &str, readers: &[&str]) -> Result<CString, LinkError> {
        choose(part, readers.iter().map(|name| CString::new(*name).unwrap()).collect())
    }

    const TWO: [&str; 2] = ["Virtual PCD 00 00", "Virtual PCD 00 01"];

    #[test]
    fn a_part_of_the_name_in_any_case_picks_the_reader() {
        assert_eq!(pick("pcd 00 01", &TWO).unwrap().to_bytes(), b"Virtual PCD 00 01");
        assert_eq!(pick("", &TWO[..1]).unwrap().to_bytes(), b"Virtual PCD 00 00");
    }

    #[test]
    fn a_whole_name_wins_over_longer_ones() {
        assert_eq!(pick("acs", &["ACS 2", "ACS"]).unwrap().to_bytes(), b"ACS");
    }

    #[test]
    fn two_that_match_are_both_named() {
        let error = pick("virtual", &[TWO[0], TWO[1], "ACS"]).unwrap_err();
        assert!(matches!(&error, LinkError::Ambiguous { matching, .. } if *matching == TWO), "{error}");
    }

    #[test]
    fn none_that_matches_names_what_there_is() {
        let error = pick("acs", &TWO).unwrap_err();
        assert!(matches!(&error, LinkError::NoReader { available, .. } if *available == TWO), "{error}");
        assert!(pick("", &[]).unwrap_err().to_string().contains("there is none"));
    }

    #[test]
    fn an_empty_reader_is_no_card() {
        assert!(matches!(no_card(Error::NoSmartcard, "R"), LinkError::NoCard(name) if name == "R"));
        assert!(matches!(no_card(Error::RemovedCard, "R"), LinkError::NoCard(_)));
        assert!(matches!(no_card(Error::SharingViolation, "R"), LinkError::Pcsc(Error::SharingViolation)));
    }
}
