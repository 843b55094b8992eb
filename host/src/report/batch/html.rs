//! The page: everything before the cards.

use super::keys::Used;
use super::outside::outside;
use super::plot::{self, Piece, Row, bars, columns, duration, legend, log, share};
use super::runs::Merged;
use super::sink::Sink;
use super::tally::{Apart, OfReader};
use super::{Account, Made, ReportError, cards, people};
use crate::batch::figures::{CommandFigures, Figures, ReaderFigures};
use crate::batch::statements::Standing;
use crate::report::{Page, Text, code, marked};
use cardwright_keys::approval::time;
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::{Fate, RecordState, Step};
use cardwright_keys::keyref::Name;
use cardwright_registry::jobs::{JobEntry, Jobs, RunEntry, Statement};
use std::io::Write;

const STYLE: &str = "\
td:first-child{min-width:0}.says{border:2px solid var(--ink);padding:.5rem .9rem;margin:1rem 0;font-weight:600}\
.v-accepted{color:#17663a}.v-rejected{color:#a3161d;font-weight:700}.v-unknown{color:#8a5a00;font-weight:700}\
thead{display:table-header-group}";

/// So many causes and readers are drawn.
const DRAWN: usize = 20;

/// Writes the page.
pub(super) fn write<R: Jobs, W: Write, F>(
    registry: &R,
    account: &Account<'_>,
    beside: &[Made<F>],
    to: &mut Sink<W>,
) -> Result<(), ReportError> {
    let JobEntry { name, issuer, domain, .. } = &account.entry;
    let mark = if account.is_test() { marked("TEST: cards of the domain test, not for use") } else { String::new() };
    let style = format!("{STYLE}{}{mark}", plot::STYLE);
    let title = format!("{}Job {}", if account.is_test() { "TEST: " } else { "" }, outside(name.as_str()));
    let under = format!("Cardwright, report of a job for issuer {}, domain {domain}", outside(issuer.as_str()));
    let mut page = Page::with_style(&title, &under, &style);
    if account.is_test() {
        page.mark("TEST");
    }
    account.says(&mut page);
    account.balance(&mut page);
    account.over_time(&mut page);
    account.commands(&mut page);
    account.readers(&mut page);
    account.causes(&mut page);
    account.runs(&mut page);
    account.statements(&mut page);
    account.keys_and_custody(&mut page);
    account.pinned(&mut page, beside);
    cards::write(registry, account, &mut page, to)?;
    page.heading("What this does not say");
    page.paragraph(LIMITS);
    to.put(&page.end())
}

const LIMITS: &str = "\
It is made from the registry alone, and says what the stations' programs wrote there: that a card proved its new keys, \
not who has it now. Times are those of the stations' clocks. Key check values show which keys they are, and nothing else \
of them. The audit log has the hash of this page, and when it was made.";

