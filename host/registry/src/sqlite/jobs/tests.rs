use crate::jobs::{Facts, JobId, JobKey, JobWrite, Jobs, ListError, Listed, NewAttempt, NewDelivery, NewJob};
use crate::sqlite::SqliteRegistry;
use crate::sqlite::row::seen;
use crate::{Registry, RegistryError};
use cardwright_keys::job::{Domain, Fate, RecordState, Step};
use cardwright_keys::journal::{CardId, Change, Journal, Outcome, Record, SetId};
use std::path::Path;
use std::time::{Duration, Instant};

/// As a vendor's cards are numbered.
fn kdd(number: u64) -> [u8; 10] {
    let mut kdd = [0x11; 10];
    kdd[2..].copy_from_slice(&number.to_be_bytes());
    kdd
}

fn card(number: u64) -> CardId {
    let mut chip = [0x22; 12];
    chip[4..].copy_from_slice(&number.to_be_bytes());
    CardId::new(&kdd(number), Some(&chip))
}

fn cards(numbers: impl Iterator<Item = u64>) -> impl Iterator<Item = Result<Listed, ListError>> {
    numbers.map(|number| Ok((0, card(number))))
}

/// `listed` cards by name, and `count` others.
fn job(name: &str, listed: u64, count: u64) -> NewJob {
    let delivery = |name: &str, listed, count| NewDelivery { name: name.parse().unwrap(), listed, count };
    NewJob {
        name: name.parse().unwrap(),
        issuer: "acme".parse().unwrap(),
        domain: Domain::Live,
        profile: "jcop4".to_owned(),
        file: String::new(),
        sha256: [0; 32],
        inputs: Vec::new(),
        deliveries: vec![delivery("list", true, listed), delivery("any", false, count)],
        keys: vec![JobKey::Kept("vault:office/kmc".to_owned())],
        target: None,
        at: 1,
        who: "alice".to_owned(),
    }
}

fn claim(record: u64, chip: u64, remake: bool) -> JobWrite {
    let attempt = NewAttempt {
        card: card(chip),
        atr: vec![0x3B; 18],
        station: "north".to_owned(),
        reader: format!("Reader of some make [CCID Interface] {} 00", record % 16),
        operator: "bob".to_owned(),
        profile: [9; 32],
        current: "kdf3+vault:vendor/tmk@0xFF".to_owned(),
        target: "kdf3+vault:office/kmc".to_owned(),
    };
    JobWrite::Claim { record, remake, attempt, at: 2 }
}

fn step(record: u64, attempt: u32, to: RecordState, step: Step) -> JobWrite {
    let kcvs = (to == RecordState::Verified).then(|| "504A77".repeat(3));
    let exchanged = (to == RecordState::Accepted).then_some([5; 32]);
    let reason = if to == RecordState::Rejected { "it was refused" } else { "" }.to_owned();
    let facts = Facts { kcvs, exchanged, apdus: 4, took_us: 1000 };
    JobWrite::Step { record, attempt, to, step, reason, facts, at: 3 }
}

/// What the journal says while keys are loaded, and when they are.
fn journal(chip: u64) -> [JobWrite; 2] {
    let set = |kvn| SetId { kvn, kcvs: "504A77".repeat(3) };
    let (card, old, new) = (card(chip), set(0xFF), set(0x30));
    let kept_in = "kdf3+vault:office/kmc:1".to_owned();
    let change = Change { card: card.clone(), old: old.clone(), new, replace: true, kept_in };
    let before = vec![
        Record::Counter { card: card.clone(), set: old.clone(), counter: 1 },
        Record::Authenticating { card: card.clone(), set: old.clone() },
        Record::Authenticated { card, set: old },
        Record::Sending(change.clone()),
    ];
    let after = vec![Record::Ended { change, outcome: Outcome::Loaded }];
    [JobWrite::Journal(before, 3), JobWrite::Journal(after, 4)]
}

fn written(registry: &mut SqliteRegistry, job: JobId, batches: &[Vec<JobWrite>]) {
    for answer in registry.write_all(job, batches).unwrap() {
        answer.unwrap();
    }
}

/// Everything that a run does with each card, beside others.
fn lives(registry: &mut SqliteRegistry, job: JobId, records: std::ops::Range<u64>, chip: impl Fn(u64) -> u64) {
    use RecordState::{Accepted, Verified, Writing};
    let batches = |of: &dyn Fn(u64) -> Vec<JobWrite>| records.clone().map(of).collect::<Vec<_>>();
    written(registry, job, &batches(&|record| vec![claim(record, chip(record), false)]));
    let begin = |record| vec![step(record, 1, Writing, Step::Keys), journal(chip(record))[0].clone()];
    written(registry, job, &batches(&begin));
    let end = |record| vec![step(record, 1, Verified, Step::Verify), journal(chip(record))[1].clone()];
    written(registry, job, &batches(&end));
    written(registry, job, &batches(&|record| vec![step(record, 1, Accepted, Step::Done)]));
}

