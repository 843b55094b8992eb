//! The files of a job, as a bureau's customers and card vendors send them.

use cardwright::batch::inputs::{CardData, CardList, DataIndex, InputError, Pinned, VALUE_MAX, Value};
use cardwright_hsm::sealed_field::TAG_LEN;
use cardwright_keys::approval::{one_line, reason};
use cardwright_keys::custody::hash::sha256;
use cardwright_keys::job::{CARDS_MAX, Cards, Domain, Job, MAX_LEN};
use cardwright_keys::journal::CardId;
use cardwright_keys::keyref::{KeyRef, Scheme, Source};
use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::path::PathBuf;
use tempfile::TempDir;

thread_local! {
    /// Where inputs become files, which is what lists and data are read from: in memory where there is such a place.
    static DIRECTORY: TempDir =
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory");
}

/// A file with this name, whose end says how its lines are read. It is written over where it is there already.
fn write(name: &str, data: &[u8]) -> PathBuf {
    let path = DIRECTORY.with(|directory| directory.path().join(name));
    std::fs::write(&path, data).expect("inputs are short");
    path
}

/// First byte: A to E for a job, a list in CSV, one in JSON Lines, data in CSV, in JSON Lines. The rest is the file.
pub fn job_files(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    match choice % 5 {
        0 => job(data),
        1 => list("list.csv", data),
        2 => list("list.jsonl", data),
        3 => rows("data.csv", data),
        _ => rows("data.jsonl", data),
    }
}

/// What people are told: one short line about a line that there is, and nothing out of the file, which may be a key.
fn told(error: &(impl Display + Debug), data: &[u8]) {
    let message = error.to_string();
    assert!((1..300).contains(&message.len()) && message.is_ascii() && one_line(&message), "{message:?}");
    let all = format!("{message} {error:?}").to_lowercase();
    // No number that is told has more digits than the most cards of a job, and no word that is told is written in hex.
    let hex = all.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
    assert!(hex <= Some(CARDS_MAX.to_string().len()), "{all}");
    // It stands in the corpus wherever text does.
    assert!(!all.contains("evil"), "{all}");
    if let Some(rest) = message.strip_prefix("line ") {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        let line: u64 = digits.and_then(|digits| digits.parse().ok()).expect("a number");
        assert!((1..=1 + line_feeds(data)).contains(&line), "{message}");
    }
}

