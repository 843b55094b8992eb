//! What happened when, and with which card: a row a line that matters.

use super::{Account, Report, firm, short, when};
use crate::report::{Page, Text};
use cardwright_keys::ceremony::transcript::{End, Line, Record};
use cardwright_keys::custody::hash;
use cardwright_proto::custody::certificate::{Certificate, Roles};
use cardwright_proto::custody::manifest::{Operation, Place};
use cardwright_proto::custody::message::{Held, Outcome};

/// Whose a line is.
enum Whose {
    /// The host's, or people's.
    Nobodys,
    /// The CA's.
    Ca,
    /// That of the card at this place, or of the HSM.
    At(Place),
    /// A card or a file, as the line has it.
    Named(String),
}

/// One transcript from its start to its end.
pub(super) fn of(report: &Report, account: &Account, page: &mut Page) {
    page.heading(&format!("Course of {}", account.name));
    let row = |line: &Line| {
        let (what, whose) = account.event(report, &line.record)?;
        let (card, person) = report.named(whose);
        Some(vec![when(line), Text(&what).to_string(), Text(&card).to_string(), Text(&person).to_string()])
    };
    let rows: Vec<_> = account.lines.iter().filter_map(row).collect();
    page.table(&["time (host's clock)", "what", "card", "person"], &rows);
    let left = account.lines.len() - rows.len();
    if left > 0 {
        page.paragraph(&format!(
            "{left} more lines were checked, and are in the file: what cards sent to each other, sealed or signed."
        ));
    }
}

/// What people had to say, in all transcripts.
pub(super) fn notes(report: &Report, page: &mut Page) {
    let notes = report.accounts.iter().flat_map(|account| account.lines.iter().map(move |line| (account, line)));
    let rows = notes.filter_map(|(account, line)| match &line.record {
        Record::Note { text } => Some(vec![firm(&account.name), when(line), Text(text).to_string()]),
        _ => None,
    });
    let rows: Vec<_> = rows.collect();
    page.heading("Notes");
    if rows.is_empty() {
        return page.paragraph("There are none.");
    }
    page.paragraph("Nobody signs notes: they are what people typed, and what the host says of itself.");
    page.table(&["transcript", "time (host's clock)", "note"], &rows);
}

impl Report {
    /// Card and person.
    fn named(&self, whose: Whose) -> (String, String) {
        match whose {
            Whose::Nobodys => Default::default(),
            Whose::Ca => self.plan.ca().map_or_else(
                || ("TEST CA, a file".to_owned(), String::new()),
                |card| (card.label.clone(), card.holder.clone()),
            ),
            Whose::At(place) => self.card(place),
            Whose::Named(place) => (place, String::new()),
        }
    }
}

impl Account {
    /// What a line says; `None` for what cards sent to each other on the way.
    fn event(&self, report: &Report, record: &Record) -> Option<(String, Whose)> {
        let custodian = |x: &u8| Whose::At(Place::Custodian(*x));
        Some(match record {
            Record::Start { operation, .. } => (format!("{operation} begins"), Whose::Nobodys),
            Record::Ca { .. } => ("the CA's key is named".to_owned(), Whose::Ca),
            Record::Enrol { certificate, .. } => self.enrolled(report, certificate),
            Record::Revoked(revoked) => {
                let certificate = short(&revoked.certificate);
                (format!("certificate {certificate} is not to be used: {}", revoked.reason), Whose::Nobodys)
            }
            Record::Manifest(manifest) => {
                let (sequence, set) = (manifest.sequence, short(&manifest.set));
                (format!("manifest: sequence {sequence}, set {set}"), Whose::Nobodys)
            }
            Record::Approval { place, approval } => {
                (format!("approved the manifest, counter {}", approval.counter), Whose::At(*place))
            }
            Record::Statement { statement, .. } if self.verdict.operation == Operation::Deal => {
                (format!("stated the deal: KCV {}", statement.kcv), Whose::At(Place::Dealer))
            }
            Record::Statement { statement, .. } => {
                (format!("the deal's statement is shown: KCV {}", statement.kcv), Whose::Nobodys)
            }
            Record::Receipt { x, receipt } => (format!("share {x}: {}", held(receipt.status)), custodian(x)),
            Record::Release { x, .. } => (format!("released share {x} to the combiner"), custodian(x)),
            Record::Refused { x, word } => {
                (format!("refused to release, by the host's word ({})", word.described()), custodian(x))
            }
            Record::Verdict(verdict) => {
                let count = verdict.bitmap.count();
                (format!("signed which subsets gave the key: {count}"), Whose::At(Place::Combiner))
            }
            Record::Forget { outcome, .. } => (forgot(*outcome).to_owned(), Whose::At(Place::Dealer)),
            Record::Export { .. } => ("sealed the key to the HSM".to_owned(), Whose::At(Place::Combiner)),
            Record::Imported { kcv } => {
                (format!("a vault has the key, by the host's word: KCV {kcv}"), Whose::At(Place::Hsm))
            }
            Record::Shared { x, place, .. } => {
                let what = if self.verdict.operation == Operation::Deal { "made" } else { "read" };
                (format!("share {x} was {what} by this computer"), Whose::Named(place.clone()))
            }
            Record::Note { text } => (format!("note: {text}"), Whose::Nobodys),
            Record::End { outcome: End::Done } => ("done".to_owned(), Whose::Nobodys),
            Record::End { outcome: End::Abandoned } => ("ABANDONED".to_owned(), Whose::Nobodys),
            Record::Commitment { .. } | Record::Offer { .. } | Record::Contribution { .. } | Record::Box { .. } => {
                return None;
            }
        })
    }

    fn enrolled(&self, report: &Report, certificate: &Certificate) -> (String, Whose) {
        let body = &certificate.body;
        let identity = hex::encode_upper(body.identity);
        if body.roles == Roles::CA {
            return (format!("the CA's own certificate, identity {identity}"), Whose::Ca);
        }
        let whose = report.place(self, &hash::certificate(body));
        // Where there is no manifest, nothing says whose place it would have been.
        let whose = whose.map_or_else(|| Whose::Named(format!("for {}", body.roles)), Whose::At);
        (format!("certified by the CA, identity {identity}"), whose)
    }
}

const fn held(status: Held) -> &'static str {
    match status {
        Held::Yes => "held, signed by the card",
        Held::Destroyed => "destroyed, signed by the card",
        Held::No => "the card has no such set, signed by it",
    }
}

/// What the dealer's card did in the end.
pub(super) const fn forgot(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "forgot the key and all shares; the deal is done",
        Outcome::Abandoned => "forgot the deal, which is given up",
    }
}
