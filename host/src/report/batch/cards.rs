//! The table of cards: the second pass over them.

use super::outside::outside;
use super::plot::duration;
use super::sink::Sink;
use super::tally::{Tally, is_untouched};
use super::walk::walk;
use super::{Account, CARDS_LISTED, ReportError};
use crate::report::{Page, Text, code};
use cardwright_keys::job::RecordState;
use cardwright_registry::jobs::{AttemptEntry, Jobs, RecordEntry};
use std::io::Write;
use std::ops::Range;

/// So many records go into the page before it is written.
const PIECE: u64 = 500;

const HEADS: [&str; 10] =
    ["record", "attempt", "card", "KVN", "KCV: ENC MAC DEK (AES)", "took", "verdict", "step", "reason", "fate"];

/// Writes the table, and what there is of the page before it.
pub(super) fn write<R: Jobs, W: Write>(
    registry: &R,
    account: &Account<'_>,
    page: &mut Page,
    to: &mut Sink<W>,
) -> Result<(), ReportError> {
    let all = account.balance.issued() <= CARDS_LISTED;
    page.heading("Cards");
    page.paragraph(&which(account, all));
    page.begin_table(&HEADS);
    let (mut again, mut since) = (Tally::default(), 0);
    walk(registry, account.entry.id, &mut |record, attempts| {
        again.add(record, attempts);
        if !all && is_plain(record, attempts) {
            return Ok(());
        }
        rows(account, page, record, attempts);
        since += 1;
        if since % PIECE == 0 { to.put(&page.so_far()) } else { Ok(()) }
    })?;
    page.end_table();
    if again == account.tally { Ok(()) } else { Err(ReportError::Counts) }
}

fn which(account: &Account<'_>, all: bool) -> String {
    if all {
        return "All records and all attempts; a chip that was given back is pending, and nothing was written to it."
            .to_owned();
    }
    let untouched = match account.tally.untouched {
        0 => String::new(),
        count => format!(" {count} records that no chip was taken up for yet are left out, too."),
    };
    format!(
        "The job has more than {CARDS_LISTED} chips: cards that were accepted at the first attempt are NOT listed here, \
         but are in cards.csv, which has every attempt.{untouched}"
    )
}

/// Whether there is nothing to say of it: accepted at the first attempt, or not begun.
fn is_plain(record: &RecordEntry, attempts: &[AttemptEntry]) -> bool {
    let accepted = matches!(attempts, [attempt] if attempt.state == RecordState::Accepted);
    (accepted && record.state == RecordState::Accepted) || is_untouched(record)
}

fn rows(account: &Account<'_>, page: &mut Page, record: &RecordEntry, attempts: &[AttemptEntry]) {
    if attempts.is_empty() {
        let expected = record.expected.as_ref().map_or_else(|| "any card".to_owned(), |card| code(&card.0));
        let number = record.number.to_string();
        let mut row = [number, "none".to_owned(), expected].to_vec();
        row.extend([const { String::new() }; 3]);
        row.extend([verdict(record.state), String::new(), reason(&record.reason), by(record.statement)]);
        return page.row(&row);
    }
    for attempt in attempts {
        let last = attempt.number == record.attempts;
        page.row(&row(account, record, attempt, last));
    }
}

/// An attempt; behind the last one stands what became of its record, if that is another thing.
fn row(account: &Account<'_>, record: &RecordEntry, attempt: &AttemptEntry, last: bool) -> Vec<String> {
    let proved = !attempt.kcvs.is_empty();
    let kcv = |digits: Range<usize>| attempt.kcvs.get(digits).unwrap_or_default();
    let also = match (last, record.state) {
        (true, RecordState::Cancelled) => format!("<br>record cancelled{}", by(record.statement)),
        (true, RecordState::Rejected) if record.remade => "<br>to be made again".to_owned(),
        _ => String::new(),
    };
    let fate = attempt.fate.map(|fate| format!("{fate}{}", by(attempt.statement)));
    let fate = fate.or_else(|| (attempt.state == RecordState::Rejected).then(|| "NOT TOLD".to_owned()));
    vec![
        attempt.record.to_string(),
        attempt.number.to_string(),
        code(&attempt.card.0),
        if proved { account.job.target.kvn.to_string() } else { String::new() },
        if proved { code(&format!("{} {} {}", kcv(0..6), kcv(6..12), kcv(12..18))) } else { String::new() },
        duration(attempt.took_us),
        format!("{}{also}", verdict(attempt.state)),
        attempt.step.to_string(),
        reason(&attempt.reason),
        fate.unwrap_or_default(),
    ]
}

fn verdict(state: RecordState) -> String {
    format!("<span class=\"s v-{state}\">{state}</span>")
}

fn reason(text: &str) -> String {
    Text(&outside(text)).to_string()
}

/// The statement that something rests on.
fn by(statement: Option<i64>) -> String {
    statement.map(|id| format!(" (statement {id})")).unwrap_or_default()
}