fn line_feeds(data: &[u8]) -> u64 {
    data.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// A job: what is taken keeps every rule that can be told without its files.
fn job(data: &[u8]) {
    let job = match Job::parse(data) {
        Ok(job) => job,
        Err(error) => return told(&error, data),
    };
    assert!(data.len() <= MAX_LEN && !data.contains(&0) && !data.contains(&b'\r'));
    assert!((1..=100).contains(&job.profile.len()) && reason(&job.profile).is_ok());
    assert!(job.aid.is_empty() || (5..=16).contains(&job.aid.len()));
    assert!(job.level.is_none_or(|level| level.c_mac()));
    assert!(job.stop.in_row >= 1 && (1..=100).contains(&job.stop.percent));
    assert!(job.readers.len() <= 64 && job.readers.iter().all(|reader| !reader.is_empty() && one_line(reader)));
    let names: BTreeSet<_> = job.deliveries.iter().map(|delivery| &delivery.name).collect();
    assert!(!names.is_empty() && names.len() == job.deliveries.len());
    let mut counted = 0;
    for delivery in &job.deliveries {
        if let Cards::Any(count) = delivery.cards {
            assert!((1..=CARDS_MAX).contains(&count));
            counted += count;
        }
    }
    assert!(counted <= CARDS_MAX);
    let mut files = BTreeSet::new();
    for file in job.files() {
        let text = file.to_str().expect("it was text");
        assert!((1..=4096).contains(&text.len()) && one_line(text) && files.insert(file));
    }
    keys(&job);
}

/// The keys of a job are where stations find them, and no set takes the number of another.
fn keys(job: &Job) {
    let target = &job.target;
    assert!((0x01..=0x7F).contains(&target.kvn.byte()) && target.key.kvn.is_none());
    assert!(!(target.replace && target.retire));
    let blanks = || job.deliveries.iter().map(|delivery| &delivery.key);
    assert!(target.replace || blanks().all(|key| key.kvn != Some(target.kvn)));
    let sealing = job.data.as_ref().and_then(|data| data.key.as_ref());
    let plain = |key| matches!(key, &KeyRef { scheme: Scheme::Plain, source: Source::Vault(_), kvn: None });
    assert!(sealing.is_none_or(plain));
    for key in blanks().chain([&target.key]).chain(sealing) {
        match key.source {
            Source::Vault(_) | Source::File(_) => {}
            Source::GpTest => assert_eq!(job.domain, Domain::Test),
            Source::Fd(_) | Source::Prompt => panic!("a job has no such key: {key}"),
        }
        assert_eq!(key.to_string().parse().as_ref(), Ok(key));
    }
}

/// Why a list or data are not used: it is in the file, and in nothing else.
fn refused(error: &InputError, data: &[u8]) {
    told(error, data);
    match error {
        InputError::Line(_) | InputError::Column { .. } | InputError::NoCardColumn | InputError::Empty => {}
        InputError::Json { line, byte, .. } => {
            let line = usize::try_from(line - 1).ok().and_then(|at| data.split(|byte| *byte == b'\n').nth(at));
            assert!((1..=line.expect("told lines are there").len() + 1).contains(byte), "{error}");
        }
        InputError::Twice { line, first } => assert!((1..*line).contains(first), "{error}"),
        error => panic!("a regular file that nobody writes to: {error}"),
    }
}

/// What a file that was taken is known by: every line is a card's, but the first one of CSV.
fn pinned(name: &str, data: &[u8]) -> Pinned {
    Pinned { sha256: sha256(&[data]), cards: line_feeds(data) - u64::from(name.ends_with(".csv")) }
}

/// Cards that are all different ones, each written in one way; and none without its chip beside one with it.
fn distinct<'c>(cards: impl Iterator<Item = &'c CardId>) {
    let mut names = BTreeSet::new();
    cards.for_each(|card| assert!(names.insert(card.0.as_str()), "{card} stands there twice"));
    for name in &names {
        assert!(name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F' | b'-')), "{name}");
        match name.split_once('-') {
            None => assert_eq!(name.len(), 20),
            Some((kdd, chip)) => assert!(kdd.len() == 20 && chip.len() == 24 && !names.contains(kdd), "{name}"),
        }
    }
}

/// Writes the file again with one bit in its middle changed. Where that is.
fn change(name: &str, data: &[u8]) -> usize {
    let (mut changed, middle) = (data.to_vec(), data.len() / 2);
    changed[middle] ^= 1;
    write(name, &changed);
    middle
}

/// A list of cards: what is taken is read again to the same number of cards, unless it has changed.
fn list(name: &str, data: &[u8]) {
    let list = match CardList::check(&write(name, data)) {
        Ok(list) => list,
        Err(error) => return refused(&error, data),
    };
    let wanted = pinned(name, data);
    assert_eq!(list.pinned(), wanted);
    let read = || list.cards().expect("it can be read");
    let cards: Result<Vec<_>, _> = read().collect();
    let cards = cards.expect("it is the file that was checked");
    let header = line_feeds(data) - wanted.cards;
    assert!(cards.iter().map(|(_, line)| *line).eq(header + 1..=header + wanted.cards), "one card for each line");
    distinct(cards.iter().map(|(card, _)| card));
    let kdds: BTreeSet<_> = cards.iter().map(|(card, _)| card.0.get(..20)).collect();
    let tell_chips = kdds.len() == cards.len() && cards.iter().all(|(card, _)| card.chip().is_some());
    assert_eq!(list.names_chips(), tell_chips);
    change(name, data);
    let again: Vec<_> = read().collect();
    let (last, before) = again.split_last().expect("it ends with an error");
    assert!(matches!(last, Err(InputError::Changed)) && before.iter().all(Result::is_ok));
}

/// Personalisation data: what is taken has a row for each line, which is found again, unless it has changed.
fn rows(name: &str, data: &[u8]) {
    let index = match DataIndex::check(&write(name, data)) {
        Ok(index) => index,
        Err(error) => return refused(&error, data),
    };
    let wanted = pinned(name, data);
    assert_eq!(index.pinned(), wanted);
    let rows: Result<Vec<_>, _> = index.rows().collect();
    let rows = rows.expect("it is the file that was checked");
    let numbers: BTreeSet<_> = rows.iter().map(|row| row.row).collect();
    assert!(rows.len() == numbers.len() && numbers.into_iter().eq(1..=wanted.cards), "one row for each line");
    let sealed = rows.iter().filter(|row| found(&index, row)).count();
    assert_eq!(index.sealed(), sealed > 0);
    assert!(rows.iter().all(|row| row.card.is_some() == index.names_cards()));
    distinct(rows.iter().filter_map(|row| row.card.as_ref()));
    for none in [0, wanted.cards + 1] {
        assert!(matches!(index.read_row(none), Ok(None)));
    }
    let in_rows = line_feeds(&data[..change(name, data)]) >= line_feeds(data) - wanted.cards;
    let changed: Vec<_> = index.rows().filter_map(Result::err).collect();
    assert!(changed.iter().all(|error| matches!(error, InputError::Changed)));
    // Of the first line of CSV, rows know what it said.
    assert_eq!(changed.len(), usize::from(in_rows));
}

/// A row by itself, as its card or its number finds it. Whether a value of it is sealed.
fn found(index: &DataIndex, row: &CardData) -> bool {
    let again = match &row.card {
        Some(card) => index.read(card),
        None => index.read_row(row.row),
    };
    assert_eq!(again.expect("it is the file that was checked").as_ref(), Some(row));
    let tags: BTreeSet<_> = row.blocks.iter().map(|block| block.tag).collect();
    assert!(!tags.is_empty() && tags.len() == row.blocks.len());
    let mut any = false;
    for block in &row.blocks {
        match &block.value {
            Value::Clear(value) => assert!(value.len() <= VALUE_MAX),
            Value::Sealed { sealed, .. } => {
                assert!((TAG_LEN..=TAG_LEN + VALUE_MAX).contains(&sealed.len()));
                any = true;
            }
        }
    }
    any
}