fn named(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

/// Text from outside, in a cell.
fn cell(text: &str) -> String {
    Text(&outside(text)).to_string()
}

impl Account<'_> {
    /// How it stands, in sentences, and whose job it is.
    fn says(&self, page: &mut Page) {
        let JobEntry { state, reason, profile, made_at, made_by, changed, variance, statement, .. } = &self.entry;
        page.raw("<div class=\"says\">\n");
        if self.is_test() {
            page.paragraph("TEST: a job of the domain test. Its cards are not for use.");
        }
        let because = if reason.is_empty() { String::new() } else { format!(": {}", outside(reason)) };
        page.paragraph(&format!("The job is {state}{because}."));
        page.paragraph(&match (self.balance.balances(), variance.filter(|variance| *variance != 0)) {
            (_, Some(variance)) => {
                let by = statement.map(|id| format!(", by statement {id}")).unwrap_or_default();
                format!("It was closed with a VARIANCE of {variance} chips{by}.")
            }
            (true, None) => "It balances: every chip is accounted for.".to_owned(),
            (false, None) => format!("It does NOT balance yet: {} chips are open.", self.balance.open()),
        });
        page.raw("</div>\n");
        let delivery = |(name, listed, count): &(Name, bool, u64)| {
            format!("{}: {count} cards, {}", cell(name.as_str()), if *listed { "listed" } else { "counted" })
        };
        let deliveries: Vec<_> = self.entry.deliveries.iter().map(delivery).collect();
        let rows = [
            named("card profile", cell(profile)),
            named("deliveries", deliveries.join("<br>")),
            named("added", format!("{} by {}", time(*made_at), cell(made_by))),
            named("opened, paused, stopped or closed last", time(*changed)),
        ];
        page.table(&["job", ""], &rows);
    }

    fn balance(&self, page: &mut Page) {
        let balance = &self.balance;
        page.heading("Balance");
        let of = |fate| balance.fate(fate).to_string();
        let number = |name: &str, count: u64| named(name, count.to_string());
        let rows = [
            named("issued", format!("{} ({} records, {} spares)", balance.issued(), balance.records, balance.spares)),
            number("accepted", balance.accepted()),
            named(
                "rejected",
                format!(
                    "{} ({} destroyed, {} quarantined)",
                    balance.rejected(),
                    of(Fate::Destroyed),
                    of(Fate::Quarantined)
                ),
            ),
            number("samples", balance.samples()),
            number("returned", balance.returned()),
            number("handed over", balance.handed_over()),
            number("rejected without a fate", balance.unfated),
            named("open: issued less all of these", balance.open().to_string()),
        ];
        page.table(&["chips", "count"], &rows);
        let states = RecordState::ALL.into_iter();
        let rows: Vec<_> = states
            .map(|state| {
                vec![state.to_string(), balance.state(state).to_string(), self.tally.attempts(state).to_string()]
            })
            .collect();
        page.table(&["state", "records", "attempts"], &rows);
        page.heading("Balance per step");
        let row = |(step, came, left): &(Step, u64, u64)| {
            vec![step.to_string(), came.to_string(), left.to_string(), came.saturating_sub(*left).to_string()]
        };
        let rows: Vec<_> = self.steps.iter().map(row).collect();
        page.table(&["step", "attempts that came", "that left, onwards or by their end", "still there"], &rows);
    }

    fn over_time(&self, page: &mut Page) {
        let (accepted, took) = (&self.tally.accepted, &self.tally.took);
        page.heading("Throughput");
        if took.count == 0 {
            return page.paragraph("No card is accepted yet.");
        }
        let width = accepted.width();
        let each = duration(width.saturating_mul(1_000_000));
        page.paragraph(&format!("Cards accepted, each column {each}."));
        let all: Vec<_> = accepted.all().map(|(at, count)| (time(at), count)).collect();
        let end = accepted.all().last().map(|(at, _)| time(at.saturating_add(width))).unwrap_or_default();
        let begin = all.first().map(|(at, _)| at.clone()).unwrap_or_default();
        page.raw(&columns("Cards accepted over time", (&begin, &end), &all));
        page.heading("Time of each card");
        let (median, most) = (took.percentile(50), took.percentile(95));
        page.paragraph(&format!(
            "From power to the end, of {} accepted cards: half of them at the most {}, 95 of 100 at the most {}, the longest {}. The scale is \
             logarithmic.",
            took.count,
            duration(median),
            duration(most),
            duration(took.max_us)
        ));
        let all: Vec<_> = took
            .all()
            .map(|(begin, end, count)| (format!("{} to {}", duration(begin), duration(end)), count))
            .collect();
        let ends = took.all().next().zip(took.all().last());
        let (from, to) = ends.map_or((0, 0), |((from, ..), (_, to, _))| (from, to));
        page.raw(&columns("How long cards took", (&duration(from), &duration(to)), &all));
    }

    fn commands(&self, page: &mut Page) {
        let Merged { commands, silent, .. } = &self.merged;
        page.heading("Time of each command");
        if *silent > 0 {
            page.paragraph(&format!("{silent} runs ended without figures: they were cut off, and are not in here."));
        }
        if commands.is_empty() {
            return page.paragraph("No run has told how long commands took.");
        }
        let medians = commands.values().map(|one| quantiles(one).0);
        let shortest = medians.min().unwrap_or(0) / 2;
        let longest = commands.values().map(|one| one.max_us).max().unwrap_or(0).max(shortest + 1);
        let row = |(name, figures): (&String, &CommandFigures)| {
            let (median, most) = quantiles(figures);
            let lane = |class, us| vec![Piece { class, wide: log(us, shortest, longest).max(1), title: duration(us) }];
            Row {
                name: name.clone(),
                lanes: vec![lane("q50", median), lane("q95", most), lane("max", figures.max_us)],
                figures: format!("{}, {}, {}", duration(median), duration(most), duration(figures.max_us)),
            }
        };
        page.raw(&legend(&[
            ("q50", "median, at the most"),
            ("q95", "95 of 100, at the most"),
            ("max", "the longest; the scale is logarithmic"),
        ]));
        page.raw(&bars("How long each kind of command took", &commands.iter().map(row).collect::<Vec<_>>()));
        let row = |(name, figures): (&String, &CommandFigures)| {
            let mean = figures.total_us / figures.count.max(1);
            let (median, most) = quantiles(figures);
            let times = [mean, median, most, figures.max_us].map(duration);
            [cell(name), figures.count.to_string()].into_iter().chain(times).collect()
        };
        let rows: Vec<Vec<_>> = commands.iter().map(row).collect();
        page.table(&["command", "sent", "mean", "median, at the most", "95 of 100, at the most", "longest"], &rows);
    }

    fn readers(&self, page: &mut Page) {
        page.heading("Readers");
        let Apart { by, others } = &self.tally.readers;
        if by.is_empty() {
            return page.paragraph("No chip was taken up yet.");
        }
        let most = by.values().map(|one| one.accepted.saturating_add(one.others)).max().unwrap_or(0);
        let row = |(name, OfReader { accepted, others }): (&String, &OfReader)| {
            let piece = |class, count, title| Piece { class, wide: share(count, most, 1000), title };
            let lane = vec![
                piece("good", *accepted, format!("{accepted} accepted")),
                piece("bad", *others, format!("{others} not")),
            ];
            Row { name: name.clone(), lanes: vec![lane], figures: format!("{accepted} accepted, {others} not") }
        };
        page.raw(&legend(&[("good", "chips accepted"), ("bad", "not accepted, or not yet")]));
        page.raw(&bars("Chips of each reader", &by.iter().take(DRAWN * 4).map(row).collect::<Vec<_>>()));
        left_out(page, by.len().saturating_sub(DRAWN * 4) + usize::from(others.is_some()), "readers");
    }

    fn causes(&self, page: &mut Page) {
        page.heading("Failures by cause");
        let Apart { by, others } = &self.tally.causes;
        if by.is_empty() {
            return page.paragraph("No chip was rejected, given back, or is unknown.");
        }
        page.paragraph(
            "Chips that were rejected, were given back before anything was written, or are unknown. One that failed and was \
             gone on with later counts as what it became: how often cards failed in a reader stands with the runs.",
        );
        let mut causes: Vec<_> = by.iter().collect();
        causes.sort_by(|(_, one), (_, other)| other.cmp(one));
        let most = causes.first().map_or(0, |(_, count)| **count);
        let shown = |reason: &str| if reason.is_empty() { "no reason is told".to_owned() } else { reason.to_owned() };
        let row = |(reason, count): &(&String, &u64)| {
            let lane = vec![Piece { class: "bad", wide: share(**count, most, 1000), title: count.to_string() }];
            Row { name: shown(reason), lanes: vec![lane], figures: count.to_string() }
        };
        page.raw(&bars("Chips by cause", &causes.iter().take(DRAWN).map(row).collect::<Vec<_>>()));
        let row = |(reason, count): &(&String, &u64)| vec![count.to_string(), cell(&shown(reason))];
        let mut rows: Vec<_> = causes.iter().take(DRAWN * 5).map(row).collect();
        let beyond: u64 = causes.iter().skip(DRAWN * 5).map(|(_, count)| **count).sum();
        let beyond = beyond.saturating_add(others.unwrap_or(0));
        if beyond > 0 {
            rows.push(vec![beyond.to_string(), "all other causes: cards.csv has them".to_owned()]);
        }
        page.table(&["chips", "cause"], &rows);
    }

    fn runs(&self, page: &mut Page) {
        page.heading("Runs");
        if self.runs.is_empty() {
            return page.paragraph("There was none.");
        }
        let row = |(run, figures): (&RunEntry, &Option<Figures>)| {
            let ended = run.ended.map_or_else(|| "NOT ENDED: under way, or cut off".to_owned(), time);
            let told = figures.as_ref().map_or_else(|| [const { String::new() }; 4].to_vec(), of_run);
            let first = vec![run.id.to_string(), cell(&run.station), cell(&run.operator), time(run.began), ended];
            [first, told].concat()
        };
        let rows: Vec<_> = self.runs.iter().zip(&self.merged.each).map(row).collect();
        let heads = ["run", "station", "operator", "began", "ended", "readers", "made", "failed, put aside", "took"];
        page.table(&heads, &rows);
    }

    fn statements(&self, page: &mut Page) {
        page.heading("Statements");
        if self.statements.is_empty() {
            return page.paragraph("Nobody has stated anything about this job.");
        }
        let row = |(statement, standing): &(Statement, Standing)| {
            let used = standing.name().to_owned();
            let signed = people::signers(statement).iter().map(|one| Text(one).to_string()).collect::<Vec<_>>();
            let signed = if signed.is_empty() { "nobody".to_owned() } else { signed.join("<br>") };
            let Some((what, words)) = people::says(statement) else {
                let damaged = "damaged: nobody can have signed it so".to_owned();
                return vec![statement.id.to_string(), damaged, String::new(), String::new(), signed, used];
            };
            let by = format!("{} ({})", cell(words.by.as_str()), time(words.at));
            let signed = format!("{signed}<br><span class=\"soft\">{}</span>", Text(&self.judged(statement)));
            vec![statement.id.to_string(), Text(&what).to_string(), cell(&words.reason), by, signed, used]
        };
        let rows: Vec<_> = self.statements.iter().map(row).collect();
        page.table(&["statement", "what", "why", "stated by", "signed by", ""], &rows);
    }

    fn keys_and_custody(&self, page: &mut Page) {
        page.heading("Keys and custody");
        page.paragraph(
            "By reference: no key was opened for this. Check values here are those of vault keys, with their algorithm, as \
             the registry has them; those of each card's own keys stand with the cards. What a vault is says the \
             configuration of the computer that made this.",
        );
        let none = |text: &str, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { cell(text) };
        let row = |key: &Used| {
            vec![
                code(&outside(&key.reference)),
                key.what.to_owned(),
                none(&key.kvn, "none named"),
                none(&key.kcvs, "not known here"),
                key.chips.to_string(),
                Text(&self.custody(key)).to_string(),
            ]
        };
        let rows: Vec<_> = self.keys.iter().map(row).collect();
        page.table(&["reference", "what for", "KVN", "KCV", "chips", "custody"], &rows);
        let left = usize::from(self.tally.had.others.is_some()) + usize::from(self.tally.have.others.is_some());
        left_out(page, left, "references");
        let fates = Fate::ALL.into_iter().map(|fate| vec![fate.to_string(), self.balance.fate(fate).to_string()]);
        page.paragraph("Where rejected chips went; who signed for it stands with the statements:");
        page.table(&["fate", "chips"], &fates.collect::<Vec<_>>());
    }

    fn pinned<F>(&self, page: &mut Page, beside: &[Made<F>]) {
        page.heading("Hashes (SHA-256)");
        let JobEntry { file, sha256: pinned, inputs, .. } = &self.entry;
        let hash = |what: String, sha256: &[u8]| vec![what, code(&hex::encode(sha256))];
        let mut rows = vec![
            hash("what the job was pinned by: its file and all inputs".to_owned(), pinned),
            hash("the job file".to_owned(), &sha256(&[file.as_bytes()])),
        ];
        rows.extend(inputs.iter().map(|(path, sha256)| hash(format!("input {}", cell(path)), sha256)));
        let profiles = self.tally.profiles.by.iter();
        rows.extend(
            profiles.map(|(sha256, chips)| vec![format!("card profile, as {chips} chips had it"), code(sha256)]),
        );
        rows.extend(beside.iter().map(|made| hash(format!("{}, beside this page", made.name), &made.sha256)));
        page.table(&["of", "hash"], &rows);
    }
}

/// Readers, cards made, cards not made, and how long it took.
fn of_run(figures: &Figures) -> Vec<String> {
    let sum = |of: fn(&ReaderFigures) -> u64| figures.readers.iter().map(of).sum::<u64>();
    let (failed, aside) = (sum(|reader| reader.failed), sum(|reader| reader.aside));
    vec![
        figures.readers.len().to_string(),
        figures.accepted().to_string(),
        format!("{failed}, {aside}"),
        duration(figures.took_us),
    ]
}

/// Median, and what 95 of 100 took at the most.
fn quantiles(figures: &CommandFigures) -> (u64, u64) {
    let of = |percent| figures.percentile(percent).unwrap_or(figures.max_us);
    (of(50), of(95))
}

fn left_out(page: &mut Page, count: usize, what: &str) {
    if count > 0 {
        page.paragraph(&format!("There are more {what}, which are not shown here: cards.csv has them."));
    }
}