/// Every write that a run makes, and every question that it asks on the way.
fn run(registry: &mut SqliteRegistry, id: JobId) {
    use RecordState::{Claimed, Pending, Rejected, Unknown, Verified, Writing};
    lives(registry, id, 1..3, |record| record);
    let statement = registry.add_statement(id, "it is gone\n").unwrap();
    registry.sign_statement(statement, &"bob".parse().unwrap(), 1, [0; 64]).unwrap();
    let cancel = |record| JobWrite::Cancel { record, statement: Some(statement), at: 6 };
    let fate = |record| JobWrite::Fate { record, attempt: 1, fate: Fate::Returned, statement: None, at: 5 };
    written(
        registry,
        id,
        &[vec![
            claim(3, 3, false),
            step(3, 1, Rejected, Step::Keys),
            fate(3),
            JobWrite::Remake { record: 3, spare: Some(card(99)), at: 5 },
            claim(3, 99, true),
            claim(5, 98, false),
            step(5, 1, Unknown, Step::Keys),
            step(5, 1, Pending, Step::Keys),
            cancel(5),
        ]],
    );
    let refused = registry.write_all(id, &[vec![claim(4, 99, false)], vec![claim(6, 99, false)]]).unwrap();
    assert!(refused.iter().all(|answer| matches!(answer, Err(RegistryError::Conflict(_)))));
    for of in [1, 97, 99] {
        registry.record_of(id, &card(of)).unwrap();
        registry.chip(&card(of)).unwrap();
        registry.ledger(&card(of)).unwrap();
    }
    registry.next_pending(id, 1).unwrap();
    registry.record(id, 4).unwrap();
    registry.attempts_of(id, 1).unwrap();
    registry.balance(id).unwrap();
    registry.steps(id).unwrap();
    let few: [&[RecordState]; 5] =
        [&[], &[Pending], &[Pending, Rejected], &[Unknown, Rejected], &[Claimed, Writing, Verified]];
    few.iter().for_each(|states| registry.records(id, 1, states, &mut |_| true).unwrap());
    registry.attempts(id, (1, 1), &mut |_| true).unwrap();
    registry.statements(id).unwrap();
    let run = registry.run_began(id, "north", "bob", 1).unwrap();
    registry.runs(id).unwrap();
    let early = registry.write_all(id, &[vec![JobWrite::Close { variance: None, at: 7 }]]).unwrap();
    assert!(matches!(early[0], Err(RegistryError::Conflict(_))));
    registry.run_ended(run, 2, "{}").unwrap();
    registry.edition().unwrap();
}

/// Nothing looks through a table: at a million records each of these is as fast as at ten.
#[test]
fn every_statement_goes_by_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let mut registry = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
    let new = job("job", 4, 4);
    let id = registry.add_job(&new, &mut cards([1, 2, 3, 4].into_iter())).unwrap();
    registry.job(&new.name).unwrap();
    run(&mut registry, id);
    let statements = seen::take();
    let plain =
        |sql: &&String| !["PRAGMA", "SAVEPOINT", "ROLLBACK", "RELEASE"].iter().any(|word| sql.starts_with(word));
    let mut looked = 0;
    for sql in statements.iter().filter(plain) {
        let mut plan = registry.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = vec![None::<i64>; plan.parameter_count()];
        let lines = plan.query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        for line in lines.map(Result::unwrap) {
            looked += 1;
            assert!(!line.starts_with("SCAN") || line == "SCAN CONSTANT ROW", "{sql}: {line}");
            // Neither all records of a job, nor all attempts.
            let of_job =
                line.ends_with("(job=?)") && [" records ", " attempts ", " a "].iter().any(|of| line.contains(of));
            assert!(!of_job, "{sql}: {line}");
            // Nor all behind one of them, to find those in a few states.
            let walks = line.contains(" PRIMARY KEY (job=? AND number>?)") && sql.contains(" state ");
            assert!(!walks, "{sql}: {line}");
            let sorted = line.contains("TEMP B-TREE") && !sql.contains("WHERE a.card") && !sql.contains("WHERE card");
            assert!(!sorted, "{sql}: {line}");
        }
    }
    assert!(looked > 40, "{looked}");
    assert_eq!(registry.check().unwrap(), []);
}

