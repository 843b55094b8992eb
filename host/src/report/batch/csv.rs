//! Both CSV files, as RFC 4180 has them: a header, lines that end with CR LF, quotes where a cell has a comma or a quote.
//!
//! No cell is a formula to a spreadsheet: text from outside that begins as one, or with an apostrophe, has an apostrophe
//! in front. Whoever wants the text takes the first apostrophe of a cell away.

use super::ReportError;
use super::outside::outside;
use super::sink::Sink;
use cardwright_keys::approval::time;
use cardwright_keys::job::{Job, RecordState};
use cardwright_registry::jobs::{AttemptEntry, JobEntry, RecordEntry};
use std::io::Write;
use std::ops::Range;

/// The columns of `cards.csv`: times are UTC, `took_us` is in microseconds, `kvn` and check values are there where the
/// card has proved the keys; `verdict` is the attempt's state, `pending` for a chip that was given back; `statement` is
/// the number of the one that the fate rests on. `domain` is `TEST` or `live`.
pub const CARD_COLUMNS: [&str; 30] = [
    "domain",
    "job",
    "record",
    "attempt",
    "delivery",
    "expected",
    "card",
    "verdict",
    "step",
    "reason",
    "fate",
    "fated",
    "statement",
    "kvn",
    "kcv_enc",
    "kcv_mac",
    "kcv_dek",
    "kcv_algorithm",
    "began",
    "ended",
    "took_us",
    "apdus",
    "exchanged_sha256",
    "atr",
    "station",
    "reader",
    "operator",
    "profile_sha256",
    "current",
    "target",
];

/// The columns of `response.csv`: a row for each card that was accepted. Check values are GlobalPlatform's, over 16 bytes
/// 01; `at` is when it was accepted, UTC.
pub const RESPONSE_COLUMNS: [&str; 9] =
    ["record", "card", "kvn", "kcv_enc", "kcv_mac", "kcv_dek", "kcv_algorithm", "at", "domain"];

/// What all rows of a job share.
pub(super) struct Rows<'a> {
    entry: &'a JobEntry,
    name: String,
    kvn: String,
    domain: &'static str,
}

impl<'a> Rows<'a> {
    pub(super) fn new(entry: &'a JobEntry, job: &Job) -> Self {
        let domain = if entry.domain == cardwright_keys::job::Domain::Test { "TEST" } else { "live" };
        Self { entry, name: text(entry.name.as_str()), kvn: job.target.kvn.to_string(), domain }
    }

    /// The names of the columns.
    pub(super) fn heads<W: Write>(to: &mut Sink<W>, columns: &[&str]) -> Result<(), ReportError> {
        to.put(&format!("{}\r\n", columns.join(",")))
    }

    /// A row of `cards.csv`.
    pub(super) fn card<W: Write>(
        &self,
        to: &mut Sink<W>,
        record: &RecordEntry,
        attempt: &AttemptEntry,
    ) -> Result<(), ReportError> {
        let delivery = usize::try_from(record.delivery).ok().and_then(|at| self.entry.deliveries.get(at));
        let [kvn, enc, mac, dek, algorithm] = self.set(attempt);
        let row: [String; 30] = [
            self.domain.to_owned(),
            self.name.clone(),
            attempt.record.to_string(),
            attempt.number.to_string(),
            delivery.map(|(name, ..)| text(name.as_str())).unwrap_or_default(),
            record.expected.as_ref().map(ToString::to_string).unwrap_or_default(),
            attempt.card.to_string(),
            attempt.state.to_string(),
            attempt.step.to_string(),
            text(&attempt.reason),
            attempt.fate.map(|fate| fate.to_string()).unwrap_or_default(),
            attempt.fated.map(time).unwrap_or_default(),
            attempt.statement.map(|id| id.to_string()).unwrap_or_default(),
            kvn,
            enc,
            mac,
            dek,
            algorithm,
            time(attempt.began),
            attempt.ended.map(time).unwrap_or_default(),
            attempt.took_us.to_string(),
            attempt.apdus.to_string(),
            attempt.exchanged.map(hex::encode).unwrap_or_default(),
            hex::encode_upper(&attempt.atr),
            text(&attempt.station),
            text(&attempt.reader),
            text(&attempt.operator),
            hex::encode(attempt.profile),
            text(&attempt.current),
            text(&attempt.target),
        ];
        to.put(&format!("{}\r\n", row.join(",")))
    }

    /// A row of `response.csv`, of a card that was accepted.
    pub(super) fn response<W: Write>(&self, to: &mut Sink<W>, attempt: &AttemptEntry) -> Result<(), ReportError> {
        if attempt.state != RecordState::Accepted {
            return Ok(());
        }
        let (card, at) = (&attempt.card, attempt.ended.map(time).unwrap_or_default());
        let set = self.set(attempt).join(",");
        to.put(&format!("{},{card},{set},{at},{}\r\n", attempt.record, self.domain))
    }

    /// The set that a card has proved: number, check values, their algorithm.
    fn set(&self, attempt: &AttemptEntry) -> [String; 5] {
        if attempt.kcvs.is_empty() {
            return Default::default();
        }
        let kcv = |digits: Range<usize>| attempt.kcvs.get(digits).unwrap_or_default().to_owned();
        [self.kvn.clone(), kcv(0..6), kcv(6..12), kcv(12..18), "AES".to_owned()]
    }
}

/// A cell of text from outside.
fn text(text: &str) -> String {
    let text = outside(text);
    // Some spreadsheets take the wide forms for the same.
    let begins = ['=', '+', '-', '@', '\t', '\r', '\'', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}'];
    let guarded = if text.starts_with(begins) { format!("'{text}") } else { text };
    if guarded.contains(['"', ',', ';']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn no_cell_is_a_formula() {
        for (from, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\u{FF1D}1", "'\u{FF1D}1"),
            ("'=1", "''=1"),
            ("=HYPERLINK(\"http://example.org\",\"x\")", "\"'=HYPERLINK(\"\"http://example.org\"\",\"\"x\"\")\""),
            ("a, b", "\"a, b\""),
            ("a=1", "a=1"),
            ("\t=1", "\\u{9}=1"),
            ("a\r\n=1", "a\\u{d}\\u{a}=1"),
            ("-4111111111111111", "'-411111******1111"),
        ] {
            assert_eq!(text(from), cell);
        }
    }
}