/// The database itself refuses what the program would not write.
#[test]
fn one_live_attempt_of_a_record_and_of_a_chip() {
    let dir = tempfile::tempdir().unwrap();
    let mut registry = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
    let id = registry.add_job(&job("job", 0, 4), &mut cards(0..0)).unwrap();
    written(&mut registry, id, &[vec![claim(1, 1, false), claim(2, 2, false)]]);
    let copy = |record: u64, number: u32, card: u64, state: &str| {
        let sql =
            "INSERT INTO attempts (job, record, number, card, state, step, origin, atr, apdus, began, took_us, reason)
                   SELECT job, ?1, ?2, ?3, ?4, step, origin, atr, apdus, began, took_us, reason
                   FROM attempts WHERE record = 1 AND number = 1";
        registry.db.execute(sql, rusqlite::params![record as i64, number, card as i64, state])
    };
    registry.db.execute("INSERT INTO cards (card) VALUES (x'00000000000000000000')", []).unwrap();
    for state in ["claimed", "writing", "unknown", "verified", "accepted"] {
        assert!(copy(1, 2, 3, state).is_err(), "another of the record");
        assert!(copy(3, 1, 1, state).is_err(), "another of the chip");
    }
    assert!(copy(3, 1, 1, "rejected").is_err(), "another of the chip");
    copy(3, 1, 1, "pending").unwrap();
    copy(1, 2, 3, "rejected").unwrap();
    assert!(copy(3, 2, 3, "claimed").is_err());
    registry.db.execute("UPDATE attempts SET fate = 'returned', fated = 1 WHERE card = 3", []).unwrap();
    copy(3, 2, 3, "claimed").unwrap();
}

/// `count` things in that time.
fn rate(count: u64, took: Duration) -> String {
    format!("{:.0} a second", count as f64 / took.as_secs_f64())
}

/// How long this thread has had a processor, where the system tells: others may be at work as well.
fn on_cpu() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// What a question takes, of many.
fn each(what: &str, count: u64, mut ask: impl FnMut(u64)) {
    let begun = Instant::now();
    (0..count).for_each(&mut ask);
    println!("{what}: {:.1} us", begun.elapsed().as_secs_f64() * 1e6 / count as f64);
}

/// SplitMix64 (Steele, Lea, Flood 2014) of a number.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Prints what things take at a million records.
#[test]
#[ignore = "figures, not a rule: cargo test --release -- --ignored --nocapture speed"]
fn speed() {
    const MILLION: u64 = 1_000_000;
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let mut registry = SqliteRegistry::open(&dir.path().join("registry.db")).unwrap();
    let mut tenth = Instant::now();
    let mut shown = |number: u64| {
        if number % 100_000 == 99_999 {
            println!("  records to {}: {}", number + 1, rate(100_000, tenth.elapsed()));
            tenth = Instant::now();
        }
        number
    };
    let begun = Instant::now();
    let big = registry.add_job(&job("big", MILLION, 0), &mut cards((0..MILLION).map(&mut shown))).unwrap();
    println!("a list of a million, in order: {}", rate(MILLION, begun.elapsed()));
    let begun = Instant::now();
    registry.add_job(&job("mixed", MILLION, 0), &mut cards((0..MILLION).map(|n| mixed(shown(n))))).unwrap();
    println!("a list of a million, in no order: {}", rate(MILLION, begun.elapsed()));
    let begun = Instant::now();
    let any = registry.add_job(&job("any", 0, MILLION), &mut cards(0..0)).unwrap();
    println!("a million of any kind: {}", rate(MILLION, begun.elapsed()));
    for side in [8, 32] {
        for (name, id, chip) in [("listed", big, 0), ("of any kind", any, 2 * MILLION)] {
            let (begun, worked) = (Instant::now(), on_cpu());
            const LIVES: u64 = 20_000;
            let first = if side == 8 { 1 } else { LIVES + 1 };
            for record in (first..first + LIVES).step_by(side) {
                let last = (record + side as u64).min(first + LIVES);
                lives(&mut registry, id, record..last, |record| chip + record - 1);
            }
            let own = on_cpu().zip(worked).map(|(now, then)| rate(LIVES, now - then));
            let own = own.unwrap_or_else(|| "unknown".to_owned());
            println!("whole lives, {side} at once, {name}: {}; by its own time, {own}", rate(LIVES, begun.elapsed()));
        }
    }
    each("balance", 1000, |_| assert_eq!(registry.balance(big).unwrap().records, MILLION));
    each("next_pending", 1000, |_| drop(registry.next_pending(any, 1).unwrap().unwrap()));
    each("listed", 1000, |n| drop(registry.listed(big, &kdd(n * 40)).unwrap().unwrap()));
    each("record_of, made", 1000, |n| drop(registry.record_of(big, &card(n * 40)).unwrap().unwrap()));
    each("record_of, listed", 1000, |n| drop(registry.record_of(big, &card(MILLION / 2 + n)).unwrap().unwrap()));
    let begun = Instant::now();
    let mut unknown = 0;
    registry
        .records(big, 0, &[RecordState::Unknown], &mut |_| {
            unknown += 1;
            true
        })
        .unwrap();
    println!("all unknown of a million: {:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!((registry.check().unwrap(), unknown), (Vec::new(), 0));
    println!("check: {:?}", begun.elapsed());
}
